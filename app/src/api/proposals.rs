//! What a reasoner proposes as affected: looking, and deciding on what it found.

use domain::outside::Reasoner;
use domain::proposal::Accepted;
use domain::{JobId, ProposalId, ShotId};
use leptos::prelude::*;

use crate::error::ApiError;

/// Looks for what else changes when the target goes. Needs a primary mask; a model outside needs that the project allows it.
/// `None`: the last search looked at just this, and nothing is done.
#[server]
pub async fn look_for_affected(shot_id: ShotId, by: Reasoner) -> Result<Option<JobId>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let frames = db::draft::frames(cx.db().pool(), shot_id).await?;
    if !frames.iter().any(|frame| frame.cover.primary_area > 0) {
        return Err(ApiError::Invalid(
            "The target is on no frame yet: grow its mask on the targets step, or paint it.".into(),
        ));
    }
    let (inputs, note) = match by {
        Reasoner::BuiltIn => (db::proposals::inputs(&shot, &frames), None),
        Reasoner::Outside => {
            let outside = outside_of(&cx, shot.project_id).await?;
            let question = db::proposals::question(cx.db(), &shot, &frames, outside.sends).await?;
            let inputs = db::proposals::inputs_outside(&shot, &frames, question.key(&outside));
            let about = format!("{}: {} at {}", shot.name, outside.model, outside.endpoint);
            (inputs, Some(cx.note(domain::Deed::OutsideAsked, Some(shot.project_id), about)))
        }
    };
    if db::proposals::is_done(cx.db().pool(), shot_id, inputs).await? {
        return Ok(None);
    }
    let job_id = cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let shot = db::shots::edit(tx, shot_id).await?;
                shot.size()?;
                let (job, key) = match by {
                    Reasoner::BuiltIn => (domain::Job::Reason { shot_id, by }, format!("reason:{shot_id}")),
                    Reasoner::Outside => {
                        (domain::Job::Reason { shot_id, by }, format!("reason-outside:{shot_id}"))
                    }
                };
                let (project, shot) = (Some(shot.project_id), Some(shot_id));
                let queued = db::queue::enqueue(tx, &job, project, shot, Some(&key), 0).await?;
                if let Some(need) = by.need() {
                    db::queue::demand(tx, queued.job_id, need).await?;
                }
                // Asked again while it is asked already: that is one asking.
                if let Some(note) = note.filter(|_| queued.is_new) {
                    db::audit::add(tx, &note).await?;
                }
                Ok(queued.job_id)
            })
        })
        .await?;
    Ok(Some(job_id))
}

/// The model outside that shots of this project may be shown.
#[cfg(feature = "ssr")]
async fn outside_of(
    cx: &crate::context::Cx,
    project_id: domain::ProjectId,
) -> Result<domain::outside::Outside, ApiError> {
    let project = db::projects::get(cx.db().pool(), project_id).await?;
    let offered = super::engines::Engines::now(cx).await?.outside;
    let lacks = match (&project.outside, &offered) {
        (None, _) => {
            "This project does not allow that a model outside is asked. A producer or owner can allow it in the project's settings; \
             the built-in reasoner asks nobody."
        }
        (Some(_), None) => {
            "No worker is running that was told of a model outside. Start one with OUTSIDE_ENDPOINT and OUTSIDE_MODEL, or use the \
             built-in reasoner."
        }
        (Some(_), Some(_)) => {
            "The workers would ask another model than the one that was allowed. A producer or owner has to allow it anew in the \
             project's settings; the built-in reasoner asks nobody."
        }
    };
    super::outside::allowed(project.outside.as_ref(), offered).ok_or_else(|| ApiError::Invalid(lacks.into()))
}

/// Makes a cause of a proposal, with its cells, or a target of what belongs to the target.
#[server]
pub async fn accept_proposal(shot_id: ShotId, proposal_id: ProposalId) -> Result<Accepted, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let first_frame = db::projects::get(cx.db().pool(), shot.project_id).await?.first_frame;
    let person_id = cx.viewer.person_id;
    let became = cx
        .db()
        .write(move |tx| Box::pin(db::proposals::accept(tx, shot_id, proposal_id, person_id, first_frame)))
        .await?;
    Ok(became)
}

/// Puts a proposal aside, or brings it back.
#[server]
pub async fn reject_proposal(
    shot_id: ShotId,
    proposal_id: ProposalId,
    rejected: bool,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    let person_id = cx.viewer.person_id;
    Ok(cx
        .db()
        .write(move |tx| Box::pin(db::proposals::reject(tx, shot_id, proposal_id, person_id, rejected)))
        .await?)
}
