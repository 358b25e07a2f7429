//! The plate engine's claims: kept samples are the plate's own in every format, `verify` finds what is not, and how well,
//! how fast and in how much memory it fills. Everything runs through this binary's own headless stages.

mod cost;
pub(super) mod film;
pub(super) mod footage;
mod quality;
mod removal;
mod tamper;

use std::path::Path;

use domain::{Cause, Consequence};
use pipeline::demo::{Kind, Scene};
use serde_json::{Value, json};

use super::{Outcome, Request};
use film::Format;
use footage::Footage;
use quality::Quality;

/// The formats that every shot is removed in; quality is measured in the first.
const FORMATS: [Format; 5] = [
    Format::new("yuv420p"),
    Format::new("yuv422p10le"),
    Format::new("yuv444p"),
    Format::new("yuva420p"),
    Format::new("yuva444p10le"),
];

/// Size of the demo shots: as the demo project has them, and in the short form.
const FULL: (u32, u32) = (640, 360);
const SHORT: (u32, u32) = (256, 144);

/// The real shots, and for how many frames they are removed in formats that are not their own.
const REAL: [&str; 4] = ["lime", "moving_ball", "pillow", "ducky-float"];
const PIECE: u32 = 6;

/// Least PSNR against the truth inside the matte, in full: 1.5 dB under what it was last, so that a worse fill is not passed.
const LEAST: [(&str, &str, f64); 8] = [
    ("ball-and-pins", "as_approved", 35.9),
    ("carried-box", "with_true_path", 24.5),
    ("carried-box", "without_path_it_stays", 21.6),
    ("carried-box", "without_path_it_vanishes", 23.6),
    ("crossing", "as_approved", 27.9),
    ("cast-shadow", "as_approved", 23.7),
    ("rolling-cart", "as_approved", 33.8),
    ("falling-leaf", "as_approved", 34.8),
];

fn least(shot: &str, way: &str) -> Option<f64> {
    LEAST.iter().find(|least| (least.0, least.1) == (shot, way)).map(|least| least.2)
}

/// A proof under way.
struct Run<'a> {
    request: Request,
    scratch: &'a Path,
    broken: Vec<String>,
}

/// `count`: frames per shot; without it each shot has its own length. `samples`: the folder of the real shots, which are
/// left out where it is not there.
pub fn prove(request: Request, samples: &Path) -> anyhow::Result<Outcome> {
    let scratch = tempfile::tempdir()?;
    let mut run = Run { request, scratch: scratch.path(), broken: Vec::new() };
    let demo = run.demos()?;
    let mut real = Vec::new();
    for name in REAL {
        let folder = samples.join(name);
        if folder.is_dir() {
            real.push(run.real(name, &folder)?);
        } else {
            tracing::warn!("skipped {name}: {} is not there", folder.display());
        }
    }
    Ok(Outcome { figures: json!({ "demo": demo, "real": real }), broken: run.broken })
}

impl Run<'_> {
    /// Every rendered shot, two at a time: a small removal keeps one core busy, and nothing here is timed.
    fn demos(&mut self) -> anyhow::Result<Vec<Value>> {
        const AT_ONCE: usize = 2;
        let (request, folder) = (self.request, self.scratch);
        let part = &|at: usize| -> anyhow::Result<(Vec<Value>, Vec<String>)> {
            let scratch = tempfile::tempdir_in(folder)?;
            let mut run = Run { request, scratch: scratch.path(), broken: Vec::new() };
            let kinds = Kind::ALL.into_iter().skip(at).step_by(AT_ONCE);
            let figures = kinds.map(|kind| run.demo(kind)).collect::<anyhow::Result<Vec<_>>>()?;
            Ok((figures, run.broken))
        };
        let parts = std::thread::scope(|scope| {
            let parts: Vec<_> = (0..AT_ONCE).map(|at| scope.spawn(move || part(at))).collect();
            let joined = parts.into_iter().map(|part| part.join().expect("a proof does not panic"));
            joined.collect::<anyhow::Result<Vec<_>>>()
        })?;
        let mut shots: Vec<_> = Vec::with_capacity(Kind::ALL.len());
        for (at, (figures, broken)) in parts.into_iter().enumerate() {
            self.broken.extend(broken);
            shots.extend(figures.into_iter().enumerate().map(|(nth, shot)| (nth * AT_ONCE + at, shot)));
        }
        shots.sort_by_key(|(at, _)| *at);
        Ok(shots.into_iter().map(|(_, shot)| shot).collect())
    }

    /// A rendered shot: every format, and how near it comes to the truth.
    fn demo(&mut self, kind: Kind) -> anyhow::Result<Value> {
        let scene = self.scene(kind);
        let name = scene.name();
        tracing::info!("{name}");
        // The short form takes the first shot through everything and each further one through one more format.
        let place = Kind::ALL.iter().position(|&k| k == kind).unwrap_or(0);
        let in_full = self.request.count.is_none() || place == 0;
        let one = place % FORMATS.len();
        let formats = if in_full { &FORMATS[..] } else { &FORMATS[one..=one] };
        let all = Footage::of_scene(&scene, formats, self.request.seed, self.scratch)?;
        let mut removals = Vec::new();
        for footage in &all {
            removals.push(self.removal(&name, footage, scene.causes(), in_full)?);
        }
        let mut qualities = serde_json::Map::new();
        for (way, causes) in ways(scene.causes()) {
            let removed = removal::remove(&all[0], &causes, self.scratch)?;
            let quality = Quality::measure(&scene, &all[0], &removed, self.request.seed)?;
            if quality.result <= quality.plate {
                self.broken.push(format!("{name} {way}: the plate is nearer to the truth"));
            }
            let mut figures = quality.figures();
            if self.request.count.is_none() {
                let floor = least(&name, way);
                figures["floor_db"] = json!(floor);
                if floor.is_none_or(|floor| quality.result < floor) {
                    self.broken.push(format!("{name} {way}: {:.2} dB, less than {floor:?}", quality.result));
                }
            }
            qualities.insert(way.into(), figures);
        }
        Ok(json!({ "shot": name, "removals": removals, "quality": qualities }))
    }

    /// A real shot: as it came, with time and memory, and pieces of it in the other formats.
    fn real(&mut self, name: &str, folder: &Path) -> anyhow::Result<Value> {
        tracing::info!("{name}");
        let whole = Footage::of_folder(folder)?;
        let seed = self.request.seed;
        let Some(count) = self.request.count else {
            let removed = removal::remove(&whole, &[], self.scratch)?;
            self.broken.extend(removed.broken(name));
            let mut figures = removed.figures(&whole);
            figures["cost"] = cost::beside_ffmpeg(&whole, &removed, self.scratch)?;
            let mut removals = vec![figures];
            for piece in whole.piece(&FORMATS[1..], PIECE, seed, self.scratch)? {
                removals.push(self.removal(name, &piece, &[], true)?);
            }
            return Ok(json!({ "shot": name, "removals": removals }));
        };
        let most = if whole.size.0 > 2000 { 1 } else { PIECE };
        let frames = u32::try_from(count).unwrap_or(u32::MAX).clamp(1, most);
        let pieces = whole.piece(&FORMATS[..1], frames, seed, self.scratch)?;
        Ok(json!({ "shot": name, "removals": [self.removal(name, &pieces[0], &[], false)?] }))
    }

    /// One removal, verified, and meddled with where `meddle` says so.
    fn removal(
        &mut self,
        shot: &str,
        footage: &Footage,
        causes: &[Cause],
        meddle: bool,
    ) -> anyhow::Result<Value> {
        let what = format!("{shot} in {}", footage.format);
        let removed = removal::remove(footage, causes, self.scratch)?;
        self.broken.extend(removed.broken(&what));
        let mut figures = removed.figures(footage);
        if meddle {
            let (exits, broken) = tamper::tamper(footage, &removed, self.request.seed, self.scratch, &what)?;
            figures["verify_exit_when"] = exits;
            self.broken.extend(broken);
        }
        Ok(figures)
    }

    fn scene(&self, kind: Kind) -> Scene {
        let ((width, height), frames) = match self.request.count {
            Some(count) => (SHORT, u32::try_from(count).unwrap_or(u32::MAX).clamp(2, kind.usual_frames())),
            None => (FULL, kind.usual_frames()),
        };
        let rate = domain::Rate::new(24, 1).expect("24 is a rate");
        Scene::new(kind, 0, width, height, frames, rate)
    }
}

/// The ways in which a shot's quality is measured: as it is, and where something moves along a path, also without one.
fn ways(causes: &[Cause]) -> Vec<(&'static str, Vec<Cause>)> {
    if causes.iter().all(|cause| cause.consequence != Consequence::React) {
        return vec![("as_approved", causes.to_vec())];
    }
    let without = |consequence| {
        let mut causes = causes.to_vec();
        for cause in causes.iter_mut().filter(|cause| cause.consequence == Consequence::React) {
            cause.path.clear();
            cause.consequence = consequence;
        }
        causes
    };
    vec![
        ("with_true_path", causes.to_vec()),
        ("without_path_it_stays", without(Consequence::Stay)),
        ("without_path_it_vanishes", without(Consequence::Vanish)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shot_has_a_floor_in_every_way() {
        let rate = domain::Rate::new(24, 1).expect("24 is a rate");
        for kind in Kind::ALL {
            let scene = Scene::new(kind, 0, SHORT.0, SHORT.1, kind.usual_frames(), rate);
            for (way, _) in ways(scene.causes()) {
                assert!(
                    least(&scene.name(), way).is_some_and(|least| least > 10.0),
                    "{} {way}",
                    scene.name()
                );
            }
        }
    }
}
