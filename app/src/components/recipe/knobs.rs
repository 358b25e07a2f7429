//! VOID's knobs as rows of a form: each with its range, its default and what it means.

use domain::VoidRecipe;
use domain::recipe::Knob;
use leptos::prelude::*;

/// One text for each of [`VoidRecipe::KNOBS`].
pub type Texts = RwSignal<Vec<String>>;

/// Those that people set first, for a pass.
pub fn essential(pass: u32) -> [&'static str; 6] {
    match pass {
        2 => ["pass2.steps", "pass2.guidance", "seed", "window_frames", "overlap_frames", "edge_px"],
        _ => ["pass1.steps", "pass1.guidance", "seed", "window_frames", "overlap_frames", "edge_px"],
    }
}

/// The place of a knob among all.
pub fn place_of(name: &str) -> Option<usize> {
    VoidRecipe::KNOBS.iter().position(|knob| knob.name == name)
}

/// A knob with its words: what it means, what it may be, and what it is when nobody says.
pub fn row(place: usize, texts: Texts) -> AnyView {
    let knob = VoidRecipe::KNOBS[place];
    let default = VoidRecipe::default_of(knob.name).unwrap_or_default();
    view! {
        <label class="knob knob--told">
            <span>{knob.label()}</span>
            {input(knob, place, texts)}
            <span class="faint knob__told">
                {format!("{} · {} · default {default}", sentence(knob.meaning), knob.range)}
            </span>
        </label>
    }
    .into_any()
}

fn input(knob: Knob, place: usize, texts: Texts) -> AnyView {
    let value = move || texts.with(|texts| texts.get(place).cloned().unwrap_or_default());
    let change = move |text: String| texts.update(|texts| texts[place] = text);
    let Some(choices) = knob.choices() else {
        return view! {
            <input
                class="field__input" type="text" inputmode="decimal" autocomplete="off" spellcheck="false" required=true
                name=knob.name value=untrack(value) prop:value=value
                on:input=move |event| change(event_target_value(&event))
            />
        }
        .into_any();
    };
    let first = untrack(value);
    view! {
        <select
            class="field__input" name=knob.name prop:value=value
            on:change=move |event| change(event_target_value(&event))
        >
            {choices.map(|word| {
                view! { <option value=word selected=word == first>{word.replace('_', " ")}</option> }
            }).collect_view()}
        </select>
    }
    .into_any()
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
