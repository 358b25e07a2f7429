//! What is looked at before anybody spends machine time on a quadmask: sentences that point at frames. Told from figures that
//! were counted when each frame was written ([`crate::Cover`]); no picture is read. One walk over the frames for each check.

mod mask;
mod outside;
mod region;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cause::CellSweep;
use crate::{Cause, Cover, FrameRange, Hash, Proposal, ProposalId, VoidRecipe};

/// Below this the segmenter itself doubts its mask.
pub const LOW_CONFIDENCE: f32 = 0.5;

/// Ranges of frames that a check names one by one.
pub const MOST_RANGES: usize = 6;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Mask and plate of another length or size.
    Length,
    /// The target on every frame.
    Coverage,
    /// Its area from frame to frame.
    Area,
    /// Its place from frame to frame.
    Place,
    Confidence,
    Specks,
    Holes,
    /// The edge of the picture.
    Border,
    /// What is affected on the first frame.
    FirstFrame,
    /// Shadows and reflections outside the affected region.
    Outside,
    /// How large the model sees what is marked.
    Canvas,
    Paths,
    /// Frames whose form was never counted.
    Unmeasured,
}

impl Code {
    pub const ALL: [Self; 13] = [
        Self::Length,
        Self::Coverage,
        Self::Area,
        Self::Place,
        Self::Confidence,
        Self::Specks,
        Self::Holes,
        Self::Border,
        Self::FirstFrame,
        Self::Outside,
        Self::Canvas,
        Self::Paths,
        Self::Unmeasured,
    ];

    /// As in rows and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Coverage => "coverage",
            Self::Area => "area",
            Self::Place => "place",
            Self::Confidence => "confidence",
            Self::Specks => "specks",
            Self::Holes => "holes",
            Self::Border => "border",
            Self::FirstFrame => "first_frame",
            Self::Outside => "outside",
            Self::Canvas => "canvas",
            Self::Paths => "paths",
            Self::Unmeasured => "unmeasured",
        }
    }

    /// Whether it speaks of marked cells, and not of pixels alone.
    fn sees_cells(self) -> bool {
        matches!(self, Self::FirstFrame | Self::Outside | Self::Canvas)
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|code| code.word() == word).ok_or(())
    }
}

/// What a finding means for a removal; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is sent to review and nothing runs.
    Stops,
    /// The result will probably show it.
    Warns,
    /// Worth knowing.
    Notes,
    /// Looked at and good.
    Fine,
}

impl Severity {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stops => "stops the removal",
            Self::Warns => "warning",
            Self::Notes => "note",
            Self::Fine => "good",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub code: Code,
    /// Which of several, where a check is about one cause or proposal; else empty.
    pub subject: String,
    pub severity: Severity,
    /// What was found.
    pub text: String,
    /// What to do; empty where nothing is to be done.
    pub to_do: String,
    /// Where, ascending, at most [`MOST_RANGES`].
    pub frames: Vec<FrameRange>,
    /// Frames behind those.
    pub more: u32,
    /// Of all that it speaks of: another one once a mask of its frames changes.
    pub print: Hash,
}

impl Check {
    /// Whether somebody should look at it.
    pub fn is_open(&self) -> bool {
        self.severity != Severity::Fine
    }

    /// What was found and what to do.
    pub fn sentence(&self) -> String {
        let Self { text, to_do, .. } = self;
        if to_do.is_empty() { format!("{text}.") } else { format!("{text}: {to_do}.") }
    }
}

/// What is known of one frame of a draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Marks<'a> {
    pub frame: u32,
    /// The blob of its levels; `None`: background only.
    pub levels: Option<Hash>,
    pub cover: &'a Cover,
    /// 0–1, where a segmenter ran.
    pub confidence: Option<f32>,
    /// A person declared the frame right.
    pub locked: bool,
}

/// What is known of a shot.
#[derive(Debug, Clone)]
pub struct Looked<'a> {
    /// Of the plate: frames, and width and height as shown.
    pub frames: u32,
    pub size: (u32, u32),
    /// Ascending; a frame that is not there is background only.
    pub marks: &'a [Marks<'a>],
    pub causes: &'a [Cause],
    /// What the built-in reasoner proposed and nobody decided on; `None`: nobody let it look.
    pub proposals: Option<&'a [(ProposalId, Proposal)]>,
    /// What VOID would be run with; `None`: it is not there.
    pub recipe: Option<&'a VoidRecipe>,
    /// Number of the shot's first frame, for words.
    pub first_frame: u32,
}

/// Mask and plate of another length or size: the sentence that stops a run. `mask` and `plate`: frames, width, height.
pub fn fits(mask: (u32, u32, u32), plate: (u32, u32, u32)) -> Result<(), String> {
    if mask == plate {
        return Ok(());
    }
    Err(format!(
        "The quadmask has {} of {}×{}, the plate {} of {}×{}: re-open the quadmask and send it to review again.",
        count(mask.0 as usize),
        mask.1,
        mask.2,
        count(plate.0 as usize),
        plate.1,
        plate.2
    ))
}

/// Everything that is to be said, the worst first.
pub fn checks(looked: &Looked) -> Vec<Check> {
    let found = [
        length(looked),
        mask::coverage(looked),
        mask::area(looked),
        mask::place(looked),
        mask::confidence(looked),
        mask::specks(looked),
        mask::holes(looked),
        mask::border(looked),
        region::first_frame(looked),
    ];
    let mut all: Vec<Finding> = found.into_iter().flatten().collect();
    all.extend(outside::outside(looked));
    all.extend(region::canvas(looked));
    all.extend(paths(looked));
    all.extend(unmeasured(looked));
    let mut all: Vec<Check> = all.into_iter().map(|finding| finding.check(looked)).collect();
    all.sort_by_key(|check| (check.severity, check.code));
    all
}

/// The first finding that stops a removal, as a sentence.
pub fn stop(checks: &[Check]) -> Option<String> {
    checks.iter().find(|check| check.severity == Severity::Stops).map(Check::sentence)
}

/// A check before its print is taken.
struct Finding {
    code: Code,
    subject: String,
    severity: Severity,
    text: String,
    to_do: &'static str,
    /// Ascending.
    frames: Vec<u32>,
}

impl Finding {
    fn new(code: Code, severity: Severity, text: impl Into<String>) -> Self {
        Self { code, subject: String::new(), severity, text: text.into(), to_do: "", frames: Vec::new() }
    }

    fn on(self, frames: Vec<u32>) -> Self {
        Self { frames, ..self }
    }

    fn advise(self, to_do: &'static str) -> Self {
        Self { to_do, ..self }
    }

    fn check(self, looked: &Looked) -> Check {
        let print = self.print(looked);
        let Self { code, subject, severity, text, to_do, frames } = self;
        let mut ranges = ranges(&frames);
        let behind = ranges.split_off(ranges.len().min(MOST_RANGES));
        let more = behind.iter().map(|range| range.to - range.from + 1).sum();
        Check { code, subject, severity, text, to_do: to_do.to_owned(), frames: ranges, more, print }
    }

    /// What it says, and the masks of the frames that it says it of.
    fn print(&self, looked: &Looked) -> Hash {
        let mut digest = Sha256::new();
        for word in [self.code.word(), &self.subject, self.severity.word(), &self.text] {
            digest.update((word.len() as u64).to_le_bytes());
            digest.update(word.as_bytes());
        }
        let mut marks = looked.marks.iter().peekable();
        let mut sweep = CellSweep::new(looked.causes.iter().flat_map(|cause| &cause.spans));
        for frame in &self.frames {
            digest.update(frame.to_le_bytes());
            while marks.next_if(|mark| mark.frame < *frame).is_some() {}
            let levels = marks.peek().filter(|mark| mark.frame == *frame).and_then(|mark| mark.levels);
            digest.update(levels.as_ref().map_or(&[] as &[u8], |levels| levels.as_bytes().as_slice()));
            if self.code.sees_cells() {
                let cells: BTreeSet<(u32, u32)> = sweep.at(*frame).collect();
                for (row, col) in cells {
                    digest.update(row.to_le_bytes());
                    digest.update(col.to_le_bytes());
                }
            }
        }
        Hash::from_digest(digest.finalize().into())
    }
}

/// Ascending frames as ranges.
pub fn ranges(frames: &[u32]) -> Vec<FrameRange> {
    let mut all: Vec<FrameRange> = Vec::new();
    for &frame in frames {
        match all.last_mut() {
            Some(last) if frame <= last.to + 1 => last.to = frame,
            _ => all.push(FrameRange::one(frame)),
        }
    }
    all
}

/// `1 frame`, `42 frames`.
fn count(n: usize) -> String {
    if n == 1 { "1 frame".to_owned() } else { format!("{n} frames") }
}

fn length(looked: &Looked) -> Option<Finding> {
    let beyond: Vec<u32> =
        looked.marks.iter().map(|mark| mark.frame).filter(|frame| *frame >= looked.frames).collect();
    if beyond.is_empty() {
        return None;
    }
    let text = format!(
        "The mask goes on for {} behind the plate’s end (the plate has {})",
        count(beyond.len()),
        count(looked.frames as usize)
    );
    let found = Finding::new(Code::Length, Severity::Stops, text).on(beyond);
    Some(found.advise("import a quadmask of the plate’s length, or grow the mask again"))
}

fn paths(looked: &Looked) -> Vec<Finding> {
    let lacking = looked.causes.iter().filter(|cause| cause.lacks_path());
    let say = |cause: &Cause| {
        let text = format!("“{}” moves on its own and has no path", cause.name);
        let found = Finding::new(Code::Paths, Severity::Warns, text);
        Finding { subject: cause.cause_id.to_string(), ..found }.advise("draw one, or leave it to VOID")
    };
    lacking.map(say).collect()
}

/// Frames that were written before forms were counted.
fn unmeasured(looked: &Looked) -> Option<Finding> {
    let frames: Vec<u32> = looked
        .marks
        .iter()
        .filter(|mark| mark.levels.is_some() && mark.cover.shape.is_none())
        .map(|mark| mark.frame)
        .collect();
    if frames.is_empty() {
        return None;
    }
    let text = format!("Specks, holes and edges were not counted on {}", count(frames.len()));
    let found = Finding::new(Code::Unmeasured, Severity::Notes, text).on(frames);
    Some(found.advise("grow the mask again or paint on them to have them counted"))
}
