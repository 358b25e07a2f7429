//! Masks of one frame carried to another by SAM 2's memory, either way.

use std::ops::ControlFlow;

use domain::{Outline, Step};
use nets::sam2::{Direction, Found, Options, Session, Shot};
use pipeline::{PlateFile, Reporter};
use tch::Tensor;

use super::small;
use crate::error::Result;
use crate::track::Segmenter;
use crate::track::bits::Bits;

/// Frames around the one that is tracked whose masks stay in memory.
const REMEMBERED: i64 = 32;

/// Where a mask came to.
pub struct Arrived {
    pub bits: Bits,
    pub shape: Outline,
    /// 0–1: that it is there, and that its mask fits.
    pub score: f64,
}

/// Carries every mask of `from` to `to`; nothing for those that are hidden or gone there. `done` and `total`: frames of the whole
/// search, for `report`.
///
/// # Errors
/// A frame that cannot be read; libtorch out of memory; `Cancelled` when `report` says so.
pub fn carry(
    segmenter: &Segmenter,
    plate: &mut PlateFile,
    (from, to): (u32, u32),
    masks: &[&Bits],
    done: &mut u64,
    total: u64,
    report: &mut dyn Reporter,
) -> Result<Vec<Option<Arrived>>> {
    if masks.is_empty() {
        return Ok(Vec::new());
    }
    let (width, height) = plate.size();
    let shot = Shot { frames: plate.frames().into(), height: height.into(), width: width.into() };
    let mut session = Session::new(shot, Options { kept_frames: REMEMBERED, ..Options::default() })?;
    let net = segmenter.net();
    let (mut refused, mut stopped, mut reached) = (None, None, Vec::new());
    let mut pictures = |frame: i64| {
        super::rgb(plate, frame as u32).map_err(|error| {
            let said = nets::Error::input(error.to_string(), "Read the plate again.");
            refused = Some(error);
            said
        })
    };
    let mut track = || -> std::result::Result<(), nets::Error> {
        for (object, bits) in (0..).zip(masks) {
            session.give_mask(net, &mut pictures, object, from.into(), &bits.tensor(shot))?;
        }
        let direction = if to > from { Direction::Forwards } else { Direction::Backwards };
        let reach = (i64::from(to) - i64::from(from)).abs();
        session.propagate(
            net,
            &mut pictures,
            Some(from.into()),
            direction,
            Some(reach),
            &mut |frame, found| {
                *done += 1;
                if let Err(asked) = report.step(Step::Track, (*done).min(total), total) {
                    stopped = Some(asked);
                    return ControlFlow::Break(());
                }
                if frame == i64::from(to) {
                    reached = found;
                }
                ControlFlow::Continue(())
            },
        )
    };
    let outcome = track();
    if let Some(error) = refused {
        return Err(error.into());
    }
    outcome?;
    if let Some(asked) = stopped {
        return Err(asked.into());
    }
    let of = |object: usize| reached.iter().find(|found| found.object as usize == object);
    Ok((0..masks.len()).map(|object| of(object).and_then(|found| arrived(found, (width, height)))).collect())
}

fn arrived(found: &Found, size: (u32, u32)) -> Option<Arrived> {
    let inside: Tensor = found.logits.gt(0.0);
    let shape = small(&inside, size);
    // Hidden: what is left of its mask is no place of it.
    let is_there = found.score.is_none_or(|score| score > 0.0) && !shape.is_empty();
    is_there.then(|| Arrived { bits: Bits::of_logits(&found.logits), shape, score: found.confidence() })
}
