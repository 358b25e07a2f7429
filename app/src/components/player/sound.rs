//! Mute and volume, where the shot has sound. Playing it is `browser::sound`'s business.

use domain::Hash;
use leptos::prelude::*;

use crate::browser::sound;
use crate::components::canvas::{Mark, ToolIcon};
use crate::state::desk::use_desk;
use crate::state::sound::Hearing;

/// Nothing for shots without sound.
#[component]
pub fn Sound() -> impl IntoView {
    let desk = use_desk();
    let hash = Memo::new(move |_| desk.view.with(|v| v.shot.sound));
    move || hash.get().map(|hash| view! { <Control hash/> })
}

#[component]
fn Control(hash: Hash) -> impl IntoView {
    let desk = use_desk();
    let sound = desk.sound;
    Effect::new(move |_| sound.remember());
    sound::mount(desk, hash);
    let muted = move || sound.muted.get();
    let title = move || match sound.hearing.get() {
        Hearing::Missing(why) => format!("The sound does not come: {why}"),
        _ if muted() => "Sound is off (U)".to_owned(),
        _ => "Sound on or off (U). Heard forwards at 1×".to_owned(),
    };
    let state = move || match sound.hearing.get() {
        Hearing::Silent => "silent",
        Hearing::Waiting => "waiting",
        Hearing::Playing => "playing",
        Hearing::Missing(_) => "missing",
    };
    let percent = move || format!("{:.0}", sound.volume.get() * 100.0);
    view! {
        <span class="sound" role="group" aria-label="Sound" data-state=state>
            <button
                type="button"
                class="transport__button sound__mute"
                aria-label=move || if muted() { "Turn the sound on" } else { "Turn the sound off" }
                aria-keyshortcuts="U"
                title=title
                on:click=move |_| sound.toggle()
            >
                {move || view! { <ToolIcon mark=if muted() { Mark::Muted } else { Mark::Sound }/> }}
            </button>
            <input
                class="sound__volume"
                type="range" min="0" max="100" step="5"
                aria-label="Volume in percent"
                prop:value=percent
                value=untrack(percent)
                on:input=move |event| {
                    if let Ok(value) = event_target_value(&event).parse::<f64>() {
                        sound.set_volume(value / 100.0);
                    }
                }
            />
            <span class="visually-hidden" role="status">
                {move || match sound.hearing.get() {
                    Hearing::Missing(why) => format!("The sound does not come: {why}."),
                    _ => String::new(),
                }}
            </span>
        </span>
    }
    .into_any()
}
