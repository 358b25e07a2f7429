//! Causes: what else changes when the target goes, why, and what becomes of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::version::Decision;
use crate::{CauseId, Grid, Hash, Level, Levels, PersonId};

/// What becomes of an affected thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consequence {
    /// It goes with the target: a shadow, a ripple.
    Vanish,
    /// It should have kept still, as it was before the target touched it.
    Stay,
    /// Physics rewrites it: it falls or rolls on, along a drawn path where there is one.
    React,
    /// It moves as filmed although its mover goes.
    Keep,
}

impl Consequence {
    pub const ALL: [Self; 4] = [Self::Vanish, Self::Stay, Self::React, Self::Keep];

    pub fn word(self) -> &'static str {
        match self {
            Self::Vanish => "vanish",
            Self::Stay => "stay",
            Self::React => "react",
            Self::Keep => "keep",
        }
    }

    /// As a sentence in the causes list.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Vanish => "Goes with the target",
            Self::Stay => "Stays as it was before",
            Self::React => "Moves on its own",
            Self::Keep => "Keeps its filmed motion",
        }
    }
}

impl std::str::FromStr for Consequence {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|c| c.word() == word).ok_or(())
    }
}

/// One place on a drawn path: the thing's centre at `frame`, in plate pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PathPoint {
    pub frame: u32,
    pub x: f32,
    pub y: f32,
}

/// Grid cells that are affected from frame `from` to frame `to`, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellSpan {
    pub from: u32,
    pub to: u32,
    /// `[row, col]`, sorted, no doubles.
    pub cells: Vec<(u32, u32)>,
}

/// An affected thing and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    pub cause_id: CauseId,
    pub name: String,
    pub reason: String,
    pub consequence: Consequence,
    /// Only for `react`; frames strictly ascending.
    pub path: Vec<PathPoint>,
    pub spans: Vec<CellSpan>,
}

/// How the causes of a shot stand, where its project has them approved before the quadmask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CausesReview {
    /// Hash of the causes as they are now.
    pub subject: Hash,
    /// Who changed them last; nobody known: nil.
    pub author: PersonId,
    /// Oldest first; those about another subject are about causes as they were.
    pub decisions: Vec<Decision>,
    /// The project's policy is met by decisions about them as they are now.
    pub is_approved: bool,
}

impl Cause {
    /// Whether it moves on its own and nobody drew where: only a model that invents motion can run it.
    pub fn lacks_path(&self) -> bool {
        self.consequence == Consequence::React && self.path.len() < 2
    }

    /// First and last frame on which it has cells.
    pub fn frames(&self) -> Option<(u32, u32)> {
        let from = self.spans.iter().map(|span| span.from).min()?;
        let to = self.spans.iter().map(|span| span.to).max()?;
        Some((from, to))
    }

    /// The cells that are affected at `frame`.
    pub fn cells_at(&self, frame: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.spans
            .iter()
            .filter(move |s| s.from <= frame && frame <= s.to)
            .flat_map(|s| s.cells.iter().copied())
    }

    /// Turns one cell on or off over `from..=to`; spans stay disjoint and sorted.
    pub fn set_cell(&mut self, cell: (u32, u32), on: bool, from: u32, to: u32) {
        self.set_cells(&[cell], on, from, to);
    }

    /// As [`Self::set_cell`] for several: one walk over the spans, however many there are.
    pub fn set_cells(&mut self, these: &[(u32, u32)], on: bool, from: u32, to: u32) {
        let these: BTreeSet<(u32, u32)> = these.iter().copied().collect();
        let mut edges: Vec<u32> =
            self.spans.iter().flat_map(|s| [s.from, s.to + 1]).chain([from, to + 1]).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut spans: Vec<CellSpan> = Vec::new();
        let mut sweep = CellSweep::new(&self.spans);
        for pair in edges.windows(2) {
            let (start, end) = (pair[0], pair[1] - 1);
            let mut cells: Vec<(u32, u32)> = sweep.at(start).collect();
            if from <= start && end <= to {
                cells.retain(|cell| !these.contains(cell));
                if on {
                    cells.extend(&these);
                }
            }
            cells.sort_unstable();
            cells.dedup();
            match spans.last_mut() {
                Some(last) if last.to + 1 == start && last.cells == cells => last.to = end,
                _ if !cells.is_empty() => spans.push(CellSpan { from: start, to: end, cells }),
                _ => {}
            }
        }
        self.spans = spans;
    }
}

/// The cells of spans, frame by frame: each frame that is asked for comes after the one before, and a span that has ended is
/// not looked at again. Spans may lie in any order and over each other.
#[derive(Debug, Clone)]
pub struct CellSweep<'a> {
    /// The last one begins first.
    waiting: Vec<&'a CellSpan>,
    open: Vec<&'a CellSpan>,
}

impl<'a> CellSweep<'a> {
    pub fn new(spans: impl IntoIterator<Item = &'a CellSpan>) -> Self {
        let mut waiting: Vec<&CellSpan> = spans.into_iter().collect();
        waiting.sort_by_key(|span| std::cmp::Reverse(span.from));
        Self { waiting, open: Vec::new() }
    }

    /// The cells at `frame`, which is no earlier than the frame that was asked for before; a cell of two spans comes twice.
    pub fn at(&mut self, frame: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.open.retain(|span| span.to >= frame);
        while let Some(next) = self.waiting.pop_if(|span| span.from <= frame) {
            if next.to >= frame {
                self.open.push(next);
            }
        }
        self.open.iter().flat_map(|span| span.cells.iter().copied())
    }
}

/// Adds the cells of `causes` at `frame` to the affected layer of `levels` (void-spec §4.4: union of layers).
/// A cause whose consequence is `keep` marks nothing: it stays as filmed.
pub fn with_cells(levels: &mut Levels, causes: &[Cause], frame: u32) {
    let marking = causes.iter().filter(|c| c.consequence != Consequence::Keep);
    mark_cells(levels, marking.flat_map(|cause| cause.cells_at(frame)));
}

/// Adds cells to the affected layer; those outside the grid are left out.
pub fn mark_cells(levels: &mut Levels, cells: impl IntoIterator<Item = (u32, u32)>) {
    let (width, height) = (levels.width(), levels.height());
    let grid = Grid::of(width, height);
    for (row, col) in cells {
        let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) else { continue };
        for y in y0..y1 {
            levels.map_span(y, x0, x1, |l| Level::of_layers(l.is_primary(), true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        Cause {
            cause_id: CauseId(uuid::Uuid::nil()),
            name: "shadow".into(),
            reason: "cast by the target".into(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        }
    }

    #[test]
    fn cells_are_set_and_cleared_over_part_of_a_span() {
        let mut c = cause();
        c.set_cell((1, 2), true, 0, 9);
        c.set_cell((3, 3), true, 5, 20);
        c.set_cell((1, 2), false, 3, 4);
        let at = |f| c.cells_at(f).collect::<Vec<_>>();
        assert_eq!(at(2), [(1, 2)]);
        assert_eq!(at(3), []);
        assert_eq!(at(7), [(1, 2), (3, 3)]);
        assert_eq!(at(20), [(3, 3)]);
        assert_eq!(at(21), []);
        assert!(c.spans.windows(2).all(|p| p[0].to < p[1].from));
        assert_eq!((c.frames(), cause().frames()), (Some((0, 20)), None));
    }

    #[test]
    fn a_sweep_finds_what_each_frame_has() {
        let span = |from, to, col| CellSpan { from, to, cells: vec![(0, col)] };
        let spans = [span(4, 9, 1), span(0, 2, 2), span(5, 5, 3), span(3, 30, 4), span(7, 7, 5)];
        let cause = Cause { spans: spans.to_vec(), ..cause() };
        for step in [1, 2, 3] {
            let mut sweep = CellSweep::new(&spans);
            for frame in (0..34).step_by(step) {
                let mut found: Vec<_> = sweep.at(frame).collect();
                let mut wanted: Vec<_> = cause.cells_at(frame).collect();
                found.sort_unstable();
                wanted.sort_unstable();
                assert_eq!(found, wanted, "frame {frame}");
            }
        }
    }

    #[test]
    fn many_cells_are_set_as_one_after_the_other_would() {
        let (mut together, mut alone) = (cause(), cause());
        for (cells, on, from, to) in [
            (vec![(1, 2), (3, 4), (1, 2)], true, 2, 9),
            (vec![(3, 4), (5, 5)], false, 4, 4),
            (vec![(0, 0)], true, 9, 12),
        ] {
            together.set_cells(&cells, on, from, to);
            cells.iter().for_each(|cell| alone.set_cell(*cell, on, from, to));
        }
        assert_eq!(together, alone);
    }

    #[test]
    fn a_cell_of_ten_thousand_spans_is_set_at_once() {
        // As a shadow that moves with every frame: a loop over all spans for each would take minutes.
        let spans = (0..10_000).map(|n| CellSpan { from: n, to: n, cells: vec![(n % 8, n % 14)] });
        let mut cause = Cause { spans: spans.collect(), ..cause() };
        let all: Vec<(u32, u32)> = (0..8).flat_map(|row| (0..14).map(move |col| (row, col))).collect();
        cause.set_cells(&all, true, 0, 9_999);
        assert_eq!(cause.spans, [CellSpan { from: 0, to: 9_999, cells: all }]);
    }

    #[test]
    fn overlap_is_primary_and_affected() {
        let mut levels = Levels::background(64, 64);
        levels.set(0, 0, Level::Primary);
        let mut c = cause();
        c.set_cell((0, 0), true, 0, 0);
        with_cells(&mut levels, &[c], 0);
        assert_eq!(levels.get(0, 0), Level::Overlap);
        assert_eq!(levels.get(1, 0), Level::Affected);
        assert_eq!(levels.get(8, 0), Level::Background);
    }
}
