//! The live feed: small notes that something changed, as signals. What changed is read again by whoever shows it.

use std::sync::Arc;
use std::time::Duration;

use domain::Event;
use leptos::prelude::*;

use crate::browser::feed::{self, Heard};

/// Whether changes of others arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Not followed yet.
    Off,
    Live,
    Lost,
}

type Listener = Arc<dyn Fn(Option<&Event>) + Send + Sync>;

#[derive(Clone, Copy)]
pub struct Live {
    listeners: StoredValue<Vec<(u32, Listener)>>,
    next: StoredValue<u32>,
    connection: RwSignal<Connection>,
}

pub fn provide_live() {
    provide_context(Live {
        listeners: StoredValue::new(Vec::new()),
        next: StoredValue::new(0),
        connection: RwSignal::new(Connection::Off),
    });
}

/// Only below `App`.
pub fn use_live() -> Live {
    expect_context()
}

impl Live {
    pub fn connection(self) -> Signal<Connection> {
        self.connection.into()
    }

    /// Follows the events of whoever is signed in now; for an effect.
    pub fn follow(self) {
        feed::join(move |heard| self.hear(heard));
    }

    /// Follows the events that a guest hears at `url`; for an effect.
    pub fn follow_at(self, url: String) {
        feed::join_at(url, move |heard| self.hear(heard));
    }

    pub fn leave(self) {
        feed::leave();
        self.connection.try_set(Connection::Off);
    }

    fn hear(self, heard: Heard) {
        match heard {
            Heard::Open => {
                let before = self.connection.try_get_untracked();
                self.connection.try_set(Connection::Live);
                if before == Some(Connection::Lost) {
                    self.tell(None); // something may have happened meanwhile
                }
            }
            Heard::Lost => {
                self.connection.try_set(Connection::Lost);
            }
            Heard::Reset => self.tell(None),
            Heard::Event(json) => match serde_json::from_str(&json) {
                Ok(event) => self.tell(Some(&event)),
                Err(error) => leptos::logging::warn!("an event of another version of the server: {error}"),
            },
        }
    }

    fn tell(self, event: Option<&Event>) {
        let listeners = self.listeners.try_get_value().unwrap_or_default();
        for (_, listener) in listeners {
            listener(event);
        }
    }

    /// Calls `heard` with every event for as long as the calling component lives; `None`: events were missed, read
    /// everything again.
    pub fn on(self, heard: impl Fn(Option<&Event>) + Send + Sync + 'static) {
        let number = self.next.get_value();
        self.next.set_value(number + 1);
        self.listeners.update_value(|all| all.push((number, Arc::new(heard))));
        on_cleanup(move || {
            self.listeners.try_update_value(|all| all.retain(|one| one.0 != number));
        });
    }

    /// A number that grows `wait_ms` after the first of some events that concern the caller: what a resource reads
    /// again by. Many events in that time count once.
    pub fn changes(
        self,
        wait_ms: u64,
        concerns: impl Fn(&Event) -> bool + Send + Sync + 'static,
    ) -> Signal<u32> {
        let count = RwSignal::new(0);
        let waiting = StoredValue::new(false);
        self.on(move |event| {
            if event.is_some_and(|event| !concerns(event)) || waiting.try_get_value() != Some(false) {
                return;
            }
            waiting.set_value(true);
            set_timeout(
                move || {
                    waiting.try_set_value(false);
                    count.try_update(|count| *count += 1);
                },
                Duration::from_millis(wait_ms),
            );
        });
        count.into()
    }
}
