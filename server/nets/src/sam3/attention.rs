//! Multi-head attention and small perceptrons, as every part of SAM 3 uses them. What attends to what is told there.

use tch::Tensor;

use super::layout::{Layout, Place};
use crate::layers::Linear;
use crate::{Error, Weights};

pub struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: i64,
}

impl Attention {
    /// Of the vision backbone.
    pub fn of_vision(p: &Place, width: i64, heads: i64) -> Result<Self, Error> {
        let p = p.part("attention", "attn");
        Self::new(&p, width, heads, ["qkv.weight", "qkv.bias"], p.at("o_proj", "proj"))
    }

    /// Of the text encoder.
    pub fn of_text(p: &Place, width: i64, heads: i64) -> Result<Self, Error> {
        let p = p.part("self_attn", "attn");
        Self::new(&p, width, heads, ["in_proj_weight", "in_proj_bias"], p.at("out_proj", "out_proj"))
    }

    /// Of everything behind the two.
    pub fn of_detector(p: &Place, width: i64, heads: i64) -> Result<Self, Error> {
        Self::new(p, width, heads, ["in_proj_weight", "in_proj_bias"], p.at("o_proj", "out_proj"))
    }

    /// `fused`: the weight and the bias of the three in one, in the official layout.
    fn new(p: &Place, width: i64, heads: i64, fused: [&str; 2], out: Weights) -> Result<Self, Error> {
        let w = &p.weights;
        let [q, k, v] = match p.layout {
            Layout::Transformers => {
                ["q_proj", "k_proj", "v_proj"].map(|name| Linear::new(w / name, width, width))
            }
            Layout::Official => {
                let [weight, bias] = fused;
                let weight = w.tensor(weight, &[3 * width, width])?;
                let bias = w.tensor(bias, &[3 * width])?;
                [0, 1, 2].map(|third| {
                    let third = |t: &Tensor| t.narrow(0, third * width, width);
                    Ok(Linear::from_tensors(third(&weight), Some(third(&bias))))
                })
            }
        };
        Ok(Self { q: q?, k: k?, v: v?, out: Linear::new(out, width, width)?, heads })
    }

    /// `q` [b, m, d], `k` and `v` [b, n, d] → [b, m, d]. `bias`: booleans (which keys count) or numbers added to the
    /// scores, to be spread over [b, heads, m, n].
    pub fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let [q, k, v] = self.heads(q, k, v);
        self.join(&Tensor::scaled_dot_product_attention(&q, &k, &v, bias, 0.0, false, None, false))
    }

    /// `x` [b, n, d] → the same shape, each token looking at itself and at those before it.
    pub fn forward_causal(&self, x: &Tensor) -> Tensor {
        let [q, k, v] = self.heads(x, x, x);
        self.join(&Tensor::scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, true, None, false))
    }

    /// `x` [b, n, d] → the same shape, queries and keys turned by their place first.
    pub fn forward_turned(&self, x: &Tensor, turn: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let [q, k, v] = self.heads(x, x, x);
        let (q, k) = (turn(&q), turn(&k));
        self.join(&Tensor::scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, false, None, false))
    }

    fn heads(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> [Tensor; 3] {
        let split = |t: Tensor| {
            let (b, n, d) = t.size3().expect("[b, n, d]");
            t.view([b, n, self.heads, d / self.heads]).transpose(1, 2) // b heads n d/heads
        };
        [split(self.q.forward(q)), split(self.k.forward(k)), split(self.v.forward(v))]
    }

    fn join(&self, x: &Tensor) -> Tensor {
        self.out.forward(&x.transpose(1, 2).flatten(2, 3)) // b n d
    }
}

/// Linear layers with ReLU between them.
pub struct Perceptron {
    layers: Vec<Linear>,
}

impl Perceptron {
    /// `widths`: of the input and after every layer. `first`: the number of the first layer in transformers' names.
    pub fn new(p: &Place, widths: &[i64], transformers: &str, first: usize) -> Result<Self, Error> {
        let layer = |(at, pair): (usize, &[i64])| {
            Linear::new(
                p.at(format!("{transformers}{}", at + first), format!("layers.{at}")),
                pair[0],
                pair[1],
            )
        };
        Ok(Self { layers: widths.windows(2).enumerate().map(layer).collect::<Result<_, _>>()? })
    }

    /// The two layers inside an attention layer.
    pub fn of_layer(p: &Place, width: i64, inner: i64) -> Result<Self, Error> {
        let layers = vec![
            Linear::new(p.at("mlp.fc1", "linear1"), width, inner)?,
            Linear::new(p.at("mlp.fc2", "linear2"), inner, width)?,
        ];
        Ok(Self { layers })
    }

    /// [.., first width] → [.., last width]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (last, hidden) = self.layers.split_last().expect("a perceptron has layers");
        let x = hidden.iter().fold(x.shallow_clone(), |x, layer| layer.forward(&x).relu());
        last.forward(&x)
    }
}
