//! Several targets of one shot: each is followed for itself, one after the other, and what is found is joined frame by frame.
//! A person locks pixels of the whole mask; whose they are is told here. How one target is followed is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::keyframe::{Marks, is_in};
use super::raster::Raster;
use super::{Error, FrameMask, Frames, Locks, Prompts, Run, SegmentParams, Stop, segment};
use crate::remove::shelf::Shelf;

/// Masks the union of `targets` on every frame. Each is followed for itself, so one that is first clicked late is followed
/// back to the beginning too; targets that nothing shows are left out, and a single one is followed as [`segment`] does.
///
/// Every frame comes once for each target, with what is found so far, and is [`FrameMask::whole`] from the last one on: until
/// then it may be shown where nothing was before. The confidence is the lowest of the targets that are in it. Pixels that
/// somebody locked as object, and that no target comes to, are followed as one more.
///
/// # Errors
/// Those of [`segment`]; `Scratch` when the temporary folder is full.
pub fn segment_targets(
    frames: &mut dyn Frames,
    targets: &[Prompts],
    locks: &mut dyn Locks,
    params: &SegmentParams,
    out: &mut dyn FnMut(FrameMask, u32, u32) -> Result<(), Stop>,
) -> Result<(), Error> {
    let shows = |target: &&Prompts| {
        target.positive.values().any(|points| !points.is_empty())
            || target.boxes.values().any(|boxes| !boxes.is_empty())
    };
    if targets.iter().filter(shows).count() <= 1 {
        return segment(frames, &all_of(targets), locks, params, out);
    }
    let mut share = Share::new(frames.count(), !locks.frames().is_empty())?;
    let mut shown = Vec::new();
    for target in targets.iter().filter(shows) {
        // Nothing but a lock counts on a frame that is locked as a whole, so clicks alone may show nothing.
        if Run::new(frames, target, locks, params, out, Some(&mut share))?.first()?.is_some() {
            shown.push(target);
        }
    }
    share.targets = shown.len() as u32;
    for (target, left) in shown.iter().zip((0..shown.len()).rev()) {
        share.left = left as u32;
        Run::new(frames, target, locks, params, out, Some(&mut share))?.all()?;
    }
    share.follows_rest = true;
    let none = Prompts::default();
    let rest = Run::new(frames, &none, locks, params, out, Some(&mut share))?.first()?.is_some();
    match (rest, shown.is_empty()) {
        (true, _) => {
            share.targets += 1;
            Run::new(frames, &none, locks, params, out, Some(&mut share))?.all()
        }
        (false, true) => Err(Error::NoPrompt),
        (false, false) => Ok(()),
    }
}

/// The marks of all targets as those of one.
pub(super) fn all_of(targets: &[Prompts]) -> Prompts {
    let mut all = Prompts::default();
    for Prompts { positive, negative, boxes } in targets {
        let points = [(&mut all.positive, positive), (&mut all.negative, negative)];
        for (to, from) in points {
            from.iter().for_each(|(frame, points)| to.entry(*frame).or_default().extend(points));
        }
        boxes.iter().for_each(|(frame, boxes)| all.boxes.entry(*frame).or_default().extend(boxes));
    }
    all
}

/// What the runs of several targets share.
pub(super) struct Share {
    /// Targets, and how many come after the present one.
    pub targets: u32,
    pub left: u32,
    /// The present run follows what nobody took of the locked pixels.
    follows_rest: bool,
    /// Frames handed out so far.
    pub done: u32,
    /// Pieces of the locked object pixels that no target took so far, by frame: numbers as [`Raster::pieces`] gives them.
    free: BTreeMap<u32, BTreeSet<u32>>,
    /// What is found so far: the union's runs on the shelf and the least confidence.
    found: Vec<Option<(u32, f32)>>,
    shelf: Shelf,
    shelved: u32,
    /// Whether a last target may be followed by what nobody took.
    has_locks: bool,
}

impl Share {
    fn new(frames: u32, has_locks: bool) -> Result<Self, Error> {
        Ok(Self {
            targets: 0,
            left: 0,
            follows_rest: false,
            done: 0,
            free: BTreeMap::new(),
            found: vec![None; frames as usize],
            shelf: Shelf::new()?,
            shelved: 0,
            has_locks,
        })
    }

    /// Adds what earlier targets came to on a frame, and remembers the union for later ones.
    pub fn join(&mut self, frame: u32, mask: &mut [u8], confidence: &mut f32) -> io::Result<()> {
        let empty = mask.iter().all(|m| *m == 0);
        if let Some((at, least)) = self.found[frame as usize] {
            runs::add(&self.shelf.get(at)?, mask);
            // What nobody took is nowhere else but where it is found.
            *confidence = if self.follows_rest && empty { least } else { confidence.min(least) };
        }
        if self.left > 0 || self.has_locks {
            self.shelf.put(&runs::of(mask))?;
            self.found[frame as usize] = Some((self.shelved, *confidence));
            self.shelved += 1;
        }
        Ok(())
    }

    /// Whether a frame may show the object by its marks, as far as is known without them.
    pub fn may_show(&self, frame: u32) -> bool {
        !self.follows_rest || self.free.get(&frame).is_none_or(|free| !free.is_empty())
    }

    /// The lock of a frame as the present target has to see it: what belongs to others is none of it. Pieces are a target's own
    /// where it is clicked or boxed, or else where it was on the frame beside (`near`: signed distance, positive inside). `None`
    /// where a frame is locked in part and nothing of that is near it.
    pub fn own(
        &mut self,
        frame: u32,
        locked: Raster<Option<bool>>,
        marks: &Marks,
        near: Option<&Raster<f32>>,
        params: &SegmentParams,
    ) -> Option<Raster<Option<bool>>> {
        let (labels, areas) = locked.map(|l| l == Some(true)).pieces();
        let free = self.free.entry(frame).or_insert_with(|| {
            (1..areas.len() as u32).filter(|label| areas[*label as usize] >= params.smallest).collect()
        });
        let own = match self.follows_rest {
            true => free.clone(),
            false => claims(&labels, &areas, marks, near, params.reach),
        };
        if !self.follows_rest {
            free.retain(|label| !own.contains(label));
        }
        let lock = || locked.data.iter().map(Option::is_some);
        let touches = |near: &Raster<f32>| lock().zip(&near.data).any(|(lock, d)| lock && *d > -params.reach);
        if own.is_empty() && !near.is_none_or(touches) && !lock().all(|lock| lock) {
            return None;
        }
        let data = locked.data.iter().zip(&labels.data);
        let data = data.map(|(lock, label)| if *label == 0 { *lock } else { Some(own.contains(label)) });
        Some(Raster { w: locked.w, h: locked.h, data: data.collect() })
    }
}

fn claims(
    labels: &Raster<u32>,
    areas: &[usize],
    marks: &Marks,
    near: Option<&Raster<f32>>,
    reach: f32,
) -> BTreeSet<u32> {
    let mut own: BTreeSet<u32> = marks
        .positive
        .iter()
        .map(|(x, y)| labels.clamped(x.round() as i32, y.round() as i32))
        .filter(|label| *label != 0)
        .collect();
    let mut boxed = vec![0_usize; areas.len()];
    let mut over = vec![0_usize; areas.len()];
    let mut close = vec![false; areas.len()];
    for (i, label) in labels.data.iter().enumerate().filter(|(_, label)| **label != 0) {
        let (x, y) = ((i % labels.w) as f32, (i / labels.w) as f32);
        boxed[*label as usize] += usize::from(marks.boxes.iter().any(|b| is_in(b, x, y)));
        if let Some(near) = near {
            over[*label as usize] += usize::from(near.data[i] > 0.0);
            close[*label as usize] |= near.data[i] > -reach;
        }
    }
    let area = near.map_or(0, |near| near.data.iter().filter(|d| **d > 0.0).count());
    let is_over = over.iter().any(|over| *over > 0);
    for (label, whole) in areas.iter().enumerate().skip(1) {
        let is_own = if is_over {
            over[label] > 0 && 10 * over[label] >= area.min(*whole)
        } else {
            close[label] && area > 0
        };
        if is_own || 2 * boxed[label] > *whole {
            own.insert(label as u32);
        }
    }
    own
}

/// A mask as the lengths of its runs, outside first: a few kilobytes at any size.
mod runs {
    pub fn of(mask: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |mut length: usize| {
            while length >= 0x80 {
                out.push(length as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
        };
        let (mut since, mut inside) = (0, false);
        for (i, pixel) in mask.iter().enumerate() {
            if (*pixel != 0) != inside {
                put(i - since);
                (since, inside) = (i, !inside);
            }
        }
        put(mask.len() - since);
        out
    }

    /// Sets `mask` to 255 where the runs are inside.
    pub fn add(runs: &[u8], mask: &mut [u8]) {
        let (mut at, mut inside, mut length, mut shift) = (0, false, 0_usize, 0);
        for byte in runs {
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                if inside {
                    mask[at..at + length].fill(255);
                }
                at += length;
                (inside, length, shift) = (!inside, 0, 0);
            }
        }
    }

    #[test]
    fn a_mask_comes_back_from_its_runs() {
        let masks =
            [vec![0; 300], vec![255; 300], (0..300).map(|i| if i % 7 < 3 { 255 } else { 0 }).collect()];
        for mask in masks {
            let mut back = vec![0; 300];
            add(&of(&mask), &mut back);
            assert_eq!(back, mask);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_pieces_are_those_of_the_target_that_was_there() {
        let at = |x: usize| if x < 10 || (20..30).contains(&x) { Some(true) } else { Some(false) };
        let locked = Raster { w: 40, h: 10, data: (0..400).map(|i| at(i % 40)).collect() };
        let near = Raster { w: 40, h: 10, data: (0..400).map(|i| 8.0 - (i % 40) as f32).collect() };
        let mut share = Share::new(3, true).unwrap();
        let params = SegmentParams { smallest: 4, ..SegmentParams::default() };
        let own = share.own(1, locked.clone(), &Marks::default(), Some(&near), &params).unwrap();
        assert_eq!((own.at(5, 5), own.at(25, 5), own.at(15, 5)), (Some(true), Some(false), Some(false)));
        share.follows_rest = true;
        let rest = share.own(1, locked.clone(), &Marks::default(), None, &params).unwrap();
        assert_eq!((rest.at(5, 5), rest.at(25, 5), rest.at(15, 5)), (Some(false), Some(true), Some(false)));
        share.follows_rest = false;
        let clicked = Marks { positive: vec![(25.0, 3.0)], ..Marks::default() };
        let own = share.own(2, locked, &clicked, None, &params).unwrap();
        assert_eq!((own.at(5, 5), own.at(25, 5)), (Some(false), Some(true)));
    }
}
