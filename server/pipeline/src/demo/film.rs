//! From light to display values: exposure, the tone curve and grain. Darker corners belong to the lens, in `render`.

use super::math::Chance;

const GRAIN: usize = 256;

/// The film stock: the same stock and frame number give a pixel the same grain, whatever is in the picture.
pub struct Film {
    /// A square of correlated noise, three channels, about ±40.
    grain: Vec<i8>,
    seed: u64,
    strength: f32,
}

impl Film {
    /// `strength`: how much of the display range a strong grain moves a middle tone.
    pub fn new(seed: u64, strength: f32) -> Self {
        Self { grain: grain(seed), seed, strength: strength / 40.0 }
    }

    /// Where a frame's grain begins in the stock.
    pub fn shift(&self, frame: u32) -> u32 {
        Chance::new(self.seed, frame ^ 0x5eed).word()
    }

    /// Turns light (RGB, pixel by pixel) into display-coded samples, 0–65535, for a stretch of row `y` that begins
    /// at `x` and crosses no multiple of 16; `shift` is the frame's.
    pub fn expose(&self, light: &[f32], (x, y): (usize, usize), shift: u32, out: &mut [u16]) {
        // Another square each frame and each stretch of it, so that no repeat is seen. Starts are multiples of 16
        // and so are the shifts along the row: a stretch never leaves its square.
        let (square_x, square_y) = (x / GRAIN, y / GRAIN);
        let along = (shift as usize & 240) + square_x * 48 + square_y * 112;
        let down = (shift as usize >> 8 & 255) + square_x * 71 + square_y * 37;
        let from = ((y + down) % GRAIN * GRAIN + (x + along) % GRAIN) * 3;
        let grain = &self.grain[from..from + light.len()];
        for ((out, &light), &grain) in out.iter_mut().zip(light).zip(grain) {
            let coded = display(light);
            // Most grain in the middle tones.
            let amount = self.strength * (0.35 + 2.6 * coded * (1.0 - coded));
            let value = (coded + f32::from(grain) * amount).clamp(0.0, 1.0);
            *out = (value * 65535.0 + 0.5) as i32 as u16;
        }
    }
}

/// The tone curve: a soft shoulder, a slight toe, then sRGB coding. 0–1.
#[inline]
fn display(light: f32) -> f32 {
    let x = light.clamp(0.0, 8.0) * 1.05;
    let shoulder = (x * (1.0 + x * 0.05) / (1.0 + x * 0.72)).min(1.0);
    let rise = (shoulder * (1.0 / 0.35)).min(1.0);
    let toe = shoulder * (0.86 + 0.14 * (rise * rise * (3.0 - 2.0 * rise)));
    // sRGB from square roots, within 1/500
    let s1 = toe.sqrt();
    let s2 = s1.sqrt();
    let s3 = s2.sqrt();
    (0.662_002_7 * s1 + 0.684_122_1 * s2 - 0.323_583_6 * s3 - 0.022_541_147 * toe).clamp(0.0, 1.0)
}

/// Noise whose neighbours resemble each other a little, as grains cover more than a pixel; mostly grey.
fn grain(seed: u64) -> Vec<i8> {
    let mut chance = Chance::new(seed, 0x6ea1);
    let mut bell = || (0..4).map(|_| chance.unit()).sum::<f32>() - 2.0; // nearly Gaussian
    let raw: Vec<[f32; 4]> = (0..GRAIN * GRAIN).map(|_| [bell(), bell(), bell(), bell()]).collect();
    let soft = |x: usize, y: usize, c: usize| {
        let at = |dx: usize, dy: usize| raw[(y + dy) % GRAIN * GRAIN + (x + dx) % GRAIN][c];
        0.8 * at(1, 1) + 0.28 * (at(0, 1) + at(2, 1) + at(1, 0) + at(1, 2))
    };
    (0..GRAIN * GRAIN)
        .flat_map(|k| {
            let (x, y) = (k % GRAIN, k / GRAIN);
            let grey = soft(x, y, 3);
            [0, 1, 2].map(|c| ((0.85 * grey + 0.4 * soft(x, y, c)) * 60.0).clamp(-120.0, 120.0) as i8)
        })
        .collect()
}
