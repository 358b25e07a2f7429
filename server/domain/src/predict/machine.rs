//! A device and the networks that it runs, as its worker tells of them: what a run will take before anything was run there.
//!
//! Source: void-spec §8.4, for what the autoencoder computes and for how much of a device's speed such networks reach.

use serde::{Deserialize, Serialize};

use super::{Asked, Device, Model, Pace, Prediction, predict};
use crate::recipe::{Memory, VoidRecipe};

/// Floating-point operations of the published autoencoder for each pixel that it encodes and decodes.
const ENCODE: f64 = 8.75e6;
const DECODE: f64 = 18.55e6;
/// Channels of its largest layer at full size: operations grow with their square.
const CHANNELS: f64 = 256.0;
/// How much of the speed of a plain matrix product the transformer reaches, and the autoencoder.
const BY_TRANSFORMER: f64 = 0.55;
const BY_AUTOENCODER: f64 = 0.3;
/// Bytes that come from a processor's memory into a GPU's in a second.
const CARRIED: f64 = 12e9;
/// Pixels of the plate that are read, set, written and read again in a second: about what the plate engine reaches.
const PLATE: f64 = 15e6;

/// What computes, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub model: Model,
    pub device: Device,
    /// Bytes of the device's memory that were free before its worker loaded anything; 0: it does not say.
    pub room: u64,
    /// Floating-point operations of matrix products in a second, in the precision that runs compute in; 0: not measured.
    pub operations: u64,
}

/// A run that is thought of.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub recipe: &'a VoidRecipe,
    /// 1 or 2.
    pub pass: u32,
    pub frames: u32,
    /// Of the plate, in pixels.
    pub width: u32,
    pub height: u32,
}

/// What was predicted of a run before it began, under the plan of memory that it had.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    pub plan: Memory,
    /// Of the device, at most.
    pub bytes: u64,
    /// Where the device's speed is known.
    pub seconds: Option<f64>,
}

impl Machine {
    /// How fast networks of this size are likely to be here.
    fn pace(&self) -> Option<Pace> {
        let operations = (self.operations > 0).then_some(self.operations as f64)?;
        let share = self.model.vae_channels.max(1) as f64 / CHANNELS;
        let pixels = |each: f64| operations * BY_AUTOENCODER / (each * share * share);
        Some(Pace {
            transformer: operations * BY_TRANSFORMER,
            encode: pixels(ENCODE),
            decode: pixels(DECODE),
        })
    }

    /// Windows, bytes for each plan, and seconds of the networks alone.
    pub fn prediction(&self, wanted: &Wanted) -> Prediction {
        let Wanted { recipe, pass, frames, width: _, height: _ } = *wanted;
        let (model, device, pace) = (&self.model, self.device, self.pace());
        predict(&Asked { recipe, pass, frames, cuts: &[], model, device, pace })
    }

    /// What the whole of a run takes under a plan.
    pub fn predicted(&self, wanted: &Wanted, plan: Memory) -> Predicted {
        let all = self.prediction(wanted);
        let networks = all.seconds.zip(self.pace()).map(|(seconds, pace)| {
            let forwards = f64::from(all.forwards);
            let blocks = self.model.transformer.blocks * self.model.transformer.block;
            // A GPU's blocks come while the ones before them compute.
            let waits = match (plan, self.device) {
                (Memory::Streamed, Device::Cuda) => {
                    2.0 * blocks as f64 / CARRIED * forwards - all.operations / pace.transformer
                }
                _ => 0.0,
            };
            seconds + waits.max(0.0)
        });
        let plate = f64::from(wanted.frames) * f64::from(wanted.width) * f64::from(wanted.height) / PLATE;
        Predicted { plan, bytes: all.bytes_of(plan), seconds: networks.map(|seconds| seconds + plate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(device: Device, operations: u64) -> Machine {
        Machine { model: Model::void(), device, room: 80_000_000_000, operations }
    }

    fn seconds(machine: Machine, plan: Memory) -> Option<f64> {
        let recipe = VoidRecipe::default();
        let wanted = Wanted { recipe: &recipe, pass: 1, frames: 85, width: 1920, height: 1080 };
        machine.predicted(&wanted, plan).seconds
    }

    #[test]
    fn seconds_follow_from_the_speed_of_the_device() {
        let fast = seconds(machine(Device::Cuda, 600_000_000_000_000), Memory::Full).expect("known");
        // The spec's estimate for such a device is 10–14 s of steps and 3–5 s of the autoencoder; the plate comes on top.
        assert!((15.0..40.0).contains(&fast), "{fast}");
        let slow = seconds(machine(Device::Cuda, 60_000_000_000_000), Memory::Full).expect("known");
        assert!(slow > 5.0 * fast, "{slow} {fast}");
        let carried = seconds(machine(Device::Cuda, 600_000_000_000_000), Memory::Streamed).expect("known");
        assert!(carried > fast + 8.0, "{carried}: 11 GB have to come 30 times");
        assert_eq!(seconds(machine(Device::Cpu, 0), Memory::Full), None);
    }
}
