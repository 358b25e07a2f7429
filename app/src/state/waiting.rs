//! How much waits for the viewer and how much is new in their inbox, for the shell. Counted by the browser once it has the
//! page, and again when something happens: no page waits for it.

use domain::{EventKind, Person};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::live::Live;
use crate::api::work::{Waiting, get_waiting};

/// Below the gate; `None` until counted.
#[derive(Clone, Copy)]
pub struct Counts(RwSignal<Option<Waiting>>);

impl Counts {
    pub fn new(live: Live, me: Signal<Person>) -> Self {
        let counts = RwSignal::new(None);
        let told = live.changes(120, |event| matches!(event.kind, EventKind::Inbox { .. }));
        let moved = live.changes(900, |event| {
            matches!(
                event.kind,
                EventKind::Shot
                    | EventKind::Quadmask
                    | EventKind::Version
                    | EventKind::Project
                    | EventKind::People
                    | EventKind::Thread { .. }
            )
        });
        Effect::new(move |_| {
            told.track();
            moved.track();
            if !me.with(|me| me.active) {
                counts.set(None);
                return;
            }
            spawn_local(async move {
                // Not worth a message: the next event counts again.
                if let Ok(now) = get_waiting().await {
                    counts.try_set(Some(now));
                }
            });
        });
        Self(counts)
    }

    /// Things that wait for the viewer; `None`: none, or not counted yet.
    pub fn needs(self) -> Signal<Option<u32>> {
        Signal::derive(move || self.0.get().map(|counts| counts.needs).filter(|n| *n > 0))
    }

    /// New entries of the inbox, the same way.
    pub fn unread(self) -> Signal<Option<u32>> {
        Signal::derive(move || self.0.get().map(|counts| counts.unread).filter(|n| *n > 0))
    }
}

/// Only on pages behind the gate.
pub fn use_counts() -> Counts {
    expect_context()
}
