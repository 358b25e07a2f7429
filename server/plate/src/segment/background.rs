//! What the picture shows where the object is not, gathered over frames in the coordinates of the first one.
//! The camera is followed by an affine motion; what the evidence is worth beside others is decided in `propagate`.

use super::colour::Mixture;
use super::flow::Affine;
use super::raster::{Lab, Raster};

/// Sights after which a pixel is known as well as it gets.
const FULL: u8 = 12;

#[derive(Clone)]
pub(crate) struct Background {
    mean: Raster<[f32; 3]>,
    spread: Raster<f32>,
    seen: Raster<u8>,
    /// First frame → current frame, and back.
    to_now: Affine,
    from_now: Affine,
}

impl Background {
    pub fn new(lab: &Raster<Lab>, distance: &Raster<f32>) -> Self {
        let mut new = Self {
            mean: lab.same([0.0; 3]),
            spread: lab.same(20.0),
            seen: lab.same(0),
            to_now: Affine::STILL,
            from_now: Affine::STILL,
        };
        new.learn(lab, distance);
        new
    }

    /// The camera moved on: the old current frame → new one, and new → old.
    pub fn follow(&mut self, there: Affine, back: Affine) {
        self.to_now = self.to_now.then(&there);
        self.from_now = back.then(&self.from_now);
    }

    /// Knows what `other`, which started at the same frame, came to know. Where the camera is now stays.
    pub fn take_over(&mut self, other: Self) {
        (self.mean, self.spread, self.seen) = (other.mean, other.spread, other.seen);
    }

    /// Adds what the current frame shows well outside the object.
    pub fn learn(&mut self, lab: &Raster<Lab>, distance: &Raster<f32>) {
        for y in 0..lab.h {
            for x in 0..lab.w {
                let (px, py) = self.to_now.apply(x as f32, y as f32);
                if !lab.contains(px, py) {
                    continue;
                }
                let from = py.round().max(0.0) as usize * lab.w + px.round().max(0.0) as usize;
                if distance.data[from] > -4.0 {
                    continue;
                }
                let i = y * lab.w + x;
                let colour = lab.data[from].map(f32::from);
                let seen = self.seen.data[i];
                let mean = &mut self.mean.data[i];
                let miss: f32 = (0..3).map(|k| (colour[k] - mean[k]).powi(2)).sum();
                let share = 1.0 / (f32::from(seen) + 1.0);
                for k in 0..3 {
                    mean[k] += (colour[k] - mean[k]) * share;
                }
                if seen > 0 {
                    self.spread.data[i] += (miss - self.spread.data[i]) * share.max(0.15);
                }
                self.seen.data[i] = (seen + 1).min(FULL);
            }
        }
    }

    /// Log odds towards the object: negative where the pixel shows the known background, mildly positive where it does not
    /// and the object could look so; within −3..=1.
    pub fn odds(&self, lab: &Raster<Lab>, wanted: &Raster<bool>, object: Option<&Mixture>) -> Raster<f32> {
        let mut out = lab.same(0.0);
        let Some(object) = object else { return out };
        for y in 0..lab.h {
            for x in 0..lab.w {
                let i = y * lab.w + x;
                if !wanted.data[i] {
                    continue;
                }
                let (px, py) = self.from_now.apply(x as f32, y as f32);
                if !lab.contains(px, py) {
                    continue;
                }
                let at = py.round().max(0.0) as usize * lab.w + px.round().max(0.0) as usize;
                let seen = self.seen.data[at];
                if seen < 2 {
                    continue;
                }
                let variance = self.spread.data[at].clamp(12.0, 400.0);
                let colour = lab.data[i].map(f32::from);
                let miss: f32 = (0..3).map(|k| (colour[k] - self.mean.data[at][k]).powi(2)).sum();
                let same = -0.5 * miss / variance - 1.5 * variance.ln();
                let rest = same.max(-14.0);
                let belief = f32::from(seen.min(6)) / 6.0;
                out.data[i] =
                    (belief * 0.5 * (object.log_density(lab.data[i]).max(-16.0) - rest)).clamp(-3.0, 1.0);
            }
        }
        out
    }
}
