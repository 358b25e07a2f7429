//! Causes: if this is removed, then these change, because…

mod approval;
mod card;
mod cells;
mod graph;
mod proposals;
mod scene;

pub use approval::CausesApproval;
pub use card::CauseCard;
pub use graph::CauseGraph;
pub use proposals::Proposals;
pub use scene::Scene;

use domain::Cause;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::api::shots::add_cause;
use crate::components::ui::Button;
use crate::state::desk::use_desk;

#[component]
pub fn CauseList() -> impl IntoView {
    let desk = use_desk();
    let ids = Memo::new(move |_| desk.view.with(|v| v.causes.iter().map(|c| c.cause_id).collect::<Vec<_>>()));
    let name = RwSignal::new(String::new());
    let add = move |event: SubmitEvent| {
        event.prevent_default();
        let text = name.get_untracked().trim().to_owned();
        if text.is_empty() {
            desk.toasts.fail("Name what else changes, e.g. “Shadow”.");
            return;
        }
        if desk.refuses_edit() {
            return;
        }
        name.set(String::new());
        desk.write_then(add_cause(desk.shot_id, text), move |cause: Cause| {
            desk.marking.cause.set(Some(cause.cause_id));
            desk.view.update(|v| {
                if !v.causes.iter().any(|c| c.cause_id == cause.cause_id) {
                    v.causes.push(cause);
                }
            });
        });
    };
    let removed = move || {
        desk.view.with(|v| {
            v.targets
                .iter()
                .map(|t| view! {
                    <li class="cause" data-kind="target">
                        <span class="cause__dot" style=format!("--target:{}", t.colour) aria-hidden="true"></span>
                        <strong>{t.name.clone()}</strong>
                        <span class="cause__about">{(!v.words.removal.is_empty()).then(|| format!("“{}”", v.words.removal))}</span>
                    </li>
                })
                .collect_view()
        })
    };
    view! {
        <ul class="causes">
            {removed}
            <For each=move || ids.get() key=|id| *id let:id>
                <CauseCard id/>
            </For>
        </ul>
        <Show when=move || ids.with(Vec::is_empty)>
            <p class="muted">"Say what else changes when it goes: its shadow, what it pushes, holds or covers."</p>
        </Show>
        <form class="causes__add" on:submit=add>
            <input
                class="field__input" type="text" maxlength="80" placeholder="Shadow, pillow, ripples…"
                aria-label="What else changes"
                prop:value=move || name.get()
                on:input=move |event| name.set(event_target_value(&event))
            />
            <Button small=true submit=true disabled=Signal::derive(move || !desk.may_edit())>"Add cause"</Button>
        </form>
    }
    .into_any()
}
