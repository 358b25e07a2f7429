//! Overlapping tiles, blended where they meet. Reference: tiled_encode and tiled_decode of the autoencoder.

use tch::Tensor;

use super::Config;

/// Pixels that one latent stands for, each way.
const SCALE: i64 = 8;

/// Both [down, across].
pub struct Tiling {
    /// Size of a tile in pixels.
    pub tile: [i64; 2],
    /// The share of a tile that the next one covers again.
    pub overlap: [f64; 2],
}

/// Tiling in the units of what goes in and of what comes out.
struct Plan {
    tile: [i64; 2],
    step: [i64; 2],
    blend: [i64; 2],
    keep: [i64; 2],
}

impl Tiling {
    /// The default of the reference: half of the size that the autoencoder was configured for.
    pub fn of(config: &Config) -> Self {
        Self { tile: [config.sample_height / 2, config.sample_width / 2], overlap: [1.0 / 6.0, 1.0 / 5.0] }
    }

    pub(super) fn encode(&self, video: &Tensor, encode: impl Fn(&Tensor) -> Tensor) -> Tensor {
        self.plan(self.tile, self.latents()).run(video, encode)
    }

    pub(super) fn decode(&self, z: &Tensor, decode: impl Fn(&Tensor) -> Tensor) -> Tensor {
        self.plan(self.latents(), self.tile).run(z, decode)
    }

    fn latents(&self) -> [i64; 2] {
        self.tile.map(|pixels| pixels / SCALE)
    }

    fn plan(&self, input: [i64; 2], output: [i64; 2]) -> Plan {
        let [down, across] = self.overlap;
        let part = |size: i64, share: f64| (size as f64 * share) as i64;
        let blend = [part(output[0], down), part(output[1], across)];
        Plan {
            tile: input,
            step: [part(input[0], 1.0 - down), part(input[1], 1.0 - across)],
            blend,
            keep: [output[0] - blend[0], output[1] - blend[1]],
        }
    }
}

impl Plan {
    fn run(&self, x: &Tensor, layer: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let (_, _, _, height, width) = x.size5().expect("[b, c, f, h, w]");
        if height <= self.tile[0] && width <= self.tile[1] {
            return layer(x);
        }
        let mut above: Vec<Tensor> = Vec::new();
        let mut rows = Vec::new();
        for top in (0..height).step_by(self.step[0].max(1) as usize) {
            let mut row: Vec<Tensor> = Vec::new();
            for left in (0..width).step_by(self.step[1].max(1) as usize) {
                let tile = x.slice(3, top, top + self.tile[0], 1).slice(4, left, left + self.tile[1], 1);
                let mut tile = layer(&tile);
                if let Some(above) = above.get(row.len()) {
                    tile = blend(above, tile, 3, self.blend[0]);
                }
                if let Some(before) = row.last() {
                    tile = blend(before, tile, 4, self.blend[1]);
                }
                row.push(tile);
            }
            let kept: Vec<_> = row
                .iter()
                .map(|tile| tile.slice(3, 0, self.keep[0], 1).slice(4, 0, self.keep[1], 1))
                .collect();
            rows.push(Tensor::cat(&kept, 4));
            above = row;
        }
        Tensor::cat(&rows, 3)
    }
}

/// Fades from the end of `before` into the beginning of `tile` along an axis.
fn blend(before: &Tensor, tile: Tensor, axis: i64, extent: i64) -> Tensor {
    let (old, new) = (before.size()[axis as usize], tile.size()[axis as usize]);
    let extent = extent.min(old).min(new);
    if extent == 0 {
        return tile;
    }
    let mut shape = [1; 5];
    shape[axis as usize] = extent;
    let ramp = (Tensor::arange(extent, (tile.kind(), tile.device())) / extent as f64).view(shape);
    let mixed =
        before.narrow(axis, old - extent, extent) * (1.0 - &ramp) + tile.narrow(axis, 0, extent) * &ramp;
    Tensor::cat(&[mixed, tile.narrow(axis, extent, new - extent)], axis)
}
