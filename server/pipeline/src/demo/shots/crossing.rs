//! Two figures cross; one of them goes, and its shadow with it. The other walks on as filmed.

use domain::{Consequence, Words};

use crate::demo::figure::{Costume, Figure};
use crate::demo::ink::rgb;
use crate::demo::looks::{self, Variation};
use crate::demo::math::{V3, v3};
use crate::demo::props;
use crate::demo::shape::{Role, Solid};
use crate::demo::shot::{Extent, Reason, Shot, World, words};
use crate::demo::stage::{Camera, Lamp, Surroundings};

pub struct Crossing {
    around: Surroundings,
    near: Costume,
    far: Costume,
    /// Whether the one behind goes.
    far_goes: bool,
    speed: [f32; 2],
    tall: [f32; 2],
    pot: V3,
}

impl Crossing {
    pub fn new(seed: u64) -> Self {
        let mut vary = Variation::new(seed, 3);
        let around = looks::room(
            &mut vary,
            &[looks::oak(), looks::tiles(), looks::linen()],
            &[0x9aa59e, 0xb3a08a, 0x8f98a8],
        );
        let [one, two, pot] = vary.colours([0xe0572b, 0x1d7f78, 0x3c4f8f]);
        let cream = rgb(0xf2e7d0);
        Self {
            around,
            near: Costume::new(
                one,
                cream,
                vary.choose(&[0x2d3350, 0x3f4a3e]),
                0x22160f,
                vary.choose(&[0x9a6440, 0xe2ab84]),
            ),
            far: Costume::new(
                two,
                rgb(0xe9b949),
                vary.choose(&[0x5a4638, 0x33383f]),
                0x7a3d1c,
                vary.choose(&[0xf0c4a0, 0x8a5a3c]),
            ),
            far_goes: vary.choose(&[false, true]),
            speed: [vary.near(1.95, 0.1), vary.near(1.75, 0.1)],
            tall: [vary.near(1.0, 0.05), vary.near(0.97, 0.05)],
            pot,
        }
    }
}

impl Shot for Crossing {
    fn words(&self) -> Words {
        if self.far_goes {
            words("remove the person in the background", "One person walks across a room from left to right.")
        } else {
            words("remove the person in the foreground", "One person walks across a room from right to left.")
        }
    }

    fn target(&self) -> &'static str {
        if self.far_goes { "Person behind" } else { "Person in front" }
    }

    fn reasons(&self) -> Vec<Reason> {
        vec![
            Reason {
                name: "Shadow",
                reason: "The person casts it on the floor, the wall and the other one. It goes with them.",
                consequence: Consequence::Vanish,
                extent: Extent::Shade,
            },
            Reason {
                name: "The other person",
                reason: "They only pass each other: this one walks on as filmed.",
                consequence: Consequence::Keep,
                extent: Extent::Kept,
            },
        ]
    }

    fn surroundings(&self) -> Surroundings {
        self.around.clone()
    }

    fn camera(&self, t: f32) -> Camera {
        Camera::drifting(v3(0.2, 1.65, -6.8), v3(0.0, 0.80, 0.4), 2.1, 1.0, t)
    }

    fn lamp(&self, _t: f32) -> Lamp {
        Lamp { at: v3(4.2, 7.4, -4.0), softness: 0.085 }
    }

    fn solids(&self, t: f32, world: World) -> Vec<Solid> {
        let walk = |k: usize, x: f32, z: f32, way: f32| Figure {
            at: v3(x + way * self.speed[k] * t, 0.0, z),
            yaw: if way > 0.0 { 0.0 } else { 0.5 },
            stride: 0.3 * k as f32 + 0.78 * self.speed[k] * t,
            pace: 1.0,
            lean: 0.012,
            hold: None,
            tall: self.tall[k],
        };
        let role = |goes: bool| if goes { Role::Target } else { Role::Kept };
        let mut all = vec![
            props::plant(v3(-2.75, 0.0, 2.0), 1.05, self.pot),
            props::cube(v3(2.5, 0.0, 2.2), 0.08, 0.28, rgb(0xc79a5e)),
        ];
        if world == World::Plate || self.far_goes {
            all.push(walk(0, -2.35, -0.55, 1.0).solid(role(!self.far_goes), &self.near));
        }
        if world == World::Plate || !self.far_goes {
            all.push(walk(1, 2.3, 0.75, -1.0).solid(role(self.far_goes), &self.far));
        }
        all
    }
}
