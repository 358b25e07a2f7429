//! The answer to a click: one frame alone, at once. What grows from it over the clip is the parent module's matter.

use super::propagate::Tracker;
use super::raster::Raster;
use super::several::all_of;
use super::{Error, FrameMask, Frames, Locks, PROMPTED, Prompts, Run, SegmentParams, Stop};

/// What the marks on `frame` say by themselves: its mask alone, as [`super::segment_targets`] would begin with it.
///
/// `beside`: a neighbouring frame with the mask it has (plate size, nonzero: object). For targets that do not begin on this frame
/// it leads here, corrected by their marks, as it does when the mask grows; of several targets, one with a box here is looked
/// for in that alone. `None`: nothing shows the object on this frame.
///
/// # Errors
/// Those of [`super::segment`], but for `NoPrompt`.
pub fn glance(
    frames: &mut dyn Frames,
    targets: &[Prompts],
    frame: u32,
    beside: Option<(u32, &[u8])>,
    locks: &mut dyn Locks,
    params: &SegmentParams,
) -> Result<Option<FrameMask>, Error> {
    let mut found: Option<FrameMask> = None;
    let mut others = Vec::new();
    for target in targets {
        let mut out = |mask: FrameMask, _: u32, _: u32| join(&mut found, mask);
        let mut run = Run::new(frames, target, locks, params, &mut out, None)?;
        // A box says where its own target is: what lies outside may be another.
        let is_boxed = targets.len() > 1 && target.boxes.contains_key(&frame);
        if beside.is_none() || is_boxed || run.first()? == Some(frame) {
            run.alone(frame)?;
        } else {
            others.push(target.clone());
        }
    }
    let Some(beside) = beside else { return Ok(found) };
    let shows = |target: &Prompts| !target.positive.is_empty() || !target.boxes.is_empty();
    if others.len() < targets.len() && !others.iter().any(shows) {
        return Ok(found);
    }
    let (all, own) = (all_of(&others), found.as_ref().map(|found| found.mask.clone()));
    let mut out = |mask: FrameMask, _: u32, _: u32| join(&mut found, mask);
    let led = Run::new(frames, &all, locks, params, &mut out, None)?.led(frame, beside, own.as_deref())?;
    if !led {
        for target in &others {
            Run::new(frames, target, locks, params, &mut out, None)?.alone(frame)?;
        }
    }
    Ok(found)
}

/// One target more.
fn join(found: &mut Option<FrameMask>, mask: FrameMask) -> Result<(), Stop> {
    match found {
        None => *found = Some(mask),
        Some(found) => {
            found.mask.iter_mut().zip(&mask.mask).for_each(|(all, own)| *all |= own);
            found.confidence = found.confidence.min(mask.confidence);
        }
    }
    Ok(())
}

impl Run<'_> {
    /// What a frame's own marks show of the object; nothing where they do not show it.
    fn alone(&mut self, frame: u32) -> Result<(), Error> {
        if !self.keys.contains(&frame) {
            return Ok(());
        }
        let marks = self.marks(frame, None)?;
        if !marks.show_object() {
            return Ok(());
        }
        let lab = self.lab(frame)?;
        let start = self.start(frame, lab, &marks)?;
        self.deliver(frame, &start.distance, start.confidence())
    }

    /// Goes from the mask of a frame `beside` to this one, without the pieces that were mostly `found` here already; not where
    /// that leaves none.
    fn led(&mut self, frame: u32, beside: (u32, &[u8]), found: Option<&[u8]>) -> Result<bool, Error> {
        let (beside, mask) = beside;
        let wanted = self.plate.0 as usize * self.plate.1 as usize;
        if mask.len() != wanted {
            let (width, height) = self.plate;
            return Err(Error::WrongSize { frame: beside, width, height, found: mask.len(), wanted });
        }
        let mut small = self.small(mask);
        if let Some(found) = found {
            let (found, (labels, areas)) = (self.small(found), small.pieces());
            let mut taken = vec![0_usize; areas.len()];
            for (label, is_taken) in labels.data.iter().zip(&found.data) {
                taken[*label as usize] += usize::from(*is_taken);
            }
            for (stays, label) in small.data.iter_mut().zip(&labels.data) {
                *stays &= 2 * taken[*label as usize] <= areas[*label as usize];
            }
        }
        if small.area() == 0 {
            return Ok(false);
        }
        let lab = self.lab(beside)?;
        let mut tracker = Tracker::new(lab, small, PROMPTED)?;
        let lab = self.lab(frame)?;
        let marks = self.marks(frame, Some(&tracker.distance))?;
        if let Some(lab) = tracker.step(&mut self.dis, lab, &marks, self.params)? {
            tracker = self.start(frame, lab, &marks)?;
        }
        if !marks.is_empty() {
            tracker.followed = PROMPTED;
            if tracker.mask.area() > 0 {
                tracker.remember();
            }
        }
        self.deliver(frame, &tracker.distance, tracker.confidence())?;
        Ok(true)
    }

    /// A mask of the plate's size in analysis pixels.
    fn small(&self, mask: &[u8]) -> Raster<bool> {
        let (w, h) = (self.small.0 as usize, self.small.1 as usize);
        let mut out = Raster::filled(w, h, false);
        for y in 0..h {
            let py = ((2 * y + 1) * self.plate.1 as usize) / (2 * h);
            for x in 0..w {
                let px = ((2 * x + 1) * self.plate.0 as usize) / (2 * w);
                out.data[y * w + x] = mask[py * self.plate.0 as usize + px] != 0;
            }
        }
        out
    }
}
