//! Runs and the versions they make.

use domain::{Hash, JobId, Recipe, ShotId, Verdict, VersionId};
use leptos::prelude::*;

use crate::error::ApiError;

/// Runs the approved quadmask again with another recipe. Refused while the policy is not met, while no worker has the
/// engine, where the engine could not do it, and where the checks found what stops a removal.
#[server(input = server_fn::codec::Json)]
pub async fn start_run(shot_id: ShotId, recipe: Recipe) -> Result<JobId, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::Run).await?;
    super::checks::refuse_stops(&cx, shot_id).await?;
    super::checks::refuse_misfit(&cx, shot_id).await?;
    match &recipe {
        Recipe::Void(order) => {
            let engines = super::engines::Engines::now(&cx).await?;
            engines.can_run(order.need(), &order.knobs).map_err(ApiError::Conflict)?;
        }
        // Only an edit changes them, and that ends every phase that a run may start from: these are the approved ones.
        Recipe::Plate(_) => {
            let causes = db::brief::causes(cx.db().pool(), shot_id).await?;
            if let Some(cause) = causes.iter().find(|cause| cause.lacks_path()) {
                return Err(ApiError::Conflict(format!(
                    "The plate engine cannot run this: “{}” moves on its own and has no path. Run VOID; or re-open the \
                     quadmask and draw its path, or choose stay.",
                    cause.name
                )));
            }
        }
    }
    let person_id = cx.viewer.person_id;
    let (_, job_id) = cx
        .db()
        .write(move |tx| {
            let recipe = recipe.clone();
            Box::pin(async move { db::runs::start(tx, shot_id, recipe, person_id).await })
        })
        .await?;
    Ok(job_id)
}

/// One decision on the version's hash. A client's decision is recorded and moves no phase.
#[server]
pub async fn decide_version(
    version_id: VersionId,
    seen: Hash,
    verdict: Verdict,
    note: String,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.version(version_id, domain::Action::DecideVersion).await?;
    let (person_id, role) = (cx.viewer.person_id, cx.viewer.role);
    cx.db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                let ballot = db::decisions::Ballot { person_id, role, seen, verdict, note: &note };
                db::decisions::on_version(tx, version_id, &ballot).await
            })
        })
        .await?;
    Ok(())
}

#[server]
pub async fn show_client(version_id: VersionId, on: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let version = cx.version(version_id, domain::Action::ShowClient).await?;
    let shot = db::shots::get(cx.db().pool(), version.shot_id).await?;
    let deed = if on { domain::Deed::ShownToClient } else { domain::Deed::HiddenFromClient };
    let note = cx.note(deed, Some(shot.project_id), format!("{} v{}", shot.name, version.n));
    Ok(cx
        .db()
        .write(move |tx| {
            let note = note.clone();
            Box::pin(async move {
                db::versions::show_client(tx, version_id, on).await?;
                db::audit::add(tx, &note).await
            })
        })
        .await?)
}
