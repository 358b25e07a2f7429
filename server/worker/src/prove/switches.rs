//! What each switch changes that makes VOID faster: the latents beside those without it, and the time, in one run, on a model of
//! random weights. Such a model changes more from step to step than one that learnt: what is reused is more wrong here, and
//! reused less often, than with published weights.

use std::convert::Infallible;

use nets::bare::timed;
use nets::random::Normal;
use nets::sample::{Denoiser, Text, doubled, finished, first_noise, halved};
use nets::schedule::{self, Sampler, Schedule};
use nets::transformer::{Config, Transformer};
use nets::vae::{self, Vae};
use nets::{Error, Weights};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::{Outcome, Request};

/// How far latents may be from those without a switch, on average and over their own size, where it is said to round
/// otherwise and no more.
const MOST_ROUNDING: f64 = 1e-3;
const MOST_ROUNDING_BF16: f64 = 5e-2;
/// A share of change that no step stays below: with it nothing may be another bit.
const NEVER: f64 = 1e-9;
const GUIDANCE: f64 = 4.0;

/// What is denoised, with what.
struct Size {
    /// Of 64 numbers each.
    heads: i64,
    blocks: i64,
    /// Latents [f, h, w], and how many of them two windows have and share.
    latents: [i64; 3],
    window: i64,
    overlap: i64,
    steps: i64,
    /// How often each way is timed; the fastest counts.
    rounds: usize,
}

const FULL: Size =
    Size { heads: 4, blocks: 6, latents: [10, 16, 24], window: 6, overlap: 2, steps: 40, rounds: 2 };
const SHORT: Size =
    Size { heads: 1, blocks: 2, latents: [10, 4, 4], window: 6, overlap: 2, steps: 4, rounds: 1 };
/// Of a preview, and its sampler's.
const PREVIEW_STEPS: i64 = 8;

/// The switches of a run.
#[derive(Debug, Clone, Copy)]
struct Way {
    reuse: f64,
    at_once: bool,
    fused: bool,
    windows_at_once: usize,
    sampler: Sampler,
    steps: i64,
}

/// A switch as it stands in the recipe, thrown.
struct Thrown {
    knob: &'static str,
    value: Value,
    way: Way,
    /// Whether it changes rounding alone.
    only_rounds: bool,
}

fn thrown(off: Way) -> Vec<Thrown> {
    let reuse = [0.1, 0.3, 0.6, 0.9].map(|reuse| Thrown {
        knob: "reuse",
        value: json!(reuse),
        way: Way { reuse, ..off },
        only_rounds: false,
    });
    let rounding = [
        ("guidance_at_once", json!(false), Way { at_once: false, ..off }),
        ("fused", json!(true), Way { fused: true, ..off }),
        ("windows_at_once", json!(2), Way { windows_at_once: 2, ..off }),
        ("fused and windows_at_once", json!([true, 2]), Way { fused: true, windows_at_once: 2, ..off }),
    ];
    let rounding = rounding.map(|(knob, value, way)| Thrown { knob, value, way, only_rounds: true });
    let steps = off.steps.min(PREVIEW_STEPS);
    let preview = Thrown {
        knob: "preview",
        value: json!({ "steps": steps, "sampler": "dpmpp" }),
        way: Way { sampler: Sampler::Dpmpp, steps, ..off },
        only_rounds: false,
    };
    reuse.into_iter().chain(rounding).chain([preview]).collect()
}

/// `count`: any number asks for the short form, on a tiny model.
pub fn prove(request: Request) -> anyhow::Result<Outcome> {
    let size = if request.count.is_some() { SHORT } else { FULL };
    let device = if tch::Cuda::is_available() { Device::Cuda(0) } else { Device::Cpu };
    let kind = if device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
    tch::no_grad(|| proven(&size, request, device, kind))
}

fn proven(size: &Size, request: Request, device: Device, kind: Kind) -> anyhow::Result<Outcome> {
    let Size { heads, blocks, latents: [f, h, w], window, overlap, steps, rounds } = *size;
    let scene = Scene::new(size, request.seed, device, kind)?;
    let off =
        Way { reuse: 0.0, at_once: true, fused: false, windows_at_once: 1, sampler: Sampler::Ddim, steps };
    let all = thrown(off);
    let (plain, _) = scene.run(off)?; // and sets up what is set up once
    let mut broken = Vec::new();
    let (never, spared) = scene.run(Way { reuse: NEVER, ..off })?;
    if spared > 0 || never != plain {
        broken.push(format!("a share of {NEVER} reused {spared} forwards, or changed latents without it"));
    }
    // In turn, so that what else the machine does falls on all of them.
    let mut off_seconds = f64::INFINITY;
    let mut seconds = vec![f64::INFINITY; all.len()];
    let mut made = Vec::new();
    for round in 0..rounds {
        off_seconds = off_seconds.min(timed(device, || scene.run(off)).1);
        for (Thrown { knob, value, way, .. }, fastest) in all.iter().zip(&mut seconds) {
            tracing::info!("Round {}: {knob} = {value}.", round + 1);
            let (run, took) = timed(device, || scene.run(*way));
            *fastest = fastest.min(took);
            let run = run?;
            if round == 0 {
                made.push(run);
            }
        }
    }
    if request.count.is_none() && made.iter().all(|(_, spared)| *spared == 0) {
        broken.push(
            "reuse spared no forward at any value: what it changes and what it is worth was not seen"
                .to_owned(),
        );
    }
    let most_rounding = if kind == Kind::Float { MOST_ROUNDING } else { MOST_ROUNDING_BF16 };
    let mut told = Vec::new();
    for ((switch, (latents, spared)), seconds) in all.iter().zip(&made).zip(&seconds) {
        let Thrown { knob, value, way, only_rounds } = switch;
        let Apart { largest, mean } = Apart::of(latents, &plain);
        if !mean.is_finite() || !largest.is_finite() {
            broken.push(format!("{knob} = {value} makes latents that are no numbers"));
        }
        if *only_rounds && mean > most_rounding {
            broken.push(format!(
                "{knob} = {value} is said to round otherwise and no more: latents are {mean:.2e} of their size apart, more \
                 than {most_rounding:.0e}"
            ));
        }
        let forwards = way.steps * 2; // of two windows
        told.push(json!({
            "knob": knob, "value": value, "largest_over_signal": largest, "mean_over_signal": mean,
            "seconds": seconds, "seconds_over_off": seconds / off_seconds,
            "forwards_spared": *spared as f64 / forwards as f64,
        }));
    }
    let figures = json!({
        "device": if device.is_cuda() { "cuda" } else { "cpu" }, "kind": format!("{kind:?}"),
        "threads": tch::get_num_threads(),
        "model": { "width": 64 * heads, "blocks": blocks, "weights": "random" },
        "latents": [f, h, w], "window": window, "overlap": overlap, "steps": steps, "guidance": GUIDANCE,
        "off_seconds": off_seconds, "switches": told,
        "decode_half": decode(size, request.seed, device, kind)?,
    });
    Ok(Outcome { figures, broken })
}

/// How far numbers are from others, over the size of those.
struct Apart {
    /// Over the root of their mean square.
    largest: f64,
    /// Over their mean size.
    mean: f64,
}

impl Apart {
    fn of(a: &Tensor, b: &Tensor) -> Self {
        let (a, b) = (a.to_kind(Kind::Float), b.to_kind(Kind::Float));
        let apart = (&a - &b).abs();
        let number = |t: Tensor| t.double_value(&[]);
        let root = number(b.square().mean(Kind::Float)).sqrt();
        let size = number(b.abs().mean(Kind::Float));
        Self { largest: number(apart.max()) / root, mean: number(apart.mean(Kind::Float)) / size }
    }
}

/// A clip and the model that denoises it.
struct Scene<'a> {
    size: &'a Size,
    transformer: Transformer,
    text: Text,
    /// Latents [1, 16, f, h, w].
    mask: Tensor,
    video: Tensor,
    /// [1, f, 16, h, w] in f32
    first: Tensor,
}

impl<'a> Scene<'a> {
    fn new(size: &'a Size, seed: u64, device: Device, kind: Kind) -> Result<Self, Error> {
        let Size { heads, blocks, latents: [f, h, w], .. } = *size;
        let config = Config {
            num_attention_heads: heads,
            attention_head_dim: 64,
            num_layers: blocks,
            text_embed_dim: 64,
            ..Config::void()
        };
        let transformer = Transformer::new(&Weights::seeded_on(seed, device, kind), config)?;
        let draw = |name: &str, shape: &[i64]| {
            Normal::named(seed, name).tensor(shape).to_device(device).to_kind(kind)
        };
        let text =
            Text::new(&draw("prompt", &[1, 226, 64]), || draw("negative prompt", &[1, 226, 64]), GUIDANCE);
        let (mask, video) = (draw("mask", &[1, 16, f, h, w]), draw("video", &[1, 16, f, h, w]));
        let first = first_noise(seed, &[1, f, 16, h, w]).to_device(device);
        Ok(Self { size, transformer, text, mask, video, first })
    }

    /// The last latents, and how many forwards did without all but the first block.
    fn run(&self, way: Way) -> Result<(Tensor, usize), Error> {
        let Way { reuse, at_once, fused, windows_at_once, sampler, steps } = way;
        let Size { window, overlap, .. } = *self.size;
        let schedule = Schedule::new(&schedule::Config::void(), sampler, steps)?;
        let latents = [&self.mask, &self.video];
        let denoiser = Denoiser::new(&self.transformer, &schedule, &self.text, latents, window, overlap)?;
        let mut denoiser = denoiser.with_windows_at_once(windows_at_once);
        (denoiser.reuse, denoiser.at_once, denoiser.fused) = (reuse, at_once, fused);
        let mut latents = &self.first * schedule.first_sigma();
        for index in 0..schedule.timesteps().len() {
            let tick = || Ok::<_, Infallible>(());
            let Ok(next) = denoiser.step(index, &latents, &mut Normal::new(1), tick);
            latents = next;
        }
        Ok((latents, denoiser.spared()))
    }
}

/// Pictures that were decoded at half the size, beside whole ones: 0–1 of the full range. Of a smooth clip, since noise would
/// not be seen again at half the size.
fn decode(size: &Size, seed: u64, device: Device, kind: Kind) -> anyhow::Result<Value> {
    const FRAMES: i64 = 9;
    let config = vae::Config {
        block_out_channels: vec![16, 32, 32, 64],
        layers_per_block: 1,
        norm_num_groups: 8,
        ..vae::Config::void()
    };
    let vae = Vae::new(&Weights::seeded_on(seed, device, kind), config)?;
    let [_, h, w] = size.latents.map(|side| 8 * side);
    let ramp = |steps: i64| Tensor::linspace(-1.0, 1.0, steps, (Kind::Float, device));
    let video =
        (ramp(h).view([1, 1, 1, h, 1]) * ramp(w).view([1, 1, 1, 1, w])).expand([1, 3, FRAMES, h, w], false);
    let latents = vae.encode(&video.to_kind(kind));
    let whole = || finished(&vae.decode(&latents));
    let half = || finished(&doubled(&vae.decode(&halved(&latents))));
    let (plain, rough) = (whole(), half()); // and sets up what is set up once
    let (mut seconds, mut off_seconds) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..size.rounds {
        off_seconds = off_seconds.min(timed(device, whole).1);
        seconds = seconds.min(timed(device, half).1);
    }
    let apart = (plain - rough).abs();
    Ok(json!({
        "largest": apart.max().double_value(&[]), "mean": apart.mean(Kind::Float).double_value(&[]),
        "seconds": seconds, "seconds_over_off": seconds / off_seconds, "size": [FRAMES, h, w],
    }))
}
