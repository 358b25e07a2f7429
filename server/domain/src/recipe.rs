//! Every knob of a removal. What is in the recipe is what runs; it is stored with the version.

mod void;

use serde::{Deserialize, Serialize};

pub use void::{
    Affected, Area, FirstPass, Fit, FlowNoise, Knob, Precision, Sampler, SecondPass, VoidRecipe, steps_run,
};

/// The plate engine's knobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateRecipe {
    /// How far beyond the approved region the soft edge may reach, in plate pixels, 0–64.
    pub edge_px: u32,
    /// Width of the soft edge, in plate pixels, 0–64; never wider than the region allows.
    pub feather_px: u32,
    /// Put the plate's grain on what was filled, 0 (none) to 2 (twice as strong).
    pub grain: f32,
    /// Frames before and after that background may be taken from, 0–512.
    pub reach: u32,
    /// Seed of the grain.
    pub seed: u64,
}

impl Default for PlateRecipe {
    fn default() -> Self {
        Self { edge_px: 4, feather_px: 3, grain: 1.0, reach: 256, seed: 1 }
    }
}

/// A knob is outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{knob} is {value}: allowed are {range}")]
pub struct BadRecipe {
    pub knob: &'static str,
    pub value: String,
    pub range: &'static str,
}

impl PlateRecipe {
    /// The recipe, if every knob is in range.
    pub fn checked(self) -> Result<Self, BadRecipe> {
        let Self { edge_px, feather_px, grain, reach, seed: _ } = self;
        let bad = |knob, value: String, range| Err(BadRecipe { knob, value, range });
        if edge_px > 64 {
            return bad("edge_px", edge_px.to_string(), "0 to 64");
        }
        if feather_px > 64 {
            return bad("feather_px", feather_px.to_string(), "0 to 64");
        }
        if !(0.0..=2.0).contains(&grain) {
            return bad("grain", grain.to_string(), "0 to 2");
        }
        if reach > 512 {
            return bad("reach", reach.to_string(), "0 to 512");
        }
        Ok(self)
    }
}
