//! What was found by words: the last searches of a shot, with a mask for each thing on each frame. Keeping something makes
//! targets and cells through [`crate::brief`]; nothing here touches the draft.

use domain::find::{About, Finding, Order, Sight};
use domain::project::Shot;
use domain::{EventKind, FindingId, FoundBy, Hash, PersonId, ShotId, Target, TargetId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Error, Result, blobs, brief, events, new_uuid, now, shots, to_json};

/// Part of every input hash: raised where the same question would get another answer.
const SEARCH: &str = "find 1";
/// Searches of a shot that are kept; the oldest go.
const MOST: usize = 8;

/// A thing on a frame as a search made it: its mask lies in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub sight: Sight,
    pub mask: Hash,
    pub mask_bytes: i64,
}

/// The hash of all that a search depends on.
pub fn inputs(shot: &Shot, order: &Order, weights: Hash) -> Hash {
    let plate = (shot.plate.to_string(), shot.trim, shot.said_colour);
    Hash::of(to_json(&(SEARCH, plate, order, weights.to_string())).as_bytes())
}

/// Makes an answer that is there already the newest, and names it.
pub async fn again(tx: &mut AnyConnection, shot_id: ShotId, inputs: Hash) -> Result<Option<FindingId>> {
    let shot = shots::lock(tx, shot_id).await?;
    let row =
        sqlx::query("update finding set at = $3 where shot_id = $1 and inputs = $2 returning finding_id")
            .bind(shot_id.to_string())
            .bind(inputs.to_string())
            .bind(now())
            .fetch_optional(&mut *tx)
            .await?;
    let Some(row) = row else { return Ok(None) };
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Brief).await?;
    Ok(Some(row.word("finding_id")?))
}

/// The newest search of a shot.
pub async fn newest<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Option<FindingId>> {
    let row = sqlx::query(
        "select finding_id from finding where shot_id = $1 order by at desc, finding_id desc limit 1",
    )
    .bind(shot_id.to_string())
    .fetch_optional(executor)
    .await?;
    row.map(|row| row.word("finding_id")).transpose()
}

async fn head(tx: &mut AnyConnection, shot_id: ShotId, finding_id: FindingId) -> Result<(About, i64)> {
    let row = sqlx::query("select about, at from finding where finding_id = $1 and shot_id = $2")
        .bind(finding_id.to_string())
        .bind(shot_id.to_string())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound)?;
    Ok((row.json("about")?, row.int("at")?))
}

fn read(row: &AnyRow) -> Result<(Sight, Hash)> {
    Ok((row.json("content")?, row.word("mask")?))
}

/// A search of a shot, with the mask of each sight in the same order.
///
/// # Errors
/// [`Error::NotFound`] where it is not of this shot, or newer ones have taken its place.
pub async fn get(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    finding_id: FindingId,
) -> Result<(Finding, Vec<Hash>)> {
    let (about, at) = head(tx, shot_id, finding_id).await?;
    let rows = sqlx::query("select content, mask from sight where finding_id = $1 order by n")
        .bind(finding_id.to_string())
        .fetch_all(&mut *tx)
        .await?;
    let (sights, masks) = rows.iter().map(read).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    Ok((Finding { finding_id, about, sights, at }, masks))
}

/// Keeps what a search found, and takes the oldest of the shot away. The same question keeps one answer.
pub async fn put(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    inputs: Hash,
    about: &About,
    seen: &[Seen],
) -> Result<FindingId> {
    let shot = shots::lock(tx, shot_id).await?;
    let before = sqlx::query(
        "select finding_id, inputs from finding where shot_id = $1 order by at desc, finding_id desc",
    )
    .bind(shot_id.to_string())
    .fetch_all(&mut *tx)
    .await?;
    for (at, row) in before.iter().enumerate() {
        if at + 1 >= MOST || row.text("inputs")? == inputs.to_string() {
            forget(tx, row.word("finding_id")?).await?;
        }
    }
    let finding_id = FindingId(new_uuid());
    sqlx::query("insert into finding (finding_id, shot_id, inputs, about, at) values ($1, $2, $3, $4, $5)")
        .bind(finding_id.to_string())
        .bind(shot_id.to_string())
        .bind(inputs.to_string())
        .bind(to_json(about))
        .bind(now())
        .execute(&mut *tx)
        .await?;
    for Seen { sight, mask, mask_bytes } in seen {
        blobs::record(tx, *mask, *mask_bytes).await?;
        sqlx::query("insert into sight (finding_id, n, shot_id, mask, content) values ($1, $2, $3, $4, $5)")
            .bind(finding_id.to_string())
            .bind(i64::from(sight.n))
            .bind(shot_id.to_string())
            .bind(mask.to_string())
            .bind(to_json(sight))
            .execute(&mut *tx)
            .await?;
    }
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Brief).await?;
    Ok(finding_id)
}

async fn forget(tx: &mut AnyConnection, finding_id: FindingId) -> Result<()> {
    for table in ["sight", "finding"] {
        let text = format!("delete from {table} where finding_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(finding_id.to_string()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Things that were found become targets, all or none; the words become those of the removal where none were written yet.
/// `by`: who may take each back.
///
/// # Errors
/// [`Error::Invalid`] where nothing of this counts at the threshold, or a thing has nothing that marks it: no target without a
/// place is made.
pub async fn keep(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    by: PersonId,
    finding: &Finding,
    things: &[u32],
    threshold: f32,
) -> Result<Vec<Target>> {
    let shot = shots::edit(tx, shot_id).await?;
    let size = shot.size()?;
    let words = &finding.about.order.words;
    let all = finding.things(threshold);
    let mut kept: Vec<_> = all.iter().filter(|thing| things.contains(&thing.thing)).collect();
    kept.sort_by_key(|thing| thing.thing);
    if kept.is_empty() {
        let why = finding.nothing(threshold);
        return Err(Error::Invalid(why.unwrap_or_else(|| {
            "Nothing is kept: choose at least one of the things that were found.".to_owned()
        })));
    }
    let mut made = Vec::new();
    for (n, thing) in (1..).zip(&kept) {
        let (points, boxes) = thing.prompts(size.width, size.height);
        if points.is_empty() {
            return Err(Error::Invalid(format!(
                "Thing {} of “{words}” has no pixel that could be marked: drop it, and keep the others.",
                thing.thing
            )));
        }
        let found = FoundBy {
            words: words.clone(),
            score: thing.score,
            threshold,
            network: finding.about.network.clone(),
        };
        let target = Target {
            target_id: TargetId(new_uuid()),
            name: domain::find::name_of(words, n, kept.len()),
            colour: String::new(),
            points,
            boxes,
            found: Some(found),
        };
        made.push(brief::insert_found(tx, &shot, by, target).await?);
    }
    brief::say_removal(tx, shot_id, &format!("Remove: {words}")).await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Brief).await?;
    Ok(made)
}
