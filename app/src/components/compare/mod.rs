//! How plate and result are laid over each other.

use leptos::prelude::*;

use crate::state::comparing::{MOST_GAIN, Mode};
use crate::state::desk::use_desk;

#[component]
pub fn CompareBar() -> impl IntoView {
    let desk = use_desk();
    let comparing = desk.comparing;
    let choice = move |mode: Mode| {
        let key = match mode {
            Mode::Wipe => "W",
            Mode::Side => "S",
            Mode::Difference => "Shift+D",
            Mode::Result | Mode::Plate => "`",
        };
        view! {
            <button
                type="button"
                class="chip"
                title=format!("{} ({key})", mode.word())
                aria-pressed=move || if comparing.mode.get() == mode { "true" } else { "false" }
                on:click=move |_| comparing.mode.set(mode)
            >
                {mode.word()}
            </button>
        }
    };
    view! {
        <div class="compare" role="group" aria-label="Compare">
            {Mode::ALL.map(choice).collect_view()}
            <Show when=move || comparing.mode.get() == Mode::Difference>
                <label class="compare__gain">
                    <span>"Gain"</span>
                    <input
                        type="range" min="0" max=MOST_GAIN step="1" aria-label="Difference gain"
                        aria-valuetext=move || format!("{} times", 1 << comparing.gain.get())
                        prop:value=move || comparing.gain.get()
                        on:input=move |event| {
                            if let Ok(gain) = event_target_value(&event).parse() {
                                comparing.gain.set(gain);
                            }
                        }
                    />
                    <output>{move || format!("×{}", 1 << comparing.gain.get())}</output>
                </label>
            </Show>
        </div>
    }
    .into_any()
}
