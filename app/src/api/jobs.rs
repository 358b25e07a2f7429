//! The queue, its workers, history and logs.

use domain::{JobId, Progress};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub progress: Progress,
    pub shot_name: Option<String>,
    pub project_name: Option<String>,
    /// Whether the viewer may cancel, retry or re-order it.
    pub may_manage: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    pub worker: String,
    pub host: String,
    /// What it can do, e.g. “plate engine · 2 threads”.
    pub about: String,
    pub is_alive: bool,
    pub job_id: Option<JobId>,
    pub seen_at: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobsView {
    /// Running first, then in the order they will run.
    pub open: Vec<JobRow>,
    /// Newest first, at most 100.
    pub over: Vec<JobRow>,
    pub workers: Vec<WorkerRow>,
    /// Said when something is wrong: “No worker is running: …”.
    pub warning: Option<String>,
}

#[server]
pub async fn list_jobs() -> Result<JobsView, ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn cancel_job(job_id: JobId) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn retry_job(job_id: JobId) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// −100 to 100; higher runs first.
#[server]
pub async fn set_priority(job_id: JobId, priority: i32) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn job_log(job_id: JobId) -> Result<String, ApiError> {
    Err(ApiError::Internal)
}
