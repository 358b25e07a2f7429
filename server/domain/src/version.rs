//! Reviewable results and immutable quadmask versions, as rows show them.

use serde::{Deserialize, Serialize};

use crate::{Action, DecisionId, Hash, PersonId, QuadmaskId, Role, RunId, ShotId, Verdict, VersionId, may};

/// What a finished removal measured about itself; stored with the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    pub frames: u32,
    /// Displayed size in pixels.
    pub width: u32,
    pub height: u32,
    pub pixel_format: String,
    pub edge_px: u32,
    /// Largest difference over all planes where the matte is 0, between plate and decoded result. Must be 0.
    pub max_delta_outside: u32,
    /// Part of all pixels that the matte touches, 0–1.
    pub matte_share: f64,
    /// Part of the matte's pixels that came from other frames, 0–1.
    pub seen_elsewhere: f64,
    /// Part of the matte's pixels that no frame ever showed, 0–1.
    pub guessed: f64,
    pub seconds: f64,
}

/// One reviewable result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub version_id: VersionId,
    pub shot_id: ShotId,
    pub run_id: RunId,
    /// 1, 2, …
    pub n: u32,
    pub quadmask_id: QuadmaskId,
    pub quadmask_n: u32,
    /// `plate`, later `void`.
    pub engine: String,
    pub recipe: serde_json::Value,
    pub proof: Proof,
    pub result: Hash,
    pub matte: Hash,
    pub proxy: Hash,
    /// SHA-256 of the version's manifest: what a decision is about.
    pub subject: Hash,
    pub client_visible: bool,
    pub created_at: i64,
    pub decisions: Vec<Decision>,
}

impl Version {
    /// Whether the last word of those whose word moves a shot is an approval of what it is. A client's word is on record and
    /// decides nothing. Asks the decisions that are here.
    pub fn is_approved(&self) -> bool {
        let counts = |d: &&Decision| d.subject == self.subject && may(d.role, Action::DecideQuadmask);
        self.decisions.iter().rfind(counts).is_some_and(|last| last.verdict == Verdict::Approve)
    }
}

/// An immutable quadmask version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quadmask {
    pub quadmask_id: QuadmaskId,
    pub shot_id: ShotId,
    pub n: u32,
    pub author: PersonId,
    pub author_name: String,
    /// SHA-256 of the canonical JSON of plate, levels, causes and words.
    pub subject: Hash,
    pub note: String,
    pub created_at: i64,
    pub decisions: Vec<Decision>,
}

/// One person's verdict on one hash. Never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub decision_id: DecisionId,
    pub person_id: PersonId,
    pub person_name: String,
    pub role: Role,
    /// Has no account: gave this name through a link.
    #[serde(default)]
    pub is_guest: bool,
    pub verdict: Verdict,
    pub note: String,
    pub subject: Hash,
    pub at: i64,
}

impl Decision {
    /// What they are, beside their name: a name given through a link is nobody's proof.
    pub fn word(&self) -> &'static str {
        if self.is_guest { "guest" } else { self.role.word() }
    }
}
