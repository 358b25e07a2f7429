//! Which blob is behind a media address, and whose project it belongs to. One small read per request.

use domain::{Hash, ProjectId, QuadmaskId, ShotId, VersionId};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::{Db, Error, Result, parse};

#[derive(Debug, Clone)]
pub struct ShotMedia {
    pub project_id: ProjectId,
    pub file_name: String,
    pub plate: Hash,
    pub proxy: Option<Hash>,
    pub poster: Option<Hash>,
    pub strip: Option<Hash>,
    pub sound: Option<Hash>,
}

#[derive(Debug, Clone)]
pub struct VersionMedia {
    pub project_id: ProjectId,
    pub shot_name: String,
    pub n: u32,
    pub client_visible: bool,
    pub result: Hash,
    pub matte: Hash,
    pub proxy: Hash,
}

fn hash(row: &AnyRow, column: &str) -> Result<Option<Hash>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|t| parse(column, &t)).transpose()
}

fn needed(row: &AnyRow, column: &str) -> Result<Hash> {
    hash(row, column)?.ok_or_else(|| Error::Corrupt(format!("{column} is empty")))
}

fn project(row: &AnyRow) -> Result<ProjectId> {
    parse("project_id", &row.try_get::<String, _>("project_id")?)
}

pub async fn of_shot(db: &Db, shot_id: ShotId) -> Result<ShotMedia> {
    let row = sqlx::query(
        "select project_id, file_name, plate, proxy, poster, strip, sound from shot
         where shot_id = $1 and binned_at is null",
    )
    .bind(shot_id.to_string())
    .fetch_one(&db.pool)
    .await?;
    Ok(ShotMedia {
        project_id: project(&row)?,
        file_name: row.try_get("file_name")?,
        plate: needed(&row, "plate")?,
        proxy: hash(&row, "proxy")?,
        poster: hash(&row, "poster")?,
        strip: hash(&row, "strip")?,
        sound: hash(&row, "sound")?,
    })
}

/// JSON `[[offset, size], …]` of the shot's proxy.
pub async fn proxy_index_of_shot(db: &Db, shot_id: ShotId) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("select proxy_index from shot where shot_id = $1")
        .bind(shot_id.to_string())
        .fetch_one(&db.pool)
        .await?)
}

pub async fn of_version(db: &Db, version_id: VersionId) -> Result<VersionMedia> {
    let row = sqlx::query(
        "select s.project_id, s.name, v.n, v.client_visible, v.result, v.matte, v.proxy
         from version v join shot s on s.shot_id = v.shot_id where v.version_id = $1 and s.binned_at is null",
    )
    .bind(version_id.to_string())
    .fetch_one(&db.pool)
    .await?;
    Ok(VersionMedia {
        project_id: project(&row)?,
        shot_name: row.try_get("name")?,
        n: u32::try_from(row.try_get::<i64, _>("n")?).unwrap_or_default(),
        client_visible: row.try_get::<i64, _>("client_visible")? != 0,
        result: needed(&row, "result")?,
        matte: needed(&row, "matte")?,
        proxy: needed(&row, "proxy")?,
    })
}

/// JSON `[[offset, size], …]` of the version's proxy.
pub async fn proxy_index_of_version(db: &Db, version_id: VersionId) -> Result<String> {
    Ok(sqlx::query_scalar("select proxy_index from version where version_id = $1")
        .bind(version_id.to_string())
        .fetch_one(&db.pool)
        .await?)
}

/// The levels picture of a draft frame; `None`: background only.
pub async fn draft_frame(db: &Db, shot_id: ShotId, frame: u32) -> Result<Option<Hash>> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("select levels from draft_frame where shot_id = $1 and frame = $2")
            .bind(shot_id.to_string())
            .bind(i64::from(frame))
            .fetch_optional(&db.pool)
            .await?;
    found.flatten().map(|text| parse("levels", &text)).transpose()
}

#[derive(Debug, Clone)]
pub struct QuadmaskMedia {
    pub project_id: ProjectId,
    pub shot_id: ShotId,
    pub shot_name: String,
    pub n: u32,
    /// JSON: per frame the PNG blob (or null) and the hash of its levels.
    pub manifest: String,
    /// The exported `quadmask_0.mp4`, once a worker made it.
    pub movie: Option<Hash>,
    /// Its two masks as VOID's tools keep them, once a worker made them.
    pub black: Option<Hash>,
    pub grey: Option<Hash>,
}

pub async fn of_quadmask(db: &Db, quadmask_id: QuadmaskId) -> Result<QuadmaskMedia> {
    let row = sqlx::query(
        "select s.project_id, s.shot_id, s.name, q.n, q.manifest, q.movie, q.black, q.grey
         from quadmask q join shot s on s.shot_id = q.shot_id where q.quadmask_id = $1 and s.binned_at is null",
    )
    .bind(quadmask_id.to_string())
    .fetch_one(&db.pool)
    .await?;
    Ok(QuadmaskMedia {
        project_id: project(&row)?,
        shot_id: parse("shot_id", &row.try_get::<String, _>("shot_id")?)?,
        shot_name: row.try_get("name")?,
        n: u32::try_from(row.try_get::<i64, _>("n")?).unwrap_or_default(),
        manifest: row.try_get("manifest")?,
        movie: hash(&row, "movie")?,
        black: hash(&row, "black")?,
        grey: hash(&row, "grey")?,
    })
}
