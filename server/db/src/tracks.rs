//! Tracks of single targets, by the hash of everything that each was made from. A cache: any of it can be made again.

use domain::{Hash, ShotId};
use sqlx::AnyConnection;

use crate::row::Cells;
use crate::{Db, Result, now, shots};

/// Tracks that a shot keeps; the one that was not used for longest goes first.
const MOST: i64 = 24;

/// The file of the track that was made from just this.
pub async fn find(db: &Db, shot_id: ShotId, inputs: Hash) -> Result<Option<Hash>> {
    let row = sqlx::query("select file from track where shot_id = $1 and inputs = $2")
        .bind(shot_id.to_string())
        .bind(inputs.to_string())
        .fetch_optional(&db.pool)
        .await?;
    row.map(|row| row.word("file")).transpose()
}

/// Keeps a track, or says that it was used again. Record the blob first.
pub async fn keep(tx: &mut AnyConnection, shot_id: ShotId, inputs: Hash, file: Hash) -> Result<()> {
    shots::lock(tx, shot_id).await?;
    sqlx::query(
        "insert into track (shot_id, inputs, file, used_at) values ($1, $2, $3, $4)
         on conflict (shot_id, inputs) do update set file = excluded.file, used_at = excluded.used_at",
    )
    .bind(shot_id.to_string())
    .bind(inputs.to_string())
    .bind(file.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "delete from track where shot_id = $1 and inputs not in
             (select inputs from track where shot_id = $1 order by used_at desc, inputs limit $2)",
    )
    .bind(shot_id.to_string())
    .bind(MOST)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
