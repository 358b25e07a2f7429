//! Which bytes are in the store.

use domain::Hash;
use sqlx::AnyConnection;

use crate::row::Cells;
use crate::{Db, Result, now};

/// Records that the store holds these bytes and that a row is about to name them. Put the bytes in the store first. Whoever
/// makes a row name bytes that no other row named before calls it in the same transaction: the sweep leaves alone what was
/// recorded within a day, and waits for the transaction that records it.
pub async fn record(tx: &mut AnyConnection, hash: Hash, size_bytes: i64) -> Result<()> {
    sqlx::query(
        "insert into blob (hash, size_bytes, created_at, seen_at) values ($1, $2, $3, $3)
         on conflict (hash) do update set seen_at = excluded.seen_at",
    )
    .bind(hash.to_string())
    .bind(size_bytes)
    .bind(now())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many blobs the store holds, and how many bytes.
pub async fn total(db: &Db) -> Result<(i64, i64)> {
    // A sum of whole numbers is no whole number in PostgreSQL unless one says so.
    let row = sqlx::query(
        "select count(*) as blobs, cast(coalesce(sum(size_bytes), 0) as bigint) as bytes from blob",
    )
    .fetch_one(&db.pool)
    .await?;
    Ok((row.int("blobs")?, row.int("bytes")?))
}
