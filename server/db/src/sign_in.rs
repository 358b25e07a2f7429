//! Failed sign-ins and wrong passwords of links, counted so that guessing is slow. What is counted is one account from one
//! network: whoever guesses at one keeps nobody out at another.

use std::net::IpAddr;

use domain::LinkId;
use sqlx::AnyConnection;

use crate::dialect::{Gate, one_at_a_time};
use crate::{Result, new_uuid, now};

/// Failures that are remembered.
const WINDOW_MICROS: i64 = 15 * 60 * 1_000_000;
const MOST_PER_EMAIL_AND_ADDRESS: i64 = 5;
const MOST_PER_ADDRESS: i64 = 30;
/// After so many failures for one account from everywhere, a try may be made every so often and no more. Two kinds of networks
/// never wait for strangers, or strangers could keep the owner of an account out: those where this person signed in lately, and
/// those that have not failed here within the window, which have one try. So what many can guess together is in a quarter of an
/// hour 60 tries, 60 more at their distance, and one for each network that joins in; of the newer addresses a network is here
/// what one customer may have for the asking (a /48), so that only many customers are many networks.
const MANY_PER_EMAIL: i64 = 60;
const SPACED_MICROS: i64 = 15 * 1_000_000;
/// How long a network is known as one where somebody signed in.
const KNOWN_MICROS: i64 = 90 * 86_400 * 1_000_000;

/// One household or office: of the newer addresses everybody has billions, which begin alike.
fn block(address: &str) -> String {
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(six)) => {
            let [a, b, c, d, ..] = six.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(four) => four.to_string(),
        Err(_) => address.to_owned(),
    }
}

/// All blocks that one customer may have, as a pattern for `like`.
fn site(address: &str) -> String {
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(six)) => {
            let [a, b, c, ..] = six.segments();
            format!("{a:x}:{b:x}:{c:x}:%")
        }
        _ => block(address),
    }
}

/// Counts a try for an e-mail address from a network address; `Some`: it is one too many and must not be made, the seconds
/// to wait before the next. Tries are counted before the password is looked at, and one after the other: of a hundred at
/// once no more pass than of a hundred in a row. The right password takes them back ([`signed_in`]).
pub async fn may_try(tx: &mut AnyConnection, email: &str, address: &str) -> Result<Option<u32>> {
    one_at_a_time(tx, Gate::SignIns).await?;
    let from = block(address);
    let by_both =
        wait(tx, &[("email", email), ("address", from.as_str())], MOST_PER_EMAIL_AND_ADDRESS).await?;
    let by_address = wait(tx, &[("address", from.as_str())], MOST_PER_ADDRESS).await?;
    let by_email = spaced(tx, email, address).await?;
    count(tx, by_both.max(by_address).max(by_email), email, &from).await
}

/// Seconds until the next try where many failed from everywhere; none for networks that do not wait for strangers.
async fn spaced(tx: &mut AnyConnection, email: &str, address: &str) -> Result<Option<u32>> {
    let failed_often = wait(tx, &[("email", email)], MANY_PER_EMAIL).await?.is_some();
    if !failed_often || is_known(tx, email, address).await? || !has_failed(tx, email, address).await? {
        return Ok(None);
    }
    let last: Option<i64> = sqlx::query_scalar("select max(at) from sign_in_attempt where email = $1")
        .bind(email)
        .fetch_one(&mut *tx)
        .await?;
    let left = last.unwrap_or_default() + SPACED_MICROS - now();
    Ok((left > 0).then(|| u32::try_from(left / 1_000_000 + 1).unwrap_or(u32::MAX)))
}

/// Whether this person signed in from the same network lately.
async fn is_known(tx: &mut AnyConnection, email: &str, address: &str) -> Result<bool> {
    let known: Vec<String> = sqlx::query_scalar(
        "select distinct a.address from audit a join person p on p.person_id = a.person_id
         where p.email = $1 and a.at > $2 and a.deed in ('signed_in', 'joined', 'password_reset')",
    )
    .bind(email)
    .bind(now() - KNOWN_MICROS)
    .fetch_all(&mut *tx)
    .await?;
    let here = block(address);
    Ok(known.iter().any(|one| block(one) == here))
}

/// Whether a try for the account from the same site is remembered; what was right is not.
async fn has_failed(tx: &mut AnyConnection, email: &str, address: &str) -> Result<bool> {
    let text = "select count(*) from sign_in_attempt where email = $1 and address like $2 and at > $3";
    let failed: i64 = sqlx::query_scalar(text)
        .bind(email)
        .bind(site(address))
        .bind(now() - WINDOW_MICROS)
        .fetch_one(&mut *tx)
        .await?;
    Ok(failed > 0)
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
    let (name, from) = (link_name(link_id), block(address));
    let here = [("email", name.as_str()), ("address", from.as_str())];
    let by_both = wait(tx, &here, MOST_PER_LINK_AND_ADDRESS).await?;
    let by_link = wait(tx, &here[..1], MOST_PER_LINK).await?;
    count(tx, by_both.max(by_link), &name, &from).await
}

/// After the right password this address's slips no longer count; those of others do.
pub async fn opened_link(tx: &mut AnyConnection, link_id: LinkId, address: &str) -> Result<()> {
    forget(tx, &link_name(link_id), address).await
}

/// As [`opened_link`], for an account: whoever guesses elsewhere gets no new tries from it.
pub async fn signed_in(tx: &mut AnyConnection, email: &str, address: &str) -> Result<()> {
    forget(tx, email, address).await
}

async fn forget(tx: &mut AnyConnection, email: &str, address: &str) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where email = $1 and address = $2")
        .bind(email)
        .bind(block(address))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The link has another password: wrong ones of before count no more.
pub async fn forget_link(tx: &mut AnyConnection, link_id: LinkId) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where email = $1")
        .bind(link_name(link_id))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The account has another password: tries with the one before count no more, wherever they were made.
pub async fn forget_account(tx: &mut AnyConnection, email: &str) -> Result<()> {
    sqlx::query("delete from sign_in_attempt where email = $1").bind(email).execute(&mut *tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_as_one() {
        for (address, counted, among) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1:%"),
            ("2001:db8:1:2::9", "2001:db8:1:2::/64", "2001:db8:1:%"),
            ("2001:db8:1:fffe::9", "2001:db8:1:fffe::/64", "2001:db8:1:%"),
            ("::1", "0:0:0:0::/64", "0:0:0:%"),
            ("unknown", "unknown", "unknown"),
        ] {
            assert_eq!((block(address).as_str(), site(address).as_str()), (counted, among));
        }
    }
}
