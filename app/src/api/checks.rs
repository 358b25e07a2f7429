//! What is found about a draft before machine time is spent on it, and who looked at it.

use domain::checks::{Code, Severity};
use domain::{Check, Hash, ShotId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub check: Check,
    /// Who looked at it as it is now.
    pub looked: Option<String>,
    /// Somebody looked at it, but its masks are others now.
    pub is_stale: bool,
}

impl Finding {
    /// Whether somebody should still look at it.
    pub fn is_open(&self) -> bool {
        match self.check.severity {
            Severity::Stops => true,
            Severity::Warns => self.looked.is_none(),
            Severity::Notes | Severity::Fine => false,
        }
    }

    /// What it is among the findings of a shot, as long as it stays the same.
    pub fn key(&self) -> Key {
        (self.check.code, self.check.subject.clone(), self.check.print)
    }
}

pub type Key = (Code, String, Hash);

/// Says that the viewer looked at a finding, or takes that back. Refused once another print is found there: it was looked at before
/// the masks changed.
#[server(input = server_fn::codec::Json)]
pub async fn tick_check(
    shot_id: ShotId,
    code: Code,
    subject: String,
    print: Hash,
    on: bool,
) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    if on {
        let frames = db::draft::frames(cx.db().pool(), shot_id).await?;
        let found = findings(&cx, shot_id, frames).await?;
        let this = found.into_iter().map(|finding| finding.check);
        let mut this = this.filter(|check| (check.code, &check.subject) == (code, &subject));
        match this.next() {
            Some(check) if check.print == print && check.severity == Severity::Stops => {
                return Err(ApiError::Invalid(check.sentence()));
            }
            Some(check) if check.print == print && check.is_open() => {}
            _ => {
                return Err(ApiError::Conflict(
                    "The masks changed since this was found: look at what is found now.".to_owned(),
                ));
            }
        }
    }
    let person_id = cx.viewer.person_id;
    cx.db()
        .write(move |tx| {
            let subject = subject.clone();
            Box::pin(async move {
                db::looked::tick(tx, shot_id, person_id, (code, &subject), on.then_some(print)).await
            })
        })
        .await?;
    Ok(())
}

/// What is to be said about a draft with these frames, the worst first; nothing before its plate is read.
#[cfg(feature = "ssr")]
pub(crate) async fn findings(
    cx: &crate::context::Cx,
    shot_id: ShotId,
    frames: Vec<db::draft::Frame>,
) -> Result<Vec<Finding>, ApiError> {
    use domain::checks::{Looked, Marks, checks};
    let (db, pool) = (cx.db(), cx.db().pool());
    let shot = db::shots::get(pool, shot_id).await?;
    let Some(facts) = shot.facts else { return Ok(Vec::new()) };
    let first_frame = db::projects::get(pool, shot.project_id).await?.first_frame;
    let (size, count) = ((facts.width(), facts.height()), facts.frames);
    let causes = db::brief::causes(pool, shot_id).await?;
    let proposals = db::proposals::undecided(db, shot_id).await?;
    let looks = db::looked::of_shot(pool, shot_id).await?;
    let recipe = recipe(cx, shot_id, size).await?;
    let found = tokio::task::spawn_blocking(move || {
        let marks: Vec<Marks> = frames
            .iter()
            .filter(|frame| frame.says_something())
            .map(|frame| Marks {
                frame: frame.frame,
                levels: frame.levels,
                cover: &frame.cover,
                confidence: frame.confidence.map(|confidence| confidence as f32),
                locked: frame.locked,
            })
            .collect();
        checks(&Looked {
            frames: count,
            size,
            marks: &marks,
            causes: &causes,
            proposals: proposals.as_deref(),
            recipe: recipe.as_ref(),
            first_frame,
        })
    })
    .await?;
    let seen = |check: Check| {
        let look = looks.iter().find(|look| look.code == check.code && look.subject == check.subject);
        let is_current = look.is_some_and(|look| look.print == check.print);
        let looked = look.filter(|_| is_current).map(|look| look.by.clone());
        Finding { check, looked, is_stale: look.is_some() && !is_current }
    };
    Ok(found.into_iter().map(seen).collect())
}

/// What VOID would be run with: as the last time, or as the removal step offers it; `None`: no worker has it.
#[cfg(feature = "ssr")]
async fn recipe(
    cx: &crate::context::Cx,
    shot_id: ShotId,
    (width, height): (u32, u32),
) -> Result<Option<domain::VoidRecipe>, ApiError> {
    use domain::run::Need;
    if super::engines::Engines::now(cx).await?.weights(Need::VoidPass1).is_err() {
        return Ok(None);
    }
    if let Some(run_id) = db::runs::newest(cx.db(), shot_id).await?
        && let domain::Recipe::Void(order) = db::runs::get(cx.db().pool(), run_id).await?.recipe
    {
        return Ok(Some(order.knobs));
    }
    Ok(Some(domain::VoidRecipe::for_plate(width, height)))
}

/// Refuses where something is found that stops a removal.
#[cfg(feature = "ssr")]
pub(crate) async fn refuse_stops(cx: &crate::context::Cx, shot_id: ShotId) -> Result<(), ApiError> {
    let frames = db::draft::frames(cx.db().pool(), shot_id).await?;
    let found: Vec<Check> =
        findings(cx, shot_id, frames).await?.into_iter().map(|finding| finding.check).collect();
    match domain::checks::stop(&found) {
        Some(sentence) => Err(ApiError::Conflict(sentence)),
        None => Ok(()),
    }
}

/// Refuses a newest quadmask that is not of its plate's length and size.
#[cfg(feature = "ssr")]
pub(crate) async fn refuse_misfit(cx: &crate::context::Cx, shot_id: ShotId) -> Result<(), ApiError> {
    let pool = cx.db().pool();
    let (Some(newest), Some(facts)) =
        (db::quadmasks::newest(pool, shot_id).await?, db::shots::get(pool, shot_id).await?.facts)
    else {
        return Ok(());
    };
    let mask = db::quadmasks::manifest(pool, newest.quadmask_id).await?;
    let mask = (mask.frames.len() as u32, mask.width, mask.height);
    domain::checks::fits(mask, (facts.frames, facts.width(), facts.height())).map_err(ApiError::Conflict)
}
