//! The reasoner's claims on shots whose truth is known: which affected things it finds and which of its proposals are right,
//! how far its region agrees with the true one, and how far its confidence may be believed. Beside it stands the reference's
//! noun-only stage, fed with every true noun. All of it through `stage reason`.

mod case;
mod score;

use std::path::Path;

use pipeline::demo::{Kind, Scene};
use serde_json::{Value, json};

use super::{Outcome, Request};
use case::{Case, Real};
use score::{Bin, Tally};

/// Size of the demo shots, and in the short form.
const FULL: (u32, u32) = (640, 360);
const SHORT: (u32, u32) = (320, 180);
/// Seeds that the rules were tuned on: the showcase and a few more.
const TUNED: [u64; 4] = [0, 1, 2, 3];
/// More seeds, to see how often proposals of a confidence are right: confidences are set by hand, not fitted to them.
const MORE: [u64; 3] = [101, 102, 103];
/// Seeds that nothing was fitted to.
const UNSEEN: [u64; 4] = [1001, 1002, 1003, 1004];
/// Proposals from here on count as made.
pub const SURE: f64 = 0.4;
const REAL: [&str; 4] = ["lime", "moving_ball", "pillow", "ducky-float"];
/// What is claimed of shots that nothing was fitted to.
const LEAST: Claim = Claim { recall: 0.7, precision: 0.7, overlap: 0.3 };
/// And in the short form, whose shots are a quarter as large; set after its first run, so it only tells when something breaks.
const SHORT_LEAST: Claim = Claim { recall: 0.6, precision: 0.6, overlap: 0.3 };

struct Claim {
    recall: f64,
    precision: f64,
    overlap: f64,
}

/// `count`: frames per shot, drawn small, of the showcase and of one unseen shot each; without it everything.
pub fn prove(request: Request, samples: &Path) -> anyhow::Result<Outcome> {
    let mut broken = Vec::new();
    let mut sets = serde_json::Map::new();
    let seeds: Vec<(&str, &[u64])> = match request.count {
        Some(_) => vec![("tuned", &TUNED[..1]), ("unseen", &UNSEEN[..1])],
        None => vec![("tuned", &TUNED), ("more", &MORE), ("unseen", &UNSEEN)],
    };
    for (name, seeds) in seeds {
        let tally = set(request, seeds)?;
        tracing::info!("{name}: {}", tally.words());
        if name == "unseen" {
            let least = if request.count.is_some() { SHORT_LEAST } else { LEAST };
            broken.extend(tally.broken(&least));
        }
        sets.insert(name.into(), tally.figures());
    }
    let mut real = Vec::new();
    for name in if request.count.is_none() { &REAL[..] } else { &[] } {
        let folder = samples.join(name);
        if folder.is_dir() {
            let figures = Real::of_folder(name, &folder)?.figures()?;
            tracing::info!("{name}: {figures}");
            real.push(figures);
        } else {
            tracing::warn!("skipped {name}: {} is not there", folder.display());
            real.push(json!({ "shot": name, "skipped": "the shot is not on this machine" }));
        }
    }
    let figures = json!({
        "parameters": plate::reason::ReasonParams::default(), "counts_from_confidence": SURE,
        "demo": sets, "real": real,
    });
    Ok(Outcome { figures, broken })
}

fn set(request: Request, seeds: &[u64]) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for seed in seeds {
        for kind in Kind::ALL {
            let ((width, height), frames) = match request.count {
                Some(count) => {
                    (SHORT, u32::try_from(count).unwrap_or(u32::MAX).clamp(2, kind.usual_frames()))
                }
                None => (FULL, kind.usual_frames()),
            };
            let rate = domain::Rate::new(24, 1).expect("24 is a rate");
            let scene = Scene::new(kind, *seed, width, height, frames, rate);
            let scored = Case::of_scene(&scene, request.seed)?.scored(&scene)?;
            tracing::info!("{}", scored.words());
            tally.add(scored);
        }
    }
    Ok(tally)
}

impl Tally {
    fn broken(&self, least: &Claim) -> Vec<String> {
        let Claim { recall, precision, overlap } = *least;
        let claims = [
            ("recall", self.recall(), recall),
            ("precision", self.precision(), precision),
            ("overlap of the region", self.overlap(), overlap),
        ];
        let short = claims.into_iter().filter(|(_, is, least)| is < least);
        let mut broken: Vec<String> = short
            .map(|(what, is, least)| format!("{what} on unseen shots is {is:.3}, less than {least}"))
            .collect();
        if self.overlap() <= self.noun_overlap() {
            broken.push("the noun-only stage comes nearer to the true region".into());
        }
        broken
    }

    fn figures(&self) -> Value {
        let shots: Vec<Value> = self.shots.iter().map(score::Scored::figures).collect();
        let bins: Vec<Value> = Bin::of(&self.shots).iter().map(Bin::figures).collect();
        json!({
            "recall": self.recall(), "precision": self.precision(), "region_iou": self.overlap(),
            "noun_only_region_iou": self.noun_overlap(), "consequence_right": self.consequence(),
            "brier": self.brier(), "confidence": bins, "shots": shots,
        })
    }
}
