//! Quadmask versions: send to review, decide, re-open, export.

use domain::version::Quadmask;
use domain::{Hash, JobId, QuadmaskId, ShotId, Verdict};
use leptos::prelude::*;

use crate::error::ApiError;

/// Makes an immutable version of the draft with all cells and sends it to review.
#[server]
pub async fn submit_quadmask(shot_id: ShotId, note: String) -> Result<Quadmask, ApiError> {
    Err(ApiError::Internal)
}

/// One decision on the hash the viewer saw. When the policy is met the removal is queued; the answer says so.
/// Stale when targets, masks, causes or words changed since.
#[server]
pub async fn decide_quadmask(
    quadmask_id: QuadmaskId,
    seen: Hash,
    verdict: Verdict,
    note: String,
) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// Back to editing; approvals stay on record and become stale with the next change.
#[server]
pub async fn reopen(shot_id: ShotId) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// For each frame whether a picture is there (`href::quadmask_frame`); background-only frames have none.
#[server]
pub async fn quadmask_frames(quadmask_id: QuadmaskId) -> Result<Vec<bool>, ApiError> {
    Err(ApiError::Internal)
}

/// Makes `quadmask_0.mp4`; `None`: it is already there (`href::quadmask_movie`).
#[server]
pub async fn export_quadmask(quadmask_id: QuadmaskId) -> Result<Option<JobId>, ApiError> {
    Err(ApiError::Internal)
}
