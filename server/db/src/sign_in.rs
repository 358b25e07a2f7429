//! Failed sign-ins and wrong passwords of links, counted so that guessing is slow.

use domain::LinkId;
use sqlx::AnyConnection;

use crate::{Db, Result, new_uuid, now};

/// Failures that are remembered.
const WINDOW_MICROS: i64 = 15 * 60 * 1_000_000;
const MOST_PER_EMAIL: i64 = 5;
const MOST_PER_ADDRESS: i64 = 30;

/// Seconds to wait before the next try; `None`: try now.
pub async fn wait(db: &Db, email: &str, address: &str) -> Result<Option<u32>> {
    let since = now() - WINDOW_MICROS;
    let mut longest = None;
    for (column, value, most) in [("email", email, MOST_PER_EMAIL), ("address", address, MOST_PER_ADDRESS)] {
        // The try that must grow old before another one is allowed.
        let text = format!(
            "select at from sign_in_attempt where {column} = $1 and at > $2 order by at desc limit 1 offset $3"
        );
        let at: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
            .bind(value)
            .bind(since)
            .bind(most - 1)
            .fetch_optional(&db.pool)
            .await?;
        if let Some(at) = at {
            let left = (at - since) / 1_000_000 + 1;
            longest = longest.max(Some(u32::try_from(left.max(1)).unwrap_or(u32::MAX)));
        }
    }
    Ok(longest)
}

/// Wrong passwords of one link from one address, and from everywhere. The second keeps a password from being guessed from
/// many addresses, and is high enough that one visitor cannot shut the others out.
const MOST_PER_LINK_AND_ADDRESS: i64 = 5;
const MOST_PER_LINK: i64 = 60;

/// The name under which a link's wrong passwords are counted: no e-mail address looks like it.
fn link_name(link_id: LinkId) -> String {
    format!("link:{link_id}")
}

/// Seconds to wait before the next password for a link; `None`: try now.
pub async fn wait_for_link(db: &Db, link_id: LinkId, address: &str) -> Result<Option<u32>> {
    let since = now() - WINDOW_MICROS;
    let mut longest = None;
    for (address, most) in [(address, MOST_PER_LINK_AND_ADDRESS), ("", MOST_PER_LINK)] {
        let at: Option<i64> = sqlx::query_scalar(
            "select at from sign_in_attempt where email = $1 and ($2 = '' or address = $2) and at > $3
             order by at desc limit 1 offset $4",
        )
        .bind(link_name(link_id))
        .bind(address)
        .bind(since)
        .bind(most - 1)
        .fetch_optional(&db.pool)
        .await?;
        if let Some(at) = at {
            let left = (at - since) / 1_000_000 + 1;
            longest = longest.max(Some(u32::try_from(left.max(1)).unwrap_or(u32::MAX)));
        }
    }
    Ok(longest)
}

/// Remembers a wrong password for a link.
pub async fn failed_link(tx: &mut AnyConnection, link_id: LinkId, address: &str) -> Result<()> {
    failed(tx, &link_name(link_id), address).await
}

/// After the right password this address's slips no longer count; those of others do.
pub async fn opened_link(tx: &mut AnyConnection, link_id: LinkId, address: &str) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where email = $1 and address = $2")
        .bind(link_name(link_id))
        .bind(address)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Remembers a failure and forgets those that no longer count.
pub async fn failed(tx: &mut AnyConnection, email: &str, address: &str) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where at <= $1")
        .bind(now() - WINDOW_MICROS)
        .execute(&mut *tx)
        .await?;
    sqlx::query("insert into sign_in_attempt (attempt_id, email, address, at) values ($1, $2, $3, $4)")
        .bind(new_uuid().to_string())
        .bind(email)
        .bind(address)
        .bind(now())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// After the right password the address's earlier slips for this e-mail no longer count.
pub async fn succeeded(tx: &mut AnyConnection, email: &str) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where email = $1").bind(email).execute(&mut *tx).await?;
    Ok(())
}
