//! What words found, as the page holds it: the finding that is looked at, the threshold, and which of its things are dropped. All
//! else of it is kept until somebody says what becomes of it.

use std::collections::BTreeSet;

use domain::find::{Finding, Purpose, THRESHOLD};
use domain::{CauseId, FindingId};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::desk::Desk;
use crate::api::finding::{Asked, Kept, Marked, find_words, get_finding, keep_found, mark_found};
use crate::components::words;

#[derive(Debug, Clone, Copy)]
pub struct Seeking {
    /// What is looked at; `None`: nothing, or it is on its way.
    pub found: RwSignal<Option<Finding>>,
    /// A score must be above it. Changing it asks the server nothing.
    pub threshold: RwSignal<f32>,
    /// Things that are not kept.
    pub dropped: RwSignal<BTreeSet<u32>>,
    /// The thing that the pointer or the keyboard is on.
    pub pointed: RwSignal<Option<u32>>,
    /// Cells are marked only near the target, and where the reasoner saw something change.
    pub near: RwSignal<bool>,
    /// Words were sent from this page, and what they find is to be shown.
    pub asked: RwSignal<bool>,
    /// What is asked for next: the answer to anything else comes too late.
    wanted: RwSignal<Option<FindingId>>,
}

impl Seeking {
    pub fn new() -> Self {
        Self {
            found: RwSignal::new(None),
            threshold: RwSignal::new(THRESHOLD),
            dropped: RwSignal::new(BTreeSet::new()),
            pointed: RwSignal::new(None),
            near: RwSignal::new(true),
            asked: RwSignal::new(false),
            wanted: RwSignal::new(None),
        }
    }

    /// Numbers of the things that count now, the best first.
    pub fn counting(self) -> Vec<u32> {
        let threshold = self.threshold.get();
        self.found.with(|found| {
            let things = found.as_ref().map(|found| found.things(threshold)).unwrap_or_default();
            things.iter().map(|thing| thing.thing).collect()
        })
    }

    /// Of these, those that are kept.
    pub fn kept(self) -> Vec<u32> {
        let dropped = self.dropped.get();
        self.counting().into_iter().filter(|thing| !dropped.contains(thing)).collect()
    }

    pub fn is_kept(self, thing: u32) -> bool {
        self.dropped.with(|dropped| !dropped.contains(&thing))
    }

    /// Keeps what is dropped, or drops what is kept.
    pub fn toggle(self, thing: u32) {
        self.dropped.update(|dropped| {
            if !dropped.remove(&thing) {
                dropped.insert(thing);
            }
        });
    }

    /// All but these: what is dropped is kept, and what is kept is dropped.
    pub fn turn_round(self) {
        let kept = untrack(|| self.kept());
        self.dropped.set(kept.into_iter().collect());
    }

    pub fn keep_all(self) {
        self.dropped.set(BTreeSet::new());
    }

    pub fn close(self) {
        self.wanted.set(None);
        self.found.set(None);
        self.pointed.set(None);
    }
}

impl Default for Seeking {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// Looks for words over the shot and on the playhead's frame, or on that frame alone.
    pub fn find_words(self, words: String, purpose: Purpose, keys: bool) {
        // Said at once: the server says the same.
        if let Err(bad) = domain::find::clean_phrase(&words) {
            self.toasts.fail(bad.to_string());
            return;
        }
        if self.refuses_edit() {
            return;
        }
        let frame = Some(self.playhead.frame.get_untracked());
        self.seeking.asked.set(true);
        let asked = find_words(self.shot_id, words, purpose, keys, frame);
        self.write_then(asked, move |asked: Asked| {
            if let Asked::Known(id) = asked {
                self.toasts.say("These words were looked for there before: this is what was found.");
                self.show_finding(id);
            }
        });
    }

    /// Fetches a finding and shows it, everything above the threshold kept.
    pub fn show_finding(self, id: FindingId) {
        let seeking = self.seeking;
        seeking.wanted.set(Some(id));
        seeking.asked.set(false);
        spawn_local(async move {
            let answer = get_finding(self.shot_id, id).await;
            if seeking.wanted.try_get_untracked().flatten() != Some(id) {
                return; // something else is wanted by now, or the page is gone
            }
            match answer {
                Ok(found) => {
                    seeking.keep_all();
                    seeking.pointed.set(None);
                    seeking.found.set(Some(found));
                }
                Err(error) => self.toasts.fail(&error),
            }
        });
    }

    /// Makes targets of what is kept.
    pub fn keep_found(self) {
        let Some(finding_id) =
            self.seeking.found.with_untracked(|found| found.as_ref().map(|f| f.finding_id))
        else {
            return;
        };
        let things = untrack(|| self.seeking.kept());
        if things.is_empty() {
            self.toasts.fail("Nothing is kept: choose at least one of the things that were found.");
            return;
        }
        if self.refuses_edit() {
            return;
        }
        let threshold = self.seeking.threshold.get_untracked();
        let kept = keep_found(self.shot_id, finding_id, things, threshold);
        self.edit_then(kept, move |answer| {
            let Ok(Kept { targets, frames, locked_pixels }) = answer else { return };
            self.seeking.close();
            if let Some(first) = targets.first() {
                self.marking.target.set(Some(first.target_id));
            }
            let mut said = format!(
                "{} with a mask on {}. Grow the mask over the others.",
                words::count(targets.len() as u32, "target"),
                words::count(frames, "frame")
            );
            if locked_pixels > 0 {
                said.push_str(&format!(" {locked_pixels} pixels stay as somebody locked them."));
            }
            self.toasts.say(said);
            self.refresh();
        });
    }

    /// Marks the cells of what is kept for a cause.
    pub fn mark_found(self, cause_id: CauseId) {
        let Some(finding_id) =
            self.seeking.found.with_untracked(|found| found.as_ref().map(|f| f.finding_id))
        else {
            return;
        };
        if self.refuses_edit() {
            return;
        }
        let things = untrack(|| self.seeking.kept());
        let (threshold, near) = (self.seeking.threshold.get_untracked(), self.seeking.near.get_untracked());
        let marked = mark_found(self.shot_id, finding_id, cause_id, things, threshold, near);
        self.edit_then(marked, move |answer| {
            let Ok(Marked { cause, far, unchanged }) = answer else { return };
            self.seeking.close();
            let left_out = far + unchanged;
            let more = if left_out > 0 {
                format!(" {left_out} that were found are left out: far from the target, or unchanged.")
            } else {
                String::new()
            };
            self.toasts.say(format!("Cells of “{}” are marked.{more}", cause.name));
            self.refresh();
        });
    }
}
