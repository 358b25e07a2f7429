//! Targets: what is removed, with its clicks and boxes, and the words of the removal.

mod card;
mod numbers;
mod words;

pub use card::{FrameLink, TargetCard};
pub use numbers::ByNumbers;
pub use words::WordsForm;

use domain::Target;
use leptos::prelude::*;

use crate::api::shots::add_target;
use crate::components::ui::{Button, Glyph, Icon};
use crate::state::desk::use_desk;

#[component]
pub fn TargetList() -> impl IntoView {
    let desk = use_desk();
    let ids =
        Memo::new(move |_| desk.view.with(|v| v.targets.iter().map(|t| t.target_id).collect::<Vec<_>>()));
    let add = move |_| {
        if desk.refuses_edit() {
            return;
        }
        let name = format!("Target {}", ids.with_untracked(Vec::len) + 1);
        desk.write_then(add_target(desk.shot_id, name), move |target: Target| {
            desk.marking.target.set(Some(target.target_id));
            desk.view.update(|v| v.targets.push(target));
        });
    };
    view! {
        <ul class="targets">
            <For each=move || ids.get() key=|id| *id let:id>
                <TargetCard id/>
            </For>
        </ul>
        <Show when=move || ids.with(Vec::is_empty)>
            <p class="muted">
                "Nothing is marked yet. Take the point tool (X) and click what should go, on any frame; Alt-click what must stay."
            </p>
        </Show>
        <Button small=true disabled=Signal::derive(move || !desk.may_edit()) on:click=add>
            <Icon glyph=Glyph::Add/> "Add target"
        </Button>
    }
    .into_any()
}
