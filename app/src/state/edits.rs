//! What a person does to targets, strokes, cells and paths: shown at once where that is exact, sent, and put right by the
//! server's answer.

use domain::run::{Need, Segmenter};
use domain::stroke::Stroke;
use domain::{BoxPrompt, Cause, CauseId, PathPoint, PointPrompt, Target, TargetId};
use leptos::prelude::*;

use super::desk::Desk;
use super::marking::{CellSpanChoice, Mark, Pending};
use crate::api::draft::{
    DraftFrame, Walked, choose_segmenter, copy_frame, draw_stroke, lock_frame, redo, release_paint,
    start_segment, undo,
};
use crate::api::shots::{add_target, save_cause, save_target, set_cells};
use crate::error::ApiError;

impl Desk {
    /// Why nothing can be edited now, if so; said to the person.
    pub fn refuses_edit(self) -> bool {
        let why = untrack(|| {
            if self.may_edit() {
                return None;
            }
            let status = self.phase().status().word;
            Some(match self.view.with(|v| v.draft.editor_name.clone()) {
                Some(name) if self.is_other_editing() => {
                    format!("{name} is editing this quadmask. Take over in the panel if you must.")
                }
                _ if !self.may(domain::Action::EditShot) => {
                    "Your role looks on here; artists edit targets and masks.".to_owned()
                }
                _ => format!("This shot is read-only ({status}). Re-open it to edit."),
            })
        });
        match why {
            Some(why) => {
                self.toasts.fail(why);
                true
            }
            None => false,
        }
    }

    /// The target that clicks go to: the chosen one, else the first.
    pub fn target(self) -> Option<Target> {
        let chosen = self.marking.target.get();
        self.view.with(|v| {
            let target = v.targets.iter().find(|t| Some(t.target_id) == chosen);
            target.or(v.targets.first()).cloned()
        })
    }

    pub fn cause(self) -> Option<Cause> {
        let chosen = self.marking.cause.get();
        self.view.with(|v| {
            let cause = v.causes.iter().find(|c| Some(c.cause_id) == chosen);
            cause.or(v.causes.first()).cloned()
        })
    }

    /// The name of what moves on its own without a drawn path: only VOID can run such a quadmask.
    pub fn pathless(self) -> Option<String> {
        self.view.with(|v| v.causes.iter().find(|c| c.lacks_path()).map(|c| c.name.clone()))
    }

    /// Whether a worker here could run VOID now.
    pub fn has_void(self) -> bool {
        self.view.with(|v| v.engines.weights(Need::VoidPass1).is_ok())
    }

    /// Adds a click at `(x, y)` plate pixels on the playhead's frame; makes the first target where there is none.
    pub fn add_point(self, x: f32, y: f32, positive: bool) {
        let frame = self.playhead.frame.get_untracked();
        self.mark(Mark::Point(PointPrompt { frame, x, y, positive }));
    }

    /// Adds a box between two corners in plate pixels.
    pub fn add_box(self, a: (f32, f32), b: (f32, f32)) {
        let frame = self.playhead.frame.get_untracked();
        let (x0, x1) = (a.0.min(b.0), a.0.max(b.0));
        let (y0, y1) = (a.1.min(b.1), a.1.max(b.1));
        self.mark(Mark::Box(BoxPrompt { frame, x0, y0, x1, y1 }));
    }

    /// Puts a mark on the target that clicks go to. While the first one is being made, marks wait for it: each would make another.
    fn mark(self, mark: Mark) {
        if self.refuses_edit() {
            return;
        }
        let first = self.marking.first;
        if first.with_untracked(|marks| !marks.is_empty()) {
            first.update(|marks| marks.push(mark));
            return;
        }
        if let Some(mut target) = untrack(|| self.target()) {
            mark.put_on(&mut target);
            self.save_target(target);
            return;
        }
        first.set(vec![mark]);
        let id = self.shot_id;
        let made = async move {
            let made = add_target(id, "Target 1".to_owned()).await;
            if made.is_err() {
                first.try_set(Vec::new());
            }
            made
        };
        self.write_then(made, move |mut target| {
            let marks = first.try_update(std::mem::take).unwrap_or_default();
            marks.into_iter().for_each(|mark| mark.put_on(&mut target));
            self.marking.target.set(Some(target.target_id));
            self.save_target(target);
        });
    }

    /// Shows `target` and sends it.
    pub fn save_target(self, target: Target) {
        let shown = target.clone();
        self.view.update(|v| match v.targets.iter_mut().find(|t| t.target_id == shown.target_id) {
            Some(old) => *old = shown,
            None => v.targets.push(shown),
        });
        self.write(save_target(self.shot_id, target));
    }

    /// Changes a target that exists.
    pub fn change_target(self, id: TargetId, change: impl FnOnce(&mut Target)) {
        let found = self.view.with_untracked(|v| v.targets.iter().find(|t| t.target_id == id).cloned());
        if let Some(mut target) = found
            && !self.refuses_edit()
        {
            change(&mut target);
            self.save_target(target);
        }
    }

    /// Changes name, reason, consequence or path of a cause that exists.
    pub fn change_cause(self, id: CauseId, change: impl FnOnce(&mut Cause)) {
        let found = self.view.with_untracked(|v| v.causes.iter().find(|c| c.cause_id == id).cloned());
        let Some(mut cause) = found else { return };
        if self.refuses_edit() {
            return;
        }
        change(&mut cause);
        self.show_cause(cause.clone());
        self.write(save_cause(self.shot_id, cause));
    }

    fn show_cause(self, cause: Cause) {
        self.view.update(|v| {
            if let Some(old) = v.causes.iter_mut().find(|c| c.cause_id == cause.cause_id) {
                *old = cause;
            }
        });
    }

    /// Puts the chosen cause's thing at `(x, y)` plate pixels on the playhead's frame.
    pub fn add_path_point(self, x: f32, y: f32) {
        let frame = self.playhead.frame.get_untracked();
        let Some(cause) = untrack(|| self.cause()) else {
            self.toasts.fail("Add a cause first: a path belongs to the thing that moves.");
            return;
        };
        if cause.consequence != domain::Consequence::React {
            self.toasts.fail(format!("Only what reacts has a path. Set “{}” to react first.", cause.name));
            return;
        }
        self.change_cause(cause.cause_id, |cause| {
            let point = PathPoint { frame, x, y };
            match cause.path.binary_search_by_key(&frame, |p| p.frame) {
                Ok(at) => cause.path[at] = point,
                Err(at) => cause.path.insert(at, point),
            }
        });
    }

    /// The frames that marked cells are for.
    pub fn cell_frames(self) -> (u32, u32) {
        match self.marking.span.get() {
            CellSpanChoice::Marks => self.playhead.marks(),
            CellSpanChoice::Whole => (0, self.clip().last()),
            CellSpanChoice::ThisFrame => (self.playhead.frame.get(), self.playhead.frame.get()),
        }
    }

    /// Turns cells of the chosen cause on or off.
    pub fn mark_cells(self, cells: Vec<(u32, u32)>, on: bool) {
        let Some(mut cause) = untrack(|| self.cause()) else {
            self.toasts.fail("Add a cause first: cells say what else changes, and why.");
            return;
        };
        if cells.is_empty() || self.refuses_edit() {
            return;
        }
        let (from, to) = untrack(|| self.cell_frames());
        cause.set_cells(&cells, on, from, to);
        let id = cause.cause_id;
        self.show_cause(cause);
        self.write(set_cells(self.shot_id, id, cells, on, from, to));
    }

    /// Begins a stroke that is only on this screen; its key.
    pub fn begin_stroke(self, stroke: Stroke) -> u64 {
        let mut key = 1;
        self.marking.pending.update(|all| {
            key = all.iter().map(|p| p.key).max().unwrap_or(0) + 1;
            all.push(Pending { key, stroke, revision: None });
        });
        key
    }

    pub fn extend_stroke(self, key: u64, points: &[(f32, f32)]) {
        self.marking.pending.update(|all| {
            if let Some(pending) = all.iter_mut().find(|p| p.key == key) {
                pending.stroke.points.extend_from_slice(points);
            }
        });
    }

    pub fn drop_stroke(self, key: u64) {
        self.marking.pending.try_update(|all| all.retain(|p| p.key != key));
    }

    /// Sends a stroke. When the server refuses it, it goes from the screen and the reason is said.
    pub fn send_stroke(self, key: u64) {
        let found = self.marking.pending.with_untracked(|all| all.iter().find(|p| p.key == key).cloned());
        let Some(pending) = found else { return };
        self.edit_then(draw_stroke(self.shot_id, pending.stroke), move |answer| match answer {
            Ok(frame) => {
                self.marking.pending.update(|all| {
                    if let Some(pending) = all.iter_mut().find(|p| p.key == key) {
                        pending.revision = Some(frame.revision);
                    }
                });
                self.edited(frame);
            }
            Err(_) => self.drop_stroke(key),
        });
    }

    fn edited(self, frame: DraftFrame) {
        self.put_frame(frame);
        self.view.update(|v| {
            v.draft.can_undo = true;
            v.draft.can_redo = false;
        });
    }

    pub fn toggle_lock(self) {
        if self.refuses_edit() {
            return;
        }
        let frame = self.playhead.frame.get_untracked();
        let locked = !untrack(|| self.draft_frame(frame)).is_some_and(|f| f.locked);
        let number = self.playhead.clip.with_untracked(|c| c.number(frame));
        self.edit_then(lock_frame(self.shot_id, frame, locked), move |answer| {
            if let Ok(frame) = answer {
                let word = match (locked, frame.painted) {
                    (true, _) => "locked: it stays as it is",
                    (false, false) => "free again",
                    (false, true) => {
                        "free again, but for what is painted on it: “Release paint” hands that back too"
                    }
                };
                self.edited(frame);
                self.toasts.say(format!("Frame {number} is {word}"));
            }
        });
    }

    /// Hands what was painted on the playhead's frame back to the segmenter.
    pub fn release_paint(self) {
        if self.refuses_edit() {
            return;
        }
        let frame = self.playhead.frame.get_untracked();
        let number = self.playhead.clip.with_untracked(|c| c.number(frame));
        self.edit_then(release_paint(self.shot_id, frame), move |answer| {
            if let Ok(frame) = answer {
                self.edited(frame);
                self.toasts
                    .say(format!("Frame {number} is free again: the next growing may change all of it"));
            }
        });
    }

    /// Copies the levels of the frame before or after onto this one.
    pub fn copy_from(self, by: i64) {
        let to = self.playhead.frame.get_untracked();
        let from = i64::from(to) + by;
        let last = self.playhead.clip.with_untracked(|c| c.last());
        let Some(from) = u32::try_from(from).ok().filter(|&f| f <= last) else {
            self.toasts.fail("There is no frame on that side to copy from.");
            return;
        };
        if !self.refuses_edit() {
            self.edit_then(copy_frame(self.shot_id, from, to), move |answer| {
                if let Ok(frame) = answer {
                    self.edited(frame);
                }
            });
        }
    }

    pub fn undo(self) {
        if !self.refuses_edit() {
            self.edit_then(undo(self.shot_id), move |answer| self.went_back(answer, "Nothing to take back"));
        }
    }

    pub fn redo(self) {
        if !self.refuses_edit() {
            self.edit_then(redo(self.shot_id), move |answer| self.went_back(answer, "Nothing to do again"));
        }
    }

    fn went_back(self, answer: Result<Option<Walked>, ApiError>, nothing: &str) {
        match answer {
            Ok(Some(Walked::Frame(frame))) => {
                self.playhead.seek(frame.frame);
                self.put_frame(frame);
                self.refresh_draft();
            }
            Ok(Some(Walked::Cause { before, after })) => self.cause_walked(before, after),
            Ok(Some(Walked::Target { before, after })) => {
                self.toasts.say(match (&before, &after) {
                    (Some(target), None) => format!("{} is gone", target.name),
                    (None, Some(target)) => format!("{} is back", target.name),
                    (_, target) => {
                        let name = target.as_ref().map_or("The target", |target| &target.name);
                        format!("{name}: marks and name as they were then")
                    }
                });
                self.refresh();
            }
            Ok(None) => self.toasts.say(nothing),
            Err(_) => {} // said already
        }
    }

    /// Shows where a cause changed: its card, and the first frame on which its cells or path differ, unless this one does.
    fn cause_walked(self, before: Option<Cause>, after: Option<Cause>) {
        let frame = self.playhead.frame.get_untracked();
        let last = self.playhead.clip.with_untracked(|c| c.last());
        let marks = |cause: &Option<Cause>, at: u32| {
            let Some(cause) = cause else { return (Vec::new(), None) };
            let stop = cause.path.iter().find(|p| p.frame == at).map(|p| (p.x, p.y));
            (cause.cells_at(at).collect::<Vec<_>>(), stop)
        };
        let differs = |at: u32| marks(&before, at) != marks(&after, at);
        if !differs(frame)
            && let Some(at) = (0..=last).find(|&at| differs(at))
        {
            self.playhead.seek(at);
        }
        let shown = after.clone();
        match (before, after) {
            (Some(cause), None) => self.toasts.say(format!("“{}” is gone", cause.name)),
            (None, Some(cause)) => self.toasts.say(format!("“{}” is back", cause.name)),
            _ => {}
        }
        if let Some(cause) = shown {
            self.marking.cause.set(Some(cause.cause_id));
            self.show_cause(cause);
        }
        self.refresh();
    }

    /// Who answers clicks and grows the mask: who was chosen, or what grew it last, or the best that is there.
    pub fn segmenter(self) -> Segmenter {
        self.view.with(|v| {
            let grown = v.draft.grown_by.as_ref().map(|grown| grown.by);
            v.draft.grow_with.or(grown).unwrap_or_else(|| v.engines.segmenter())
        })
    }

    /// Chooses who does, for everybody who marks this shot.
    pub fn choose_segmenter(self, by: Segmenter) {
        if !self.refuses_edit() {
            self.view.update(|v| v.draft.grow_with = Some(by));
            self.write(choose_segmenter(self.shot_id, by));
        }
    }

    /// Grows the primary mask over the shot.
    pub fn propagate(self) {
        if self.refuses_edit() {
            return;
        }
        if !self.view.with_untracked(|v| v.targets.iter().any(Target::is_marked)) {
            self.toasts.fail("Nothing is marked yet: click the target on any frame first.");
            return;
        }
        self.edit_then(start_segment(self.shot_id, untrack(|| self.segmenter())), move |answer| {
            if answer.is_ok() {
                self.refresh();
            }
        });
    }
}
