//! The plate engine's recipe.

use domain::PlateRecipe;
use domain::run::PLATE;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::api::versions::start_run;
use crate::components::ui::{Button, Kind};
use crate::state::desk::{Desk, use_desk};

#[derive(Clone, Copy, PartialEq, Eq)]
struct Knob {
    label: &'static str,
    hint: &'static str,
    max: &'static str,
    step: &'static str,
}

const KNOBS: [Knob; 5] = [
    Knob { label: "Edge", hint: "px beyond the quadmask, 0–64", max: "64", step: "1" },
    Knob { label: "Feather", hint: "px of soft edge, 0–64", max: "64", step: "1" },
    Knob { label: "Grain", hint: "0 none, 1 as the plate, 2 twice", max: "2", step: "0.05" },
    Knob { label: "Reach", hint: "frames background may come from, 0–512", max: "512", step: "1" },
    Knob { label: "Seed", hint: "of the grain", max: "9007199254740991", step: "1" },
];

#[component]
pub fn PlateForm() -> impl IntoView {
    let desk = use_desk();
    let last = desk.view.with_untracked(|v| {
        let own = v.versions.iter().find(|v| v.engine == PLATE).map(|v| v.recipe.clone());
        own.and_then(|json| serde_json::from_value::<PlateRecipe>(json).ok())
    });
    let last = last.unwrap_or_else(|| plain(desk));
    let PlateRecipe { edge_px, feather_px, grain, reach, seed } = last;
    let start =
        [edge_px.to_string(), feather_px.to_string(), grain.to_string(), reach.to_string(), seed.to_string()];
    let values = start.map(RwSignal::new);
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        match read(values.map(|v| v.get_untracked())) {
            Ok(recipe) => run(desk, recipe),
            Err(why) => desk.toasts.fail(why),
        }
    };
    let row = move |at: usize| {
        let Knob { label, hint, max, step } = KNOBS[at];
        let value = values[at];
        view! {
            <label class="knob">
                <span>{label}</span>
                <input
                    class="field__input" type="number" min="0" max=max step=step required=true
                    value=value.get_untracked() prop:value=move || value.get()
                    on:input=move |event| value.set(event_target_value(&event))
                />
                <span class="faint">{hint}</span>
            </label>
        }
    };
    let reset = move |_| {
        let PlateRecipe { edge_px, feather_px, grain, reach, seed } = plain(desk);
        let fresh = [
            edge_px.to_string(),
            feather_px.to_string(),
            grain.to_string(),
            reach.to_string(),
            seed.to_string(),
        ];
        for (value, text) in values.into_iter().zip(fresh) {
            value.set(text);
        }
    };
    view! {
        <form id="recipe" class="knobs" on:submit=send>
            {(0..KNOBS.len()).map(row).collect_view()}
        </form>
        <Button kind=Kind::Quiet small=true on:click=reset>"Back to defaults"</Button>
    }
    .into_any()
}

/// The knobs that fit the shot's plate.
fn plain(desk: Desk) -> PlateRecipe {
    desk.view.with_untracked(|view| {
        let facts = view.shot.facts.as_ref();
        facts.map_or_else(PlateRecipe::default, |facts| PlateRecipe::for_plate(facts.width(), facts.height()))
    })
}

fn read([edge, feather, grain, reach, seed]: [String; 5]) -> Result<PlateRecipe, String> {
    fn number<T: std::str::FromStr>(text: &str, knob: Knob) -> Result<T, String> {
        let Knob { label, hint, .. } = knob;
        text.trim().parse().map_err(|_| format!("{label} is “{text}”: give a number ({hint})."))
    }
    let recipe = PlateRecipe {
        edge_px: number(&edge, KNOBS[0])?,
        feather_px: number(&feather, KNOBS[1])?,
        grain: number(&grain, KNOBS[2])?,
        reach: number(&reach, KNOBS[3])?,
        seed: number(&seed, KNOBS[4])?,
    };
    recipe.checked().map_err(|error| format!("{error}."))
}

fn run(desk: Desk, recipe: PlateRecipe) {
    desk.write_then(start_run(desk.shot_id, recipe.into()), move |_| {
        desk.toasts.say("The removal is queued")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_out_of_range_is_refused_in_words() {
        let texts = |edge: &str| [edge, "3", "1", "256", "1"].map(str::to_owned);
        assert_eq!(read(texts("4")), Ok(PlateRecipe::default()));
        assert!(read(texts("65")).expect_err("too wide").contains("0 to 64"));
        assert!(read(texts("wide")).expect_err("no number").starts_with("Edge"));
    }
}
