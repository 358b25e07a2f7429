//! One shot: everything its workspace shows, and the brief (targets, words, causes).

use domain::project::Shot;
use domain::version::{Quadmask, Version};
use domain::{
    Action, ApprovalPolicy, Cause, CauseId, Grid, PersonId, Progress, ProjectId, SequenceId, ShotId, Target,
    TargetId, Words,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::draft::DraftView;
use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotView {
    pub shot: Shot,
    pub project_id: ProjectId,
    pub project_name: String,
    pub first_frame: u32,
    pub policy: ApprovalPolicy,
    /// Known once the plate is read.
    pub grid: Option<Grid>,
    pub targets: Vec<Target>,
    pub words: Words,
    pub causes: Vec<Cause>,
    pub draft: DraftView,
    /// Newest first.
    pub quadmasks: Vec<Quadmask>,
    /// Newest first.
    pub versions: Vec<Version>,
    /// The newest job of this shot, open or just over.
    pub job: Option<Progress>,
    /// What the viewer may do here.
    pub may: Vec<Action>,
    pub viewer: PersonId,
    /// Names of the shots before and after in the board's order, for ↑ ↓.
    pub previous: Option<ShotId>,
    pub next: Option<ShotId>,
}

/// Clients get only client-visible versions; everything else of theirs is empty.
#[server]
pub async fn get_shot(shot_id: ShotId) -> Result<ShotView, ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn rename_shot(shot_id: ShotId, name: String) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn set_sequence(shot_id: ShotId, sequence_id: Option<SequenceId>) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn retry_ingest(shot_id: ShotId) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// A new target with a name and the next colour.
#[server]
pub async fn add_target(shot_id: ShotId, name: String) -> Result<Target, ApiError> {
    Err(ApiError::Internal)
}

/// Name, colour, points and boxes of a target that exists.
#[server(input = server_fn::codec::Json)]
pub async fn save_target(shot_id: ShotId, target: Target) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn delete_target(shot_id: ShotId, target_id: TargetId) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server(input = server_fn::codec::Json)]
pub async fn save_words(shot_id: ShotId, words: Words) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// A new cause; consequence `vanish` until changed.
#[server]
pub async fn add_cause(shot_id: ShotId, name: String) -> Result<Cause, ApiError> {
    Err(ApiError::Internal)
}

/// Name, reason, consequence and path of a cause that exists. Its cells change only through [`set_cells`].
#[server(input = server_fn::codec::Json)]
pub async fn save_cause(shot_id: ShotId, cause: Cause) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn delete_cause(shot_id: ShotId, cause_id: CauseId) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// Turns grid cells `[row, col]` of a cause on or off over frames `from..=to`.
#[server(input = server_fn::codec::Json)]
pub async fn set_cells(
    shot_id: ShotId,
    cause_id: CauseId,
    cells: Vec<(u32, u32)>,
    on: bool,
    from: u32,
    to: u32,
) -> Result<Cause, ApiError> {
    Err(ApiError::Internal)
}
