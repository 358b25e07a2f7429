//! The button in a shot's header that says who works on it, and the dialog behind it.

use domain::{Action, Assignee, Day, WorkChange};
use leptos::prelude::*;
use leptos::web_sys::HtmlInputElement;

use super::mark::WorkMark;
use crate::api::work::{Work, change_work};
use crate::components::ui::{Button, Check, Dialog, Kind};
use crate::state::desk::{Desk, use_desk};

/// Everybody of the team sees it; those who may assign can press it.
#[component]
pub fn WorkButton() -> impl IntoView {
    let desk = use_desk();
    let open = RwSignal::new(false);
    let work = Memo::new(move |_| desk.view.with(|v| v.work.clone()));
    let may = Memo::new(move |_| desk.may(Action::Assign));
    let is_free = move || work.with(|work| work.as_ref().is_some_and(|w| *w == Work::default()));
    let mark = move || work.get().map(|work| view! { <WorkMark work/> });
    let title = Signal::derive(move || format!("Who works on {}", desk.view.with(|v| v.shot.name.clone())));
    view! {
        {move || {
            if may.get() {
                view! {
                    <button type="button" class="work-button" title="Who works on it until when" on:click=move |_| open.set(true)>
                        {mark}
                        {move || is_free().then(|| view! { <span class="work-button__word">"Assign…"</span> })}
                        <span class="visually-hidden">"Change who works on it and its due date"</span>
                    </button>
                }
                .into_any()
            } else {
                view! { <span class="work-button" data-still="true">{mark}</span> }.into_any()
            }
        }}
        <Dialog open title>
            <Change desk work open/>
        </Dialog>
    }
    .into_any()
}

#[component]
fn Change(desk: Desk, work: Memo<Option<Work>>, open: RwSignal<bool>) -> impl IntoView {
    let refused = RwSignal::new(0_u32);
    let send = move |change: WorkChange| {
        leptos::task::spawn_local(async move {
            if let Err(error) = change_work(vec![desk.shot_id], change).await {
                desk.toasts.fail(error);
                refused.try_update(|times| *times += 1);
            }
            desk.refresh();
        });
    };
    let row = move |Assignee { person_id, name }: Assignee| {
        let checked = Signal::derive(move || {
            work.with(|work| {
                work.as_ref().is_some_and(|w| w.people.iter().any(|one| one.person_id == person_id))
            })
        });
        let on_change = move |on: bool| {
            send(if on { WorkChange::Assign { person_id } } else { WorkChange::Unassign { person_id } });
        };
        view! { <Check label=name checked refused on_change/> }
    };
    // By itself: who is ticked above must not take away a date that is half typed.
    let day = Memo::new(move |_| {
        let due = work.with(|work| work.as_ref().and_then(|w| w.due));
        due.map(|due| due.day.to_string()).unwrap_or_default()
    });
    let on_day = move |event: leptos::ev::Event| {
        // Nor is one that is half typed, or of the year 2, sent.
        if !event_target::<HtmlInputElement>(&event).check_validity() {
            return;
        }
        match event_target_value(&event).parse::<Day>() {
            Ok(day) => send(WorkChange::Due { day }),
            Err(_) => send(WorkChange::NotDue),
        }
    };
    let people = desk.view.with_untracked(|v| v.people.clone());
    view! {
        <fieldset class="work-form__people">
            <legend class="field__label">"Assigned to"</legend>
            {people.into_iter().map(row).collect_view()}
        </fieldset>
        <label class="field">
            <span class="field__label">"Due date"</span>
            <input class="field__input" type="date" min="1970-01-01" max="9999-12-31" prop:value=move || day.get() on:change=on_day/>
        </label>
        <div class="form__end">
            <Button kind=Kind::Quiet on:click=move |_| send(WorkChange::Clear)>"Clear both"</Button>
            <Button on:click=move |_| open.set(false)>"Done"</Button>
        </div>
    }
}
