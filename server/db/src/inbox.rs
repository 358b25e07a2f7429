//! Inboxes: what happened to somebody, written in the transaction of the thing itself. Who reads is checked again: an entry
//! of a project that somebody no longer sees, or about a thread that a client no longer sees, is not there for them.

use domain::inbox::{Entry, EntryKind};
use domain::{
    Action, CommentId, DecisionId, EntryId, EventKind, PersonId, ProjectId, Role, RunId, ShotId, ThreadId,
    VersionId, may,
};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::{Cells, places};
use crate::threads::Eyes;
use crate::{Db, Result, board, events, new_uuid, now, runs, shots};

/// Entries in one answer.
pub const MOST: u32 = 200;

/// What happened. The rows that it names say the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New<'a> {
    pub kind: EntryKind,
    pub shot_id: ShotId,
    /// `None`: the worker.
    pub by: Option<PersonId>,
    pub comment_id: Option<CommentId>,
    pub decision_id: Option<DecisionId>,
    pub version_id: Option<VersionId>,
    pub words: &'a str,
}

impl New<'static> {
    pub(crate) fn about(shot_id: ShotId, kind: EntryKind) -> Self {
        Self { kind, shot_id, by: None, comment_id: None, decision_id: None, version_id: None, words: "" }
    }
}

/// Writes it into the inbox of each of `to` once; not of whoever did it, and not of those who do not see the project.
pub(crate) async fn put(tx: &mut AnyConnection, to: &[PersonId], new: &New<'_>) -> Result<()> {
    let mut to: Vec<PersonId> = to.iter().copied().filter(|one| Some(*one) != new.by).collect();
    to.sort_unstable();
    to.dedup();
    if to.is_empty() {
        return Ok(());
    }
    let project_id = shots::get(&mut *tx, new.shot_id).await?.project_id;
    for person_id in to {
        if !sees(tx, person_id, project_id, new.kind).await? {
            continue;
        }
        let New { kind, shot_id, by, comment_id, decision_id, version_id, words } = *new;
        sqlx::query(
            "insert into inbox (entry_id, person_id, kind, shot_id, by_person, comment_id, decision_id, version_id, words, at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(EntryId(new_uuid()).to_string())
        .bind(person_id.to_string())
        .bind(kind.word())
        .bind(shot_id.to_string())
        .bind(by.map(|id| id.to_string()))
        .bind(comment_id.map(|id| id.to_string()))
        .bind(decision_id.map(|id| id.to_string()))
        .bind(version_id.map(|id| id.to_string()))
        .bind(words)
        .bind(now())
        .execute(&mut *tx)
        .await?;
        events::tell(tx, None, None, &EventKind::Inbox { person_id }).await?;
    }
    Ok(())
}

/// Whether somebody with an account sees the project, and may have such an entry.
async fn sees(
    tx: &mut AnyConnection,
    person_id: PersonId,
    project_id: ProjectId,
    kind: EntryKind,
) -> Result<bool> {
    let row = sqlx::query(
        "select p.role, m.project_id from person p
         left join project_member m on m.person_id = p.person_id and m.project_id = $2
         where p.person_id = $1 and p.active = 1",
    )
    .bind(person_id.to_string())
    .bind(project_id.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let role: Role = row.word("role")?;
    let is_here = row.maybe_text("project_id")?.is_some() || may(role, Action::SeeEveryProject);
    Ok(is_here && (may(role, Action::ViewShot) || kind.is_for_clients()))
}

/// Those whose shot it is: who is assigned, and who made what it is about. In the demo, which makes itself, only the former.
pub(crate) async fn makers(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    made_by: &[PersonId],
) -> Result<Vec<PersonId>> {
    let rows = sqlx::query(
        "select a.person_id, p.is_demo from shot s join project p on p.project_id = s.project_id
         left join assignment a on a.shot_id = s.shot_id where s.shot_id = $1",
    )
    .bind(shot_id.to_string())
    .fetch_all(&mut *tx)
    .await?;
    let mut people = Vec::new();
    let mut is_demo = false;
    for row in &rows {
        people.extend(row.maybe_word::<PersonId>("person_id")?);
        is_demo |= row.flag("is_demo")?;
    }
    if !is_demo {
        people.extend_from_slice(made_by);
    }
    Ok(people)
}

/// Who sent the quadmask of a run, and who started it.
pub(crate) async fn makers_of_run(tx: &mut AnyConnection, run_id: RunId) -> Result<Vec<PersonId>> {
    let run = runs::get(&mut *tx, run_id).await?;
    let author = crate::quadmasks::get(&mut *tx, run.quadmask_id).await?.author;
    makers(tx, run.shot_id, &[author, run.started_by]).await
}

/// Those whom a client's or guest's word reaches: whose shot it is, who made the version that it is about, and who made the
/// link through which a guest came.
pub(crate) async fn hosts(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    version_id: Option<VersionId>,
    author: PersonId,
) -> Result<Vec<PersonId>> {
    let mut hosts = match version_id {
        Some(id) => {
            let run_id = crate::versions::get(&mut *tx, id).await?.run_id;
            makers_of_run(tx, run_id).await?
        }
        None => makers(tx, shot_id, &[]).await?,
    };
    let row = sqlx::query(
        "select l.created_by from guest g join share_link l on l.link_id = g.link_id where g.guest_id = $1",
    )
    .bind(author.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = row {
        hosts.push(row.word("created_by")?);
    }
    Ok(hosts)
}

/// Whose inbox is read, and what they may see.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub person_id: PersonId,
    pub role: Role,
    pub projects: &'a [ProjectId],
}

impl Reader<'_> {
    pub fn eyes(&self) -> Eyes {
        Eyes::of(self.person_id, self.role)
    }

    /// The tables and the condition, with the person as `$1` and projects from `$2` on.
    fn from(&self) -> String {
        let eyes = self.eyes();
        let client = eyes != Eyes::Team;
        let theirs = if client { "and i.kind in ('mentioned', 'replied')" } else { "" };
        format!(
            "from inbox i join shot s on s.shot_id = i.shot_id join project r on r.project_id = s.project_id
             left join person b on b.person_id = i.by_person
             left join comment c on c.comment_id = i.comment_id left join thread t on t.thread_id = c.thread_id
             left join version v on v.version_id = t.version_id
             left join decision d on d.decision_id = i.decision_id
             left join quadmask q on q.quadmask_id = d.subject_id
             left join version w on w.version_id = coalesce(i.version_id, d.subject_id)
             where i.person_id = $1 and s.project_id in ({}) and c.deleted_at is null {theirs}
             and {} and (t.thread_id is null or (({}) and {}))",
            places(2, self.projects.len()),
            board::shown(client),
            eyes.sees_thread(),
            eyes.sees_comment()
        )
    }
}

/// The newest entries first, at most [`MOST`].
pub async fn list(db: &Db, reader: Reader<'_>) -> Result<Vec<Entry>> {
    if reader.projects.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "select i.entry_id, i.kind, i.shot_id, s.name as shot_name, r.project_id, r.name as project_name, b.name as by_name,
             i.words, c.text, c.thread_id, d.verdict, d.note, q.n as quadmask_n, w.n as version_n, i.at, i.read_at
         {} order by i.at desc, i.entry_id desc limit {MOST}",
        reader.from()
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(reader.person_id.to_string());
    for project in reader.projects {
        query = query.bind(project.to_string());
    }
    query.fetch_all(&db.pool).await?.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Entry> {
    let (said, noted, words) = (row.maybe_text("text")?, row.maybe_text("note")?, row.text("words")?);
    Ok(Entry {
        entry_id: row.word("entry_id")?,
        kind: row.word("kind")?,
        shot_id: row.word("shot_id")?,
        shot_name: row.text("shot_name")?,
        project_id: row.word("project_id")?,
        project_name: row.text("project_name")?,
        by: row.maybe_text("by_name")?,
        text: said.or(noted).unwrap_or(words),
        thread_id: row.maybe_word::<ThreadId>("thread_id")?,
        n: row.maybe_count("quadmask_n")?.or(row.maybe_count("version_n")?),
        verdict: row.maybe_word("verdict")?,
        at: row.int("at")?,
        is_read: row.maybe_int("read_at")?.is_some(),
    })
}

/// How many entries are not read.
pub async fn unread(db: &Db, reader: Reader<'_>) -> Result<u32> {
    if reader.projects.is_empty() {
        return Ok(0);
    }
    let text = format!("select count(*) as unread {} and i.read_at is null", reader.from());
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(reader.person_id.to_string());
    for project in reader.projects {
        query = query.bind(project.to_string());
    }
    query.fetch_one(&db.pool).await?.count("unread")
}

/// Marks one entry of the person's own as read; somebody else's is [`crate::Error::NotFound`].
pub async fn read_one(tx: &mut AnyConnection, person_id: PersonId, entry_id: EntryId) -> Result<()> {
    let done = sqlx::query(
        "update inbox set read_at = coalesce(read_at, $3) where entry_id = $1 and person_id = $2",
    )
    .bind(entry_id.to_string())
    .bind(person_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(crate::Error::NotFound);
    }
    events::tell(tx, None, None, &EventKind::Inbox { person_id }).await
}

/// Marks everything up to a moment as read: what came after somebody looked stays new.
pub async fn read_all(tx: &mut AnyConnection, person_id: PersonId, until: i64) -> Result<()> {
    let done =
        sqlx::query("update inbox set read_at = $3 where person_id = $1 and read_at is null and at <= $2")
            .bind(person_id.to_string())
            .bind(until)
            .bind(now())
            .execute(&mut *tx)
            .await?;
    told_if(tx, person_id, done.rows_affected()).await
}

/// What was read in the thread itself is read in the inbox too.
pub(crate) async fn read_thread(
    tx: &mut AnyConnection,
    person_id: PersonId,
    thread_id: ThreadId,
    n: u32,
) -> Result<()> {
    let done = sqlx::query(
        "update inbox set read_at = $4 where person_id = $1 and read_at is null and comment_id in
             (select comment_id from comment where thread_id = $2 and n <= $3)",
    )
    .bind(person_id.to_string())
    .bind(thread_id.to_string())
    .bind(i64::from(n))
    .bind(now())
    .execute(&mut *tx)
    .await?;
    told_if(tx, person_id, done.rows_affected()).await
}

async fn told_if(tx: &mut AnyConnection, person_id: PersonId, rows: u64) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    events::tell(tx, None, None, &EventKind::Inbox { person_id }).await
}

/// Forgets what happened before `before` (microseconds UTC), read or not; how many entries.
pub async fn prune(db: &Db, before: i64) -> Result<u64> {
    Ok(sqlx::query("delete from inbox where at < $1").bind(before).execute(&db.pool).await?.rows_affected())
}

/// Whether anything of a comment is in somebody's inbox already: an edit tells nobody twice.
pub(crate) async fn has<'e>(
    executor: impl AnyExecutor<'e>,
    person_id: PersonId,
    comment_id: CommentId,
) -> Result<bool> {
    let rows: i64 = sqlx::query_scalar("select count(*) from inbox where person_id = $1 and comment_id = $2")
        .bind(person_id.to_string())
        .bind(comment_id.to_string())
        .fetch_one(executor)
        .await?;
    Ok(rows > 0)
}
