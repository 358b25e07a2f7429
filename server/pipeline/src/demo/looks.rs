//! Palettes, rooms and tables that the shots are dressed with, and how a seed varies them.

use super::ink::rgb;
use super::math::{Chance, V3, v3};
use super::stage::Surroundings;
use super::texture::Stuff;

/// What a seed changes. Seed 0 is the showcase: every choice is the first, every number as written.
pub struct Variation {
    pub seed: u64,
    chance: Chance,
}

impl Variation {
    pub fn new(seed: u64, salt: u32) -> Self {
        Self { seed, chance: Chance::new(seed, salt) }
    }

    /// `value`, or up to `spread` of it more or less.
    pub fn near(&mut self, value: f32, spread: f32) -> f32 {
        let factor = self.chance.within(1.0 - spread, 1.0 + spread);
        if self.seed == 0 { value } else { value * factor }
    }

    /// 0, or up to `spread` to either side.
    pub fn off(&mut self, spread: f32) -> f32 {
        let off = self.chance.within(-spread, spread);
        if self.seed == 0 { 0.0 } else { off }
    }

    pub fn choose<T: Clone>(&mut self, all: &[T]) -> T {
        let other = self.chance.one_of(all);
        if self.seed == 0 { all[0].clone() } else { other }
    }

    /// Three different saturated colours.
    pub fn colours(&mut self, showcase: [u32; 3]) -> [V3; 3] {
        let mut hues = [0xe2432a_u32, 0x1b7f86, 0xeaa21a, 0x2c56bd, 0x8d3a86, 0x3f8f45, 0xd9577c, 0xef7d23];
        for k in 0..3 {
            let other = k + self.chance.word() as usize % (hues.len() - k);
            hues.swap(k, other);
        }
        let chosen = if self.seed == 0 { showcase } else { [hues[0], hues[1], hues[2]] };
        chosen.map(rgb)
    }
}

const KEY: V3 = v3(2.35, 2.02, 1.60);
const FILL: V3 = v3(0.34, 0.36, 0.42);

/// A table-top with a dim wall far behind it.
pub fn table(vary: &mut Variation, tops: &[Stuff], walls: &[u32]) -> Surroundings {
    let ground = vary.choose(tops);
    let paint = rgb(vary.choose(walls));
    Surroundings {
        ground,
        ground_repeat: 5.0,
        ground_gloss: match ground {
            Stuff::Planks { .. } => 0.55,
            Stuff::Terrazzo { .. } => 0.7,
            _ => 0.0,
        },
        ground_end: 3.4,
        wall: Stuff::Plaster { paint },
        wall_repeat: 9.0,
        wall_z: 7.5,
        wall_blur: 0.12,
        skirting: 0.0,
        pool: v3(0.2, 0.5, 0.5),
        pool_width: 5.4,
        key: KEY,
        fill: FILL,
    }
}

/// A studio floor that meets a wall.
pub fn room(vary: &mut Variation, floors: &[Stuff], walls: &[u32]) -> Surroundings {
    let ground = vary.choose(floors);
    let paint = rgb(vary.choose(walls));
    Surroundings {
        ground,
        ground_repeat: 5.0,
        ground_gloss: if matches!(ground, Stuff::Linen { .. }) { 0.0 } else { 0.4 },
        ground_end: 3.0,
        wall: Stuff::Plaster { paint },
        wall_repeat: 6.0,
        wall_z: 3.0,
        wall_blur: 0.0,
        skirting: 0.24,
        pool: v3(-0.2, 0.8, 0.6),
        pool_width: 5.8,
        key: KEY,
        fill: FILL,
    }
}

pub fn oak() -> Stuff {
    Stuff::Planks { light: rgb(0xc99a66), dark: rgb(0x83532c), boards: 9 }
}

pub fn walnut() -> Stuff {
    Stuff::Planks { light: rgb(0x97683f), dark: rgb(0x4d2e1a), boards: 7 }
}

pub fn pale_terrazzo() -> Stuff {
    Stuff::Terrazzo { ground: rgb(0xd8cdbd), chips: [rgb(0xb5654a), rgb(0x5f6f72), rgb(0xe9d9b8)] }
}

pub fn grey_terrazzo() -> Stuff {
    Stuff::Terrazzo { ground: rgb(0x9a9a96), chips: [rgb(0xdedad0), rgb(0x55585c), rgb(0xb98a66)] }
}

pub fn linen() -> Stuff {
    Stuff::Linen { warp: rgb(0xcdbfa6), weft: rgb(0xb3a48b) }
}

pub fn tiles() -> Stuff {
    Stuff::Tiles { one: rgb(0xc9b89c), two: rgb(0x9d8468), joint: rgb(0x6e6253), count: 8 }
}
