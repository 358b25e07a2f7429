//! The sizes that a SAM 2 checkpoint comes in, and how a checkpoint is told from its own tensors.

use std::path::Path;

use serde::Deserialize;

use super::names::Layout;
use crate::{Error, Weights};

/// What 2.1 adds: an embedding for a hidden object in its memory, and signed, projected times of object pointers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Generation {
    #[serde(rename = "2.0")]
    Two,
    #[serde(rename = "2.1")]
    TwoOne,
}

/// Sizes of one network (void-spec §2.3). A `config.json` of our fixtures holds exactly these fields and more.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Config {
    #[serde(rename = "version")]
    pub generation: Generation,
    /// Side of the square that every frame is stretched to.
    pub image_size: i64,
    /// Width of the first stage; it doubles at each further one, and so do the heads.
    pub embed_dim: i64,
    pub num_heads: i64,
    /// Blocks of each stage.
    pub stages: [i64; 4],
    #[serde(rename = "global_att_blocks")]
    pub global_blocks: Vec<i64>,
    /// Size of the coarse position table that is stretched over the picture.
    #[serde(rename = "bkg")]
    pub background: [i64; 2],
    #[serde(rename = "window_spec")]
    pub windows: [i64; 4],
    pub d_model: i64,
    pub mem_dim: i64,
    pub mem_layers: i64,
    /// Inner width of the memory attention's feed-forward.
    pub dim_ff: i64,
    /// Conditioning frames count as one place, the frames before as the others.
    pub num_maskmem: i64,
}

impl Config {
    pub fn tiny(generation: Generation) -> Self {
        Self::released(generation, 96, 1, [1, 2, 7, 2], &[5, 7, 9], [7, 7], [8, 4, 14, 7])
    }

    pub fn small(generation: Generation) -> Self {
        Self::released(generation, 96, 1, [1, 2, 11, 2], &[7, 10, 13], [7, 7], [8, 4, 14, 7])
    }

    pub fn base_plus(generation: Generation) -> Self {
        Self::released(generation, 112, 2, [2, 3, 16, 3], &[12, 16, 20], [14, 14], [8, 4, 14, 7])
    }

    pub fn large(generation: Generation) -> Self {
        Self::released(generation, 144, 2, [2, 6, 36, 4], &[23, 33, 43], [7, 7], [8, 4, 16, 8])
    }

    fn released(
        generation: Generation,
        embed_dim: i64,
        num_heads: i64,
        stages: [i64; 4],
        global_blocks: &[i64],
        background: [i64; 2],
        windows: [i64; 4],
    ) -> Self {
        Self {
            generation,
            image_size: 1024,
            embed_dim,
            num_heads,
            stages,
            global_blocks: global_blocks.to_vec(),
            background,
            windows,
            d_model: 256,
            mem_dim: 64,
            mem_layers: 4,
            dim_ff: 2048,
            num_maskmem: 7,
        }
    }

    /// # Errors
    /// When the file cannot be read or lacks a field.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config: Self = crate::read_json(path)?;
        config.check()?;
        Ok(config)
    }

    /// Which of the released sizes a checkpoint is, from its own tensors: it needs no configuration beside it.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn recognise(w: &Weights) -> Result<Self, Error> {
        let w = Layout::of(w)?.original_names(w);
        let generation = match w.shape("no_obj_embed_spatial") {
            Some(_) => Generation::TwoOne,
            None => Generation::Two,
        };
        let trunk = &w / "image_encoder.trunk";
        let width = trunk.shape("patch_embed.proj.weight").and_then(|shape| shape.first().copied());
        let depth = (0..).take_while(|i| trunk.shape(&format!("blocks.{i}.norm1.weight")).is_some()).count();
        let known = [Self::tiny, Self::small, Self::base_plus, Self::large].map(|size| size(generation));
        known.into_iter().find(|size| Some(size.embed_dim) == width && size.depth() == depth as i64).ok_or_else(
            || {
                Error::input(
                    format!(
                        "this SAM 2 checkpoint has {depth} blocks of width {}, which is none of tiny, small, base+ and large",
                        width.map_or("unknown".to_owned(), |width| width.to_string())
                    ),
                    "Use a released checkpoint of SAM 2.0 or 2.1.",
                )
            },
        )
    }

    fn check(&self) -> Result<(), Error> {
        let heads = self.num_heads.max(1);
        let sound = self.image_size % 32 == 0
            && self.image_size > 0
            && self.stages.iter().chain(&self.windows).chain(&self.background).all(|n| *n > 0)
            && self.embed_dim % heads == 0
            && self.d_model % 8 == 0
            && self.mem_dim % 4 == 0
            && self.mem_dim > 0
            && self.d_model % self.mem_dim == 0
            && self.mem_layers > 0
            && self.num_maskmem > 0;
        if sound {
            return Ok(());
        }
        Err(Error::input(
            "this configuration of SAM 2 cannot be built",
            "The picture's side must divide by 32, widths by their heads, and d_model by 8 and by mem_dim.",
        ))
    }

    pub fn depth(&self) -> i64 {
        self.stages.iter().sum()
    }

    /// Side of the feature map that memory and decoder work on.
    pub fn grid(&self) -> i64 {
        self.image_size / 16
    }

    /// Side of the mask logits.
    pub fn mask_side(&self) -> i64 {
        self.image_size / 4
    }
}
