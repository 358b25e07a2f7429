//! Affected: the bodies that a model outside named, segmented on every frame and joined to the cells that it gave, as far as they
//! are near the target's whole motion (void-spec §4.1; the reference looks near the target's first frame only).

use std::collections::BTreeMap;

use domain::affected::{Cells, by_frame, close_to, seen, spans};
use domain::proposal::{Category, Said};
use domain::{Grid, Level, Proposal, Region, Step};
use plate::segment::{FrameMask, Prompts, SegmentParams};

use super::noun::{Each, Nouns, Thing};
use super::segment::segment;
use crate::masks::Masks;
use crate::plate_file::PlateFile;
use crate::{Error, Reporter, Result};

/// The segmenter that needs no weights; it knows no nouns and starts from the boxes.
pub struct WithoutWeights<'a> {
    pub plate: &'a mut PlateFile,
}

impl Nouns for WithoutWeights<'_> {
    fn look(&mut self, thing: &Thing, frames: &[u32], report: &mut dyn Reporter, each: Each) -> Result<()> {
        let targets = std::slice::from_ref(&thing.prompts);
        let mut each = of_track(self.plate.size(), frames, each);
        segment(self.plate, targets, &mut (), &SegmentParams::default(), report, &mut each)
    }
}

/// Masks below this confidence are not believed.
const SURE: f32 = 0.5;

/// Hands a track's masks on as [`Nouns::look`] does: those of the frames that were asked for, and nothing where one is not sure.
pub fn of_track(
    (width, height): (u32, u32),
    frames: &[u32],
    each: Each,
) -> impl FnMut(FrameMask) -> Result<()> {
    move |mask: FrameMask| -> Result<()> {
        if frames.binary_search(&mask.frame).is_err() {
            return Ok(());
        }
        let region = Region::of_grey(width, height, &mask.mask, |value| value > 0)?;
        each(mask.frame, if mask.confidence >= SURE { vec![region] } else { Vec::new() })
    }
}

/// Adds to each body that a model outside named, and said a place of, what `nouns` finds of it. Sentences about those that
/// could not be segmented: they keep the cells that were given. `frames`, `size`: those of the plate.
///
/// # Errors
/// Frames that cannot be read; [`Error::Cancelled`].
pub fn join(
    frames: u32,
    size: (u32, u32),
    masks: &mut dyn Masks,
    proposals: &mut [Proposal],
    nouns: &mut dyn Nouns,
    report: &mut dyn Reporter,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let things: Vec<(usize, Thing)> =
        proposals.iter().enumerate().filter_map(|(at, proposal)| Some((at, thing(proposal)?))).collect();
    if things.is_empty() {
        return Ok(notes);
    }
    let grid = Grid::of(size.0, size.1);
    let close = close_to(&motion(masks, frames, size)?);
    let all: Vec<u32> = (0..frames).collect();
    for (at, thing) in things {
        let mut found: BTreeMap<u32, Cells> = BTreeMap::new();
        let mut each = |frame: u32, things: Vec<Region>| -> Result<()> {
            found.insert(frame, things.iter().flat_map(|thing| seen(thing, &close, grid)).collect());
            Ok(())
        };
        match nouns.look(&thing, &all, report, &mut each) {
            Ok(()) => add(&mut proposals[at], &found, frames),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => notes.push(format!("“{}” keeps the cells that were given: {error}", thing.noun)),
        }
    }
    report.step(Step::Track, 1, 1)?;
    Ok(notes)
}

/// `None`: it has no body, or was said to be nowhere.
fn thing(proposal: &Proposal) -> Option<Thing> {
    let Said { noun, boxes, .. } = proposal.said.as_ref()?;
    if proposal.effect.category() != Category::Physical || boxes.is_empty() {
        return None;
    }
    let mut prompts = Prompts::default();
    for b in boxes {
        prompts.boxes.entry(b.frame).or_default().push([b.x0, b.y0, b.x1, b.y1]);
    }
    Some(Thing { noun: noun.clone(), prompts })
}

/// Everywhere that the target ever is.
fn motion(masks: &mut dyn Masks, frames: u32, (width, height): (u32, u32)) -> Result<Region> {
    let mut motion = Region::empty(width, height);
    for frame in 0..frames {
        let levels = masks.levels(frame)?;
        let grey = levels.to_grey();
        let target = Region::of_grey(levels.width(), levels.height(), &grey, |value| {
            Level::nearest(value).is_primary()
        })?;
        if !target.is_empty() {
            motion = motion.union(&target);
        }
    }
    Ok(motion)
}

/// The first frame stays free, and all before the thing first appears.
fn add(proposal: &mut Proposal, found: &BTreeMap<u32, Cells>, frames: u32) {
    let first = proposal.from.max(u32::from(frames > 1));
    let mut all = by_frame(&proposal.spans, frames);
    for (frame, cells) in found.range(first..) {
        if let Some(here) = all.get_mut(*frame as usize) {
            here.extend(cells.iter().copied());
        }
    }
    proposal.spans = spans(&all);
    if let (Some(first), Some(last)) = (proposal.spans.first(), proposal.spans.last()) {
        (proposal.from, proposal.to) = (first.from, last.to);
    }
}

#[cfg(test)]
mod tests {
    use domain::outside::{Asked, Outside, Sends};
    use domain::{BoxPrompt, CellSpan, Effect, Levels};

    use super::*;

    const SIZE: (u32, u32) = (160, 90);

    /// Says that a thing is in the middle of every frame, and far from the target too.
    struct Told;

    impl Nouns for Told {
        fn look(&mut self, thing: &Thing, frames: &[u32], _: &mut dyn Reporter, each: Each) -> Result<()> {
            if thing.noun == "ghost" {
                return Err(Error::Input("it is nowhere to be seen.".into()));
            }
            let mut each = of_track(SIZE, frames, each);
            for frame in frames {
                let mut region = Region::empty(SIZE.0, SIZE.1);
                region.mark(70, 40, 80, 50);
                region.mark(150, 80, 160, 90);
                let mask = region.pixels().iter().map(|is| if *is { 255 } else { 0 }).collect();
                let confidence = if *frame == 2 { 0.1 } else { 0.9 };
                each(FrameMask { frame: *frame, mask, confidence, whole: true })?;
            }
            Ok(())
        }
    }

    fn named(noun: &str, effect: Effect) -> Proposal {
        let outside = Outside::new("http://127.0.0.1:1", "m", Sends::Pictures, None).expect("an address");
        let boxes = vec![BoxPrompt { frame: 1, x0: 60.0, y0: 30.0, x1: 90.0, y1: 60.0 }];
        let by = Asked::new(&outside, 0, 0);
        let said = Said { noun: noun.into(), why: String::new(), path: vec![], boxes, by };
        Proposal {
            effect,
            consequence: effect.consequence(),
            from: 1,
            to: 1,
            shown: 1,
            touches: None,
            share: 1.0,
            place: [0.0, 0.0, 1.0, 1.0],
            spans: vec![CellSpan { from: 1, to: 1, cells: vec![(0, 0)] }],
            confidence: 0.5,
            said: Some(said),
        }
    }

    #[test]
    fn what_is_found_near_the_targets_motion_joins_the_cells_that_were_given() {
        // The target comes near on the third frame only.
        let mut masks = |frame: u32| -> Result<Levels> {
            let mut levels = Levels::background(SIZE.0, SIZE.1);
            let x = if frame == 2 { 60 } else { 5 };
            (40..50).for_each(|y| levels.map_span(y, x, x + 10, |_| Level::Primary));
            Ok(levels)
        };
        let mut all = [
            named("ball", Effect::Carried),
            named("shadow", Effect::Shadow),
            named("ghost", Effect::Pressed),
        ];
        let notes = join(4, SIZE, &mut masks, &mut all, &mut Told, &mut ()).expect("joined");
        let grid = Grid::of(160, 90);
        let ball = grid.at(72, 44, 160, 90);
        let at = |proposal: &Proposal, frame| proposal.cells_at(frame).collect::<Vec<_>>();
        assert_eq!(at(&all[0], 0), [], "nothing is affected on the first frame");
        assert!(at(&all[0], 1).contains(&ball) && at(&all[0], 1).contains(&(0, 0)));
        assert_eq!(at(&all[0], 2), [], "a mask that is not sure is not believed");
        assert!(at(&all[0], 3).contains(&ball));
        assert!(!at(&all[0], 3).contains(&grid.at(155, 85, 160, 90)), "it is far from the target");
        assert_eq!((all[0].from, all[0].to), (1, 3));
        assert_eq!(all[1].spans, named("shadow", Effect::Shadow).spans, "light has no body");
        assert_eq!(all[2].spans, named("ghost", Effect::Pressed).spans);
        assert!(notes.len() == 1 && notes[0].contains("“ghost” keeps the cells"), "{notes:?}");
    }

    #[test]
    fn of_a_track_counts_what_was_asked_for() {
        let mut heard = Vec::new();
        let mut each = |frame: u32, things: Vec<Region>| -> Result<()> {
            heard.push((frame, things.len()));
            Ok(())
        };
        {
            let mut track = of_track((2, 1), &[1, 2], &mut each);
            for (frame, confidence) in [(0, 0.9), (1, 0.9), (2, 0.1)] {
                track(FrameMask { frame, mask: vec![255, 0], confidence, whole: true }).expect("heard");
            }
        }
        assert_eq!(heard, [(1, 1), (2, 0)]);
    }
}
