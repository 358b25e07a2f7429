//! The text encoder: the tokens of a phrase → features beside the picture's. sam3-spec.md §3

use tch::{Kind, Tensor};

use super::attention::Attention;
use super::config::{Config, Text};
use super::layout::{Layout, Place};
use crate::Error;
use crate::layers::{Embedding, LayerNorm, Linear};

pub struct TextEncoder {
    tokens: Embedding,
    /// [context, width]
    positions: Tensor,
    pub blocks: Vec<Block>,
    after: LayerNorm,
    to_detector: Linear,
}

impl TextEncoder {
    /// `p`: at the detector.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let Text { vocabulary, width, blocks, context, projection, eps, .. } = config.text;
        let resize = p.at("text_projection", "backbone.language_backbone.resizer");
        let outer = p.part("text_encoder", "backbone.language_backbone.encoder");
        let p = outer.part("text_model", "transformer");
        // In the file, of no use: the released model reads every token, not a summary of them.
        let (embeddings, positions, after) = match p.layout {
            Layout::Transformers => {
                drop(outer.weights.tensor("text_projection.weight", &[projection, width])?);
                let at = &p.weights / "embeddings";
                let positions = (&at / "position_embedding").tensor("weight", &[context, width])?;
                (at / "token_embedding", positions, &p.weights / "final_layer_norm")
            }
            Layout::Official => {
                drop(outer.weights.tensor("text_projection", &[width, projection])?);
                let positions = outer.weights.tensor("positional_embedding", &[context, width])?;
                (&outer.weights / "token_embedding", positions, &outer.weights / "ln_final")
            }
        };
        let block = |at: i64| {
            Block::new(&p.part(format!("encoder.layers.{at}"), format!("resblocks.{at}")), &config.text)
        };
        Ok(Self {
            tokens: Embedding::new(embeddings, vocabulary, width)?,
            positions,
            blocks: (0..blocks).map(block).collect::<Result<_, _>>()?,
            after: LayerNorm::new(after, width, eps)?,
            to_detector: Linear::new(resize, width, config.dim)?,
        })
    }

    /// Token numbers [b, context] → [b, context, width]
    pub fn embed(&self, ids: &Tensor) -> Tensor {
        self.tokens.forward(ids) + &self.positions
    }

    /// What the last block gives → normed [b, context, width]
    pub fn after(&self, x: &Tensor) -> Tensor {
        self.after.forward(x)
    }

    /// Normed → in f32 [b, context, dim]
    pub fn to_detector(&self, x: &Tensor) -> Tensor {
        self.to_detector.forward(x).to_kind(Kind::Float)
    }

    /// Token numbers [b, context] → in f32 [b, context, dim]
    pub fn forward(&self, ids: &Tensor) -> Tensor {
        let x = self.blocks.iter().fold(self.embed(ids), |x, block| block.forward(&x));
        self.to_detector(&self.after(&x))
    }
}

pub struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    fn new(p: &Place, config: &Text) -> Result<Self, Error> {
        let Text { width, inner, heads, eps, .. } = *config;
        Ok(Self {
            norm1: LayerNorm::new(p.at("layer_norm1", "ln_1"), width, eps)?,
            attention: Attention::of_text(p, width, heads)?,
            norm2: LayerNorm::new(p.at("layer_norm2", "ln_2"), width, eps)?,
            fc1: Linear::new(p.at("mlp.fc1", "mlp.c_fc"), width, inner)?,
            fc2: Linear::new(p.at("mlp.fc2", "mlp.c_proj"), inner, width)?,
        })
    }

    /// [b, n, width] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let x = x + self.attention.forward_causal(&self.norm1.forward(x));
        let mlp = self.fc2.forward(&self.fc1.forward(&self.norm2.forward(&x)).gelu("none"));
        x + mlp
    }
}
