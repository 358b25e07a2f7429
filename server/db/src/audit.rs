//! The audit trail. Rows are added in the transaction of what they tell of, and never changed.

use domain::{Deed, PersonId, ProjectId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::dialect::{Gate, one_at_a_time};
use crate::row::Cells;
use crate::{Db, Result, new_uuid, now};

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub deed: Deed,
    /// `None`: nobody known, such as a wrong password or the command line; then `who` says what is known. Of a guest without a
    /// name it is what the link knows their browser by, and `who` says that it is a guest.
    pub by: Option<PersonId>,
    pub who: String,
    pub project_id: Option<ProjectId>,
    /// What it was done to or with, in words.
    pub about: String,
    /// Where the request came from; empty for the command line.
    pub address: String,
}

impl Note {
    /// About what was done on the machine itself, where nobody signs in.
    pub fn by_hand(deed: Deed, about: impl Into<String>) -> Self {
        let (who, address) = ("the command line".to_owned(), String::new());
        Self { deed, by: None, who, project_id: None, about: about.into(), address }
    }
}

/// A note with the names of its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Microseconds UTC.
    pub at: i64,
    pub deed: Deed,
    pub person_id: Option<PersonId>,
    pub who: String,
    pub project_name: Option<String>,
    pub about: String,
    pub address: String,
}

/// Longest text that is kept of what a stranger may choose.
const MOST_CHARACTERS: usize = 300;

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect()
}

/// What whoever did it is called now.
async fn name_of(tx: &mut AnyConnection, note: &Note) -> Result<String> {
    let name: Option<String> = match note.by {
        Some(id) => {
            let query = sqlx::query_scalar("select name from person where person_id = $1");
            query.bind(id.to_string()).fetch_optional(&mut *tx).await?
        }
        None => None,
    };
    Ok(short(name.as_deref().unwrap_or(&note.who)))
}

/// Adds a note; call it inside the transaction of what it tells of.
pub async fn add(tx: &mut AnyConnection, note: &Note) -> Result<()> {
    let who = name_of(tx, note).await?;
    let project: Option<String> = match note.project_id {
        Some(id) => {
            let query = sqlx::query_scalar("select name from project where project_id = $1");
            query.bind(id.to_string()).fetch_optional(&mut *tx).await?
        }
        None => None,
    };
    sqlx::query(
        "insert into audit (audit_id, at, deed, person_id, who, project_id, project_name, about, address)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new_uuid().to_string())
    .bind(now())
    .bind(note.deed.slug())
    .bind(note.by.map(|id| id.to_string()))
    .bind(who)
    .bind(note.project_id.map(|id| id.to_string()))
    .bind(project)
    .bind(short(&note.about))
    .bind(short(&note.address))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A file that is taken again so soon is the same download, which goes on.
const SAME_DOWNLOAD_MICROS: i64 = 60 * 60 * 1_000_000;

/// As [`add`], of a file that is taken away and may come in pieces, in any order and several at once: one line for each who takes
/// it. Somebody of whom nothing is known is whoever comes from the same address. Whether there was none yet.
pub async fn add_once(tx: &mut AnyConnection, note: &Note) -> Result<bool> {
    one_at_a_time(tx, Gate::Downloads).await?;
    let who = name_of(tx, note).await?;
    let there: i64 = sqlx::query_scalar(
        "select count(*) from audit
         where at > $1 and deed = $2 and coalesce(project_id, '') = $3 and about = $4
             and (person_id = $5 or (person_id is null and who = $6 and address = $7))",
    )
    .bind(now() - SAME_DOWNLOAD_MICROS)
    .bind(note.deed.slug())
    .bind(note.project_id.map(|id| id.to_string()).unwrap_or_default())
    .bind(short(&note.about))
    .bind(note.by.map(|id| id.to_string()).unwrap_or_default())
    .bind(who)
    .bind(short(&note.address))
    .fetch_one(&mut *tx)
    .await?;
    if there == 0 {
        add(tx, note).await?;
    }
    Ok(there == 0)
}

/// As [`add`], of what happens once and is told once, whoever does it again: nothing where there is a line of the same deed about
/// the same. Whether there was none yet.
pub async fn add_first(tx: &mut AnyConnection, note: &Note) -> Result<bool> {
    one_at_a_time(tx, Gate::Firsts).await?;
    let there: i64 = sqlx::query_scalar(
        "select count(*) from audit where deed = $1 and coalesce(project_id, '') = $2 and about = $3",
    )
    .bind(note.deed.slug())
    .bind(note.project_id.map(|id| id.to_string()).unwrap_or_default())
    .bind(short(&note.about))
    .fetch_one(&mut *tx)
    .await?;
    if there == 0 {
        add(tx, note).await?;
    }
    Ok(there == 0)
}

/// Which notes are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub deed: Option<Deed>,
    pub person_id: Option<PersonId>,
    /// Only what is older, microseconds UTC; `None`: from the newest on.
    pub before: Option<i64>,
}

/// The newest notes first, at most `limit`.
pub async fn page(db: &Db, filter: &Filter, limit: u32) -> Result<Vec<Row>> {
    let rows = sqlx::query(
        "select at, deed, person_id, who, project_name, about, address from audit
         where at < $1 and ($2 = '' or deed = $2) and ($3 = '' or person_id = $3)
         order by at desc, audit_id limit $4",
    )
    .bind(filter.before.unwrap_or(i64::MAX))
    .bind(filter.deed.map_or("", Deed::slug))
    .bind(filter.person_id.map(|id| id.to_string()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// A person's own way in: sign-ins that worked and that failed, and changes of the password; newest first.
pub async fn sign_ins(db: &Db, person_id: PersonId, limit: u32) -> Result<Vec<Row>> {
    let rows = sqlx::query(
        "select at, deed, person_id, who, project_name, about, address from audit
         where person_id = $1 and deed in ('joined', 'signed_in', 'sign_in_failed', 'password_reset', 'password_changed', 'signed_out_everywhere')
         order by at desc, audit_id limit $2",
    )
    .bind(person_id.to_string())
    .bind(i64::from(limit))
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Row> {
    Ok(Row {
        at: row.int("at")?,
        deed: row.word("deed")?,
        person_id: row.maybe_word("person_id")?,
        who: row.text("who")?,
        project_name: row.maybe_text("project_name")?,
        about: row.text("about")?,
        address: row.text("address")?,
    })
}
