//! A ball rolls in and knocks pins over; without it they stay up.

use domain::{Consequence, Words};

use crate::demo::ink::rgb;
use crate::demo::looks::{self, Variation};
use crate::demo::math::{Chance, Turn, V3, sine, smooth, v3};
use crate::demo::props;
use crate::demo::shape::{Role, Solid};
use crate::demo::shot::{Extent, Reason, Shot, World, words};
use crate::demo::stage::{Camera, Lamp, Surroundings};

pub struct BallPins {
    around: Surroundings,
    colours: [V3; 3],
    body: V3,
    radius: f32,
    speed: f32,
    /// The first pin.
    head: V3,
    drift: f32,
    falls: Vec<Fall>,
}

/// One pin: where it stands and how it goes.
struct Fall {
    at: V3,
    hit: f32,
    toward: V3,
    /// Radians a second.
    knock: f32,
    slide: f32,
    spin: f32,
}

impl BallPins {
    pub fn new(seed: u64) -> Self {
        let mut vary = Variation::new(seed, 1);
        let around = looks::table(
            &mut vary,
            &[looks::oak(), looks::pale_terrazzo(), looks::walnut(), looks::linen()],
            &[0x4f6a6e, 0x6e5a4c, 0x54596b, 0x66705a],
        );
        let colours = vary.colours([0xe23a22, 0xf4ead6, 0x1c7c86]);
        let body = rgb(vary.choose(&[0xf1e4cb, 0xe8d2a8, 0xdfe4e2]));
        let radius = vary.near(0.29, 0.2);
        let speed = vary.near(3.9, 0.15);
        let head = v3(0.55 + vary.off(0.25), 0.0, 0.35 + vary.off(0.2));
        let drift = vary.choose(&[0.0, 1.0, 0.6]);
        let hit = (head.x - 0.1 - radius + 3.9) / speed;
        let mut chance = Chance::new(seed, 77);
        let mut falls = vec![];
        for row in 0..3 {
            for k in 0..=row {
                let aside = k as f32 - row as f32 * 0.5;
                let at = head + v3(row as f32 * 0.38, 0.0, aside * 0.46);
                falls.push(Fall {
                    at,
                    hit: hit + 0.075 * row as f32 + 0.02 * chance.unit(),
                    toward: v3(1.0, 0.0, aside * 0.75 + chance.within(-0.18, 0.18)).unit(),
                    knock: chance.within(2.6, 3.8) - 0.3 * row as f32,
                    slide: chance.within(1.1, 1.7) - 0.25 * row as f32,
                    spin: aside * 0.08 + chance.within(-0.04, 0.04),
                });
            }
        }
        Self { around, colours, body, radius, speed, head, drift, falls }
    }

    /// The ball's centre and how far it rolled.
    fn ball(&self, t: f32) -> (V3, f32) {
        let hit = self.falls[0].hit;
        let before = self.speed * t.min(hit);
        let after = (t - hit).max(0.0);
        let travelled = before + after * (2.75 - 0.2 * after);
        let z = self.head.z - 0.06 - 0.12 * (1.0 - before / (self.speed * hit)) - 0.34 * after;
        (v3(-3.9 + travelled, self.radius, z), travelled)
    }
}

impl Fall {
    fn pin(&self, t: f32, body: V3, band: V3) -> Solid {
        let since = t - self.hit;
        if since <= 0.0 {
            return props::pin(self.at, Turn::NONE, body, band);
        }
        // An upright rod falling over, in steps of 1/240 s; it bounces once or twice when it lies.
        let (mut angle, mut speed) = (0.0_f32, self.knock);
        let lying = 1.60;
        let mut now = 0.0;
        while now < since {
            let step = (since - now).min(1.0 / 240.0);
            speed += 22.0 * sine(angle / std::f32::consts::TAU) * step;
            angle += speed * step;
            if angle > lying {
                angle = lying;
                speed = if speed > 1.0 { -0.22 * speed } else { 0.0 };
            }
            now += step;
        }
        let gone = self.slide * since / (1.0 + 1.6 * since);
        let fallen = Turn::around(V3::UP.cross(self.toward), angle / std::f32::consts::TAU);
        let spun = Turn::around(V3::UP, self.spin * since / (0.4 + since) * smooth(0.2, 0.8, since) * 2.0);
        props::pin(self.at + self.toward * gone, fallen.then(&spun), body, band)
    }
}

impl Shot for BallPins {
    fn words(&self) -> Words {
        words("remove the ball", "Six skittles stand untouched on the table.")
    }

    fn target(&self) -> &'static str {
        "Ball"
    }

    fn reasons(&self) -> Vec<Reason> {
        vec![
            Reason {
                name: "Pins",
                reason: "The ball knocks them over. Without it nothing touches them and they stay up.",
                consequence: Consequence::Stay,
                extent: Extent::Rewritten,
            },
            Reason {
                name: "Shadow of the ball",
                reason: "The ball casts it on the table and the pins. It goes with the ball.",
                consequence: Consequence::Vanish,
                extent: Extent::Shade,
            },
        ]
    }

    fn surroundings(&self) -> Surroundings {
        self.around.clone()
    }

    fn camera(&self, t: f32) -> Camera {
        let (eye, at) = (v3(-0.35, 2.15, -5.5), v3(0.12, 0.46, 0.3));
        Camera::drifting(eye, at, 2.05, self.drift, t)
    }

    fn lamp(&self, _t: f32) -> Lamp {
        Lamp { at: v3(-5.5, 7.5, -3.6), softness: 0.085 }
    }

    fn solids(&self, t: f32, world: World) -> Vec<Solid> {
        let when = if world == World::Truth { 0.0 } else { t };
        let mut all: Vec<Solid> =
            self.falls.iter().map(|f| f.pin(when, self.body, self.colours[2])).collect();
        if world == World::Plate {
            let (at, rolled) = self.ball(t);
            let roll = Turn::around(v3(0.0, 0.0, 1.0), 0.1 - rolled / (self.radius * std::f32::consts::TAU));
            let tilt = Turn::around(v3(1.0, 0.0, 0.0), 0.09);
            let colours = [self.colours[0], self.colours[1]];
            all.push(props::ball(Role::Target, at, self.radius, roll.then(&tilt), colours));
        }
        all
    }
}
