//! Every knob of a removal. What is in the recipe is what runs; it is stored with the version.

mod plan;
mod texts;
mod void;

use serde::{Deserialize, Serialize};

pub use plan::{Forecast, Plan};
pub use void::{
    Affected, Area, Cuts, Decode, FirstPass, Fit, FlowNoise, Knob, Memory, Precision, Sampler, SecondPass,
    VoidRecipe, When, steps_run,
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

/// Long side of a plate, in pixels, per pixel of edge: the soft border of what was filmed grows with the picture.
const LONG_SIDE_PER_EDGE: u32 = 320;

impl PlateRecipe {
    /// The knobs for a plate of `width`×`height` pixels: the default, with an edge as wide as the soft borders of such
    /// a plate (4 px up to 1280, 6 at 1920, 12 at 3840) and a feather of half the edge, at least 3 px.
    pub fn for_plate(width: u32, height: u32) -> Self {
        let plain = Self::default();
        let long = width.max(height);
        let edge_px = ((long + LONG_SIDE_PER_EDGE / 2) / LONG_SIDE_PER_EDGE).clamp(plain.edge_px, 64);
        Self { edge_px, feather_px: plain.feather_px.max(edge_px / 2), ..plain }
    }

    /// This recipe with the knobs that `wanted` (a JSON object) names.
    ///
    /// # Errors
    /// A knob that is not there, or a value of another kind.
    pub fn with(&self, wanted: serde_json::Value) -> serde_json::Result<Self> {
        named(self, wanted)
    }
}

/// `plain` with the knobs that `wanted` names; both are JSON objects.
fn named<T: Serialize + serde::de::DeserializeOwned>(
    plain: &T,
    wanted: serde_json::Value,
) -> serde_json::Result<T> {
    let wanted: serde_json::Map<String, serde_json::Value> = serde_json::from_value(wanted)?;
    let mut knobs: serde_json::Map<_, _> = serde_json::from_value(serde_json::to_value(plain)?)?;
    knobs.extend(wanted);
    serde_json::from_value(knobs.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_grows_with_the_plate() {
        let edge = |width, height| {
            let PlateRecipe { edge_px, feather_px, .. } = PlateRecipe::for_plate(width, height);
            (edge_px, feather_px)
        };
        assert_eq!(PlateRecipe::for_plate(640, 360), PlateRecipe::default());
        assert_eq!([edge(1280, 720), edge(1080, 1920), edge(3840, 2160)], [(4, 3), (6, 3), (12, 6)]);
        assert!(PlateRecipe::for_plate(65_535, 2).checked().is_ok());
    }

    #[test]
    fn named_knobs_replace_those_of_the_plate() {
        let plate = PlateRecipe::for_plate(3840, 2160);
        let mixed = plate.with(serde_json::json!({ "grain": 0.5 })).expect("a recipe");
        assert_eq!(mixed, PlateRecipe { grain: 0.5, ..plate.clone() });
        for bad in
            [serde_json::json!({ "edges": 1 }), serde_json::json!({ "seed": "x" }), serde_json::json!([1])]
        {
            assert!(plate.with(bad).is_err());
        }
    }
}
