//! Reading the shot again when others changed it: one question at a time, so that an answer that took long never covers a
//! newer one; many wishes at once are one question.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::desk::Desk;
use crate::api::draft::get_draft;
use crate::api::shots::ShotView;
use crate::browser::clock;

/// Wishes that come this soon after one another are one.
const WAIT: Duration = Duration::from_millis(150);

/// What is to be read again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reads {
    /// Everything about the shot, its draft too.
    shot: bool,
    draft: bool,
    /// A timer runs or an answer is awaited.
    busy: bool,
    /// How many changes what is shown knows of: [`Writes::count`] when it was read.
    known: u64,
}

impl Desk {
    /// Reads the shot again.
    pub fn refresh(self) {
        self.wish(|reads| reads.shot = true);
    }

    /// Comes when every change sent so far was answered and the shot was read since, or could not be read.
    pub async fn settled(self) {
        while let (Some(writes), Some(reads)) =
            (self.writes.try_get_untracked(), self.reads.try_get_untracked())
            && (writes.are_open() || (reads.busy && reads.known < writes.count))
        {
            clock::sleep(40).await;
        }
    }

    /// Reads only the draft again: frames moved under a running segmentation.
    pub fn refresh_draft(self) {
        self.wish(|reads| reads.draft = true);
    }

    fn wish(self, what: impl FnOnce(&mut Reads)) {
        let begins = self.reads.try_update_untracked(|reads| {
            what(reads);
            !std::mem::replace(&mut reads.busy, true)
        });
        if begins == Some(true) {
            set_timeout(move || self.read(), WAIT);
        }
    }

    fn read(self) {
        let Some(wanted) = self.reads.try_update_untracked(|reads| {
            let wanted = *reads;
            (reads.shot, reads.draft) = (false, false);
            wanted
        }) else {
            return; // the page is gone
        };
        let before = self.writes.get_untracked();
        spawn_local(async move {
            let answer = if wanted.shot {
                self.road.shot(self.shot_id).await.map(|view| Answer::Shot(Box::new(view)))
            } else {
                get_draft(self.shot_id).await.map(|draft| Answer::Draft(Box::new(draft)))
            };
            let Some(after) = self.writes.try_get_untracked() else { return };
            let is_old = before.open > 0 || after.open > 0 || after.count != before.count;
            match answer {
                // It does not know of a change that was on its way meanwhile.
                Ok(_) if is_old => self.reads.update_untracked(|reads| {
                    reads.shot |= wanted.shot;
                    reads.draft |= wanted.draft;
                }),
                Ok(Answer::Shot(view)) => {
                    self.reads.update_untracked(|reads| reads.known = after.count);
                    self.show(*view);
                }
                Ok(Answer::Draft(draft)) => self.view.update(|v| v.draft = *draft),
                Err(_) if self.road.is_over() => {}
                Err(error) => self.toasts.fail(&error),
            }
            let again = self.reads.try_update_untracked(|reads| {
                reads.busy = reads.shot || reads.draft;
                reads.busy
            });
            if again == Some(true) {
                set_timeout(move || self.read(), WAIT);
            }
        });
    }

    fn show(self, view: ShotView) {
        if self.view.with_untracked(|old| *old != view) {
            self.view.set(view);
        }
    }
}

enum Answer {
    Shot(Box<ShotView>),
    Draft(Box<crate::api::draft::DraftView>),
}
