//! People of the studio.

use domain::{Person, PersonId, ProjectId, Role};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonRow {
    pub person: Person,
    /// Projects the person was added to.
    pub projects: Vec<ProjectId>,
}

#[server]
pub async fn list_people() -> Result<Vec<PersonRow>, ApiError> {
    Err(ApiError::Internal)
}

/// A link that makes one account; valid for seven days. With a project, the new person belongs to it at once.
#[server]
pub async fn invite(role: Role, project_id: Option<ProjectId>) -> Result<String, ApiError> {
    Err(ApiError::Internal)
}

/// The last active owner stays owner.
#[server]
pub async fn set_role(person_id: PersonId, role: Role) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// A deactivated person is signed out everywhere and cannot sign in.
#[server]
pub async fn set_active(person_id: PersonId, active: bool) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}
