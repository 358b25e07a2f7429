//! Uploads on their way: who sends what into which project.

use domain::{PersonId, ProjectId, SequenceId, ShotId, UploadId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::{Db, Error, Result, new_uuid, now, parse};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub upload_id: UploadId,
    pub project_id: ProjectId,
    pub sequence_id: Option<SequenceId>,
    pub person_id: PersonId,
    pub person_name: String,
    pub file_name: String,
    pub size_bytes: i64,
    pub is_done: bool,
    /// The shot it became, or the shot that already had these bytes.
    pub shot_id: Option<ShotId>,
    pub updated_at: i64,
    /// `Upload-Metadata`, as whoever began it sent it.
    pub metadata: Option<String>,
}

const COLUMNS: &str =
    "select u.upload_id, u.project_id, u.sequence_id, u.person_id, p.name as person_name, u.file_name,
     u.size_bytes, u.state, u.shot_id, u.updated_at, u.metadata
     from upload u join person p on p.person_id = u.person_id";

fn read(row: &AnyRow) -> Result<Upload> {
    let id = |column: &str| row.try_get::<String, _>(column);
    let sequence: Option<String> = row.try_get("sequence_id")?;
    let shot: Option<String> = row.try_get("shot_id")?;
    Ok(Upload {
        upload_id: parse("upload_id", &id("upload_id")?)?,
        project_id: parse("project_id", &id("project_id")?)?,
        sequence_id: sequence.map(|s| parse("sequence_id", &s)).transpose()?,
        person_id: parse("person_id", &id("person_id")?)?,
        person_name: row.try_get("person_name")?,
        file_name: row.try_get("file_name")?,
        size_bytes: row.try_get("size_bytes")?,
        is_done: row.try_get::<String, _>("state")? == "done",
        shot_id: shot.map(|s| parse("shot_id", &s)).transpose()?,
        updated_at: row.try_get("updated_at")?,
        metadata: row.try_get("metadata")?,
    })
}

pub async fn create(
    tx: &mut AnyConnection,
    project_id: ProjectId,
    sequence_id: Option<SequenceId>,
    person_id: PersonId,
    file_name: &str,
    size_bytes: i64,
    metadata: Option<&str>,
) -> Result<UploadId> {
    let upload_id = UploadId(new_uuid());
    sqlx::query(
        "insert into upload (upload_id, project_id, sequence_id, person_id, file_name, size_bytes, created_at, updated_at,
         metadata) values ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
    )
    .bind(upload_id.to_string())
    .bind(project_id.to_string())
    .bind(sequence_id.map(|id| id.to_string()))
    .bind(person_id.to_string())
    .bind(file_name)
    .bind(size_bytes)
    .bind(now())
    .bind(metadata.map(str::to_owned))
    .execute(&mut *tx)
    .await?;
    Ok(upload_id)
}

pub async fn get(db: &Db, upload_id: UploadId) -> Result<Upload> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where u.upload_id = $1")))
        .bind(upload_id.to_string())
        .fetch_optional(&db.pool)
        .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// Unfinished uploads of a project, oldest first.
pub async fn open_in(db: &Db, project_id: ProjectId) -> Result<Vec<Upload>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} where u.project_id = $1 and u.state = 'open' order by u.upload_id"
    )))
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// Every unfinished upload of projects in work.
pub async fn open(db: &Db) -> Result<Vec<Upload>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} join project r on r.project_id = u.project_id
         where u.state = 'open' and r.archived_at is null and r.binned_at is null order by u.upload_id"
    )))
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// Bytes that open uploads have yet to bring, all projects together.
pub async fn promised_bytes(db: &Db) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select cast(coalesce(sum(size_bytes), 0) as bigint) from upload where state = 'open'",
    )
    .fetch_one(&db.pool)
    .await?)
}

/// The bytes are in the store: the upload became `shot_id`, or `shot_id` had them already.
pub async fn finish(tx: &mut AnyConnection, upload_id: UploadId, shot_id: ShotId) -> Result<()> {
    let done = sqlx::query(
        "update upload set state = 'done', shot_id = $2, updated_at = $3 where upload_id = $1 and state = 'open'",
    )
    .bind(upload_id.to_string())
    .bind(shot_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::Conflict("This upload is already finished.".into()))
    }
}

/// What became of a finished upload.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Made {
    pub shot_id: ShotId,
    pub name: String,
    /// The project had these bytes already: `shot_id` is that shot and nothing was added.
    pub duplicate: bool,
}

/// `None` while the upload is not finished.
///
/// # Errors
/// `NotFound` when its shot was deleted since.
pub async fn made(db: &Db, upload: &Upload) -> Result<Option<Made>> {
    let Some(shot_id) = upload.shot_id.filter(|_| upload.is_done) else { return Ok(None) };
    // It made the shot unless that was there before it began, or another upload of the same bytes came first.
    let row = sqlx::query(
        "select s.name, cast(case when s.created_at < u.created_at or exists (select 1 from upload o
         where o.shot_id = s.shot_id and o.state = 'done' and o.upload_id <> u.upload_id and o.updated_at < u.updated_at)
         then 1 else 0 end as bigint) as duplicate
         from upload u join shot s on s.shot_id = u.shot_id where u.upload_id = $1 and s.binned_at is null",
    )
    .bind(upload.upload_id.to_string())
    .fetch_optional(&db.pool)
    .await?
    .ok_or(Error::NotFound)?;
    let duplicate: i64 = row.try_get("duplicate")?;
    Ok(Some(Made { shot_id, name: row.try_get("name")?, duplicate: duplicate == 1 }))
}

/// Keeps a slow upload from being swept.
pub async fn touch(db: &Db, upload_id: UploadId) -> Result<()> {
    sqlx::query("update upload set updated_at = $2 where upload_id = $1")
        .bind(upload_id.to_string())
        .bind(now())
        .execute(&db.pool)
        .await?;
    Ok(())
}

pub async fn delete(db: &Db, upload_id: UploadId) -> Result<()> {
    sqlx::query("delete from upload where upload_id = $1")
        .bind(upload_id.to_string())
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Ids of all uploads that are not finished, of the projects in the bin too.
pub async fn open_ids(db: &Db) -> Result<Vec<UploadId>> {
    let ids: Vec<String> =
        sqlx::query_scalar("select upload_id from upload where state = 'open'").fetch_all(&db.pool).await?;
    ids.iter().map(|id| parse("upload_id", id)).collect()
}

/// Forgets uploads that nobody has sent anything of since `before`: their ids and files' names. Their part files can go.
pub async fn forget_stale(tx: &mut AnyConnection, before: i64) -> Result<Vec<(UploadId, String)>> {
    let rows = sqlx::query(
        "delete from upload where state = 'open' and updated_at < $1 returning upload_id, file_name",
    )
    .bind(before)
    .fetch_all(&mut *tx)
    .await?;
    let read = |row: &AnyRow| {
        Ok((parse("upload_id", &row.try_get::<String, _>("upload_id")?)?, row.try_get("file_name")?))
    };
    rows.iter().map(read).collect()
}
