//! What a reasoner proposes: another thing that changes when the target goes, how it was noticed, and how sure that is. The
//! built-in one knows no names and gives its reasons in numbers; a model outside says both. A person accepts it as a [`crate::Cause`], changes it or rejects it; nothing here acts by itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::cause::CellSweep;
use crate::outside::Asked;
use crate::{BoxPrompt, Cause, CauseId, CellSpan, Consequence, PathPoint, ProposalId, Target, TargetId};

/// How something is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The target takes its light.
    Shadow,
    /// The target is mirrored in it.
    Reflection,
    /// What the target leaves in what it touches: a wake, a splash, footprints.
    Trace,
    /// It kept still until the target touched it.
    SetMoving,
    /// It changes its shape under or beside the target.
    Pressed,
    /// It goes where the target goes while they touch.
    Carried,
    /// It was on its own way until it met the target.
    Deflected,
    /// Small, and never apart from the target.
    Belonging,
    /// It only passes the target.
    Passing,
}

/// What kind of thing an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Light and its play: it has no body.
    Visual,
    /// A body that the target moves or holds.
    Physical,
    /// The target's own.
    Belonging,
    /// Not affected.
    Bystander,
}

impl Category {
    pub fn word(self) -> &'static str {
        match self {
            Self::Visual => "visual effect",
            Self::Physical => "physical",
            Self::Belonging => "belonging",
            Self::Bystander => "not affected",
        }
    }
}

impl Effect {
    pub const ALL: [Self; 9] = [
        Self::Shadow,
        Self::Reflection,
        Self::Trace,
        Self::SetMoving,
        Self::Pressed,
        Self::Carried,
        Self::Deflected,
        Self::Belonging,
        Self::Passing,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Reflection => "reflection",
            Self::Trace => "trace",
            Self::SetMoving => "set_moving",
            Self::Pressed => "pressed",
            Self::Carried => "carried",
            Self::Deflected => "deflected",
            Self::Belonging => "belonging",
            Self::Passing => "passing",
        }
    }

    pub fn category(self) -> Category {
        match self {
            Self::Shadow | Self::Reflection | Self::Trace => Category::Visual,
            Self::SetMoving | Self::Pressed | Self::Carried | Self::Deflected => Category::Physical,
            Self::Belonging => Category::Belonging,
            Self::Passing => Category::Bystander,
        }
    }

    /// What becomes of it when nothing else is known.
    pub fn consequence(self) -> Consequence {
        match self {
            Self::Shadow | Self::Reflection | Self::Trace | Self::Belonging => Consequence::Vanish,
            Self::SetMoving | Self::Pressed => Consequence::Stay,
            Self::Carried | Self::Deflected => Consequence::React,
            Self::Passing => Consequence::Keep,
        }
    }

    /// Whether it changes when the target goes.
    pub fn is_affected(self) -> bool {
        self != Self::Passing
    }
}

/// One proposal. Frames count from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    pub effect: Effect,
    pub consequence: Consequence,
    /// First and last frame in which it is affected.
    pub from: u32,
    pub to: u32,
    /// The frame that shows best why it is proposed.
    pub shown: u32,
    /// First and last frame in which it touches the target; `None` where that says nothing.
    pub touches: Option<(u32, u32)>,
    /// Of the frames in which it could be noticed, the part in which it was: 0–1.
    pub share: f32,
    /// Where it is at `shown`: left, top, right and bottom as parts of the picture, 0–1.
    pub place: [f32; 4],
    pub spans: Vec<CellSpan>,
    /// 0–1. Of the built-in reasoner: how often such a proposal was right on scenes whose truth is known; of a model outside:
    /// what it says of itself.
    pub confidence: f32,
    /// What a model outside said of it; `None`: the built-in reasoner found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// What a model outside said of a thing. Cut to the schema and to the shot, and never more than words and places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// 1–60 characters on one line.
    pub noun: String,
    /// One or two sentences.
    pub why: String,
    /// The centre of a thing that would move on its own, frames strictly ascending; mostly empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathPoint>,
    /// Where it was said to be, as boxes in plate pixels: what a segmenter starts from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxPrompt>,
    pub by: Asked,
}

impl Proposal {
    /// What the artist sees first. `number` gives a frame the number that the shot shows for it.
    pub fn name(&self, number: impl Fn(u32) -> u32) -> String {
        if let Some(said) = &self.said {
            let mut letters = said.noun.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            return first.chain(letters).collect();
        }
        let from = number(self.from);
        match self.effect {
            Effect::Shadow => "Shadow of the target".to_owned(),
            Effect::Reflection => "Reflection of the target".to_owned(),
            Effect::Trace => "Trace of the target".to_owned(),
            Effect::SetMoving => format!("Thing that starts moving at frame {from}"),
            Effect::Pressed => "Thing that the target presses".to_owned(),
            Effect::Carried => "Thing that the target carries".to_owned(),
            Effect::Deflected => format!("Thing that the target stops at frame {}", number(self.shown)),
            Effect::Belonging => "Small thing on the target".to_owned(),
            Effect::Passing => "Something that passes by".to_owned(),
        }
    }

    /// Why, as a sentence with frame numbers.
    pub fn reason(&self, number: impl Fn(u32) -> u32) -> String {
        if let Some(said) = &self.said {
            return said.why.clone();
        }
        let percent = (self.share * 100.0).round();
        let (from, to) = (number(self.from), number(self.to));
        let touch = self.touches.map(|(a, b)| (number(a), number(b)));
        match self.effect {
            Effect::Shadow => format!(
                "It gets darker beside the target and keeps its texture and colour, on {percent} % of the frames with the target ({from}–{to})."
            ),
            Effect::Reflection => format!(
                "What shows here is the target upside down, on {percent} % of the frames with the target ({from}–{to})."
            ),
            Effect::Trace => {
                format!("The target leaves it behind in what it touches, frames {from}–{to}.")
            }
            Effect::SetMoving => match touch {
                Some((first, _)) if self.from > 0 => format!(
                    "It keeps still until frame {} and moves from frame {from} on; the target reaches it at frame {first}.",
                    number(self.from - 1)
                ),
                _ => format!(
                    "It keeps still at first and moves from frame {from} on, when the target is beside it."
                ),
            },
            Effect::Pressed => match touch {
                Some((first, last)) => format!(
                    "Its shape changes where the target touches it (frames {first}–{last}), and it stays where it is."
                ),
                None => format!("Its shape changes beside the target, frames {from}–{to}."),
            },
            Effect::Carried => format!(
                "It moves as the target does and touches it on {percent} % of its frames ({from}–{to}). Without the target it falls or stays behind; if it is part of the target, add it to the target."
            ),
            Effect::Deflected => match touch {
                Some((first, _)) => format!(
                    "It moves by itself until it meets the target at frame {first}, and then otherwise. Without the target it goes on."
                ),
                None => "It moves by itself until it meets the target, and then otherwise.".to_owned(),
            },
            Effect::Belonging => format!(
                "It is small, moves as the target does and never leaves it (frames {from}–{to}): it may belong to the target."
            ),
            Effect::Passing => {
                format!(
                    "It moves on its own (frames {from}–{to}) and goes on the same after it has met the target."
                )
            }
        }
    }

    /// Whether another search means the same by `other`: the same effect, and of all their cells, over time, at least the
    /// part `least` in common. What has no place and was said twice by the same name is the same.
    pub fn is_like(&self, other: &Self, least: f64) -> bool {
        if self.effect != other.effect {
            return false;
        }
        if self.spans.is_empty() && other.spans.is_empty() {
            let noun = |of: &Self| of.said.as_ref().map(|said| said.noun.clone());
            return noun(self).is_some() && noun(self) == noun(other);
        }
        let (mut common, mut any) = (0_usize, 0_usize);
        let (mut here, mut there) = (CellSweep::new(&self.spans), CellSweep::new(&other.spans));
        for frame in self.from.min(other.from)..=self.to.max(other.to) {
            let mine: BTreeSet<(u32, u32)> = here.at(frame).collect();
            let theirs: BTreeSet<(u32, u32)> = there.at(frame).collect();
            common += mine.intersection(&theirs).count();
            any += mine.union(&theirs).count();
        }
        any > 0 && common as f64 >= least * any as f64
    }

    /// The cells that are proposed at `frame`.
    pub fn cells_at(&self, frame: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let spans = self.spans.iter().filter(move |s| s.from <= frame && frame <= s.to);
        spans.flat_map(|s| s.cells.iter().copied())
    }
}

/// What a person decided on a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    Proposed,
    /// It became a cause.
    Accepted,
    Rejected,
}

impl ProposalState {
    pub const ALL: [Self; 3] = [Self::Proposed, Self::Accepted, Self::Rejected];

    pub fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

impl std::str::FromStr for ProposalState {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|s| s.word() == word).ok_or(())
    }
}

/// A proposal of a shot, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub proposal_id: ProposalId,
    pub proposal: Proposal,
    /// The thing and its surroundings on the frame that shows it best: a data address.
    pub picture: Option<String>,
    pub state: ProposalState,
    /// The cause that it became, while that is there.
    pub cause_id: Option<CauseId>,
    /// The target that a belonging became, while that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<TargetId>,
}

/// What an accepted proposal became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accepted {
    Cause(Cause),
    /// What belongs to the target goes with it: its mask is grown as the target's own.
    Target(Target),
}

/// What kind of thing a cause is: as the proposal that it was says, while it does what that said, else by what becomes of it.
pub fn category_of(cause: &Cause, was: Option<&Proposal>) -> Category {
    match (was, cause.consequence) {
        (Some(was), consequence) if was.consequence == consequence => was.effect.category(),
        (_, Consequence::Vanish) => Category::Visual,
        (_, Consequence::Stay | Consequence::React | Consequence::Keep) => Category::Physical,
    }
}

/// What the last search in a shot came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// The surest first.
    pub all: Vec<Judged>,
    /// Sentences about what could not be looked at, or was left out of an answer.
    pub notes: Vec<String>,
    /// Microseconds UTC.
    pub at: i64,
    /// The model outside that was asked; `None`: the built-in reasoner looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What the scene shows without the target, as the model said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
}

/// How sure, in a word.
pub fn sureness(confidence: f32) -> &'static str {
    match confidence {
        c if c >= 0.8 => "very likely",
        c if c >= 0.6 => "likely",
        c if c >= 0.4 => "possible",
        _ => "a guess",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shadow(col: u32) -> Proposal {
        Proposal {
            effect: Effect::Shadow,
            consequence: Consequence::Vanish,
            from: 2,
            to: 9,
            shown: 5,
            touches: None,
            share: 0.875,
            place: [0.1, 0.2, 0.3, 0.4],
            spans: vec![CellSpan { from: 2, to: 9, cells: vec![(3, col), (3, col + 1), (3, col + 2)] }],
            confidence: 0.7,
            said: None,
        }
    }

    #[test]
    fn what_was_said_is_named_as_it_was_said() {
        let outside = crate::outside::Outside::new("http://127.0.0.1:1", "m", Default::default(), None);
        let by = Asked::new(&outside.expect("an address"), 0, 0);
        let said =
            Said { noun: "écharpe".into(), why: "It is worn.".into(), path: vec![], boxes: vec![], by };
        let worn = Proposal { effect: Effect::Belonging, spans: vec![], said: Some(said), ..shadow(4) };
        assert_eq!((worn.name(|f| f), worn.reason(|f| f)), ("Écharpe".into(), "It is worn.".into()));
        assert!(worn.is_like(&worn.clone(), 0.5), "known again by its name");
    }

    #[test]
    fn the_same_thing_is_known_again_by_its_cells() {
        assert!(shadow(4).is_like(&shadow(4), 0.5));
        assert!(shadow(4).is_like(&shadow(5), 0.5));
        assert!(!shadow(4).is_like(&shadow(6), 0.5));
        let other = Proposal { effect: Effect::Reflection, ..shadow(4) };
        assert!(!shadow(4).is_like(&other, 0.5));
        let nowhere = Proposal { spans: vec![], ..shadow(4) };
        assert!(!nowhere.is_like(&nowhere, 0.5));
    }

    #[test]
    fn reasons_name_frames_as_the_shot_does() {
        let reason = shadow(4).reason(|frame| frame + 1001);
        assert!(reason.contains("88 % of the frames") && reason.contains("(1003–1010)"), "{reason}");
        let pushed = Proposal { effect: Effect::SetMoving, touches: Some((4, 9)), from: 6, ..shadow(4) };
        assert_eq!(pushed.name(|f| f + 1), "Thing that starts moving at frame 7");
        assert!(
            pushed.reason(|f| f + 1).contains("keeps still until frame 6"),
            "{}",
            pushed.reason(|f| f + 1)
        );
    }

    #[test]
    fn every_effect_has_a_consequence_and_a_word() {
        for effect in Effect::ALL {
            assert_eq!(effect.is_affected(), effect.consequence() != Consequence::Keep);
            let text = serde_json::to_string(&effect).expect("a word");
            assert_eq!(text, format!("\"{}\"", effect.word()));
        }
    }
}
