//! The keys of comments and drawings.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use crate::components::threads::toggle_resolved;
use crate::state::desk::Desk;
use crate::state::pen::Tip;
use crate::state::talk::Anchor;

/// Acts on a key; whether it was one of these.
pub fn press(desk: Desk, event: &KeyboardEvent) -> bool {
    let pen = desk.talk.pen;
    let key = event.key().to_lowercase();
    if event.ctrl_key() || event.meta_key() {
        // While something is drawn, taking back is about that.
        let undoes = key == "z" && !event.shift_key() && !pen.is_empty();
        if undoes {
            pen.undo();
        }
        return undoes;
    }
    match (key.as_str(), event.shift_key()) {
        ("c", false) => desk.begin_comment(Anchor::Frame),
        ("c", true) => desk.begin_comment(Anchor::Range),
        ("d", false) => take(desk, Tip::Freehand),
        ("t", false) => take(desk, Tip::Text),
        (",", false) => desk.step_thread(false, false),
        (".", false) => desk.step_thread(true, false),
        ("n", shift) => desk.step_thread(!shift, true),
        ("r", false) => resolve(desk),
        ("escape", false) if pen.tip.get_untracked().is_some() => pen.tip.set(None),
        _ => return false,
    }
    true
}

/// Takes a pen, or puts it back.
fn take(desk: Desk, tip: Tip) {
    let pen = desk.talk.pen;
    if pen.tip.get_untracked() == Some(tip) {
        pen.tip.set(None);
        return;
    }
    if desk.talk.writing.get_untracked().is_none() {
        desk.begin_drawing();
    }
    pen.tip.set(Some(tip));
}

fn resolve(desk: Desk) {
    let current = desk.talk.current.get_untracked();
    match current.and_then(|id| untrack(|| desk.talk.thread(id))) {
        Some(thread) => toggle_resolved(desk, &thread),
        None => desk.toasts.say("Choose a comment first: , and . go from one to the next"),
    }
}
