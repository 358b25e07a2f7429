//! `stage remove`: writes `result.mkv`, `matte.mkv`, `proxy.mov` and `report.json`.

use std::path::PathBuf;

use anyhow::Context;

use domain::{Cause, PlateRecipe};
use pipeline::MaskMovie;
use pipeline::stages::remove::remove;

use super::void::{self, Words};
use super::{Log, Part, make_out, read_json, write_report};

/// Removes what the quadmask marks.
///
/// Writes into DIR: result.mkv (FFV1 in the plate's pixel format, or the next wider one where FFV1 lacks it),
/// matte.mkv (PNG grey, 0 where samples are the plate's own), proxy.mov (for viewing) and report.json with
/// `first`, `frames`, `width`, `height`, `rate` [num, den], `time_base` [num, den], `timestamps` (per frame, in time_base units,
/// for a variable rate; null otherwise), `pixel_format`, `edge_px`, `max_delta_outside`, `matte_share`,
/// `seen_elsewhere`, `guessed`, `notes`, `seconds`, `peak_rss_bytes`.
///
/// The engine `void` writes model.mkv too (what the model made, on its canvas) and latents/, from which a run that was killed
/// goes on when it is started again with the same words; its report has `pass`, `prompt`, `negative_prompt`, `recipe`,
/// `model` {name, is_test_model, fingerprint}, `device`, `precision`, `canvas` [width, height], `region` [x, y, width,
/// height], `parts`, `cuts`, `length`, `windows` [[first, last], …], `memory` (the plan that it ended under), `predicted`
/// {plan, bytes, seconds} and `measured` {seconds, peak_rss_bytes}, `morphing` {value, threshold, led_to: nothing, pass_two,
/// pass_two_anyway, pass_two_lacks, switched_off, preview, last_pass}, `is_preview` and `resumed_steps` as well. Where pass 2
/// follows by itself, its files go into DIR/pass2.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = void::knobs())]
pub struct Args {
    /// The engine: `plate` needs no weights; `void` needs --weights and --prompt.
    #[arg(long, default_value = "plate", value_parser = ["plate", "void"])]
    engine: String,
    /// The plate: MOV, MP4, MKV, MXF, …
    #[arg(long)]
    plate: PathBuf,
    #[command(flatten)]
    part: Part,
    /// quadmask_0.mp4 or any mask movie of the plate's size and the part's length; greys are taken as the nearest level.
    #[arg(long)]
    quadmask: PathBuf,
    #[command(flatten)]
    words: Words,
    /// For the engine `plate`: causes.json, a list of causes with name, reason, consequence (vanish, stay, react, keep), path, spans.
    #[arg(long)]
    causes: Option<PathBuf>,
    /// recipe.json; missing knobs keep their default. Plate engine: edge_px (0–64; the plate's long side / 320, at least 4),
    /// feather_px (0–64; half the edge, at least 3), grain (0–2; 1), reach (0–512; 256), seed (1). VOID: see below.
    #[arg(long)]
    recipe: Option<PathBuf>,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Args { engine, plate, part, quadmask, words, causes, recipe, out } = args;
    if engine == "void" {
        return void::run(&void::Order {
            pass1: None,
            plate,
            part: *part,
            quadmask,
            words,
            recipe: recipe.as_ref(),
            out,
        });
    }
    let causes: Vec<Cause> = causes.as_ref().map(read_json).transpose()?.unwrap_or_default();
    let wanted: serde_json::Value =
        recipe.as_ref().map(read_json).transpose()?.unwrap_or_else(|| serde_json::json!({}));
    let recipe = |plain: PlateRecipe| -> anyhow::Result<PlateRecipe> {
        Ok(plain.with(wanted.clone()).context("The recipe is not what it should be")?.checked()?)
    };
    recipe(PlateRecipe::default())?; // before the plate is read
    let mut log = Log::default();
    let plate = part.of(plate, &mut log)?;
    let (facts, _) = plate.known.clone().expect("it was read through");
    let mut masks = MaskMovie::open(quadmask, facts.frames, facts.width(), facts.height())?;
    let recipe = recipe(PlateRecipe::for_plate(facts.width(), facts.height()))?;
    make_out(out)?;
    let removed = remove(plate, &mut masks, &causes, &recipe, out, &mut log)?;
    let proof = &removed.proof;
    write_report(
        out,
        &serde_json::json!({
            "engine": engine,
            "first": part.first, "frames": proof.frames, "width": facts.coded_width, "height": facts.coded_height,
            "rate": [facts.rate.num(), facts.rate.den()],
            "time_base": [facts.time_base.0, facts.time_base.1],
            "timestamps": facts.variable_times,
            "pixel_format": proof.pixel_format, "plate_pixel_format": facts.pixel_format,
            "edge_px": proof.edge_px, "max_delta_outside": proof.max_delta_outside,
            "matte_share": proof.matte_share, "seen_elsewhere": proof.seen_elsewhere, "guessed": proof.guessed,
            "recipe": recipe, "notes": removed.notes,
            "seconds": proof.seconds, "peak_rss_bytes": crate::memory::peak_rss_bytes(),
        }),
    )
}
