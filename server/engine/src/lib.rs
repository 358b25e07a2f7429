//! VOID as an engine over files: plate, quadmask and prompt to a full-size result, on libtorch.
//!
//! Assembles the networks of `nets` into passes and sets what they make into the plate through `pipeline`. Knows no SQL, jobs or
//! HTTP.

pub mod accepted;
mod cache;
mod clip;
mod error;
pub mod find;
mod latents;
mod layout;
pub mod model;
mod morphing;
mod motion;
mod networks;
mod parts;
mod plan;
mod room;
mod scenes;
mod set;
mod shelf;
mod store;
pub mod test_model;
#[cfg(test)]
mod tests;
pub mod track;
mod work;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::VoidRecipe;
use domain::predict::Pace;
use domain::recipe::{Memory, When};
use domain::version::Proof;
use pipeline::stages::write::{Written, write};
use pipeline::{Masks, Plate, PlateFile, Reporter};
use serde::Serialize;
use tch::{Device, Kind};

pub use cache::Cache;
pub use error::{Error, Result};
pub use model::{Model, Named, Pass};
pub use morphing::Morphing;
pub use networks::sizes;
pub use plan::predict;
pub use room::{make_room, room, usual_budget};
pub use shelf::{Lent, Shelf};

use clip::{Clip, Survey};
use latents::Settings;
use motion::FirstPass;
use parts::Part;
use set::MadeParts;
use store::Store;
use work::{Done, Work, settings};

/// One pass, ordered.
pub struct Order<'a> {
    pub plate: Plate,
    /// What the scene shows after the removal.
    pub prompt: &'a str,
    /// What it shall not show; only heard where guidance is above 1.
    pub negative: &'a str,
    pub recipe: &'a VoidRecipe,
    /// For pass 2: the result of pass 1, a movie of the plate's length at the plate's or the canvas's size.
    pub pass1: Option<&'a Path>,
    /// `result.mkv`, `matte.mkv`, `proxy.mov`, `model.mkv` and `latents/` go here.
    pub out: &'a Path,
    pub device: Device,
    /// The networks that are loaded already, and where they stay.
    pub shelf: &'a Shelf,
    /// What other runs made of the same prompt, mask or plate.
    pub cache: Option<&'a Cache>,
}

/// What a pass leaves behind.
#[derive(Debug)]
pub struct Removed {
    pub files: Written,
    /// What the model made, on its canvas: FFV1, RGB, 8 bits.
    pub made: PathBuf,
    pub proof: Proof,
    pub about: About,
    /// Sentences an artist should read.
    pub notes: Vec<String>,
}

/// How it was made, for reports and manifests.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    pub pass: u32,
    pub model: Named,
    pub device: String,
    pub precision: String,
    /// How the networks were held in memory in the end.
    pub memory: Memory,
    /// The networks that had to be loaded, in order; the others were there from an earlier run, or not needed.
    pub loaded: Vec<&'static str>,
    /// Width and height.
    pub canvas: [u32; 2],
    /// The part of the plate that the model was shown, in the first part of the clip: x, y, width, height.
    pub region: [i32; 4],
    /// The parts of the clip that were made, each by itself.
    pub parts: Vec<PartAbout>,
    /// Frames that begin a new scene.
    pub cuts: Vec<u32>,
    /// Frames that the clip was brought to, over all parts.
    pub length: u32,
    /// First and last frame of each window of that length.
    pub windows: Vec<[u32; 2]>,
    /// Steps that an earlier run had done already, over all parts.
    pub resumed_steps: u32,
    /// How fast it was, where it was computed here.
    pub pace: Option<Pace>,
    /// Whether what was made changes its shape; nothing where no two frames of it can be compared.
    pub morphing: Option<Morphing>,
    /// Whether it is a quick look and not the picture.
    pub is_preview: bool,
}

/// A part of the clip that was made by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartAbout {
    /// First and last frame of the plate.
    pub frames: [u32; 2],
    /// The part of the plate that the model was shown: x, y, width, height.
    pub region: [i32; 4],
}

/// Refuses an order that cannot be run, before anything is opened.
///
/// # Errors
/// A knob out of range; an empty prompt.
pub fn check(recipe: &VoidRecipe, prompt: &str) -> Result<()> {
    recipe.clone().checked()?;
    if prompt.trim().is_empty() {
        return Err(Error::NoPrompt);
    }
    Ok(())
}

/// Runs a pass. A run that is killed or stopped goes on from its last step when it is ordered again into the same folder, and
/// gives the same bits.
///
/// # Errors
/// Whatever [`check`] refuses; a quadmask without a target; a full disk; a plate that breaks off; libtorch out of memory;
/// `Cancelled` when `report` says so.
pub fn run(
    order: &Order,
    model: &Model,
    masks: &mut dyn Masks,
    report: &mut dyn Reporter,
) -> Result<Removed> {
    check(order.recipe, order.prompt)?;
    let recipe = &order.recipe.running();
    let plate = order.plate.clone();
    caught(|| pass(&Order { recipe, plate, ..*order }, model, masks, report))
}

/// Notes that pages show as a label of their own.
pub const PREVIEW_NOTE: &str = "This is a quick preview, with few steps of another sampler.";
pub const TEST_NOTE: &str = "Made by a test model of random weights: this is no removal.";

/// Whether pass 2 is to follow what pass 1 made.
pub fn wants_second(recipe: &VoidRecipe, first: &About) -> bool {
    first.pass == 1
        && match recipe.pass2.when {
            When::Always => true,
            When::Auto => first.morphing.is_some_and(|morphing| morphing.fires),
            When::Never => false,
        }
}

/// tch panics on misuse and when memory runs out.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

fn pass(order: &Order, model: &Model, masks: &mut dyn Masks, report: &mut dyn Reporter) -> Result<Removed> {
    let started = Instant::now();
    let Order { plate, prompt: _, negative: _, recipe, pass1, out, device, shelf, cache } = order;
    let mut notes = Vec::new();
    let (width, height) = (recipe.canvas_width, recipe.canvas_height);
    let (most_width, most_height) = model.largest_canvas();
    if width > most_width || height > most_height {
        return Err(Error::Canvas { width, height, most_width, most_height });
    }
    let mut file = PlateFile::open(plate.clone(), report)?;
    let store = Store::open(&out.join("latents"))?.with_cache(*cache);
    let Survey { marks, cuts } = Survey::new(&mut file, masks, recipe, report)?;
    let parts = parts::parts(recipe, file.size(), &marks, &cuts);
    store::check_room(out, needed(recipe, file.frames(), &parts, pass1.is_some()))?;
    let mut clips = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        clips.push(Clip::new(&mut file, masks, part.clone(), number, &store, report)?);
    }
    if !clips.iter().any(|clip| clip.has_target) {
        return Err(Error::TooSmall { width, height });
    }
    let first_passes = match pass1 {
        Some(path) => FirstPass::open(path, &file, &clips, &store, &mut notes, report)?,
        None => Vec::new(),
    };
    let pass = if pass1.is_some() { 2 } else { 1 };
    let prediction = predict(recipe, pass, file.frames(), &cuts, model, *device, None)?;
    let room = Cell::new(room::room(*device, shelf));
    // What other jobs work with at the same time is not for this one.
    let free = room.get().map(|room| room.saturating_sub(shelf.lent_bytes()));
    let first_plan = plan::first(recipe.memory, &prediction, free);
    let raw = out.join("model.mkv");
    let work = Work {
        order,
        model,
        clips: &clips,
        first_passes: &first_passes,
        store: &store,
        raw: &raw,
        prediction: &prediction,
        room: &room,
    };
    let give_up = || {
        room.set(None); // it was less than was thought
        shelf.clear();
    };
    let run = |plan| caught(|| tch::no_grad(|| work.run(plan, &file, report)));
    let (done, memory) = plan::under(first_plan, give_up, run)?;
    let Done { films, is_cut, resumed, pace, loaded } = done;
    if is_cut {
        notes.push("The prompt is longer than the model reads: its end was left out.".to_owned());
    }
    if !cuts.is_empty() {
        let frames = cuts.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        notes.push(format!(
            "The plate cuts to another scene at frame {frames}: each scene was made by itself."
        ));
    }
    let morphing = morphing::measure(&clips, &films, recipe.pass2.morphing)?;
    if let Some(Morphing { value, threshold, fires: true }) = morphing {
        notes.push(format!(
            "What was made changes its shape {value:.1} times as much as what is around it, more than {threshold}: look at it \
             closely, or let pass 2 follow its motion."
        ));
    }
    if recipe.preview {
        notes.push(PREVIEW_NOTE.to_owned());
    }
    drop((first_passes, clips));
    // Before anything that was made of them gets a name.
    model.content().wait(report)?;

    let frames = file.frames();
    let file = RefCell::new(file);
    let made = MadeParts { parts, films };
    let ((), files) = write(&file, &plate.path, out, report, |report, hand| {
        set::set(&file, masks, &made, recipe, report, hand)
    })?;
    let (width, height) = file.borrow().size();
    let proof = Proof {
        frames,
        width,
        height,
        pixel_format: files.kept_as.name(),
        edge_px: recipe.edge_px,
        max_delta_outside: files.max_delta_outside,
        matte_share: files.matte_share,
        seen_elsewhere: 0.0,
        guessed: 1.0,
        seconds: started.elapsed().as_secs_f64(),
    };
    let settings = settings(order, model, 0);
    let about = About {
        pass,
        model: model.named(),
        device: if device.is_cuda() { "cuda" } else { "cpu" }.to_owned(),
        precision: if settings.kind == Kind::BFloat16 { "bfloat16" } else { "float32" }.to_owned(),
        memory,
        loaded,
        canvas: [recipe.canvas_width, recipe.canvas_height],
        resumed_steps: resumed as u32,
        pace,
        morphing,
        is_preview: recipe.preview,
        ..about(recipe, &made.parts, cuts, &settings)?
    };
    if about.model.is_test_model {
        notes.push(TEST_NOTE.to_owned());
    }
    Ok(Removed { files, made: raw, proof, about, notes })
}

fn canvas_pixels(recipe: &VoidRecipe) -> usize {
    recipe.canvas_width as usize * recipe.canvas_height as usize
}

/// Bytes of disk that a run takes beside its results.
fn needed(recipe: &VoidRecipe, frames: u32, parts: &[Part], is_second: bool) -> u64 {
    /// Tensors of a clip's latents that are kept at once, at most: conditions, states and what samplers remember.
    const KEPT: u64 = 24;
    let pixels = canvas_pixels(recipe) as u64;
    let canvas = (recipe.canvas_width, recipe.canvas_height);
    // What is reused of the blocks is kept too: a token of 3072 numbers stands for 16×16 pixels and 8 frames, and each prompt
    // has two tensors of them in f32.
    let remembered = if recipe.reuse > 0.0 { 2 * pixels / 256 * 3072 } else { 0 };
    let mut all = u64::from(frames) * pixels * 3;
    for part in parts {
        let frames = part.frames.end - part.frames.start;
        let latents = latents::latents_of(latents::length_of(recipe, frames)) as u64 * 16 * (pixels / 64) * 4;
        all += clip::bytes(recipe, u64::from(frames))
            + u64::from(frames) * pixels * clip::RGB16
            + KEPT * latents;
        all += 2 * u64::from(frames) * remembered; // the old file stays until the new one is whole
        if is_second {
            all += motion::bytes(canvas, frames, recipe.pass2.flow_noise);
        }
    }
    all
}

/// What the parts of a clip say of themselves.
fn about(recipe: &VoidRecipe, parts: &[Part], cuts: Vec<u32>, settings: &Settings) -> Result<About> {
    let flat = |rect: plate::remove::Rect| [rect.x, rect.y, rect.width, rect.height];
    let first = |latent: i64| if latent == 0 { 0 } else { (4 * latent - 3) as u32 };
    let (mut length, mut all) = (0, Vec::new());
    for part in parts {
        let settings = settings.for_part(recipe, part.frames.end - part.frames.start);
        let latents = latents::latents_of(settings.length);
        let windows =
            nets::sample::windows(latents, latents::latents_of(settings.window), settings.overlap / 4)?;
        all.extend(windows.iter().map(|w| [length + first(w.start), length + (4 * (w.end - 1)) as u32]));
        length += settings.length as u32;
    }
    let part = |part: &Part| PartAbout {
        frames: [part.frames.start, part.frames.end - 1],
        region: flat(part.layout.region),
    };
    Ok(About {
        pass: 0,
        model: settings.model.named(),
        device: String::new(),
        precision: String::new(),
        memory: Memory::Auto,
        loaded: Vec::new(),
        canvas: [0; 2],
        region: parts.first().map_or([0; 4], |part| flat(part.layout.region)),
        parts: parts.iter().map(part).collect(),
        cuts,
        length,
        windows: all,
        resumed_steps: 0,
        pace: None,
        morphing: None,
        is_preview: false,
    })
}
