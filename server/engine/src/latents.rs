//! From a clip on the canvas to latents and back: prompt, conditions, steps and frames, each kept as soon as it is made. Which
//! frames there are, and where what is made goes, is told elsewhere. void-spec §5, §6.

use domain::recipe::{Precision, Sampler as Wanted, VoidRecipe, steps_run};
use domain::{Hash, Step};
use nets::prepare::{self, Levels};
use nets::random::Normal;
use nets::sample::{self, Denoiser, Text, finished, first_noise};
use nets::schedule::{Sampler, Schedule};
use pipeline::Reporter;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::clip::Clip;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::networks::Networks;
use crate::store::{Name, Store, Tensors, number, to_number};

/// Frames that one latent stands for, but for the first.
const FRAMES_PER_LATENT: i64 = 4;
/// Changes when the same recipe begins to give other latents.
const EDITION: u32 = 2;

/// How one pass is run, on what.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    pub model: &'a Model,
    pub device: Device,
    pub kind: Kind,
    pub seed: u64,
    pub steps: u32,
    pub guidance: f64,
    pub sampler: Wanted,
    pub strength: f64,
    pub levels: Levels,
    pub video_noise: f64,
    pub hide_target: bool,
    pub at_once: bool,
    pub reuse: f64,
    /// Whether the transformer's weights are in 8 bits, which gives other numbers.
    pub is_fp8: bool,
    /// Frames that the clip is brought to, and windows of it, in frames.
    pub length: i64,
    pub window: i64,
    pub overlap: i64,
}

/// The kind of numbers that a precision means on a device.
pub fn kind_of(precision: Precision, device: Device) -> Kind {
    match precision {
        Precision::Float32 => Kind::Float,
        Precision::Bfloat16 => Kind::BFloat16,
        Precision::Auto if device.is_cuda() => Kind::BFloat16,
        Precision::Auto => Kind::Float,
    }
}

/// The length that a clip is brought to, in frames: at least a window, and an even number of latents.
pub fn length_of(recipe: &VoidRecipe, frames: u32) -> i64 {
    prepare::snapped_length(i64::from(frames), i64::from(recipe.window_frames), i64::from(u32::MAX))
}

/// Latents of so many frames.
pub fn latents_of(frames: i64) -> i64 {
    (frames - 1) / FRAMES_PER_LATENT + 1
}

fn sampler_of(wanted: Wanted) -> Sampler {
    match wanted {
        Wanted::Ddim => Sampler::Ddim,
        Wanted::DdimCog => Sampler::DdimCog,
        Wanted::Dpmpp => Sampler::Dpmpp,
        Wanted::Euler => Sampler::Euler,
        Wanted::EulerAncestral => Sampler::EulerAncestral,
        Wanted::Pndm => Sampler::Pndm,
    }
}

/// The names under which a run's latents are kept.
pub struct Names {
    pub text: Name,
    pub conditions: Name,
    pub state: Name,
}

impl Settings<'_> {
    /// For a part of so many frames.
    pub fn for_part(self, recipe: &VoidRecipe, frames: u32) -> Self {
        Self { length: length_of(recipe, frames), ..self }
    }

    fn place(&self) -> String {
        let device = if self.device.is_cuda() { "cuda" } else { "cpu" };
        format!("{EDITION} {device} {:?}", self.kind)
    }

    /// `noise`: what the first latents are made of, where they are not plain noise.
    pub fn names(&self, clip: &Clip, prompt: [&str; 2], noise: Option<&Name>) -> Names {
        let Self { model, device: _, kind: _, seed, steps, guidance, sampler, strength, .. } = *self;
        let Self { levels, video_noise, hide_target, at_once, reuse, is_fp8, .. } = *self;
        let Self { length, window, overlap, .. } = *self;
        let prints = model.prints();
        let text = Name::new("text", &json!([self.place(), prints.text, prompt, guidance > 1.0]));
        let shown = json!([format!("{levels:?}"), video_noise, hide_target, length, strength < 1.0]);
        let conditions = Name::new("conditions", &json!([self.place(), prints.vae, clip.hash, seed, shown]));
        let state = Name::new(
            "state",
            &json!([
                text.as_str(),
                conditions.as_str(),
                noise.map(Name::as_str),
                prints.transformer,
                seed,
                steps,
                guidance,
                sampler,
                strength,
                window,
                overlap,
                at_once,
                reuse,
                is_fp8,
            ]),
        );
        Names { text, conditions, state }
    }

    /// The order in which frames of the clip stand in the length that it is brought to.
    fn order(&self, clip: &Clip) -> Vec<i64> {
        prepare::frame_order(i64::from(clip.frames), self.length)
    }

    fn onto(&self, tensor: &Tensor) -> Tensor {
        tensor.to_device(self.device).to_kind(self.kind)
    }
}

/// The prompt as the transformer gets it; and whether it was cut off.
pub fn text(
    settings: &Settings,
    [prompt, negative]: [&str; 2],
    name: &Name,
    store: &Store,
    networks: &mut Networks,
    report: &mut dyn Reporter,
) -> Result<(Text, bool)> {
    report.step(Step::Text, 0, 1)?;
    let both = settings.guidance > 1.0;
    let kept = store.find(name).and_then(|kept| {
        let negative = if both { Some(kept.get("negative")?) } else { None };
        Some((kept.get("prompt")?, negative, to_number(&kept.get("cut")?)?))
    });
    let (prompt, negative, cut) = match kept {
        Some(kept) => kept,
        None => {
            let (tokenizer, t5) = networks.text()?;
            let tokens = tokenizer.prompt(prompt);
            let embed = |ids: Tensor| t5.forward(&ids.to_device(settings.device)).to_kind(Kind::Float);
            let prompt = embed(tokens.tensor());
            let negative = both.then(|| embed(tokenizer.prompt(negative).tensor()));
            let cut = usize::from(tokens.truncated);
            let mut all = vec![("prompt".to_owned(), prompt.shallow_clone()), ("cut".into(), number(cut))];
            all.extend(negative.as_ref().map(|negative| ("negative".to_owned(), negative.shallow_clone())));
            store.keep(name, &all)?;
            (prompt, negative, cut)
        }
    };
    report.step(Step::Text, 1, 1)?;
    let negative = || settings.onto(&negative.unwrap_or_else(|| prompt.zeros_like()));
    Ok((Text::new(&settings.onto(&prompt), negative, settings.guidance), cut > 0))
}

/// What the transformer looks at beside the noise: latents [1, 16, f, h, w] in f32.
pub struct Conditions {
    pub mask: Tensor,
    pub video: Tensor,
    /// The plate itself, for a pass that begins from it.
    pub start: Option<Tensor>,
}

/// Encodes mask and plate.
pub fn conditions(
    settings: &Settings,
    clip: &Clip,
    name: &Name,
    store: &Store,
    networks: &mut Networks,
    report: &mut dyn Reporter,
) -> Result<Conditions> {
    let from_plate = settings.strength < 1.0;
    let kept = store.find(name).and_then(|kept| {
        let start = if from_plate { Some(kept.get("start")?) } else { None };
        Some(Conditions { mask: kept.get("mask")?, video: kept.get("video")?, start })
    });
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let vae = networks.vae()?;
    let order = settings.order(clip);
    let rounds = 2 + u64::from(from_plate);
    let total = rounds * settings.length as u64;
    let mut done = 0;
    let mut encode = |picture: &mut dyn FnMut(&[i64]) -> Result<Tensor>| -> Result<Tensor> {
        vae.moments_each(settings.length, |range| {
            report.step(Step::Latents, done, total)?;
            done += (range.end - range.start) as u64;
            let frames = &order[range.start as usize..range.end as usize];
            Ok::<_, Error>(settings.onto(&picture(frames)?))
        })
    };
    let mask =
        |frames: &[i64]| -> Result<Tensor> { Ok(prepare::quantise(&clip.mask(frames)?, settings.levels)) };
    let mask_moments = encode(&mut |frames| Ok(prepare::mask_picture(&mask(frames)?)))?;
    let mut noise = Normal::named(settings.seed, "video noise");
    let is_noisy = settings.video_noise > 0.0 && settings.model.wants_video_noise();
    let video_moments = encode(&mut |frames| {
        let mut picture = prepare::video_picture(&clip.video(frames)?);
        if settings.hide_target {
            picture = prepare::without_removed(&picture, &mask(frames)?);
        }
        if !is_noisy {
            return Ok(picture);
        }
        let [height, width] = clip.size();
        let drawn: Vec<_> = frames.iter().map(|_| noise.tensor(&[3, height, width])).collect();
        let drawn = Tensor::stack(&drawn, 1).unsqueeze(0) * (settings.video_noise / prepare::VIDEO_NOISE);
        Ok(prepare::with_noise(&picture, &drawn))
    })?;
    let start = match from_plate {
        false => None,
        true => {
            let moments = encode(&mut |frames| Ok(prepare::video_picture(&clip.video(frames)?)))?;
            let moments = moments.to_kind(Kind::Float);
            let noise = Normal::named(settings.seed, "start").tensor(&vae.mean(&moments).size());
            Some(vae.drawn(&moments, &noise.to_device(settings.device)))
        }
    };
    let plain = |t: Tensor| t.to_kind(Kind::Float).to_device(Device::Cpu);
    let all = Conditions {
        mask: plain(vae.mean(&mask_moments)),
        video: plain(vae.mean(&video_moments)),
        start: start.map(plain),
    };
    let mut kept =
        vec![("mask".to_owned(), all.mask.shallow_clone()), ("video".into(), all.video.shallow_clone())];
    kept.extend(all.start.as_ref().map(|start| ("start".to_owned(), start.shallow_clone())));
    store.keep(name, &kept)?;
    Ok(all)
}

/// Latents after a number of steps, [1, f, 16, h, w] in f32, with what is remembered of each window.
struct State {
    done: usize,
    latents: Tensor,
    remembered: Option<Tensors>,
}

/// Denoises a clip from its first latents (`first`, standard normal [1, f, 16, h, w]; plain noise of the seed where there are
/// none) → latents [1, 16, f, h, w]. Also tells how many steps had been done before.
pub fn denoise(
    settings: &Settings,
    text: &Text,
    conditions: &Conditions,
    first: Option<&Tensor>,
    name: &Name,
    store: &Store,
    networks: &mut Networks,
    report: &mut dyn Reporter,
) -> Result<(Tensor, usize)> {
    let Conditions { mask, video, start } = conditions;
    let (_, channels, frames, height, width) = video.size5().map_err(nets::Error::from)?;
    let schedule =
        Schedule::new(&settings.model.schedule, sampler_of(settings.sampler), i64::from(settings.steps))?;
    let windows = sample::windows(frames, latents_of(settings.window), settings.overlap / FRAMES_PER_LATENT)?;
    let steps = schedule.timesteps().len();
    let skipped = (settings.steps - steps_run(settings.steps, settings.strength)) as usize;
    let kept = kept_state(store, name).filter(|state| state.done <= steps);
    let found = kept.as_ref().map_or(skipped, |state| state.done);
    let mut state = match kept {
        Some(state) => state,
        None => {
            let plain;
            let noise = match first {
                Some(first) => first,
                None => {
                    plain = first_noise(settings.seed, &[1, frames, channels, height, width]);
                    &plain
                }
            };
            let latents = match start {
                Some(start) => schedule.add_noise(skipped, &start.permute([0, 2, 1, 3, 4]), noise),
                None => noise * schedule.first_sigma(),
            };
            State { done: skipped, latents: latents.to_kind(Kind::Float), remembered: None }
        }
    };
    if state.done < steps {
        let transformer = networks.transformer()?;
        let (mask, video) = (settings.onto(mask), settings.onto(video));
        let (window, overlap) = (latents_of(settings.window), settings.overlap / FRAMES_PER_LATENT);
        let mut denoiser = Denoiser::new(transformer, &schedule, text, [&mask, &video], window, overlap)?;
        (denoiser.at_once, denoiser.reuse) = (settings.at_once, settings.reuse);
        if let Some(kept) = state.remembered.take() {
            (0..windows.len())
                .for_each(|number| recall(&mut denoiser, number, &kept, number, settings.device));
        }
        let mut latents = state.latents.to_device(settings.device);
        let total = ((steps - skipped) * windows.len()) as u64;
        for index in state.done..steps {
            let mut all = Vec::new();
            for number in 0..windows.len() {
                let done = ((index - skipped) * windows.len() + number) as u64;
                report.step(Step::Denoise, done, total)?;
                settings.model.content().so_far()?;
                let part = name.part(number);
                if let Some((next, kept)) = kept_window(store, &part, index) {
                    recall(&mut denoiser, number, &kept, 0, settings.device);
                    all.push(next.to_device(settings.device));
                    continue;
                }
                let mut noise = Normal::named(settings.seed, &format!("step {index} window {number}"));
                let next = denoiser.window(index, number, &latents, &mut noise);
                if windows.len() > 1 {
                    keep(store, &part, index, &next, [(0, denoiser.memory(number))].into_iter())?;
                }
                all.push(next);
            }
            latents = denoiser.blend(&latents, &all);
            finite(&latents, "denoising")?; // before it is kept, or the next start would go on from it
            let remembered = (0..windows.len()).map(|number| (number, denoiser.memory(number)));
            keep(store, name, index + 1, &latents, remembered)?;
        }
        state.latents = latents;
    }
    (0..windows.len()).for_each(|number| store.forget(&name.part(number)));
    let total = ((steps - skipped) * windows.len()) as u64;
    report.step(Step::Denoise, total, total)?;
    finite(&state.latents, "denoising")?;
    Ok((state.latents.permute([0, 2, 1, 3, 4]), found - skipped))
}

/// Keeps latents with the step that they are of, and what is remembered of windows.
fn keep(
    store: &Store,
    name: &Name,
    step: usize,
    latents: &Tensor,
    remembered: impl Iterator<Item = (usize, Vec<(String, Tensor)>)>,
) -> Result<()> {
    let mut all = vec![("latents".to_owned(), latents.shallow_clone()), ("step".into(), number(step))];
    for (number, tensors) in remembered {
        all.extend(tensors.into_iter().map(|(name, t)| (format!("{number}.{name}"), t)));
    }
    store.keep(name, &all)
}

fn kept_state(store: &Store, name: &Name) -> Option<State> {
    let kept = store.find(name)?;
    let (done, latents) = (to_number(&kept.get("step")?)?, kept.get("latents")?);
    Some(State { done, latents, remembered: Some(kept) })
}

/// A window of the step `index` that was finished before.
fn kept_window(store: &Store, name: &Name, index: usize) -> Option<(Tensor, Tensors)> {
    let kept = store.find(name)?;
    let is_of_step = to_number(&kept.get("step")?)? == index;
    let latents = kept.get("latents").filter(|_| is_of_step)?;
    Some((latents, kept))
}

/// Goes on with what was kept of a window under the number `at`.
fn recall(denoiser: &mut Denoiser, number: usize, kept: &Tensors, at: usize, device: Device) {
    denoiser.recall(number, |name| kept.get(&format!("{at}.{name}")).map(|t| t.to_device(device)));
}

/// Decodes latents [1, 16, f, h, w] and hands out the clip's own frames in order: 0–1, [height, width, 3] in f32 on the CPU.
pub fn decode(
    settings: &Settings,
    latents: &Tensor,
    frames: u32,
    networks: &mut Networks,
    report: &mut dyn Reporter,
    mut each: impl FnMut(&Tensor) -> Result<()>,
) -> Result<()> {
    let vae = networks.vae()?;
    let mut done = 0;
    report.step(Step::Decode, 0, u64::from(frames))?;
    let outcome = vae.decode_each(&settings.onto(latents), |chunk| {
        let chunk = finished(&chunk).to_device(Device::Cpu);
        finite(&chunk, "decoding")?;
        for at in 0..chunk.size()[2] {
            if done < frames {
                each(&chunk.select(2, at).squeeze_dim(0).permute([1, 2, 0]).contiguous())?;
                done += 1;
            }
        }
        report.step(Step::Decode, u64::from(done), u64::from(frames)).map_err(Error::from)?;
        // What the clip was repeated for is not decoded.
        if done < frames { Ok(()) } else { Err(None) }
    });
    match outcome {
        Ok(()) | Err(None) => Ok(()),
        Err(Some(error)) => Err(error),
    }
}

fn finite(tensor: &Tensor, what: &'static str) -> Result<()> {
    let is_finite = tensor.isfinite().all().int64_value(&[]) != 0;
    if is_finite { Ok(()) } else { Err(Error::NotFinite { what }) }
}

/// A hash of what made a clip's first latents, for names.
pub fn noise_name(parts: &serde_json::Value, clip: &Clip, source: Hash, settings: &Settings) -> Name {
    let Settings { seed, length, .. } = *settings;
    Name::new("noise", &json!([settings.place(), parts, source, clip.part.layout.canvas, seed, length]))
}
