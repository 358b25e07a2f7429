//! The VOID engine's knobs: what each may be and what it is when nobody says. How they are run is in `engine`.
//!
//! Sources: void-spec §5.1, §6.1 (what the reference runs with), §10.4 (what is faithful and what is better).

use serde::{Deserialize, Serialize};

use super::BadRecipe;

/// A knob as people are told about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knob {
    /// As in the JSON: `pass1.steps` is `{"pass1": {"steps": …}}`.
    pub name: &'static str,
    pub range: &'static str,
    pub meaning: &'static str,
}

/// Both passes of VOID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoidRecipe {
    /// The picture that the model works on, in pixels.
    pub canvas_width: u32,
    pub canvas_height: u32,
    pub fit: Fit,
    pub region: Area,
    /// How much of the plate around the marked part is shown, as a share of that part's longer side.
    pub region_margin: f64,
    pub cuts: Cuts,
    /// Frames that are denoised together, and how many of them the next ones share.
    pub window_frames: u32,
    pub overlap_frames: u32,
    /// Seed of all noise and of the grain.
    pub seed: u64,
    pub precision: Precision,
    pub memory: Memory,
    /// Deviation of the noise on the plate that the model is shown, where the model asks for any.
    pub video_noise: f64,
    /// Show the model black where the target is.
    pub hide_target: bool,
    /// Ask the transformer for both prompts at once, where there are two; or for one after the other, in less memory.
    pub guidance_at_once: bool,
    /// How much the first block's work may change until all blocks are run again; 0 runs all of them in every step.
    pub reuse: f64,
    /// Whether the transformer goes over its numbers in as few passes as can be: other rounding.
    pub fused: bool,
    /// Neighbouring windows of one length that are denoised in one go, in more memory: other rounding.
    pub windows_at_once: u32,
    /// How pictures are made of latents.
    pub decode: Decode,
    /// A quick look: few steps of another sampler, whatever the passes say, and pictures of half the size.
    pub preview: bool,
    /// How far beyond the approved region the soft edge may reach, in plate pixels.
    pub edge_px: u32,
    /// Width of the soft edge, in plate pixels.
    pub feather_px: u32,
    /// Put the plate's grain on what was made, 0 (none) to 2 (twice as strong).
    pub grain: f64,
    /// Match colours to the ring of plate around the fill.
    pub match_colour: bool,
    pub pass1: FirstPass,
    pub pass2: SecondPass,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirstPass {
    pub steps: u32,
    pub guidance: f64,
    pub sampler: Sampler,
    /// Share of the steps that are run: below 1 the pass begins from the plate instead of pure noise.
    pub strength: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecondPass {
    pub steps: u32,
    pub guidance: f64,
    pub sampler: Sampler,
    pub flow_noise: FlowNoise,
    pub affected: Affected,
    pub when: When,
    /// How many times as much as its surroundings the result of pass 1 may change its shape before pass 2 is run.
    pub morphing: f64,
}

/// When pass 2 follows pass 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Where what pass 1 made changes its shape.
    Auto,
    Always,
    Never,
}

/// How a plate of another shape comes onto the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Aspect kept; what is left of the canvas mirrors the picture's edge.
    Keep,
    /// Stretched over the canvas, as the reference does.
    Stretch,
}

/// Which part of the plate the model is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    Whole,
    /// One rectangle around everything that the quadmask marks over the clip: more of the canvas for less of the plate.
    Marked,
    /// Such a rectangle for every window, so that it goes along with what moves; where windows overlap, what is made fades
    /// from one into the next.
    Following,
}

/// What is done where the plate cuts from one scene to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// No window crosses a cut; scenes in which nothing is marked are left out.
    Respect,
    /// The clip is one scene, as in the reference.
    Ignore,
}

/// How pictures are made of latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decode {
    Full,
    /// At half the size, a quarter of the work, and enlarged: a softer picture.
    Half,
}

/// How the networks are held in memory. All plans but `Fp8` give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// The largest of `Full`, `Staged` and `Streamed` that the device has room for.
    Auto,
    /// All networks at once.
    Full,
    /// One network at a time.
    Staged,
    /// One network at a time, the transformer's block weights as 8-bit numbers with a scale for each row: another picture.
    Fp8,
    /// One network at a time, and its blocks one after another out of the file.
    Streamed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// bfloat16 on a GPU, float32 on a CPU.
    Auto,
    Float32,
    Bfloat16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// `DDIM_Origin` of the reference.
    Ddim,
    /// `DDIM_Cog` of the reference.
    DdimCog,
    Dpmpp,
    Euler,
    EulerAncestral,
    Pndm,
}

/// Where the noise that follows the motion of pass 1 is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowNoise {
    /// On the canvas, every frame, of unit variance.
    Direct,
    /// At 1920×2880 from a cropped 480×720 picture, shrunk to a deviation of about 0.66.
    Reference,
}

/// What pass 2 is shown where the quadmask says affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Affected {
    /// As if it were removed, as the reference runs.
    Remove,
    /// As affected, as the reference was trained.
    Affected,
}

impl VoidRecipe {
    /// The knobs for a plate of `width`×`height` pixels: the default, with the edge and feather of
    /// [`super::PlateRecipe::for_plate`].
    pub fn for_plate(width: u32, height: u32) -> Self {
        let super::PlateRecipe { edge_px, feather_px, .. } = super::PlateRecipe::for_plate(width, height);
        Self { edge_px, feather_px, ..Self::default() }
    }

    /// This recipe with the knobs that `wanted` (a JSON object) names.
    ///
    /// # Errors
    /// A knob that is not there, or a value of another kind.
    pub fn with(&self, wanted: serde_json::Value) -> serde_json::Result<Self> {
        super::named(self, wanted)
    }
}

impl Default for VoidRecipe {
    fn default() -> Self {
        Self {
            canvas_width: 672,
            canvas_height: 384,
            fit: Fit::Keep,
            region: Area::Whole,
            region_margin: 0.5,
            cuts: Cuts::Respect,
            window_frames: 85,
            overlap_frames: 16,
            seed: 42,
            precision: Precision::Auto,
            memory: Memory::Auto,
            video_noise: 0.0563,
            hide_target: false,
            guidance_at_once: true,
            reuse: 0.0,
            fused: false,
            windows_at_once: 1,
            decode: Decode::Full,
            preview: false,
            edge_px: 4,
            feather_px: 3,
            grain: 1.0,
            match_colour: true,
            pass1: FirstPass::default(),
            pass2: SecondPass::default(),
        }
    }
}

impl Default for FirstPass {
    fn default() -> Self {
        Self { steps: 30, guidance: 1.0, sampler: Sampler::Ddim, strength: 1.0 }
    }
}

impl Default for SecondPass {
    fn default() -> Self {
        Self {
            steps: 50,
            guidance: 6.0,
            sampler: Sampler::DdimCog,
            flow_noise: FlowNoise::Direct,
            affected: Affected::Remove,
            when: When::Auto,
            morphing: 3.0,
        }
    }
}

/// The largest whole number that every JSON reader keeps.
const MOST_SEED: u64 = (1 << 53) - 1;
/// Most steps of a preview.
const PREVIEW_STEPS: u32 = 8;
/// Fewest steps that PNDM can warm up in.
const LEAST_PNDM: u32 = 4;

impl VoidRecipe {
    /// Every knob, in the order in which people look for them.
    pub const KNOBS: &[Knob] = &[
        knob(
            "canvas_width",
            "multiples of 16 from 64 to 2048",
            "width of the picture that the model works on; it was trained at 672",
        ),
        knob("canvas_height", "multiples of 16 from 64 to 2048", "its height; trained at 384"),
        knob(
            "fit",
            "keep, stretch",
            "keep the plate's aspect, the rest of the canvas mirrored; or stretch it (faithful)",
        ),
        knob(
            "region",
            "whole, marked, following",
            "show the model the whole plate (faithful), one rectangle around all that is marked, or one for every window",
        ),
        knob(
            "region_margin",
            "0 to 4",
            "for region “marked” and “following”: plate shown around it, as a share of its longer side",
        ),
        knob(
            "cuts",
            "respect, ignore",
            "no window crosses a cut between scenes; or the clip is one scene (faithful)",
        ),
        knob(
            "window_frames",
            "5 more than a multiple of 8, from 13 to 197",
            "frames denoised together; shorter clips are repeated backwards and forwards up to it",
        ),
        knob(
            "overlap_frames",
            "multiples of 8 from 0 to 64, 5 less than the window at most",
            "frames that neighbouring windows share and blend",
        ),
        knob("seed", "0 to 9007199254740991", "seed of all noise and of the grain; the same on every device"),
        knob(
            "precision",
            "auto, float32, bfloat16",
            "kind of numbers; auto: bfloat16 on a GPU, float32 on a CPU",
        ),
        knob(
            "memory",
            "auto, full, staged, fp8, streamed",
            "all networks at once, one at a time, or their blocks one after another: the same bits; fp8: 8-bit weights, another picture; auto: what the device has room for, never fp8",
        ),
        knob(
            "video_noise",
            "0 to 0.5",
            "noise on the plate that the model is shown, where the model was trained with some",
        ),
        knob(
            "hide_target",
            "true, false",
            "show the model black where the target is; the reference shows the plate",
        ),
        knob(
            "guidance_at_once",
            "true, false",
            "where guidance is above 1, both prompts in one go (faithful), or one after the other in less memory",
        ),
        knob(
            "reuse",
            "0 to 1",
            "faster, another picture: a step whose first block changed by less than this share takes what the other blocks said last; 0: off (faithful)",
        ),
        knob(
            "fused",
            "true, false",
            "faster, the same picture but for rounding (in float32, latents differ by less than a thousandth): modulation and positions in fewer passes over the numbers; false is faithful",
        ),
        knob(
            "windows_at_once",
            "1 to 8",
            "neighbouring windows that are denoised in one go, the same picture but for rounding (in float32, latents differ by less than a thousandth), in as many times the memory for what is computed; 1 is faithful",
        ),
        knob(
            "decode",
            "full, half",
            "half: pictures are made at half the size, in a quarter of the time, and enlarged: softer; full is faithful",
        ),
        knob(
            "preview",
            "true, false",
            "a quick look, and not the picture: 8 steps of dpmpp at most and decode half, whatever else is said",
        ),
        knob(
            "edge_px",
            "0 to 64",
            "how far the soft edge may reach beyond what is marked, in plate pixels; larger plates than 1280: their long side / 320",
        ),
        knob(
            "feather_px",
            "0 to 64",
            "width of the soft edge, in plate pixels; at least half of edge_px where none is given",
        ),
        knob("grain", "0 to 2", "the plate's grain on what was made: none to twice as strong"),
        knob(
            "match_colour",
            "true, false",
            "match colours to the plate around the fill; the reference does not",
        ),
        knob("pass1.steps", "1 to 999, PNDM from 4", "denoising steps"),
        knob(
            "pass1.guidance",
            "1 to 20",
            "how strongly the prompt is followed; at 1 the negative prompt is not used",
        ),
        knob("pass1.sampler", SAMPLERS, "ddim is the reference's"),
        knob(
            "pass1.strength",
            "above 0 to 1",
            "share of the steps that are run; below 1 it begins from the plate",
        ),
        knob("pass2.steps", "1 to 999, PNDM from 4", "denoising steps"),
        knob("pass2.guidance", "1 to 20", "how strongly the prompt is followed"),
        knob("pass2.sampler", SAMPLERS, "ddim_cog is the reference's"),
        knob(
            "pass2.flow_noise",
            "direct, reference",
            "noise that follows pass 1, made on the canvas; or as the reference makes it, at 1920×2880 from a cropped picture, with too small a deviation",
        ),
        knob(
            "pass2.affected",
            "remove, affected",
            "what is affected counts as removed (faithful), or is shown as affected as in training",
        ),
        knob(
            "pass2.when",
            "auto, always, never",
            "when it follows pass 1; auto: where what pass 1 made changes its shape",
        ),
        knob(
            "pass2.morphing",
            "1 to 100",
            "for auto: how many times as much as its surroundings that may change its shape",
        ),
    ];

    /// The recipe, if every knob is in range.
    pub fn checked(self) -> Result<Self, BadRecipe> {
        let Self {
            canvas_width,
            canvas_height,
            fit: _,
            region: _,
            region_margin,
            cuts: _,
            window_frames,
            overlap_frames,
            seed,
            precision: _,
            memory: _,
            video_noise,
            hide_target: _,
            guidance_at_once: _,
            reuse,
            fused: _,
            windows_at_once,
            decode: _,
            preview: _,
            edge_px,
            feather_px,
            grain,
            match_colour: _,
            ref pass1,
            ref pass2,
        } = self;
        for (name, side) in [("canvas_width", canvas_width), ("canvas_height", canvas_height)] {
            check(name, side, (64..=2048).contains(&side) && side % 16 == 0)?;
        }
        check("region_margin", region_margin, (0.0..=4.0).contains(&region_margin))?;
        check("window_frames", window_frames, (13..=197).contains(&window_frames) && window_frames % 8 == 5)?;
        let overlaps = overlap_frames <= 64 && overlap_frames % 8 == 0 && overlap_frames + 5 <= window_frames;
        check("overlap_frames", overlap_frames, overlaps)?;
        check("seed", seed, seed <= MOST_SEED)?;
        check("video_noise", video_noise, (0.0..=0.5).contains(&video_noise))?;
        check("reuse", reuse, (0.0..=1.0).contains(&reuse))?;
        check("windows_at_once", windows_at_once, (1..=8).contains(&windows_at_once))?;
        check("edge_px", edge_px, edge_px <= 64)?;
        check("feather_px", feather_px, feather_px <= 64)?;
        check("grain", grain, (0.0..=2.0).contains(&grain))?;
        let FirstPass { steps, guidance, sampler, strength } = *pass1;
        check("pass1.steps", steps, steps_fit(steps, sampler))?;
        check("pass1.guidance", guidance, (1.0..=20.0).contains(&guidance))?;
        check(
            "pass1.strength",
            strength,
            strength > 0.0 && strength <= 1.0 && steps_run(steps, strength) > 0,
        )?;
        let SecondPass { steps, guidance, sampler, flow_noise: _, affected: _, when: _, morphing } = *pass2;
        check("pass2.morphing", morphing, (1.0..=100.0).contains(&morphing))?;
        check("pass2.steps", steps, steps_fit(steps, sampler))?;
        check("pass2.guidance", guidance, (1.0..=20.0).contains(&guidance))?;
        Ok(self)
    }

    /// The recipe as it runs: with the steps, the sampler and the pictures of a preview, where it is one.
    pub fn running(&self) -> Self {
        let mut running = self.clone();
        if self.preview {
            running.decode = Decode::Half;
            let FirstPass { steps, sampler, .. } = &mut running.pass1;
            (*steps, *sampler) = ((*steps).min(PREVIEW_STEPS), Sampler::Dpmpp);
            let SecondPass { steps, sampler, .. } = &mut running.pass2;
            (*steps, *sampler) = ((*steps).min(PREVIEW_STEPS), Sampler::Dpmpp);
        }
        running
    }

    /// A knob's value when nobody says another, as it stands in the JSON.
    pub fn default_of(name: &str) -> Option<String> {
        let all = serde_json::to_value(Self::default()).expect("plain JSON");
        let value = name.split('.').try_fold(&all, |value, part| value.get(part))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

/// How many of `steps` are run at a strength.
pub fn steps_run(steps: u32, strength: f64) -> u32 {
    ((f64::from(steps) * strength) as u32).min(steps)
}

fn steps_fit(steps: u32, sampler: Sampler) -> bool {
    let least = if sampler == Sampler::Pndm { LEAST_PNDM } else { 1 };
    (least..=999).contains(&steps)
}

const SAMPLERS: &str = "ddim, ddim_cog, dpmpp, euler, euler_ancestral, pndm";

const fn knob(name: &'static str, range: &'static str, meaning: &'static str) -> Knob {
    Knob { name, range, meaning }
}

fn check(name: &'static str, value: impl std::fmt::Display, is_good: bool) -> Result<(), BadRecipe> {
    if is_good {
        return Ok(());
    }
    let known = VoidRecipe::KNOBS.iter().find(|knob| knob.name == name).expect("every knob is listed");
    Err(BadRecipe { knob: known.name, value: value.to_string(), range: known.range })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(value: &serde_json::Value, name: &str, all: &mut Vec<String>) {
        let Some(object) = value.as_object() else {
            all.push(name.to_owned());
            return;
        };
        for (key, value) in object {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            leaves(value, &name, all);
        }
    }

    #[test]
    fn every_knob_is_told_of_and_its_default_is_in_range() {
        let mut names = Vec::new();
        leaves(&serde_json::to_value(VoidRecipe::default()).unwrap(), "", &mut names);
        let mut listed: Vec<_> = VoidRecipe::KNOBS.iter().map(|knob| knob.name.to_owned()).collect();
        names.sort();
        listed.sort();
        assert_eq!(names, listed);
        assert!(VoidRecipe::KNOBS.iter().all(|knob| VoidRecipe::default_of(knob.name).is_some()));
        assert_eq!(VoidRecipe::default_of("pass2.sampler").unwrap(), "ddim_cog");
        VoidRecipe::default().checked().unwrap();
    }

    #[test]
    fn what_is_faster_is_off_unless_somebody_says_so_and_a_preview_says_it_all() {
        let plain = VoidRecipe::default();
        assert_eq!((plain.reuse, plain.fused, plain.windows_at_once), (0.0, false, 1));
        assert_eq!((plain.decode, plain.running()), (Decode::Full, plain.clone()));
        let quick = VoidRecipe { preview: true, ..plain }.running();
        assert_eq!((quick.decode, quick.pass1.steps, quick.pass1.sampler), (Decode::Half, 8, Sampler::Dpmpp));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_what_is_allowed() {
        let with = |text: &str| {
            let recipe: VoidRecipe = serde_json::from_str(text).unwrap();
            recipe.checked().map_err(|bad| bad.to_string())
        };
        for (text, says) in [
            (r#"{"canvas_width": 680}"#, "canvas_width is 680: allowed are multiples of 16"),
            (r#"{"window_frames": 84}"#, "window_frames is 84"),
            (r#"{"window_frames": 13, "overlap_frames": 16}"#, "overlap_frames is 16"),
            (r#"{"seed": 9007199254740992}"#, "seed is 9007199254740992"),
            (r#"{"pass1": {"steps": 0}}"#, "pass1.steps is 0"),
            (r#"{"pass1": {"steps": 3, "sampler": "pndm"}}"#, "pass1.steps is 3"),
            (r#"{"pass1": {"steps": 2, "strength": 0.3}}"#, "pass1.strength is 0.3"),
            (r#"{"pass2": {"guidance": 0.5}}"#, "pass2.guidance is 0.5"),
            (r#"{"grain": -1}"#, "grain is -1"),
            (r#"{"reuse": 1.5}"#, "reuse is 1.5"),
            (r#"{"windows_at_once": 0}"#, "windows_at_once is 0"),
            (r#"{"windows_at_once": 9}"#, "windows_at_once is 9"),
            (r#"{"pass2": {"morphing": 0}}"#, "pass2.morphing is 0"),
        ] {
            let said = with(text).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
        with(r#"{"window_frames": 13, "overlap_frames": 0, "pass1": {"steps": 4, "strength": 0.25}}"#)
            .unwrap();
        assert!(serde_json::from_str::<VoidRecipe>(r#"{"stepps": 3}"#).is_err());
    }
}
