//! The published sizes with random weights, 85 frames on a canvas of 672×384: only where there is a GPU, since a CPU takes an
//! hour for it and says nothing about what people will wait for.

use std::path::Path;

use domain::VoidRecipe;
use engine::test_model::{Sizes, make_of};
use nets::Weights;
use nets::bare::timed;
use nets::random::Normal;
use nets::sample::{Denoiser, Text};
use nets::schedule::{self, Sampler, Schedule};
use nets::transformer::{Conditions, Config, Rope, Transformer};
use nets::vae::{self, Vae};
use serde_json::{Value, json};
use tch::{Device, Kind};

use super::measured;
use super::memory::Trial;

/// Frames, and latents [f, h, w] of them.
const FRAMES: i64 = 85;
const LATENTS: [i64; 3] = [22, 48, 84];
/// A forward of 173.7 TFLOP at 780 TFLOP/s (void-spec §5.6).
const FLOOR_SECONDS: f64 = 0.22;

/// Seconds of a step, of the autoencoder, and memory by plan; or why not.
pub fn prove(device: Device, kind: Kind, is_short: bool) -> anyhow::Result<Value> {
    if !device.is_cuda() {
        return Ok(json!("not measured: no CUDA device"));
    }
    if is_short {
        return Ok(json!("not measured: this is the short form"));
    }
    let folder = tempfile::tempdir()?;
    let weights = folder.path().join("full");
    tracing::info!("Random weights of the published sizes are written into {}.", weights.display());
    make_of(&weights, Sizes::published())?;
    let VoidRecipe { canvas_width, canvas_height, window_frames, overlap_frames, .. } = VoidRecipe::default();
    let size = (canvas_width, canvas_height);
    let frames = window_frames;
    let trial = Trial { weights: &weights, size, frames, window_frames, overlap_frames, on_gpu: true };
    let memory = trial.by_plan(folder.path())?;
    let transformer = tch::no_grad(|| transformer(&weights, device, kind))?;
    let [encode, decode] = tch::no_grad(|| autoencoder(&weights, device, kind))?;
    Ok(json!({
        "frames": FRAMES, "canvas": size, "transformer": transformer, "encode": encode, "decode": decode, "memory": memory,
    }))
}

/// A forward beside its bare operations and beside the floor, and a whole step.
fn transformer(weights: &Path, device: Device, kind: Kind) -> anyhow::Result<Value> {
    let w = Weights::open(&weights.join("void_pass1.safetensors"), device, kind)?;
    let transformer = Transformer::new(&w, Config::void())?;
    let [f, h, w] = LATENTS;
    let draw = |shape: &[i64]| Normal::new(5).tensor(shape).to_device(device);
    let rope = Rope::new(transformer.config(), f, [h, w], device)?;
    let (latents, text) = (draw(&[1, f, 16, h, w]), draw(&[1, 226, 4096]).to_kind(kind));
    let [mask, video] = [draw(&[1, 16, f, h, w]), draw(&[1, 16, f, h, w])].map(|t| t.to_kind(kind));
    let inpaint = draw(&[1, f, 32, h, w]).to_kind(kind);
    let noisy = latents.to_kind(kind);
    let mut told = serde_json::Map::new();
    for fused in [false, true] {
        let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &rope, fused };
        let mut one = measured(device, kind, || transformer.forward(&noisy, &[500.0], &conditions));
        let seconds = one["seconds"].as_f64().unwrap_or(f64::INFINITY);
        one["floor_seconds"] = json!(FLOOR_SECONDS);
        one["over_floor"] = json!(seconds / FLOOR_SECONDS);
        told.insert(if fused { "fused" } else { "forward" }.to_owned(), one);
    }
    let schedule = Schedule::new(&schedule::Config::void(), Sampler::Ddim, 30)?;
    let text = Text::new(&text, || unreachable!("guidance is 1"), 1.0);
    let mut denoiser = Denoiser::new(&transformer, &schedule, &text, [&mask, &video], f, 4)?;
    let mut step = || {
        let tick = || Ok::<_, std::convert::Infallible>(());
        timed(device, || denoiser.step(0, &latents, &mut Normal::new(1), tick)).1
    };
    step(); // sets up what is set up once
    told.insert("step_seconds".to_owned(), json!(step().min(step())));
    Ok(told.into())
}

/// Encoding and decoding of the whole clip beside their bare operations.
fn autoencoder(weights: &Path, device: Device, kind: Kind) -> anyhow::Result<[Value; 2]> {
    let w = Weights::open(&weights.join("vae"), device, kind)?;
    let vae = Vae::new(&w, vae::Config::void())?;
    let [f, h, w] = LATENTS;
    let draw = |shape: &[i64]| Normal::new(5).tensor(shape).to_device(device).to_kind(kind);
    let video = draw(&[1, 3, FRAMES, 8 * h, 8 * w]);
    let encode = measured(device, kind, || vae.encode(&video));
    let latents = draw(&[1, 16, f, h, w]);
    Ok([encode, measured(device, kind, || vae.decode(&latents))])
}
