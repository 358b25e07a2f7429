//! The stages on plain files: each writes its files and a `report.json` into `--out DIR`.

pub mod combine;
pub mod find;
pub mod reason;
pub mod remove;
pub mod sam2;
pub mod segment;
pub mod verify;
pub mod void;

use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::Step;
use pipeline::{Cancelled, Plate, Reporter};

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

/// The part of a plate that is the shot, where it was trimmed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Part {
    /// The shot's first frame in the plate, counted from 0, where the shot is a part of it. All other files and their frame
    /// numbers are those of the part.
    #[arg(long, value_name = "FRAME", default_value_t = 0)]
    pub first: u32,
    /// How many frames the part has; without it, it goes to the end of the plate.
    #[arg(long, value_name = "N")]
    pub frames: Option<u32>,
}

impl Part {
    /// The plate in `path`, read through once, cut to the part.
    ///
    /// # Errors
    /// What cannot be read; a part that the plate does not have.
    pub fn of(self, path: &Path, log: &mut Log) -> anyhow::Result<Plate> {
        let Self { first, frames } = self;
        Ok(Plate::from(path).known(log)?.cut(first, frames)?)
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
