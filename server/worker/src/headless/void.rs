//! `stage remove --engine void`, `stage refine` and `stage make-test-model`: VOID on plain files. The engine itself is `engine`;
//! a worker without it says how to get one that has it.

use std::path::PathBuf;

use domain::VoidRecipe;

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
/// Writes into DIR what `stage remove --engine void` writes.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = knobs())]
pub struct Args {
    /// The result of pass 1: its folder, or a movie of the plate's length at the plate's or the canvas's size.
    #[arg(long, value_name = "PATH")]
    pass1: PathBuf,
    /// The plate: MOV, MP4, MKV, MXF, …
    #[arg(long)]
    plate: PathBuf,
    /// quadmask_0.mp4 or any mask movie of the plate's size and length; greys are taken as the nearest level.
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
    #[arg(long, default_value = "void", value_parser = ["void", "sam2"])]
    network: String,
}

/// Files and words of a pass.
#[cfg_attr(
    not(feature = "void"),
    expect(dead_code, reason = "without its engine an order is refused whatever it says")
)]
pub struct Order<'a> {
    pub pass1: Option<PathBuf>,
    pub plate: &'a PathBuf,
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
    let Args { pass1, plate, quadmask, words, recipe, out } = args;
    let pass1 = if pass1.is_dir() { pass1.join("model.mkv") } else { pass1.clone() };
    run(&Order { pass1: Some(pass1), plate, quadmask, words, recipe: recipe.as_ref(), out })
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
    let MakeArgs { dir: _, network: _ } = args;
    anyhow::bail!(WITHOUT)
}

#[cfg(feature = "void")]
pub fn make_test_model(args: &MakeArgs) -> anyhow::Result<()> {
    match args.network.as_str() {
        "sam2" => engine::track::make_test_model(&args.dir)?,
        _ => engine::test_model::make(&args.dir)?,
    }
    tracing::info!("{} holds a test model now: what it makes means nothing.", args.dir.display());
    Ok(())
}

#[cfg(feature = "void")]
pub fn run(order: &Order) -> anyhow::Result<()> {
    use anyhow::Context;
    use engine::{Model, Pass};
    use pipeline::{MaskMovie, Plate};

    use super::{Log, make_out, read_json, write_report};

    let Order { pass1, plate, quadmask, words, recipe, out } = order;
    let Words { weights, prompt, negative_prompt, seed, device } = words;
    let wanted: serde_json::Value =
        recipe.map(read_json).transpose()?.unwrap_or_else(|| serde_json::json!({}));
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
    let plate = Plate::from(*plate).known(&mut log)?;
    let (facts, _) = plate.known.clone().expect("it was read through");
    let mut masks = MaskMovie::open(quadmask, facts.frames, facts.width(), facts.height())?;
    let recipe = recipe(VoidRecipe::for_plate(facts.width(), facts.height()))?;
    make_out(out)?;
    let order = engine::Order {
        plate,
        prompt,
        negative: negative_prompt,
        recipe: &recipe,
        pass1: pass1.as_deref(),
        out,
        device,
    };
    let removed = engine::run(&order, &model, &mut masks, &mut log)?;
    for note in &removed.notes {
        tracing::info!("{note}");
    }
    let (proof, about) = (&removed.proof, &removed.about);
    write_report(
        out,
        &serde_json::json!({
            "engine": "void", "pass": about.pass,
            "frames": proof.frames, "width": facts.coded_width, "height": facts.coded_height,
            "rate": [facts.rate.num(), facts.rate.den()],
            "time_base": [facts.time_base.0, facts.time_base.1],
            "timestamps": facts.variable_times,
            "pixel_format": proof.pixel_format, "plate_pixel_format": facts.pixel_format,
            "edge_px": proof.edge_px, "max_delta_outside": proof.max_delta_outside,
            "matte_share": proof.matte_share, "seen_elsewhere": proof.seen_elsewhere, "guessed": proof.guessed,
            "prompt": prompt, "negative_prompt": negative_prompt, "recipe": recipe,
            "model": about.model, "device": about.device, "precision": about.precision, "canvas": about.canvas,
            "region": about.region, "length": about.length, "windows": about.windows,
            "resumed_steps": about.resumed_steps, "notes": removed.notes,
            "seconds": proof.seconds, "peak_rss_bytes": crate::memory::peak_rss_bytes(),
        }),
    )
}
