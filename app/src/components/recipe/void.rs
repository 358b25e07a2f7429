//! VOID's recipe: the pass, the prompt that was approved, the knobs that matter first, all others folded, and what will run.

use domain::recipe::VoidRecipe;
use domain::run::VOID;
use domain::version::Version;
use domain::{Recipe, VersionId, VoidOrder};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use super::knobs::{Texts, essential, place_of, row};
use super::outlook::Outlook;
use crate::api::versions::start_run;
use crate::components::ui::{Button, Kind, Select, TextArea};
use crate::state::desk::{Desk, use_desk};

#[component]
pub fn VoidForm() -> impl IntoView {
    let desk = use_desk();
    let VoidOrder { negative_prompt, first_pass: _, knobs } = last(desk, untrack(|| refined(desk)));
    let texts: Texts = RwSignal::new(knobs.texts());
    let negative = RwSignal::new(negative_prompt);
    let firsts = Memo::new(move |_| first_passes(desk));
    // A memo: whatever else changes about the shot must not draw the knobs anew under who sets them.
    let pass = Memo::new(move |_| if refined(desk).is_some() { 2_u32 } else { 1 });
    let prompt = move || desk.view.with(|v| v.words.after.trim().to_owned());
    let order = Memo::new(move |_| {
        if prompt().is_empty() {
            return Err(NO_PROMPT.to_owned());
        }
        let knobs = texts.with(|texts| VoidRecipe::from_texts(texts))?;
        let first_pass = refined(desk);
        let order = VoidOrder { negative_prompt: negative.get().trim().to_owned(), first_pass, knobs };
        desk.view.with(|v| v.engines.can_run(order.need(), &order.knobs))?;
        order.checked().map_err(|bad| format!("{bad}."))
    });
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        match order.get_untracked() {
            Ok(order) => {
                let sent = start_run(desk.shot_id, Recipe::Void(order));
                desk.write_then(sent, move |_| {
                    desk.refine.set(None);
                    desk.toasts.say("VOID is queued");
                });
            }
            Err(why) => desk.toasts.fail(why),
        }
    };
    let choose = move |key: String| {
        let version = key.parse::<VersionId>().ok();
        desk.refine.set(version);
        // Pass 2 lies on the canvas of its pass 1.
        if version.is_some() {
            texts.set(last(desk, version).knobs.texts());
        }
    };
    let passes = Signal::derive(move || {
        let first = (String::new(), "Pass 1: from the plate".to_owned());
        let others = firsts.get().into_iter().map(|(id, n)| (id.to_string(), format!("Pass 2: refine v{n}")));
        std::iter::once(first).chain(others).collect::<Vec<_>>()
    });
    let chosen = Signal::derive(move || refined(desk).map(|id| id.to_string()).unwrap_or_default());
    let rows = move |first: bool| {
        let pass = pass.get();
        let known = essential(pass);
        let places: Vec<usize> = if first {
            known.iter().filter_map(|name| place_of(name)).collect()
        } else {
            let all = VoidRecipe::KNOBS.iter().enumerate();
            all.filter(|(_, knob)| !known.contains(&knob.name))
                .filter(|(_, knob)| knob.pass().is_none_or(|of| of == pass))
                .map(|(place, _)| place)
                .collect()
        };
        places.into_iter().map(|place| row(place, texts)).collect_view()
    };
    let reset = move |_| {
        let plain = match untrack(|| refined(desk)) {
            Some(version) => last(desk, Some(version)).knobs,
            None => plain(desk),
        };
        texts.set(plain.texts());
    };
    view! {
        <form id="recipe" class="knobs" novalidate=true on:submit=send>
            <Show when=move || firsts.with(|firsts| !firsts.is_empty())>
                <Select label="Pass" name="pass" choices=passes value=chosen on_change=Callback::new(choose)/>
            </Show>
            <div class="field">
                <span class="field__label">"Prompt, as approved"</span>
                {move || match prompt() {
                    text if text.is_empty() => view! { <p class="muted">"None."</p> }.into_any(),
                    text => view! { <q class="knobs__prompt">{text}</q> }.into_any(),
                }}
            </div>
            {move || rows(true)}
            <TextArea
                label="Not to be seen (negative prompt; heard where guidance is above 1)" name="negative_prompt"
                value=negative on_input=Callback::new(move |text| negative.set(text))
            />
            <details class="by-numbers">
                <summary>"All knobs"</summary>
                <div class="knobs">{move || rows(false)}</div>
            </details>
            {move || order.get().err().map(|why| view! { <p class="error-line" role="alert">{why}</p> })}
        </form>
        <Outlook order/>
        <Button kind=Kind::Quiet small=true on:click=reset>"Back to defaults"</Button>
    }
    .into_any()
}

const NO_PROMPT: &str = "The approved quadmask says nothing of what the scene shows afterwards, and VOID needs it as its prompt. \
     Re-open it and write it on the targets step.";

/// The version that the next run refines, where it still can.
pub fn refined(desk: Desk) -> Option<VersionId> {
    let wanted = desk.refine.get()?;
    first_passes(desk).into_iter().find(|(id, _)| *id == wanted).map(|(id, _)| id)
}

/// The order that a pass begins with: that of the version it refines, or of the newest run of VOID, or what fits the plate.
fn last(desk: Desk, refined: Option<VersionId>) -> VoidOrder {
    desk.view
        .with_untracked(|v| {
            let of = |version: &Version| Recipe::read(&version.engine, version.recipe.clone()).ok();
            let recipe = match refined {
                Some(id) => v.versions.iter().find(|version| version.version_id == id).and_then(of),
                None => v
                    .run
                    .clone()
                    .filter(|recipe| recipe.engine() == VOID)
                    .or_else(|| v.versions.iter().find(|version| version.engine == VOID).and_then(of)),
            };
            match recipe {
                Some(Recipe::Void(order)) => Some(order),
                _ => None,
            }
        })
        .unwrap_or_else(|| VoidOrder { knobs: plain(desk), ..VoidOrder::default() })
}

/// The knobs that fit the shot's plate.
fn plain(desk: Desk) -> VoidRecipe {
    desk.view.with_untracked(|view| {
        let facts = view.shot.facts.as_ref();
        facts.map_or_else(VoidRecipe::default, |facts| VoidRecipe::for_plate(facts.width(), facts.height()))
    })
}

/// Versions that pass 2 can start from now, newest first.
fn first_passes(desk: Desk) -> Vec<(VersionId, u32)> {
    desk.view.with(|v| {
        let quadmask = v.quadmasks.first().map(|quadmask| quadmask.quadmask_id);
        let fits = |version: &&Version| version.is_first_pass() && Some(version.quadmask_id) == quadmask;
        v.versions.iter().filter(fits).map(|version| (version.version_id, version.n)).collect()
    })
}
