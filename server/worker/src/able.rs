//! `minus-one-worker able`: what this worker can do with a folder of models, for `minus-one doctor`. Only the worker sees the
//! devices and opens the weights.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use domain::run::AbleReport;

use crate::models::Models;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the models' weights, VOID's in its `void`, SAM 2's in its `sam2`, SAM 3's in its `sam3`.
    #[arg(long, default_value = "data/models", env = "MODELS_DIR")]
    models: PathBuf,
}

/// Prints [`AbleReport`] as JSON.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let report = AbleReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: device(),
        threads: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1)),
        abilities: Models::new(&args.models).news().unwrap_or_default(),
    };
    let text = serde_json::to_string(&report)?;
    writeln!(std::io::stdout(), "{text}").context("writing what this worker can do")
}

#[cfg(feature = "void")]
fn device() -> Option<String> {
    Some(if tch::Cuda::is_available() { "cuda" } else { "cpu" }.to_owned())
}

#[cfg(not(feature = "void"))]
fn device() -> Option<String> {
    None
}
