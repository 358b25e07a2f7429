//! A job as its people see it: named steps, how far, how long, cancel; and a failure with its next step.

use domain::{Action, JobState, Progress, Recipe, Step};
use leptos::prelude::*;

use crate::api::jobs::{cancel_job, retry_job};
use crate::components::ui::{Button, Kind, ProgressBar};
use crate::components::versions::TestModel;
use crate::components::words;
use crate::state::desk::{Desk, use_desk};

/// The steps of asking a model outside what is affected; the built-in reasoner has others.
const ASKING: &[Step] = &[Step::Prepare, Step::Ask, Step::Track];

/// The steps of a job kind, in the order in which they happen; those of a removal are its engine's.
pub fn steps_of(kind: &str, recipe: Option<&Recipe>) -> &'static [Step] {
    match (kind, recipe) {
        ("remove", Some(Recipe::Void(order))) if order.first_pass.is_some() => &[
            Step::Prepare,
            Step::Text,
            Step::Latents,
            Step::Flow,
            Step::Denoise,
            Step::Decode,
            Step::Composite,
            Step::Verify,
            Step::Store,
        ],
        ("remove", Some(Recipe::Void(_))) => &[
            Step::Prepare,
            Step::Text,
            Step::Latents,
            Step::Denoise,
            Step::Decode,
            Step::Composite,
            Step::Verify,
            Step::Store,
        ],
        ("ingest", _) => &[Step::Probe, Step::Proxy, Step::Sound, Step::Store],
        ("segment", _) => &[Step::Track, Step::Store],
        ("find", _) => &[Step::Probe, Step::Look, Step::Track],
        ("reason", _) => &[Step::Register, Step::Reason],
        ("remove", _) => &[Step::Register, Step::Background, Step::Fill, Step::Verify, Step::Store],
        ("package", _) => &[Step::Movie, Step::Quadmask, Step::Pack, Step::Store],
        _ => &[],
    }
}

/// The shot's newest job when it is one of `kinds` and still to be talked about.
pub fn job_of(desk: Desk, kinds: &[&str]) -> Option<Progress> {
    desk.view.with(|v| v.job.clone()).filter(|job| kinds.contains(&job.kind.as_str()))
}

/// Shows the shot's job of one of `kinds`; nothing when there is none or it went well.
#[component]
pub fn JobCard(kinds: &'static [&'static str]) -> impl IntoView {
    let desk = use_desk();
    let job = Memo::new(move |_| job_of(desk, kinds).filter(|job| job.state != JobState::Done));
    job_card(desk, job)
}

/// Shows a job, as long as there is one.
pub fn job_card(desk: Desk, job: Memo<Option<Progress>>) -> impl IntoView {
    let key = Memo::new(move |_| job.with(|job| job.as_ref().map(|j| (j.job_id, j.state, j.is_ending))));
    move || {
        // Step, fraction and time run by themselves: who is about to cancel keeps the button.
        // Read, not only tracked: a memo that nobody reads never begins to follow what it is made of.
        key.with(|_| ());
        untrack(|| job.get()).map(|now| card(desk, job, now))
    }
}

fn card(desk: Desk, job: Memo<Option<Progress>>, now: Progress) -> impl IntoView {
    let recipe = desk.view.with_untracked(|v| v.run.clone()).filter(|_| now.kind == "remove");
    let title = match &recipe {
        Some(Recipe::Void(order)) => format!("Removal · VOID pass {}", order.pass()),
        _ => domain::job::title_of_kind(&now.kind).to_owned(),
    };
    let need = recipe.as_ref().and_then(Recipe::need);
    let is_waiting = now.state == JobState::Queued;
    let is_open = !now.state.is_over();
    let is_cancelling = now.is_cancelling();
    // What has grown of a mask stays: that is no cancelling.
    let is_mask = now.kind == "segment";
    let stop = match (is_mask, is_cancelling) {
        (true, true) => "Stopping…",
        (true, false) => "Stop",
        (false, true) => "Cancelling…",
        (false, false) => "Cancel",
    };
    // Tracked: weights and workers come and go while a job waits.
    let engine = move || {
        let need = need?;
        match desk.view.with(|v| v.engines.weights(need).map(|weights| weights.is_test_model)) {
            Ok(true) if is_open => Some(view! { <TestModel/> }.into_any()),
            Err(why) if is_waiting => Some(
                view! {
                    <p class="note-line" data-tone="hold">"Waits for a worker that can run it. " {why}</p>
                }
                .into_any(),
            ),
            _ => None,
        }
    };
    let id = now.job_id;
    let (icon, tone) = match now.state {
        JobState::Queued => ("○", "idle"),
        JobState::Running => ("◔", "running"),
        JobState::Done => ("✓", "approved"),
        JobState::Failed => ("✕", "failed"),
        JobState::Cancelled => ("○", "hold"),
    };
    let fraction = Signal::derive(move || job.with(|job| job.as_ref().map_or(0.0, |j| j.fraction)));
    let left = move || {
        let seconds = job.with(|job| job.as_ref().and_then(|j| j.seconds_left));
        let percent = format!("{:.0} %", fraction.get() * 100.0);
        match seconds {
            Some(seconds) => format!("{percent} · {} left", words::seconds(seconds)),
            None => percent,
        }
    };
    let action = match now.kind.as_str() {
        "remove" => Action::Run,
        "package" => Action::Deliver,
        _ => Action::EditShot,
    };
    let may_run = move || desk.may(action);
    let step = Memo::new(move |_| job.with(|job| job.as_ref().and_then(|j| j.step)));
    let kind = now.kind.clone();
    let named = move || {
        let now = step.get();
        let asks = kind == "reason" && now.is_some_and(|step| ASKING.contains(&step));
        steps(if asks { ASKING } else { steps_of(&kind, recipe.as_ref()) }, now)
    };
    view! {
        <section class="job" data-tone=tone aria-label=title.clone()>
            <header class="job__head">
                <span class="job__icon" aria-hidden="true">{icon}</span>
                <strong>{title.clone()}</strong>
                <span class="job__state">{now.word()}</span>
                {is_open.then(|| view! { <output class="job__left">{left}</output> })}
            </header>
            {is_open.then(|| view! { <ProgressBar part=fraction label=title.clone()/> })}
            {engine}
            {is_open.then_some(named)}
            {now.error.clone().map(|error| view! { <p class="job__error" role="alert">{error}</p> })}
            {(is_mask && now.state == JobState::Cancelled).then(|| view! {
                <p class="muted">"Stopped. What had grown until then is kept; grow it again to go over the whole shot."</p>
            })}
            <Show when=may_run>
                <div class="job__actions">
                    {is_open.then(|| view! {
                        <Button kind=Kind::Danger small=true disabled=is_cancelling on:click=move |_| desk.write(cancel_job(id))>
                            {stop}
                        </Button>
                    })}
                    {(now.state == JobState::Failed).then(|| view! {
                        <Button small=true on:click=move |_| desk.write(retry_job(id))>"Try again"</Button>
                    })}
                </div>
            </Show>
        </section>
    }
    .into_any()
}

fn steps(all: &'static [Step], now: Option<Step>) -> impl IntoView {
    let at = now.and_then(|now| all.iter().position(|s| *s == now));
    let row = move |(n, step): (usize, &'static Step)| {
        let (icon, state, said) = match at {
            Some(at) if n < at => ("✓", "done", "done: "),
            Some(at) if n == at => ("◔", "now", "now: "),
            _ => ("○", "todo", ""),
        };
        view! {
            <li class="job__step" data-state=state aria-current=(state == "now").then_some("step")>
                <span aria-hidden="true">{icon}</span>
                <span class="visually-hidden">{said}</span>
                {step.sentence()}
            </li>
        }
    };
    view! { <ol class="job__steps">{all.iter().enumerate().map(row).collect_view()}</ol> }.into_any()
}
