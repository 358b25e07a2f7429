//! The stages on plain files: each writes its files and a `report.json` into `--out DIR`.

pub mod reason;
pub mod remove;
pub mod sam2;
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

/// Where networks compute: a GPU where there is one, unless it is said.
#[cfg(feature = "void")]
pub fn device(wanted: &str) -> anyhow::Result<tch::Device> {
    match (wanted, tch::Cuda::is_available()) {
        ("cuda", false) => anyhow::bail!("There is no GPU that libtorch can use: choose `--device cpu`."),
        ("cpu", _) | (_, false) => Ok(tch::Device::Cpu),
        _ => Ok(tch::Device::Cuda(0)),
    }
}
