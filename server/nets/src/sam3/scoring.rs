//! How well each query fits the prompt. sam3-spec.md §8

use tch::Tensor;

use super::attention::Perceptron;
use super::config::Config;
use super::layout::Place;
use super::{EPS, Prompt};
use crate::Error;
use crate::layers::{LayerNorm, Linear};

const LIMIT: f64 = 12.0; // §8

pub struct Scoring {
    mlp: Perceptron,
    norm: LayerNorm,
    prompt: Linear,
    query: Linear,
    dim: i64,
}

impl Scoring {
    /// `p`: at the detector.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Config { dim, decoder, .. } = *config;
        let p = p.part("dot_product_scoring", "dot_prod_scoring");
        Ok(Self {
            mlp: Perceptron::new(&p.part("text_mlp", "prompt_mlp"), &[dim, decoder.inner, dim], "layer", 1)?,
            norm: LayerNorm::new(p.at("text_mlp_out_norm", "prompt_mlp.out_norm"), dim, EPS)?,
            prompt: Linear::new(p.at("text_proj", "prompt_proj"), dim, dim)?,
            query: Linear::new(p.at("query_proj", "hs_proj"), dim, dim)?,
            dim,
        })
    }

    /// Normed queries [b, queries, dim], the prompt as it was before it met the picture → logits [b, queries]
    pub fn forward(&self, hidden: &Tensor, prompt: &Prompt) -> Tensor {
        let tokens = self.norm.forward(&(self.mlp.forward(&prompt.tokens) + &prompt.tokens)); // b n dim
        let share = prompt.valid.to_kind(tokens.kind()).unsqueeze(-1); // b n 1
        let dims = Some([1_i64].as_slice());
        let mean = (tokens * &share).sum_dim_intlist(dims, false, None)
            / share.sum_dim_intlist(dims, false, None).clamp_min(1.0); // b dim
        let wanted = self.prompt.forward(&mean).unsqueeze(-1); // b dim 1
        let logits = self.query.forward(hidden).matmul(&wanted).squeeze_dim(-1);
        (logits / (self.dim as f64).sqrt()).clamp(-LIMIT, LIMIT)
    }
}
