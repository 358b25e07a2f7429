//! What is to be done with each pixel of a frame: levels and causes become one code per pixel, kept as runs.
//! Nothing is filled here.

use domain::{Cause, Consequence, Grid, Levels};

use super::picture::Rect;

/// Left as filmed, and clean background for other frames.
pub(crate) const CLEAN: u8 = 0;
/// While a plan is made: cells of a thing that nothing has touched yet.
const FREE: u8 = u8::MAX;
/// Shows the registered background.
pub(crate) const BACKGROUND: u8 = 1;
/// The first of the layers that show a thing as it was before; cause `k` of the `stay` causes has `STAY + k`.
pub(crate) const STAY: u8 = 2;
/// Most `stay` causes with a layer of their own; later ones share the last.
pub(crate) const MOST_STAY: usize = 60;
/// Left as filmed, but shows something that is not background.
pub(crate) const MOVING: u8 = 63;
/// Set on the code of a filled pixel where a kept thing may be, behind the target or under its shadow.
const KEPT: u8 = 64;
/// Set on the code of a pixel that belongs to the target itself.
const TARGET: u8 = 128;

/// The layer of a code, without its marks.
pub(crate) fn layer(code: u8) -> u8 {
    code & !(TARGET | KEPT)
}

/// Whether a filled pixel with this code may show a kept thing.
pub(crate) fn hides_kept(code: u8) -> bool {
    code & KEPT != 0
}

/// Whether the target itself is at a pixel with this code.
pub(crate) fn is_target(code: u8) -> bool {
    code & TARGET != 0
}

/// Whether a pixel with this code may show what the layer `wanted` is to show, though something affects it.
pub(crate) fn may_show(code: u8, wanted: u8) -> bool {
    match (wanted, code) {
        (_, CLEAN) => true,
        (_, MOVING) => false,
        _ if is_target(code) || hides_kept(code) => false,
        (BACKGROUND, _) => code == BACKGROUND,
        _ => code != wanted,
    }
}

/// Whether a pixel with this code is filled.
pub(crate) fn is_filled(code: u8) -> bool {
    layer(code) != CLEAN && layer(code) != MOVING
}

/// The codes of one frame as runs in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub width: u32,
    pub height: u32,
    runs: Vec<(u8, u32)>,
}

impl Plan {
    /// What `causes` make of the levels of `frame`.
    ///
    /// Primary pixels become background. Affected pixels follow the causes whose cells hold them, the most careful
    /// one first: `stay`, then `react` and `vanish`, then `keep`; without a cause they become background. What becomes
    /// background inside the cells of `keep` is marked: a kept thing may be there. Before the frame that `free_until` names
    /// for a `stay` cause (0: none) the thing is as it was, so nothing is filled there.
    pub fn new(levels: &Levels, causes: &[Cause], frame: u32, free_until: &[u32]) -> Self {
        let (width, height) = (levels.width(), levels.height());
        let grid = Grid::of(width, height);
        let mut cells = vec![CLEAN; (grid.rows * grid.cols) as usize];
        let rank = |code: u8| match code {
            CLEAN => 0,
            FREE => 1,
            MOVING => 2,
            BACKGROUND => 3,
            _ => 4,
        };
        let (mut stays, mut kept) = (0, vec![false; cells.len()]);
        for (cause, &free_until) in causes.iter().zip(free_until) {
            let code = match cause.consequence {
                Consequence::Keep => MOVING,
                Consequence::Vanish | Consequence::React => BACKGROUND,
                Consequence::Stay => {
                    stays += 1;
                    if frame < free_until { FREE } else { STAY + stays.min(MOST_STAY) as u8 - 1 }
                }
            };
            for (row, col) in cause.cells_at(frame).filter(|&(row, col)| row < grid.rows && col < grid.cols) {
                let at = (row * grid.cols + col) as usize;
                kept[at] |= code == MOVING;
                if rank(code) > rank(cells[at]) {
                    cells[at] = code;
                }
            }
        }
        let columns: Vec<u32> = (0..width).map(|x| grid.at(x, 0, width, height).1).collect();
        // Each column of cells with where it ends: runs of one level are taken within one.
        let ends = columns.chunk_by(|a, b| a == b).scan(0, |end, same| {
            *end += same.len();
            Some((same[0] as usize, *end))
        });
        let columns: Vec<(usize, usize)> = ends.collect();
        let mut runs: Vec<(u8, u32)> = Vec::new();
        for y in 0..height {
            let row = grid.at(0, y, width, height).0;
            let line = &levels.codes()[(y * width) as usize..((y + 1) * width) as usize];
            let around = (row * grid.cols) as usize..((row + 1) * grid.cols) as usize;
            let (cells, kept) = (&cells[around.clone()], &kept[around]);
            let (mut end, mut column) = (0, 0);
            while end < line.len() {
                column += usize::from(end == columns[column].1);
                let (col, limit) = columns[column];
                let (start, level) = (end, line[end]);
                let other = line[start..limit].iter().position(|&l| l != level);
                end = other.map_or(limit, |other| start + other);
                let cell = cells[col];
                // Level codes: 0 primary, 1 overlap, 2 affected, 3 background.
                let code = match level {
                    0 => TARGET | BACKGROUND,
                    1 if cell == MOVING || cell == CLEAN || cell == FREE => TARGET | BACKGROUND,
                    2 if cell == FREE => CLEAN,
                    1 => TARGET | cell,
                    2 if cell == CLEAN => BACKGROUND,
                    2 => cell,
                    _ if cell == MOVING => MOVING,
                    _ => CLEAN,
                };
                let code = if kept[col] && layer(code) == BACKGROUND { code | KEPT } else { code };
                push(&mut runs, code, (end - start) as u32);
            }
        }
        Self { width, height, runs }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.runs.len() * 5);
        bytes.extend(self.width.to_le_bytes());
        bytes.extend(self.height.to_le_bytes());
        for &(code, length) in &self.runs {
            bytes.push(code);
            bytes.extend(length.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let number = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let runs = bytes[8..].chunks_exact(5).map(|run| (run[0], number(&run[1..]))).collect();
        Self { width: number(bytes), height: number(&bytes[4..]), runs }
    }

    /// Calls `each(code, y, x0, x1)` for every piece of a run within one row, leaving out clean ones.
    pub fn spans(&self, mut each: impl FnMut(u8, usize, usize, usize)) {
        let width = self.width as usize;
        let mut at = 0usize;
        for &(code, length) in &self.runs {
            let end = at + length as usize;
            if code != CLEAN {
                let mut start = at;
                while start < end {
                    let (y, x0) = (start / width, start % width);
                    let x1 = (x0 + end - start).min(width);
                    each(code, y, x0, x1);
                    start = y * width + x1;
                }
            }
            at = end;
        }
    }

    /// The same plan with every clean pixel of `mask` (non-zero over `rect`) marked as [`MOVING`].
    pub fn with_moving(&self, rect: Rect, mask: &[u8]) -> Self {
        let whole = Rect { x: 0, y: 0, width: self.width as i32, height: self.height as i32 };
        let mut codes = self.codes(whole);
        for (y, line) in mask.chunks(rect.width as usize).enumerate() {
            for (x, _) in line.iter().enumerate().filter(|&(_, &m)| m != 0) {
                let (x, y) = (rect.x + x as i32, rect.y + y as i32);
                if x >= 0 && y >= 0 && x < whole.width && y < whole.height {
                    let code = &mut codes[y as usize * self.width as usize + x as usize];
                    if *code == CLEAN {
                        *code = MOVING;
                    }
                }
            }
        }
        let mut runs: Vec<(u8, u32)> = Vec::new();
        codes.chunk_by(|a, b| a == b).for_each(|run| push(&mut runs, run[0], run.len() as u32));
        Self { width: self.width, height: self.height, runs }
    }

    /// The smallest rectangle around the filled pixels.
    pub fn bounds(&self) -> Rect {
        let mut rect = Rect { x: 0, y: 0, width: 0, height: 0 };
        self.spans(|code, y, x0, x1| {
            if is_filled(code) {
                let span = Rect { x: x0 as i32, y: y as i32, width: (x1 - x0) as i32, height: 1 };
                rect = rect.union(span);
            }
        });
        rect
    }

    /// The codes inside `rect`, row by row; `rect` lies inside the frame.
    pub fn codes(&self, rect: Rect) -> Vec<u8> {
        let (left, top) = (rect.x as usize, rect.y as usize);
        let (width, height) = (rect.width as usize, rect.height as usize);
        let mut codes = vec![CLEAN; width * height];
        self.spans(|code, y, x0, x1| {
            if y < top || y >= top + height {
                return;
            }
            let (x0, x1) = (x0.clamp(left, left + width), x1.clamp(left, left + width));
            let line = (y - top) * width;
            codes[line + x0 - left..line + x1 - left].fill(code);
        });
        codes
    }

    /// One byte per block of `factor`×`factor` pixels: 255 where any pixel's code is `wanted`.
    pub fn small(&self, factor: usize, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
        let width = (self.width as usize).div_ceil(factor);
        let mut small = vec![0; width * (self.height as usize).div_ceil(factor)];
        self.spans(|code, y, x0, x1| {
            if wanted(code) {
                let line = y / factor * width;
                small[line + x0 / factor..=line + (x1 - 1) / factor].fill(255);
            }
        });
        small
    }
}

fn push(runs: &mut Vec<(u8, u32)>, code: u8, more: u32) {
    match runs.last_mut() {
        Some((last, length)) if *last == code => *length += more,
        _ => runs.push((code, more)),
    }
}

/// Grows what is non-zero by `by` in all eight directions.
pub(crate) fn grown(map: &[u8], width: usize, height: usize, by: usize) -> Vec<u8> {
    if by == 0 {
        return map.to_vec();
    }
    let mut across = vec![0u8; map.len()];
    for (line, out) in map.chunks(width).zip(across.chunks_mut(width)) {
        for x in (0..width).filter(|&x| line[x] != 0) {
            // Inside a run only its ends reach further.
            if x > 0 && x + 1 < width && line[x - 1] != 0 && line[x + 1] != 0 {
                out[x] = 255;
                continue;
            }
            out[x.saturating_sub(by)..(x + by + 1).min(width)].fill(255);
        }
    }
    let mut out = vec![0u8; map.len()];
    for y in 0..height {
        let line = &across[y * width..(y + 1) * width];
        if line.iter().all(|&v| v == 0) {
            continue;
        }
        for row in y.saturating_sub(by)..(y + by + 1).min(height) {
            for (value, &v) in out[row * width..(row + 1) * width].iter_mut().zip(line) {
                *value |= v;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CauseId, CellSpan, Level};

    fn cause(consequence: Consequence, cells: Vec<(u32, u32)>) -> Cause {
        Cause {
            cause_id: CauseId("00000000-0000-0000-0000-000000000000".parse().unwrap()),
            name: "thing".into(),
            reason: String::new(),
            consequence,
            path: vec![],
            spans: vec![CellSpan { from: 0, to: 9, cells }],
        }
    }

    #[test]
    fn the_most_careful_cause_of_a_cell_wins() {
        let mut levels = Levels::background(64, 64);
        for x in 0..32 {
            levels.set(x, 0, Level::Affected);
        }
        levels.set(8, 0, Level::Overlap);
        levels.set(40, 0, Level::Primary);
        let causes = [
            cause(Consequence::Keep, vec![(0, 0), (0, 1), (0, 2)]),
            cause(Consequence::Vanish, vec![(0, 1), (0, 2)]),
            cause(Consequence::Stay, vec![(0, 2)]),
        ];
        let plan = Plan::new(&levels, &causes, 0, &[0; 3]);
        let codes = plan.codes(Rect { x: 0, y: 0, width: 64, height: 64 });
        assert_eq!(
            (codes[0], codes[8], codes[16], codes[24]),
            (MOVING, TARGET | BACKGROUND | KEPT, STAY, BACKGROUND)
        );
        assert_eq!((layer(codes[40]), codes[33], codes[64]), (BACKGROUND, CLEAN, MOVING));
        assert_eq!(Plan::from_bytes(&plan.to_bytes()), plan);
        assert_eq!(plan.bounds(), Rect { x: 8, y: 0, width: 33, height: 1 });
        // Before it is touched, what stays keeps the plate's own pixels; other causes do not wait.
        let codes = |free: &[u32]| {
            Plan::new(&levels, &causes, 0, free).codes(Rect { x: 0, y: 0, width: 64, height: 1 })
        };
        assert_eq!(layer(codes(&[0, 0, 1])[16]), BACKGROUND);
        assert_eq!(
            Plan::new(&levels, &causes[2..], 0, &[1]).codes(Rect { x: 16, y: 0, width: 1, height: 1 }),
            [CLEAN]
        );
    }

    #[test]
    fn growing_reaches_all_eight_neighbours_and_no_further() {
        let mut map = vec![0; 49];
        map[24] = 255;
        let grown = grown(&map, 7, 7, 2);
        assert_eq!(grown.iter().filter(|&&v| v != 0).count(), 25);
    }
}
