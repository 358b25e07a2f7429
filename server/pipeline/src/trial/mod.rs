//! Trial shots for the segmenter: flat shapes that move over a cluttered ground, with the object's pixels known and the
//! clicks that a person would make. Nothing of the product is tuned on them. Not shown to users; the demo is `demo`.

mod figure;
mod look;
mod lot;
mod motion;

use rayon::prelude::*;

use figure::Figure;
use look::{Rgb, Surface, mix};
use lot::{Lot, smooth};
use motion::{Pose, Way};

/// What is hard about a shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trial {
    /// A camera held by hand, an object that turns and comes nearer.
    Drift,
    /// So fast that its outline smears.
    Blur,
    /// The lamp goes down and changes colour, a soft shadow passes over everything.
    Light,
    /// Goes fully behind another object and comes out again.
    Hidden,
    /// Leaves the picture and comes back.
    Returns,
    /// Among others of the same shape and surface, which pass behind it.
    Alike,
}

impl Trial {
    pub const ALL: [Self; 6] =
        [Self::Drift, Self::Blur, Self::Light, Self::Hidden, Self::Returns, Self::Alike];

    pub fn name(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Blur => "blur",
            Self::Light => "light",
            Self::Hidden => "hidden",
            Self::Returns => "returns",
            Self::Alike => "alike",
        }
    }
}

/// Moments within the shutter's opening that a frame is averaged from.
const MOMENTS: usize = 8;
/// Share of the time between frames that the shutter is open.
const SHUTTER: f32 = 0.5;

/// One frame with what is true about it, row by row from the top left.
pub struct Shown {
    /// `[height × width × 3]`, 8 bits.
    pub rgb: Vec<u8>,
    /// `[height × width]`: whether at least half of what the pixel saw was the object.
    pub object: Vec<bool>,
}

/// A trial shot: a pure function of its kind, seed, size and frame.
pub struct Shot {
    trial: Trial,
    seed: u64,
    width: u32,
    height: u32,
    frames: u32,
    ground: Surface,
    clutter: Vec<(Figure, Surface, Pose, f32)>,
    figure: Figure,
    surface: Surface,
    way: Way,
    /// Others like it, behind it.
    others: Vec<Way>,
    /// A post in front: its middle, half its width, its surface.
    post: Option<(f32, f32, Surface)>,
    camera: Way,
}

impl Shot {
    /// Sizes from 64×36 up; the whole action is spread over `frames` (at least 2).
    pub fn new(trial: Trial, seed: u64, width: u32, height: u32, frames: u32) -> Self {
        let mut lot = Lot::new(seed.wrapping_mul(64) ^ trial as u64);
        let ground = Surface::ground(&mut lot);
        let clutter = (0..16)
            .map(|_| {
                let place = Pose {
                    x: lot.between(-1.1, 1.1),
                    y: lot.between(-0.65, 0.65),
                    turn: lot.between(0.0, 6.3),
                    size: lot.between(0.05, 0.2),
                };
                let soft = lot.between(0.002, 0.03);
                (Figure::any(&mut lot), Surface::any(&mut lot), place, soft)
            })
            .collect();
        let figure = Figure::any(&mut lot);
        let surface = Surface::any(&mut lot);
        let way = Way::of(trial, &mut lot);
        let others = match trial {
            Trial::Alike => (0..3).map(|_| Way::of(Trial::Drift, &mut lot)).collect(),
            _ => vec![],
        };
        let post = (trial == Trial::Hidden).then(|| (0.0, 0.2, Surface::any(&mut lot)));
        let camera = Way::camera(&mut lot);
        Self {
            trial,
            seed,
            width,
            height,
            frames: frames.max(2),
            ground,
            clutter,
            figure,
            surface,
            way,
            others,
            post,
            camera,
        }
    }

    pub fn name(&self) -> String {
        format!("{}-{}", self.trial.name(), self.seed)
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Frame `frame` as filmed, and the object's pixels on it.
    pub fn frame(&self, frame: u32) -> Shown {
        let at = |moment: usize| {
            let open = SHUTTER * (moment as f32 / MOMENTS as f32 - 0.5);
            (frame as f32 + open) / (self.frames - 1) as f32
        };
        let moments: Vec<f32> = (0..MOMENTS).map(at).collect();
        let middle = frame as f32 / (self.frames - 1) as f32;
        let (w, h) = (self.width as usize, self.height as usize);
        let mut rgb = vec![0; 3 * w * h];
        let mut object = vec![false; w * h];
        rgb.par_chunks_mut(3 * w).zip(object.par_chunks_mut(w)).enumerate().for_each(|(y, (row, marks))| {
            for x in 0..w {
                let (colour, cover) = self.pixel(x, y, middle, &moments);
                marks[x] = cover >= 0.5;
                let grain = lot::bell(self.seed ^ ((frame as u64) << 40 | (y as u64) << 20 | x as u64));
                for (channel, value) in colour.into_iter().enumerate() {
                    let value = 255.0 * value + 1.6 * grain[channel];
                    row[3 * x + channel] = value.clamp(0.0, 255.0).round() as u8;
                }
            }
        });
        Shown { rgb, object }
    }

    /// Colour 0–1 and how much of it is the object.
    fn pixel(&self, x: usize, y: usize, middle: f32, moments: &[f32]) -> (Rgb, f32) {
        let unit = self.height as f32;
        let sx = (x as f32 + 0.5 - self.width as f32 / 2.0) / unit;
        let sy = (y as f32 + 0.5) / unit - 0.5;
        let camera = self.camera.at(middle);
        let (px, py) = camera.outside(sx, sy);
        let mut behind = self.ground.colour(px, py);
        for (figure, surface, place, soft) in &self.clutter {
            let (u, v) = place.inside(px, py);
            let cover = figure.cover(u, v, soft / place.size);
            if cover > 0.0 {
                behind = mix(behind, surface.colour(u, v), cover);
            }
        }
        let (mut sum, mut seen) = ([0.0; 3], 0.0);
        let edge = 1.0 / unit;
        for &moment in moments {
            let mut colour = behind;
            for other in &self.others {
                colour = self.with(colour, other.at(moment), (px, py), edge).0;
            }
            let (with, mut cover) = self.with(colour, self.way.at(moment), (px, py), edge);
            colour = with;
            if let Some((middle, half, surface)) = &self.post {
                // It stands nearer, so that the camera's drift moves it more.
                let (fx, fy) = (px - 0.4 * camera.x - middle, py);
                let front = ((half - fx.abs()) / edge + 0.5).clamp(0.0, 1.0);
                if front > 0.0 {
                    colour = mix(colour, surface.colour(fx / 0.2, fy / 0.2), front);
                    cover *= 1.0 - front;
                }
            }
            (0..3).for_each(|c| sum[c] += colour[c]);
            seen += cover;
        }
        let many = moments.len() as f32;
        let lit = self.light(sx, middle);
        ([0, 1, 2].map(|c| sum[c] / many * lit[c]), seen / many)
    }

    fn with(&self, behind: Rgb, pose: Pose, (px, py): (f32, f32), edge: f32) -> (Rgb, f32) {
        let (u, v) = pose.inside(px, py);
        let cover = self.figure.cover(u, v, edge / pose.size);
        if cover > 0.0 { (mix(behind, self.surface.colour(u, v), cover), cover) } else { (behind, 0.0) }
    }

    fn light(&self, sx: f32, t: f32) -> Rgb {
        if self.trial != Trial::Light {
            let flicker = 1.0 + 0.02 * (23.0 * t).sin();
            return [flicker; 3];
        }
        let down = smooth(t);
        let apart = (sx - (2.4 * t - 1.2)).abs();
        let shadow = 1.0 - 0.45 * smooth(1.0 - (apart - 0.1) / 0.25);
        [1.0 - 0.35 * down, 1.0 - 0.42 * down, 1.0 - 0.3 * down].map(|gain| gain * shadow)
    }
}

/// Up to `count` places on the object that a person would click, in pixels: first where it is thickest, then far from
/// the others but not at the rim. Empty where nothing of it is seen.
pub fn clicks(object: &[bool], width: u32, height: u32, count: usize) -> Vec<(u32, u32)> {
    let (w, h) = (width as usize, height as usize);
    // Steps to the nearest pixel outside, by going over the picture there and back.
    let mut depth: Vec<u32> = object.iter().map(|o| if *o { u32::MAX / 2 } else { 0 }).collect();
    let spread = |depth: &mut Vec<u32>, at: usize, from: Option<usize>| {
        let there = from.map_or(0, |from| depth[from]);
        depth[at] = depth[at].min(there + 1);
    };
    for at in (0..w * h).filter(|at| object[*at]) {
        spread(&mut depth, at, (at % w > 0).then(|| at - 1));
        spread(&mut depth, at, (at >= w).then(|| at - w));
    }
    for at in (0..w * h).rev().filter(|at| object[*at]) {
        spread(&mut depth, at, (at % w + 1 < w).then(|| at + 1));
        spread(&mut depth, at, (at + w < w * h).then(|| at + w));
    }
    let Some(thickest) = (0..w * h).filter(|at| object[*at]).max_by_key(|at| depth[*at]) else {
        return vec![];
    };
    let inner: Vec<usize> =
        (0..w * h).filter(|at| object[*at] && 3 * depth[*at] >= depth[thickest]).collect();
    let mut chosen = vec![thickest];
    while chosen.len() < count {
        let apart = |at: usize| {
            let far = |c: &usize| {
                let (dx, dy) = ((at % w).abs_diff(c % w), (at / w).abs_diff(c / w));
                dx * dx + dy * dy
            };
            chosen.iter().map(far).min().unwrap_or(0)
        };
        match inner.iter().copied().max_by_key(|at| apart(*at)).filter(|at| apart(*at) > 0) {
            Some(next) => chosen.push(next),
            None => break,
        }
    }
    chosen.into_iter().map(|at| ((at % w) as u32, (at / w) as u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trial_shows_what_it_is_named_for() {
        for trial in Trial::ALL {
            for seed in 0..4 {
                let shot = Shot::new(trial, seed, 160, 90, 25);
                let areas: Vec<usize> =
                    (0..25).map(|f| shot.frame(f).object.iter().filter(|o| **o).count()).collect();
                assert!(areas[0] > 100 && areas[24] > 50, "{trial:?} {seed}: {areas:?}");
                let gone = areas.iter().filter(|a| **a == 0).count();
                let goes = matches!(trial, Trial::Hidden | Trial::Returns);
                assert_eq!(gone > 0, goes, "{trial:?} {seed}: {areas:?}");
                assert!(gone < 16, "{trial:?} {seed}: {areas:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_something_else() {
        let rgb = |seed: u64| Shot::new(Trial::Light, seed, 64, 36, 5).frame(3).rgb;
        assert_eq!(rgb(3), rgb(3));
        assert_ne!(rgb(3), rgb(4));
    }

    #[test]
    fn clicks_lie_on_the_object_and_apart() {
        let shown = Shot::new(Trial::Drift, 1, 160, 90, 5).frame(0);
        let clicks = clicks(&shown.object, 160, 90, 4);
        assert_eq!(clicks.len(), 4);
        assert!(clicks.iter().all(|(x, y)| shown.object[(y * 160 + x) as usize]));
        assert!((1..4).all(|i| clicks[i] != clicks[0]));
        assert!(super::clicks(&[false; 16], 4, 4, 2).is_empty());
    }
}
