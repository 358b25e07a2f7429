//! What guests may do: people without an account, who come through a link. The only place that checks it: the link is there,
//! open, its password was given in this session, it shows the version and grants the act. The rights of whoever is signed in
//! in the same browser play no part, but for a preview, which shows the link to those who may make links, and writes nothing.

use db::share::Link;
use db::share::guests::Look;
use db::threads::Eyes;
use domain::project::Shot;
use domain::version::Version;
use domain::{Action, CommentId, Deed, Grant, Hash, LinkId, PersonId, Role, ShotId, ThreadId, VersionId};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use super::{AppState, ClientAddress, Cx, session};
use crate::error::ApiError;
use crate::routes::PREVIEW;

/// What a browser's session remembers of one link. Nothing of it is a right on another link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pass {
    /// Becomes the guest's id with the name.
    visitor: PersonId,
    /// The hash of the password's hash that was answered: another password asks again.
    unlocked: Option<Hash>,
}

fn key_of(link_id: LinkId) -> String {
    format!("link:{link_id}")
}

/// A link that is there and open, before its password is asked for.
#[derive(Debug, Clone)]
pub struct Door {
    state: AppState,
    session: Session,
    link: Link,
    is_preview: bool,
}

impl Door {
    /// For server functions.
    pub async fn here(token: &str) -> Result<Self, ApiError> {
        Self::find(&AppState::here()?, &session()?, token).await
    }

    /// A token that was never handed out opens nothing and says nothing. `preview-` and a link's id stands for the link to
    /// people of its project who may make links.
    pub async fn find(state: &AppState, session: &Session, token: &str) -> Result<Self, ApiError> {
        let (link, is_preview) = match token.strip_prefix(PREVIEW) {
            Some(id) => {
                let cx = Cx::from_session(state, session).await?;
                let link =
                    db::share::get(cx.db().pool(), id.parse().map_err(|_| ApiError::NotFound)?).await?;
                cx.project_at_rest(link.project_id, Action::Share).await?;
                (link, true)
            }
            None => {
                // All tokens look like this; others are not worth asking the database for.
                token.parse::<Hash>().map_err(|_| ApiError::NotFound)?;
                (db::share::by_token(&state.db, &crate::api::session::secret(token)).await?, false)
            }
        };
        if let Some(sentence) = link.state().closed() {
            return Err(ApiError::Gone(sentence.to_owned()));
        }
        Ok(Self { state: state.clone(), session: session.clone(), link, is_preview })
    }

    pub fn link_id(&self) -> LinkId {
        self.link.link_id
    }

    pub fn db(&self) -> &db::Db {
        &self.state.db
    }

    pub fn password_hash(&self) -> Option<String> {
        self.link.password_hash.clone()
    }

    async fn pass(&self) -> Result<Option<Pass>, ApiError> {
        Ok(self.session.get(&key_of(self.link.link_id)).await?)
    }

    async fn keep(&self, pass: Pass) -> Result<(), ApiError> {
        Ok(self.session.insert(&key_of(self.link.link_id), pass).await?)
    }

    /// The password was right: this session need not give it again. It gets a fresh id, so that one planted before is worth
    /// nothing.
    pub async fn unlock(&self) -> Result<(), ApiError> {
        let pass = self.pass().await?.unwrap_or(Pass { visitor: PersonId(db::new_uuid()), unlocked: None });
        self.session.cycle_id().await?;
        self.keep(Pass { unlocked: self.fingerprint(), ..pass }).await
    }

    fn fingerprint(&self) -> Option<Hash> {
        self.link.password_hash.as_ref().map(|hash| Hash::of(hash.as_bytes()))
    }

    async fn enter(self) -> Result<Guest, ApiError> {
        if self.is_preview {
            return Ok(Guest { door: self, pass: None, name: None });
        }
        let pass = self.pass().await?;
        let wanted = self.fingerprint();
        if wanted.is_some() && pass.and_then(|pass| pass.unlocked) != wanted {
            return Err(ApiError::PasswordNeeded);
        }
        let name = match pass {
            Some(pass) => db::share::guests::name(&self.state.db, self.link.link_id, pass.visitor).await?,
            None => None,
        };
        Ok(Guest { door: self, pass, name })
    }
}

/// Somebody who came through an open link and gave its password, if it has one. Having a value proves that.
#[derive(Debug, Clone)]
pub struct Guest {
    door: Door,
    /// Nothing until something was kept of the visit.
    pass: Option<Pass>,
    /// What they said they are called.
    name: Option<String>,
}

impl Guest {
    /// For server functions.
    pub async fn here(token: &str) -> Result<Self, ApiError> {
        Door::here(token).await?.enter().await
    }

    /// For routes.
    pub async fn from_session(state: &AppState, session: &Session, token: &str) -> Result<Self, ApiError> {
        Door::find(state, session, token).await?.enter().await
    }

    pub fn db(&self) -> &db::Db {
        &self.door.state.db
    }

    pub fn link(&self) -> &Link {
        &self.door.link
    }

    pub fn is_preview(&self) -> bool {
        self.door.is_preview
    }

    /// What guests of this link see of threads.
    pub fn eyes(&self) -> Eyes {
        Eyes::Guest(self.link().link_id)
    }

    /// Who they are and what they are called, once they said so.
    pub fn named(&self) -> Option<(PersonId, &str)> {
        Some((self.pass?.visitor, self.name.as_deref()?))
    }

    /// Their id for what they see of themselves; nobody's while they have no name.
    pub fn viewer(&self) -> PersonId {
        self.named().map_or(PersonId(Default::default()), |(id, _)| id)
    }

    /// What is shown as allowed. A preview shows what the client has.
    pub fn rights(&self) -> Vec<Action> {
        let grants = self.link().grants;
        let all = [
            (true, Action::ViewClientVersions),
            (grants.comment, Action::Comment),
            (grants.approve, Action::DecideVersion),
        ];
        all.into_iter().filter_map(|(on, action)| on.then_some(action)).collect()
    }

    /// Who writes, where the link grants it.
    ///
    /// # Errors
    /// Without the grant, in a preview, and before a name was given.
    pub fn author(&self, grant: Grant) -> Result<PersonId, ApiError> {
        self.granted(grant)?;
        self.writes()?;
        match self.named() {
            Some((id, _)) => Ok(id),
            None => Err(ApiError::Invalid("Say your name first, so that the others know who speaks.".into())),
        }
    }

    /// With the role that a guest's decisions are recorded with.
    pub fn voter(&self) -> Result<(PersonId, Role), ApiError> {
        Ok((self.author(Grant::Approve)?, Role::Client))
    }

    pub fn granted(&self, grant: Grant) -> Result<(), ApiError> {
        if self.link().grants.has(grant) { Ok(()) } else { Err(ApiError::NotGranted) }
    }

    /// Refuses unless files of the version may be taken away: the link grants downloads, and the version is approved.
    pub async fn may_take(&self, version: &Version) -> Result<(), ApiError> {
        self.granted(Grant::Download)?;
        let mut tx = self.db().snapshot().await?;
        if db::deliveries::is_approved(&mut tx, version.version_id).await? {
            return Ok(());
        }
        Err(ApiError::Conflict(format!(
            "Version {} is not approved, so its files are not handed out. They open here once the studio approves it.",
            version.n
        )))
    }

    /// A preview keeps nothing.
    pub fn writes(&self) -> Result<(), ApiError> {
        if self.is_preview() {
            return Err(ApiError::Invalid(
                "This is a preview of what the client sees: nothing is sent from it.".into(),
            ));
        }
        Ok(())
    }

    /// The version, if the link shows it; without its decisions.
    pub async fn version(&self, version_id: VersionId) -> Result<Version, ApiError> {
        if !db::share::shows(self.db().pool(), self.link().link_id, version_id).await? {
            return Err(ApiError::NotFound);
        }
        Ok(db::versions::get(self.db().pool(), version_id).await?)
    }

    /// The shot and what the link shows of it, newest first.
    pub async fn shot(&self, shot_id: ShotId) -> Result<(Shot, Vec<Version>), ApiError> {
        let shown = db::share::shown(self.db(), self.link().link_id).await?;
        let shown: Vec<VersionId> =
            shown.into_iter().filter(|s| s.shot_id == shot_id).map(|s| s.version_id).collect();
        if shown.is_empty() {
            return Err(ApiError::NotFound);
        }
        let shot = db::shots::get(self.db().pool(), shot_id).await?;
        let mut versions = db::versions::list(self.db(), shot_id, false).await?;
        versions.retain(|version| shown.contains(&version.version_id));
        Ok((shot, versions))
    }

    /// The shots before and after one in the order of the link.
    pub async fn neighbours(&self, shot_id: ShotId) -> Result<(Option<ShotId>, Option<ShotId>), ApiError> {
        let mut shots: Vec<ShotId> = Vec::new();
        for shown in db::share::shown(self.db(), self.link().link_id).await? {
            if !shots.contains(&shown.shot_id) {
                shots.push(shown.shot_id);
            }
        }
        let at = shots.iter().position(|id| *id == shot_id).ok_or(ApiError::NotFound)?;
        Ok((at.checked_sub(1).map(|before| shots[before]), shots.get(at + 1).copied()))
    }

    /// The thread, if it is for clients and about the whole of a shot that the link shows, or about a version that it shows.
    pub async fn thread(&self, thread_id: ThreadId) -> Result<db::threads::Row, ApiError> {
        let thread = db::threads::get(self.db().pool(), thread_id).await?;
        self.shot(thread.shot_id).await?;
        let is_seen = db::threads::is_seen(self.db(), thread_id, self.eyes()).await?;
        if is_seen { Ok(thread) } else { Err(ApiError::NotFound) }
    }

    /// The thread that a comment is in.
    pub async fn comment(&self, comment_id: CommentId) -> Result<db::threads::Row, ApiError> {
        let thread_id = db::threads::of_comment(self.db().pool(), comment_id).await?;
        self.thread(thread_id).await
    }

    /// Gives this browser's visitor a name; the guest's id.
    pub async fn join(&self, name: String) -> Result<PersonId, ApiError> {
        self.writes()?;
        let grants = self.link().grants;
        if !(grants.comment || grants.approve) {
            return Err(ApiError::NotGranted);
        }
        if let Some((id, _)) = self.named() {
            return Ok(id); // a second tab was faster
        }
        let (link_id, pass) = (self.link().link_id, self.visit().await?);
        self.db()
            .write(move |tx| {
                let name = name.clone();
                Box::pin(async move { db::share::guests::join(tx, link_id, pass.visitor, &name).await })
            })
            .await?;
        Ok(pass.visitor)
    }

    async fn visit(&self) -> Result<Pass, ApiError> {
        match self.pass {
            Some(pass) => Ok(pass),
            None => {
                let pass = Pass { visitor: PersonId(db::new_uuid()), unlocked: None };
                self.door.keep(pass).await?;
                Ok(pass)
            }
        }
    }

    /// Keeps that the version was looked at. Never of a preview.
    pub async fn looked(&self, version_id: VersionId) -> Result<(), ApiError> {
        if self.is_preview() {
            return Ok(());
        }
        let (link_id, visitor, look) = (self.link().link_id, self.visit().await?.visitor, Look::Seen);
        let keep = self
            .db()
            .write(move |tx| Box::pin(db::share::guests::opened(tx, link_id, visitor, version_id, look)))
            .await;
        Ok(keep?)
    }

    /// Keeps that a file of the version was taken away, in the audit trail too: once, however many pieces it came in and whichever
    /// came first. Never of a preview.
    pub async fn took(
        &self,
        version_id: VersionId,
        what: String,
        ClientAddress(address): ClientAddress,
    ) -> Result<(), ApiError> {
        if self.is_preview() {
            return Ok(());
        }
        let Link { link_id, project_id, name, .. } = self.link();
        let link_id = *link_id;
        // A program that keeps no cookies would be another visitor with every piece.
        let visitor = self.pass.map(|pass| pass.visitor);
        let fresh = Pass { visitor: PersonId(db::new_uuid()), unlocked: None };
        let note = db::audit::Note {
            deed: Deed::PackageTaken,
            by: visitor,
            who: "a guest".to_owned(),
            project_id: Some(*project_id),
            about: format!("{what}, through the link “{name}”"),
            address,
        };
        let is_first = self
            .db()
            .write(move |tx| {
                let note = note.clone();
                Box::pin(async move {
                    let is_first = db::audit::add_once(tx, &note).await?;
                    if is_first {
                        let by = visitor.unwrap_or(fresh.visitor);
                        db::share::guests::opened(tx, link_id, by, version_id, Look::Downloaded).await?;
                    }
                    Ok(is_first)
                })
            })
            .await?;
        if is_first && visitor.is_none() {
            self.door.keep(fresh).await?;
        }
        Ok(())
    }
}
