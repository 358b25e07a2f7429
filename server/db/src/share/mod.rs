//! Links for people without an account: making, finding, listing and withdrawing them. Who came through one is in `guests`.
//! Tokens and passwords arrive only as hashes.

pub mod guests;

use std::collections::HashMap;

use domain::project::clean_name;
use domain::share::{Grants, LinkState, MOST_VERSIONS};
use domain::{EventKind, LinkId, PersonId, ProjectId, ShotId, VersionId};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::{Cells, places};
use crate::{Db, Error, Result, events, new_uuid, now};

/// A link, without what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub link_id: LinkId,
    pub project_id: ProjectId,
    pub name: String,
    pub grants: Grants,
    /// argon2id, in PHC form.
    pub password_hash: Option<String>,
    /// Microseconds UTC, as are the others; `None`: open until it is revoked.
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
    pub is_archived: bool,
    /// Its project, or all that it shows, is in the bin.
    pub is_gone: bool,
}

impl Link {
    pub fn state(&self) -> LinkState {
        LinkState::at(now(), self.expires_at, self.revoked_at).in_project(self.is_archived, self.is_gone)
    }
}

const COLUMNS: &str =
    "select l.link_id, l.project_id, l.name, l.may_comment, l.may_approve, l.may_download, l.password_hash,
         l.expires_at, l.created_at, l.revoked_at,
         (select count(*) from project x where x.project_id = l.project_id and x.archived_at is not null) as archived,
         (select count(*) from share_version x join version xv on xv.version_id = x.version_id
             join shot xs on xs.shot_id = xv.shot_id join project xp on xp.project_id = xs.project_id
             where x.link_id = l.link_id and xs.binned_at is null and xp.binned_at is null) as showing";

fn read(row: &AnyRow) -> Result<Link> {
    Ok(Link {
        link_id: row.word("link_id")?,
        project_id: row.word("project_id")?,
        name: row.text("name")?,
        grants: Grants {
            comment: row.flag("may_comment")?,
            approve: row.flag("may_approve")?,
            download: row.flag("may_download")?,
        },
        password_hash: row.maybe_text("password_hash")?,
        expires_at: row.maybe_int("expires_at")?,
        created_at: row.int("created_at")?,
        revoked_at: row.maybe_int("revoked_at")?,
        is_archived: row.flag("archived")?,
        is_gone: row.int("showing")? == 0,
    })
}

/// What a new link is made of.
#[derive(Debug, Clone)]
pub struct New {
    pub project_id: ProjectId,
    pub name: String,
    /// SHA-256 of the token in hexadecimal; the token is nowhere else.
    pub token_hash: String,
    pub grants: Grants,
    pub password_hash: Option<String>,
    pub expires_at: Option<i64>,
    /// At least one, all of the project; shown in this order.
    pub versions: Vec<VersionId>,
}

/// # Errors
/// [`Error::Invalid`] for a name, an end or a choice of versions that cannot be; [`Error::NotFound`] for a version of another
/// project.
pub async fn create(tx: &mut AnyConnection, new: &New, by: PersonId) -> Result<LinkId> {
    let New { project_id, name, token_hash, grants, password_hash, expires_at, versions } = new;
    let name = clean_name(name).map_err(|_| {
        Error::Invalid(
            "Give the link a name of 1 to 80 characters: it is what the client reads first.".into(),
        )
    })?;
    let mut chosen = Vec::new();
    for id in versions {
        if !chosen.contains(id) {
            chosen.push(*id);
        }
    }
    if chosen.is_empty() {
        return Err(Error::Invalid("Choose at least one version for the link to show.".into()));
    }
    if chosen.len() > MOST_VERSIONS {
        let got = chosen.len();
        return Err(Error::Invalid(format!(
            "A link shows at most {MOST_VERSIONS} versions, these are {got}: make two links."
        )));
    }
    crate::projects::lock_open(tx, *project_id).await?;
    check_versions(tx, *project_id, &chosen).await?;
    let link_id = LinkId(new_uuid());
    let Grants { comment, approve, download } = *grants;
    sqlx::query(
        "insert into share_link (link_id, project_id, name, token_hash, may_comment, may_approve, may_download, password_hash,
             expires_at, created_by, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(link_id.to_string())
    .bind(project_id.to_string())
    .bind(name)
    .bind(token_hash)
    .bind(i64::from(comment))
    .bind(i64::from(approve))
    .bind(i64::from(download))
    .bind(password_hash.as_deref())
    .bind(*expires_at)
    .bind(by.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    for (place, id) in (0i64..).zip(&chosen) {
        sqlx::query("insert into share_version (link_id, version_id, place) values ($1, $2, $3)")
            .bind(link_id.to_string())
            .bind(id.to_string())
            .bind(place)
            .execute(&mut *tx)
            .await?;
    }
    tell(tx, *project_id).await?;
    Ok(link_id)
}

async fn check_versions(tx: &mut AnyConnection, project_id: ProjectId, chosen: &[VersionId]) -> Result<()> {
    let text = format!(
        "select count(*) from version v join shot s on s.shot_id = v.shot_id
         where s.project_id = $1 and s.binned_at is null and v.version_id in ({})",
        places(2, chosen.len())
    );
    let mut query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(project_id.to_string());
    for id in chosen {
        query = query.bind(id.to_string());
    }
    let found: i64 = query.fetch_one(&mut *tx).await?;
    if found == chosen.len() as i64 { Ok(()) } else { Err(Error::NotFound) }
}

/// To those who make links: the list changed.
pub(crate) async fn tell(tx: &mut AnyConnection, project_id: ProjectId) -> Result<()> {
    events::tell(tx, Some(project_id), None, &EventKind::Share).await
}

pub async fn get<'e>(executor: impl AnyExecutor<'e>, link_id: LinkId) -> Result<Link> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} from share_link l where l.link_id = $1")))
        .bind(link_id.to_string())
        .fetch_optional(executor)
        .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// Whatever its state: an expired link says so to whoever has its token.
pub async fn by_token(db: &Db, token_hash: &str) -> Result<Link> {
    let row =
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} from share_link l where l.token_hash = $1")))
            .bind(token_hash)
            .fetch_optional(&db.pool)
            .await?;
    read(&row.ok_or(Error::NotFound)?)
}

/// Whether the link shows the version.
pub async fn shows<'e>(
    executor: impl AnyExecutor<'e>,
    link_id: LinkId,
    version_id: VersionId,
) -> Result<bool> {
    let found: i64 =
        sqlx::query_scalar(
            "select count(*) from share_version b join version v on v.version_id = b.version_id
             join shot s on s.shot_id = v.shot_id where b.link_id = $1 and b.version_id = $2 and s.binned_at is null",
        )
        .bind(link_id.to_string())
        .bind(version_id.to_string())
        .fetch_one(executor)
        .await?;
    Ok(found > 0)
}

/// A version behind a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub version_id: VersionId,
    pub n: u32,
    pub shot_id: ShotId,
    pub shot_name: String,
}

fn read_shown(row: &AnyRow) -> Result<Shown> {
    Ok(Shown {
        version_id: row.word("version_id")?,
        n: row.count("n")?,
        shot_id: row.word("shot_id")?,
        shot_name: row.text("shot_name")?,
    })
}

/// What the link shows, in its order.
pub async fn shown(db: &Db, link_id: LinkId) -> Result<Vec<Shown>> {
    let rows = sqlx::query(
        "select v.version_id, v.n, s.shot_id, s.name as shot_name
         from share_version b join version v on v.version_id = b.version_id join shot s on s.shot_id = v.shot_id
         where b.link_id = $1 and s.binned_at is null order by b.place",
    )
    .bind(link_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(read_shown).collect()
}

/// Every version of the project, by the name of its shot and newest first: what a link could show.
pub async fn versions_of(db: &Db, project_id: ProjectId) -> Result<Vec<Shown>> {
    let rows = sqlx::query(
        "select v.version_id, v.n, s.shot_id, s.name as shot_name
         from version v join shot s on s.shot_id = v.shot_id
         where s.project_id = $1 and s.binned_at is null order by lower(s.name), s.shot_id, v.n desc",
    )
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(read_shown).collect()
}

/// A link as those see it who make links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub link: Link,
    pub created_by: String,
    pub versions: Vec<Shown>,
    /// Names and when they were given, oldest first.
    pub guests: Vec<(String, i64)>,
    /// The newest first.
    pub openings: Vec<guests::Opening>,
}

/// The project's links, newest first; four statements, however many there are.
pub async fn list(db: &Db, project_id: ProjectId) -> Result<Vec<Listed>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{COLUMNS}, p.name as created_by from share_link l join person p on p.person_id = l.created_by
         where l.project_id = $1 order by l.created_at desc, l.link_id"
    )))
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    let mut versions: HashMap<LinkId, Vec<Shown>> = HashMap::new();
    let shown = sqlx::query(
        "select b.link_id, v.version_id, v.n, s.shot_id, s.name as shot_name
         from share_version b join share_link l on l.link_id = b.link_id
         join version v on v.version_id = b.version_id join shot s on s.shot_id = v.shot_id
         where l.project_id = $1 and s.binned_at is null order by b.link_id, b.place",
    )
    .bind(project_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    for row in &shown {
        versions.entry(row.word("link_id")?).or_default().push(read_shown(row)?);
    }
    let mut names = guests::of_project(db, project_id).await?;
    let mut openings = guests::openings(db, project_id).await?;
    rows.iter()
        .map(|row| {
            let link = read(row)?;
            let id = link.link_id;
            Ok(Listed {
                link,
                created_by: row.text("created_by")?,
                versions: versions.remove(&id).unwrap_or_default(),
                guests: names.remove(&id).unwrap_or_default(),
                openings: openings.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}

/// Until when a link is to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// As it was.
    Kept,
    /// Microseconds UTC; `None`: until it is withdrawn.
    Set(Option<i64>),
}

/// What a link's password is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// As it was.
    Kept,
    /// Its hash (argon2id, in PHC form); `None`: whoever has the address comes in.
    Set(Option<String>),
}

/// How a link is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub grants: Grants,
    pub until: Until,
    pub password: Password,
}

/// Changes what a link allows, until when it is open and what it asks for; one that has expired opens again with a later end, one
/// that was withdrawn never. Whoever looks through it sees the change with their next step, and is asked for another password.
pub async fn change(tx: &mut AnyConnection, link_id: LinkId, change: &Change) -> Result<()> {
    let Change { grants: Grants { comment, approve, download }, until, password } = change;
    let (keeps_end, expires_at) = match until {
        Until::Kept => (1, None),
        Until::Set(at) => (0, *at),
    };
    let (keeps_password, hash) = match password {
        Password::Kept => (1, None),
        Password::Set(hash) => (0, hash.as_deref()),
    };
    let row = sqlx::query(
        "update share_link set may_comment = $2, may_approve = $3, may_download = $4,
             expires_at = case when $5 = 1 then expires_at else $6 end,
             password_hash = case when $7 = 1 then password_hash else $8 end
         where link_id = $1 and revoked_at is null returning project_id",
    )
    .bind(link_id.to_string())
    .bind(i64::from(*comment))
    .bind(i64::from(*approve))
    .bind(i64::from(*download))
    .bind(keeps_end)
    .bind(expires_at)
    .bind(keeps_password)
    .bind(hash)
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict("This link was withdrawn: make a new one.".into()))?;
    if keeps_password == 0 {
        // Slips with the one before say nothing about this one.
        crate::sign_in::forget_link(tx, link_id).await?;
    }
    tell(tx, row.word("project_id")?).await
}

/// Takes the link back, for good; whoever is looking through it is shut out at once.
pub async fn revoke(tx: &mut AnyConnection, link_id: LinkId, by: PersonId) -> Result<()> {
    let row = sqlx::query(
        "update share_link set revoked_at = $2, revoked_by = $3 where link_id = $1 and revoked_at is null
         returning project_id",
    )
    .bind(link_id.to_string())
    .bind(now())
    .bind(by.to_string())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict("This link was withdrawn already.".into()))?;
    tell(tx, row.word("project_id")?).await
}

/// Gives an open link another address; the one before opens nothing from then on. For when it was lost, since it is kept
/// nowhere.
pub async fn renew(tx: &mut AnyConnection, link_id: LinkId, token_hash: &str) -> Result<()> {
    let row = sqlx::query(
        "update share_link set token_hash = $2
         where link_id = $1 and revoked_at is null and (expires_at is null or expires_at > $3) returning project_id",
    )
    .bind(link_id.to_string())
    .bind(token_hash)
    .bind(now())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict("This link is not open any more: make a new one.".into()))?;
    tell(tx, row.word("project_id")?).await
}

/// Refuses inside a writing transaction what came too late.
pub async fn check_open(tx: &mut AnyConnection, link_id: LinkId) -> Result<()> {
    match get(&mut *tx, link_id).await?.state().closed() {
        None => Ok(()),
        Some(sentence) => Err(Error::Conflict(sentence.to_owned())),
    }
}

/// What everybody behind one link may write within an hour: more than any review needs, less than would fill a disk.
pub const MOST_AN_HOUR: i64 = 300;

/// Refuses while those behind the link have said and decided [`MOST_AN_HOUR`] times within the last hour. What lies longer
/// ago does not count.
///
/// # Errors
/// [`Error::Conflict`] with a sentence that says what to do.
pub async fn check_pace(tx: &mut AnyConnection, link_id: LinkId) -> Result<()> {
    const HOUR_MICROS: i64 = 3_600_000_000;
    let count = |what: &str, by: &str, when: &str| {
        format!(
            "(select count(*) from {what} w join guest g on g.guest_id = w.{by} where g.link_id = $1 and w.{when} > $2)"
        )
    };
    let text = format!(
        "select {} + {} as written",
        count("comment", "author", "created_at"),
        count("decision", "person_id", "at")
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(link_id.to_string())
        .bind(now() - HOUR_MICROS)
        .fetch_one(tx)
        .await?;
    if row.int("written")? < MOST_AN_HOUR {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "Through this link {MOST_AN_HOUR} comments and decisions were written within an hour, and that is the most. Wait a little and send this again."
    )))
}
