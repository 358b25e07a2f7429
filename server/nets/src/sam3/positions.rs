//! Where something is, as numbers a network can use: sines of maps and of boxes, and turns of queries and keys. All in
//! f32 from f64 tables.

use std::f64::consts::TAU;

use tch::{Device, Kind, Tensor};

/// The longest wave of the sines is about this long. sam3-spec.md §2, §7
const BASE: f64 = 10_000.0;

/// Divisors of the sines of one number, pairs alike: 10000^(2·⌊k/2⌋/features).
fn divisors(features: i64, device: Device) -> Tensor {
    let divisors: Vec<f64> =
        (0..features).map(|k| BASE.powf((2 * (k / 2)) as f64 / features as f64)).collect();
    Tensor::from_slice(&divisors).to_device(device)
}

/// Sine for the even and cosine for the odd features of every number: `x` [..] in turns → [.., features] in f32.
pub fn sines(x: &Tensor, features: i64) -> Tensor {
    let angles = x.to_kind(Kind::Double).unsqueeze(-1) * TAU / divisors(features, x.device()); // .. k
    let even = angles.slice(-1, 0, None, 2).sin();
    let odd = angles.slice(-1, 1, None, 2).cos();
    Tensor::stack(&[even, odd], -1).flatten(-2, -1).to_kind(Kind::Float)
}

/// The map of a picture of features: [1, channels, height, width] in f32, rows before columns, counted from 1 and
/// brought to one turn. sam3-spec.md §2, trap 6
pub fn map(channels: i64, height: i64, width: i64, device: Device) -> Tensor {
    let axis = |size: i64| {
        let places = Tensor::arange_start(1, size + 1, (Kind::Double, device)) / (size as f64 + 1e-6);
        sines(&places, channels / 2) // size k
    };
    let rows = axis(height).unsqueeze(1).expand([height, width, channels / 2], false);
    let columns = axis(width).unsqueeze(0).expand([height, width, channels / 2], false);
    Tensor::cat(&[rows, columns], -1).permute([2, 0, 1]).unsqueeze(0).contiguous()
}

/// Turns of neighbouring pairs by column (first half) and row (second half). sam3-spec.md §2, traps 2 and 3
pub struct Turns {
    cos: Tensor,
    sin: Tensor,
}

impl Turns {
    /// For a square of `side`² tokens whose places are multiplied by `scale`; `width`: of one head; `base`: of the
    /// frequencies.
    pub fn new(side: i64, scale: f64, width: i64, base: f64, device: Device) -> Self {
        let frequencies: Vec<f64> =
            (0..width / 4).map(|j| base.powf(-4.0 * j as f64 / width as f64)).collect();
        let frequencies = Tensor::from_slice(&frequencies);
        let places = Tensor::arange(side, (Kind::Double, Device::Cpu)) * scale;
        let angles = places.outer(&frequencies); // side, width/4
        let across = angles.unsqueeze(0).expand([side, side, -1], false);
        let down = angles.unsqueeze(1).expand([side, side, -1], false);
        let angles = Tensor::cat(&[across, down], -1).view([side * side, width / 2]);
        let stored = |t: Tensor| t.to_kind(Kind::Float).to_device(device);
        Self { cos: stored(angles.cos()), sin: stored(angles.sin()) }
    }

    /// [b, heads, n, width] → the same shape and kind.
    pub fn turn(&self, x: &Tensor) -> Tensor {
        let pairs = x.to_kind(Kind::Float).unflatten(-1, [-1, 2]); // b heads n width/2 2
        let (a, b) = (pairs.select(-1, 0), pairs.select(-1, 1));
        let turned = [&a * &self.cos - &b * &self.sin, &a * &self.sin + &b * &self.cos];
        Tensor::stack(&turned, -1).flatten(-2, -1).to_kind(x.kind())
    }
}

/// Centre and size → corners: [.., 4] → [.., 4]
pub fn corners(boxes: &Tensor) -> Tensor {
    let (centre, half) = (boxes.narrow(-1, 0, 2), boxes.narrow(-1, 2, 2) * 0.5);
    Tensor::cat(&[&centre - &half, &centre + &half], -1)
}

/// The number whose sigmoid is `x`, for `x` at least 1e-3 away from 0 and 1. sam3-spec.md §7, trap 7
pub fn inverse_sigmoid(x: &Tensor) -> Tensor {
    let x = x.clamp(0.0, 1.0);
    let rest: Tensor = 1.0 - &x;
    (x.clamp_min(1e-3) / rest.clamp_min(1e-3)).log()
}
