//! VOID as an engine over files: plate, quadmask and prompt to a full-size result, on libtorch.
//!
//! Assembles the networks of `nets` into passes and sets what they make into the plate through `pipeline`. Knows no SQL, jobs or
//! HTTP.

pub mod accepted;
mod clip;
mod error;
mod latents;
mod layout;
pub mod model;
mod morphing;
mod motion;
mod networks;
mod parts;
mod plan;
mod scenes;
mod set;
mod store;
pub mod test_model;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use domain::predict::Pace;
use domain::recipe::{Affected, FirstPass as FirstPassKnobs, Memory, SecondPass, When};
use domain::version::Proof;
use domain::{Colour, Step, VoidRecipe};
use media::{Ffv1Writer, PixelFormat};
use nets::prepare::Levels;
use pipeline::stages::write::{Written, write};
use pipeline::{Cancelled, Masks, Plate, PlateFile, Reporter};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

pub use error::{Error, Result};
pub use model::{Model, Named, Pass};
pub use morphing::Morphing;
pub use plan::predict;

use clip::{Clip, Survey};
use latents::Settings;
use motion::{FirstPass, MadeOf};
use networks::Networks;
use parts::Part;
use set::MadeParts;
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
    /// How the networks were held in memory in the end.
    pub memory: Memory,
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
    pass(&Order { recipe, plate, ..*order }, model, masks, report)
}

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
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        let said = said.unwrap_or_else(|| "it did not say why".to_owned());
        Err(Error::Torch { reason: said.lines().next().unwrap_or_default().to_owned() })
    })
}

fn pass(order: &Order, model: &Model, masks: &mut dyn Masks, report: &mut dyn Reporter) -> Result<Removed> {
    let started = Instant::now();
    let Order { plate, prompt: _, negative: _, recipe, pass1, out, device } = order;
    let mut notes = Vec::new();
    let (width, height) = (recipe.canvas_width, recipe.canvas_height);
    let (most_width, most_height) = model.largest_canvas();
    if width > most_width || height > most_height {
        return Err(Error::Canvas { width, height, most_width, most_height });
    }
    let mut file = PlateFile::open(plate.clone(), report)?;
    let store = Store::open(&out.join("latents"))?;
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
    let first_plan = plan::first(recipe.memory, &prediction, *device);
    let raw = out.join("model.mkv");
    let work = Work { order, model, clips: &clips, first_passes: &first_passes, store: &store, raw: &raw };
    let (done, memory) = plan::under(first_plan, |plan| {
        caught(|| tch::no_grad(|| work.run(plan, &file, report)))
    })?;
    let Done { films, is_cut, resumed, pace } = done;
    if is_cut {
        notes.push("The prompt is longer than the model reads: its end was left out.".to_owned());
    }
    if !cuts.is_empty() {
        let frames = cuts.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        notes.push(format!("The plate cuts to another scene at frame {frames}: each scene was made by itself."));
    }
    let morphing = morphing::measure(&clips, &films, recipe.pass2.morphing)?;
    if let Some(Morphing { value, threshold, fires: true }) = morphing {
        notes.push(format!(
            "What was made changes its shape {value:.1} times as much as what is around it, more than {threshold}: look at it \
             closely, or let pass 2 follow its motion."
        ));
    }
    if recipe.preview {
        notes.push("This is a quick preview, with few steps of another sampler.".to_owned());
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
        canvas: [recipe.canvas_width, recipe.canvas_height],
        resumed_steps: resumed as u32,
        pace,
        morphing,
        is_preview: recipe.preview,
        ..about(recipe, &made.parts, cuts, &settings)?
    };
    if about.model.is_test_model {
        notes.push("Made by a test model of random weights: this is no removal.".to_owned());
    }
    Ok(Removed { files, made: raw, proof, about, notes })
}

/// What is computed under a plan of memory, from clips on the canvas to frames on it.
struct Work<'a> {
    order: &'a Order<'a>,
    model: &'a Model,
    clips: &'a [Clip],
    /// One for each clip in pass 2, none in pass 1.
    first_passes: &'a [FirstPass],
    store: &'a Store,
    raw: &'a Path,
}

struct Done {
    /// Of each clip: RGB, 16 bits a sample.
    films: Vec<Film>,
    /// Whether the prompt was too long.
    is_cut: bool,
    resumed: usize,
    pace: Option<Pace>,
}

impl Work<'_> {
    fn run(&self, plan: Memory, plate: &PlateFile, report: &mut dyn Reporter) -> Result<Done> {
        let Self { order, model, clips, first_passes, store, raw: _ } = *self;
        let recipe = order.recipe;
        let prompts = [order.prompt, order.negative];
        let plain = settings(order, model, 0);
        let kind = recipe.pass2.flow_noise;
        let mut all = Vec::new();
        for (number, clip) in clips.iter().enumerate() {
            let settings = plain.for_part(recipe, clip.frames);
            let noise = first_passes.get(number).map(|first| first.name(kind, clip, &settings));
            let names = settings.names(clip, prompts, noise.as_ref());
            all.push((settings, names, noise));
        }
        let wanted = all.iter().flat_map(|(_, names, noise)| {
            [Some(&names.text), Some(&names.conditions), Some(&names.state), noise.as_ref()]
        });
        store.keep_only(&wanted.flatten().collect::<Vec<_>>())?;
        let mut networks = Networks::new(model, plain.device, plain.kind, plan);
        let count = clips.len();
        let mut clock = Clock::default();

        let (text, is_cut) = latents::text(&plain, prompts, &all[0].1.text, store, &mut networks, report)?;
        let mut conditions = Vec::new();
        for (number, (clip, (settings, names, _))) in clips.iter().zip(&all).enumerate() {
            let report = &mut Share { report, number, count };
            let was_kept = store.find(&names.conditions).is_some();
            let begun = Instant::now();
            conditions.push(latents::conditions(settings, clip, &names.conditions, store, &mut networks, report)?);
            if !was_kept {
                clock.encode(2 * settings.length as u64 * canvas_pixels(recipe) as u64, begun);
            }
        }
        let mut firsts = Vec::new();
        for (number, (first, (settings, _, name))) in first_passes.iter().zip(&all).enumerate() {
            let report = &mut Share { report, number, count };
            let name = name.as_ref().expect("named with its pass");
            firsts.push(first.noise(kind, &clips[number], settings, name, store, &mut networks, report)?);
        }
        let (mut made, mut resumed) = (Vec::new(), 0);
        for (number, ((settings, names, _), conditions)) in all.iter().zip(&conditions).enumerate() {
            let report = &mut Share { report, number, count };
            let first = firsts.get(number);
            let begun = Instant::now();
            let (latents, found) =
                latents::denoise(settings, &text, conditions, first, &names.state, store, &mut networks, report)?;
            clock.denoise(recipe, model, settings, found, begun)?;
            resumed += found;
            made.push(latents);
        }
        let begun = Instant::now();
        let films = self.decoded(&made, &all, plate, &mut networks, report)?;
        let frames: u32 = clips.iter().map(|clip| clip.frames).sum();
        clock.decode(u64::from(frames) * canvas_pixels(recipe) as u64, begun);
        Ok(Done { films, is_cut, resumed, pace: clock.pace() })
    }

    /// Decodes latents into films, and into a movie, whose frames are those of the foremost part.
    fn decoded(
        &self,
        latents: &[Tensor],
        all: &[(Settings, latents::Names, Option<store::Name>)],
        plate: &PlateFile,
        networks: &mut Networks,
        report: &mut dyn Reporter,
    ) -> Result<Vec<Film>> {
        let Self { order, clips, store, raw, .. } = *self;
        let parts: Vec<_> = clips.iter().map(|clip| clip.part.clone()).collect();
        let (width, height) = (order.recipe.canvas_width, order.recipe.canvas_height);
        let format = PixelFormat::from_name("gbrp").expect("FFmpeg has it");
        let unfinished = raw.with_file_name("unfinished-model.mkv");
        let colour = Colour { matrix: "gbr".into(), range: "pc".into(), ..plate.facts.colour.clone() };
        let made_of = serde_json::to_string(&MadeOf::new(clips)).expect("plain JSON");
        let tags = [(motion::MADE_OF, made_of.as_str())];
        let rate = plate.facts.rate;
        let size = (width, height);
        let mut movie = Ffv1Writer::create_tagged(&unfinished, &format, size, rate, &colour, None, &tags)?;
        let mut films = Vec::new();
        let mut written = 0;
        for (number, (latents, clip)) in latents.iter().zip(clips).enumerate() {
            let bytes = canvas_pixels(order.recipe) * clip::RGB16 as usize;
            let mut film = store.film(&format!("made{number}"), bytes)?;
            let report = &mut Share { report, number, count: clips.len() };
            let mut at = clip.part.frames.start;
            latents::decode(&all[number].0, latents, clip.frames, networks, report, |frame| {
                let values = Vec::<f32>::try_from(frame.view(-1)).map_err(nets::Error::from)?;
                film.push(&to_bytes(values.iter().map(|v| (v * 65_535.0 + 0.5) as u16)))?;
                let frame = at;
                at += 1;
                if parts::foremost(&parts, frame) != Some(number) {
                    return Ok(());
                }
                while written < frame {
                    // Black where nothing was made.
                    movie.write(&media::Picture::new(format, width, height))?;
                    written += 1;
                }
                let mut picture = media::Picture::new(format, width, height);
                for (plane, channel) in picture.planes.iter_mut().zip([1, 2, 0]) {
                    let samples = values.iter().skip(channel).step_by(3);
                    // Cut off and not rounded, as the reference writes them.
                    plane.data.iter_mut().zip(samples).for_each(|(byte, v)| *byte = (v * 255.0) as u8);
                }
                movie.write(&picture)?;
                written += 1;
                Ok(())
            })?;
            film.flush()?;
            films.push(film);
        }
        while written < plate.frames() {
            movie.write(&media::Picture::new(format, width, height))?;
            written += 1;
        }
        movie.finish()?;
        std::fs::rename(&unfinished, raw).map_err(error::io(format!("Putting {} in place", raw.display())))?;
        Ok(films)
    }
}

/// Tells of one of several parts as a share of the whole.
struct Share<'a> {
    report: &'a mut dyn Reporter,
    number: usize,
    count: usize,
}

impl Reporter for Share<'_> {
    fn step(&mut self, step: Step, done: u64, total: u64) -> std::result::Result<(), Cancelled> {
        self.report.step(step, self.number as u64 * total + done, self.count as u64 * total)
    }
}

/// How long what took.
#[derive(Default)]
struct Clock {
    /// What was done, and seconds.
    encode: (f64, f64),
    transformer: (f64, f64),
    decode: (f64, f64),
}

impl Clock {
    fn encode(&mut self, pixels: u64, begun: Instant) {
        self.encode.0 += pixels as f64;
        self.encode.1 += begun.elapsed().as_secs_f64();
    }

    fn decode(&mut self, pixels: u64, begun: Instant) {
        self.decode.0 += pixels as f64;
        self.decode.1 += begun.elapsed().as_secs_f64();
    }

    fn denoise(
        &mut self,
        recipe: &VoidRecipe,
        model: &Model,
        settings: &Settings,
        found: usize,
        begun: Instant,
    ) -> Result<()> {
        let pass1 = FirstPassKnobs { steps: settings.steps, guidance: settings.guidance, strength: settings.strength, ..recipe.pass1.clone() };
        let recipe = VoidRecipe { pass1, ..recipe.clone() };
        let told = predict(&recipe, 1, settings.length as u32, &[], model, settings.device, None)?;
        let share = 1.0 - found as f64 / f64::from(told.steps.max(1));
        self.transformer.0 += told.operations * share;
        self.transformer.1 += begun.elapsed().as_secs_f64();
        Ok(())
    }

    fn pace(&self) -> Option<Pace> {
        let of = |(done, seconds): (f64, f64)| (done > 0.0 && seconds > 0.0).then(|| done / seconds);
        let (transformer, encode, decode) = (of(self.transformer)?, of(self.encode)?, of(self.decode)?);
        Some(Pace { transformer, encode, decode })
    }
}

fn settings<'a>(order: &Order, model: &'a Model, length: i64) -> Settings<'a> {
    let recipe = order.recipe;
    let VoidRecipe { seed, video_noise, hide_target, guidance_at_once, reuse, .. } = *recipe;
    let VoidRecipe { window_frames, overlap_frames, .. } = *recipe;
    let SecondPass { steps, guidance, sampler, affected, .. } = recipe.pass2;
    let (sampling, levels) = match order.pass1 {
        None => (recipe.pass1.clone(), Levels::Three),
        Some(_) => {
            let levels = if affected == Affected::Remove { Levels::Two } else { Levels::Three };
            (FirstPassKnobs { steps, guidance, sampler, strength: 1.0 }, levels)
        }
    };
    let FirstPassKnobs { steps, guidance, sampler, strength } = sampling;
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
        at_once: guidance_at_once,
        reuse,
        length,
        window: i64::from(window_frames),
        overlap: i64::from(overlap_frames),
    }
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
        all += clip::bytes(recipe, u64::from(frames)) + u64::from(frames) * pixels * clip::RGB16 + KEPT * latents;
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
        let windows = nets::sample::windows(latents, latents::latents_of(settings.window), settings.overlap / 4)?;
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
