//! Brush strokes on a quadmask: drawn the same way in the browser (at once) and on the server (for good).

use serde::{Deserialize, Serialize};

use crate::{Level, Levels};

/// One stroke of a round brush on one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stroke {
    pub frame: u32,
    /// What is painted; `background` erases.
    pub level: Level,
    /// In plate pixels, 0.5–1024.
    pub radius: f32,
    /// Pen positions in plate pixels.
    pub points: Vec<(f32, f32)>,
}

/// The stroke cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadStroke {
    #[error("frame {frame} is not in this shot: it has {frames} frames")]
    Frame { frame: u32, frames: u32 },
    #[error("a brush of {0} pixels is outside 0.5 to 1024")]
    Radius(f32),
    #[error("a stroke has 1 to {most} points, this one has {got}: lift the pen now and then")]
    Points { got: usize, most: usize },
}

impl Stroke {
    pub const MOST_POINTS: usize = 20_000;

    pub fn check(&self, frames: u32) -> Result<(), BadStroke> {
        if self.frame >= frames {
            return Err(BadStroke::Frame { frame: self.frame, frames });
        }
        if !(0.5..=1024.0).contains(&self.radius) {
            return Err(BadStroke::Radius(self.radius));
        }
        let finite = self.points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
        if self.points.is_empty() || self.points.len() > Self::MOST_POINTS || !finite {
            return Err(BadStroke::Points { got: self.points.len(), most: Self::MOST_POINTS });
        }
        Ok(())
    }

    /// Paints onto `levels`; returns the touched rectangle `(x0, y0, x1, y1)`, ends excluded, if any pixel is inside.
    pub fn paint(&self, levels: &mut Levels) -> Option<(u32, u32, u32, u32)> {
        let level = self.level;
        self.spans(levels.width(), levels.height(), |y, from, to| levels.map_span(y, from, to, |_| level))
    }

    /// Sets the touched pixels of a lock plane `[height × width]` to 255.
    pub fn lock(&self, width: u32, height: u32, lock: &mut [u8]) {
        self.spans(width, height, |y, from, to| {
            let row = y as usize * width as usize;
            lock[row + from as usize..row + to as usize].fill(255);
        });
    }

    fn spans(
        &self,
        width: u32,
        height: u32,
        mut span: impl FnMut(u32, u32, u32),
    ) -> Option<(u32, u32, u32, u32)> {
        let mut touched: Option<(u32, u32, u32, u32)> = None;
        let first = self.points.first().copied()?;
        let pairs = std::iter::once((first, first)).chain(self.points.windows(2).map(|w| (w[0], w[1])));
        for (a, b) in pairs {
            let r = self.radius;
            let top = (a.1.min(b.1) - r).floor().max(0.0) as u32;
            let bottom = (a.1.max(b.1) + r).ceil().clamp(0.0, height as f32) as u32;
            for y in top..bottom {
                let Some((from, to)) = capsule_row(a, b, r, y as f32 + 0.5) else { continue };
                let from = (from - 0.5).ceil().clamp(0.0, width as f32) as u32;
                let to = ((to - 0.5).floor() + 1.0).clamp(0.0, width as f32) as u32;
                if from >= to {
                    continue;
                }
                span(y, from, to);
                let t = touched.get_or_insert((from, y, to, y + 1));
                *t = (t.0.min(from), t.1.min(y), t.2.max(to), t.3.max(y + 1));
            }
        }
        touched
    }
}

/// Where the horizontal line at `y` crosses the set of points within `r` of the segment `a`–`b`.
fn capsule_row(a: (f32, f32), b: (f32, f32), r: f32, y: f32) -> Option<(f32, f32)> {
    let disc = |c: (f32, f32)| {
        let h = r * r - (y - c.1) * (y - c.1);
        (h >= 0.0).then(|| (c.0 - h.sqrt(), c.0 + h.sqrt()))
    };
    let mut row = match (disc(a), disc(b)) {
        (Some(p), Some(q)) => Some((p.0.min(q.0), p.1.max(q.1))),
        (p, q) => p.or(q),
    };
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).sqrt();
    if length > 1e-6 {
        // The slab between the two discs: corners a ± n·r, b ± n·r.
        let (nx, ny) = (-dy / length * r, dx / length * r);
        let corners =
            [(a.0 + nx, a.1 + ny), (b.0 + nx, b.1 + ny), (b.0 - nx, b.1 - ny), (a.0 - nx, a.1 - ny)];
        for at in 0..4 {
            let (p, q) = (corners[at], corners[(at + 1) % 4]);
            if (p.1 <= y) == (q.1 <= y) {
                continue;
            }
            let x = p.0 + (y - p.1) / (q.1 - p.1) * (q.0 - p.0);
            row = Some(row.map_or((x, x), |(l, h)| (l.min(x), h.max(x))));
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stroke(points: &[(f32, f32)], radius: f32) -> Stroke {
        Stroke { frame: 0, level: Level::Primary, radius, points: points.to_vec() }
    }

    #[test]
    fn a_dot_is_a_disc() {
        let mut levels = Levels::background(40, 40);
        stroke(&[(20.0, 20.0)], 10.0).paint(&mut levels);
        for y in 0..40 {
            for x in 0..40 {
                let (dx, dy) = (x as f32 + 0.5 - 20.0, y as f32 + 0.5 - 20.0);
                assert_eq!(levels.get(x, y).is_primary(), dx * dx + dy * dy <= 100.0, "{x},{y}");
            }
        }
    }

    #[test]
    fn a_line_is_as_wide_as_the_brush_and_has_no_gaps() {
        let mut levels = Levels::background(100, 60);
        let touched = stroke(&[(10.0, 10.0), (90.0, 50.0)], 4.0).paint(&mut levels).expect("inside");
        for y in 0..60 {
            for x in 0..100 {
                let (px, py) = (x as f32 + 0.5 - 10.0, y as f32 + 0.5 - 10.0);
                let t = ((px * 80.0 + py * 40.0) / 8000.0).clamp(0.0, 1.0);
                let d = ((px - t * 80.0).powi(2) + (py - t * 40.0).powi(2)).sqrt();
                if (d - 4.0).abs() > 0.01 {
                    assert_eq!(levels.get(x, y).is_primary(), d < 4.0, "{x},{y}");
                }
            }
        }
        assert!(touched.0 >= 6 && touched.2 <= 94);
    }

    #[test]
    fn strokes_off_the_picture_touch_nothing_and_do_not_panic() {
        let mut levels = Levels::background(16, 16);
        assert_eq!(stroke(&[(-50.0, -50.0), (-40.0, 90.0)], 8.0).paint(&mut levels), None);
        assert!(stroke(&[(f32::NAN, 0.0)], 8.0).check(1).is_err());
        assert!(stroke(&[], 8.0).check(1).is_err());
        assert!(stroke(&[(1.0, 1.0)], 0.0).check(1).is_err());
    }
}
