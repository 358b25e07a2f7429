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
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let people = db::people::list(cx.db()).await?;
    Ok(people.into_iter().map(|(person, projects)| PersonRow { person, projects }).collect())
}

/// A link that makes one account; valid for seven days. With a project, the new person belongs to it at once.
#[server]
pub async fn invite(role: Role, project_id: Option<ProjectId>) -> Result<String, ApiError> {
    use domain::{Action, Hash};
    const VALID_MICROS: i64 = 7 * 24 * 3600 * 1_000_000;
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(Action::ManagePeople)?;
    only_owners_make_owners(&cx, role)?;
    if let Some(project_id) = project_id {
        cx.project(project_id, Action::ManageProject).await?;
    }
    let token = Hash::from_digest(rand::random()).to_string();
    let token_hash = super::session::secret(&token);
    let by = cx.viewer.person_id;
    cx.db()
        .write(move |tx| {
            let token_hash = token_hash.clone();
            Box::pin(async move {
                db::people::invite(tx, &token_hash, role, project_id, by, db::now() + VALID_MICROS).await
            })
        })
        .await?;
    Ok(format!("{}/invite/{token}", cx.state.public_url))
}

/// The last active owner stays owner.
#[server]
pub async fn set_role(person_id: PersonId, role: Role) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let now = db::people::account(cx.db(), person_id).await?.person.role;
    only_owners_make_owners(&cx, role)?;
    only_owners_make_owners(&cx, now)?;
    Ok(cx.db().write(move |tx| Box::pin(db::people::set_role(tx, person_id, role))).await?)
}

/// A deactivated person is signed out everywhere and cannot sign in.
#[server]
pub async fn set_active(person_id: PersonId, active: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let role = db::people::account(cx.db(), person_id).await?.person.role;
    only_owners_make_owners(&cx, role)?;
    Ok(cx.db().write(move |tx| Box::pin(db::people::set_active(tx, person_id, active))).await?)
}

/// A producer manages people, but neither makes nor unmakes those above.
#[cfg(feature = "ssr")]
fn only_owners_make_owners(cx: &crate::context::Cx, role: Role) -> Result<(), ApiError> {
    if role == Role::Owner && cx.viewer.role != Role::Owner {
        return Err(ApiError::Invalid("Only an owner can change who is an owner: ask one.".into()));
    }
    Ok(())
}
