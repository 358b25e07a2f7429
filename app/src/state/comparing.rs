//! Plate against result: how the two are laid over each other, and which version is looked at.

use domain::VersionId;
use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plate,
    Result,
    Wipe,
    Side,
    Difference,
}

impl Mode {
    pub const ALL: [Self; 5] = [Self::Wipe, Self::Side, Self::Difference, Self::Result, Self::Plate];

    pub fn word(self) -> &'static str {
        match self {
            Self::Plate => "Plate only",
            Self::Result => "Result only",
            Self::Wipe => "Wipe",
            Self::Side => "Side by side",
            Self::Difference => "Difference",
        }
    }

    pub fn needs_result(self) -> bool {
        self != Self::Plate
    }

    pub fn needs_plate(self) -> bool {
        self != Self::Result
    }
}

/// The difference is shown this many times as strong: 2 to the power of the signal's value.
pub const MOST_GAIN: u32 = 6;

#[derive(Debug, Clone, Copy)]
pub struct Comparing {
    pub mode: RwSignal<Mode>,
    /// The wipe's place over the picture, 0 (all result) to 1 (all plate).
    pub wipe: RwSignal<f64>,
    /// Difference gain as a power of two, 0 to [`MOST_GAIN`].
    pub gain: RwSignal<u32>,
    /// `None`: the newest.
    pub version: RwSignal<Option<VersionId>>,
    /// The plate is shown while the key is held.
    pub hold: RwSignal<bool>,
}

impl Comparing {
    pub fn new() -> Self {
        Self {
            mode: RwSignal::new(Mode::Wipe),
            wipe: RwSignal::new(0.5),
            gain: RwSignal::new(2),
            version: RwSignal::new(None),
            hold: RwSignal::new(false),
        }
    }

    /// Swaps plate and result in place.
    pub fn flip(self) {
        self.mode.update(|m| *m = if *m == Mode::Result { Mode::Plate } else { Mode::Result });
    }

    pub fn move_wipe(self, by: f64) {
        self.wipe.update(|w| *w = (*w + by).clamp(0.0, 1.0));
    }
}

impl Default for Comparing {
    fn default() -> Self {
        Self::new()
    }
}
