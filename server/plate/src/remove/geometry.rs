//! Plane-to-plane maps between frames: 3×3 homographies in plate pixels.

use super::picture::Rect;

/// A projective map; `h[8]` is 1 unless the map came from an inverse of a strange one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Map(pub [f64; 9]);

impl Map {
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    pub fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let m = &self.0;
        let w = m[6] * x + m[7] * y + m[8];
        let w = if w.abs() < 1e-9 { 1e-9 } else { w };
        ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w)
    }

    /// The map along the row `y`.
    pub fn along(&self, y: f64) -> Row {
        let m = &self.0;
        let flat = m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0;
        Row { start: [m[1] * y + m[2], m[4] * y + m[5], m[7] * y + m[8]], step: [m[0], m[3], m[6]], flat }
    }

    /// The map that does `first` and then `self`.
    pub fn after(&self, first: &Self) -> Self {
        let (a, b) = (&self.0, &first.0);
        let mut out = [0.0; 9];
        for row in 0..3 {
            for col in 0..3 {
                out[row * 3 + col] = (0..3).map(|k| a[row * 3 + k] * b[k * 3 + col]).sum();
            }
        }
        Self(out).normalised()
    }

    /// The way back; the identity when there is none.
    pub fn inverse(&self) -> Self {
        let m = &self.0;
        let c = [
            m[4] * m[8] - m[5] * m[7],
            m[2] * m[7] - m[1] * m[8],
            m[1] * m[5] - m[2] * m[4],
            m[5] * m[6] - m[3] * m[8],
            m[0] * m[8] - m[2] * m[6],
            m[2] * m[3] - m[0] * m[5],
            m[3] * m[7] - m[4] * m[6],
            m[1] * m[6] - m[0] * m[7],
            m[0] * m[4] - m[1] * m[3],
        ];
        let det = m[0] * c[0] + m[1] * c[3] + m[2] * c[6];
        if det.abs() < 1e-12 {
            return Self::IDENTITY;
        }
        Self(c.map(|v| v / det)).normalised()
    }

    /// The same map between pictures `factor` times as large (pixel centres at whole numbers, blocks averaged).
    pub fn scaled(&self, factor: f64) -> Self {
        let shift = (factor - 1.0) / 2.0;
        let up = Self([factor, 0.0, shift, 0.0, factor, shift, 0.0, 0.0, 1.0]);
        up.after(&self.after(&up.inverse()))
    }

    /// The largest distance a corner of a `width`×`height` picture moves.
    pub fn reach(&self, width: u32, height: u32) -> f64 {
        corners(Rect { x: 0, y: 0, width: width as i32, height: height as i32 })
            .into_iter()
            .map(|(x, y)| {
                let (u, v) = self.apply(x, y);
                (u - x).hypot(v - y)
            })
            .fold(0.0, f64::max)
    }

    /// The smallest rectangle around where `rect` lands.
    pub fn bounds(&self, rect: Rect) -> Rect {
        let (mut x0, mut y0, mut x1, mut y1) = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
        for (x, y) in corners(rect) {
            let (u, v) = self.apply(x, y);
            (x0, y0, x1, y1) = (x0.min(u), y0.min(v), x1.max(u), y1.max(v));
        }
        let (x, y) = (x0.floor() as i32, y0.floor() as i32);
        Rect { x, y, width: x1.ceil() as i32 - x + 1, height: y1.ceil() as i32 - y + 1 }
    }

    fn normalised(self) -> Self {
        if self.0[8].abs() < 1e-12 { self } else { Self(self.0.map(|v| v / self.0[8])) }
    }
}

/// A [`Map`] along one row.
pub(crate) struct Row {
    start: [f64; 3],
    step: [f64; 3],
    /// Nothing is to be divided.
    flat: bool,
}

impl Row {
    pub fn at(&self, x: f64) -> (f64, f64) {
        let along = |k: usize| self.step[k] * x + self.start[k];
        if self.flat {
            return (along(0), along(1));
        }
        let w = along(2);
        let over = 1.0 / if w.abs() < 1e-9 { 1e-9 } else { w };
        (along(0) * over, along(1) * over)
    }
}

fn corners(rect: Rect) -> [(f64, f64); 4] {
    let (x0, y0) = (f64::from(rect.x), f64::from(rect.y));
    let (x1, y1) = (x0 + f64::from(rect.width - 1), y0 + f64::from(rect.height - 1));
    [(x0, y0), (x1, y0), (x0, y1), (x1, y1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_again() {
        let map = Map([1.01, 0.02, 5.0, -0.01, 0.99, -3.0, 1e-5, -2e-5, 1.0]);
        let (x, y) = map.apply(100.0, 50.0);
        let (u, v) = map.inverse().apply(x, y);
        assert!((u - 100.0).hypot(v - 50.0) < 1e-6);
        let along = map.along(50.0).at(100.0);
        assert!((along.0 - x).hypot(along.1 - y) < 1e-6);
        let same = map.after(&map.inverse());
        assert!(same.reach(1000, 1000) < 1e-6);
    }

    #[test]
    fn a_shift_scales_with_the_picture() {
        let map = Map([1.0, 0.0, 2.0, 0.0, 1.0, -1.0, 0.0, 0.0, 1.0]).scaled(4.0);
        let (x, y) = map.apply(10.0, 10.0);
        assert!((x - 18.0).abs() < 1e-9 && (y - 6.0).abs() < 1e-9);
    }
}
