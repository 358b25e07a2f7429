//! Random numbers that depend on the seed alone: drawn on the CPU, the same on every device and machine. What they are
//! used for is decided elsewhere.

use std::f64::consts::TAU;

use tch::Tensor;

/// What SplitMix64 counts by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of normal numbers (SplitMix64 and Box-Muller).
#[derive(Clone)]
pub struct Normal {
    state: u64,
    spare: Option<f64>,
}

impl Normal {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, spare: None }
    }

    /// A stream of its own for every name, so that one more tensor changes no other.
    pub fn named(seed: u64, name: &str) -> Self {
        // FNV-1a
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::new(seed.wrapping_mul(STEP) ^ hash)
    }

    /// The same stream behind so many pairs of numbers, without drawing them.
    pub fn skipped(&self, pairs: u64) -> Self {
        // Each pair takes two steps.
        let steps = pairs.wrapping_mul(2);
        Self { state: self.state.wrapping_add(steps.wrapping_mul(STEP)), spare: None }
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    pub fn draw(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Standard normal numbers in f32 on the CPU.
    pub fn tensor(&mut self, shape: &[i64]) -> Tensor {
        let count = shape.iter().product::<i64>() as usize;
        let values: Vec<f32> = (0..count).map(|_| self.draw() as f32).collect();
        Tensor::from_slice(&values).view(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_from_any_pair() {
        let (stream, mut drawn) = (Normal::new(7), Normal::new(7));
        let all: Vec<f64> = (0..20).map(|_| drawn.draw()).collect();
        for pair in 0..10 {
            let mut there = stream.skipped(pair);
            assert_eq!([there.draw(), there.draw()], all[2 * pair as usize..][..2]);
        }
    }

    #[test]
    fn noise_is_standard_normal_and_repeats_with_its_seed() {
        let noise = Normal::new(7).tensor(&[200, 500]);
        assert!(noise.mean(None).double_value(&[]).abs() < 0.01);
        assert!((noise.std(true).double_value(&[]) - 1.0).abs() < 0.01);
        assert_eq!(noise, Normal::new(7).tensor(&[200, 500]));
        assert_ne!(noise, Normal::new(8).tensor(&[200, 500]));
    }
}
