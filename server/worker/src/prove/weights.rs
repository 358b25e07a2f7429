//! Full-size checkpoints: how long one takes to open, and how much memory this process has of its own for what it uses of
//! it. The checkpoint is made here, with the true names, shapes and kinds, of zeros.

use std::time::Instant;

use anyhow::Context;
use nets::Weights;
use nets::transformer::{Config, Transformer};
use serde_json::json;
use tch::{Device, Kind};

use super::{Outcome, Request};

const MOST_SECONDS: f64 = 1.0;
const MOST_PRIVATE: f64 = 1.1; // times what is in use
/// Blocks that are taken without `--count`: enough that everything else of a process is small beside them.
const BLOCKS: u64 = 12;
/// What a process has before any weight is in use, and may have more of afterwards: libtorch's own threads and tables.
const SLACK_BYTES: u64 = 32 << 20;

/// `count`: so many of the 42 blocks are taken into use, and no time is judged.
pub fn prove(request: Request) -> anyhow::Result<Outcome> {
    let blocks = request.count.unwrap_or(BLOCKS).clamp(1, 42);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("void_pass1.safetensors");
    let outline = Weights::outline();
    drop(Transformer::new(&outline, Config::void())?);
    let shapes = outline.taken();
    nets::blank::write_zeros(&path, &shapes)?;
    let file_bytes = std::fs::metadata(&path)?.len();

    // Wakes libtorch, which is not what is measured.
    drop(tch::Tensor::zeros([1 << 20], (Kind::BFloat16, Device::Cpu)).to_kind(Kind::Float));
    let before = private_bytes()?;
    let started = Instant::now();
    let w = Weights::open(&path, Device::Cpu, Kind::BFloat16)?;
    let open_seconds = started.elapsed().as_secs_f64();
    let opened = private_bytes()?;

    let started = Instant::now();
    let transformer = Transformer::new(&w, Config { num_layers: i64::try_from(blocks)?, ..Config::void() })?;
    let take_seconds = started.elapsed().as_secs_f64();
    let used = private_bytes()?;
    let in_use: u64 = w.taken().values().map(|shape| 2 * shape.iter().product::<i64>() as u64).sum();
    let private = used.saturating_sub(before);
    drop(transformer);

    let mut broken = Vec::new();
    if request.count.is_none() && open_seconds > MOST_SECONDS {
        broken
            .push(format!("opening {file_bytes} bytes took {open_seconds:.2} s, more than {MOST_SECONDS} s"));
    }
    if private.saturating_sub(SLACK_BYTES) as f64 > MOST_PRIVATE * in_use as f64 {
        broken.push(format!("{private} private bytes for {in_use} in use, more than {MOST_PRIVATE} times"));
    }
    if shapes.len() != 1024 {
        broken.push(format!("the checkpoint has {} tensors, not 1024", shapes.len()));
    }
    let figures = json!({
        "tensors": shapes.len(), "file_bytes": file_bytes,
        "open_seconds": open_seconds, "private_bytes_of_opening": opened.saturating_sub(before),
        "blocks_in_use": blocks, "bytes_in_use": in_use, "private_bytes": private,
        "private_over_in_use": private as f64 / in_use as f64, "take_seconds": take_seconds,
    });
    Ok(Outcome { figures, broken })
}

/// What this process has for itself alone, pages of files included.
pub(super) fn private_bytes() -> anyhow::Result<u64> {
    let text =
        std::fs::read_to_string("/proc/self/smaps_rollup").context("reading /proc/self/smaps_rollup")?;
    let kilobytes = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
    };
    Ok(1024 * (kilobytes("Private_Clean:") + kilobytes("Private_Dirty:")))
}
