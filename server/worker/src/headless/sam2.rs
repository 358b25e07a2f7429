//! SAM 2 for `stage segment`. The engine itself is `engine`; a worker without it says how to get one that has it.

use std::path::PathBuf;

use pipeline::PlateFile;
use plate::segment::{FrameMask, Prompts};

use super::Log;

/// What SAM 2 is given.
#[derive(Debug, clap::Args)]
pub struct Net {
    /// Checkpoint of SAM 2.0 or 2.1, any size, as published (.pt) or in the layout of transformers; or a folder with one.
    #[arg(long, value_name = "PATH")]
    weights: Option<PathBuf>,
    /// Add a box around the clicks of a frame, a tenth larger, as VOID's own first stage does; clicks must then span the
    /// target.
    #[arg(long)]
    box_of_clicks: bool,
    /// Where to compute.
    #[arg(long, default_value = "auto", value_parser = ["auto", "cpu", "cuda"])]
    device: String,
}

#[cfg(feature = "void")]
pub use with::{named, open, segment};
#[cfg(not(feature = "void"))]
pub use without::{named, open, segment};

#[cfg(feature = "void")]
mod with {
    use anyhow::Context;
    use engine::track::{Options, Segmenter};

    use super::*;

    /// Loads the network.
    pub fn open(args: &Net) -> anyhow::Result<Segmenter> {
        let place = args.weights.as_ref();
        let place = place.context("SAM 2 needs its weights: give the checkpoint with --weights PATH")?;
        let segmenter = Segmenter::open(place, super::super::device(&args.device)?)?;
        if segmenter.named().is_test_model {
            tracing::warn!("This is a test model of random weights: what it marks is no object.");
        }
        Ok(segmenter)
    }

    pub fn named(segmenter: &Segmenter) -> serde_json::Value {
        serde_json::json!(segmenter.named())
    }

    pub fn segment(
        segmenter: &mut Segmenter,
        args: &Net,
        plate: &mut PlateFile,
        targets: &[Prompts],
        log: &mut Log,
        each: &mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
    ) -> anyhow::Result<()> {
        let options = Options { box_of_clicks: args.box_of_clicks, plate: None };
        Ok(engine::track::segment(segmenter, plate, targets, &mut (), options, log, each)?)
    }
}

#[cfg(not(feature = "void"))]
mod without {
    use super::*;

    /// No network.
    pub enum Never {}

    pub fn open(args: &Net) -> anyhow::Result<Never> {
        let Net { weights: _, box_of_clicks: _, device: _ } = args;
        anyhow::bail!(
            "This worker was built without libtorch, so it has no SAM 2: build it with `cargo build -p worker --features void` and \
             LIBTORCH set to libtorch 2.11.0, or use `--engine plate`."
        )
    }

    pub fn named(net: &Never) -> serde_json::Value {
        match *net {}
    }

    pub fn segment(
        net: &mut Never,
        _: &Net,
        _: &mut PlateFile,
        _: &[Prompts],
        _: &mut Log,
        _: &mut dyn FnMut(FrameMask) -> pipeline::Result<()>,
    ) -> anyhow::Result<()> {
        match *net {}
    }
}
