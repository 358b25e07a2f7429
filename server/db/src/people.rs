//! People and invitations. Passwords arrive and leave only as hashes.

use domain::{InvitationId, Person, PersonId, ProjectId, Role};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::dialect::{Gate, one_at_a_time};
use crate::row::Cells;
use crate::{Db, Error, Result, events, new_uuid, now};

/// A person with what signing in needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub person: Person,
    pub password_hash: Option<String>,
    /// Sessions that remember another number are over.
    pub session_epoch: i64,
}

/// A link that makes one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub invitation_id: InvitationId,
    pub role: Role,
    pub project_id: Option<ProjectId>,
    pub project_name: Option<String>,
    pub invited_by: String,
}

const COLUMNS: &str = "select person_id, name, email, password_hash, role, active, session_epoch from person";

fn read(row: &AnyRow) -> Result<Account> {
    Ok(Account {
        person: Person {
            person_id: row.word("person_id")?,
            name: row.text("name")?,
            email: row.text("email")?,
            role: row.word("role")?,
            active: row.flag("active")?,
        },
        password_hash: row.maybe_text("password_hash")?,
        session_epoch: row.int("session_epoch")?,
    })
}

/// The form in which e-mail addresses are kept and compared.
pub fn clean_email(email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let valid = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !email.contains(char::is_whitespace)
    });
    if valid && email.len() <= 254 {
        Ok(email)
    } else {
        Err(Error::Invalid("This is not an e-mail address: write it like name@studio.com.".into()))
    }
}

/// Whether the first start is over.
pub async fn has_owner(db: &Db) -> Result<bool> {
    let owners: i64 =
        sqlx::query_scalar("select count(*) from person where role = 'owner'").fetch_one(&db.pool).await?;
    Ok(owners > 0)
}

/// The first start's owner; refused when there is one.
pub async fn create_owner(
    tx: &mut AnyConnection,
    name: &str,
    email: &str,
    password_hash: &str,
) -> Result<PersonId> {
    one_at_a_time(tx, Gate::Owners).await?;
    let owners: i64 =
        sqlx::query_scalar("select count(*) from person where role = 'owner'").fetch_one(&mut *tx).await?;
    if owners > 0 {
        return Err(Error::Conflict(
            "This studio has an owner already. Sign in, or ask the owner for an invitation.".into(),
        ));
    }
    create(tx, name, email, Some(password_hash), Role::Owner).await
}

/// A person without a password hash cannot sign in.
pub async fn create(
    tx: &mut AnyConnection,
    name: &str,
    email: &str,
    password_hash: Option<&str>,
    role: Role,
) -> Result<PersonId> {
    let name = domain::project::clean_name(name)
        .map_err(|_| Error::Invalid("Your name has 1 to 80 characters.".into()))?;
    let person_id = PersonId(new_uuid());
    let made = sqlx::query(
        "insert into person (person_id, name, email, password_hash, role, created_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (email) do nothing",
    )
    .bind(person_id.to_string())
    .bind(name)
    .bind(clean_email(email)?)
    .bind(password_hash)
    .bind(role.word())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Error::Invalid(
            "Somebody with this e-mail address is here already: sign in instead.".into(),
        ));
    }
    events::tell(tx, None, None, &domain::EventKind::People).await?;
    Ok(person_id)
}

pub async fn account(db: &Db, person_id: PersonId) -> Result<Account> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where person_id = $1")))
        .bind(person_id.to_string())
        .fetch_optional(&db.pool)
        .await?;
    read(&row.ok_or(Error::NotFound)?)
}

pub async fn by_email(db: &Db, email: &str) -> Result<Option<Account>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} where email = $1")))
        .bind(email.trim().to_lowercase())
        .fetch_optional(&db.pool)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The condition on `person` for those with an account: guests of links are people too, but not of the studio.
pub(crate) const HAS_ACCOUNT: &str = "not exists (select 1 from guest g where g.guest_id = person.person_id)";

/// Everybody with an account, by name, with the projects they were added to.
pub async fn list(db: &Db) -> Result<Vec<(Person, Vec<ProjectId>)>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS} where {HAS_ACCOUNT} order by active desc, lower(name), person_id"
    )))
    .fetch_all(&db.pool)
    .await?;
    let members = sqlx::query("select person_id, project_id from project_member").fetch_all(&db.pool).await?;
    let mut people: Vec<(Person, Vec<ProjectId>)> = Vec::new();
    for row in &rows {
        people.push((read(row)?.person, Vec::new()));
    }
    for row in &members {
        let person_id: PersonId = row.word("person_id")?;
        if let Some((_, projects)) = people.iter_mut().find(|(p, _)| p.person_id == person_id) {
            projects.push(row.word("project_id")?);
        }
    }
    Ok(people)
}

/// The last active owner stays owner.
pub async fn set_role(tx: &mut AnyConnection, person_id: PersonId, role: Role) -> Result<()> {
    one_at_a_time(tx, Gate::Owners).await?;
    if role != Role::Owner {
        keep_an_owner(tx, person_id, "Make somebody else owner first: a studio needs one.").await?;
    }
    let text = format!("update person set role = $2 where person_id = $1 and {HAS_ACCOUNT}");
    let done = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(person_id.to_string())
        .bind(role.word())
        .execute(&mut *tx)
        .await?;
    crate::resets::withdraw(tx, person_id).await?;
    if role != Role::Owner {
        withdraw_invitations_of(tx, person_id).await?;
    }
    crate::assignments::drop_unseen(tx, person_id).await?;
    told(tx, done.rows_affected()).await
}

/// A deactivated person is signed out everywhere. The last active owner stays active.
pub async fn set_active(tx: &mut AnyConnection, person_id: PersonId, active: bool) -> Result<()> {
    one_at_a_time(tx, Gate::Owners).await?;
    if !active {
        keep_an_owner(tx, person_id, "The last owner cannot be deactivated: make somebody else owner first.")
            .await?;
    }
    let text = format!(
        "update person set active = $2, session_epoch = session_epoch + 1 where person_id = $1 and {HAS_ACCOUNT}"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(person_id.to_string())
        .bind(i64::from(active))
        .execute(&mut *tx)
        .await?;
    crate::resets::withdraw(tx, person_id).await?;
    if !active {
        withdraw_invitations_of(tx, person_id).await?;
    }
    told(tx, done.rows_affected()).await
}

async fn keep_an_owner(tx: &mut AnyConnection, leaving: PersonId, sentence: &str) -> Result<()> {
    let owners: Vec<String> =
        sqlx::query_scalar("select person_id from person where role = 'owner' and active = 1")
            .fetch_all(&mut *tx)
            .await?;
    if owners == [leaving.to_string()] { Err(Error::Invalid(sentence.into())) } else { Ok(()) }
}

async fn told(tx: &mut AnyConnection, rows: u64) -> Result<()> {
    if rows == 0 {
        return Err(Error::NotFound);
    }
    events::tell(tx, None, None, &domain::EventKind::People).await
}

/// What others call the person: 1 to 80 characters.
pub async fn set_name(tx: &mut AnyConnection, person_id: PersonId, name: &str) -> Result<()> {
    let name = domain::project::clean_name(name)
        .map_err(|_| Error::Invalid("Your name has 1 to 80 characters.".into()))?;
    let done = sqlx::query("update person set name = $2 where person_id = $1")
        .bind(person_id.to_string())
        .bind(name)
        .execute(&mut *tx)
        .await?;
    told(tx, done.rows_affected()).await
}

/// Ends every session of the person.
pub async fn sign_out_everywhere(tx: &mut AnyConnection, person_id: PersonId) -> Result<()> {
    let done = sqlx::query("update person set session_epoch = session_epoch + 1 where person_id = $1")
        .bind(person_id.to_string())
        .execute(&mut *tx)
        .await?;
    crate::resets::withdraw(tx, person_id).await?;
    told(tx, done.rows_affected()).await
}

/// `token_hash`: SHA-256 of the link's secret, in hexadecimal. `expires_at`: microseconds UTC.
pub async fn invite(
    tx: &mut AnyConnection,
    token_hash: &str,
    role: Role,
    project_id: Option<ProjectId>,
    invited_by: PersonId,
    expires_at: i64,
) -> Result<()> {
    sqlx::query(
        "insert into invitation (invitation_id, token_hash, role, project_id, invited_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(InvitationId(new_uuid()).to_string())
    .bind(token_hash)
    .bind(role.word())
    .bind(project_id.map(|id| id.to_string()))
    .bind(invited_by.to_string())
    .bind(now())
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    events::tell(tx, None, None, &domain::EventKind::People).await
}

/// An invitation that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    pub invitation_id: InvitationId,
    pub role: Role,
    pub project_name: Option<String>,
    pub invited_by: String,
    /// Microseconds UTC.
    pub created_at: i64,
    pub expires_at: i64,
}

/// Invitations that somebody could still use, newest first.
pub async fn open_invitations(db: &Db) -> Result<Vec<OpenInvitation>> {
    let rows = sqlx::query(
        "select i.invitation_id, i.role, r.name as project_name, p.name as invited_by, i.created_at, i.expires_at
         from invitation i join person p on p.person_id = i.invited_by left join project r on r.project_id = i.project_id and r.binned_at is null
         where i.used_at is null and i.expires_at > $1 order by i.created_at desc, i.invitation_id",
    )
    .bind(now())
    .fetch_all(&db.pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(OpenInvitation {
                invitation_id: row.word("invitation_id")?,
                role: row.word("role")?,
                project_name: row.maybe_text("project_name")?,
                invited_by: row.text("invited_by")?,
                created_at: row.int("created_at")?,
                expires_at: row.int("expires_at")?,
            })
        })
        .collect()
}

/// Closes an invitation; the role it was for.
///
/// # Errors
/// [`Error::Conflict`] where it was used or is over.
pub async fn withdraw_invitation(tx: &mut AnyConnection, invitation_id: InvitationId) -> Result<Role> {
    let row = sqlx::query(
        "delete from invitation where invitation_id = $1 and used_at is null and expires_at > $2 returning role",
    )
    .bind(invitation_id.to_string())
    .bind(now())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict("This invitation was used meanwhile, or is over.".into()))?;
    events::tell(tx, None, None, &domain::EventKind::People).await?;
    row.word("role")
}

/// Invitations that the person gave away: who may not make them any more leaves none behind.
async fn withdraw_invitations_of(tx: &mut AnyConnection, person_id: PersonId) -> Result<()> {
    sqlx::query("delete from invitation where invited_by = $1 and used_at is null")
        .bind(person_id.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// An invitation that is neither used nor over.
pub async fn invitation(db: &Db, token_hash: &str) -> Result<Invitation> {
    let row = sqlx::query(
        "select i.invitation_id, i.role, i.project_id, r.name as project_name, p.name as invited_by
         from invitation i join person p on p.person_id = i.invited_by left join project r on r.project_id = i.project_id and r.binned_at is null
         where i.token_hash = $1 and i.used_at is null and i.expires_at > $2",
    )
    .bind(token_hash)
    .bind(now())
    .fetch_optional(&db.pool)
    .await?
    .ok_or(Error::NotFound)?;
    Ok(Invitation {
        invitation_id: row.word("invitation_id")?,
        role: row.word("role")?,
        project_id: row.maybe_word("project_id")?,
        project_name: row.maybe_text("project_name")?,
        invited_by: row.text("invited_by")?,
    })
}

/// Uses the invitation up and makes the account, or does neither.
pub async fn accept(
    tx: &mut AnyConnection,
    token_hash: &str,
    name: &str,
    email: &str,
    password_hash: &str,
) -> Result<PersonId> {
    let row = sqlx::query(
        "update invitation set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2
         returning role, project_id",
    )
    .bind(token_hash)
    .bind(now())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict("This invitation was used or is over. Ask for a new link.".into()))?;
    let person_id = create(tx, name, email, Some(password_hash), row.word("role")?).await?;
    if let Some(project_id) = row.maybe_word("project_id")? {
        crate::projects::join(tx, project_id, person_id).await?;
    }
    Ok(person_id)
}
