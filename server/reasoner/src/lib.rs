//! Who says what else changes when the target goes: the built-in reasoner, a model outside over HTTP, and one that reads from a
//! script, behind one trait. No rows, no jobs; keys stay in [`Key`].
//!
//! What an answer from outside becomes is `domain`'s ([`domain::reply`], [`domain::affected`]): nothing of it is trusted beyond
//! the schema that was asked for.

mod answer;
mod built_in;
mod clip;
mod error;
mod pictures;
mod remote;
mod scripted;

use domain::Proposal;
use domain::outside::Asked;
use pipeline::{Masks, PlateFile, Reporter};

pub use built_in::BuiltIn;
pub use error::Error;
pub use remote::{Key, Limits, Remote, Setting};
pub use scripted::Scripted;

pub type Result<T> = std::result::Result<T, Error>;

/// Looks at a shot with its target and says what else is affected. Blocking.
pub trait Reasoner {
    /// `masks`: the target on every frame; the affected layer is not looked at.
    ///
    /// # Errors
    /// What went wrong and what to do, for the artist; [`pipeline::Error::Cancelled`] where `report` says stop.
    fn reason(
        &mut self,
        plate: &mut PlateFile,
        masks: &mut dyn Masks,
        report: &mut dyn Reporter,
    ) -> Result<Answer>;
}

/// What a reasoner came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub proposals: Vec<Proposal>,
    /// Sentences about what could not be looked at, or was left out of an answer.
    pub notes: Vec<String>,
    /// What the scene shows without the target; `None`: nothing was said.
    pub scene: Option<String>,
    /// Whom it was asked of and what that took; `None`: nobody outside.
    pub asked: Option<Asked>,
}
