//! The queue, its workers, what was done, and logs.

use domain::{EventKind, JobId, JobState, Progress};
use leptos::prelude::*;
use leptos_meta::Title;

use super::projects::StudioFrame;
use crate::api::jobs::{CancelJob, JobRow, JobsView, RetryJob, SetPriority, WorkerRow, job_log, list_jobs};
use crate::components::ui::{
    Ago, Button, Empty, Failure, Glyph, IconButton, Kind, Loading, ProgressBar, use_toasts,
};
use crate::components::words;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::session::error_of;
use crate::state::settled::settled;

#[derive(Clone, Copy)]
struct Changes {
    cancel: ServerAction<CancelJob>,
    retry: ServerAction<RetryJob>,
    priority: ServerAction<SetPriority>,
}

#[component]
pub fn JobsPage() -> impl IntoView {
    let changes =
        Changes { cancel: ServerAction::new(), retry: ServerAction::new(), priority: ServerAction::new() };
    let heard = use_live().changes(700, |event| matches!(event.kind, EventKind::Job { .. }));
    let jobs = Resource::new(
        move || {
            let Changes { cancel, retry, priority } = changes;
            (heard.get(), cancel.version().get(), retry.version().get(), priority.version().get())
        },
        |_| list_jobs(),
    );
    let toasts = use_toasts();
    for error in [error_of(changes.cancel), error_of(changes.retry), error_of(changes.priority)] {
        Effect::new(move |_| {
            if let Some(error) = error.get() {
                toasts.fail(error);
            }
        });
    }
    view! {
        <Title text="Jobs & workers"/>
        <StudioFrame>
            <header class="page__head"><h1>"Jobs & workers"</h1></header>
            <Transition fallback=Loading><Tables jobs changes/></Transition>
        </StudioFrame>
    }
}

#[component]
fn Tables(jobs: Resource<Result<JobsView, crate::error::ApiError>>, changes: Changes) -> impl IntoView {
    let failed = settled(move |_| jobs.get().and_then(Result::err));
    let known = settled(move |last: Option<&Option<JobsView>>| {
        jobs.get().and_then(Result::ok).or_else(|| last.cloned().flatten())
    });
    let warning =
        settled(move |_| known.with(|known| known.as_ref().and_then(|known| known.warning.clone())));
    let workers = settled(move |_| {
        known.with(|known| known.as_ref().map(|known| known.workers.clone()).unwrap_or_default())
    });
    let rows = move |over: bool| {
        settled(move |_| {
            known.with(|known| {
                known
                    .as_ref()
                    .map(|known| if over { known.over.clone() } else { known.open.clone() })
                    .unwrap_or_default()
            })
        })
    };
    let (open, over) = (rows(false), rows(true));
    let row = move |rows: Signal<Vec<JobRow>>, id: JobId| {
        let row =
            settled(move |_| rows.with(|rows| rows.iter().find(|row| row.progress.job_id == id).cloned()));
        view! { <Row id row changes/> }
    };
    let ids = |rows: Signal<Vec<JobRow>>| {
        move || rows.with(|rows| rows.iter().map(|row| row.progress.job_id).collect::<Vec<_>>())
    };
    view! {
        {move || failed.get().filter(|_| known.with(Option::is_none)).map(|error| {
            view! { <Failure error retry=move |()| jobs.refetch()/> }
        })}
        {move || warning.get().map(|text| view! { <p class="warning-line" data-tone="changes" role="alert">"! " {text}</p> })}
        <section class="jobs">
            <h2 class="caption">"Workers"</h2>
            <div class="workers">
                {move || workers.get().into_iter().map(|worker| worker_card(worker, open)).collect_view()}
                <Show when=move || workers.with(Vec::is_empty)><p class="muted">"None has been seen yet."</p></Show>
            </div>
        </section>
        <section class="jobs">
            <h2 class="caption">"Queue"</h2>
            <For each=ids(open) key=|id| *id children=move |id| row(open, id)/>
            <Show when=move || open.with(Vec::is_empty)>
                <p class="muted">"Nothing to do. Jobs appear when a shot is added, a mask grows or a removal starts."</p>
            </Show>
        </section>
        <section class="jobs">
            <h2 class="caption">"History"</h2>
            <For each=ids(over) key=|id| *id children=move |id| row(over, id)/>
            <Show when=move || over.with(Vec::is_empty)>
                <Empty icon=Glyph::Jobs title="No job has finished yet" text="The last hundred are kept here with their logs."/>
            </Show>
        </section>
    }
}

fn worker_card(worker: WorkerRow, open: Signal<Vec<JobRow>>) -> impl IntoView {
    let WorkerRow { worker: _, host, about, is_alive, job_id, seen_at } = worker;
    let job = move || {
        open.with(|open| {
            let row = open.iter().find(|row| job_id == Some(row.progress.job_id))?;
            Some(format!("{}{}", domain::job::title_of_kind(&row.progress.kind), of_shot(row)))
        })
    };
    view! {
        <article class="worker" data-tone=if is_alive { "approved" } else { "failed" }>
            <h3><span class="toned" aria-hidden="true">"● "</span>{host}</h3>
            <p class="muted">{about}</p>
            <p class="faint">
                {if is_alive {
                    view! { {move || job().unwrap_or_else(|| "idle".to_owned())} }.into_any()
                } else {
                    view! { "gone · last seen " <Ago at=Signal::stored(seen_at)/> }.into_any()
                }}
            </p>
        </article>
    }
}

fn of_shot(row: &JobRow) -> String {
    match (&row.shot_name, &row.project_name) {
        (Some(shot), Some(project)) => format!(" · {shot} · {project}"),
        (Some(name), None) | (None, Some(name)) => format!(" · {name}"),
        (None, None) => String::new(),
    }
}

fn tone_of(state: JobState) -> (&'static str, &'static str) {
    match state {
        JobState::Queued => ("○", "idle"),
        JobState::Running => ("◔", "running"),
        JobState::Done => ("✓", "approved"),
        JobState::Failed => ("✕", "failed"),
        JobState::Cancelled => ("❚❚", "hold"),
    }
}

#[component]
fn Row(id: JobId, row: Signal<Option<JobRow>>, changes: Changes) -> impl IntoView {
    let progress = settled(move |_| row.with(|row| row.as_ref().map(|row| row.progress.clone())));
    let of = move |read: fn(&Progress) -> Option<String>| {
        move || progress.with(|progress| progress.as_ref().and_then(read))
    };
    let state = settled(move |_| {
        progress.with(|progress| progress.as_ref().map_or(JobState::Queued, |progress| progress.state))
    });
    let is_cancelling =
        settled(move |_| progress.with(|progress| progress.as_ref().is_some_and(Progress::is_cancelling)));
    let word = move || progress.with(|progress| progress.as_ref().map_or("", Progress::word));
    let priority =
        settled(move |_| progress.with(|progress| progress.as_ref().map_or(0, |progress| progress.priority)));
    let manage = settled(move |_| row.with(|row| row.as_ref().is_some_and(|row| row.may_manage)));
    let part = Signal::derive(move || {
        progress.with(|progress| progress.as_ref().map_or(0.0, |progress| progress.fraction))
    });
    let at = Signal::derive(move || {
        progress.with(|p| p.as_ref().map_or(0, |p| p.finished_at.or(p.started_at).unwrap_or(p.created_at)))
    });
    let title = move || {
        row.with(|row| row.as_ref().map(|row| domain::job::title_of_kind(&row.progress.kind)))
            .unwrap_or_default()
    };
    let place = move || {
        row.with(|row| {
            let row = row.as_ref()?;
            let text = of_shot(row);
            Some(match row.progress.shot_id {
                Some(shot) => view! { <a class="job-row__place link" href=href::shot(shot, "removal")>{text.trim_start_matches(" · ").to_owned()}</a> }.into_any(),
                None => view! { <span class="job-row__place">{text.trim_start_matches(" · ").to_owned()}</span> }.into_any(),
            })
        })
    };
    let log = RwSignal::new(false);
    let move_by = move |by: i32| {
        changes
            .priority
            .dispatch(SetPriority { job_id: id, priority: (priority.get_untracked() + by).clamp(-100, 100) });
    };
    view! {
        <article class="job-row" data-tone=move || tone_of(state.get()).1>
            <span class="job-row__state toned">{move || format!("{} {}", tone_of(state.get()).0, word())}</span>
            <span class="job-row__title">{title}</span>
            {place}
            <span class="job-row__step">{of(step_words)}</span>
            <span class="job-row__when faint"><Ago at/></span>
            <span class="job-row__actions">
                <Show when=move || manage.get() && state.get() == JobState::Queued>
                    <span class="faint digits" title="Priority: higher runs first">
                        {move || Some(priority.get()).filter(|n| *n != 0).map(|n| format!("{n:+}"))}
                    </span>
                    <IconButton small=true icon=Glyph::Up label="Run earlier" on:click=move |_| move_by(10)/>
                    <IconButton small=true icon=Glyph::Down label="Run later" on:click=move |_| move_by(-10)/>
                </Show>
                <Show when=move || manage.get() && !state.get().is_over()>
                    <Button
                        small=true
                        disabled=is_cancelling
                        on:click=move |_| { changes.cancel.dispatch(CancelJob { job_id: id }); }
                    >
                        {move || if is_cancelling.get() { "Cancelling…" } else { "Cancel" }}
                    </Button>
                </Show>
                <Show when=move || manage.get() && matches!(state.get(), JobState::Failed | JobState::Cancelled)>
                    <Button small=true on:click=move |_| { changes.retry.dispatch(RetryJob { job_id: id }); }>"Retry"</Button>
                </Show>
                <button
                    type="button"
                    class="button"
                    data-kind="quiet"
                    data-small="true"
                    aria-expanded=move || if log.get() { "true" } else { "false" }
                    on:click=move |_| log.update(|log| *log = !*log)
                >
                    "Log"
                </button>
            </span>
            <Show when=move || state.get() == JobState::Running>
                <span class="job-row__bar"><ProgressBar part label="How far the job is"/></span>
            </Show>
            {move || of(|progress| progress.error.clone())().map(|error| view! { <p class="job-row__error">{error}</p> })}
            <Show when=move || log.get()><Log id state/></Show>
        </article>
    }
}

fn step_words(progress: &Progress) -> Option<String> {
    if progress.state != JobState::Running {
        let worker = progress.worker.as_deref()?;
        let tries =
            if progress.attempt > 1 { format!(" · try {}", progress.attempt) } else { String::new() };
        // `host-pid-number`: people know their machines by the first part; the log has all of it.
        let host = worker.rsplitn(3, '-').last().unwrap_or(worker);
        return Some(format!("on {host}{tries}"));
    }
    let step = progress.step.map_or("Starting", |step| step.sentence());
    let percent = (progress.fraction.clamp(0.0, 1.0) * 100.0).floor();
    Some(match progress.seconds_left {
        Some(left) => format!("{step} · {percent} % · {} left", words::seconds(left)),
        None => format!("{step} · {percent} %"),
    })
}

#[component]
fn Log(id: JobId, state: Signal<JobState>) -> impl IntoView {
    // A running job's log grows: it is read again when the state changes or when one asks.
    let asked = RwSignal::new(0);
    let log = Resource::new(move || (state.get(), asked.get()), move |_| job_log(id));
    view! {
        <div class="job-row__log">
            <Transition fallback=|| view! { <p class="faint">"Reading the log…"</p> }>
                {move || Suspend::new(async move {
                    match log.await {
                        Ok(text) if text.trim().is_empty() => view! { <p class="faint">"Nothing was written."</p> }.into_any(),
                        Ok(text) => view! { <pre class="log mono" tabindex="0">{text}</pre> }.into_any(),
                        Err(error) => view! { <p class="error-line">{error.to_string()}</p> }.into_any(),
                    }
                })}
            </Transition>
            <Button small=true kind=Kind::Quiet on:click=move |_| asked.update(|n| *n += 1)>"Read again"</Button>
        </div>
    }
}
