//! How far one frame's levels reach: counted once when the frame is written, so that lists and lanes need no pictures.

use serde::{Deserialize, Serialize};

use crate::shape::bounds;
use crate::{Grid, Levels, Shape};

/// Pixels per layer, and where the primary layer is, roughly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cover {
    /// Pixels in the primary layer, overlap included.
    pub primary_area: i64,
    /// Pixels in both layers.
    pub overlap_area: i64,
    /// Pixels in the affected layer, overlap included.
    pub affected_area: i64,
    /// The grid cells that the primary layer touches: where one of them is marked as affected, there is overlap.
    pub primary_cells: CellSet,
    /// `None`: it was written before forms were counted.
    pub shape: Option<Shape>,
}

impl Cover {
    pub fn of(levels: &Levels) -> Self {
        let [primary, overlap, affected, _] = levels.areas();
        let pixels = |area: u64| i64::try_from(area).unwrap_or(i64::MAX);
        Self {
            primary_area: pixels(primary + overlap),
            overlap_area: pixels(overlap),
            affected_area: pixels(overlap + affected),
            primary_cells: CellSet::touched(levels, |code| code <= 1),
            shape: Some(Shape::of(levels)),
        }
    }
}

/// Cells of a [`Grid`], as text: one bit per cell, row by row, four cells a hexadecimal digit, the first cell lowest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CellSet(String);

impl CellSet {
    /// The cells in which the code of some pixel `is_in`; no digits where there are none.
    pub(crate) fn touched(levels: &Levels, is_in: impl Fn(u8) -> bool) -> Self {
        let (width, height) = (levels.width(), levels.height());
        let Some(around) = bounds(levels, &is_in) else { return Self::default() };
        let grid = Grid::of(width, height);
        let mut digits = vec![0u8; (grid.rows * grid.cols).div_ceil(4) as usize];
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                let (x0, y0, x1, y1) = grid.cell(row, col, width, height).expect("a cell of the grid");
                let (x0, x1) = (x0.max(around.x0), x1.min(around.x1));
                let is_touched = (y0.max(around.y0)..y1.min(around.y1)).any(|y| {
                    let row = y as usize * width as usize;
                    let (from, to) = (row + x0 as usize, row + x1.max(x0) as usize);
                    levels.codes()[from..to].iter().any(|code| is_in(*code))
                });
                if is_touched {
                    let at = row * grid.cols + col;
                    digits[(at / 4) as usize] |= 1 << (at % 4);
                }
            }
        }
        let digit = |d: u8| char::from_digit(u32::from(d), 16).expect("four bits");
        Self(digits.into_iter().map(digit).collect())
    }

    /// Whether the cell at `(row, col)` is in; `grid` is the plate's.
    pub fn has(&self, grid: Grid, (row, col): (u32, u32)) -> bool {
        let at = row * grid.cols + col;
        let digit = self.0.as_bytes().get((at / 4) as usize);
        let bits = digit.and_then(|&d| char::from(d).to_digit(16)).unwrap_or(0);
        col < grid.cols && bits >> (at % 4) & 1 == 1
    }

    pub fn is_empty(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }
}

impl std::fmt::Display for CellSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a set of cells is written in hexadecimal digits")]
pub struct BadCells;

impl std::str::FromStr for CellSet {
    type Err = BadCells;

    fn from_str(text: &str) -> Result<Self, BadCells> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for CellSet {
    type Error = BadCells;

    fn try_from(text: String) -> Result<Self, BadCells> {
        if text.bytes().all(|b| b.is_ascii_hexdigit()) { Ok(Self(text)) } else { Err(BadCells) }
    }
}

impl From<CellSet> for String {
    fn from(cells: CellSet) -> Self {
        cells.0
    }
}

/// Whether a frame whose levels reach as far as `cover` has pixels in both layers once `cells` are marked as affected.
pub fn overlaps(
    overlap_area: i64,
    primary_cells: &CellSet,
    grid: Grid,
    mut cells: impl Iterator<Item = (u32, u32)>,
) -> bool {
    overlap_area > 0 || cells.any(|cell| primary_cells.has(grid, cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::with_cells;
    use crate::{Cause, CauseId, Consequence, Level};

    fn dotted(x: u32, y: u32) -> Levels {
        let mut levels = Levels::background(160, 90);
        levels.set(x, y, Level::Primary);
        levels
    }

    fn marked(cell: (u32, u32)) -> Cause {
        let mut cause = Cause {
            cause_id: CauseId("00000000-0000-0000-0000-000000000000".parse::<CauseId>().expect("an id").0),
            name: "shadow".into(),
            reason: String::new(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        };
        cause.set_cell(cell, true, 0, 9);
        cause
    }

    #[test]
    fn a_marked_cell_overlaps_exactly_where_the_combined_levels_do() {
        let grid = Grid::of(160, 90);
        for (x, y) in [(0, 0), (159, 89), (79, 45), (11, 11), (12, 12)] {
            let levels = dotted(x, y);
            let cover = Cover::of(&levels);
            for row in 0..grid.rows {
                for col in 0..grid.cols {
                    let cause = marked((row, col));
                    let mut combined = levels.clone();
                    with_cells(&mut combined, std::slice::from_ref(&cause), 3);
                    let truth = combined.areas()[1] > 0;
                    let said = overlaps(cover.overlap_area, &cover.primary_cells, grid, cause.cells_at(3));
                    assert_eq!(said, truth, "pixel {x},{y} cell {row},{col}");
                }
            }
        }
    }

    #[test]
    fn areas_count_the_overlap_in_both_layers() {
        let mut levels = dotted(3, 3);
        levels.set(4, 3, Level::Overlap);
        levels.set(5, 3, Level::Affected);
        let cover = Cover::of(&levels);
        assert_eq!((cover.primary_area, cover.overlap_area, cover.affected_area), (2, 1, 2));
        assert!(Cover::of(&Levels::background(160, 90)).primary_cells.is_empty());
    }

    #[test]
    fn cells_are_read_back_and_nonsense_is_refused() {
        let cells = Cover::of(&dotted(50, 50)).primary_cells;
        assert_eq!(cells.to_string().parse::<CellSet>(), Ok(cells));
        assert!("x1".parse::<CellSet>().is_err());
    }
}
