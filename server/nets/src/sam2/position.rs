//! Where things are, as numbers: sine waves over a grid or over time, and random waves for points.

use std::f64::consts::TAU;

use tch::{Device, Kind, Tensor};

const TEMPERATURE: f64 = 10_000.0; // position_encoding.py

/// The wave length of each of `count` numbers, pairs sharing one.
fn wave_lengths(count: i64, device: Device) -> Tensor {
    let pair = Tensor::arange(count, (Kind::Float, device)).divide_scalar_mode(2, "floor") * 2.0;
    Tensor::from(TEMPERATURE).to_device(device).to_kind(Kind::Float).pow(&(pair / count as f64))
}

/// Rows then columns, counted from 1 and scaled to one turn: [1, channels, side, side].
pub fn sine(channels: i64, side: i64, device: Device) -> Tensor {
    let half = channels / 2;
    let steps = Tensor::arange_start(1, side + 1, (Kind::Float, device)) / (side as f64 + 1e-6) * TAU;
    let angles = steps.unsqueeze(1) / wave_lengths(half, device); // side half
    let pairs = angles.view([side, half / 2, 2]);
    let waves = Tensor::stack(&[pairs.select(2, 0).sin(), pairs.select(2, 1).cos()], 2).view([side, half]);
    let rows = waves.unsqueeze(1).expand([side, side, half], false);
    let columns = waves.unsqueeze(0).expand([side, side, half], false);
    Tensor::cat(&[rows, columns], 2).permute([2, 0, 1]).unsqueeze(0).contiguous() // 1 c h w
}

/// Of moments [n]: [n, width], sines before cosines.
pub fn moments(times: &Tensor, width: i64) -> Tensor {
    let angles = times.unsqueeze(1) / wave_lengths(width / 2, times.device());
    Tensor::cat(&[angles.sin(), angles.cos()], 1)
}

/// Of points [.., 2] (across, down) in 0…1, through a table [2, width / 2]: [.., width].
pub fn random_waves(points: &Tensor, table: &Tensor) -> Tensor {
    let angles = (points * 2.0 - 1.0).to_kind(table.kind()).matmul(table) * TAU;
    Tensor::cat(&[angles.sin(), angles.cos()], -1)
}
