//! The networks' time beside that of the bare matrix products, attention and convolutions they contain, measured in the same
//! run; and the memory that a removal takes under each plan, with a tiny model and a larger one, both of random weights. Where
//! there is a GPU, at the published size as well.

mod full_size;
mod memory;

use std::collections::BTreeMap;
use std::path::Path;

use nets::bare::{noted, seconds, timed};
use nets::random::Normal;
use nets::transformer::{Conditions, Config, Rope, Transformer};
use nets::vae::{self, Vae};
use nets::{Error, Weights};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use self::memory::Trial;
use super::child::{ourselves, run_well};
use super::{Outcome, Request};

/// How much more than its bare operations a forward of the transformer, and the autoencoder, may take.
const MOST_TRANSFORMER: f64 = 1.15;
const MOST_VAE: f64 = 1.25;
/// Measurements of each size, of which the fastest counts.
const TIMES: usize = 3;

/// Heads of 64, blocks, and latents [f, h, w]; the last is as wide as the published network.
const TRANSFORMERS: [(i64, i64, [i64; 3]); 3] =
    [(8, 2, [4, 24, 42]), (16, 2, [6, 24, 42]), (48, 1, [4, 32, 56])];
/// Rows and columns of 13 frames, through the published autoencoder.
const PICTURES: [[i64; 2]; 3] = [[48, 64], [64, 96], [96, 128]];
/// For the short form.
const SMALLEST: ((i64, i64, [i64; 3]), [i64; 2]) = ((2, 1, [2, 4, 4]), [16, 16]);

/// `count`: so many sizes, small ones, and no time or memory is judged.
pub fn prove(request: Request) -> anyhow::Result<Outcome> {
    let is_short = request.count.is_some();
    let device = if tch::Cuda::is_available() { Device::Cuda(0) } else { Device::Cpu };
    let kind = if device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
    // First of all: memory is counted while this process has none of a GPU's.
    let full_size = full_size::prove(device, kind, is_short)?;
    let mut broken = Vec::new();
    let mut judge = |what: &str, told: &Value, most: f64| {
        let ratio = told["ratio"].as_f64().unwrap_or(f64::INFINITY);
        if !is_short && ratio > most {
            broken
                .push(format!("{what} takes {ratio:.3} times its bare operations, more than {most}: {told}"));
        }
    };
    if full_size.is_object() {
        judge("the transformer at full size", &full_size["transformer"]["forward"], MOST_TRANSFORMER);
        judge("encoding at full size", &full_size["encode"], MOST_VAE);
        judge("decoding at full size", &full_size["decode"], MOST_VAE);
    }
    let (transformers, pictures) = if is_short {
        (vec![SMALLEST.0], vec![SMALLEST.1])
    } else {
        (TRANSFORMERS.to_vec(), PICTURES.to_vec())
    };
    let mut all: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (heads, blocks, latents) in transformers {
        tracing::info!("A transformer of {heads} heads and {blocks} blocks.");
        let told = tch::no_grad(|| transformer(heads, blocks, latents, device, kind))?;
        judge("the transformer", &told, MOST_TRANSFORMER);
        all.entry("transformer").or_default().push(told);
    }
    let config = if is_short { vae::Config::tiny() } else { vae::Config::void() };
    let vae = Vae::new(&Weights::seeded_on(3, device, kind), config)?;
    for size in pictures {
        tracing::info!("The autoencoder at {}×{}.", size[1], size[0]);
        let [encode, decode] = tch::no_grad(|| autoencoder(&vae, size, device, kind));
        judge("encoding", &encode, MOST_VAE);
        judge("decoding", &decode, MOST_VAE);
        all.entry("encode").or_default().push(encode);
        all.entry("decode").or_default().push(decode);
    }
    drop(vae);
    let folder = tempfile::tempdir()?;
    let mut memory = json!({ "tiny": by_plan(folder.path(), "tiny", &[], device)? });
    if !is_short {
        let larger = by_plan(folder.path(), "larger", &["--larger"], device)?;
        let peak = |plan: &str| larger[plan]["peak_rss_bytes"].as_u64().unwrap_or(0);
        for pair in ["full", "staged", "streamed"].windows(2) {
            let (more, less) = (peak(pair[0]), peak(pair[1]));
            if less >= more {
                broken.push(format!("the plan {} took {less} bytes, and {} {more}", pair[1], pair[0]));
            }
        }
        memory["larger"] = larger;
    }
    let figures = json!({
        "device": if device.is_cuda() { "cuda" } else { "cpu" }, "kind": format!("{kind:?}"),
        "threads": tch::get_num_threads(),
        "transformer": all["transformer"], "encode": all["encode"], "decode": all["decode"], "memory": memory,
        "full_size": full_size,
    });
    Ok(Outcome { figures, broken })
}

/// The fastest of some measurements: the network's, and its bare operations', in turn.
fn measured(device: Device, kind: Kind, work: impl Fn() -> Tensor) -> Value {
    let (_, ops) = noted(&work); // which also sets up what is set up once
    let (mut whole, mut bare) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..TIMES {
        whole = whole.min(timed(device, &work).1);
        bare = bare.min(seconds(&ops, device, kind));
    }
    json!({
        "seconds": whole, "bare_seconds": bare, "ratio": whole / bare, "operations": ops.values().sum::<u64>(),
    })
}

fn transformer(
    heads: i64,
    blocks: i64,
    [f, h, w]: [i64; 3],
    device: Device,
    kind: Kind,
) -> Result<Value, Error> {
    let config =
        Config { num_attention_heads: heads, attention_head_dim: 64, num_layers: blocks, ..Config::void() };
    let transformer = Transformer::new(&Weights::seeded_on(3, device, kind), config.clone())?;
    let draw = |shape: &[i64]| Normal::new(5).tensor(shape).to_device(device).to_kind(kind);
    let rope = Rope::new(&config, f, [h, w], device)?;
    let (latents, inpaint, text) =
        (draw(&[1, f, 16, h, w]), draw(&[1, f, 32, h, w]), draw(&[1, 226, config.text_embed_dim]));
    let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &rope, fused: false };
    let mut told = measured(device, kind, || transformer.forward(&latents, &[500.0], &conditions));
    told["width"] = json!(64 * heads);
    told["blocks"] = json!(blocks);
    told["tokens"] = json!(226 + f / 2 * (h / 2) * (w / 2));
    Ok(told)
}

fn autoencoder(vae: &Vae, [h, w]: [i64; 2], device: Device, kind: Kind) -> [Value; 2] {
    const FRAMES: i64 = 13;
    let video = Normal::new(5).tensor(&[1, 3, FRAMES, h, w]).to_device(device).to_kind(kind);
    let latents = vae.encode(&video);
    let told =
        [measured(device, kind, || vae.encode(&video)), measured(device, kind, || vae.decode(&latents))];
    told.map(|mut told| {
        told["size"] = json!([FRAMES, h, w]);
        told
    })
}

/// The most memory that a removal of a small clip took under each plan, with a test model that is made here.
fn by_plan(folder: &Path, name: &str, make: &[&str], device: Device) -> anyhow::Result<Value> {
    let weights = folder.join(name);
    run_well(ourselves()?.args(["stage", "make-test-model"]).arg(&weights).args(make))?;
    let trial = Trial {
        weights: &weights,
        size: (96, 64),
        frames: 3,
        window_frames: 13,
        overlap_frames: 8,
        on_gpu: device.is_cuda(),
    };
    trial.by_plan(folder)
}
