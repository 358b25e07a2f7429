//! Immutable quadmask versions: per-frame blobs, what an approval is about, and the newest one of a shot.

use domain::version::Quadmask;
use domain::{Cause, EventKind, Hash, PersonId, Phase, QuadmaskId, ShotId, ShotStep, Words};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::draft::Frame;
use crate::row::Cells;
use crate::{
    Db, Error, Result, brief, causes, decisions, draft, events, new_uuid, now, queue, shots, to_json,
};

/// What a version consists of: one entry per plate frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Displayed size in pixels.
    pub width: u32,
    pub height: u32,
    pub frames: Vec<ManifestFrame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFrame {
    /// Two-bit PNG, cells included; `None`: background only.
    pub png: Option<Hash>,
    /// `Levels::hash`.
    pub levels: Hash,
}

/// A version as its row holds it, without manifest and decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub quadmask_id: QuadmaskId,
    pub shot_id: ShotId,
    pub n: u32,
    pub author: PersonId,
    pub author_name: String,
    pub note: String,
    pub subject: Hash,
    pub created_at: i64,
}

const COLUMNS: &str =
    "select q.quadmask_id, q.shot_id, q.n, q.author, p.name as author_name, q.note, q.subject, q.created_at
     from quadmask q join person p on p.person_id = q.author";

fn read(row: &AnyRow) -> Result<Row> {
    Ok(Row {
        quadmask_id: row.word("quadmask_id")?,
        shot_id: row.word("shot_id")?,
        n: row.count("n")?,
        author: row.word("author")?,
        author_name: row.text("author_name")?,
        note: row.text("note")?,
        subject: row.word("subject")?,
        created_at: row.int("created_at")?,
    })
}

pub async fn get<'e>(executor: impl AnyExecutor<'e>, quadmask_id: QuadmaskId) -> Result<Row> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where q.quadmask_id = $1")))
        .bind(quadmask_id.to_string())
        .fetch_optional(executor)
        .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// The version with the highest number.
pub async fn newest<'e>(executor: impl AnyExecutor<'e>, shot_id: ShotId) -> Result<Option<Row>> {
    let row =
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where q.shot_id = $1 order by q.n desc limit 1")))
            .bind(shot_id.to_string())
            .fetch_optional(executor)
            .await?;
    row.as_ref().map(read).transpose()
}

/// Newest first, each with its decisions in the order they were made.
pub async fn list(db: &Db, shot_id: ShotId) -> Result<Vec<Quadmask>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where q.shot_id = $1 order by q.n desc")))
        .bind(shot_id.to_string())
        .fetch_all(&db.pool)
        .await?;
    let mut decided = decisions::by_subject(db, shot_id, decisions::Kind::Quadmask).await?;
    rows.iter()
        .map(|row| {
            let Row { quadmask_id, shot_id, n, author, author_name, note, subject, created_at } = read(row)?;
            let decisions = decided.remove(&quadmask_id.to_string()).unwrap_or_default();
            Ok(Quadmask {
                quadmask_id,
                shot_id,
                n,
                author,
                author_name,
                subject,
                note,
                created_at,
                decisions,
            })
        })
        .collect()
}

pub async fn manifest<'e>(executor: impl AnyExecutor<'e>, quadmask_id: QuadmaskId) -> Result<Manifest> {
    let row = sqlx::query("select manifest from quadmask where quadmask_id = $1")
        .bind(quadmask_id.to_string())
        .fetch_optional(executor)
        .await?;
    row.ok_or(Error::NotFound)?.json("manifest")
}

/// The canonical JSON whose SHA-256 is the version's subject.
pub async fn subject_json<'e>(executor: impl AnyExecutor<'e>, quadmask_id: QuadmaskId) -> Result<String> {
    let row = sqlx::query("select subject_json from quadmask where quadmask_id = $1")
        .bind(quadmask_id.to_string())
        .fetch_optional(executor)
        .await?;
    row.ok_or(Error::NotFound)?.text("subject_json")
}

/// The exported `quadmask_0.mp4`. Exports of the same version are the same bytes, so a second one changes nothing.
pub async fn set_movie(tx: &mut AnyConnection, quadmask_id: QuadmaskId, movie: Hash) -> Result<()> {
    let row = get(&mut *tx, quadmask_id).await?;
    let shot = shots::lock(tx, row.shot_id).await?;
    sqlx::query("update quadmask set movie = $2 where quadmask_id = $1")
        .bind(quadmask_id.to_string())
        .bind(movie.to_string())
        .execute(&mut *tx)
        .await?;
    events::tell(tx, Some(shot.project_id), Some(row.shot_id), &EventKind::Quadmask).await
}

/// The two masks of a version as movies. Exports of the same version are the same bytes.
pub async fn set_layers(
    tx: &mut AnyConnection,
    quadmask_id: QuadmaskId,
    (black, grey): (Hash, Hash),
) -> Result<()> {
    let row = get(&mut *tx, quadmask_id).await?;
    let shot = shots::lock(tx, row.shot_id).await?;
    sqlx::query("update quadmask set black = $2, grey = $3 where quadmask_id = $1")
        .bind(quadmask_id.to_string())
        .bind(black.to_string())
        .bind(grey.to_string())
        .execute(&mut *tx)
        .await?;
    events::tell(tx, Some(shot.project_id), Some(row.shot_id), &EventKind::Quadmask).await
}

/// A combined draft, ready to become a version.
#[derive(Debug, Clone)]
pub struct Combined {
    pub manifest: Manifest,
    pub subject_json: String,
    pub subject: Hash,
    /// The draft's revision before it was read.
    pub draft_revision: i64,
}

/// Makes the next version of what was combined and sends it to review. Refused when the draft changed meanwhile,
/// somebody else edits it, or a job is still writing into it. Record the blobs first.
pub async fn submit(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    author: PersonId,
    note: &str,
    combined: &Combined,
) -> Result<QuadmaskId> {
    let shot = shots::lock(tx, shot_id).await?;
    draft::hold(tx, shot_id, author, false).await?;
    if queue::is_open(tx, shot_id, &["segment", "import_quadmask"]).await? {
        return Err(Error::Conflict(
            "The mask is still being made: wait until the job is done, or cancel it, then send to review."
                .into(),
        ));
    }
    if draft::state(&mut *tx, shot_id).await?.revision != combined.draft_revision {
        return Err(Error::Conflict(
            "The draft changed while it was being put together. Look at it and send it again.".into(),
        ));
    }
    causes::check(tx, &shot).await?;
    shots::step(tx, &shot, ShotStep::SubmitQuadmask).await?;
    let frames = draft::frames(&mut *tx, shot_id).await?;
    let causes = brief::causes(&mut *tx, shot_id).await?;
    let words = brief::words(&mut *tx, shot_id).await?;
    let n = newest(&mut *tx, shot_id).await?.map_or(1, |row| row.n + 1);
    let quadmask_id = QuadmaskId(new_uuid());
    sqlx::query(
        "insert into quadmask (quadmask_id, shot_id, n, author, note, manifest, subject_json, subject, created_at, made_of)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(quadmask_id.to_string())
    .bind(shot_id.to_string())
    .bind(i64::from(n))
    .bind(author.to_string())
    .bind(note)
    .bind(to_json(&combined.manifest))
    .bind(&combined.subject_json)
    .bind(combined.subject.to_string())
    .bind(now())
    .bind(made_of(&frames, &causes, &words).to_string())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(shot.project_id), Some(shot_id), &EventKind::Quadmask).await?;
    Ok(quadmask_id)
}

/// What of the draft goes into a subject, before a pixel is read: while this is the same, so is the subject. Plate and part
/// are not in it: they stay what they are once anything is marked.
fn made_of(frames: &[Frame], causes: &[Cause], words: &Words) -> Hash {
    let pictures: Vec<(u32, Hash)> =
        frames.iter().filter_map(|frame| frame.levels.map(|levels| (frame.frame, levels))).collect();
    provenance::hash_of(&(pictures, causes, words))
}

/// Whether the draft with these frames is another than the newest version was made of; not where there is no version. Any
/// change puts the shot in work, and a version from before `made_of` was kept differs from all that is in work.
pub async fn is_draft_changed(db: &Db, shot_id: ShotId, frames: &[Frame]) -> Result<bool> {
    let row = sqlx::query(
        "select q.made_of, s.phase from quadmask q join shot s on s.shot_id = q.shot_id
         where q.shot_id = $1 order by q.n desc limit 1",
    )
    .bind(shot_id.to_string())
    .fetch_optional(&db.pool)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let phase: Phase = row.word("phase")?;
    let sealed: Option<Hash> = row.maybe_word("made_of")?;
    if phase != Phase::Masking {
        return Ok(false);
    }
    let causes = brief::causes(&db.pool, shot_id).await?;
    let words = brief::words(&db.pool, shot_id).await?;
    Ok(sealed != Some(made_of(frames, &causes, &words)))
}
