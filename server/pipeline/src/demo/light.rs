//! How a spot is lit: a lamp with soft shadows, light from all around, what the ground throws back, gloss.

use super::math::{V3, smooth, v3};
use super::shape::{Few, Solid};
use super::stage::{Lamp, Moment};
use super::surroundings::{Place, Spot};

/// How near a solid darkens the ground it stands on.
const CONTACT: f32 = 0.34;

/// All light of one moment.
pub struct Light<'a> {
    pub lamp: Lamp,
    pub solids: &'a [Solid],
    pub place: &'a Place,
    /// For every solid, the solids that can shade it, itself included where it is folded.
    pub shades: Vec<Vec<usize>>,
    /// The sides of the lamp's window.
    across: V3,
    upward: V3,
}

/// A spot on a solid.
pub struct Surface {
    pub place: V3,
    pub normal: V3,
    pub colour: V3,
    pub gloss: f32,
    /// Which solid, so that it is not its own shade.
    pub solid: usize,
}

impl<'a> Light<'a> {
    pub fn new(moment: &'a Moment, place: &'a Place) -> Self {
        let Moment { lamp, solids, .. } = moment;
        let toward = (lamp.at - place.around.pool).unit();
        let across = V3::UP.cross(toward).unit();
        let shades = solids.iter().enumerate().map(|(index, shaded)| {
            let toward = (lamp.at - shaded.centre).unit();
            let wide = shaded.reach * (1.0 + lamp.softness) + 0.05;
            let shades =
                |other: &Solid| other.met_by(shaded.centre, toward, wide, lamp.softness * 1.01).is_some();
            let all = solids.iter().enumerate();
            let all = all.filter(|(k, other)| if *k == index { other.folded } else { shades(other) });
            all.map(|(k, _)| k).collect()
        });
        Self { lamp: *lamp, solids, place, shades: shades.collect(), across, upward: toward.cross(across) }
    }

    /// The parts of a solid that can darken surroundings within `radius` of `centre`. May name too many.
    pub fn may_shade(&self, solid: &Solid, centre: V3, radius: f32) -> Option<Few> {
        let to = solid.centre - centre;
        let near = solid.reach + CONTACT + radius;
        if to.dot(to) < near * near && solid.distance(solid.own(centre), solid.all()) < CONTACT + radius {
            return Some(solid.all());
        }
        let toward = (self.lamp.at - centre).unit();
        let softness = self.lamp.softness;
        let met = solid.met_by(centre, toward, radius * (1.0 + softness) + 0.002, softness * 1.01);
        met.map(|(_, few)| few)
    }

    /// What a spot of the surroundings sends along `ray`; `shading` are the solids that matter there.
    #[inline]
    pub fn on_spot(&self, spot: &Spot, ray: V3, shading: &[(usize, Few)]) -> V3 {
        let to_lamp = self.lamp.at - spot.place;
        let far = to_lamp.length();
        let toward = to_lamp / far;
        let mut lit = toward.dot(spot.normal).max(0.0);
        let mut open = 1.0;
        for &(index, few) in shading {
            let solid = &self.solids[index];
            if lit > 0.0 {
                lit *= self.passes(solid, few, (spot.place, toward), far, 0.004);
            }
            open *= contact(solid, few, spot.place);
        }
        let key = self.place.around.key * (lit * self.pool(spot.place));
        let around = self.place.around.fill * open;
        // Where wall and floor meet, both see less of the room.
        let corner = 1.0 - 0.45 * smooth(1.1, 0.0, self.corner(spot));
        let mut colour = spot.colour.times(key + around * corner);
        if spot.gloss > 0.0 {
            let back = ray - spot.normal * (2.0 * ray.dot(spot.normal));
            let bright = self.window(back, toward, 0.30) * lit;
            let slant = 1.0 - back.dot(spot.normal).abs();
            let mirror = spot.gloss * (0.05 + 0.5 * slant * slant * slant);
            colour += self.place.around.key * (bright * spot.gloss * 0.35) + around * (mirror * 0.5 * corner);
        }
        colour
    }

    /// Distance to the line where floor and wall meet.
    #[inline]
    fn corner(&self, spot: &Spot) -> f32 {
        let around = &self.place.around;
        if around.ground_end < around.wall_z {
            return 9.0;
        }
        spot.place.y + (around.wall_z - spot.place.z)
    }

    /// What a solid's surface sends along `ray`.
    pub fn on_solid(&self, surface: &Surface, ray: V3) -> V3 {
        let Surface { place, normal, colour, gloss, solid: own } = *surface;
        let around = &self.place.around;
        let to_lamp = self.lamp.at - place;
        let far = to_lamp.length();
        let toward = to_lamp / far;
        let facing = toward.dot(normal);
        // Light wraps a little around round things: the lamp has a size.
        let mut lit = ((facing + 0.12) / 1.12).max(0.0);
        for &index in &self.shades[own] {
            let solid = &self.solids[index];
            if lit <= 0.0 {
                break;
            }
            lit *= if index == own {
                self.passes(solid, solid.all(), (place + normal * 0.02, toward), far, 0.07)
            } else {
                self.passes(solid, solid.all(), (place, toward), far, 0.01)
            };
        }
        let up = 0.5 + 0.5 * normal.y;
        let height = (place.y * 1.6).clamp(0.0, 1.0);
        let open = (0.45 + 0.55 * height) * (1.0 - up) + up;
        let key = around.key * self.pool(place);
        let bounce = self.place.bounce.times(key) * (0.32 * (1.0 - up) * (0.4 + 0.6 * height));
        let fill = around.fill * (open * (0.55 + 0.45 * up));
        let mut out = colour.times(key * lit + fill + bounce);
        // A cool light from behind draws the edge.
        let behind = v3(-0.55, 0.35, 0.75);
        let facing_away = 1.0 + ray.dot(normal).min(0.0);
        let rim = behind.dot(normal).max(0.0) * facing_away * facing_away;
        out += colour.lerp(v3(1.0, 1.0, 1.0), 0.25).times(around.fill) * (rim * 0.9);
        if gloss > 0.0 {
            let back = ray - normal * (2.0 * ray.dot(normal));
            let edge = facing_away * facing_away * facing_away * facing_away;
            let sky = around.fill * (0.25 + 0.75 * smooth(-0.1, 0.7, back.y));
            let floor = self.place.bounce.times(key) * smooth(0.15, -0.5, back.y);
            out += (sky + floor) * (gloss * (0.06 + 0.55 * edge) * open);
            let shine = self.window(back, toward, 0.11) * 1.9 + self.window(back, toward, 0.5) * 0.10;
            out += key * (gloss * shine * lit.min(1.0));
        }
        out
    }

    /// How bright the lamp's square window is in the direction `back`; `soft` blurs its sides.
    #[inline]
    fn window(&self, back: V3, toward: V3, soft: f32) -> f32 {
        if back.dot(toward) < 0.3 {
            return 0.0;
        }
        let (x, y) = (back.dot(self.across).abs(), back.dot(self.upward).abs());
        smooth(0.17 + soft, 0.17 - soft.min(0.1), x) * smooth(0.22 + soft, 0.22 - soft.min(0.1), y)
    }

    /// The lamp's beam falls off from the middle of its pool.
    #[inline]
    fn pool(&self, place: V3) -> f32 {
        let around = &self.place.around;
        let mut off = place - around.pool;
        off.z *= 0.45; // the beam comes from the front and reaches the wall
        let d = off.dot(off) / (around.pool_width * around.pool_width);
        1.0 / (1.0 + d * (1.0 + 0.25 * d))
    }

    /// The share of the lamp that a solid leaves over at `place`: 1 beyond its penumbra, 0 in full shade.
    fn passes(&self, solid: &Solid, few: Few, (place, toward): (V3, V3), far: f32, start: f32) -> f32 {
        let softness = self.lamp.softness;
        let to = solid.centre - place;
        let along = to.dot(toward);
        if along < -solid.reach {
            return 1.0;
        }
        let aside2 = to.dot(to) - along * along;
        let limit = solid.reach + softness * along.max(0.0);
        if aside2 >= limit * limit {
            return 1.0;
        }
        let chord = (limit * limit - aside2).sqrt();
        let (mut t, end) = ((along - chord).max(start), (along + chord).min(far));
        if t >= end {
            return 1.0;
        }
        let (from, step) = (solid.own(place), solid.turn.own(toward));
        let few = solid.parts_near(few, (from, step), 0.0, softness, end);
        if few.is_none() {
            return 1.0;
        }
        let mut least = 1.0_f32;
        for _ in 0..40 {
            if t >= end {
                break;
            }
            let d = solid.distance(from + step * t, few);
            least = least.min(0.5 + 0.5 * d / (softness * t));
            if least <= 0.0 {
                return 0.0;
            }
            t += d.max(0.3 * softness * t + 0.004);
        }
        least * least * (3.0 - 2.0 * least)
    }
}

/// How much of the room's light a standing solid leaves to the ground beside it.
#[inline]
fn contact(solid: &Solid, few: Few, place: V3) -> f32 {
    let to = solid.centre - place;
    let near = solid.reach + CONTACT;
    if to.dot(to) >= near * near {
        return 1.0;
    }
    let gap = solid.distance(solid.own(place), few).max(0.0);
    if gap >= CONTACT {
        return 1.0;
    }
    let close = 1.0 - gap / CONTACT;
    1.0 - 0.62 * close * close
}
