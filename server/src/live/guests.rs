//! Live events for guests of a link: that something changed about a version it shows or a thread for clients, and nothing
//! else. What an event says is rewritten, so that it names no project and no version.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use app::context::guest::Guest;
use app::error::ApiError;
use axum::extract::{Path, Query, State};
use axum::response::sse::{KeepAlive, Sse};
use db::events::Told;
use domain::{Event, EventKind, ProjectId, ShotId, VersionId};
use futures::stream::unfold;
use futures::{Stream, StreamExt};
use tokio::sync::broadcast;
use tower_sessions::Session;

use super::{Message, RECHECK, Since, hello, missed, reset, said};
use crate::metrics::Listener;
use crate::routes::Refused;
use crate::state::ServerState;

/// What one guest may know.
struct Ear {
    state: ServerState,
    session: Session,
    token: String,
    receiver: broadcast::Receiver<Arc<Told>>,
    project: ProjectId,
    shots: HashSet<ShotId>,
    versions: HashSet<VersionId>,
    /// When the link is looked at again: soon, and not after its end.
    due: tokio::time::Instant,
    _counted: Listener,
}

/// What of `told` a guest hears who sees these shots and versions.
fn heard(told: &Told, shots: &HashSet<ShotId>, versions: &HashSet<VersionId>) -> Option<Event> {
    let about = told.guests?;
    let shot_id = told.event.shot_id.filter(|id| shots.contains(id))?;
    let is_seen = about.version_id.is_none_or(|id| versions.contains(&id));
    let kind = match told.event.kind {
        EventKind::Version => EventKind::Version,
        EventKind::Thread { .. } => EventKind::Thread { clients: true },
        _ => return None,
    };
    is_seen.then_some(Event { event_id: told.event.event_id, project_id: None, shot_id: Some(shot_id), kind })
}

impl Ear {
    /// Whether the link is still open to this session, and what it shows.
    async fn look_again(&mut self) -> Result<(), ApiError> {
        let guest = Guest::from_session(&self.state.app, &self.session, &self.token).await?;
        self.project = guest.link().project_id;
        let shown = db::share::shown(guest.db(), guest.link().link_id).await?;
        self.shots = shown.iter().map(|s| s.shot_id).collect();
        self.versions = shown.iter().map(|s| s.version_id).collect();
        let left = guest.link().expires_at.map(|end| u64::try_from(end - db::now()).unwrap_or(0));
        let left = left.map_or(RECHECK, |micros| Duration::from_micros(micros).min(RECHECK));
        self.due = tokio::time::Instant::now() + left;
        Ok(())
    }

    /// The next event for this guest; `None` ends the stream: the link is over, or the server stops.
    async fn next(&mut self) -> Option<Message> {
        let mut stopping = self.state.stopping.clone();
        loop {
            if *stopping.borrow() {
                return None;
            }
            let received = tokio::select! {
                received = self.receiver.recv() => received,
                _ = tokio::time::sleep_until(self.due) => {
                    self.look_again().await.ok()?;
                    continue;
                }
                _ = stopping.changed() => return None,
            };
            match received {
                Ok(told) => {
                    let is_about_links =
                        told.event.kind == EventKind::Share && told.event.project_id == Some(self.project);
                    if is_about_links || tokio::time::Instant::now() >= self.due {
                        self.look_again().await.ok()?;
                    }
                    if let Some(event) = heard(&told, &self.shots, &self.versions) {
                        return Some(said(&event));
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(reset()),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// `GET /share-media/{token}/events`: as `/events`, for a guest. The stream ends when the link does.
pub async fn events(
    State(state): State<ServerState>,
    session: Session,
    Path(token): Path<String>,
    Query(since): Query<Since>,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Refused> {
    let receiver = state.live.sender.subscribe();
    let counted = state.metrics.listener();
    let mut ear = Ear {
        state,
        session,
        token,
        receiver,
        project: ProjectId(Default::default()),
        shots: HashSet::new(),
        versions: HashSet::new(),
        due: tokio::time::Instant::now(),
        _counted: counted,
    };
    ear.look_again().await?;
    let hears = |told: &Told| heard(told, &ear.shots, &ear.versions).map(|event| said(&event));
    let missed = missed(&ear.state.app.db, &since, hears).await;
    let hello = futures::stream::iter([hello()].into_iter().chain(missed).map(Ok));
    let rest = unfold(ear, |mut ear| async move { ear.next().await.map(|message| (Ok(message), ear)) });
    Ok(Sse::new(hello.chain(rest)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use db::events::ForGuests;

    #[test]
    fn a_guest_hears_only_of_what_the_link_shows() {
        let (shot, other) = (ShotId(db::new_uuid()), ShotId(db::new_uuid()));
        let (shown, hidden) = (VersionId(db::new_uuid()), VersionId(db::new_uuid()));
        let (shots, versions) = (HashSet::from([shot]), HashSet::from([shown]));
        let told = |shot_id, kind, guests| Told {
            event: Event {
                event_id: 1,
                project_id: Some(ProjectId(db::new_uuid())),
                shot_id: Some(shot_id),
                kind,
            },
            guests,
        };
        let about = |version_id| Some(ForGuests { version_id });
        let thread = EventKind::Thread { clients: false };
        for (told, is_heard) in [
            (told(shot, EventKind::Version, about(Some(shown))), true),
            (told(shot, thread.clone(), about(Some(shown))), true),
            (told(shot, thread.clone(), about(None)), true),
            (told(shot, thread.clone(), about(Some(hidden))), false),
            (told(shot, thread.clone(), None), false),
            (told(shot, EventKind::Version, None), false),
            (told(shot, EventKind::Quadmask, about(None)), false),
            (told(other, EventKind::Version, about(Some(shown))), false),
            (told(other, thread, about(None)), false),
        ] {
            let heard = heard(&told, &shots, &versions);
            assert_eq!(heard.is_some(), is_heard, "{told:?}");
            assert!(heard.is_none_or(|event| event.project_id.is_none()));
        }
    }
}
