//! One step of the mask from a frame to its neighbour: where the object went, what it looks like, what the background
//! was known to look like, then one cut. Which frames are stepped through, and when, is decided in the parent module.

use super::SegmentParams;
use super::background::Background;
use super::colour::Mixture;
use super::cut::{HARD, cut};
use super::flow::{self, Affine, Dis, Flow, dominant, motion_odds, trust};
use super::keyframe::{Marks, geodesic, pin};
use super::matching::{Feature, Memory, features};
use super::raster::{Lab, Raster};

/// Signed distances are kept within this many analysis pixels.
pub(crate) const FAR: f32 = 64.0;

/// What each step from a frame that a person has spoken about takes from how well the object counts as followed.
const DRIFT: f32 = 0.002;

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
    /// The outline of the key frame and where this frame's pixels were in it if the object moved as one stiff piece.
    key_distance: Raster<f32>,
    pose: Affine,
    /// The object's last motion that could be told: a frame → the one before.
    motion: Option<Affine>,
    /// How well the stiff outline has fitted so far, 0..=1.
    stiffness: f32,
    /// How well the object has been followed here, 0..=1; see [`Tracker::confidence`].
    pub followed: f32,
    /// How much of what should be seen of it is, 0..=1.
    shown: f32,
    /// What the last step was worth, 0..=1.
    worth: f32,
}

impl Tracker {
    /// What overlap with the truth may be expected, 0..=1.
    pub fn confidence(&self) -> f32 {
        self.followed * self.shown * (0.5 + 0.5 * self.worth) * expected_overlap(&self.lab, &self.mask)
    }

    /// Starts at a frame whose mask is known.
    pub fn new(lab: Raster<Lab>, mask: Raster<bool>, followed: f32) -> opencv::Result<Self> {
        let features = features(&lab)?;
        let distance = mask.signed_distance(FAR)?;
        let background = Background::new(&lab, &distance);
        let mut tracker = Self {
            key: memory(&features, &mask, &distance),
            features,
            object: None,
            rest: None,
            background,
            key_distance: distance.clone(),
            pose: Affine::STILL,
            motion: None,
            stiffness: 1.0,
            lab,
            mask,
            distance,
            followed,
            shown: 1.0,
            worth: 1.0,
        };
        tracker.learn();
        Ok(tracker)
    }

    /// Makes the present frame the one that drift is measured against.
    pub fn remember(&mut self) {
        self.key = memory(&self.features, &self.mask, &self.distance);
        self.key_distance = self.distance.clone();
        self.pose = Affine::STILL;
        self.stiffness = 1.0;
        self.shown = 1.0;
        self.worth = 1.0;
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

    /// Goes on to a neighbouring frame. `marks` are that frame's prompts and locks; where they show the object elsewhere than
    /// it comes by itself, nothing is done and the frame is given back: it has to be started from anew.
    pub fn step(
        &mut self,
        dis: &mut Dis,
        next: Raster<Lab>,
        marks: &Marks,
        params: &SegmentParams,
    ) -> opencv::Result<Option<Raster<Lab>>> {
        let back = dis.between(&next, &self.lab)?;
        let came = warp(&self.distance, &back);
        if marks.contradict(&came) {
            return Ok(Some(next));
        }
        let there = dis.between(&self.lab, &next)?;
        let trusted = trust(&back, &there);
        let entered = outside(&back);
        let camera = self.camera(&there, &back, &trusted, &came);
        self.background.follow(camera.0, camera.1);

        let object_motion = self.object_motion(&back, &came, &trusted, camera.1);
        self.pose = object_motion.then(&self.pose);
        let stiff = self.stiff_outline();
        let stiff_weight = params.stiff * ((self.stiffness - 0.75) / 0.2).clamp(0.0, 1.0);
        // Where only the stiff outline expects the object: it may come out from behind something.
        let hidden = Raster {
            w: next.w,
            h: next.h,
            data: came.data.iter().zip(&stiff.data).map(|(c, s)| *c < -1.0 && *s > 0.0).collect(),
        };
        let mut wanted = came.map(|d| d > -params.reach && d < params.reach);
        wanted.data.iter_mut().zip(&stiff.data).for_each(|(w, s)| *w |= *s > -3.0 && *s != 0.0);
        let by_motion = motion_odds(&next, &self.lab, Some(object_motion), Some(camera.1))?;
        let now = features(&next)?;
        let previous = Memory {
            features: std::mem::replace(&mut self.features, now),
            mask: self.mask.clone(),
            sure: self.distance.map(|d| d.abs() > 0.9),
            place: places(&back),
        };
        self.key.place = compose(&self.key.place, &back);
        let by_previous = previous.odds(&self.features, &wanted, 7);
        let by_key = self.key.odds(&self.features, &wanted, 7);
        let by_pose = self.posed_key(&hidden).odds(&self.features, &hidden, 7);
        let by_colour = match (&self.object, &self.rest) {
            (Some(object), Some(rest)) => likeness(&next, object, rest, Some(&wanted)),
            _ => next.same(0.0),
        };
        let by_background = self.background.odds(&next, &wanted, self.object.as_ref());

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
            // What came in over the picture's rim has no past, only neighbours.
            let shape = if hidden.data[i] { 0.25 * shape.max(-params.shape) } else { shape };
            let key = if hidden.data[i] { by_pose.data[i].max(by_key.data[i]) } else { by_key.data[i] };
            let shape = if entered.data[i] { shape.clamp(-0.3, 0.3) } else { shape };
            unary.data[i] = shape
                + params.previous * by_previous.data[i].clamp(-4.0, 4.0)
                + params.key * key.clamp(-4.0, 4.0)
                + params.colour * by_colour.data[i].clamp(-4.0, 4.0)
                + params.background * by_background.data[i]
                + params.motion * by_motion.data[i]
                + stiff_weight * (stiff.data[i] / params.shape_softness).clamp(-1.0, 1.0);
        }
        if !marks.is_empty() {
            heed(&mut unary, &next, marks, &came);
        }
        let mut mask = snap(&next, &unary, params.smooth);
        if marks.locked.is_none() {
            mask = mask.tidied(params.smallest);
            close_new_holes(&mut mask, &stiff);
        }
        self.stiffness = 0.8 * self.stiffness + 0.2 * fit(&stiff, &mask);
        // The last of an object that leaves is small; that it then is gone is no surprise.
        let left = mask.area() == 0 && 4 * self.mask.area() < self.key.mask.area();
        let stayed = if left { 0.8 } else { overlap(&came.map(|d| d > 0.0), &mask) };
        let sure = margin(&unary, &mask);
        self.shown = shown(&stiff, &mask, self.key.mask.area(), stiff_weight / params.stiff.max(1e-3));
        self.lab = next;
        self.distance = mask.signed_distance(FAR)?;
        self.mask = mask;
        self.background.learn(&self.lab, &self.distance);
        self.worth = 0.5 * stayed + 0.5 * sure;
        self.followed = believed(self.followed, stayed, self.worth);
        Ok(None)
    }

    /// The key frame's outline moved stiffly to the present frame; 0 where it was outside the key frame's picture.
    fn stiff_outline(&self) -> Raster<f32> {
        let mut out = self.key_distance.same(0.0);
        for y in 0..out.h {
            for x in 0..out.w {
                let (px, py) = self.pose.apply(x as f32, y as f32);
                if out.contains(px, py) {
                    out.data[y * out.w + x] = self.key_distance.sample(px, py);
                }
            }
        }
        out
    }

    /// This frame → the one before, as the object moves; as it last did where too little of it is seen to tell.
    fn object_motion(
        &mut self,
        back: &Flow,
        came: &Raster<f32>,
        trusted: &Raster<f32>,
        camera: Affine,
    ) -> Affine {
        let mut inside = came.map(|d| if d > 1.0 { 1.0 } else { 0.0 });
        inside.data.iter_mut().zip(&trusted.data).for_each(|(i, t)| *i *= t);
        let shown = 4 * self.mask.area() > self.key.mask.area();
        if let Some(motion) = dominant(back, &inside).filter(|_| shown) {
            self.motion = Some(motion);
            return motion;
        }
        if shown { camera } else { self.motion.unwrap_or(camera) }
    }

    /// The key frame's memory with places by the stiff motion at the wanted pixels.
    fn posed_key(&self, wanted: &Raster<bool>) -> Memory {
        let mut posed = self.key.clone();
        for (i, wanted) in wanted.data.iter().enumerate() {
            if *wanted {
                let (x, y) = self.pose.apply((i % self.mask.w) as f32, (i / self.mask.w) as f32);
                posed.place.data[i] = [x, y];
            }
        }
        posed
    }

    /// The camera's motion: this frame → next, and next → this one.
    fn camera(
        &self,
        there: &Flow,
        back: &Flow,
        trusted: &Raster<f32>,
        came: &Raster<f32>,
    ) -> (Affine, Affine) {
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

/// Pixels that were not in the picture before.
fn outside(back: &Flow) -> Raster<bool> {
    let mut out = back.same(false);
    for y in 0..back.h {
        for x in 0..back.w {
            let f = back.at(x, y);
            out.data[y * back.w + x] = !back.contains(x as f32 + f[0], y as f32 + f[1]);
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
pub(crate) fn likeness(
    lab: &Raster<Lab>,
    object: &Mixture,
    rest: &Mixture,
    wanted: Option<&Raster<bool>>,
) -> Raster<f32> {
    let mut out = lab.same(0.0);
    for (i, colour) in lab.data.iter().enumerate() {
        if wanted.is_none_or(|w| w.data[i]) {
            out.data[i] = object.log_density(*colour) - rest.log_density(*colour);
        }
    }
    out
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
    pin(unary, lab, marks);
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

/// Fills holes that the stiff outline does not have: what shows up in the middle of an object is in or on it. A hole that
/// reaches the outside is left alone, and so is one that takes most of the object.
fn close_new_holes(mask: &mut Raster<bool>, stiff: &Raster<f32>) {
    let area = mask.area();
    let (holes, areas) = mask.map(|m| !m).pieces();
    let mut old = vec![0_usize; areas.len()];
    let mut open = vec![false; areas.len()];
    for y in 0..mask.h {
        for x in 0..mask.w {
            let hole = holes.at(x, y) as usize;
            open[hole] |= x == 0 || y == 0 || x + 1 == mask.w || y + 1 == mask.h;
            old[hole] += usize::from(stiff.at(x, y) <= 0.0);
        }
    }
    for (m, hole) in mask.data.iter_mut().zip(&holes.data) {
        let hole = *hole as usize;
        if hole != 0 && !open[hole] && 4 * old[hole] < areas[hole] && 3 * areas[hole] < area {
            *m = true;
        }
    }
}

/// How well a mask fits a stiff outline where that is known (not 0). What is missing may be hidden and counts little.
fn fit(outline: &Raster<f32>, mask: &Raster<bool>) -> f32 {
    let (mut both, mut any, mut shown) = (0, 0, 0);
    for (d, m) in outline.data.iter().zip(&mask.data) {
        if *d != 0.0 {
            both += usize::from(*d > 0.0 && *m);
            any += usize::from(*d > 0.0 || *m);
            shown += usize::from(*m);
        }
    }
    if shown == 0 { 1.0 } else { 0.7 * both as f32 / shown as f32 + 0.3 * both as f32 / any as f32 }
}

/// How much of the stiff outline's part in the picture the mask has, as far as that outline counts (`weight`, 0..=1): little
/// while something covers the object. Where none of it is left though it should be seen, the object is lost or hidden.
fn shown(outline: &Raster<f32>, mask: &Raster<bool>, key_area: usize, weight: f32) -> f32 {
    let expected = outline.data.iter().filter(|d| **d > 0.0).count();
    match mask.area() {
        0 if 10 * expected < key_area => 0.9,
        0 => 0.35,
        area => {
            let share = (area as f32 / (0.85 * expected.max(1) as f32)).min(1.0);
            1.0 - 0.6 * weight * (1.0 - share)
        }
    }
}

/// Intersection over union; 1 where both are empty.
pub(crate) fn overlap(a: &Raster<bool>, b: &Raster<bool>) -> f32 {
    let both = a.data.iter().zip(&b.data).filter(|(a, b)| **a && **b).count();
    let any = a.data.iter().zip(&b.data).filter(|(a, b)| **a || **b).count();
    if any == 0 { 1.0 } else { both as f32 / any as f32 }
}

/// How well the object is followed after a step: a little worse with every step, sinking towards what this step is worth, at
/// once where the mask changed abruptly. It never rises: only a person's word makes sure again.
fn believed(before: f32, stayed: f32, worth: f32) -> f32 {
    let abrupt = (stayed / 0.7).min(1.0);
    (before - 0.15 * (before - worth).max(0.0)) * (0.4 + 0.6 * abrupt) * (1.0 - DRIFT)
}

/// The outline is known to a pixel where it runs along an edge of the picture and to a few where it does not; what
/// that does to the overlap depends on how long it is for its area. An empty mask has no outline.
fn expected_overlap(lab: &Raster<Lab>, mask: &Raster<bool>) -> f32 {
    let area = mask.area() as f32;
    if area == 0.0 {
        return 1.0;
    }
    let mut loose = 0.0;
    for y in 1..mask.h {
        for x in 1..mask.w {
            let here = mask.at(x, y);
            for (nx, ny) in [(x - 1, y), (x, y - 1)] {
                if mask.at(nx, ny) != here {
                    // A blurred edge is spread over a few pixels, so look a little further on both sides.
                    let (dx, dy) = ((x - nx) as i32, (y - ny) as i32);
                    let (ix, iy) = (x as i32, y as i32);
                    let step = square(lab.clamped(ix + dx, iy + dy), lab.clamped(ix - 2 * dx, iy - 2 * dy));
                    loose += 1.4 + 2.0 * (-step / 600.0).exp();
                }
            }
        }
    }
    let loose = 0.75 * loose; // a slanting outline crosses more pixel borders than it is long
    ((area - 0.5 * loose) / (area + 0.5 * loose)).max(0.0)
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
