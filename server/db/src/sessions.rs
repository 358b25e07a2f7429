//! Rows behind the sign-in cookie. What a session holds is the caller's business.

use crate::{Db, Result};

pub async fn save(db: &Db, session_id: &str, record: &str, expires_at: i64) -> Result<()> {
    sqlx::query(
        "insert into session (session_id, record, expires_at) values ($1, $2, $3)
         on conflict (session_id) do update set record = excluded.record, expires_at = excluded.expires_at",
    )
    .bind(session_id)
    .bind(record)
    .bind(expires_at)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// The record of a session that is not over at `now`, and when it will be.
pub async fn load(db: &Db, session_id: &str, now: i64) -> Result<Option<(String, i64)>> {
    Ok(sqlx::query_as("select record, expires_at from session where session_id = $1 and expires_at > $2")
        .bind(session_id)
        .bind(now)
        .fetch_optional(&db.pool)
        .await?)
}

/// Lets a session go on until then; one that was ended meanwhile stays ended.
pub async fn renew(db: &Db, session_id: &str, expires_at: i64) -> Result<()> {
    sqlx::query("update session set expires_at = $2 where session_id = $1 and expires_at < $2")
        .bind(session_id)
        .bind(expires_at)
        .execute(&db.pool)
        .await?;
    Ok(())
}

pub async fn delete(db: &Db, session_id: &str) -> Result<()> {
    sqlx::query("delete from session where session_id = $1").bind(session_id).execute(&db.pool).await?;
    Ok(())
}

/// Forgets sessions that were over at `now`; how many.
pub async fn sweep(db: &Db, now: i64) -> Result<u64> {
    let done = sqlx::query("delete from session where expires_at <= $1").bind(now).execute(&db.pool).await?;
    Ok(done.rows_affected())
}
