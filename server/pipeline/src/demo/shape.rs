//! Solids as signed distances: parts melted together, moved as one thing. No light, no camera.

use super::ink::Ink;
use super::math::{Turn, V3, v3};

/// One primitive, in its solid's own axes.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Ball {
        centre: V3,
        radius: f32,
    },
    /// Two balls and the skin stretched over them. Build with [`limb`].
    Limb {
        a: V3,
        axis: V3,
        length: f32,
        ra: f32,
        slope: f32,
        lean: f32,
    },
    /// Edges rounded by `round`; `half` is the half size with the rounding.
    Block {
        centre: V3,
        half: V3,
        round: f32,
    },
    /// A rounded drum whose axis is the unit vector `axis`.
    Drum {
        centre: V3,
        axis: V3,
        radius: f32,
        half: f32,
        round: f32,
    },
    /// A ring of thickness `thick` around the unit vector `axis`.
    Ring {
        centre: V3,
        axis: V3,
        radius: f32,
        thick: f32,
    },
    /// A flattened ball with eight ribs around y, squashed to `height` of its width.
    Gourd {
        radius: f32,
        height: f32,
        rib: f32,
    },
    /// A curled leaf in the xz plane, tip towards +x, `length` long.
    Leaf {
        length: f32,
        curl: f32,
    },
}

/// From ball `a` with radius `ra` to ball `b` with radius `rb`; neither may contain the other.
pub fn limb(a: V3, b: V3, ra: f32, rb: f32) -> Shape {
    let length = (b - a).length();
    if length <= (ra - rb).abs() + 1e-5 {
        return if ra > rb {
            Shape::Ball { centre: a, radius: ra }
        } else {
            Shape::Ball { centre: b, radius: rb }
        };
    }
    let slope = (ra - rb) / length;
    Shape::Limb { a, axis: (b - a) / length, length, ra, slope, lean: slope / (1.0 - slope * slope).sqrt() }
}

impl Shape {
    /// Signed distance from `p`, negative inside. Never more than the true distance by much.
    #[inline]
    fn distance(&self, p: V3) -> f32 {
        match *self {
            Self::Ball { centre, radius } => (p - centre).length() - radius,
            Self::Limb { a, axis, length, ra, slope, lean } => {
                // The nearest of all balls between a and b: where the derivative along the axis is zero.
                let q = p - a;
                let along = q.dot(axis);
                let aside2 = (q.dot(q) - along * along).max(0.0);
                let at = (along - aside2.sqrt() * lean).clamp(0.0, length);
                let up = along - at;
                (aside2 + up * up).sqrt() - (ra - slope * at)
            }
            Self::Block { centre, half, round } => {
                let q = p - centre;
                let q =
                    v3(q.x.abs() - half.x + round, q.y.abs() - half.y + round, q.z.abs() - half.z + round);
                let outside = v3(q.x.max(0.0), q.y.max(0.0), q.z.max(0.0)).length();
                outside + q.x.max(q.y).max(q.z).min(0.0) - round
            }
            Self::Drum { centre, axis, radius, half, round } => {
                let q = p - centre;
                let along = q.dot(axis);
                let aside = (q.dot(q) - along * along).max(0.0).sqrt() - radius + round;
                let along = along.abs() - half + round;
                let (x, y) = (aside.max(0.0), along.max(0.0));
                (x * x + y * y).sqrt() + aside.max(along).min(0.0) - round
            }
            Self::Ring { centre, axis, radius, thick } => {
                let q = p - centre;
                let along = q.dot(axis);
                let aside = (q.dot(q) - along * along).max(0.0).sqrt() - radius;
                (aside * aside + along * along).sqrt() - thick
            }
            Self::Gourd { radius, height, rib } => {
                let flat2 = p.x * p.x + p.z * p.z;
                let q = v3(p.x, p.y / height, p.z);
                let length = q.length();
                // cos 8φ out of x and z alone, by squaring (x + iz)/r three times
                let wave = if flat2 > 1e-8 {
                    let (mut re, mut im) = (p.x / flat2.sqrt(), p.z / flat2.sqrt());
                    for _ in 0..3 {
                        (re, im) = (re * re - im * im, 2.0 * re * im);
                    }
                    re
                } else {
                    0.0
                };
                let dimple = (1.0 - flat2 / (radius * radius * 0.25)).max(0.0);
                let skin = radius * (1.0 - rib * (0.5 - 0.5 * wave) * (flat2.sqrt() / radius).min(1.0))
                    - 0.28 * radius * dimple * dimple;
                (length - skin) * height * 0.8
            }
            Self::Leaf { length, curl } => {
                // Beyond the blade its bend goes on level, or the distance would be too long there.
                let along = (p.x / length).clamp(-0.5, 0.5);
                let half = length * 1.15 * (0.25 - along * along) * (1.0 - 0.55 * along) + 0.004;
                let across = p.z.clamp(-half, half) / length;
                let lift = length * (curl * (along * along * 4.0 - 0.3) + across * across * 0.9);
                let side = p.z.abs() - half;
                let ends = p.x.abs() - length * 0.5;
                let thick = (p.y - lift).abs() - 0.012;
                let (x, y, z) = (ends.max(0.0), thick.max(0.0), side.max(0.0));
                ((x * x + y * y + z * z).sqrt() + side.max(thick).max(ends).min(0.0)) * 0.6
            }
        }
    }

    /// A ball that holds the shape.
    fn bound(&self) -> (V3, f32) {
        match *self {
            Self::Ball { centre, radius } => (centre, radius),
            Self::Limb { a, axis, length, ra, slope, .. } => {
                let rb = ra - slope * length;
                (a + axis * (length * 0.5 + (rb - ra) * 0.5), (length + ra + rb) * 0.5)
            }
            Self::Block { centre, half, .. } => (centre, half.length()),
            Self::Drum { centre, radius, half, .. } => (centre, (radius * radius + half * half).sqrt()),
            Self::Ring { centre, radius, thick, .. } => (centre, radius + thick),
            Self::Gourd { radius, .. } => (V3::ZERO, radius * 1.02),
            Self::Leaf { length, curl } => (V3::ZERO, length * (0.62 + curl.abs())),
        }
    }

    /// The lowest point above the ground once `turn` and `at` are applied; exact for balls and limbs.
    fn lowest(&self, turn: &Turn, at: V3) -> f32 {
        match *self {
            Self::Limb { a, axis, length, ra, slope, .. } => {
                let (one, two) = (at + turn.out(a), at + turn.out(a + axis * length));
                (one.y - ra).min(two.y - (ra - slope * length))
            }
            _ => {
                let (centre, radius) = self.bound();
                (at + turn.out(centre)).y - radius
            }
        }
    }
}

/// A shape and how it is coloured.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub shape: Shape,
    pub ink: Ink,
    centre: V3,
    radius: f32,
}

impl Part {
    pub fn new(shape: Shape, ink: Ink) -> Self {
        let (centre, radius) = shape.bound();
        Self { shape, ink, centre, radius }
    }
}

/// Whose part a solid plays in the removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What is removed.
    Target,
    /// A thing that keeps its filmed motion although the target goes.
    Kept,
    /// Everything else.
    Extra,
}

/// Some of a solid's parts, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Few(u32);

impl Few {
    pub const NONE: Self = Self(0);

    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// Parts that move as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Solid {
    pub role: Role,
    pub at: V3,
    pub turn: Turn,
    parts: Vec<Part>,
    /// How far parts melt into each other.
    melt: f32,
    /// Whether its own parts shade each other.
    pub folded: bool,
    /// The ball that holds it, in the world.
    pub centre: V3,
    pub reach: f32,
}

impl Solid {
    /// One to 32 `parts`.
    pub fn new(role: Role, at: V3, turn: Turn, melt: f32, parts: Vec<Part>) -> Self {
        assert!((1..=32).contains(&parts.len()), "a solid has 1 to 32 parts");
        let sum = parts.iter().fold(V3::ZERO, |sum, p| sum + p.centre);
        let middle = sum / parts.len() as f32;
        let reach = parts.iter().fold(0.0_f32, |reach, p| reach.max((p.centre - middle).length() + p.radius));
        let folded = parts.len() > 5;
        Self {
            role,
            at,
            turn,
            parts,
            melt,
            folded,
            centre: at + turn.out(middle),
            reach: reach + melt * 0.25,
        }
    }

    /// The same solid lifted or lowered so that it just stands on the ground; exact for balls and limbs.
    pub fn grounded(mut self) -> Self {
        let low = self.parts.iter().fold(f32::MAX, |low, p| low.min(p.shape.lowest(&self.turn, self.at)));
        self.at.y -= low;
        self.centre.y -= low;
        self
    }

    #[inline]
    pub fn own(&self, p: V3) -> V3 {
        self.turn.own(p - self.at)
    }

    /// Signed distance from `p` (own axes) to the parts in `few`.
    #[inline]
    pub fn distance(&self, p: V3, few: Few) -> f32 {
        let mut best = f32::MAX;
        let mut rest = few.0;
        while rest != 0 {
            let part = &self.parts[rest.trailing_zeros() as usize];
            rest &= rest - 1;
            if best < f32::MAX {
                let beyond = best + part.radius + self.melt;
                let away = p - part.centre;
                if away.dot(away) > beyond * beyond && beyond > 0.0 {
                    continue;
                }
            }
            let d = part.shape.distance(p);
            if self.melt > 0.0 && best < f32::MAX {
                let h = (self.melt - (best - d).abs()).max(0.0);
                best = best.min(d) - h * h / self.melt * 0.25;
            } else {
                best = best.min(d);
            }
        }
        best
    }

    /// All its parts.
    pub fn all(&self) -> Few {
        Few(u32::MAX >> (32 - self.parts.len()))
    }

    /// The parts among `few` that a beam of half width `wide + widening × distance` can come near before `end`.
    #[inline]
    pub fn parts_near(&self, few: Few, (start, step): (V3, V3), wide: f32, widening: f32, end: f32) -> Few {
        let mut near = 0;
        let mut rest = few.0;
        while rest != 0 {
            let bit = rest & rest.wrapping_neg();
            let part = &self.parts[rest.trailing_zeros() as usize];
            rest &= rest - 1;
            let to = part.centre - start;
            let along = to.dot(step).clamp(0.0, end);
            let aside = to - step * along;
            let limit = part.radius + self.melt + wide + widening * (along + part.radius + wide);
            if aside.dot(aside) < limit * limit {
                near |= bit;
            }
        }
        Few(near)
    }

    /// Where a widening beam first comes near the solid: the least distance along `ray` (unit) from `from` at which
    /// the solid is within `wide + widening × distance`, and the parts that can matter; `None` if that never happens.
    pub fn met_by(&self, from: V3, ray: V3, wide: f32, widening: f32) -> Option<(f32, Few)> {
        let to = self.centre - from;
        let last = to.dot(ray) + self.reach + wide;
        let limit = self.reach + wide + widening * last.max(0.0);
        if last < 0.0 || to.dot(to) - to.dot(ray) * to.dot(ray) > limit * limit {
            return None;
        }
        let beam = (self.own(from), self.turn.own(ray));
        let few = self.parts_near(self.all(), beam, wide, widening, 1e6);
        if few.0 == 0 {
            return None;
        }
        let mut t = 0.0;
        for _ in 0..64 {
            let room = self.distance(beam.0 + beam.1 * t, few) - wide - widening * t;
            if room <= 0.0 {
                return Some((t, few));
            }
            t += room / (1.0 + widening) + 1e-4;
            if t > last * (1.0 + widening) {
                return None;
            }
        }
        Some((t, few))
    }

    /// Outward direction at `p`, both in the solid's own axes.
    pub fn normal(&self, p: V3, step: f32, few: Few) -> V3 {
        let corner = |x: f32, y: f32, z: f32| {
            let k = v3(x, y, z);
            k * self.distance(p + k * step, few)
        };
        (corner(1.0, -1.0, -1.0) + corner(-1.0, -1.0, 1.0) + corner(-1.0, 1.0, -1.0) + corner(1.0, 1.0, 1.0))
            .unit()
    }

    /// Colour and gloss at `p` (own axes); `px` is the size of a pixel there, over which borders are softened.
    pub fn ink(&self, p: V3, px: f32, few: Few) -> (V3, f32) {
        let (mut near, mut next) = ((f32::MAX, 0), (f32::MAX, 0));
        for (index, part) in self.parts.iter().enumerate().filter(|(index, _)| few.0 >> index & 1 == 1) {
            let d = part.shape.distance(p);
            if d < near.0 {
                next = near;
                near = (d, index);
            } else if d < next.0 {
                next = (d, index);
            }
        }
        let (colour, gloss) = self.parts[near.1].ink.at(p, px);
        let gap = next.0 - near.0;
        if gap >= px || next.0 == f32::MAX || self.parts[next.1].ink == self.parts[near.1].ink {
            return (colour, gloss);
        }
        let (other, other_gloss) = self.parts[next.1].ink.at(p, px);
        let amount = 0.5 * (1.0 - gap / px);
        (colour.lerp(other, amount), gloss + (other_gloss - gloss) * amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limb_is_the_nearest_of_its_balls() {
        let shape = limb(v3(0.0, 0.2, 0.0), v3(0.3, 1.0, 0.1), 0.3, 0.1);
        for k in 0..60 {
            let p = v3(k as f32 / 20.0 - 1.5, k as f32 / 30.0 - 0.4, 0.3);
            let nearest = (0..=1000)
                .map(|i| {
                    let t = i as f32 / 1000.0;
                    (p - v3(0.3 * t, 0.2 + 0.8 * t, 0.1 * t)).length() - (0.3 - 0.2 * t)
                })
                .fold(f32::MAX, f32::min);
            assert!((shape.distance(p) - nearest).abs() < 2e-3, "at {p:?}");
        }
    }

    #[test]
    fn what_is_grounded_touches_the_ground() {
        let part = Part::new(limb(V3::ZERO, v3(0.0, 1.0, 0.0), 0.3, 0.2), Ink::plain(V3::ZERO, 0.0));
        let tilted = Turn::around(v3(0.0, 0.0, 1.0), 0.2);
        let solid = Solid::new(Role::Extra, v3(0.0, 5.0, 0.0), tilted, 0.0, vec![part]).grounded();
        let lowest = (0..2000)
            .map(|i| solid.distance(solid.own(v3(i as f32 / 500.0 - 2.0, 0.0, 0.0)), solid.all()))
            .fold(f32::MAX, f32::min);
        assert!(lowest.abs() < 2e-3, "{lowest}");
    }
}
