//! Links for people without an account, for those who may make them: make, list, renew, withdraw.

use domain::{Grants, LinkId, LinkState, ProjectId, ShotId, VersionId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharesView {
    /// Newest first.
    pub links: Vec<LinkView>,
    /// Every version of the project: what a link could show. By shot, newest first.
    pub versions: Vec<Shareable>,
    /// Who can open links of this server, in words.
    pub reach: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shareable {
    pub version_id: VersionId,
    pub n: u32,
    pub shot_id: ShotId,
    pub shot_name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkView {
    pub link_id: LinkId,
    pub name: String,
    pub grants: Grants,
    pub has_password: bool,
    pub state: LinkState,
    /// Microseconds UTC, as are the others.
    pub expires_at: Option<i64>,
    pub created_by: String,
    pub created_at: i64,
    pub versions: Vec<Shareable>,
    /// Names that were given, and when.
    pub guests: Vec<(String, i64)>,
    /// Newest first.
    pub openings: Vec<OpeningView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpeningView {
    /// `None`: gave no name.
    pub who: Option<String>,
    pub version_id: VersionId,
    /// Taken away rather than looked at.
    pub is_download: bool,
    pub first_at: i64,
    pub last_at: i64,
    pub times: u32,
}

/// The project's links, what could be shared, and who could open it.
#[server]
pub async fn get_shares(project_id: ProjectId) -> Result<SharesView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.project_at_rest(project_id, domain::Action::Share).await?;
    let shareable = |shown: db::share::Shown| Shareable {
        version_id: shown.version_id,
        n: shown.n,
        shot_id: shown.shot_id,
        shot_name: shown.shot_name,
    };
    let links = db::share::list(cx.db(), project_id).await?.into_iter().map(|listed| {
        let db::share::Listed { link, created_by, versions, guests, openings } = listed;
        let openings = openings.into_iter().map(|o| OpeningView {
            who: o.who,
            version_id: o.version_id,
            is_download: o.look == db::share::guests::Look::Downloaded,
            first_at: o.first_at,
            last_at: o.last_at,
            times: o.times,
        });
        LinkView {
            link_id: link.link_id,
            state: link.state(),
            name: link.name,
            grants: link.grants,
            has_password: link.password_hash.is_some(),
            expires_at: link.expires_at,
            created_by,
            created_at: link.created_at,
            versions: versions.into_iter().map(shareable).collect(),
            guests,
            openings: openings.collect(),
        }
    });
    let links = links.collect();
    let versions = db::share::versions_of(cx.db(), project_id).await?.into_iter().map(shareable).collect();
    let reach = domain::reach::Reach::of(&cx.state.public_url, cx.state.listening).sentence();
    Ok(SharesView { links, versions, reach })
}

/// Makes a link and answers its address, which is kept nowhere: built from the public address, never from what the request
/// says. Without a password whoever has the address can open it; without days it is open until it is withdrawn.
#[server(input = server_fn::codec::Json)]
pub async fn create_link(
    project_id: ProjectId,
    name: String,
    versions: Vec<VersionId>,
    grants: Grants,
    password: Option<String>,
    days: Option<u32>,
) -> Result<String, ApiError> {
    use domain::share::{MOST_DAYS, MOST_VERSIONS, SHORTEST_PASSWORD};
    let cx = crate::context::Cx::signed_in().await?;
    cx.project(project_id, domain::Action::Share).await?;
    if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        return Err(ApiError::Invalid(format!(
            "A link that ends is open for 1 to {MOST_DAYS} days: choose another number, or let it have no end."
        )));
    }
    if versions.len() > MOST_VERSIONS {
        return Err(ApiError::Invalid(format!(
            "A link shows at most {MOST_VERSIONS} versions, these are {}: make two links.",
            versions.len()
        )));
    }
    let password_hash = match password.filter(|password| !password.is_empty()) {
        Some(password) => Some(crate::password::hash_of(password, SHORTEST_PASSWORD).await?),
        None => None,
    };
    let token = domain::Hash::from_digest(rand::random()).to_string();
    let new = db::share::New {
        project_id,
        name,
        token_hash: super::session::secret(&token),
        grants,
        password_hash,
        expires_at: days.map(|days| db::now() + i64::from(days) * 24 * 3600 * 1_000_000),
        versions,
    };
    let by = cx.viewer.person_id;
    let note = cx.note(domain::Deed::LinkMade, Some(project_id), new.name.clone());
    let link_id = cx
        .db()
        .write(move |tx| {
            let (new, note) = (new.clone(), note.clone());
            Box::pin(async move {
                let link_id = db::share::create(tx, &new, by).await?;
                db::audit::add(tx, &note).await?;
                Ok(link_id)
            })
        })
        .await?;
    tracing::info!(link.id = %link_id, "A link was made");
    Ok(address(&cx, &token))
}

#[cfg(feature = "ssr")]
fn address(cx: &crate::context::Cx, token: &str) -> String {
    format!("{}{}", cx.state.public_url, crate::routes::href::share(token, None))
}

/// Changes what a link allows; `days` from now until it ends, 0: open until it is withdrawn, `None`: its end stays. One that has
/// expired opens again with a later end. `password`: another one, empty: none any more, `None`: it stays; with another one
/// whoever is inside is asked for it.
#[server(input = server_fn::codec::Json)]
pub async fn change_link(
    link_id: LinkId,
    grants: Grants,
    days: Option<u32>,
    password: Option<String>,
) -> Result<(), ApiError> {
    use db::share::{Change, Password, Until};
    use domain::share::{MOST_DAYS, SHORTEST_PASSWORD};
    let cx = crate::context::Cx::signed_in().await?;
    let link = cx.link(link_id, domain::Action::Share).await?;
    let until = match days {
        None => Until::Kept,
        Some(0) => Until::Set(None),
        Some(days) if days <= MOST_DAYS => {
            Until::Set(Some(db::now() + i64::from(days) * 24 * 3600 * 1_000_000))
        }
        Some(_) => {
            return Err(ApiError::Invalid(format!(
                "A link that ends is open for 1 to {MOST_DAYS} days: choose another number, or let it have no end."
            )));
        }
    };
    let end = match days {
        None => String::new(),
        Some(0) => ", without end".to_owned(),
        Some(1) => ", for one day".to_owned(),
        Some(days) => format!(", for {days} days"),
    };
    let (password, lock) = match password {
        None => (Password::Kept, ""),
        Some(none) if none.is_empty() => (Password::Set(None), ", without a password"),
        Some(password) => {
            let hash = crate::password::hash_of(password, SHORTEST_PASSWORD).await?;
            (Password::Set(Some(hash)), ", with another password")
        }
    };
    let about = format!("{}: {}{end}{lock}", link.name, grants.words());
    let note = cx.note(domain::Deed::LinkChanged, Some(link.project_id), about);
    let change = Change { grants, until, password };
    Ok(cx
        .db()
        .write(move |tx| {
            let (change, note) = (change.clone(), note.clone());
            Box::pin(async move {
                db::share::change(tx, link_id, &change).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

/// Another address for a link whose address was lost; the one before opens nothing any more.
#[server]
pub async fn renew_link(link_id: LinkId) -> Result<String, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let link = cx.link(link_id, domain::Action::Share).await?;
    let note = cx.note(domain::Deed::LinkRenewed, Some(link.project_id), link.name);
    let token = domain::Hash::from_digest(rand::random()).to_string();
    let token_hash = super::session::secret(&token);
    cx.db()
        .write(move |tx| {
            let (token_hash, note) = (token_hash.clone(), note.clone());
            Box::pin(async move {
                db::share::renew(tx, link_id, &token_hash).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    Ok(address(&cx, &token))
}

/// Takes a link back, for good; of an archived project too.
#[server]
pub async fn revoke_link(link_id: LinkId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let link = cx.link(link_id, domain::Action::Withdraw).await?;
    let note = cx.note(domain::Deed::LinkWithdrawn, Some(link.project_id), link.name);
    let by = cx.viewer.person_id;
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::share::revoke(tx, link_id, by).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}
