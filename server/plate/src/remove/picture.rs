//! Planar 16-bit pictures and how to look at them between pixels. No colour meaning: planes are just planes.

/// A picture as 1–4 planes of `width`×`height` samples, 0–65535, all at the same size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture16 {
    pub width: u32,
    pub height: u32,
    pub planes: Vec<Vec<u16>>,
}

impl Picture16 {
    /// The part inside `rect`, which lies inside the picture.
    pub fn cut(&self, rect: Rect) -> Self {
        let (left, top) = (rect.x as usize, rect.y as usize);
        let (width, height) = (rect.width.max(0) as usize, rect.height.max(0) as usize);
        let rows = |plane: &Vec<u16>| {
            let lines = plane.chunks(self.width as usize).skip(top).take(height);
            lines.flat_map(|line| line[left..left + width].iter().copied()).collect()
        };
        let planes = self.planes.iter().map(rows).collect();
        Self { width: width as u32, height: height as u32, planes }
    }

    /// Means of `factor`×`factor` blocks of every plane, and of `fine`×`fine` blocks of the first.
    pub fn small(&self, factor: usize, fine: usize) -> Small {
        let blocks =
            |plane: &Vec<u16>, factor| shrink8(plane, self.width as usize, self.height as usize, factor);
        let planes = self.planes.iter().map(|plane| blocks(plane, factor)).collect();
        Small { planes, fine: self.planes.first().map(|plane| blocks(plane, fine)).unwrap_or_default() }
    }
}

/// A picture in small, for looking where things are: one byte a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Small {
    pub planes: Vec<Vec<u8>>,
    /// The first plane in finer blocks.
    pub fine: Vec<u8>,
}

/// Most planes a picture may have: three of colour and one of alpha.
pub const MAX_PLANES: usize = 4;

/// One sample per plane.
pub(crate) type Pixel = [f32; MAX_PLANES];

/// A rectangle of whole pixels; may reach beyond the picture it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Rect {
    pub const EMPTY: Self = Self { x: 0, y: 0, width: 0, height: 0 };

    /// The same with `by` pixels more on each side.
    pub fn grown(self, by: i32) -> Self {
        Self { x: self.x - by, y: self.y - by, width: self.width + 2 * by, height: self.height + 2 * by }
    }

    /// The part inside a picture of `width`×`height`.
    pub fn clipped(self, width: u32, height: u32) -> Self {
        let (x0, y0) = (self.x.clamp(0, width as i32), self.y.clamp(0, height as i32));
        let x1 = (self.x + self.width).clamp(0, width as i32);
        let y1 = (self.y + self.height).clamp(0, height as i32);
        Self { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }
    }

    /// The smallest rectangle around both.
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let x1 = (self.x + self.width).max(other.x + other.width);
        let y1 = (self.y + self.height).max(other.y + other.height);
        Self { x, y, width: x1 - x, height: y1 - y }
    }

    pub fn is_empty(self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    /// Its pixels.
    pub fn area(self) -> usize {
        if self.is_empty() { 0 } else { self.width as usize * self.height as usize }
    }
}

/// Borrowed planes of one size, for sampling.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub width: usize,
    pub height: usize,
    pub planes: &'a [Vec<u16>],
}

impl<'a> Samples<'a> {
    pub fn of(picture: &'a Picture16) -> Self {
        Self { width: picture.width as usize, height: picture.height as usize, planes: &picture.planes }
    }

    /// Whether a cubic look at (`x`, `y`) stays within half a pixel of the picture.
    pub fn holds(&self, x: f64, y: f64) -> bool {
        x >= -0.5 && y >= -0.5 && x <= self.width as f64 - 0.5 && y <= self.height as f64 - 0.5
    }

    /// Cubic (Keys, a = −½) look at (`x`, `y`), pixel centres at whole numbers, edges repeated.
    pub fn cubic(&self, x: f64, y: f64) -> Pixel {
        let (ix, iy) = (whole(x), whole(y));
        let (tx, ty) = ((x - ix as f64) as f32, (y - iy as f64) as f32);
        let mut out = [0.0; MAX_PLANES];
        const NEAR: f32 = 1.0 / 512.0;
        let between = NEAR..=1.0 - NEAR;
        if !between.contains(&tx) && !between.contains(&ty) {
            let at = self.clamped(whole(y + 0.5), self.height) * self.width
                + self.clamped(whole(x + 0.5), self.width);
            for (value, plane) in out.iter_mut().zip(self.planes) {
                *value = f32::from(plane[at]);
            }
            return out;
        }
        let (wx, wy) = (weights(tx), weights(ty));
        if ix >= 1 && iy >= 1 && ix + 2 < self.width as i64 && iy + 2 < self.height as i64 {
            let start = (iy as usize - 1) * self.width + ix as usize - 1;
            for (value, plane) in out.iter_mut().zip(self.planes) {
                // Down the four columns first: four of each operation at once.
                let mut columns = [0.0f32; 4];
                for (row, &w) in wy.iter().enumerate() {
                    let at = start + row * self.width;
                    let line = plane[at..].first_chunk::<4>().expect("four are left in the line");
                    for (sum, &sample) in columns.iter_mut().zip(line) {
                        *sum += w * f32::from(sample);
                    }
                }
                *value =
                    (columns[0] * wx[0] + columns[1] * wx[1]) + (columns[2] * wx[2] + columns[3] * wx[3]);
            }
            return out;
        }
        for (row, &w_row) in wy.iter().enumerate() {
            let line = self.clamped(iy - 1 + row as i64, self.height) * self.width;
            for (col, &w_col) in wx.iter().enumerate() {
                let at = line + self.clamped(ix - 1 + col as i64, self.width);
                for (value, plane) in out.iter_mut().zip(self.planes) {
                    *value += w_row * w_col * f32::from(plane[at]);
                }
            }
        }
        out
    }

    fn clamped(&self, at: i64, size: usize) -> usize {
        at.clamp(0, size as i64 - 1) as usize
    }
}

/// The whole number at or below `x`; a call to the library's `floor` is slower on machines of the common kind.
pub(crate) fn whole(x: f64) -> i64 {
    let near = x as i64;
    near - i64::from(near as f64 > x)
}

fn weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t + t2 - 0.5 * t3, 1.0 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2.0 * t2 - 1.5 * t3, 0.5 * (t3 - t2)]
}

/// Averages blocks of `factor`×`factor` samples (smaller at the right and lower edge) to 8 bits.
pub(crate) fn shrink8(plane: &[u16], width: usize, height: usize, factor: usize) -> Vec<u8> {
    use rayon::prelude::*;
    let (out_width, out_height) = (width.div_ceil(factor), height.div_ceil(factor));
    let mut out = vec![0u8; out_width * out_height];
    out.par_chunks_mut(out_width).enumerate().for_each(|(row, line)| {
        let y0 = row * factor;
        let rows = factor.min(height - y0);
        let mut sums = vec![0u32; out_width];
        for y in y0..y0 + rows {
            for (sum, block) in sums.iter_mut().zip(plane[y * width..(y + 1) * width].chunks(factor)) {
                *sum += block.iter().map(|&v| u32::from(v)).sum::<u32>();
            }
        }
        for (col, (value, sum)) in line.iter_mut().zip(sums).enumerate() {
            let count = (rows * factor.min(width - col * factor)) as u32;
            *value = ((sum / count + 128) / 257).min(255) as u8;
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cubic_look_at_a_ramp_is_exact_and_whole_places_are_copied() {
        let planes = vec![(0..64u16).map(|i| (i % 8) * 100).collect::<Vec<_>>()];
        let samples = Samples { width: 8, height: 8, planes: &planes };
        assert_eq!(samples.cubic(3.0, 4.0)[0], 300.0);
        assert!((samples.cubic(3.25, 4.5)[0] - 325.0).abs() < 0.01);
        assert!(samples.holds(7.4, 0.0) && !samples.holds(7.6, 0.0));
    }

    #[test]
    fn shrinking_an_odd_size_keeps_its_edges() {
        let plane: Vec<u16> = (0..15).map(|i| if i % 5 == 4 { 65535 } else { 0 }).collect();
        assert_eq!(shrink8(&plane, 5, 3, 2), [0, 0, 255, 0, 0, 255]);
    }
}
