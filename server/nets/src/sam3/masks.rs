//! The mask head: queries and the picture at four times the grid → masks. sam3-spec.md §9

use tch::Tensor;

use super::attention::{Attention, Perceptron};
use super::config::Config;
use super::layout::Place;
use super::{EPS, Prompt};
use crate::Error;
use crate::layers::{Conv2d, GroupNorm, LayerNorm, Window};

const GROUPS: i64 = 8; // §9

pub struct MaskHead {
    norm: LayerNorm,
    at_prompt: Attention,
    /// From the grid to twice, and to four times its size. A third pair is in the file and is not used.
    steps: [(Conv2d, GroupNorm); 2],
    instances: Conv2d,
    all: Conv2d,
    query: Perceptron,
}

impl MaskHead {
    /// `p`: at the detector.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Config { dim, mask_heads, .. } = *config;
        let p = p.part("mask_decoder", "segmentation_head");
        let step = |at: usize| -> Result<_, Error> {
            let both = |name: String| p.at(&name, &name);
            let conv = both(format!("pixel_decoder.conv_layers.{at}"));
            let conv = Conv2d::new(conv, dim, dim, Window::square(3, 1, 1))?;
            Ok((conv, GroupNorm::new(both(format!("pixel_decoder.norms.{at}")), GROUPS, dim, EPS)?))
        };
        step(2)?;
        let point = |name: &str, outputs: i64| {
            let transformers = format!("{name}_projection");
            Conv2d::new(p.at(transformers, format!("{name}_seg_head")), dim, outputs, Window::square(1, 1, 0))
        };
        let query = p.part("mask_embedder", "mask_predictor.mask_embed");
        Ok(Self {
            norm: LayerNorm::new(p.at("prompt_cross_attn_norm", "cross_attn_norm"), dim, EPS)?,
            at_prompt: Attention::of_detector(
                &p.part("prompt_cross_attn", "cross_attend_prompt"),
                dim,
                mask_heads,
            )?,
            steps: [step(0)?, step(1)?],
            instances: point("instance", dim)?,
            all: point("semantic", 1)?,
            query: Perceptron::new(&query, &[dim, dim, dim, dim], "layers.", 0)?,
        })
    }

    /// `fine` and `middle`: the neck's maps at four times and twice the grid [1 or b, dim, .., ..]; `memory`
    /// [b, h·w, dim], which takes the place of the third → [b, dim, 4·h, 4·w]
    pub fn pixels(&self, fine: &Tensor, middle: &Tensor, memory: &Tensor, prompt: &Prompt) -> Tensor {
        let read = self.at_prompt.forward(
            &self.norm.forward(memory),
            &prompt.tokens,
            &prompt.tokens,
            Some(&prompt.counts()),
        );
        let (rows, columns) = (middle.size()[2] / 2, middle.size()[3] / 2);
        let mut x = (memory + read).transpose(1, 2).unflatten(2, [rows, columns]); // b dim h w
        for ((conv, norm), map) in self.steps.iter().zip([middle, fine]) {
            let size = map.size();
            let grown = x.contiguous().upsample_nearest2d([size[2], size[3]], None, None);
            x = norm.forward(&conv.forward(&(map + grown))).relu();
        }
        x
    }

    /// `pixels` [b, dim, h, w] from [`Self::pixels`] → one mask of everything that fits, as logits [b, 1, h, w]
    pub fn all(&self, pixels: &Tensor) -> Tensor {
        self.all.forward(pixels)
    }

    /// Normed queries of the last layer [b, queries, dim] → the same shape.
    pub fn queries(&self, hidden: &Tensor) -> Tensor {
        self.query.forward(hidden)
    }

    /// `queries` [b, q, dim] from [`Self::queries`], `pixels` [b, dim, h, w] from [`Self::pixels`] → mask logits
    /// [b, q, h, w]
    pub fn masks(&self, queries: &Tensor, pixels: &Tensor) -> Tensor {
        let (_, _, h, w) = pixels.size4().expect("[b, dim, h, w]");
        queries.matmul(&self.instances.forward(pixels).flatten(2, 3)).unflatten(2, [h, w])
    }
}
