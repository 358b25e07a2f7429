//! What a recipe of VOID comes to on a clip: pure arithmetic, known before anything is opened. void-spec §5.2, §5.6.

use serde::{Deserialize, Serialize};

use super::{Area, Fit, Memory, VoidRecipe, steps_run};
use crate::predict::{latents_of, parts, snapped_length, windows};
use crate::version::MadeBy;

/// Frames that one latent stands for, but for the first.
const FRAMES_PER_LATENT: u32 = 4;

/// How one pass lies over a clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Width and height in pixels.
    pub canvas: [u32; 2],
    /// The part of the canvas that the whole plate takes; `None`: it depends on what is marked.
    pub place: Option<[u32; 2]>,
    /// Frames that the clip is brought to, over all its parts: each at least a window, and 5 more than a multiple of 8.
    pub length: u32,
    /// First and last frame of each window of that length.
    pub windows: Vec<[u32; 2]>,
    /// Denoising steps that are run.
    pub steps: u32,
    /// How often the transformer looks at a window.
    pub forwards: u64,
}

impl VoidRecipe {
    /// What pass 1 (or 2: `is_second`) comes to on a clip of `frames` frames of `width`×`height` pixels. For knobs in range.
    pub fn plan(&self, frames: u32, (width, height): (u32, u32), is_second: bool) -> Plan {
        let Self { canvas_width, canvas_height, fit, region, window_frames, overlap_frames, .. } = *self;
        let canvas = [canvas_width, canvas_height];
        let place = match (region, fit) {
            (Area::Marked | Area::Following, _) => None,
            (Area::Whole, Fit::Stretch) => Some(canvas),
            (Area::Whole, Fit::Keep) => Some(kept(canvas, [width.max(1), height.max(1)])),
        };
        let first = |latent: u32| if latent == 0 { 0 } else { FRAMES_PER_LATENT * latent - 3 };
        let (window, overlap) = (latents_of(window_frames), overlap_frames / FRAMES_PER_LATENT);
        let (mut length, mut all) = (0, Vec::new());
        for part in parts(self, frames, &[]) {
            let snapped = snapped_length(part.end - part.start, window_frames);
            let windows = windows(latents_of(snapped), window, overlap);
            all.extend(
                windows.iter().map(|w| [length + first(w.start), length + FRAMES_PER_LATENT * (w.end - 1)]),
            );
            length += snapped;
        }
        let (steps, guidance) = if is_second {
            (self.pass2.steps, self.pass2.guidance)
        } else {
            (steps_run(self.pass1.steps, self.pass1.strength), self.pass1.guidance)
        };
        let sides = if guidance > 1.0 { 2 } else { 1 };
        let forwards = u64::from(steps) * sides * all.len() as u64;
        Plan { canvas, place, length, windows: all, steps, forwards }
    }

    /// The knobs that say where the plate lies on the canvas. Pass 2 must have those of the pass 1 that it starts from.
    pub fn layout(&self) -> impl PartialEq + use<> {
        let Self { canvas_width, canvas_height, fit, region, region_margin, edge_px, cuts, .. } = *self;
        let marked = (region != Area::Whole).then_some((region_margin.to_bits(), edge_px));
        (canvas_width, canvas_height, fit, region, marked, cuts)
    }
}

impl Memory {
    /// As it stands in recipes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Full => "full",
            Self::Staged => "staged",
            Self::Fp8 => "fp8",
            Self::Streamed => "streamed",
        }
    }

    /// What it means, in few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Auto => "what there is room for",
            Self::Full => "all networks at once",
            Self::Staged => "one network at a time",
            Self::Fp8 => "one network at a time, in 8-bit numbers",
            Self::Streamed => "one block of a network at a time",
        }
    }
}

/// Time that a plan takes, from earlier runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    pub seconds: f64,
    /// How many runs it is from.
    pub runs: usize,
}

impl Plan {
    /// What earlier runs say about this plan: those of the same weights on the same host and device, on the same canvas and
    /// with windows as long. Others say nothing, since neither time nor memory grows evenly with either. `None`: not measured.
    pub fn forecast(&self, same: impl Fn(&MadeBy) -> bool, earlier: &[MadeBy]) -> Option<Forecast> {
        let alike = |made: &&MadeBy| same(made) && self.is_of(made) && made.resumed_steps == 0;
        let alike: Vec<&MadeBy> = earlier.iter().filter(alike).collect();
        let mut each: Vec<f64> = alike.iter().map(|made| made.seconds / made.forwards as f64).collect();
        each.sort_by(f64::total_cmp);
        let middle = *each.get(each.len() / 2)?;
        Some(Forecast { seconds: middle * self.forwards as f64, runs: alike.len() })
    }

    /// Whether a run was on the same canvas with windows as long.
    pub fn is_of(&self, made: &MadeBy) -> bool {
        let window = |all: &[[u32; 2]]| all.first().map(|w| w[1] - w[0]);
        made.canvas == self.canvas && window(&made.windows) == window(&self.windows) && made.forwards > 0
    }
}

/// The largest size of the plate's shape in the canvas.
fn kept(canvas: [u32; 2], plate: [u32; 2]) -> [u32; 2] {
    let [w, h] = plate.map(f64::from);
    let scale = (f64::from(canvas[0]) / w).min(f64::from(canvas[1]) / h);
    let side = |size: f64, most: u32| ((size * scale).round() as u32).clamp(1, most);
    [side(w, canvas[0]), side(h, canvas[1])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hash;

    fn plan(frames: u32) -> Plan {
        VoidRecipe::default().plan(frames, (3840, 2160), false)
    }

    #[test]
    fn clips_are_brought_to_whole_windows() {
        let short = plan(46);
        assert_eq!((short.length, short.windows.as_slice()), (85, &[[0, 84]][..]));
        assert_eq!((short.canvas, short.place), ([672, 384], Some([672, 378])));
        assert_eq!((short.steps, short.forwards), (30, 30));
        let long = plan(150);
        assert_eq!(long.length, 157);
        assert_eq!(long.windows, [[0, 84], [69, 156]]);
        assert_eq!(plan(200).windows, [[0, 84], [69, 156], [141, 204]]);
        let second = VoidRecipe::default().plan(46, (3840, 2160), true);
        assert_eq!((second.steps, second.forwards), (50, 100), "two sides where guidance is above 1");
        let following = VoidRecipe { region: Area::Following, ..VoidRecipe::default() };
        let parted = following.plan(200, (3840, 2160), false);
        assert_eq!((parted.length, parted.windows.len(), parted.forwards), (255, 3, 90));
        assert_eq!(parted.windows[1], [85, 169]);
    }

    #[test]
    fn only_runs_alike_foretell() {
        let plan = plan(46);
        let made = MadeBy {
            pass: 1,
            model: "void".into(),
            is_test_model: false,
            is_preview: false,
            fingerprint: Hash::of(b"weights"),
            host: "gpu-1".into(),
            device: "cuda".into(),
            precision: "bfloat16".into(),
            canvas: plan.canvas,
            length: 85,
            windows: vec![[0, 84]],
            forwards: 15,
            resumed_steps: 0,
            seconds: 30.0,
            peak_rss_bytes: Some(5),
            memory: None,
            predicted: None,
            morphing: None,
            notes: Vec::new(),
        };
        let said = plan.forecast(|_| true, std::slice::from_ref(&made)).expect("measured");
        assert_eq!((said.seconds, said.runs), (60.0, 1));
        for other in [
            MadeBy { canvas: [336, 192], ..made.clone() },
            MadeBy { windows: vec![[0, 12]], ..made.clone() },
            MadeBy { resumed_steps: 3, ..made.clone() },
        ] {
            assert_eq!(plan.forecast(|_| true, &[other]), None);
        }
        assert_eq!(plan.forecast(|made| made.host == "gpu-2", &[made]), None);
    }
}
