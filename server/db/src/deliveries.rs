//! What is made of an approved version to be taken away: asked for once, kept, and open only while the version is approved.

use domain::package::{Delivery, Movie, What};
use domain::{EventKind, Hash, Job, JobId, ShotId, VersionId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Db, Error, Result, events, now, queue, shots, versions};

const COLUMNS: &str =
    "select d.version_id, d.movie, d.what, d.file, d.size_bytes, d.name, d.created_at from delivery d";

fn read(row: &AnyRow) -> Result<(Delivery, Hash)> {
    let delivery = Delivery {
        version_id: row.word("version_id")?,
        movie: row.word("movie")?,
        what: row.word("what")?,
        size_bytes: row.int("size_bytes")?,
        name: row.text("name")?,
        created_at: row.int("created_at")?,
    };
    Ok((delivery, row.word("file")?))
}

/// The delivery and the blob of its file, if it was made.
pub async fn get<'e>(
    executor: impl AnyExecutor<'e>,
    version_id: VersionId,
    movie: Movie,
    what: What,
) -> Result<Option<(Delivery, Hash)>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} where d.version_id = $1 and d.movie = $2 and d.what = $3"
    )))
    .bind(version_id.to_string())
    .bind(movie.slug())
    .bind(what.word())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Everything that was made of the shot's versions.
pub async fn of_shot(db: &Db, shot_id: ShotId) -> Result<Vec<Delivery>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} join version v on v.version_id = d.version_id where v.shot_id = $1 order by v.n desc, d.movie, d.what"
    )))
    .bind(shot_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(|row| Ok(read(row)?.0)).collect()
}

/// Whether the project's policy was met for the version and nobody who counts has asked for changes since.
pub async fn is_approved(tx: &mut AnyConnection, version_id: VersionId) -> Result<bool> {
    let text = "select count(*) from version where version_id = $1 and approved_at is not null";
    let rows: i64 = sqlx::query_scalar(text).bind(version_id.to_string()).fetch_one(&mut *tx).await?;
    Ok(rows > 0)
}

/// Refuses unless the version is there and approved.
///
/// # Errors
/// [`Error::NotFound`] where it is gone, [`Error::Conflict`] with a sentence where it is not approved.
pub async fn check(tx: &mut AnyConnection, version_id: VersionId) -> Result<()> {
    let version = versions::get(&mut *tx, version_id).await?;
    if is_approved(tx, version_id).await? {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "Version {} is not approved, and only what is approved is delivered. Approve it first.",
        version.n
    )))
}

/// What asking for a delivery came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is there already.
    There(Delivery),
    /// A worker will make it, or is at it.
    Making(JobId),
}

/// Asks for a delivery of an approved version: what is there is used again, and what is being made is waited for.
///
/// # Errors
/// As [`check`].
pub async fn ask(tx: &mut AnyConnection, version_id: VersionId, movie: Movie, what: What) -> Result<Asked> {
    let shot_id = versions::get(&mut *tx, version_id).await?.shot_id;
    let shot = shots::lock(tx, shot_id).await?;
    check(tx, version_id).await?;
    if let Some((delivery, _)) = get(&mut *tx, version_id, movie, what).await? {
        return Ok(Asked::There(delivery));
    }
    let job = Job::Package { version_id, movie, what };
    let dedupe = format!("package:{version_id}:{}:{}", movie.slug(), what.word());
    let queued = queue::enqueue(tx, &job, Some(shot.project_id), Some(shot_id), Some(&dedupe), 0).await?;
    Ok(Asked::Making(queued.job_id))
}

/// What a worker made.
#[derive(Debug, Clone)]
pub struct Made {
    pub version_id: VersionId,
    pub movie: Movie,
    pub what: What,
    pub file: Hash,
    pub size_bytes: i64,
    pub name: String,
}

/// Keeps a delivery and tells who waits for it, guests too. Record the blob first. Made twice, the first one stays.
///
/// # Errors
/// [`Error::NotFound`] when the version was deleted meanwhile: nothing is kept then.
pub async fn keep(tx: &mut AnyConnection, made: &Made) -> Result<()> {
    let Made { version_id, movie, what, file, size_bytes, name } = made;
    let shot_id = versions::get(&mut *tx, *version_id).await?.shot_id;
    let shot = shots::lock(tx, shot_id).await?;
    sqlx::query(
        "insert into delivery (version_id, movie, what, file, size_bytes, name, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(version_id.to_string())
    .bind(movie.slug())
    .bind(what.word())
    .bind(file.to_string())
    .bind(size_bytes)
    .bind(name)
    .bind(now())
    .execute(&mut *tx)
    .await?;
    let about = events::ForGuests { version_id: Some(*version_id) };
    events::tell_guests(tx, shot.project_id, shot_id, &EventKind::Version, about).await
}

/// As [`get`], for taking it away: closed while the version is not approved.
///
/// # Errors
/// [`Error::NotFound`] where it was not made, [`Error::Conflict`] with a sentence where the version is not approved any more.
pub async fn open(db: &Db, version_id: VersionId, movie: Movie, what: What) -> Result<(Delivery, Hash)> {
    let mut tx = db.snapshot().await?;
    let found = get(&mut *tx, version_id, movie, what).await?.ok_or(Error::NotFound)?;
    if !is_approved(&mut tx, version_id).await? {
        return Err(Error::Conflict(
            "This version is not approved any more, so what was made of it is closed. Approve it again to open it.".into(),
        ));
    }
    Ok(found)
}
