//! What each place of the scene shows when nothing passes it: the state before anything was touched where a thing stood
//! still at first, the usual state elsewhere, and how bright it gets when nothing shades it.

use rayon::prelude::*;

use super::footage::{Sample, Scene};
use crate::segment::raster::Raster;

/// Natural logarithm of the light of a display-coded sample, with a floor so that dark noise does not decide.
pub(crate) fn log_light(value: f32) -> f32 {
    ((value / 255.0).powf(2.2) + FLOOR).ln()
}

const FLOOR: f32 = 0.006;
/// Samples of a place at the start that make its first state.
const FIRST: usize = 5;

/// Light by channel, as logarithms.
pub(crate) type Light = [f32; 3];

pub(crate) fn brightness(light: Light) -> f32 {
    0.25 * light[0] + 0.6 * light[1] + 0.15 * light[2]
}

pub(crate) struct Ground {
    /// What a place shows, and the least and greatest of that among its neighbours.
    pub light: Raster<Light>,
    pub low: Raster<Light>,
    pub high: Raster<Light>,
    /// How bright the place is when nothing shades it, and how much that wavers.
    pub lit: Raster<f32>,
    pub waver: Raster<f32>,
    /// The place was seen often enough.
    pub known: Raster<bool>,
    /// Something stood here at the start and went, or came and stayed.
    pub turned: Raster<bool>,
    /// Smooth change of the light on each sample: see [`Lamp`].
    pub lamps: Vec<Lamp>,
    /// Standard deviation of grain, in display-coded 8-bit steps.
    pub grain: f32,
    logs: [f32; 256],
    slopes: [f32; 256],
}

/// The light over the whole picture at one time against the usual: a polynomial of the second degree in the place, and,
/// where that does not suffice, a coarse grid of what is left.
#[derive(Clone)]
pub(crate) struct Lamp {
    bend: [f64; 6],
    blocks: Vec<f32>,
}

/// Blocks of a lamp across and down.
const BLOCKS: (usize, usize) = (10, 8);
/// Of what a block shows, this part is taken as shaded.
const SHADED: f32 = 0.6;

impl Lamp {
    const SAME: Self = Self { bend: [0.0; 6], blocks: Vec::new() };

    /// Places are parts of the canvas around its middle.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let bend = basis(x, y).iter().zip(self.bend).map(|(b, k)| b * k).sum::<f64>() as f32;
        if self.blocks.is_empty() {
            return bend;
        }
        let (across, down) = BLOCKS;
        let u = ((x + 0.5) * across as f32 - 0.5).clamp(0.0, across as f32 - 1.0);
        let v = ((y + 0.5) * down as f32 - 0.5).clamp(0.0, down as f32 - 1.0);
        let (x0, y0) = (u as usize, v as usize);
        let (x1, y1) = ((x0 + 1).min(across - 1), (y0 + 1).min(down - 1));
        let (fx, fy) = (u - x0 as f32, v - y0 as f32);
        let at = |x: usize, y: usize| self.blocks[y * across + x];
        let (top, bottom) =
            (at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx, at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx);
        bend + top * (1.0 - fy) + bottom * fy
    }
}

/// Places are parts of the canvas around its middle.
fn basis(x: f32, y: f32) -> [f64; 6] {
    let (x, y) = (f64::from(x), f64::from(y));
    [1.0, x, y, x * x, x * y, y * y]
}

/// What one place shows over time.
struct Place {
    usual: [u8; 3],
    first: [u8; 3],
    /// Samples for which the first state lasts.
    lasts: u16,
    count: u16,
}

impl Ground {
    pub fn new(scene: &Scene) -> opencv::Result<Self> {
        let logs: [f32; 256] = std::array::from_fn(|v| log_light(v as f32));
        let slopes: [f32; 256] = std::array::from_fn(|v| {
            let (a, b) = (v.saturating_sub(1), (v + 1).min(255));
            (logs[b] - logs[a]) / (b - a) as f32
        });
        let grain = grain(scene);
        let tolerance = tolerance(grain);
        let places: Vec<Place> =
            (0..scene.w * scene.h).into_par_iter().map(|at| place(&scene.samples, at, tolerance)).collect();
        let (w, h) = (scene.w, scene.h);
        let known = Raster { w, h, data: places.iter().map(|p| p.count >= 3).collect() };
        let turned = turned(scene, &places, tolerance, &logs);
        let state = |at: usize| if turned.data[at] { places[at].first } else { places[at].usual };
        let light =
            Raster { w, h, data: (0..w * h).map(|at| state(at).map(|v| logs[usize::from(v)])).collect() };
        let mut ground = Self {
            low: around(&light, f32::min),
            high: around(&light, f32::max),
            lit: light.map(brightness),
            waver: light.map(|_| 0.0),
            light,
            known,
            turned,
            lamps: vec![Lamp::SAME; scene.samples.len()],
            grain,
            logs,
            slopes,
        };
        ground.lamps = scene.samples.par_iter().map(|sample| ground.lamp(sample)).collect();
        for (lamp, sample) in ground.lamps.iter_mut().zip(&scene.samples) {
            lamp.blocks = blocks(sample, lamp, &ground.light, &ground.known, &ground.logs);
        }
        (ground.lit, ground.waver) = ground.lit(scene);
        Ok(ground)
    }

    /// What a sample shows at a place, the lamp's change taken off.
    pub fn seen(&self, sample: &Sample, lamp: &Lamp, at: usize) -> Light {
        let shift = self.shift(lamp, at);
        sample.rgb.data[at].map(|v| self.logs[usize::from(v)] - shift)
    }

    fn shift(&self, lamp: &Lamp, at: usize) -> f32 {
        let (x, y) = (at % self.light.w, at / self.light.w);
        lamp.at(x as f32 / self.light.w as f32 - 0.5, y as f32 / self.light.h as f32 - 0.5)
    }

    /// By how much a sample lies outside of what the place and its neighbours show: above 0 something is different.
    pub fn excess(&self, sample: &Sample, light: Light, at: usize) -> f32 {
        let steps = tolerance(self.grain);
        let (low, high) = (self.low.data[at], self.high.data[at]);
        (0..3)
            .map(|c| {
                let room = steps * self.slopes[usize::from(sample.rgb.data[at][c]).max(8)];
                (low[c] - light[c] - room).max(light[c] - high[c] - room)
            })
            .fold(f32::MIN, f32::max)
    }

    /// The lamp of a sample, by reweighted least squares over places that are clear.
    fn lamp(&self, sample: &Sample) -> Lamp {
        let (w, h) = (self.light.w, self.light.h);
        let step = 1 + w.max(h) / 80;
        let mut seen = Vec::new();
        for y in (step / 2..h).step_by(step) {
            for x in (step / 2..w).step_by(step) {
                let at = y * w + x;
                if sample.clear.data[at]
                    && self.known.data[at]
                    && sample.rgb.data[at].iter().all(|v| *v > 6 && *v < 250)
                {
                    let light = sample.rgb.data[at].map(|v| self.logs[usize::from(v)]);
                    let change = brightness(light) - brightness(self.light.data[at]);
                    let place = basis(x as f32 / w as f32 - 0.5, y as f32 / h as f32 - 0.5);
                    seen.push((place, f64::from(change)));
                }
            }
        }
        if seen.len() < 60 {
            return Lamp::SAME;
        }
        let mut middle: Vec<f64> = seen.iter().map(|s| s.1).collect();
        let half = middle.len() / 2;
        let mut model = [0.0; 6];
        model[0] = *middle.select_nth_unstable_by(half, f64::total_cmp).1;
        for round in 0..6 {
            let soft: f64 = if round < 2 { 0.12 } else { 0.04 };
            let mut normal = [[0.0; 6]; 6];
            let mut right = [0.0; 6];
            for (place, change) in &seen {
                let miss: f64 = change - place.iter().zip(model).map(|(b, k)| b * k).sum::<f64>();
                let weight = 1.0 / (1.0 + (miss / soft).powi(2)).powi(2);
                for i in 0..6 {
                    right[i] += weight * place[i] * change;
                    for j in 0..6 {
                        normal[i][j] += weight * place[i] * place[j];
                    }
                }
            }
            // Bending costs something, so that a shade over a third of the picture does not become the lamp.
            let ridge = 0.004 * normal[0][0];
            (1..6).for_each(|i| normal[i][i] += ridge);
            let Some(better) = solved(normal, right) else { break };
            model = better;
        }
        Lamp { bend: model, blocks: Vec::new() }
    }

    /// How bright each place is when nothing shades it: bright, but not the brightest, of what was seen.
    fn lit(&self, scene: &Scene) -> (Raster<f32>, Raster<f32>) {
        let (w, h) = (self.light.w, self.light.h);
        let data: Vec<(f32, f32)> = (0..w * h)
            .into_par_iter()
            .map(|at| {
                let own = brightness(self.light.data[at]);
                if self.turned.data[at] || !self.known.data[at] {
                    return (own, 0.0);
                }
                let mut levels: Vec<f32> = Vec::with_capacity(scene.samples.len());
                for (sample, lamp) in scene.samples.iter().zip(&self.lamps) {
                    if sample.clear.data[at] {
                        let light = self.seen(sample, lamp, at);
                        // Another colour is another thing, not another light.
                        if only_light(light, self.light.data[at]) {
                            levels.push(brightness(light));
                        }
                    }
                }
                if levels.len() < 4 {
                    return (own, 0.0);
                }
                levels.sort_unstable_by(f32::total_cmp);
                let at = |share: f32| levels[((levels.len() - 1) as f32 * share).round() as usize];
                let (half, bright, most) = (at(0.5), at(0.8), at(0.95));
                // Of a bell, the two are 0.84 and 0.8 deviations wide; shade widens the first, glints the second.
                let waver = ((bright - half) / 0.84).min((most - bright) / 0.8);
                ((bright - 0.5 * waver).max(own).min(own + 1.0), waver)
            })
            .collect();
        let part = |of: fn(&(f32, f32)) -> f32| Raster { w, h, data: data.iter().map(of).collect() };
        (part(|d| d.0), part(|d| d.1))
    }
}

/// How far two lights differ in colour, whatever their brightness.
pub(crate) fn miss(a: Light, b: Light) -> f32 {
    let (a, b) = (tint(a), tint(b));
    (a[0] - b[0]).abs() + (a[1] - b[1]).abs()
}

/// Whether one may be the other in less light.
fn only_light(a: Light, b: Light) -> bool {
    miss(a, b) < 0.08 + 0.42 * (brightness(a) - brightness(b)).abs().min(1.5)
}

/// Colour without brightness.
pub(crate) fn tint(light: Light) -> [f32; 2] {
    [light[0] - light[1], light[2] - light[1]]
}

fn tolerance(grain: f32) -> f32 {
    (4.0 * grain + 2.5).clamp(5.0, 16.0)
}

/// From neighbouring samples, in 8-bit steps.
fn grain(scene: &Scene) -> f32 {
    let mut misses = Vec::new();
    let pairs = scene.samples.len() - 1;
    for pair in scene.samples.windows(2).step_by(1 + pairs / 12) {
        for at in (0..scene.w * scene.h).step_by(23) {
            if pair[0].clear.data[at] && pair[1].clear.data[at] {
                misses.push(pair[0].rgb.data[at][1].abs_diff(pair[1].rgb.data[at][1]));
            }
        }
    }
    if misses.is_empty() {
        return 1.0;
    }
    // Two thirds of differences of a bell are below its deviation, which here is that of two samples.
    let rank = misses.len() * 68 / 100;
    (f32::from(*misses.select_nth_unstable(rank).1) / std::f32::consts::SQRT_2).clamp(0.4, 4.0)
}

fn median(values: &mut [[u8; 3]]) -> [u8; 3] {
    [0, 1, 2].map(|c| {
        let half = values.len() / 2;
        values.select_nth_unstable_by_key(half, |v| v[c]).1[c]
    })
}

fn apart(a: [u8; 3], b: [u8; 3]) -> f32 {
    (0..3).map(|c| f32::from(a[c].abs_diff(b[c]))).fold(0.0, f32::max)
}

fn place(samples: &[Sample], at: usize, tolerance: f32) -> Place {
    let mut values: Vec<[u8; 3]> =
        samples.iter().filter(|s| s.clear.data[at]).map(|s| s.rgb.data[at]).collect();
    if values.is_empty() {
        return Place { usual: [0; 3], first: [0; 3], lasts: 0, count: 0 };
    }
    let start = FIRST.min(values.len());
    let first = median(&mut values[..start].to_vec());
    let mut missed = 0;
    let lasts = values.iter().take_while(|v| {
        missed = if apart(**v, first) > tolerance { missed + 1 } else { 0 };
        missed < 2
    });
    let lasts = lasts.count() as u16;
    let count = values.len() as u16;
    Place { usual: median(&mut values), first, lasts, count }
}

/// Places whose first state differs from the usual one and was at rest: a whole patch of them lasts for a while.
fn turned(scene: &Scene, places: &[Place], tolerance: f32, logs: &[f32; 256]) -> Raster<bool> {
    let (w, h) = (scene.w, scene.h);
    let differs = places.iter().map(|p| p.count >= 4 && apart(p.first, p.usual) > tolerance);
    let differs = Raster { w, h, data: differs.collect() };
    let (labels, areas) = differs.tidied(6).pieces();
    let rest = (scene.samples.len() / 10).clamp(3, 10) as u16;
    let mut lasts: Vec<Vec<u16>> = vec![Vec::new(); areas.len()];
    let mut lights = vec![0_usize; areas.len()];
    let light = |v: [u8; 3]| v.map(|v| logs[usize::from(v)]);
    for (label, place) in labels.data.iter().zip(places) {
        if *label != 0 {
            lasts[*label as usize].push(place.lasts);
            lights[*label as usize] += usize::from(only_light(light(place.first), light(place.usual)));
        }
    }
    let at_rest: Vec<bool> = lasts
        .into_iter()
        .zip(lights)
        .map(|(mut all, lights)| {
            let rank = all.len() / 5;
            // A patch that is only brighter or darker is a shade that moved.
            !all.is_empty() && 3 * lights < 2 * all.len() && *all.select_nth_unstable(rank).1 >= rest
        })
        .collect();
    labels.map(|label| label != 0 && at_rest[label as usize])
}

/// The least or greatest of each place and its eight neighbours.
fn around(light: &Raster<Light>, of: fn(f32, f32) -> f32) -> Raster<Light> {
    let mut out = light.clone();
    for y in 0..light.h {
        for x in 0..light.w {
            let mut here = light.at(x, y);
            for ny in y.saturating_sub(1)..(y + 2).min(light.h) {
                for nx in x.saturating_sub(1)..(x + 2).min(light.w) {
                    let there = light.at(nx, ny);
                    here = std::array::from_fn(|c| of(here[c], there[c]));
                }
            }
            out.data[y * light.w + x] = here;
        }
    }
    out
}

/// Gauss with pivots.
fn solved(mut m: [[f64; 6]; 6], mut r: [f64; 6]) -> Option<[f64; 6]> {
    for i in 0..6 {
        let pivot = (i..6).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs()))?;
        if m[pivot][i].abs() < 1e-12 {
            return None;
        }
        m.swap(i, pivot);
        r.swap(i, pivot);
        for k in i + 1..6 {
            let share = m[k][i] / m[i][i];
            let row = m[i];
            (i..6).for_each(|j| m[k][j] -= share * row[j]);
            r[k] -= share * r[i];
        }
    }
    let mut x = [0.0; 6];
    for i in (0..6).rev() {
        let known: f64 = (i + 1..6).map(|j| m[i][j] * x[j]).sum();
        x[i] = (r[i] - known) / m[i][i];
    }
    Some(x)
}

/// What the polynomial leaves, where a good part of the picture is left: the brighter part of each block, so that shade in it
/// does not count. Empty where the polynomial suffices.
fn blocks(
    sample: &Sample,
    lamp: &Lamp,
    light: &Raster<Light>,
    known: &Raster<bool>,
    logs: &[f32; 256],
) -> Vec<f32> {
    let (across, down) = BLOCKS;
    let (w, h) = (light.w, light.h);
    let mut left: Vec<Vec<f32>> = vec![Vec::new(); across * down];
    for y in (0..h).step_by(2) {
        for x in (0..w).step_by(2) {
            let at = y * w + x;
            if !sample.clear.data[at] || !known.data[at] || sample.rgb.data[at].iter().all(|v| *v < 12) {
                continue;
            }
            let here = sample.rgb.data[at].map(|v| logs[usize::from(v)]);
            let shift = lamp.at(x as f32 / w as f32 - 0.5, y as f32 / h as f32 - 0.5);
            left[y * down / h * across + x * across / w]
                .push(brightness(here) - brightness(light.data[at]) - shift);
        }
    }
    let least = w * h / (across * down) / 16;
    let levels: Vec<Option<f32>> = left
        .into_iter()
        .map(|mut all| {
            let rank = (all.len() as f32 * SHADED) as usize;
            (all.len() > least).then(|| all.select_nth_unstable_by(rank, f32::total_cmp).1.clamp(-0.5, 0.5))
        })
        .collect();
    let seen: Vec<f32> = levels.iter().flatten().copied().collect();
    let off = seen.iter().filter(|l| l.abs() > 0.04).count();
    if 4 * off < seen.len() || seen.is_empty() {
        return Vec::new();
    }
    levels.into_iter().map(|l| l.unwrap_or(0.0)).collect()
}
