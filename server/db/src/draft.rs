//! The draft of a quadmask: who edits it, its frames, and what the segmenter or an import puts into it. What people
//! paint, with undo, is in `edits`.

use domain::run::{ClickAnswer, GrownBy, Segmenter};
use domain::{Cover, EventKind, Hash, PersonId, Shape, ShotId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Error, Result, blobs, clicks, events, now, shots, to_json};

/// An editor who was not heard of for this long is gone.
pub const EDITOR_GONE_MICROS: i64 = 60_000_000;

/// One frame as its row holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub frame: u32,
    /// Two-bit PNG of the levels, cells not included; `None`: background only.
    pub levels: Option<Hash>,
    /// PNG of what people painted (`Levels` with primary where locked); `None`: nothing.
    pub locks: Option<Hash>,
    /// A person declared the whole frame right.
    pub locked: bool,
    /// 0–1, where the segmenter ran.
    pub confidence: Option<f64>,
    pub cover: Cover,
    /// 0 before the first change.
    pub revision: i64,
}

impl Frame {
    pub fn blank(frame: u32) -> Self {
        Self {
            frame,
            levels: None,
            locks: None,
            locked: false,
            confidence: None,
            cover: Cover::default(),
            revision: 0,
        }
    }

    /// Whether it differs from plain background that nobody looked at.
    pub fn says_something(&self) -> bool {
        self.levels.is_some() || self.locks.is_some() || self.locked || self.confidence.is_some()
    }
}

pub(crate) const COLUMNS: &str = "frame, levels, locks, locked, confidence, primary_area, overlap_area, affected_area, primary_cells, shape, revision";

pub(crate) fn read(row: &AnyRow) -> Result<Frame> {
    Ok(Frame {
        frame: row.count("frame")?,
        levels: row.maybe_word("levels")?,
        locks: row.maybe_word("locks")?,
        locked: row.flag("locked")?,
        confidence: row.maybe_float("confidence")?,
        cover: Cover {
            primary_area: row.int("primary_area")?,
            overlap_area: row.int("overlap_area")?,
            affected_area: row.int("affected_area")?,
            primary_cells: row.word("primary_cells")?,
            shape: read_shape(row, "shape")?,
        },
        revision: row.int("revision")?,
    })
}

/// The form of a frame; empty where it was written before forms were counted.
pub(crate) fn read_shape(row: &AnyRow, column: &str) -> Result<Option<Shape>> {
    let text = row.text(column)?;
    if text.is_empty() { Ok(None) } else { crate::parse(column, &text).map(Some) }
}

pub(crate) fn shape_text(shape: Option<&Shape>) -> String {
    shape.map(Shape::to_string).unwrap_or_default()
}

/// A frame without a row is blank.
pub async fn frame<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId, frame: u32) -> Result<Frame> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from draft_frame where shot_id = $1 and frame = $2"
    )))
    .bind(shot_id.to_string())
    .bind(i64::from(frame))
    .fetch_optional(executor)
    .await?;
    row.as_ref().map_or_else(|| Ok(Frame::blank(frame)), read)
}

/// Frames that have a row, ascending.
pub async fn frames<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Vec<Frame>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from draft_frame where shot_id = $1 order by frame"
    )))
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter().map(read).collect()
}

/// Who edits, and the number that every change raises.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub editor: Option<(PersonId, String)>,
    pub revision: i64,
    /// What grew the primary mask last.
    pub grown_by: Option<GrownBy>,
    /// Who is to grow it and to answer clicks, where somebody chose.
    pub grow_with: Option<Segmenter>,
    /// What answered the newest click since it grew.
    pub answered: Option<ClickAnswer>,
}

pub async fn state<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<State> {
    let row = sqlx::query(
        "select d.editor, p.name, d.editor_seen_at, d.revision, d.grown_by, d.grow_with, d.answered
         from draft d left join person p on p.person_id = d.editor where d.shot_id = $1",
    )
    .bind(shot_id.to_string())
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(State::default()) };
    let is_here = row.maybe_int("editor_seen_at")?.is_some_and(|seen| seen >= now() - EDITOR_GONE_MICROS);
    let editor = match (row.maybe_word("editor")?, row.maybe_text("name")?) {
        (Some(id), Some(name)) if is_here => Some((id, name)),
        _ => None,
    };
    Ok(State {
        editor,
        revision: row.int("revision")?,
        grown_by: row.maybe_json("grown_by")?,
        grow_with: row.maybe_word("grow_with")?,
        answered: row.maybe_json("answered")?,
    })
}

/// Says what grows the primary mask from now on.
pub async fn grow_by(tx: &mut AnyConnection, shot_id: ShotId, grown_by: &GrownBy) -> Result<()> {
    sqlx::query(
        "insert into draft (shot_id, grown_by) values ($1, $2) on conflict (shot_id) do update set grown_by = excluded.grown_by",
    )
    .bind(shot_id.to_string())
    .bind(to_json(grown_by))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Chooses who answers clicks and grows the primary mask of a shot.
pub async fn grow_with(tx: &mut AnyConnection, shot_id: ShotId, by: Segmenter) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    sqlx::query(
        "insert into draft (shot_id, grow_with) values ($1, $2)
         on conflict (shot_id) do update set grow_with = excluded.grow_with",
    )
    .bind(shot_id.to_string())
    .bind(by.slug())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Brief).await
}

/// Says what answered a click.
pub(crate) async fn note_answer(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    answered: &ClickAnswer,
) -> Result<()> {
    sqlx::query(
        "insert into draft (shot_id, answered) values ($1, $2)
         on conflict (shot_id) do update set answered = excluded.answered",
    )
    .bind(shot_id.to_string())
    .bind(to_json(answered))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Raises the draft's revision; makes its row. Lock the shot first.
pub(crate) async fn raise(tx: &mut AnyConnection, shot_id: ShotId) -> Result<()> {
    sqlx::query(
        "insert into draft (shot_id, revision) values ($1, 1)
         on conflict (shot_id) do update set revision = draft.revision + 1",
    )
    .bind(shot_id.to_string())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Becomes or stays the editor. Another editor who is still here is replaced only with `take_over`.
pub async fn hold(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    take_over: bool,
) -> Result<()> {
    let shot = shots::lock(tx, shot_id).await?;
    let State { editor, .. } = state(&mut *tx, shot_id).await?;
    match &editor {
        Some((id, name)) if *id != person_id && !take_over => {
            return Err(Error::Conflict(format!(
                "{name} is editing this quadmask. Press “Take over” to edit it yourself."
            )));
        }
        _ => {}
    }
    sqlx::query(
        "insert into draft (shot_id, editor, editor_seen_at) values ($1, $2, $3)
         on conflict (shot_id) do update set editor = excluded.editor, editor_seen_at = excluded.editor_seen_at",
    )
    .bind(shot_id.to_string())
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if editor.is_none_or(|(id, _)| id != person_id) {
        events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Editor).await?;
    }
    Ok(())
}

/// Writes a frame's row with the next revision; the row as it is now.
pub(crate) async fn put(tx: &mut AnyConnection, shot_id: ShotId, new: &Frame) -> Result<Frame> {
    let Frame { frame, levels, locks, locked, confidence, cover, revision: _ } = new;
    let Cover { primary_area, overlap_area, affected_area, primary_cells, shape } = cover;
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "insert into draft_frame (shot_id, frame, levels, locks, locked, confidence, primary_area, affected_area,
             overlap_area, primary_cells, shape, revision)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1)
         on conflict (shot_id, frame) do update set levels = excluded.levels, locks = excluded.locks,
             locked = excluded.locked, confidence = excluded.confidence, primary_area = excluded.primary_area,
             affected_area = excluded.affected_area, overlap_area = excluded.overlap_area,
             primary_cells = excluded.primary_cells, shape = excluded.shape, revision = draft_frame.revision + 1
         returning {COLUMNS}"
    )))
    .bind(shot_id.to_string())
    .bind(i64::from(*frame))
    .bind(levels.map(|hash| hash.to_string()))
    .bind(locks.map(|hash| hash.to_string()))
    .bind(i64::from(*locked))
    .bind(*confidence)
    .bind(primary_area)
    .bind(affected_area)
    .bind(overlap_area)
    .bind(primary_cells.to_string())
    .bind(shape_text(shape.as_ref()))
    .fetch_one(&mut *tx)
    .await?;
    read(&row)
}

/// A frame that a stage made. Pixel locks are merged by the caller beforehand.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeFrame {
    pub frame: u32,
    /// The revision of the row that was read when the frame was made (0: there was none).
    pub seen_revision: i64,
    /// PNG blob in the store and its size; `None`: background only.
    pub levels: Option<(Hash, i64)>,
    pub confidence: Option<f64>,
    pub cover: Cover,
}

/// Puts frames of the segmenter into the draft. Locked frames stay as they are. Frames that somebody changed since
/// `seen_revision` are left alone and reported: merge their locks and make them again.
pub async fn put_segment_frames(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    made: &[MadeFrame],
) -> Result<Vec<u32>> {
    put_frames(tx, shot_id, made, false).await
}

/// Like [`put_segment_frames`] for one frame, and what people painted on it can still be taken back; whether it was put.
pub(crate) async fn put_answer(tx: &mut AnyConnection, shot_id: ShotId, made: &MadeFrame) -> Result<bool> {
    Ok(put_frames(tx, shot_id, std::slice::from_ref(made), true).await?.is_empty())
}

async fn put_frames(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    made: &[MadeFrame],
    keeps_undo: bool,
) -> Result<Vec<u32>> {
    let shot = shots::edit(tx, shot_id).await?;
    let size = shot.size()?;
    let mut redo = Vec::new();
    let mut written: Option<(u32, u32)> = None;
    for new in made {
        let MadeFrame { frame: at, seen_revision, levels, confidence, cover } = new;
        if *at >= size.frames {
            return Err(Error::Invalid(format!(
                "Frame {at} is not in this shot: it has {} frames.",
                size.frames
            )));
        }
        let old = frame(&mut *tx, shot_id, *at).await?;
        if old.revision != *seen_revision {
            redo.push(*at);
            continue;
        }
        if old.locked {
            continue;
        }
        if let Some((hash, size_bytes)) = levels {
            blobs::record(tx, *hash, *size_bytes).await?;
        }
        let next = Frame {
            levels: levels.map(|(hash, _)| hash),
            confidence: *confidence,
            cover: cover.clone(),
            ..old.clone()
        };
        if next != old {
            put(tx, shot_id, &next).await?;
            if next.levels != old.levels && !keeps_undo {
                forget_edits(tx, shot_id, *at).await?;
            }
        }
        written = Some(written.map_or((*at, *at), |(from, to)| (from.min(*at), to.max(*at))));
    }
    if let Some((from, to)) = written {
        events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Frames { from, to }).await?;
    }
    Ok(redo)
}

/// Undo cannot reach behind a propagation: it would give back a frame that was made from other clicks.
async fn forget_edits(tx: &mut AnyConnection, shot_id: ShotId, frame: u32) -> Result<()> {
    sqlx::query("delete from draft_edit where shot_id = $1 and frame = $2")
        .bind(shot_id.to_string())
        .bind(i64::from(frame))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// An imported quadmask becomes the draft: every frame of it, locks and undo included, since a person asked for it. No click
/// from before changes it.
pub async fn replace_all(tx: &mut AnyConnection, shot_id: ShotId, made: &[MadeFrame]) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    let size = shot.size()?;
    clicks::withdraw(tx, shot_id).await?;
    sqlx::query("delete from draft_edit where shot_id = $1")
        .bind(shot_id.to_string())
        .execute(&mut *tx)
        .await?;
    let mut by_frame = vec![None; size.frames as usize];
    for new in made {
        let slot = by_frame.get_mut(new.frame as usize).ok_or_else(|| {
            Error::Invalid(format!(
                "The quadmask has a frame {}, the plate has only {} frames.",
                new.frame, size.frames
            ))
        })?;
        *slot = Some(new);
    }
    for old in frames(&mut *tx, shot_id).await? {
        if let Some(None) = by_frame.get(old.frame as usize) {
            put(tx, shot_id, &Frame::blank(old.frame)).await?;
        }
    }
    for new in by_frame.into_iter().flatten() {
        let MadeFrame { frame, seen_revision: _, levels, confidence, cover } = new;
        if let Some((hash, size_bytes)) = levels {
            blobs::record(tx, *hash, *size_bytes).await?;
        }
        let next = Frame {
            levels: levels.map(|(hash, _)| hash),
            confidence: *confidence,
            cover: cover.clone(),
            ..Frame::blank(*frame)
        };
        put(tx, shot_id, &next).await?;
    }
    let last = size.frames.saturating_sub(1);
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Frames { from: 0, to: last }).await
}
