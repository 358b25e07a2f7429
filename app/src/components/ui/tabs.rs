//! Tabs over panels of one page. Tabs that are pages of their own are links.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

#[derive(Clone, Copy)]
pub struct Tab {
    /// What `chosen` becomes; the panel has the id `panel-{key}`.
    pub key: &'static str,
    pub word: &'static str,
    /// Shown as a small number when there is one.
    pub count: Signal<Option<u32>>,
}

impl Tab {
    pub fn new(key: &'static str, word: &'static str) -> Self {
        Self { key, word, count: Signal::stored(None) }
    }
}

#[component]
pub fn Tabs(#[prop(into)] label: String, tabs: Vec<Tab>, chosen: RwSignal<&'static str>) -> impl IntoView {
    let keys: Vec<&'static str> = tabs.iter().map(|tab| tab.key).collect();
    let on_key = move |event: KeyboardEvent| {
        let at = keys.iter().position(|key| *key == chosen.get_untracked()).unwrap_or(0);
        let to = match event.key().as_str() {
            "ArrowRight" => (at + 1) % keys.len(),
            "ArrowLeft" => (at + keys.len() - 1) % keys.len(),
            "Home" => 0,
            "End" => keys.len() - 1,
            _ => return,
        };
        event.prevent_default();
        chosen.set(keys[to]);
        let tab = document().get_element_by_id(&format!("tab-{}", keys[to]));
        if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<leptos::web_sys::HtmlElement>().ok()) {
            tab.focus().ok();
        }
    };
    let tab = move |Tab { key, word, count }: Tab| {
        let on = move || chosen.get() == key;
        view! {
            <button
                type="button"
                role="tab"
                class="tabs__tab"
                id=format!("tab-{key}")
                aria-controls=format!("panel-{key}")
                aria-selected=move || if on() { "true" } else { "false" }
                tabindex=move || if on() { "0" } else { "-1" }
                on:click=move |_| chosen.set(key)
            >
                {word}
                {move || count.get().map(|n| view! { <span class="count">{n}</span> })}
            </button>
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label=label on:keydown=on_key>
            {tabs.into_iter().map(tab).collect_view()}
        </div>
    }
}
