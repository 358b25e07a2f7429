//! What pass 2 begins from: noise that moves as the result of pass 1 does. void-spec §6.2, §6.3.

use std::path::Path;

use domain::Step;
use domain::recipe::FlowNoise;
use nets::noise_warp::{self, Recipe, first_latents, follow, frames};
use nets::prepare;
use nets::random::Normal;
use pipeline::{PlateFile, Reporter};
use serde_json::json;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use domain::Hash;

use crate::clip::Clip;
use crate::error::{Error, Result};
use crate::latents::{Settings, latents_of, noise_name};
use crate::store::{Film, Name, Store};

/// The result of pass 1 on the canvas: RGB, 8 bits, as the reference reads it.
pub struct FirstPass {
    film: Film,
    frames: u32,
    hash: Hash,
}

/// Bytes of disk that it takes.
pub fn bytes(canvas: (u32, u32), frames: u32) -> u64 {
    u64::from(canvas.0) * u64::from(canvas.1) * 3 * u64::from(frames)
}

impl FirstPass {
    /// Reads a movie of the plate's length: at the canvas's size as it is, at the plate's size as the plate is read.
    ///
    /// # Errors
    /// When its length or size is another.
    pub fn open(
        path: &Path,
        plate: &PlateFile,
        clip: &Clip,
        store: &Store,
        report: &mut dyn Reporter,
    ) -> Result<Self> {
        let mut movie = PlateFile::open(path, &mut ())?;
        let (frames, size, canvas) = (movie.frames(), movie.size(), clip.layout.canvas);
        if frames != plate.frames() {
            return Err(Error::FirstPassLength {
                path: path.to_owned(),
                got: frames,
                frames: plate.frames(),
            });
        }
        // Results are stored as the plate is coded: its rotation is the plate's.
        let coded = (plate.facts.coded_width, plate.facts.coded_height);
        let is_canvas = size == canvas;
        if !is_canvas && size != coded && size != plate.size() {
            let ((got_width, got_height), (width, height)) = (size, plate.size());
            let (canvas_width, canvas_height) = canvas;
            let path = path.to_owned();
            return Err(Error::FirstPassSize {
                path,
                got_width,
                got_height,
                width,
                height,
                canvas_width,
                canvas_height,
            });
        }
        let mut film = store.film("pass1", (canvas.0 * canvas.1 * 3) as usize)?;
        let mut digest = Sha256::new();
        for frame in 0..frames {
            report.step(Step::Prepare, u64::from(frame), u64::from(frames))?;
            let picture = movie.picture(frame)?;
            let colour = &movie.facts.colour;
            let canvas = if is_canvas {
                picture.to_rgb(canvas.0, canvas.1, colour, 0)?.data
            } else {
                let ((width, height), rotation) = (plate.size(), plate.facts.rotation);
                let rotation = if size == coded { rotation } else { movie.facts.rotation };
                let rgb = picture.to_rgb(width, height, colour, rotation)?;
                let plane = clip.layout.plane(&rgb.data, 3, width as usize, true);
                plane.iter().map(|v| (v + 0.5).clamp(0.0, 255.0) as u8).collect()
            };
            digest.update(&canvas);
            film.push(&canvas)?;
        }
        film.flush()?;
        Ok(Self { film, frames, hash: Hash::from_digest(digest.finalize().into()) })
    }

    /// The name under which the noise of a run is kept.
    pub fn name(&self, kind: FlowNoise, clip: &Clip, settings: &Settings) -> Name {
        let source = self.hash;
        noise_name(&json!([kind, settings.model.prints().flow]), clip, source, settings)
    }

    /// u8 [1, height, width, 3]
    fn frame(&self, frame: i64, [height, width]: [i64; 2]) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.film.read(frame as u32)?).view([1, height, width, 3]))
    }

    /// The latents that pass 2 begins from: [1, f, 16, h, w] in f32 on the CPU.
    pub fn noise(
        &self,
        kind: FlowNoise,
        clip: &Clip,
        settings: &Settings,
        name: &Name,
        store: &Store,
        report: &mut dyn Reporter,
    ) -> Result<Tensor> {
        if let Some(kept) = store.find(name).and_then(|kept| kept.get("noise")) {
            return Ok(kept);
        }
        let canvas = clip.size();
        let recipe = match kind {
            FlowNoise::Direct => Recipe::direct(settings.length, canvas),
            FlowNoise::Reference => reference(settings.length),
        };
        let order = prepare::frame_order(i64::from(self.frames), settings.length);
        let looked_at: Vec<i64> =
            frames::spread(settings.length, recipe.frames).into_iter().map(|at| order[at as usize]).collect();
        let raft = settings.model.open_flow(settings.device)?;
        let look = |at: i64| -> Result<Tensor> {
            let frame = self.frame(looked_at[at as usize], canvas)?.to_device(settings.device);
            Ok(frames::prepared(&frame, 1, recipe.size, recipe.shrink).squeeze_dim(0))
        };
        let mut before = look(0)?;
        let size = recipe.size.map(|side| side / recipe.shrink);
        let mut normal = Normal::named(settings.seed, "flow noise");
        let total = (recipe.frames - 1).max(1) as u64;
        let noise = follow(&recipe, recipe.frames, size, &mut normal, |from| -> Result<Tensor> {
            report.step(Step::Flow, from as u64, total)?;
            let next = look(from + 1)?;
            let flow = noise_warp::flow(&raft, &before, &next)?;
            before = next;
            Ok(flow)
        })?;
        report.step(Step::Flow, total, total)?;
        let latents = canvas.map(|side| side / 8);
        let noise = first_latents(&noise, latents_of(settings.length), latents)?;
        let noise = noise.to_kind(Kind::Float).to_device(Device::Cpu);
        store.keep(name, &[("noise".to_owned(), noise.shallow_clone())])?;
        Ok(noise)
    }
}

/// The reference's frames for its 85, and as many in proportion for longer clips, which it cannot run.
fn reference(length: i64) -> Recipe {
    let recipe = Recipe::void();
    Recipe { frames: (recipe.frames * length + 42) / 85, ..recipe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_clip_is_followed_in_its_own_frames() {
        assert_eq!((reference(85).frames, reference(197).frames, reference(13).frames), (72, 167, 11));
    }
}
