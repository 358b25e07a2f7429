//! From fills to files, for every engine: each fill goes into its plate's own planes (`composite`), result, matte and
//! proxy are written beside the engine, and what was written is proven before it gets its name. Where fills come from is
//! not known here.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use media::{Carried, Ffv1Writer, MatteWriter, Picture, PixelFormat, ProxyWriter, SoundFrom, ffv1_format};
use plate::remove::{Filled, Stop};

use super::composite::composite;
use super::kept::{Kept, kept, prove};
use crate::plate_file::PlateFile;
use crate::{Error, Reporter, Result};

/// The files of a finished removal.
#[derive(Debug)]
pub struct Written {
    /// FFV1 in the plate's pixel format (or the next wider), coded orientation, the plate's rate, sound and timecode.
    pub result: PathBuf,
    /// PNG grey at luma size, coded orientation; above 0 where samples may differ from the plate.
    pub matte: PathBuf,
    /// Motion JPEG for viewing; outside the claim about kept pixels.
    pub proxy: PathBuf,
    pub proxy_index: Vec<(u64, u32)>,
    pub kept_as: PixelFormat,
    pub max_delta_outside: u32,
    /// Part of all pixels that the matte touches, 0–1.
    pub matte_share: f64,
}

/// Runs `engine`, which hands a fill for every frame, in order, to the closure it gets, and writes `result.mkv`, `matte.mkv`
/// and `proxy.mov` into `out`. `path` is the plate's file, whose sound is carried over. The files appear when all of them
/// are whole and proven; a stop that the closure gives comes from here, and the engine only has to end.
///
/// # Errors
/// The engine's, a full disk, a plate that breaks off; `KeptPixels` when the written result, decoded again, differs from the
/// plate outside the matte.
pub fn write<T, E: From<Error>>(
    plate: &RefCell<PlateFile>,
    path: &Path,
    out: &Path,
    report: &mut dyn Reporter,
    engine: impl FnOnce(
        &mut dyn Reporter,
        &mut dyn FnMut(Filled) -> std::result::Result<(), Stop>,
    ) -> std::result::Result<T, E>,
) -> std::result::Result<(T, Written), E> {
    let names = ["result.mkv", "matte.mkv", "proxy.mov"];
    let unfinished = names.map(|name| out.join(format!("unfinished-{name}")));
    let (facts, skip, is_whole) = {
        let plate = plate.borrow();
        (plate.facts.clone(), plate.skipped_seconds(), plate.is_whole())
    };
    let first = plate.borrow_mut().picture(0)?;
    let kept_as = ffv1_format(&first.format).map_err(Error::from)?;
    drop(first);
    let open = || -> Result<Writer> {
        let [result_path, matte_path, proxy_path] = &unfinished;
        let (width, height) = (facts.coded_width, facts.coded_height);
        let timecode = facts.start_timecode.as_deref();
        let carried = Some(Carried { sound: Some(SoundFrom { path, skip, is_whole }), timecode });
        let result =
            Ffv1Writer::create(result_path, &kept_as, width, height, facts.rate, &facts.colour, carried)?;
        let matte = MatteWriter::create(matte_path, width, height, facts.rate, timecode)?;
        let proxy = ProxyWriter::create(proxy_path, &facts)?;
        Ok(Writer { kept_as, rotation: facts.rotation, result, matte, proxy })
    };
    let writer = open()?;
    let (outcome, strokes) = std::thread::scope(|scope| -> std::result::Result<_, E> {
        let (send, receive) = sync_channel::<Option<(Arc<Picture>, Filled)>>(1);
        let writer = scope.spawn(move || writer.run(&receive));
        let mut failure = None;
        let outcome = engine(report, &mut |filled| {
            let original = plate.borrow_mut().picture(filled.frame).map_err(|error| {
                failure = Some(error);
                Stop
            })?;
            // Nobody receives: the writer failed and says why when it is joined.
            send.send(Some((original, filled))).map_err(|_| Stop)
        });
        if outcome.is_ok() {
            send.send(None).unwrap_or_default();
        }
        drop(send);
        let strokes = writer.join().expect("the writer does not panic")?;
        match (failure, strokes) {
            (Some(error), _) => Err(error.into()),
            (None, Some(strokes)) => Ok((outcome?, strokes)),
            (None, None) => Err(outcome.err().unwrap_or_else(|| Error::Cancelled.into())),
        }
    })?;
    let Strokes { matte_pixels, plates, proxy_index } = strokes;
    let [result, matte, _] = &unfinished;
    let proven = prove(&mut plate.borrow_mut(), &plates, result, matte, report);
    if proven.is_err() {
        for file in &unfinished {
            std::fs::remove_file(file).unwrap_or_default(); // the next run overwrites it
        }
    }
    let max_delta_outside = proven?;
    let finished = names.map(|name| out.join(name));
    for (from, to) in unfinished.iter().zip(&finished) {
        std::fs::rename(from, to).map_err(Error::io(format!("Putting {} in place", to.display())))?;
    }
    let all = f64::from(facts.frames) * f64::from(facts.coded_width) * f64::from(facts.coded_height);
    let [result, matte, proxy] = finished;
    let matte_share = matte_pixels as f64 / all.max(1.0);
    let written = Written { result, matte, proxy, proxy_index, kept_as, max_delta_outside, matte_share };
    Ok((outcome, written))
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
struct Strokes {
    matte_pixels: u64,
    /// What was kept of each frame of the plate.
    plates: Vec<Kept>,
    proxy_index: Vec<(u64, u32)>,
}

impl Writer {
    /// Writes until it gets `None`; without that the files are given up and nothing is written.
    fn run(mut self, fills: &Receiver<Option<(Arc<Picture>, Filled)>>) -> Result<Option<Strokes>> {
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
        Ok(Some(Strokes { matte_pixels, plates, proxy_index: self.proxy.finish()? }))
    }
}
