//! Who is signed in: owner set-up, sign-in, sign-out, invitations.

#[cfg(feature = "ssr")]
use domain::Deed;
use domain::{Person, Role};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::audit::AuditRow;
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

/// Whose password a reset link is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetView {
    pub name: String,
    pub email: String,
}

#[server]
pub async fn get_viewer() -> Result<Viewer, ApiError> {
    use crate::context::{AppState, Cx};
    let state = AppState::here()?;
    let person = match Cx::signed_in().await {
        Ok(cx) => Some(cx.viewer),
        Err(ApiError::SignedOut) => None,
        Err(error) => return Err(error),
    };
    let has_owner = person.is_some() || db::people::has_owner(&state.db).await?;
    Ok(Viewer { person, has_owner, public_url: state.public_url })
}

/// First start only: makes the owner and signs in.
#[server]
pub async fn create_owner(name: String, email: String, password: String) -> Result<(), ApiError> {
    use crate::context::AppState;
    let state = AppState::here()?;
    if db::people::has_owner(&state.db).await? {
        return Err(ApiError::Conflict("This studio has an owner already: sign in.".into()));
    }
    let hash = crate::password::hash(password).await?;
    let note = note(Deed::Joined, None, &email);
    let person_id = state
        .db
        .write(move |tx| {
            let (name, email, hash, note) = (name.clone(), email.clone(), hash.clone(), note.clone());
            Box::pin(async move {
                let person_id = db::people::create_owner(tx, &name, &email, &hash).await?;
                db::audit::add(tx, &db::audit::Note { by: Some(person_id), ..note }).await?;
                Ok(person_id)
            })
        })
        .await?;
    tracing::info!(person.id = %person_id, "The studio has its owner");
    begin(&state, person_id).await
}

#[server]
pub async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    use crate::context::{AppState, ClientAddress};
    let state = AppState::here()?;
    let ClientAddress(address) = ClientAddress::here();
    let email = email.trim().to_lowercase();
    count_try(&state.db, &email, address.clone()).await?;
    let account = db::people::by_email(&state.db, &email).await?;
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let is_right = crate::password::is_right(password, hash).await?;
    let tried = account.as_ref().map(|account| account.person.person_id);
    let Some(account) = account.filter(|account| is_right && account.person.active) else {
        let note = note(Deed::SignInFailed, tried, &email);
        state
            .db
            .write(move |tx| {
                let note = note.clone();
                Box::pin(async move { db::audit::add(tx, &note).await })
            })
            .await?;
        return Err(ApiError::Invalid(
            "E-mail or password is wrong, or the account is not active. Ask the owner if you forgot it."
                .into(),
        ));
    };
    let note = note(Deed::SignedIn, tried, &email);
    state
        .db
        .write(move |tx| {
            let (email, address, note) = (email.clone(), address.clone(), note.clone());
            Box::pin(async move {
                db::sign_in::signed_in(tx, &email, &address).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    begin(&state, account.person.person_id).await
}

/// Counts a password that is about to be tried; `Throttled` where there were too many.
#[cfg(feature = "ssr")]
async fn count_try(db: &db::Db, email: &str, address: String) -> Result<(), ApiError> {
    let email = email.to_owned();
    let wait = db
        .write(move |tx| {
            let (email, address) = (email.clone(), address.clone());
            Box::pin(async move { db::sign_in::may_try(tx, &email, &address).await })
        })
        .await?;
    wait.map_or(Ok(()), |seconds| Err(ApiError::Throttled { seconds }))
}

#[server]
pub async fn sign_out() -> Result<(), ApiError> {
    crate::context::session()?.flush().await?;
    Ok(())
}

/// Ends every session of the viewer, this one too.
#[server]
pub async fn sign_out_everywhere() -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let person_id = cx.viewer.person_id;
    let note = note(Deed::SignedOutEverywhere, Some(person_id), &cx.viewer.email);
    cx.db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::people::sign_out_everywhere(tx, person_id).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    crate::context::session()?.flush().await?;
    Ok(())
}

#[server]
pub async fn get_invitation(token: String) -> Result<InvitationView, ApiError> {
    let state = crate::context::AppState::here()?;
    let db::people::Invitation { role, project_name, invited_by, .. } =
        db::people::invitation(&state.db, &secret(&token)).await.map_err(|error| match error {
            db::Error::NotFound => ApiError::Invalid(
                "This invitation was used, is over or was never there. Ask for a new link.".into(),
            ),
            error => error.into(),
        })?;
    Ok(InvitationView { role, project_name, invited_by })
}

/// Makes the account and signs in. The invitation is used up.
#[server]
pub async fn accept_invitation(
    token: String,
    name: String,
    email: String,
    password: String,
) -> Result<(), ApiError> {
    let state = crate::context::AppState::here()?;
    get_invitation(token.clone()).await?; // before the slow hash, so that strangers cannot keep us busy
    let hash = crate::password::hash(password).await?;
    let note = note(Deed::Joined, None, &email);
    let person_id = state
        .db
        .write(move |tx| {
            let (token, name, email, hash) = (secret(&token), name.clone(), email.clone(), hash.clone());
            let note = note.clone();
            Box::pin(async move {
                let person_id = db::people::accept(tx, &token, &name, &email, &hash).await?;
                db::audit::add(tx, &db::audit::Note { by: Some(person_id), ..note }).await?;
                Ok(person_id)
            })
        })
        .await?;
    begin(&state, person_id).await
}

#[server]
pub async fn get_reset(token: String) -> Result<ResetView, ApiError> {
    let state = crate::context::AppState::here()?;
    let (name, email) = db::resets::whose(&state.db, &secret(&token)).await?;
    Ok(ResetView { name, email })
}

/// Sets the password, ends every other session of the person, and signs in. The link is used up.
#[server]
pub async fn reset_password(token: String, password: String) -> Result<(), ApiError> {
    let state = crate::context::AppState::here()?;
    get_reset(token.clone()).await?; // before the slow hash, so that strangers cannot keep us busy
    let hash = crate::password::hash(password).await?;
    let note = note(Deed::PasswordReset, None, "");
    let person_id = state
        .db
        .write(move |tx| {
            let (token, hash, note) = (secret(&token), hash.clone(), note.clone());
            Box::pin(async move {
                let person_id = db::resets::take(tx, &token, &hash).await?;
                db::audit::add(tx, &db::audit::Note { by: Some(person_id), ..note }).await?;
                Ok(person_id)
            })
        })
        .await?;
    begin(&state, person_id).await
}

/// Another password for the viewer; every other session of theirs is over.
#[server]
pub async fn change_password(current: String, password: String) -> Result<(), ApiError> {
    use crate::context::{ClientAddress, Cx};
    let cx = Cx::signed_in().await?;
    let (email, ClientAddress(address)) = (cx.viewer.email.clone(), ClientAddress::here());
    count_try(cx.db(), &email, address).await?;
    let account = db::people::account(cx.db(), cx.viewer.person_id).await?;
    if !crate::password::is_right(current, account.password_hash).await? {
        return Err(ApiError::Invalid("The password you have now is another one: type it again.".into()));
    }
    let hash = crate::password::hash(password).await?;
    let person_id = cx.viewer.person_id;
    let note = note(Deed::PasswordChanged, Some(person_id), &email);
    cx.db()
        .write(move |tx| {
            let (email, hash, note) = (email.clone(), hash.clone(), note.clone());
            Box::pin(async move {
                db::sign_in::forget_account(tx, &email).await?;
                db::resets::set_password(tx, person_id, &hash).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    begin(&cx.state, person_id).await
}

/// What others call the viewer.
#[server]
pub async fn change_name(name: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let person_id = cx.viewer.person_id;
    let note = cx.note(Deed::NameChanged, None, format!("“{}” → “{}”", cx.viewer.name, name.trim()));
    Ok(cx
        .db()
        .write(move |tx| {
            let (name, note) = (name.clone(), note.clone());
            Box::pin(async move {
                // Before it is changed: the trail keeps the names of its time.
                db::audit::add(tx, &note).await?;
                db::people::set_name(tx, person_id, &name).await
            })
        })
        .await?)
}

/// The viewer's last fifty sign-ins, failed ones and changes of the password among them; newest first.
#[server]
pub async fn my_sign_ins() -> Result<Vec<AuditRow>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let rows = db::audit::sign_ins(cx.db(), cx.viewer.person_id, 50).await?;
    Ok(rows.into_iter().map(super::audit::shown).collect())
}

/// The form in which a link's secret is kept.
#[cfg(feature = "ssr")]
pub(crate) fn secret(token: &str) -> String {
    domain::Hash::of(token.as_bytes()).to_string()
}

/// A line for the audit trail about somebody who comes in.
#[cfg(feature = "ssr")]
fn note(deed: Deed, by: Option<domain::PersonId>, email: &str) -> db::audit::Note {
    let crate::context::ClientAddress(address) = crate::context::ClientAddress::here();
    let about = crate::context::browser_here();
    db::audit::Note { deed, by, who: email.to_owned(), project_id: None, about, address }
}

/// Signs a person in with a fresh session id, so that an id planted before is worth nothing.
#[cfg(feature = "ssr")]
async fn begin(state: &crate::context::AppState, person_id: domain::PersonId) -> Result<(), ApiError> {
    use crate::context::{key, session};
    let account = db::people::account(&state.db, person_id).await?;
    let session = session()?;
    session.cycle_id().await?;
    session.insert(key::PERSON, person_id).await?;
    session.insert(key::EPOCH, account.session_epoch).await?;
    Ok(())
}
