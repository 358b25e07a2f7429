//! Comment threads: read, start, answer, change, resolve, show to the client.

use domain::thread::Author;
use domain::{CommentId, Drawing, FrameRange, ShotId, Thread, ThreadId, VersionId};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadsView {
    /// The one that changed last first.
    pub threads: Vec<Thread>,
    /// Who can be named with `@`.
    pub people: Vec<Author>,
}

/// Clients get only threads shown to them, and of the people only those who said something there.
#[server]
pub async fn get_threads(shot_id: ShotId) -> Result<ThreadsView, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let shot = cx.shot(shot_id, domain::Action::ViewClientVersions).await?;
    let eyes = cx.eyes();
    let threads = db::threads::list(cx.db(), shot_id, cx.viewer.person_id, eyes).await?;
    let people = if cx.is_client() {
        db::threads::authors_seen(cx.db().pool(), shot_id, eyes).await?
    } else {
        db::threads::readers(cx.db().pool(), shot.project_id, true).await?
    };
    Ok(ThreadsView { threads, people })
}

/// Starts a thread on frames of the shot (from 0) or, without them, on the version or shot as a whole. Internal unless
/// `client_visible`, which needs the right to show things to clients; what a client starts is always visible to clients.
#[server(input = server_fn::codec::Json)]
pub async fn start_thread(
    shot_id: ShotId,
    version_id: Option<VersionId>,
    frames: Option<FrameRange>,
    client_visible: bool,
    text: String,
    drawing: Option<Drawing>,
) -> Result<ThreadId, ApiError> {
    use domain::Action;
    let cx = crate::context::Cx::signed_in().await?;
    cx.shot(shot_id, Action::Comment).await?;
    if client_visible && !cx.is_client() {
        cx.allowed(Action::ShowClient)?;
    }
    let (author, eyes) = (cx.viewer.person_id, cx.eyes());
    let place = db::comments::Place { shot_id, version_id, frames, client_visible };
    let said = db::comments::Said { text, drawing };
    let started = cx
        .db()
        .write(move |tx| {
            let said = said.clone();
            Box::pin(async move { db::comments::start(tx, place, author, eyes, &said).await })
        })
        .await?;
    Ok(started)
}

/// Answers in a thread.
#[server(input = server_fn::codec::Json)]
pub async fn reply(
    thread_id: ThreadId,
    text: String,
    drawing: Option<Drawing>,
) -> Result<CommentId, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.thread(thread_id, domain::Action::Comment).await?;
    let (author, eyes) = (cx.viewer.person_id, cx.eyes());
    let said = db::comments::Said { text, drawing };
    let made = cx
        .db()
        .write(move |tx| {
            let said = said.clone();
            Box::pin(async move { db::comments::reply(tx, thread_id, author, eyes, &said).await })
        })
        .await?;
    Ok(made)
}

/// Only one's own comment; it says “edited” from then on.
#[server]
pub async fn edit_comment(comment_id: CommentId, text: String) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.comment(comment_id, domain::Action::Comment).await?;
    let (author, eyes) = (cx.viewer.person_id, cx.eyes());
    cx.db()
        .write(move |tx| {
            let text = text.clone();
            Box::pin(async move { db::comments::edit(tx, comment_id, author, eyes, &text).await })
        })
        .await?;
    Ok(())
}

/// Only one's own comment; that it was there stays.
#[server]
pub async fn delete_comment(comment_id: CommentId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.comment(comment_id, domain::Action::Comment).await?;
    let author = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::comments::delete(tx, comment_id, author))).await?)
}

/// Resolves or re-opens: of two people at once one is told that the other was faster.
#[server]
pub async fn resolve_thread(thread_id: ThreadId, resolved: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let (thread, _) = cx.thread(thread_id, domain::Action::Comment).await?;
    let person_id = cx.viewer.person_id;
    if !domain::thread::may_resolve(cx.viewer.role, person_id, thread.started_by) {
        return Err(ApiError::Forbidden);
    }
    Ok(cx.db().write(move |tx| Box::pin(db::threads::resolve(tx, thread_id, person_id, resolved))).await?)
}

/// Shows a thread to clients with all that was said in it, or hides it from them.
#[server]
pub async fn show_thread(thread_id: ThreadId, on: bool) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.thread(thread_id, domain::Action::ShowClient).await?;
    Ok(cx.db().write(move |tx| Box::pin(db::threads::show_client(tx, thread_id, on))).await?)
}

/// The viewer has read the thread up to comment `n`.
#[server]
pub async fn see_thread(thread_id: ThreadId, n: u32) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.thread(thread_id, domain::Action::ViewClientVersions).await?;
    let person_id = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::threads::seen(tx, thread_id, person_id, n))).await?)
}
