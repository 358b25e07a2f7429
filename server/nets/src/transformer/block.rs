//! One block: text and video attend to each other and then each to itself, modulated by time.

use tch::Tensor;

use super::{Config, QK_NORM_EPS, Rope};
use crate::bare::{Op, note};
use crate::layers::{LayerNorm, Linear};
use crate::{Error, Watch, Weights};

pub struct Block {
    norm1: Modulation,
    attn1: Attention,
    norm2: Modulation,
    /// `ff.net.0.proj` and `ff.net.2`.
    ff: [Linear; 2],
}

/// Six modulations from time, three for the video and three for the text; both share one norm.
struct Modulation {
    linear: Linear,
    norm: LayerNorm,
}

/// Joint attention over text and video tokens.
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    norm_q: LayerNorm,
    norm_k: LayerNorm,
    heads: i64,
}

impl Block {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let width = config.width();
        let ff = &w / "ff" / "net";
        Ok(Self {
            norm1: Modulation::new(&w / "norm1", config)?,
            attn1: Attention::new(&w / "attn1", config)?,
            norm2: Modulation::new(&w / "norm2", config)?,
            ff: [Linear::new(&ff / 0 / "proj", width, 4 * width)?, Linear::new(&ff / 2, 4 * width, width)?],
        })
    }

    /// With the weights of its large layers in 8 bits.
    pub fn in_fp8(self) -> Self {
        let Attention { to_q, to_k, to_v, to_out, norm_q, norm_k, heads } = self.attn1;
        let [to_q, to_k, to_v, to_out] = [to_q, to_k, to_v, to_out].map(Linear::in_fp8);
        let attn1 = Attention { to_q, to_k, to_v, to_out, norm_q, norm_k, heads };
        Self { attn1, ff: self.ff.map(Linear::in_fp8), norm1: self.norm1, norm2: self.norm2 }
    }

    /// `x`: [b, n, d], the text first; `time`: [b, t] → the same shape as `x`. `fused`: with fewer passes over the numbers,
    /// and other rounding.
    pub fn forward(
        &self,
        x: &Tensor,
        text_tokens: i64,
        time: &Tensor,
        rope: &Rope,
        fused: bool,
        watch: &mut Watch,
    ) -> Tensor {
        let time = time.silu();
        let (normed, gates) = self.norm1.forward(x, text_tokens, &time, fused);
        watch.see(format_args!("block0_norm1_encoder"), &normed.narrow(1, 0, text_tokens));
        watch.see(format_args!("block0_norm1_hidden"), &normed.slice(1, text_tokens, None, 1));
        watch.see(format_args!("block0_norm1_enc_gate"), &gates.text);
        watch.see(format_args!("block0_norm1_gate"), &gates.video);
        let attended = self.attn1.forward(&normed, text_tokens, rope, fused);
        watch.see(format_args!("block0_attn1_encoder"), &attended.narrow(1, 0, text_tokens));
        watch.see(format_args!("block0_attn1_hidden"), &attended.slice(1, text_tokens, None, 1));
        let x = gates.add(x, &attended, text_tokens, fused);
        let (normed, gates) = self.norm2.forward(&x, text_tokens, &time, fused);
        let [first, second] = &self.ff;
        let fed = second.forward(&first.forward(&normed).gelu("tanh"));
        watch.see(format_args!("block0_ff_out"), &fed);
        gates.add(&x, &fed, text_tokens, fused)
    }
}

/// Both [b, 1, d].
struct Gates {
    text: Tensor,
    video: Tensor,
}

impl Gates {
    /// `x` and what `y` adds to it through the gates: both [b, n, d].
    fn add(&self, x: &Tensor, y: &Tensor, text_tokens: i64, fused: bool) -> Tensor {
        if fused {
            let text = (x.narrow(1, 0, text_tokens), &self.text);
            let video = (x.slice(1, text_tokens, None, 1), &self.video);
            return in_one_pass(y, text_tokens, [(&text.0, text.1), (&video.0, video.1)]);
        }
        x + both(y, text_tokens, |text| text * &self.text, |video| video * &self.video)
    }
}

impl Modulation {
    fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let width = config.width();
        Ok(Self {
            linear: Linear::new(&w / "linear", config.time_embed_dim, 6 * width)?,
            norm: LayerNorm::new(&w / "norm", width, config.norm_eps)?,
        })
    }

    /// `time`: [b, t], after its activation.
    fn forward(&self, x: &Tensor, text_tokens: i64, time: &Tensor, fused: bool) -> (Tensor, Gates) {
        let parts = self.linear.forward(time).unsqueeze(1).chunk(6, 2); // b 1 d, six times
        let [shift, scale, gate, text_shift, text_scale, text_gate] = &parts[..] else {
            unreachable!("six chunks")
        };
        let x = self.norm.forward(x);
        let (text_scale, scale) = (text_scale + 1.0, scale + 1.0);
        let x = if fused {
            in_one_pass(&x, text_tokens, [(text_shift, &text_scale), (shift, &scale)])
        } else {
            both(&x, text_tokens, |text| text * &text_scale + text_shift, |video| video * &scale + shift)
        };
        (x, Gates { text: text_gate.shallow_clone(), video: gate.shallow_clone() })
    }
}

/// Does one thing to the text tokens and another to those of the video.
fn both(
    x: &Tensor,
    text_tokens: i64,
    text: impl FnOnce(&Tensor) -> Tensor,
    video: impl FnOnce(&Tensor) -> Tensor,
) -> Tensor {
    let parts = [text(&x.narrow(1, 0, text_tokens)), video(&x.slice(1, text_tokens, None, 1))];
    Tensor::cat(&parts, 1)
}

/// `base + factor · x` of the text's tokens and of the video's, each with their own, written where it belongs at once: [b, n, d].
fn in_one_pass(x: &Tensor, text_tokens: i64, [text, video]: [(&Tensor, &Tensor); 2]) -> Tensor {
    let out = x.empty_like();
    let video_tokens = x.size()[1] - text_tokens;
    for (start, length, (base, factor)) in [(0, text_tokens, text), (text_tokens, video_tokens, video)] {
        let _ = base.addcmul_out(&out.narrow(1, start, length), &x.narrow(1, start, length), factor);
    }
    out
}

impl Attention {
    fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let (width, head) = (config.width(), config.attention_head_dim);
        Ok(Self {
            to_q: Linear::new(&w / "to_q", width, width)?,
            to_k: Linear::new(&w / "to_k", width, width)?,
            to_v: Linear::new(&w / "to_v", width, width)?,
            to_out: Linear::new(&w / "to_out" / 0, width, width)?,
            norm_q: LayerNorm::new(&w / "norm_q", head, QK_NORM_EPS)?,
            norm_k: LayerNorm::new(&w / "norm_k", head, QK_NORM_EPS)?,
            heads: config.num_attention_heads,
        })
    }

    /// [b, n, d] → the same shape.
    fn forward(&self, x: &Tensor, text_tokens: i64, rope: &Rope, fused: bool) -> Tensor {
        let (b, n, d) = x.size3().expect("[b, n, d]");
        let split = |t: Tensor| t.view([b, n, self.heads, d / self.heads]).transpose(1, 2); // b heads n d/heads
        // Text has no place in space and time.
        let turned = |t: Tensor| {
            if fused {
                return rope.turn_behind(&t, text_tokens);
            }
            let video = rope.turn(&t.slice(2, text_tokens, None, 1));
            Tensor::cat(&[t.narrow(2, 0, text_tokens), video], 2)
        };
        let q = turned(self.norm_q.forward(&split(self.to_q.forward(x))));
        let k = turned(self.norm_k.forward(&split(self.to_k.forward(x))));
        let v = split(self.to_v.forward(x));
        note(|| Op::Attention { q: q.size() });
        let y = Tensor::scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, false, None, false);
        self.to_out.forward(&y.transpose(1, 2).reshape([b, n, d]))
    }
}
