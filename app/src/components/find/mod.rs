//! Finding things by words: what is typed, what can be looked with, and what was found.

mod list;

pub use list::{FoundList, drawn};

use domain::find::{NOT_ENGLISH, Purpose, is_foreign};
use domain::{CauseId, FindingId};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::components::run::{JobCard, job_of};
use crate::components::ui::{Button, Kind};
use crate::state::desk::{Desk, use_desk};

const KINDS: &[&str] = &["find"];

/// Shows what the words of this page found, as soon as it is there; for a page.
pub fn follow_findings(desk: Desk) {
    let newest = Memo::new(move |_| desk.view.with(|v| v.finding));
    Effect::new(move |before: Option<Option<FindingId>>| {
        let now = newest.get();
        if let (Some(before), Some(id)) = (before, now)
            && before != Some(id)
            && desk.seeking.asked.get_untracked()
        {
            desk.show_finding(id);
        }
        now
    });
}

fn is_looking(desk: Desk) -> bool {
    job_of(desk, KINDS).is_some_and(|job| !job.state.is_over())
}

fn cannot_look(desk: Desk) -> bool {
    !desk.may_edit() || is_looking(desk) || desk.view.with(|v| v.engines.sam3().is_err())
}

/// The words of the targets step.
#[component]
pub fn FindTargets() -> impl IntoView {
    let desk = use_desk();
    let text = RwSignal::new(String::new());
    let send = move |keys: bool| desk.find_words(text.get_untracked(), Purpose::Target, keys);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send(true);
    };
    let off = Signal::derive(move || cannot_look(desk));
    let number = move || desk.clip().number(desk.playhead.frame.get());
    view! {
        <form class="find" on:submit=submit>
            <label class="field">
                <span class="field__label">"What to find, in words"</span>
                <input
                    class="field__input" type="text" maxlength="300" placeholder="every microphone" autocomplete="off"
                    prop:value=move || text.get() disabled=move || !desk.may_edit()
                    on:input=move |event| text.set(event_target_value(&event))
                />
            </label>
            <Hint text/>
            <div class="find__go">
                <Button small=true submit=true disabled=off>"Find over the shot"</Button>
                <Button small=true kind=Kind::Quiet disabled=off on:click=move |_| send(false)>
                    {move || format!("Only on f{}", number())}
                </Button>
            </div>
        </form>
        <FoundWith/>
        <JobCard kinds=KINDS/>
        <Reopen/>
        <FoundList purpose=Purpose::Target/>
    }
    .into_any()
}

/// A cause is found by its name.
#[component]
pub fn FindCause(id: CauseId) -> impl IntoView {
    let desk = use_desk();
    let purpose = Purpose::Cause { cause_id: id };
    let name = Memo::new(move |_| {
        let named = |v: &crate::api::shots::ShotView| {
            v.causes.iter().find(|cause| cause.cause_id == id).map(|cause| cause.name.clone())
        };
        desk.view.with(named).unwrap_or_default()
    });
    let off = Signal::derive(move || cannot_look(desk));
    let send = move |keys: bool| desk.find_words(name.get_untracked(), purpose, keys);
    view! {
        <details class="by-numbers">
            <summary>"Find it by its name"</summary>
            <div class="find">
                <p class="muted">
                    {move || format!("Looks for “{}” in the picture and marks the cells that it covers. Name the cause as the thing is called in English.", name.get())}
                </p>
                <div class="find__go">
                    <Button small=true disabled=off on:click=move |_| send(true)>"Find over the shot"</Button>
                    <Button small=true kind=Kind::Quiet disabled=off on:click=move |_| send(false)>"Only on this frame"</Button>
                </div>
                <FoundWith/>
                <JobCard kinds=KINDS/>
                <FoundList purpose/>
            </div>
        </details>
    }
    .into_any()
}

/// What to know about the words before they are looked for.
#[component]
fn Hint(text: RwSignal<String>) -> impl IntoView {
    let is_needed = Memo::new(move |_| text.with(|text| is_foreign(text)));
    view! {
        <Show when=move || is_needed.get()>
            <p class="muted" role="status">{NOT_ENGLISH}</p>
        </Show>
    }
    .into_any()
}

/// What looks for words, or what is missing for it.
#[component]
fn FoundWith() -> impl IntoView {
    let desk = use_desk();
    let said = Memo::new(move |_| {
        desk.view.with(|v| match v.engines.sam3() {
            Ok(network) if network.is_test_model => {
                (true, "Test model: random weights. What it finds is no object.".to_owned())
            }
            Ok(network) => (false, format!("{} on {}", network.name, network.device)),
            Err(why) => (true, why),
        })
    });
    move || {
        let (warns, words) = said.get();
        if warns {
            view! { <p class="note-line" data-tone="hold">{words}</p> }.into_any()
        } else {
            view! { <p class="muted">{words}</p> }.into_any()
        }
    }
}

/// The way back to what was found last, once it was closed.
#[component]
fn Reopen() -> impl IntoView {
    let desk = use_desk();
    let last = move || {
        let is_shown = desk.seeking.found.with(Option::is_some);
        desk.view.with(|v| v.finding).filter(|_| !is_shown && !is_looking(desk))
    };
    view! {
        {move || last().map(|id| view! {
            <Button small=true kind=Kind::Quiet on:click=move |_| desk.show_finding(id)>"Show what was found last"</Button>
        })}
    }
    .into_any()
}
