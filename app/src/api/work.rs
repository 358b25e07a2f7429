//! Running a studio: who works on a shot and until when, what waits for the viewer, and their inbox.

use domain::inbox::Entry;
use domain::needs::Asked;
use domain::{Assignee, Due, EntryId, ProjectId, ShotId, ThreadId, WorkChange};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Who works on a shot and until when. Clients are never told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    pub people: Vec<Assignee>,
    pub due: Option<Due>,
}

/// One thing that waits for the viewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub asked: Asked,
    /// What is asked.
    pub sentence: String,
    pub shot_id: ShotId,
    pub shot_name: String,
    pub project_id: ProjectId,
    pub project_name: String,
    pub has_poster: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// Since when, microseconds UTC.
    pub since: i64,
    pub thread_id: Option<ThreadId>,
}

/// What the shell counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    pub needs: u32,
    /// New entries of the inbox.
    pub unread: u32,
}

/// Assigns, sets due days or clears both on 1 to 100 shots, all of them or none.
#[server(input = server_fn::codec::Json)]
pub async fn change_work(shots: Vec<ShotId>, change: WorkChange) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    cx.shots(&shots, domain::Action::Assign).await?;
    let by = cx.viewer.person_id;
    cx.db()
        .write(move |tx| {
            let shots = shots.clone();
            Box::pin(async move { db::assignments::change(tx, &shots, change, by).await })
        })
        .await?;
    Ok(())
}

/// By due day, then what has waited longest.
#[server]
pub async fn list_needs() -> Result<Vec<Need>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let projects = cx.project_ids().await?;
    let today = domain::Day::of_micros(db::now());
    let client = cx.is_client();
    let needs = db::needs::list(cx.db(), cx.reader(&projects)).await?;
    Ok(needs.into_iter().map(|need| shown(need, today, client)).collect())
}

#[cfg(feature = "ssr")]
fn shown(need: db::needs::Need, today: domain::Day, client: bool) -> Need {
    let db::needs::Need { asked, shot_id, shot_name, project_id, project_name, phase, .. } = need;
    let db::needs::Need { has_poster, due, since, n, thread_id, by, .. } = need;
    let due = due.filter(|_| !client).map(|day| Due::of(day, today, phase));
    let sentence = asked.sentence(n, by.as_deref());
    Need { asked, sentence, shot_id, shot_name, project_id, project_name, has_poster, due, since, thread_id }
}

/// The newest entries first.
#[server]
pub async fn list_inbox() -> Result<Vec<Entry>, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let projects = cx.project_ids().await?;
    Ok(db::inbox::list(cx.db(), cx.reader(&projects)).await?)
}

#[server]
pub async fn get_waiting() -> Result<Waiting, ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let projects = cx.project_ids().await?;
    let reader = cx.reader(&projects);
    let needs = db::needs::list(cx.db(), reader).await?.len();
    Ok(Waiting {
        needs: u32::try_from(needs).unwrap_or(u32::MAX),
        unread: db::inbox::unread(cx.db(), reader).await?,
    })
}

/// An entry of the viewer's own is read.
#[server]
pub async fn read_entry(entry_id: EntryId) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let me = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::inbox::read_one(tx, me, entry_id))).await?)
}

/// Everything up to a moment, the newest that the viewer has seen, is read.
#[server]
pub async fn read_inbox(until: i64) -> Result<(), ApiError> {
    let cx = crate::context::Cx::signed_in().await?;
    let me = cx.viewer.person_id;
    Ok(cx.db().write(move |tx| Box::pin(db::inbox::read_all(tx, me, until))).await?)
}

/// The work on a shot, for the team.
#[cfg(feature = "ssr")]
pub(crate) async fn work_on(
    cx: &crate::context::Cx,
    shot_id: ShotId,
    phase: domain::Phase,
) -> Result<Work, ApiError> {
    let people = db::assignments::of_shots(cx.db(), &[shot_id]).await?.remove(&shot_id).unwrap_or_default();
    let today = domain::Day::of_micros(db::now());
    let due = db::assignments::due_of(cx.db().pool(), shot_id).await?;
    Ok(Work { people, due: due.map(|day| Due::of(day, today, phase)) })
}
