//! The vision backbone and its neck: a picture → three maps of features. sam3-spec.md §2

use tch::{Kind, Tensor};

use super::attention::Attention;
use super::config::{Config, Vit};
use super::layout::{Layout, Place};
use super::positions::Turns;
use crate::Error;
use crate::layers::{Conv2d, ConvTranspose2d, LayerNorm, Linear, Window};

pub struct Backbone {
    patch: Conv2d,
    /// [1, grid², width]
    positions: Tensor,
    before: LayerNorm,
    pub blocks: Vec<Block>,
    in_window: Turns,
    in_whole: Turns,
    grid: i64,
}

impl Backbone {
    /// `p`: at the vision encoder.
    pub fn new(p: &Place, config: &Vit) -> Result<Self, Error> {
        let Vit { width, blocks, heads, patch, window, eps, turns, .. } = *config;
        let (grid, device) = (config.grid(), p.weights.device());
        let p = p.part("backbone", "trunk");
        let embed = p.at("embeddings.patch_embeddings.projection", "patch_embed.proj");
        let block = |at: i64| {
            let whole = config.whole.contains(&at);
            Block::new(&p.part(format!("layers.{at}"), format!("blocks.{at}")), config, whole)
        };
        Ok(Self {
            patch: Conv2d::without_bias(embed, 3, width, Window::square(patch, patch, 0))?,
            positions: tiled(&table(&p, config)?, grid),
            before: LayerNorm::new(p.at("layer_norm", "ln_pre"), width, eps)?,
            blocks: (0..blocks).map(block).collect::<Result<_, _>>()?,
            in_window: Turns::new(window, 1.0, width / heads, turns.base, device),
            in_whole: Turns::new(grid, window as f64 / grid as f64, width / heads, turns.base, device),
            grid,
        })
    }

    /// [b, 3, side, side] in −1…1 → patches with their positions [b, grid², width]
    pub fn embed(&self, pixels: &Tensor) -> Tensor {
        self.patch.forward(pixels).flatten(2, 3).transpose(1, 2) + &self.positions
    }

    /// [b, grid², width] → [b, grid, grid, width]
    pub fn before(&self, x: &Tensor) -> Tensor {
        self.before.forward(x).unflatten(1, [self.grid, self.grid])
    }

    /// [b, grid, grid, width] → the same shape.
    pub fn block(&self, block: &Block, x: &Tensor) -> Tensor {
        block.forward(x, if block.window.is_some() { &self.in_window } else { &self.in_whole })
    }

    /// [b, 3, side, side] in −1…1 → [b, width, grid, grid]. No norm after the last block.
    pub fn forward(&self, pixels: &Tensor) -> Tensor {
        let x = self.before(&self.embed(pixels));
        let x = self.blocks.iter().fold(x, |x, block| self.block(block, &x));
        x.permute([0, 3, 1, 2])
    }
}

/// The position table [1, table, table, width]. The official one has a row more in front, for a token that is not used.
fn table(p: &Place, config: &Vit) -> Result<Tensor, Error> {
    let (side, width) = (config.table(), config.width);
    let rows = match p.layout {
        Layout::Transformers => {
            p.weights.tensor("embeddings.position_embeddings", &[1, side * side, width])?
        }
        Layout::Official => {
            p.weights.tensor("pos_embed", &[1, side * side + 1, width])?.narrow(1, 1, side * side)
        }
    };
    Ok(rows.reshape([1, side, side, width]))
}

/// The table laid side by side until it covers the grid, and cut there: [1, grid², width]
fn tiled(table: &Tensor, grid: i64) -> Tensor {
    let side = table.size()[1];
    let tiles = if grid == side { 1 } else { grid / side + 1 };
    let tiled = table.repeat([1, tiles, tiles, 1]);
    tiled.narrow(1, 0, grid).narrow(2, 0, grid).flatten(1, 2).contiguous()
}

pub struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    /// Side of the windows it looks at; `None`: at the whole picture.
    window: Option<i64>,
}

impl Block {
    fn new(p: &Place, config: &Vit, whole: bool) -> Result<Self, Error> {
        let Vit { width, inner, heads, window, eps, .. } = *config;
        p.pass_over_official("attn.freqs_cis"); // computed: positions.rs
        Ok(Self {
            norm1: LayerNorm::new(p.at("layer_norm1", "norm1"), width, eps)?,
            attention: Attention::of_vision(p, width, heads)?,
            norm2: LayerNorm::new(p.at("layer_norm2", "norm2"), width, eps)?,
            fc1: Linear::new(p.at("mlp.fc1", "mlp.fc1"), width, inner)?,
            fc2: Linear::new(p.at("mlp.fc2", "mlp.fc2"), inner, width)?,
            window: (!whole).then_some(window),
        })
    }

    fn forward(&self, x: &Tensor, turns: &Turns) -> Tensor {
        let (b, h, w, d) = x.size4().expect("[b, h, w, width]");
        let normed = self.norm1.forward(x);
        let attend = |tokens: &Tensor| self.attention.forward_turned(tokens, |t| turns.turn(t));
        let attended = match self.window {
            None => attend(&normed.view([b, h * w, d])).view([b, h, w, d]),
            Some(window) => {
                let windows = Windows { b, h, w, side: window };
                windows.join(&attend(&windows.split(&normed)))
            }
        };
        let x = x + attended;
        let mlp = self.fc2.forward(&self.fc1.forward(&self.norm2.forward(&x)).gelu("none"));
        x + mlp
    }
}

/// How a picture of tokens falls into windows; it is filled up with zeros at the right and below where it must be, and
/// these take part.
struct Windows {
    b: i64,
    h: i64,
    w: i64,
    side: i64,
}

impl Windows {
    fn counts(&self) -> (i64, i64) {
        let count = |size: i64| (size + self.side - 1) / self.side;
        (count(self.h), count(self.w))
    }

    /// [b, h, w, d] → [windows, side², d]
    fn split(&self, x: &Tensor) -> Tensor {
        let Self { b, h, w, side } = *self;
        let ((down, across), d) = (self.counts(), x.size()[3]);
        let x = x.constant_pad_nd([0, 0, 0, across * side - w, 0, down * side - h]);
        let x = x.view([b, down, side, across, side, d]).permute([0, 1, 3, 2, 4, 5]);
        x.reshape([b * down * across, side * side, d])
    }

    /// [windows, side², d] → [b, h, w, d]
    fn join(&self, x: &Tensor) -> Tensor {
        let Self { b, h, w, side } = *self;
        let ((down, across), d) = (self.counts(), x.size()[2]);
        let x = x.view([b, down, across, side, side, d]).permute([0, 1, 3, 2, 4, 5]);
        x.reshape([b, down * side, across * side, d]).narrow(1, 0, h).narrow(2, 0, w)
    }
}

/// One level of the neck.
pub struct Level {
    grow: Grow,
    narrow: Conv2d,
    smooth: Conv2d,
}

/// How a level gets its size from the backbone's.
enum Grow {
    Four(ConvTranspose2d, ConvTranspose2d),
    Two(ConvTranspose2d),
    One,
    Half,
}

/// Four levels from the last block alone. The smallest is in the file and is not used.
pub struct Neck {
    pub levels: [Level; 4],
}

impl Neck {
    /// `p`: at the vision encoder.
    pub fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let (width, dim) = (config.vit.width, config.dim);
        p.pass_over_official("sam2_convs."); // the tracker's neck
        let level = |at: usize| -> Result<_, Error> {
            let p = p.part(format!("neck.fpn_layers.{at}"), format!("convs.{at}"));
            let twice = |transformers: &str, official: &str, inputs: i64| {
                ConvTranspose2d::new(p.at(transformers, official), inputs, inputs / 2, 2, 2)
            };
            let (grow, inputs) = match at {
                0 => {
                    let first = twice("scale_layers.0", "dconv_2x2_0", width)?;
                    (Grow::Four(first, twice("scale_layers.2", "dconv_2x2_1", width / 2)?), width / 4)
                }
                1 => (Grow::Two(twice("scale_layers.0", "dconv_2x2", width)?), width / 2),
                2 => (Grow::One, width),
                _ => (Grow::Half, width),
            };
            Ok(Level {
                grow,
                narrow: Conv2d::new(p.at("proj1", "conv_1x1"), inputs, dim, Window::square(1, 1, 0))?,
                smooth: Conv2d::new(p.at("proj2", "conv_3x3"), dim, dim, Window::square(3, 1, 1))?,
            })
        };
        Ok(Self { levels: [level(0)?, level(1)?, level(2)?, level(3)?] })
    }

    /// [b, width, grid, grid] → in f32 [b, dim, 4·grid, 4·grid], [b, dim, 2·grid, 2·grid], [b, dim, grid, grid]
    pub fn forward(&self, x: &Tensor) -> [Tensor; 3] {
        [0, 1, 2].map(|level| self.levels[level].forward(x).to_kind(Kind::Float))
    }
}

impl Level {
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let x = match &self.grow {
            Grow::Four(first, second) => second.forward(&first.forward(x).gelu("none")),
            Grow::Two(grow) => grow.forward(x),
            Grow::One => x.shallow_clone(),
            Grow::Half => x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false),
        };
        self.smooth.forward(&self.narrow.forward(&x))
    }
}
