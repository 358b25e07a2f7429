//! Who is asking and what they may touch. The only place that checks rights: role and membership together; those of guests,
//! who come through a link, are in [`guest`].
//!
//! A project, shot, version or job of somebody else's project answers [`ApiError::NotFound`], so that nothing about it
//! leaks; one's own, with a role that does not allow the action, answers [`ApiError::Forbidden`].

pub mod guest;

use axum::http::request::Parts;
use db::Db;
use domain::project::{Project, Shot};
use domain::version::Version;
use domain::{
    Action, CommentId, JobId, LinkId, Person, Progress, ProjectId, QuadmaskId, SequenceId, ShotId, ThreadId,
    VersionId, may,
};
use leptos::prelude::use_context;
use storage::Store;
use tower_sessions::Session;

use crate::error::ApiError;

/// What every server function and route can reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub db: Db,
    pub store: Store,
    /// Links are built from it; no slash at the end.
    pub public_url: String,
    /// Weights of networks on this machine.
    pub models: models::Room,
    /// Where the server itself answers.
    pub listening: domain::reach::Listening,
}

impl AppState {
    /// What the server put into the context of this request.
    pub fn here() -> Result<Self, ApiError> {
        use_context().ok_or_else(|| {
            tracing::error!("A server function ran without AppState in its context");
            ApiError::Internal
        })
    }

    pub fn queue(&self) -> jobs::Queue {
        jobs::Queue::new(self.db.clone())
    }
}

/// Where a request came from, as the server saw it: an extension of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

impl ClientAddress {
    pub(crate) fn here() -> Self {
        let parts: Option<Parts> = use_context();
        parts.and_then(|parts| parts.extensions.get::<Self>().cloned()).unwrap_or(Self("unknown".into()))
    }
}

/// What the browser calls itself, in words a person knows.
pub(crate) fn browser_here() -> String {
    let parts: Option<Parts> = use_context();
    let agent = parts.and_then(|parts| {
        parts.headers.get(axum::http::header::USER_AGENT)?.to_str().ok().map(str::to_owned)
    });
    domain::audit::browser(agent.as_deref().unwrap_or_default())
}

fn archived() -> ApiError {
    ApiError::Conflict(domain::project::ARCHIVED.to_owned())
}

/// Keys in the session's record.
pub(crate) mod key {
    pub const PERSON: &str = "person_id";
    pub const EPOCH: &str = "session_epoch";
}

/// The sign-in session of this request.
pub(crate) fn session() -> Result<Session, ApiError> {
    let parts: Option<Parts> = use_context();
    parts.and_then(|parts| parts.extensions.get::<Session>().cloned()).ok_or_else(|| {
        tracing::error!("A server function ran without a session layer");
        ApiError::Internal
    })
}

/// A signed-in person and what they can reach. Having a value proves that somebody is signed in.
#[derive(Debug, Clone)]
pub struct Cx {
    pub state: AppState,
    pub viewer: Person,
}

impl Cx {
    /// For server functions.
    pub async fn signed_in() -> Result<Self, ApiError> {
        Self::from_session(&AppState::here()?, &session()?).await
    }

    /// For routes. A deactivated person and a session from before “sign out everywhere” are signed out.
    pub async fn from_session(state: &AppState, session: &Session) -> Result<Self, ApiError> {
        let person_id = session.get(key::PERSON).await?.ok_or(ApiError::SignedOut)?;
        let epoch: i64 = session.get(key::EPOCH).await?.ok_or(ApiError::SignedOut)?;
        match db::people::account(&state.db, person_id).await {
            Ok(account) if account.person.active && account.session_epoch == epoch => {
                Ok(Self { state: state.clone(), viewer: account.person })
            }
            Ok(_) | Err(db::Error::NotFound) => Err(ApiError::SignedOut),
            Err(error) => Err(error.into()),
        }
    }

    pub fn db(&self) -> &Db {
        &self.state.db
    }

    /// Clients see only what is shown to them.
    pub fn is_client(&self) -> bool {
        !may(self.viewer.role, Action::ViewShot)
    }

    /// A line for the audit trail about what the viewer does.
    pub(crate) fn note(
        &self,
        deed: domain::Deed,
        project_id: Option<ProjectId>,
        about: impl Into<String>,
    ) -> db::audit::Note {
        self.note_from(deed, project_id, about.into(), ClientAddress::here())
    }

    fn note_from(
        &self,
        deed: domain::Deed,
        project_id: Option<ProjectId>,
        about: String,
        ClientAddress(address): ClientAddress,
    ) -> db::audit::Note {
        let (by, who) = (Some(self.viewer.person_id), self.viewer.name.clone());
        db::audit::Note { deed, by, who, project_id, about, address }
    }

    /// For routes: a line in the audit trail about what the viewer takes away of a project.
    pub async fn takes(
        &self,
        deed: domain::Deed,
        project_id: ProjectId,
        about: String,
        from: ClientAddress,
    ) -> Result<(), ApiError> {
        let note = self.note_from(deed, Some(project_id), about, from);
        let keep = self.db().write(move |tx| {
            let note = note.clone();
            Box::pin(async move { db::audit::add(tx, &note).await })
        });
        Ok(keep.await?)
    }

    /// As [`Self::takes`], of a delivered file, which may come in pieces: they are one line, whichever came first.
    pub async fn downloads(
        &self,
        project_id: ProjectId,
        about: String,
        from: ClientAddress,
    ) -> Result<(), ApiError> {
        let note = self.note_from(domain::Deed::PackageTaken, Some(project_id), about, from);
        let keep = self.db().write(move |tx| {
            let note = note.clone();
            Box::pin(async move { db::audit::add_once(tx, &note).await })
        });
        keep.await?;
        Ok(())
    }

    /// By role alone: for what belongs to no project.
    pub fn allowed(&self, action: Action) -> Result<(), ApiError> {
        if may(self.viewer.role, action) { Ok(()) } else { Err(ApiError::Forbidden) }
    }

    /// Projects the viewer may see.
    pub async fn project_ids(&self) -> Result<Vec<ProjectId>, ApiError> {
        Ok(if may(self.viewer.role, Action::SeeEveryProject) {
            db::projects::all_ids(self.db()).await?
        } else {
            db::projects::ids_of(self.db(), self.viewer.person_id).await?
        })
    }

    async fn sees_project(&self, project_id: ProjectId) -> Result<(), ApiError> {
        let sees = may(self.viewer.role, Action::SeeEveryProject)
            || db::projects::is_member(self.db(), project_id, self.viewer.person_id).await?;
        if sees { Ok(()) } else { Err(ApiError::NotFound) }
    }

    /// The project, if it is the viewer's and the role allows `action` in it. One that is archived is only read.
    pub async fn project(&self, project_id: ProjectId, action: Action) -> Result<Project, ApiError> {
        let project = self.project_at_rest(project_id, action).await?;
        if project.may(self.viewer.role, action) { Ok(project) } else { Err(archived()) }
    }

    /// As [`Self::project`], for looking at what only those with the right may look at: archived ones too.
    pub async fn project_at_rest(&self, project_id: ProjectId, action: Action) -> Result<Project, ApiError> {
        self.sees_project(project_id).await?;
        let project = db::projects::get(self.db().pool(), project_id).await?;
        if project.sharing.may(self.viewer.role, action) { Ok(project) } else { Err(ApiError::Forbidden) }
    }

    /// What the viewer may do in the project as it stands now.
    pub fn rights_in(&self, project: &Project) -> Vec<Action> {
        Action::ALL.into_iter().filter(|&action| project.may(self.viewer.role, action)).collect()
    }

    /// Refuses what changes something of a project that is archived.
    pub async fn not_archived(&self, project_id: ProjectId, action: Action) -> Result<(), ApiError> {
        if !action.changes() {
            return Ok(());
        }
        let project = db::projects::get(self.db().pool(), project_id).await?;
        if project.is_archived() { Err(archived()) } else { Ok(()) }
    }

    /// The sequence must belong to the project.
    pub async fn sequence(&self, project_id: ProjectId, sequence_id: SequenceId) -> Result<(), ApiError> {
        let is_there = db::projects::has_sequence(self.db().pool(), project_id, sequence_id).await?;
        if is_there { Ok(()) } else { Err(ApiError::NotFound) }
    }

    /// The shot, if it lies in a project of the viewer's and the role allows `action`. A client sees shots with a
    /// version shown to clients.
    pub async fn shot(&self, shot_id: ShotId, action: Action) -> Result<Shot, ApiError> {
        let shot = db::shots::get(self.db().pool(), shot_id).await?;
        self.sees_project(shot.project_id).await?;
        if self.is_client() && !db::board::is_shown_to_clients(self.db(), shot_id).await? {
            return Err(ApiError::NotFound);
        }
        self.allowed(action)?;
        self.not_archived(shot.project_id, action).await?;
        Ok(shot)
    }

    /// Several shots, all of them or the first refusal.
    pub async fn shots(&self, shots: &[ShotId], action: Action) -> Result<(), ApiError> {
        if shots.len() > domain::work::MOST_SHOTS {
            return Err(ApiError::Invalid(format!(
                "Choose at most {} shots, and the others after these.",
                domain::work::MOST_SHOTS
            )));
        }
        for shot_id in shots {
            self.shot(*shot_id, action).await?;
        }
        if shots.is_empty() { self.allowed(action) } else { Ok(()) }
    }

    /// What the viewer sees of threads.
    pub fn eyes(&self) -> db::threads::Eyes {
        db::threads::Eyes::of(self.viewer.person_id, self.viewer.role)
    }

    /// The viewer as a reader of what is kept over all projects.
    pub fn reader<'a>(&self, projects: &'a [ProjectId]) -> db::inbox::Reader<'a> {
        db::inbox::Reader { person_id: self.viewer.person_id, role: self.viewer.role, projects }
    }

    /// The shot of a quadmask.
    pub async fn quadmask(&self, quadmask_id: QuadmaskId, action: Action) -> Result<Shot, ApiError> {
        let row = db::quadmasks::get(self.db().pool(), quadmask_id).await?;
        self.shot(row.shot_id, action).await
    }

    /// The version, without its decisions. Clients see those shown to them.
    pub async fn version(&self, version_id: VersionId, action: Action) -> Result<Version, ApiError> {
        let version = db::versions::get(self.db().pool(), version_id).await?;
        self.shot(version.shot_id, action).await?;
        if self.is_client() && !version.client_visible {
            return Err(ApiError::NotFound);
        }
        Ok(version)
    }

    /// The comment thread and its shot. Clients see those shown to them, and nothing of the others.
    pub async fn thread(
        &self,
        thread_id: ThreadId,
        action: Action,
    ) -> Result<(db::threads::Row, Shot), ApiError> {
        let thread = db::threads::get(self.db().pool(), thread_id).await?;
        let shot = self.shot(thread.shot_id, Action::ViewClientVersions).await?;
        // Before the role: a refusal would say that the thread is there.
        if self.is_client() && !db::threads::is_seen(self.db(), thread_id, self.eyes()).await? {
            return Err(ApiError::NotFound);
        }
        self.allowed(action)?;
        self.not_archived(shot.project_id, action).await?;
        Ok((thread, shot))
    }

    /// The thread that a comment is in.
    pub async fn comment(&self, comment_id: CommentId, action: Action) -> Result<db::threads::Row, ApiError> {
        let thread_id = db::threads::of_comment(self.db().pool(), comment_id).await?;
        Ok(self.thread(thread_id, action).await?.0)
    }

    /// A link of one of the viewer's projects, for those who make links.
    pub async fn link(&self, link_id: LinkId, action: Action) -> Result<db::share::Link, ApiError> {
        let link = db::share::get(self.db().pool(), link_id).await?;
        self.project(link.project_id, action).await?;
        Ok(link)
    }

    /// A job of one of the viewer's projects.
    pub async fn job(&self, job_id: JobId, action: Action) -> Result<Progress, ApiError> {
        let job = self.state.queue().get(job_id).await?;
        if let Some(project_id) = job.project_id {
            self.sees_project(project_id).await?;
            // What is in the bin is not there, nor is its work.
            db::projects::get(self.db().pool(), project_id).await?;
        }
        if self.is_client() {
            return Err(ApiError::NotFound);
        }
        if let Some(shot_id) = job.shot_id
            && db::board::names(self.db(), &[shot_id]).await?.is_empty()
        {
            return Err(ApiError::NotFound);
        }
        self.allowed(action)?;
        if let Some(project_id) = job.project_id {
            self.not_archived(project_id, action).await?;
        }
        Ok(job)
    }

    /// Refuses while the shot is read-only or somebody else is editing its draft.
    pub async fn may_edit_draft(&self, shot: &Shot) -> Result<(), ApiError> {
        if !shot.phase.is_editable() {
            return Err(ApiError::Conflict(format!(
                "“{}”: the quadmask is read-only. Re-open the quadmask first.",
                shot.phase.status().word
            )));
        }
        match db::draft::state(self.db().pool(), shot.shot_id).await?.editor {
            Some((id, name)) if id != self.viewer.person_id => Err(ApiError::Conflict(format!(
                "{name} is editing this quadmask. Press “Take over” to edit it yourself."
            ))),
            _ => Ok(()),
        }
    }
}
