//! What the browser knows of a board's list: its length and the shots read so far. Reads the rest when it is looked at.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use domain::{Event, EventKind, JobState, Progress, ProjectId, ShotId};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::projects::{ShotCard, ShotFilter, ShotPage, list_shots};
use crate::error::ApiError;

/// Cards in one answer of the server.
pub const PIECE: u32 = 60;
/// What was not read for want of an answer is read again after this.
const AGAIN: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Known {
    pub card: ShotCard,
    /// Raised when anything but the job's progress changes.
    pub revision: u32,
    /// The open job, if any.
    pub job: Option<ArcRwSignal<Progress>>,
}

fn open_job(card: &mut ShotCard) -> Option<Progress> {
    card.job.take().filter(|job| !job.state.is_over())
}

fn looks_same(one: &Progress, other: &Progress) -> bool {
    one.job_id == other.job_id && (one.state == JobState::Running) == (other.state == JobState::Running)
}

#[derive(Clone, Copy)]
pub struct Shelf {
    project: ProjectId,
    filter: StoredValue<ShotFilter>,
    /// One place per shot of the list, with the revision of its card; `None`: not read yet.
    pub order: RwSignal<Vec<Option<(ShotId, u32)>>>,
    cards: StoredValue<HashMap<ShotId, Known>>,
    reading: StoredValue<bool>,
}

impl Shelf {
    pub fn new(project: ProjectId, filter: ShotFilter, first: ShotPage) -> Self {
        let shelf = Self {
            project,
            filter: StoredValue::new(filter),
            order: RwSignal::new(Vec::new()),
            cards: StoredValue::new(HashMap::new()),
            reading: StoredValue::new(false),
        };
        shelf.put(0, first);
        shelf
    }

    pub fn get(self, shot: ShotId) -> Option<Known> {
        self.cards.with_value(|cards| cards.get(&shot).cloned())
    }

    /// Keeps a card as it is now; its revision.
    fn keep(known: &mut HashMap<ShotId, Known>, mut card: ShotCard) -> u32 {
        let job = open_job(&mut card);
        let before = known.get(&card.shot_id);
        if let Some(before) = before.filter(|before| before.card == card) {
            match (&before.job, &job) {
                (None, None) => return before.revision,
                (Some(signal), Some(job)) if signal.with_untracked(|now| looks_same(now, job)) => {
                    signal.set(job.clone());
                    return before.revision;
                }
                _ => {}
            }
        }
        let revision = before.map_or(0, |before| before.revision + 1);
        known.insert(card.shot_id, Known { card, revision, job: job.map(ArcRwSignal::new) });
        revision
    }

    fn put(self, offset: u32, page: ShotPage) {
        let ids: Vec<(ShotId, u32)> = self
            .cards
            .try_update_value(|known| {
                page.cards.into_iter().map(|card| (card.shot_id, Self::keep(known, card))).collect()
            })
            .unwrap_or_default();
        let mut order = self.order.get_untracked();
        let start = offset as usize;
        let fits = |(at, id): (usize, &(ShotId, u32))| {
            order.get(start + at).is_some_and(|now| now.is_none_or(|now| now.0 == id.0))
        };
        if order.len() != page.total as usize || !ids.iter().enumerate().all(fits) {
            // Everything may have shifted: what was not read just now is read again when it is looked at.
            order.clear();
        }
        order.resize(page.total as usize, None);
        for (at, id) in ids.into_iter().enumerate() {
            if let Some(place) = order.get_mut(start + at) {
                *place = Some(id);
            }
        }
        if self.order.with_untracked(|before| *before != order) {
            self.order.set(order);
        }
    }

    /// Reads `window` from the server: all of it, or the piece around the first place that is not known. One reading at
    /// a time; `after` runs when it is over.
    pub fn read(self, window: Range<u32>, all: bool, after: impl Fn() + 'static) {
        let missing = |order: &Vec<Option<(ShotId, u32)>>| {
            window.clone().find(|at| order.get(*at as usize).is_some_and(Option::is_none))
        };
        let from = if all { Some(window.start) } else { self.order.with_untracked(missing) };
        let Some(from) = from else { return };
        if self.reading.get_value() {
            return;
        }
        self.reading.set_value(true);
        let filter = self.filter.get_value();
        let limit = if all { PIECE.max(window.len() as u32) } else { PIECE };
        spawn_local(async move {
            let page = list_shots(self.project, filter, from, limit).await;
            if self.reading.try_set_value(false).is_some() {
                return; // another filter meanwhile
            }
            match page {
                Ok(page) => {
                    self.put(from, page);
                    after();
                }
                // Said and read again a little later, so that a page that is being left says nothing.
                Err(error) => set_timeout(
                    move || {
                        if self.reading.is_disposed() {
                            return;
                        }
                        leptos::logging::warn!("the list of shots was not read: {error}");
                        if matches!(error, ApiError::Network(_)) {
                            after();
                        }
                    },
                    AGAIN,
                ),
            }
        });
    }

    /// A job moved: its bar follows at once, its words with the next reading.
    pub fn advance(self, event: &Event) {
        let (Some(shot), EventKind::Job { job_id, fraction }) = (event.shot_id, &event.kind) else { return };
        let job =
            self.cards.try_with_value(|cards| cards.get(&shot).and_then(|known| known.job.clone())).flatten();
        if let Some(job) = job.filter(|job| job.with_untracked(|job| job.job_id == *job_id)) {
            job.update(|job| job.fraction = *fraction);
        }
    }
}
