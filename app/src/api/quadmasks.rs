//! Quadmask versions: send to review, decide, re-open, export.

use domain::version::Quadmask;
use domain::{Hash, JobId, JobState, QuadmaskId, ShotId, Verdict};
use leptos::prelude::*;

use crate::error::ApiError;

/// Makes an immutable version of the draft with all cells and sends it to review.
#[server]
pub async fn submit_quadmask(shot_id: ShotId, note: String) -> Result<Quadmask, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    cx.may_edit_draft(&shot).await?;
    if note.chars().count() > 4_000 {
        return Err(ApiError::Invalid("A note has at most 4,000 characters: shorten it.".into()));
    }
    let (combined, blobs) = crate::masks::combine(&cx, &shot).await?;
    super::checks::refuse_stops(&cx, shot_id).await?;
    let author = cx.viewer.person_id;
    let quadmask_id = cx
        .db()
        .write(move |tx| {
            let (combined, blobs, note) = (combined.clone(), blobs.clone(), note.trim().to_owned());
            Box::pin(async move {
                for (hash, size_bytes) in blobs {
                    db::blobs::record(tx, hash, size_bytes).await?;
                }
                db::quadmasks::submit(tx, shot_id, author, &note, &combined).await
            })
        })
        .await?;
    let all = db::quadmasks::list(cx.db(), shot_id).await?;
    all.into_iter().find(|quadmask| quadmask.quadmask_id == quadmask_id).ok_or(ApiError::NotFound)
}

/// One decision on the hash the viewer saw. When the policy is met the removal is queued; the answer says so.
/// Refused where that is not the hash of the newest quadmask.
#[server]
pub async fn decide_quadmask(
    quadmask_id: QuadmaskId,
    seen: Hash,
    verdict: Verdict,
    note: String,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.quadmask(quadmask_id, domain::Action::DecideQuadmask).await?;
    let (person_id, role) = (cx.viewer.person_id, cx.viewer.role);
    cx.db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let ballot = db::decisions::Ballot { person_id, role, seen, verdict, note: &note };
                db::decisions::on_quadmask(tx, quadmask_id, &ballot).await
            })
        })
        .await?;
    Ok(())
}

/// Back to editing; approvals stay on record and become stale with the next change.
#[server]
pub async fn reopen(shot_id: ShotId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::shots::reopen(tx, shot_id))).await?)
}

/// For each frame whether a picture is there (`href::quadmask_frame`); background-only frames have none.
#[server]
pub async fn quadmask_frames(quadmask_id: QuadmaskId) -> Result<Vec<bool>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.quadmask(quadmask_id, domain::Action::ViewShot).await?;
    let manifest = db::quadmasks::manifest(cx.db().pool(), quadmask_id).await?;
    Ok(manifest.frames.iter().map(|frame| frame.png.is_some()).collect())
}

/// Makes `quadmask_0.mp4`; `None`: it is already there (`href::quadmask_movie`).
#[server]
pub async fn export_quadmask(quadmask_id: QuadmaskId) -> Result<Option<JobId>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    export(&cx, quadmask_id, false).await
}

/// Makes the movies that belong to the marks for VOID's tools; `None`: they are already there (`href::void_marks`).
#[server]
pub async fn export_marks(quadmask_id: QuadmaskId) -> Result<Option<JobId>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    export(&cx, quadmask_id, true).await
}

#[cfg(feature = "ssr")]
async fn export(
    cx: &crate::context::Cx,
    quadmask_id: QuadmaskId,
    layers: bool,
) -> Result<Option<JobId>, ApiError> {
    let shot = cx.quadmask(quadmask_id, domain::Action::ViewShot).await?;
    let there = db::media::of_quadmask(cx.db(), quadmask_id).await?;
    let has_layers = there.black.is_some() && there.grey.is_some();
    if there.movie.is_some() && (has_layers || !layers) {
        return Ok(None);
    }
    cx.not_archived(shot.project_id, domain::Action::EditShot).await?;
    let (project_id, shot_id) = (shot.project_id, shot.shot_id);
    let job_id = cx
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let job = domain::Job::ExportQuadmask { quadmask_id, layers };
                let key = if layers {
                    format!("export:{quadmask_id}:layers")
                } else {
                    format!("export:{quadmask_id}")
                };
                jobs::enqueue(tx, &job, Some(project_id), Some(shot_id), Some(&key), 5).await
            })
        })
        .await?;
    Ok(Some(job_id))
}

/// How the job of an export stands, whatever else is done for the shot meanwhile.
#[server]
pub async fn export_state(quadmask_id: QuadmaskId, job_id: JobId) -> Result<JobState, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.quadmask(quadmask_id, domain::Action::ViewShot).await?;
    let job = cx.state.queue().get(job_id).await?;
    if job.shot_id == Some(shot.shot_id) { Ok(job.state) } else { Err(ApiError::NotFound) }
}
