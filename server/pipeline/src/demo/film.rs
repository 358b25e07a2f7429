//! From light to display values: exposure, the tone curve, darker corners and grain.

use super::math::{Chance, V3, smooth};

const CURVE: usize = 2048;
/// Brightest light the curve tells apart.
const WHITE: f32 = 8.0;
const GRAIN: usize = 256;

/// The film stock: the same stock and frame number give a pixel the same grain, whatever is in the picture.
pub struct Film {
    /// Display values over the square root of light.
    curve: Vec<f32>,
    /// A square of correlated noise, three channels, about ±1.
    grain: Vec<[f32; 3]>,
    seed: u64,
    strength: f32,
}

impl Film {
    pub fn new(seed: u64, strength: f32) -> Self {
        let curve = (0..=CURVE).map(|k| {
            let root = k as f32 / CURVE as f32;
            display(root * root * WHITE)
        });
        Self { curve: curve.collect(), grain: grain(seed), seed, strength }
    }

    /// Where a frame's grain begins in the stock.
    pub fn shift(&self, frame: u32) -> u32 {
        Chance::new(self.seed, frame ^ 0x5eed).word()
    }

    /// Display-coded RGB, 0–65535, of the pixel at `(x, y)` of a `w`×`h` picture; `shift` is the frame's.
    #[inline]
    pub fn expose(&self, light: V3, (x, y): (usize, usize), (w, h): (usize, usize), shift: u32) -> [u16; 3] {
        let (dx, dy) = ((x as f32 + 0.5) / w as f32 - 0.5, (y as f32 + 0.5) / h as f32 - 0.5);
        let corner = 1.0 - 0.62 * (dx * dx + dy * dy);
        let shift = shift as usize;
        // Another square each frame and each stretch of it, so that no repeat is seen.
        let block = (x / GRAIN).wrapping_mul(71) ^ (y / GRAIN).wrapping_mul(131);
        let gx = (x + (shift & 255) + block * 37) % GRAIN;
        let gy = (y + (shift >> 8 & 255) + block * 53) % GRAIN;
        let grain = self.grain[gy * GRAIN + gx];
        let bright = corner * (1.0 / WHITE);
        let (r, g, b) =
            (self.code(light.x * bright), self.code(light.y * bright), self.code(light.z * bright));
        let luma = 0.25 * r + 0.65 * g + 0.10 * b;
        // Most grain in the middle tones.
        let amount = self.strength * (0.35 + 2.6 * luma * (1.0 - luma));
        [sample(r + grain[0] * amount), sample(g + grain[1] * amount), sample(b + grain[2] * amount)]
    }

    /// The display value of light, 0–1 of what the curve tells apart.
    #[inline]
    fn code(&self, light: f32) -> f32 {
        let at = light.clamp(0.0, 1.0).sqrt() * (CURVE as f32 - 0.01);
        let k = at as i32 as usize;
        let (low, high) = (self.curve[k], self.curve[k + 1]);
        low + (high - low) * (at - k as i32 as f32)
    }
}

#[inline]
fn sample(value: f32) -> u16 {
    (value.clamp(0.0, 1.0) * 65535.0 + 0.5) as i32 as u16
}

/// The tone curve: a soft shoulder, a slight toe, then sRGB coding.
fn display(light: f32) -> f32 {
    let x = light * 1.05;
    let shoulder = x * (1.0 + x / 20.0) / (1.0 + x * 0.72);
    let toe = shoulder.min(1.0);
    let toe = toe * (0.86 + 0.14 * smooth(0.0, 0.35, toe));
    // sRGB from square roots, within 1/500
    let s1 = toe.sqrt();
    let s2 = s1.sqrt();
    let s3 = s2.sqrt();
    (0.662_002_7 * s1 + 0.684_122_1 * s2 - 0.323_583_6 * s3 - 0.022_541_147 * toe).clamp(0.0, 1.0)
}

/// Noise whose neighbours resemble each other a little, as grains cover more than a pixel; mostly grey.
fn grain(seed: u64) -> Vec<[f32; 3]> {
    let mut chance = Chance::new(seed, 0x6ea1);
    let mut bell = || (0..4).map(|_| chance.unit()).sum::<f32>() - 2.0; // nearly Gaussian
    let raw: Vec<[f32; 4]> = (0..GRAIN * GRAIN).map(|_| [bell(), bell(), bell(), bell()]).collect();
    let soft = |x: usize, y: usize, c: usize| {
        let at = |dx: usize, dy: usize| raw[(y + dy) % GRAIN * GRAIN + (x + dx) % GRAIN][c];
        0.8 * at(1, 1) + 0.28 * (at(0, 1) + at(2, 1) + at(1, 0) + at(1, 2))
    };
    (0..GRAIN * GRAIN)
        .map(|k| {
            let (x, y) = (k % GRAIN, k / GRAIN);
            let grey = soft(x, y, 3);
            [0, 1, 2].map(|c| 1.5 * (0.85 * grey + 0.4 * soft(x, y, c)))
        })
        .collect()
}
