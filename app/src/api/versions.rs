//! Runs and the versions they make.

use domain::{Hash, JobId, PlateRecipe, ShotId, Verdict, VersionId};
use leptos::prelude::*;

use crate::error::ApiError;

/// Runs the approved quadmask again with another recipe. Refused while the policy is not met.
#[server(input = server_fn::codec::Json)]
pub async fn start_run(shot_id: ShotId, recipe: PlateRecipe) -> Result<JobId, ApiError> {
    Err(ApiError::Internal)
}

/// One decision on the version's hash. A client's decision is recorded and moves no phase.
#[server]
pub async fn decide_version(version_id: VersionId, seen: Hash, verdict: Verdict, note: String) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn show_client(version_id: VersionId, on: bool) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}
