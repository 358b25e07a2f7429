//! What people change on draft frames, targets and causes: one undoable row per change, in one sequence per person.

use std::collections::BTreeSet;

use domain::{Cover, EventKind, Hash, PersonId, ShotId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::draft::{self, Frame};
use crate::items::{self, Item, Key, Placed};
use crate::row::Cells;
use crate::shots::{self, Locked};
use crate::{Error, Result, brief, clicks, events, to_json};

/// Edits that a shot remembers.
pub const DEPTH: i64 = 200;

/// The frame of an edit that is of no frame but of an item.
const NO_FRAME: i64 = -1;

/// What a person's change makes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub levels: Option<Hash>,
    pub locks: Option<Hash>,
    pub locked: bool,
    pub cover: Cover,
}

impl Change {
    fn of(frame: &Frame) -> Self {
        Self { levels: frame.levels, locks: frame.locks, locked: frame.locked, cover: frame.cover.clone() }
    }

    fn onto(self, frame: Frame) -> Frame {
        let Self { levels, locks, locked, cover } = self;
        Frame { levels, locks, locked, cover, ..frame }
    }
}

/// Writes a change made on top of `seen`, with its undo row; who changes becomes the editor. `None`: the frame was
/// changed since `seen`, nothing was written; look again and change that one. Record the blobs first.
pub async fn apply(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    seen: &Frame,
    change: &Change,
) -> Result<Option<Frame>> {
    let locked = shots::lock(tx, shot_id).await?;
    let size = locked.size()?;
    if seen.frame >= size.frames {
        return Err(Error::Invalid(format!(
            "Frame {} is not in this shot: it has {} frames.",
            seen.frame, size.frames
        )));
    }
    let old = draft::frame(&mut *tx, shot_id, seen.frame).await?;
    if old.revision != seen.revision {
        return Ok(None);
    }
    let shot = begin(tx, shot_id, person_id).await?;
    let before = Change::of(&old);
    if before == *change {
        return Ok(Some(old));
    }
    let edit = next_number(tx, shot_id, person_id, i64::from(seen.frame), "").await?;
    sqlx::query(
        "insert into draft_edit (shot_id, edit, person_id, frame, levels_before, locks_before, locked_before,
             primary_before, affected_before, levels_after, locks_after, locked_after, primary_after, affected_after,
             overlap_before, cells_before, overlap_after, cells_after, shape_before, shape_after)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
    )
    .bind(shot_id.to_string())
    .bind(edit)
    .bind(person_id.to_string())
    .bind(i64::from(seen.frame))
    .bind(before.levels.map(|hash| hash.to_string()))
    .bind(before.locks.map(|hash| hash.to_string()))
    .bind(i64::from(before.locked))
    .bind(before.cover.primary_area)
    .bind(before.cover.affected_area)
    .bind(change.levels.map(|hash| hash.to_string()))
    .bind(change.locks.map(|hash| hash.to_string()))
    .bind(i64::from(change.locked))
    .bind(change.cover.primary_area)
    .bind(change.cover.affected_area)
    .bind(before.cover.overlap_area)
    .bind(before.cover.primary_cells.to_string())
    .bind(change.cover.overlap_area)
    .bind(change.cover.primary_cells.to_string())
    .bind(draft::shape_text(before.cover.shape.as_ref()))
    .bind(draft::shape_text(change.cover.shape.as_ref()))
    .execute(&mut *tx)
    .await?;
    forget_oldest(tx, shot_id, edit).await?;
    write(tx, &shot, change.clone().onto(old)).await.map(Some)
}

/// Keeps what a change made of a target or cause, for undo; nothing where it changed nothing. `before`: `None` where it was
/// not there. The change is made already, under the shot's lock.
pub(crate) async fn note(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    key: Key,
    before: Option<Placed>,
) -> Result<()> {
    let shot = shot_id.to_string();
    let after = items::read(tx, &shot, key).await?;
    if before == after {
        return Ok(());
    }
    let edit = next_number(tx, shot_id, person_id, NO_FRAME, &key.word()).await?;
    sqlx::query(
        "insert into draft_edit (shot_id, edit, person_id, frame, locked_before, locked_after, item, item_before, item_after)
         values ($1, $2, $3, $4, 0, 0, $5, $6, $7)",
    )
    .bind(&shot)
    .bind(edit)
    .bind(person_id.to_string())
    .bind(NO_FRAME)
    .bind(key.word())
    .bind(before.as_ref().map(to_json))
    .bind(after.as_ref().map(to_json))
    .execute(&mut *tx)
    .await?;
    forget_oldest(tx, shot_id, edit).await
}

/// The number of a new edit, which ends the way forward for its person and for what it is of.
async fn next_number(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    frame: i64,
    item: &str,
) -> Result<i64> {
    sqlx::query(
        "delete from draft_edit where shot_id = $1 and undone = 1
         and (person_id = $2 or (frame = $3 and item = $4))",
    )
    .bind(shot_id.to_string())
    .bind(person_id.to_string())
    .bind(frame)
    .bind(item)
    .execute(&mut *tx)
    .await?;
    Ok(sqlx::query_scalar("select coalesce(max(edit), 0) + 1 from draft_edit where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_one(&mut *tx)
        .await?)
}

async fn forget_oldest(tx: &mut AnyConnection, shot_id: ShotId, newest: i64) -> Result<()> {
    sqlx::query("delete from draft_edit where shot_id = $1 and edit <= $2")
        .bind(shot_id.to_string())
        .bind(newest - DEPTH)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn begin(tx: &mut AnyConnection, shot_id: ShotId, person_id: PersonId) -> Result<Locked> {
    let shot = shots::edit(tx, shot_id).await?;
    draft::hold(tx, shot_id, person_id, false).await?;
    Ok(shot)
}

async fn write(tx: &mut AnyConnection, shot: &Locked, next: Frame) -> Result<Frame> {
    let frame = draft::put(tx, shot.shot_id, &next).await?;
    let kind = EventKind::Frames { from: frame.frame, to: frame.frame };
    events::tell(tx, Some(shot.project_id), Some(shot.shot_id), &kind).await?;
    Ok(frame)
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    Undo,
    Redo,
}

/// What walking changed.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Walked {
    /// The frame as it is now.
    Frame(Frame),
    /// A target or cause, `None` where it is not there.
    Item { before: Option<Item>, after: Option<Item> },
}

/// The newest edit of the person that nobody has changed over since, or the one that was taken back last.
async fn next_edit<'e>(
    executor: impl AnyExecutor<'e>,
    shot_id: ShotId,
    person_id: PersonId,
    walk: Walk,
) -> Result<Option<AnyRow>> {
    let (undone, order) = match walk {
        Walk::Undo => (0i64, "desc"),
        Walk::Redo => (1, "asc"),
    };
    Ok(sqlx::query(sqlx::AssertSqlSafe(format!(
        "select e.* from draft_edit e where e.shot_id = $1 and e.person_id = $2 and e.undone = $3
         and not exists (select 1 from draft_edit later where later.shot_id = e.shot_id and later.frame = e.frame
                         and later.item = e.item and later.edit > e.edit and later.undone = 0 and later.person_id <> e.person_id)
         order by e.edit {order} limit 1"
    )))
    .bind(shot_id.to_string())
    .bind(person_id.to_string())
    .bind(undone)
    .fetch_optional(executor)
    .await?)
}

/// Whether [`walk`] would find something.
pub async fn can<'e>(
    executor: impl AnyExecutor<'e>,
    shot_id: ShotId,
    person_id: PersonId,
    way: Walk,
) -> Result<bool> {
    Ok(next_edit(executor, shot_id, person_id, way).await?.is_some())
}

/// Takes back the newest edit of the person, or does again what was taken back last; what that changed.
pub async fn walk(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    person_id: PersonId,
    walk: Walk,
) -> Result<Option<Walked>> {
    let shot = begin(tx, shot_id, person_id).await?;
    let Some(row) = next_edit(&mut *tx, shot_id, person_id, walk).await? else { return Ok(None) };
    let (side, other, undone) = match walk {
        Walk::Undo => ("before", "after", 1i64),
        Walk::Redo => ("after", "before", 0),
    };
    sqlx::query("update draft_edit set undone = $3 where shot_id = $1 and edit = $2")
        .bind(shot_id.to_string())
        .bind(row.int("edit")?)
        .bind(undone)
        .execute(&mut *tx)
        .await?;
    let item = row.text("item")?;
    if !item.is_empty() {
        let key = Key::of_word(&item)?;
        let placed: Option<Placed> = row.maybe_json(&format!("item_{side}"))?;
        return walk_item(tx, &shot, key, placed).await.map(Some);
    }
    let change = Change {
        levels: row.maybe_word(&format!("levels_{side}"))?,
        locks: row.maybe_word(&format!("locks_{side}"))?,
        locked: row.flag(&format!("locked_{side}"))?,
        cover: Cover {
            primary_area: row.int(&format!("primary_{side}"))?,
            overlap_area: row.int(&format!("overlap_{side}"))?,
            affected_area: row.int(&format!("affected_{side}"))?,
            primary_cells: row.word(&format!("cells_{side}"))?,
            shape: draft::read_shape(&row, &format!("shape_{side}"))?,
        },
    };
    let old = draft::frame(&mut *tx, shot_id, row.count("frame")?).await?;
    // A click was answered between the stroke and this: its mask is asked for again on what comes back.
    let is_as_left = old.levels == row.maybe_word(&format!("levels_{other}"))?;
    if !is_as_left && brief::targets(&mut *tx, shot_id).await?.iter().any(|t| t.is_marked_on(old.frame)) {
        clicks::ask(tx, shot_id, &BTreeSet::from([old.frame])).await?;
    }
    write(tx, &shot, change.onto(old)).await.map(|frame| Some(Walked::Frame(frame)))
}

async fn walk_item(
    tx: &mut AnyConnection,
    shot: &Locked,
    key: Key,
    placed: Option<Placed>,
) -> Result<Walked> {
    let shot_text = shot.shot_id.to_string();
    let before = items::read(tx, &shot_text, key).await?.map(|placed| placed.item);
    items::write(tx, &shot_text, key, placed.as_ref()).await?;
    let [was, is] = [before.as_ref(), placed.as_ref().map(|placed| &placed.item)];
    let marked = domain::target::marked_anew(was.and_then(Item::target), is.and_then(Item::target));
    clicks::ask(tx, shot.shot_id, &marked).await?;
    events::tell(tx, Some(shot.project_id), Some(shot.shot_id), &EventKind::Brief).await?;
    Ok(Walked::Item { before, after: placed.map(|placed| placed.item) })
}
