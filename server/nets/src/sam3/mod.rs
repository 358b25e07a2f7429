//! SAM 3: masks of everything in a frame that a phrase names. The official code's behaviour throughout; where
//! transformers differs, both are there under their names. Source: `sam3-spec.md`, whose sections and traps are quoted.
//!
//! A frame is looked at once ([`Sam3::see`]), a phrase is read once ([`Sam3::read`]); seeking one in the other
//! ([`Sam3::seek`]) is the small rest. Following what was found over frames is SAM 2's work.

mod attention;
pub mod blank;
mod cleaning;
pub mod config;
pub(crate) mod decoder;
pub(crate) mod fusion;
pub mod geometry;
mod instances;
mod kept;
pub(crate) mod layout;
pub(crate) mod masks;
pub mod memory;
pub(crate) mod positions;
pub mod preprocess;
pub(crate) mod scoring;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod tokenizer;
pub(crate) mod vision;

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

pub use cleaning::Cleaning;
pub use config::Config;
pub use geometry::BoxPrompt;
pub use instances::{Found, Instance, Manner, Seeking};
pub use kept::{Kept, Words, frame};
pub use preprocess::Resize;
pub use tokenizer::{Note, Phrase, Tokenizer};

use crate::{Error, Weights};
use decoder::Decoder;
use fusion::Fusion;
use geometry::GeometryEncoder;
pub use layout::Layout;
use layout::Place;
use masks::MaskHead;
use scoring::Scoring;
use text::TextEncoder;
use vision::{Backbone, Neck};

/// Of every norm behind the two backbones, whatever the file says. sam3-spec.md §6, trap 12
const EPS: f64 = 1e-5;

/// The phrase that stands for “what is in the boxes” where there are only boxes. sam3-spec.md §3
pub const ONLY_BOXES: &str = "visual";

/// The image model. The two backbones run in the kind of its weights, everything behind them in f32 (§11).
pub struct Sam3 {
    pub(crate) backbone: Backbone,
    pub(crate) neck: Neck,
    pub(crate) text: TextEncoder,
    pub(crate) geometry: GeometryEncoder,
    pub(crate) fusion: Fusion,
    pub(crate) decoder: Decoder,
    pub(crate) scoring: Scoring,
    pub(crate) mask_head: MaskHead,
    pub config: Config,
    device: Device,
    kind: Kind,
}

/// What the vision backbone made of a frame; every phrase asked about it can share it.
pub struct Seen {
    /// In f32: [1, dim, 4·grid, 4·grid], [1, dim, 2·grid, 2·grid], [1, dim, grid, grid]
    pub maps: [Tensor; 3],
    /// Where each cell of the last is: [1, dim, grid, grid]
    pub positions: Tensor,
    /// Height and width of the frame.
    pub frame: [i64; 2],
}

impl Seen {
    /// [1, grid², dim]
    fn tokens(&self) -> Tensor {
        self.maps[2].flatten(2, 3).transpose(1, 2)
    }

    /// [1, grid², dim]
    fn placed(&self) -> Tensor {
        self.positions.flatten(2, 3).transpose(1, 2)
    }

    /// [1, grid², dim]
    fn keys(&self) -> Tensor {
        self.tokens() + self.placed()
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        self.maps.iter().chain([&self.positions]).map(|map| map.numel() * size_of::<f32>()).sum()
    }
}

/// What the text encoder made of a phrase; every frame can share it.
pub struct Read {
    /// In f32: [1, context, dim]
    pub tokens: Tensor,
    /// Which of them are the phrase's: [1, context], booleans
    pub valid: Tensor,
}

/// Text and boxes in one row. sam3-spec.md §5
pub struct Prompt {
    /// [b, n, dim]
    pub tokens: Tensor,
    /// [b, n], booleans
    pub valid: Tensor,
}

impl Prompt {
    /// As attention wants it: [b, 1, 1, n]
    fn counts(&self) -> Tensor {
        self.valid.unsqueeze(1).unsqueeze(1)
    }
}

/// What goes beside the words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Beside<'a> {
    /// The token that is always there.
    #[default]
    Nothing,
    /// Boxes, and that token.
    Boxes(&'a [BoxPrompt]),
    /// Not even that token: what transformers does without boxes, and what the released weights were not made for.
    TransformersTextOnly,
}

impl Sam3 {
    /// Opens a model's folder: `model.safetensors`, its shards or `sam3.pt`; `config.json` where it is not the released
    /// model's; and, by [`Tokenizer::open`], the vocabulary.
    ///
    /// # Errors
    /// When a file is missing or damaged, when the weights are not exactly those of a detector of that size (with the
    /// name of the first wrong tensor), and when they do not fit into the memory.
    pub fn open(folder: &Path, device: Device, kind: Kind) -> Result<(Self, Tokenizer), Error> {
        let (config, tokenizer, weights) = parts(folder)?;
        if device == Device::Cpu {
            memory::check(memory::needed(&config, kind)?, memory::free())?;
        }
        let weights = Weights::open(&weights, device, kind)?;
        Ok((Self::find(&weights, &config, &folder.display().to_string())?, tokenizer))
    }

    /// Holds a model's folder against what a detector of its sizes has, without reading its gigabytes: names, shapes and the
    /// vocabulary.
    ///
    /// # Errors
    /// As [`Self::open`], but for the memory.
    pub fn check(folder: &Path) -> Result<(), Error> {
        let (config, _, path) = parts(folder)?;
        let weights = Weights::open(&path, Device::Cpu, Kind::Float)?;
        let (prefix, layout) = Place::told(&weights.names(), &folder.display().to_string())?;
        let outline = Weights::outline();
        Self::new(&Place::at_detector(&outline, prefix, layout), &config)?;
        weights.check(&outline)
    }

    /// Builds the model from a checkpoint in either layout. `from`: what to call it in an error.
    ///
    /// # Errors
    /// When it is not a detector's, or not exactly one of that size.
    pub fn find(weights: &Weights, config: &Config, from: &str) -> Result<Self, Error> {
        let model = Self::new(&Place::find(weights, from)?, config)?;
        weights.finish()?;
        Ok(model)
    }

    /// From weights whose names do not say what layout they have: random ones, and outlines.
    ///
    /// # Errors
    /// As the weights' own.
    pub fn in_layout(weights: &Weights, layout: Layout, config: &Config) -> Result<Self, Error> {
        Self::new(&Place { weights: weights.clone(), layout }, config)
    }

    fn new(p: &Place, config: &Config) -> Result<Self, Error> {
        let (device, kind) = (p.weights.device(), p.weights.kind());
        let eyes = p.part("vision_encoder", "backbone.vision_backbone");
        let exact = Place { weights: p.weights.in_kind(Kind::Float), layout: p.layout };
        Ok(Self {
            backbone: Backbone::new(&eyes, &config.vit)?,
            neck: Neck::new(&eyes, config)?,
            text: TextEncoder::new(p, config)?,
            geometry: GeometryEncoder::new(&exact, config)?,
            fusion: Fusion::new(&exact, config)?,
            decoder: Decoder::new(&exact, config)?,
            scoring: Scoring::new(&exact, config)?,
            mask_head: MaskHead::new(&exact, config)?,
            config: config.clone(),
            device,
            kind,
        })
    }

    /// Looks at a frame: `rgb` [h, w, 3], bytes.
    ///
    /// # Errors
    /// When it is no picture, or the network loses itself in numbers that are none.
    pub fn see(&self, rgb: &Tensor, resize: Resize) -> Result<Seen, Error> {
        let square = preprocess::resize(rgb, self.config.vit.picture, resize)?;
        self.see_square(&square, [rgb.size()[0], rgb.size()[1]])
    }

    /// As [`Self::see`], of a frame that is resized already: [3, side, side], bytes.
    pub(crate) fn see_square(&self, square: &Tensor, frame: [i64; 2]) -> Result<Seen, Error> {
        let pixels = preprocess::normalise(&square.to_device(self.device)).unsqueeze(0).to_kind(self.kind);
        let maps = self.neck.forward(&self.backbone.forward(&pixels));
        finite("The picture's features", &maps[2])?;
        let (_, dim, h, w) = maps[2].size4().expect("[1, dim, h, w]");
        Ok(Seen { positions: positions::map(dim, h, w, self.device), maps, frame })
    }

    /// Reads a phrase.
    ///
    /// # Errors
    /// When the network loses itself in numbers that are none.
    pub fn read(&self, phrase: &Phrase) -> Result<Read, Error> {
        let ids = Tensor::from_slice(&phrase.ids).unsqueeze(0);
        let valid = Tensor::from_slice(&phrase.valid).unsqueeze(0);
        self.read_ids(&ids, &valid)
    }

    /// Token numbers and which of them count: each [1, context].
    pub(crate) fn read_ids(&self, ids: &Tensor, valid: &Tensor) -> Result<Read, Error> {
        let tokens = self.text.forward(&ids.to_device(self.device));
        finite("The phrase's features", &tokens)?;
        Ok(Read { tokens, valid: valid.to_kind(Kind::Bool).to_device(self.device) })
    }

    /// Text, and what goes beside it, in one row.
    fn prompt(&self, seen: &Seen, read: &Read, beside: Beside) -> Result<Prompt, Error> {
        let boxes = match beside {
            Beside::TransformersTextOnly => {
                return Ok(Prompt { tokens: read.tokens.shallow_clone(), valid: read.valid.shallow_clone() });
            }
            Beside::Nothing => &[],
            Beside::Boxes(boxes) => boxes,
        };
        if let Some(bad) = boxes.iter().find(|one| !one.is_inside()) {
            return Err(Error::input(
                format!("A box has its centre and size at {:?} of the frame", bad.shares),
                "Give each as a share of the frame, from 0 to 1.",
            ));
        }
        let geometry = self.geometry.forward(seen, boxes);
        let there = Tensor::ones([1, geometry.size()[1]], (Kind::Bool, self.device));
        Ok(Prompt {
            tokens: Tensor::cat(&[&read.tokens, &geometry], 1),
            valid: Tensor::cat(&[&read.valid, &there], 1),
        })
    }

    /// Seeks a phrase in a frame. Masks are made of what scores above `floor` alone; the thresholds asked of the answer
    /// later should not go below it.
    ///
    /// # Errors
    /// When a box is not in the frame, or the network loses itself in numbers that are none: such a score is above no
    /// threshold, and would read as “nothing found”.
    pub fn seek(&self, seen: &Seen, read: &Read, beside: Beside, floor: f64) -> Result<Seeking, Error> {
        let prompt = self.prompt(seen, read, beside)?;
        let placed = seen.placed();
        let memory = self.fusion.forward(&seen.tokens(), &placed, &prompt);
        let size = seen.maps[2].size();
        let decoded = self.decoder.forward(&memory, &placed, &prompt, [size[2], size[3]]);
        let (hidden, boxes, presence) = decoded.last();
        let logits = self.scoring.forward(hidden, &prompt).squeeze_dim(0);
        finite("The scores", &logits)?;
        finite("The boxes", &boxes)?;
        finite("The score of the phrase", presence)?;
        let presence = presence.double_value(&[0, 0]);

        let above = instances::scores(&logits, presence).gt(floor).nonzero().squeeze_dim(1);
        let [fine, middle, _] = &seen.maps;
        let pixels = self.mask_head.pixels(fine, middle, &memory, &prompt);
        let queries = self.mask_head.queries(&hidden.index_select(1, &above));
        let masks = self.mask_head.masks(&queries, &pixels);
        finite("The masks", &masks)?;
        Ok(Seeking {
            logits,
            presence,
            boxes: boxes.squeeze_dim(0),
            masked: Vec::try_from(above).expect("a row of numbers"),
            masks: masks.squeeze_dim(0),
            all: self.mask_head.all(&pixels).squeeze_dim(0).squeeze_dim(0),
            frame: seen.frame,
        })
    }
}

/// A folder's sizes, its vocabulary, and where its weights are: a file, or the folder where they are in several.
///
/// # Errors
/// When it is no folder, or what is beside the weights is missing or damaged.
fn parts(folder: &Path) -> Result<(Config, Tokenizer, PathBuf), Error> {
    if !folder.is_dir() {
        return Err(Error::input(
            format!("{} is no folder", folder.display()),
            "Give the folder of facebook/sam3 with model.safetensors, config.json, vocab.json and merges.txt.",
        ));
    }
    let config = folder.join("config.json");
    let config = if config.exists() { Config::open(&config)? } else { Config::released() };
    let tokenizer = Tokenizer::open(folder, config.text.vocabulary, config.text.context)?;
    let whole = folder.join("model.safetensors");
    Ok((config, tokenizer, if whole.exists() { whole } else { folder.to_owned() }))
}

/// # Errors
/// When there is a number that is none, or none at all.
fn finite(what: &str, x: &Tensor) -> Result<(), Error> {
    if bool::try_from(x.isfinite().all()).expect("one truth") {
        return Ok(());
    }
    Err(Error::input(
        format!("{what} hold numbers that are not finite, so the answer would be empty for no good reason"),
        "Run the model in float32; if that does not help, its weights are damaged: download them again.",
    ))
}
