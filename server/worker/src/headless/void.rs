//! `stage remove --engine void`, `stage refine` and `stage make-test-model`: VOID on plain files. The engine itself is `engine`;
//! a worker without it says how to get one that has it.

use std::path::PathBuf;

use domain::VoidRecipe;

use super::Part;

/// What both passes of VOID are given.
#[derive(Debug, Default, clap::Args)]
pub struct Words {
    /// Folder of the weights in the Hugging Face layout: transformer/, vae/, text_encoder/, tokenizer/ and scheduler/ of
    /// CogVideoX-Fun-V1.5-5b-InP (or that folder), void_pass1.safetensors, void_pass2.safetensors and, for pass 2,
    /// torchvision's raft_large_C_T_SKHT_V2-ff5fadd5.pth.
    #[arg(long, value_name = "DIR")]
    pub weights: Option<PathBuf>,
    /// What the scene shows after the removal, in one sentence.
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// What it shall not show; heard where guidance is above 1.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub negative_prompt: String,
    /// Seed of all noise, in place of the recipe's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where to compute.
    #[arg(long, default_value = "auto", value_parser = ["auto", "cpu", "cuda"])]
    pub device: String,
}

/// Pass 2: refines what pass 1 made, with noise that follows its motion.
///
/// Writes into DIR what `stage remove --engine void` writes: result.mkv, matte.mkv, proxy.mov, model.mkv, latents/ and
/// report.json, whose `pass` is 2.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = knobs())]
pub struct Args {
    /// The result of pass 1: its folder, or a movie of the plate's length at the plate's or the canvas's size.
    #[arg(long, value_name = "PATH")]
    pass1: PathBuf,
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
    /// recipe.json: see below; missing knobs keep their default.
    #[arg(long)]
    recipe: Option<PathBuf>,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
}

/// Writes a complete model of tiny networks with random weights, for trying and testing.
#[derive(Debug, clap::Args)]
pub struct MakeArgs {
    dir: PathBuf,
    /// Which networks.
    #[arg(long, default_value = "void", value_parser = ["void", "sam2", "sam3"])]
    network: String,
    /// Larger networks, 700 MB: to see what memory they take.
    #[arg(long)]
    larger: bool,
}

/// Files and words of a pass.
#[cfg_attr(
    not(feature = "void"),
    expect(dead_code, reason = "without its engine an order is refused whatever it says")
)]
pub struct Order<'a> {
    pub pass1: Option<PathBuf>,
    pub plate: &'a PathBuf,
    pub part: Part,
    pub quadmask: &'a PathBuf,
    pub words: &'a Words,
    pub recipe: Option<&'a PathBuf>,
    pub out: &'a PathBuf,
}

/// Every knob of the recipe with its range and default, for `--help`.
pub fn knobs() -> String {
    let mut text = String::from("Knobs of VOID's recipe.json (range; default): meaning\n");
    for knob in VoidRecipe::KNOBS {
        let default = VoidRecipe::default_of(knob.name).expect("every knob has a default");
        text.push_str(&format!("  {} ({}; {default}): {}\n", knob.name, knob.range, knob.meaning));
    }
    text.push_str("  A dot is a level: {\"pass1\": {\"steps\": 30}, \"seed\": 7}");
    text
}

/// Pass 2.
pub fn refine(args: &Args) -> anyhow::Result<()> {
    let Args { pass1, plate, part, quadmask, words, recipe, out } = args;
    let pass1 = if pass1.is_dir() { made_in(pass1) } else { pass1.clone() };
    run(&Order { pass1: Some(pass1), plate, part: *part, quadmask, words, recipe: recipe.as_ref(), out })
}

/// What pass 1 left in a folder: the model's own picture, or the whole one where its region goes along with what moves.
fn made_in(folder: &std::path::Path) -> PathBuf {
    let report = std::fs::read(folder.join("report.json")).ok();
    let report = report.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let parts = report.and_then(|report| report["parts"].as_array().map(Vec::len)).unwrap_or(1);
    folder.join(if parts > 1 { "result.mkv" } else { "model.mkv" })
}

#[cfg(not(feature = "void"))]
const WITHOUT: &str = "This worker was built without libtorch, so it has no VOID: build it with `cargo build -p worker --features \
                       void` and LIBTORCH set to libtorch 2.11.0, or use `--engine plate`.";

#[cfg(not(feature = "void"))]
pub fn run(order: &Order) -> anyhow::Result<()> {
    let _ = order;
    anyhow::bail!(WITHOUT)
}

#[cfg(not(feature = "void"))]
pub fn make_test_model(args: &MakeArgs) -> anyhow::Result<()> {
    let MakeArgs { dir: _, network: _, larger: _ } = args;
    anyhow::bail!(WITHOUT)
}

#[cfg(feature = "void")]
pub fn make_test_model(args: &MakeArgs) -> anyhow::Result<()> {
    use engine::test_model::{Sizes, make_of};

    match args.network.as_str() {
        "sam2" => engine::track::make_test_model(&args.dir)?,
        "sam3" => engine::find::make_test_model(&args.dir)?,
        _ => make_of(&args.dir, if args.larger { Sizes::larger() } else { Sizes::tiny() })?,
    }
    tracing::info!("{} holds a test model now: what it makes means nothing.", args.dir.display());
    Ok(())
}

#[cfg(feature = "void")]
pub fn run(order: &Order) -> anyhow::Result<()> {
    use anyhow::Context;
    use domain::predict::Wanted;
    use domain::version::{LedTo, Morphing};
    use engine::{Model, Pass, Shelf};
    use pipeline::MaskMovie;

    use super::{Log, make_out, read_json, write_report};

    let Order { pass1, plate: plate_file, part, quadmask, words, recipe: recipe_file, out } = order;
    let Words { weights, prompt, negative_prompt, seed, device } = words;
    let wanted: serde_json::Value =
        recipe_file.map(read_json).transpose()?.unwrap_or_else(|| serde_json::json!({}));
    let recipe = |plain: VoidRecipe| -> anyhow::Result<VoidRecipe> {
        let recipe = plain.with(wanted.clone()).context("The recipe is not what it should be")?;
        Ok(VoidRecipe { seed: seed.unwrap_or(recipe.seed), ..recipe })
    };
    let prompt = prompt.as_deref().unwrap_or_default();
    engine::check(&recipe(VoidRecipe::default())?, prompt)?; // before anything is read
    if let Some(pass1) = pass1 {
        let lies_in = |folder: &PathBuf| {
            let at = |path: &std::path::Path| path.canonicalize().ok();
            pass1.parent().and_then(at).is_some_and(|parent| at(folder) == Some(parent))
        };
        anyhow::ensure!(
            !lies_in(out),
            "Pass 2 would write over the pass 1 that it reads from {}: give another folder with --out.",
            out.display()
        );
    }
    let device = super::device(device)?;
    let weights = weights.as_ref().context("VOID needs its weights: give their folder with --weights DIR")?;
    let pass = if pass1.is_some() { Pass::Two } else { Pass::One };
    let model = Model::open(weights, pass)?;
    if model.named().is_test_model {
        tracing::warn!("This is a test model of random weights: what it makes is no removal.");
    }
    let mut log = Log::default();
    let plate = part.of(plate_file, &mut log)?;
    let (facts, _) = plate.known.clone().expect("it was read through");
    let mut masks = MaskMovie::open(quadmask, facts.frames, facts.width(), facts.height())?;
    let recipe = recipe(VoidRecipe::for_plate(facts.width(), facts.height()))?;
    make_out(out)?;
    let number = if pass1.is_some() { 2 } else { 1 };
    let predicted = engine::predict(&recipe, number, facts.frames, &[], &model, device, None)?;
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    let plans = predicted.bytes.iter().map(|(plan, bytes)| format!("{plan:?} {:.1} GB", gigabytes(*bytes)));
    tracing::info!(
        "{} windows of a clip of {} frames, {} steps; memory by plan: {}.",
        predicted.windows.len(),
        predicted.length,
        predicted.steps,
        plans.collect::<Vec<_>>().join(", ")
    );
    let shelf = Shelf::default(); // nothing stays loaded: pass 2 gets all of the memory
    let order = engine::Order {
        plate,
        prompt,
        negative: negative_prompt,
        recipe: &recipe,
        pass1: pass1.as_deref(),
        out,
        device,
        shelf: &shelf,
        cache: None,
    };
    let machine = crate::speed::machine(&model, &shelf, device)?;
    let removed = engine::run(&order, &model, &mut masks, &mut log)?;
    for note in &removed.notes {
        tracing::info!("{note}");
    }
    let (proof, about) = (&removed.proof, &removed.about);
    let asked = Wanted {
        recipe: &recipe,
        pass: about.pass,
        frames: facts.frames,
        width: facts.width(),
        height: facts.height(),
    };
    // What is not the picture itself is not refined.
    let wants_second = !about.is_preview && engine::wants_second(&recipe, about);
    let lacks = if wants_second { Model::open(weights, Pass::Two).err() } else { None };
    let morphing = about.morphing.map(|check| {
        let led_to = LedTo::of(check.fires, about.pass, &recipe, lacks.is_none());
        Morphing { value: check.value, threshold: check.threshold, led_to }
    });
    let peak = crate::memory::peak_rss_bytes();
    let mut report = serde_json::json!({
        "engine": "void", "pass": about.pass,
        "first": part.first, "frames": proof.frames, "width": facts.coded_width, "height": facts.coded_height,
        "rate": [facts.rate.num(), facts.rate.den()],
        "time_base": [facts.time_base.0, facts.time_base.1],
        "timestamps": facts.variable_times,
        "pixel_format": proof.pixel_format, "plate_pixel_format": facts.pixel_format,
        "edge_px": proof.edge_px, "max_delta_outside": proof.max_delta_outside,
        "matte_share": proof.matte_share, "seen_elsewhere": proof.seen_elsewhere, "guessed": proof.guessed,
        "prompt": prompt, "negative_prompt": negative_prompt, "recipe": recipe,
        "model": about.model, "device": about.device, "precision": about.precision, "canvas": about.canvas,
        "region": about.region, "parts": about.parts, "cuts": about.cuts, "length": about.length,
        "windows": about.windows, "memory": about.memory, "loaded": about.loaded, "pace": about.pace, "predicted_bytes": predicted.bytes,
        "morphing": morphing, "is_preview": about.is_preview,
        "resumed_steps": about.resumed_steps, "notes": removed.notes,
        "seconds": proof.seconds, "peak_rss_bytes": peak,
    });
    report["predicted"] = serde_json::json!(machine.predicted(&asked, about.memory));
    report["measured"] = serde_json::json!({ "seconds": proof.seconds, "peak_rss_bytes": peak });
    write_report(out, &report)?;
    if let Some(error) = &lacks {
        tracing::warn!("Pass 2 should follow, and cannot: {error}");
    }
    if !wants_second || lacks.is_some() {
        return Ok(());
    }
    tracing::info!("Pass 2 follows, into {}.", out.join("pass2").display());
    // The whole picture, where the region goes along with what moves.
    let movie = if about.parts.len() > 1 { &removed.files.result } else { &removed.made };
    let (out, pass1) = (out.join("pass2"), Some(movie.clone()));
    drop(model);
    run(&Order { pass1, plate: plate_file, part: *part, quadmask, words, recipe: *recipe_file, out: &out })
}
