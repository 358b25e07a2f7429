//! Latents to frames.

use tch::Tensor;

use super::Config;
use super::causal::{CausalConv, Pass, per_frame};
use super::encoder::shortcut;
use crate::layers::{Conv2d, Conv3d, GroupNorm, Window};
use crate::{Error, Weights};

pub struct Decoder {
    conv_in: CausalConv,
    mid_block: Vec<Resnet>,
    up_blocks: Vec<UpBlock>,
    norm_out: SpatialNorm,
    conv_out: CausalConv,
}

struct UpBlock {
    resnets: Vec<Resnet>,
    upsampler: Option<Upsampler>,
}

struct Upsampler {
    conv: Conv2d,
    doubles_time: bool,
}

struct Resnet {
    norm1: SpatialNorm,
    conv1: CausalConv,
    norm2: SpatialNorm,
    conv2: CausalConv,
    conv_shortcut: Option<Conv3d>,
}

/// A norm whose scale and offset come from the latents of the same place.
struct SpatialNorm {
    norm_layer: GroupNorm,
    conv_y: Conv3d,
    conv_b: Conv3d,
}

impl Decoder {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let channels: Vec<i64> = config.block_out_channels.iter().rev().copied().collect();
        let mut inputs = channels[0];
        let mut mid_block = Vec::new();
        for index in 0..2 {
            mid_block.push(Resnet::new(&w / "mid_block" / "resnets" / index, inputs, inputs, config)?);
        }
        let mut up_blocks = Vec::new();
        for (index, &outputs) in channels.iter().enumerate() {
            let block = &w / "up_blocks" / index;
            let mut resnets = Vec::new();
            for layer in 0..=config.layers_per_block {
                let inputs = if layer == 0 { inputs } else { outputs };
                resnets.push(Resnet::new(&block / "resnets" / layer, inputs, outputs, config)?);
            }
            let upsampler = if index + 1 < channels.len() {
                let conv = &block / "upsamplers" / 0 / "conv";
                let conv = Conv2d::new(conv, outputs, outputs, Window::square(3, 1, 1))?;
                Some(Upsampler { conv, doubles_time: config.changes_time(index) })
            } else {
                None
            };
            up_blocks.push(UpBlock { resnets, upsampler });
            inputs = outputs;
        }
        Ok(Self {
            conv_in: CausalConv::new(&w / "conv_in", config.latent_channels, channels[0])?,
            mid_block,
            up_blocks,
            norm_out: SpatialNorm::new(&w / "norm_out", inputs, config)?,
            conv_out: CausalConv::new(&w / "conv_out", inputs, config.out_channels)?,
        })
    }

    /// One chunk: [b, 16, f, h, w] → [b, 3, 4f, 8h, 8w], or one frame from the one latent that a clip begins with.
    pub fn forward(&self, z: &Tensor, first: bool, pass: &mut Pass) -> Tensor {
        let mut x = self.conv_in.forward(z, pass);
        pass.watch.see(format_args!("conv_in"), &x);
        for resnet in &self.mid_block {
            x = resnet.forward(&x, z, pass);
        }
        pass.watch.see(format_args!("mid_block"), &x);
        for (index, block) in self.up_blocks.iter().enumerate() {
            for resnet in &block.resnets {
                x = resnet.forward(&x, z, pass);
            }
            if let Some(upsampler) = &block.upsampler {
                x = upsampler.forward(&x, first);
            }
            pass.watch.see(format_args!("up_block_{index}"), &x);
        }
        let x = self.norm_out.forward(&x, z);
        pass.watch.see(format_args!("norm_out"), &x);
        self.conv_out.forward(&x.silu(), pass)
    }
}

impl Resnet {
    fn new(w: Weights, inputs: i64, outputs: i64, config: &Config) -> Result<Self, Error> {
        Ok(Self {
            norm1: SpatialNorm::new(&w / "norm1", inputs, config)?,
            conv1: CausalConv::new(&w / "conv1", inputs, outputs)?,
            norm2: SpatialNorm::new(&w / "norm2", outputs, config)?,
            conv2: CausalConv::new(&w / "conv2", outputs, outputs)?,
            conv_shortcut: shortcut(w, inputs, outputs)?,
        })
    }

    /// [b, inputs, f, h, w] → [b, outputs, f, h, w]
    fn forward(&self, x: &Tensor, z: &Tensor, pass: &mut Pass) -> Tensor {
        let y = self.conv1.forward(&self.norm1.forward(x, z).silu(), pass);
        let y = self.conv2.forward(&self.norm2.forward(&y, z).silu(), pass);
        match &self.conv_shortcut {
            Some(shortcut) => y + shortcut.forward(x),
            None => y + x,
        }
    }
}

impl SpatialNorm {
    fn new(w: Weights, channels: i64, config: &Config) -> Result<Self, Error> {
        let conv =
            |w: Weights| Conv3d::new(w / "conv", config.latent_channels, channels, [1, 1, 1], [0, 0, 0]);
        Ok(Self {
            norm_layer: GroupNorm::new(&w / "norm_layer", config.norm_num_groups, channels, config.norm_eps)?,
            conv_y: conv(&w / "conv_y")?,
            conv_b: conv(&w / "conv_b")?,
        })
    }

    /// `x`: [b, c, f, h, w], `z`: the chunk's latents, smaller by whole factors. A 1×1×1 convolution may come before
    /// enlarging by repetition as well as after, where it would cost up to 256 times as much.
    fn forward(&self, x: &Tensor, z: &Tensor) -> Tensor {
        let (_, _, f, h, w) = x.size5().expect("[b, c, f, h, w]");
        let enlarged = |z: Tensor| z.upsample_nearest3d([f, h, w], None, None, None);
        let (scale, offset) = (enlarged(self.conv_y.forward(z)), enlarged(self.conv_b.forward(z)));
        self.norm_layer.forward(x) * scale + offset
    }
}

impl Upsampler {
    /// [b, c, f, h, w] → twice h and w, and twice f where time is doubled, but for the clip's first latent.
    fn forward(&self, x: &Tensor, first: bool) -> Tensor {
        let (_, _, f, h, w) = x.size5().expect("[b, c, f, h, w]");
        let frames = if self.doubles_time && !first { 2 * f } else { f };
        let x = x.upsample_nearest3d([frames, 2 * h, 2 * w], None, None, None);
        per_frame(&x, |x| self.conv.forward(x))
    }
}
