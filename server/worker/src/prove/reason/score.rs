//! Proposals against true causes: who was found, who was made up, and how the cells agree.

use std::collections::BTreeSet;

use domain::{Cause, Consequence};
use serde_json::{Value, json};

use super::SURE;
use super::case::{Proposed, true_cells};

pub type Cells = BTreeSet<(u32, u32)>;

/// Least overlap over time at which a proposal is about a cause.
const SAME: f64 = 0.2;

/// Mean intersection over union of cells over the frames on which either has some; 1 where neither ever has.
pub fn overlap(truth: &[Cells], of: impl Fn(u32) -> Cells) -> f64 {
    let (mut sum, mut frames) = (0.0, 0_u32);
    for (frame, known) in (0..).zip(truth) {
        let found = of(frame);
        let any = known.union(&found).count();
        if any > 0 {
            sum += known.intersection(&found).count() as f64 / any as f64;
            frames += 1;
        }
    }
    if frames == 0 { 1.0 } else { sum / f64::from(frames) }
}

/// One shot.
pub struct Scored {
    name: String,
    /// Name, found by a proposal that counts, with the same consequence.
    causes: Vec<(String, bool, bool)>,
    /// Name, effect, confidence, and whether it is about a true cause of its kind.
    pub proposals: Vec<(String, &'static str, f64, bool)>,
    overlap: f64,
    noun_overlap: f64,
    seconds: f64,
}

/// Whether a proposal and a cause may be the same thing: light is light and bodies are bodies.
fn alike(cause: &Cause, proposal: &Proposed) -> bool {
    (cause.consequence == Consequence::Vanish) == (proposal.consequence == Consequence::Vanish)
}

impl Scored {
    pub fn new(
        name: &str,
        frames: u32,
        causes: &[Cause],
        proposals: Vec<Proposed>,
        nouns: Vec<Cells>,
        report: &Value,
    ) -> Self {
        let truth: Vec<Cells> = (0..frames).map(|f| true_cells(causes, f)).collect();
        let affected: Vec<&Proposed> = proposals.iter().filter(|p| p.effect.is_affected()).collect();
        let sure: Vec<&Proposed> = affected.iter().copied().filter(|p| p.confidence >= SURE).collect();
        let of_cause = |c: &Cause| (0..frames).map(|f| c.cells_at(f).collect()).collect::<Vec<Cells>>();
        let changing: Vec<(&Cause, Vec<Cells>)> =
            causes.iter().filter(|c| c.consequence != Consequence::Keep).map(|c| (c, of_cause(c))).collect();
        let about = |cause: &(&Cause, Vec<Cells>), p: &Proposed| {
            alike(cause.0, p) && overlap(&cause.1, |f| p.cells_at(f)) >= SAME
        };
        let found = changing.iter().map(|cause| {
            let by: Vec<&&Proposed> = sure.iter().filter(|p| about(cause, p)).collect();
            let same = by.iter().any(|p| p.consequence == cause.0.consequence);
            (cause.0.name.clone(), !by.is_empty(), same)
        });
        let judged = affected.iter().map(|p| {
            let right = changing.iter().any(|cause| about(cause, p));
            (p.name.clone(), p.effect.word(), p.confidence, right)
        });
        Self {
            name: name.into(),
            causes: found.collect(),
            proposals: judged.collect(),
            overlap: overlap(&truth, |f| sure.iter().flat_map(|p| p.cells_at(f)).collect()),
            noun_overlap: overlap(&truth, |f| nouns[f as usize].clone()),
            seconds: report["seconds"].as_f64().unwrap_or(0.0),
        }
    }

    pub fn words(&self) -> String {
        let causes: Vec<String> = self
            .causes
            .iter()
            .map(|(n, found, same)| {
                format!(
                    "{n}: {}",
                    match (found, same) {
                        (true, true) => "found",
                        (true, false) => "found with another consequence",
                        (false, _) => "missed",
                    }
                )
            })
            .collect();
        let proposals: Vec<String> = self
            .proposals
            .iter()
            .map(|(_, e, c, right)| format!("{e} {c:.2} {}", if *right { "right" } else { "WRONG" }))
            .collect();
        format!(
            "{} ({:.1} s): {}; proposed {}; region {:.3}, nouns {:.3}",
            self.name,
            self.seconds,
            causes.join(", "),
            proposals.join(", "),
            self.overlap,
            self.noun_overlap
        )
    }

    pub fn figures(&self) -> Value {
        let causes: Vec<Value> = self
            .causes
            .iter()
            .map(|(name, found, same)| json!({ "name": name, "found": found, "consequence": same }))
            .collect();
        let proposals: Vec<Value> = self
            .proposals
            .iter()
            .map(|(name, effect, confidence, right)| {
                json!({ "name": name, "effect": effect, "confidence": confidence, "right": right })
            })
            .collect();
        json!({ "shot": self.name, "region_iou": self.overlap, "noun_only_region_iou": self.noun_overlap,
            "causes": causes, "proposals": proposals, "seconds": self.seconds })
    }
}

/// All shots of a set.
#[derive(Default)]
pub struct Tally {
    pub shots: Vec<Scored>,
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Tally {
    pub fn add(&mut self, scored: Scored) {
        self.shots.push(scored);
    }

    pub fn recall(&self) -> f64 {
        let causes: Vec<_> = self.shots.iter().flat_map(|s| &s.causes).collect();
        share(causes.iter().filter(|c| c.1).count(), causes.len())
    }

    /// Of found causes, those with the true consequence.
    pub fn consequence(&self) -> f64 {
        let found: Vec<_> = self.shots.iter().flat_map(|s| &s.causes).filter(|c| c.1).collect();
        share(found.iter().filter(|c| c.2).count(), found.len())
    }

    pub fn precision(&self) -> f64 {
        let sure: Vec<_> = self.shots.iter().flat_map(|s| &s.proposals).filter(|p| p.2 >= SURE).collect();
        share(sure.iter().filter(|p| p.3).count(), sure.len())
    }

    pub fn overlap(&self) -> f64 {
        self.shots.iter().map(|s| s.overlap).sum::<f64>() / self.shots.len().max(1) as f64
    }

    pub fn noun_overlap(&self) -> f64 {
        self.shots.iter().map(|s| s.noun_overlap).sum::<f64>() / self.shots.len().max(1) as f64
    }

    /// Mean squared difference between confidence and truth.
    pub fn brier(&self) -> f64 {
        let all: Vec<_> = self.shots.iter().flat_map(|s| &s.proposals).collect();
        let miss = |p: &&(String, &'static str, f64, bool)| (p.2 - f64::from(u8::from(p.3))).powi(2);
        all.iter().map(miss).sum::<f64>() / all.len().max(1) as f64
    }

    pub fn words(&self) -> String {
        format!(
            "recall {:.3}, precision {:.3}, consequence {:.3}, region {:.3}, nouns {:.3}, Brier {:.3}",
            self.recall(),
            self.precision(),
            self.consequence(),
            self.overlap(),
            self.noun_overlap(),
            self.brier()
        )
    }
}

/// Proposals of about the same confidence.
pub struct Bin {
    from: f64,
    count: usize,
    right: usize,
    sum: f64,
}

impl Bin {
    pub fn of(shots: &[Scored]) -> Vec<Self> {
        let mut bins: Vec<Self> =
            (0..5).map(|k| Self { from: f64::from(k) / 5.0, count: 0, right: 0, sum: 0.0 }).collect();
        for (_, _, confidence, right) in shots.iter().flat_map(|s| &s.proposals) {
            let bin = &mut bins[((confidence * 5.0) as usize).min(4)];
            bin.count += 1;
            bin.right += usize::from(*right);
            bin.sum += confidence;
        }
        bins.retain(|b| b.count > 0);
        bins
    }

    pub fn figures(&self) -> Value {
        let n = self.count as f64;
        json!({ "from": self.from, "proposals": self.count, "mean_confidence": self.sum / n, "right": self.right as f64 / n })
    }
}
