//! The sheet that `?` opens: every key of the page, searchable. Pages say which keys they have; nothing here acts on them.

use leptos::prelude::*;

use super::{Check, Dialog};
use crate::browser::{keys, store};

/// Key or keys joined by `+`, several ways separated by spaces; and what it does.
pub type Rows = &'static [(&'static str, &'static str)];

const STORED: &str = "minus-one:single-keys";

#[derive(Clone, Copy)]
pub struct KeyMap {
    groups: RwSignal<Vec<(&'static str, Rows)>>,
    pub open: RwSignal<bool>,
    /// Off: single letters do nothing, for people who dictate (WCAG 2.1.4).
    pub single: RwSignal<bool>,
}

impl KeyMap {
    /// Lists `rows` in the sheet for as long as the calling component lives.
    pub fn show(self, title: &'static str, rows: Rows) {
        self.groups.update(|groups| groups.push((title, rows)));
        on_cleanup(move || {
            self.groups.try_update(|groups| groups.retain(|group| group.0 != title));
        });
    }
}

pub fn provide_key_map() {
    let map =
        KeyMap { groups: RwSignal::new(Vec::new()), open: RwSignal::new(false), single: RwSignal::new(true) };
    provide_context(map);
    Effect::new(move |_| {
        if store::get(STORED).as_deref() == Some("off") {
            map.single.set(false);
        }
    });
}

/// Only below `App`.
pub fn use_key_map() -> KeyMap {
    expect_context()
}

#[component]
pub fn KeySheet() -> impl IntoView {
    let map = use_key_map();
    map.show(
        "Everywhere",
        &[
            ("?", "This sheet"),
            ("/", "Search"),
            ("Ctrl+K", "Search everything"),
            ("Tab", "Next control"),
            ("Escape", "Close what is open"),
        ],
    );
    keys::on_key(move |event| {
        if event.key() == "?" {
            event.prevent_default();
            map.open.set(true);
        }
    });
    let words = RwSignal::new(String::new());
    view! {
        <Dialog open=map.open title="Keys" wide=true>
            <input
                class="field__input"
                type="search"
                placeholder="Search keys"
                aria-label="Search keys"
                autofocus=true
                on:input=move |event| words.set(event_target_value(&event).to_lowercase())
            />
            <div class="keysheet__groups">
                {move || {
                    let words = words.get();
                    map.groups.get().into_iter().map(|(title, rows)| group(title, rows, &words)).collect_view()
                }}
            </div>
            <Check
                label="Single-letter keys"
                checked=map.single
                on_change=move |on| {
                    map.single.set(on);
                    store::set(STORED, if on { "on" } else { "off" });
                }
            />
        </Dialog>
    }
}

fn group(title: &'static str, rows: Rows, words: &str) -> Option<AnyView> {
    let found: Vec<_> = rows
        .iter()
        .filter(|(keys, does)| does.to_lowercase().contains(words) || keys.to_lowercase() == words)
        .map(|&(keys, does)| {
            let keys = keys.split(' ').map(|key| view! { <kbd>{key}</kbd> }).collect_view();
            view! {
                <div class="keysheet__row">
                    <span>{does}</span>
                    <span class="keysheet__keys">{keys}</span>
                </div>
            }
        })
        .collect();
    (!found.is_empty()).then(|| {
        view! {
            <section class="keysheet__group">
                <h3 class="caption">{title}</h3>
                {found}
            </section>
        }
        .into_any()
    })
}
