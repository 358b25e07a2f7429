//! Live events: written in the transaction of the change, read by every web process.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::{Event, EventKind, ProjectId, ShotId, VersionId};
use sqlx::{AnyConnection, Row};

use crate::{Db, Result, from_json, now, parse, to_json};

static LAST: AtomicI64 = AtomicI64::new(0);

/// Microseconds with the process's own last digits, so that two processes hardly ever meet.
fn next_id() -> i64 {
    let wanted = now() / 1000 * 1_000_000 + i64::from(std::process::id() % 1000) * 1000;
    let previous = LAST.fetch_max(wanted, Ordering::Relaxed);
    if previous >= wanted { LAST.fetch_add(1, Ordering::Relaxed) + 1 } else { wanted }
}

/// Says that something changed. Call it inside the transaction that changes it.
pub async fn tell(
    tx: &mut AnyConnection,
    project_id: Option<ProjectId>,
    shot_id: Option<ShotId>,
    kind: &EventKind,
) -> Result<()> {
    write(tx, project_id, shot_id, kind, None).await
}

/// What a change is about, for guests: they hear of it if their link shows the version, or the shot where it is about none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForGuests {
    pub version_id: Option<VersionId>,
}

/// As [`tell`], and guests of links may hear it too.
pub async fn tell_guests(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    shot_id: ShotId,
    kind: &EventKind,
    about: ForGuests,
) -> Result<()> {
    write(tx, Some(project_id), Some(shot_id), kind, Some(about)).await
}

async fn write(
    tx: &mut AnyConnection,
    project_id: Option<ProjectId>,
    shot_id: Option<ShotId>,
    kind: &EventKind,
    guests: Option<ForGuests>,
) -> Result<()> {
    sqlx::query(
        "insert into event (event_id, project_id, shot_id, kind, at, version_id, for_guests)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(next_id())
    .bind(project_id.map(|id| id.to_string()))
    .bind(shot_id.map(|id| id.to_string()))
    .bind(to_json(kind))
    .bind(now())
    .bind(guests.and_then(|about| about.version_id).map(|id| id.to_string()))
    .bind(i64::from(guests.is_some()))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// An event, and what of it guests may hear.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub event: Event,
    /// `None`: not for guests.
    pub guests: Option<ForGuests>,
}

/// Most events that are read at once: more than any listener can take, who is then told to read everything again.
const MOST: i64 = 20_000;

/// Events written at or after `since` (microseconds), oldest first. Transactions commit out of order: read a few
/// seconds back and drop what was seen.
pub async fn since(db: &Db, since: i64) -> Result<Vec<Told>> {
    read(db, since, MOST).await
}

/// As [`since`], or nothing where there are more than `most`: part of them would be told as if it were all.
pub async fn all_since(db: &Db, since: i64, most: u32) -> Result<Option<Vec<Told>>> {
    let told = read(db, since, i64::from(most) + 1).await?;
    Ok((told.len() <= most as usize).then_some(told))
}

async fn read(db: &Db, since: i64, most: i64) -> Result<Vec<Told>> {
    let rows = sqlx::query(
        "select event_id, project_id, shot_id, kind, version_id, for_guests from event
         where at >= $1 order by event_id limit $2",
    )
    .bind(since)
    .bind(most)
    .fetch_all(&db.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let project: Option<String> = row.try_get("project_id")?;
            let shot: Option<String> = row.try_get("shot_id")?;
            let version: Option<String> = row.try_get("version_id")?;
            let version_id = version.map(|id| parse("version_id", &id)).transpose()?;
            let for_guests: i64 = row.try_get("for_guests")?;
            let event = Event {
                event_id: row.try_get("event_id")?,
                project_id: project.map(|id| parse("project_id", &id)).transpose()?,
                shot_id: shot.map(|id| parse("shot_id", &id)).transpose()?,
                kind: from_json("kind", &row.try_get::<String, _>("kind")?)?,
            };
            Ok(Told { event, guests: (for_guests != 0).then_some(ForGuests { version_id }) })
        })
        .collect()
}

/// Forgets events before `before`.
pub async fn sweep(db: &Db, before: i64) -> Result<u64> {
    Ok(sqlx::query("delete from event where at < $1").bind(before).execute(&db.pool).await?.rows_affected())
}
