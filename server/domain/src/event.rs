//! Live events: small notes that something changed. A view reads again what it shows; an event carries no secrets.

use serde::{Deserialize, Serialize};

use crate::{JobId, PersonId, ProjectId, ShotId};

/// Something changed. Ids grow, but may arrive out of order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub event_id: i64,
    /// `None`: about the studio (people).
    pub project_id: Option<ProjectId>,
    pub shot_id: Option<ShotId>,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum EventKind {
    /// The list of shots or the project itself.
    Project,
    /// Phase, name, facts of a shot.
    Shot,
    /// Targets, words or causes.
    Brief,
    /// Draft frames `from..=to`.
    Frames {
        from: u32,
        to: u32,
    },
    /// Who edits the draft.
    Editor,
    /// A new quadmask version or a decision on one.
    Quadmask,
    /// A new version, or a decision on one.
    Version,
    /// A job moved.
    Job {
        job_id: JobId,
        fraction: f32,
    },
    People,
    /// Something in a comment thread of the shot.
    Thread {
        /// Whether clients see or saw it.
        clients: bool,
    },
    /// A link was made, withdrawn or opened, or a guest gave a name.
    Share,
    /// Something came into somebody's inbox or was read there; nobody else hears of it.
    Inbox {
        person_id: PersonId,
    },
}

impl EventKind {
    /// Whether clients may hear of it.
    pub fn is_for_clients(&self) -> bool {
        matches!(self, Self::Version | Self::Thread { clients: true })
    }
}
