//! Keys of the whole page. A key pressed while somebody types, or while a dialog is open, is theirs.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement};

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

/// Calls `handle` for every key, wherever it is pressed: for chords that mean the same in a field.
pub fn on_any_key(handle: impl Fn(&KeyboardEvent) + Clone + 'static) {
    Effect::new(move |_| {
        let handle = handle.clone();
        let listener = window_event_listener(leptos::ev::keydown, move |event| {
            if !event.default_prevented() {
                handle(&event);
            }
        });
        on_cleanup(move || listener.remove());
    });
}

pub fn is_dialog_open() -> bool {
    is_there("dialog[open]")
}

/// Whether the focus is inside something that fits `selector`.
pub fn is_focus_in(selector: &str) -> bool {
    let at = document().active_element();
    at.is_some_and(|at| at.closest(selector).is_ok_and(|found| found.is_some()))
}

/// Once the page was drawn: gives the focus to the first of these selectors that the page has, where whatever had it is
/// gone. Nothing that has it loses it.
pub fn refocus(wanted: Vec<String>) {
    request_animation_frame(move || {
        let page = document();
        if page.active_element().is_some_and(|at| at.tag_name() != "BODY") {
            return;
        }
        let found = wanted.iter().find_map(|selector| page.query_selector(selector).ok().flatten());
        if let Some(element) = found.and_then(|found| found.dyn_into::<HtmlElement>().ok()) {
            element.focus().ok();
        }
    });
}

/// Whether the page has a search field that `/` belongs to.
pub fn has_own_search() -> bool {
    is_there("input[aria-keyshortcuts='/']")
}

fn is_there(selector: &str) -> bool {
    document().query_selector(selector).is_ok_and(|found| found.is_some())
}

/// Scrolls the list with the id `list` just as far as the element with the id `id` is out of its sight.
pub fn scroll_to(list: &str, id: &str) {
    let (list, element) = (document().get_element_by_id(list), document().get_element_by_id(id));
    let (Some(list), Some(element)) = (list, element) else { return };
    let (seen, rect) = (list.get_bounding_client_rect(), element.get_bounding_client_rect());
    let above = (rect.top() - seen.top()).min(0.0);
    let below = (rect.bottom() - seen.bottom()).max(0.0);
    list.set_scroll_top(list.scroll_top() + (above + below).round() as i32);
}

/// Whether the key belongs to a field or an open dialog.
pub fn is_theirs(event: &KeyboardEvent) -> bool {
    let at = event.target().and_then(|at| at.dyn_into::<Element>().ok());
    let in_field = at.is_some_and(|at| {
        at.closest("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]")
            .is_ok_and(|found| found.is_some())
    });
    in_field || is_dialog_open()
}
