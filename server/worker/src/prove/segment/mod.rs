//! The segmenter's claims: how far its masks agree with known ones on real shots and on trial shots that nothing was tuned
//! on, how far its confidence may be believed, and its time beside decoding. All of it through `stage segment`.

mod case;
mod score;

use std::path::Path;

use pipeline::trial::Trial;
use serde_json::{Value, json};

use super::{Outcome, Request};
use case::Case;
use score::spearman;

/// A real shot, and what its mean intersection over union is held against, from the clicks that came with it.
struct Real {
    name: &'static str,
    /// What is aimed at.
    aim: f64,
    /// A little under what was reached last: below it something has become worse.
    floor: f64,
}

const REAL: [Real; 3] = [
    Real { name: "lime", aim: 0.92, floor: 0.94 },
    Real { name: "pillow", aim: 0.88, floor: 0.86 },
    Real { name: "ducky-float", aim: 0.65, floor: 0.88 },
];
/// What the trial shots shall reach together; below it something is broken rather than hard.
const TRIALS: f64 = 0.5;

/// Width and height of trial shots: in full, and in the short form.
const FULL: (u32, u32) = (1280, 720);
const SHORT: (u32, u32) = (320, 180);
/// Frames that a trial shot's action takes.
const FRAMES: u32 = 48;
/// Clicks on the first frame of a trial shot.
const CLICKS: usize = 4;

/// `count`: so many first frames of each trial shot, drawn small, and neither real shots nor single clicks; without it
/// everything.
pub fn prove(request: Request, samples: &Path) -> anyhow::Result<Outcome> {
    let mut broken = Vec::new();
    let mut pooled = Vec::new();
    let real = match request.count {
        None => real_shots(samples, &mut broken, &mut pooled)?,
        Some(_) => Value::Null,
    };
    let mut trials = Vec::new();
    let mut sum = 0.0;
    for trial in Trial::ALL {
        let folder = tempfile::tempdir()?;
        let ((width, height), frames) = match request.count {
            Some(count) => (SHORT, u32::try_from(count)?.clamp(2, FRAMES)),
            None => (FULL, FRAMES),
        };
        let shot = pipeline::trial::Shot::new(trial, request.seed, width, height, FRAMES);
        let case = Case::of_trial(&shot, frames, CLICKS, folder.path())?;
        let scores = case.segmented(&case.points, folder.path())?;
        tracing::info!("{}: {:.4}", case.name, scores.mean_iou());
        sum += scores.mean_iou();
        let mut figures = scores.figures(&case, &case.decoded()?);
        if request.count.is_none() {
            let alone = case.segmented(&case.first_click()?, folder.path())?;
            figures["one_click"] = json!({ "whole_shot_mean_iou": alone.mean_iou() });
        }
        trials.push(figures);
    }
    let mean = sum / Trial::ALL.len() as f64;
    if mean < TRIALS {
        broken.push(format!("the trial shots come to {mean:.3} together, less than {TRIALS}"));
    }
    let figures = json!({
        "parameters": plate::segment::SegmentParams::default(),
        "real": real,
        "real_confidence_spearman_pooled": spearman(&pooled),
        "trials": { "unseen": "nothing was tuned on them, nor on any shot of their kind",
            "mean_iou": mean, "shots": trials },
    });
    Ok(Outcome { figures, broken })
}

fn real_shots(
    samples: &Path,
    broken: &mut Vec<String>,
    pooled: &mut Vec<(f64, f64)>,
) -> anyhow::Result<Value> {
    let mut all = Vec::new();
    for Real { name, aim, floor } in REAL {
        let folder = samples.join(name);
        if !folder.is_dir() {
            tracing::warn!("skipped {name}: {} is not there", folder.display());
            all.push(json!({ "shot": name, "skipped": "the shot is not on this machine" }));
            continue;
        }
        let scratch = tempfile::tempdir()?;
        let case = Case::of_folder(name, &folder)?;
        let scores = case.segmented(&case.points, scratch.path())?;
        tracing::info!("{name}: {:.4}", scores.mean_iou());
        pooled.extend(scores.believed());
        if scores.mean_iou() < floor {
            broken.push(format!("{name}: {:.4}, less than {floor}", scores.mean_iou()));
        }
        let alone = case.segmented(&case.first_click()?, scratch.path())?;
        let each = case.each_click_alone()?;
        let mut figures = scores.figures(&case, &case.decoded()?);
        figures["aim"] = json!(aim);
        figures["floor"] = json!(floor);
        figures["reached"] = json!(scores.mean_iou());
        figures["one_click"] = json!({
            "whole_shot_mean_iou": alone.mean_iou(),
            "each_given_click_alone_on_its_frame": each,
            "each_given_click_alone_mean_iou": each.iter().sum::<f64>() / each.len().max(1) as f64,
        });
        all.push(figures);
    }
    Ok(Value::Array(all))
}
