//! Live events: one reader of the event table, many browsers. A browser hears only of projects it may see.

pub mod guests;

use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use app::context::Cx;
use app::error::ApiError;
use axum::extract::{Query, State};
use axum::response::sse::{KeepAlive, Sse};
use db::Db;
use db::events::Told;
use domain::{Action, Event, EventKind, PersonId, ProjectId, Role, may};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::{broadcast, watch};
use tower_sessions::Session;

use crate::metrics::Listener;
use crate::routes::Refused;
use crate::state::ServerState;

/// How often the table is read for what other processes write, and how far back, since transactions commit out of order.
const EVERY: Duration = Duration::from_millis(150);
/// What this process writes is read so soon after it: what comes at once is read at once.
const SOON: Duration = Duration::from_millis(8);
const BACK_MICROS: i64 = 4_000_000;
/// A session is looked at again this often while a stream is open.
const RECHECK: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct Live {
    sender: broadcast::Sender<Arc<Told>>,
}

impl Live {
    /// Starts the reader; it ends with `stopping`.
    pub fn start(db: Db, mut stopping: watch::Receiver<bool>) -> Self {
        let (sender, _) = broadcast::channel(4096);
        let live = Self { sender: sender.clone() };
        tokio::spawn(async move {
            let mut seen = BTreeSet::new();
            let mut since = db::now();
            let mut sweep_at = since;
            while !*stopping.borrow() {
                match db::events::since(&db, since - BACK_MICROS).await {
                    Ok(events) => {
                        for told in events {
                            if seen.insert(told.event.event_id) {
                                sender.send(Arc::new(told)).ok(); // nobody listening is fine
                            }
                        }
                        since = db::now();
                        while seen.len() > 40_000 {
                            seen.pop_first();
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "Could not read live events")
                    }
                }
                if since > sweep_at {
                    sweep_at = since + 600_000_000;
                    db::events::sweep(&db, since - 3_600_000_000).await.ok();
                    db::sessions::sweep(&db, since).await.ok();
                }
                tokio::select! {
                    _ = tokio::time::sleep(EVERY) => {}
                    () = db.written() => tokio::time::sleep(SOON).await,
                    _ = stopping.changed() => {}
                }
            }
        });
        live
    }
}

/// What one listener may know.
struct Ear {
    state: ServerState,
    session: Session,
    receiver: broadcast::Receiver<Arc<Told>>,
    person: PersonId,
    role: Role,
    projects: HashSet<ProjectId>,
    checked: tokio::time::Instant,
    _counted: Listener,
}

impl Ear {
    async fn look_again(&mut self) -> Result<(), ApiError> {
        let cx = Cx::from_session(&self.state.app, &self.session).await?;
        (self.person, self.role) = (cx.viewer.person_id, cx.viewer.role);
        self.projects = cx.project_ids().await?.into_iter().collect();
        self.checked = tokio::time::Instant::now();
        Ok(())
    }

    fn hears(&self, event: &Event) -> bool {
        if let EventKind::Inbox { person_id } = event.kind {
            return person_id == self.person;
        }
        if event.kind == EventKind::Share && !may(self.role, Action::Share) {
            return false;
        }
        if self.role == Role::Client && !event.kind.is_for_clients() {
            return false;
        }
        event
            .project_id
            .is_none_or(|id| may(self.role, Action::SeeEveryProject) || self.projects.contains(&id))
    }

    /// The next event for this listener; `None` ends the stream (signed out, or the server stops).
    async fn next(&mut self) -> Option<Message> {
        let mut stopping = self.state.stopping.clone();
        loop {
            if *stopping.borrow() {
                return None;
            }
            let received = tokio::select! {
                received = self.receiver.recv() => received,
                _ = tokio::time::sleep(RECHECK) => {
                    self.look_again().await.ok()?;
                    continue;
                }
                _ = stopping.changed() => return None,
            };
            match received {
                Ok(told) => {
                    let event = &told.event;
                    let moved = matches!(event.kind, EventKind::People | EventKind::Project);
                    if moved || self.checked.elapsed() > RECHECK {
                        self.look_again().await.ok()?;
                    }
                    if self.hears(event) {
                        return Some(said(event));
                    }
                }
                // Too slow: the view must read everything again.
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(reset()),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

type Message = axum::response::sse::Event;

fn said(event: &Event) -> Message {
    Message::default().data(serde_json::to_string(event).expect("events are plain JSON"))
}

/// Events were missed: read everything again.
fn reset() -> Message {
    Message::default().event("reset").data("{}")
}

fn hello() -> Message {
    Message::default().event("hello").data("{}").retry(Duration::from_millis(800))
}

/// Transactions that were open while a page was made: their events bear an earlier time.
const OPEN_MICROS: i64 = 2_000_000;
/// With more than so many events to tell, everything is read again instead.
const MOST_MISSED: usize = 100;
/// So many are looked through for them; of more it is not known what is among them.
const MOST_READ: u32 = 2000;

/// Since when a new stream wants to know what happened.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Since {
    /// Microseconds UTC, as the page says when it was made.
    since: Option<i64>,
}

/// What happened since a page was made, before its stream was there: what `hears` lets through, or that everything must be
/// read again.
async fn missed(db: &Db, Since { since }: &Since, hears: impl Fn(&Told) -> Option<Message>) -> Vec<Message> {
    let Some(at) = since else { return Vec::new() };
    let Ok(Some(told)) = db::events::all_since(db, at.saturating_sub(OPEN_MICROS), MOST_READ).await else {
        return vec![reset()];
    };
    let heard: Vec<_> = told.iter().filter_map(hears).take(MOST_MISSED + 1).collect();
    if heard.len() > MOST_MISSED { vec![reset()] } else { heard }
}

/// `GET /events`: `data:` is a [`domain::Event`]; an event named `reset` means “read everything again”. With `since`, it
/// begins with what happened since then.
pub async fn events(
    State(state): State<ServerState>,
    session: Session,
    Query(since): Query<Since>,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Refused> {
    let receiver = state.live.sender.subscribe();
    let counted = state.metrics.listener();
    let mut ear = Ear {
        state,
        session,
        receiver,
        person: PersonId(Default::default()),
        role: Role::Client,
        projects: HashSet::new(),
        checked: tokio::time::Instant::now(),
        _counted: counted,
    };
    ear.look_again().await?;
    // Heard from here on, and read from before: what comes both ways is told twice, which costs a reading.
    let missed =
        missed(&ear.state.app.db, &since, |told| ear.hears(&told.event).then(|| said(&told.event))).await;
    let hello = futures::stream::iter([hello()].into_iter().chain(missed).map(Ok));
    let rest = unfold(ear, |mut ear| async move { ear.next().await.map(|message| (Ok(message), ear)) });
    let stream = futures::StreamExt::chain(hello, rest);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
