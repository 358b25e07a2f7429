//! The plate's sound as the player has it: how loud, and whether what is heard is in step. The integer frame is the
//! truth; sound follows it and is started anew where it does not.

use domain::Rate;
use leptos::prelude::*;

use crate::browser::store;

const STORED: &str = "minus-one:sound";

/// What comes out of the loudspeaker now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Hearing {
    /// Paused, another speed than 1×, or past the end of the sound.
    #[default]
    Silent,
    /// Wanted, on its way.
    Waiting,
    Playing,
    /// Why it does not come.
    Missing(String),
}

/// Volume and mute, remembered by the browser.
#[derive(Debug, Clone, Copy)]
pub struct Loudness {
    /// 0–1, as the slider shows it.
    pub volume: RwSignal<f64>,
    pub muted: RwSignal<bool>,
    pub hearing: RwSignal<Hearing>,
}

impl Loudness {
    pub fn new() -> Self {
        Self {
            volume: RwSignal::new(0.8),
            muted: RwSignal::new(false),
            hearing: RwSignal::new(Hearing::Silent),
        }
    }

    /// What was chosen on the last visit. For an effect: the server knows nothing of it.
    pub fn remember(self) {
        if let Some((volume, muted)) = store::get(STORED).as_deref().and_then(read) {
            self.volume.set(volume);
            self.muted.set(muted);
        }
    }

    pub fn set_volume(self, volume: f64) {
        self.volume.set(volume.clamp(0.0, 1.0));
        self.muted.set(volume <= 0.0);
        self.store();
    }

    /// A mute that is taken back is heard: a volume of nothing becomes half.
    pub fn toggle(self) {
        let is_muted = !self.muted.get_untracked();
        self.muted.set(is_muted);
        if !is_muted && self.volume.get_untracked() <= 0.0 {
            self.volume.set(0.5);
        }
        self.store();
    }

    fn store(self) {
        store::set(STORED, &written(self.volume.get_untracked(), self.muted.get_untracked()));
    }

    /// The factor for samples: ears hear the square of it as a straight line.
    pub fn gain(self) -> f64 {
        if self.muted.get() { 0.0 } else { self.volume.get().powi(2) }
    }
}

impl Default for Loudness {
    fn default() -> Self {
        Self::new()
    }
}

fn written(volume: f64, muted: bool) -> String {
    format!("{volume:.2} {}", if muted { "muted" } else { "on" })
}

fn read(text: &str) -> Option<(f64, bool)> {
    let (volume, muted) = text.split_once(' ')?;
    let volume = volume.parse::<f64>().ok().filter(|v| (0.0..=1.0).contains(v))?;
    Some((volume, muted == "muted"))
}

/// Seconds of sound at which the picture of `frame` begins.
pub fn begins(frame: u32, rate: Rate) -> f64 {
    f64::from(frame) / rate.per_second()
}

/// Whether sound at `heard` seconds may go with the picture of `frame`, which was just shown: within a frame, or within
/// 45 ms, which is when viewers begin to notice (ITU-R BT.1359).
pub fn is_in_step(heard: f64, frame: u32, rate: Rate) -> bool {
    let allowed = (1.0 / rate.per_second()).max(0.045);
    (heard - begins(frame, rate)).abs() <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_and_mute_survive_a_visit_and_nonsense_is_forgotten() {
        assert_eq!(read(&written(0.35, true)), Some((0.35, true)));
        assert_eq!(read(&written(1.0, false)), Some((1.0, false)));
        assert!(["", "loud on", "7 on", "NaN on"].into_iter().all(|text| read(text).is_none()));
    }

    #[test]
    fn sound_a_frame_off_is_started_anew() {
        let rate = Rate::new(12, 1).expect("a rate");
        assert!(is_in_step(begins(24, rate) + 0.08, 24, rate));
        assert!(!is_in_step(begins(24, rate) + 0.09, 24, rate));
        assert!(!is_in_step(begins(24, rate) - 0.09, 24, rate));
        let fast = Rate::new(60_000, 1001).expect("a rate");
        assert!(
            is_in_step(begins(600, fast) - 0.04, 600, fast),
            "what nobody notices is no reason for a click"
        );
        assert!(!is_in_step(begins(600, fast) + 0.05, 600, fast));
    }
}
