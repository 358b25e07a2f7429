//! The engines: the one that is always there, and VOID with what it needs.

use domain::run::{Need, PLATE, VOID};
use leptos::prelude::*;

use crate::components::ui::{Button, Kind};
use crate::components::versions::TestModel;
use crate::state::desk::use_desk;

#[component]
pub fn EngineChoice(engine: RwSignal<&'static str>) -> impl IntoView {
    let desk = use_desk();
    let weights = Memo::new(move |_| desk.view.with(|v| v.engines.weights(Need::VoidPass1).cloned()));
    let host = move || desk.view.with(|v| v.engines.host.clone());
    let is_able = move || weights.with(Result::is_ok);
    let radio = move |key: &'static str, word: &'static str| {
        view! {
            <input
                type="radio" name="engine" value=key
                checked=move || engine.get_untracked() == key
                prop:checked=move || engine.get() == key
                disabled=move || match key {
                    VOID => !is_able() && engine.get() != VOID,
                    _ => desk.pathless().is_some() && engine.get() == VOID,
                }
                on:change=move |_| engine.set(key)
            />
            <strong>{word}</strong>
        }
    };
    view! {
        <div class="engines" role="radiogroup" aria-label="Engine">
            <label class="engine" data-chosen=move || (engine.get() == PLATE).then_some("true")>
                {radio(PLATE, "Plate engine")}
                <span class="engine__about">
                    "Always here, needs no weights. Takes background from frames where it is seen, fills what never is, and moves what reacts along its drawn path."
                </span>
            </label>
            <label class="engine" data-chosen=move || (engine.get() == VOID).then_some("true")>
                {radio(VOID, "VOID")}
                <span class="engine__about">
                    "A model that imagines the scene anew: how things fall, roll and settle, without a drawn path."
                </span>
                {move || weights.get().ok().map(|weights| {
                    let about = format!("{} · {} on {}", weights.name, weights.device, host());
                    view! { <span class="engine__about digits">{about}</span> }
                })}
            </label>
            {move || desk.pathless().map(|name| view! {
                <p class="note-line" data-tone="hold">
                    {format!("“{name}” moves on its own and has no drawn path, so the plate engine refuses this quadmask. VOID invents the motion.")}
                </p>
            })}
            {move || match weights.get() {
                Ok(weights) => weights.is_test_model.then(|| view! { <TestModel/> }.into_any()),
                Err(why) => Some(view! {
                    <div class="note-line" data-tone="hold">
                        <p>"VOID is not here. " {why}</p>
                        <Button kind=Kind::Quiet small=true on:click=move |_| desk.refresh()>"Look again"</Button>
                    </div>
                }.into_any()),
            }}
        </div>
    }
    .into_any()
}
