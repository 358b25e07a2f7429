//! Remove: plate, quadmask and causes to a full-size result, its matte, and the proof that kept pixels were kept.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::version::Proof;
use domain::{Cause, Levels, PlateRecipe, Step};
use media::{Ffv1Writer, GreyWriter, ProxyWriter, SoundFrom, ffv1_format, read_mask};
use plate::remove::{Filled, Picture16, Source, SourceError, Stop, remove as run};

use super::composite::{coded_matte, composite, max_delta_outside, to_picture16};
use crate::masks::Masks;
use crate::plate_file::{Plate, PlateFile};
use crate::{Error, Reporter, Result};

/// What a removal leaves behind.
#[derive(Debug)]
pub struct Removed {
    /// FFV1 in the plate's pixel format (or the next wider), coded orientation, the plate's rate and sound.
    pub result: PathBuf,
    /// FFV1 grey at luma size, coded orientation; above 0 where samples may differ from the plate.
    pub matte: PathBuf,
    /// Motion JPEG for viewing; outside the claim about kept pixels.
    pub proxy: PathBuf,
    pub proxy_index: Vec<(u64, u32)>,
    pub proof: Proof,
    /// Sentences an artist should read.
    pub notes: Vec<String>,
}

struct Engine<'a> {
    plate: &'a RefCell<PlateFile>,
    masks: &'a mut dyn Masks,
}

impl Source for Engine<'_> {
    fn count(&self) -> u32 {
        self.plate.borrow().frames()
    }

    fn size(&self) -> (u32, u32) {
        self.plate.borrow().size()
    }

    fn picture(&mut self, frame: u32) -> std::result::Result<Picture16, SourceError> {
        let mut plate = self.plate.borrow_mut();
        let rotation = plate.facts.rotation;
        Ok(to_picture16(&*plate.picture(frame)?, rotation))
    }

    fn quadmask(&mut self, frame: u32) -> std::result::Result<Levels, SourceError> {
        Ok(self.masks.levels(frame)?)
    }
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
    let facts = plate.facts.clone();
    let skip = given.trim.map_or(0.0, |trim| f64::from(trim.first) / facts.rate.per_second());
    let plate = RefCell::new(plate);
    let first = plate.borrow_mut().picture(0)?;
    let kept_as = ffv1_format(&first.format)?;
    drop(first);
    let (width, height) = (facts.coded_width, facts.coded_height);
    let files = [out.join("result.mkv"), out.join("matte.mkv"), out.join("proxy.mov")];
    let [result_path, matte_path, proxy_path] = &files;
    let sound = Some(SoundFrom { path: &given.path, skip });
    let mut result =
        Ffv1Writer::create(result_path, &kept_as, width, height, facts.rate, &facts.colour, sound)?;
    let mut matte_file = GreyWriter::create(matte_path, width, height, facts.rate)?;
    let mut proxy = ProxyWriter::create(proxy_path, &facts)?;
    let mut matte_pixels = 0u64;
    let (mut failure, report_cell) = (None, RefCell::new(report));

    let mut write = |filled: &Filled| -> Result<()> {
        let original = plate.borrow_mut().picture(filled.frame)?;
        let matte = coded_matte(&filled.matte, original.format, width, height, facts.rotation);
        let finished = composite(&original, &filled.picture, &matte, facts.rotation);
        matte_pixels += matte.iter().filter(|&&m| m > 0).count() as u64;
        proxy.write(&finished)?;
        matte_file.write(&matte)?;
        match finished.format == kept_as {
            true => result.write(&finished)?,
            false => result.write(&finished.widened(kept_as).expect("ffv1_format gives a wider format"))?,
        }
        Ok(())
    };
    let outcome = run(
        &mut Engine { plate: &plate, masks },
        causes,
        recipe,
        &mut |step, done, total| report_cell.borrow_mut().step(step, done, total).map_err(|_| Stop),
        &mut |filled| {
            write(&filled).map_err(|error| {
                failure = Some(error);
                Stop
            })
        },
    );
    if let Some(error) = failure {
        return Err(error);
    }
    let summary = outcome?;
    result.finish()?;
    matte_file.finish()?;
    let proxy_index = proxy.finish()?;
    let max_delta = prove(&mut plate.into_inner(), result_path, matte_path, *report_cell.borrow_mut())?;

    let frames = facts.frames;
    let all_pixels = u64::from(frames) * u64::from(width) * u64::from(height);
    let filled = (summary.seen + summary.guessed).max(1) as f64;
    let proof = Proof {
        frames,
        width: facts.width(),
        height: facts.height(),
        pixel_format: kept_as.name(),
        edge_px: recipe.edge_px,
        max_delta_outside: max_delta,
        matte_share: matte_pixels as f64 / all_pixels.max(1) as f64,
        seen_elsewhere: summary.seen as f64 / filled,
        guessed: summary.guessed as f64 / filled,
        seconds: started.elapsed().as_secs_f64(),
    };
    let [result, matte, proxy] = files;
    Ok(Removed { result, matte, proxy, proxy_index, proof, notes: summary.notes })
}

/// Decodes what was written and compares it with the plate where the matte is 0.
fn prove(plate: &mut PlateFile, result: &Path, matte: &Path, report: &mut dyn Reporter) -> Result<u32> {
    let mut result = PlateFile::open(result, &mut ())?;
    let mut matte = read_mask(matte)?;
    let frames = plate.frames();
    if result.frames() != frames || matte.frames() != frames {
        return Err(Error::Input(format!(
            "The result has {} frames and its matte {}, the plate has {frames}.",
            result.frames(),
            matte.frames()
        )));
    }
    let mut most = 0;
    for frame in 0..frames {
        report.step(Step::Verify, u64::from(frame), u64::from(frames))?;
        let (ours, written, matte) = (plate.picture(frame)?, result.picture(frame)?, matte.read(frame)?);
        let delta = if ours.format == written.format {
            max_delta_outside(&ours, &written, &matte)
        } else {
            let wide = ours.widened(written.format).expect("the result is at least as wide");
            max_delta_outside(&wide, &written, &matte)
        };
        if delta > 0 {
            return Err(Error::KeptPixels { max_delta: delta, frame });
        }
        most = most.max(delta);
    }
    report.step(Step::Verify, u64::from(frames), u64::from(frames))?;
    Ok(most)
}
