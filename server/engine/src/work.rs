//! What is computed under a plan of memory: from clips on the canvas to frames on it. How a run begins and ends is told in the
//! crate's root.

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use domain::predict::{Pace, Prediction};
use domain::recipe::{Affected, FirstPass as FirstPassKnobs, Memory, SecondPass};
use domain::{Colour, Step, VoidRecipe};
use media::{Ffv1Writer, PixelFormat};
use nets::prepare::Levels;
use pipeline::{Cancelled, PlateFile, Reporter};
use tch::Tensor;

use crate::clip::{self, Clip};
use crate::error::{self, Result};
use crate::latents::{self, Settings};
use crate::model::Model;
use crate::motion::{self, FirstPass, MadeOf};
use crate::networks::{Networks, Share as Room};
use crate::parts;
use crate::plan::predict;
use crate::store::{self, Film, Store, to_bytes};
use crate::{Order, canvas_pixels};

/// What is computed under a plan of memory, from clips on the canvas to frames on it.
pub struct Work<'a> {
    pub order: &'a Order<'a>,
    pub model: &'a Model,
    pub clips: &'a [Clip],
    /// One for each clip in pass 2, none in pass 1.
    pub first_passes: &'a [FirstPass],
    pub store: &'a Store,
    pub raw: &'a Path,
    pub prediction: &'a Prediction,
    /// Bytes that the device has for this run; `None` where that is not known, or was found to be wrong.
    pub room: &'a Cell<Option<u64>>,
}

pub struct Done {
    /// Of each clip: RGB, 16 bits a sample.
    pub films: Vec<Film>,
    /// Whether the prompt was too long.
    pub is_cut: bool,
    pub resumed: usize,
    pub pace: Option<Pace>,
    /// Networks that were not loaded before.
    pub loaded: Vec<&'static str>,
}

impl Work<'_> {
    /// All of it, as far as it was not kept by an earlier run.
    pub fn run(&self, plan: Memory, plate: &PlateFile, report: &mut dyn Reporter) -> Result<Done> {
        let Self { order, model, clips, first_passes, store, raw: _, prediction, room } = *self;
        let recipe = order.recipe;
        let prompts = [order.prompt, order.negative];
        let plain = Settings { is_fp8: plan == Memory::Fp8, ..settings(order, model, 0) };
        let kind = recipe.pass2.flow_noise;
        let mut all = Vec::new();
        for (number, clip) in clips.iter().enumerate() {
            let settings = plain.for_part(recipe, clip.frames);
            let noise = first_passes.get(number).map(|first| first.name(kind, clip, &settings));
            let names = settings.names(clip, prompts, noise.as_ref());
            all.push((settings, names, noise));
        }
        let wanted = all.iter().flat_map(|(_, names, noise)| names.all().chain(noise));
        store.keep_only(&wanted.collect::<Vec<_>>())?;
        let share = Room { room: room.get(), needed: prediction.bytes_of(plan) };
        let mut networks = Networks::new(model, order.shelf, plain.device, plain.kind, plan, share);
        let count = clips.len();
        let mut clock = Clock::default();

        let (text, is_cut) = latents::text(&plain, prompts, &all[0].1, store, &mut networks, report)?;
        let mut conditions = Vec::new();
        for (number, (clip, (settings, names, _))) in clips.iter().zip(&all).enumerate() {
            let report = &mut Share { report, number, count };
            let begun = Instant::now();
            let (made, encoded) = latents::conditions(settings, clip, names, store, &mut networks, report)?;
            if encoded > 0 {
                clock.encode(encoded * canvas_pixels(recipe) as u64, begun);
            }
            conditions.push(made);
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
            let (latents, found) = latents::denoise(
                settings,
                &text,
                conditions,
                first,
                &names.state,
                store,
                &mut networks,
                report,
            )?;
            clock.denoise(recipe, model, settings, found, begun)?;
            resumed += found;
            made.push(latents);
        }
        let begun = Instant::now();
        let films = self.decoded(&made, &all, plate, &mut networks, report)?;
        let frames: u32 = clips.iter().map(|clip| clip.frames).sum();
        clock.decode(u64::from(frames) * canvas_pixels(recipe) as u64, begun);
        Ok(Done { films, is_cut, resumed, pace: clock.pace(), loaded: networks.loaded().to_vec() })
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
        std::fs::rename(&unfinished, raw)
            .map_err(error::io(format!("Putting {} in place", raw.display())))?;
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
        let pass1 = FirstPassKnobs {
            steps: settings.steps,
            guidance: settings.guidance,
            strength: settings.strength,
            ..recipe.pass1.clone()
        };
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

/// How an order is run; `length`: frames of the part.
pub fn settings<'a>(order: &Order, model: &'a Model, length: i64) -> Settings<'a> {
    let recipe = order.recipe;
    let VoidRecipe { seed, video_noise, hide_target, .. } = *recipe;
    let VoidRecipe { guidance_at_once, reuse, fused, windows_at_once, decode, .. } = *recipe;
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
        fused,
        windows_at_once,
        decode,
        is_fp8: false,
        length,
        window: i64::from(window_frames),
        overlap: i64::from(overlap_frames),
    }
}
