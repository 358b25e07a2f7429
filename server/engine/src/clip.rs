//! Plate and quadmask as the model is shown them: on the canvas, frame by frame, kept on disk. What the networks make of them
//! is in `latents`.

use domain::recipe::{Cuts, VoidRecipe};
use nets::prepare::{self, Coding};
use pipeline::{Masks, PlateFile, Reporter};
use plate::remove::{Rect, marked};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use domain::{Hash, Step};

use crate::error::{Error, Result};
use crate::parts::Part;
use crate::scenes;
use crate::store::{Film, Store, to_bytes, to_samples};

/// What the model is shown where the quadmask says affected.
const AFFECTED: u8 = 128;

/// What a plate and its quadmask are like, before anything of them is shown to the model.
pub struct Survey {
    /// Around everything that is marked, frame by frame.
    pub marks: Vec<Rect>,
    /// Frames that begin a new scene.
    pub cuts: Vec<u32>,
}

impl Survey {
    /// Looks at every frame of the quadmask, and of the plate where the recipe respects cuts.
    ///
    /// # Errors
    /// A quadmask without a primary pixel.
    pub fn new(
        plate: &mut PlateFile,
        masks: &mut dyn Masks,
        recipe: &VoidRecipe,
        report: &mut dyn Reporter,
    ) -> Result<Self> {
        let frames = plate.frames();
        let total = 2 * u64::from(frames);
        let (mut marks, mut is_primary, mut seen) = (Vec::new(), false, scenes::Cuts::default());
        let (width, height) = scenes::SIZE;
        for frame in 0..frames {
            report.step(Step::Prepare, u64::from(frame), total)?;
            let levels = masks.levels(frame)?;
            marks.push(marked(&levels));
            let [primary, overlap, ..] = levels.areas();
            is_primary |= primary + overlap > 0;
            if recipe.cuts == Cuts::Respect && frames > 1 {
                let picture = plate.picture(frame)?;
                seen.look(&picture.to_grey_full_range(width, height, &plate.facts.colour, 0)?.data);
            }
        }
        if !is_primary {
            return Err(Error::NoPrimary);
        }
        Ok(Self { marks, cuts: seen.found() })
    }
}

/// A part of a clip on the canvas.
pub struct Clip {
    pub part: Part,
    pub frames: u32,
    /// Changes with every pixel of the plate that the model is shown.
    pub plate_hash: Hash,
    /// Changes with every pixel of the quadmask that the model is shown.
    pub mask_hash: Hash,
    /// Whether anything on the canvas is to be removed.
    pub has_target: bool,
    /// RGB, 16 bits a sample.
    plate: Film,
    /// 255 remove, 192 overlap, 128 affected, 0 keep.
    mask: Film,
}

/// Bytes of disk that parts of a clip take while they are worked on, `frames` frames in all.
pub fn bytes(recipe: &VoidRecipe, frames: u64) -> u64 {
    let pixels = u64::from(recipe.canvas_width) * u64::from(recipe.canvas_height);
    frames * pixels * (RGB16 + 1)
}

/// Bytes of a pixel of red, green and blue in 16 bits.
pub const RGB16: u64 = 6;

impl Clip {
    /// Reads the part's frames of plate and quadmask. `number` tells parts apart.
    ///
    /// # Errors
    /// When one of them breaks off.
    pub fn new(
        plate: &mut PlateFile,
        masks: &mut dyn Masks,
        part: Part,
        number: usize,
        store: &Store,
        report: &mut dyn Reporter,
    ) -> Result<Self> {
        let total = 2 * u64::from(plate.frames());
        let (layout, (width, height)) = (part.layout, plate.size());
        let pixels = layout.canvas.0 as usize * layout.canvas.1 as usize;
        let film = |kind: &str, bytes| store.film(&format!("{kind}{number}"), bytes);
        let mut films = (film("plate", pixels * RGB16 as usize)?, film("mask", pixels)?);
        let (mut of_plate, mut of_mask, mut has_target) = (Sha256::new(), Sha256::new(), false);
        for frame in part.frames.clone() {
            report.step(Step::Prepare, u64::from(plate.frames() + frame), total)?;
            let picture = plate.picture(frame)?;
            let rgb = picture.to_rgb(width, height, &plate.facts.colour, plate.facts.rotation)?;
            let canvas = layout.plane(&rgb.data, 3, width as usize, true);
            let canvas = to_bytes(canvas.iter().map(|v| (v * 257.0 + 0.5).clamp(0.0, 65_535.0) as u16));
            let grey = masks.levels(frame)?.to_grey();
            let grey = layout.plane(&grey, 1, width as usize, false);
            let levels = prepare::invert(&Tensor::from_slice(&grey), Coding::Quad).to_kind(Kind::Uint8);
            let mut levels = Vec::<u8>::try_from(levels).map_err(nets::Error::from)?;
            if frame == part.frames.start {
                // Nothing is affected yet on the first frame that the model was trained on (§4.4). The composite is another matter.
                levels.iter_mut().filter(|level| **level == AFFECTED).for_each(|level| *level = 0);
            }
            has_target |= levels.iter().any(|&level| level >= 192);
            of_plate.update(&canvas);
            of_mask.update(&levels);
            films.0.push(&canvas)?;
            films.1.push(&levels)?;
        }
        films.0.flush()?;
        films.1.flush()?;
        let hash = |digest: Sha256| Hash::from_digest(digest.finalize().into());
        Ok(Self {
            frames: part.frames.end - part.frames.start,
            part,
            plate_hash: hash(of_plate),
            mask_hash: hash(of_mask),
            has_target,
            plate: films.0,
            mask: films.1,
        })
    }

    /// [height, width] of the canvas.
    pub fn size(&self) -> [i64; 2] {
        [i64::from(self.part.layout.canvas.1), i64::from(self.part.layout.canvas.0)]
    }

    /// These frames of the part, 0–1: [1, 3, f, height, width].
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

    /// A frame of the mask: 255 remove, 192 overlap, 128 affected, 0 keep.
    pub fn levels(&self, frame: u32) -> Result<Vec<u8>> {
        self.mask.read(frame)
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
