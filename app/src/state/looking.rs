//! Looking closely: whether what is on the stage is the proxy or the exact frame, and the values under the pointer.

use leptos::prelude::*;

/// Which pictures are on the stage while somebody looks closely.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Exactness {
    /// Nobody looks closely: the proxy is fine enough.
    #[default]
    NotAsked,
    /// The proxy, until the exact frame comes.
    Coming,
    /// Every sample is the plate's or the result's.
    Exact,
    /// The proxy, and why.
    Proxy(String),
}

impl Exactness {
    pub fn words(&self) -> String {
        match self {
            Self::NotAsked => String::new(),
            Self::Coming => "Proxy · exact frame is coming…".to_owned(),
            Self::Exact => "Exact frame".to_owned(),
            Self::Proxy(why) => format!("Proxy: {why}"),
        }
    }
}

/// 8-bit values of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub rgb: [u8; 3],
    /// Not of the proxy.
    pub is_exact: bool,
}

impl Sample {
    pub fn hex(self) -> String {
        let [r, g, b] = self.rgb;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    pub fn words(self) -> String {
        let [r, g, b] = self.rgb;
        format!("{r} {g} {b}")
    }
}

/// What the probe found: a pixel of the plate, and its values in what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    pub x: u32,
    pub y: u32,
    pub plate: Option<Sample>,
    pub result: Option<Sample>,
}

#[derive(Debug, Clone, Copy)]
pub struct Looking {
    /// The probe is in the hand.
    pub probe: RwSignal<bool>,
    pub probed: RwSignal<Option<Probed>>,
    pub exactness: RwSignal<Exactness>,
}

impl Looking {
    pub fn new() -> Self {
        Self {
            probe: RwSignal::new(false),
            probed: RwSignal::new(None),
            exactness: RwSignal::new(Exactness::NotAsked),
        }
    }

    pub fn toggle_probe(self) {
        self.probe.update(|on| *on = !*on);
    }
}

impl Default for Looking {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a proxy `proxy` pixels wide, of a plate `plate` pixels wide, is drawn larger than it is: `scale` device pixels
/// per plate pixel.
pub fn is_magnified(proxy: u32, plate: u32, scale: f64) -> bool {
    scale * f64::from(plate) > f64::from(proxy) * 1.001
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_magnified_past_its_own_pixels() {
        assert!(!is_magnified(1280, 3840, 1.0 / 3.0));
        assert!(is_magnified(1280, 3840, 0.5));
        assert!(!is_magnified(640, 640, 1.0));
        assert!(is_magnified(640, 640, 1.25));
    }

    #[test]
    fn values_are_read_as_numbers_and_as_a_colour() {
        let sample = Sample { rgb: [255, 107, 0], is_exact: true };
        assert_eq!((sample.words().as_str(), sample.hex().as_str()), ("255 107 0", "#ff6b00"));
    }
}
