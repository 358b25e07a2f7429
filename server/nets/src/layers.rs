//! The layers that networks are built of, each named and shaped as in its checkpoint.

use tch::{Kind, Tensor};

use crate::bare::{Op, note};
use crate::{Error, Weights};

pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    /// Where the weight is stored in 8 bits: what each of its rows is multiplied by, [outputs, 1].
    scale: Option<Tensor>,
}

/// The largest number of 8 bits with 4 of exponent.
const MOST_FP8: f64 = 448.0;

impl Linear {
    pub fn new(w: Weights, inputs: i64, outputs: i64) -> Result<Self, Error> {
        let bias = Some(w.tensor("bias", &[outputs])?);
        Ok(Self { bias, ..Self::without_bias(w, inputs, outputs)? })
    }

    pub fn without_bias(w: Weights, inputs: i64, outputs: i64) -> Result<Self, Error> {
        Ok(Self { weight: w.tensor("weight", &[outputs, inputs])?, bias: None, scale: None })
    }

    /// From tensors that were cut or joined by the caller: `weight` [outputs, inputs], `bias` [outputs].
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias, scale: None }
    }

    /// The same with its weight in 8 bits and a scale for each row: other numbers, by up to a sixteenth of each.
    pub fn in_fp8(self) -> Self {
        let weight = self.weight.to_kind(Kind::Float);
        let most = weight.abs().amax([1], true).clamp_min(f64::from(f32::MIN_POSITIVE)); // outputs 1
        let scale = most / MOST_FP8;
        let weight = (weight / &scale).to_kind(Kind::Float8e4m3fn);
        Self { weight, bias: self.bias, scale: Some(scale.to_kind(self.weight.kind())) }
    }

    /// [.., inputs] → [.., outputs]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        note(|| Op::Linear { x: x.size(), weight: self.weight.size() });
        match &self.scale {
            None => x.linear(&self.weight, self.bias.as_ref()),
            Some(scale) => x.linear(&(self.weight.to_kind(x.kind()) * scale), self.bias.as_ref()),
        }
    }

    /// [outputs, inputs]
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// [outputs]
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

/// Over the last axis, with a scale and an offset for every element of it.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    pub fn new(w: Weights, width: i64, eps: f64) -> Result<Self, Error> {
        Ok(Self { weight: w.tensor("weight", &[width])?, bias: w.tensor("bias", &[width])?, eps })
    }

    /// [.., width] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), self.eps, true)
    }

    /// Over the channels of a picture: [b, c, h, w] → the same shape.
    pub fn forward_channels(&self, x: &Tensor) -> Tensor {
        self.forward(&x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2])
    }
}

/// Over groups of channels and everything behind them.
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: i64,
    eps: f64,
}

impl GroupNorm {
    pub fn new(w: Weights, groups: i64, channels: i64, eps: f64) -> Result<Self, Error> {
        let (weight, bias) = (w.tensor("weight", &[channels])?, w.tensor("bias", &[channels])?);
        Ok(Self { weight, bias, groups, eps })
    }

    /// [b, channels, ..] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.group_norm(self.groups, Some(&self.weight), Some(&self.bias), self.eps, true)
    }
}

/// With the statistics that training left behind.
pub struct BatchNorm {
    scale: Tensor,
    offset: Tensor,
}

impl BatchNorm {
    pub fn new(w: Weights, channels: i64, eps: f64) -> Result<Self, Error> {
        let [weight, bias, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|name| w.tensor(name, &[channels]));
        w.pass_over("num_batches_tracked");
        let scale = weight? / (variance? + eps).sqrt();
        let offset = bias? - mean? * &scale;
        let per_channel = |t: Tensor| t.view([1, channels, 1, 1]);
        Ok(Self { scale: per_channel(scale), offset: per_channel(offset) })
    }

    /// [b, channels, h, w] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x * &self.scale + &self.offset
    }
}

/// How a filter goes over a picture: each [down, across].
#[derive(Clone, Copy)]
pub struct Window {
    pub kernel: [i64; 2],
    pub stride: [i64; 2],
    pub padding: [i64; 2],
}

impl Window {
    pub fn square(kernel: i64, stride: i64, padding: i64) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2] }
    }
}

pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    window: Window,
    groups: i64,
}

impl Conv2d {
    pub fn new(w: Weights, inputs: i64, outputs: i64, window: Window) -> Result<Self, Error> {
        Self::grouped(w, inputs, outputs, window, 1)
    }

    pub fn without_bias(w: Weights, inputs: i64, outputs: i64, window: Window) -> Result<Self, Error> {
        let [down, across] = window.kernel;
        Ok(Self {
            weight: w.tensor("weight", &[outputs, inputs, down, across])?,
            bias: None,
            window,
            groups: 1,
        })
    }

    /// Each channel on its own.
    pub fn depthwise(w: Weights, channels: i64, window: Window) -> Result<Self, Error> {
        Self::grouped(w, channels, channels, window, channels)
    }

    fn grouped(w: Weights, inputs: i64, outputs: i64, window: Window, groups: i64) -> Result<Self, Error> {
        let [down, across] = window.kernel;
        let weight = w.tensor("weight", &[outputs, inputs / groups, down, across])?;
        Ok(Self { weight, bias: Some(w.tensor("bias", &[outputs])?), window, groups })
    }

    /// [b, inputs, h, w] → [b, outputs, h', w']
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let Window { kernel: _, stride, padding } = self.window;
        if self.groups == 1 {
            note(|| conv(x, &self.weight, &stride, &padding));
        }
        x.conv2d(&self.weight, self.bias.as_ref(), stride, padding, [1, 1], self.groups)
    }
}

pub struct ConvTranspose2d {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
}

impl ConvTranspose2d {
    /// A square filter without padding.
    pub fn new(w: Weights, inputs: i64, outputs: i64, kernel: i64, stride: i64) -> Result<Self, Error> {
        let weight = w.tensor("weight", &[inputs, outputs, kernel, kernel])?;
        Ok(Self { weight, bias: w.tensor("bias", &[outputs])?, stride })
    }

    /// [b, inputs, h, w] → [b, outputs, h', w']
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.conv_transpose2d(&self.weight, Some(&self.bias), [self.stride; 2], [0, 0], [0, 0], 1, [1, 1])
    }
}

/// Over frames, rows and columns, one step at a time.
pub struct Conv3d {
    weight: Tensor,
    bias: Tensor,
    padding: [i64; 3],
}

impl Conv3d {
    /// `kernel` and `padding`: [frames, down, across].
    pub fn new(
        w: Weights,
        inputs: i64,
        outputs: i64,
        kernel: [i64; 3],
        padding: [i64; 3],
    ) -> Result<Self, Error> {
        let [frames, down, across] = kernel;
        let weight = w.tensor("weight", &[outputs, inputs, frames, down, across])?;
        Ok(Self { weight, bias: w.tensor("bias", &[outputs])?, padding })
    }

    /// [b, inputs, f, h, w] → [b, outputs, f', h', w']
    pub fn forward(&self, x: &Tensor) -> Tensor {
        note(|| conv(x, &self.weight, &[1, 1, 1], &self.padding));
        x.conv3d(&self.weight, Some(&self.bias), [1, 1, 1], self.padding, [1, 1, 1], 1)
    }
}

fn conv(x: &Tensor, weight: &Tensor, stride: &[i64], padding: &[i64]) -> Op {
    Op::Conv { x: x.size(), weight: weight.size(), stride: stride.to_vec(), padding: padding.to_vec() }
}

/// A row of numbers for every token.
pub struct Embedding {
    weight: Tensor,
}

impl Embedding {
    pub fn new(w: Weights, count: i64, width: i64) -> Result<Self, Error> {
        Ok(Self { weight: w.tensor("weight", &[count, width])? })
    }

    /// Whole numbers [..] → [.., width]
    pub fn forward(&self, ids: &Tensor) -> Tensor {
        Tensor::embedding(&self.weight, ids, -1, false, false)
    }

    /// [count, width]
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }
}
