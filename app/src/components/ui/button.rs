//! Buttons. `on:click`, `attr:name` and the like are given where the button is used.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};

/// How loud a button is. One `Primary` per view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    Plain,
    Primary,
    Quiet,
    Danger,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Primary => "primary",
            Self::Quiet => "quiet",
            Self::Danger => "danger",
        }
    }
}

#[component]
pub fn Button(
    #[prop(optional)] kind: Kind,
    #[prop(optional)] small: bool,
    /// Sends the form it stands in.
    #[prop(optional)]
    submit: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
    children: Children,
) -> impl IntoView {
    view! {
        <button
            type=if submit { "submit" } else { "button" }
            class="button"
            data-kind=kind.word()
            data-small=small.then_some("true")
            disabled=move || disabled.get()
        >
            {children()}
        </button>
    }
}

/// A button with a picture only; its name is read out and shown on hover.
#[component]
pub fn IconButton(
    icon: Glyph,
    #[prop(into)] label: Signal<String>,
    /// The key that does the same, shown on hover.
    #[prop(optional)]
    key: Option<&'static str>,
    /// For switches: whether it is on.
    #[prop(optional, into)]
    pressed: Option<Signal<bool>>,
    #[prop(optional)] small: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> impl IntoView {
    let title = move || match key {
        Some(key) => format!("{} ({key})", label.get()),
        None => label.get(),
    };
    view! {
        <button
            type="button"
            class="icon-button"
            data-small=small.then_some("true")
            aria-label=move || label.get()
            aria-keyshortcuts=key
            aria-pressed=move || pressed.map(|on| if on.get() { "true" } else { "false" })
            title=title
            disabled=move || disabled.get()
        >
            <Icon glyph=icon/>
        </button>
    }
}
