//! A status as icon, word and colour, and how far something is.

use domain::Phase;
use leptos::prelude::*;

#[component]
pub fn StatusChip(
    #[prop(into)] phase: Signal<Phase>,
    /// Replaces the status word, e.g. “Quadmask v3 in review”.
    #[prop(optional, into)]
    words: Option<Signal<Option<String>>>,
    /// Lies on a picture.
    #[prop(optional)]
    over: bool,
) -> impl IntoView {
    let status = move || phase.get().status();
    let word = move || words.and_then(|words| words.get()).unwrap_or_else(|| status().word.to_owned());
    view! {
        <span class="status" data-tone=move || status().tone data-over=over.then_some("true")>
            <span class="status__icon" aria-hidden="true">{move || status().icon}</span>
            <span class="status__word">{word}</span>
        </span>
    }
}

/// `part`: 0–1.
#[component]
pub fn ProgressBar(#[prop(into)] part: Signal<f32>, #[prop(into)] label: String) -> impl IntoView {
    let percent = move || (part.get().clamp(0.0, 1.0) * 100.0).round() as u32;
    view! {
        <span
            class="progress"
            role="progressbar"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || percent().to_string()
        >
            <span class="progress__fill" style=move || format!("--part:{:.3}", part.get().clamp(0.0, 1.0))></span>
        </span>
    }
}
