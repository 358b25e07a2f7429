//! What is taken away of an approved version: the team its package, a guest the movie. Made by a worker when somebody asks,
//! once; seen to grow meanwhile.

use domain::package::{Delivery, Movie, What};
use domain::{Action, JobState, Progress, VersionId};
use leptos::prelude::*;

use crate::api::deliveries::{ask_guest_movie, ask_package};
use crate::components::run::job_card;
use crate::components::ui::{Ago, Button, Select};
use crate::components::words;
use crate::routes::href;
use crate::state::desk::{Desk, use_desk};
use crate::state::visit::Visit;

fn is_approved(desk: Desk, id: VersionId) -> bool {
    desk.view.with(|v| v.deliveries.approved.contains(&id))
}

fn made(desk: Desk, id: VersionId, movie: Movie, what: What) -> Option<Delivery> {
    let is_it = |d: &&Delivery| (d.version_id, d.movie, d.what) == (id, movie, what);
    desk.view.with(|v| v.deliveries.made.iter().find(is_it).cloned())
}

/// The newest job for it, unless that went well.
fn making(desk: Desk, id: VersionId, movie: Movie, what: What) -> Option<Progress> {
    desk.view.with(|v| {
        let jobs = &v.deliveries.jobs;
        let job = jobs.iter().find(|j| (j.version_id, j.movie, j.what) == (id, movie, what)).map(|j| &j.job);
        job.filter(|job| job.state != JobState::Done).cloned()
    })
}

/// What keeps most of the plate.
fn best(desk: Desk) -> Movie {
    desk.view.with_untracked(|v| v.shot.facts.as_ref().map_or(Movie::Prores422Hq, Movie::for_plate))
}

#[component]
fn MovieChoice(movie: RwSignal<Movie>, #[prop(optional)] bare: bool) -> impl IntoView {
    let choices: Vec<(String, String)> = Movie::ALL
        .iter()
        .map(|movie| (movie.slug().to_owned(), format!("{} · {}", movie.word(), movie.purpose())))
        .collect();
    let choose = move |slug: String| {
        if let Ok(chosen) = slug.parse() {
            movie.set(chosen);
        }
    };
    view! {
        <Select
            label="Movie" name="movie" choices=Signal::stored(choices) bare
            value=Signal::derive(move || movie.get().slug().to_owned()) on_change=choose
        />
    }
    .into_any()
}

/// For people of the project.
#[component]
pub fn PackagePanel(id: VersionId, n: u32) -> impl IntoView {
    let desk = use_desk();
    let approved = Memo::new(move |_| is_approved(desk, id));
    let movie = RwSignal::new(best(desk));
    let ready = Memo::new(move |_| made(desk, id, movie.get(), What::Package));
    let job = Memo::new(move |_| making(desk, id, movie.get(), What::Package));
    let body = move || {
        if approved.get() {
            view! {
                <MovieChoice movie/>
                {move || match ready.get() {
                    Some(delivery) => view! { <Take delivery/> }.into_any(),
                    None => view! { <Make id movie job/> }.into_any(),
                }}
            }
            .into_any()
        } else {
            view! {
                <p class="muted">
                    "Once this version is approved, everything that belongs to it is packed here into one file: movie, lossless master, matte, quadmask, causes, report with proof, and the history of decisions."
                </p>
            }
            .into_any()
        }
    };
    view! {
        <section class="panel__section package" aria-label="Package">
            <h2 class="caption">{format!("Package of v{n}")}</h2>
            {body}
        </section>
    }
    .into_any()
}

#[component]
fn Take(delivery: Delivery) -> impl IntoView {
    let Delivery { version_id, movie, what, size_bytes, name, created_at } = delivery;
    let size = words::bytes(u64::try_from(size_bytes).unwrap_or_default());
    view! {
        <div class="package__take">
            <a class="button" data-kind="plain" href=href::delivery(version_id, movie, what) download=true rel="external">
                {format!("Download package, {size}")}
            </a>
            <Ago at=Signal::stored(created_at)/>
        </div>
        <p class="faint package__name">{name}</p>
        <p class="faint">"A download that breaks off goes on where it was. SHA256SUMS inside has the hash of every file."</p>
    }
    .into_any()
}

#[component]
fn Make(id: VersionId, movie: RwSignal<Movie>, job: Memo<Option<Progress>>) -> impl IntoView {
    let desk = use_desk();
    let may = move || desk.may(Action::Deliver);
    // A failed one is tried again from its own card.
    let is_idle =
        Memo::new(move |_| job.with(|job| job.as_ref().is_none_or(|j| j.state == JobState::Cancelled)));
    let ask = move |_| {
        let movie = movie.get_untracked();
        desk.write_then(ask_package(id, movie), move |job| {
            if job.is_some() {
                desk.toasts.say("The package is being made. It appears here by itself.");
            }
        });
    };
    view! {
        {job_card(desk, job)}
        <Show when=move || is_idle.get()>
            <Show
                when=may
                fallback=|| view! { <p class="muted">"It was not made yet. A supervisor, producer or owner has it made."</p> }
            >
                <Button on:click=ask>"Make package"</Button>
            </Show>
        </Show>
    }
    .into_any()
}

/// For guests of a link that grants downloads: the movie of an approved version.
#[component]
pub fn MovieTake(visit: Visit) -> impl IntoView {
    let desk = use_desk();
    let movie = RwSignal::new(Movie::H264);
    let version = Memo::new(move |_| desk.version().map(|v| (v.version_id, v.n)));
    let approved = Memo::new(move |_| version.get().is_some_and(|(id, _)| is_approved(desk, id)));
    let ready = Memo::new(move |_| made(desk, version.get()?.0, movie.get(), What::Movie));
    let job =
        Memo::new(move |_| making(desk, version.get()?.0, movie.get(), What::Movie).map(|job| job.state));
    let ask = move |_| {
        let Some((id, _)) = version.get_untracked() else { return };
        if visit.is_preview {
            desk.toasts.say("This is a preview: the client would have the movie made now");
            return;
        }
        desk.write(ask_guest_movie(visit.token(), id, movie.get_untracked()));
    };
    let act = move || match (ready.get(), job.get()) {
        (Some(delivery), _) => {
            let size = words::bytes(u64::try_from(delivery.size_bytes).unwrap_or_default());
            let to = href::share_delivery(&visit.token(), delivery.version_id, delivery.movie);
            view! { <a class="button" data-kind="plain" href=to download=true rel="external">{format!("Download, {size}")}</a> }
                .into_any()
        }
        (None, Some(JobState::Queued | JobState::Running)) => {
            view! { <p class="muted" role="status">"The movie is being made and appears here by itself."</p> }
                .into_any()
        }
        (None, _) => view! { <Button on:click=ask>"Prepare this movie"</Button> }.into_any(),
    };
    view! {
        <Show when=move || approved.get()>
            <div class="panel__actions package__guest" role="group" aria-label="Movie to take away">
                <MovieChoice movie bare=true/>
                {act}
            </div>
        </Show>
    }
    .into_any()
}

/// The record of decisions as files, for people of the project.
#[component]
pub fn HistoryFiles() -> impl IntoView {
    let desk = use_desk();
    let id = desk.shot_id;
    view! {
        <section class="panel__section" aria-label="History of decisions">
            <h2 class="caption">"History of decisions"</h2>
            <p class="faint">"Who decided what about which hash, every hash computed again and checked for gaps."</p>
            <div class="row">
                <a class="button" data-kind="plain" data-small="true" href=href::history(id, "pdf") download=true rel="external">"History as PDF"</a>
                <a class="button" data-kind="plain" data-small="true" href=href::history(id, "json") download=true rel="external">"History as JSON"</a>
            </div>
        </section>
    }
    .into_any()
}
