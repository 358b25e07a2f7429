//! A figure comes up to a cart and pushes it away; without the figure the cart never moves.

use domain::{Consequence, Words};

use crate::demo::figure::{Costume, Figure};
use crate::demo::ink::rgb;
use crate::demo::looks::{self, Variation};
use crate::demo::math::{V3, mix, smooth, v3};
use crate::demo::props;
use crate::demo::shape::{Role, Solid};
use crate::demo::shot::{Extent, Reason, Shot, World, words};
use crate::demo::stage::{Camera, Lamp, Surroundings};

pub struct RollingCart {
    around: Surroundings,
    costume: Costume,
    paint: V3,
    load: [V3; 3],
    /// Where the cart stands.
    cart: f32,
    speed: f32,
    tall: f32,
}

/// When the hands reach the handle.
const GRIP: f32 = 0.55;
/// From the cart's middle back to the one who pushes.
const BEHIND: f32 = 1.22;

impl RollingCart {
    pub fn new(seed: u64) -> Self {
        let mut vary = Variation::new(seed, 5);
        let around = looks::room(
            &mut vary,
            &[looks::grey_terrazzo(), looks::tiles(), looks::oak()],
            &[0xb5a78f, 0x96a3a1, 0xa79a9f],
        );
        let [paint, jumper, ball] = vary.colours([0x1c7f86, 0xe3a021, 0xd8432b]);
        Self {
            around,
            costume: Costume::new(
                jumper,
                rgb(0xf3ead8),
                vary.choose(&[0x38435c, 0x4a4038]),
                0x4a2a16,
                vary.choose(&[0xe0a880, 0x8a5a3c]),
            ),
            paint,
            load: [rgb(0xe5772a), ball, rgb(0xf0dfb4)],
            cart: -0.75 + vary.off(0.2),
            speed: vary.near(1.45, 0.12),
            tall: vary.near(1.0, 0.05),
        }
    }

    /// How far the cart is pushed.
    fn pushed(&self, t: f32) -> f32 {
        let since = (t - GRIP).max(0.0);
        let eased = since * since / (since + 0.28);
        self.speed * eased
    }
}

impl Shot for RollingCart {
    fn words(&self) -> Words {
        words("remove the person who pushes the cart", "A loaded cart stands still in a room.")
    }

    fn target(&self) -> &'static str {
        "Person"
    }

    fn reasons(&self) -> Vec<Reason> {
        vec![
            Reason {
                name: "Cart",
                reason: "The person pushes it. Without them it keeps standing where it was, with its load.",
                consequence: Consequence::Stay,
                extent: Extent::Rewritten,
            },
            Reason {
                name: "Shadow of the person",
                reason: "The person casts it on the floor, the wall and the cart. It goes with them.",
                consequence: Consequence::Vanish,
                extent: Extent::Shade,
            },
        ]
    }

    fn surroundings(&self) -> Surroundings {
        self.around.clone()
    }

    fn camera(&self, t: f32) -> Camera {
        Camera::drifting(v3(0.1, 1.85, -6.6), v3(0.0, 0.70, 0.4), 2.1, 0.0, t)
    }

    fn lamp(&self, _t: f32) -> Lamp {
        Lamp { at: v3(-4.0, 7.6, -4.4), softness: 0.08 }
    }

    fn solids(&self, t: f32, world: World) -> Vec<Solid> {
        let moved = if world == World::Truth { 0.0 } else { self.pushed(t) };
        let mut all = props::cart(v3(self.cart + moved, 0.0, 0.1), moved, self.paint, self.load);
        all.push(props::plant(v3(-2.95, 0.0, 2.1), 1.0, rgb(0xb9583a)));
        if world == World::Plate {
            let grips = self.cart - BEHIND;
            let (x, walked) = if t < GRIP {
                let from = grips - self.speed * GRIP * 0.8;
                let s = t / GRIP;
                let x = from + (grips - from) * s * (1.6 - 0.6 * s);
                (x, x - from)
            } else {
                let pushed = self.pushed(t);
                (grips + pushed, grips - (grips - self.speed * GRIP * 0.8) + pushed)
            };
            let reach = smooth(0.15, GRIP, t);
            let pace =
                if t < GRIP { mix(1.0, 0.35, s_of(t)) } else { mix(0.35, 1.0, smooth(GRIP, GRIP + 0.5, t)) };
            let rest = v3(0.14, 0.64, 0.24);
            let figure = Figure {
                at: v3(x, 0.0, 0.1),
                yaw: 0.0,
                stride: 0.15 + 0.74 * walked,
                pace,
                lean: mix(0.008, 0.035, reach),
                hold: Some(rest.lerp(v3(0.42 / self.tall, 0.99 / self.tall, 0.19), reach)),
                tall: self.tall,
            };
            all.push(figure.solid(Role::Target, &self.costume));
        }
        all
    }
}

fn s_of(t: f32) -> f32 {
    smooth(0.2, GRIP, t)
}
