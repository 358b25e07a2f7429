//! The frame around a project's pages: top bar with search and upload, sequences at the left, workers at the bottom.

use domain::{Action, EventKind, ProjectId, SequenceId};
use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::{use_params_map, use_query_map, use_url};

use crate::api::projects::{CreateSequence, ProjectView, ShotFilter, get_project};
use crate::components::board::{SearchField, filter_of};
use crate::components::layout::{Crumb, NavLink, SideNav, Strip, TopBar};
use crate::components::ui::{
    Button, Dialog, ErrorLine, Failure, Field, Glyph, Icon, IconButton, Kind, Loading,
};
use crate::components::upload::{DropArea, FileButton};
use crate::error::ApiError;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::session::error_of;
use crate::state::settled::settled;

/// The project whose pages these are.
#[derive(Clone, Copy)]
pub struct InProject {
    pub id: Signal<ProjectId>,
    /// Read again when something in the project changes.
    pub view: Resource<Result<ProjectView, ApiError>>,
}

/// Only on pages of a project.
pub fn use_project() -> InProject {
    expect_context()
}

#[component]
pub fn ProjectFrame() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("project").and_then(|id| id.parse::<ProjectId>().ok()));
    let new_sequence = ServerAction::<CreateSequence>::new();
    let changed = use_live().changes(400, move |event| {
        event.project_id == id.get_untracked()
            && matches!(
                event.kind,
                EventKind::Project
                    | EventKind::Shot
                    | EventKind::Quadmask
                    | EventKind::Version
                    | EventKind::People
            )
    });
    let view = Resource::new(
        move || (id.get(), new_sequence.version().get(), changed.get()),
        |(id, ..)| async move { get_project(id.ok_or(ApiError::NotFound)?).await },
    );
    let id = Signal::derive(move || id.get().unwrap_or(ProjectId(Default::default())));
    provide_context(InProject { id, view });
    let pages = Owner::current().expect("a component has an owner");
    view! {
        <Transition fallback=|| view! { <main class="page"><Loading/></main> }>
            <Inside new_sequence pages=pages.clone()/>
        </Transition>
    }
}

#[component]
fn Inside(new_sequence: ServerAction<CreateSequence>, pages: Owner) -> impl IntoView {
    let InProject { id, view } = use_project();
    let failed = settled(move |_| view.get().and_then(Result::err));
    // A reading that failed leaves what was known.
    let known = settled(move |last: Option<&Option<ProjectView>>| {
        let last = || last.cloned().flatten().filter(|last| last.project.project_id == id.get());
        view.get().and_then(Result::ok).or_else(last)
    });
    let missing = settled(move |_| known.with(Option::is_none));
    let may = move |action: Action| {
        known.with(|known| known.as_ref().is_some_and(|known| known.may.contains(&action)))
    };
    let may_upload = Signal::derive(move || may(Action::Upload));
    let name = Signal::derive(move || {
        known.with(|known| known.as_ref().map(|known| known.project.name.clone()).unwrap_or_default())
    });
    let is_archived =
        settled(move |_| known.with(|known| known.as_ref().is_some_and(|known| known.project.is_archived())));
    let query = use_query_map();
    let sequence = Signal::derive(move || query.with(filter_of).sequence_id);
    let nav_open = RwSignal::new(false);
    let url = use_url();
    let on_board = Memo::new(move |_| url.read().path() == href::project(id.get()));
    let frame = move |pages: Owner| {
        view! {
            <DropArea project=id sequence allowed=may_upload>
                <div class="frame">
                    <TopBar
                        middle=view! { <Show when=move || on_board.get()><SearchField project=id/></Show> }.into_any()
                        end=view! {
                            <Show when=move || on_board.get() && may_upload.get()>
                                <span class="top-bar__upload"><FileButton project=id sequence kind=Kind::Primary>
                                    <Icon glyph=Glyph::Upload/> <span class="top-bar__word">"Upload shots"</span>
                                </FileButton></span>
                            </Show>
                            <span class="top-bar__menu">
                                <IconButton icon=Glyph::Bars label="Menu" pressed=nav_open on:click=move |_| nav_open.update(|open| *open = !*open)/>
                            </span>
                        }
                        .into_any()
                    >
                        <Crumb word=name/>
                        <Show when=move || is_archived.get()><span class="badge crumb__badge">"archived"</span></Show>
                    </TopBar>
                    <SideNav open=nav_open>
                        <ProjectNav known new_sequence/>
                    </SideNav>
                    <main class="frame__main">{pages.with(|| view! { <Outlet/> })}</main>
                    <Strip/>
                </div>
            </DropArea>
        }
    };
    move || {
        // Read here: inside, the server would not know that it has to wait for the project.
        let (missing, pages) = (missing.get(), pages.clone());
        leptos::suspense::Unsuspend::new(move || {
            if !missing {
                return frame(pages).into_any();
            }
            match failed.get_untracked() {
                Some(error) => {
                    let retry = move |()| view.refetch();
                    view! {
                        <TopBar/>
                        <main class="page"><Failure error retry/></main>
                    }
                    .into_any()
                }
                None => ().into_any(),
            }
        })
    }
}

#[component]
fn ProjectNav(
    known: Signal<Option<ProjectView>>,
    new_sequence: ServerAction<CreateSequence>,
) -> impl IntoView {
    let InProject { id, .. } = use_project();
    let url = use_url();
    let query = use_query_map();
    let chosen = Memo::new(move |_| query.with(filter_of).sequence_id);
    let on_board = Memo::new(move |_| url.read().path() == href::project(id.get()));
    let all = settled(move |_| {
        known.with(|known| known.as_ref().map(|known| known.counts.iter().map(|(_, n)| n).sum::<u32>()))
    });
    let sequences = settled(move |_| {
        known.with(|known| known.as_ref().map(|known| known.sequences.clone()).unwrap_or_default())
    });
    let may = move |action: Action| {
        known.with(|known| known.as_ref().is_some_and(|known| known.may.contains(&action)))
    };
    let adding = RwSignal::new(false);
    let link = move |of: SequenceId| {
        let found =
            settled(move |_| sequences.with(|all| all.iter().find(|one| one.sequence_id == of).cloned()));
        let to = Signal::derive(move || {
            href::board(id.get(), &ShotFilter { sequence_id: Some(of), ..ShotFilter::default() })
        });
        let word = Signal::derive(move || found.get().map(|found| found.name).unwrap_or_default());
        let count = Signal::derive(move || found.get().map(|found| found.shots));
        let here = Signal::derive(move || on_board.get() && chosen.get() == Some(of));
        view! { <NavLink to word here count/> }
    };
    view! {
        <NavLink
            to=Signal::derive(move || href::project(id.get()))
            word="Shots".to_owned()
            here=Signal::derive(move || on_board.get() && chosen.get().is_none())
            count=all
        />
        <Show when=move || may(Action::ManageProject) || may(Action::ArchiveProject)>
            <NavLink
                to=Signal::derive(move || href::project_settings(id.get()))
                word="Project settings".to_owned()
                here=Signal::derive(move || url.read().path() == href::project_settings(id.get()))
            />
        </Show>
        <div class="nav__caption nav__caption--row">
            <h2 class="caption">"Sequences"</h2>
            <Show when=move || may(Action::Upload)>
                <IconButton icon=Glyph::Add small=true label="New sequence" on:click=move |_| adding.set(true)/>
            </Show>
        </div>
        <For each=move || sequences.with(|all| all.iter().map(|one| one.sequence_id).collect::<Vec<_>>()) key=|of| *of children=link/>
        <Show when=move || sequences.with(Vec::is_empty)>
            <p class="nav__note">"None yet"</p>
        </Show>
        <NewSequence open=adding action=new_sequence/>
    }
}

#[component]
fn NewSequence(open: RwSignal<bool>, action: ServerAction<CreateSequence>) -> impl IntoView {
    let InProject { id, .. } = use_project();
    let error = error_of(action);
    Effect::new(move |_| {
        if action.value().with(|value| matches!(value, Some(Ok(_)))) {
            open.set(false);
        }
    });
    view! {
        <Dialog open title="New sequence".to_owned()>
            <p class="muted">"A sequence groups shots of a project, like NL_204."</p>
            <ActionForm action>
                <div class="form">
                    <input type="hidden" name="project_id" value=move || id.get().to_string()/>
                    <Field label="Name" name="name" max_length=80 autofocus=true/>
                    <ErrorLine error/>
                    <div class="form__end">
                        <Button kind=Kind::Quiet on:click=move |_| open.set(false)>"Cancel"</Button>
                        <Button kind=Kind::Primary submit=true disabled=action.pending()>"Make sequence"</Button>
                    </div>
                </div>
            </ActionForm>
        </Dialog>
    }
}
