//! Causes as a thing of their own: whether a project wants them approved, and decisions about them.

use domain::{Hash, ProjectId, ShotId, Verdict};
use leptos::prelude::*;

use crate::error::ApiError;

/// Whether causes are approved before a quadmask is made of them.
#[server]
pub async fn set_causes_first(project_id: ProjectId, on: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let project = cx.project(project_id, domain::Action::ManageProject).await?;
    if project.causes_first == on {
        return Ok(());
    }
    let about =
        if on { "causes are approved before the quadmask" } else { "causes are approved with the quadmask" };
    let note = cx.note(domain::Deed::ProjectChanged, Some(project_id), about);
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::causes::set_first(tx, project_id, on).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}

/// One decision about the causes that the viewer saw; `seen`: their hash.
#[server]
pub async fn decide_causes(
    shot_id: ShotId,
    seen: Hash,
    verdict: Verdict,
    note: String,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::DecideQuadmask).await?;
    let (person_id, role) = (cx.viewer.person_id, cx.viewer.role);
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let ballot = db::decisions::Ballot { person_id, role, seen, verdict, note: &note };
                db::causes::decide(tx, shot_id, &ballot).await
            })
        })
        .await?)
}
