//! The text encoder: T5 v1.1, encoder only. Cutting text into tokens is told in [`tokenizer`].
//!
//! Reference: T5EncoderModel of transformers 4.57.1. VOID gives it no mask: all 226 positions attend to each other,
//! padding included. Raffel et al. 2020; Shazeer 2020 for the gated feed-forward.

mod pieces;
pub mod tokenizer;

use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;
use tch::{Kind, Tensor};

pub use tokenizer::Tokenizer;

use crate::blocks::{Blocks, Holding};
use crate::layers::{Embedding, Linear};
use crate::{Error, Watch, Weights};

/// `text_encoder/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub d_model: i64,
    pub d_ff: i64,
    pub d_kv: i64,
    pub num_heads: i64,
    pub num_layers: i64,
    pub vocab_size: i64,
    pub relative_attention_num_buckets: i64,
    pub relative_attention_max_distance: i64,
    pub layer_norm_epsilon: f64,
    pub feed_forward_proj: String,
}

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When it cannot be read or is not of a T5 v1.1.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config: Self = crate::read_json(path)?;
        if config.feed_forward_proj != "gated-gelu" {
            let reason =
                format!("feed_forward_proj is “{}”; a T5 v1.1 has “gated-gelu”", config.feed_forward_proj);
            return Err(Error::BadFile { path: path.to_owned(), reason });
        }
        Ok(config)
    }

    /// The published one: T5 v1.1 XXL.
    pub fn xxl() -> Self {
        Self {
            d_model: 4096,
            d_ff: 10240,
            d_kv: 64,
            num_heads: 64,
            num_layers: 24,
            vocab_size: 32128,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
            feed_forward_proj: "gated-gelu".to_owned(),
        }
    }

    /// Small enough for a test.
    pub fn tiny() -> Self {
        Self { d_model: 24, d_ff: 40, d_kv: 8, num_heads: 4, num_layers: 2, vocab_size: 500, ..Self::xxl() }
    }
}

pub struct T5 {
    shared: Embedding,
    block: Blocks<Block>,
    relative_attention_bias: Embedding,
    final_layer_norm: RmsNorm,
    config: Config,
}

struct Block {
    attention: Attention,
    attention_norm: RmsNorm,
    dense: Dense,
    dense_norm: RmsNorm,
}

struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    heads: i64,
}

struct Dense {
    wi_0: Linear,
    wi_1: Linear,
    wo: Linear,
}

struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl T5 {
    /// `w` is the root of the checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(w: &Weights, config: Config) -> Result<Self, Error> {
        Self::holding(w, config, Holding::Whole)
    }

    /// As [`Self::new`], its blocks held in another way; it has no form in 8 bits.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn holding(w: &Weights, config: Config, holding: Holding) -> Result<Self, Error> {
        let encoder = w / "encoder";
        if holding == Holding::Streamed {
            let outline = Weights::outline();
            Self::new(&outline, config.clone())?;
            w.check(&outline)?;
            encoder.pass_over("block.");
        }
        // Some exports repeat the embedding under its second name.
        encoder.pass_over("embed_tokens.weight");
        let of_block = config.clone();
        let block = Blocks::new(&encoder, config.num_layers, holding, move |encoder, index| {
            Block::new(encoder / "block" / index / "layer", &of_block)
        })?;
        let bias = &encoder / "block" / 0 / "layer" / 0 / "SelfAttention" / "relative_attention_bias";
        Ok(Self {
            shared: Embedding::new(w / "shared", config.vocab_size, config.d_model)?,
            block,
            relative_attention_bias: Embedding::new(
                bias,
                config.relative_attention_num_buckets,
                config.num_heads,
            )?,
            final_layer_norm: RmsNorm::new(&encoder / "final_layer_norm", &config)?,
            config,
        })
    }

    /// Ids [b, n] → [b, n, d_model].
    pub fn forward(&self, ids: &Tensor) -> Tensor {
        self.forward_watched(ids, &mut Watch::none())
    }

    /// As [`Self::forward`], with what it computes on the way.
    pub fn forward_watched(&self, ids: &Tensor, watch: &mut Watch) -> Tensor {
        let mut x = self.shared.forward(ids); // b n d
        watch.see(format_args!("embeddings"), &x);
        let bias = self.position_bias(ids.size()[1]);
        watch.see(format_args!("position_bias"), &bias);
        self.block.each(|index, block| {
            x = &x + block.attention.forward(&block.attention_norm.forward(&x), &bias);
            x = &x + block.dense.forward(&block.dense_norm.forward(&x));
            watch.see(format_args!("block{index}_out"), &x);
            ControlFlow::Continue(())
        });
        self.final_layer_norm.forward(&x)
    }

    /// What attention adds for the distance between two tokens: [1, heads, n, n].
    fn position_bias(&self, tokens: i64) -> Tensor {
        let Config { relative_attention_num_buckets: buckets, relative_attention_max_distance: far, .. } =
            self.config;
        let mut ids = Vec::with_capacity((tokens * tokens) as usize);
        for query in 0..tokens {
            ids.extend((0..tokens).map(|key| bucket(key - query, buckets, far)));
        }
        let ids = Tensor::from_slice(&ids).view([tokens, tokens]);
        let ids = ids.to_device(self.relative_attention_bias.weight().device());
        self.relative_attention_bias.forward(&ids).permute([2, 0, 1]).unsqueeze(0).contiguous()
    }
}

/// Near distances have a bucket each, farther ones share; keys behind the query use the upper half.
fn bucket(distance: i64, buckets: i64, far: i64) -> i64 {
    let half = buckets / 2;
    let side = if distance > 0 { half } else { 0 };
    let distance = distance.abs();
    let exact = half / 2;
    if distance < exact {
        return side + distance;
    }
    // f32, as the reference: the last bit decides at the edges.
    let share = (distance as f32 / exact as f32).ln() / (far as f32 / exact as f32).ln();
    side + (exact + (share * (half - exact) as f32) as i64).min(half - 1)
}

impl Block {
    fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let Config { d_model, d_ff, d_kv, num_heads, .. } = *config;
        let inner = num_heads * d_kv;
        let attention = &w / 0 / "SelfAttention";
        let dense = &w / 1 / "DenseReluDense";
        let linear = Linear::without_bias;
        Ok(Self {
            attention: Attention {
                q: linear(&attention / "q", d_model, inner)?,
                k: linear(&attention / "k", d_model, inner)?,
                v: linear(&attention / "v", d_model, inner)?,
                o: linear(&attention / "o", inner, d_model)?,
                heads: num_heads,
            },
            attention_norm: RmsNorm::new(&w / 0 / "layer_norm", config)?,
            dense: Dense {
                wi_0: linear(&dense / "wi_0", d_model, d_ff)?,
                wi_1: linear(&dense / "wi_1", d_model, d_ff)?,
                wo: linear(&dense / "wo", d_ff, d_model)?,
            },
            dense_norm: RmsNorm::new(&w / 1 / "layer_norm", config)?,
        })
    }
}

impl Attention {
    /// [b, n, d] → the same shape. Scores are not divided by the root of their width.
    fn forward(&self, x: &Tensor, bias: &Tensor) -> Tensor {
        let (b, n, _) = x.size3().expect("[b, n, d]");
        let split = |t: Tensor| t.view([b, n, self.heads, -1]).transpose(1, 2); // b heads n d_kv
        let (q, k, v) = (split(self.q.forward(x)), split(self.k.forward(x)), split(self.v.forward(x)));
        let y = Tensor::scaled_dot_product_attention(&q, &k, &v, Some(bias), 0.0, false, Some(1.0), false);
        self.o.forward(&y.transpose(1, 2).reshape([b, n, -1]))
    }
}

impl Dense {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.wo.forward(&(self.wi_0.forward(x).gelu("tanh") * self.wi_1.forward(x)))
    }
}

impl RmsNorm {
    fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        Ok(Self { weight: w.tensor("weight", &[config.d_model])?, eps: config.layer_norm_epsilon })
    }

    /// Without a mean; the power is taken in f32.
    fn forward(&self, x: &Tensor) -> Tensor {
        let wide = x.to_kind(Kind::Float);
        let power = wide.square().mean_dim(-1, true, Kind::Float);
        (wide * (power + self.eps).rsqrt()).to_kind(x.kind()) * &self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_size_network_asks_for_the_published_parameters() {
        let w = Weights::outline();
        T5::new(&w, Config::xxl()).unwrap();
        let taken = w.taken();
        assert_eq!(taken.values().map(|shape| shape.iter().product::<i64>()).sum::<i64>(), 4_762_310_656);
    }

    #[test]
    fn far_tokens_share_buckets() {
        let at = |distance| bucket(distance, 32, 128);
        assert_eq!([0, -1, -7, -8, -127, -1000].map(at), [0, 1, 7, 8, 15, 15]);
        assert_eq!([1, 7, 8, 64, 128].map(at), [17, 23, 24, 30, 31]);
    }
}
