//! The board: a project's shots, filtered by the address.

use domain::Action;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::project::{InProject, use_project};
use crate::api::projects::{ProjectView, list_shots};
use crate::components::board::{BoardGrid, ChooseButton, Choosing, ChosenBar, FilterBar, filter_of};
use crate::components::ui::{Failure, Loading, use_key_map};
use crate::components::upload::Unfinished;
use crate::components::work::WorkFilter;
use crate::state::session::use_me;
use crate::state::settled::settled;

/// Cards in the first answer; more come as one scrolls.
const FIRST: u32 = 60;

#[component]
pub fn BoardPage() -> impl IntoView {
    let InProject { id, .. } = use_project();
    let me = use_me();
    let query = use_query_map();
    let filter = Memo::new(move |_| query.with(filter_of));
    let first = Resource::new(
        move || (id.get(), filter.get()),
        |(id, filter)| async move { list_shots(id, filter.clone(), 0, FIRST).await.map(|page| (filter, page)) },
    );
    if untrack(|| me.may(Action::Assign)) {
        provide_context(Choosing::new());
    }
    use_key_map().show("Board", &[("/", "Search shots"), ("Enter", "Open the shot in focus")]);
    let board = move || {
        Suspend::new(async move {
            // Nothing else is awaited here: whatever were, its next reading would make the grid anew from an old page.
            match first.await {
                Ok((filter, page)) => {
                    let may_upload = page.may_upload;
                    view! {
                        <BoardGrid project=id.get_untracked() filter first=page may_upload>
                            <Head/>
                        </BoardGrid>
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| first.refetch()/> }.into_any(),
            }
        })
    };
    view! { <Transition fallback=Loading>{board}</Transition> }
}

#[component]
fn Head() -> impl IntoView {
    let InProject { id, view } = use_project();
    let query = use_query_map();
    let filter = Signal::derive(move || query.with(filter_of));
    let known = settled(move |last: Option<&Option<ProjectView>>| {
        view.get().and_then(Result::ok).or_else(|| last.cloned().flatten())
    });
    let counts = Signal::derive(move || {
        known.with(|known| known.as_ref().map(|known| known.counts.clone()).unwrap_or_default())
    });
    let people = settled(move |_| {
        known.with(|known| known.as_ref().map(|known| known.people.clone()).unwrap_or_default())
    });
    let sees_work = settled(move |_| {
        known.with(|known| known.as_ref().is_some_and(|known| known.may.contains(&Action::ViewShot)))
    });
    let may_assign = settled(move |_| {
        known.with(|known| known.as_ref().is_some_and(|known| known.may.contains(&Action::Assign)))
    });
    let is_archived =
        settled(move |_| known.with(|known| known.as_ref().is_some_and(|known| known.project.is_archived())));
    let name = move || {
        known.with(|known| known.as_ref().map(|known| known.project.name.clone()).unwrap_or_default())
    };
    // The server writes it last; see `said_now`. Here the name may not be known at first.
    let title = move || {
        let known = known
            .try_with(Clone::clone)
            .or_else(|| view.try_get_untracked().map(|there| there.and_then(Result::ok)));
        known.flatten().map(|known| known.project.name).unwrap_or_default()
    };
    view! {
        <Title text=title/>
        <header class="board__head">
            <h1><span class="board__of">{name} " / "</span> "Shots"</h1>
            <FilterBar project=id filter counts/>
            <Show when=move || sees_work.get()><WorkFilter project=id filter people/></Show>
            <Show when=move || may_assign.get()><ChooseButton/></Show>
        </header>
        <Show when=move || is_archived.get()><p class="notice" role="note">{domain::project::ARCHIVED}</p></Show>
        <Unfinished project=id/>
        <ChosenBar people/>
    }
}
