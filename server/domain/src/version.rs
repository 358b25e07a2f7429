//! Reviewable results and immutable quadmask versions, as rows show them.

use serde::{Deserialize, Serialize};

use crate::predict::Predicted;
use crate::recipe::{Memory, VoidRecipe, When};
use crate::{DecisionId, Hash, PersonId, QuadmaskId, Role, RunId, ShotId, Verdict, VersionId};

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

/// How the networks of VOID made a version: what ran, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeBy {
    /// 1 or 2.
    pub pass: u32,
    /// The folder of the weights, or “test model”.
    pub model: String,
    /// Its weights are random: what it makes is no removal.
    pub is_test_model: bool,
    /// A quick look with few steps of another sampler: it is not approved.
    #[serde(default)]
    pub is_preview: bool,
    pub fingerprint: Hash,
    pub host: String,
    /// `cpu` or `cuda`.
    pub device: String,
    pub precision: String,
    /// Width and height in pixels.
    pub canvas: [u32; 2],
    /// Frames that the clip was brought to.
    pub length: u32,
    /// First and last frame of each window of that length.
    pub windows: Vec<[u32; 2]>,
    /// How often the transformer looked at a window, earlier attempts counted.
    pub forwards: u64,
    /// Steps that an earlier attempt had done.
    pub resumed_steps: u32,
    /// Of the last attempt.
    pub seconds: f64,
    /// Most memory of the worker's process during the run; not known on every system.
    pub peak_rss_bytes: Option<u64>,
    /// How memory was held in the end; `None` for this and the next two: made before they were kept, or not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// What was predicted of it before it began, for the plan that it had in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Predicted>,
    /// Whether what was made changes its shape, and what followed; also `None` where no two frames can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub morphing: Option<Morphing>,
    /// Sentences that an artist should read: cuts, what changes its shape, what was resumed.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What the check of shapes found, and what it led to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Morphing {
    /// How many times as much as what is around it the picture that was made changes its shape.
    pub value: f64,
    /// The recipe's: above it pass 2 is wanted.
    pub threshold: f64,
    pub led_to: LedTo,
}

/// What followed from the check of shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedTo {
    /// It is not above the threshold.
    Nothing,
    /// Pass 2 follows.
    PassTwo,
    /// Pass 2 follows, and would whatever the check found.
    PassTwoAnyway,
    /// Pass 2 should follow, and its weights are not there.
    PassTwoLacks,
    /// It is above, and the recipe says never.
    SwitchedOff,
    /// It is above, in a quick preview, which is not refined.
    Preview,
    /// It is above, in what pass 2 made: there is no third pass.
    LastPass,
}

impl LedTo {
    /// What follows from a value. `pass`: which made the picture; `has_second`: whether pass 2 can be run.
    pub fn of(is_above: bool, pass: u32, recipe: &VoidRecipe, has_second: bool) -> Self {
        let wanted = match recipe.pass2.when {
            When::Always => Self::PassTwoAnyway,
            When::Auto if is_above => Self::PassTwo,
            When::Never if is_above => Self::SwitchedOff,
            When::Auto | When::Never => Self::Nothing,
        };
        match wanted {
            _ if pass != 1 && is_above => Self::LastPass,
            _ if recipe.preview && is_above => Self::Preview,
            _ if pass != 1 || recipe.preview => Self::Nothing,
            Self::PassTwo | Self::PassTwoAnyway if !has_second => Self::PassTwoLacks,
            wanted => wanted,
        }
    }

    /// For people, behind value and threshold.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "pass 2 is not needed",
            Self::PassTwo => "pass 2 follows",
            Self::PassTwoAnyway => "pass 2 follows in any case",
            Self::PassTwoLacks => "pass 2 should follow, and its weights are not there",
            Self::SwitchedOff => "pass 2 is switched off in the recipe",
            Self::Preview => "a quick preview is not refined",
            Self::LastPass => "look at it closely: no other pass follows this one",
        }
    }
}

/// What stands wherever a quick look is shown.
pub const PREVIEW: &str = "Quick preview: few steps";

/// What stands wherever something made with random weights is shown.
pub const TEST_MODEL: &str = "Test model: random weights";

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
    /// Who sent the quadmask to review: the author whom a policy may leave out.
    pub author: PersonId,
    /// `plate` or `void`.
    pub engine: String,
    pub recipe: serde_json::Value,
    /// For VOID.
    pub made_by: Option<MadeBy>,
    /// For VOID: what the model made, on its canvas; what pass 2 starts from.
    pub model_output: Option<Hash>,
    pub proof: Proof,
    pub result: Hash,
    pub matte: Hash,
    pub proxy: Hash,
    /// SHA-256 of the version's manifest: what a decision is about.
    pub subject: Hash,
    pub client_visible: bool,
    /// When the project's policy was met; `None`: not approved, or taken back. Microseconds UTC.
    pub approved_at: Option<i64>,
    pub created_at: i64,
    pub decisions: Vec<Decision>,
}

impl Version {
    /// The engine as people read it: `plate engine`, `VOID pass 1`.
    pub fn engine_words(&self) -> String {
        match &self.made_by {
            Some(made_by) => format!("VOID pass {}", made_by.pass),
            None => format!("{} engine", self.engine),
        }
    }

    pub fn is_of_test_model(&self) -> bool {
        self.made_by.as_ref().is_some_and(|made_by| made_by.is_test_model)
    }

    pub fn is_preview(&self) -> bool {
        self.made_by.as_ref().is_some_and(|made_by| made_by.is_preview)
    }

    /// What stands wherever it is shown, where it is not what a removal should be.
    pub fn label(&self) -> Option<&'static str> {
        match (self.is_of_test_model(), self.is_preview()) {
            (true, _) => Some(TEST_MODEL),
            (false, true) => Some(PREVIEW),
            (false, false) => None,
        }
    }

    /// Whether pass 2 can start from it.
    pub fn is_first_pass(&self) -> bool {
        self.model_output.is_some() && self.made_by.as_ref().is_some_and(|made_by| made_by.pass == 1)
    }

    /// Whether the project's policy was met for it. A client's word is on record and decides nothing.
    pub fn is_approved(&self) -> bool {
        self.approved_at.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::SecondPass;

    #[test]
    fn what_a_check_of_shapes_leads_to_follows_from_the_recipe() {
        let recipe = |when, preview| VoidRecipe {
            preview,
            pass2: SecondPass { when, ..SecondPass::default() },
            ..VoidRecipe::default()
        };
        for (is_above, pass, when, preview, has_second, led_to) in [
            (true, 1, When::Auto, false, true, LedTo::PassTwo),
            (false, 1, When::Auto, false, true, LedTo::Nothing),
            (true, 1, When::Auto, false, false, LedTo::PassTwoLacks),
            (true, 1, When::Never, false, true, LedTo::SwitchedOff),
            (false, 1, When::Never, false, true, LedTo::Nothing),
            (false, 1, When::Always, false, true, LedTo::PassTwoAnyway),
            (false, 1, When::Always, false, false, LedTo::PassTwoLacks),
            (true, 1, When::Always, true, true, LedTo::Preview),
            (true, 2, When::Always, false, true, LedTo::LastPass),
            (false, 2, When::Auto, false, true, LedTo::Nothing),
        ] {
            let recipe = recipe(when, preview);
            assert_eq!(LedTo::of(is_above, pass, &recipe, has_second), led_to, "{is_above} {pass} {when:?}");
        }
    }
}
