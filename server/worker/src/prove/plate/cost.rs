//! Time and memory of a removal beside FFmpeg's command line writing the same clip as FFV1, one after the other in the
//! same run and with as many threads as the machine has.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use super::footage::Footage;
use super::removal::Removed;
use crate::prove::child;

/// What the removal took, as multiples of `ffmpeg -i P -c:v ffv1 -level 3 -slices 4`.
pub fn beside_ffmpeg(footage: &Footage, removed: &Removed, scratch: &Path) -> anyhow::Result<Value> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-y", "-i"]).arg(&footage.plate);
    ffmpeg.args(["-c:v", "ffv1", "-level", "3", "-slices", "4"]).arg(scratch.join("beside.mkv"));
    let beside = child::run_well(&mut ffmpeg)?;
    // Not what `-benchmark` says: that is never less than what this process took. Ours tells its peak itself, to the end.
    let their_bytes = beside.peak_bytes.context("ffmpeg ended before its memory was read")? as f64;
    let our_bytes = removed.report["peak_rss_bytes"].as_f64().context("report.json has no peak_rss_bytes")?;
    let ours = &removed.process;
    let per_frame = |seconds: f64| thousandths(seconds / f64::from(footage.frames));
    Ok(json!({
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "seconds_per_frame": per_frame(ours.seconds), "ffmpeg_seconds_per_frame": per_frame(beside.seconds),
        "seconds_ratio": thousandths(ours.seconds / beside.seconds),
        "processor_seconds_per_frame": per_frame(ours.processor_seconds),
        "ffmpeg_processor_seconds_per_frame": per_frame(beside.processor_seconds),
        "processor_seconds_ratio": thousandths(ours.processor_seconds / beside.processor_seconds),
        "peak_bytes": our_bytes, "ffmpeg_peak_bytes": their_bytes,
        "peak_bytes_ratio": thousandths(our_bytes / their_bytes),
    }))
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
