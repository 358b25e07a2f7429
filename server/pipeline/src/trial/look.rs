//! Colours on a shape: a pattern, shading from one side, sometimes a highlight. Display-coded, 0–1.

use super::lot::{Lot, noise};

pub type Rgb = [f32; 3];

#[derive(Debug, Clone, Copy)]
enum Pattern {
    Mottled,
    Striped { turn: f32 },
    Checked,
    Plain,
}

#[derive(Debug, Clone)]
pub struct Surface {
    one: Rgb,
    two: Rgb,
    pattern: Pattern,
    fine: f32,
    seed: u32,
    /// Where the light comes from and how much darker the other side is.
    light: (f32, f32, f32),
    shine: f32,
}

impl Surface {
    pub fn any(lot: &mut Lot) -> Self {
        let one = colour(lot);
        let apart = lot.between(0.15, 0.7);
        let two = mix(one, colour(lot), apart);
        let pattern = match lot.one_of(4) {
            0 => Pattern::Mottled,
            1 => Pattern::Striped { turn: lot.between(0.0, 3.1) },
            2 => Pattern::Checked,
            _ => Pattern::Plain,
        };
        let angle = lot.between(0.0, 6.3);
        Self {
            one,
            two,
            pattern,
            fine: lot.between(2.0, 6.0),
            seed: lot.one_of(1 << 20),
            light: (angle.cos(), angle.sin(), lot.between(0.05, 0.3)),
            shine: lot.between(-0.4, 0.5).max(0.0),
        }
    }

    /// For the ground: large quiet patches.
    pub fn ground(lot: &mut Lot) -> Self {
        let fine = lot.between(1.5, 5.0);
        Self { pattern: Pattern::Mottled, fine, light: (1.0, 0.0, 0.05), shine: 0.0, ..Self::any(lot) }
    }

    pub fn colour(&self, u: f32, v: f32) -> Rgb {
        let grit = noise(3.0 * self.fine * u, 3.0 * self.fine * v, self.seed ^ 77);
        let share = match self.pattern {
            Pattern::Mottled => {
                ((noise(self.fine * u, self.fine * v, self.seed) - 0.25) * 2.0).clamp(0.0, 1.0)
            }
            Pattern::Striped { turn } => {
                let along = u * turn.cos() + v * turn.sin();
                (0.5 + 3.0 * (3.0 * self.fine * along).sin()).clamp(0.0, 1.0)
            }
            Pattern::Checked => {
                let cell = |t: f32| (0.7 * self.fine * t).floor() as i32;
                if (cell(u) + cell(v)) & 1 == 0 { 0.0 } else { 1.0 }
            }
            Pattern::Plain => 0.0,
        };
        let (lx, ly, deep) = self.light;
        let shade = 1.0 + deep * (u * lx + v * ly).clamp(-1.2, 1.2) + 0.2 * (grit - 0.5);
        let spot = (u - 0.4 * lx).powi(2) + (v - 0.4 * ly).powi(2);
        let shine = self.shine * (-spot / 0.03).exp();
        mix(self.one, self.two, share).map(|c| (c * shade + shine).clamp(0.0, 1.0))
    }
}

pub fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

/// Any hue, more often muted than bright.
fn colour(lot: &mut Lot) -> Rgb {
    let hue = lot.between(0.0, 6.0);
    let strength = lot.between(0.1, 0.8).powf(1.5);
    let value = lot.between(0.15, 0.85);
    [0.0, 2.0, 4.0].map(|shift| {
        let wheel = ((hue + shift) % 6.0 - 3.0).abs() - 1.0;
        value * (1.0 - strength * (1.0 - wheel.clamp(0.0, 1.0)))
    })
}
