//! Rows that somebody waits for, until a worker takes the newest in hand for a while. Their tables have `asked_at` and `taken_until`.

use sqlx::any::AnyRow;

use crate::{Db, Result, now};

/// A table of such rows.
pub(crate) struct Wanted {
    pub table: &'static str,
    /// The columns of its key, and those that are read, in SQL.
    pub key: &'static str,
    pub columns: &'static str,
    /// What a row must be besides, to be taken: ` and …`, in SQL.
    pub also: &'static str,
    /// Nobody waits longer than this.
    pub forgotten_micros: i64,
    /// A worker that took a row and is not done by then is gone.
    pub taken_micros: i64,
}

impl Wanted {
    /// Takes the newest row in hand. `None`: none waits, or another worker was faster.
    pub async fn take<T: Send + 'static>(
        &self,
        db: &Db,
        read: fn(&AnyRow) -> Result<T>,
    ) -> Result<Option<T>> {
        let Self { table, key, columns, also, forgotten_micros, taken_micros } = *self;
        let open = format!("taken_until < $1 and asked_at >= $2{also}");
        let count = format!("select count(*) from {table} where {open}");
        let take = format!(
            "update {table} set taken_until = $3
             where ({key}) in (select {key} from {table} where {open} order by asked_at desc limit 1) and {open}
             returning {columns}"
        );
        // Workers ask all the time: where nothing waits, nothing is written.
        let waiting: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .bind(now())
            .bind(now() - forgotten_micros)
            .fetch_one(&db.pool)
            .await?;
        if waiting == 0 {
            return Ok(None);
        }
        db.write(|tx| {
            let take = take.clone();
            Box::pin(async move {
                let row = sqlx::query(sqlx::AssertSqlSafe(take))
                    .bind(now())
                    .bind(now() - forgotten_micros)
                    .bind(now() + taken_micros)
                    .fetch_optional(&mut *tx)
                    .await?;
                row.as_ref().map(read).transpose()
            })
        })
        .await
    }
}
