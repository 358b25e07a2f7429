//! Baked surfaces of tables, floors and walls: tileable, in linear light, with smaller copies for the distance.

use rayon::prelude::*;

use super::math::{V3, floor, mix, scramble, smooth, v3};

/// What a surface is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stuff {
    /// Long boards.
    Planks { light: V3, dark: V3, boards: u32 },
    /// Cast stone with chips.
    Terrazzo { ground: V3, chips: [V3; 3] },
    /// Woven cloth.
    Linen { warp: V3, weft: V3 },
    /// Square tiles with joints.
    Tiles { one: V3, two: V3, joint: V3, count: u32 },
    /// Painted plaster.
    Plaster { paint: V3 },
}

/// A square picture that repeats, and its halvings down to one texel.
pub struct Texture {
    /// Smallest last. Linear RGB and one spare, so that a texel is one load.
    levels: Vec<(usize, Vec<[f32; 4]>)>,
}

impl Texture {
    /// `size` texels a side, a power of two.
    pub fn bake(stuff: &Stuff, size: usize, seed: u32) -> Self {
        let mut fine = vec![V3::ZERO; size * size];
        fine.par_chunks_mut(size).enumerate().for_each(|(y, row)| {
            for (x, texel) in row.iter_mut().enumerate() {
                *texel = stuff.at((x as f32 + 0.5) / size as f32, (y as f32 + 0.5) / size as f32, seed);
            }
        });
        let mut levels = vec![];
        let mut size = size;
        loop {
            levels.push((size, fine.iter().map(|c| [c.x, c.y, c.z, 0.0]).collect()));
            if size == 1 {
                return Self { levels };
            }
            let half = size / 2;
            let coarse = (0..half * half).map(|at| {
                let from = at / half * 2 * size + at % half * 2;
                (fine[from] + fine[from + 1] + fine[from + size] + fine[from + size + 1]) * 0.25
            });
            fine = coarse.collect();
            size = half;
        }
    }

    /// The colour at `(u, v)` (1 = one repeat) averaged over about `width` of a repeat.
    #[inline]
    pub fn at(&self, u: f32, v: f32, width: f32) -> V3 {
        let texels = (width * self.levels[0].0 as f32).max(1.0);
        let bits = texels.to_bits();
        let level = ((bits >> 23) as usize).saturating_sub(127); // floor of the binary logarithm, texels ≥ 1
        let part = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000) - 1.0;
        let mut colour = self.bilinear(level, u, v);
        if part > 0.0 {
            colour = mixed(&colour, &self.bilinear(level + 1, u, v), part);
        }
        v3(colour[0], colour[1], colour[2])
    }

    #[inline]
    fn bilinear(&self, level: usize, u: f32, v: f32) -> [f32; 4] {
        let (size, texels) = &self.levels[level.min(self.levels.len() - 1)];
        let mask = size - 1;
        let (x, y) = (u * *size as f32 - 0.5, v * *size as f32 - 0.5);
        let (left, top) = (floor(x), floor(y));
        let (fx, fy) = (x - left, y - top);
        let (x0, y0) = (left as i32 as usize & mask, top as i32 as usize & mask);
        let (x1, y1) = ((x0 + 1) & mask, (y0 + 1) & mask);
        let upper = mixed(&texels[y0 * size + x0], &texels[y0 * size + x1], fx);
        let lower = mixed(&texels[y1 * size + x0], &texels[y1 * size + x1], fx);
        mixed(&upper, &lower, fy)
    }
}

/// Four lanes at once.
#[inline]
fn mixed(a: &[f32; 4], b: &[f32; 4], amount: f32) -> [f32; 4] {
    [
        a[0] + (b[0] - a[0]) * amount,
        a[1] + (b[1] - a[1]) * amount,
        a[2] + (b[2] - a[2]) * amount,
        a[3] + (b[3] - a[3]) * amount,
    ]
}

/// A value 0–1 that belongs to a lattice point.
fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    (scramble((x as u32).wrapping_mul(0x8da6_b343) ^ (y as u32).wrapping_mul(0xd816_3841) ^ seed) >> 8) as f32
        / 16_777_216.0
}

/// Smooth noise 0–1 at 0 ≤ u, v < 1 that repeats `nx` by `ny` lattice points over the unit square.
fn noise(u: f32, v: f32, nx: i32, ny: i32, seed: u32) -> f32 {
    let (x, y) = (u * nx as f32, v * ny as f32);
    let (left, top) = (floor(x), floor(y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease(x - left), ease(y - top));
    let wrap = |k: i32, n: i32| if k >= n { k - n } else { k };
    let (x0, y0) = (wrap(left as i32, nx), wrap(top as i32, ny));
    let (x1, y1) = (wrap(x0 + 1, nx), wrap(y0 + 1, ny));
    mix(
        mix(lattice(x0, y0, seed), lattice(x1, y0, seed), fx),
        mix(lattice(x0, y1, seed), lattice(x1, y1, seed), fx),
        fy,
    )
}

/// Noise of several sizes, each half as big and half as strong.
fn layers(u: f32, v: f32, nx: i32, ny: i32, count: u32, seed: u32) -> f32 {
    let (mut sum, mut weight) = (0.0, 0.5);
    for k in 0..count {
        sum += weight * noise(u, v, nx << k, ny << k, seed.wrapping_add(k * 7919));
        weight *= 0.5;
    }
    sum / (1.0 - 2.0 * weight)
}

impl Stuff {
    fn at(&self, u: f32, v: f32, seed: u32) -> V3 {
        match *self {
            Self::Planks { light, dark, boards } => planks(u, v, seed, light, dark, boards),
            Self::Terrazzo { ground, chips } => terrazzo(u, v, seed, ground, &chips),
            Self::Linen { warp, weft } => {
                let threads = 150.0;
                let (x, y) = (u * threads, v * threads);
                let (fx, fy) = (x - floor(x) - 0.5, y - floor(y) - 0.5);
                let over = (floor(x) as i32 + floor(y) as i32) & 1 == 0;
                let (across, along, base) = if over { (fx, fy, warp) } else { (fy, fx, weft) };
                let slub =
                    0.75 + 0.5 * if over { noise(u, v, 150, 9, seed) } else { noise(u, v, 9, 150, seed + 1) };
                let round = (1.0 - 2.6 * across * across) * (1.0 - 0.9 * along * along);
                base * (round * slub * mix(0.9, 1.1, layers(u, v, 5, 5, 4, seed + 2)))
            }
            Self::Tiles { one, two, joint, count } => {
                let (x, y) = (u * count as f32, v * count as f32);
                let (ix, iy) = (floor(x) as i32, floor(y) as i32);
                let tint = lattice(ix, iy, seed);
                let base = if (ix + iy) & 1 == 0 { one } else { two };
                let marble = layers(u, v, 11, 11, 6, seed + (scramble(tint.to_bits()) & 1023));
                let vein = 1.0 - smooth(0.0, 0.05, (marble - 0.5).abs());
                let body = base * (0.88 + 0.16 * tint) * (0.8 + 0.4 * marble) * (1.0 - 0.12 * vein);
                let edge = (0.5 - (x - floor(x) - 0.5).abs()).min(0.5 - (y - floor(y) - 0.5).abs());
                joint.lerp(body, smooth(0.008, 0.02, edge))
            }
            Self::Plaster { paint } => {
                let cloud = layers(u, v, 4, 4, 6, seed);
                let trowel = layers(u, v, 9, 23, 5, seed + 9);
                paint * (0.82 + 0.24 * cloud + 0.12 * trowel)
            }
        }
    }
}

fn planks(u: f32, v: f32, seed: u32, light: V3, dark: V3, boards: u32) -> V3 {
    let y = v * boards as f32;
    let row = floor(y) as i32;
    let shift = lattice(row, 71, seed);
    let x = u * 2.0 + shift * 2.0;
    let piece = (floor(x) as i32).rem_euclid(2);
    let tint = lattice(piece, row, seed + 5);
    let own = seed.wrapping_add(scramble(row as u32 * 2 + piece as u32 + 40) & 0xffff);
    // The year rings: stripes along the board, bent by slow noise, with fine pores on top.
    let bend = layers(u, v, 3, boards as i32 * 2, 3, own) - 0.5;
    let rings = (y - floor(y) + 0.9 * bend) * 7.0 + lattice(row, 5, own) * 9.0;
    let ring = (rings - floor(rings) - 0.5).abs() * 2.0;
    let fibre = noise(u, v, 24, boards as i32 * 42, own + 1) * 0.6
        + noise(u, v, 60, boards as i32 * 90, own + 2) * 0.4;
    let pore = smooth(0.70, 0.86, noise(u, v, 70, boards as i32 * 64, own + 3));
    let depth = 0.42 * smooth(0.1, 1.0, ring) + 0.36 * fibre + 0.36 * (tint - 0.3) + 0.12 * pore;
    let wood = light.lerp(dark, depth.clamp(0.0, 1.0));
    let seam = (y - floor(y)).min(1.0 - (y - floor(y))) / boards as f32;
    let end = (x - floor(x)).min(1.0 - (x - floor(x))) / 2.0;
    wood * mix(0.3, 1.0, smooth(0.0006, 0.0028, seam.min(end)))
}

fn terrazzo(u: f32, v: f32, seed: u32, ground: V3, chips: &[V3; 3]) -> V3 {
    let cloud = layers(u, v, 6, 6, 5, seed);
    let sand = noise(u, v, 300, 300, seed + 3);
    let mut colour = ground * (0.88 + 0.18 * cloud + 0.10 * (sand - 0.5));
    for (layer, cells) in [(0_u32, 46_i32), (1, 30), (2, 19)] {
        let (x, y) = (u * cells as f32, v * cells as f32);
        for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
            let (cx, cy) = (floor(x) as i32 + dx, floor(y) as i32 + dy);
            let (wx, wy) = (cx.rem_euclid(cells), cy.rem_euclid(cells));
            let of = |k: u32| lattice(wx, wy, seed.wrapping_add(100 * layer + 17 * k));
            if of(0) > 0.42 {
                continue;
            }
            // A chip: a centre and three edges.
            let (qx, qy) = (x - cx as f32 - 0.3 - 0.4 * of(1), y - cy as f32 - 0.3 - 0.4 * of(2));
            if qx * qx + qy * qy > 0.6 {
                continue;
            }
            let (tx, ty) = (of(3) - 0.5, of(4) - 0.5);
            let far = (qx.abs() * (0.8 + tx) + qy.abs() * (0.8 - tx))
                .max((qx + ty * qy).abs() * 1.2)
                .max((qy - tx * qx + 0.3 * qx * ty).abs() * (1.2 + ty));
            let inside = smooth(0.02, -0.02, far - mix(0.14, 0.34, of(5)));
            let chip = chips[(of(6) * 3.0) as usize % 3] * (0.85 + 0.3 * of(7));
            colour = colour.lerp(chip, inside);
        }
    }
    colour
}
