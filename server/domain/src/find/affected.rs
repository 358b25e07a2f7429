//! From things that were found by name on a few frames to the cells that are affected on all of them. The faithful way takes
//! whatever has the name (void-spec §4.1 B does, near the target's first mask); ours takes what comes near the target anywhere on
//! its way, and only where and when the reasoner saw something change.

pub use crate::affected::Cells;
use crate::{CellSpan, Proposal};

/// Cells between the target's way and a thing at most: neighbours touch, one more is a gap of a cell.
pub const REACH: u32 = 1;

/// What tells which of the things that have a name are meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meant {
    /// Every cell that the target touches on any frame.
    pub way: Cells,
    /// What the reasoner saw change, where it looked; nothing: all that is near the way counts.
    pub changes: Vec<Proposal>,
}

/// Why a thing is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It comes nowhere near the target's way.
    Far,
    /// The reasoner saw nothing change there then.
    Unchanged,
}

impl Meant {
    /// The cells of a thing on one frame that are affected.
    ///
    /// # Errors
    /// Why none is.
    pub fn of(&self, frame: u32, cells: &Cells) -> Result<Cells, LeftOut> {
        let way = grown(&self.way, REACH);
        if cells.is_disjoint(&way) {
            return Err(LeftOut::Far);
        }
        let mut changes = self.changes.iter().filter(|change| change.effect.is_affected()).peekable();
        if changes.peek().is_none() {
            return Ok(cells.clone());
        }
        let now = changes.filter(|change| (change.from..=change.to).contains(&frame));
        let seen: Cells = now.flat_map(|change| change.cells_at(frame).collect::<Vec<_>>()).collect();
        let both: Cells = cells.intersection(&grown(&seen, REACH)).copied().collect();
        if both.is_empty() { Err(LeftOut::Unchanged) } else { Ok(both) }
    }
}

/// The cells with all that are no further from one of them than `reach`, diagonals too. Those outside the grid mean nothing.
fn grown(cells: &Cells, reach: u32) -> Cells {
    let around = |at: u32| at.saturating_sub(reach)..=at + reach;
    cells
        .iter()
        .flat_map(|(row, col)| around(*row).flat_map(move |row| around(*col).map(move |col| (row, col))))
        .collect()
}

/// The cells of all frames from those of some. `keys`: the frames that were looked at, ascending; `cells_at`: what was found there.
/// Between two frames that both show it, a thing may be anywhere between, so both count all the way; where only one shows it, it
/// is taken to come or go half way.
pub fn spans(keys: &[u32], frames: u32, cells_at: impl Fn(u32) -> Cells) -> Vec<CellSpan> {
    let mut spans: Vec<CellSpan> = Vec::new();
    let mut add = |from: u32, end: u32, cells: &Cells| {
        if from >= end || cells.is_empty() {
            return;
        }
        let cells: Vec<(u32, u32)> = cells.iter().copied().collect();
        match spans.last_mut() {
            Some(last) if last.to + 1 == from && last.cells == cells => last.to = end - 1,
            _ => spans.push(CellSpan { from, to: end - 1, cells }),
        }
    };
    let Some((first, last)) = keys.first().zip(keys.last()) else { return spans };
    add(0, *first, &cells_at(*first));
    for pair in keys.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (here, there) = (cells_at(from), cells_at(to));
        if here.is_empty() || there.is_empty() {
            let middle = (from + to).div_ceil(2);
            add(from, middle, &here);
            add(middle, to, &there);
        } else {
            add(from, to, &here.union(&there).copied().collect());
        }
    }
    add(*last, frames, &cells_at(*last));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Consequence, Effect};

    fn cells(all: &[(u32, u32)]) -> Cells {
        all.iter().copied().collect()
    }

    fn shadow(from: u32, to: u32, at: &[(u32, u32)]) -> Proposal {
        Proposal {
            said: None,
            effect: Effect::Shadow,
            consequence: Consequence::Vanish,
            from,
            to,
            shown: from,
            touches: None,
            share: 1.0,
            place: [0.0, 0.0, 1.0, 1.0],
            spans: vec![CellSpan { from, to, cells: at.to_vec() }],
            confidence: 0.9,
        }
    }

    #[test]
    fn what_comes_near_the_way_anywhere_counts_and_the_rest_does_not() {
        // The target moves along a row; its first mask alone would not reach the thing.
        let meant = Meant { way: cells(&[(2, 0), (2, 1), (2, 5)]), changes: Vec::new() };
        assert_eq!(meant.of(0, &cells(&[(3, 6), (4, 6)])), Ok(cells(&[(3, 6), (4, 6)])));
        assert_eq!(meant.of(0, &cells(&[(6, 6)])), Err(LeftOut::Far));
        assert_eq!(Meant::default().of(0, &cells(&[(0, 0)])), Err(LeftOut::Far), "no target, no way");
    }

    #[test]
    fn the_reasoners_cells_and_frames_are_the_frame_of_it() {
        let passing = Proposal { effect: Effect::Passing, ..shadow(0, 99, &[(0, 0)]) };
        let meant =
            Meant { way: cells(&[(2, 5)]), changes: vec![shadow(10, 20, &[(3, 6)]), passing.clone()] };
        assert_eq!(meant.of(12, &cells(&[(3, 6), (3, 9)])), Ok(cells(&[(3, 6)])));
        assert_eq!(meant.of(30, &cells(&[(3, 6)])), Err(LeftOut::Unchanged), "not then");
        assert_eq!(meant.of(12, &cells(&[(1, 4)])), Err(LeftOut::Unchanged), "not there");
        let only_passing = Meant { way: cells(&[(2, 5)]), changes: vec![passing] };
        assert!(only_passing.of(12, &cells(&[(1, 4)])).is_ok(), "what passes changes nothing");
    }

    #[test]
    fn cells_last_from_one_look_to_the_next() {
        let at = |frame: u32| match frame {
            0 => cells(&[(0, 0)]),
            10 => cells(&[(0, 1)]),
            _ => Cells::new(),
        };
        let found = spans(&[0, 10, 20], 30, at);
        let told: Vec<_> = found.iter().map(|s| (s.from, s.to, s.cells.clone())).collect();
        assert_eq!(told, [(0, 9, vec![(0, 0), (0, 1)]), (10, 14, vec![(0, 1)])]);
        // A thing that comes late, and one look alone.
        assert_eq!(
            spans(&[4, 8], 9, |frame| if frame == 8 { cells(&[(1, 1)]) } else { Cells::new() })[0].from,
            6
        );
        let one = spans(&[5], 12, |_| cells(&[(1, 1)]));
        assert_eq!((one.len(), one[0].from, one[0].to), (1, 0, 11));
        assert!(spans(&[], 12, |_| cells(&[(1, 1)])).is_empty());
    }
}
