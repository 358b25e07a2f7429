//! SAM 2 with the true names, shapes and kinds of a released size and random numbers, in both layouts: this program's own
//! `stage segment` opens it and answers a click on one frame, with the time and memory that takes.

use std::path::Path;

use anyhow::Context;
use domain::Rate;
use media::{GreyWriter, read_mask};
use nets::sam2::{Config, Generation, Layout, write_made};
use serde_json::{Value, json};

use super::child::{ourselves, run_well};
use super::{Outcome, Request};

type Size = (&'static str, fn(Generation) -> Config);

/// From the smallest.
const SIZES: [Size; 4] = [
    ("tiny", Config::tiny),
    ("small", Config::small),
    ("base_plus", Config::base_plus),
    ("large", Config::large),
];
/// The frame is as large as the network's square, and the click is in the middle.
const SIDE: u32 = 1024;

/// What a layout came to.
struct Ran {
    figures: Value,
    mask: Vec<u8>,
    /// As it was said, to the last digit.
    confidence: Value,
}

/// `count`: which size, from the smallest; the largest without it.
pub fn prove(request: Request) -> anyhow::Result<Outcome> {
    let at = request.count.unwrap_or(SIZES.len() as u64).clamp(1, SIZES.len() as u64) as usize - 1;
    let (size, config) = SIZES[at];
    let folder = tempfile::tempdir()?;
    frame(&folder.path().join("plate.mkv"))?;
    let points = json!({ "primary_points_by_frame": { "0": [[SIDE / 2, SIDE / 2]] } });
    std::fs::write(folder.path().join("points.json"), points.to_string())?;
    let config = config(Generation::TwoOne);
    let original = run(folder.path(), &config, Layout::Original, &format!("sam2.1_hiera_{size}.pt"))?;
    let transformers = run(folder.path(), &config, Layout::Transformers, "model.safetensors")?;

    let mut broken = Vec::new();
    let differing = original.mask.iter().zip(&transformers.mask).filter(|(one, other)| one != other).count();
    if differing > 0 || original.mask.len() != transformers.mask.len() {
        broken.push(format!("the masks of the two layouts differ in {differing} pixels"));
    }
    if original.confidence != transformers.confidence {
        broken.push(format!(
            "the two layouts are not sure to the same degree: {} and {}",
            original.confidence, transformers.confidence
        ));
    }
    let figures = json!({
        "size": size, "generation": "2.1", "frame": [SIDE, SIDE], "device": "cpu",
        "threads": tch::get_num_threads(), "differing_pixels": differing,
        "pixels_in_mask": original.mask.iter().filter(|pixel| **pixel == 0).count(),
        "original": original.figures, "transformers": transformers.figures,
    });
    Ok(Outcome { figures, broken })
}

/// One frame: a bright square on a ramp.
fn frame(path: &Path) -> anyhow::Result<()> {
    let rate = Rate::new(25, 1).context("25 frames a second")?;
    let mut plate = GreyWriter::create(path, SIDE, SIDE, rate)?;
    let is_in = |at: u32| (SIDE / 4..SIDE * 3 / 4).contains(&at);
    let pixel = |x: u32, y: u32| if is_in(x) && is_in(y) { 220 } else { 20 + (x / 16 + y / 32) as u8 };
    let picture: Vec<u8> = (0..SIDE * SIDE).map(|at| pixel(at % SIDE, at / SIDE)).collect();
    plate.write(&picture)?;
    Ok(plate.finish()?)
}

/// Writes the checkpoint, has it answer, and removes it: only one at a time takes room.
fn run(folder: &Path, config: &Config, layout: Layout, file: &str) -> anyhow::Result<Ran> {
    let (weights, out) = (folder.join(file), folder.join(format!("{layout:?}")));
    tracing::info!("{file} is written.");
    let tensors = write_made(&weights, config, layout)?;
    let file_bytes = std::fs::metadata(&weights)?.len();
    tracing::info!("A click is answered with it.");
    let mut segment = ourselves()?;
    segment.args(["stage", "segment", "--engine", "sam2", "--device", "cpu", "--weights"]).arg(&weights);
    segment.arg("--plate").arg(folder.join("plate.mkv")).arg("--points").arg(folder.join("points.json"));
    let ended = run_well(segment.arg("--out").arg(&out))?;
    std::fs::remove_file(&weights)?;
    let report: Value = serde_json::from_slice(&std::fs::read(out.join("report.json"))?)?;
    let figures = json!({
        "tensors": tensors, "file_bytes": file_bytes,
        "open_seconds": report["open_seconds"], "click_to_mask_seconds": report["first_mask_seconds"],
        "seconds": ended.seconds, "processor_seconds": ended.processor_seconds,
        "peak_bytes": ended.peak_bytes, "peak_bytes_of_its_own_word": report["peak_rss_bytes"],
        "confidence": report["confidence"][0],
    });
    let mask = read_mask(&out.join("mask.mkv"))?.read(0)?;
    Ok(Ran { figures, mask, confidence: report["confidence"].clone() })
}
