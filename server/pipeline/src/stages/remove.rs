//! Remove: plate, quadmask and causes to a full-size result, its matte, and the proof that kept pixels were kept.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use domain::version::Proof;
use domain::{Cause, PlateRecipe};
use media::{Carried, Ffv1Writer, MatteWriter, Picture, PixelFormat, ProxyWriter, SoundFrom, ffv1_format};
use plate::remove::{Filled, Stop, remove as run};

use super::composite::composite;
use super::engine::Engine;
use super::kept::{Kept, kept, prove};
use crate::masks::Masks;
use crate::plate_file::{Plate, PlateFile};
use crate::{Error, Reporter, Result};

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
    let facts = plate.facts.clone();
    let skip = plate.skipped_seconds();
    let plate = RefCell::new(plate);
    let first = plate.borrow_mut().picture(0)?;
    let kept_as = ffv1_format(&first.format)?;
    drop(first);
    let (width, height) = (facts.coded_width, facts.coded_height);
    let files = [out.join("result.mkv"), out.join("matte.mkv"), out.join("proxy.mov")];
    let [result_path, matte_path, proxy_path] = &files;
    let timecode = facts.start_timecode.as_deref();
    let carried = Some(Carried { sound: Some(SoundFrom { path: &given.path, skip }), timecode });
    let result =
        Ffv1Writer::create(result_path, &kept_as, width, height, facts.rate, &facts.colour, carried)?;
    let matte_file = MatteWriter::create(matte_path, width, height, facts.rate, timecode)?;
    let proxy = ProxyWriter::create(proxy_path, &facts)?;
    let (summary, written) = std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<Option<(Arc<Picture>, Filled)>>(1);
        let writer = Writer { kept_as, rotation: facts.rotation, result, matte: matte_file, proxy };
        let writer = scope.spawn(move || writer.run(&receive));
        let (mut failure, report) = (None, RefCell::new(&mut *report));
        let outcome = run(
            &mut Engine { plate: &plate, masks },
            causes,
            recipe,
            &mut |step, done, total| report.borrow_mut().step(step, done, total).map_err(|_| Stop),
            &mut |filled| {
                let original = plate.borrow_mut().picture(filled.frame).map_err(|error| {
                    failure = Some(error);
                    Stop
                })?;
                // Nobody receives: the writer failed and says why when it is joined.
                send.send(Some((original, filled))).map_err(|_| Stop)
            },
        );
        if outcome.is_ok() {
            send.send(None).unwrap_or_default();
        }
        drop(send);
        let written = writer.join().expect("the writer does not panic")?;
        match (failure, written) {
            (Some(error), _) => Err(error),
            (None, Some(written)) => Ok((outcome?, written)),
            (None, None) => Err(outcome.map_or_else(Error::from, |_| Error::Cancelled)),
        }
    })?;
    let Written { matte_pixels, plates, proxy_index } = written;
    let max_delta = prove(&mut plate.into_inner(), &plates, result_path, matte_path, report)?;

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

/// Puts fills into their plates and writes them, beside the engine that makes the next ones.
struct Writer {
    kept_as: PixelFormat,
    rotation: u16,
    result: Ffv1Writer,
    matte: MatteWriter,
    proxy: ProxyWriter,
}

/// What the writer came to.
struct Written {
    matte_pixels: u64,
    /// What was kept of each frame of the plate.
    plates: Vec<Kept>,
    proxy_index: Vec<(u64, u32)>,
}

impl Writer {
    /// Writes until it gets `None`; without that the files are given up and nothing is written.
    fn run(mut self, fills: &Receiver<Option<(Arc<Picture>, Filled)>>) -> Result<Option<Written>> {
        let mut finished: Option<Picture> = None;
        let (mut matte, mut matte_pixels, mut plates) = (Vec::new(), 0u64, Vec::new());
        loop {
            let (original, filled) = match fills.recv() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(_) => return Ok(None),
            };
            let wide = (original.format != self.kept_as)
                .then(|| original.widened(self.kept_as).expect("ffv1_format gives a wider format"));
            let finished = finished.get_or_insert_with(|| (*original).clone());
            for (plane, from) in finished.planes.iter_mut().zip(&original.planes) {
                plane.data.copy_from_slice(&from.data);
            }
            matte.clear();
            matte.resize(finished.width as usize * finished.height as usize, 0);
            composite(&filled, self.rotation, finished, &mut matte);
            drop(filled);
            plates.push(kept(wide.as_ref().unwrap_or(&original), &matte));
            drop((original, wide));
            matte_pixels += matte.iter().map(|&m| u64::from(m > 0)).sum::<u64>();
            self.proxy.write(finished)?;
            self.matte.write(&matte)?;
            match finished.format == self.kept_as {
                true => self.result.write(finished)?,
                false => {
                    let wide = finished.widened(self.kept_as);
                    self.result.write(&wide.expect("ffv1_format gives a wider format"))?;
                }
            }
        }
        self.result.finish()?;
        self.matte.finish()?;
        Ok(Some(Written { matte_pixels, plates, proxy_index: self.proxy.finish()? }))
    }
}
