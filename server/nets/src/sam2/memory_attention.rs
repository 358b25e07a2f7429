//! A frame's features, changed by what is remembered of the object in other frames.
//!
//! Reference: sam2/modeling (memory_attention.py, sam/transformer.py, position_encoding.py) at
//! facebookresearch/sam2@2b90b9f; void-spec §2.3.

use tch::{Device, Kind, Tensor};

use super::config::Config;
use crate::layers::{LayerNorm, Linear};
use crate::{Error, Watch, Weights};

const THETA: f64 = 10_000.0;
const INPUT_POSITION: f64 = 0.1; // memory_attention.py

pub struct MemoryAttention {
    layers: Vec<Layer>,
    norm: LayerNorm,
    d: i64,
}

/// All that is remembered, one token after another: maps of frames first, object pointers last.
pub struct Memory {
    /// [b, n, mem_dim]
    pub tokens: Tensor,
    /// [b, n, mem_dim]
    pub positions: Tensor,
    /// How many tokens at the end are pointers: they have no place in the picture.
    pub pointers: i64,
}

impl MemoryAttention {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let layer = |i: i64| Layer::new(&w / "layers" / i, config);
        Ok(Self {
            layers: (0..config.mem_layers).map(layer).collect::<Result<_, _>>()?,
            norm: LayerNorm::new(&w / "norm", config.d_model, 1e-5)?,
            d: config.d_model,
        })
    }

    /// `frame`, `place`: [b, n, d_model], n places of a square → [b, n, d_model].
    pub fn forward(&self, frame: &Tensor, place: &Tensor, memory: &Memory) -> Tensor {
        self.watched(frame, place, memory, &mut Watch::none())
    }

    /// As [`Self::forward`]; `layer0`, `layer1`, … are [b, n, d_model].
    pub fn watched(&self, frame: &Tensor, place: &Tensor, memory: &Memory, watch: &mut Watch) -> Tensor {
        let turn = Turn::square(self.d, frame.size()[1], frame.device());
        let mut x = frame + place * INPUT_POSITION;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, memory, &turn);
            watch.see(format_args!("layer{i}"), &x);
        }
        self.norm.forward(&x)
    }
}

struct Layer {
    itself: Attention,
    remembered: Attention,
    linear1: Linear,
    linear2: Linear,
    norms: [LayerNorm; 3],
}

impl Layer {
    fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let Config { d_model: d, mem_dim, dim_ff, .. } = *config;
        let norm = |i: i64| LayerNorm::new(&w / format!("norm{i}"), d, 1e-5);
        Ok(Self {
            itself: Attention::new(&w / "self_attn", d, d)?,
            remembered: Attention::new(&w / "cross_attn_image", d, mem_dim)?,
            linear1: Linear::new(&w / "linear1", d, dim_ff)?,
            linear2: Linear::new(&w / "linear2", dim_ff, d)?,
            norms: [norm(1)?, norm(2)?, norm(3)?],
        })
    }

    fn forward(&self, x: &Tensor, memory: &Memory, turn: &Turn) -> Tensor {
        let [norm1, norm2, norm3] = &self.norms;
        let y = norm1.forward(x);
        let x = x + self.itself.forward(&y, &y, &y, turn, 0);
        let keys = &memory.tokens + &memory.positions;
        let seen = self.remembered.forward(&norm2.forward(&x), &keys, &memory.tokens, turn, memory.pointers);
        let x = x + seen;
        let y = self.linear2.forward(&self.linear1.forward(&norm3.forward(&x)).relu());
        x + y
    }
}

/// One head that turns queries and keys by their place.
struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl Attention {
    fn new(w: Weights, d: i64, from: i64) -> Result<Self, Error> {
        Ok(Self {
            q: Linear::new(&w / "q_proj", d, d)?,
            k: Linear::new(&w / "k_proj", from, d)?,
            v: Linear::new(&w / "v_proj", from, d)?,
            out: Linear::new(&w / "out_proj", d, d)?,
        })
    }

    /// `q`: [b, n, d]; `k`, `v`: [b, m, from], of whose keys the last `placeless` are not turned → [b, n, d].
    fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor, turn: &Turn, placeless: i64) -> Tensor {
        let (q, k, v) = (self.q.forward(q), self.k.forward(k), self.v.forward(v));
        let placed = k.size()[1] - placeless;
        let k = Tensor::cat(&[turn.apply(&k.narrow(1, 0, placed)), k.narrow(1, placed, placeless)], 1);
        let heads = |t: &Tensor| t.unsqueeze(1); // b 1 n d
        let (q, k, v) = (heads(&turn.apply(&q)), heads(&k), heads(&v));
        let y = Tensor::scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, false, None, false);
        self.out.forward(&y.squeeze_dim(1))
    }
}

/// Angles of every place of a square: the first half of the pairs turn with its column, the second with its row.
pub struct Turn {
    /// [n, d / 2]
    pub cos: Tensor,
    /// [n, d / 2]
    pub sin: Tensor,
}

impl Turn {
    /// `n`: places of a square.
    pub fn square(d: i64, n: i64, device: Device) -> Self {
        let side = (n as f64).sqrt().round() as i64;
        let options = (Kind::Float, device);
        let exponents = Tensor::arange(d / 4, options) * 4.0 / d as f64;
        let speeds = Tensor::from(THETA).to_device(device).to_kind(Kind::Float).pow(&exponents).reciprocal();
        let steps = Tensor::arange(side, options).unsqueeze(1) * speeds.unsqueeze(0); // side d/4
        let columns = steps.unsqueeze(0).expand([side, side, -1], false);
        let rows = steps.unsqueeze(1).expand([side, side, -1], false);
        let angles = Tensor::cat(&[columns, rows], 2).view([side * side, d / 2]);
        Self { cos: angles.cos(), sin: angles.sin() }
    }

    /// [b, n · k, d]: k maps of n places behind each other → the same shape.
    fn apply(&self, x: &Tensor) -> Tensor {
        let (b, m, d) = x.size3().expect("[b, n, d]");
        if m == 0 {
            return x.shallow_clone();
        }
        let n = self.cos.size()[0];
        let pairs = x.to_kind(Kind::Float).view([b, m / n, n, d / 2, 2]);
        let (p, q) = (pairs.select(4, 0), pairs.select(4, 1));
        let turned = [&p * &self.cos - &q * &self.sin, &p * &self.sin + &q * &self.cos];
        Tensor::stack(&turned, 4).view([b, m, d]).to_kind(x.kind())
    }
}
