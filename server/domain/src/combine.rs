//! From two masks to a quadmask: the reference's fourth stage, and the same with thresholds (void-spec §4.4, §9.4).

use crate::{BadMask, Grid, Level, Levels, Region};

/// How grey values are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// As the reference: only 0 and 255, 127 and 255 count; any drift of a codec turns a pixel into background.
    Exact,
    /// Removed below 128; affected from 64 to 191.
    Nearest,
}

/// What combining decided beside the two masks' own values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Pixels whose value was none of those that the masks are written with.
    pub inexact: usize,
    /// Affected pixels taken away because it was the first frame.
    pub cleared: usize,
}

/// One frame. `black`: 0 is the target, 255 the rest; `grey`: 127 is affected, 255 the rest; `first`: the shot's first
/// frame, on which nothing that is only affected counts. Where both lie, the frame keeps 63.
///
/// # Errors
/// When the masks have another size.
pub fn combine(
    (width, height): (u32, u32),
    black: &[u8],
    grey: &[u8],
    reading: Reading,
    first: bool,
) -> Result<(Levels, Changes), BadMask> {
    for mask in [black, grey] {
        if mask.len() != width as usize * height as usize {
            return Err(BadMask::Size { got: mask.len(), width, height });
        }
    }
    let mut changes = Changes::default();
    let level = |(black, grey): (&u8, &u8)| {
        let exact = matches!(black, 0 | 255) && matches!(grey, 127 | 255);
        changes.inexact += usize::from(!exact);
        let level = match reading {
            Reading::Exact if !exact => Level::Background,
            _ => Level::of_layers(*black < 128, (64..=191).contains(grey)),
        };
        if first && level == Level::Affected {
            changes.cleared += 1;
            return Level::Background;
        }
        level
    };
    let levels: Vec<u8> = black.iter().zip(grey).map(level).map(Level::grey).collect();
    Ok((Levels::from_grey(width, height, &levels)?, changes))
}

/// A mask of three values (target, neutral, kept) as it stands in a picture: below 100, to 150, above.
pub fn trimask(grey: u8) -> u8 {
    match grey {
        0..=99 => 0,
        100..=150 => 127,
        151..=255 => 255,
    }
}

/// A quadmask from a three-valued mask and what the scene looks like with and without the target: affected is where the two
/// differ by more than `threshold` on average over the channels, whatever the mask says there.
///
/// `full`, `removed`: RGB, three bytes per pixel.
///
/// # Errors
/// When the pictures have another size than the mask.
pub fn with_difference(
    (width, height): (u32, u32),
    mask: &[u8],
    full: &[u8],
    removed: &[u8],
    threshold: u32,
) -> Result<Levels, BadMask> {
    let pixels = width as usize * height as usize;
    for (bytes, channels) in [(mask, 1), (full, 3), (removed, 3)] {
        if bytes.len() != pixels * channels {
            return Err(BadMask::Size { got: bytes.len() / channels, width, height });
        }
    }
    let pictures = full.chunks_exact(3).zip(removed.chunks_exact(3));
    let level = |(mask, (full, removed)): (&u8, (&[u8], &[u8]))| {
        let apart: u32 = full.iter().zip(removed).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        Level::of_layers(trimask(*mask) == 0, apart > 3 * threshold).grey()
    };
    Levels::from_grey(width, height, &mask.iter().zip(pictures).map(level).collect::<Vec<_>>())
}

/// The affected layer in whole cells, as the model was trained: every cell with a pixel that is affected and not removed.
/// What is removed stays as it is, and is also affected inside those cells.
pub fn on_grid(levels: &Levels, grid: Grid) -> Levels {
    let (width, height) = (levels.width(), levels.height());
    let grey = levels.to_grey();
    let affected = Region::of_grey(width, height, &grey, |v| v == Level::Affected.grey())
        .expect("a region of the levels' own size");
    let cells = affected.snapped(grid);
    let mut snapped = levels.clone();
    for y in 0..height {
        for x in (0..width).filter(|x| cells.has(*x, y)) {
            snapped.set(x, y, Level::of_layers(levels.get(x, y).is_primary(), true));
        }
    }
    snapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_counted_and_does_not_lose_the_target() {
        let (black, grey) = ([1, 254, 0, 255], [255, 126, 127, 127]);
        let grey_of = |reading| {
            let (levels, changes) = combine((4, 1), &black, &grey, reading, false).expect("sizes agree");
            (levels.to_grey(), changes.inexact)
        };
        assert_eq!(grey_of(Reading::Exact), (vec![255, 255, 63, 127], 2));
        assert_eq!(grey_of(Reading::Nearest), (vec![0, 127, 63, 127], 2));
    }

    #[test]
    fn the_first_frame_loses_what_is_only_affected() {
        let (levels, changes) =
            combine((3, 1), &[0, 0, 255], &[255, 127, 127], Reading::Nearest, true).expect("sizes agree");
        assert_eq!(levels.to_grey(), [0, 63, 255]);
        assert_eq!(changes, Changes { inexact: 0, cleared: 1 });
    }

    #[test]
    fn masks_of_another_size_are_refused() {
        assert!(combine((3, 1), &[0, 0], &[255; 3], Reading::Exact, false).is_err());
        assert!(with_difference((1, 1), &[0], &[0; 3], &[0; 2], 10).is_err());
    }
}
