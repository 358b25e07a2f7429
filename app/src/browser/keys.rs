//! Keys of the whole page. A key pressed while somebody types, or while a dialog is open, is theirs.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;

/// Calls `handle` for keys pressed outside of fields and dialogs, for as long as the calling component lives.
pub fn on_key(handle: impl Fn(&KeyboardEvent) + Clone + 'static) {
    Effect::new(move |_| {
        let handle = handle.clone();
        let listener = window_event_listener(leptos::ev::keydown, move |event| {
            if !event.default_prevented() && !is_theirs(&event) {
                handle(&event);
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// Whether the key belongs to a field or an open dialog.
pub fn is_theirs(event: &KeyboardEvent) -> bool {
    let at = event.target().and_then(|at| at.dyn_into::<Element>().ok());
    let in_field = at.is_some_and(|at| {
        at.closest("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]")
            .is_ok_and(|found| found.is_some())
    });
    in_field || document().query_selector("dialog[open]").is_ok_and(|found| found.is_some())
}
