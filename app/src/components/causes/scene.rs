//! “What remains”: what the scene shows afterwards, which is the prompt of the removal. Proposed, and written by people.

use domain::Words;
use domain::scene::proposed;
use leptos::prelude::*;

use crate::api::shots::save_words;
use crate::components::ui::Button;
use crate::state::desk::use_desk;

#[component]
pub fn Scene() -> impl IntoView {
    let desk = use_desk();
    let after = Memo::new(move |_| desk.view.with(|v| v.words.after.clone()));
    let save = move |text: String| {
        if desk.refuses_edit() {
            return;
        }
        let words = desk.view.with_untracked(|v| v.words.clone());
        let new = Words { after: text, ..words.clone() };
        if new != words {
            desk.view.update(|v| v.words = new.clone());
            desk.write(save_words(desk.shot_id, new));
        }
    };
    // What a model said before what the causes say by themselves; not what stands there already.
    let proposal = Memo::new(move |_| {
        desk.view.with(|v| {
            let reasoning = v.reasoning.as_ref();
            let said = reasoning.and_then(|r| r.scene.clone().zip(r.asked.as_ref().map(|asked| asked.who())));
            let (text, who) = said.unwrap_or_else(|| (proposed(&v.causes), "the causes".to_owned()));
            (!text.is_empty() && text != v.words.after).then_some((text, who))
        })
    });
    let off = move || !desk.may_edit();
    view! {
        <textarea
            class="field__input scene__words" rows="3" aria-label="After removal, the scene shows"
            placeholder="Two pillows on a wooden bench. The front pillow is full."
            prop:value=move || after.get() disabled=off
            on:change=move |event| save(event_target_value(&event))
        >{untrack(|| after.get())}</textarea>
        {move || proposal.get().map(|(text, who)| {
            let use_it = text.clone();
            view! {
                <div class="scene__proposal" role="group" aria-label="Proposed description">
                    <p class="muted">{format!("Proposed by {who}: “{text}”")}</p>
                    <Button small=true disabled=Signal::derive(off) on:click=move |_| save(use_it.clone())>"Use this description"</Button>
                </div>
            }
        })}
    }
    .into_any()
}
