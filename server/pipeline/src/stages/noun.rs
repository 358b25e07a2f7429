//! Affected things by their names: the reference's third stage as it runs (void-spec §4.1 B), for comparison, and ours. Who finds a
//! thing by its name is not known here.

use domain::find::affected::{Cells, LeftOut, Meant, spans};
use domain::region::near;
use domain::{CellSpan, Grid, Region, Step};

use crate::{Reporter, Result};

/// Pixels of the square around the target's first mask outside of which the reference sees nothing, whatever the plate's size.
pub const REACH: u32 = 50;
/// It looks on every fifth frame and repeats that in between.
pub const STRIDE: u32 = 5;

/// Finds things by a noun.
pub trait ByNoun {
    /// Everything that has this name on a frame, one region of plate size for each; none where nothing has it.
    ///
    /// # Errors
    /// Whatever keeps it from looking. It is never told as nothing: the reference does that, and the mask is then empty without a
    /// word.
    fn find(&mut self, frame: u32, noun: &str) -> Result<Vec<Region>>;
}

/// The affected cells of each frame as the reference's third stage makes them: whatever has one of the names, on every fifth frame,
/// within a fixed reach of the target's mask on the first frame (`target`).
///
/// # Errors
/// Those of `by`; `Cancelled`.
pub fn as_the_reference(
    by: &mut dyn ByNoun,
    nouns: &[String],
    frames: u32,
    target: &Region,
    report: &mut dyn Reporter,
) -> Result<Vec<Cells>> {
    let grid = Grid::of(target.width(), target.height());
    let mut all = vec![Cells::new(); frames as usize];
    let total = frames as usize * nouns.len();
    for (n, noun) in nouns.iter().enumerate() {
        let mut last = Cells::new();
        for (frame, cells) in (0..frames).zip(&mut all) {
            if frame % STRIDE == 0 {
                report.step(Step::Look, (n * frames as usize + frame as usize) as u64, total as u64)?;
                let things = by.find(frame, noun)?;
                last = things.iter().flat_map(|thing| touched(&near(thing, target, REACH), grid)).collect();
            }
            cells.extend(last.iter().copied());
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
    by: &mut dyn ByNoun,
    noun: &str,
    keys: &[u32],
    frames: u32,
    meant: &Meant,
    report: &mut dyn Reporter,
) -> Result<Named> {
    let (mut found, mut far, mut unchanged) = (Vec::new(), 0, 0);
    for (at, frame) in keys.iter().enumerate() {
        report.step(Step::Look, at as u64, keys.len() as u64)?;
        let mut here = Cells::new();
        for thing in by.find(*frame, noun)? {
            let grid = Grid::of(thing.width(), thing.height());
            match meant.of(*frame, &touched(&thing, grid)) {
                Ok(cells) => here.extend(cells),
                Err(LeftOut::Far) => far += 1,
                Err(LeftOut::Unchanged) => unchanged += 1,
            }
        }
        found.push((*frame, here));
    }
    let at = |frame: u32| {
        found.iter().find(|(known, _)| *known == frame).map(|(_, cells)| cells.clone()).unwrap_or_default()
    };
    Ok(Named { noun: noun.to_owned(), spans: spans(keys, frames, at), far, unchanged })
}

/// The cells of which any pixel is meant.
pub fn touched(region: &Region, grid: Grid) -> Cells {
    let (width, height) = (region.width(), region.height());
    let mut cells = Cells::new();
    for row in 0..grid.rows {
        for col in 0..grid.cols {
            let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) else { continue };
            if (y0..y1).any(|y| (x0..x1).any(|x| region.has(x, y))) {
                cells.insert((row, col));
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
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

    impl ByNoun for Walk {
        fn find(&mut self, frame: u32, noun: &str) -> Result<Vec<Region>> {
            self.asked.push(frame);
            match noun {
                "ball" => Ok(vec![square(40 + 4 * frame, 40), square(240, 130)]),
                "ghost" => Ok(Vec::new()),
                _ => Err(Error::Input("The network lost itself.".into())),
            }
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
    }
}
