//! What the tints mean, over the picture's corner.

use domain::Level;
use leptos::prelude::*;

use crate::state::marking::level_words;

#[component]
pub fn Legend() -> impl IntoView {
    let row = |level: Level| {
        let (word, becomes, token) = level_words(level);
        view! {
            <li class="legend__row">
                <span class="legend__swatch level" data-level=token aria-hidden="true"></span>
                <span>{word}</span>
                <span class="legend__value">{format!("{becomes} · {}", level.grey())}</span>
            </li>
        }
    };
    view! { <ul class="legend" aria-label="Overlay colours">{Level::ALL.map(row).collect_view()}</ul> }
        .into_any()
}
