//! A figure carries a box across; without it the box drops where it was and rests.

use domain::{Consequence, Words};

use crate::demo::figure::{Costume, Figure};
use crate::demo::ink::rgb;
use crate::demo::looks::{self, Variation};
use crate::demo::math::{V3, v3};
use crate::demo::props;
use crate::demo::shape::{Role, Solid};
use crate::demo::shot::{Extent, Reason, Shot, World, words};
use crate::demo::stage::{Camera, Lamp, Surroundings};

pub struct CarriedBox {
    around: Surroundings,
    costume: Costume,
    card: V3,
    tape: V3,
    pot: V3,
    half: V3,
    start: f32,
    speed: f32,
    tall: f32,
    drift: f32,
}

impl CarriedBox {
    pub fn new(seed: u64) -> Self {
        let mut vary = Variation::new(seed, 2);
        let around = looks::room(
            &mut vary,
            &[looks::tiles(), looks::oak(), looks::grey_terrazzo()],
            &[0xa9a08d, 0x8c9a9c, 0xb09a86],
        );
        let [jumper, tape, pot] = vary.colours([0x1f6fa8, 0xe2432a, 0xc8623a]);
        let trousers = vary.choose(&[0x2e3448, 0x4a3b32, 0x37423c]);
        Self {
            around,
            costume: Costume::new(
                jumper,
                rgb(0xf0e6d2),
                trousers,
                0x3a2418,
                vary.choose(&[0xd99a72, 0x8a5a3c, 0xf0c09a]),
            ),
            card: rgb(vary.choose(&[0xd2a05f, 0xc08a4e, 0xd9c39a])),
            tape,
            pot,
            half: v3(vary.near(0.30, 0.12), vary.near(0.24, 0.15), vary.near(0.28, 0.12)),
            start: -2.15 + vary.off(0.2),
            speed: vary.near(1.45, 0.12),
            tall: vary.near(1.0, 0.06),
            drift: vary.choose(&[0.0, 0.7]),
        }
    }

    fn walker(&self, t: f32) -> V3 {
        v3(self.start + self.speed * t, 0.0, 0.15)
    }

    /// The box in the arms.
    fn carried(&self, t: f32) -> V3 {
        self.walker(t) + v3(0.27 * self.tall + self.half.x, 0.72 * self.tall + self.half.y, 0.0)
    }

    /// The box let go at the first frame: it drops, bounces twice and rests.
    fn dropped(&self, t: f32) -> V3 {
        let from = self.carried(0.0);
        let gravity = 9.0;
        let (mut height, mut speed, mut left) = (from.y - self.half.y, 0.0_f32, t);
        for bounce in [0.30, 0.22, 0.0] {
            // Time until it lands: height + speed t − gravity t² / 2 = 0.
            let lands = (speed + (speed * speed + 2.0 * gravity * height).sqrt()) / gravity;
            if left < lands {
                return v3(from.x, self.half.y + height + speed * left - 0.5 * gravity * left * left, from.z);
            }
            left -= lands;
            speed = bounce * (gravity * lands - speed);
            height = 0.0;
        }
        v3(from.x, self.half.y, from.z)
    }
}

impl Shot for CarriedBox {
    fn words(&self) -> Words {
        words("remove the person who carries the box", "A box drops to the floor of a room and stays there.")
    }

    fn target(&self) -> &'static str {
        "Person"
    }

    fn reasons(&self) -> Vec<Reason> {
        vec![
            Reason {
                name: "Box",
                reason: "The person carries it. Without hands under it, it drops and comes to rest.",
                consequence: Consequence::React,
                extent: Extent::Rewritten,
            },
            Reason {
                name: "Shadow of the person",
                reason: "The person casts it on the floor, the wall and the box. It goes with them.",
                consequence: Consequence::Vanish,
                extent: Extent::Shade,
            },
        ]
    }

    fn surroundings(&self) -> Surroundings {
        self.around.clone()
    }

    fn camera(&self, t: f32) -> Camera {
        Camera::drifting(v3(0.0, 1.75, -6.9), v3(-0.1, 0.80, 0.4), 2.1, self.drift, t)
    }

    fn lamp(&self, _t: f32) -> Lamp {
        Lamp { at: v3(-4.5, 7.0, -4.2), softness: 0.075 }
    }

    fn solids(&self, t: f32, world: World) -> Vec<Solid> {
        let at = if world == World::Truth { self.dropped(t) } else { self.carried(t) };
        let mut all = vec![
            props::parcel(Role::Extra, at, 0.0, self.half, self.card, self.tape),
            props::plant(v3(2.75, 0.0, 1.7), 1.0, self.pot),
            props::cube(v3(-2.9, 0.0, 2.1), 0.06, 0.30, rgb(0xb98f5f)),
        ];
        if world == World::Plate {
            let figure = Figure {
                at: self.walker(t),
                yaw: 0.0,
                stride: 0.1 + 1.05 * self.speed * t / 1.45,
                pace: 1.0,
                lean: -0.012,
                hold: Some(v3(0.40, 0.70, 0.17)),
                tall: self.tall,
            };
            all.push(figure.solid(Role::Target, &self.costume));
        }
        all
    }

    fn path(&self, t: f32) -> Option<V3> {
        Some(self.dropped(t))
    }
}
