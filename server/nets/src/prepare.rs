//! Frames and masks as the networks want them: how many, how large, which levels. Decoding is done elsewhere; here both
//! are tensors already. void-spec §1.3, §5.4.

use tch::{Kind, Tensor};

use crate::Error;

/// The length that a clip of `frames` frames is brought to: 4·(odd)+1, at least `least` and at most `most`, so that the
/// number of latents is even.
pub fn snapped_length(frames: i64, least: i64, most: i64) -> i64 {
    // Of any clip the shortest such length, which is what is cut off at `most`.
    let shortest = domain::predict::snapped_length(frames.clamp(0, i64::from(u32::MAX)) as u32, 0);
    i64::from(shortest).min(most).max(least)
}

/// Which frame stands at each place of the snapped length: forwards, backwards, forwards again, both ends doubled.
pub fn frame_order(frames: i64, length: i64) -> Vec<i64> {
    (0..length)
        .map(|place| {
            let (round, at) = (place / frames, place % frames);
            if round % 2 == 0 { at } else { frames - 1 - at }
        })
        .collect()
}

/// Repeats frames along an axis until there are `length`, or cuts them off.
///
/// # Errors
/// When there are none.
pub fn pad_frames(x: &Tensor, axis: i64, length: i64) -> Result<Tensor, Error> {
    let frames = x.size()[axis as usize];
    if frames == 0 {
        return Err(Error::input("the clip has no frames", "Give one with at least one frame."));
    }
    let order = Tensor::from_slice(&frame_order(frames, length)).to_device(x.device());
    Ok(x.index_select(axis, &order))
}

/// Area resize: each new pixel is the mean of those that it touches. [.., h, w] in f32 → [.., height, width]. Enlarging
/// repeats pixels.
pub fn area(x: &Tensor, [height, width]: [i64; 2]) -> Tensor {
    let mut shape = x.size();
    let [h, w] = [shape[shape.len() - 2], shape[shape.len() - 1]];
    shape.truncate(shape.len() - 2);
    shape.extend([height, width]);
    x.reshape([1, -1, h, w]).adaptive_avg_pool2d([height, width]).view(&shape[..])
}

/// Frames u8 [f, h, w, 3] → [1, 3, f, height, width] in 0…1.
pub fn video(frames: &Tensor, size: [i64; 2]) -> Tensor {
    let frames = frames.to_kind(Kind::Float) / 255.0;
    area(&frames.permute([3, 0, 1, 2]), size).unsqueeze(0)
}

/// How the values of a mask are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// 0 remove, 63 overlap, 127 affected, 255 keep.
    Quad,
    /// 0 remove, 128 affected, 255 keep.
    Tri,
}

/// A mask u8 [f, h, w] → [1, 1, f, height, width], where 1 is removed, 0 kept, and the levels between are thirds or halves
/// as the coding has them (0.753 overlap, 0.502 affected). It is resized before its values are told apart, as in the
/// reference: edges between 0 and 255 get rims of the levels between.
pub fn mask(frames: &Tensor, size: [i64; 2], coding: Coding) -> Tensor {
    invert(&area(&frames.to_kind(Kind::Float), size), coding).unsqueeze(0).unsqueeze(0) / 255.0
}

/// Values 0–255 in between → 255 remove … 0 keep, on the levels of the coding.
pub fn invert(values: &Tensor, coding: Coding) -> Tensor {
    let level = |test: Tensor, value: f64| (test, value);
    let levels = match coding {
        // 255 − 63 = 192, 255 − 127 = 128
        Coding::Quad => {
            [level(values.le(191.0), 128.0), level(values.le(95.0), 192.0), level(values.le(31.0), 255.0)]
        }
        // 255 − 128 = 127
        Coding::Tri => {
            let affected = values.le(192.0);
            [level(affected, 127.0), level(values.lt(64.0), 255.0), level(values.lt(64.0), 255.0)]
        }
    };
    let mut all = values.zeros_like();
    for (test, value) in levels {
        all = all.masked_fill(&test, value);
    }
    all
}

/// Pixels of which the binary masks of a folder remove: each u8 [f, h, w] with 255 = remove, grown by `dilation` pixels
/// square (0: not at all), joined → [1, 1, f, height, width] of 0 and 1.
///
/// # Errors
/// When there is no mask, or they have different numbers of frames.
pub fn binary_mask(masks: &[Tensor], size: [i64; 2], dilation: i64) -> Result<Tensor, Error> {
    let mut joined: Option<Tensor> = None;
    for mask in masks {
        let mask = area(&mask.to_kind(Kind::Float), size).ge(240.0).to_kind(Kind::Float);
        let mask = if dilation > 0 { dilate(&mask, dilation) } else { mask };
        joined = Some(match joined {
            None => mask,
            Some(other) if other.size() == mask.size() => other.maximum(&mask),
            Some(other) => {
                let (a, b) = (other.size()[0], mask.size()[0]);
                return Err(Error::input(
                    format!("the masks have {a} and {b} frames"),
                    "Give masks of one length.",
                ));
            }
        });
    }
    match joined {
        Some(mask) => Ok(mask.unsqueeze(0).unsqueeze(0)),
        None => Err(Error::input("there is no mask", "Give at least one.")),
    }
}

/// The largest value in a square around each pixel; outside is 0. [f, h, w] → the same shape.
pub fn dilate(mask: &Tensor, side: i64) -> Tensor {
    let (before, after) = ((side - 1) / 2, side / 2);
    let padded = mask.unsqueeze(1).constant_pad_nd([before, after, before, after]);
    padded.max_pool2d([side, side], [1, 1], [0, 0], [1, 1], false).squeeze_dim(1)
}

/// How many levels of a mask a pass is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels {
    /// Pass 1: overlap counts as removed.
    Three,
    /// Pass 2: overlap and affected count as removed.
    Two,
}

/// The mask that a pass works with: [1, 1, f, h, w] → the same, on its levels.
pub fn quantise(mask: &Tensor, levels: Levels) -> Tensor {
    match levels {
        Levels::Three => {
            let affected = mask.zeros_like().masked_fill(&mask.ge(0.25), 127.0 / 255.0);
            affected.masked_fill(&mask.gt(0.75), 1.0)
        }
        Levels::Two => mask.gt(0.5).to_kind(mask.kind()),
    }
}

/// What the autoencoder is shown of a quantised mask: 0 removed, 0.502 affected, 1 kept, as a grey picture. Not −1…1.
pub fn mask_picture(mask: &Tensor) -> Tensor {
    let (b, _, f, h, w) = mask.size5().expect("[b, 1, f, h, w]");
    (-mask + 1.0).expand([b, 3, f, h, w], false)
}

/// The noise that the model was trained to see on its video, void-spec §5.4.
pub const VIDEO_NOISE: f64 = 0.0563;

/// What the autoencoder is shown of the video: [1, 3, f, h, w] in 0…1 → −1…1.
pub fn video_picture(video: &Tensor) -> Tensor {
    video * 2.0 - 1.0
}

/// As [`video_picture`], black where the quantised mask removes: an option of the reference that is off by default.
pub fn without_removed(picture: &Tensor, mask: &Tensor) -> Tensor {
    picture * mask.lt(0.75) - mask.gt(0.75).to_kind(picture.kind())
}

/// Adds standard normal numbers of the same shape, weakened, where a pixel is not black.
pub fn with_noise(picture: &Tensor, noise: &Tensor) -> Tensor {
    picture + (noise * VIDEO_NOISE).masked_fill(&picture.eq(-1.0), 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_brought_to_a_length_with_an_even_number_of_latents() {
        let snapped = |frames| snapped_length(frames, 85, 197);
        let expected = [
            (1, 85),
            (85, 85),
            (86, 93),
            (93, 93),
            (94, 101),
            (117, 117),
            (125, 125),
            (150, 157),
            (190, 197),
            (250, 197),
        ];
        for (frames, length) in expected {
            assert_eq!(snapped(frames), length, "{frames}");
            assert_eq!(((length - 1) / 4 + 1) % 2, 0);
        }
        assert_eq!(frame_order(3, 5), [0, 1, 2, 2, 1]);
        assert_eq!(frame_order(3, 8), [0, 1, 2, 2, 1, 0, 0, 1]);
    }

    #[test]
    fn the_levels_are_told_apart_where_the_reference_does_it() {
        let values = Tensor::from_slice(&[0.0_f32, 31.0, 32.0, 95.0, 96.0, 191.0, 192.0, 255.0]);
        let read = |t: Tensor| Vec::<f32>::try_from(t).unwrap();
        let inverted = invert(&values, Coding::Quad);
        assert_eq!(read(inverted.shallow_clone()), [255., 255., 192., 192., 128., 128., 0., 0.]);
        let mask = inverted / 255.0;
        let affected = 127.0 / 255.0;
        assert_eq!(read(quantise(&mask, Levels::Three)), [1., 1., 1., 1., affected, affected, 0., 0.]);
        assert_eq!(read(quantise(&mask, Levels::Two)), [1., 1., 1., 1., 1., 1., 0., 0.]);
    }
}
