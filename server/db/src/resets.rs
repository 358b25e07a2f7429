//! Links with which a person chooses a new password. Their secrets arrive only as hashes.

use domain::PersonId;
use sqlx::AnyConnection;

use crate::row::Cells;
use crate::{Db, Error, Result, now, people};

/// How long a link works.
pub const VALID_MICROS: i64 = 24 * 3600 * 1_000_000;

fn over() -> Error {
    Error::Conflict("This link was used, is over or was never there. Ask for a new one.".into())
}

/// Makes a link for an active account; links made before for the same person open nothing any more.
/// `token_hash`: SHA-256 of the link's secret, in hexadecimal. `made_by`: `None` on the command line.
pub async fn make(
    tx: &mut AnyConnection,
    token_hash: &str,
    person_id: PersonId,
    made_by: Option<PersonId>,
) -> Result<()> {
    let text = format!(
        "select name, active, password_hash from person where person_id = $1 and {}",
        people::HAS_ACCOUNT
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(person_id.to_string())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound)?;
    if !row.flag("active")? {
        return Err(Error::Invalid(format!(
            "{} is deactivated: activate the account first.",
            row.text("name")?
        )));
    }
    // The people of the demo: they are there to be seen, not to be anybody.
    if row.maybe_text("password_hash")?.is_none() {
        return Err(Error::Invalid(format!(
            "{} belongs to the demo and cannot sign in: invite somebody instead.",
            row.text("name")?
        )));
    }
    sqlx::query("delete from password_reset where person_id = $1")
        .bind(person_id.to_string())
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into password_reset (token_hash, person_id, made_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(token_hash)
    .bind(person_id.to_string())
    .bind(made_by.map(|id| id.to_string()))
    .bind(now())
    .bind(now() + VALID_MICROS)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes back the links for a person and those that the person made: whoever is another now, or is out, must not come in by
/// an old one.
pub(crate) async fn withdraw(tx: &mut AnyConnection, person_id: PersonId) -> Result<()> {
    sqlx::query("delete from password_reset where person_id = $1 or made_by = $1")
        .bind(person_id.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Whose link it is: name and e-mail.
///
/// # Errors
/// [`Error::Conflict`] when the link was used, is over, was never there, or the account is not active.
pub async fn whose(db: &Db, token_hash: &str) -> Result<(String, String)> {
    let row = sqlx::query(
        "select p.name, p.email from password_reset r join person p on p.person_id = r.person_id
         where r.token_hash = $1 and r.used_at is null and r.expires_at > $2 and p.active = 1",
    )
    .bind(token_hash)
    .bind(now())
    .fetch_optional(&db.pool)
    .await?
    .ok_or_else(over)?;
    Ok((row.text("name")?, row.text("email")?))
}

/// Uses the link up, sets the password and ends every session of the person, or does nothing of it.
pub async fn take(tx: &mut AnyConnection, token_hash: &str, password_hash: &str) -> Result<PersonId> {
    let row = sqlx::query(
        "update password_reset set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2
         returning person_id",
    )
    .bind(token_hash)
    .bind(now())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(over)?;
    let person_id: PersonId = row.word("person_id")?;
    set_password(tx, person_id, password_hash).await?;
    let email: String = sqlx::query_scalar("select email from person where person_id = $1")
        .bind(person_id.to_string())
        .fetch_one(&mut *tx)
        .await?;
    // Whoever forgot a password has tried a few: those tries must not keep them out now.
    crate::sign_in::forget_account(tx, &email).await?;
    Ok(person_id)
}

/// Sets the password of an active account and ends its sessions.
pub async fn set_password(tx: &mut AnyConnection, person_id: PersonId, password_hash: &str) -> Result<()> {
    let done = sqlx::query(
        "update person set password_hash = $2, session_epoch = session_epoch + 1
         where person_id = $1 and active = 1",
    )
    .bind(person_id.to_string())
    .bind(password_hash)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(over());
    }
    sqlx::query("delete from password_reset where person_id = $1")
        .bind(person_id.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
