//! Segment: the targets' clicks to a primary mask on every frame of the draft. What a person locked stays.

#[cfg(test)]
mod tests;
mod tracks;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use db::clicks::{Answered, Click};
use db::draft::{Frame, MadeFrame};
use domain::project::Shot;
use domain::run::{GrownBy, Segmenter};
use domain::{Cover, Hash, Levels, ShotId, Target};
use pipeline::stages::segment::{glance, segment, segment_kept};
use pipeline::{Error, PlateFile};
use plate::segment::{FrameMask, Locked, Locks, Prompts, SegmentParams, SourceError};

use self::tracks::Tracks;
use crate::context::Context;

/// Frames are written together, at least this often, so that the mask is seen to grow.
const EVERY: Duration = Duration::from_millis(700);
const AT_MOST: usize = 12;

pub fn run(context: &Context, shot_id: ShotId, by: Segmenter) -> anyhow::Result<()> {
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    let targets = context.wait(db::brief::targets(context.db.pool(), shot_id))?;
    let plate = context.plate(&shot)?;
    let mut report = context.reporter();
    let mut plate = PlateFile::open(plate, &mut report)?;
    let (width, height) = plate.size();
    let mut draft = Draft::read(context, shot_id, (width, height))?;
    let mut locks = draft.locks();
    let mut each = |mask: FrameMask| draft.take(mask);
    // Each target is an object of its own.
    let targets: Vec<Prompts> = targets.iter().map(prompts).collect();
    let outcome: anyhow::Result<()> = match by {
        Segmenter::Plate => {
            grown_by(context, shot_id, GrownBy { by, network: None })?;
            let params = SegmentParams::default();
            // A correction of one target may say something of all of them.
            if locks.frames().is_empty() {
                let mut tracks = Tracks::new(context, shot_id, seen_as(&shot), &params);
                segment_kept(&mut plate, &targets, &params, &mut tracks, &mut report, &mut each)
                    .map(|found| context.log(tracks::said(found)))
                    .map_err(Into::into)
            } else {
                segment(&mut plate, &targets, &mut locks, &params, &mut report, &mut each).map_err(Into::into)
            }
        }
        Segmenter::Sam2 => {
            let seen_as = seen_as(&shot);
            sam2::run(context, shot_id, seen_as, &mut plate, &targets, &mut locks, &mut report, &mut each)
        }
    };
    // Whoever stops it keeps what has grown until then.
    let flushed = draft.flush();
    outcome.and(flushed)
}

/// Answers a click: the mask of its frame, as the marks on it say now. Nothing marked there any more takes away what an earlier
/// click had put, unless the mask beside says otherwise.
pub fn answer(context: &Context, click: Click) -> anyhow::Result<()> {
    let Click { shot_id, frame, .. } = click;
    let shot = context.wait(db::shots::get(context.db.pool(), shot_id))?;
    let targets = context.wait(db::brief::targets(context.db.pool(), shot_id))?;
    let targets: Vec<Prompts> = targets.iter().map(prompts).collect();
    let mut plate = PlateFile::open(context.plate(&shot)?, &mut ())?;
    let (width, height) = plate.size();
    let mut draft = Draft::read(context, shot_id, (width, height))?;
    let beside = draft.beside(frame)?;
    let beside = beside.as_ref().map(|(at, mask)| (*at, mask.as_slice()));
    let mut locks = draft.locks();
    let state = context.wait(db::draft::state(context.db.pool(), shot_id))?;
    let by_sam2 = match context.models.segmenter(state.grow_with, state.grown_by) {
        Segmenter::Plate => None,
        Segmenter::Sam2 => {
            let answer = sam2::glance(context, seen_as(&shot), &mut plate, &targets, frame, beside);
            // Whoever clicked waits for a mask: what is wrong with SAM 2 is said where it is to grow one.
            answer.inspect_err(|error| tracing::warn!("SAM 2 has no answer on frame {frame}: {error:#}")).ok()
        }
    };
    let (found, by) = match by_sam2 {
        Some(answer) => answer,
        None => {
            let params = SegmentParams::default();
            let found = glance(&mut plate, &targets, frame, beside, &mut locks, &params)?;
            (found, GrownBy { by: Segmenter::Plate, network: None })
        }
    };
    let none =
        || FrameMask { frame, mask: vec![0; width as usize * height as usize], confidence: 0.0, whole: true };
    let (is_none, mask) = (found.is_none(), found.unwrap_or_else(none));
    loop {
        let mut made = draft.merge(&mask)?;
        // A frame on which nothing is looked for was not judged.
        made.confidence = made.confidence.filter(|_| !is_none);
        let answered = context.write(|tx| {
            let (made, by) = (made.clone(), by.clone());
            Box::pin(async move { db::clicks::answer(tx, click, &made, &by).await })
        })?;
        match answered {
            Answered::Put | Answered::TooLate => return Ok(()),
            Answered::Again => draft.read_again(frame)?,
        }
    }
}

/// What the pictures of a shot are told by.
pub(super) fn seen_as(shot: &Shot) -> Hash {
    Hash::of(format!("{} {:?} {:?}", shot.plate, shot.trim, shot.said_colour).as_bytes())
}

/// Says what grows the mask, so that the page can.
fn grown_by(context: &Context, shot_id: ShotId, grown_by: GrownBy) -> anyhow::Result<()> {
    context.log(format!("The mask is grown by {}.", grown_by.words()));
    context.write(|tx| {
        let grown_by = grown_by.clone();
        Box::pin(async move { db::draft::grow_by(tx, shot_id, &grown_by).await })
    })?;
    Ok(())
}

#[cfg(not(feature = "void"))]
mod sam2 {
    use super::*;

    pub fn run(
        _: &Context,
        _: ShotId,
        _: Hash,
        _: &mut PlateFile,
        _: &[Prompts],
        _: &mut DraftLocks<'_>,
        _: &mut dyn pipeline::Reporter,
        _: &mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
    ) -> anyhow::Result<()> {
        anyhow::bail!(
            "This worker was built without libtorch, so it has no SAM 2. Grow the mask without weights instead."
        )
    }

    pub fn glance(
        _: &Context,
        _: Hash,
        _: &mut PlateFile,
        _: &[Prompts],
        _: u32,
        _: Option<(u32, &[u8])>,
    ) -> anyhow::Result<(Option<FrameMask>, GrownBy)> {
        anyhow::bail!("This worker was built without libtorch, so it has no SAM 2.")
    }
}

#[cfg(feature = "void")]
mod sam2 {
    use domain::run::Network;
    use engine::track::{self, Lend, Options};

    use super::*;
    use crate::models::{Models, network_of};

    /// The worker's network, for as long as it is the same one. Clicks on other shots are answered between its frames.
    struct Lender<'a> {
        models: &'a Models,
        fingerprint: Hash,
        /// How long others may take it before it is taken again.
        gap: Duration,
    }

    /// A lock is not handed to whoever waits longest: without a gap a long track would take it again and again.
    const GAP: Duration = Duration::from_millis(1);

    impl<'a> Lender<'a> {
        fn open(models: &'a Models, gap: Duration) -> engine::Result<(Self, Network)> {
            let network = models.with_sam2(|segmenter| Ok(network_of(segmenter)))?;
            Ok((Self { models, fingerprint: network.fingerprint, gap }, network))
        }
    }

    impl Lend for Lender<'_> {
        fn lend(&mut self, work: &mut dyn FnMut(&mut track::Segmenter)) -> engine::Result<()> {
            let wanted = self.fingerprint;
            if !self.gap.is_zero() {
                std::thread::sleep(self.gap);
            }
            self.models.with_sam2(|segmenter| {
                if segmenter.named().fingerprint != wanted {
                    return Err(engine::Error::Exchanged);
                }
                work(segmenter);
                Ok(())
            })
        }
    }

    pub fn run(
        context: &Context,
        shot_id: ShotId,
        seen_as: Hash,
        plate: &mut PlateFile,
        targets: &[Prompts],
        locks: &mut DraftLocks<'_>,
        report: &mut dyn pipeline::Reporter,
        each: &mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
    ) -> anyhow::Result<()> {
        let (mut lender, network) = Lender::open(&context.models, GAP)?;
        grown_by(context, shot_id, GrownBy { by: Segmenter::Sam2, network: Some(network) })?;
        let options = Options { plate: Some(seen_as), ..Options::default() };
        let outcome = track::segment(&mut lender, plate, targets, locks, options, report, each);
        outcome.map_err(|error| match error {
            // As the worker's loop knows it: that somebody stopped the job is no failure.
            engine::Error::Pipeline(error) => anyhow::Error::from(error),
            error => error.into(),
        })
    }

    pub fn glance(
        context: &Context,
        seen_as: Hash,
        plate: &mut PlateFile,
        targets: &[Prompts],
        frame: u32,
        beside: Option<(u32, &[u8])>,
    ) -> anyhow::Result<(Option<FrameMask>, GrownBy)> {
        let (mut lender, network) = Lender::open(&context.models, Duration::ZERO)?;
        let options = Options { plate: Some(seen_as), ..Options::default() };
        let found = track::glance(&mut lender, plate, targets, frame, beside, options)?;
        Ok((found, GrownBy { by: Segmenter::Sam2, network: Some(network) }))
    }
}

fn prompts(target: &Target) -> Prompts {
    let mut prompts = Prompts::default();
    for point in &target.points {
        let side = if point.positive { &mut prompts.positive } else { &mut prompts.negative };
        side.entry(point.frame).or_default().push((point.x, point.y));
    }
    for b in &target.boxes {
        prompts.boxes.entry(b.frame).or_default().push([b.x0, b.y0, b.x1, b.y1]);
    }
    prompts
}

struct Draft<'a> {
    context: &'a Context,
    shot_id: ShotId,
    width: u32,
    height: u32,
    rows: HashMap<u32, Frame>,
    /// Frames that had a primary mask before: it stays until the new one is whole.
    had: BTreeSet<u32>,
    /// Frames that were written here.
    grown: BTreeSet<u32>,
    waiting: Vec<(FrameMask, MadeFrame)>,
    written: Instant,
}

impl<'a> Draft<'a> {
    fn read(context: &'a Context, shot_id: ShotId, (width, height): (u32, u32)) -> anyhow::Result<Self> {
        let rows = context.wait(db::draft::frames(context.db.pool(), shot_id))?;
        Ok(Self {
            context,
            shot_id,
            width,
            height,
            had: rows.iter().filter(|row| row.cover.primary_area > 0).map(|row| row.frame).collect(),
            grown: BTreeSet::new(),
            rows: rows.into_iter().map(|row| (row.frame, row)).collect(),
            waiting: Vec::new(),
            written: Instant::now(),
        })
    }

    /// The mask of a frame right beside this one, if one has any: the earlier one first.
    fn beside(&self, frame: u32) -> anyhow::Result<Option<(u32, Vec<u8>)>> {
        let mut near = [frame.checked_sub(1), frame.checked_add(1)].into_iter().flatten();
        let Some(at) = near.find(|at| self.had.contains(at)) else { return Ok(None) };
        let found = self.rows.get(&at).and_then(|row| row.levels);
        Ok(Some((at, levels(self.context, found, self.width, self.height)?.primary())))
    }

    fn locks(&self) -> DraftLocks<'a> {
        let rows: BTreeMap<u32, Frame> = self
            .rows
            .iter()
            .filter(|(_, r)| r.locked || r.locks.is_some())
            .map(|(f, r)| (*f, r.clone()))
            .collect();
        DraftLocks { context: self.context, rows, width: self.width, height: self.height }
    }

    fn take(&mut self, mask: FrameMask) -> pipeline::Result<()> {
        if !mask.whole && self.had.contains(&mask.frame) {
            return Ok(());
        }
        let made = self.made(&mask).map_err(|error| Error::Input(format!("{error:#}")))?;
        self.waiting.push((mask, made));
        if self.waiting.len() >= AT_MOST || self.written.elapsed() > EVERY {
            self.flush().map_err(|error| Error::Input(format!("{error:#}")))?;
        }
        Ok(())
    }

    /// The frame of a mask, on top of the row as it is now.
    fn made(&mut self, mask: &FrameMask) -> anyhow::Result<MadeFrame> {
        if !self.grown.insert(mask.frame) {
            self.read_again(mask.frame)?;
        }
        self.merge(mask)
    }

    fn read_again(&mut self, frame: u32) -> anyhow::Result<()> {
        let row = self.context.wait(db::draft::frame(self.context.db.pool(), self.shot_id, frame))?;
        self.rows.insert(frame, row);
        Ok(())
    }

    /// The new primary layer on top of what people painted and of the affected layer.
    fn merge(&self, mask: &FrameMask) -> anyhow::Result<MadeFrame> {
        let row = self.rows.get(&mask.frame);
        let base = levels(self.context, row.and_then(|r| r.levels), self.width, self.height)?;
        let lock = match row.and_then(|r| r.locks) {
            Some(hash) => levels(self.context, Some(hash), self.width, self.height)?.primary(),
            None => Vec::new(),
        };
        let merged = base.with_primary(&mask.mask, &lock)?;
        let [primary, overlap, affected, _] = merged.areas();
        let empty = primary + overlap + affected == 0;
        let png = if empty {
            None
        } else {
            let png = merged.to_png();
            Some((self.context.store.put_blocking(&png)?, i64::try_from(png.len())?))
        };
        Ok(MadeFrame {
            frame: mask.frame,
            seen_revision: row.map_or(0, |r| r.revision),
            levels: png,
            confidence: Some(f64::from(mask.confidence)),
            cover: Cover::of(&merged),
        })
    }

    /// Writes what waits; frames that somebody painted meanwhile are merged again on top of that.
    fn flush(&mut self) -> anyhow::Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        while !waiting.is_empty() {
            let made: Vec<MadeFrame> = waiting.iter().map(|(_, made)| made.clone()).collect();
            let shot_id = self.shot_id;
            let again = self.context.write(|tx| {
                let made = made.clone();
                Box::pin(async move { db::draft::put_segment_frames(tx, shot_id, &made).await })
            })?;
            let again: BTreeSet<u32> = again.into_iter().collect();
            waiting.retain(|(mask, _)| again.contains(&mask.frame));
            for (mask, made) in &mut waiting {
                self.read_again(mask.frame)?;
                *made = self.merge(mask)?;
            }
        }
        self.written = Instant::now();
        Ok(())
    }
}

/// The levels behind a blob; background where there is none.
pub fn levels(context: &Context, hash: Option<Hash>, width: u32, height: u32) -> anyhow::Result<Levels> {
    let Some(hash) = hash else { return Ok(Levels::background(width, height)) };
    Ok(Levels::from_png(&context.store.get_blocking(hash)?)?)
}

/// What people corrected, as the segmenter asks for it.
struct DraftLocks<'a> {
    context: &'a Context,
    rows: BTreeMap<u32, Frame>,
    width: u32,
    height: u32,
}

impl Locks for DraftLocks<'_> {
    fn frames(&self) -> BTreeSet<u32> {
        self.rows.keys().copied().collect()
    }

    fn load(&mut self, frame: u32) -> Result<Locked, SourceError> {
        let row = self.rows.get(&frame).ok_or("this frame has no locked pixels")?;
        let mask = levels(self.context, row.levels, self.width, self.height)?.primary();
        let lock = match (row.locked, row.locks) {
            (true, _) | (false, None) => vec![255; mask.len()],
            (false, Some(hash)) => levels(self.context, Some(hash), self.width, self.height)?.primary(),
        };
        Ok(Locked { mask, lock })
    }
}
