//! `stage remove`: writes `result.mkv`, `matte.mkv`, `proxy.mov` and `report.json`.

use std::path::PathBuf;

use anyhow::Context;
use domain::{Cause, PlateRecipe};
use pipeline::stages::remove::remove;
use pipeline::{MaskMovie, Plate};

use super::{Log, make_out, peak_rss_bytes, write_report};

/// Removes what the quadmask marks.
///
/// Writes into DIR: result.mkv (FFV1 in the plate's pixel format, or the next wider one where FFV1 lacks it),
/// matte.mkv (PNG grey, 0 where samples are the plate's own), proxy.mov (for viewing) and report.json with
/// `frames`, `width`, `height`, `rate` [num, den], `time_base` [num, den], `timestamps` (per frame, in time_base units,
/// for a variable rate; null otherwise), `pixel_format`, `edge_px`, `max_delta_outside`, `matte_share`,
/// `seen_elsewhere`, `guessed`, `notes`, `seconds`, `peak_rss_bytes`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The engine: `plate` needs no weights.
    #[arg(long, default_value = "plate", value_parser = ["plate"])]
    engine: String,
    /// The plate: MOV, MP4, MKV, MXF, …
    #[arg(long)]
    plate: PathBuf,
    /// quadmask_0.mp4 or any mask movie of the plate's size and length; greys are taken as the nearest level.
    #[arg(long)]
    quadmask: PathBuf,
    /// causes.json: a list of causes with name, reason, consequence (vanish, stay, react, keep), path, spans.
    #[arg(long)]
    causes: Option<PathBuf>,
    /// recipe.json: edge_px (0–64), feather_px (0–64), grain (0–2), reach (0–512), seed; missing knobs keep
    /// the default for the plate's size (edge: its long side / 320, at least 4; feather: half the edge, at least 3).
    #[arg(long)]
    recipe: Option<PathBuf>,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

fn read_json<T: serde::de::DeserializeOwned>(path: &PathBuf) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let causes: Vec<Cause> = args.causes.as_ref().map(read_json).transpose()?.unwrap_or_default();
    let wanted: serde_json::Value =
        args.recipe.as_ref().map(read_json).transpose()?.unwrap_or_else(|| serde_json::json!({}));
    let recipe = |plain: PlateRecipe| -> anyhow::Result<PlateRecipe> {
        Ok(plain.with(wanted.clone()).context("The recipe is not what it should be")?.checked()?)
    };
    recipe(PlateRecipe::default())?; // before the plate is read
    let mut log = Log::default();
    let plate = Plate::from(&args.plate).known(&mut log)?;
    let (facts, _) = plate.known.clone().expect("it was read through");
    let mut masks = MaskMovie::open(&args.quadmask, facts.frames, facts.width(), facts.height())?;
    let recipe = recipe(PlateRecipe::for_plate(facts.width(), facts.height()))?;
    make_out(&args.out)?;
    let removed = remove(plate, &mut masks, &causes, &recipe, &args.out, &mut log)?;
    let proof = &removed.proof;
    write_report(
        &args.out,
        &serde_json::json!({
            "engine": args.engine,
            "frames": proof.frames, "width": facts.coded_width, "height": facts.coded_height,
            "rate": [facts.rate.num(), facts.rate.den()],
            "time_base": [facts.time_base.0, facts.time_base.1],
            "timestamps": facts.variable_times,
            "pixel_format": proof.pixel_format, "plate_pixel_format": facts.pixel_format,
            "edge_px": proof.edge_px, "max_delta_outside": proof.max_delta_outside,
            "matte_share": proof.matte_share, "seen_elsewhere": proof.seen_elsewhere, "guessed": proof.guessed,
            "recipe": recipe, "notes": removed.notes,
            "seconds": proof.seconds, "peak_rss_bytes": peak_rss_bytes(),
        }),
    )
}
