//! Affected: the bodies that a model outside named, segmented on every frame and joined to the cells that it gave, as far as they
//! are near the target's whole motion (void-spec §4.1; the reference looks near the target's first frame only).

use std::collections::BTreeMap;

use domain::affected::{Cells, by_frame, close_to, seen, spans};
use domain::proposal::{Category, Said};
use domain::{Grid, Level, Proposal, Region, Step};
use plate::segment::{FrameMask, Prompts, SegmentParams};

use super::segment::segment;
use crate::masks::Masks;
use crate::plate_file::PlateFile;
use crate::{Error, Reporter, Result};

/// A thing that is looked for: what it is called, and where it was said to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    pub noun: String,
    pub prompts: Prompts,
}

/// Finds a thing on the frames of a plate: by where it was said to be, or by its noun.
pub trait Nouns {
    /// Hands a mask to `each`, in any order; frames without one are left out, and of two masks of a frame the later counts.
    ///
    /// # Errors
    /// Whatever `each` ends with; what the segmenter lacks.
    fn masks(
        &mut self,
        plate: &mut PlateFile,
        thing: &Thing,
        report: &mut dyn Reporter,
        each: &mut dyn FnMut(FrameMask) -> Result<()>,
    ) -> Result<()>;
}

/// The segmenter that needs no weights; it knows no nouns and starts from the boxes.
#[derive(Debug, Clone, Copy, Default)]
pub struct WithoutWeights;

impl Nouns for WithoutWeights {
    fn masks(
        &mut self,
        plate: &mut PlateFile,
        thing: &Thing,
        report: &mut dyn Reporter,
        each: &mut dyn FnMut(FrameMask) -> Result<()>,
    ) -> Result<()> {
        let targets = std::slice::from_ref(&thing.prompts);
        segment(plate, targets, &mut (), &SegmentParams::default(), report, each)
    }
}

/// Masks below this confidence are not believed.
const SURE: f32 = 0.5;

/// Adds to each body that a model outside named, and said a place of, what `nouns` finds of it. Sentences about those that
/// could not be segmented: they keep the cells that were given.
///
/// # Errors
/// Frames that cannot be read; [`Error::Cancelled`].
pub fn join(
    plate: &mut PlateFile,
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
    let (width, height) = plate.size();
    let (frames, grid) = (plate.frames(), Grid::of(width, height));
    let close = close_to(&motion(masks, frames, (width, height))?);
    for (at, thing) in things {
        let mut found: BTreeMap<u32, Cells> = BTreeMap::new();
        let mut each = |mask: FrameMask| -> Result<()> {
            let region = Region::of_grey(width, height, &mask.mask, |value| value > 0)?;
            let is_sure = mask.confidence >= SURE;
            found.insert(mask.frame, if is_sure { seen(&region, &close, grid) } else { Cells::new() });
            Ok(())
        };
        match nouns.masks(plate, &thing, report, &mut each) {
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
    use media::{Ffv1Writer, Picture, PixelFormat};

    use super::*;

    /// Says that a thing is in the middle of every frame, and far from the target too.
    struct Told;

    impl Nouns for Told {
        fn masks(
            &mut self,
            plate: &mut PlateFile,
            thing: &Thing,
            _: &mut dyn Reporter,
            each: &mut dyn FnMut(FrameMask) -> Result<()>,
        ) -> Result<()> {
            if thing.noun == "ghost" {
                return Err(Error::Input("it is nowhere to be seen.".into()));
            }
            let (width, height) = plate.size();
            for frame in 0..plate.frames() {
                let mut region = Region::empty(width, height);
                region.mark(70, 40, 80, 50);
                region.mark(150, 80, 160, 90);
                let mask = region.pixels().iter().map(|is| if *is { 255 } else { 0 }).collect();
                let confidence = if frame == 2 { 0.1 } else { 0.9 };
                each(FrameMask { frame, mask, confidence, whole: true })?;
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
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plate.mkv");
        let format = PixelFormat::from_name("yuv420p").expect("known");
        let rate = domain::Rate::new(24, 1).expect("a rate");
        let colour = domain::Colour {
            primaries: "bt709".into(),
            transfer: "bt709".into(),
            matrix: "bt709".into(),
            range: "tv".into(),
            assumed: false,
        };
        let mut writer = Ffv1Writer::create(&path, &format, 160, 90, rate, &colour, None).expect("a writer");
        for _ in 0..4 {
            writer.write(&Picture::new(format, 160, 90)).expect("written");
        }
        writer.finish().expect("a plate");
        let mut plate = PlateFile::open(&path, &mut ()).expect("opened");
        // The target comes near on the third frame only.
        let mut masks = |frame: u32| -> Result<Levels> {
            let mut levels = Levels::background(160, 90);
            let x = if frame == 2 { 60 } else { 5 };
            (40..50).for_each(|y| levels.map_span(y, x, x + 10, |_| Level::Primary));
            Ok(levels)
        };
        let mut all = [
            named("ball", Effect::Carried),
            named("shadow", Effect::Shadow),
            named("ghost", Effect::Pressed),
        ];
        let notes = join(&mut plate, &mut masks, &mut all, &mut Told, &mut ()).expect("joined");
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
}
