//! Hiera and its neck: one picture → feature maps at a sixteenth, an eighth and a quarter of its side.
//!
//! Pictures lie with their channels last inside the trunk: [b, h, w, c]. Reference: sam2/modeling/backbones
//! (hieradet.py, image_encoder.py) at facebookresearch/sam2@2b90b9f; void-spec §2.3.

use tch::Tensor;

use super::config::Config;
use super::{mlp::Mlp, position};
use crate::layers::{Conv2d, LayerNorm, Linear, Window};
use crate::{Error, Watch, Weights};

const EPS: f64 = 1e-6;

/// What the network sees in one picture.
pub struct Features {
    /// [1, 32 of 256, side / 4, side / 4], already through the decoder's own convolution.
    pub fine: Tensor,
    /// [1, 64 of 256, side / 8, side / 8], likewise.
    pub middle: Tensor,
    /// [1, d_model, side / 16, side / 16]
    pub coarse: Tensor,
}

impl Features {
    /// The same numbers once more, without a copy of them.
    pub fn shallow_clone(&self) -> Self {
        let Self { fine, middle, coarse } = self;
        Self { fine: fine.shallow_clone(), middle: middle.shallow_clone(), coarse: coarse.shallow_clone() }
    }
}

pub struct ImageEncoder {
    trunk: Trunk,
    neck: Vec<Conv2d>,
}

impl ImageEncoder {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let lateral = |i: i64| {
            let inputs = config.embed_dim << (3 - i); // the first is for the last stage
            Conv2d::new(&w / "neck" / "convs" / i / "conv", inputs, config.d_model, Window::square(1, 1, 0))
        };
        Ok(Self {
            trunk: Trunk::new(&w / "trunk", config)?,
            neck: (0..4).map(lateral).collect::<Result<_, _>>()?,
        })
    }

    /// `image`: [1, 3, side, side], ImageNet-normalised → maps at a quarter, an eighth and a sixteenth, all d_model wide.
    pub fn forward(&self, image: &Tensor) -> [Tensor; 3] {
        self.watched(image, &mut Watch::none())
    }

    /// As [`Self::forward`]; `block0`, `block1`, … are [b, h, w, c].
    pub fn watched(&self, image: &Tensor, watch: &mut Watch) -> [Tensor; 3] {
        self.neck(&self.trunk.forward(image, watch))
    }

    /// Only the sixteenth gets what the level below it saw; the thirty-second itself is not handed on.
    fn neck(&self, stages: &[Tensor; 4]) -> [Tensor; 3] {
        let lateral = |level: usize| self.neck[3 - level].forward(&stages[level].permute([0, 3, 1, 2]));
        let (coarse, below) = (lateral(2), lateral(3));
        let (h, w) = (below.size()[2], below.size()[3]);
        let below = below.upsample_nearest2d([2 * h, 2 * w], None, None);
        [lateral(0), lateral(1), coarse + below]
    }

    /// [1, d_model, grid, grid]
    pub fn position(&self, config: &Config, like: &Tensor) -> Tensor {
        position::sine(config.d_model, config.grid(), like.device()).to_kind(like.kind())
    }

    /// The two position tables together: [1, h, w, c].
    pub fn position_table(&self, h: i64, w: i64) -> Tensor {
        self.trunk.position_table(h, w)
    }

    /// The first convolution alone: [1, 3, side, side] → [1, side / 4, side / 4, embed_dim].
    pub fn patches(&self, image: &Tensor) -> Tensor {
        self.trunk.patch.forward(image).permute([0, 2, 3, 1])
    }
}

struct Trunk {
    patch: Conv2d,
    background: Tensor,
    window: Tensor,
    blocks: Vec<Block>,
    /// Index of the last block of each stage.
    ends: [i64; 4],
}

impl Trunk {
    fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let Config { embed_dim, num_heads, stages, background: [down, across], windows, .. } = *config;
        let mut ends = [0; 4];
        let mut depth = 0;
        for (end, stage) in ends.iter_mut().zip(stages) {
            depth += stage;
            *end = depth - 1;
        }
        let mut blocks = Vec::new();
        let mut stage = 0;
        for i in 0..depth {
            // The first block of a stage still looks through the windows of the stage before.
            let global = config.global_blocks.contains(&i);
            let window = if global { 0 } else { windows[stage] };
            let first = ends[..3].contains(&(i - 1));
            let inputs = embed_dim << stage;
            if first {
                stage += 1;
            }
            let shape = BlockShape { inputs, outputs: embed_dim << stage, heads: num_heads << stage, window };
            blocks.push(Block::new(&w / "blocks" / i, shape)?);
        }
        let side = windows[0];
        Ok(Self {
            patch: Conv2d::new(&w / "patch_embed" / "proj", 3, embed_dim, Window::square(7, 4, 3))?,
            background: w.tensor("pos_embed", &[1, embed_dim, down, across])?,
            window: w.tensor("pos_embed_window", &[1, embed_dim, side, side])?,
            blocks,
            ends,
        })
    }

    /// → the last output of each stage, [b, h, w, c].
    fn forward(&self, image: &Tensor, watch: &mut Watch) -> [Tensor; 4] {
        let x = self.patch.forward(image).permute([0, 2, 3, 1]); // b h w c
        let mut x = &x + self.position_table(x.size()[1], x.size()[2]);
        let mut stages = Vec::with_capacity(4);
        for (i, block) in (0_i64..).zip(&self.blocks) {
            x = block.forward(&x);
            watch.see(format_args!("block{i}"), &x);
            if self.ends.contains(&i) {
                stages.push(x.shallow_clone());
            }
        }
        stages.try_into().expect("four stages end")
    }

    fn position_table(&self, h: i64, w: i64) -> Tensor {
        let side = self.window.size()[2];
        let background = self.background.upsample_bicubic2d([h, w], false, None, None);
        // A side that the window does not divide has a last, cut tile.
        let tiled = self.window.tile([1, 1, (h + side - 1) / side, (w + side - 1) / side]);
        (background + tiled.narrow(2, 0, h).narrow(3, 0, w)).permute([0, 2, 3, 1])
    }
}

#[derive(Clone, Copy)]
struct BlockShape {
    inputs: i64,
    outputs: i64,
    heads: i64,
    /// 0: the whole picture.
    window: i64,
}

struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    attn_proj: Linear,
    norm2: LayerNorm,
    mlp: Mlp,
    /// Where the width changes, and the picture is halved.
    proj: Option<Linear>,
    shape: BlockShape,
}

impl Block {
    fn new(w: Weights, shape: BlockShape) -> Result<Self, Error> {
        let BlockShape { inputs, outputs, .. } = shape;
        let changes = inputs != outputs;
        Ok(Self {
            norm1: LayerNorm::new(&w / "norm1", inputs, EPS)?,
            qkv: Linear::new(&w / "attn" / "qkv", inputs, 3 * outputs)?,
            attn_proj: Linear::new(&w / "attn" / "proj", outputs, outputs)?,
            norm2: LayerNorm::new(&w / "norm2", outputs, EPS)?,
            mlp: Mlp::gelu(&w / "mlp", &[outputs, 4 * outputs, outputs])?,
            proj: if changes { Some(Linear::new(&w / "proj", inputs, outputs)?) } else { None },
            shape,
        })
    }

    /// [b, h, w, inputs] → [b, h, w, outputs], halved where the width changes.
    fn forward(&self, x: &Tensor) -> Tensor {
        let normed = self.norm1.forward(x);
        let shortcut = match &self.proj {
            Some(proj) => halve(&proj.forward(&normed)),
            None => x.shallow_clone(),
        };
        let y = match self.shape.window {
            0 => self.attend(&normed),
            side => {
                let (windows, across) = cut(&normed, side);
                let side = if self.proj.is_some() { side / 2 } else { side };
                join(&self.attend(&windows), side, across, &shortcut)
            }
        };
        let x = shortcut + y;
        &x + self.mlp.forward(&self.norm2.forward(&x))
    }

    /// [b, h, w, inputs] → [b, h', w', outputs]
    fn attend(&self, x: &Tensor) -> Tensor {
        let (b, h, w, _) = x.size4().expect("[b, h, w, c]");
        let BlockShape { heads, outputs, .. } = self.shape;
        let qkv = self.qkv.forward(x).view([b, h * w, 3, outputs]);
        let mut q = qkv.select(2, 0);
        let (mut down, mut across) = (h, w);
        if self.proj.is_some() {
            q = halve(&q.reshape([b, h, w, outputs]));
            (down, across) = (q.size()[1], q.size()[2]);
        }
        let split = |t: &Tensor| t.reshape([b, -1, heads, outputs / heads]).transpose(1, 2); // b heads n d
        let (q, k, v) = (split(&q), split(&qkv.select(2, 1)), split(&qkv.select(2, 2)));
        let y = Tensor::scaled_dot_product_attention(&q, &k, &v, None::<Tensor>, 0.0, false, None, false);
        self.attn_proj.forward(&y.transpose(1, 2).reshape([b, down, across, outputs]))
    }
}

/// The largest of every two by two: [b, h, w, c] → [b, h / 2, w / 2, c].
fn halve(x: &Tensor) -> Tensor {
    x.permute([0, 3, 1, 2]).max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false).permute([0, 2, 3, 1])
}

/// Windows of a picture, padded with zeros at the bottom and right: [b · down · across, side, side, c], and how many
/// lie [down, across].
fn cut(x: &Tensor, side: i64) -> (Tensor, [i64; 2]) {
    let (b, h, w, c) = x.size4().expect("[b, h, w, c]");
    let [down, across] = [h, w].map(|n| (n + side - 1) / side);
    let x = x.constant_pad_nd([0, 0, 0, across * side - w, 0, down * side - h]);
    let x = x.view([b, down, side, across, side, c]).permute([0, 1, 3, 2, 4, 5]);
    (x.reshape([-1, side, side, c]), [down, across])
}

/// The picture back from its windows, cut to the size of `like`.
fn join(windows: &Tensor, side: i64, [down, across]: [i64; 2], like: &Tensor) -> Tensor {
    let (b, h, w, c) = like.size4().expect("[b, h, w, c]");
    let x = windows.view([b, down, across, side, side, c]).permute([0, 1, 3, 2, 4, 5]);
    x.reshape([b, down * side, across * side, c]).narrow(1, 0, h).narrow(2, 0, w)
}
