//! Flat shapes about the origin, about as wide as 2. Outlines only; what is on them is in `look`.

use super::lot::Lot;

#[derive(Debug, Clone)]
pub enum Figure {
    /// Between an ellipse and a box.
    Rounded { across: f32, down: f32, power: f32 },
    /// A blob or a star: its rim swings `many` times by `deep`.
    Lobed { many: f32, deep: f32, turn: f32, second: f32 },
    /// A ring with a gap in the middle.
    Ring { hole: f32, flat: f32 },
    /// A body with a smaller head on it.
    Figurine { head: f32, shoulders: f32 },
}

impl Figure {
    pub fn any(lot: &mut Lot) -> Self {
        match lot.one_of(4) {
            0 => Self::Rounded {
                across: lot.between(0.6, 1.0),
                down: lot.between(0.6, 1.0),
                power: lot.between(2.0, 5.0),
            },
            1 => Self::Lobed {
                many: 3.0 + lot.one_of(4) as f32,
                deep: lot.between(0.08, 0.25),
                turn: lot.between(0.0, 6.3),
                second: lot.between(0.0, 0.1),
            },
            2 => Self::Ring { hole: lot.between(0.35, 0.5), flat: lot.between(0.75, 1.0) },
            _ => Self::Figurine { head: lot.between(0.28, 0.4), shoulders: lot.between(0.45, 0.7) },
        }
    }

    /// How far outside (positive) or inside (negative) a place is, about true near the outline.
    fn outside(&self, u: f32, v: f32) -> f32 {
        match *self {
            Self::Rounded { across, down, power } => {
                let sum = (u / across).abs().powf(power) + (v / down).abs().powf(power);
                (sum.powf(1.0 / power) - 1.0) * across.min(down)
            }
            Self::Lobed { many, deep, turn, second } => {
                let angle = v.atan2(u);
                let rim = 0.75 + deep * (many * angle + turn).cos() + second * (2.0 * angle - turn).sin();
                0.8 * (u.hypot(v) - rim)
            }
            Self::Ring { hole, flat } => {
                let radius = u.hypot(v / flat);
                (radius - 0.95).max(hole - radius) * flat
            }
            Self::Figurine { head, shoulders } => {
                let top = u.hypot(v + 0.6) - head;
                let body = (u / shoulders).abs().powf(3.0) + ((v - 0.3) / 0.62).abs().powf(3.0);
                top.min((body.powf(1.0 / 3.0) - 1.0) * shoulders)
            }
        }
    }

    /// How much of a spot of width `soft` about a place the shape covers, 0–1.
    pub fn cover(&self, u: f32, v: f32, soft: f32) -> f32 {
        if u.abs().max(v.abs()) > 1.2 + soft {
            return 0.0;
        }
        (0.5 - self.outside(u, v) / soft).clamp(0.0, 1.0)
    }
}
