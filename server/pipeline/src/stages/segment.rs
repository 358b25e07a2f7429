//! Segment: from clicks and boxes to a primary mask on every frame, by the engine that needs no weights.

use plate::segment::{
    self as by_plate, FrameMask, Frames, Locks, Prompts, SegmentParams, SourceError, Stop,
    segment_targets as run,
};

use super::tracks::{Followed, Kept, follow};
use crate::plate_file::PlateFile;
use crate::{Error, Reporter, Result};
use domain::Step;

/// The plate as the segmenter looks at it: upright RGB at the size it asks for.
struct Look<'a>(&'a mut PlateFile);

impl Frames for Look<'_> {
    fn count(&self) -> u32 {
        self.0.frames()
    }

    fn size(&self) -> (u32, u32) {
        self.0.size()
    }

    fn rgb(&mut self, frame: u32, width: u32, height: u32) -> std::result::Result<Vec<u8>, SourceError> {
        let picture = self.0.picture(frame)?;
        let (colour, rotation) = (&self.0.facts.colour, self.0.facts.rotation);
        Ok(picture.to_rgb(width, height, colour, rotation)?.data)
    }
}

/// What a click on `frame` says at once; see [`by_plate::glance()`].
pub fn glance(
    plate: &mut PlateFile,
    targets: &[Prompts],
    frame: u32,
    beside: Option<(u32, &[u8])>,
    locks: &mut dyn Locks,
    params: &SegmentParams,
) -> Result<Option<FrameMask>> {
    Ok(by_plate::glance(&mut Look(plate), targets, frame, beside, locks, params)?)
}

/// Masks the union of `targets`, each followed for itself; hands every frame to `each` as it is done, once for each target and
/// [`FrameMask::whole`] when all are in it. An error of `each` ends it.
pub fn segment(
    plate: &mut PlateFile,
    targets: &[Prompts],
    locks: &mut dyn Locks,
    params: &SegmentParams,
    report: &mut dyn Reporter,
    each: &mut dyn FnMut(FrameMask) -> Result<()>,
) -> Result<()> {
    let mut stopped_by = None;
    let mut out = |mask: FrameMask, done: u32, total: u32| {
        let outcome =
            each(mask).and_then(|()| Ok(report.step(Step::Track, u64::from(done), u64::from(total))?));
        outcome.map_err(|error| {
            stopped_by = Some(error);
            Stop
        })
    };
    let outcome = run(&mut Look(plate), targets, locks, params, &mut out);
    match (stopped_by, outcome) {
        (Some(error), _) => Err(error),
        (None, outcome) => outcome.map_err(Error::from),
    }
}

/// As [`segment`] where nothing is locked: targets that were followed before from the same marks come out of `kept`, and only the
/// others are followed.
pub fn segment_kept(
    plate: &mut PlateFile,
    targets: &[Prompts],
    params: &SegmentParams,
    kept: &mut dyn Kept,
    report: &mut dyn Reporter,
    each: &mut dyn FnMut(FrameMask) -> Result<()>,
) -> Result<Followed> {
    let mut stopped_by = None;
    let mut out = |mask: FrameMask, done: u32, total: u32| {
        let outcome =
            each(mask).and_then(|()| Ok(report.step(Step::Track, u64::from(done), u64::from(total))?));
        outcome.map_err(|error| {
            stopped_by = Some(error);
            Stop
        })
    };
    let outcome = follow(&mut Look(plate), targets, params, kept, &mut out);
    match (stopped_by, outcome) {
        (Some(error), _) => Err(error),
        (None, outcome) => outcome,
    }
}
