//! Comment threads as rows: where they are, who sees them, whether they are resolved, how far somebody has read. What is
//! said in them is in `comments`.

use std::collections::HashMap;

use domain::thread::{Author, Comment, CommentKind, Thread, VersionRef};
use domain::{
    Action, CommentId, EventKind, FrameRange, LinkId, PersonId, ProjectId, Role, ShotId, ThreadId, VersionId,
    may,
};
use sqlx::AnyConnection;
use sqlx::any::{AnyExecutor, AnyRow};

use crate::row::Cells;
use crate::{Db, Error, Result, comments, events, inbox, now};

/// A thread on its own, for rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub thread_id: ThreadId,
    pub shot_id: ShotId,
    pub started_by: Option<PersonId>,
    /// The version that it is about.
    pub version_id: Option<VersionId>,
    pub client_visible: bool,
    /// Whether clients of the project see it: it is shown to them, and so is the version that it is about.
    pub is_seen_by_clients: bool,
}

/// Who reads: what they are kept from is left out by the statement, not after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eyes {
    Team,
    /// A client's account.
    Client(PersonId),
    /// Somebody who came through this link.
    Guest(LinkId),
}

impl From<(PersonId, Role)> for Eyes {
    fn from((person_id, role): (PersonId, Role)) -> Self {
        Self::of(person_id, role)
    }
}

impl Eyes {
    /// Of somebody with an account.
    pub fn of(person_id: PersonId, role: Role) -> Self {
        if may(role, Action::ViewShot) { Self::Team } else { Self::Client(person_id) }
    }

    /// The condition on `thread t` that what `author` said is seen where the project keeps its clients apart: a client hears
    /// the team and itself. Guests of one link are one client. An id is hexadecimal digits and dashes.
    fn hears(self, author: &str) -> String {
        let own = match self {
            Self::Team => return "1 = 1".to_owned(),
            Self::Client(PersonId(me)) => format!("{author} = '{me}'"),
            Self::Guest(LinkId(link)) => format!(
                "exists (select 1 from guest kg where kg.guest_id = {author} and kg.link_id = '{link}')"
            ),
        };
        format!(
            "({author} is null or {own}
              or exists (select 1 from person ka where ka.person_id = {author} and ka.role <> 'client')
              or not exists (select 1 from shot ks join project kp on kp.project_id = ks.project_id
                             where ks.shot_id = t.shot_id and kp.clients_apart = 1))"
        )
    }

    /// The condition on `comment c join thread t` for what is seen of a thread that is seen.
    pub(crate) fn sees_comment(self) -> String {
        self.hears("c.author")
    }

    /// The condition on `thread t left join version v` for what is seen.
    pub(crate) fn sees_thread(self) -> String {
        match self {
            Self::Team => "1 = 1".to_owned(),
            Self::Client(_) => format!(
                "t.client_visible = 1 and (t.version_id is null or v.client_visible = 1) and {}",
                self.hears("t.started_by")
            ),
            Self::Guest(link) => {
                format!(
                    "t.client_visible = 1 and (t.version_id is null or {}) and {}",
                    is_behind(link, "t.version_id"),
                    self.hears("t.started_by")
                )
            }
        }
    }

    /// The condition on `comment c left join version a` for the line that says that a version arrived.
    fn sees_arrival(self) -> String {
        match self {
            Self::Team => "1 = 1".to_owned(),
            Self::Client(_) => "(c.version_id is null or a.client_visible = 1)".to_owned(),
            Self::Guest(link) => format!("(c.version_id is null or {})", is_behind(link, "c.version_id")),
        }
    }
}

/// An id is hexadecimal digits and dashes, whatever it is of.
fn is_behind(LinkId(link): LinkId, column: &str) -> String {
    format!("exists (select 1 from share_version b where b.link_id = '{link}' and b.version_id = {column})")
}

pub async fn get<'e>(executor: impl AnyExecutor<'e>, thread_id: ThreadId) -> Result<Row> {
    let row = sqlx::query(
        "select t.shot_id, t.started_by, t.client_visible, t.version_id, v.client_visible as version_visible
         from thread t left join version v on v.version_id = t.version_id where t.thread_id = $1",
    )
    .bind(thread_id.to_string())
    .fetch_optional(executor)
    .await?
    .ok_or(Error::NotFound)?;
    let client_visible = row.flag("client_visible")?;
    let version_id = row.maybe_word("version_id")?;
    let of_hidden = version_id.is_some() && row.maybe_int("version_visible")? != Some(1);
    Ok(Row {
        thread_id,
        shot_id: row.word("shot_id")?,
        started_by: row.maybe_word("started_by")?,
        version_id,
        client_visible,
        is_seen_by_clients: client_visible && !of_hidden,
    })
}

/// Whether these eyes see the thread.
pub async fn is_seen(db: &Db, thread_id: ThreadId, eyes: Eyes) -> Result<bool> {
    let text = format!(
        "select count(*) from thread t left join version v on v.version_id = t.version_id where t.thread_id = $1 and {}",
        eyes.sees_thread()
    );
    let rows: i64 =
        sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(thread_id.to_string()).fetch_one(&db.pool).await?;
    Ok(rows > 0)
}

/// The thread that a comment is in.
pub async fn of_comment<'e>(executor: impl AnyExecutor<'e>, comment_id: CommentId) -> Result<ThreadId> {
    let row = sqlx::query("select thread_id from comment where comment_id = $1")
        .bind(comment_id.to_string())
        .fetch_optional(executor)
        .await?;
    row.ok_or(Error::NotFound)?.word("thread_id")
}

/// A shot's threads with everything in them, the one that changed last first: what these eyes see. Three statements,
/// however many there are.
pub async fn list(db: &Db, shot_id: ShotId, viewer: PersonId, eyes: Eyes) -> Result<Vec<Thread>> {
    let (shown, arrived, heard) = (eyes.sees_thread(), eyes.sees_arrival(), eyes.sees_comment());
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select t.thread_id, t.shot_id, t.version_id, v.n as version_n, t.plate_from, t.plate_to, t.client_visible, t.state,
             p.name as resolved_by, t.resolved_at, t.started_by, t.changed_at, s.trim_first, s.frames, e.n as seen
         from thread t join shot s on s.shot_id = t.shot_id
         left join version v on v.version_id = t.version_id left join person p on p.person_id = t.resolved_by
         left join thread_seen e on e.thread_id = t.thread_id and e.person_id = $2
         where t.shot_id = $1 and {shown} order by t.changed_at desc, t.thread_id"
    )))
    .bind(shot_id.to_string())
    .bind(viewer.to_string())
    .fetch_all(&db.pool)
    .await?;
    let mut threads = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    let said = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select c.comment_id, c.thread_id, c.n, c.kind, c.author, p.name, p.role, g.guest_id, c.text, c.drawing, c.version_id,
             a.n as version_n, c.created_at, c.edited_at, c.deleted_at
         from comment c join thread t on t.thread_id = c.thread_id left join version v on v.version_id = t.version_id
         left join version a on a.version_id = c.version_id left join person p on p.person_id = c.author
         left join guest g on g.guest_id = c.author
         where t.shot_id = $1 and {shown} and {arrived} and {heard} order by c.thread_id, c.n"
    )))
    .bind(shot_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    let named = sqlx::query(
        "select m.comment_id, m.person_id from mention m join comment c on c.comment_id = m.comment_id
         join thread t on t.thread_id = c.thread_id where t.shot_id = $1",
    )
    .bind(shot_id.to_string())
    .fetch_all(&db.pool)
    .await?;
    let mut mentions: HashMap<CommentId, Vec<PersonId>> = HashMap::new();
    for row in &named {
        mentions.entry(row.word("comment_id")?).or_default().push(row.word("person_id")?);
    }
    let at: HashMap<ThreadId, usize> = threads.iter().enumerate().map(|(at, t)| (t.thread_id, at)).collect();
    for row in &said {
        let mut comment = read_comment(row)?;
        comment.mentions = mentions.remove(&comment.comment_id).unwrap_or_default();
        // A thread that was made between the two statements is in the next answer.
        if let Some(&at) = at.get(&row.word("thread_id")?) {
            threads[at].comments.push(comment);
        }
    }
    threads.retain(|thread| !thread.comments.is_empty());
    Ok(threads)
}

fn read(row: &AnyRow) -> Result<Thread> {
    let thread_id: ThreadId = row.word("thread_id")?;
    let plate = match (row.maybe_count("plate_from")?, row.maybe_count("plate_to")?) {
        (Some(from), Some(to)) => Some(FrameRange { from, to }),
        _ => None,
    };
    let (first, count) =
        (row.maybe_count("trim_first")?.unwrap_or(0), row.maybe_count("frames")?.unwrap_or(0));
    let frames = plate.and_then(|plate| plate.within(first, count));
    Ok(Thread {
        thread_id,
        is_of_shot: thread_id.0 == row.word::<ShotId>("shot_id")?.0,
        version: version_of(row)?,
        frames,
        is_outside: plate.is_some() && frames.is_none(),
        client_visible: row.flag("client_visible")?,
        resolved: match row.text("state")?.as_str() {
            "resolved" => Some((row.maybe_text("resolved_by")?.unwrap_or_default(), row.int("resolved_at")?)),
            _ => None,
        },
        started_by: row.maybe_word("started_by")?,
        comments: Vec::new(),
        seen: row.maybe_count("seen")?.unwrap_or(0),
        changed_at: row.int("changed_at")?,
    })
}

fn version_of(row: &AnyRow) -> Result<Option<VersionRef>> {
    Ok(match (row.maybe_word("version_id")?, row.maybe_count("version_n")?) {
        (Some(version_id), Some(n)) => Some(VersionRef { version_id, n }),
        _ => None,
    })
}

fn read_comment(row: &AnyRow) -> Result<Comment> {
    Ok(Comment {
        comment_id: row.word("comment_id")?,
        n: row.count("n")?,
        kind: row.word("kind")?,
        author: match row.maybe_word("author")? {
            Some(person_id) => Some(Author {
                person_id,
                name: row.text("name")?,
                role: row.word("role")?,
                is_guest: row.maybe_text("guest_id")?.is_some(),
            }),
            None => None,
        },
        text: row.text("text")?,
        drawing: row.maybe_json("drawing")?,
        mentions: Vec::new(),
        version: version_of(row)?,
        created_at: row.int("created_at")?,
        edited_at: row.maybe_int("edited_at")?,
        deleted_at: row.maybe_int("deleted_at")?,
    })
}

/// Who can be named in a thread: active people who see it.
pub async fn readers<'e>(
    executor: impl AnyExecutor<'e>,
    project_id: ProjectId,
    with_clients: bool,
) -> Result<Vec<Author>> {
    let rows = sqlx::query(
        "select p.person_id, p.name, p.role, m.project_id from person p
         left join project_member m on m.person_id = p.person_id and m.project_id = $1
         where p.active = 1 order by lower(p.name), p.person_id",
    )
    .bind(project_id.to_string())
    .fetch_all(executor)
    .await?;
    let mut people = Vec::new();
    for row in &rows {
        let role: Role = row.word("role")?;
        let is_here =
            row.maybe_text("project_id")?.is_some() || domain::may(role, domain::Action::SeeEveryProject);
        if is_here && (with_clients || domain::may(role, domain::Action::ViewShot)) {
            let (person_id, name) = (row.word("person_id")?, row.text("name")?);
            people.push(Author { person_id, name, role, is_guest: false });
        }
    }
    Ok(people)
}

/// What clients and guests may know of a thread's readers: those with an account who said something where they see it.
pub async fn authors_seen<'e>(
    executor: impl AnyExecutor<'e>,
    shot_id: ShotId,
    eyes: Eyes,
) -> Result<Vec<Author>> {
    let (shown, heard) = (eyes.sees_thread(), eyes.sees_comment());
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select distinct p.person_id, p.name, p.role from person p join comment c on c.author = p.person_id
         join thread t on t.thread_id = c.thread_id left join version v on v.version_id = t.version_id
         where t.shot_id = $1 and p.active = 1 and {shown} and {heard} order by p.name, p.person_id"
    )))
    .bind(shot_id.to_string())
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            let (person_id, name, role) = (row.word("person_id")?, row.text("name")?, row.word("role")?);
            Ok(Author { person_id, name, role, is_guest: false })
        })
        .collect()
}

/// Resolves or re-opens a thread, whichever it is not: of two who do the same at once one is told who was faster.
pub async fn resolve(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    person_id: PersonId,
    resolved: bool,
) -> Result<()> {
    if get(&mut *tx, thread_id).await?.shot_id.0 == thread_id.0 {
        return Err(Error::Invalid("The thread of the shot stays open: new versions arrive in it.".into()));
    }
    let (from, to) = if resolved { ("open", "resolved") } else { ("resolved", "open") };
    let at = now();
    let done = sqlx::query(
        "update thread set state = $3, resolved_by = $4, resolved_at = $5 where thread_id = $1 and state = $2",
    )
    .bind(thread_id.to_string())
    .bind(from)
    .bind(to)
    .bind(resolved.then(|| person_id.to_string()))
    .bind(resolved.then_some(at))
    .execute(&mut *tx)
    .await?;
    let kind = if resolved { CommentKind::Resolved } else { CommentKind::Reopened };
    if done.rows_affected() == 0 {
        let word = if resolved { "resolved" } else { "re-opened" };
        return Err(Error::Conflict(match comments::last_author(tx, thread_id, kind).await? {
            Some(name) => format!("{name} {word} this thread already."),
            None => format!("This thread is {to} already."),
        }));
    }
    comments::append(tx, thread_id, &comments::New { kind, ..comments::New::by(person_id) }).await?;
    tell(tx, thread_id, None).await
}

/// Shows the thread to clients, with everything that was said in it, or hides it from them.
pub async fn show_client(tx: &mut AnyConnection, thread_id: ThreadId, on: bool) -> Result<()> {
    let before = get(&mut *tx, thread_id).await?;
    sqlx::query("update thread set client_visible = $2 where thread_id = $1")
        .bind(thread_id.to_string())
        .bind(i64::from(on))
        .execute(&mut *tx)
        .await?;
    tell(tx, thread_id, Some(before)).await
}

/// The person has read the thread up to comment `n`; never back.
pub async fn seen(tx: &mut AnyConnection, thread_id: ThreadId, person_id: PersonId, n: u32) -> Result<()> {
    sqlx::query(
        "insert into thread_seen (thread_id, person_id, n)
         select thread_id, $2, case when comments < $3 then comments else $3 end from thread where thread_id = $1
         on conflict (thread_id, person_id) do update
         set n = case when thread_seen.n < excluded.n then excluded.n else thread_seen.n end",
    )
    .bind(thread_id.to_string())
    .bind(person_id.to_string())
    .bind(i64::from(n))
    .execute(&mut *tx)
    .await?;
    inbox::read_thread(tx, person_id, thread_id, n).await
}

/// Says that the thread changed; to clients and guests only where they see it, or saw it as it was `before`.
pub(crate) async fn tell(tx: &mut AnyConnection, thread_id: ThreadId, before: Option<Row>) -> Result<()> {
    let row = sqlx::query(
        "select s.project_id, s.shot_id,
             (select count(*) from version c where c.shot_id = s.shot_id and c.client_visible = 1) as shown
         from thread t join shot s on s.shot_id = t.shot_id where t.thread_id = $1",
    )
    .bind(thread_id.to_string())
    .fetch_one(&mut *tx)
    .await?;
    let (project_id, shot_id): (ProjectId, ShotId) = (row.word("project_id")?, row.word("shot_id")?);
    let now = get(&mut *tx, thread_id).await?;
    let sees = now.is_seen_by_clients || before.is_some_and(|b| b.is_seen_by_clients);
    let kind = EventKind::Thread { clients: row.int("shown")? > 0 && sees };
    if now.client_visible || before.is_some_and(|b| b.client_visible) {
        let about = events::ForGuests { version_id: now.version_id };
        return events::tell_guests(tx, project_id, shot_id, &kind, about).await;
    }
    events::tell(tx, Some(project_id), Some(shot_id), &kind).await
}

/// The version must be one of the shot's that these eyes see.
pub(crate) async fn check_version(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    version_id: VersionId,
    eyes: Eyes,
) -> Result<()> {
    let version = crate::versions::get(&mut *tx, version_id).await?;
    let is_seen = match eyes {
        Eyes::Team => true,
        Eyes::Client(_) => version.client_visible,
        Eyes::Guest(link_id) => crate::share::shows(&mut *tx, link_id, version_id).await?,
    };
    if version.shot_id == shot_id && is_seen { Ok(()) } else { Err(Error::NotFound) }
}
