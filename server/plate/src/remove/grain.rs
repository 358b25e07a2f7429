//! Grain: measured where a frame and the clean picture show the same, and made again where the plate was replaced.
//! Made from integers and plain arithmetic only, so that a seed means the same grain on every machine.

use std::collections::HashMap;
use std::sync::Arc;

/// Grain of one plane: its strength (of 65535) and how alike neighbours are, 0–0.9.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Grain {
    pub strength: f32,
    pub likeness: f32,
}

/// Measures grain from runs of neighbouring differences between a frame and a clean picture of the same place.
///
/// Second differences suppress what is left of the structure; the median ignores places where the two disagree.
pub(crate) fn measure(runs: &[Vec<f32>]) -> Grain {
    let mut near = Vec::new();
    let mut wide = Vec::new();
    for run in runs {
        for v in run.windows(5) {
            near.push((v[1] - 2.0 * v[2] + v[3]).abs());
            wide.push((v[0] - 2.0 * v[2] + v[4]).abs());
        }
    }
    if near.len() < 200 {
        return Grain::default();
    }
    // The median of |x| is 0.6745 standard deviations.
    let variance_of = |mut all: Vec<f32>| {
        let half = all.len() / 2;
        (*all.select_nth_unstable_by(half, f32::total_cmp).1 / 0.6745).powi(2)
    };
    let (near, wide) = (variance_of(near), variance_of(wide));
    if near <= 0.0 {
        return Grain::default();
    }
    // Likeness falls by r per step: near = σ²(6 − 8r + 2r²), wide = σ²(6 − 8r² + 2r⁴).
    let expected = |r: f32| (6.0 - 8.0 * r * r + 2.0 * r.powi(4)) / (6.0 - 8.0 * r + 2.0 * r * r);
    let mut likeness = 0.0;
    while likeness < 0.5 && expected(likeness) < wide / near {
        likeness += 0.02;
    }
    let variance = near / (6.0 - 8.0 * likeness + 2.0 * likeness * likeness);
    Grain { strength: variance.sqrt(), likeness }
}

/// Well mixed bits, the same for the same numbers.
fn white_bits(seed: u64, frame: u32, plane: usize, x: i32, y: i32) -> u64 {
    let mut h = seed ^ (u64::from(frame) << 32 | (plane as u64) << 60);
    h = (h ^ (x as u32 as u64) << 32 ^ y as u32 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^ (h >> 31)
}

/// A value of about unit deviation for a place.
fn white(seed: u64, frame: u32, plane: usize, x: i32, y: i32) -> f32 {
    let h = white_bits(seed, frame, plane, x, y);
    // Four 16-bit numbers: their sum is close enough to a bell, and bounded.
    let sum = (h & 0xffff) + (h >> 16 & 0xffff) + (h >> 32 & 0xffff) + (h >> 48);
    (sum as f32 - 131_070.0) / 37_837.0
}

/// Side of the square of grain that pictures are covered with; each frame begins at another place of it.
pub(crate) const TILE: usize = 512;

/// Grain of unit deviation to cover pictures with.
pub(crate) struct Tile {
    values: Vec<f32>,
}

impl Tile {
    /// A square of grain for a plane, neighbours alike by `likeness`.
    pub fn new(seed: u64, plane: usize, likeness: f32) -> Self {
        let size = TILE as i32;
        let mut values = vec![0.0; TILE * TILE];
        // Taps (b, 1, b) both ways: neighbours are alike by 2b / (1 + 2b²), which is inverted here.
        let r = likeness.clamp(0.001, 0.66);
        let b = (1.0 - (1.0 - 2.0 * r * r).max(0.0).sqrt()) / (2.0 * r);
        let scale = 1.0 / (1.0 + 2.0 * b * b);
        let raw: Vec<f32> =
            (0..size).flat_map(|y| (0..size).map(move |x| white(seed, 0, plane, x, y))).collect();
        let at = |x: i32, y: i32| raw[(y.rem_euclid(size) * size + x.rem_euclid(size)) as usize];
        for y in 0..size {
            for x in 0..size {
                let across = |y: i32| b * at(x - 1, y) + at(x, y) + b * at(x + 1, y);
                values[(y * size + x) as usize] = scale * (b * across(y - 1) + across(y) + b * across(y + 1));
            }
        }
        Self { values }
    }

    /// The row of grain at `y` of `frame`: look at `row[(x + shift) % row.len()]` for column `x`.
    pub fn row(&self, seed: u64, frame: u32, plane: usize, y: usize) -> (&[f32; TILE], usize) {
        let place = white_bits(seed ^ 0xA5A5, frame, plane, 0, 0);
        let band = (y / TILE) as u64; // the next tile down begins elsewhere
        let line = (y + (place & 0xffff) as usize + 37 * band as usize) % TILE;
        let shift = (place >> 16 & 0xffff) as usize + 101 * band as usize;
        let row = self.values[line * TILE..].first_chunk().expect("a tile has `TILE` rows of `TILE`");
        (row, shift)
    }
}

/// Tiles that were made already.
pub(crate) struct Tiles {
    seed: u64,
    made: HashMap<(usize, u32), Arc<Tile>>,
}

impl Tiles {
    pub fn new(seed: u64) -> Self {
        Self { seed, made: HashMap::new() }
    }

    pub fn get(&mut self, plane: usize, likeness: f32) -> Arc<Tile> {
        let seed = self.seed;
        let key = (plane, (likeness * 50.0).round() as u32);
        let made = || Arc::new(Tile::new(seed, plane, key.1 as f32 / 50.0));
        Arc::clone(self.made.entry(key).or_insert_with(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grain_that_is_made_is_measured_again() {
        for likeness in [0.0, 0.4] {
            let tile = Tile::new(7, 0, likeness);
            let rows: Vec<Vec<f32>> =
                (0..64).map(|y| tile.row(7, 3, 0, y).0.iter().map(|v| 500.0 * v).collect()).collect();
            let grain = measure(&rows);
            assert!((400.0..600.0).contains(&grain.strength), "{grain:?} of {likeness}");
        }
    }

    #[test]
    fn a_seed_means_the_same_grain_and_another_seed_another() {
        let made = |seed, frame| {
            let tile = Tile::new(seed, 1, 0.3);
            let (row, shift) = tile.row(seed, frame, 1, 9);
            (0..32).map(|x| row[(x + shift) % row.len()]).collect::<Vec<f32>>()
        };
        assert_eq!(made(1, 2), made(1, 2));
        assert_ne!(made(1, 2), made(1, 3));
        assert_ne!(made(1, 2), made(2, 2));
    }
}
