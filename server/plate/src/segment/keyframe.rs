//! From what a person clicked on one frame to evidence for every pixel of that frame.
//! What earlier frames say is added in `propagate`; the labels are cut there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::colour::Mixture;
use super::cut::HARD;
use super::flow::{Flow, dominant};
use super::propagate::{likeness, snap};
use super::raster::{Lab, Raster, hull_mask};

/// One frame's prompts in analysis pixels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    pub positive: Vec<(f32, f32)>,
    pub negative: Vec<(f32, f32)>,
    pub boxes: Vec<[f32; 4]>,
    /// Locked pixels: Some(true) object, Some(false) rest.
    pub locked: Option<Raster<Option<bool>>>,
}

impl Marks {
    pub fn is_empty(&self) -> bool {
        self.positive.is_empty() && self.negative.is_empty() && self.boxes.is_empty() && self.locked.is_none()
    }

    /// Whether the marks alone show an object.
    pub fn show_object(&self) -> bool {
        !self.positive.is_empty()
            || !self.boxes.is_empty()
            || self.locked.as_ref().is_some_and(|l| l.data.contains(&Some(true)))
    }
}

/// Writes the marks that must hold into a unary: discs around clicks, locked pixels, everything outside all boxes.
pub(crate) fn pin(unary: &mut Raster<f32>, marks: &Marks, inside_boxes: bool) {
    if inside_boxes && !marks.boxes.is_empty() {
        for y in 0..unary.h {
            for x in 0..unary.w {
                let (fx, fy) = (x as f32, y as f32);
                let inside = marks.boxes.iter().any(|b| {
                    fx >= b[0].min(b[2]) - 2.0 && fx <= b[0].max(b[2]) + 2.0 && fy >= b[1].min(b[3]) - 2.0 && fy <= b[1].max(b[3]) + 2.0
                });
                if !inside {
                    unary.data[y * unary.w + x] = -HARD;
                }
            }
        }
    }
    let radius = seed_radius(unary.w, unary.h);
    for (points, value) in [(&marks.positive, HARD), (&marks.negative, -HARD)] {
        for (x, y) in points {
            disc(unary.w, unary.h, *x, *y, radius, |i| unary.data[i] = value);
        }
    }
    if let Some(locked) = &marks.locked {
        for (u, lock) in unary.data.iter_mut().zip(&locked.data) {
            match lock {
                Some(true) => *u = HARD,
                Some(false) => *u = -HARD,
                None => {}
            }
        }
    }
}

fn seed_radius(w: usize, h: usize) -> f32 {
    (0.003 * (w as f32).hypot(h as f32)).max(1.0)
}

fn disc(w: usize, h: usize, x: f32, y: f32, radius: f32, mut each: impl FnMut(usize)) {
    let reach = radius.ceil() as i32;
    let (cx, cy) = (x.round() as i32, y.round() as i32);
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let (px, py) = (cx + dx, cy + dy);
            if (dx * dx + dy * dy) as f32 <= radius * radius && px >= 0 && py >= 0 && px < w as i32 && py < h as i32 {
                each(py as usize * w + px as usize);
            }
        }
    }
}

/// The object as the marks of one frame show it, with no other frame's knowledge but the motion around it.
pub(crate) fn first_mask(lab: &Raster<Lab>, marks: &Marks, motion: Option<&Flow>) -> opencv::Result<Raster<bool>> {
    let (w, h) = (lab.w, lab.h);
    if let Some(locked) = &marks.locked
        && locked.data.iter().all(Option::is_some)
    {
        return Ok(locked.map(|l| l == Some(true)));
    }
    let mut shown = marks.positive.clone();
    if shown.is_empty() {
        // A box alone shows its middle.
        for b in &marks.boxes {
            let at = |tx: f32, ty: f32| (b[0] + tx * (b[2] - b[0]), b[1] + ty * (b[3] - b[1]));
            shown.extend([at(0.5, 0.5), at(0.4, 0.5), at(0.6, 0.5), at(0.5, 0.4), at(0.5, 0.6)]);
        }
    }
    let diagonal = (w as f32).hypot(h as f32);
    let mut spread = 0.0_f32;
    for a in &shown {
        for b in &shown {
            spread = spread.max((a.0 - b.0).hypot(a.1 - b.1));
        }
    }
    for b in &marks.boxes {
        spread = spread.max((b[2] - b[0]).hypot(b[3] - b[1]));
    }
    let alone = spread < 0.06 * diagonal;
    let spread = if alone { 0.25 * diagonal } else { spread };

    let mut region = if shown.is_empty() { lab.same(false) } else { hull_mask(&shown, w, h)? };
    for b in &marks.boxes {
        let corners = [(b[0], b[1]), (b[2], b[1]), (b[2], b[3]), (b[0], b[3])];
        let area = hull_mask(&corners, w, h)?;
        region.data.iter_mut().zip(area.data).for_each(|(r, a)| *r |= a);
    }
    let mut object_seeds = lab.same(false);
    let radius = 1.5 * seed_radius(w, h);
    for (x, y) in &shown {
        disc(w, h, *x, *y, radius, |i| object_seeds.data[i] = true);
    }
    if let Some(locked) = &marks.locked {
        for (seed, lock) in object_seeds.data.iter_mut().zip(&locked.data) {
            *seed |= *lock == Some(true);
        }
        region.data.iter_mut().zip(&locked.data).for_each(|(r, l)| *r |= *l == Some(true));
    }
    let around = region.signed_distance(diagonal)?;
    let boxed = !marks.boxes.is_empty();
    let clear = if boxed { 3.0 } else { 0.3 * spread };
    let mut rest_seeds = around.map(|d| d < -clear);
    for (x, y) in &marks.negative {
        disc(w, h, *x, *y, radius, |i| rest_seeds.data[i] = true);
    }
    if rest_seeds.area() == 0 {
        // The marks span the picture: its rim away from the clicks is all that can be the rest.
        rest_seeds = around.map(|d| d < 0.0);
    }

    let near = geodesic(lab, &object_seeds);
    let away = geodesic(lab, &rest_seeds);
    let moving = motion.map(|flow| motion_odds(flow, &shown, &rest_seeds));
    let mut object_samples: Vec<(Lab, f32)> = weighted(lab, |i| if object_seeds.data[i] { 1.0 } else { 0.0 });
    // What lies between the clicks and is close to them in colour counts a little from the start.
    object_samples.extend(weighted(lab, |i| {
        if around.data[i] > -0.05 * spread && near.data[i] < 0.25 * away.data[i] { 0.15 } else { 0.0 }
    }));
    let window = 0.8 * spread;
    let rest_weight = |i: usize| if rest_seeds.data[i] { if around.data[i] > -window { 1.0 } else { 0.25 } } else { 0.0 };
    let mut rest_samples = weighted(lab, rest_weight);
    let prior = around.map(|d| {
        if boxed {
            if d >= 0.0 { 0.4 } else { -6.0 }
        } else if alone {
            (d / (0.35 * spread)).max(-4.0)
        } else if d >= 0.0 {
            (d / (0.04 * spread)).min(1.2)
        } else {
            (d / (0.08 * spread)).max(-6.0)
        }
    });
    let mut mask = region;
    for round in 0..5 {
        let (Some(object), Some(rest)) = (Mixture::fit(&object_samples, 6), Mixture::fit(&rest_samples, 8)) else { break };
        let colour = likeness(lab, &object, &rest, None);
        let mut unary = prior.clone();
        for i in 0..unary.data.len() {
            let path = (away.data[i] - near.data[i]) / (away.data[i] + near.data[i] + 1e-3);
            unary.data[i] += 0.8 * colour.data[i].clamp(-4.0, 4.0) + 2.5 * path;
            if let Some(moving) = &moving {
                unary.data[i] += moving.data[i];
            }
        }
        pin(&mut unary, marks, true);
        mask = snap(lab, &unary, 2.5);
        mask = connected(&mask, &object_seeds);
        if round == 4 {
            break;
        }
        let inside = mask.signed_distance(diagonal)?;
        let learn = |i: usize| if object_seeds.data[i] { 3.0 } else if inside.data[i] > 1.5 { 1.0 } else { 0.0 };
        object_samples = weighted(lab, learn);
        rest_samples = weighted(lab, |i| {
            if inside.data[i] < -2.5 { if inside.data[i] > -0.5 * spread { 1.0 } else { 0.25 } } else { 0.0 }
        });
    }
    Ok(mask)
}

/// Pieces of the mask that hold a seed.
fn connected(mask: &Raster<bool>, seeds: &Raster<bool>) -> Raster<bool> {
    let (labels, areas) = mask.pieces();
    let mut kept = vec![false; areas.len()];
    for (label, seed) in labels.data.iter().zip(&seeds.data) {
        kept[*label as usize] |= *seed;
    }
    kept[0] = false;
    labels.map(|l| kept[l as usize])
}

fn weighted(lab: &Raster<Lab>, weight: impl Fn(usize) -> f32) -> Vec<(Lab, f32)> {
    // Every other pixel in both directions is plenty for a few Gaussians, except where there are few.
    let all: Vec<(usize, f32)> = (0..lab.data.len()).map(|i| (i, weight(i))).filter(|(_, w)| *w > 0.0).collect();
    let step = 1 + all.len() / 20_000;
    all.into_iter().step_by(step).map(|(i, w)| (lab.data[i], w)).collect()
}

/// Log odds that a pixel moves with the clicks rather than with the rest; near 0 where both move alike.
fn motion_odds(flow: &Flow, shown: &[(f32, f32)], rest: &Raster<bool>) -> Raster<f32> {
    let mut odds = flow.same(0.0);
    let Some(rest) = dominant(flow, &rest.map(|r| if r { 1.0 } else { 0.0 })) else { return odds };
    let moves: Vec<[f32; 2]> = shown.iter().map(|(x, y)| super::flow::sample(flow, *x, *y)).collect();
    if moves.is_empty() {
        return odds;
    }
    for y in 0..flow.h {
        for x in 0..flow.w {
            let v = flow.at(x, y);
            let other = rest.offset(x as f32, y as f32);
            let from_rest = (v[0] - other[0]).hypot(v[1] - other[1]);
            let from_object = moves.iter().map(|m| (v[0] - m[0]).hypot(v[1] - m[1])).fold(f32::MAX, f32::min);
            let apart = moves.iter().map(|m| (other[0] - m[0]).hypot(other[1] - m[1])).sum::<f32>() / moves.len() as f32;
            let scale = apart.max(2.0);
            odds.data[y * flow.w + x] = (3.0 * (from_rest - from_object) / scale).clamp(-2.0, 2.0);
        }
    }
    odds
}

/// Cheapest way from any seed, where crossing an edge costs much and going far a little.
pub(crate) fn geodesic(lab: &Raster<Lab>, seeds: &Raster<bool>) -> Raster<f32> {
    let mut cost = lab.same(f32::MAX);
    let mut open = BinaryHeap::new();
    for (i, seed) in seeds.data.iter().enumerate() {
        if *seed {
            cost.data[i] = 0.0;
            open.push((Reverse(0_u32), i));
        }
    }
    while let Some((Reverse(key), at)) = open.pop() {
        let here = cost.data[at];
        if key > (here * 64.0) as u32 {
            continue;
        }
        let (x, y) = ((at % lab.w) as i32, (at / lab.w) as i32);
        for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (-1, 1), (1, -1)] {
            let (nx, ny) = (x + dx, y + dy);
            if nx < 0 || ny < 0 || nx >= lab.w as i32 || ny >= lab.h as i32 {
                continue;
            }
            let next = ny as usize * lab.w + nx as usize;
            let length = if dx != 0 && dy != 0 { 1.414 } else { 1.0 };
            let through = here + length * 0.3 + difference(lab.data[at], lab.data[next]);
            if through < cost.data[next] {
                cost.data[next] = through;
                open.push((Reverse((through * 64.0) as u32), next));
            }
        }
    }
    cost.map(|c| c.min(1e6))
}

pub(crate) fn difference(a: Lab, b: Lab) -> f32 {
    let d = [0, 1, 2].map(|i| f32::from(a[i]) - f32::from(b[i]));
    (0.5 * d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt()
}
