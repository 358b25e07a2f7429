//! Who came through a link: visitors who look, guests who gave a name, what was opened and when.

use std::collections::HashMap;

use domain::project::clean_name;
use domain::{LinkId, PersonId, ProjectId, Role, VersionId};
use sqlx::AnyConnection;

use super::{check_open, get, tell};
use crate::row::Cells;
use crate::{Db, Error, Result, new_uuid, now};

/// Names through one link, and openings that are kept of it: whoever has a link could otherwise fill the disk.
const MOST_GUESTS: i64 = 500;
const MOST_OPENINGS: i64 = 20_000;

/// Looking again so soon is the same look: a player asks more than once.
const SAME_LOOK_MICROS: i64 = 10 * 60 * 1_000_000;

/// Gives the visitor a name and with it the right to be an author on this link. The name proves nothing and is shown as a
/// guest's.
///
/// # Errors
/// [`Error::Invalid`] for a name that cannot be, [`Error::Conflict`] where the link is over or the visitor has a name.
pub async fn join(tx: &mut AnyConnection, link_id: LinkId, visitor: PersonId, name: &str) -> Result<()> {
    check_open(tx, link_id).await?;
    let name = clean_name(name).map_err(|_| {
        Error::Invalid("Your name has 1 to 80 characters: it stands beside what you say.".into())
    })?;
    let there: i64 = sqlx::query_scalar("select count(*) from guest where link_id = $1")
        .bind(link_id.to_string())
        .fetch_one(&mut *tx)
        .await?;
    if there >= MOST_GUESTS {
        return Err(Error::Invalid(format!(
            "{MOST_GUESTS} people gave a name through this link already. Ask whoever sent it for a new one."
        )));
    }
    // No e-mail address looks like this, there is no password, and the person is never active: nobody signs in as a guest.
    let made = sqlx::query(
        "insert into person (person_id, name, email, role, active, created_at) values ($1, $2, $3, $4, 0, $5)
         on conflict (person_id) do nothing",
    )
    .bind(visitor.to_string())
    .bind(name)
    .bind(format!("guest:{visitor}"))
    .bind(Role::Client.word())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Error::Conflict("You have given a name here already.".into()));
    }
    sqlx::query("insert into guest (guest_id, link_id, created_at) values ($1, $2, $3)")
        .bind(visitor.to_string())
        .bind(link_id.to_string())
        .bind(now())
        .execute(&mut *tx)
        .await?;
    let project_id = get(&mut *tx, link_id).await?.project_id;
    tell(tx, project_id).await
}

/// Who gave a name through this link.
pub async fn ids(db: &Db, link_id: LinkId) -> Result<Vec<PersonId>> {
    let ids: Vec<String> = sqlx::query_scalar("select guest_id from guest where link_id = $1")
        .bind(link_id.to_string())
        .fetch_all(&db.pool)
        .await?;
    ids.iter().map(|id| crate::parse("guest_id", id)).collect()
}

/// The name of a guest of this link; of another link's guest nothing.
pub async fn name(db: &Db, link_id: LinkId, guest_id: PersonId) -> Result<Option<String>> {
    Ok(sqlx::query_scalar(
        "select p.name from guest g join person p on p.person_id = g.guest_id where g.guest_id = $1 and g.link_id = $2",
    )
    .bind(guest_id.to_string())
    .bind(link_id.to_string())
    .fetch_optional(&db.pool)
    .await?)
}

/// What was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Seen,
    Downloaded,
}

impl Look {
    fn word(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Downloaded => "downloaded",
        }
    }
}

impl std::str::FromStr for Look {
    type Err = ();

    fn from_str(word: &str) -> std::result::Result<Self, ()> {
        [Self::Seen, Self::Downloaded].into_iter().find(|l| l.word() == word).ok_or(())
    }
}

/// Keeps that a visitor looked at a version; once in ten minutes.
pub async fn opened(
    tx: &mut AnyConnection,
    link_id: LinkId,
    visitor: PersonId,
    version_id: VersionId,
    look: Look,
) -> Result<()> {
    let row = sqlx::query(
        "select count(*) as kept,
             cast(coalesce(sum(case when visitor = $2 and version_id = $3 and what = $4 and at > $5 then 1 else 0 end), 0) as bigint) as fresh
         from share_opening where link_id = $1",
    )
    .bind(link_id.to_string())
    .bind(visitor.to_string())
    .bind(version_id.to_string())
    .bind(look.word())
    .bind(now() - SAME_LOOK_MICROS)
    .fetch_one(&mut *tx)
    .await?;
    if row.int("fresh")? > 0 || row.int("kept")? >= MOST_OPENINGS {
        return Ok(());
    }
    sqlx::query(
        "insert into share_opening (opening_id, link_id, visitor, version_id, what, at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new_uuid().to_string())
    .bind(link_id.to_string())
    .bind(visitor.to_string())
    .bind(version_id.to_string())
    .bind(look.word())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    let project_id = get(&mut *tx, link_id).await?.project_id;
    tell(tx, project_id).await
}

/// What one visitor did with one version of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// `None`: gave no name.
    pub who: Option<String>,
    pub version_id: VersionId,
    pub look: Look,
    /// Microseconds UTC.
    pub first_at: i64,
    pub last_at: i64,
    pub times: u32,
}

/// Openings of the project's links, the newest first.
pub(super) async fn openings(db: &Db, project_id: ProjectId) -> Result<HashMap<LinkId, Vec<Opening>>> {
    let rows = sqlx::query(
        "select o.link_id, p.name as who, o.visitor, o.version_id, o.what, min(o.at) as first_at, max(o.at) as last_at,
             count(*) as times
         from share_opening o join share_link l on l.link_id = o.link_id
         left join guest g on g.guest_id = o.visitor and g.link_id = o.link_id
         left join person p on p.person_id = g.guest_id
         where l.project_id = $1 group by o.link_id, p.name, o.visitor, o.version_id, o.what
         order by max(o.at) desc, o.version_id",
    )
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    let mut all: HashMap<LinkId, Vec<Opening>> = HashMap::new();
    for row in &rows {
        all.entry(row.word("link_id")?).or_default().push(Opening {
            who: row.maybe_text("who")?,
            version_id: row.word("version_id")?,
            look: row.word("what")?,
            first_at: row.int("first_at")?,
            last_at: row.int("last_at")?,
            times: row.count("times")?,
        });
    }
    Ok(all)
}

/// Names that were given through the project's links, and when; oldest first.
pub(super) async fn of_project(
    db: &Db,
    project_id: ProjectId,
) -> Result<HashMap<LinkId, Vec<(String, i64)>>> {
    let rows = sqlx::query(
        "select g.link_id, p.name, g.created_at from guest g join share_link l on l.link_id = g.link_id
         join person p on p.person_id = g.guest_id where l.project_id = $1 order by g.created_at, g.guest_id",
    )
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    let mut all: HashMap<LinkId, Vec<(String, i64)>> = HashMap::new();
    for row in &rows {
        all.entry(row.word("link_id")?).or_default().push((row.text("name")?, row.int("created_at")?));
    }
    Ok(all)
}
