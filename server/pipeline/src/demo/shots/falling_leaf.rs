//! A leaf rocks down onto a table; its shadow comes to meet it. The camera is on a shoulder.

use domain::{Consequence, Words};

use crate::demo::ink::rgb;
use crate::demo::looks::{self, Variation};
use crate::demo::math::{Turn, V3, mix, sine, smooth, v3};
use crate::demo::props;
use crate::demo::shape::{Role, Solid};
use crate::demo::shot::{Extent, Reason, Shot, World, words};
use crate::demo::stage::{Camera, Lamp, Surroundings};

pub struct FallingLeaf {
    around: Surroundings,
    leaf: V3,
    skins: [V3; 2],
    length: f32,
    lands: V3,
    sway: f32,
    rest: f32,
}

impl FallingLeaf {
    pub fn new(seed: u64) -> Self {
        let mut vary = Variation::new(seed, 6);
        let around = looks::table(
            &mut vary,
            &[looks::walnut(), looks::linen(), looks::pale_terrazzo(), looks::oak()],
            &[0x5c6b5a, 0x6b5748, 0x57606b],
        );
        Self {
            around,
            leaf: rgb(vary.choose(&[0xd8341c, 0xe79a17, 0x7fa12c])),
            skins: [
                rgb(vary.choose(&[0xe8731c, 0x3f7d55, 0xd9b13a])),
                rgb(vary.choose(&[0xf0cf8a, 0xc8502c])),
            ],
            length: vary.near(0.92, 0.15),
            lands: v3(0.55 + vary.off(0.3), 0.0, -0.55 + vary.off(0.15)),
            sway: vary.near(0.85, 0.2),
            rest: vary.near(2.1, 0.05),
        }
    }

    /// Where the falling leaf is and how it lies in the air.
    fn flight(&self, t: f32) -> (V3, Turn) {
        let s = (t / self.rest).min(1.0);
        let calm = 1.0 - smooth(0.72, 1.0, s);
        let phase = 0.12 + 1.35 * s;
        let rock = sine(phase) * calm;
        let height = mix(2.75, 0.055, s * (0.85 + 0.15 * s)) + 0.10 * rock * rock;
        let at =
            v3(self.lands.x + self.sway * rock - 0.5 * (1.0 - s), height, self.lands.z + 0.7 * (1.0 - s));
        let roll = Turn::around(v3(0.0, 0.0, 1.0), -0.10 * sine(phase + 0.22) * calm);
        let pitch = Turn::around(v3(1.0, 0.0, 0.0), -0.085 * calm);
        let yaw = Turn::around(V3::UP, 0.07 + 0.22 * s);
        (at, yaw.then(&roll).then(&pitch))
    }
}

impl Shot for FallingLeaf {
    fn words(&self) -> Words {
        words("remove the falling leaf", "A still life with two gourds and a dry leaf on a table.")
    }

    fn target(&self) -> &'static str {
        "Leaf"
    }

    fn reasons(&self) -> Vec<Reason> {
        vec![Reason {
            name: "Shadow of the leaf",
            reason: "The leaf casts it on the table and the gourds. It goes with the leaf.",
            consequence: Consequence::Vanish,
            extent: Extent::Shade,
        }]
    }

    fn surroundings(&self) -> Surroundings {
        self.around.clone()
    }

    fn camera(&self, t: f32) -> Camera {
        Camera::drifting(v3(0.25, 2.25, -5.3), v3(0.1, 0.58, 0.3), 1.75, 1.3, t)
    }

    fn lamp(&self, _t: f32) -> Lamp {
        Lamp { at: v3(-4.6, 7.4, -2.4), softness: 0.075 }
    }

    fn solids(&self, t: f32, world: World) -> Vec<Solid> {
        let dry = Turn::around(V3::UP, 0.36).then(&Turn::around(v3(1.0, 0.0, 0.0), 0.01));
        let mut all = vec![
            props::gourd(Role::Extra, v3(-0.95, 0.0, 0.75), 0.05, 0.62, self.skins[0]),
            props::gourd(Role::Extra, v3(0.15, 0.0, 1.35), 0.31, 0.38, self.skins[1]),
            props::leaf(Role::Extra, v3(1.85, 0.045, 0.35), dry, 0.7, rgb(0xb9792a), rgb(0x6e4319)),
        ];
        if world == World::Plate {
            let (at, turn) = self.flight(t);
            all.push(props::leaf(Role::Target, at, turn, self.length, self.leaf, self.leaf * 0.35));
        }
        all
    }
}
