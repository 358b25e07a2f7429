//! Which bytes are in the store.

use domain::Hash;
use sqlx::AnyConnection;

use crate::{Result, now};

/// Records that the store holds these bytes. Put the bytes in the store first.
pub async fn record(tx: &mut AnyConnection, hash: Hash, size_bytes: i64) -> Result<()> {
    sqlx::query(
        "insert into blob (hash, size_bytes, created_at) values ($1, $2, $3) on conflict (hash) do nothing",
    )
    .bind(hash.to_string())
    .bind(size_bytes)
    .bind(now())
    .execute(&mut *tx)
    .await?;
    Ok(())
}
