//! Where a plate cuts from one scene to another, from small grey pictures of its frames. What follows from it is told in
//! `parts`.

/// Size of the pictures that are looked at.
pub const SIZE: (u32, u32) = (64, 36);

/// Levels that a picture's brightness is counted in.
const BINS: usize = 32;
/// Between two frames of a scene, grey levels of 256 change by less in the mean, unless something large moves.
const LEAST_CHANGE: f32 = 12.0;
/// And a cut changes this many times as much as the frames beside it: flashes and fast moves change twice or more in a row.
const TIMES: f32 = 3.0;
/// Share of pixels that get another brightness at a cut, whatever their place; or
const LEAST_OTHER: f32 = 0.3;
/// how little the two pictures are alike at most (their correlation).
const MOST_ALIKE: f32 = 0.4;

/// Looks at frames in order.
#[derive(Default)]
pub struct Cuts {
    last: Option<Vec<u8>>,
    changes: Vec<Change>,
}

#[derive(Clone, Copy)]
struct Change {
    mean: f32,
    other: f32,
    alike: f32,
}

impl Cuts {
    /// The next frame: grey, [`SIZE`].
    pub fn look(&mut self, frame: &[u8]) {
        if let Some(last) = &self.last {
            self.changes.push(Change::between(last, frame));
        }
        self.last = Some(frame.to_vec());
    }

    /// Frames that begin a new scene.
    pub fn found(&self) -> Vec<u32> {
        let mean =
            |at: Option<usize>| at.and_then(|at| self.changes.get(at)).map_or(0.0, |change| change.mean);
        let is_cut = |at: usize| {
            let change = self.changes[at];
            let beside = mean(at.checked_sub(1)).max(mean(Some(at + 1)));
            change.mean >= LEAST_CHANGE
                && change.mean >= TIMES * beside
                && (change.other >= LEAST_OTHER || change.alike <= MOST_ALIKE)
        };
        (0..self.changes.len()).filter(|at| is_cut(*at)).map(|at| at as u32 + 1).collect()
    }
}

impl Change {
    fn between(a: &[u8], b: &[u8]) -> Self {
        let count = a.len().max(1) as f32;
        let pairs = || a.iter().zip(b).map(|(a, b)| (f32::from(*a), f32::from(*b)));
        let mean = pairs().map(|(a, b)| (a - b).abs()).sum::<f32>() / count;
        let bins = |picture: &[u8]| {
            let mut bins = [0.0_f32; BINS];
            picture.iter().for_each(|grey| bins[usize::from(*grey) * BINS / 256] += 1.0);
            bins
        };
        let (x, y) = (bins(a), bins(b));
        let other = x.iter().zip(&y).map(|(x, y)| (x - y).abs()).sum::<f32>() / (2.0 * count);
        let middle = |picture: &[u8]| picture.iter().map(|grey| f32::from(*grey)).sum::<f32>() / count;
        let (ma, mb) = (middle(a), middle(b));
        let product = pairs().map(|(a, b)| (a - ma) * (b - mb)).sum::<f32>();
        let power = |m: f32, picture: &[u8]| {
            picture.iter().map(|grey| (f32::from(*grey) - m).powi(2)).sum::<f32>().sqrt()
        };
        // Of flat pictures nothing can be said.
        let alike = product / (power(ma, a) * power(mb, b)).max(1.0);
        Self { mean, other, alike }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(frames: u32, picture: impl Fn(u32, u32, u32) -> u8) -> Vec<u32> {
        let mut cuts = Cuts::default();
        for frame in 0..frames {
            let all: Vec<u8> =
                (0..SIZE.0 * SIZE.1).map(|at| picture(frame, at % SIZE.0, at / SIZE.0)).collect();
            cuts.look(&all);
        }
        cuts.found()
    }

    fn waves(x: u32, y: u32, shift: u32) -> u8 {
        (120.0 + 60.0 * f32::sin((x + shift) as f32 / 9.0) + 30.0 * f32::cos(y as f32 / 5.0)) as u8
    }

    #[test]
    fn another_scene_is_a_cut() {
        let other = |x: u32, y: u32| (40 + (x * y) % 60) as u8;
        let cut = found(20, |frame, x, y| if frame < 8 { waves(x, y, frame) } else { other(x, y) });
        assert_eq!(cut, [8]);
        // Back and forth, and in the second and the last frame.
        let cut =
            found(
                20,
                |frame, x, y| {
                    if [0, 9, 10, 11, 19].contains(&frame) { other(x, y) } else { waves(x, y, frame) }
                },
            );
        assert_eq!(cut, [1, 9, 12, 19]);
    }

    #[test]
    fn motion_flashes_and_fades_are_none() {
        let none: [u32; 0] = [];
        assert_eq!(found(20, |frame, x, y| waves(x, y, 2 * frame)), none);
        assert_eq!(found(20, |frame, x, y| waves(x, y, 30 * frame * frame)), none, "a whip");
        let flash = |frame: u32, x, y| if frame == 9 { 250 } else { waves(x, y, frame) };
        assert_eq!(found(20, flash), none, "a flash");
        let fade = |frame: u32, x, y| (u32::from(waves(x, y, 0)) * (20 - frame) / 20) as u8;
        assert_eq!(found(20, fade), none, "a fade");
    }
}
