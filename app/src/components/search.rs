//! The search over everything one sees: a dialog that Ctrl+K opens on every page, and `/` where the page has no search of its
//! own. Arrow keys choose, Enter opens.

use std::time::Duration;

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::search::{CommentHit, Hits, ShotHit, search};
use crate::browser::keys;
use crate::components::board::tab_of;
use crate::components::ui::{Ago, Dialog, Empty, ErrorLine, Glyph, Icon, StatusChip, use_key_map};
use crate::error::ApiError;
use crate::routes::href;

#[component]
pub fn SearchDialog(open: RwSignal<bool>) -> impl IntoView {
    let map = use_key_map();
    keys::on_any_key(move |event| {
        let is_chord = (event.ctrl_key() || event.meta_key()) && !event.alt_key() && !event.shift_key();
        if is_chord && event.key().eq_ignore_ascii_case("k") && !keys::is_dialog_open() {
            event.prevent_default();
            open.set(true);
        }
    });
    keys::on_key(move |event| {
        let is_plain = !event.ctrl_key() && !event.meta_key() && !event.alt_key();
        if event.key() == "/" && is_plain && map.single.get_untracked() && !keys::has_own_search() {
            event.prevent_default();
            open.set(true);
        }
    });
    view! {
        <Dialog open title="Search everything" wide=true>
            <Panel open/>
        </Dialog>
    }
}

/// The id of the list of results.
const LIST: &str = "search-hits";

/// Addresses of the results in the order in which they stand.
fn addresses(hits: &Hits) -> Vec<String> {
    let shots = hits.shots.iter().map(|hit| href::shot(hit.shot_id, tab_of(hit.phase)));
    let comments = hits.comments.iter().map(|hit| href::thread(hit.shot_id, "review", Some(hit.thread_id)));
    shots.chain(comments).collect()
}

#[component]
fn Panel(open: RwSignal<bool>) -> impl IntoView {
    let hits = RwSignal::new(None::<Hits>);
    let error = RwSignal::new(None::<ApiError>);
    // What the results are of; the answer to an older question is not shown.
    let asked = RwSignal::new(String::new());
    let at = RwSignal::new(0_usize);
    let ask = move |q: String| {
        let q = q.trim().to_owned();
        if asked.with_untracked(|asked| *asked == q) {
            return;
        }
        asked.set(q.clone());
        if q.is_empty() {
            hits.set(None);
            return;
        }
        spawn_local(async move {
            let answer = search(q.clone()).await;
            if asked.try_with_untracked(|asked| *asked == q) != Some(true) {
                return;
            }
            match answer {
                Ok(found) => {
                    error.set(None);
                    at.set(0);
                    hits.set(Some(found));
                }
                Err(failed) => error.set(Some(failed)),
            }
        });
    };
    let mut typed = debounce(Duration::from_millis(160), ask);
    let count =
        move || hits.with_untracked(|hits| hits.as_ref().map_or(0, |h| h.shots.len() + h.comments.len()));
    let on_key = move |event: KeyboardEvent| {
        let (now, last) = (at.get_untracked(), count().saturating_sub(1));
        let next = match event.key().as_str() {
            "ArrowDown" => (now + 1).min(last),
            "ArrowUp" => now.saturating_sub(1),
            _ => return,
        };
        event.prevent_default();
        at.set(next);
        keys::scroll_to(LIST, &id_of(next));
    };
    let navigate = use_navigate();
    let on_submit = move |event: SubmitEvent| {
        event.prevent_default();
        let to = hits.with_untracked(|hits| addresses(hits.as_ref()?).get(at.get_untracked()).cloned());
        if let Some(to) = to {
            open.set(false);
            navigate(&to, NavigateOptions::default());
        }
    };
    let is_there = move || {
        hits.with(|hits| hits.as_ref().is_some_and(|h| !h.shots.is_empty() || !h.comments.is_empty()))
    };
    let is_nothing = move || hits.with(Option::is_some) && !is_there();
    let failed = Signal::derive(move || error.get().map(|error| error.to_string()));
    view! {
        <form class="search search--wide" role="search" on:submit=on_submit>
            <Icon glyph=Glyph::Search/>
            <input
                class="search__field"
                type="search"
                placeholder="Shots, what is removed, sequences, comments"
                aria-label="Search everything"
                autocomplete="off"
                autofocus=true
                role="combobox"
                aria-autocomplete="list"
                aria-expanded=move || if is_there() { "true" } else { "false" }
                aria-controls=move || is_there().then_some(LIST)
                aria-activedescendant=move || is_there().then(|| id_of(at.get()))
                on:input=move |event| typed(event_target_value(&event))
                on:keydown=on_key
            />
        </form>
        <ErrorLine error=failed/>
        <Show when=move || hits.with(Option::is_none)>
            <p class="muted">"Finds names of shots, what is to be removed, sequences, and what was said, in every project you see."</p>
        </Show>
        <Show when=is_nothing>
            <Empty icon=Glyph::Search title="Nothing found" text="No shot and no comment that you see has all of these words."/>
        </Show>
        <Show when=is_there>
            <div class="hits" id=LIST role="listbox" aria-label="Results">
                {move || hits.get().map(|hits| list(hits, at, open))}
            </div>
        </Show>
    }
}

fn id_of(place: usize) -> String {
    format!("search-hit-{place}")
}

fn list(hits: Hits, at: RwSignal<usize>, open: RwSignal<bool>) -> impl IntoView {
    let to = addresses(&hits);
    let Hits { shots, comments } = hits;
    let first_comment = shots.len();
    let hit = move |place: usize, to: String, words: AnyView| {
        view! {
            <a
                class="hits__hit" id=id_of(place) role="option" href=to
                aria-selected=move || if at.get() == place { "true" } else { "false" }
                on:click=move |_| open.set(false)
                on:pointermove=move |_| if at.get_untracked() != place { at.set(place) }
            >
                {words}
            </a>
        }
    };
    let shots: Vec<_> = shots
        .into_iter()
        .zip(&to)
        .enumerate()
        .map(|(n, (shot, to))| hit(n, to.clone(), of_shot(shot)))
        .collect();
    let comments: Vec<_> = comments
        .into_iter()
        .zip(&to[first_comment..])
        .enumerate()
        .map(|(n, (comment, to))| hit(first_comment + n, to.clone(), of_comment(comment)))
        .collect();
    let group = |title: &'static str, hits: Vec<_>| {
        (!hits.is_empty()).then(|| {
            view! {
                <div class="hits__group" role="group" aria-label=title>
                    <p class="caption" aria-hidden="true">{title}</p>
                    {hits}
                </div>
            }
        })
    };
    (group("Shots", shots), group("Comments", comments))
}

fn of_shot(hit: ShotHit) -> AnyView {
    let ShotHit { shot_id, name, project_name, about, phase, has_poster } = hit;
    let poster = has_poster
        .then(|| view! { <img class="row__poster" src=href::poster(shot_id) alt="" loading="lazy"/> });
    view! {
        <span class="hits__picture">{poster}</span>
        <span class="hits__words">
            <span class="hits__name">{name}</span>
            <span class="row__of">{project_name}</span>
            <span class="hits__about">{about}</span>
        </span>
        <StatusChip phase=Signal::stored(phase)/>
    }
    .into_any()
}

fn of_comment(hit: CommentHit) -> AnyView {
    let CommentHit { shot_name, project_name, author, excerpt, at, .. } = hit;
    view! {
        <span class="hits__words">
            <span class="hits__name">{author.unwrap_or_else(|| "Somebody".to_owned())}</span>
            <span class="row__of">{shot_name} " · " {project_name}</span>
            <span class="hits__about">{excerpt}</span>
        </span>
        <span class="faint"><Ago at=Signal::stored(at)/></span>
    }
    .into_any()
}
