//! The life of projects and shots after their work: archived, put into the bin, taken out again, deleted for good. What lies
//! in the bin is kept from every other module by its own statements (`binned_at is null`).

use domain::bin::{Binned, Thing};
use domain::{EventKind, PersonId, ProjectId, UploadId};
use sqlx::AnyConnection;

use crate::row::Cells;
use crate::{Db, Error, Result, events, now, projects, shots};

/// Lets a project rest: from then on everybody only reads it, its links are closed and its jobs wait. Or wakes it again.
pub async fn archive(tx: &mut AnyConnection, project_id: ProjectId, on: bool) -> Result<()> {
    let done = sqlx::query(
        "update project set archived_at = $2 where project_id = $1 and binned_at is null
         and (archived_at is null) = ($3 = 1)",
    )
    .bind(project_id.to_string())
    .bind(on.then(now))
    .bind(i64::from(on))
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        projects::get(&mut *tx, project_id).await?;
        let word = if on { "archived already" } else { "not archived any more" };
        return Err(Error::Conflict(format!("This project is {word}: somebody was faster.")));
    }
    moved(tx, project_id).await
}

/// Puts something into the bin: nobody finds it any more, and after 30 days it is deleted for good. What runs stops and
/// waits. A shot of an archived project stays where it is.
pub async fn put(tx: &mut AnyConnection, thing: Thing, by: PersonId) -> Result<()> {
    let (project_id, done) = match thing {
        Thing::Project(project_id) => {
            let text = "update project set binned_at = $2, binned_by = $3 where project_id = $1 and binned_at is null";
            let query = sqlx::query(text).bind(project_id.to_string());
            (project_id, query.bind(now()).bind(by.to_string()).execute(&mut *tx).await?)
        }
        Thing::Shot(shot_id) => {
            let shot = shots::lock(tx, shot_id).await?;
            let text =
                "update shot set binned_at = $2, binned_by = $3 where shot_id = $1 and binned_at is null";
            let query = sqlx::query(text).bind(shot_id.to_string());
            (shot.project_id, query.bind(now()).bind(by.to_string()).execute(&mut *tx).await?)
        }
    };
    if done.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    moved(tx, project_id).await
}

const NOT_THERE: &str = "This is not in the bin any more: somebody took it out, or it was deleted for good.";

/// Takes something out of the bin; it is as it was. A shot whose project lies in the bin too comes out with its project.
pub async fn restore(tx: &mut AnyConnection, thing: Thing) -> Result<()> {
    let row = match thing {
        Thing::Project(project_id) => {
            let text = "update project set binned_at = null, binned_by = null
                 where project_id = $1 and binned_at is not null returning project_id";
            sqlx::query(text).bind(project_id.to_string()).fetch_optional(&mut *tx).await?
        }
        Thing::Shot(shot_id) => {
            let text = "update shot set binned_at = null, binned_by = null, updated_at = $2
                 where shot_id = $1 and binned_at is not null
                 and project_id in (select project_id from project where binned_at is null) returning project_id";
            let (_, project_id) = named(tx, thing).await?;
            // Only read, like everything else in it.
            if matches!(projects::get(&mut *tx, project_id).await, Ok(project) if project.is_archived()) {
                return Err(Error::Conflict(domain::project::ARCHIVED.into()));
            }
            sqlx::query(text).bind(shot_id.to_string()).bind(now()).fetch_optional(&mut *tx).await?
        }
    };
    let row = row.ok_or_else(|| Error::Conflict(NOT_THERE.into()))?;
    moved(tx, row.word("project_id")?).await
}

/// After something went to rest, into the bin or out of it: its jobs are held or free again, and everybody looks anew. A job
/// that runs goes back into the queue, so that its worker finds at the next beat that it is not its any more.
async fn moved(tx: &mut AnyConnection, project_id: ProjectId) -> Result<()> {
    sqlx::query(
        "update job set held = (select count(*) from project p where p.project_id = job.project_id
                 and (p.archived_at is not null or p.binned_at is not null
                     or exists (select 1 from shot s where s.shot_id = job.shot_id and s.binned_at is not null)))
         where project_id = $1",
    )
    .bind(project_id.to_string())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "update job set state = 'queued', attempt = attempt - 1, worker = null, lease_until = null, step = null,
             fraction = 0, seconds_left = null
         where project_id = $1 and held = 1 and state = 'running'",
    )
    .bind(project_id.to_string())
    .execute(&mut *tx)
    .await?;
    events::tell(tx, Some(project_id), None, &EventKind::Project).await?;
    // Those who look through a link are let in or shut out at once.
    events::tell(tx, Some(project_id), None, &EventKind::Share).await
}

/// What lies in the bin, the newest first; shots of a project that lies there too go with it and are not named.
pub async fn list(db: &Db) -> Result<Vec<Binned>> {
    let rows = sqlx::query(
        "select r.project_id as id, 1 as is_project, r.name, r.name as project_name, p.name as by_name, r.binned_at,
             (select count(*) from shot s where s.project_id = r.project_id) as shots
         from project r left join person p on p.person_id = r.binned_by where r.binned_at is not null
         union all
         select s.shot_id as id, 0 as is_project, s.name, r.name as project_name, p.name as by_name, s.binned_at, 1 as shots
         from shot s join project r on r.project_id = s.project_id left join person p on p.person_id = s.binned_by
         where s.binned_at is not null and r.binned_at is null
         order by binned_at desc, id",
    )
    .fetch_all(&db.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let is_project = row.int("is_project")? != 0;
            let thing =
                if is_project { Thing::Project(row.word("id")?) } else { Thing::Shot(row.word("id")?) };
            Ok(Binned {
                thing,
                name: row.text("name")?,
                project_name: if is_project { None } else { Some(row.text("project_name")?) },
                shots: row.count("shots")?,
                by: row.maybe_text("by_name")?,
                binned_at: row.int("binned_at")?,
            })
        })
        .collect()
}

/// What has lain in the bin since `before` (microseconds UTC) or longer.
pub async fn overdue(db: &Db, before: i64) -> Result<Vec<Binned>> {
    let mut all = list(db).await?;
    all.retain(|binned| binned.binned_at <= before);
    Ok(all)
}

/// The name and project of something, wherever it is.
///
/// # Errors
/// [`Error::NotFound`] for what is gone for good.
pub async fn named(tx: &mut AnyConnection, thing: Thing) -> Result<(String, ProjectId)> {
    let row = match thing {
        Thing::Project(id) => {
            sqlx::query("select name, project_id from project where project_id = $1").bind(id.to_string())
        }
        Thing::Shot(id) => {
            sqlx::query("select name, project_id from shot where shot_id = $1").bind(id.to_string())
        }
    }
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound)?;
    Ok((row.text("name")?, row.word("project_id")?))
}

/// Why something is deleted for good.
#[derive(Debug, Clone, Copy)]
pub enum Because<'a> {
    /// Somebody typed its name.
    Typed(&'a str),
    /// It has lain there since this moment or longer (microseconds UTC).
    Overdue(i64),
}

/// Deletes what lies in the bin for good, with everything that hangs on it; all of it or nothing. Blobs that nothing else
/// names are left to the sweep; the lines of the audit trail stay. Uploads into a project that were not finished: the caller
/// removes their part files afterwards, and the sweep those that a killed caller left.
///
/// # Errors
/// [`Error::Conflict`] for what is not in the bin (any more), [`Error::Invalid`] for a name that is not its name.
pub async fn purge(tx: &mut AnyConnection, thing: Thing, because: Because<'_>) -> Result<Vec<UploadId>> {
    // Whoever still has a change of it in hand is waited for, whoever comes later finds nothing.
    let row = match thing {
        Thing::Project(id) => {
            let text = "update project set name = name where project_id = $1 and binned_at is not null
                 returning name, binned_at";
            sqlx::query(text).bind(id.to_string())
        }
        Thing::Shot(id) => {
            let text = "update shot set name = name where shot_id = $1 and binned_at is not null
                 returning name, binned_at";
            sqlx::query(text).bind(id.to_string())
        }
    }
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Conflict(NOT_THERE.into()))?;
    match because {
        Because::Typed(typed) if typed.trim() != row.text("name")? => {
            return Err(Error::Invalid(format!(
                "This is not the name of the {}: type “{}” to delete it for good.",
                thing.word(),
                row.text("name")?
            )));
        }
        Because::Overdue(before) if row.int("binned_at")? > before => {
            return Err(Error::Conflict(NOT_THERE.into()));
        }
        Because::Typed(_) | Because::Overdue(_) => {}
    }
    match thing {
        Thing::Shot(id) => {
            let (_, project_id) = named(tx, thing).await?;
            delete_shots(tx, "select shot_id from shot where shot_id = $1", id.to_string()).await?;
            events::tell(tx, Some(project_id), None, &EventKind::Project).await?;
            Ok(Vec::new())
        }
        Thing::Project(id) => {
            let id_text = id.to_string();
            sqlx::query("update shot set phase = phase where project_id = $1")
                .bind(&id_text)
                .execute(&mut *tx)
                .await?;
            delete_shots(tx, "select shot_id from shot where project_id = $1", id_text.clone()).await?;
            let uploads = delete_project(tx, id_text).await?;
            events::tell(tx, None, None, &EventKind::Project).await?;
            Ok(uploads)
        }
    }
}

/// Tables below a shot and the condition that finds their rows by `{shots}`, in the order in which they can go. A link of which
/// nothing is left keeps its row: whoever has it reads that it is over.
const OF_SHOTS: [(&str, &str); 32] = [
    ("inbox", "shot_id in ({shots})"),
    (
        "mention",
        "comment_id in (select c.comment_id from comment c join thread t on t.thread_id = c.thread_id where t.shot_id in ({shots}))",
    ),
    ("thread_seen", "thread_id in (select thread_id from thread where shot_id in ({shots}))"),
    ("comment", "thread_id in (select thread_id from thread where shot_id in ({shots}))"),
    ("thread", "shot_id in ({shots})"),
    ("share_opening", "version_id in (select version_id from version where shot_id in ({shots}))"),
    ("share_version", "version_id in (select version_id from version where shot_id in ({shots}))"),
    ("delivery", "version_id in (select version_id from version where shot_id in ({shots}))"),
    ("exact_frame", "shot_id in ({shots})"),
    ("click", "shot_id in ({shots})"),
    ("looked_at", "shot_id in ({shots})"),
    ("track", "shot_id in ({shots})"),
    ("sight", "shot_id in ({shots})"),
    ("finding", "shot_id in ({shots})"),
    ("decision", "shot_id in ({shots})"),
    ("causes_decision", "shot_id in ({shots})"),
    ("version", "shot_id in ({shots})"),
    ("run", "shot_id in ({shots})"),
    ("quadmask", "shot_id in ({shots})"),
    ("draft_edit", "shot_id in ({shots})"),
    ("draft_frame", "shot_id in ({shots})"),
    ("draft", "shot_id in ({shots})"),
    ("proposal", "shot_id in ({shots})"),
    ("reasoning", "shot_id in ({shots})"),
    ("cause", "shot_id in ({shots})"),
    ("words", "shot_id in ({shots})"),
    ("target", "shot_id in ({shots})"),
    ("assignment", "shot_id in ({shots})"),
    ("job", "shot_id in ({shots})"),
    // Those that became the shot; their parts are gone.
    ("upload", "shot_id in ({shots})"),
    ("event", "shot_id in ({shots})"),
    ("shot", "shot_id in ({shots})"),
];

async fn delete_shots(tx: &mut AnyConnection, shots: &str, id: String) -> Result<()> {
    // What keeps decisions lets those of these shots go, within this transaction.
    let text = format!("insert into deletion (shot_id) {shots}");
    sqlx::query(sqlx::AssertSqlSafe(text)).bind(&id).execute(&mut *tx).await?;
    for (table, condition) in OF_SHOTS {
        let text = format!("delete from {table} where {}", condition.replace("{shots}", shots));
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(&id).execute(&mut *tx).await?;
    }
    sqlx::query("delete from deletion").execute(&mut *tx).await?;
    Ok(())
}

async fn delete_project(tx: &mut AnyConnection, id: String) -> Result<Vec<UploadId>> {
    const LINKS: &str = "select link_id from share_link where project_id = $1";
    // Guests are people of this link alone: they go with it.
    let guests: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select guest_id from guest where link_id in ({LINKS})"
    )))
    .bind(&id)
    .fetch_all(&mut *tx)
    .await?;
    let uploads: Vec<String> = sqlx::query_scalar("select upload_id from upload where project_id = $1")
        .bind(&id)
        .fetch_all(&mut *tx)
        .await?;
    for (table, condition) in [
        ("guest", format!("link_id in ({LINKS})")),
        ("share_opening", format!("link_id in ({LINKS})")),
        ("share_version", format!("link_id in ({LINKS})")),
        ("share_link", "project_id = $1".to_owned()),
        ("upload", "project_id = $1".to_owned()),
        ("job", "project_id = $1".to_owned()),
        ("invitation", "project_id = $1".to_owned()),
        ("project_member", "project_id = $1".to_owned()),
        ("sequence", "project_id = $1".to_owned()),
        ("event", "project_id = $1".to_owned()),
        ("project", "project_id = $1".to_owned()),
    ] {
        let text = format!("delete from {table} where {condition}");
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(&id).execute(&mut *tx).await?;
    }
    for guest in guests {
        sqlx::query("delete from person where person_id = $1").bind(guest).execute(&mut *tx).await?;
    }
    uploads.iter().map(|id| crate::parse("upload_id", id)).collect()
}
