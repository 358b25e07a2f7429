//! A turning vase and its large soft shadow, which sweeps over the table as the lamp moves.

use domain::{Consequence, Words};

use crate::demo::ink::rgb;
use crate::demo::looks::{self, Variation};
use crate::demo::math::{V3, cosine, mix, sine, smooth, v3};
use crate::demo::props;
use crate::demo::shape::{Role, Solid};
use crate::demo::shot::{ACTION, Extent, Reason, Shot, World, words};
use crate::demo::stage::{Camera, Lamp, Surroundings};

pub struct CastShadow {
    around: Surroundings,
    colours: [V3; 3],
    size: f32,
    at: V3,
    turning: f32,
    sweep: f32,
}

impl CastShadow {
    pub fn new(seed: u64) -> Self {
        let mut vary = Variation::new(seed, 4);
        let around = looks::table(
            &mut vary,
            &[looks::pale_terrazzo(), looks::walnut(), looks::oak(), looks::grey_terrazzo()],
            &[0x7a5f50, 0x4f6a6e, 0x5b5f70],
        );
        Self {
            around,
            colours: vary.colours([0x1f5fae, 0xe9a51f, 0xd8472c]),
            size: vary.near(1.0, 0.12),
            at: v3(-0.1 + vary.off(0.25), 0.0, 0.55 + vary.off(0.2)),
            turning: vary.near(0.16, 0.5),
            sweep: vary.near(1.0, 0.25),
        }
    }
}

impl Shot for CastShadow {
    fn words(&self) -> Words {
        words("remove the vase", "A table with a gourd and a small block in moving light.")
    }

    fn target(&self) -> &'static str {
        "Vase"
    }

    fn reasons(&self) -> Vec<Reason> {
        vec![Reason {
            name: "Shadow of the vase",
            reason: "The vase casts it on the table as the light moves. It goes with the vase.",
            consequence: Consequence::Vanish,
            extent: Extent::Shade,
        }]
    }

    fn surroundings(&self) -> Surroundings {
        self.around.clone()
    }

    fn camera(&self, t: f32) -> Camera {
        Camera::drifting(v3(0.3, 2.35, -5.4), v3(0.0, 0.66, 0.35), 1.9, 0.35, t)
    }

    fn lamp(&self, t: f32) -> Lamp {
        // From behind on the left to the front on the left: the shadow turns over the table.
        let along = smooth(-0.3, 1.3, t / ACTION);
        let turns = mix(-0.335, -0.17, along) * mix(1.0, self.sweep, 0.4);
        Lamp { at: v3(8.2 * sine(turns), mix(4.6, 5.6, along), -8.2 * cosine(turns)), softness: 0.10 }
    }

    fn solids(&self, t: f32, world: World) -> Vec<Solid> {
        let mut all = vec![
            props::gourd(Role::Extra, v3(1.55, 0.0, 0.05), 0.02, 0.36, self.colours[2]),
            props::cube(v3(-1.75, 0.0, 1.35), 0.07, 0.26, rgb(0xcaa06a)),
        ];
        if world == World::Plate {
            let yaw = 0.04 + self.turning * t / ACTION;
            all.push(props::vase(Role::Target, self.at, yaw, self.size, self.colours[0], self.colours[1]));
        }
        all
    }
}
