//! Little people: rounded bodies with walking legs and arms that swing or hold. Drawn from their stride.

use super::ink::{Ink, Pattern, rgb};
use super::math::{Turn, V3, cosine, mix, sine, v3};
use super::shape::{Part, Role, Shape, Solid, limb};

/// What a figure wears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costume {
    pub jumper: V3,
    pub stripe: V3,
    pub trousers: V3,
    pub hair: V3,
    pub skin: V3,
}

impl Costume {
    pub fn new(jumper: V3, stripe: V3, trousers: u32, hair: u32, skin: u32) -> Self {
        Self { jumper, stripe, trousers: rgb(trousers), hair: rgb(hair), skin: rgb(skin) }
    }
}

/// A figure at one moment. Its own axes: x ahead, y up, z to its left or right; 1.5 tall.
pub struct Figure {
    /// The ground below it.
    pub at: V3,
    /// Where it looks, in turns from +x towards −z.
    pub yaw: f32,
    /// Steps taken, in turns (two steps each).
    pub stride: f32,
    /// 0 stands, 1 walks.
    pub pace: f32,
    /// How far it leans ahead, in turns.
    pub lean: f32,
    /// Where both hands are, for z = +1 (mirrored for the other), or swinging.
    pub hold: Option<V3>,
    pub tall: f32,
}

impl Figure {
    pub fn solid(&self, role: Role, costume: &Costume) -> Solid {
        let Costume { jumper, stripe, trousers, hair, skin } = *costume;
        let cloth = Ink::with(jumper, 0.05, Pattern::Stripes { axis: V3::UP, width: 0.085, colour: stripe });
        let sleeve = Ink::plain(jumper, 0.05);
        let (trousers, skin) = (Ink::plain(trousers, 0.05), Ink::plain(skin, 0.14));
        let (hair, shoe) = (Ink::plain(hair, 0.25), Ink::plain(rgb(0x2b2320), 0.5));
        let bob = 0.022 * self.pace * cosine(2.0 * self.stride);
        let hip = v3(0.0, 0.60 + bob, 0.0);
        let up = v3(sine(self.lean), cosine(self.lean), 0.0);
        let ahead = v3(up.y, -up.x, 0.0);
        let chest = hip + up * 0.40;
        let head = chest + up * 0.375 + ahead * 0.02;
        let mut parts = vec![
            Part::new(limb(hip + up * 0.06, chest, 0.185, 0.165), cloth),
            Part::new(Shape::Ball { centre: head, radius: 0.205 }, skin),
            Part::new(Shape::Ball { centre: head + up * 0.05 - ahead * 0.045, radius: 0.208 }, hair),
            Part::new(Shape::Ball { centre: head + ahead * 0.205 - up * 0.01, radius: 0.036 }, skin),
            Part::new(Shape::Ball { centre: hip, radius: 0.175 }, trousers),
            Part::new(limb(chest + up * 0.08, head - up * 0.1, 0.085, 0.075), skin),
        ];
        for side in [-1.0_f32, 1.0] {
            let phase = self.stride + if side > 0.0 { 0.5 } else { 0.0 };
            let joint = hip + v3(0.0, -0.04, 0.095 * side);
            let (thigh, knee) = self.leg(phase);
            let knee_at = joint + v3(sine(thigh), -cosine(thigh), 0.0) * 0.25;
            let ankle = knee_at + v3(sine(thigh - knee), -cosine(thigh - knee), 0.0) * 0.24;
            let toe = v3(cosine(thigh - knee), sine(thigh - knee) * 0.6, 0.0) * 0.13;
            parts.push(Part::new(limb(joint, knee_at, 0.098, 0.082), trousers));
            parts.push(Part::new(limb(knee_at, ankle, 0.080, 0.066), trousers));
            parts.push(Part::new(limb(ankle, ankle + toe, 0.072, 0.058), shoe));
            let shoulder = chest + up * 0.06 + v3(0.0, 0.0, 0.185 * side);
            let (elbow, hand) = self.arm(shoulder, side, phase);
            parts.push(Part::new(limb(shoulder, elbow, 0.072, 0.062), sleeve));
            parts.push(Part::new(limb(elbow, hand, 0.061, 0.052), sleeve));
            parts.push(Part::new(Shape::Ball { centre: hand, radius: 0.066 }, skin));
        }
        let mut scaled = parts;
        if (self.tall - 1.0).abs() > 1e-6 {
            scaled = scaled.into_iter().map(|p| grown(p, self.tall)).collect();
        }
        Solid::new(role, self.at, Turn::around(V3::UP, self.yaw), 0.022, scaled).grounded()
    }

    /// Angle of the thigh from straight down and of the knee's bend, in turns.
    fn leg(&self, phase: f32) -> (f32, f32) {
        let swing = 0.085 * sine(phase);
        let bend = 0.03 + 0.075 * (0.5 + 0.5 * cosine(phase - 0.02)) * (0.5 + 0.5 * cosine(phase - 0.02));
        (self.pace * swing, self.pace * bend)
    }

    fn arm(&self, shoulder: V3, side: f32, phase: f32) -> (V3, V3) {
        if let Some(hand) = self.hold {
            let hand = v3(hand.x, hand.y, hand.z * side);
            let middle = shoulder.lerp(hand, 0.5);
            return (middle + v3(-0.03, -0.085, 0.05 * side), hand);
        }
        let swing = -0.075 * self.pace * sine(phase);
        let elbow = shoulder + v3(sine(swing), -cosine(swing), 0.16 * side) * 0.215;
        let bent = swing + mix(0.02, 0.06, self.pace);
        (elbow, elbow + v3(sine(bent), -cosine(bent), 0.02 * side) * 0.205)
    }
}

fn grown(part: Part, by: f32) -> Part {
    let shape = match part.shape {
        Shape::Ball { centre, radius } => Shape::Ball { centre: centre * by, radius: radius * by },
        Shape::Limb { a, axis, length, ra, slope, lean } => {
            Shape::Limb { a: a * by, axis, length: length * by, ra: ra * by, slope, lean }
        }
        other => other,
    };
    Part::new(shape, part.ink)
}
