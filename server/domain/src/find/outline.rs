//! A mask made small: for lists, for what is drawn over the picture, and for telling whether two masks are of one thing.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::Grid;

/// A small mask of the whole picture, as lengths of runs row by row from the top left, the first one outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    width: u32,
    height: u32,
    runs: Vec<u32>,
}

impl Outline {
    /// Pixels of the longer side.
    pub const SIDE: u32 = 160;

    /// The size of the shapes of a plate.
    pub fn size_for(width: u32, height: u32) -> (u32, u32) {
        let longest = width.max(height).max(1);
        if longest <= Self::SIDE {
            return (width.max(1), height.max(1));
        }
        let small = |side: u32| {
            (f64::from(side) * f64::from(Self::SIDE) / f64::from(longest)).round().max(1.0) as u32
        };
        (small(width), small(height))
    }

    /// Of as many pixels as the size has; what is missing is outside.
    pub fn of_pixels(width: u32, height: u32, pixels: impl IntoIterator<Item = bool>) -> Self {
        let (mut runs, mut length, mut inside) = (Vec::new(), 0, false);
        for is_in in pixels.into_iter().take(width as usize * height as usize) {
            if is_in != inside {
                runs.push(length);
                (length, inside) = (0, is_in);
            }
            length += 1;
        }
        if inside {
            runs.push(length);
        }
        Self { width, height, runs }
    }

    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// One for each pixel.
    pub fn pixels(&self) -> Vec<bool> {
        let count = self.width as usize * self.height as usize;
        let mut pixels = Vec::with_capacity(count);
        for (at, length) in self.runs.iter().enumerate() {
            let room = count - pixels.len();
            pixels.extend(std::iter::repeat_n(at % 2 == 1, (*length as usize).min(room)));
        }
        pixels.resize(count, false);
        pixels
    }

    /// Pixels inside.
    pub fn area(&self) -> u64 {
        self.runs.iter().skip(1).step_by(2).map(|length| u64::from(*length)).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.area() == 0
    }

    /// Left, top, right and bottom, ends excluded.
    pub fn bounds(&self) -> Option<[u32; 4]> {
        let mut bounds: Option<[u32; 4]> = None;
        for (at, _) in self.pixels().iter().enumerate().filter(|(_, is_in)| **is_in) {
            let (x, y) = (at as u32 % self.width, at as u32 / self.width);
            let [x0, y0, x1, _] = bounds.unwrap_or([x, y, x, y]);
            bounds = Some([x0.min(x), y0, x1.max(x + 1), y + 1]);
        }
        bounds
    }

    /// Intersection over union; 0 where both are empty or their sizes differ.
    pub fn overlap(&self, other: &Self) -> f64 {
        self.overlap_moved(other, 0, 0)
    }

    /// As [`Self::overlap`], with this one moved right and down by so many pixels.
    fn overlap_moved(&self, other: &Self, right: i64, down: i64) -> f64 {
        if self.size() != other.size() {
            return 0.0;
        }
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let (mine, theirs) = (self.pixels(), other.pixels());
        let mut common = 0_u64;
        for (at, _) in mine.iter().enumerate().filter(|(_, is_in)| **is_in) {
            let (x, y) = (at as i64 % width + right, at as i64 / width + down);
            let is_there = (0..width).contains(&x) && (0..height).contains(&y);
            common += u64::from(is_there && theirs[(y * width + x) as usize]);
        }
        let union = self.area() + other.area() - common;
        if union == 0 { 0.0 } else { common as f64 / union as f64 }
    }

    /// How likely one thing has this shape here and that one on another frame, 0–1: as much as they overlap, or as much as they
    /// would if one were moved onto the other, less the farther that is.
    pub fn likeness(&self, other: &Self) -> f64 {
        /// Parts of the picture's diagonal at which shapes say nothing any more.
        const FAR: f64 = 0.35;
        let (Some(a), Some(b)) = (self.bounds(), other.bounds()) else { return 0.0 };
        if self.size() != other.size() {
            return 0.0;
        }
        let middle = |[x0, y0, x1, y1]: [u32; 4]| (f64::from(x0 + x1) / 2.0, f64::from(y0 + y1) / 2.0);
        let (from, to) = (middle(a), middle(b));
        let (right, down) = (to.0 - from.0, to.1 - from.1);
        let diagonal = f64::from(self.width).hypot(f64::from(self.height));
        let nearness = (1.0 - right.hypot(down) / diagonal / FAR).max(0.0);
        let moved = self.overlap_moved(other, right.round() as i64, down.round() as i64);
        self.overlap(other).max(moved * nearness)
    }

    /// A place well inside, in parts of the picture: the last that is left when the shape is taken off from its rim.
    pub fn inside(&self) -> Option<(f32, f32)> {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut left = self.pixels();
        let mut deepest = left.iter().position(|is_in| *is_in)?;
        while let Some(first) = left.iter().position(|is_in| *is_in) {
            deepest = first;
            let has = |x: usize, y: usize| left[y * width + x];
            let is_deep = |at: usize| {
                let (x, y) = (at % width, at / width);
                // The picture's edge is no rim: a thing that is cut there goes on.
                (x == 0 || has(x - 1, y))
                    && (x + 1 == width || has(x + 1, y))
                    && (y == 0 || has(x, y - 1))
                    && (y + 1 == height || has(x, y + 1))
            };
            let next: Vec<bool> = (0..left.len()).map(|at| left[at] && is_deep(at)).collect();
            if next == left {
                deepest = height / 2 * width + width / 2; // the whole picture
                break;
            }
            left = next;
        }
        let (x, y) = (deepest % width, deepest / width);
        Some(((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32))
    }

    /// The cells of a plate's grid of which some pixel is inside.
    pub fn cells(&self, grid: Grid) -> Vec<(u32, u32)> {
        let pixels = self.pixels();
        let mut cells = Vec::new();
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                let Some((x0, y0, x1, y1)) = grid.cell(row, col, self.width, self.height) else { continue };
                // A cell may be smaller than a pixel of a shape: the one it lies in counts then.
                let (x1, y1) = (x1.max(x0 + 1).min(self.width), y1.max(y0 + 1).min(self.height));
                let has = |x: u32, y: u32| pixels[(y * self.width + x) as usize];
                if (y0..y1).any(|y| (x0..x1).any(|x| has(x, y))) {
                    cells.push((row, col));
                }
            }
        }
        cells
    }

    /// As a path of SVG: a rectangle for each run of a row. `place` turns parts of the picture into what is drawn in.
    pub fn path(&self, place: impl Fn(f64, f64) -> (f64, f64)) -> String {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let mut text = String::new();
        for (y, row) in self.pixels().chunks(self.width.max(1) as usize).enumerate() {
            let mut x = 0;
            while x < row.len() {
                let Some(start) = row[x..].iter().position(|is_in| *is_in).map(|more| x + more) else {
                    break;
                };
                let end = row[start..].iter().position(|is_in| !is_in).map_or(row.len(), |more| start + more);
                let (left, top) = place(start as f64 / width, y as f64 / height);
                let (right, bottom) = place(end as f64 / width, (y + 1) as f64 / height);
                write!(text, "M{left:.1} {top:.1}H{right:.1}V{bottom:.1}H{left:.1}Z").expect("text");
                x = end;
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rectangle in a picture of 40×20.
    pub fn rect(x0: u32, y0: u32, x1: u32, y1: u32) -> Outline {
        let has = move |at: u32| (x0..x1).contains(&(at % 40)) && (y0..y1).contains(&(at / 40));
        Outline::of_pixels(40, 20, (0..800).map(has))
    }

    #[test]
    fn pixels_come_back_as_they_were() {
        for shape in [rect(0, 0, 40, 20), rect(0, 0, 0, 0), rect(3, 4, 9, 7), rect(38, 18, 40, 20)] {
            let again = Outline::of_pixels(40, 20, shape.pixels());
            assert_eq!(again, shape);
            assert_eq!(shape.area(), shape.pixels().iter().filter(|is_in| **is_in).count() as u64);
            let text = serde_json::to_string(&shape).expect("plain");
            assert_eq!(serde_json::from_str::<Outline>(&text).expect("reads"), shape);
        }
        assert_eq!(rect(3, 4, 9, 7).bounds(), Some([3, 4, 9, 7]));
        assert_eq!(rect(0, 0, 0, 0).bounds(), None);
    }

    #[test]
    fn sizes_keep_the_plates_shape() {
        assert_eq!(Outline::size_for(3840, 2160), (160, 90));
        assert_eq!(Outline::size_for(720, 1280), (90, 160));
        assert_eq!(Outline::size_for(64, 48), (64, 48));
    }

    #[test]
    fn the_same_shape_elsewhere_is_alike_and_another_is_not() {
        let thing = rect(3, 4, 9, 8);
        assert!((thing.overlap(&thing) - 1.0).abs() < 1e-9);
        assert!(thing.overlap(&rect(20, 4, 26, 8)) < 1e-9);
        assert!(thing.likeness(&rect(7, 5, 13, 9)) > 0.6, "{}", thing.likeness(&rect(7, 5, 13, 9)));
        assert!(thing.likeness(&rect(34, 14, 40, 18)) < 0.01, "too far");
        assert!(thing.likeness(&rect(2, 1, 30, 19)) < 0.2, "much larger");
        assert!(thing.likeness(&rect(0, 0, 0, 0)) < 1e-9);
    }

    #[test]
    fn a_place_inside_is_inside_and_no_rim() {
        let (x, y) = rect(3, 4, 9, 13).inside().expect("inside");
        assert!((4.5..8.0).contains(&(x * 40.0)) && (6.0..12.0).contains(&(y * 20.0)), "{x} {y}");
        assert!(rect(0, 0, 40, 20).inside().is_some() && rect(0, 0, 0, 0).inside().is_none());
    }

    #[test]
    fn cells_are_those_that_are_touched() {
        let grid = Grid::of(400, 200); // 8 rows, 16 columns of 25 pixels
        assert_eq!(rect(0, 0, 5, 3).cells(grid), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert!(rect(0, 0, 0, 0).cells(grid).is_empty());
    }

    #[test]
    fn a_path_has_a_rectangle_for_each_run() {
        assert_eq!(rect(3, 4, 9, 5).path(|x, y| (x * 40.0, y * 20.0)), "M3.0 4.0H9.0V5.0H3.0Z");
        assert_eq!(rect(0, 0, 0, 0).path(|x, y| (x, y)), "");
    }
}
