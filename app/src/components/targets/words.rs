//! The words of the removal: what goes, and what the scene shows afterwards.

use domain::Words;
use leptos::prelude::*;

use crate::api::shots::save_words;
use crate::state::desk::use_desk;

#[component]
pub fn WordsForm() -> impl IntoView {
    let desk = use_desk();
    let words = Memo::new(move |_| desk.view.with(|v| v.words.clone()));
    // Each by itself: what somebody types into one field stays when the other is written, or read from a file.
    let removal = Memo::new(move |_| words.with(|w| w.removal.clone()));
    let after = Memo::new(move |_| words.with(|w| w.after.clone()));
    let save = move |change: &dyn Fn(&mut Words)| {
        if desk.refuses_edit() {
            return;
        }
        let mut new = words.get_untracked();
        change(&mut new);
        if new != words.get_untracked() {
            desk.view.update(|v| v.words = new.clone());
            desk.write(save_words(desk.shot_id, new));
        }
    };
    let off = move || !desk.may_edit();
    view! {
        <label class="field">
            <span class="field__label">"What goes"</span>
            <textarea
                class="field__input words__removal" rows="2" placeholder="Remove the kettlebell"
                prop:value=move || removal.get() disabled=off
                on:change=move |event| { let text = event_target_value(&event); save(&|w| w.removal.clone_from(&text)); }
            >{removal.get_untracked()}</textarea>
        </label>
        <label class="field">
            <span class="field__label">"After removal, the scene shows"</span>
            <textarea
                class="field__input" rows="3" placeholder="Two pillows on a wooden bench. The front pillow is full."
                prop:value=move || after.get() disabled=off
                on:change=move |event| { let text = event_target_value(&event); save(&|w| w.after.clone_from(&text)); }
            >{after.get_untracked()}</textarea>
        </label>
    }
    .into_any()
}
