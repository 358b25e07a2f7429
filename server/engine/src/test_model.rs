//! A complete model of tiny networks with random weights under their true names, for trying and testing the engine: what it
//! makes is no removal. Marked as such by a file, which reports repeat.

use std::collections::BTreeMap;
use std::path::Path;

use nets::blank::{write_drawn, write_seeded};
use nets::raft::Raft;
use nets::t5::{self, T5};
use nets::transformer::{self, Transformer};
use nets::vae::{self, Vae};
use nets::{Weights, schedule};
use serde_json::json;

use crate::error::{Result, io};
use crate::model::TEST_MARK;

const SEED: u64 = 1;

/// How large the networks are.
pub struct Sizes {
    text: t5::Config,
    vae: vae::Config,
    transformer: transformer::Config,
    write: Write,
}

/// Writes random weights from a seed.
type Write = fn(&Path, u64, &BTreeMap<String, Vec<i64>>) -> std::result::Result<(), nets::Error>;

impl Sizes {
    /// Small enough for tests: about 25 MB.
    pub fn tiny() -> Self {
        Self {
            text: t5::Config::tiny(),
            vae: vae::Config::tiny(),
            transformer: transformer::Config::tiny(),
            write: |path, seed, shapes| write_seeded(path, seed, shapes, &[]),
        }
    }

    /// Those of the published networks, in bf16: 32 GB.
    pub fn published() -> Self {
        Self {
            text: t5::Config::xxl(),
            vae: vae::Config::void(),
            transformer: transformer::Config::void(),
            write: write_drawn,
        }
    }

    /// Large enough that weights count for more than what a process has anyway: about 700 MB.
    pub fn larger() -> Self {
        let text = t5::Config {
            d_model: 512,
            d_ff: 1280,
            d_kv: 64,
            num_heads: 8,
            num_layers: 16,
            ..t5::Config::tiny()
        };
        let transformer = transformer::Config {
            num_attention_heads: 8,
            attention_head_dim: 64,
            num_layers: 24,
            text_embed_dim: 512,
            time_embed_dim: 128,
            ..transformer::Config::tiny()
        };
        Self { text, transformer, ..Self::tiny() }
    }
}

/// Writes a tiny model into `folder`, which is made.
///
/// # Errors
/// When it cannot be written.
pub fn make(folder: &Path) -> Result<()> {
    make_of(folder, Sizes::tiny())
}

/// Writes a model into `folder`, which is made.
///
/// # Errors
/// When it cannot be written.
pub fn make_of(folder: &Path, Sizes { text, vae, transformer, write: weights }: Sizes) -> Result<()> {
    let writing = || io(format!("Writing a test model into {}", folder.display()));
    for part in ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"] {
        std::fs::create_dir_all(folder.join(part)).map_err(writing())?;
    }
    let write = |name: &str, value: &serde_json::Value| {
        let text = serde_json::to_string_pretty(value).expect("plain JSON");
        std::fs::write(folder.join(name), text + "\n").map_err(writing())
    };
    write(
        TEST_MARK,
        &json!({ "what": "random weights for tests: what they make is no removal", "seed": SEED }),
    )?;
    std::fs::write(folder.join("tokenizer/spiece.model"), vocabulary()).map_err(writing())?;

    let t5::Config { d_model, d_ff, d_kv, num_heads, num_layers, vocab_size, .. } = text;
    let feed_forward_proj = &text.feed_forward_proj;
    write(
        "text_encoder/config.json",
        &json!({
            "architectures": ["T5EncoderModel"], "d_model": d_model, "d_ff": d_ff, "d_kv": d_kv, "num_heads": num_heads,
            "num_layers": num_layers, "vocab_size": vocab_size,
            "relative_attention_num_buckets": text.relative_attention_num_buckets,
            "relative_attention_max_distance": text.relative_attention_max_distance,
            "layer_norm_epsilon": text.layer_norm_epsilon, "feed_forward_proj": feed_forward_proj,
        }),
    )?;
    made(folder, "text_encoder/model.safetensors", (weights, 0), |w| T5::new(w, text).map(|_| ()))?;

    write(
        "vae/config.json",
        &json!({
            "_class_name": "AutoencoderKLCogVideoX", "in_channels": vae.in_channels, "out_channels": vae.out_channels,
            "latent_channels": vae.latent_channels, "block_out_channels": vae.block_out_channels,
            "layers_per_block": vae.layers_per_block, "norm_num_groups": vae.norm_num_groups, "norm_eps": vae.norm_eps,
            "temporal_compression_ratio": vae.temporal_compression_ratio, "scaling_factor": vae.scaling_factor,
            "sample_height": vae.sample_height, "sample_width": vae.sample_width,
        }),
    )?;
    let file = "vae/diffusion_pytorch_model.safetensors";
    made(folder, file, (weights, 0), |w| Vae::new(w, vae).map(|_| ()))?;

    let transformer::Config { num_attention_heads, attention_head_dim, out_channels, .. } = transformer;
    write(
        "transformer/config.json",
        &json!({
            "_class_name": "CogVideoXTransformer3DModel", "num_attention_heads": num_attention_heads,
            "attention_head_dim": attention_head_dim, "num_layers": transformer.num_layers, "out_channels": out_channels,
            "patch_size": transformer.patch_size, "patch_size_t": transformer.patch_size_t,
            "text_embed_dim": transformer.text_embed_dim, "time_embed_dim": transformer.time_embed_dim,
            "max_text_seq_length": transformer.max_text_seq_length, "norm_eps": transformer.norm_eps,
            "sample_height": transformer.sample_height, "sample_width": transformer.sample_width,
            "add_noise_in_inpaint_model": transformer.add_noise_in_inpaint_model,
        }),
    )?;
    for (pass, name) in ["void_pass1.safetensors", "void_pass2.safetensors"].into_iter().enumerate() {
        let build = |w: &Weights| Transformer::new(w, transformer.clone()).map(|_| ());
        made(folder, name, (weights, pass as u64), build)?;
    }
    made(folder, "raft_large.safetensors", (weights, 0), |w| Raft::new(w).map(|_| ()))?;

    let schedule = schedule::Config::void();
    write(
        "scheduler/scheduler_config.json",
        &json!({
            "_class_name": "CogVideoXDDIMScheduler", "num_train_timesteps": schedule.num_train_timesteps,
            "beta_start": schedule.beta_start, "beta_end": schedule.beta_end, "beta_schedule": schedule.beta_schedule,
            "prediction_type": schedule.prediction_type, "rescale_betas_zero_snr": schedule.rescale_betas_zero_snr,
            "clip_sample": schedule.clip_sample, "set_alpha_to_one": schedule.set_alpha_to_one,
            "steps_offset": schedule.steps_offset, "timestep_spacing": "trailing",
            "snr_shift_scale": schedule.snr_shift_scale,
        }),
    )
}

fn made(
    folder: &Path,
    name: &str,
    (write, more): (Write, u64),
    build: impl FnOnce(&Weights) -> std::result::Result<(), nets::Error>,
) -> Result<()> {
    let outline = Weights::outline();
    build(&outline)?;
    Ok(write(&folder.join(name), SEED + more, &outline.taken())?)
}

/// A SentencePiece model of single characters: what `sentencepiece_model.proto` asks for and no more.
fn vocabulary() -> Vec<u8> {
    let piece = |text: &str, score: f32, kind: u8| {
        let mut piece = vec![0x0a, text.len() as u8]; // 1: the text
        piece.extend(text.bytes());
        piece.push(0x15); // 2: the logarithm of its likelihood
        piece.extend(score.to_le_bytes());
        piece.extend([0x18, kind]); // 3: 1 normal, 2 unknown, 3 control
        [vec![0x0a, piece.len() as u8], piece].concat()
    };
    let mut all = [piece("<pad>", 0.0, 3), piece("</s>", 0.0, 3), piece("<unk>", 0.0, 2)].concat();
    all.extend(piece("▁", -2.0, 1));
    for character in ('!'..='~').filter(|c| *c != '<') {
        all.extend(piece(&character.to_string(), -3.0, 1));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Pass};

    #[test]
    fn what_is_made_opens_for_both_passes_and_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path()).unwrap();
        let one = Model::open(folder.path(), Pass::One).unwrap().named();
        let two = Model::open(folder.path(), Pass::Two).unwrap().named();
        assert_eq!((one.name.as_str(), one.is_test_model), ("test model", true));
        assert_ne!(one.fingerprint, two.fingerprint);
    }
}
