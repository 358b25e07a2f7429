//! Where a token is in time, row and column, as angles by which queries and keys are turned. Su et al. 2021, "RoFormer";
//! the "slice" grid of the reference: whole positions from 0 in every window, no interpolation.

use tch::{Device, Kind, Tensor};

use super::{Config, FREQUENCY_BASE};
use crate::Error;

pub struct Rope {
    /// [n, d/heads] each.
    cos: Tensor,
    sin: Tensor,
    /// The same as one complex number for each pair of neighbours: [n, d/heads/2].
    turns: Tensor,
}

impl Rope {
    /// For a window of `frames` latents of `height` × `width`; an odd number of frames counts as one more.
    ///
    /// # Errors
    /// When the picture is larger than the tables of the reference, or no whole number of patches.
    pub fn new(
        config: &Config,
        frames: i64,
        [height, width]: [i64; 2],
        device: Device,
    ) -> Result<Self, Error> {
        let (t, p) = (config.patch_size_t.unwrap_or(1), config.patch_size);
        if height % p != 0 || width % p != 0 || height == 0 || width == 0 {
            return Err(Error::input(
                format!("latents of {width}×{height} are no whole number of {p}×{p} patches"),
                "Give a canvas whose sides are multiples of 16 pixels.",
            ));
        }
        let grid = [(frames + t - 1) / t, height / p, width / p];
        let [_, rows, columns] = grid;
        if rows > config.sample_height / p || columns > config.sample_width / p {
            return Err(Error::input(
                format!(
                    "a canvas of {}×{} pixels is larger than the model's largest, {}×{}",
                    8 * width,
                    8 * height,
                    8 * config.sample_width,
                    8 * config.sample_height
                ),
                "Choose a smaller canvas.",
            ));
        }
        let d = config.attention_head_dim;
        let mut tables = Vec::new();
        for (axis, part) in [d / 4, d / 8 * 3, d / 8 * 3].into_iter().enumerate() {
            let mut shape = [1, 1, 1, part];
            shape[axis] = grid[axis];
            let angles = angles(grid[axis], part, device).view(shape);
            tables.push(angles.expand([grid[0], grid[1], grid[2], part], false));
        }
        let angles = Tensor::cat(&tables, 3).view([-1, d]); // n d
        Ok(Self::from_tables(angles.cos(), angles.sin()))
    }

    /// From tables that are given: [n, d/heads] each, the same for both of two neighbours.
    fn from_tables(cos: Tensor, sin: Tensor) -> Self {
        let each = |t: &Tensor| t.slice(-1, 0_i64, None, 2);
        let turns = Tensor::complex(&each(&cos), &each(&sin));
        Self { cos, sin, turns }
    }

    pub fn cos(&self) -> &Tensor {
        &self.cos
    }

    pub fn sin(&self) -> &Tensor {
        &self.sin
    }

    /// `x`: [b, heads, n, d/heads] → the same, computed in f32.
    pub fn turn(&self, x: &Tensor) -> Tensor {
        let kind = x.kind();
        let x = x.to_kind(Kind::Float);
        let pairs = x.unflatten(-1, [-1, 2]); // b heads n d/2 2
        let turned = Tensor::stack(&[-pairs.select(-1, 1), pairs.select(-1, 0)], -1).flatten(-2, -1);
        (x * &self.cos + turned * &self.sin).to_kind(kind)
    }

    /// As [`Self::turn`] of what lies behind `text_tokens`, with the same products in fewer passes over the numbers; the text
    /// stays. `x`: [b, heads, n, d/heads], whole in memory → the same.
    pub fn turn_behind(&self, x: &Tensor, text_tokens: i64) -> Tensor {
        let out = x.empty_like();
        out.narrow(2, 0, text_tokens).copy_(&x.narrow(2, 0, text_tokens));
        let video = x.slice(2, text_tokens, None, 1).to_kind(Kind::Float);
        let pairs = video.unflatten(-1, [-1, 2]).view_as_complex(); // b heads n d/heads/2
        let turned = (pairs * &self.turns).view_as_real().flatten(-2, -1);
        out.slice(2, text_tokens, None, 1).copy_(&turned);
        out
    }
}

/// Positions 0 to `count` − 1 times every frequency, each frequency for two neighbours: [count, part], in f32 as in the
/// reference.
fn angles(count: i64, part: i64, device: Device) -> Tensor {
    let options = (Kind::Float, device);
    let exponent = Tensor::arange_start_step(0, part, 2, options) / part as f64;
    let frequencies =
        Tensor::from(FREQUENCY_BASE).to_kind(Kind::Float).to_device(device).pow(&exponent).reciprocal();
    let positions = Tensor::arange(count, options);
    positions.outer(&frequencies).repeat_interleave_self_int(2, 1, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_frame_and_the_next_row_turn_as_published() {
        let rope = Rope::new(&Config::void(), 4, [4, 4], Device::Cpu).unwrap();
        let angle = |token: i64, at: i64| {
            rope.sin.double_value(&[token, at]).atan2(rope.cos.double_value(&[token, at]))
        };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        // Token 4 is the second frame, token 2 the second row.
        close(angle(4, 0), 1.0);
        close(angle(4, 1), 1.0);
        close(angle(4, 2), 0.316_227_77);
        close(angle(4, 16), 0.0);
        close(angle(2, 0), 0.0);
        close(angle(2, 16), 1.0);
        close(angle(2, 18), 0.464_158_88);
    }

    #[test]
    fn a_canvas_beyond_the_tables_is_refused() {
        let error = |size| Rope::new(&Config::void(), 22, size, Device::Cpu).err().unwrap().to_string();
        assert!(error([386, 84]).contains("672×3088 pixels is larger"), "{}", error([386, 84]));
        assert!(error([47, 84]).contains("no whole number"));
    }
}
