//! What pass 2 begins from: noise that moves as the result of pass 1 does. void-spec §6.2, §6.3.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::Step;
use domain::recipe::FlowNoise;
use nets::noise_warp::{self, Follower, Recipe, first_latents, frames};
use nets::prepare;
use pipeline::{PlateFile, Reporter};
use plate::remove::Rect;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use domain::Hash;

use crate::clip::Clip;
use crate::error::{Error, Result};
use crate::latents::{Settings, latents_of, noise_name};
use crate::layout::Layout;
use crate::networks::Networks;
use crate::store::{Film, Name, Store};

/// How long noise is followed before what was reached is kept: the noise of a large canvas takes a while to write.
const BETWEEN_KEEPS: Duration = Duration::from_secs(20);

/// The result of pass 1 on the canvas: RGB, 8 bits, as the reference reads it.
pub struct FirstPass {
    film: Film,
    frames: u32,
    hash: Hash,
}

/// Bytes of disk that it takes, with the noise that is followed halfway.
pub fn bytes(canvas: (u32, u32), frames: u32, kind: FlowNoise) -> u64 {
    let recipe = recipe_of(kind, i64::from(frames), [i64::from(canvas.1), i64::from(canvas.0)]);
    let size = recipe.size.map(|side| side / recipe.shrink);
    u64::from(canvas.0) * u64::from(canvas.1) * 3 * u64::from(frames) + noise_warp::bytes(&recipe, size)
}

fn recipe_of(kind: FlowNoise, length: i64, canvas: [i64; 2]) -> Recipe {
    match kind {
        FlowNoise::Direct => Recipe::direct(length, canvas),
        FlowNoise::Reference => reference(length),
    }
}

/// What a movie on the canvas was made of; it stands in the movie's own track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeOf {
    /// Width and height.
    canvas: [u32; 2],
    /// First frame and the one behind the last, the part of the plate (x, y, width, height), and its place on the canvas.
    parts: Vec<([u32; 2], [i32; 4], [i32; 4])>,
    /// Over every pixel of the plate that the model was shown.
    plate: Hash,
}

/// The name of [`MadeOf`] in a movie.
pub const MADE_OF: &str = "MADE_OF";

impl MadeOf {
    pub fn new(clips: &[Clip]) -> Self {
        let flat = |rect: Rect| [rect.x, rect.y, rect.width, rect.height];
        let canvas = clips.first().map_or((0, 0), |clip| clip.part.layout.canvas);
        let plate: String = clips.iter().map(|clip| clip.plate_hash.to_string()).collect();
        let part = |clip: &Clip| {
            let Layout { canvas: _, region, place } = clip.part.layout;
            ([clip.part.frames.start, clip.part.frames.end], flat(region), flat(place))
        };
        Self {
            canvas: [canvas.0, canvas.1],
            parts: clips.iter().map(part).collect(),
            plate: Hash::of(plate.as_bytes()),
        }
    }

    fn check(&self, path: &Path, clips: &[Clip]) -> Result<()> {
        let (wanted, path) = (Self::new(clips), path.to_owned());
        let told = |made: &Self| {
            let part = |([first, end], [x, y, w, h], place): &([u32; 2], [i32; 4], [i32; 4])| {
                let [left, top, width, height] = place;
                format!(
                    "{w}×{h} at {x}, {y} in frames {first} to {} as {width}×{height} at {left}, {top}",
                    end - 1
                )
            };
            made.parts.iter().map(part).collect::<Vec<_>>().join("; ")
        };
        if clips.iter().any(|clip| clip.part.joins[0]) {
            let got = "it fades from one region into the next".to_owned();
            return Err(Error::FirstPassRegion { path, got, wanted: told(&wanted) });
        }
        if self.parts != wanted.parts {
            return Err(Error::FirstPassRegion { path, got: told(self), wanted: told(&wanted) });
        }
        if self.plate != wanted.plate {
            return Err(Error::FirstPassPlate { path });
        }
        Ok(())
    }
}

impl FirstPass {
    /// Reads a movie of the plate's length, a part of it for each clip: at the canvas's size as it is, at the plate's size as
    /// the plate is read. Tells in `notes` what cannot be checked.
    ///
    /// # Errors
    /// When its length or size is another, or it shows the model another part of the plate, or another plate.
    pub fn open(
        path: &Path,
        plate: &PlateFile,
        clips: &[Clip],
        store: &Store,
        notes: &mut Vec<String>,
        report: &mut dyn Reporter,
    ) -> Result<Vec<Self>> {
        let mut movie = PlateFile::open(path, &mut ())?;
        let (frames, size) = (movie.frames(), movie.size());
        if frames != plate.frames() {
            return Err(Error::FirstPassLength {
                path: path.to_owned(),
                got: frames,
                frames: plate.frames(),
            });
        }
        let canvas = clips.first().map_or((0, 0), |clip| clip.part.layout.canvas);
        // Results are stored as the plate is coded: its rotation is the plate's.
        let coded = (plate.facts.coded_width, plate.facts.coded_height);
        let is_plate = size == coded || size == plate.size();
        let made_of = media::tag(path, MADE_OF)?.and_then(|text| serde_json::from_str::<MadeOf>(&text).ok());
        let is_canvas = size == canvas && (made_of.is_some() || !is_plate);
        match &made_of {
            Some(made_of) if is_canvas => made_of.check(path, clips)?,
            None if is_canvas => notes.push(format!(
                "{} does not say which part of the plate it shows: it was taken for the one of this recipe.",
                path.display()
            )),
            _ if !is_plate => {
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
            _ => {}
        }
        let mut all = Vec::new();
        for number in 0..clips.len() {
            all.push((
                store.film(&format!("pass1-{number}"), (canvas.0 * canvas.1 * 3) as usize)?,
                Sha256::new(),
            ));
        }
        for frame in 0..frames {
            report.step(Step::Prepare, u64::from(frame), u64::from(frames))?;
            let mine = || clips.iter().enumerate().filter(|(_, clip)| clip.part.frames.contains(&frame));
            if mine().next().is_none() {
                continue;
            }
            let picture = movie.picture(frame)?;
            let colour = &movie.facts.colour;
            let rgb = if is_canvas {
                picture.to_rgb(canvas.0, canvas.1, colour, 0)?
            } else {
                let ((width, height), rotation) = (plate.size(), plate.facts.rotation);
                let rotation = if size == coded { rotation } else { movie.facts.rotation };
                picture.to_rgb(width, height, colour, rotation)?
            };
            for (number, clip) in mine() {
                let (film, digest) = &mut all[number];
                if is_canvas {
                    digest.update(&rgb.data);
                    film.push(&rgb.data)?;
                    continue;
                }
                let plane = clip.part.layout.plane(&rgb.data, 3, rgb.width as usize, true);
                let canvas: Vec<u8> = plane.iter().map(|v| (v + 0.5).clamp(0.0, 255.0) as u8).collect();
                digest.update(&canvas);
                film.push(&canvas)?;
            }
        }
        let mut passes = Vec::new();
        for ((mut film, digest), clip) in all.into_iter().zip(clips) {
            film.flush()?;
            let hash = Hash::from_digest(digest.finalize().into());
            passes.push(Self { film, frames: clip.frames, hash });
        }
        Ok(passes)
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
        networks: &mut Networks,
        report: &mut dyn Reporter,
    ) -> Result<Tensor> {
        if let Some(kept) = store.find(name).and_then(|kept| kept.get("noise")) {
            return Ok(kept);
        }
        let canvas = clip.size();
        let recipe = recipe_of(kind, settings.length, canvas);
        let order = prepare::frame_order(i64::from(self.frames), settings.length);
        let looked_at: Vec<i64> =
            frames::spread(settings.length, recipe.frames).into_iter().map(|at| order[at as usize]).collect();
        let look = |at: usize| -> Result<Tensor> {
            let frame = self.frame(looked_at[at], canvas)?.to_device(settings.device);
            Ok(frames::prepared(&frame, 1, recipe.size, recipe.shrink).squeeze_dim(0))
        };
        let half_way = name.part(0);
        let kept = store.find(&half_way);
        let kept = kept.and_then(|kept| {
            Follower::from_tensors(&recipe, settings.seed, |name| kept.get(name))
                .filter(|follower| follower.frames() <= looked_at.len())
        });
        let size = recipe.size.map(|side| side / recipe.shrink);
        let mut follower = kept.unwrap_or_else(|| Follower::new(&recipe, size, settings.seed));
        let total = (recipe.frames - 1).max(1) as u64;
        if follower.frames() < looked_at.len() {
            let raft = networks.flow()?;
            let mut before = look(follower.frames() - 1)?;
            let mut kept_at = Instant::now();
            while follower.frames() < looked_at.len() {
                if let Err(cancelled) = report.step(Step::Flow, follower.frames() as u64 - 1, total) {
                    store.keep(&half_way, &follower.tensors())?;
                    return Err(cancelled.into());
                }
                let next = look(follower.frames())?;
                follower.step(&noise_warp::flow(raft, &before, &next)?);
                before = next;
                if kept_at.elapsed() >= BETWEEN_KEEPS {
                    store.keep(&half_way, &follower.tensors())?;
                    kept_at = Instant::now();
                }
            }
        }
        report.step(Step::Flow, total, total)?;
        let latents = canvas.map(|side| side / 8);
        let noise = first_latents(&follower.noise(), latents_of(settings.length), latents)?;
        let noise = noise.to_kind(Kind::Float).to_device(Device::Cpu);
        store.keep(name, &[("noise".to_owned(), noise.shallow_clone())])?;
        store.forget(&half_way);
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
