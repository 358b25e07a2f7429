//! What happened to somebody since they last looked: entries of their inbox.

use serde::{Deserialize, Serialize};

use crate::{EntryId, ProjectId, ShotId, ThreadId, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Assigned,
    Mentioned,
    /// In a thread that they began.
    Replied,
    /// A client or a guest, about a shot of theirs.
    ClientSaid,
    /// Somebody decided about a quadmask of theirs.
    Quadmask,
    /// Somebody decided about a version of theirs.
    Version,
    RunDone,
    RunFailed,
}

impl EntryKind {
    pub const ALL: [Self; 8] = [
        Self::Assigned,
        Self::Mentioned,
        Self::Replied,
        Self::ClientSaid,
        Self::Quadmask,
        Self::Version,
        Self::RunDone,
        Self::RunFailed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Mentioned => "mentioned",
            Self::Replied => "replied",
            Self::ClientSaid => "client_said",
            Self::Quadmask => "quadmask",
            Self::Version => "version",
            Self::RunDone => "run_done",
            Self::RunFailed => "run_failed",
        }
    }

    /// Whether a client may have such an entry: only what was said where they see it.
    pub fn is_for_clients(self) -> bool {
        matches!(self, Self::Mentioned | Self::Replied)
    }
}

impl std::str::FromStr for EntryKind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.word() == word).ok_or(())
    }
}

/// As the inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub entry_id: EntryId,
    pub kind: EntryKind,
    pub shot_id: ShotId,
    pub shot_name: String,
    pub project_id: ProjectId,
    pub project_name: String,
    /// `None`: the worker.
    pub by: Option<String>,
    /// What was said, noted or went wrong.
    pub text: String,
    pub thread_id: Option<ThreadId>,
    /// Of the quadmask or version that it is about.
    pub n: Option<u32>,
    pub verdict: Option<Verdict>,
    /// Microseconds UTC.
    pub at: i64,
    pub is_read: bool,
}

impl Entry {
    /// What happened, in one sentence without the shot's name.
    pub fn sentence(&self) -> String {
        let by = self.by.as_deref().unwrap_or("Somebody");
        let v = self.n.map(|n| format!(" v{n}")).unwrap_or_default();
        let did = match self.verdict {
            Some(Verdict::Changes) => "asked for changes to",
            Some(Verdict::Approve) | None => "approved",
        };
        match self.kind {
            EntryKind::Assigned => format!("{by} assigned this shot to you"),
            EntryKind::Mentioned => format!("{by} named you in a comment"),
            EntryKind::Replied => format!("{by} answered in your thread"),
            EntryKind::ClientSaid => format!("{by} commented, for the client’s side"),
            EntryKind::Quadmask => format!("{by} {did} quadmask{v}"),
            EntryKind::Version => format!("{by} {did} result{v}"),
            EntryKind::RunDone => format!("The removal is done: result{v} is in review"),
            EntryKind::RunFailed => "The removal failed".to_owned(),
        }
    }

    /// The step of the shot that it is about, as in the address.
    pub fn tab(&self) -> &'static str {
        match self.kind {
            EntryKind::Assigned => "targets",
            EntryKind::Quadmask => "quadmask",
            EntryKind::RunFailed => "removal",
            EntryKind::Mentioned
            | EntryKind::Replied
            | EntryKind::ClientSaid
            | EntryKind::Version
            | EntryKind::RunDone => "review",
        }
    }

    /// Icon and tone.
    pub fn mark(&self) -> (&'static str, &'static str) {
        match (self.kind, self.verdict) {
            (EntryKind::Assigned, _) => ("→", "review"),
            (EntryKind::Mentioned | EntryKind::Replied | EntryKind::ClientSaid, _) => ("@", "running"),
            (_, Some(Verdict::Changes)) => ("↺", "changes"),
            (EntryKind::RunFailed, _) => ("✕", "failed"),
            _ => ("✓", "approved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_their_words_and_clients_hear_only_what_was_said() {
        for kind in EntryKind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
        }
        let theirs: Vec<_> = EntryKind::ALL.into_iter().filter(|kind| kind.is_for_clients()).collect();
        assert_eq!(theirs, [EntryKind::Mentioned, EntryKind::Replied]);
    }
}
