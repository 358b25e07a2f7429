//! The stages on plain files: each writes its files and a `report.json` into `--out DIR`.

pub mod reason;
pub mod remove;
pub mod segment;
pub mod verify;
pub mod void;

use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::Step;
use pipeline::{Cancelled, Reporter};

/// Says each step once and then every tenth part of it.
#[derive(Default)]
pub struct Log {
    last: Option<(Step, u64)>,
}

impl Reporter for Log {
    fn step(&mut self, step: Step, done: u64, total: u64) -> Result<(), Cancelled> {
        let tenth = done * 10 / total.max(1);
        if self.last != Some((step, tenth)) {
            self.last = Some((step, tenth));
            tracing::info!("{}: {} %", step.sentence(), tenth * 10);
        }
        Ok(())
    }
}

/// Reads a JSON file that a person gave.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &PathBuf) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
}

/// Makes `out` and writes `report.json` into it.
pub fn write_report(out: &Path, report: &serde_json::Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report).expect("plain JSON");
    std::fs::write(out.join("report.json"), text + "\n")
        .with_context(|| format!("writing {}/report.json", out.display()))
}

pub fn make_out(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("the folder {} cannot be made", out.display()))
}

/// Largest resident memory of this process so far, in bytes (`VmHWM`).
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
