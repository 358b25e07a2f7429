//! Finding things by words: asking, looking at what was found, and keeping it as targets or as cells of a cause.

use domain::find::{Finding, Purpose};
use domain::{Cause, CauseId, FindingId, JobId, ShotId, Target};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    Job(JobId),
    /// The same was looked for before: this is what was found.
    Known(FindingId),
}

/// Looks for words on the shot's key frames (`keys`), and on `frame`.
#[server(input = server_fn::codec::Json)]
pub async fn find_words(
    shot_id: ShotId,
    words: String,
    purpose: Purpose,
    keys: bool,
    frame: Option<u32>,
) -> Result<Asked, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let words = domain::find::clean_phrase(&words).map_err(|bad| ApiError::Invalid(bad.to_string()))?;
    let frames = crate::masks::facts_of(&shot)?.frames;
    if let Some(frame) = frame.filter(|frame| *frame >= frames) {
        return Err(ApiError::Invalid(format!("Frame {frame} is not in this shot: it has {frames} frames.")));
    }
    if !keys && frame.is_none() {
        return Err(ApiError::Invalid("Choose where to look: on this frame, or over the shot.".into()));
    }
    if let Purpose::Cause { cause_id } = purpose {
        let causes = db::brief::causes(cx.db().pool(), shot_id).await?;
        if !causes.iter().any(|cause| cause.cause_id == cause_id) {
            return Err(ApiError::NotFound);
        }
    }
    let engines = super::engines::Engines::now(&cx).await?;
    let weights = engines.sam3().map_err(ApiError::Invalid)?.fingerprint;
    let order = domain::find::Order { words, purpose, keys, frames: frame.into_iter().collect() };
    let inputs = db::finding::inputs(&shot, &order, weights);
    let asked = cx
        .db()
        .write(move |tx| {
            let order = order.clone();
            Box::pin(async move {
                let shot = db::shots::lock(tx, shot_id).await?;
                shot.size()?;
                if !shot.phase.is_editable() {
                    return Err(db::Error::Conflict(format!(
                        "“{}”: the quadmask is read-only. Re-open the quadmask first.",
                        shot.phase.status().word
                    )));
                }
                if let Some(known) = db::finding::again(tx, shot_id, inputs).await? {
                    return Ok(Asked::Known(known));
                }
                // Other words wait for those that are being looked for; the same ones are one job.
                let key = format!("find:{shot_id}:{inputs}");
                let job = domain::Job::Find { shot_id, order };
                let job_id =
                    jobs::enqueue(tx, &job, Some(shot.project_id), Some(shot_id), Some(&key), 0).await?;
                db::queue::demand(tx, job_id, domain::run::Need::Sam3).await?;
                Ok(Asked::Job(job_id))
            })
        })
        .await?;
    Ok(asked)
}

/// What a search found, with everything above the lowest threshold there is.
#[server]
pub async fn get_finding(shot_id: ShotId, finding_id: FindingId) -> Result<Finding, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::ViewShot).await?;
    Ok(found(&cx, shot_id, finding_id).await?.0)
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub targets: Vec<Target>,
    /// Frames whose mask has what was found now.
    pub frames: u32,
    /// Pixels that somebody had locked as something else: they stay as they were.
    pub locked_pixels: u64,
}

/// Things become targets, marked on every frame on which they were found, and their masks are put into these frames, where nobody
/// locked anything else. From there the mask is grown as from clicks.
#[server(input = server_fn::codec::Json)]
pub async fn keep_found(
    shot_id: ShotId,
    finding_id: FindingId,
    things: Vec<u32>,
    threshold: f32,
) -> Result<Kept, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    cx.may_edit_draft(&shot).await?;
    let (finding, masks) = found(&cx, shot_id, finding_id).await?;
    let person_id = cx.viewer.person_id;
    let (kept, chosen) = (finding.clone(), things.clone());
    let targets = cx
        .db()
        .write(move |tx| {
            let (finding, things) = (kept.clone(), chosen.clone());
            Box::pin(async move {
                db::draft::hold(tx, shot_id, person_id, false).await?;
                db::finding::keep(tx, shot_id, person_id, &finding, &things, threshold).await
            })
        })
        .await?;
    let (frames, locked_pixels) =
        crate::found::paint(&cx, shot_id, &finding, &masks, &things, threshold).await?;
    Ok(Kept { targets, frames, locked_pixels })
}

/// What of a cause was marked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    pub cause: Cause,
    /// Sights that were left out: too far from the target's way, and where the reasoner saw nothing change.
    pub far: u32,
    pub unchanged: u32,
}

/// The cells of things become those of a cause, between the frames that were looked at too. `near`: only of what comes near the
/// target on its way, and where and when the reasoner saw something change, if it looked; otherwise all of it.
#[server(input = server_fn::codec::Json)]
pub async fn mark_found(
    shot_id: ShotId,
    finding_id: FindingId,
    cause_id: CauseId,
    things: Vec<u32>,
    threshold: f32,
    near: bool,
) -> Result<Marked, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    cx.may_edit_draft(&shot).await?;
    let (finding, _) = found(&cx, shot_id, finding_id).await?;
    let (spans, far, unchanged) = crate::found::cells(&cx, &shot, &finding, &things, threshold, near).await?;
    let person_id = cx.viewer.person_id;
    let cause = cx
        .db()
        .write(move |tx| {
            let spans = spans.clone();
            Box::pin(async move {
                db::draft::hold(tx, shot_id, person_id, false).await?;
                db::brief::add_spans(tx, shot_id, person_id, cause_id, &spans).await
            })
        })
        .await?;
    Ok(Marked { cause, far, unchanged })
}

#[cfg(feature = "ssr")]
async fn found(
    cx: &crate::context::Cx,
    shot_id: ShotId,
    finding_id: FindingId,
) -> Result<(Finding, Vec<domain::Hash>), ApiError> {
    let read = cx.db().write(move |tx| Box::pin(db::finding::get(tx, shot_id, finding_id)));
    match read.await {
        Err(db::Error::NotFound) => Err(ApiError::Conflict(
            "What was found is not there any more: other words took its place. Look for it again.".into(),
        )),
        other => Ok(other?),
    }
}
