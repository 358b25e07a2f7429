//! The memory that a removal takes under each plan, each run in a process of its own.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use domain::{Level, Levels, Rate};
use media::{GreyWriter, QuadmaskWriter};
use serde_json::{Value, json};

use crate::prove::child::{ourselves, run_well};

/// How often a GPU is asked what it holds. libtorch gives nothing back before a process ends, so that little is missed.
const LOOK: Duration = Duration::from_millis(100);

/// What is run under each plan.
pub struct Trial<'a> {
    /// Folder of the weights.
    pub weights: &'a Path,
    /// Width and height of plate and canvas.
    pub size: (u32, u32),
    pub frames: u32,
    pub window_frames: u32,
    pub overlap_frames: u32,
    /// Whether the networks run on a GPU, whose memory is then told as well.
    pub on_gpu: bool,
}

impl Trial<'_> {
    /// The most memory that a removal took under each plan, beside what was predicted. Files go into `folder`.
    pub fn by_plan(&self, folder: &Path) -> anyhow::Result<Value> {
        let Self { weights, size: (width, height), window_frames, overlap_frames, on_gpu, .. } = *self;
        let path = |file: &str| folder.join(file);
        self.film(folder)?;
        let mut told = serde_json::Map::new();
        for plan in ["full", "staged", "fp8", "streamed"] {
            tracing::info!("A removal with {} under the plan {plan}.", weights.display());
            let recipe = json!({
                "canvas_width": width, "canvas_height": height, "window_frames": window_frames,
                "overlap_frames": overlap_frames, "memory": plan, "pass1": {"steps": 1}, "pass2": {"when": "never"},
            });
            std::fs::write(path("recipe.json"), recipe.to_string())?;
            let out = path(&format!("out-{plan}"));
            let mut removal: Command = ourselves()?;
            removal.args(["stage", "remove", "--engine", "void", "--device", "auto", "--prompt", "A wall."]);
            for (flag, file) in
                [("--plate", "plate.mkv"), ("--quadmask", "quadmask_0.mp4"), ("--recipe", "recipe.json")]
            {
                removal.arg(flag).arg(path(file));
            }
            removal.arg("--weights").arg(weights).arg("--out").arg(&out);
            let mut run = || run_well(&mut removal).map(drop);
            let peak_gpu = if on_gpu { peak_of_gpu(run)? } else { run().map(|()| None)? };
            let report: Value = serde_json::from_slice(&std::fs::read(out.join("report.json"))?)?;
            let predicted = report["predicted_bytes"].as_array().into_iter().flatten();
            let predicted = predicted.filter(|entry| entry[0] == plan).map(|entry| entry[1].clone()).next();
            told.insert(
                plan.to_owned(),
                json!({
                    "peak_rss_bytes": report["peak_rss_bytes"], "peak_gpu_bytes": peak_gpu,
                    "predicted_bytes": predicted, "ran_under": report["memory"],
                }),
            );
            std::fs::remove_dir_all(&out)?;
        }
        Ok(told.into())
    }

    /// A grey ramp in which a square wanders that is to be removed.
    fn film(&self, folder: &Path) -> anyhow::Result<()> {
        let (width, height) = self.size;
        let rate = Rate::new(25, 1).context("25 frames a second")?;
        let mut plate = GreyWriter::create(&folder.join("plate.mkv"), width, height, rate)?;
        let mut masks = QuadmaskWriter::create(&folder.join("quadmask_0.mp4"), width, height, rate)?;
        for frame in 0..self.frames {
            let ramp: Vec<u8> =
                (0..width * height).map(|at| (40 + (at % width + frame) % 200) as u8).collect();
            plate.write(&ramp)?;
            let mut levels = Levels::background(width, height);
            let (left, top) = (width / 3 + frame % (width / 3), height / 3);
            (top..top + height / 3)
                .for_each(|y| levels.map_span(y, left, left + width / 5, |_| Level::Primary));
            masks.write(&levels.to_grey())?;
        }
        plate.finish()?;
        masks.finish()?;
        Ok(())
    }
}

/// The most bytes that the first GPU held while `work` ran, without what it held before; `None` where its driver does not say.
fn peak_of_gpu(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Option<u64>> {
    let Some(before) = held_by_gpu() else { return work().map(|()| None) };
    let (most, is_over) = (AtomicU64::new(before), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if let Some(held) = held_by_gpu() {
                    most.fetch_max(held, Ordering::Relaxed);
                }
                std::thread::sleep(LOOK);
            }
        });
        let outcome = work();
        is_over.store(true, Ordering::Relaxed);
        outcome
    })?;
    Ok(Some(most.into_inner() - before))
}

fn held_by_gpu() -> Option<u64> {
    let ask = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"];
    let told = Command::new("nvidia-smi").args(ask).output().ok()?;
    let megabytes = String::from_utf8(told.stdout).ok()?.trim().parse::<u64>().ok()?;
    Some(megabytes << 20)
}
