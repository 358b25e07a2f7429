//! Failed sign-ins and wrong passwords of links, counted so that guessing is slow.

use domain::LinkId;
use sqlx::AnyConnection;

use crate::dialect::{Gate, one_at_a_time};
use crate::{Result, new_uuid, now};

/// Failures that are remembered.
const WINDOW_MICROS: i64 = 15 * 60 * 1_000_000;
const MOST_PER_EMAIL: i64 = 5;
const MOST_PER_ADDRESS: i64 = 30;

/// Counts a try for an e-mail address from a network address; `Some`: it is one too many and must not be made, the seconds
/// to wait before the next. Tries are counted before the password is looked at, and one after the other: of a hundred at
/// once no more pass than of a hundred in a row. The right password takes them back ([`succeeded`]).
pub async fn may_try(tx: &mut AnyConnection, email: &str, address: &str) -> Result<Option<u32>> {
    one_at_a_time(tx, Gate::SignIns).await?;
    let by_email = wait(tx, &[("email", email)], MOST_PER_EMAIL).await?;
    let by_address = wait(tx, &[("address", address)], MOST_PER_ADDRESS).await?;
    count(tx, by_email.max(by_address), email, address).await
}

/// Seconds until the oldest of `most` tries with these columns counts no more; `None` where there were fewer.
async fn wait(tx: &mut AnyConnection, with: &[(&'static str, &str)], most: i64) -> Result<Option<u32>> {
    let since = now() - WINDOW_MICROS;
    let mut text = "select at from sign_in_attempt where at > $1".to_owned();
    for (at, (column, _)) in with.iter().enumerate() {
        text += &format!(" and {column} = ${}", at + 3);
    }
    text += " order by at desc limit 1 offset $2";
    let mut query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(since).bind(most - 1);
    for (_, value) in with {
        query = query.bind(*value);
    }
    let at: Option<i64> = query.fetch_optional(&mut *tx).await?;
    Ok(at.map(|at| u32::try_from(((at - since) / 1_000_000 + 1).max(1)).unwrap_or(u32::MAX)))
}

/// One more try, unless one has to wait; and what no longer counts is forgotten.
async fn count(tx: &mut AnyConnection, wait: Option<u32>, email: &str, address: &str) -> Result<Option<u32>> {
    if wait.is_some() {
        return Ok(wait);
    }
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
    Ok(None)
}

/// Wrong passwords of one link from one address, and from everywhere. The second keeps a password from being guessed from
/// many addresses, and is high enough that one visitor cannot shut the others out.
const MOST_PER_LINK_AND_ADDRESS: i64 = 5;
const MOST_PER_LINK: i64 = 60;

/// The name under which a link's wrong passwords are counted: no e-mail address looks like it.
fn link_name(link_id: LinkId) -> String {
    format!("link:{link_id}")
}

/// As [`may_try`], for a password of a link.
pub async fn may_try_link(tx: &mut AnyConnection, link_id: LinkId, address: &str) -> Result<Option<u32>> {
    one_at_a_time(tx, Gate::SignIns).await?;
    let name = link_name(link_id);
    let here = [("email", name.as_str()), ("address", address)];
    let by_both = wait(tx, &here, MOST_PER_LINK_AND_ADDRESS).await?;
    let by_link = wait(tx, &here[..1], MOST_PER_LINK).await?;
    count(tx, by_both.max(by_link), &name, address).await
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

/// After the right password the address's earlier slips for this e-mail no longer count.
pub async fn succeeded(tx: &mut AnyConnection, email: &str) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where email = $1").bind(email).execute(&mut *tx).await?;
    Ok(())
}
