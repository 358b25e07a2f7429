//! Who is signed in: owner set-up, sign-in, sign-out, invitations.

use domain::{Person, Role};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What every page knows about the one who looks at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Viewer {
    pub person: Option<Person>,
    /// False only before the first start's owner exists: every page leads to `/setup` then.
    pub has_owner: bool,
    /// Links are built from it.
    pub public_url: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvitationView {
    pub role: Role,
    pub project_name: Option<String>,
    pub invited_by: String,
}

#[server]
pub async fn get_viewer() -> Result<Viewer, ApiError> {
    Err(ApiError::Internal)
}

/// First start only: makes the owner and signs in.
#[server]
pub async fn create_owner(name: String, email: String, password: String) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn sign_out() -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

/// Ends every session of the viewer, this one too.
#[server]
pub async fn sign_out_everywhere() -> Result<(), ApiError> {
    Err(ApiError::Internal)
}

#[server]
pub async fn get_invitation(token: String) -> Result<InvitationView, ApiError> {
    Err(ApiError::Internal)
}

/// Makes the account and signs in. The invitation is used up.
#[server]
pub async fn accept_invitation(token: String, name: String, email: String, password: String) -> Result<(), ApiError> {
    Err(ApiError::Internal)
}
