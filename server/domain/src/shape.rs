//! The form of one frame's levels in a few numbers: where they lie, and what is loose in them. Counted once, when the frame is
//! written, so that what is said about a shot needs no pictures. About 60 letters a frame.

use serde::{Deserialize, Serialize};

use crate::{CellSet, Levels};

/// A rectangle of pixels, its ends excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    pub x0: u32,
    pub y0: u32,
    pub x1: u32,
    pub y1: u32,
}

impl Bounds {
    pub fn width(self) -> u32 {
        self.x1.saturating_sub(self.x0)
    }

    pub fn height(self) -> u32 {
        self.y1.saturating_sub(self.y0)
    }

    pub fn area(self) -> u64 {
        u64::from(self.width()) * u64::from(self.height())
    }

    /// The smallest rectangle around both.
    pub fn union(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }
}

/// Small pieces: how many, and their pixels together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Loose {
    pub count: u32,
    pub pixels: u32,
}

/// Of one frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shape {
    /// Around the primary layer, overlap included; `None`: it is empty.
    pub primary: Option<Bounds>,
    /// Around all that is not background.
    pub marked: Option<Bounds>,
    /// Pieces of the primary layer that are small and lie apart from a larger one.
    pub specks: Loose,
    /// Small gaps with primary all around.
    pub holes: Loose,
    /// The grid cells that the affected layer touches, overlap included.
    pub affected_cells: CellSet,
}

/// Codes of [`Levels::codes`].
fn is_primary(code: u8) -> bool {
    code <= 1
}

fn is_affected(code: u8) -> bool {
    code == 1 || code == 2
}

/// Pixels up to which a piece or gap is small: about 100 of an HD picture.
fn small(levels: &Levels) -> u32 {
    (u64::from(levels.width()) * u64::from(levels.height()) / 20_000).clamp(8, u64::from(u32::MAX)) as u32
}

impl Shape {
    pub fn of(levels: &Levels) -> Self {
        let primary = bounds(levels, is_primary);
        let most = small(levels);
        let (mut specks, mut holes) = (Loose::default(), Loose::default());
        if let Some(around) = primary {
            let all = pieces(levels, around, is_primary, true);
            let largest = all.iter().map(|piece| piece.pixels).max().unwrap_or_default();
            let is_speck = |piece: &&Piece| piece.pixels <= most && piece.pixels <= largest / 8;
            all.iter().filter(is_speck).for_each(|piece| specks.add(piece));
            // What comes to the edge of the bounds is open to the outside.
            let gaps = pieces(levels, around, |code| !is_primary(code), false);
            let is_hole = |gap: &&Piece| !gap.at_edge && gap.pixels <= most;
            gaps.iter().filter(is_hole).for_each(|gap| holes.add(gap));
        }
        Self {
            primary,
            marked: bounds(levels, |code| code != 3),
            specks,
            holes,
            affected_cells: CellSet::touched(levels, is_affected),
        }
    }
}

impl Loose {
    fn add(&mut self, piece: &Piece) {
        self.count += 1;
        self.pixels += piece.pixels;
    }
}

/// Around the pixels whose code `is_in`; `None`: there are none.
pub(crate) fn bounds(levels: &Levels, is_in: impl Fn(u8) -> bool) -> Option<Bounds> {
    let width = levels.width() as usize;
    let mut found: Option<Bounds> = None;
    for (y, row) in (0_u32..).zip(levels.codes().chunks(width.max(1))) {
        let Some(first) = row.iter().position(|code| is_in(*code)) else { continue };
        let last = row.iter().rposition(|code| is_in(*code)).unwrap_or(first);
        let line = Bounds { x0: first as u32, y0: y, x1: last as u32 + 1, y1: y + 1 };
        found = Some(found.map_or(line, |before| before.union(line)));
    }
    found
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    pixels: u32,
    /// It comes to the edge of what was looked at.
    at_edge: bool,
}

/// A stretch of a row, and the piece that it belongs to.
struct Run {
    from: usize,
    to: usize,
    piece: u32,
}

/// Pieces that are numbered as they are met and joined where they turn out to be one.
#[derive(Default)]
struct Joined {
    parents: Vec<u32>,
    all: Vec<Piece>,
}

impl Joined {
    fn root(&mut self, mut piece: u32) -> u32 {
        while self.parents[piece as usize] != piece {
            let above = self.parents[self.parents[piece as usize] as usize];
            self.parents[piece as usize] = above;
            piece = above;
        }
        piece
    }

    fn new_piece(&mut self) -> u32 {
        let piece = self.parents.len() as u32;
        self.parents.push(piece);
        self.all.push(Piece { pixels: 0, at_edge: false });
        piece
    }

    /// One piece of two; both are roots.
    fn join(&mut self, one: u32, other: u32) -> u32 {
        if one == other {
            return one;
        }
        let (kept, gone) = (one.min(other), one.max(other));
        self.parents[gone as usize] = kept;
        let Piece { pixels, at_edge } = self.all[gone as usize];
        let piece = &mut self.all[kept as usize];
        piece.pixels += pixels;
        piece.at_edge |= at_edge;
        kept
    }
}

/// The pieces of the pixels whose code `is_in`, within some bounds. `diagonal`: pixels that touch by a corner are one piece.
fn pieces(levels: &Levels, within: Bounds, is_in: impl Fn(u8) -> bool, diagonal: bool) -> Vec<Piece> {
    let reach = usize::from(diagonal);
    let (width, left, right) = (levels.width() as usize, within.x0 as usize, within.x1 as usize);
    let mut joined = Joined::default();
    let (mut above, mut here): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    for y in within.y0..within.y1 {
        let start = y as usize * width;
        let row = &levels.codes()[start + left..start + right];
        let is_edge_row = y == within.y0 || y + 1 == within.y1;
        here.clear();
        let (mut x, mut first) = (0, 0);
        while let Some(ahead) = row[x..].iter().position(|code| is_in(*code)) {
            let from = x + ahead;
            let to = row[from..].iter().position(|code| !is_in(*code)).map_or(row.len(), |n| from + n);
            while first < above.len() && above[first].to + reach <= from {
                first += 1;
            }
            let mut piece = None;
            for run in above[first..].iter().take_while(|run| run.from < to + reach) {
                let root = joined.root(run.piece);
                piece = Some(piece.map_or(root, |before| joined.join(before, root)));
            }
            let piece = piece.unwrap_or_else(|| joined.new_piece());
            let of = &mut joined.all[piece as usize];
            of.pixels += (to - from) as u32;
            of.at_edge |= is_edge_row || from == 0 || to == row.len();
            here.push(Run { from, to, piece });
            x = to;
        }
        std::mem::swap(&mut above, &mut here);
    }
    let Joined { parents, all } = joined;
    let roots = (0_u32..).zip(parents).zip(all).filter(|((piece, parent), _)| piece == parent);
    roots.map(|(_, piece)| piece).collect()
}

/// Written with `;` between the parts and `,` between numbers: `primary;marked;specks;holes;cells`.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { primary, marked, specks, holes, affected_cells } = self;
        for around in [primary, marked] {
            if let Some(Bounds { x0, y0, x1, y1 }) = around {
                write!(f, "{x0},{y0},{x1},{y1}")?;
            }
            f.write_str(";")?;
        }
        write!(f, "{},{};{},{};", specks.count, specks.pixels, holes.count, holes.pixels)?;
        if affected_cells.is_empty() { Ok(()) } else { write!(f, "{affected_cells}") }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the form of a frame: primary;marked;specks;holes;cells")]
pub struct BadShape;

impl std::str::FromStr for Shape {
    type Err = BadShape;

    fn from_str(text: &str) -> Result<Self, BadShape> {
        let parts: Vec<&str> = text.split(';').collect();
        let [primary, marked, specks, holes, cells] = parts[..] else { return Err(BadShape) };
        let loose = |text: &str| -> Result<Loose, BadShape> {
            let [count, pixels] = numbers(text)?;
            Ok(Loose { count, pixels })
        };
        let around = |text: &str| -> Result<Option<Bounds>, BadShape> {
            if text.is_empty() {
                return Ok(None);
            }
            let [x0, y0, x1, y1] = numbers(text)?;
            Ok(Some(Bounds { x0, y0, x1, y1 }))
        };
        Ok(Self {
            primary: around(primary)?,
            marked: around(marked)?,
            specks: loose(specks)?,
            holes: loose(holes)?,
            affected_cells: cells.parse().map_err(|_| BadShape)?,
        })
    }
}

fn numbers<const N: usize>(text: &str) -> Result<[u32; N], BadShape> {
    let all: Result<Vec<u32>, _> = text.split(',').map(str::parse::<u32>).collect();
    all.map_err(|_| BadShape)?.try_into().map_err(|_| BadShape)
}

impl TryFrom<String> for Shape {
    type Error = BadShape;

    fn try_from(text: String) -> Result<Self, BadShape> {
        text.parse()
    }
}

impl From<Shape> for String {
    fn from(shape: Shape) -> Self {
        shape.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Level;

    fn drawn(width: u32, height: u32, spans: &[(u32, u32, u32, Level)]) -> Levels {
        let mut levels = Levels::background(width, height);
        for (y, from, to, level) in spans {
            levels.map_span(*y, *from, *to, |_| *level);
        }
        levels
    }

    #[test]
    fn an_empty_frame_has_no_form_and_is_read_back() {
        let shape = Shape::of(&Levels::background(30, 20));
        assert_eq!(shape, Shape::default());
        assert_eq!(shape.to_string(), ";;0,0;0,0;");
        assert_eq!(shape.to_string().parse::<Shape>(), Ok(shape));
    }

    #[test]
    fn specks_holes_and_bounds_are_those_that_are_there() {
        let mut levels = Levels::background(100, 80);
        for y in 10..40 {
            levels.map_span(y, 10, 50, |_| Level::Primary);
        }
        levels.set(20, 20, Level::Background);
        levels.set(21, 21, Level::Affected); // beside it by a corner: a gap of its own
        levels.map_span(39, 30, 40, |_| Level::Background); // open to below: no hole
        levels.map_span(60, 70, 73, |_| Level::Overlap); // a speck of three
        levels.set(73, 61, Level::Primary); // and a fourth by a corner
        levels.set(99, 79, Level::Affected);
        let shape = Shape::of(&levels);
        assert_eq!(shape.primary, Some(Bounds { x0: 10, y0: 10, x1: 74, y1: 62 }));
        assert_eq!(shape.marked, Some(Bounds { x0: 10, y0: 10, x1: 100, y1: 80 }));
        assert_eq!(shape.specks, Loose { count: 1, pixels: 4 });
        assert_eq!(shape.holes, Loose { count: 2, pixels: 2 });
        assert!(!shape.affected_cells.is_empty());
        assert_eq!(shape.to_string().parse::<Shape>(), Ok(shape));
    }

    #[test]
    fn a_target_that_is_small_itself_is_no_speck() {
        let levels = drawn(64, 48, &[(3, 3, 5, Level::Primary), (30, 30, 32, Level::Primary)]);
        assert_eq!(Shape::of(&levels).specks, Loose::default());
    }

    #[test]
    fn nonsense_is_no_form() {
        for text in ["", ";;0,0;0,0", ";;0,0;0;", "1,2,3;;0,0;0,0;", ";;a,0;0,0;", ";;0,0;0,0;x"] {
            assert_eq!(text.parse::<Shape>(), Err(BadShape), "{text}");
        }
    }

    /// The same by filling from pixel to pixel.
    fn flooded(levels: &Levels, within: Bounds, is_in: fn(u8) -> bool, diagonal: bool) -> Vec<(u32, bool)> {
        let (w, h) = (within.width() as i32, within.height() as i32);
        let code = |x: i32, y: i32| {
            let at =
                (within.y0 as i32 + y) as usize * levels.width() as usize + (within.x0 as i32 + x) as usize;
            levels.codes()[at]
        };
        let mut seen = vec![false; (w * h) as usize];
        let mut found = Vec::new();
        for start in 0..w * h {
            if seen[start as usize] || !is_in(code(start % w, start / w)) {
                continue;
            }
            let (mut open, mut pixels, mut at_edge) = (vec![start], 0, false);
            seen[start as usize] = true;
            while let Some(at) = open.pop() {
                let (x, y) = (at % w, at / w);
                pixels += 1;
                at_edge |= x == 0 || y == 0 || x + 1 == w || y + 1 == h;
                for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
                    let (nx, ny) = (x + dx, y + dy);
                    let is_near = diagonal || dx == 0 || dy == 0;
                    if is_near && (0..w).contains(&nx) && (0..h).contains(&ny) && is_in(code(nx, ny)) {
                        let next = ny * w + nx;
                        if !std::mem::replace(&mut seen[next as usize], true) {
                            open.push(next);
                        }
                    }
                }
            }
            found.push((pixels, at_edge));
        }
        found.sort_unstable();
        found
    }

    fn is_gap(code: u8) -> bool {
        !is_primary(code)
    }

    proptest! {
        #[test]
        fn pieces_are_those_that_filling_finds(seed in 0u64..4000, width in 1u32..14, height in 1u32..12) {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let grey: Vec<u8> = (0..width * height)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if state >> 62 < 2 { 0 } else { 255 }
                })
                .collect();
            let levels = Levels::from_grey(width, height, &grey).expect("sizes agree");
            let within = Bounds { x0: 0, y0: 0, x1: width, y1: height };
            for (is_in, diagonal) in [(is_primary as fn(u8) -> bool, true), (is_gap as fn(u8) -> bool, false)] {
                let mut found: Vec<(u32, bool)> = pieces(&levels, within, is_in, diagonal)
                    .iter()
                    .map(|piece| (piece.pixels, piece.at_edge))
                    .collect();
                found.sort_unstable();
                prop_assert_eq!(found, flooded(&levels, within, is_in, diagonal));
            }
        }
    }
}
