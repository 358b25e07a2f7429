//! A kept thing behind the target: what the target hides of it is taken from neighbouring frames, where it is seen, and
//! moved as the thing moves. Between two frames the thing is taken to shift as a whole; what turns or bends is as right
//! as the nearest frame that shows it.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::canvas::Canvas;
use super::layers::{MOVING, grown, hides_kept, is_filled, is_target};
use super::picture::{MAX_PLANES, Picture16, Pixel, Rect, Samples, whole};
use super::survey::Survey;
use super::{Error, Source, survey};

/// Frames before and after that are looked at.
const REACH: u32 = 6;
/// Differences (of 255) from the clean background that are taken for noise, and surely for the thing.
const FAINT: f32 = 7.0;
const PLAIN: f32 = 18.0;
/// Points of the thing that are followed, and fewest that are trusted.
const POINTS: usize = 500;
const FEWEST: usize = 40;
/// A difference (of 255) beyond which a point is simply wrong.
const WRONG: f32 = 40.0;

/// The frames around the one that is being filled.
#[derive(Default)]
pub(crate) struct Kept {
    seen: BTreeMap<u32, Seen>,
    /// From a frame to the next: how far the thing shifts beyond the camera, in pixels.
    steps: BTreeMap<u32, Option<(f64, f64)>>,
}

/// A piece of a frame.
struct Seen {
    rect: Rect,
    picture: Picture16,
    /// The target or its soft edge is there, or nothing is known of the background.
    hidden: Vec<bool>,
    /// How surely a pixel shows something other than background, 0–1.
    front: Vec<f32>,
}

/// What a frame shows of the thing where the target was.
pub(crate) struct Cover {
    rect: Rect,
    /// Per pixel of `rect` the thing's look and how much of the pixel it covers, 0–1.
    pixels: Vec<Option<(Pixel, f32)>>,
}

impl Cover {
    /// The thing at a plate pixel.
    pub fn at(&self, x: usize, y: usize) -> Option<(Pixel, f32)> {
        let (col, row) = (x as i32 - self.rect.x, y as i32 - self.rect.y);
        let inside = col >= 0 && row >= 0 && col < self.rect.width && row < self.rect.height;
        inside.then(|| self.pixels[row as usize * self.rect.width as usize + col as usize]).flatten()
    }
}

/// Where a frame is filled: its region with the codes and the matte over it.
pub(crate) struct Wanted<'a> {
    pub frame: u32,
    pub region: Rect,
    pub codes: &'a [u8],
    pub alpha: &'a [u8],
}

impl Wanted<'_> {
    /// Whether a kept thing may be at a place of the region that is filled.
    fn is(&self, at: usize) -> bool {
        self.alpha[at] > 0 && (self.codes[at] == MOVING || hides_kept(self.codes[at]))
    }

    /// Around all of them, in plate pixels.
    fn bounds(&self) -> Rect {
        let width = self.region.width as usize;
        (0..self.codes.len()).filter(|&at| self.is(at)).fold(Rect::EMPTY, |around, at| {
            let (x, y) = ((at % width) as i32 + self.region.x, (at / width) as i32 + self.region.y);
            around.union(Rect { x, y, width: 1, height: 1 })
        })
    }
}

impl Kept {
    /// Forgets what was seen: another canvas stands for the background from now on.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// What of a kept thing belongs where the target hid it; `None` where no kept thing is near.
    pub fn cover(
        &mut self,
        survey: &Survey,
        source: &mut dyn Source,
        background: &Canvas,
        wanted: &Wanted,
    ) -> Result<Option<Cover>, Error> {
        let rect = wanted.bounds();
        if rect.is_empty() || !wanted.codes.iter().any(|&code| hides_kept(code)) {
            return Ok(None);
        }
        let frame = wanted.frame;
        let (scene_first, scene_last) = survey.scene(frame);
        let first = frame.saturating_sub(REACH).max(scene_first);
        let last = (frame + REACH).min(scene_last);
        self.seen.retain(|&at, _| (first..=last).contains(&at));
        let longest = survey.width.max(survey.height) as i32;
        for at in first..=last {
            let there = survey.between(frame, at).bounds(rect);
            let there = there.grown(longest / 10).clipped(survey.width, survey.height);
            let known = self.seen.get(&at).is_some_and(|seen| seen.rect.union(there) == seen.rect);
            if !known && !there.is_empty() {
                // Room for the next frames, so that most pieces are read once.
                let there = there.grown(longest / 16).clipped(survey.width, survey.height);
                let seen = Seen::new(survey, source, background, at, there)?;
                self.seen.insert(at, seen);
                self.steps.remove(&at);
                self.steps.remove(&at.wrapping_sub(1));
            }
        }
        self.steps.retain(|&at, _| (first..=last).contains(&at));
        for at in first..last {
            if self.steps.contains_key(&at) {
                continue;
            }
            let step = match (self.seen.get(&at), self.seen.get(&(at + 1))) {
                (Some(from), Some(to)) => from.step(to, survey, at),
                _ => None,
            };
            self.steps.insert(at, step);
        }
        let looks = self.looks(survey, frame, first, last);
        let (left, top) = (rect.x - wanted.region.x, rect.y - wanted.region.y);
        let width = rect.width as usize;
        let pixels = (0..rect.area()).into_par_iter().map(|at| {
            let (col, row) = ((at % width) as i32, (at / width) as i32);
            let place = (top + row) as usize * wanted.region.width as usize + (left + col) as usize;
            if !wanted.is(place) {
                return None;
            }
            let (x, y) = (f64::from(rect.x + col), f64::from(rect.y + row));
            looks.iter().find_map(|(seen, map, shift)| {
                let (u, v) = map.apply(x, y);
                seen.look(u + shift.0, v + shift.1)
            })
        });
        Ok(Some(Cover { rect, pixels: pixels.collect() }))
    }

    /// The other frames, nearest first, with the camera's way to them and the thing's shift on top.
    fn looks(
        &self,
        survey: &Survey,
        frame: u32,
        first: u32,
        last: u32,
    ) -> Vec<(&Seen, super::geometry::Map, (f64, f64))> {
        let mut looks = Vec::new();
        // Its own frame first: beside the target the thing is there as filmed, perhaps in the target's shadow.
        if let Some(seen) = self.seen.get(&frame) {
            looks.push((seen, super::geometry::Map::IDENTITY, (0.0, 0.0)));
        }
        for away in 1..=REACH {
            for (at, forward) in [(frame.checked_sub(away), false), (frame.checked_add(away), true)] {
                let Some(at) = at.filter(|at| (first..=last).contains(at)) else { continue };
                let Some(seen) = self.seen.get(&at) else { continue };
                let between = if forward { frame..at } else { at..frame };
                let Some(shift) = self.shift(between) else { continue };
                let shift = if forward { shift } else { (-shift.0, -shift.1) };
                looks.push((seen, survey.between(frame, at), shift));
            }
        }
        looks
    }

    /// The sum of the steps; a step that could not be seen is taken from its nearest neighbours.
    fn shift(&self, steps: std::ops::Range<u32>) -> Option<(f64, f64)> {
        let mut sum = (0.0, 0.0);
        for at in steps {
            let before = self.steps.range(..=at).rev().find_map(|(_, step)| *step);
            let after = self.steps.range(at..).find_map(|(_, step)| *step);
            let step = match (before, after) {
                (Some(a), Some(b)) => ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0),
                (one, other) => one.or(other)?,
            };
            sum = (sum.0 + step.0, sum.1 + step.1);
        }
        Some(sum)
    }
}

impl Seen {
    fn new(
        survey: &Survey,
        source: &mut dyn Source,
        background: &Canvas,
        frame: u32,
        rect: Rect,
    ) -> Result<Self, Error> {
        let picture = survey::look(source, frame, survey.planes, rect)?;
        let (width, height) = (rect.width as usize, rect.height as usize);
        let codes = survey.plan(frame)?.codes(rect);
        let target: Vec<u8> = codes.iter().map(|&code| u8::from(is_target(code))).collect();
        let soft = (survey.width.max(survey.height) as usize / 256).max(2);
        let near = grown(&target, width, height, soft);
        let map = survey.between(frame, background.reference);
        let both: Vec<(bool, f32)> = (0..width * height)
            .into_par_iter()
            .map(|at| {
                let (x, y) =
                    (f64::from(rect.x) + (at % width) as f64, f64::from(rect.y) + (at / width) as f64);
                let (u, v) = map.apply(x, y);
                if near[at] != 0 || !background.holds(u, v) {
                    return (true, 0.0);
                }
                let clean = background.look(u, v);
                let mut look = [0.0; MAX_PLANES];
                look.iter_mut().zip(&picture.planes).for_each(|(value, plane)| *value = f32::from(plane[at]));
                // Where something affects the frame, a difference may be no more than the target's shadow.
                let off = difference(&look, &clean, survey.planes, is_filled(codes[at]));
                (false, ((off - FAINT) / (PLAIN - FAINT)).clamp(0.0, 1.0))
            })
            .collect();
        let (hidden, front): (Vec<bool>, Vec<f32>) = both.into_iter().unzip();
        Ok(Self { rect, picture, hidden, front: solid(&front, width, height) })
    }

    /// The place of a plate pixel, unless it is outside or hidden.
    fn place(&self, x: f64, y: f64) -> Option<usize> {
        let (col, row) = (whole(x + 0.5) - i64::from(self.rect.x), whole(y + 0.5) - i64::from(self.rect.y));
        let inside =
            col >= 0 && row >= 0 && col < i64::from(self.rect.width) && row < i64::from(self.rect.height);
        let at = inside.then(|| row as usize * self.rect.width as usize + col as usize)?;
        (!self.hidden[at]).then_some(at)
    }

    /// What is seen at a plate pixel, and how surely it is not background.
    fn look(&self, x: f64, y: f64) -> Option<(Pixel, f32)> {
        let at = self.place(x, y)?;
        let look = Samples::of(&self.picture).cubic(x - f64::from(self.rect.x), y - f64::from(self.rect.y));
        Some((look, self.front[at]))
    }

    /// How the thing shifts from this frame, which is `frame`, to the next; `None` where too little of it is seen.
    fn step(&self, next: &Self, survey: &Survey, frame: u32) -> Option<(f64, f64)> {
        let width = self.rect.width as usize;
        let front: Vec<usize> = (0..self.front.len()).filter(|&at| self.front[at] > 0.5).collect();
        let points: Vec<(f64, f64, f32)> = front
            .iter()
            .step_by((front.len() / POINTS).max(1))
            .map(|&at| {
                let (x, y) = (at % width, at / width);
                let (x, y) = (f64::from(self.rect.x) + x as f64, f64::from(self.rect.y) + y as f64);
                let (u, v) = survey.between(frame, frame + 1).apply(x, y);
                (u, v, f32::from(self.picture.planes[0][at]))
            })
            .collect();
        let cost = |shift: (f64, f64)| -> Option<f32> {
            let (mut sum, mut count) = (0.0, 0usize);
            for &(x, y, luma) in &points {
                let Some(at) = next.place(x + shift.0, y + shift.1) else { continue };
                // A point of the thing that comes to lie on background is as wrong as can be.
                let off = (f32::from(next.picture.planes[0][at]) - luma).abs() / 257.0;
                sum += if next.front[at] < 0.25 { WRONG } else { off.min(WRONG) };
                count += 1;
            }
            (count >= FEWEST && count * 3 >= points.len()).then(|| sum / count as f32)
        };
        let longest = f64::from(survey.width.max(survey.height));
        let mut apart = (longest / 240.0).max(1.0);
        let far = (longest / 20.0 / apart).ceil() as i32;
        let grid = |far: i32| (-far..=far).flat_map(move |dy| (-far..=far).map(move |dx| (dx, dy)));
        let mut best: Option<(f32, (f64, f64))> = None;
        let mut middle = (0.0, 0.0);
        let mut reach = far;
        loop {
            let places: Vec<(f64, f64)> = grid(reach)
                .map(|(dx, dy)| (middle.0 + f64::from(dx) * apart, middle.1 + f64::from(dy) * apart))
                .collect();
            let costs: Vec<Option<f32>> = places.par_iter().map(|&shift| cost(shift)).collect();
            for (cost, shift) in costs.into_iter().zip(places) {
                let Some(cost) = cost else { continue };
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, shift));
                }
            }
            middle = best?.1;
            if apart <= 0.5 {
                break;
            }
            (apart, reach) = (apart / 2.0, 2);
        }
        best.filter(|(cost, _)| *cost < 0.6 * WRONG).map(|(_, shift)| shift)
    }
}

/// How much a look differs from the clean background, of 255; with `shade` a darker look at the same thing is none.
fn difference(look: &Pixel, clean: &Pixel, planes: usize, shade: bool) -> f32 {
    let most = |wanted: &dyn Fn(usize) -> f32| {
        (0..planes).map(|plane| (look[plane] - wanted(plane)).abs() / 257.0).fold(0.0, f32::max)
    };
    let plain = most(&|plane| clean[plane]);
    if !shade || plain < FAINT || look[0] > clean[0] {
        return plain;
    }
    let share = (look[0] / clean[0].max(1.0)).clamp(0.45, 1.0);
    // Planes that carry light fade with it; those that carry colour alone fade towards their middle.
    let light = most(&|plane| clean[plane] * share);
    const MIDDLE: f32 = 32_768.0;
    let colour = most(&|plane| match plane {
        0 => clean[0] * share,
        _ => MIDDLE + (clean[plane] - MIDDLE) * share,
    });
    plain.min(light).min(colour)
}

/// The same without specks, a little softer: what stands alone is noise.
fn solid(front: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mean = |values: &[f32], by: usize| -> Vec<f32> {
        let across: Vec<f32> = values
            .par_chunks(width)
            .flat_map_iter(|line| {
                (0..width).map(move |x| {
                    let near = &line[x.saturating_sub(by)..(x + by + 1).min(width)];
                    near.iter().sum::<f32>() / near.len() as f32
                })
            })
            .collect();
        let column = |x: usize, y: usize| {
            let rows = y.saturating_sub(by)..(y + by + 1).min(height);
            let count = rows.len() as f32;
            rows.map(|row| across[row * width + x]).sum::<f32>() / count
        };
        (0..width * height).into_par_iter().map(|at| column(at % width, at / width)).collect()
    };
    // Inside a thing most neighbours differ from the background too, even where a pixel happens not to.
    let around = mean(front, 3);
    let filled: Vec<f32> = front
        .iter()
        .zip(&around)
        .map(|(&front, &around)| (front + 2.0 * around - 1.0).clamp(0.0, 1.0))
        .collect();
    mean(&filled, 1)
}
