//! What is said in threads: starting one, answering, editing and deleting one's own, and the line that says that a version
//! arrived.

use domain::inbox::EntryKind;
use domain::thread::{Author, CommentKind, Drawing, clean_text, mention};
use domain::{CommentId, FrameRange, PersonId, ShotId, ThreadId, VersionId};
use sqlx::AnyConnection;

use crate::row::Cells;
use crate::shots::{self, Locked};
use crate::threads::Eyes;
use crate::{Error, Result, inbox, new_uuid, now, threads, to_json};

/// Words and lines of one comment, as they were sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    /// May be empty where something is drawn.
    pub text: String,
    pub drawing: Option<Drawing>,
}

/// Where a new thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub shot_id: ShotId,
    /// The version that was looked at.
    pub version_id: Option<VersionId>,
    /// `None`: the whole.
    pub frames: Option<FrameRange>,
    pub client_visible: bool,
}

/// Starts a thread. A client's or guest's is always shown to clients, and about a version that they see.
pub async fn start(
    tx: &mut AnyConnection,
    place: Place,
    author: PersonId,
    eyes: impl Into<Eyes>,
    said: &Said,
) -> Result<ThreadId> {
    let Place { shot_id, version_id, frames, client_visible } = place;
    let eyes = eyes.into();
    let shot = shots::lock(tx, shot_id).await?;
    if let Some(version_id) = version_id {
        threads::check_version(tx, shot_id, version_id, eyes).await?;
    }
    let plate = match frames {
        Some(frames) => Some(on_plate(tx, &shot, frames).await?),
        None if said.drawing.is_some() => {
            return Err(Error::Invalid(
                "A drawing lies on a frame or a range of frames: comment on one of those.".into(),
            ));
        }
        None => None,
    };
    let said = checked(said)?;
    let thread_id = ThreadId(new_uuid());
    sqlx::query(
        "insert into thread (thread_id, shot_id, version_id, plate_from, plate_to, client_visible, started_by, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(thread_id.to_string())
    .bind(shot_id.to_string())
    .bind(version_id.map(|id| id.to_string()))
    .bind(plate.map(|plate| i64::from(plate.from)))
    .bind(plate.map(|plate| i64::from(plate.to)))
    .bind(i64::from(client_visible || eyes != Eyes::Team))
    .bind(author.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    say(tx, thread_id, author, eyes, &said).await?;
    Ok(thread_id)
}

/// Frames of the shot as pictures of its plate's file.
async fn on_plate(tx: &mut AnyConnection, shot: &Locked, frames: FrameRange) -> Result<FrameRange> {
    let wrong =
        |why: domain::thread::BadRange| Error::Invalid(format!("This comment cannot be placed: {why}."));
    frames.check(shot.size()?.frames).map_err(wrong)?;
    let row = sqlx::query("select trim_first from shot where shot_id = $1")
        .bind(shot.shot_id.to_string())
        .fetch_one(&mut *tx)
        .await?;
    let first = row.maybe_count("trim_first")?.unwrap_or(0);
    Ok(FrameRange { from: frames.from + first, to: frames.to + first })
}

/// Answers in a thread.
pub async fn reply(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    author: PersonId,
    eyes: impl Into<Eyes>,
    said: &Said,
) -> Result<CommentId> {
    if said.drawing.is_some() {
        let row = sqlx::query("select plate_from from thread where thread_id = $1")
            .bind(thread_id.to_string())
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(Error::NotFound)?;
        if row.maybe_int("plate_from")?.is_none() {
            return Err(Error::Invalid(
                "This thread is about no frame in particular, so there is nothing to draw on: start one on a frame.".into(),
            ));
        }
    }
    let said = checked(said)?;
    say(tx, thread_id, author, eyes.into(), &said).await
}

fn checked(said: &Said) -> Result<Said> {
    let Said { text, drawing } = said;
    if let Some(drawing) = drawing {
        drawing.check().map_err(|bad| Error::Invalid(bad.to_string()))?;
    }
    let text = if drawing.is_some() && text.trim().is_empty() { String::new() } else { cleaned(text)? };
    Ok(Said { text, drawing: drawing.clone() })
}

fn cleaned(text: &str) -> Result<String> {
    clean_text(text).map_err(|bad| Error::Invalid(bad.to_string()))
}

async fn say(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    author: PersonId,
    eyes: Eyes,
    said: &Said,
) -> Result<CommentId> {
    let new = New { text: &said.text, drawing: said.drawing.as_ref(), ..New::by(author) };
    let (comment_id, n) = append(tx, thread_id, &new).await?;
    name(tx, thread_id, comment_id, eyes, &said.text).await?;
    put_into_inboxes(tx, thread_id, comment_id, author, eyes).await?;
    threads::seen(tx, thread_id, author, n).await?;
    threads::tell(tx, thread_id, None).await?;
    Ok(comment_id)
}

/// Tells those who are named, whoever began the thread and, of what a client or guest says, those whose shot it is; nobody
/// twice of one comment.
async fn put_into_inboxes(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    comment_id: CommentId,
    author: PersonId,
    eyes: Eyes,
) -> Result<()> {
    let thread = threads::get(&mut *tx, thread_id).await?;
    let named = sqlx::query("select person_id from mention where comment_id = $1")
        .bind(comment_id.to_string())
        .fetch_all(&mut *tx)
        .await?;
    let named = named.iter().map(|row| row.word("person_id")).collect::<Result<Vec<PersonId>>>()?;
    let began = thread.started_by.filter(|began| !named.contains(began));
    let hosts = match eyes {
        Eyes::Team => Vec::new(),
        _ => inbox::hosts(tx, thread.shot_id, thread.version_id, author).await?,
    };
    let told = named.into_iter().map(|id| (id, EntryKind::Mentioned));
    let told = told.chain(began.map(|id| (id, EntryKind::Replied)));
    for (person_id, kind) in told.chain(hosts.into_iter().map(|id| (id, EntryKind::ClientSaid))) {
        if !inbox::has(&mut *tx, person_id, comment_id).await? {
            let about = inbox::New::about(thread.shot_id, kind);
            let new = inbox::New { by: Some(author), comment_id: Some(comment_id), ..about };
            inbox::put(tx, &[person_id], &new).await?;
        }
    }
    Ok(())
}

/// One line of a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New<'a> {
    pub kind: CommentKind,
    pub author: Option<PersonId>,
    pub text: &'a str,
    pub drawing: Option<&'a Drawing>,
    pub version_id: Option<VersionId>,
}

impl New<'static> {
    pub(crate) fn by(author: PersonId) -> Self {
        Self { kind: CommentKind::Said, author: Some(author), text: "", drawing: None, version_id: None }
    }
}

/// Writes the next line of the thread; its number.
pub(crate) async fn append(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    new: &New<'_>,
) -> Result<(CommentId, u32)> {
    let New { kind, author, text, drawing, version_id } = *new;
    let at = now();
    let n = sqlx::query(
        "update thread set comments = comments + 1, changed_at = $2 where thread_id = $1 returning comments",
    )
    .bind(thread_id.to_string())
    .bind(at)
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound)?
    .count("comments")?;
    let comment_id = version_id.map_or_else(|| CommentId(new_uuid()), |id| CommentId(id.0));
    sqlx::query(
        "insert into comment (comment_id, thread_id, n, kind, author, text, drawing, version_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(comment_id.to_string())
    .bind(thread_id.to_string())
    .bind(i64::from(n))
    .bind(kind.word())
    .bind(author.map(|id| id.to_string()))
    .bind(text)
    .bind(drawing.map(to_json))
    .bind(version_id.map(|id| id.to_string()))
    .bind(at)
    .execute(&mut *tx)
    .await?;
    Ok((comment_id, n))
}

/// Who wrote the thread's last line of a kind.
pub(crate) async fn last_author(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    kind: CommentKind,
) -> Result<Option<String>> {
    Ok(sqlx::query_scalar(
        "select p.name from comment c join person p on p.person_id = c.author
         where c.thread_id = $1 and c.kind = $2 order by c.n desc limit 1",
    )
    .bind(thread_id.to_string())
    .bind(kind.word())
    .fetch_optional(&mut *tx)
    .await?)
}

/// Keeps whom the text names, out of those who see the thread; clients and guests can name only whom they have heard there.
async fn name(
    tx: &mut AnyConnection,
    thread_id: ThreadId,
    comment_id: CommentId,
    eyes: Eyes,
    text: &str,
) -> Result<()> {
    sqlx::query("delete from mention where comment_id = $1")
        .bind(comment_id.to_string())
        .execute(&mut *tx)
        .await?;
    if !text.contains('@') {
        return Ok(());
    }
    let thread = threads::get(&mut *tx, thread_id).await?;
    let people: Vec<Author> = if eyes == Eyes::Team {
        let project_id = shots::get(&mut *tx, thread.shot_id).await?.project_id;
        threads::readers(&mut *tx, project_id, thread.client_visible).await?
    } else {
        threads::authors_seen(&mut *tx, thread.shot_id, eyes).await?
    };
    let names: Vec<&str> = people.iter().map(|p| p.name.as_str()).collect();
    for (_, who) in mention::find(text, &names) {
        for at in who {
            sqlx::query(
                "insert into mention (comment_id, person_id) values ($1, $2) on conflict (comment_id, person_id) do nothing",
            )
            .bind(comment_id.to_string())
            .bind(people[at].person_id.to_string())
            .execute(&mut *tx)
            .await?;
        }
    }
    Ok(())
}

const NOT_YOURS: &str = "Only who wrote a comment can change it, and only while it is there.";

/// Says it in other words; the drawing stays.
pub async fn edit(
    tx: &mut AnyConnection,
    comment_id: CommentId,
    author: PersonId,
    eyes: impl Into<Eyes>,
    text: &str,
) -> Result<()> {
    let row = sqlx::query("select thread_id, drawing from comment where comment_id = $1")
        .bind(comment_id.to_string())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound)?;
    let thread_id = row.word("thread_id")?;
    let is_drawn = row.maybe_text("drawing")?.is_some();
    let text = if is_drawn && text.trim().is_empty() { String::new() } else { cleaned(text)? };
    let done = sqlx::query(
        "update comment set text = $3, edited_at = $4
         where comment_id = $1 and author = $2 and kind = 'said' and deleted_at is null",
    )
    .bind(comment_id.to_string())
    .bind(author.to_string())
    .bind(&text)
    .bind(now())
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::Invalid(NOT_YOURS.into()));
    }
    let eyes = eyes.into();
    name(tx, thread_id, comment_id, eyes, &text).await?;
    put_into_inboxes(tx, thread_id, comment_id, author, eyes).await?;
    threads::tell(tx, thread_id, None).await
}

/// Takes text, drawing and mentions away; that something was here, from whom and when, stays.
pub async fn delete(tx: &mut AnyConnection, comment_id: CommentId, author: PersonId) -> Result<()> {
    let done = sqlx::query(
        "update comment set text = '', drawing = null, deleted_at = $3
         where comment_id = $1 and author = $2 and kind = 'said' and deleted_at is null returning thread_id",
    )
    .bind(comment_id.to_string())
    .bind(author.to_string())
    .bind(now())
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Error::Invalid(NOT_YOURS.into()))?;
    sqlx::query("delete from mention where comment_id = $1")
        .bind(comment_id.to_string())
        .execute(&mut *tx)
        .await?;
    threads::tell(tx, done.word("thread_id")?, None).await
}

/// Says in the shot's own thread that a version arrived; the thread begins with the first. Inside the transaction that
/// makes the version.
pub(crate) async fn post_version(
    tx: &mut AnyConnection,
    shot_id: ShotId,
    version_id: VersionId,
) -> Result<()> {
    let thread_id = ThreadId(shot_id.0);
    sqlx::query(
        "insert into thread (thread_id, shot_id, created_at, changed_at) values ($1, $2, $3, $3)
         on conflict (thread_id) do nothing",
    )
    .bind(thread_id.to_string())
    .bind(shot_id.to_string())
    .bind(now())
    .execute(&mut *tx)
    .await?;
    let new = New {
        kind: CommentKind::Version,
        author: None,
        text: "",
        drawing: None,
        version_id: Some(version_id),
    };
    append(tx, thread_id, &new).await?;
    threads::tell(tx, thread_id, None).await
}
