//! Labelled inputs for forms that also work before the client has loaded.

use leptos::html;
use leptos::prelude::*;

/// One line of text. Other attributes (`attr:autocomplete`, `on:input`, …) go to [`Field`]'s wrapper; the ones forms
/// need are properties.
#[component]
pub fn Field(
    #[prop(into)] label: String,
    name: &'static str,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: Option<Signal<String>>,
    #[prop(optional, into)] on_input: Option<Callback<String>>,
    #[prop(optional, into)] hint: Option<Signal<String>>,
    #[prop(optional)] autocomplete: Option<&'static str>,
    #[prop(optional)] min_length: Option<u32>,
    #[prop(optional)] max_length: Option<u32>,
    #[prop(optional)] min: Option<i64>,
    #[prop(optional)] max: Option<i64>,
    #[prop(default = true)] required: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional, into)] placeholder: Option<String>,
) -> impl IntoView {
    let input = view! {
        <input
            class="field__input"
            type=kind
            name=name
            value=move || value.map(|value| value.get_untracked())
            autocomplete=autocomplete
            minlength=min_length
            maxlength=max_length
            min=min
            max=max
            required=required
            autofocus=autofocus
            placeholder=placeholder
            on:input=move |event| {
                if let Some(told) = on_input {
                    told.run(event_target_value(&event));
                }
            }
        />
    };
    // Without a value of ours the input keeps what was typed: a property set to nothing would read “undefined”.
    let input = match value {
        Some(value) => input.into_inner().prop("value", move || value.get()).into_any(),
        None => input.into_any(),
    };
    view! {
        <label class="field">
            <span class="field__label">{label}</span>
            {input}
            {hint.map(|hint| view! { <span class="field__hint">{move || hint.get()}</span> })}
        </label>
    }
}

#[component]
pub fn TextArea(
    #[prop(into)] label: String,
    name: &'static str,
    #[prop(optional, into)] value: Option<Signal<String>>,
    #[prop(optional, into)] on_input: Option<Callback<String>>,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional, into)] placeholder: Option<String>,
) -> impl IntoView {
    let area = view! {
        <textarea
            class="field__input"
            name=name
            required=required
            autofocus=autofocus
            placeholder=placeholder
            on:input=move |event| {
                if let Some(told) = on_input {
                    told.run(event_target_value(&event));
                }
            }
        >
            {value.map(|value| value.get_untracked())}
        </textarea>
    };
    let area = match value {
        Some(value) => area.into_inner().prop("value", move || value.get()).into_any(),
        None => area.into_any(),
    };
    view! {
        <label class="field">
            <span class="field__label">{label}</span>
            {area}
        </label>
    }
}

/// A choice of one. `choices` are values and what people read.
#[component]
pub fn Select(
    #[prop(into)] label: String,
    name: &'static str,
    #[prop(into)] choices: Signal<Vec<(String, String)>>,
    #[prop(into)] value: Signal<String>,
    #[prop(optional, into)] on_change: Option<Callback<String>>,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// The label is read out but not shown (in tables).
    #[prop(optional)]
    bare: bool,
) -> impl IntoView {
    view! {
        <label class="field" data-small=bare.then_some("true")>
            <span class=if bare { "visually-hidden" } else { "field__label" }>{label}</span>
            <select
                class="field__input"
                name=name
                disabled=move || disabled.get()
                prop:value=move || value.get()
                on:change=move |event| {
                    if let Some(told) = on_change {
                        told.run(event_target_value(&event));
                    }
                }
            >
                {move || {
                    choices
                        .get()
                        .into_iter()
                        .map(|(key, word)| {
                            let selected = value.get_untracked() == key;
                            view! { <option value=key selected=selected>{word}</option> }
                        })
                        .collect_view()
                }}
            </select>
        </label>
    }
}

/// A tick box with its words. It shows what was pressed at once; where the server has the last word, `refused` counts its
/// refusals, and the box then shows `checked` again, which did not change.
#[component]
pub fn Check(
    #[prop(into)] label: String,
    #[prop(into)] checked: Signal<bool>,
    #[prop(into)] on_change: Callback<bool>,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional, into)] refused: Option<Signal<u32>>,
) -> impl IntoView {
    let node = NodeRef::<html::Input>::new();
    if let Some(refused) = refused {
        Effect::new(move |before: Option<()>| {
            refused.track();
            if before.is_some()
                && let Some(input) = node.get_untracked()
            {
                input.set_checked(checked.get_untracked());
            }
        });
    }
    view! {
        <label class="check">
            <input
                node_ref=node
                type="checkbox"
                checked=checked.get_untracked()
                prop:checked=move || checked.get()
                disabled=move || disabled.get()
                on:change=move |event| on_change.run(event_target_checked(&event))
            />
            <span>{label}</span>
        </label>
    }
}
