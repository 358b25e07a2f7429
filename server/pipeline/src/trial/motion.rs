//! Where things are at a time of the action, 0 (first frame) to 1 (last). Picture heights, y downwards, from the middle.

use super::Trial;
use super::lot::Lot;

/// A place, a turn and a size.
#[derive(Debug, Clone, Copy)]
pub struct Pose {
    pub x: f32,
    pub y: f32,
    pub turn: f32,
    pub size: f32,
}

impl Pose {
    /// A place of the world in the shape's own measure.
    pub fn inside(self, x: f32, y: f32) -> (f32, f32) {
        let (sin, cos) = self.turn.sin_cos();
        let (dx, dy) = ((x - self.x) / self.size, (y - self.y) / self.size);
        (dx * cos + dy * sin, dy * cos - dx * sin)
    }

    /// A place of the shape's own measure in the world: for a camera, what the picture shows there.
    pub fn outside(self, u: f32, v: f32) -> (f32, f32) {
        let (sin, cos) = self.turn.sin_cos();
        (self.x + self.size * (u * cos - v * sin), self.y + self.size * (u * sin + v * cos))
    }
}

/// From one pose to another, with a swing.
#[derive(Debug, Clone)]
pub struct Way {
    from: Pose,
    to: Pose,
    /// How far it swings in x and y, how many times, and where in a swing it begins.
    swing: (f32, f32, f32, f32),
    /// Goes out to `to` and comes back.
    back: bool,
}

impl Way {
    pub fn of(trial: Trial, lot: &mut Lot) -> Self {
        let side = lot.sign();
        let size = lot.between(0.15, 0.2);
        let turn = lot.between(-0.5, 0.5);
        let y = lot.between(-0.15, 0.15);
        let quiet = (0.02, 0.04, lot.between(0.5, 1.5), lot.between(0.0, 6.3));
        let pose = |x: f32, y: f32, turn: f32, size: f32| Pose { x: side * x, y, turn, size };
        let (from, to, swing, back) = match trial {
            Trial::Drift => {
                let end = pose(lot.between(-0.1, 0.4), -y, turn + lot.between(-0.6, 0.6), 1.3 * size);
                (pose(-0.35, y, turn, size), end, quiet, false)
            }
            Trial::Blur => {
                let swing = (0.0, 0.22, lot.between(1.0, 2.0), 0.0);
                (pose(-0.65, y, turn, size), pose(0.65, y, turn + 1.0, size), swing, false)
            }
            Trial::Light => (pose(-0.3, y, turn, size), pose(0.3, -y, turn + 0.3, size), quiet, false),
            Trial::Hidden => {
                let size = 0.8 * size;
                (pose(-0.6, y, turn, size), pose(0.6, y, turn + 0.2, size), quiet, false)
            }
            Trial::Returns => (pose(0.2, y, turn, size), pose(1.4, -y, turn + 0.4, size), quiet, true),
            Trial::Alike => (pose(0.3, y, turn, size), pose(-0.3, y, turn + 1.2, 1.1 * size), quiet, false),
        };
        Self { from, to, swing, back }
    }

    /// A camera on a shoulder.
    pub fn camera(lot: &mut Lot) -> Self {
        let mut pose = || Pose {
            x: lot.between(-0.04, 0.04),
            y: lot.between(-0.03, 0.03),
            turn: lot.between(-0.02, 0.02),
            size: lot.between(0.97, 1.03),
        };
        let (from, to) = (pose(), pose());
        Self { from, to, swing: (0.012, 0.01, lot.between(1.0, 2.5), lot.between(0.0, 6.3)), back: false }
    }

    pub fn at(&self, t: f32) -> Pose {
        let share = if self.back { (std::f32::consts::PI * t).sin() } else { t };
        let (a, b) = (self.from, self.to);
        let (sx, sy, times, begin) = self.swing;
        let phase = std::f32::consts::TAU * times * t + begin;
        let between = |a: f32, b: f32| a + (b - a) * share;
        Pose {
            x: between(a.x, b.x) + sx * phase.cos(),
            y: between(a.y, b.y) + sy * phase.sin(),
            turn: between(a.turn, b.turn),
            size: between(a.size, b.size),
        }
    }
}
