//! People of the studio.

use domain::{InvitationId, Person, PersonId, ProjectId, Role};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonRow {
    pub person: Person,
    /// Projects the person was added to.
    pub projects: Vec<ProjectId>,
    /// Shots that they are assigned.
    #[serde(default)]
    pub shots: u32,
}

#[server]
pub async fn list_people() -> Result<Vec<PersonRow>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let people = db::people::list(cx.db()).await?;
    let counts = db::assignments::counts(cx.db()).await?;
    let row = |(person, projects): (Person, Vec<ProjectId>)| {
        let shots = counts.get(&person.person_id).copied().unwrap_or(0);
        PersonRow { person, projects, shots }
    };
    Ok(people.into_iter().map(row).collect())
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
    let note = cx.note(domain::Deed::Invited, project_id, format!("as {}", role.word()));
    cx.db()
        .write(move |tx| {
            let (token_hash, note) = (token_hash.clone(), note.clone());
            Box::pin(async move {
                db::people::invite(tx, &token_hash, role, project_id, by, db::now() + VALID_MICROS).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    Ok(format!("{}/invite/{token}", cx.state.public_url))
}

/// An invitation that waits for somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvitationRow {
    pub invitation_id: InvitationId,
    pub role: Role,
    pub project_name: Option<String>,
    pub invited_by: String,
    /// Microseconds UTC.
    pub created_at: i64,
    pub expires_at: i64,
}

/// Invitations that somebody could still use, newest first. Their addresses are kept nowhere.
#[server]
pub async fn list_invitations() -> Result<Vec<InvitationRow>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let row = |open: db::people::OpenInvitation| InvitationRow {
        invitation_id: open.invitation_id,
        role: open.role,
        project_name: open.project_name,
        invited_by: open.invited_by,
        created_at: open.created_at,
        expires_at: open.expires_at,
    };
    Ok(db::people::open_invitations(cx.db()).await?.into_iter().map(row).collect())
}

/// Closes an invitation: its link opens nothing any more.
#[server]
pub async fn withdraw_invitation(invitation_id: InvitationId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let note = cx.note(domain::Deed::InvitationWithdrawn, None, String::new());
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let role = db::people::withdraw_invitation(tx, invitation_id).await?;
                let about = format!("as {}", role.word());
                db::audit::add(tx, &db::audit::Note { about, ..note }).await
            })
        })
        .await?)
}

/// The last active owner stays owner.
#[server]
pub async fn set_role(person_id: PersonId, role: Role) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let person = db::people::account(cx.db(), person_id).await?.person;
    only_owners_make_owners(&cx, role)?;
    only_owners_make_owners(&cx, person.role)?;
    let about = format!("{}: {} → {}", person.name, person.role.word(), role.word());
    let note = cx.note(domain::Deed::RoleChanged, None, about);
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::people::set_role(tx, person_id, role).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

/// A link with which somebody who forgot the password chooses a new one; works once, for a day. Links made before for the
/// same person open nothing any more.
#[server]
pub async fn make_reset_link(person_id: PersonId) -> Result<String, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let person = db::people::account(cx.db(), person_id).await?.person;
    only_owners_make_owners(&cx, person.role)?;
    let token = domain::Hash::from_digest(rand::random()).to_string();
    let token_hash = super::session::secret(&token);
    let by = cx.viewer.person_id;
    let note = cx.note(domain::Deed::ResetLinkMade, None, format!("for {} ({})", person.name, person.email));
    cx.db()
        .write(move |tx| {
            let (token_hash, note) = (token_hash.clone(), note.clone());
            Box::pin(async move {
                db::resets::make(tx, &token_hash, person_id, Some(by)).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    Ok(format!("{}{}", cx.state.public_url, crate::routes::href::reset(&token)))
}

/// A deactivated person is signed out everywhere and cannot sign in; what they were assigned goes to `heir`, who finds it in
/// their inbox, or to nobody, all at once or not at all.
#[server]
pub async fn set_active(person_id: PersonId, active: bool, heir: Option<PersonId>) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.allowed(domain::Action::ManagePeople)?;
    let person = db::people::account(cx.db(), person_id).await?.person;
    only_owners_make_owners(&cx, person.role)?;
    let deed = if active { domain::Deed::Activated } else { domain::Deed::Deactivated };
    let to = match heir.filter(|_| !active) {
        Some(heir) => Some(db::people::account(cx.db(), heir).await?.person.name),
        None => None,
    };
    let note = cx.note(deed, None, format!("{} ({})", person.name, person.email));
    let by = cx.viewer.person_id;
    Ok(cx
        .db()
        .write(move |tx| {
            let (note, to) = (note.clone(), to.clone());
            Box::pin(async move {
                let mut about = note.about.clone();
                if !active {
                    let shots = db::assignments::hand_over(tx, person_id, heir, by).await?;
                    let to = to.unwrap_or_else(|| "nobody".to_owned());
                    if shots > 0 {
                        about += &format!(", shots handed over to {to}: {shots}");
                    }
                }
                db::people::set_active(tx, person_id, active).await?;
                db::audit::add(tx, &db::audit::Note { about, ..note }).await
            })
        })
        .await?)
}

/// A producer manages people, but neither makes nor unmakes those above.
#[cfg(feature = "ssr")]
fn only_owners_make_owners(cx: &crate::context::Cx, role: Role) -> Result<(), ApiError> {
    if role == Role::Owner && cx.viewer.role != Role::Owner {
        return Err(ApiError::Invalid("Only an owner can change who is an owner: ask one.".into()));
    }
    Ok(())
}
