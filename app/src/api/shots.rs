//! One shot: everything its workspace shows, and the brief (targets, words, causes).

use domain::cause::CausesReview;
use domain::policy::has_approved;
use domain::project::Shot;
use domain::proposal::Reasoning;
use domain::version::{Decision, Quadmask, Version};
use domain::{
    Action, ApprovalPolicy, Assignee, Cause, CauseId, FindingId, Grid, PersonId, Progress, ProjectId,
    QuadmaskId, Recipe, SaidColour, SequenceId, ShotId, Target, TargetId, Trim, Words,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::deliveries::Deliveries;
use super::draft::DraftView;
use super::engines::Engines;
use super::work::Work;
use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotView {
    pub shot: Shot,
    pub project_id: ProjectId,
    pub project_name: String,
    pub first_frame: u32,
    pub policy: ApprovalPolicy,
    /// Known once the plate is read.
    pub grid: Option<Grid>,
    pub targets: Vec<Target>,
    pub words: Words,
    pub causes: Vec<Cause>,
    /// What the built-in reasoner proposed; `None`: it never looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// What was found by words last; read with [`super::finding::get_finding`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingId>,
    /// How the causes stand, where the project has them approved before the quadmask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes_review: Option<CausesReview>,
    pub draft: DraftView,
    /// Newest first.
    pub quadmasks: Vec<Quadmask>,
    /// Newest first.
    pub versions: Vec<Version>,
    /// The newest job of this shot, open or just over; packages are beside it.
    pub job: Option<Progress>,
    /// What the newest run was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Recipe>,
    #[serde(default)]
    pub engines: Engines,
    /// Who works on it until when; `None`: not the viewer's business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// Who can be assigned, for those who may assign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Assignee>,
    pub deliveries: Deliveries,
    /// Everybody only reads.
    pub is_archived: bool,
    /// What the viewer may do here.
    pub may: Vec<Action>,
    pub viewer: PersonId,
    /// Names of the shots before and after in the board's order, for ↑ ↓.
    pub previous: Option<ShotId>,
    pub next: Option<ShotId>,
}

impl ShotView {
    /// Whether the viewer has nothing to approve again among the decisions about one thing.
    pub fn has_approved(&self, decisions: &[Decision]) -> bool {
        has_approved(decisions.iter().map(|said| (said.person_id, said.verdict)), self.viewer)
    }

    /// Whether decisions about a quadmask, or about results of it, are about an older state: another quadmask came after it, or
    /// what it was made of was changed since.
    pub fn is_stale(&self, quadmask_id: QuadmaskId) -> bool {
        let newer = self.quadmasks.iter().position(|quadmask| quadmask.quadmask_id == quadmask_id);
        newer.is_some_and(|newer| newer > 0 || self.draft.is_changed)
    }
}

/// Clients get only client-visible versions; everything else of theirs is empty.
#[server]
pub async fn get_shot(shot_id: ShotId) -> Result<ShotView, ApiError> {
    use domain::Role;
    let cx = crate::context::Cx::signed_in().await?;
    let mut shot = cx.shot(shot_id, Action::ViewClientVersions).await?;
    let project = db::projects::get(cx.db().pool(), shot.project_id).await?;
    let client = cx.is_client();
    let may = cx.rights_in(&project);
    let consent = project.outside.clone();
    let causes_review = if client { None } else { db::causes::review(cx.db(), &project, shot_id).await? };
    let (clients_apart, is_archived) = (project.sharing.clients_apart, project.is_archived());
    let grid = shot.facts.as_ref().map(|facts| Grid::of(facts.width(), facts.height()));
    // A hash per frame is for proofs, not for pages.
    if let Some(facts) = &mut shot.facts {
        facts.frame_hashes.clear();
    }
    let (previous, next) = db::board::neighbours(cx.db(), shot_id, client).await?;
    let mut view = ShotView {
        project_id: project.project_id,
        project_name: project.name,
        first_frame: project.first_frame,
        policy: project.policy,
        grid,
        targets: Vec::new(),
        words: Words::default(),
        causes: Vec::new(),
        reasoning: None,
        finding: None,
        causes_review: None,
        draft: DraftView::default(),
        quadmasks: Vec::new(),
        versions: db::versions::list(cx.db(), shot_id, client).await?,
        job: None,
        run: None,
        engines: Engines::default(),
        work: None,
        people: Vec::new(),
        deliveries: Deliveries::default(),
        is_archived,
        may,
        viewer: cx.viewer.person_id,
        previous,
        next,
        shot,
    };
    if client {
        view.policy = ApprovalPolicy::default();
        view.shot.phase = super::projects::phase_for_clients(view.shot.phase);
        view.shot.problem = None;
        view.shot.file_name = String::new();
        view.shot.editor = None;
        if let Some(facts) = &mut view.shot.facts {
            facts.notes.clear();
        }
        for version in &mut view.versions {
            version.recipe = serde_json::Value::Null;
            version.author = domain::PersonId(Default::default());
            version.approved_at = None;
            let me = cx.viewer.person_id;
            version.model_output = None;
            let told = |made_by: domain::version::MadeBy| {
                super::shared::networks(made_by.pass, made_by.is_test_model, made_by.is_preview)
            };
            version.made_by = version.made_by.take().map(told);
            version.decisions.retain(|decision| {
                decision.role == Role::Client && (!clients_apart || decision.person_id == me)
            });
        }
        return Ok(view);
    }
    view.work = Some(super::work::work_on(&cx, shot_id, view.shot.phase).await?);
    if view.may.contains(&Action::Assign) {
        view.people = db::assignments::people(cx.db().pool(), view.project_id).await?;
    }
    view.targets = db::brief::targets(cx.db().pool(), shot_id).await?;
    view.words = db::brief::words(cx.db().pool(), shot_id).await?;
    view.causes = db::brief::causes(cx.db().pool(), shot_id).await?;
    view.reasoning = db::proposals::of_shot(cx.db(), shot_id).await?;
    view.finding = db::finding::newest(cx.db().pool(), shot_id).await?;
    view.causes_review = causes_review;
    view.draft = super::draft::draft_view(&cx, shot_id).await?;
    view.quadmasks = db::quadmasks::list(cx.db(), shot_id).await?;
    view.deliveries = Deliveries::of_shot(cx.db(), shot_id, &view.versions).await?;
    if let Some(run_id) = db::runs::newest(cx.db(), shot_id).await? {
        view.run = Some(db::runs::get(cx.db().pool(), run_id).await?.recipe);
    }
    view.engines = Engines::now(&cx).await?;
    // Nobody is shown what they may not ask.
    view.engines.outside = super::outside::allowed(consent.as_ref(), view.engines.outside.take());
    view.job = jobs::latest_of_shots(cx.db(), &[shot_id], false).await?.remove(&shot_id);
    Ok(view)
}

#[server]
pub async fn rename_shot(shot_id: ShotId, name: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, Action::Upload).await?;
    let note = cx.note(
        domain::Deed::ShotRenamed,
        Some(shot.project_id),
        format!("“{}” → “{}”", shot.name, name.trim()),
    );
    cx.db()
        .write(move |tx| {
            let (name, note) = (name.clone(), note.clone());
            Box::pin(async move {
                db::shots::rename(tx, shot_id, &name).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?;
    Ok(())
}

#[server]
pub async fn set_sequence(shot_id: ShotId, sequence_id: Option<SequenceId>) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::Upload).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::shots::set_sequence(tx, shot_id, sequence_id))).await?)
}

#[server]
pub async fn retry_ingest(shot_id: ShotId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::Upload).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::shots::retry_ingest(tx, shot_id))).await?)
}

/// Makes the shot a part of what it is now (frames from 0), or all of its plate again; it is read once more.
#[server(input = server_fn::codec::Json)]
pub async fn trim_shot(shot_id: ShotId, part: Option<Trim>) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::Upload).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::shots::trim(tx, shot_id, part))).await?)
}

/// Says how the plate's samples are coded where its file does not, or that what is assumed is right (`None`); it is read once
/// more.
#[server(input = server_fn::codec::Json)]
pub async fn say_colour(shot_id: ShotId, said: Option<SaidColour>) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::Upload).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::shots::say_colour(tx, shot_id, said))).await?)
}

/// A new shot from a part of this one (frames from 0), on the same plate.
#[server(input = server_fn::codec::Json)]
pub async fn cut_shot(shot_id: ShotId, part: Trim) -> Result<ShotId, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::Upload).await?;
    let person_id = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::shots::cut(tx, shot_id, person_id, part))).await?.shot_id)
}

/// A new target with a name and the next colour.
#[server]
pub async fn add_target(shot_id: ShotId, name: String) -> Result<Target, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let by = cx.viewer.person_id;
    let done = cx
        .db()
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move { db::brief::add_target(tx, shot_id, by, &name).await })
        })
        .await?;
    Ok(done)
}

/// Name, colour, points and boxes of a target that exists.
#[server(input = server_fn::codec::Json)]
pub async fn save_target(shot_id: ShotId, target: Target) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let by = cx.viewer.person_id;
    cx.db()
        .write(move |tx| {
            let target = target.clone();
            Box::pin(async move { db::brief::save_target(tx, shot_id, by, &target).await })
        })
        .await?;
    Ok(())
}

#[server]
pub async fn delete_target(shot_id: ShotId, target_id: TargetId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let by = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::brief::delete_target(tx, shot_id, by, target_id))).await?)
}

#[server(input = server_fn::codec::Json)]
pub async fn save_words(shot_id: ShotId, words: Words) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    cx.db()
        .write(move |tx| {
            let words = words.clone();
            Box::pin(async move { db::brief::save_words(tx, shot_id, &words).await })
        })
        .await?;
    Ok(())
}

/// A new cause; consequence `vanish` until changed.
#[server]
pub async fn add_cause(shot_id: ShotId, name: String) -> Result<Cause, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let by = cx.viewer.person_id;
    let done = cx
        .db()
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move { db::brief::add_cause(tx, shot_id, by, &name).await })
        })
        .await?;
    Ok(done)
}

/// Name, reason, consequence and path of a cause that exists. Its cells change only through [`set_cells`].
#[server(input = server_fn::codec::Json)]
pub async fn save_cause(shot_id: ShotId, cause: Cause) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let by = cx.viewer.person_id;
    cx.db()
        .write(move |tx| {
            let cause = cause.clone();
            Box::pin(async move { db::brief::save_cause(tx, shot_id, by, &cause).await })
        })
        .await?;
    Ok(())
}

#[server]
pub async fn delete_cause(shot_id: ShotId, cause_id: CauseId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let by = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::brief::delete_cause(tx, shot_id, by, cause_id))).await?)
}

/// Turns grid cells `[row, col]` of a cause on or off over frames `from..=to`.
#[server(input = server_fn::codec::Json)]
pub async fn set_cells(
    shot_id: ShotId,
    cause_id: CauseId,
    cells: Vec<(u32, u32)>,
    on: bool,
    from: u32,
    to: u32,
) -> Result<Cause, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::EditShot).await?;
    let person_id = cx.viewer.person_id;
    let cause = cx
        .db()
        .write(move |tx| {
            let cells = cells.clone();
            Box::pin(async move {
                db::draft::hold(tx, shot_id, person_id, false).await?;
                db::brief::set_cells(tx, shot_id, person_id, cause_id, &cells, on, (from, to)).await
            })
        })
        .await?;
    Ok(cause)
}
