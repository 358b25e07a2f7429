//! Projects, sequences and the board.

use domain::project::{Project, Sequence};
use domain::{Action, ApprovalPolicy, Person, PersonId, Phase, Progress, ProjectId, Rate, SequenceId, ShotId, UploadId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectCard {
    pub project: Project,
    pub shots: u32,
    pub in_review: u32,
    pub running: u32,
    /// Up to four shots whose posters make the card's picture.
    pub posters: Vec<ShotId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectView {
    pub project: Project,
    pub sequences: Vec<Sequence>,
    pub members: Vec<Person>,
    /// Shots per phase; phases without shots are left out.
    pub counts: Vec<(Phase, u32)>,
    /// What the viewer may do here.
    pub may: Vec<Action>,
}

/// The board's filter; lives in the URL (`?status=a,b&sequence=…&q=…&sort=…`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShotFilter {
    /// Empty: all.
    pub phases: Vec<Phase>,
    pub sequence_id: Option<SequenceId>,
    /// Part of a name, any case.
    pub q: String,
    pub sort: Sort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    #[default]
    Updated,
    Name,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotCard {
    pub shot_id: ShotId,
    pub name: String,
    pub phase: Phase,
    pub problem: Option<String>,
    /// The removal words, for the card's second line.
    pub removal: String,
    pub has_poster: bool,
    pub frames: Option<u32>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub rate: Option<Rate>,
    /// The newest version's number.
    pub version: Option<u32>,
    /// The newest quadmask's number.
    pub quadmask: Option<u32>,
    /// The open job, if any.
    pub job: Option<Progress>,
    pub updated_at: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotPage {
    /// Shots that match the filter.
    pub total: u32,
    pub cards: Vec<ShotCard>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadRow {
    pub upload_id: UploadId,
    pub file_name: String,
    pub size_bytes: i64,
    pub received_bytes: i64,
    pub person_name: String,
    pub is_mine: bool,
}

#[server]
pub async fn list_projects() -> Result<Vec<ProjectCard>, ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn create_project(name: String) -> Result<ProjectId, ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn get_project(project_id: ProjectId) -> Result<ProjectView, ApiError> {
    Err(ApiError::Internal)
}

#[server(input = server_fn::codec::Json)]
pub async fn update_project(
    project_id: ProjectId,
    name: String,
    first_frame: u32,
    policy: ApprovalPolicy,
) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn set_member(project_id: ProjectId, person_id: PersonId, on: bool) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn create_sequence(project_id: ProjectId, name: String) -> Result<SequenceId, ApiError> {
    Err(ApiError::Internal)
}

/// At most 100 cards a call.
#[server(input = server_fn::codec::Json)]
pub async fn list_shots(
    project_id: ProjectId,
    filter: ShotFilter,
    offset: u32,
    limit: u32,
) -> Result<ShotPage, ApiError> {
    Err(ApiError::Internal)
}

/// Uploads that are not finished.
#[server]
pub async fn list_uploads(project_id: ProjectId) -> Result<Vec<UploadRow>, ApiError> {
    Err(ApiError::Internal)
}
