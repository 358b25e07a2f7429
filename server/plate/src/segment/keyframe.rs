//! From what a person clicked on one frame to evidence for every pixel of that frame.
//! What earlier frames say is added in `propagate`; the labels are cut there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::colour::Mixture;
use super::cut::HARD;
use super::flow::{Affine, Flow, dominant, motion_odds};
use super::propagate::{likeness, snap};
use super::propose;
use super::raster::{Lab, Raster, hull_mask};

/// Cost of the way from a click within which the click is believed against the colours.
const BESIDE: f32 = 25.0;

/// An object that came by itself is the one in a box where its own extent there is at least this part of the box, and at
/// most so much of it lies beside all boxes.
const FILLED: f32 = 0.5;
const BESIDE_BOXES: f32 = 0.25;

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

    /// Whether the marks alone show an object. On a frame that is locked as a whole, nothing but the lock counts.
    pub fn show_object(&self) -> bool {
        match &self.locked {
            Some(locked) if locked.data.contains(&Some(true)) => true,
            Some(_) if self.lock_all() => false,
            _ => !self.positive.is_empty() || !self.boxes.is_empty(),
        }
    }

    /// Whether the marks show the object elsewhere than it `came` by itself (positive inside): a box that it does not fill or
    /// lies beside, a click or a box where nothing came.
    pub fn contradict(&self, came: &Raster<f32>) -> bool {
        if self.lock_all() {
            return false; // the lock says all
        }
        let mut filled: Vec<Option<[f32; 4]>> = vec![None; self.boxes.len()];
        let (mut area, mut beside) = (0_usize, 0_usize);
        for (i, _) in came.data.iter().enumerate().filter(|(_, d)| **d > 0.0) {
            let (x, y) = ((i % came.w) as f32, (i / came.w) as f32);
            area += 1;
            let mut is_beside = true;
            for (_, filled) in self.boxes.iter().zip(&mut filled).filter(|(b, _)| is_in(b, x, y)) {
                let f = filled.get_or_insert([x, y, x, y]);
                *f = [f[0].min(x), f[1].min(y), f[2].max(x), f[3].max(y)];
                is_beside = false;
            }
            beside += usize::from(is_beside);
        }
        if area == 0 {
            return !self.positive.is_empty() || !self.boxes.is_empty();
        }
        let extent = |b: &[f32; 4]| (b[2] - b[0] + 1.0) * (b[3] - b[1] + 1.0);
        let missed = |(b, filled): (&[f32; 4], &Option<[f32; 4]>)| {
            filled.is_none_or(|filled| extent(&filled) < FILLED * extent(b))
        };
        let boxed = !self.boxes.is_empty();
        boxed && (beside as f32 > BESIDE_BOXES * area as f32 || self.boxes.iter().zip(&filled).any(missed))
    }

    /// Whether every pixel of the frame is locked.
    pub fn lock_all(&self) -> bool {
        self.locked.as_ref().is_some_and(|locked| locked.data.iter().all(Option::is_some))
    }
}

/// Boxes are drawn by hand: a little beside one is in it.
pub(crate) fn is_in(b: &[f32; 4], x: f32, y: f32) -> bool {
    x >= b[0].min(b[2]) - 2.0
        && x <= b[0].max(b[2]) + 2.0
        && y >= b[1].min(b[3]) - 2.0
        && y <= b[1].max(b[3]) + 2.0
}

/// Writes the marks that must hold into a unary: discs around clicks, locked pixels, everything outside all boxes.
pub(crate) fn pin(unary: &mut Raster<f32>, lab: &Raster<Lab>, marks: &Marks) {
    if !marks.boxes.is_empty() {
        for y in 0..unary.h {
            for x in 0..unary.w {
                if !marks.boxes.iter().any(|b| is_in(b, x as f32, y as f32)) {
                    unary.data[y * unary.w + x] = -HARD;
                }
            }
        }
    }
    let radius = seed_radius(unary.w, unary.h);
    for (points, value) in [(&marks.positive, HARD), (&marks.negative, -HARD)] {
        for (x, y) in points {
            disc(lab, *x, *y, radius, |i| unary.data[i] = value);
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

/// Pixels about a click that look like the clicked one: a click close to an edge does not speak for the other side.
fn disc(lab: &Raster<Lab>, x: f32, y: f32, radius: f32, mut each: impl FnMut(usize)) {
    let (w, h) = (lab.w, lab.h);
    let reach = radius.ceil() as i32;
    let (cx, cy) = ((x.round() as i32).clamp(0, w as i32 - 1), (y.round() as i32).clamp(0, h as i32 - 1));
    let clicked = lab.at(cx as usize, cy as usize);
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let (px, py) = (cx + dx, cy + dy);
            if (dx * dx + dy * dy) as f32 <= radius * radius
                && px >= 0
                && py >= 0
                && px < w as i32
                && py < h as i32
            {
                let i = py as usize * w + px as usize;
                if difference(lab.data[i], clicked) < 12.0 {
                    each(i);
                }
            }
        }
    }
}

/// The object as the marks of one frame show it, with no other frame's knowledge but the motion around it.
/// `neighbour`: another frame and the flow to it.
pub(crate) fn first_mask(
    lab: &Raster<Lab>,
    marks: &Marks,
    neighbour: Option<(&Raster<Lab>, &Flow)>,
) -> opencv::Result<Raster<bool>> {
    if let Some(locked) = &marks.locked
        && marks.lock_all()
    {
        return Ok(locked.map(|l| l == Some(true)));
    }
    let single = marks.positive.len() == 1 && marks.boxes.is_empty() && marks.locked.is_none();
    if !single {
        return grown(lab, marks, neighbour, None);
    }
    // One click says where, not how much: the most likely of several sizes.
    let (x, y) = marks.positive[0];
    let mut seeds = lab.same(false);
    disc(lab, x, y, 1.5 * seed_radius(lab.w, lab.h), |i| seeds.data[i] = true);
    let mut best: Option<(f32, Raster<bool>)> = None;
    for start in propose::regions(lab, &seeds)? {
        let mask = grown(lab, marks, neighbour, Some(&start))?;
        let worth = propose::worth(lab, &mask)?;
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, mask));
        }
    }
    match best {
        Some((_, mask)) => Ok(mask),
        None => grown(lab, marks, neighbour, None),
    }
}

/// The object from the marks and, with a single click, from a `start` that it may roughly fill.
fn grown(
    lab: &Raster<Lab>,
    marks: &Marks,
    neighbour: Option<(&Raster<Lab>, &Flow)>,
    start: Option<&Raster<bool>>,
) -> opencv::Result<Raster<bool>> {
    let (w, h) = (lab.w, lab.h);
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
    let alone = start.is_none() && spread < 0.06 * diagonal;
    let spread = match start {
        Some(start) => 1.4 * (start.area() as f32).sqrt(),
        None if alone => 0.25 * diagonal,
        None => spread,
    };

    let mut region = if shown.is_empty() { lab.same(false) } else { hull_mask(&shown, w, h)? };
    if let Some(start) = start {
        region.data.iter_mut().zip(&start.data).for_each(|(r, s)| *r |= *s);
    }
    for b in &marks.boxes {
        let corners = [(b[0], b[1]), (b[2], b[1]), (b[2], b[3]), (b[0], b[3])];
        let area = hull_mask(&corners, w, h)?;
        region.data.iter_mut().zip(area.data).for_each(|(r, a)| *r |= a);
    }
    let mut object_seeds = lab.same(false);
    let radius = 1.5 * seed_radius(w, h);
    for (x, y) in &shown {
        disc(lab, *x, *y, radius, |i| object_seeds.data[i] = true);
    }
    if let Some(locked) = &marks.locked {
        for (seed, lock) in object_seeds.data.iter_mut().zip(&locked.data) {
            *seed |= *lock == Some(true);
        }
        region.data.iter_mut().zip(&locked.data).for_each(|(r, l)| *r |= *l == Some(true));
    }
    let around = region.signed_distance(diagonal)?;
    let boxed = !marks.boxes.is_empty();
    let clear = if boxed { 3.0 } else { 0.4 * spread };
    let near = geodesic(lab, &object_seeds);
    let mut rest_seeds = around.map(|d| d < -clear);
    if !boxed {
        // Unless an edge lies between, or it is really far, it may still be the object; all the more if it looks like it.
        let alike = alike(lab, &object_seeds, &shown);
        for i in 0..rest_seeds.data.len() {
            let far = around.data[i] < -1.2 * spread;
            rest_seeds.data[i] &= far || near.data[i] > if alike.data[i] { 120.0 } else { 45.0 };
        }
    }
    for (x, y) in &marks.negative {
        disc(lab, *x, *y, radius, |i| rest_seeds.data[i] = true);
    }
    if rest_seeds.area() == 0 {
        // The marks span the picture: its rim away from the clicks is all that can be the rest.
        rest_seeds = around.map(|d| d < 0.0);
    }

    let away = geodesic(lab, &rest_seeds);
    let moving = match neighbour {
        Some((other, flow)) => {
            let weight = |m: &Raster<bool>| m.map(|v| if v { 1.0 } else { 0.0 });
            let moves: Vec<[f32; 2]> = shown.iter().map(|(x, y)| super::flow::sample(flow, *x, *y)).collect();
            let object = dominant(flow, &weight(&object_seeds)).or_else(|| Affine::median_shift(&moves));
            Some(motion_odds(lab, other, object, dominant(flow, &weight(&rest_seeds)))?)
        }
        None => None,
    };
    let mut object_samples: Vec<(Lab, f32)> = weighted(lab, |i| if object_seeds.data[i] { 1.0 } else { 0.0 });
    // What the clicks lead to without an edge counts a little from the start.
    object_samples.extend(weighted(lab, |i| {
        if near.data[i] < 15.0 && near.data[i] < 0.2 * away.data[i] { 0.15 } else { 0.0 }
    }));
    let window = 0.8 * spread;
    let rest_weight =
        |i: usize| if rest_seeds.data[i] { if around.data[i] > -window { 1.0 } else { 0.25 } } else { 0.0 };
    let mut rest_samples = weighted(lab, rest_weight);
    let mut mask = region;
    let mut clicked: Option<(Raster<f32>, f32)> = None;
    let mut solid: Option<(Raster<bool>, f32)> = None;
    for round in 0..6 {
        let (Some(object), Some(rest)) = (Mixture::fit(&object_samples, 6), Mixture::fit(&rest_samples, 8))
        else {
            break;
        };
        let colour = likeness(lab, &object, &rest, None).map(|c| c.clamp(-4.0, 4.0));
        let (clicked, apart) = clicked.get_or_insert_with(|| (colour.clone(), separation(&colour, &shown)));
        let tight = 0.08 + 0.06 * *apart; // where colours do not tell, the clicks' hull counts more
        let mut unary = around.map(|d| {
            if boxed {
                if d >= 0.0 { 0.4 } else { -6.0 }
            } else if alone {
                (d / (0.35 * spread)).max(-4.0)
            } else if start.is_some() {
                (d / (0.1 * spread)).clamp(-5.0, 0.6)
            } else if d >= 0.0 {
                (d / (0.04 * spread)).min(1.2)
            } else {
                (d / (tight * spread)).max(-6.0)
            }
        });
        for i in 0..unary.data.len() {
            let path = (away.data[i] - near.data[i]) / (away.data[i] + near.data[i] + 1e-3);
            let look = (0.5 + 0.4 * *apart) * colour.data[i] + (0.1 + 0.7 * *apart) * clicked.data[i];
            // Right beside a click, its word counts more than what colours say elsewhere.
            let beside = (-(near.data[i] / BESIDE).powi(2)).exp();
            unary.data[i] += 2.5 * path + if look < 0.0 { look * (1.0 - beside) } else { look };
            if let Some(moving) = &moving {
                unary.data[i] += moving.data[i];
            }
            if let Some((hull, bonus)) = &solid
                && hull.data[i]
            {
                unary.data[i] += bonus * (1.0 - *apart);
            }
        }
        pin(&mut unary, lab, marks);
        mask = snap(lab, &unary, 2.5);
        mask = connected(&mask, &object_seeds);
        if round == 5 {
            break;
        }
        if round >= 2 {
            solid = solidity(&mask)?;
        }
        let inside = mask.signed_distance(diagonal)?;
        let learn = |i: usize| {
            if object_seeds.data[i] {
                3.0
            } else if inside.data[i] > 1.5 {
                1.0
            } else {
                0.0
            }
        };
        object_samples = weighted(lab, learn);
        rest_samples = weighted(lab, |i| {
            if inside.data[i] < -2.5 { if inside.data[i] > -0.5 * spread { 1.0 } else { 0.25 } } else { 0.0 }
        });
    }
    Ok(mask)
}

/// Pixels whose colour is as likely for the seeds as most clicked pixels are.
fn alike(lab: &Raster<Lab>, seeds: &Raster<bool>, shown: &[(f32, f32)]) -> Raster<bool> {
    let samples = weighted(lab, |i| if seeds.data[i] { 1.0 } else { 0.0 });
    let Some(colours) = Mixture::fit(&samples, 6) else { return lab.same(false) };
    let clicks =
        shown.iter().map(|(x, y)| colours.log_density(lab.clamped(x.round() as i32, y.round() as i32)));
    let mut clicks: Vec<f32> = clicks.collect();
    clicks.sort_unstable_by(f32::total_cmp);
    let Some(usual) = clicks.get(clicks.len() / 4) else { return lab.same(false) };
    lab.map(|p| colours.log_density(p) > usual - 4.0)
}

/// How far colours alone tell the clicked pixels from the rest, 0..=1: what the lower quarter of the clicks says.
fn separation(colour: &Raster<f32>, shown: &[(f32, f32)]) -> f32 {
    let mut odds: Vec<f32> =
        shown.iter().map(|(x, y)| colour.clamped(x.round() as i32, y.round() as i32)).collect();
    odds.sort_unstable_by(f32::total_cmp);
    odds.get(odds.len() / 4).map_or(0.0, |o| (o / 3.0).clamp(0.0, 1.0))
}

/// The convex hull of a mask that nearly fills it, and how much that speaks for the rest of the hull.
fn solidity(mask: &Raster<bool>) -> opencv::Result<Option<(Raster<bool>, f32)>> {
    let area = mask.area();
    if area == 0 {
        return Ok(None);
    }
    let outline: Vec<(f32, f32)> = (0..mask.data.len())
        .filter(|i| mask.data[*i])
        .map(|i| ((i % mask.w) as f32, (i / mask.w) as f32))
        .collect();
    let hull = hull_mask(&outline, mask.w, mask.h)?;
    let filled = area as f32 / hull.area() as f32;
    let bonus = 3.0 * ((filled - 0.85) / 0.1).clamp(0.0, 1.0);
    Ok((bonus > 0.0).then_some((hull, bonus)))
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
    let all: Vec<(usize, f32)> =
        (0..lab.data.len()).map(|i| (i, weight(i))).filter(|(_, w)| *w > 0.0).collect();
    let step = 1 + all.len() / 20_000;
    all.into_iter().step_by(step).map(|(i, w)| (lab.data[i], w)).collect()
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
