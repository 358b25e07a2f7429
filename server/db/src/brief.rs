//! Targets, words and causes of a shot. Every change goes through [`shots::edit`], so read-only phases refuse it; those of
//! targets and causes can be taken back ([`edits`]).

use std::collections::BTreeSet;

use domain::target::TARGET_COLOURS;
use domain::void_files::{Brought, DrawnPath};
use domain::{
    Cause, CauseId, CellSpan, Consequence, EventKind, Grid, PersonId, ShotId, Target, TargetId, Words,
};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::items::{self, Item, Key, Placed};
use crate::row::Cells;
use crate::shots::{self, Locked, Size};
use crate::{Error, Result, clicks, edits, events, new_uuid, to_json};

const MOST_TARGETS: usize = 32;
const MOST_CAUSES: usize = 64;
const MOST_PATH_POINTS: usize = 2_000;

pub(crate) fn read_target(row: &AnyRow) -> Result<Target> {
    Ok(Target {
        target_id: row.word("target_id")?,
        name: row.text("name")?,
        colour: row.text("colour")?,
        points: row.json("points")?,
        boxes: row.json("boxes")?,
        found: row.maybe_json("found")?,
    })
}

/// In the order they were added.
pub async fn targets<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Vec<Target>> {
    let rows = sqlx::query(
        "select target_id, name, colour, points, boxes, found from target where shot_id = $1 order by position, target_id",
    )
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter().map(read_target).collect()
}

pub(crate) fn read_cause(row: &AnyRow) -> Result<Cause> {
    Ok(Cause {
        cause_id: row.word("cause_id")?,
        name: row.text("name")?,
        reason: row.text("reason")?,
        consequence: row.word("consequence")?,
        path: row.json("path")?,
        spans: row.json("spans")?,
    })
}

/// In the order they were added.
pub async fn causes<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Vec<Cause>> {
    let rows = sqlx::query(
        "select cause_id, name, reason, consequence, path, spans from cause where shot_id = $1 order by position, cause_id",
    )
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter().map(read_cause).collect()
}

pub async fn words<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Words> {
    let row = sqlx::query("select removal, after from words where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_optional(executor)
        .await?;
    match row {
        Some(row) => Ok(Words { removal: row.text("removal")?, after: row.text("after")? }),
        None => Ok(Words::default()),
    }
}

async fn tell(tx: &mut AnyConnection, shot: &Locked) -> Result<()> {
    events::tell(tx, Some(shot.project_id), Some(shot.shot_id), &EventKind::Brief).await
}

fn clean(name: &str) -> Result<String> {
    domain::project::clean_name(name).map_err(|bad| Error::Invalid(format!("Choose another name: {bad}.")))
}

async fn next_position(tx: &mut AnyConnection, table: &str, shot_id: ShotId) -> Result<(i64, usize)> {
    let text = format!(
        "select coalesce(max(position), -1) + 1 as next, count(*) as rows_now from {table} where shot_id = $1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(shot_id.to_string()).fetch_one(&mut *tx).await?;
    Ok((row.int("next")?, usize::try_from(row.int("rows_now")?).unwrap_or_default()))
}

/// A target with the next colour and nothing marked yet. `by`: who may take it back.
pub async fn add_target(tx: &mut AnyConnection, shot_id: ShotId, by: PersonId, name: &str) -> Result<Target> {
    let shot = shots::edit(tx, shot_id).await?;
    let target = Target {
        target_id: TargetId(new_uuid()),
        name: name.to_owned(),
        colour: String::new(),
        points: Vec::new(),
        boxes: Vec::new(),
        found: None,
    };
    let target = behind(tx, &shot, by, target).await?;
    tell(tx, &shot).await?;
    Ok(target)
}

/// A target that words found, marked already, behind the others. No click waits for an answer: its masks are there. The shot is
/// locked for an edit, and whoever calls tells of it.
pub(crate) async fn insert_found(
    tx: &mut AnyConnection,
    shot: &Locked,
    by: PersonId,
    target: Target,
) -> Result<Target> {
    let Size { frames, width, height } = shot.size()?;
    let target = behind(tx, shot, by, target).await?;
    target
        .check(frames, width, height)
        .map_err(|bad| Error::Invalid(format!("“{}” was not kept: {bad}.", target.name)))?;
    Ok(target)
}

/// Puts a target behind the others, with its name made clean and the next colour.
async fn behind(tx: &mut AnyConnection, shot: &Locked, by: PersonId, target: Target) -> Result<Target> {
    let (position, count) = next_position(tx, "target", shot.shot_id).await?;
    if count >= MOST_TARGETS {
        return Err(Error::Invalid(format!(
            "A shot has at most {MOST_TARGETS} targets: put two things into one."
        )));
    }
    let colour = TARGET_COLOURS[position.unsigned_abs() as usize % TARGET_COLOURS.len()];
    let target = Target { name: clean(&target.name)?, colour: colour.to_owned(), ..target };
    insert_target(tx, shot.shot_id, position, &target).await?;
    edits::note(tx, shot.shot_id, by, Key::Target(target.target_id), None).await?;
    Ok(target)
}

/// Says what goes, where nobody has said it yet. The shot is locked for an edit.
pub(crate) async fn say_removal(tx: &mut AnyConnection, shot_id: ShotId, removal: &str) -> Result<()> {
    sqlx::query(
        "insert into words (shot_id, removal, after) values ($1, $2, '')
         on conflict (shot_id) do update set removal =
             case when words.removal = '' then excluded.removal else words.removal end",
    )
    .bind(shot_id.to_string())
    .bind(removal)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn insert_target(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    position: i64,
    target: &Target,
) -> Result<()> {
    let Target { target_id, name, colour, points, boxes, found } = target;
    sqlx::query(
        "insert into target (target_id, shot_id, position, name, colour, points, boxes, found)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(target_id.to_string())
    .bind(shot_id.to_string())
    .bind(position)
    .bind(name)
    .bind(colour)
    .bind(to_json(points))
    .bind(to_json(boxes))
    .bind(found.as_ref().map(to_json))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Everything of a target that exists but by what words it was found.
pub async fn save_target(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    by: PersonId,
    target: &Target,
) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    let Size { frames, width, height } = shot.size()?;
    target
        .check(frames, width, height)
        .map_err(|bad| Error::Invalid(format!("The target was not saved: {bad}.")))?;
    let Target { target_id, name, colour, points, boxes, found: _ } = target;
    let key = Key::Target(*target_id);
    let before = there(tx, shot_id, key).await?;
    sqlx::query(
        "update target set name = $3, colour = $4, points = $5, boxes = $6 where target_id = $1 and shot_id = $2",
    )
    .bind(target_id.to_string())
    .bind(shot_id.to_string())
    .bind(clean(name)?)
    .bind(colour)
    .bind(to_json(points))
    .bind(to_json(boxes))
    .execute(&mut *tx)
    .await?;
    let marked = domain::target::marked_anew(before.item.target(), Some(target));
    clicks::ask(tx, shot_id, &marked).await?;
    edits::note(tx, shot_id, by, key, Some(before)).await?;
    tell(tx, &shot).await
}

pub async fn delete_target(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    by: PersonId,
    target_id: TargetId,
) -> Result<()> {
    delete(tx, shot_id, by, Key::Target(target_id)).await
}

async fn delete(tx: &mut AnyConnection, shot_id: ShotId, by: PersonId, key: Key) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    let before = there(tx, shot_id, key).await?;
    items::write(tx, &shot_id.to_string(), key, None).await?;
    clicks::ask(tx, shot_id, &domain::target::marked_anew(before.item.target(), None)).await?;
    edits::note(tx, shot_id, by, key, Some(before)).await?;
    tell(tx, &shot).await
}

/// What is there, before it is changed.
async fn there(tx: &mut AnyConnection, shot_id: ShotId, key: Key) -> Result<Placed> {
    items::read(tx, &shot_id.to_string(), key).await?.ok_or(Error::NotFound)
}

/// At most 2,000 characters each.
pub async fn save_words(tx: &mut AnyConnection, shot_id: ShotId, words: &Words) -> Result<()> {
    let Words { removal, after } = words;
    if removal.chars().count() > 2_000 || after.chars().count() > 2_000 {
        return Err(Error::Invalid("The words have at most 2,000 characters each: shorten them.".into()));
    }
    let shot = shots::edit(tx, shot_id).await?;
    sqlx::query(
        "insert into words (shot_id, removal, after) values ($1, $2, $3)
         on conflict (shot_id) do update set removal = excluded.removal, after = excluded.after",
    )
    .bind(shot_id.to_string())
    .bind(removal.trim())
    .bind(after.trim())
    .execute(&mut *tx)
    .await?;
    tell(tx, &shot).await
}

/// A cause that vanishes with the target until told otherwise. `by`: who may take it back.
pub async fn add_cause(tx: &mut AnyConnection, shot_id: ShotId, by: PersonId, name: &str) -> Result<Cause> {
    let shot = shots::edit(tx, shot_id).await?;
    let cause = Cause {
        cause_id: CauseId(new_uuid()),
        name: clean(name)?,
        reason: String::new(),
        consequence: Consequence::Vanish,
        path: Vec::new(),
        spans: Vec::new(),
    };
    insert_cause(tx, &shot, by, &cause).await?;
    Ok(cause)
}

/// Puts a cause behind the others. Names are clean already; the shot is locked for an edit.
pub(crate) async fn insert_cause(
    tx: &mut AnyConnection,
    shot: &Locked,
    by: PersonId,
    cause: &Cause,
) -> Result<()> {
    let (position, count) = next_position(tx, "cause", shot.shot_id).await?;
    if count >= MOST_CAUSES {
        return Err(Error::Invalid(format!("A shot has at most {MOST_CAUSES} causes: put two into one.")));
    }
    let Cause { cause_id, name, reason, consequence, path, spans } = cause;
    sqlx::query(
        "insert into cause (cause_id, shot_id, position, name, reason, consequence, path, spans)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(cause_id.to_string())
    .bind(shot.shot_id.to_string())
    .bind(position)
    .bind(name)
    .bind(reason)
    .bind(consequence.word())
    .bind(to_json(path))
    .bind(to_json(spans))
    .execute(&mut *tx)
    .await?;
    edits::note(tx, shot.shot_id, by, Key::Cause(*cause_id), None).await?;
    tell(tx, shot).await
}

/// Name, reason, consequence and path; the cells stay as they are. Only `react` has a path.
pub async fn save_cause(tx: &mut AnyConnection, shot_id: ShotId, by: PersonId, cause: &Cause) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    let Cause { cause_id, name, reason, consequence, path, spans: _ } = cause;
    check_path(cause, shot.size()?)?;
    if reason.chars().count() > 2_000 {
        return Err(Error::Invalid("A reason has at most 2,000 characters: shorten it.".into()));
    }
    let kept: &[_] = if *consequence == Consequence::React { path } else { &[] };
    let key = Key::Cause(*cause_id);
    let before = there(tx, shot_id, key).await?;
    sqlx::query(
        "update cause set name = $3, reason = $4, consequence = $5, path = $6 where cause_id = $1 and shot_id = $2",
    )
    .bind(cause_id.to_string())
    .bind(shot_id.to_string())
    .bind(clean(name)?)
    .bind(reason.trim())
    .bind(consequence.word())
    .bind(to_json(&kept))
    .execute(&mut *tx)
    .await?;
    edits::note(tx, shot_id, by, key, Some(before)).await?;
    tell(tx, &shot).await
}

fn check_path(cause: &Cause, size: Size) -> Result<()> {
    let Size { frames, width, height } = size;
    let refuse =
        |why: String| Err(Error::Invalid(format!("The path of “{}” was not saved: {why}.", cause.name)));
    if cause.path.len() > MOST_PATH_POINTS {
        return refuse(format!("it has more than {MOST_PATH_POINTS} points"));
    }
    if cause.path.windows(2).any(|pair| pair[0].frame >= pair[1].frame) {
        return refuse("its frames must follow one another".into());
    }
    for point in &cause.path {
        if point.frame >= frames {
            return refuse(format!("frame {} is not in this shot, it has {frames} frames", point.frame));
        }
        // A thing may leave the picture, but not go further than its own size.
        let (w, h) = (width as f32, height as f32);
        if !(-w..=2.0 * w).contains(&point.x) || !(-h..=2.0 * h).contains(&point.y) {
            return refuse(format!("the point at frame {} is far outside the picture", point.frame));
        }
    }
    Ok(())
}

pub async fn delete_cause(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    by: PersonId,
    cause_id: CauseId,
) -> Result<()> {
    delete(tx, shot_id, by, Key::Cause(cause_id)).await
}

/// Marks that came as a file: targets and paths take the place of those that are called like them, others are added behind; words
/// that are said replace those that are there. What was there has no way back by undo.
pub async fn bring(tx: &mut AnyConnection, shot_id: ShotId, brought: &Brought) -> Result<()> {
    let shot = shots::edit(tx, shot_id).await?;
    let size = shot.size()?;
    let Brought { targets: new, paths, removal, after } = brought;
    let is_called = |name: &str, other: &str| name.trim().to_lowercase() == other.trim().to_lowercase();
    let mut marked = BTreeSet::new();
    for target in new {
        let old =
            targets(&mut *tx, shot_id).await?.into_iter().find(|old| is_called(&old.name, &target.name));
        let target_id = old.as_ref().map_or(TargetId(new_uuid()), |old| old.target_id);
        let target = Target { target_id, name: clean(&target.name)?, ..target.clone() };
        target
            .check(size.frames, size.width, size.height)
            .map_err(|bad| Error::Invalid(format!("“{}” was not taken: {bad}.", target.name)))?;
        marked.extend(domain::target::marked_anew(old.as_ref(), Some(&target)));
        put_item(tx, shot_id, Key::Target(target_id), Item::Target(target), MOST_TARGETS).await?;
    }
    for DrawnPath { noun, path } in paths {
        let old = causes(&mut *tx, shot_id).await?.into_iter().find(|old| is_called(&old.name, noun));
        let new = || -> Result<Cause> {
            let (cause_id, name, reason) = (CauseId(new_uuid()), clean(noun)?, String::new());
            let (consequence, path, spans) = (Consequence::React, Vec::new(), Vec::new());
            Ok(Cause { cause_id, name, reason, consequence, path, spans })
        };
        let old = old.map_or_else(new, Ok)?;
        let cause = Cause { consequence: Consequence::React, path: path.clone(), ..old };
        check_path(&cause, size)?;
        put_item(tx, shot_id, Key::Cause(cause.cause_id), Item::Cause(cause), MOST_CAUSES).await?;
    }
    if removal.is_some() || after.is_some() {
        let old = words(&mut *tx, shot_id).await?;
        let words = Words {
            removal: removal.clone().unwrap_or(old.removal),
            after: after.clone().unwrap_or(old.after),
        };
        save_words(tx, shot_id, &words).await?;
    }
    clicks::ask(tx, shot_id, &marked).await?;
    tell(tx, &shot).await
}

/// Puts an item in its place, or behind the others where it is new, and forgets its edits.
async fn put_item(tx: &mut AnyConnection, shot_id: ShotId, key: Key, item: Item, most: usize) -> Result<()> {
    let shot = shot_id.to_string();
    let position = match items::read(tx, &shot, key).await? {
        Some(Placed { position, .. }) => position,
        None => {
            let (position, count) = next_position(tx, key.table(), shot_id).await?;
            if count >= most {
                let things = format!("{}s", key.table());
                return Err(Error::Invalid(format!(
                    "A shot has at most {most} {things}: the file brings more."
                )));
            }
            position
        }
    };
    sqlx::query("delete from draft_edit where shot_id = $1 and item = $2")
        .bind(&shot)
        .bind(key.word())
        .execute(&mut *tx)
        .await?;
    items::write(tx, &shot, key, Some(&Placed { position, item })).await
}

/// Adds cells to a cause over stretches of frames, as one edit.
pub async fn add_spans(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    by: PersonId,
    cause_id: CauseId,
    spans: &[CellSpan],
) -> Result<Cause> {
    let shot = shots::edit(tx, shot_id).await?;
    let Size { frames, width, height } = shot.size()?;
    let grid = Grid::of(width, height);
    let key = Key::Cause(cause_id);
    let before = there(tx, shot_id, key).await?;
    let Item::Cause(mut cause) = before.item.clone() else { return Err(Error::NotFound) };
    for CellSpan { from, to, cells } in spans {
        let is_outside = |(row, col): &(u32, u32)| *row >= grid.rows || *col >= grid.cols;
        if from > to || *to >= frames || cells.iter().any(is_outside) {
            return Err(Error::Invalid(
                "These cells were found on another part of the plate: look for the words again.".into(),
            ));
        }
        cause.set_cells(cells, true, *from, *to);
    }
    keep_spans(tx, &shot, by, &cause, before).await?;
    Ok(cause)
}

/// Writes a cause's cells as they are now; `before`: what undo goes back to.
async fn keep_spans(
    tx: &mut AnyConnection,
    shot: &Locked,
    by: PersonId,
    cause: &Cause,
    before: Placed,
) -> Result<()> {
    sqlx::query("update cause set spans = $3 where cause_id = $1 and shot_id = $2")
        .bind(cause.cause_id.to_string())
        .bind(shot.shot_id.to_string())
        .bind(to_json(&cause.spans))
        .execute(&mut *tx)
        .await?;
    edits::note(tx, shot.shot_id, by, Key::Cause(cause.cause_id), Some(before)).await?;
    tell(tx, shot).await
}

/// Turns `[row, col]` cells of a cause on or off over frames `from..=to`.
pub async fn set_cells(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    by: PersonId,
    cause_id: CauseId,
    cells: &[(u32, u32)],
    on: bool,
    (from, to): (u32, u32),
) -> Result<Cause> {
    let shot = shots::edit(tx, shot_id).await?;
    let Size { frames, width, height } = shot.size()?;
    if from > to || to >= frames {
        return Err(Error::Invalid(format!(
            "Frames {from} to {to} are not in this shot: it has {frames} frames."
        )));
    }
    let grid = Grid::of(width, height);
    if let Some((row, col)) = cells.iter().find(|(row, col)| *row >= grid.rows || *col >= grid.cols) {
        return Err(Error::Invalid(format!(
            "Cell {row}, {col} is outside the grid of {} rows and {} columns.",
            grid.rows, grid.cols
        )));
    }
    let key = Key::Cause(cause_id);
    let before = there(tx, shot_id, key).await?;
    let Item::Cause(mut cause) = before.item.clone() else { return Err(Error::NotFound) };
    cause.set_cells(cells, on, from, to);
    keep_spans(tx, &shot, by, &cause, before).await?;
    Ok(cause)
}
