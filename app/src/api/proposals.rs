//! What the built-in reasoner proposes: looking, and deciding on what it found.

use domain::{Cause, JobId, ProposalId, ShotId};
use leptos::prelude::*;

use crate::error::ApiError;

/// Looks for what else changes when the target goes. Needs a primary mask. `None`: the last search looked at just this, and
/// nothing is done.
#[server]
pub async fn look_for_affected(shot_id: ShotId) -> Result<Option<JobId>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let frames = db::draft::frames(cx.db().pool(), shot_id).await?;
    if !frames.iter().any(|frame| frame.cover.primary_area > 0) {
        return Err(ApiError::Invalid(
            "The target is on no frame yet: grow its mask on the targets step, or paint it.".into(),
        ));
    }
    let inputs = db::proposals::inputs(&shot, &frames);
    if db::proposals::is_done(cx.db().pool(), shot_id, inputs).await? {
        return Ok(None);
    }
    let job_id = cx
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let shot = db::shots::edit(tx, shot_id).await?;
                shot.size()?;
                let (job, key) = (domain::Job::Reason { shot_id }, format!("reason:{shot_id}"));
                jobs::enqueue(tx, &job, Some(shot.project_id), Some(shot_id), Some(&key), 0).await
            })
        })
        .await?;
    Ok(Some(job_id))
}

/// Makes a cause of a proposal, with its cells.
#[server]
pub async fn accept_proposal(shot_id: ShotId, proposal_id: ProposalId) -> Result<Cause, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let first_frame = db::projects::get(cx.db().pool(), shot.project_id).await?.first_frame;
    let person_id = cx.viewer.person_id;
    let cause = cx
        .db()
        .write(move |tx| Box::pin(db::proposals::accept(tx, shot_id, proposal_id, person_id, first_frame)))
        .await?;
    Ok(cause)
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
