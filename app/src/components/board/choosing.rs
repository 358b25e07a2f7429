//! Several cards chosen at once: which, and what is done to them.

use std::collections::BTreeSet;

use domain::work::MOST_SHOTS;
use domain::{Action, Assignee, Day, PersonId, ShotId, Thing, WorkChange};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::life::put_into_bin;
use crate::api::work::change_work;
use crate::browser::keys;
use crate::components::ui::{Button, Kind, Select, use_toasts};
use crate::components::words;
use crate::state::session::use_me;

/// In the context of a board whose viewer may assign.
#[derive(Clone, Copy)]
pub struct Choosing {
    /// Cards have a box to tick.
    pub on: RwSignal<bool>,
    pub shots: RwSignal<BTreeSet<ShotId>>,
}

impl Choosing {
    pub fn new() -> Self {
        Self { on: RwSignal::new(false), shots: RwSignal::new(BTreeSet::new()) }
    }

    fn end(self) {
        self.on.set(false);
        self.shots.update(BTreeSet::clear);
    }
}

impl Default for Choosing {
    fn default() -> Self {
        Self::new()
    }
}

/// The box on a card; nothing where nothing is being chosen.
#[component]
pub fn ChooseBox(shot_id: ShotId, name: String) -> impl IntoView {
    let choosing = use_context::<Choosing>()?;
    let is_chosen = move || choosing.shots.with(|shots| shots.contains(&shot_id));
    let on_change = move |event| {
        let on = event_target_checked(&event);
        choosing.shots.update(|shots| {
            if on {
                shots.insert(shot_id);
            } else {
                shots.remove(&shot_id);
            }
        });
    };
    Some(view! {
        <Show when=move || choosing.on.get()>
            <label class="card__choose">
                <input
                    type="checkbox"
                    aria-label=format!("Choose {name}")
                    prop:checked=is_chosen
                    on:change=on_change
                />
            </label>
        </Show>
    })
}

/// Begins choosing.
#[component]
pub fn ChooseButton() -> impl IntoView {
    let choosing = use_context::<Choosing>()?;
    let press = move |_| {
        if choosing.on.get_untracked() {
            choosing.end();
        } else {
            choosing.on.set(true);
        }
    };
    Some(view! {
        <button
            type="button" class="chip"
            aria-pressed=move || if choosing.on.get() { "true" } else { "false" }
            on:click=press
        >
            "Choose shots"
        </button>
    })
}

/// What can be done to what is chosen, at the foot of the board.
#[component]
pub fn ChosenBar(
    /// Who can be assigned here.
    people: Signal<Vec<Assignee>>,
) -> impl IntoView {
    let choosing = use_context::<Choosing>()?;
    keys::on_key(move |event| {
        if event.key() == "Escape" && choosing.on.get_untracked() {
            choosing.end();
        }
    });
    Some(view! { <Show when=move || choosing.on.get()><Bar choosing people/></Show> })
}

#[component]
fn Bar(choosing: Choosing, people: Signal<Vec<Assignee>>) -> impl IntoView {
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let chosen = move || choosing.shots.with(BTreeSet::len);
    let send = move |change: WorkChange, done: &'static str| {
        let shots: Vec<ShotId> = choosing.shots.with_untracked(|shots| shots.iter().copied().collect());
        if shots.is_empty() || busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let count = shots.len() as u32;
            // Each part is done or not done as a whole.
            for part in shots.chunks(MOST_SHOTS) {
                if let Err(error) = change_work(part.to_vec(), change).await {
                    toasts.fail(error);
                    busy.try_set(false);
                    return;
                }
            }
            busy.try_set(false);
            toasts.say(format!("{done}: {}", words::count(count, "shot")));
        });
    };
    let (may_delete, asks) = (untrack(|| use_me().may(Action::UseBin)), RwSignal::new(false));
    // One after the other: what is refused stays chosen, and what is in the bin is there.
    let delete = move |_| {
        asks.set(false);
        busy.set(true);
        spawn_local(async move {
            let shots: Vec<ShotId> = choosing.shots.with_untracked(|shots| shots.iter().copied().collect());
            let mut gone = 0;
            for shot_id in shots {
                if let Err(error) = put_into_bin(Thing::Shot(shot_id)).await {
                    toasts.fail(error);
                    break;
                }
                gone += 1;
                choosing.shots.try_update(|shots| shots.remove(&shot_id));
            }
            busy.try_set(false);
            toasts.say(format!("In the bin for 30 days: {}", words::count(gone, "shot")));
        });
    };
    let (assigning, taking_off) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let list = |first: &str, people: &[Assignee]| {
        let people = people.iter().map(|one| (one.person_id.to_string(), one.name.clone()));
        std::iter::once((String::new(), first.to_owned())).chain(people).collect::<Vec<_>>()
    };
    let to_assign = Signal::derive(move || people.with(|people| list("Assign to…", people)));
    let to_take_off = Signal::derive(move || people.with(|people| list("Take off…", people)));
    // The select goes back to its first line, so that the same choice can be made again.
    let picked = move |select: RwSignal<String>, id: String| -> Option<PersonId> {
        select.set(id.clone());
        request_animation_frame(move || {
            select.try_set(String::new());
        });
        id.parse().ok()
    };
    let on_assign = move |id: String| {
        if let Some(person_id) = picked(assigning, id) {
            send(WorkChange::Assign { person_id }, "Assigned");
        }
    };
    let on_take_off = move |id: String| {
        if let Some(person_id) = picked(taking_off, id) {
            send(WorkChange::Unassign { person_id }, "Taken off");
        }
    };
    let on_day = move |event| {
        if let Ok(day) = event_target_value(&event).parse::<Day>() {
            send(WorkChange::Due { day }, "Due date set");
        }
    };
    let none = Signal::derive(move || chosen() == 0 || busy.get());
    view! {
        <section class="chosen" aria-label="What is chosen">
            <span class="chosen__count" role="status">{move || format!("{} chosen", words::count(chosen() as u32, "shot"))}</span>
            <Select bare=true label="Assign the chosen shots to" name="assign" choices=to_assign value=assigning on_change=on_assign disabled=none/>
            <Select bare=true label="Take somebody off the chosen shots" name="take-off" choices=to_take_off value=taking_off on_change=on_take_off disabled=none/>
            <label class="field" data-small="true">
                <span class="visually-hidden">"Due date of the chosen shots"</span>
                <input class="field__input" type="date" min="1970-01-01" max="9999-12-31" title="Due date" disabled=move || none.get() on:change=on_day/>
            </label>
            <Button small=true disabled=none on:click=move |_| send(WorkChange::Clear, "Cleared")>"Clear people and date"</Button>
            {may_delete.then(|| view! {
                <Show
                    when=move || asks.get()
                    fallback=move || view! { <Button small=true disabled=none on:click=move |_| asks.set(true)>"Move to the bin…"</Button> }
                >
                    <Button small=true kind=Kind::Danger disabled=none on:click=delete>{move || format!("Move {} to the bin", words::count(chosen() as u32, "shot"))}</Button>
                    <Button small=true on:click=move |_| asks.set(false)>"Keep"</Button>
                </Show>
            })}
            <span class="chosen__end"><Button small=true kind=Kind::Quiet on:click=move |_| choosing.end()>"Done"</Button></span>
        </section>
    }
}
