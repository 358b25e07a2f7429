//! Where every pixel went between two pictures, how far that can be trusted, and the camera's part in it.
//! Dense optical flow is OpenCV's DIS; nothing here knows about masks other than as weights.

use opencv::core::{Mat, Ptr};
use opencv::prelude::*;
use opencv::video::{DISOpticalFlow, DISOpticalFlow_PRESET_MEDIUM};

use super::raster::{Lab, Raster};

/// For every pixel of one picture, the offset to the same thing in another, in pixels.
pub(crate) type Flow = Raster<[f32; 2]>;

pub(crate) struct Dis(Ptr<DISOpticalFlow>);

impl Dis {
    pub fn new() -> opencv::Result<Self> {
        Ok(Self(DISOpticalFlow::create(DISOpticalFlow_PRESET_MEDIUM)?))
    }

    /// From `a` to `b`. Pictures too small for OpenCV's patches have no flow: all offsets 0.
    pub fn between(&mut self, a: &Raster<Lab>, b: &Raster<Lab>) -> opencv::Result<Flow> {
        if a.w < 24 || a.h < 24 {
            return Ok(a.same([0.0; 2]));
        }
        let (a8, b8) = (lightness(a), lightness(b));
        let first = Mat::new_rows_cols_with_data(a.h as i32, a.w as i32, &a8)?;
        let second = Mat::new_rows_cols_with_data(b.h as i32, b.w as i32, &b8)?;
        let mut out = Mat::default();
        self.0.calc(&first, &second, &mut out)?;
        let flat = out.reshape(1, 0)?;
        Ok(Raster { w: a.w, h: a.h, data: flat.data_typed::<f32>()?.as_chunks::<2>().0.to_vec() })
    }
}

fn lightness(picture: &Raster<Lab>) -> Vec<u8> {
    picture.data.iter().map(|p| p[0]).collect()
}

pub(crate) fn sample(flow: &Flow, x: f32, y: f32) -> [f32; 2] {
    let x = x.clamp(0.0, flow.w as f32 - 1.0);
    let y = y.clamp(0.0, flow.h as f32 - 1.0);
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(flow.w - 1), (y0 + 1).min(flow.h - 1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let (a, b, c, d) = (flow.at(x0, y0), flow.at(x1, y0), flow.at(x0, y1), flow.at(x1, y1));
    [0, 1].map(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
}

/// How well going there and coming back agree, 0..=1 per pixel of `there`; 0 where it leads outside the picture.
pub(crate) fn trust(there: &Flow, back: &Flow) -> Raster<f32> {
    let mut out = there.same(0.0);
    for y in 0..there.h {
        for x in 0..there.w {
            let f = there.at(x, y);
            let (tx, ty) = (x as f32 + f[0], y as f32 + f[1]);
            if there.contains(tx, ty) {
                let b = sample(back, tx, ty);
                let miss = (f[0] + b[0]).powi(2) + (f[1] + b[1]).powi(2);
                let scale = 0.5 + 0.02 * (f[0] * f[0] + f[1] * f[1]);
                out.data[y * there.w + x] = (-miss / scale).exp();
            }
        }
    }
    out
}

/// x' = a·x + b·y + c, y' = d·x + e·y + f: a whole-picture motion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine(pub [f32; 6]);

impl Affine {
    pub const STILL: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// The shift in the middle of all; `None` for none.
    pub fn median_shift(offsets: &[[f32; 2]]) -> Option<Self> {
        let middle = |axis: usize| {
            let mut values: Vec<f32> = offsets.iter().map(|o| o[axis]).collect();
            values.sort_unstable_by(f32::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Some(Self([1.0, 0.0, middle(0)?, 0.0, 1.0, middle(1)?]))
    }

    pub fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        let m = self.0;
        (m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5])
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let (a, b) = (self.0, next.0);
        Self([
            b[0] * a[0] + b[1] * a[3],
            b[0] * a[1] + b[1] * a[4],
            b[0] * a[2] + b[1] * a[5] + b[2],
            b[3] * a[0] + b[4] * a[3],
            b[3] * a[1] + b[4] * a[4],
            b[3] * a[2] + b[4] * a[5] + b[5],
        ])
    }
}

/// The affine motion that most weighted pixels follow, by reweighted least squares from the weighted median;
/// `None` where fewer than 30 grid pixels have weight.
pub(crate) fn dominant(flow: &Flow, weight: &Raster<f32>) -> Option<Affine> {
    let step = 1 + flow.w.max(flow.h) / 160;
    let mut seen = Vec::new();
    for y in (step / 2..flow.h).step_by(step) {
        for x in (step / 2..flow.w).step_by(step) {
            if weight.at(x, y) > 0.05 {
                seen.push((x as f64, y as f64, flow.at(x, y), f64::from(weight.at(x, y))));
            }
        }
    }
    if seen.len() < 30 {
        return None;
    }
    let median = |axis: usize| {
        let mut values: Vec<f32> = seen.iter().map(|s| s.2[axis]).collect();
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let (cx, cy, unit) = (flow.w as f64 / 2.0, flow.h as f64 / 2.0, flow.w.max(flow.h) as f64 / 2.0);
    // Offsets as a linear function of centred, scaled places: three numbers per axis.
    let mut model = [[f64::from(median(0)), 0.0, 0.0], [f64::from(median(1)), 0.0, 0.0]];
    for round in 0..8 {
        let soft = if round < 3 { 4.0 } else { 0.6 };
        let mut normal = [[0.0; 3]; 3];
        let mut right = [[0.0; 3]; 2];
        for (x, y, offset, w) in &seen {
            let basis = [1.0, (x - cx) / unit, (y - cy) / unit];
            let miss: f64 = (0..2)
                .map(|axis| {
                    let fit: f64 = (0..3).map(|i| model[axis][i] * basis[i]).sum();
                    (f64::from(offset[axis]) - fit).powi(2)
                })
                .sum();
            let w = w * soft / (soft + miss).powi(2);
            for i in 0..3 {
                for j in 0..3 {
                    normal[i][j] += w * basis[i] * basis[j];
                }
                right[0][i] += w * f64::from(offset[0]) * basis[i];
                right[1][i] += w * f64::from(offset[1]) * basis[i];
            }
        }
        let ridge = 0.02 * normal[0][0];
        normal[1][1] += ridge;
        normal[2][2] += ridge;
        model = [solve(normal, right[0])?, solve(normal, right[1])?];
    }
    let [mx, my] = model;
    let place = |m: [f64; 3]| (m[1] / unit, m[2] / unit, m[0] - m[1] * cx / unit - m[2] * cy / unit);
    let (ax, bx, kx) = place(mx);
    let (ay, by, ky) = place(my);
    Some(Affine([(1.0 + ax) as f32, bx as f32, kx as f32, ay as f32, (1.0 + by) as f32, ky as f32]))
}

/// Log odds that a pixel's surroundings went to `other` with the object rather than with the rest, within ±3. Compared by
/// looks, not by flow: where the picture is flat, flow only repeats its neighbours, and here nothing is said.
pub(crate) fn motion_odds(
    now: &Raster<Lab>,
    other: &Raster<Lab>,
    object: Option<Affine>,
    rest: Option<Affine>,
) -> opencv::Result<Raster<f32>> {
    let mut odds = now.same(0.0);
    let (Some(object), Some(rest)) = (object, rest) else { return Ok(odds) };
    for y in 0..now.h {
        for x in 0..now.w {
            let (fx, fy) = (x as f32, y as f32);
            let (o, r) = (object.apply(fx, fy), rest.apply(fx, fy));
            if (o.0 - r.0).hypot(o.1 - r.1) < 0.3 || !now.contains(o.0, o.1) || !now.contains(r.0, r.1) {
                continue;
            }
            let here = now.at(x, y);
            odds.data[y * now.w + x] = (miss(here, other, r) - miss(here, other, o)).clamp(-900.0, 900.0);
        }
    }
    let odds = odds.box_mean(3)?;
    Ok(odds.map(|d| (d / 40.0).clamp(-3.0, 3.0)))
}

/// Squared difference between a colour and another picture at a place between pixels.
fn miss(colour: Lab, other: &Raster<Lab>, (x, y): (f32, f32)) -> f32 {
    let x = x.clamp(0.0, other.w as f32 - 1.0);
    let y = y.clamp(0.0, other.h as f32 - 1.0);
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(other.w - 1), (y0 + 1).min(other.h - 1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let corners = [other.at(x0, y0), other.at(x1, y0), other.at(x0, y1), other.at(x1, y1)];
    let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
    (0..3)
        .map(|k| {
            let there: f32 = corners.iter().zip(&weights).map(|(c, w)| f32::from(c[k]) * w).sum();
            (f32::from(colour[k]) - there).powi(2)
        })
        .sum()
}

/// Cramer's rule for a symmetric 3×3 system.
fn solve(m: [[f64; 3]; 3], r: [f64; 3]) -> Option<[f64; 3]> {
    let det = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = det(m);
    if whole.abs() < 1e-12 {
        return None;
    }
    Some([0, 1, 2].map(|column| {
        let mut replaced = m;
        for row in 0..3 {
            replaced[row][column] = r[row];
        }
        det(replaced) / whole
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_motion_ignores_a_smaller_mover() {
        let camera = Affine([1.001, 0.0, 1.5, 0.0, 1.001, -0.5]);
        let mut flow = Raster::filled(320, 180, [0.0; 2]);
        for y in 0..180 {
            for x in 0..320 {
                flow.data[y * 320 + x] = if x > 200 && y > 60 {
                    [9.0, 4.0]
                } else {
                    let (tx, ty) = camera.apply(x as f32, y as f32);
                    [tx - x as f32, ty - y as f32]
                };
            }
        }
        let found = dominant(&flow, &flow.same(1.0)).unwrap();
        let (a, b) = (found.apply(40.0, 40.0), camera.apply(40.0, 40.0));
        assert!((a.0 - b.0).abs() < 0.1 && (a.1 - b.1).abs() < 0.1, "{a:?} {b:?}");
    }
}
