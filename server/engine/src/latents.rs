//! From a clip on the canvas to latents and back: prompt, conditions, steps and frames, each kept as soon as it is made. Which
//! frames there are, and where what is made goes, is told elsewhere. void-spec §5, §6.

use domain::recipe::{Decode, Precision, Sampler as Wanted, VoidRecipe, steps_run};
use domain::{Hash, Step};
use nets::prepare::{self, Levels};
use nets::random::Normal;
use nets::sample::{self, Denoiser, Text, doubled, finished, first_noise, halved};
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
    pub fused: bool,
    pub windows_at_once: u32,
    pub decode: Decode,
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
    pub prompt: Name,
    /// Where it is heard.
    pub negative: Option<Name>,
    pub mask: Name,
    /// Of the plate as the model is shown it.
    pub plate: Name,
    /// Of the plate itself, where the pass begins from it.
    pub start: Option<Name>,
    pub state: Name,
}

impl Names {
    pub fn all(&self) -> impl Iterator<Item = &Name> {
        let Self { prompt, negative, mask, plate, start, state } = self;
        [prompt, mask, plate, state].into_iter().chain(negative).chain(start)
    }
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
        let Self { levels, video_noise, hide_target, at_once, reuse, fused, windows_at_once, .. } = *self;
        // How pictures are made of the last latents changes none of them.
        let Self { decode: _, is_fp8, length, window, overlap, .. } = *self;
        let prints = model.prints();
        let of_text = |text: &str| Name::new("text", &json!([self.place(), prints.text, text]));
        let [prompt, negative] = prompt;
        let (prompt, negative) = (of_text(prompt), (guidance > 1.0).then(|| of_text(negative)));
        // Of each, only what it is made of: the mask of a plate is the same for every seed.
        let of_latents = |kind: &str, shown: serde_json::Value| {
            Name::new(kind, &json!([self.place(), prints.vae, clip.size(), length, shown]))
        };
        let marked = json!([clip.mask_hash, format!("{levels:?}")]);
        let hidden = hide_target.then(|| marked.clone());
        let noisy = self.is_noisy().then_some((seed, video_noise));
        let mask = of_latents("mask", marked);
        let plate = of_latents("plate", json!([clip.plate_hash, hidden, noisy]));
        let start = (strength < 1.0).then(|| of_latents("start", json!([clip.plate_hash, seed])));
        let state = Name::new(
            "state",
            &json!([
                prompt.as_str(),
                negative.as_ref().map(Name::as_str),
                mask.as_str(),
                plate.as_str(),
                start.as_ref().map(Name::as_str),
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
                fused,
                windows_at_once,
                is_fp8,
            ]),
        );
        Names { prompt, negative, mask, plate, start, state }
    }

    /// Whether the model is shown noise on the plate.
    fn is_noisy(&self) -> bool {
        self.video_noise > 0.0 && self.model.wants_video_noise()
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
    names: &Names,
    store: &Store,
    networks: &mut Networks,
    report: &mut dyn Reporter,
) -> Result<(Text, bool)> {
    report.step(Step::Text, 0, 1)?;
    let (prompt, cut) = embedded(settings, prompt, &names.prompt, store, networks)?;
    let negative = match &names.negative {
        Some(name) => Some(embedded(settings, negative, name, store, networks)?.0),
        None => None,
    };
    report.step(Step::Text, 1, 1)?;
    let negative = || settings.onto(&negative.unwrap_or_else(|| prompt.zeros_like()));
    Ok((Text::new(&settings.onto(&prompt), negative, settings.guidance), cut > 0))
}

/// One text, [1, n, d] in f32; and 1 where it was cut off.
fn embedded(
    settings: &Settings,
    text: &str,
    name: &Name,
    store: &Store,
    networks: &mut Networks,
) -> Result<(Tensor, usize)> {
    let kept =
        store.find_of_all(name).and_then(|kept| Some((kept.get("text")?, to_number(&kept.get("cut")?)?)));
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let (tokenizer, t5) = networks.text()?;
    let tokens = tokenizer.prompt(text);
    let made = t5.forward(&tokens.tensor().to_device(settings.device)).to_kind(Kind::Float);
    let cut = usize::from(tokens.truncated);
    store.keep_for_all(name, &[("text".to_owned(), made.shallow_clone()), ("cut".into(), number(cut))])?;
    Ok((made, cut))
}

/// What the transformer looks at beside the noise: latents [1, 16, f, h, w] in f32.
pub struct Conditions {
    pub mask: Tensor,
    pub video: Tensor,
    /// The plate itself, for a pass that begins from it.
    pub start: Option<Tensor>,
}

/// Encodes mask and plate, as far as nobody did before; and tells how many frames it encoded.
pub fn conditions(
    settings: &Settings,
    clip: &Clip,
    names: &Names,
    store: &Store,
    networks: &mut Networks,
    report: &mut dyn Reporter,
) -> Result<(Conditions, u64)> {
    let kept = |name: &Name| store.find_of_all(name).and_then(|kept| kept.get("latents"));
    let (mut mask, mut video) = (kept(&names.mask), kept(&names.plate));
    let mut start = names.start.as_ref().and_then(kept);
    let is_missing = [mask.is_none(), video.is_none(), names.start.is_some() && start.is_none()];
    let rounds = is_missing.iter().filter(|is_missing| **is_missing).count() as u64;
    let total = rounds * settings.length as u64;
    if total > 0 {
        let vae = networks.vae()?;
        let order = settings.order(clip);
        let mut done = 0;
        let mut encode = |picture: &mut dyn FnMut(&[i64]) -> Result<Tensor>| -> Result<Tensor> {
            vae.moments_each(settings.length, |range| {
                report.step(Step::Latents, done, total)?;
                done += (range.end - range.start) as u64;
                let frames = &order[range.start as usize..range.end as usize];
                Ok::<_, Error>(settings.onto(&picture(frames)?))
            })
        };
        let keep = |name: &Name, latents: &Tensor| -> Result<Option<Tensor>> {
            let plain = latents.to_kind(Kind::Float).to_device(Device::Cpu);
            store.keep_for_all(name, &[("latents".to_owned(), plain.shallow_clone())])?;
            Ok(Some(plain))
        };
        let levels = |frames: &[i64]| -> Result<Tensor> {
            Ok(prepare::quantise(&clip.mask(frames)?, settings.levels))
        };
        if mask.is_none() {
            let moments = encode(&mut |frames| Ok(prepare::mask_picture(&levels(frames)?)))?;
            mask = keep(&names.mask, &vae.mean(&moments))?;
        }
        if video.is_none() {
            let mut noise = Normal::named(settings.seed, "video noise");
            let moments = encode(&mut |frames| {
                let mut picture = prepare::video_picture(&clip.video(frames)?);
                if settings.hide_target {
                    picture = prepare::without_removed(&picture, &levels(frames)?);
                }
                if !settings.is_noisy() {
                    return Ok(picture);
                }
                let [height, width] = clip.size();
                let drawn: Vec<_> = frames.iter().map(|_| noise.tensor(&[3, height, width])).collect();
                let drawn =
                    Tensor::stack(&drawn, 1).unsqueeze(0) * (settings.video_noise / prepare::VIDEO_NOISE);
                Ok(prepare::with_noise(&picture, &drawn))
            })?;
            video = keep(&names.plate, &vae.mean(&moments))?;
        }
        if let Some(name) = names.start.as_ref().filter(|_| start.is_none()) {
            let moments = encode(&mut |frames| Ok(prepare::video_picture(&clip.video(frames)?)))?;
            let moments = moments.to_kind(Kind::Float);
            let noise = Normal::named(settings.seed, "start").tensor(&vae.mean(&moments).size());
            start = keep(name, &vae.drawn(&moments, &noise.to_device(settings.device)))?;
        }
    }
    let (mask, video) = (mask.expect("kept or just encoded"), video.expect("kept or just encoded"));
    Ok((Conditions { mask, video, start }, total))
}

/// Latents after a number of steps, [1, f, 16, h, w] in f32, with what is remembered of each group of windows.
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
    let groups = sample::groups(&windows, settings.windows_at_once as usize).len();
    let steps = schedule.timesteps().len();
    let skipped = (settings.steps - steps_run(settings.steps, settings.strength)) as usize;
    let total = ((steps - skipped) * groups) as u64;
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
        let denoiser = Denoiser::new(transformer, &schedule, text, [&mask, &video], window, overlap)?;
        let mut denoiser = denoiser.with_windows_at_once(settings.windows_at_once as usize);
        (denoiser.at_once, denoiser.reuse, denoiser.fused) =
            (settings.at_once, settings.reuse, settings.fused);
        if let Some(kept) = state.remembered.take() {
            (0..groups).for_each(|number| recall(&mut denoiser, number, &kept, number, settings.device));
        }
        let mut latents = state.latents.to_device(settings.device);
        for index in state.done..steps {
            let mut all = Vec::new();
            for number in 0..groups {
                let done = ((index - skipped) * groups + number) as u64;
                report.step(Step::Denoise, done, total)?;
                settings.model.content().so_far()?;
                let part = name.part(number);
                if let Some((next, kept)) = kept_group(store, &part, index) {
                    recall(&mut denoiser, number, &kept, 0, settings.device);
                    all.push(next.to_device(settings.device));
                    continue;
                }
                let mut noise = |window: usize, shape: &[i64]| {
                    Normal::named(settings.seed, &format!("step {index} window {window}")).tensor(shape)
                };
                let next = denoiser.group(index, number, &latents, &mut noise);
                if groups > 1 {
                    keep(store, &part, index, &next, [(0, denoiser.memory(number))].into_iter())?;
                }
                all.push(next);
            }
            latents = denoiser.blend(&latents, &all);
            finite(&latents, "denoising")?; // before it is kept, or the next start would go on from it
            let remembered = (0..groups).map(|number| (number, denoiser.memory(number)));
            keep(store, name, index + 1, &latents, remembered)?;
        }
        state.latents = latents;
    }
    (0..groups).for_each(|number| store.forget(&name.part(number)));
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

/// Windows of the step `index` that were finished before.
fn kept_group(store: &Store, name: &Name, index: usize) -> Option<(Tensor, Tensors)> {
    let kept = store.find(name)?;
    let is_of_step = to_number(&kept.get("step")?)? == index;
    let latents = kept.get("latents").filter(|_| is_of_step)?;
    Some((latents, kept))
}

/// Goes on with what was kept of a group of windows under the number `at`.
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
    let is_half = settings.decode == Decode::Half;
    let latents = if is_half { halved(latents) } else { latents.shallow_clone() };
    let outcome = vae.decode_each(&settings.onto(&latents), |chunk| {
        let chunk = if is_half { doubled(&chunk) } else { chunk };
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
