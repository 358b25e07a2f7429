//! Exact frames that people wait for: a wish is a row until a worker has made the picture, or said why not. The pictures
//! lie in the store's cache under [`Wish::cache_name`].

use domain::{Hash, ShotId, VersionId};
use sqlx::any::AnyRow;

use crate::row::Cells;
use crate::wanted::Wanted;
use crate::{Db, Result, now};

/// Nobody waits longer than half a minute for one picture.
const WISHES: Wanted = Wanted {
    table: "exact_frame",
    key: "file, frame",
    columns: "file, frame, shot_id, version_id",
    also: " and problem is null",
    forgotten_micros: 30_000_000,
    taken_micros: 20_000_000,
};

/// One picture of a plate or result, as a PNG at the shot's full size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The plate's or the result's blob.
    pub file: Hash,
    /// Which picture of that file, from 0.
    pub frame: u32,
    pub shot_id: ShotId,
    /// `None`: the plate.
    pub version_id: Option<VersionId>,
}

impl Wish {
    pub fn cache_name(&self) -> String {
        format!("{}-{}.png", self.file, self.frame)
    }
}

/// Asks for a picture, or says again that somebody waits; what went wrong the last time is forgotten.
pub async fn ask(db: &Db, wish: &Wish) -> Result<()> {
    let wish = wish.clone();
    db.write(move |tx| {
        let Wish { file, frame, shot_id, version_id } = wish.clone();
        Box::pin(async move {
            sqlx::query("delete from exact_frame where asked_at < $1")
                .bind(now() - WISHES.forgotten_micros)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "insert into exact_frame (file, frame, shot_id, version_id, asked_at) values ($1, $2, $3, $4, $5)
                 on conflict (file, frame) do update set asked_at = excluded.asked_at, problem = null",
            )
            .bind(file.to_string())
            .bind(i64::from(frame))
            .bind(shot_id.to_string())
            .bind(version_id.map(|id| id.to_string()))
            .bind(now())
            .execute(&mut *tx)
            .await?;
            Ok(())
        })
    })
    .await
}

/// Why the picture cannot be made, where a worker said so.
pub async fn problem(db: &Db, wish: &Wish) -> Result<Option<String>> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("select problem from exact_frame where file = $1 and frame = $2")
            .bind(wish.file.to_string())
            .bind(i64::from(wish.frame))
            .fetch_optional(&db.pool)
            .await?;
    Ok(found.flatten())
}

/// Takes the newest wish in hand: who steps through frames waits for the last one.
pub async fn take(db: &Db) -> Result<Option<Wish>> {
    WISHES.take(db, read).await
}

fn read(row: &AnyRow) -> Result<Wish> {
    Ok(Wish {
        file: row.word("file")?,
        frame: row.count("frame")?,
        shot_id: row.word("shot_id")?,
        version_id: row.maybe_word("version_id")?,
    })
}

/// The picture is in the cache.
pub async fn made(db: &Db, wish: &Wish) -> Result<()> {
    sqlx::query("delete from exact_frame where file = $1 and frame = $2")
        .bind(wish.file.to_string())
        .bind(i64::from(wish.frame))
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// The picture cannot be made; `sentence` says why, for people.
pub async fn failed(db: &Db, wish: &Wish, sentence: &str) -> Result<()> {
    sqlx::query("update exact_frame set problem = $3, taken_until = 0 where file = $1 and frame = $2")
        .bind(wish.file.to_string())
        .bind(i64::from(wish.frame))
        .bind(sentence)
        .execute(&db.pool)
        .await?;
    Ok(())
}
