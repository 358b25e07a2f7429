//! `prove NAME`: measures what the product claims and leaves the figures as JSON. Each proof is a module of its own; its
//! short form (`--count` small) runs among the tests, so that a claim breaks where the code does.

mod child;
#[cfg(feature = "void")]
mod nets;
mod plate;
mod reason;
#[cfg(feature = "void")]
mod sam2;
#[cfg(feature = "void")]
mod sam3;
mod segment;
#[cfg(feature = "void")]
mod switches;
#[cfg(feature = "void")]
mod weights;

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Proves one claim of the product and writes the figures.
///
/// FILE holds `proof`, `count`, `seed`, `build`, `optimised` and the proof's own `figures`. The same count and seed give
/// the same figures, but for what is timed. Fails where the claim does not hold.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Which claim.
    #[arg(value_enum)]
    name: Name,
    /// How much of it; what is counted, each proof says. Without it the full proof runs.
    #[arg(long)]
    count: Option<u64>,
    /// Chooses what is drawn by lot.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder of real shots that are not part of the product; proofs go without where it is not there.
    #[arg(long, default_value = "../shared/samples")]
    samples: PathBuf,
    /// The JSON file.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    /// Kept samples are the plate's own; quality, time and memory of the plate engine. Counted in frames of a shot.
    Plate,
    /// Time of the networks beside the products, attention and convolutions they contain; memory by plan. Counted in sizes.
    #[cfg(feature = "void")]
    Nets,
    /// What the built-in reasoner finds of what is affected, and where. Counted in frames of a demo shot.
    Reason,
    /// A full-size SAM 2 opens in both layouts and answers a click on one frame: time and memory. Counted in sizes.
    #[cfg(feature = "void")]
    Sam2,
    /// SAM 3 of the released size in both published forms: time, memory, a second phrase beside the first. Any count: tiny.
    #[cfg(feature = "void")]
    Sam3,
    /// How far the segmenter's masks agree with known ones. Counted in frames of a trial shot.
    Segment,
    /// What each switch that makes VOID faster changes in the latents, and its time. Any count asks for the short form.
    #[cfg(feature = "void")]
    Switches,
    /// A full-size checkpoint opens in under a second and takes no more memory than what is used of it. Counted in blocks.
    #[cfg(feature = "void")]
    Weights,
}

/// What a proof is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// `None`: the full proof.
    pub count: Option<u64>,
    pub seed: u64,
}

/// What a proof came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// As they go into the file.
    pub figures: Value,
    /// Sentences that say where the claim does not hold; empty when it does.
    pub broken: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let request = Request { count: args.count, seed: args.seed };
    tracing::info!("Proof with seed {} begins.", request.seed);
    let (name, outcome) = match args.name {
        Name::Plate => ("plate", plate::prove(request, &args.samples)?),
        Name::Reason => ("reason", reason::prove(request, &args.samples)?),
        Name::Segment => ("segment", segment::prove(request, &args.samples)?),
        #[cfg(feature = "void")]
        Name::Sam3 => ("sam3", sam3::prove(request)?),
        #[cfg(feature = "void")]
        Name::Nets => ("nets", nets::prove(request)?),
        #[cfg(feature = "void")]
        Name::Sam2 => ("sam2", sam2::prove(request)?),
        #[cfg(feature = "void")]
        Name::Switches => ("switches", switches::prove(request)?),
        #[cfg(feature = "void")]
        Name::Weights => ("weights", weights::prove(request)?),
    };
    let report = json!({
        "proof": name, "count": request.count, "seed": request.seed,
        "build": env!("CARGO_PKG_VERSION"), "optimised": !cfg!(debug_assertions),
        "figures": outcome.figures, "broken": outcome.broken,
    });
    let text = serde_json::to_string_pretty(&report).expect("plain JSON");
    std::fs::write(&args.out, text + "\n").with_context(|| format!("writing {}", args.out.display()))?;
    match outcome.broken.as_slice() {
        [] => Ok(()),
        broken => bail!("with seed {} this does not hold:\n{}", request.seed, broken.join("\n")),
    }
}
