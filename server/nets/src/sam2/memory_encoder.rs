//! A frame and the mask found in it → what is remembered of the object there.
//!
//! Reference: sam2/modeling/memory_encoder.py at facebookresearch/sam2@2b90b9f; void-spec §2.3.

use tch::Tensor;

use super::config::Config;
use crate::layers::{Conv2d, LayerNorm, Linear, Window};
use crate::{Error, Weights};

const EPS: f64 = 1e-6;
const FUSED: i64 = 2;

pub struct MemoryEncoder {
    /// Each halves the side and multiplies the channels by four.
    halvings: Vec<(Conv2d, LayerNorm)>,
    mask_out: Conv2d,
    picture: Conv2d,
    fuser: Vec<Mixer>,
    out: Conv2d,
}

impl MemoryEncoder {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let Config { d_model: d, mem_dim, .. } = *config;
        let down = &w / "mask_downsampler" / "encoder";
        let halving = |i: i64| -> Result<_, Error> {
            let inputs = 1 << (2 * i);
            let conv = Conv2d::new(&down / (3 * i), inputs, 4 * inputs, Window::square(3, 2, 1))?;
            Ok((conv, LayerNorm::new(&down / (3 * i + 1), 4 * inputs, EPS)?))
        };
        let point = Window::square(1, 1, 0);
        Ok(Self {
            halvings: (0..4).map(halving).collect::<Result<_, _>>()?,
            mask_out: Conv2d::new(&down / 12, 256, d, point)?,
            picture: Conv2d::new(&w / "pix_feat_proj", d, d, point)?,
            fuser: (0..FUSED)
                .map(|i| Mixer::new(&w / "fuser" / "layers" / i, d))
                .collect::<Result<_, _>>()?,
            out: Conv2d::new(&w / "out_proj", d, mem_dim, point)?,
        })
    }

    /// `coarse`: [b, d_model, grid, grid] as the image encoder gave it; `mask`: [b, 1, image side, image side], already
    /// scaled → [b, mem_dim, grid, grid].
    pub fn forward(&self, coarse: &Tensor, mask: &Tensor) -> Tensor {
        let x = self.picture.forward(coarse) + self.mask(mask);
        let x = self.fuser.iter().fold(x, |x, mixer| mixer.forward(&x));
        self.out.forward(&x)
    }

    /// [b, 1, image side, image side] → [b, d_model, grid, grid]
    pub fn mask(&self, mask: &Tensor) -> Tensor {
        let halve = |x: Tensor, (conv, norm): &(Conv2d, LayerNorm)| {
            norm.forward_channels(&conv.forward(&x)).gelu("none")
        };
        self.mask_out.forward(&self.halvings.iter().fold(mask.shallow_clone(), halve))
    }
}

/// A ConvNeXt block.
struct Mixer {
    around: Conv2d,
    norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    gamma: Tensor,
}

impl Mixer {
    fn new(w: Weights, d: i64) -> Result<Self, Error> {
        Ok(Self {
            around: Conv2d::depthwise(&w / "dwconv", d, Window::square(7, 1, 3))?,
            norm: LayerNorm::new(&w / "norm", d, EPS)?,
            widen: Linear::new(&w / "pwconv1", d, 4 * d)?,
            narrow: Linear::new(&w / "pwconv2", 4 * d, d)?,
            gamma: w.tensor("gamma", &[d])?,
        })
    }

    /// [b, d, h, w] → the same shape.
    fn forward(&self, x: &Tensor) -> Tensor {
        let y = self.norm.forward(&self.around.forward(x).permute([0, 2, 3, 1])); // b h w d
        let y = self.narrow.forward(&self.widen.forward(&y).gelu("none")) * &self.gamma;
        x + y.permute([0, 3, 1, 2])
    }
}
