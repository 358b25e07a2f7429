//! The strip at the bottom: what the workers do, how long the queue is, whether changes of others arrive.

use domain::{Action, EventKind, JobState};
use leptos::prelude::*;

use crate::api::jobs::{JobRow, JobsView, WorkerRow, list_jobs};
use crate::components::ui::ProgressBar;
use crate::routes::href;
use crate::state::live::{Connection, use_live};
use crate::state::session::use_me;

#[component]
pub fn Strip() -> impl IntoView {
    let live = use_live();
    let connection = live.connection();
    let me = use_me();
    // Made here and not in a `Show`: what is made while the page before it still waits for its data would be counted in
    // another order by the server than by the client, and each would look for the other's data.
    let work = untrack(|| me.may(Action::ViewJobs)).then(|| view! { <Work/> });
    view! {
        <footer class="strip">
            {work}
            <span class="strip__end" role="status">
                {move || match connection.get() {
                    Connection::Off => view! { <span></span> }.into_any(),
                    Connection::Live => view! { <span>"Live"</span> }.into_any(),
                    Connection::Lost => {
                        view! { <span data-tone="changes" class="strip__lost">"! Connection lost; trying again"</span> }
                            .into_any()
                    }
                }}
            </span>
        </footer>
    }
}

#[component]
fn Work() -> impl IntoView {
    let changed = use_live().changes(1500, |event| matches!(event.kind, EventKind::Job { .. }));
    let jobs = Resource::new(move || changed.get(), |_| list_jobs());
    view! {
        <Transition>
            {move || Suspend::new(async move { jobs.await.ok().map(summary) })}
        </Transition>
    }
}

fn summary(JobsView { open, workers, warning, .. }: JobsView) -> impl IntoView {
    let queued = open.iter().filter(|row| row.progress.state == JobState::Queued).count();
    let alive: Vec<AnyView> = workers
        .iter()
        .filter(|worker| worker.is_alive)
        .take(3)
        .map(|worker| worker_line(worker, &open))
        .collect();
    view! {
        <a class="strip__work" href=href::JOBS>
            {warning.map(|text| view! { <span class="strip__warning" data-tone="changes">"! " {text}</span> })}
            {alive}
            <span>{format!("Queue: {queued}")}</span>
        </a>
    }
}

fn worker_line(worker: &WorkerRow, open: &[JobRow]) -> AnyView {
    let job = open.iter().find(|row| Some(row.progress.job_id) == worker.job_id);
    let text = match job {
        None => format!("{} · idle", worker.host),
        Some(row) => {
            let about = row.shot_name.as_deref().or(row.project_name.as_deref()).unwrap_or("studio");
            format!(
                "{} · {about} · {}",
                worker.host,
                domain::job::title_of_kind(&row.progress.kind).to_lowercase()
            )
        }
    };
    let bar = job.map(|row| {
        let part = row.progress.fraction;
        view! { <ProgressBar part=Signal::stored(part) label="How far the job is"/> }
    });
    view! {
        <span class="strip__worker">
            <span class="strip__dot" data-tone=if job.is_some() { "running" } else { "approved" } aria-hidden="true">"●"</span>
            {text}
            {bar}
        </span>
    }
    .into_any()
}
