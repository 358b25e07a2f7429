//! Things to knock over, carry, push and stand about.

use super::ink::{Ink, Pattern, rgb};
use super::math::{Turn, V3, v3};
use super::shape::{Part, Role, Shape, Solid, limb};

const ACROSS: V3 = v3(0.0, 0.0, 1.0);

/// A lacquered ball in two colours; `turn` shows its roll.
pub fn ball(role: Role, at: V3, radius: f32, turn: Turn, colours: [V3; 2]) -> Solid {
    let ink = Ink::with(
        colours[0],
        0.9,
        Pattern::Band { axis: V3::UP, from: -0.34 * radius, to: 0.34 * radius, colour: colours[1] },
    );
    Solid::new(role, at, turn, 0.0, vec![Part::new(Shape::Ball { centre: V3::ZERO, radius }, ink)])
}

/// A wooden skittle, 0.74 tall, standing on its origin.
pub fn pin(at: V3, turn: Turn, body: V3, band: V3) -> Solid {
    let lower = Ink::with(body, 0.6, Pattern::Band { axis: V3::UP, from: 0.30, to: 0.36, colour: band });
    let upper = Ink::with(body, 0.6, Pattern::Band { axis: V3::UP, from: 0.47, to: 0.53, colour: band });
    let parts = vec![
        Part::new(limb(v3(0.0, 0.10, 0.0), v3(0.0, 0.26, 0.0), 0.10, 0.135), lower),
        Part::new(limb(v3(0.0, 0.26, 0.0), v3(0.0, 0.50, 0.0), 0.135, 0.055), lower),
        Part::new(limb(v3(0.0, 0.50, 0.0), v3(0.0, 0.66, 0.0), 0.055, 0.08), upper),
    ];
    let mut solid = Solid::new(Role::Extra, at, turn, 0.03, parts).grounded();
    solid.folded = false;
    solid
}

/// A cardboard box with tape, its centre at `at`.
pub fn parcel(role: Role, at: V3, yaw: f32, half: V3, card: V3, tape: V3) -> Solid {
    let ink = Ink::with(
        card,
        0.04,
        Pattern::Band { axis: v3(1.0, 0.0, 0.0), from: -0.17 * half.x, to: 0.17 * half.x, colour: tape },
    );
    let block = Shape::Block { centre: V3::ZERO, half, round: 0.025 };
    Solid::new(role, at, Turn::around(V3::UP, yaw), 0.0, vec![Part::new(block, ink)])
}

/// A ribbed gourd that stands on the ground below `at`.
pub fn gourd(role: Role, at: V3, yaw: f32, radius: f32, skin: V3) -> Solid {
    let stalk = Ink::plain(rgb(0x6b6a33), 0.2);
    let height = 0.78;
    let parts = vec![
        Part::new(Shape::Gourd { radius, height, rib: 0.13 }, Ink::plain(skin, 0.45)),
        Part::new(
            limb(
                v3(0.0, radius * 0.48, 0.0),
                v3(radius * 0.13, radius * 0.92, 0.0),
                radius * 0.13,
                radius * 0.075,
            ),
            stalk,
        ),
    ];
    let centre = at + v3(0.0, radius * height * 0.93, 0.0);
    let mut solid = Solid::new(role, centre, Turn::around(V3::UP, yaw), radius * 0.12, parts);
    solid.folded = true;
    solid
}

/// A tall vase with handles, standing on `at`, about 1.6 × `size` tall.
pub fn vase(role: Role, at: V3, yaw: f32, size: f32, glaze: V3, band: V3) -> Solid {
    let s = size;
    let axis = v3(0.0, 1.0, 0.0);
    let ink =
        Ink::with(glaze, 0.85, Pattern::Stripes { axis: v3(0.5, 0.6, 0.0), width: 0.16 * s, colour: band });
    let plain = Ink::plain(glaze, 0.85);
    let dark = Ink::plain(band, 0.7);
    let handle = |side: f32| {
        Part::new(
            Shape::Ring {
                centre: v3(0.30 * s * side, 1.02 * s, 0.0),
                axis: ACROSS,
                radius: 0.19 * s,
                thick: 0.042 * s,
            },
            dark,
        )
    };
    let drum = |y: f32, radius: f32, half: f32, ink: Ink| {
        Part::new(
            Shape::Drum {
                centre: v3(0.0, y * s, 0.0),
                axis,
                radius: radius * s,
                half: half * s,
                round: 0.03 * s,
            },
            ink,
        )
    };
    let parts = vec![
        Part::new(limb(v3(0.0, 0.34 * s, 0.0), v3(0.0, 0.68 * s, 0.0), 0.27 * s, 0.40 * s), ink),
        Part::new(limb(v3(0.0, 0.72 * s, 0.0), v3(0.0, 1.28 * s, 0.0), 0.38 * s, 0.12 * s), ink),
        drum(1.40, 0.22, 0.045, dark),
        drum(0.06, 0.25, 0.06, dark),
        Part::new(limb(v3(0.0, 1.2 * s, 0.0), v3(0.0, 1.36 * s, 0.0), 0.13 * s, 0.16 * s), plain),
        handle(-1.0),
        handle(1.0),
    ];
    Solid::new(role, at, Turn::around(V3::UP, yaw), 0.05 * s, parts)
}

/// A leaf whose middle is at `at`.
pub fn leaf(role: Role, at: V3, turn: Turn, length: f32, colour: V3, vein: V3) -> Solid {
    let ink = Ink::with(colour, 0.25, Pattern::Vein { colour: vein });
    let parts = vec![
        Part::new(Shape::Leaf { length, curl: 0.10 }, ink),
        Part::new(
            limb(
                v3(-0.5 * length, 0.07 * length, 0.0),
                v3(-0.72 * length, 0.13 * length, 0.02),
                0.014,
                0.009,
            ),
            Ink::plain(vein, 0.1),
        ),
    ];
    Solid::new(role, at, turn, 0.01, parts)
}

/// A flat-bed cart with a handle towards −x and what it carries; `at` is the ground under its middle.
/// `rolled` is how far it has come, which turns its wheels.
pub fn cart(at: V3, rolled: f32, paint: V3, load: [V3; 3]) -> Vec<Solid> {
    let body = Ink::plain(paint, 0.55);
    let metal = Ink::plain(rgb(0x3a3d42), 0.6);
    let block = |x: f32, y: f32, z: f32, hx: f32, hy: f32, hz: f32| {
        Part::new(Shape::Block { centre: v3(x, y, z), half: v3(hx, hy, hz), round: 0.02 }, body)
    };
    let rail = |a: V3, b: V3| Part::new(limb(a, b, 0.028, 0.028), metal);
    let frame = vec![
        block(0.0, 0.34, 0.0, 0.62, 0.045, 0.36),
        block(0.0, 0.46, -0.34, 0.62, 0.10, 0.025),
        block(0.0, 0.46, 0.34, 0.62, 0.10, 0.025),
        block(0.60, 0.46, 0.0, 0.025, 0.10, 0.36),
        block(-0.60, 0.46, 0.0, 0.025, 0.10, 0.36),
        rail(v3(-0.62, 0.40, -0.28), v3(-0.80, 0.98, -0.28)),
        rail(v3(-0.62, 0.40, 0.28), v3(-0.80, 0.98, 0.28)),
        rail(v3(-0.80, 0.98, -0.28), v3(-0.80, 0.98, 0.28)),
    ];
    let mut all = vec![Solid::new(Role::Extra, at, Turn::NONE, 0.0, frame)];
    let radius = 0.17;
    for (x, z) in [(-0.40, -0.33), (0.40, -0.33), (-0.40, 0.33), (0.40, 0.33)] {
        let ink =
            Ink::with(rgb(0x26272b), 0.3, Pattern::Wheel { centre: V3::ZERO, radius, colour: rgb(0xd9c9a8) });
        let wheel = Shape::Drum { centre: V3::ZERO, axis: ACROSS, radius, half: 0.05, round: 0.025 };
        let turn = Turn::around(ACROSS, -rolled / (radius * std::f32::consts::TAU));
        all.push(Solid::new(Role::Extra, at + v3(x, radius, z), turn, 0.0, vec![Part::new(wheel, ink)]));
    }
    all.push(gourd(Role::Extra, at + v3(-0.24, 0.38, 0.02), 0.03, 0.30, load[0]));
    let globe = |x: f32, z: f32, radius: f32, colour: V3| {
        let part = Part::new(Shape::Ball { centre: V3::ZERO, radius }, Ink::plain(colour, 0.8));
        Solid::new(Role::Extra, at + v3(x, 0.385 + radius, z), Turn::NONE, 0.0, vec![part])
    };
    all.push(globe(0.26, -0.06, 0.21, load[1]));
    all.push(globe(0.42, 0.22, 0.15, load[2]));
    all
}

/// A round bush in a pot, standing on `at`.
pub fn plant(at: V3, size: f32, pot: V3) -> Solid {
    let s = size;
    let green = |hex: u32| Ink::plain(rgb(hex), 0.1);
    let clump = |x: f32, y: f32, z: f32, r: f32, hex: u32| {
        Part::new(Shape::Ball { centre: v3(x, y, z) * s, radius: r * s }, green(hex))
    };
    let parts = vec![
        clump(0.0, 0.95, 0.0, 0.34, 0x3c6b3e),
        clump(-0.22, 0.78, -0.12, 0.24, 0x4b7d46),
        clump(0.24, 0.80, -0.08, 0.25, 0x35613c),
        clump(0.05, 1.20, -0.05, 0.24, 0x558a4b),
        clump(-0.10, 1.02, -0.22, 0.20, 0x477a45),
        Part::new(
            limb(v3(0.0, 0.14 * s, 0.0), v3(0.0, 0.42 * s, 0.0), 0.17 * s, 0.24 * s),
            Ink::plain(pot, 0.25),
        ),
    ];
    Solid::new(Role::Extra, at, Turn::NONE, 0.05 * s, parts).grounded()
}

/// A block of wood or stone, standing on `at`.
pub fn cube(at: V3, yaw: f32, half: f32, colour: V3) -> Solid {
    let block = Shape::Block { centre: V3::ZERO, half: v3(half, half, half), round: half * 0.14 };
    let up = at + v3(0.0, half, 0.0);
    Solid::new(
        Role::Extra,
        up,
        Turn::around(V3::UP, yaw),
        0.0,
        vec![Part::new(block, Ink::plain(colour, 0.3))],
    )
}
