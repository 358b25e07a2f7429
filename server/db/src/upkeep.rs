//! What the server does by itself once in a while: when it was done last and what it came to. Several web processes share one
//! turn. Among these rows is the database's own id, by which the sweep knows a bucket again.

use sqlx::AnyConnection;

use crate::row::Cells;
use crate::{Db, Result, new_uuid, now};

/// The sweep of blobs that nothing needs.
pub const SWEEP: &str = "sweep";
/// The row whose words are the database's id.
const DATABASE: &str = "database";

/// Takes the turn if nobody took it within `every_micros`; of several who ask at once, one gets it.
pub async fn take_turn(db: &Db, what: &'static str, every_micros: i64) -> Result<bool> {
    db.write(move |tx| {
        Box::pin(async move {
            let done = sqlx::query(
                "insert into upkeep (what, at, said) values ($1, $2, '')
                 on conflict (what) do update set at = excluded.at where upkeep.at <= $3",
            )
            .bind(what)
            .bind(now())
            .bind(now() - every_micros)
            .execute(&mut *tx)
            .await?;
            Ok(done.rows_affected() > 0)
        })
    })
    .await
}

/// The database's own id, made when it is asked for first. A row as any other: a back-up that is restored elsewhere keeps it.
pub async fn database_id(db: &Db) -> Result<String> {
    if let Some((_, id)) = last(db, DATABASE).await? {
        return Ok(id);
    }
    db.write(|tx| {
        Box::pin(async move {
            sqlx::query(
                "insert into upkeep (what, at, said) values ($1, $2, $3) on conflict (what) do nothing",
            )
            .bind(DATABASE)
            .bind(now())
            .bind(new_uuid().to_string())
            .execute(&mut *tx)
            .await?;
            let row = sqlx::query("select said from upkeep where what = $1").bind(DATABASE);
            row.fetch_one(&mut *tx).await?.text("said")
        })
    })
    .await
}

/// It was not done after all: whoever asks next takes the turn.
pub async fn give_back(db: &Db, what: &str) -> Result<()> {
    sqlx::query("update upkeep set at = 0 where what = $1").bind(what.to_owned()).execute(&db.pool).await?;
    Ok(())
}

/// Keeps what it came to, for people.
pub async fn said(tx: &mut AnyConnection, what: &str, sentence: &str) -> Result<()> {
    sqlx::query(
        "insert into upkeep (what, at, said) values ($1, $2, $3)
         on conflict (what) do update set at = excluded.at, said = excluded.said",
    )
    .bind(what.to_owned())
    .bind(now())
    .bind(sentence.to_owned())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// When it was done last (microseconds UTC) and what it came to.
pub async fn last(db: &Db, what: &str) -> Result<Option<(i64, String)>> {
    let row = sqlx::query("select at, said from upkeep where what = $1")
        .bind(what.to_owned())
        .fetch_optional(&db.pool)
        .await?;
    row.map(|row| Ok((row.int("at")?, row.text("said")?))).transpose()
}
