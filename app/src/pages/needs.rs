//! “Needs me”: everything that waits for the viewer, over all their projects.

use domain::{EventKind, ShotId, ThreadId};
use leptos::prelude::*;
use leptos_meta::Title;

use super::projects::StudioFrame;
use crate::api::work::{Need, list_needs};
use crate::components::ui::{Ago, Empty, Failure, Glyph, Loading};
use crate::components::work::DueMark;
use crate::error::ApiError;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::settled::settled;

#[component]
pub fn NeedsPage() -> impl IntoView {
    let heard = use_live().changes(400, |event| {
        !matches!(
            event.kind,
            EventKind::Job { .. } | EventKind::Frames { .. } | EventKind::Editor | EventKind::Brief
        )
    });
    let needs = Resource::new(move || heard.get(), |_| list_needs());
    view! {
        <Title text="Needs me"/>
        <StudioFrame>
            <header class="page__head"><h1>"Needs me"</h1></header>
            <Transition fallback=Loading><Rows needs/></Transition>
        </StudioFrame>
    }
}

#[component]
fn Rows(needs: Resource<Result<Vec<Need>, ApiError>>) -> impl IntoView {
    let failed = settled(move |_| needs.get().and_then(Result::err));
    let known = settled(move |last: Option<&Option<Vec<Need>>>| {
        needs.get().and_then(Result::ok).or_else(|| last.cloned().flatten())
    });
    let is_empty = settled(move |_| known.with(|known| known.as_ref().is_some_and(Vec::is_empty)));
    // What comes first changes; who is on a row stays on it.
    let keys = move || known.with(|known| known.iter().flatten().map(key_of).collect::<Vec<Key>>());
    let one = move |key: Key| {
        let need = settled(move |_| {
            known.with(|known| known.iter().flatten().find(|need| key_of(need) == key).cloned())
        });
        move || need.get().map(row)
    };
    view! {
        {move || failed.get().filter(|_| known.with(Option::is_none)).map(|error| {
            view! { <Failure error retry=move |()| needs.refetch()/> }
        })}
        <ol class="rows" aria-label="What waits for you">
            <For each=keys key=|key| *key children=one/>
        </ol>
        <Show when=move || is_empty.get()>
            <Empty
                icon=Glyph::Check
                title="Nothing waits for you"
                text="Shots that are assigned to you, decisions that are yours to make and questions to you appear here as they come."
            />
        </Show>
    }
}

/// A shot asks one thing of somebody, and so does each thread.
type Key = (ShotId, Option<ThreadId>);

fn key_of(need: &Need) -> Key {
    (need.shot_id, need.thread_id)
}

fn row(need: Need) -> impl IntoView {
    let (icon, tone) = need.asked.mark();
    let to = href::thread(need.shot_id, need.asked.tab(), need.thread_id);
    let poster = need.has_poster.then(|| {
        view! { <img class="row__poster" src=href::poster(need.shot_id) alt="" loading="lazy" decoding="async"/> }
    });
    let since = need.since;
    view! {
        <li class="row">
            <span class="row__picture">{poster}</span>
            <span class="row__words">
                <a class="row__link" href=to>{need.shot_name}</a>
                <span class="row__of">{need.project_name}</span>
                <span class="row__said" data-tone=tone>
                    <span class="toned" aria-hidden="true">{icon}</span> " " {need.sentence}
                </span>
            </span>
            <span class="row__when">
                {need.due.map(|due| view! { <DueMark due/> })}
                <span class="faint"><Ago at=Signal::stored(since)/></span>
            </span>
        </li>
    }
}
