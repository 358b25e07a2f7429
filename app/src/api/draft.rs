//! The draft of a quadmask: one per shot, on the server, one editor at a time.

use domain::run::{ClickAnswer, GrownBy, Segmenter};
use domain::stroke::Stroke;
use domain::{Cause, CellSet, JobId, PersonId, ShotId, Target};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::checks::Finding;
use crate::error::ApiError;

/// One frame of the draft. Its picture is `href::draft_frame(shot, frame, revision)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftFrame {
    pub frame: u32,
    /// Raised by every change of this frame; 0: background only, there is no picture to fetch.
    pub revision: i64,
    /// A person declared the whole frame right.
    pub locked: bool,
    /// Some pixels were painted by a person.
    pub painted: bool,
    /// 0–1, from the segmenter; `None` where it did not run.
    pub confidence: Option<f32>,
    /// Pixels in the primary layer.
    pub primary_area: i64,
    /// Pixels painted in both layers; cells not counted.
    pub overlap_area: i64,
    /// Pixels in the painted affected layer; cells not counted.
    pub affected_area: i64,
    /// Grid cells that the primary layer touches.
    pub primary_cells: CellSet,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DraftView {
    /// Who edits now; others see it read-only until they take over.
    pub editor: Option<PersonId>,
    pub editor_name: Option<String>,
    pub revision: i64,
    /// Whether it is another than the newest quadmask was made of; causes and words count too.
    #[serde(default)]
    pub is_changed: bool,
    /// Frames that are not plain background, ascending.
    pub frames: Vec<DraftFrame>,
    pub can_undo: bool,
    pub can_redo: bool,
    /// What grew the primary mask last; `None`: nothing did.
    #[serde(default)]
    pub grown_by: Option<GrownBy>,
    /// Who is to answer clicks and to grow it; `None`: nobody chose.
    #[serde(default)]
    pub grow_with: Option<Segmenter>,
    /// What answered the newest click since it grew.
    #[serde(default)]
    pub answered: Option<ClickAnswer>,
    /// What is found about it, the worst first.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

#[server]
pub async fn get_draft(shot_id: ShotId) -> Result<DraftView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::ViewShot).await?;
    draft_view(&cx, shot_id).await
}

/// Becomes the editor of the draft. Also called every 20 s while editing; an editor not heard of for 60 s is gone.
/// `take_over` replaces another editor who is still here.
#[server]
pub async fn edit_draft(shot_id: ShotId, take_over: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    let person_id = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::draft::hold(tx, shot_id, person_id, take_over))).await?)
}

/// Paints for good; touched pixels are locked against propagation. `seen` is the frame's revision the stroke was drawn on:
/// when another change came in between, the stroke is painted on top of that one.
#[server(input = server_fn::codec::Json)]
pub async fn draw_stroke(shot_id: ShotId, stroke: Stroke) -> Result<DraftFrame, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let frames = crate::masks::facts_of(&shot)?.frames;
    stroke.check(frames).map_err(|bad| ApiError::Invalid(format!("The stroke was not painted: {bad}.")))?;
    crate::masks::change(&cx, shot_id, stroke.frame, move |canvas| {
        stroke.paint(&mut canvas.levels);
        Stroke { level: domain::Level::Primary, ..stroke.clone() }.paint(&mut canvas.locks);
        Ok(())
    })
    .await
}

#[server]
pub async fn lock_frame(shot_id: ShotId, frame: u32, locked: bool) -> Result<DraftFrame, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    crate::masks::change(&cx, shot_id, frame, move |canvas| {
        canvas.locked = locked;
        Ok(())
    })
    .await
}

/// Copies the levels of another frame onto this one and locks its pixels.
#[server]
pub async fn copy_frame(shot_id: ShotId, from: u32, to: u32) -> Result<DraftFrame, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::EditShot).await?;
    let facts = crate::masks::facts_of(&shot)?;
    if from >= facts.frames {
        return Err(ApiError::Invalid(format!(
            "Frame {from} is not in this shot: it has {} frames.",
            facts.frames
        )));
    }
    let source = crate::masks::picture(&cx, shot_id, from).await?;
    crate::masks::change(&cx, shot_id, to, move |canvas| {
        canvas.levels = source
            .clone()
            .unwrap_or_else(|| domain::Levels::background(canvas.levels.width(), canvas.levels.height()));
        crate::masks::lock_all(&mut canvas.locks);
        Ok(())
    })
    .await
}

/// Hands what was painted on a frame back to the segmenter: the levels stay, the next growing may change them. With it goes
/// the lock on the whole frame.
#[server]
pub async fn release_paint(shot_id: ShotId, frame: u32) -> Result<DraftFrame, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    crate::masks::change(&cx, shot_id, frame, move |canvas| {
        canvas.locks = domain::Levels::background(canvas.locks.width(), canvas.locks.height());
        canvas.locked = false;
        Ok(())
    })
    .await
}

/// What undo or redo changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(clippy::large_enum_variant, reason = "there is one at a time")
)]
pub enum Walked {
    /// The frame as it is now.
    Frame(DraftFrame),
    /// `None`: it was, or is, not there.
    Cause {
        before: Option<Cause>,
        after: Option<Cause>,
    },
    Target {
        before: Option<Target>,
        after: Option<Target>,
    },
}

/// Takes back the newest edit of the viewer: of a frame, a cause or a target.
#[server]
pub async fn undo(shot_id: ShotId) -> Result<Option<Walked>, ApiError> {
    walk(shot_id, db::edits::Walk::Undo).await
}

#[server]
pub async fn redo(shot_id: ShotId) -> Result<Option<Walked>, ApiError> {
    walk(shot_id, db::edits::Walk::Redo).await
}

/// Chooses who answers clicks on this shot and grows its mask, for everybody who marks it. Where that one lacks its weights,
/// clicks are answered without.
#[server]
pub async fn choose_segmenter(shot_id: ShotId, by: Segmenter) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::draft::grow_with(tx, shot_id, by))).await?)
}

/// Grows the primary mask from the clicks over all frames, both ways. Needs a marked target; SAM 2 needs a worker that has it.
#[server]
pub async fn start_segment(shot_id: ShotId, by: Segmenter) -> Result<JobId, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    if by == Segmenter::Sam2 {
        super::engines::Engines::now(&cx).await?.sam2().map_err(ApiError::Invalid)?;
    }
    let person_id = cx.viewer.person_id;
    let job_id = cx
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let targets = db::brief::targets(&mut *tx, shot_id).await?;
                if !targets.iter().any(domain::Target::is_marked) {
                    return Err(db::Error::Invalid(
                        "Nothing is marked yet: click the target on any frame, or draw a box around it."
                            .into(),
                    ));
                }
                let shot = db::shots::edit(tx, shot_id).await?;
                shot.size()?;
                db::draft::hold(tx, shot_id, person_id, false).await?;
                db::clicks::withdraw(tx, shot_id).await?;
                let (job, key) = (domain::Job::Segment { shot_id, by }, format!("segment:{shot_id}"));
                let job_id =
                    jobs::enqueue(tx, &job, Some(shot.project_id), Some(shot_id), Some(&key), 0).await?;
                if let Some(need) = by.need() {
                    db::queue::demand(tx, job_id, need).await?;
                }
                Ok(job_id)
            })
        })
        .await?;
    Ok(job_id)
}

#[cfg(feature = "ssr")]
pub(crate) async fn draft_view(cx: &crate::context::Cx, shot_id: ShotId) -> Result<DraftView, ApiError> {
    use db::edits::{Walk, can};
    let pool = cx.db().pool();
    let person_id = cx.viewer.person_id;
    let db::draft::State { editor, revision, grown_by, grow_with, answered } =
        db::draft::state(pool, shot_id).await?;
    let frames = db::draft::frames(pool, shot_id).await?;
    let (editor, editor_name) = editor.unzip();
    Ok(DraftView {
        editor,
        editor_name,
        revision,
        is_changed: db::quadmasks::is_draft_changed(cx.db(), shot_id, &frames).await?,
        frames: frames.iter().filter(|frame| frame.says_something()).map(crate::masks::view).collect(),
        can_undo: can(pool, shot_id, person_id, Walk::Undo).await?,
        can_redo: can(pool, shot_id, person_id, Walk::Redo).await?,
        grown_by,
        grow_with,
        answered,
        findings: super::checks::findings(cx, shot_id, frames).await?,
    })
}

#[cfg(feature = "ssr")]
async fn walk(shot_id: ShotId, way: db::edits::Walk) -> Result<Option<Walked>, ApiError> {
    use db::items::Item;
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, domain::Action::EditShot).await?;
    let person_id = cx.viewer.person_id;
    let walked = cx.db().write(move |tx| Box::pin(db::edits::walk(tx, shot_id, person_id, way))).await?;
    let cause = |item: Option<Item>| match item {
        Some(Item::Cause(cause)) => Some(cause),
        _ => None,
    };
    let target = |item: Option<Item>| match item {
        Some(Item::Target(target)) => Some(target),
        _ => None,
    };
    Ok(walked.map(|walked| match walked {
        db::edits::Walked::Frame(frame) => Walked::Frame(crate::masks::view(&frame)),
        db::edits::Walked::Item { before, after } => match before.as_ref().or(after.as_ref()) {
            Some(Item::Target(_)) => Walked::Target { before: target(before), after: target(after) },
            _ => Walked::Cause { before: cause(before), after: cause(after) },
        },
    }))
}
