//! Frames to the moments of latents.

use tch::Tensor;

use super::Config;
use super::causal::{CausalConv, Pass, per_frame};
use crate::layers::{Conv2d, Conv3d, GroupNorm, Window};
use crate::{Error, Weights};

pub struct Encoder {
    conv_in: CausalConv,
    down_blocks: Vec<DownBlock>,
    mid_block: Vec<Resnet>,
    norm_out: GroupNorm,
    conv_out: CausalConv,
}

struct DownBlock {
    resnets: Vec<Resnet>,
    downsampler: Option<Downsampler>,
}

struct Downsampler {
    conv: Conv2d,
    halves_time: bool,
}

struct Resnet {
    norm1: GroupNorm,
    conv1: CausalConv,
    norm2: GroupNorm,
    conv2: CausalConv,
    conv_shortcut: Option<Conv3d>,
}

impl Encoder {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let channels = &config.block_out_channels;
        let last = channels[channels.len() - 1];
        let mut inputs = channels[0];
        let mut down_blocks = Vec::new();
        for (index, &outputs) in channels.iter().enumerate() {
            let block = &w / "down_blocks" / index;
            let mut resnets = Vec::new();
            for layer in 0..config.layers_per_block {
                let inputs = if layer == 0 { inputs } else { outputs };
                resnets.push(Resnet::new(&block / "resnets" / layer, inputs, outputs, config)?);
            }
            let downsampler = if index + 1 < channels.len() {
                let conv = &block / "downsamplers" / 0 / "conv";
                let conv = Conv2d::new(conv, outputs, outputs, Window::square(3, 2, 0))?;
                Some(Downsampler { conv, halves_time: config.changes_time(index) })
            } else {
                None
            };
            down_blocks.push(DownBlock { resnets, downsampler });
            inputs = outputs;
        }
        let mut mid_block = Vec::new();
        for index in 0..2 {
            mid_block.push(Resnet::new(&w / "mid_block" / "resnets" / index, last, last, config)?);
        }
        Ok(Self {
            conv_in: CausalConv::new(&w / "conv_in", config.in_channels, channels[0])?,
            down_blocks,
            mid_block,
            norm_out: GroupNorm::new(&w / "norm_out", config.norm_num_groups, last, config.norm_eps)?,
            conv_out: CausalConv::new(&w / "conv_out", last, 2 * config.latent_channels)?,
        })
    }

    /// One chunk: [b, 3, f, h, w] → [b, 2·16, f', h/8, w/8].
    pub fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let mut x = self.conv_in.forward(x, pass);
        for (index, block) in self.down_blocks.iter().enumerate() {
            for resnet in &block.resnets {
                x = resnet.forward(&x, pass);
            }
            if let Some(downsampler) = &block.downsampler {
                x = downsampler.forward(&x);
            }
            pass.watch.see(format_args!("down_block_{index}"), &x);
        }
        for resnet in &self.mid_block {
            x = resnet.forward(&x, pass);
        }
        pass.watch.see(format_args!("mid_block"), &x);
        let x = self.norm_out.forward(&x);
        pass.watch.see(format_args!("norm_out"), &x);
        self.conv_out.forward(&x.silu(), pass)
    }
}

impl Resnet {
    fn new(w: Weights, inputs: i64, outputs: i64, config: &Config) -> Result<Self, Error> {
        let norm =
            |w: Weights, channels: i64| GroupNorm::new(w, config.norm_num_groups, channels, config.norm_eps);
        Ok(Self {
            norm1: norm(&w / "norm1", inputs)?,
            conv1: CausalConv::new(&w / "conv1", inputs, outputs)?,
            norm2: norm(&w / "norm2", outputs)?,
            conv2: CausalConv::new(&w / "conv2", outputs, outputs)?,
            conv_shortcut: shortcut(w, inputs, outputs)?,
        })
    }

    /// [b, inputs, f, h, w] → [b, outputs, f, h, w]
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let y = self.conv1.forward(&self.norm1.forward(x).silu(), pass);
        let y = self.conv2.forward(&self.norm2.forward(&y).silu(), pass);
        match &self.conv_shortcut {
            Some(shortcut) => y + shortcut.forward(x),
            None => y + x,
        }
    }
}

/// Where the number of channels changes.
pub fn shortcut(w: Weights, inputs: i64, outputs: i64) -> Result<Option<Conv3d>, Error> {
    if inputs == outputs {
        return Ok(None);
    }
    Conv3d::new(w / "conv_shortcut", inputs, outputs, [1, 1, 1], [0, 0, 0]).map(Some)
}

impl Downsampler {
    /// [b, c, f, h, w] → half of f, where time is halved, and of h and w.
    fn forward(&self, x: &Tensor) -> Tensor {
        let pooled = |x: &Tensor| x.avg_pool3d([2, 1, 1], [2, 1, 1], [0, 0, 0], false, true, None);
        let frames = x.size()[2];
        let x = match (self.halves_time, frames) {
            (false, _) | (true, 1) => x.shallow_clone(),
            (true, even) if even % 2 == 0 => pooled(x),
            // The first frame stays as it is.
            (true, _) => Tensor::cat(&[x.narrow(2, 0, 1), pooled(&x.narrow(2, 1, frames - 1))], 2),
        };
        per_frame(&x, |x| self.conv.forward(&x.constant_pad_nd([0, 1, 0, 1])))
    }
}
