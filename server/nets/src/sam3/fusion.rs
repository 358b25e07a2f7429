//! The fusion encoder: the picture looks at itself and at the prompt. sam3-spec.md §6

use tch::Tensor;

use super::attention::{Attention, Perceptron};
use super::config::Config;
use super::layout::Place;
use super::{EPS, Prompt};
use crate::Error;
use crate::layers::LayerNorm;

pub struct Fusion {
    pub layers: Vec<Layer>,
}

impl Fusion {
    /// `p`: at the detector.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let p = p.part("detr_encoder", "transformer.encoder");
        let layer = |at: i64| Layer::new(&p.same(format!("layers.{at}")), config);
        Ok(Self { layers: (0..config.fusion.layers).map(layer).collect::<Result<_, _>>()? })
    }

    /// `picture` [b, cells, dim], `positions` [1, cells, dim] → [b, cells, dim]. No norm after the last layer; the
    /// prompt stays as it was.
    pub fn forward(&self, picture: &Tensor, positions: &Tensor, prompt: &Prompt) -> Tensor {
        self.layers.iter().fold(picture.shallow_clone(), |x, layer| layer.forward(&x, positions, prompt))
    }
}

pub struct Layer {
    norm1: LayerNorm,
    among: Attention,
    norm2: LayerNorm,
    at_prompt: Attention,
    norm3: LayerNorm,
    mlp: Perceptron,
}

impl Layer {
    fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Config { dim, fusion, .. } = *config;
        let norm = |at: i64| LayerNorm::new(p.at(format!("layer_norm{at}"), format!("norm{at}")), dim, EPS);
        Ok(Self {
            norm1: norm(1)?,
            among: Attention::of_detector(&p.same("self_attn"), dim, fusion.heads)?,
            norm2: norm(2)?,
            at_prompt: Attention::of_detector(&p.part("cross_attn", "cross_attn_image"), dim, fusion.heads)?,
            norm3: norm(3)?,
            mlp: Perceptron::of_layer(p, dim, fusion.inner)?,
        })
    }

    /// As [`Fusion::forward`], one layer.
    pub fn forward(&self, x: &Tensor, positions: &Tensor, prompt: &Prompt) -> Tensor {
        let h = self.norm1.forward(x);
        let placed = &h + positions;
        let x = x + self.among.forward(&placed, &placed, &h, None);
        let h = self.norm2.forward(&x);
        let x = &x + self.at_prompt.forward(&h, &prompt.tokens, &prompt.tokens, Some(&prompt.counts()));
        &x + self.mlp.forward(&self.norm3.forward(&x))
    }
}
