//! Remove: plate, quadmask and causes to a full-size result, its matte, and the proof that kept pixels were kept, by the
//! engine that needs no weights. How fills become files is in `write`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::version::Proof;
use domain::{Cause, PlateRecipe};
use plate::remove::{Stop, remove as run};

use super::engine::Engine;
use super::write::{Written, write};
use crate::masks::Masks;
use crate::plate_file::{Plate, PlateFile};
use crate::{Reporter, Result};

/// What a removal leaves behind.
#[derive(Debug)]
pub struct Removed {
    /// FFV1 in the plate's pixel format (or the next wider), coded orientation, the plate's rate, sound and timecode.
    pub result: PathBuf,
    /// PNG grey at luma size, coded orientation; above 0 where samples may differ from the plate.
    pub matte: PathBuf,
    /// Motion JPEG for viewing; outside the claim about kept pixels.
    pub proxy: PathBuf,
    pub proxy_index: Vec<(u64, u32)>,
    pub proof: Proof,
    /// Sentences an artist should read.
    pub notes: Vec<String>,
}

/// Runs the plate engine on a plate and writes `result.mkv`, `matte.mkv` and `proxy.mov` into `out`.
///
/// # Errors
/// `react` without a path, masks of another size, a full disk, a plate that breaks off; `KeptPixels` when the written
/// result, decoded again, differs from the plate outside the matte.
pub fn remove(
    plate: impl Into<Plate>,
    masks: &mut dyn Masks,
    causes: &[Cause],
    recipe: &PlateRecipe,
    out: &Path,
    report: &mut dyn Reporter,
) -> Result<Removed> {
    let started = Instant::now();
    let given: Plate = plate.into();
    let plate = PlateFile::open(given.clone(), report)?;
    let (frames, size) = (plate.frames(), plate.size());
    let plate = RefCell::new(plate);
    let (summary, written) = write(&plate, &given.path, out, report, |report, hand| -> Result<_> {
        let mut engine = Engine { plate: &plate, masks };
        let mut progress = |step, done, total| report.step(step, done, total).map_err(|_| Stop);
        Ok(run(&mut engine, causes, recipe, &mut progress, hand)?)
    })?;
    let Written { result, matte, proxy, proxy_index, kept_as, max_delta_outside, matte_share } = written;
    let filled = (summary.seen + summary.guessed).max(1) as f64;
    let proof = Proof {
        frames,
        width: size.0,
        height: size.1,
        pixel_format: kept_as.name(),
        edge_px: recipe.edge_px,
        max_delta_outside,
        matte_share,
        seen_elsewhere: summary.seen as f64 / filled,
        guessed: summary.guessed as f64 / filled,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Removed { result, matte, proxy, proxy_index, proof, notes: summary.notes })
}
