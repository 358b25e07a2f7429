//! Parts of a picture, and the arithmetic by which VOID's reference makes an affected region of them.
//!
//! Which thing is where is found elsewhere; what its region becomes in a quadmask is in [`crate::combine`].

use crate::{BadMask, Grid};

/// Pixels that are meant, row by row from the top left.
#[derive(Clone, PartialEq, Eq)]
pub struct Region {
    width: u32,
    height: u32,
    pixels: Vec<bool>,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width, height, pixels } = self;
        write!(f, "Region({} of {width}x{height})", pixels.iter().filter(|meant| **meant).count())
    }
}

impl Region {
    pub fn empty(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![false; width as usize * height as usize] }
    }

    /// The pixels of a grey picture for which `meant` is true.
    pub fn of_grey(
        width: u32,
        height: u32,
        grey: &[u8],
        meant: impl Fn(u8) -> bool,
    ) -> Result<Self, BadMask> {
        if grey.len() != width as usize * height as usize {
            return Err(BadMask::Size { got: grey.len(), width, height });
        }
        Ok(Self { width, height, pixels: grey.iter().map(|v| meant(*v)).collect() })
    }

    /// Whole cells; those outside the grid are left out.
    pub fn of_cells(
        width: u32,
        height: u32,
        grid: Grid,
        cells: impl IntoIterator<Item = (u32, u32)>,
    ) -> Self {
        let mut region = Self::empty(width, height);
        for (row, col) in cells {
            if let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) {
                region.mark(x0, y0, x1, y1);
            }
        }
        region
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    /// False outside the picture.
    pub fn has(&self, x: u32, y: u32) -> bool {
        x < self.width && y < self.height && self.pixels[y as usize * self.width as usize + x as usize]
    }

    pub fn is_empty(&self) -> bool {
        !self.pixels.contains(&true)
    }

    /// One per pixel, row by row.
    pub fn pixels(&self) -> &[bool] {
        &self.pixels
    }

    /// Adds a rectangle, its ends excluded and cut to the picture.
    pub fn mark(&mut self, x0: u32, y0: u32, x1: u32, y1: u32) {
        let (x0, x1) = (x0.min(self.width) as usize, x1.min(self.width) as usize);
        for y in y0..y1.min(self.height) {
            let row = y as usize * self.width as usize;
            self.pixels[row + x0.min(x1)..row + x1].fill(true);
        }
    }

    /// Left, top, right and bottom of all that is meant, ends excluded.
    pub fn bounds(&self) -> Option<(u32, u32, u32, u32)> {
        let width = self.width as usize;
        let mut bounds = None;
        for at in (0..self.pixels.len()).filter(|at| self.pixels[*at]) {
            let (x, y) = ((at % width) as u32, (at / width) as u32);
            let (x0, y0, x1, _) = bounds.unwrap_or((x, y, x, y));
            bounds = Some((x0.min(x), y0, x1.max(x + 1), y + 1));
        }
        bounds
    }

    /// What both mean, where both are.
    pub fn overlap(&self, other: &Self) -> Self {
        self.with(other, |a, b| a && b)
    }

    /// What either means, within this picture.
    pub fn union(&self, other: &Self) -> Self {
        self.with(other, |a, b| a || b)
    }

    fn with(&self, other: &Self, of: impl Fn(bool, bool) -> bool) -> Self {
        if (self.width, self.height) == (other.width, other.height) {
            let pixels = self.pixels.iter().zip(&other.pixels).map(|(a, b)| of(*a, *b)).collect();
            return Self { pixels, ..*self };
        }
        let pixels = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        let pixels = pixels.map(|(x, y)| of(self.has(x, y), other.has(x, y))).collect();
        Self { pixels, ..*self }
    }

    /// Dilation by a square of `side` pixels whose anchor is at side / 2, as OpenCV does it: an even square reaches one
    /// pixel further to the right and down (void-spec §4.1).
    pub fn grown(&self, side: u32) -> Self {
        let side = side.max(1);
        let (back, ahead) = ((side - 1 - side / 2) as usize, (side / 2) as usize);
        let (width, height) = (self.width as usize, self.height as usize);
        let mut wide = vec![false; self.pixels.len()];
        for y in 0..height {
            let row = y * width..(y + 1) * width;
            spread(&self.pixels[row.clone()], &mut wide[row], back, ahead);
        }
        let mut grown = Self::empty(self.width, self.height);
        let (mut column, mut tall) = (vec![false; height], vec![false; height]);
        for x in 0..width {
            for y in 0..height {
                column[y] = wide[y * width + x];
            }
            tall.fill(false);
            spread(&column, &mut tall, back, ahead);
            for (y, meant) in tall.iter().enumerate() {
                grown.pixels[y * width + x] = *meant;
            }
        }
        grown
    }

    /// Every cell of which a pixel is meant, whole (void-spec §4.1).
    pub fn snapped(&self, grid: Grid) -> Self {
        let (width, height) = (self.width, self.height);
        let mut snapped = Self::empty(width, height);
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) else { continue };
                if (y0..y1).any(|y| (x0..x1).any(|x| self.has(x, y))) {
                    snapped.mark(x0, y0, x1, y1);
                }
            }
        }
        snapped
    }
}

/// Marks from `back` before to `ahead` behind every marked place.
fn spread(from: &[bool], to: &mut [bool], back: usize, ahead: usize) {
    let mut done = 0; // everything before is decided
    for at in (0..from.len()).filter(|at| from[*at]) {
        let (start, end) = (at.saturating_sub(back).max(done), (at + ahead + 1).min(from.len()));
        if start < end {
            to[start..end].fill(true);
            done = end;
        }
    }
}

/// What of a thing the reference's third stage counts: no further from the target than half of `reach` pixels. The
/// reference looks at frame 0 of the target only, with 50 (void-spec §4.1); both are the caller's choice here.
pub fn near(thing: &Region, target: &Region, reach: u32) -> Region {
    thing.overlap(&target.grown(reach))
}

/// A box carried along a drawn path over the whole clip, as the reference's trajectory tool means it (void-spec §4.1 A).
///
/// `path`: places (x, y) in pixels, from first to last; `size`: width and height of the thing. Fewer than two places
/// mark nothing.
pub fn along_path(
    path: &[(i64, i64)],
    size: (u32, u32),
    frames: usize,
    width: u32,
    height: u32,
) -> Vec<Region> {
    let of_frame = |frame: usize| {
        let mut region = Region::empty(width, height);
        if path.len() < 2 {
            return region;
        }
        let share = if frames > 1 { frame as f64 / (frames - 1) as f64 } else { 0.0 };
        let (x, y) = path[(share * (path.len() - 1) as f64) as usize];
        let span = |at: i64, size: u32, limit: u32| {
            let start = (at - i64::from(size / 2)).max(0);
            let end = (start + i64::from(size)).min(i64::from(limit));
            (start.min(i64::from(limit)) as u32, end as u32)
        };
        let ((x0, x1), (y0, y1)) = (span(x, size.0, width), span(y, size.1, height));
        region.mark(x0, y0, x1, y1);
        region
    };
    (0..frames).map(of_frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn growing_reaches_what_the_square_reaches(seed in 0_u32..500, side in 1_u32..9, w in 1_u32..14, h in 1_u32..11) {
            let grey: Vec<u8> = (0..w * h).map(|i| u8::from((i * 31 + seed * 17) % 11 == 0)).collect();
            let region = Region::of_grey(w, h, &grey, |v| v > 0).expect("sizes agree");
            let grown = region.grown(side);
            let (back, ahead) = (side - 1 - side / 2, side / 2);
            for y in 0..h {
                for x in 0..w {
                    let from = |at: u32, limit: u32| at.saturating_sub(ahead)..(at + back + 1).min(limit);
                    let reached = from(y, h).any(|sy| from(x, w).any(|sx| region.has(sx, sy)));
                    prop_assert_eq!(grown.has(x, y), reached, "{}, {}", x, y);
                }
            }
        }
    }

    #[test]
    fn bounds_hold_all_that_is_meant() {
        let mut region = Region::empty(9, 7);
        assert_eq!(region.bounds(), None);
        region.mark(5, 1, 7, 2);
        region.mark(2, 4, 3, 99);
        assert_eq!(region.bounds(), Some((2, 1, 7, 7)));
    }

    #[test]
    fn a_path_of_one_frame_or_one_place_does_not_stumble() {
        assert!(along_path(&[(1, 1)], (3, 3), 4, 9, 9).iter().all(Region::is_empty));
        let one = along_path(&[(4, 4), (7, 7)], (2, 2), 1, 9, 9);
        assert_eq!(one[0].bounds(), Some((3, 3, 5, 5)));
        assert!(along_path(&[(-50, 4), (900, 7)], (2, 2), 2, 9, 9)[1].is_empty());
    }
}
