//! How near a result is to the truth inside its matte.

use std::path::Path;

use media::{Reader, probe, read_mask};
use pipeline::demo::Scene;
use serde_json::{Value, json};

use super::film;
use super::footage::Footage;
use super::removal::Removed;

/// Against the truth, over all pixels with a matte above 0.
pub struct Quality {
    /// Luma of the result and of the plate, in dB.
    pub result: f64,
    pub plate: f64,
    /// The frame that is worst, and how bad.
    pub worst: (u32, f64),
}

impl Quality {
    /// Renders the truth of `scene` and compares it with what was removed from `footage`.
    pub fn measure(scene: &Scene, footage: &Footage, removed: &Removed, seed: u64) -> anyhow::Result<Self> {
        let open = |path: &Path| -> anyhow::Result<Reader> {
            let (_, index) = probe(path, &mut |_| Ok(()))?;
            Ok(Reader::open(path, &index)?)
        };
        let (mut plate, mut result) = (open(&footage.plate)?, open(&removed.result)?);
        let mut matte = read_mask(&removed.matte)?;
        let (mut ours, mut filmed) = (Error::default(), Error::default());
        let mut worst = (0, f64::INFINITY);
        for frame in 0..footage.frames {
            let (plate, result, matte) = (plate.read(frame)?, result.read(frame)?, matte.read(frame)?);
            let truth = film::picture(&scene.truth_16(frame), plate.format, frame, seed);
            let mut here = Error::default();
            let one = f64::from(1u32 << (plate.format.depth() - 8));
            for (at, _) in matte.iter().enumerate().filter(|(_, m)| **m > 0) {
                let (x, y) = (at as u32 % plate.width, at as u32 / plate.width);
                let [plate, result, truth] =
                    [&plate, &result, &truth].map(|p| f64::from(p.planes[0].get(x, y)) / one);
                here.add(result - truth);
                filmed.add(plate - truth);
            }
            if here.count > 0 && here.decibels() < worst.1 {
                worst = (frame, here.decibels());
            }
            ours.sum += here.sum;
            ours.count += here.count;
        }
        Ok(Self { result: ours.decibels(), plate: filmed.decibels(), worst })
    }

    pub fn figures(&self) -> Value {
        json!({
            "psnr_db": hundredths(self.result), "psnr_of_the_plate_db": hundredths(self.plate),
            "worst_frame": self.worst.0, "worst_frame_psnr_db": hundredths(self.worst.1),
        })
    }
}

fn hundredths(decibels: f64) -> f64 {
    (decibels * 100.0).round() / 100.0
}

/// Squared differences in 8-bit steps.
#[derive(Default)]
struct Error {
    sum: f64,
    count: u64,
}

impl Error {
    fn add(&mut self, difference: f64) {
        self.sum += difference * difference;
        self.count += 1;
    }

    /// Against a peak of 255; 99 where there is no difference.
    fn decibels(&self) -> f64 {
        let mean = self.sum / self.count.max(1) as f64;
        (10.0 * (255.0 * 255.0 / mean.max(1e-12)).log10()).min(99.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_everywhere_is_48_decibels() {
        let mut error = Error::default();
        (0..100).for_each(|k| error.add(if k % 2 == 0 { 1.0 } else { -1.0 }));
        assert!((error.decibels() - 48.13).abs() < 0.01);
        assert_eq!(Error::default().decibels(), 99.0);
    }
}
