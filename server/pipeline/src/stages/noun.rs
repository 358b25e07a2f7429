//! Affected things by their names: the reference's third stage as it runs (void-spec §4.1 B), for comparison, and ours. Who finds a
//! thing by its name is not known here.

use std::collections::BTreeMap;

use domain::affected::{Cells, cells_of};
use domain::find::affected::{LeftOut, Meant, spans};
use domain::region::near;
use domain::{CellSpan, Grid, Region};
use plate::segment::Prompts;

use crate::{Reporter, Result};

/// Pixels of the square around the target's first mask outside of which the reference sees nothing, whatever the plate's size.
pub const REACH: u32 = 50;
/// It looks on every fifth frame and repeats that in between.
pub const STRIDE: u32 = 5;

/// A thing that is looked for: what it is called, and where it was said to be; nowhere: it is known by its name alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thing {
    pub noun: String,
    pub prompts: Prompts,
}

impl Thing {
    pub fn called(noun: &str) -> Self {
        Self { noun: noun.to_owned(), prompts: Prompts::default() }
    }
}

/// Who hears what is found: a frame, and a region of plate size for each thing there.
pub type Each<'a> = &'a mut dyn FnMut(u32, Vec<Region>) -> Result<()>;

/// Finds a thing on the frames of a plate: by its noun, or by where it was said to be.
pub trait Nouns {
    /// Hands `each` what is there of `thing` on `frames` (ascending), frame by frame and in any order; nothing where nothing is it. A
    /// frame that comes again counts as it came last; one that was not reached is left out.
    ///
    /// # Errors
    /// Whatever keeps it from looking. It is never told as nothing: the reference does that, and the mask is then empty without a
    /// word. Whatever `each` ends with; `Cancelled`.
    fn look(&mut self, thing: &Thing, frames: &[u32], report: &mut dyn Reporter, each: Each) -> Result<()>;
}

/// The affected cells of each frame as the reference's third stage makes them: whatever has one of the names, on every fifth frame,
/// within a fixed reach of the target's mask on the first frame (`target`).
///
/// # Errors
/// Those of `by`; `Cancelled`.
pub fn as_the_reference(
    by: &mut dyn Nouns,
    nouns: &[String],
    frames: u32,
    target: &Region,
    report: &mut dyn Reporter,
) -> Result<Vec<Cells>> {
    let grid = Grid::of(target.width(), target.height());
    let looks: Vec<u32> = (0..frames).step_by(STRIDE as usize).collect();
    let mut all = vec![Cells::new(); frames as usize];
    for noun in nouns {
        let mut seen: BTreeMap<u32, Cells> = BTreeMap::new();
        let mut each = |frame: u32, things: Vec<Region>| -> Result<()> {
            let touched = things.iter().flat_map(|thing| cells_of(&near(thing, target, REACH), grid));
            seen.insert(frame, touched.collect());
            Ok(())
        };
        by.look(&Thing::called(noun), &looks, report, &mut each)?;
        for (frame, cells) in (0..frames).zip(&mut all) {
            let last = seen.get(&(frame - frame % STRIDE));
            cells.extend(last.into_iter().flatten().copied());
        }
    }
    Ok(all)
}

/// What has one name, and what of it is affected.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub noun: String,
    pub spans: Vec<CellSpan>,
    /// Things on frames that were left out, since they are far from the target's way, or nothing changes there.
    pub far: u32,
    pub unchanged: u32,
}

/// The same as we do it: whatever has the name on `keys`, if it comes near the target anywhere on its way and the reasoner saw
/// something change there then (`meant`).
///
/// # Errors
/// Those of `by`; `Cancelled`.
pub fn near_the_way(
    by: &mut dyn Nouns,
    noun: &str,
    keys: &[u32],
    frames: u32,
    meant: &Meant,
    report: &mut dyn Reporter,
) -> Result<Named> {
    let mut seen: BTreeMap<u32, Vec<Cells>> = BTreeMap::new();
    let mut each = |frame: u32, things: Vec<Region>| -> Result<()> {
        let touched = |thing: &Region| cells_of(thing, Grid::of(thing.width(), thing.height()));
        seen.insert(frame, things.iter().map(touched).collect());
        Ok(())
    };
    by.look(&Thing::called(noun), keys, report, &mut each)?;
    let (mut found, mut far, mut unchanged) = (BTreeMap::new(), 0, 0);
    for (frame, things) in seen {
        let mut here = Cells::new();
        for thing in &things {
            match meant.of(frame, thing) {
                Ok(cells) => here.extend(cells),
                Err(LeftOut::Far) => far += 1,
                Err(LeftOut::Unchanged) => unchanged += 1,
            }
        }
        found.insert(frame, here);
    }
    let at = |frame: u32| found.get(&frame).cloned().unwrap_or_default();
    Ok(Named { noun: noun.to_owned(), spans: spans(keys, frames, at), far, unchanged })
}

#[cfg(test)]
mod tests {
    use domain::Step;

    use super::*;
    use crate::{Cancelled, Error};

    const SIZE: (u32, u32) = (280, 160); // 8 rows of 20, 14 columns of 20

    fn square(x: u32, y: u32) -> Region {
        let mut region = Region::empty(SIZE.0, SIZE.1);
        region.mark(x, y, x + 10, y + 10);
        region
    }

    /// A thing that goes right by 4 pixels a frame, and one that stays far off.
    struct Walk {
        asked: Vec<u32>,
    }

    impl Nouns for Walk {
        fn look(
            &mut self,
            thing: &Thing,
            frames: &[u32],
            report: &mut dyn Reporter,
            each: Each,
        ) -> Result<()> {
            for (at, frame) in (0..).zip(frames.iter().copied()) {
                report.step(Step::Look, at, frames.len() as u64)?;
                self.asked.push(frame);
                match thing.noun.as_str() {
                    "ball" => each(frame, vec![square(40 + 4 * frame, 40), square(240, 130)])?,
                    "ghost" => each(frame, Vec::new())?,
                    _ => return Err(Error::Input("The network lost itself.".into())),
                }
            }
            Ok(())
        }
    }

    #[test]
    fn the_reference_sees_only_what_is_near_the_first_mask() {
        let (target, mut by) = (square(30, 40), Walk { asked: Vec::new() });
        let nouns = ["ball".to_owned(), "ghost".to_owned()];
        let cells = as_the_reference(&mut by, &nouns, 24, &target, &mut ()).unwrap();
        assert_eq!(&by.asked[..5], [0, 5, 10, 15, 20]);
        assert_eq!(cells[0], Cells::from([(2, 2)]));
        assert_eq!(cells[4], cells[0], "the last look is repeated");
        assert_eq!(cells[5], Cells::from([(2, 3)]), "what of it is within reach");
        assert_eq!(cells[9], cells[5]);
        // By then it is out of reach, though the target may be with it.
        assert!(cells[20].is_empty(), "{:?}", cells[20]);
        // Absent on the first frame, everything is discarded.
        let nothing = Region::empty(SIZE.0, SIZE.1);
        let cells = as_the_reference(&mut by, &nouns, 6, &nothing, &mut ()).unwrap();
        assert!(cells.iter().all(Cells::is_empty));
    }

    #[test]
    fn ours_follows_the_targets_whole_way_and_leaves_out_what_is_far() {
        let way: Cells = (0..8).map(|col| (2, col)).collect();
        let meant = Meant { way, changes: Vec::new() };
        let mut by = Walk { asked: Vec::new() };
        let named = near_the_way(&mut by, "ball", &[0, 12, 23], 24, &meant, &mut ()).unwrap();
        assert_eq!((named.far, named.unchanged, by.asked), (3, 0, vec![0, 12, 23]));
        let cells = |frame: u32| -> Vec<(u32, u32)> {
            let here = named.spans.iter().filter(|span| span.from <= frame && frame <= span.to);
            here.flat_map(|span| span.cells.iter().copied()).collect()
        };
        assert!(cells(0).contains(&(2, 2)) && cells(23).contains(&(2, 6)), "{:?}", named.spans);
        assert!(cells(6).contains(&(2, 2)) && cells(6).contains(&(2, 4)), "anywhere between two looks");
    }

    #[test]
    fn what_broke_is_no_empty_mask() {
        let (target, meant) = (square(30, 40), Meant { way: Cells::from([(2, 2)]), changes: Vec::new() });
        let mut by = Walk { asked: Vec::new() };
        let nouns = ["ball".to_owned(), "broken".to_owned()];
        let said = as_the_reference(&mut by, &nouns, 10, &target, &mut ()).unwrap_err().to_string();
        assert!(said.contains("lost itself"), "{said}");
        let said = near_the_way(&mut by, "broken", &[0], 10, &meant, &mut ()).unwrap_err().to_string();
        assert!(said.contains("lost itself"), "{said}");
    }

    #[test]
    fn it_stops_when_asked() {
        struct Now;
        impl Reporter for Now {
            fn step(&mut self, _: Step, _: u64, _: u64) -> std::result::Result<(), Cancelled> {
                Err(Cancelled)
            }
        }
        let mut by = Walk { asked: Vec::new() };
        let outcome = near_the_way(&mut by, "ball", &[0], 10, &Meant::default(), &mut Now);
        assert!(matches!(outcome, Err(Error::Cancelled)) && by.asked.is_empty());
        let outcome = as_the_reference(&mut by, &["ball".to_owned()], 10, &square(30, 40), &mut Now);
        assert!(matches!(outcome, Err(Error::Cancelled)) && by.asked.is_empty());
    }
}
