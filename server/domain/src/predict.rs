//! What a removal by VOID will take, before it is run: windows, lengths, bytes for each plan of memory, seconds. Pure arithmetic,
//! for the page as for the engine; nothing is read or loaded.
//!
//! Sources: void-spec §1.3 (lengths), §5.8 (windows), §5.6 (what a forward computes), §7 (how many numbers).

mod forecast;
mod machine;
mod memory;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::recipe::{Area, Memory, VoidRecipe, steps_run};

pub use forecast::{Choice, Foresight, Source, foresee};
pub use machine::{Machine, Predicted, Wanted};
pub use memory::{Device, Held, Model, NEXT_SMALLER, Network};

/// Frames that one latent stands for, but for the first.
const FRAMES_PER_LATENT: u32 = 4;
/// Pixels of a latent's side, and of a token's.
const PIXELS_PER_LATENT: u32 = 8;
const PIXELS_PER_TOKEN: u64 = 16;
/// Latents that a token stands for.
const LATENTS_PER_TOKEN: u64 = 2;

/// The length that a clip of `frames` frames is brought to: 4·(odd)+1, at least `least`, so that the number of latents is
/// even.
pub fn snapped_length(frames: u32, least: u32) -> u32 {
    let mut length = 4 * (frames / 4) + 1;
    if length < frames {
        length += 4;
    }
    if (length / 4).is_multiple_of(2) {
        length += 4;
    }
    length.max(least)
}

/// Latents of so many frames; at least one.
pub fn latents_of(frames: u32) -> u32 {
    frames.saturating_sub(1) / FRAMES_PER_LATENT + 1
}

/// The stretches of latents that are denoised together: each begins `overlap` before the end of the one before.
/// `overlap` is less than `window`.
pub fn windows(latents: u32, window: u32, overlap: u32) -> Vec<Range<u32>> {
    let mut all = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + window).min(latents);
        all.push(start..end);
        if end >= latents {
            return all;
        }
        start = end - overlap.min(window - 1);
    }
}

/// The stretches of a scene that each have a region of their own: as few as reach over it, evenly spread, each a window long
/// and sharing `overlap` frames with the next at least.
pub fn stretches(scene: Range<u32>, window: u32, overlap: u32) -> Vec<Range<u32>> {
    let length = scene.end.saturating_sub(scene.start);
    if length <= window {
        return vec![scene];
    }
    let count = (length - overlap).div_ceil(window - overlap);
    let start = |number: u32| {
        let exact = u64::from(number) * u64::from(length - window) / u64::from(count - 1);
        scene.start + exact as u32
    };
    (0..count).map(|number| start(number)..start(number) + window).collect()
}

/// The scenes of a clip that is cut before each of `cuts`, in order.
pub fn scenes(frames: u32, cuts: &[u32]) -> Vec<Range<u32>> {
    let mut all = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&frames]) {
        if cut > start && cut <= frames {
            all.push(start..cut);
            start = cut;
        }
    }
    all
}

/// Which frames are made together: scenes, or stretches of them where each has a region of its own.
pub fn parts(recipe: &VoidRecipe, frames: u32, cuts: &[u32]) -> Vec<Range<u32>> {
    let scenes = scenes(frames, cuts);
    if recipe.region != Area::Following {
        return scenes;
    }
    let cut = |scene| stretches(scene, recipe.window_frames, recipe.overlap_frames);
    scenes.into_iter().flat_map(cut).collect()
}

/// How fast a device was in an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Floating-point operations of the transformer in a second.
    pub transformer: f64,
    /// Pixels of the canvas, of all frames, that the autoencoder encodes and decodes in a second.
    pub encode: f64,
    pub decode: f64,
}

/// What is known before a run.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub recipe: &'a VoidRecipe,
    /// 1 or 2.
    pub pass: u32,
    pub frames: u32,
    /// Where the plate cuts, if that is known.
    pub cuts: &'a [u32],
    pub model: &'a Model,
    pub device: Device,
    pub pace: Option<Pace>,
}

/// What a run will take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Width and height.
    pub canvas: [u32; 2],
    /// Frames that the clip is brought to, over all parts.
    pub length: u32,
    /// First and last frame of each window of that length.
    pub windows: Vec<[u32; 2]>,
    pub steps: u32,
    /// How often the transformer is asked.
    pub forwards: u32,
    /// Floating-point operations of all of these.
    pub operations: f64,
    /// The most memory of the device that each plan takes, in bytes, largest plan first.
    pub bytes: Vec<(Memory, u64)>,
    /// Where a pace is known.
    pub seconds: Option<f64>,
}

/// Predicts a pass.
pub fn predict(asked: &Asked) -> Prediction {
    let Asked { recipe, pass, frames, cuts, model, device, pace } = *asked;
    let recipe = &recipe.running();
    let (steps, guidance) = if pass == 2 {
        (recipe.pass2.steps, recipe.pass2.guidance)
    } else {
        (steps_run(recipe.pass1.steps, recipe.pass1.strength), recipe.pass1.guidance)
    };
    let batch: u32 = if guidance > 1.0 { 2 } else { 1 };
    let (window, overlap) = (latents_of(recipe.window_frames), recipe.overlap_frames / FRAMES_PER_LATENT);
    let (mut length, mut all, mut operations, mut longest) = (0, Vec::new(), 0.0, 0);
    for part in parts(recipe, frames, cuts) {
        let snapped = snapped_length(part.end - part.start, recipe.window_frames);
        for window in windows(latents_of(snapped), window, overlap) {
            let first = if window.start == 0 { 0 } else { FRAMES_PER_LATENT * window.start - 3 };
            all.push([length + first, length + FRAMES_PER_LATENT * (window.end - 1)]);
            operations += f64::from(batch) * operations_of(model, tokens(recipe, window.end - window.start));
            longest = longest.max(window.end - window.start);
        }
        length += snapped;
    }
    operations *= f64::from(steps);
    let pixels = u64::from(recipe.canvas_width) * u64::from(recipe.canvas_height);
    let prompts = if recipe.guidance_at_once { u64::from(batch) } else { 1 };
    let together = u64::from(recipe.windows_at_once).clamp(1, all.len().max(1) as u64);
    let held = Held { model, device, batch: prompts * together, tokens: tokens(recipe, longest), pixels };
    let plans = [Memory::Full, Memory::Staged, Memory::Fp8, Memory::Streamed];
    let seconds = pace.map(|pace| {
        let frames = length as f64 * pixels as f64;
        operations / pace.transformer + 2.0 * frames / pace.encode + frames / pace.decode
    });
    Prediction {
        canvas: [recipe.canvas_width, recipe.canvas_height],
        length,
        forwards: steps * all.len() as u32,
        windows: all,
        steps,
        operations,
        bytes: plans.map(|plan| (plan, held.bytes(plan))).into(),
        seconds,
    }
}

impl Prediction {
    /// The largest plan that gives the reference's numbers and fits into `room` bytes; the smallest where none does.
    pub fn plan_for(&self, room: u64) -> Memory {
        let faithful = self.bytes.iter().filter(|(plan, _)| *plan != Memory::Fp8);
        faithful.clone().find(|(_, bytes)| *bytes <= room).map_or(Memory::Streamed, |(plan, _)| *plan)
    }

    /// What a plan takes, in bytes.
    pub fn bytes_of(&self, plan: Memory) -> u64 {
        self.bytes.iter().find(|(known, _)| *known == plan).map_or(0, |(_, bytes)| *bytes)
    }
}

/// Tokens of the video in a window of so many latents.
fn tokens(recipe: &VoidRecipe, latents: u32) -> u64 {
    let side = |pixels: u32| u64::from(pixels) / PIXELS_PER_TOKEN;
    u64::from(latents).div_ceil(LATENTS_PER_TOKEN) * side(recipe.canvas_width) * side(recipe.canvas_height)
}

/// Floating-point operations of one forward over a window, the prompt's tokens included.
pub fn operations_of(model: &Model, tokens: u64) -> f64 {
    let (tokens, width) = ((tokens + model.text_tokens) as f64, model.width as f64);
    // Four projections and a feed-forward of four times the width; scores and their use.
    let block = 24.0 * tokens * width * width + 4.0 * tokens * tokens * width;
    block * model.transformer.blocks as f64
}

/// Latents across and down of a canvas.
pub fn latent_size(recipe: &VoidRecipe) -> [u32; 2] {
    [recipe.canvas_width / PIXELS_PER_LATENT, recipe.canvas_height / PIXELS_PER_LATENT]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(recipe: &VoidRecipe, frames: u32) -> Prediction {
        let model = Model::void();
        predict(&Asked {
            recipe,
            pass: 1,
            frames,
            cuts: &[],
            model: &model,
            device: Device::Cuda,
            pace: None,
        })
    }

    #[test]
    fn lengths_and_windows_are_those_of_the_reference() {
        let lengths = [1, 85, 86, 93, 94, 117, 150, 197, 250].map(|frames| snapped_length(frames, 85));
        assert_eq!(lengths, [85, 85, 93, 93, 101, 117, 157, 197, 253]);
        assert_eq!([1, 5, 13, 85, 93, 197].map(latents_of), [1, 2, 4, 22, 24, 50]);
        let ends = |latents| -> Vec<_> {
            windows(latents, 22, 4).into_iter().map(|window| (window.start, window.end)).collect()
        };
        assert_eq!(ends(22), [(0, 22)]);
        assert_eq!(ends(50), [(0, 22), (18, 40), (36, 50)]);
    }

    #[test]
    fn stretches_reach_over_a_scene_and_share_what_they_must() {
        for (length, window, overlap) in [(86, 85, 16), (200, 85, 16), (500, 85, 0), (30, 13, 8), (7, 13, 8)]
        {
            let all = stretches(10..10 + length, window, overlap);
            assert_eq!((all[0].start, all[all.len() - 1].end), (10, 10 + length));
            for pair in all.windows(2) {
                assert!(pair[1].start > pair[0].start && pair[1].start + overlap <= pair[0].end, "{all:?}");
            }
            assert!(all.iter().all(|part| part.end - part.start == window.min(length)), "{all:?}");
        }
        assert_eq!(scenes(10, &[3, 7]), [0..3, 3..7, 7..10]);
        assert_eq!(scenes(10, &[]), std::slice::from_ref(&(0..10)));
    }

    #[test]
    fn the_published_model_takes_what_is_published() {
        let recipe = VoidRecipe::default();
        let told = asked(&recipe, 85);
        assert_eq!((told.length, told.windows.as_slice(), told.forwards), (85, &[[0, 84]][..], 30));
        // 173.7 TFLOP for a forward.
        assert!((told.operations / 30.0 / 1e12 - 173.7).abs() < 0.1, "{}", told.operations);
        let told = asked(&recipe, 190);
        assert_eq!(told.windows, [[0, 84], [69, 156], [141, 196]]);
        let mut last = u64::MAX;
        for (plan, bytes) in told.bytes {
            assert!(bytes < last && bytes > 1 << 30, "{plan:?}: {bytes}");
            last = bytes;
        }
    }

    #[test]
    fn cuts_and_regions_that_follow_make_more_windows() {
        let recipe = VoidRecipe { region: Area::Following, ..VoidRecipe::default() };
        let told = asked(&recipe, 200);
        assert_eq!((told.windows.len(), told.length), (3, 255));
        assert_eq!(told.windows[1], [85, 169]);
        let (model, recipe) = (Model::void(), VoidRecipe::default());
        let cuts = [60];
        let asked = Asked {
            recipe: &recipe,
            pass: 2,
            frames: 120,
            cuts: &cuts,
            model: &model,
            device: Device::Cpu,
            pace: Some(Pace { transformer: 1e12, encode: 1e6, decode: 1e6 }),
        };
        let told = predict(&asked);
        assert_eq!((told.windows.as_slice(), told.forwards), (&[[0, 84], [85, 169]][..], 100));
        assert!(told.seconds.unwrap() > told.operations / 1e12);
    }

    #[test]
    fn the_largest_plan_that_fits_is_taken_and_fp8_never() {
        let told = asked(&VoidRecipe::default(), 85);
        let of = |plan| told.bytes_of(plan);
        assert_eq!(told.plan_for(u64::MAX), Memory::Full);
        assert_eq!(told.plan_for(of(Memory::Full) - 1), Memory::Staged);
        assert_eq!(told.plan_for(of(Memory::Fp8)), Memory::Streamed);
        assert_eq!(told.plan_for(0), Memory::Streamed);
    }
}
