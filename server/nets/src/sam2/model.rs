//! The whole network: what it answers to a prompt, and what it remembers of an answer.
//!
//! Which frames are prompted and remembered is decided in [`super::session`]. Reference: sam2/modeling/sam2_base.py at
//! facebookresearch/sam2@2b90b9f; void-spec §2.2–2.3.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::config::{Config, Generation};
use super::decoder::MaskDecoder;
use super::image_encoder::{Features, ImageEncoder};
use super::memory_attention::{Memory, MemoryAttention};
use super::memory_encoder::MemoryEncoder;
use super::mlp::Mlp;
use super::names::Layout;
use super::position;
use super::prompt::PromptEncoder;
use crate::layers::{Conv2d, Linear, Window};
use crate::{Error, Weights};

pub const HIDDEN: f64 = -1024.0; // the logits of an object that is not there; sam2_base.py, NO_OBJ_SCORE
const MEMORY_SCALE: f64 = 20.0;
const MEMORY_OFFSET: f64 = -10.0;

/// SAM 2.0 or 2.1, any size.
pub struct Sam2 {
    pub config: Config,
    pub image: ImageEncoder,
    pub prompt: PromptEncoder,
    pub decoder: MaskDecoder,
    pub attention: MemoryAttention,
    pub memory: MemoryEncoder,
    pointer: Mlp,
    /// 2.1: times of pointers.
    pointer_time: Option<Linear>,
    mask_down: Conv2d,
    /// [num_maskmem, mem_dim]
    times: Tensor,
    no_memory: Tensor,
    no_pointer: Tensor,
    /// 2.1: added to the memory of a frame in which the object is hidden.
    hidden: Option<Tensor>,
    /// Where each place of a map is: [1, d_model, grid, grid], of the features, and as the decoder sees it.
    place: Tensor,
    decoder_place: Tensor,
    /// [1, mem_dim, grid, grid]
    memory_place: Tensor,
}

/// What a person marked, in pixels of the network's square.
pub struct Points {
    /// [1, n, 2]
    pub at: Tensor,
    /// [1, n]: 1 onto, 0 away, 2 and 3 corners of a box
    pub labels: Tensor,
}

/// One object in one frame, as the decoder sees it.
pub struct Answer {
    /// Logits: [1, 1, mask side, mask side].
    pub low: Tensor,
    /// Logits: [1, 1, image side, image side].
    pub high: Tensor,
    /// [1, d_model]
    pub pointer: Tensor,
    /// Above 0: the object is there. [1, 1]
    pub score: Tensor,
    /// How well the mask is thought to fit, 0–1.
    pub iou: f64,
}

/// A frame's object pointer and how many frames away it is.
pub struct PointerAt<'a> {
    pub away: i64,
    pub pointer: &'a Tensor,
}

impl Sam2 {
    /// Opens a released checkpoint in either layout; the size is told from its tensors.
    ///
    /// # Errors
    /// When the file is not a whole checkpoint of SAM 2.
    pub fn open(path: &Path, device: Device, kind: Kind) -> Result<Self, Error> {
        let w = Weights::open(path, device, kind)?;
        Self::new(&w, &Config::recognise(&w)?)
    }

    /// # Errors
    /// When a tensor is missing, has another size, or is not known.
    pub fn new(w: &Weights, config: &Config) -> Result<Self, Error> {
        let layout = Layout::of(w)?;
        let w = layout.original_names(w);
        let Config { d_model: d, mem_dim, num_maskmem, generation, .. } = *config;
        let new = generation == Generation::TwoOne;
        let image = ImageEncoder::new(&w / "image_encoder", config)?;
        let prompt = PromptEncoder::new(&w / "sam_prompt_encoder", layout, config)?;
        let no_memory = w.tensor("no_mem_embed", &[1, 1, d])?;
        let grid = config.grid();
        // Stored, and never read: the embedding above is added directly.
        let _ = w.tensor("no_mem_pos_enc", &[1, 1, d])?;
        let sam2 = Self {
            decoder: MaskDecoder::new(&w / "sam_mask_decoder", config)?,
            attention: MemoryAttention::new(&w / "memory_attention", config)?,
            memory: MemoryEncoder::new(&w / "memory_encoder", config)?,
            pointer: Mlp::relu(&w / "obj_ptr_proj", &[d, d, d, d])?,
            pointer_time: if new { Some(Linear::new(&w / "obj_ptr_tpos_proj", d, mem_dim)?) } else { None },
            mask_down: Conv2d::new(&w / "mask_downsample", 1, 1, Window::square(4, 4, 0))?,
            times: w.tensor("maskmem_tpos_enc", &[num_maskmem, 1, 1, mem_dim])?.view([num_maskmem, mem_dim]),
            no_pointer: w.tensor("no_obj_ptr", &[1, d])?,
            hidden: if new { Some(w.tensor("no_obj_embed_spatial", &[1, mem_dim])?) } else { None },
            place: image.position(config, &no_memory),
            decoder_place: prompt.grid_position(),
            memory_place: position::sine(mem_dim, grid, w.device()).to_kind(w.kind()),
            config: config.clone(),
            image,
            prompt,
            no_memory,
        };
        w.finish()?;
        Ok(sam2)
    }

    pub fn device(&self) -> Device {
        self.no_memory.device()
    }

    pub fn kind(&self) -> Kind {
        self.no_memory.kind()
    }

    /// `picture`: [1, 3, side, side], normalised. The slow part; keep what it returns.
    pub fn look(&self, picture: &Tensor) -> Features {
        let picture = picture.to_device(self.device()).to_kind(self.kind());
        self.decoder.features(self.image.forward(&picture))
    }

    /// Where the decoder sees each place: [1, d_model, grid, grid].
    pub fn decoder_place(&self) -> &Tensor {
        &self.decoder_place
    }

    /// Where each place of a frame's memory is: [1, mem_dim, grid, grid].
    pub fn memory_place(&self) -> &Tensor {
        &self.memory_place
    }

    /// Where each place of a frame's features is: [1, d_model, grid, grid].
    pub fn place(&self) -> &Tensor {
        &self.place
    }

    /// Features of a frame that nothing is remembered for: [1, d_model, grid, grid].
    pub fn unremembering(&self, features: &Features) -> Tensor {
        &features.coarse + self.no_memory.view([1, -1, 1, 1])
    }

    /// Features of a frame, changed by memory: [1, d_model, grid, grid].
    pub fn remembering(&self, features: &Features, memory: &Memory) -> Tensor {
        let flat = |t: &Tensor| t.flatten(2, 3).transpose(1, 2); // 1 n c
        let y = self.attention.forward(&flat(&features.coarse), &flat(&self.place), memory);
        y.transpose(1, 2).reshape(features.coarse.size())
    }

    /// Joins maps of frames and object pointers.
    ///
    /// `maps`: a frame's memory and its place among the times (the last is for conditioning frames). `pointers`: in the
    /// order in which they are attended to; `reach`: how far away one may be, at least.
    pub fn memory_of(&self, maps: &[(i64, &Tensor)], pointers: &[PointerAt], reach: i64) -> Memory {
        let kind = self.kind();
        let flat = |t: &Tensor| t.to_device(self.device()).to_kind(kind).flatten(2, 3).transpose(1, 2); // 1 n mem_dim
        let place = flat(&self.memory_place);
        let mut tokens: Vec<_> = maps.iter().map(|(_, map)| flat(map)).collect();
        let mut positions: Vec<_> =
            maps.iter().map(|(time, _)| &place + self.times.get(*time).view([1, 1, -1])).collect();
        let pieces = self.config.d_model / self.config.mem_dim;
        let count = pointers.len() as i64 * pieces;
        if !pointers.is_empty() {
            let each: Vec<_> = pointers.iter().map(|at| at.pointer).collect();
            tokens.push(Tensor::cat(&each, 0).view([1, count, self.config.mem_dim]));
            positions.push(match &self.pointer_time {
                Some(projection) => {
                    let away: Vec<f32> = pointers.iter().map(|at| at.away as f32).collect();
                    let times =
                        Tensor::from_slice(&away).to_device(self.device()) / (reach - 1).max(1) as f64;
                    let times = position::moments(&times, self.config.d_model).to_kind(kind);
                    projection.forward(&times).repeat_interleave_self_int(pieces, 0, None).unsqueeze(0)
                }
                None => Tensor::zeros([1, count, self.config.mem_dim], (kind, self.device())),
            });
        }
        Memory { tokens: Tensor::cat(&tokens, 1), positions: Tensor::cat(&positions, 1), pointers: count }
    }

    /// Whether the times of pointers have a sign: 2.1 knows before from after.
    pub fn signed_times(&self) -> bool {
        self.pointer_time.is_some()
    }

    /// `coarse`: [1, d_model, grid, grid], with or without memory; `mask`: logits of an earlier mask, of any size.
    pub fn answer(
        &self,
        features: &Features,
        coarse: &Tensor,
        points: Option<&Points>,
        mask: Option<&Tensor>,
    ) -> Answer {
        let nothing = || {
            let at = Tensor::zeros([1, 1, 2], (Kind::Float, self.device()));
            let labels = Tensor::full([1, 1], -1, (Kind::Int64, self.device()));
            self.prompt.points(&at, &labels)
        };
        let sparse = points.map_or_else(nothing, |points| self.prompt.points(&points.at, &points.labels));
        // One click or none leaves open what is meant.
        let unclear = points.is_none_or(|points| points.labels.size()[1] <= 1);
        self.decide(features, coarse, &sparse, mask, unclear)
    }

    fn decide(
        &self,
        features: &Features,
        coarse: &Tensor,
        sparse: &Tensor,
        mask: Option<&Tensor>,
        unclear: bool,
    ) -> Answer {
        let dense = mask.map_or_else(|| self.prompt.no_mask(1), |mask| self.prompt.mask(mask));
        let fine = (&features.fine, &features.middle);
        let all = self.decoder.forward(coarse, &self.decoder_place, sparse, &dense, fine);
        let masks = if unclear { all.three() } else { all.one() };
        let best = masks.ious.argmax(1, false).int64_value(&[0]);
        let there = masks.score.gt(0); // 1 1
        let low = masks.masks.narrow(1, best, 1).to_kind(Kind::Float);
        let low =
            low.where_self(&there.view([1, 1, 1, 1]), &Tensor::from(HIDDEN as f32).to_device(self.device()));
        let pointer = self.pointer.forward(&masks.tokens.select(1, best));
        let there = there.to_kind(pointer.kind());
        Answer {
            high: self.enlarge(&low),
            low,
            pointer: self.if_there(&pointer, &there),
            score: masks.score.to_kind(Kind::Float),
            iou: masks.ious.double_value(&[0, best]),
        }
    }

    /// The pointer, or the one of an object that is hidden. `there`: [1, 1], 0 or 1.
    fn if_there(&self, pointer: &Tensor, there: &Tensor) -> Tensor {
        pointer * there + (there.ones_like() - there) * &self.no_pointer
    }

    /// A mask that a person made is the answer; only its pointer is asked of the decoder.
    ///
    /// `mask`: [1, 1, image side, image side], 0 or 1.
    pub fn answer_with_mask(&self, features: &Features, mask: &Tensor) -> Answer {
        let mask = mask.to_device(self.device()).to_kind(Kind::Float);
        let high = &mask * MEMORY_SCALE + MEMORY_OFFSET;
        let side = self.config.mask_side();
        let hint = self.mask_down.forward(&mask.to_kind(self.kind()));
        let nothing = Tensor::zeros([1, 1, 2], (Kind::Float, self.device()));
        let none = Tensor::full([1, 1], -1, (Kind::Int64, self.device()));
        let sparse = self.prompt.points(&nothing, &none);
        let pointer = self.decide(features, &features.coarse, &sparse, Some(&hint), false).pointer;
        let there = mask.gt(0).any().to_kind(Kind::Float).view([1, 1]);
        Answer {
            low: high.internal_upsample_bilinear2d_aa([side, side], false, None, None),
            pointer: self.if_there(&pointer, &there.to_kind(pointer.kind())),
            score: &there * MEMORY_SCALE + MEMORY_OFFSET,
            high,
            iou: 1.0,
        }
    }

    /// Mask logits at the side of the network's square: [1, 1, image side, image side].
    pub fn enlarge(&self, low: &Tensor) -> Tensor {
        let side = self.config.image_size;
        low.upsample_bilinear2d([side, side], false, None, None)
    }

    /// What is remembered of a frame: [1, mem_dim, grid, grid], bf16 as in the reference, whatever the network's kind.
    ///
    /// `certain`: a person prompted this frame, so the mask counts as it is, without its doubts.
    pub fn remember(&self, features: &Features, high: &Tensor, score: &Tensor, certain: bool) -> Tensor {
        let mask = if certain { high.gt(0).to_kind(Kind::Float) } else { high.sigmoid() };
        let mask = (mask * MEMORY_SCALE + MEMORY_OFFSET).to_kind(self.kind());
        let mut map = self.memory.forward(&features.coarse, &mask);
        if let Some(hidden) = &self.hidden {
            let there = score.gt(0).to_kind(map.kind()).view([1, 1, 1, 1]);
            map += (there.ones_like() - there) * hidden.view([1, -1, 1, 1]);
        }
        map.to_kind(Kind::BFloat16)
    }
}
