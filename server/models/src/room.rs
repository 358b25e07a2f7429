//! Fetching in the background, as the server does it for its page: at most one at a time for each part, seen while it goes on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Error, Part, Progress, Pull, pull};

/// The folder of the models and what is being fetched into it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Room {
    folder: Arc<Path>,
    going: Arc<Mutex<HashMap<&'static str, Going>>>,
}

#[derive(Debug)]
struct Going {
    state: State,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// How the last fetching of a part stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Fetching(Progress),
    Failed {
        /// A sentence for people.
        why: String,
        /// A token may help.
        is_gated: bool,
    },
}

impl Room {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into(), going: Arc::default() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn going(&self) -> MutexGuard<'_, HashMap<&'static str, Going>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: nothing was fetched since the server started, or it went well, or it was stopped.
    pub fn state(&self, part: &Part) -> Option<State> {
        let all = self.going();
        let going = all.get(part.slug)?;
        match &going.state {
            // Its task panicked.
            State::Fetching(_) if going.task.is_finished() => None,
            state => Some(state.clone()),
        }
    }

    /// Begins, unless it goes on already or still is about to stop. In a runtime.
    pub fn begin(&self, part: &'static Part, endpoint: String, token: Option<String>) {
        let mut all = self.going();
        if all.get(part.slug).is_some_and(|going| !going.task.is_finished()) {
            return;
        }
        let stop = CancellationToken::new();
        let (room, order) = (self.clone(), Pull { folder: self.folder.to_path_buf(), endpoint, token });
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let told = |progress: &Progress| {
                if let Some(going) = room.going().get_mut(part.slug) {
                    going.state = State::Fetching(progress.clone());
                }
            };
            let ended = pull(part, &order, &stopped, told).await;
            let mut all = room.going();
            match ended {
                Ok(()) | Err(Error::Stopped) => drop(all.remove(part.slug)),
                Err(error) => {
                    let is_gated = matches!(error, Error::Gated { .. });
                    if let Some(going) = all.get_mut(part.slug) {
                        going.state = State::Failed { why: error.to_string(), is_gated };
                    }
                }
            }
        });
        let nothing = Progress { file: String::new(), done: 0, total: part.bytes };
        all.insert(part.slug, Going { state: State::Fetching(nothing), stop, task });
    }

    /// Stops; what is here stays, and the next time goes on from there.
    pub fn stop(&self, part: &Part) {
        if let Some(going) = self.going().get(part.slug) {
            going.stop.cancel();
        }
    }
}
