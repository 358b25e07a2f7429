//! Features and prompts → masks, how good each is thought to be, and whether the object is there at all.
//!
//! Reference: sam2/modeling/sam (mask_decoder.py, transformer.py) at facebookresearch/sam2@2b90b9f; void-spec §2.3.

use tch::{Kind, Tensor};

use super::config::Config;
use super::image_encoder::Features;
use super::mlp::Mlp;
use crate::layers::{Conv2d, ConvTranspose2d, LayerNorm, Linear, Window};
use crate::{Error, Weights};

const HEADS: i64 = 8;
const DEPTH: i64 = 2;
const FEED_FORWARD: i64 = 2048;
const IOU_HIDDEN: i64 = 256;
const MASKS: i64 = 4; // one for a clear prompt, three for an unclear one
const STABILITY_DELTA: f64 = 0.05; // build_sam.py, apply_postprocessing
const STABILITY_THRESHOLD: f64 = 0.98;

/// Every mask the decoder made for a prompt.
pub struct AllMasks {
    /// Logits: [b, 4, mask side, mask side].
    pub masks: Tensor,
    /// 0–1: [b, 4]
    pub ious: Tensor,
    /// [b, 4, d_model]
    pub tokens: Tensor,
    /// Above 0: the object is in the picture. [b, 1]
    pub score: Tensor,
}

/// The masks that answer a prompt: three, or one.
pub struct Masks {
    /// Logits: [b, 3 or 1, mask side, mask side].
    pub masks: Tensor,
    /// 0–1: [b, 3 or 1]
    pub ious: Tensor,
    /// What pointers are made of: [b, 3 or 1, d_model]. A mask taken for its stability keeps the first one's token.
    pub tokens: Tensor,
    /// [b, 1]
    pub score: Tensor,
}

impl AllMasks {
    /// Three masks for an unclear prompt.
    pub fn three(&self) -> Masks {
        let three = |t: &Tensor| t.narrow(1, 1, MASKS - 1);
        Masks {
            masks: three(&self.masks),
            ious: three(&self.ious),
            tokens: three(&self.tokens),
            score: self.score.shallow_clone(),
        }
    }

    /// The first mask, or the best of the other three where the first wavers.
    pub fn one(&self) -> Masks {
        let three = self.three();
        let best = three.ious.argmax(1, true); // b 1
        let size = self.masks.size();
        let wide = best.view([-1, 1, 1, 1]).expand([-1, 1, size[2], size[3]], false);
        let stable = stability(&self.masks.narrow(1, 0, 1)).ge(STABILITY_THRESHOLD); // b 1
        Masks {
            masks: self
                .masks
                .narrow(1, 0, 1)
                .where_self(&stable.view([-1, 1, 1, 1]), &three.masks.gather(1, &wide, false)),
            ious: self.ious.narrow(1, 0, 1).where_self(&stable, &three.ious.gather(1, &best, false)),
            tokens: self.tokens.narrow(1, 0, 1),
            score: self.score.shallow_clone(),
        }
    }
}

/// How much of a mask stays when its threshold moves: [b, n, h, w] → [b, n].
pub fn stability(logits: &Tensor) -> Tensor {
    let count = |level: f64| logits.gt(level).sum_dim_intlist([2, 3].as_slice(), false, Kind::Float);
    let (inner, outer) = (count(STABILITY_DELTA), count(-STABILITY_DELTA));
    (&inner / outer.clamp_min(1.0)).where_self(&outer.gt(0), &inner.ones_like())
}

pub struct MaskDecoder {
    transformer: TwoWay,
    score_token: Tensor,
    iou_token: Tensor,
    mask_tokens: Tensor,
    fine: Conv2d,
    middle: Conv2d,
    up: [ConvTranspose2d; 2],
    up_norm: LayerNorm,
    hyper: Vec<Mlp>,
    iou: Mlp,
    score: Mlp,
}

impl MaskDecoder {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let d = config.d_model;
        let token = |name: &str, count: i64| (&w / name).tensor("weight", &[count, d]);
        let hyper = |i: i64| Mlp::relu(&w / "output_hypernetworks_mlps" / i, &[d, d, d, d / 8]);
        let up = &w / "output_upscaling";
        Ok(Self {
            transformer: TwoWay::new(&w / "transformer", d)?,
            score_token: token("obj_score_token", 1)?,
            iou_token: token("iou_token", 1)?,
            mask_tokens: token("mask_tokens", MASKS)?,
            fine: Conv2d::new(&w / "conv_s0", d, d / 8, Window::square(1, 1, 0))?,
            middle: Conv2d::new(&w / "conv_s1", d, d / 4, Window::square(1, 1, 0))?,
            up: [
                ConvTranspose2d::new(&up / 0, d, d / 4, 2, 2)?,
                ConvTranspose2d::new(&up / 3, d / 4, d / 8, 2, 2)?,
            ],
            up_norm: LayerNorm::new(&up / 1, d / 4, 1e-6)?,
            hyper: (0..MASKS).map(hyper).collect::<Result<_, _>>()?,
            iou: Mlp::relu(&w / "iou_prediction_head", &[d, IOU_HIDDEN, IOU_HIDDEN, MASKS])?,
            score: Mlp::relu(&w / "pred_obj_score_head", &[d, d, d, 1])?,
        })
    }

    /// How readily an object is thought to be there: [1], added to the score's logit.
    pub fn set_score_offset(&self, offset: &Tensor) {
        self.score.set_offset(offset);
    }

    /// The neck's maps as this decoder wants them: the two fine ones narrowed once per picture.
    pub fn features(&self, [fine, middle, coarse]: [Tensor; 3]) -> Features {
        Features { fine: self.fine.forward(&fine), middle: self.middle.forward(&middle), coarse }
    }

    /// `coarse`, `dense`, `place`: [b or 1, d_model, grid, grid]; `sparse`: [b, n, d_model]; `fine`, `middle` as in
    /// [`Features`].
    pub fn forward(
        &self,
        coarse: &Tensor,
        place: &Tensor,
        sparse: &Tensor,
        dense: &Tensor,
        (fine, middle): (&Tensor, &Tensor),
    ) -> AllMasks {
        let b = sparse.size()[0];
        let own = Tensor::cat(&[&self.score_token, &self.iou_token, &self.mask_tokens], 0);
        let tokens = Tensor::cat(&[own.unsqueeze(0).expand([b, -1, -1], false), sparse.shallow_clone()], 1);
        let picture = coarse + dense; // b c h w
        let (_, c, h, w) = picture.size4().expect("[b, c, h, w]");
        let flat = |t: &Tensor| t.flatten(2, 3).transpose(1, 2); // b hw c
        let (tokens, picture) = self.transformer.forward(&flat(&picture), &flat(place), &tokens);
        let picture = picture.transpose(1, 2).reshape([b, c, h, w]);
        let [first, second] = &self.up;
        let up = self.up_norm.forward_channels(&(first.forward(&picture) + middle)).gelu("none");
        let up = (second.forward(&up) + fine).gelu("none"); // b c/8 4h 4w
        let mask_tokens = tokens.narrow(1, 2, MASKS);
        let filters: Vec<_> =
            (0_i64..).zip(&self.hyper).map(|(i, mlp)| mlp.forward(&mask_tokens.select(1, i))).collect();
        let (_, c, h, w) = up.size4().expect("[b, c, h, w]");
        let masks = Tensor::stack(&filters, 1).matmul(&up.view([b, c, h * w])).view([b, MASKS, h, w]);
        AllMasks {
            masks,
            ious: self.iou.forward(&tokens.select(1, 1)).sigmoid(),
            tokens: mask_tokens,
            score: self.score.forward(&tokens.select(1, 0)),
        }
    }
}

/// Tokens and picture look at each other in turns.
struct TwoWay {
    layers: Vec<TwoWayBlock>,
    last: Attention,
    norm: LayerNorm,
}

impl TwoWay {
    fn new(w: Weights, d: i64) -> Result<Self, Error> {
        let layer = |i: i64| TwoWayBlock::new(&w / "layers" / i, d);
        Ok(Self {
            layers: (0..DEPTH).map(layer).collect::<Result<_, _>>()?,
            last: Attention::new(&w / "final_attn_token_to_image", d, 2)?,
            norm: LayerNorm::new(&w / "norm_final_attn", d, 1e-5)?,
        })
    }

    /// `picture`, `place`: [b, hw, d]; `tokens`: [b, n, d] → tokens, picture.
    fn forward(&self, picture: &Tensor, place: &Tensor, tokens: &Tensor) -> (Tensor, Tensor) {
        let mut queries = tokens.shallow_clone();
        let mut keys = picture.shallow_clone();
        for (i, layer) in self.layers.iter().enumerate() {
            (queries, keys) = layer.forward(queries, keys, tokens, place, i == 0);
        }
        let seen = self.last.forward(&(&queries + tokens), &(&keys + place), &keys);
        (self.norm.forward(&(queries + seen)), keys)
    }
}

struct TwoWayBlock {
    among: Attention,
    to_picture: Attention,
    mlp: Mlp,
    to_tokens: Attention,
    norms: [LayerNorm; 4],
}

impl TwoWayBlock {
    fn new(w: Weights, d: i64) -> Result<Self, Error> {
        let norm = |i: i64| LayerNorm::new(&w / format!("norm{i}"), d, 1e-5);
        Ok(Self {
            among: Attention::new(&w / "self_attn", d, 1)?,
            to_picture: Attention::new(&w / "cross_attn_token_to_image", d, 2)?,
            mlp: Mlp::relu(&w / "mlp", &[d, FEED_FORWARD, d])?,
            to_tokens: Attention::new(&w / "cross_attn_image_to_token", d, 2)?,
            norms: [norm(1)?, norm(2)?, norm(3)?, norm(4)?],
        })
    }

    fn forward(
        &self,
        queries: Tensor,
        keys: Tensor,
        tokens: &Tensor,
        place: &Tensor,
        first: bool,
    ) -> (Tensor, Tensor) {
        let [norm1, norm2, norm3, norm4] = &self.norms;
        let queries = if first {
            self.among.forward(&queries, &queries, &queries) // nothing to add to: the tokens are their own place
        } else {
            let q = &queries + tokens;
            &queries + self.among.forward(&q, &q, &queries)
        };
        let queries = norm1.forward(&queries);
        let seen = self.to_picture.forward(&(&queries + tokens), &(&keys + place), &keys);
        let queries = norm2.forward(&(queries + seen));
        let queries = norm3.forward(&(&queries + self.mlp.forward(&queries)));
        let seen = self.to_tokens.forward(&(&keys + place), &(&queries + tokens), &queries);
        (queries, norm4.forward(&(keys + seen)))
    }
}

struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl Attention {
    /// `narrowing`: how much narrower it is inside.
    fn new(w: Weights, d: i64, narrowing: i64) -> Result<Self, Error> {
        let inner = d / narrowing;
        Ok(Self {
            q: Linear::new(&w / "q_proj", d, inner)?,
            k: Linear::new(&w / "k_proj", d, inner)?,
            v: Linear::new(&w / "v_proj", d, inner)?,
            out: Linear::new(&w / "out_proj", inner, d)?,
        })
    }

    /// `q`: [b, n, d]; `k`, `v`: [b, m, d] → [b, n, d]
    fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let split = |t: Tensor| {
            let (b, n, d) = t.size3().expect("[b, n, d]");
            t.view([b, n, HEADS, d / HEADS]).transpose(1, 2) // b heads n d
        };
        let (q, k, v) = (split(self.q.forward(q)), split(self.k.forward(k)), split(self.v.forward(v)));
        let y = Tensor::scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, false, None, false);
        self.out.forward(&y.transpose(1, 2).flatten(2, 3))
    }
}
