//! Identifiers: one type per noun, so that a shot's id can never be handed in where a person's is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct BadId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::try_parse(text).map(Self).map_err(|_| BadId)
            }
        }
    )*};
}

ids! {
    PersonId,
    InvitationId,
    ProjectId,
    SequenceId,
    ShotId,
    UploadId,
    TargetId,
    CauseId,
    ProposalId,
    QuadmaskId,
    DecisionId,
    /// One execution of a recipe.
    RunId,
    VersionId,
    JobId,
    ThreadId,
    CommentId,
    /// A link for people without an account.
    LinkId,
    /// A line of somebody's inbox.
    EntryId,
    /// What was found by words.
    FindingId,
}
