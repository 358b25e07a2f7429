//! One step of the mask from a frame to its neighbour: where the object went, what it looks like, what the background
//! was known to look like, then one cut. Which frames are stepped through, and when, is decided in the parent module.

use super::SegmentParams;
use super::background::Background;
use super::colour::Mixture;
use super::cut::{HARD, cut};
use super::flow::{self, Affine, Dis, Flow, dominant, trust};
use super::keyframe::{Marks, geodesic, pin};
use super::matching::{Feature, Memory, features};
use super::raster::{Lab, Raster};

/// Signed distances are kept within this many analysis pixels.
pub(crate) const FAR: f32 = 64.0;

/// All that is known at one frame. A clone propagates on its own.
#[derive(Clone)]
pub(crate) struct Tracker {
    pub lab: Raster<Lab>,
    features: Raster<Feature>,
    pub mask: Raster<bool>,
    /// Positive inside.
    pub distance: Raster<f32>,
    key: Memory,
    object: Option<Mixture>,
    rest: Option<Mixture>,
    pub background: Background,
    /// Area at the key frame, to notice sudden changes.
    key_area: usize,
    pub confidence: f32,
}

impl Tracker {
    /// Starts at a frame whose mask is known.
    pub fn new(lab: Raster<Lab>, mask: Raster<bool>, confidence: f32) -> opencv::Result<Self> {
        let features = features(&lab)?;
        let distance = mask.signed_distance(FAR)?;
        let background = Background::new(&lab, &distance);
        let mut tracker = Self {
            key: memory(&features, &mask, &distance),
            features,
            object: None,
            rest: None,
            background,
            key_area: mask.area(),
            lab,
            mask,
            distance,
            confidence,
        };
        tracker.learn();
        Ok(tracker)
    }

    /// Makes the present frame the one that drift is measured against.
    pub fn remember(&mut self) {
        self.key = memory(&self.features, &self.mask, &self.distance);
        self.key_area = self.mask.area();
        self.learn();
    }

    fn learn(&mut self) {
        let near = |d: f32| if d > -FAR + 1.0 { 1.0 } else { 0.15 };
        let samples = |side: f32| -> Vec<(Lab, f32)> {
            let all = (0..self.lab.data.len()).filter(|i| self.distance.data[*i] * side > 1.5);
            let all: Vec<usize> = all.collect();
            let step = 1 + all.len() / 15_000;
            all.into_iter().step_by(step).map(|i| (self.lab.data[i], near(self.distance.data[i]))).collect()
        };
        self.object = Mixture::fit(&samples(1.0), 6).or(self.object.take());
        self.rest = Mixture::fit(&samples(-1.0), 8).or(self.rest.take());
    }

    /// Goes on to a neighbouring frame. `marks` are that frame's prompts and locks.
    pub fn step(&mut self, dis: &mut Dis, next: Raster<Lab>, marks: &Marks, params: &SegmentParams) -> opencv::Result<()> {
        let back = dis.between(&next, &self.lab)?;
        let there = dis.between(&self.lab, &next)?;
        let trusted = trust(&back, &there);
        let came = warp(&self.distance, &back);
        let camera = self.camera(&there, &back, &trusted, &came);
        self.background.follow(camera.0, camera.1);

        let now = features(&next)?;
        let wanted = came.map(|d| d > -params.reach && d < params.reach);
        let previous = Memory {
            features: std::mem::replace(&mut self.features, now),
            mask: self.mask.clone(),
            sure: self.distance.map(|d| d.abs() > 0.9),
            place: places(&back),
        };
        self.key.place = compose(&self.key.place, &back);
        let by_previous = previous.odds(&self.features, &wanted, 7);
        let by_key = self.key.odds(&self.features, &wanted, 7);
        let by_colour = match (&self.object, &self.rest) {
            (Some(object), Some(rest)) => likeness(&next, object, rest, Some(&wanted)),
            _ => next.same(0.0),
        };
        let by_background = self.background.odds(&next, &wanted, self.object.as_ref());
        let by_motion = motion_odds(&back, &came, &trusted, camera.1);

        let mut unary = next.same(0.0);
        for i in 0..unary.data.len() {
            let d = came.data[i];
            if !wanted.data[i] {
                unary.data[i] = d.signum() * HARD;
                continue;
            }
            let believe = 0.3 + 0.7 * trusted.data[i];
            let shape = believe * (d / params.shape_softness).clamp(-params.shape, params.shape)
                + (d / params.reach) * params.shape;
            unary.data[i] = shape
                + params.previous * by_previous.data[i].clamp(-4.0, 4.0)
                + params.key * by_key.data[i].clamp(-4.0, 4.0)
                + params.colour * by_colour.data[i].clamp(-4.0, 4.0)
                + params.background * by_background.data[i]
                + params.motion * believe * by_motion.data[i];
        }
        if !marks.is_empty() {
            heed(&mut unary, &next, marks, &came);
        }
        let mask = snap(&next, &unary, params.smooth).tidied(params.smallest);
        let stayed = overlap(&came.map(|d| d > 0.0), &mask);
        let sure = margin(&unary, &mask);
        self.lab = next;
        self.distance = mask.signed_distance(FAR)?;
        self.mask = mask;
        self.background.learn(&self.lab, &self.distance);
        self.confidence = self.confidence * (0.5 + 0.5 * stayed) * (0.9 + 0.1 * sure);
        Ok(())
    }

    /// The camera's motion: this frame → next, and next → this one.
    fn camera(&self, there: &Flow, back: &Flow, trusted: &Raster<f32>, came: &Raster<f32>) -> (Affine, Affine) {
        let outside_now = self.distance.map(|d| if d < -4.0 { 1.0 } else { 0.0 });
        let mut outside_next = came.map(|d| if d < -4.0 { 1.0 } else { 0.0 });
        outside_next.data.iter_mut().zip(&trusted.data).for_each(|(o, t)| *o *= t);
        (
            dominant(there, &outside_now).unwrap_or(Affine::STILL),
            dominant(back, &outside_next).unwrap_or(Affine::STILL),
        )
    }
}

fn memory(features: &Raster<Feature>, mask: &Raster<bool>, distance: &Raster<f32>) -> Memory {
    let place = Raster {
        w: mask.w,
        h: mask.h,
        data: (0..mask.data.len()).map(|i| [(i % mask.w) as f32, (i / mask.w) as f32]).collect(),
    };
    Memory { features: features.clone(), mask: mask.clone(), sure: distance.map(|d| d.abs() > 0.9), place }
}

/// Where each pixel was, from the flow back to the frame before.
fn places(back: &Flow) -> Raster<[f32; 2]> {
    let mut out = back.clone();
    for (i, p) in out.data.iter_mut().enumerate() {
        *p = [(i % back.w) as f32 + p[0], (i / back.w) as f32 + p[1]];
    }
    out
}

/// Places in a remembered frame, one step of flow later. Places outside the picture are extrapolated.
fn compose(place: &Raster<[f32; 2]>, back: &Flow) -> Raster<[f32; 2]> {
    let mut out = place.clone();
    for y in 0..back.h {
        for x in 0..back.w {
            let f = back.at(x, y);
            let (px, py) = (x as f32 + f[0], y as f32 + f[1]);
            let at = flow::sample(place, px, py);
            let (ox, oy) = (px - px.clamp(0.0, back.w as f32 - 1.0), py - py.clamp(0.0, back.h as f32 - 1.0));
            out.data[y * back.w + x] = [at[0] + ox, at[1] + oy];
        }
    }
    out
}

fn warp(from: &Raster<f32>, back: &Flow) -> Raster<f32> {
    let mut out = from.same(0.0);
    for y in 0..back.h {
        for x in 0..back.w {
            let f = back.at(x, y);
            out.data[y * back.w + x] = from.sample(x as f32 + f[0], y as f32 + f[1]);
        }
    }
    out
}

/// Log odds of the object's colours against the rest's, at the wanted pixels (all without `wanted`).
pub(crate) fn likeness(lab: &Raster<Lab>, object: &Mixture, rest: &Mixture, wanted: Option<&Raster<bool>>) -> Raster<f32> {
    let mut out = lab.same(0.0);
    for (i, colour) in lab.data.iter().enumerate() {
        if wanted.is_none_or(|w| w.data[i]) {
            out.data[i] = object.log_density(*colour) - rest.log_density(*colour);
        }
    }
    out
}

/// Log odds that a pixel moves as the object does rather than as the camera makes the rest move.
fn motion_odds(back: &Flow, came: &Raster<f32>, trusted: &Raster<f32>, camera: Affine) -> Raster<f32> {
    let mut odds = back.same(0.0);
    let mut inside = came.map(|d| if d > 1.0 { 1.0 } else { 0.0 });
    inside.data.iter_mut().zip(&trusted.data).for_each(|(i, t)| *i *= t);
    let Some(object) = dominant(back, &inside) else { return odds };
    for y in 0..back.h {
        for x in 0..back.w {
            let v = back.at(x, y);
            let o = object.offset(x as f32, y as f32);
            let c = camera.offset(x as f32, y as f32);
            let apart = (o[0] - c[0]).hypot(o[1] - c[1]);
            let scale = apart.max(1.5);
            let from_object = (v[0] - o[0]).hypot(v[1] - o[1]);
            let from_rest = (v[0] - c[0]).hypot(v[1] - c[1]);
            let limit = (apart / scale) * 3.0;
            odds.data[y * back.w + x] = (3.0 * (from_rest - from_object) / scale).clamp(-limit, limit);
        }
    }
    odds
}

/// A click that contradicts the mask that came here speaks for its surroundings too, up to the next edges.
fn heed(unary: &mut Raster<f32>, lab: &Raster<Lab>, marks: &Marks, came: &Raster<f32>) {
    for (points, side) in [(&marks.positive, 1.0_f32), (&marks.negative, -1.0)] {
        let mut seeds = lab.same(false);
        for (x, y) in points {
            if lab.contains(*x, *y) {
                let i = y.round() as usize * lab.w + x.round() as usize;
                seeds.data[i] = came.data[i] * side < 2.0;
            }
        }
        if seeds.area() == 0 {
            continue;
        }
        let path = geodesic(lab, &seeds);
        for (u, g) in unary.data.iter_mut().zip(&path.data) {
            let pull = (-(g / 25.0).powi(2)).exp();
            if pull > 0.02 {
                *u = u.clamp(-8.0, 8.0) * (1.0 - pull) + side * 8.0 * pull;
            }
        }
    }
    pin(unary, marks, false);
}

/// The cut whose outline prefers to run along edges of the picture.
pub(crate) fn snap(lab: &Raster<Lab>, unary: &Raster<f32>, smooth: f32) -> Raster<bool> {
    let mut sum = 0.0_f64;
    for y in 0..lab.h {
        for x in 1..lab.w {
            sum += f64::from(square(lab.at(x, y), lab.at(x - 1, y)));
        }
    }
    let mean = (sum / (lab.h * (lab.w - 1).max(1)) as f64) as f32;
    let beta = 0.5 / mean.clamp(4.0, 60.0);
    cut(unary, |x, y, dx, dy| {
        let there = lab.at((x as i32 + dx) as usize, (y as i32 + dy) as usize);
        let length = if dx != 0 && dy != 0 { 0.707 } else { 1.0 };
        smooth * length * (0.06 + 0.94 * (-beta * square(lab.at(x, y), there)).exp())
    })
}

fn square(a: Lab, b: Lab) -> f32 {
    let d = [0, 1, 2].map(|i| f32::from(a[i]) - f32::from(b[i]));
    d[0] * d[0] + 2.0 * d[1] * d[1] + 2.0 * d[2] * d[2]
}

/// Intersection over union; 1 where both are empty.
pub(crate) fn overlap(a: &Raster<bool>, b: &Raster<bool>) -> f32 {
    let both = a.data.iter().zip(&b.data).filter(|(a, b)| **a && **b).count();
    let any = a.data.iter().zip(&b.data).filter(|(a, b)| **a || **b).count();
    if any == 0 { 1.0 } else { both as f32 / any as f32 }
}

/// How clearly the evidence speaks for the labels near the outline, 0..=1.
fn margin(unary: &Raster<f32>, mask: &Raster<bool>) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (u, m) in unary.data.iter().zip(&mask.data) {
        if u.abs() < HARD {
            let side = if *m { *u } else { -*u };
            sum += 1.0 / (1.0 + (-side).exp());
            count += 1.0;
        }
    }
    if count == 0.0 { 1.0 } else { sum / count }
}
