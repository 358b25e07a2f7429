//! Optical flow: RAFT-large. Where the flow is used is told in [`crate::noise_warp`].
//!
//! Teed and Deng 2020, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow"; names and details of torchvision
//! 0.22.1, models/optical_flow/raft.py. Axes are b c h w; flow is in pixels, x before y.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::layers::{BatchNorm, Conv2d, Window};
use crate::{Error, Watch, Weights};

const NORM_EPS: f64 = 1e-5; // torch's default for both norms
const LEVELS: i64 = 4;
const RADIUS: i64 = 4;
const FEATURES: i64 = 256;
const HIDDEN: i64 = 128;
const CORRELATIONS: i64 = LEVELS * (2 * RADIUS + 1) * (2 * RADIUS + 1);
/// Pixels that one place of the features stands for.
pub const SCALE: i64 = 8;
/// The smallest side: the coarsest level must have two places to lie between.
pub const LEAST_SIDE: i64 = 2 * SCALE * (1 << (LEVELS - 1));
/// Refinements that the reference makes.
pub const UPDATES: usize = 12;

pub struct Raft {
    feature_encoder: Encoder,
    context_encoder: Encoder,
    motion: Motion,
    grus: [Gru; 2],
    flow_head: [Conv2d; 2],
    mask_predictor: [Conv2d; 2],
}

/// Pictures to features of an eighth of their size.
struct Encoder {
    first: Unit,
    layers: Vec<Residual>,
    conv: Conv2d,
}

struct Residual {
    units: [Unit; 2],
    downsample: Option<Unit>,
}

struct Unit {
    conv: Conv2d,
    norm: Norm,
}

enum Norm {
    /// Each picture and channel by its own statistics, without weights.
    Instance,
    Batch(BatchNorm),
}

struct Motion {
    corr: [Conv2d; 2],
    flow: [Conv2d; 2],
    conv: Conv2d,
}

struct Gru {
    z: Conv2d,
    r: Conv2d,
    q: Conv2d,
}

impl Raft {
    /// Opens a checkpoint with torchvision's names.
    ///
    /// # Errors
    /// When it cannot be read or is of another network.
    pub fn open(path: &Path, device: Device) -> Result<Self, Error> {
        let w = Weights::open(path, device, Kind::Float)?;
        let raft = Self::new(&w)?;
        w.finish()?;
        Ok(raft)
    }

    /// `w` is the root of the checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(w: &Weights) -> Result<Self, Error> {
        let update = w / "update_block";
        let motion = &update / "motion_encoder";
        let conv = |w: Weights, inputs, outputs, kernel: i64| {
            Conv2d::new(w, inputs, outputs, Window::square(kernel, 1, kernel / 2))
        };
        let gru = |name: &str, kernel: [i64; 2]| -> Result<Gru, Error> {
            let gru = &update / "recurrent_block" / name;
            let window = Window { kernel, stride: [1, 1], padding: kernel.map(|side| side / 2) };
            let gate = |name: &str| Conv2d::new(&gru / name, 3 * HIDDEN, HIDDEN, window);
            Ok(Gru { z: gate("convz")?, r: gate("convr")?, q: gate("convq")? })
        };
        let (head, mask) = (&update / "flow_head", w / "mask_predictor");
        Ok(Self {
            feature_encoder: Encoder::new(w / "feature_encoder", |_| Ok(Norm::Instance))?,
            context_encoder: Encoder::new(w / "context_encoder", |(w, channels)| {
                BatchNorm::new(w, channels, NORM_EPS).map(Norm::Batch)
            })?,
            motion: Motion {
                corr: [
                    conv(&motion / "convcorr1" / 0, CORRELATIONS, 256, 1)?,
                    conv(&motion / "convcorr2" / 0, 256, 192, 3)?,
                ],
                flow: [
                    conv(&motion / "convflow1" / 0, 2, 128, 7)?,
                    conv(&motion / "convflow2" / 0, 128, 64, 3)?,
                ],
                conv: conv(&motion / "conv" / 0, 192 + 64, HIDDEN - 2, 3)?,
            },
            grus: [gru("convgru1", [1, 5])?, gru("convgru2", [5, 1])?],
            flow_head: [conv(&head / "conv1", HIDDEN, 256, 3)?, conv(&head / "conv2", 256, 2, 3)?],
            mask_predictor: [
                conv(&mask / "convrelu" / 0, HIDDEN, 256, 3)?,
                conv(&mask / "conv", 256, 9 * SCALE * SCALE, 1)?,
            ],
        })
    }

    /// Where each pixel of `first` has gone in `second`: both [b, 3, h, w] in −1…1, sides multiples of 8 and at least 128
    /// → [b, 2, h, w].
    pub fn forward(&self, first: &Tensor, second: &Tensor, updates: usize) -> Tensor {
        self.forward_watched(first, second, updates, &mut Watch::none())
    }

    /// As [`Self::forward`], with what it computes on the way.
    pub fn forward_watched(
        &self,
        first: &Tensor,
        second: &Tensor,
        updates: usize,
        watch: &mut Watch,
    ) -> Tensor {
        let maps = self.feature_encoder.forward(&Tensor::cat(&[first, second], 0)).chunk(2, 0);
        watch.see(format_args!("fmap1"), &maps[0]);
        let pyramid = Pyramid::new(&maps[0], &maps[1]);
        let context = self.context_encoder.forward(first);
        watch.see(format_args!("context"), &context);
        let halves = context.chunk(2, 1);
        let (mut hidden, context) = (halves[0].tanh(), halves[1].relu());
        let start = grid(&maps[0]); // b 2 h w
        let mut at = start.copy();
        for update in 0..updates {
            let corr = pyramid.around(&at);
            watch.see(format_args!("corr_features_iter{update}"), &corr);
            let flow = &at - &start;
            let x = Tensor::cat(&[&context, &self.motion.forward(&corr, &flow)], 1);
            for gru in &self.grus {
                hidden = gru.forward(&hidden, &x);
            }
            let [head, tail] = &self.flow_head;
            let delta = tail.forward(&head.forward(&hidden).relu());
            watch.see(format_args!("delta_flow_iter{update}"), &delta);
            at += delta;
            if update == 0 {
                watch.see(format_args!("flow_iter0_upsampled"), &self.upsampled(&(&at - &start), &hidden));
            }
        }
        self.upsampled(&(at - start), &hidden)
    }

    /// Each full-size pixel's flow is a mixture of its nine coarse neighbours'.
    fn upsampled(&self, flow: &Tensor, hidden: &Tensor) -> Tensor {
        let (b, _, h, w) = flow.size4().expect("[b, 2, h, w]");
        let [first, second] = &self.mask_predictor;
        let mask = second.forward(&first.forward(hidden).relu()) * 0.25; // keeps gradients even in training
        let mask = mask.view(&[b, 1, 9, SCALE, SCALE, h, w][..]).softmax(2, Kind::Float);
        let flow =
            (flow * SCALE as f64).im2col([3, 3], [1, 1], [1, 1], [1, 1]).view(&[b, 2, 9, 1, 1, h, w][..]);
        let flow = (mask * flow).sum_dim_intlist(2, false, Kind::Float); // b 2 8 8 h w
        flow.permute([0, 1, 4, 2, 5, 3]).reshape([b, 2, SCALE * h, SCALE * w])
    }
}

impl Encoder {
    fn new(w: Weights, norm: impl Fn((Weights, i64)) -> Result<Norm, Error>) -> Result<Self, Error> {
        let unit = |w: Weights, inputs: i64, outputs: i64, kernel: i64, stride: i64| -> Result<Unit, Error> {
            Ok(Unit {
                conv: Conv2d::new(&w / 0, inputs, outputs, Window::square(kernel, stride, kernel / 2))?,
                norm: norm((&w / 1, outputs))?,
            })
        };
        let mut layers = Vec::new();
        let mut inputs = 64;
        for (index, (outputs, stride)) in [(64, 1), (96, 2), (128, 2)].into_iter().enumerate() {
            for block in 0..2 {
                let w = &w / format!("layer{}", index + 1) / block;
                let stride = if block == 0 { stride } else { 1 };
                layers.push(Residual {
                    units: [
                        unit(&w / "convnormrelu1", inputs, outputs, 3, stride)?,
                        unit(&w / "convnormrelu2", outputs, outputs, 3, 1)?,
                    ],
                    downsample: match stride {
                        1 => None,
                        _ => Some(unit(&w / "downsample", inputs, outputs, 1, stride)?),
                    },
                });
                inputs = outputs;
            }
        }
        Ok(Self {
            first: unit(&w / "convnormrelu", 3, 64, 7, 2)?,
            layers,
            conv: Conv2d::new(&w / "conv", inputs, FEATURES, Window::square(1, 1, 0))?,
        })
    }

    /// [b, 3, h, w] → [b, 256, h/8, w/8]
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = self.first.forward(x).relu();
        for Residual { units: [first, second], downsample } in &self.layers {
            let y = second.forward(&first.forward(&x).relu()).relu();
            x = match downsample {
                Some(downsample) => (downsample.forward(&x) + y).relu(),
                None => (x + y).relu(),
            };
        }
        self.conv.forward(&x)
    }
}

impl Unit {
    fn forward(&self, x: &Tensor) -> Tensor {
        let x = self.conv.forward(x);
        match &self.norm {
            Norm::Instance => x.instance_norm(
                None::<Tensor>,
                None::<Tensor>,
                None::<Tensor>,
                None::<Tensor>,
                true,
                0.0,
                NORM_EPS,
                true,
            ),
            Norm::Batch(norm) => norm.forward(&x),
        }
    }
}

impl Motion {
    /// → [b, 128, h, w]
    fn forward(&self, corr: &Tensor, flow: &Tensor) -> Tensor {
        let twice =
            |[first, second]: &[Conv2d; 2], x: &Tensor| second.forward(&first.forward(x).relu()).relu();
        let both = Tensor::cat(&[twice(&self.corr, corr), twice(&self.flow, flow)], 1);
        Tensor::cat(&[&self.conv.forward(&both).relu(), flow], 1)
    }
}

impl Gru {
    fn forward(&self, hidden: &Tensor, x: &Tensor) -> Tensor {
        let both = Tensor::cat(&[hidden, x], 1);
        let (z, r) = (self.z.forward(&both).sigmoid(), self.r.forward(&both).sigmoid());
        let q = self.q.forward(&Tensor::cat(&[&(r * hidden), x], 1)).tanh();
        (-&z + 1.0) * hidden + z * q
    }
}

/// How alike every two places of two feature maps are, at four levels of detail of the second.
struct Pyramid {
    /// [b·h·w, 1, h', w'] each.
    levels: Vec<Tensor>,
}

impl Pyramid {
    fn new(first: &Tensor, second: &Tensor) -> Self {
        let (b, c, h, w) = first.size4().expect("[b, c, h, w]");
        let flat = |map: &Tensor| map.view([b, c, h * w]);
        let all = flat(first).transpose(1, 2).matmul(&flat(second)) / (c as f64).sqrt(); // b h·w h·w
        let mut levels = vec![all.view([b * h * w, 1, h, w])];
        for level in 1..LEVELS as usize {
            levels.push(levels[level - 1].avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None));
        }
        Self { levels }
    }

    /// What lies around each place's partner: `at` [b, 2, h, w] → [b, 324, h, w].
    fn around(&self, at: &Tensor) -> Tensor {
        let (b, _, h, w) = at.size4().expect("[b, 2, h, w]");
        let side = 2 * RADIUS + 1;
        let options = (Kind::Float, at.device());
        let steps = Tensor::linspace(-RADIUS as f64, RADIUS as f64, side, options);
        // x goes with the first axis, y with the second.
        let x = steps.view([side, 1]).expand([side, side], false);
        let y = steps.view([1, side]).expand([side, side], false);
        let steps = Tensor::stack(&[x, y], -1).unsqueeze(0); // 1 side side 2
        let center = at.permute([0, 2, 3, 1]).reshape([b * h * w, 1, 1, 2]);
        let mut found = Vec::new();
        for (index, level) in self.levels.iter().enumerate() {
            let (_, _, height, width) = level.size4().expect("[b·h·w, 1, h', w']");
            let last = Tensor::from_slice(&[(width - 1) as f32, (height - 1) as f32]).to_device(at.device());
            let center = &center / (1 << index) as f64;
            let grid = (center + &steps) * 2.0 / last - 1.0;
            found.push(level.grid_sampler(&grid, 0, 0, true).view([b, h, w, -1])); // bilinear, zeros outside
        }
        Tensor::cat(&found, -1).permute([0, 3, 1, 2]).contiguous()
    }
}

/// Each place's own coordinates, x before y: [b, 2, h, w].
fn grid(map: &Tensor) -> Tensor {
    let (b, _, h, w) = map.size4().expect("[b, c, h, w]");
    let options = (Kind::Float, map.device());
    let x = Tensor::arange(w, options).view([1, w]).expand([h, w], false);
    let y = Tensor::arange(h, options).view([h, 1]).expand([h, w], false);
    Tensor::stack(&[x, y], 0).unsqueeze(0).repeat([b, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_asks_for_the_published_parameters() {
        let w = Weights::outline();
        Raft::new(&w).unwrap();
        let statistics = |name: &&String| !name.contains("running_");
        let taken = w.taken();
        let count = taken.iter().filter(|(name, _)| statistics(name));
        assert_eq!(count.map(|(_, shape)| shape.iter().product::<i64>()).sum::<i64>(), 5_257_536);
    }
}
