//! Pictures as SAM 2 wants them: a square of normalised numbers. Videos and single pictures are shrunk differently, as in
//! the reference; the picture's aspect ratio is not kept.

use tch::{Kind, Tensor};

use crate::Error;

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// A frame of a video, u8 [h, w, 3] → f32 [1, 3, side, side]. Shrunk like Pillow's bicubic, through u8.
///
/// # Errors
/// When it is not such a picture.
pub fn of_frame(picture: &Tensor, side: i64) -> Result<Tensor, Error> {
    let (h, w) = size(picture)?;
    let flat = picture.contiguous().view(-1);
    let bytes = Vec::<u8>::try_from(&flat).map_err(Error::Torch)?;
    let square = bicubic(&bytes, h as usize, w as usize, side as usize);
    let square =
        Tensor::from_slice(&square).view([side, side, 3]).permute([2, 0, 1]).to_kind(Kind::Float) / 255.0;
    Ok(normalised(&square.unsqueeze(0)))
}

/// A single picture, u8 [h, w, 3] → f32 [1, 3, side, side]. Shrunk bilinearly with antialiasing, in f32.
///
/// # Errors
/// When it is not such a picture.
pub fn of_picture(picture: &Tensor, side: i64) -> Result<Tensor, Error> {
    size(picture)?;
    let picture = (picture.to_kind(Kind::Float) / 255.0).permute([2, 0, 1]).unsqueeze(0).contiguous();
    Ok(normalised(&picture.internal_upsample_bilinear2d_aa([side, side], false, None, None)))
}

fn size(picture: &Tensor) -> Result<(i64, i64), Error> {
    match picture.size()[..] {
        [h, w, 3] if h > 0 && w > 0 && picture.kind() == Kind::Uint8 => Ok((h, w)),
        ref other => Err(Error::input(
            format!("a picture of shape {other:?} and kind {:?} cannot be looked at", picture.kind()),
            "Give 8-bit RGB as [height, width, 3].",
        )),
    }
}

fn normalised(picture: &Tensor) -> Tensor {
    let per_channel = |values: &[f32]| Tensor::from_slice(values).view([1, 3, 1, 1]);
    (picture - per_channel(&MEAN)) / per_channel(&DEVIATION)
}

const PRECISION: u32 = 22; // bits behind the point: 32 − 8 for a byte − 2 for what sticks out

/// What each output pixel takes from which input pixels.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let tap = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let last = ((center + support + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..last).map(|i| cubic((i as f64 - center + 0.5) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| {
            let weight = weight / sum * f64::from(1 << PRECISION);
            (if weight < 0.0 { weight - 0.5 } else { weight + 0.5 }) as i32
        };
        Taps { first, weights: weights.iter().map(fixed).collect() }
    };
    (0..to).map(tap).collect()
}

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// RGB, first along the rows and then along the columns, rounded to a byte after each.
fn bicubic(picture: &[u8], h: usize, w: usize, side: usize) -> Vec<u8> {
    let half = 1_i32 << (PRECISION - 1);
    let byte = |sum: i32| (sum >> PRECISION).clamp(0, 255) as u8;
    let mut narrow = Vec::with_capacity(h * side * 3);
    let columns = taps(w, side);
    for row in picture.chunks_exact(w * 3) {
        for tap in &columns {
            let mut sums = [half; 3];
            for (pixel, weight) in row[tap.first * 3..].chunks_exact(3).zip(&tap.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            narrow.extend(sums.map(byte));
        }
    }
    let stride = side * 3;
    let mut square = Vec::with_capacity(side * stride);
    let mut sums = vec![0; stride];
    for tap in taps(h, side) {
        sums.fill(half);
        for (row, weight) in narrow[tap.first * stride..].chunks_exact(stride).zip(&tap.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        square.extend(sums.iter().map(|sum| byte(*sum)));
    }
    square
}
