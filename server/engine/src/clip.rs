//! Plate and quadmask as the model is shown them: on the canvas, frame by frame, kept on disk. What the networks make of them
//! is in `latents`.

use domain::recipe::VoidRecipe;
use nets::prepare::{self, Coding};
use pipeline::{Masks, PlateFile, Reporter};
use plate::remove::{Rect, marked};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use domain::{Hash, Step};

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::store::{Film, Store, to_bytes, to_samples};

/// What the model is shown where the quadmask says affected.
const AFFECTED: u8 = 128;

/// A clip on the canvas.
pub struct Clip {
    pub layout: Layout,
    pub frames: u32,
    /// Changes with every pixel of plate and quadmask that the model is shown.
    pub hash: Hash,
    /// RGB, 16 bits a sample.
    plate: Film,
    /// 255 remove, 192 overlap, 128 affected, 0 keep.
    mask: Film,
}

/// Bytes of disk that a clip takes while it is worked on.
pub fn bytes(recipe: &VoidRecipe, frames: u32) -> u64 {
    let pixels = u64::from(recipe.canvas_width) * u64::from(recipe.canvas_height);
    u64::from(frames) * pixels * (RGB16 + 1)
}

/// Bytes of a pixel of red, green and blue in 16 bits.
pub const RGB16: u64 = 6;

impl Clip {
    /// Reads every frame of plate and quadmask.
    ///
    /// # Errors
    /// A quadmask without a primary pixel, or with none left on the canvas.
    pub fn new(
        plate: &mut PlateFile,
        masks: &mut dyn Masks,
        recipe: &VoidRecipe,
        store: &Store,
        report: &mut dyn Reporter,
    ) -> Result<Self> {
        let frames = plate.frames();
        let total = 2 * u64::from(frames);
        let (mut around, mut is_primary) = (Rect::EMPTY, false);
        for frame in 0..frames {
            report.step(Step::Prepare, u64::from(frame), total)?;
            let levels = masks.levels(frame)?;
            around = around.union(marked(&levels));
            let [primary, overlap, ..] = levels.areas();
            is_primary |= primary + overlap > 0;
        }
        if !is_primary {
            return Err(Error::NoPrimary);
        }
        let layout = Layout::new(recipe, plate.size(), around);
        let (width, height) = plate.size();
        let pixels = layout.canvas.0 as usize * layout.canvas.1 as usize;
        let mut films = (store.film("plate", pixels * 6)?, store.film("mask", pixels)?);
        let (mut digest, mut is_left) = (Sha256::new(), false);
        for frame in 0..frames {
            report.step(Step::Prepare, u64::from(frames + frame), total)?;
            let picture = plate.picture(frame)?;
            let rgb = picture.to_rgb(width, height, &plate.facts.colour, plate.facts.rotation)?;
            let canvas = layout.plane(&rgb.data, 3, width as usize, true);
            let canvas = to_bytes(canvas.iter().map(|v| (v * 257.0 + 0.5).clamp(0.0, 65_535.0) as u16));
            let grey = masks.levels(frame)?.to_grey();
            let grey = layout.plane(&grey, 1, width as usize, false);
            let levels = prepare::invert(&Tensor::from_slice(&grey), Coding::Quad).to_kind(Kind::Uint8);
            let mut levels = Vec::<u8>::try_from(levels).map_err(nets::Error::from)?;
            if frame == 0 {
                // Nothing is affected yet on the first frame that the model was trained on (§4.4). The composite is another matter.
                levels.iter_mut().filter(|level| **level == AFFECTED).for_each(|level| *level = 0);
            }
            is_left |= levels.iter().any(|&level| level >= 192);
            digest.update(&canvas);
            digest.update(&levels);
            films.0.push(&canvas)?;
            films.1.push(&levels)?;
        }
        if !is_left {
            let (width, height) = layout.canvas;
            return Err(Error::TooSmall { width, height });
        }
        films.0.flush()?;
        films.1.flush()?;
        let hash = Hash::from_digest(digest.finalize().into());
        Ok(Self { layout, frames, hash, plate: films.0, mask: films.1 })
    }

    /// [height, width] of the canvas.
    pub fn size(&self) -> [i64; 2] {
        [i64::from(self.layout.canvas.1), i64::from(self.layout.canvas.0)]
    }

    /// These frames, 0–1: [1, 3, f, height, width].
    pub fn video(&self, frames: &[i64]) -> Result<Tensor> {
        let [height, width] = self.size();
        let mut all = Vec::new();
        for &frame in frames {
            let samples = to_samples(&self.plate.read(frame as u32)?)
                .map(|v| f32::from(v) / 65_535.0)
                .collect::<Vec<_>>();
            all.push(Tensor::from_slice(&samples).view([height, width, 3]).permute([2, 0, 1]));
        }
        Ok(Tensor::stack(&all, 1).unsqueeze(0))
    }

    /// These frames of the mask, 1 remove to 0 keep: [1, 1, f, height, width].
    pub fn mask(&self, frames: &[i64]) -> Result<Tensor> {
        let [height, width] = self.size();
        let mut all = Vec::new();
        for &frame in frames {
            all.push(Tensor::from_slice(&self.mask.read(frame as u32)?).view([height, width]));
        }
        Ok((Tensor::stack(&all, 0).to_kind(Kind::Float) / 255.0).unsqueeze(0).unsqueeze(0))
    }
}
