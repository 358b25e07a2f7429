//! All projects the viewer may see, and the making of a new one.

use domain::{Action, EventKind};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use crate::api::projects::{CreateProject, ProjectCard, list_projects};
use crate::components::layout::{SideNav, Strip, TopBar};
use crate::components::ui::{
    Button, Dialog, Empty, ErrorLine, Failure, Field, Glyph, Icon, IconButton, Kind, Loading,
};
use crate::components::words;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::session::{error_of, use_me};

#[component]
pub fn ProjectsPage() -> impl IntoView {
    let me = use_me();
    let create = ServerAction::<CreateProject>::new();
    let changed = use_live().changes(600, |event| {
        matches!(event.kind, EventKind::Project | EventKind::Shot | EventKind::Version | EventKind::Quadmask)
    });
    let projects = Resource::new(move || (changed.get(), create.version().get()), |_| list_projects());
    let adding = RwSignal::new(false);
    let may_create = move || me.may(Action::CreateProject);
    let query = use_query_map();
    let archived = Memo::new(move |_| query.with(|query| query.get("show").as_deref() == Some("archived")));
    let list = move || {
        let archived = archived.get();
        Suspend::new(async move {
            match projects.await {
                Ok(cards) if cards.is_empty() => none(may_create(), adding).into_any(),
                Ok(cards) => {
                    let at_rest = cards.iter().filter(|card| card.project.is_archived()).count() as u32;
                    let shown: Vec<ProjectCard> =
                        cards.into_iter().filter(|card| card.project.is_archived() == archived).collect();
                    let is_empty = shown.is_empty();
                    view! {
                        {(at_rest > 0 || archived).then(|| which(archived, at_rest))}
                        <div class="projects">{shown.into_iter().map(card).collect_view()}</div>
                        {is_empty.then(|| view! {
                            <p class="muted">{if archived { "Nothing is archived." } else { "No project is in work." }}</p>
                        })}
                    }
                    .into_any()
                }
                Err(error) => view! { <Failure error retry=move |()| projects.refetch()/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Projects"/>
        <StudioFrame>
            <header class="page__head">
                <h1>"Projects"</h1>
                <Show when=may_create>
                    <Button kind=Kind::Primary on:click=move |_| adding.set(true)>
                        <Icon glyph=Glyph::Add/> "New project"
                    </Button>
                </Show>
            </header>
            <Transition fallback=Loading>{list}</Transition>
        </StudioFrame>
        <NewProject open=adding action=create/>
    }
}

/// Top bar, navigation and strip of pages that belong to no project.
#[component]
pub fn StudioFrame(children: Children) -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <div class="frame">
            <TopBar end=view! {
                <span class="top-bar__menu">
                    <IconButton icon=Glyph::Bars label="Menu" pressed=open on:click=move |_| open.update(|open| *open = !*open)/>
                </span>
            }.into_any()/>
            <SideNav open/>
            <main class="frame__main page">{children()}</main>
            <Strip/>
        </div>
    }
}

/// In work or archived; the choice lives in the address.
fn which(archived: bool, at_rest: u32) -> impl IntoView {
    view! {
        <nav class="chips projects__which" aria-label="Which projects">
            <a class="chip" href="/" aria-current=(!archived).then_some("true")>"In work"</a>
            <a class="chip" href=href::ARCHIVE aria-current=archived.then_some("true")>"Archived " <span class="chip__count">{at_rest}</span></a>
        </nav>
    }
}

fn card(card: ProjectCard) -> impl IntoView {
    let ProjectCard { project, shots, in_review, running, posters } = card;
    let mosaic = posters.iter().take(4).map(|shot| {
        view! { <img class="project__poster" src=href::poster(*shot) alt="" loading="lazy" decoding="async"/> }
    });
    view! {
        <article class="project">
            <div class="project__mosaic" data-posters=posters.len().min(4).to_string()>{mosaic.collect_view()}</div>
            <div class="project__body">
                <h2 class="project__name">
                    <a class="card__link" href=href::project(project.project_id)>{project.name.clone()}</a>
                    {project.is_demo.then(|| view! { <span class="badge">"Demo"</span> })}
                    {project.is_archived().then(|| view! { <span class="badge">"archived"</span> })}
                </h2>
                <p class="project__line">
                    <span>{words::count(shots, "shot")}</span>
                    {(in_review > 0).then(|| view! { <span data-tone="review" class="toned">"◉ " {in_review} " in review"</span> })}
                    {(running > 0).then(|| view! { <span data-tone="running" class="toned">"◔ " {running} " running"</span> })}
                </p>
            </div>
        </article>
    }
}

fn none(may_create: bool, adding: RwSignal<bool>) -> impl IntoView {
    if may_create {
        view! {
            <Empty
                icon=Glyph::Folder
                title="Make the first project"
                text="A project holds the shots of one film or job, who works on them, and who must approve before anything is removed."
            >
                <Button kind=Kind::Primary on:click=move |_| adding.set(true)>"New project"</Button>
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <Empty
                icon=Glyph::Folder
                title="No project yet"
                text="You see a project here as soon as a producer adds you to it."
            />
        }
        .into_any()
    }
}

#[component]
fn NewProject(open: RwSignal<bool>, action: ServerAction<CreateProject>) -> impl IntoView {
    let error = error_of(action);
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(id)) = action.value().get() {
            open.set(false);
            navigate(&href::project(id), NavigateOptions::default());
        }
    });
    view! {
        <Dialog open title="New project".to_owned()>
            <ActionForm action>
                <div class="form">
                    <Field label="Name" name="name" max_length=80 autofocus=true placeholder="Northlight S02"/>
                    <ErrorLine error/>
                    <div class="form__end">
                        <Button kind=Kind::Quiet on:click=move |_| open.set(false)>"Cancel"</Button>
                        <Button kind=Kind::Primary submit=true disabled=action.pending()>"Make project"</Button>
                    </div>
                </div>
            </ActionForm>
        </Dialog>
    }
}
