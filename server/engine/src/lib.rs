//! VOID as an engine over files: plate, quadmask and prompt to a full-size result, on libtorch.
//!
//! Assembles the networks of `nets` into passes and sets what they make into the plate through `pipeline`. Knows no SQL, jobs or
//! HTTP. One network is loaded at a time: text encoder, autoencoder, transformer, autoencoder.

mod clip;
mod error;
mod latents;
mod layout;
pub mod model;
mod motion;
mod set;
mod store;
pub mod test_model;
#[cfg(test)]
mod tests;
pub mod track;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::recipe::{Affected, FirstPass as Sampling, SecondPass};
use domain::version::Proof;
use domain::{Colour, VoidRecipe};
use media::{Ffv1Writer, PixelFormat};
use nets::prepare::Levels;
use pipeline::stages::write::{Written, write};
use pipeline::{Masks, Plate, PlateFile, Reporter};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

pub use error::{Error, Result};
pub use model::{Model, Named, Pass};

use clip::Clip;
use latents::Settings;
use motion::FirstPass;
use store::{Film, Store, to_bytes};

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
    /// Width and height.
    pub canvas: [u32; 2],
    /// The part of the plate that the model was shown: x, y, width, height.
    pub region: [i32; 4],
    /// Frames that the clip was brought to.
    pub length: u32,
    /// First and last frame of each window of that length.
    pub windows: Vec<[u32; 2]>,
    /// Steps that an earlier run had done already.
    pub resumed_steps: u32,
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
    // tch panics on misuse and when memory runs out.
    catch_unwind(AssertUnwindSafe(|| pass(order, model, masks, report)))
        .unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

fn pass(order: &Order, model: &Model, masks: &mut dyn Masks, report: &mut dyn Reporter) -> Result<Removed> {
    let started = Instant::now();
    let Order { plate, prompt, negative, recipe, pass1, out, device: _ } = order;
    let (recipe, prompts) = (*recipe, [*prompt, *negative]);
    let mut notes = Vec::new();
    let (width, height) = (recipe.canvas_width, recipe.canvas_height);
    let (most_width, most_height) = model.largest_canvas();
    if width > most_width || height > most_height {
        return Err(Error::Canvas { width, height, most_width, most_height });
    }
    let mut file = PlateFile::open(plate.clone(), report)?;
    let frames = file.frames();
    let store = Store::open(&out.join("latents"))?;
    let length = latents::length_of(recipe, frames);
    store::check_room(out, needed(recipe, frames, length, pass1.is_some()))?;
    let clip = Clip::new(&mut file, masks, recipe, &store, report)?;
    let settings = settings(order, model, length);
    let first_pass = match pass1 {
        Some(path) => Some(FirstPass::open(path, &file, &clip, &store, report)?),
        None => None,
    };
    let noise_name = first_pass.as_ref().map(|first| first.name(recipe.pass2.flow_noise, &clip, &settings));
    let names = settings.names(&clip, prompts, noise_name.as_ref());
    let wanted = [Some(&names.text), Some(&names.conditions), Some(&names.state), noise_name.as_ref()];
    store.keep_only(&wanted.into_iter().flatten().collect::<Vec<_>>())?;

    let (latents, resumed) = tch::no_grad(|| -> Result<_> {
        let (text, is_cut) = latents::text(&settings, prompts, &names.text, &store, report)?;
        if is_cut {
            notes.push("The prompt is longer than the model reads: its end was left out.".to_owned());
        }
        let conditions = latents::conditions(&settings, &clip, &names.conditions, &store, report)?;
        let first = match (&first_pass, &noise_name) {
            (Some(first), Some(name)) => {
                Some(first.noise(recipe.pass2.flow_noise, &clip, &settings, name, &store, report)?)
            }
            _ => None,
        };
        drop(first_pass);
        latents::denoise(&settings, text, &conditions, first.as_ref(), &names.state, &store, report)
    })?;
    let layout = clip.layout;
    drop(clip);
    let mut made = store.film("made", canvas_pixels(recipe) * clip::RGB16 as usize)?;
    let raw = out.join("model.mkv");
    tch::no_grad(|| decoded(&settings, &latents, frames, &file, &mut made, &raw, report))?;

    let file = RefCell::new(file);
    let ((), files) = write(&file, &plate.path, out, report, |report, hand| {
        set::set(&file, masks, &made, &layout, recipe, report, hand)
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
    let about = about(order, &settings, layout, resumed as u32)?;
    if about.model.is_test_model {
        notes.push("Made by a test model of random weights: this is no removal.".to_owned());
    }
    Ok(Removed { files, made: raw, proof, about, notes })
}

fn settings<'a>(order: &Order, model: &'a Model, length: i64) -> Settings<'a> {
    let recipe = order.recipe;
    let VoidRecipe { seed, video_noise, hide_target, window_frames, overlap_frames, .. } = *recipe;
    let SecondPass { steps, guidance, sampler, flow_noise: _, affected } = recipe.pass2;
    let (sampling, levels) = match order.pass1 {
        None => (recipe.pass1.clone(), Levels::Three),
        Some(_) => {
            let levels = if affected == Affected::Remove { Levels::Two } else { Levels::Three };
            (Sampling { steps, guidance, sampler, strength: 1.0 }, levels)
        }
    };
    let Sampling { steps, guidance, sampler, strength } = sampling;
    Settings {
        model,
        device: order.device,
        kind: latents::kind_of(recipe.precision, order.device),
        seed,
        steps,
        guidance,
        sampler,
        strength,
        levels,
        video_noise,
        hide_target,
        length,
        window: i64::from(window_frames),
        overlap: i64::from(overlap_frames),
    }
}

fn canvas_pixels(recipe: &VoidRecipe) -> usize {
    recipe.canvas_width as usize * recipe.canvas_height as usize
}

/// Bytes of disk that a run takes beside its results.
fn needed(recipe: &VoidRecipe, frames: u32, length: i64, is_second: bool) -> u64 {
    /// Tensors of a clip's latents that are kept at once, at most: conditions, states and what samplers remember.
    const KEPT: u64 = 24;
    let pixels = canvas_pixels(recipe) as u64;
    let latents = latents::latents_of(length) as u64 * 16 * (pixels / 64) * 4;
    let first = motion::bytes((recipe.canvas_width, recipe.canvas_height), frames);
    clip::bytes(recipe, frames)
        + u64::from(frames) * pixels * (clip::RGB16 + 3)
        + if is_second { first } else { 0 }
        + KEPT * latents
}

/// Decodes latents into `made`, and into a movie at `raw`.
fn decoded(
    settings: &Settings,
    latents: &Tensor,
    frames: u32,
    plate: &PlateFile,
    made: &mut Film,
    raw: &Path,
    report: &mut dyn Reporter,
) -> Result<()> {
    let size = latents.size();
    let (width, height) = (8 * size[4] as u32, 8 * size[3] as u32);
    let format = PixelFormat::from_name("gbrp").expect("FFmpeg has it");
    let unfinished = raw.with_file_name("unfinished-model.mkv");
    let colour = Colour { matrix: "gbr".into(), range: "pc".into(), ..plate.facts.colour.clone() };
    let mut movie = Ffv1Writer::create(&unfinished, &format, width, height, plate.facts.rate, &colour, None)?;
    latents::decode(settings, latents, frames, report, |frame| {
        let values = Vec::<f32>::try_from(frame.view(-1)).map_err(nets::Error::from)?;
        made.push(&to_bytes(values.iter().map(|v| (v * 65_535.0 + 0.5) as u16)))?;
        let mut picture = media::Picture::new(format, width, height);
        for (plane, channel) in picture.planes.iter_mut().zip([1, 2, 0]) {
            let samples = values.iter().skip(channel).step_by(3);
            // Cut off and not rounded, as the reference writes them.
            plane.data.iter_mut().zip(samples).for_each(|(byte, v)| *byte = (v * 255.0) as u8);
        }
        Ok(movie.write(&picture)?)
    })?;
    movie.finish()?;
    made.flush()?;
    std::fs::rename(&unfinished, raw).map_err(error::io(format!("Putting {} in place", raw.display())))
}

fn about(order: &Order, settings: &Settings, layout: layout::Layout, resumed_steps: u32) -> Result<About> {
    let length = settings.length;
    let latents = latents::latents_of(length);
    let windows = nets::sample::windows(latents, latents::latents_of(settings.window), settings.overlap / 4)?;
    let first = |latent: i64| if latent == 0 { 0 } else { (4 * latent - 3) as u32 };
    let region = layout.region;
    Ok(About {
        pass: if order.pass1.is_some() { 2 } else { 1 },
        model: settings.model.named(),
        device: if order.device.is_cuda() { "cuda" } else { "cpu" }.to_owned(),
        precision: if settings.kind == Kind::BFloat16 { "bfloat16" } else { "float32" }.to_owned(),
        canvas: [layout.canvas.0, layout.canvas.1],
        region: [region.x, region.y, region.width, region.height],
        length: length as u32,
        windows: windows.iter().map(|w| [first(w.start), (4 * (w.end - 1)) as u32]).collect(),
        resumed_steps,
    })
}
