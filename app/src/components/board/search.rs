//! The search field in the top bar: part of a name, kept in the address. `/` puts the cursor into it.

use std::time::Duration;

use domain::ProjectId;
use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::filter::filter_of;
use crate::api::projects::{ShotFilter, Sort};
use crate::browser::keys;
use crate::components::ui::{Glyph, Icon, use_key_map};
use crate::routes::href;

#[component]
pub fn SearchField(project: Signal<ProjectId>) -> impl IntoView {
    let query = use_query_map();
    let filter = Memo::new(move |_| query.with(filter_of));
    let map = use_key_map();
    let field = NodeRef::<html::Input>::new();
    keys::on_key(move |event| {
        if event.key() == "/" && map.single.get_untracked() {
            event.prevent_default();
            if let Some(field) = field.get_untracked() {
                field.focus().ok();
                field.select();
            }
        }
    });
    // The field is its own while somebody types: the address has the words without the blank that the next word waits for.
    let words = Memo::new(move |_| filter.with(|filter| filter.q.clone()));
    Effect::new(move |_| {
        let words = words.get();
        if let Some(field) = field.get()
            && field.value().trim() != words
        {
            field.set_value(&words);
        }
    });
    let navigate = use_navigate();
    let go = move |q: String| {
        let now = filter.get_untracked();
        if now.q != q.trim() {
            let to = href::board(project.get_untracked(), &ShotFilter { q: q.trim().to_owned(), ..now });
            navigate(&to, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
        }
    };
    let mut typed = debounce(Duration::from_millis(220), go.clone());
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            go(field.value());
        }
    };
    let statuses = move || {
        filter.with(|filter| filter.phases.iter().map(|phase| phase.slug()).collect::<Vec<_>>().join(","))
    };
    view! {
        <form class="search" role="search" method="get" action=move || href::project(project.get()) on:submit=on_submit>
            <Icon glyph=Glyph::Search/>
            <input
                node_ref=field
                class="search__field"
                type="search"
                name="q"
                placeholder="Search shots"
                aria-label="Search shots by name"
                aria-keyshortcuts="/"
                autocomplete="off"
                value=words.get_untracked()
                on:input=move |event| typed(event_target_value(&event))
            />
            <kbd class="search__key" aria-hidden="true">"/"</kbd>
            // Before the client has loaded, the form itself carries the rest of the filter.
            <Show when=move || filter.with(|filter| !filter.phases.is_empty())>
                <input type="hidden" name="status" value=statuses/>
            </Show>
            <Show when=move || filter.with(|filter| filter.sequence_id.is_some())>
                <input type="hidden" name="sequence" value=move || filter.with(|filter| filter.sequence_id.map(|id| id.to_string()))/>
            </Show>
            <Show when=move || filter.with(|filter| filter.assigned.is_some())>
                <input type="hidden" name="assigned" value=move || filter.with(|filter| filter.assigned.map(|to| to.slug()))/>
            </Show>
            <Show when=move || filter.with(|filter| filter.due.is_some())>
                <input type="hidden" name="due" value=move || filter.with(|filter| filter.due.map(|due| due.slug()))/>
            </Show>
            <Show when=move || filter.with(|filter| filter.sort == Sort::Name)>
                <input type="hidden" name="sort" value="name"/>
            </Show>
        </form>
    }
}
