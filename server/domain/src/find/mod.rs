//! Things that are found by words: what was asked, on which frames what was found, and what of it counts at which score. Whoever
//! looks hands over everything above a low floor, so that a threshold is a matter of reading and never of looking again.
//!
//! Source: sam3-spec.md §10 for scores; what is one thing over several frames is told where frames are looked at.

pub mod affected;
mod outline;
mod phrase;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::Network;
use crate::{BoxPrompt, CauseId, FindingId, PointPrompt};

pub use outline::Outline;
pub use phrase::{BadPhrase, MOST_WORDS, NOT_ENGLISH, clean_phrase, is_foreign, name_of};

/// A score must be above it, where nobody says otherwise. sam3-spec.md §10
pub const THRESHOLD: f32 = 0.5;
/// What scores lower is not kept: no threshold goes below it.
pub const FLOOR: f32 = 0.05;
/// The best so many of a frame are kept.
pub const MOST_SIGHTS: usize = 40;
/// Frames that somebody may ask for by name.
pub const MOST_ASKED: usize = 32;
/// Frames between two that are looked at, within a scene.
pub const EVERY: u32 = 24;

/// What is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// As [`clean_phrase`] leaves them.
    pub words: String,
    pub purpose: Purpose,
    /// Whether the shot's key frames are looked at: where a scene begins, and every [`EVERY`]th frame of it.
    pub keys: bool,
    /// Frames that are looked at besides, ascending.
    pub frames: Vec<u32>,
}

/// What becomes of what is found, if somebody keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Purpose {
    /// Targets.
    Target,
    /// Cells of a cause.
    Cause { cause_id: CauseId },
}

/// Who saw something on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The words name it there.
    Words,
    /// Only SAM 2, which followed it from another frame; the words do not name it there.
    Track,
}

/// One thing on one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// Its number in the finding, from 0.
    pub n: u32,
    /// Which thing it is: the same number on every frame, from 1, the best first.
    pub thing: u32,
    pub frame: u32,
    /// 0–1: by how much the words fit, or how sure the track is.
    pub score: f32,
    /// Left, top, right, bottom in plate pixels, within the picture.
    pub corners: [f32; 4],
    /// Of the picture's pixels, the part that it covers.
    pub share: f32,
    pub shape: Outline,
    pub by: SeenBy,
}

/// How a frame answered, whatever was found there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    pub frame: u32,
    /// The highest score there.
    pub best: f32,
    /// Things above [`FLOOR`].
    pub found: u32,
    /// Of these, how many are not kept, since there are more than [`MOST_SIGHTS`].
    pub left_out: u32,
    /// The network had no more to give: there may be more of them.
    pub is_full: bool,
}

/// Two opinions that do not go together; somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "clash", rename_all = "snake_case")]
pub enum Conflict {
    /// Two things cover the same pixels.
    Overlap { frame: u32, thing: u32, other: u32 },
    /// SAM 2 followed it there, and the words do not name it.
    OnlyTracked { frame: u32, thing: u32 },
    /// The words name it on either side, and it was not found in between.
    Gone { frame: u32, thing: u32 },
}

/// All that is known of a search but the things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub order: Order,
    pub network: Network,
    /// What carried things from one frame to the next; `None`: they were known again by their shapes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_by: Option<Network>,
    /// In the order of their frames: every frame that was looked at.
    pub looked: Vec<Looked>,
    pub conflicts: Vec<Conflict>,
    /// Sentences for whoever typed the words.
    pub notes: Vec<String>,
    /// How many of the frames had been seen for other words before.
    pub known_frames: u32,
    pub seconds: f32,
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub finding_id: FindingId,
    pub about: About,
    pub sights: Vec<Sight>,
    /// Microseconds UTC.
    pub at: i64,
}

/// One thing over all frames on which it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing<'a> {
    pub thing: u32,
    /// The highest.
    pub score: f32,
    /// In the order of their frames; seen by words, and above the threshold.
    pub sights: Vec<&'a Sight>,
    /// Frames on which only a track sees it.
    pub tracked: Vec<u32>,
}

impl Thing<'_> {
    /// First and last frame.
    pub fn frames(&self) -> (u32, u32) {
        let frames = || self.sights.iter().map(|sight| sight.frame);
        (frames().min().unwrap_or(0), frames().max().unwrap_or(0))
    }

    /// What marks it as a target: a place well inside and a box on each frame.
    pub fn prompts(&self, width: u32, height: u32) -> (Vec<PointPrompt>, Vec<BoxPrompt>) {
        let (mut points, mut boxes) = (Vec::new(), Vec::new());
        for sight in &self.sights {
            if let Some((x, y)) = sight.shape.inside() {
                let (x, y) = (x * width as f32, y * height as f32);
                points.push(PointPrompt { frame: sight.frame, x, y, positive: true });
            }
            let [x0, y0, x1, y1] = sight.corners;
            let (x0, y0) = (x0.clamp(0.0, width as f32), y0.clamp(0.0, height as f32));
            let (x1, y1) = (x1.clamp(0.0, width as f32), y1.clamp(0.0, height as f32));
            if x1 - x0 >= 1.0 && y1 - y0 >= 1.0 {
                boxes.push(BoxPrompt { frame: sight.frame, x0, y0, x1, y1 });
            }
        }
        (points, boxes)
    }
}

impl Finding {
    /// What counts at a threshold, the best first.
    pub fn things(&self, threshold: f32) -> Vec<Thing<'_>> {
        let mut things: BTreeMap<u32, Thing> = BTreeMap::new();
        let counts = |sight: &&Sight| sight.by == SeenBy::Words && sight.score > threshold;
        for sight in self.sights.iter().filter(counts) {
            let none = || Thing { thing: sight.thing, score: 0.0, sights: Vec::new(), tracked: Vec::new() };
            let thing = things.entry(sight.thing).or_insert_with(none);
            thing.score = thing.score.max(sight.score);
            thing.sights.push(sight);
        }
        for sight in self.sights.iter().filter(|sight| sight.by == SeenBy::Track) {
            if let Some(thing) = things.get_mut(&sight.thing) {
                thing.tracked.push(sight.frame);
            }
        }
        for thing in things.values_mut() {
            thing.sights.sort_by_key(|sight| sight.frame);
        }
        let mut things: Vec<Thing> = things.into_values().collect();
        things.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.thing.cmp(&b.thing)));
        things
    }

    /// Why nothing counts at a threshold, and what to try; `None`: something does.
    pub fn nothing(&self, threshold: f32) -> Option<String> {
        if self.sights.iter().any(|sight| sight.by == SeenBy::Words && sight.score > threshold) {
            return None;
        }
        let About { order, looked, .. } = &self.about;
        let best = looked.iter().map(|looked| looked.best).fold(0.0, f32::max);
        let (frames, many) = (looked.len(), if looked.len() == 1 { "" } else { "s" });
        let lower = if best > FLOOR { "lower the threshold, " } else { "" };
        let english = if is_foreign(&order.words) { "say it in English, " } else { "" };
        Some(format!(
            "Nothing on the {frames} frame{many} looked at is “{}” by more than {threshold:.2}; what came nearest has {best:.2}. To \
             find it, {lower}{english}use plainer words, or go to a frame that shows it and look on that one.",
            order.words
        ))
    }

    /// What to say where the words fit nearly everything.
    pub fn everything(&self, threshold: f32) -> Option<String> {
        /// Things of a frame, or parts of a picture that they cover, from which on words say too little.
        const MANY: usize = 25;
        const MUCH: f32 = 0.9;
        let full = self.about.looked.iter().find(|looked| {
            let here = self.sights.iter().filter(|sight| {
                sight.frame == looked.frame && sight.by == SeenBy::Words && sight.score > threshold
            });
            let (count, much) =
                here.fold((0_usize, 0.0_f32), |(count, much), sight| (count + 1, much.max(sight.share)));
            count > 0 && (count >= MANY || much > MUCH || (looked.is_full && count as u32 >= looked.found))
        })?;
        let left_out = if full.left_out > 0 {
            format!(" The {MOST_SIGHTS} best of {} there are shown.", full.found)
        } else {
            String::new()
        };
        Some(format!(
            "“{}” fits nearly everything in the picture.{left_out} Raise the threshold, or say more exactly what is meant.",
            self.about.order.words
        ))
    }
}

/// What of a target's marks came from words; kept with the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundBy {
    pub words: String,
    /// The best score that it had.
    pub score: f32,
    /// What it was above.
    pub threshold: f32,
    pub network: Network,
}

impl FoundBy {
    /// In words, e.g. “microphone” 0.83 · sam3.
    pub fn words(&self) -> String {
        let by = if self.network.is_test_model {
            "test model: random weights"
        } else {
            self.network.name.as_str()
        };
        format!("“{}” {:.2} · {by}", self.words, self.score)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Sam3Ability {
    /// Built without libtorch, or older than this list.
    #[default]
    WithoutLibtorch,
    /// Its weights are not there, or not whole; `why` names the folder or file and what to do.
    Lacking {
        why: String,
    },
    Able {
        network: Network,
    },
}

impl Sam3Ability {
    /// The network that finds things by words.
    ///
    /// # Errors
    /// What is missing and what to do.
    pub fn network(&self) -> Result<&Network, String> {
        match self {
            Self::WithoutLibtorch => Err("The worker was built without libtorch, so it cannot find things by words. Build it with \
                                          its networks: `cargo xtask run` does, unless it is given `--without-void`."
                .to_owned()),
            Self::Lacking { why } => Err(why.clone()),
            Self::Able { network } => Ok(network),
        }
    }

    /// For people whom a server's folders are no business of: without the name of any.
    #[must_use]
    pub fn for_everybody(self) -> Self {
        match self {
            Self::Lacking { .. } => Self::Lacking { why: crate::run::lacks("SAM 3") },
            other => other,
        }
    }

    /// Which of two workers' words is worth more.
    pub fn rank(&self) -> u32 {
        match self {
            Self::WithoutLibtorch => 0,
            Self::Lacking { .. } => 1,
            Self::Able { .. } => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hash;

    fn network() -> Network {
        Network {
            name: "test model".into(),
            is_test_model: true,
            fingerprint: Hash::of(b"weights"),
            device: "cpu".into(),
        }
    }

    fn sight(n: u32, thing: u32, frame: u32, score: f32, by: SeenBy) -> Sight {
        let shape =
            Outline::of_pixels(40, 20, (0..800).map(|at| (10..20).contains(&(at % 40)) && at / 40 > 14));
        Sight { n, thing, frame, score, corners: [100.0, -3.0, 200.0, 400.0], share: 0.06, shape, by }
    }

    fn finding(sights: Vec<Sight>, best: f32) -> Finding {
        let order =
            Order { words: "собака".into(), purpose: Purpose::Target, keys: true, frames: Vec::new() };
        let looked = |frame| Looked { frame, best, found: 2, left_out: 0, is_full: false };
        let about = About {
            order,
            network: network(),
            carried_by: None,
            looked: vec![looked(0), looked(24)],
            conflicts: Vec::new(),
            notes: Vec::new(),
            known_frames: 0,
            seconds: 1.0,
        };
        Finding { finding_id: FindingId(uuid::Uuid::nil()), about, sights, at: 0 }
    }

    #[test]
    fn a_threshold_reads_what_is_there() {
        let found = finding(
            vec![
                sight(0, 1, 0, 0.9, SeenBy::Words),
                sight(1, 2, 0, 0.3, SeenBy::Words),
                sight(2, 1, 24, 0.6, SeenBy::Words),
                sight(3, 2, 24, 0.95, SeenBy::Track),
            ],
            0.9,
        );
        let told = |threshold: f32| -> Vec<(u32, usize, Vec<u32>)> {
            found.things(threshold).iter().map(|t| (t.thing, t.sights.len(), t.tracked.clone())).collect()
        };
        assert_eq!(told(0.5), [(1, 2, vec![])]);
        assert_eq!(told(0.7), [(1, 1, vec![])]);
        assert_eq!(told(0.2), [(1, 2, vec![]), (2, 1, vec![24])]);
        assert_eq!((told(0.99), found.things(0.5)[0].frames()), (vec![], (0, 24)));
        assert_eq!(found.nothing(0.5), None);
        let said = found.nothing(0.99).expect("nothing");
        assert!(said.contains("by more than 0.99; what came nearest has 0.90"), "{said}");
        assert!(said.contains("lower the threshold") && said.contains("in English"), "{said}");
    }

    #[test]
    fn a_thing_is_marked_inside_and_within_the_picture() {
        let found = finding(vec![sight(0, 1, 3, 0.9, SeenBy::Words)], 0.9);
        let (points, boxes) = found.things(0.5)[0].prompts(400, 200);
        assert_eq!((points.len(), boxes.len(), points[0].frame), (1, 1, 3));
        assert!((100.0..200.0).contains(&points[0].x) && points[0].y > 150.0, "{points:?}");
        assert_eq!((boxes[0].y0, boxes[0].y1), (0.0, 200.0));
    }

    #[test]
    fn words_that_fit_everything_are_told() {
        let all: Vec<Sight> = (0..30).map(|n| sight(n, n + 1, 0, 0.8, SeenBy::Words)).collect();
        let found = finding(all, 0.8);
        assert!(found.everything(0.5).expect("too much").contains("fits nearly everything"));
        assert_eq!(found.everything(0.85), None);
        assert_eq!(finding(vec![sight(0, 1, 0, 0.9, SeenBy::Words)], 0.9).everything(0.5), None);
    }

    #[test]
    fn an_older_worker_has_no_words() {
        assert!(Sam3Ability::default().network().expect_err("none").contains("without libtorch"));
        let text = serde_json::to_string(&Order {
            words: "dog".into(),
            purpose: Purpose::Cause { cause_id: CauseId(uuid::Uuid::nil()) },
            keys: false,
            frames: vec![3],
        });
        let order: Order = serde_json::from_str(&text.expect("plain")).expect("reads");
        assert_eq!((order.frames, order.keys), (vec![3], false));
    }
}
