//! Play, step, jump; where the playhead is as timecode and frame number, both of which can be typed.

use leptos::prelude::*;

use super::sound::Sound;
use crate::components::canvas::{Mark, ToolIcon};
use crate::state::desk::{Tab, use_desk};
use crate::state::playhead::Playhead;

#[component]
pub fn Transport() -> impl IntoView {
    let desk = use_desk();
    let playhead = desk.playhead;
    let plays = move || playhead.speed.get() != 0;
    let keys = move || match desk.tab.get() {
        Tab::Targets => "J K L shuttle · ← → step · I O range · X point · ? keys",
        Tab::Quadmask => "J K L shuttle · ← → step · I O range · B brush · M mask · ? keys",
        Tab::Removal => "J K L shuttle · ← → step · M mask · ? keys",
        Tab::Review => "W wipe · ⇧D difference · ` flip · H hold plate · ? keys",
    };
    view! {
        <div class="transport" role="group" aria-label="Transport">
            <div class="transport__buttons">
                <Press mark=Mark::First label="First frame" key="Home" action=move || jump(playhead, false)/>
                <Press mark=Mark::Back label="One frame back" key="ArrowLeft" action=move || playhead.step(-1)/>
                <button
                    type="button"
                    class="transport__play"
                    aria-label=move || if plays() { "Pause" } else { "Play" }
                    title="Play or pause (Space)"
                    on:click=move |_| playhead.toggle()
                >
                    {move || view! { <ToolIcon mark=if plays() { Mark::Pause } else { Mark::Play }/> }}
                </button>
                <Press mark=Mark::Next label="One frame on" key="ArrowRight" action=move || playhead.step(1)/>
                <Press mark=Mark::Last label="Last frame" key="End" action=move || jump(playhead, true)/>
            </div>
            <Entry kind=Kind::Timecode/>
            <span class="transport__count">
                <Entry kind=Kind::Frame/>
                {move || {
                    let (clip, frame) = (playhead.clip.get(), playhead.frame.get());
                    format!("· {} of {} · {} fps", (frame + 1).min(clip.frames), clip.frames, clip.rate)
                }}
            </span>
            <span class="transport__speed" role="status">
                {move || match playhead.speed.get() {
                    0 | 1 => String::new(),
                    -1 => "◀ reverse".to_owned(),
                    speed if speed < 0 => format!("◀ {}×", -speed),
                    speed => format!("▶ {speed}×"),
                }}
            </span>
            <span class="transport__keys">{keys}</span>
            <Sound/>
            <button
                type="button"
                class="chip"
                title="Loop (P)"
                aria-pressed=move || if playhead.looping.get() { "true" } else { "false" }
                on:click=move |_| playhead.looping.update(|on| *on = !*on)
            >
                "Loop"
            </button>
            <Show when=move || desk.is_comparing()>
                <button type="button" class="chip" title="Flip plate and result (`)" on:click=move |_| desk.comparing.flip()>
                    "Plate ⇄ Result"
                </button>
            </Show>
        </div>
    }
    .into_any()
}

/// To the first or last frame; to in or out where they are set and not yet reached.
pub fn jump(playhead: Playhead, to_end: bool) {
    playhead.pause();
    let (low, high) = untrack(|| playhead.marks());
    let last = playhead.clip.with_untracked(|c| c.last());
    let frame = playhead.frame.get_untracked();
    playhead.seek(match to_end {
        true if frame < high => high,
        true => last,
        false if frame > low => low,
        false => 0,
    });
}

#[component]
fn Press(mark: Mark, label: &'static str, key: &'static str, action: impl Fn() + 'static) -> impl IntoView {
    view! {
        <button type="button" class="transport__button" aria-label=label aria-keyshortcuts=key title=label on:click=move |_| action()>
            <ToolIcon mark/>
        </button>
    }
    .into_any()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Timecode,
    Frame,
}

/// A number that is shown and can be typed; either kind understands both.
#[component]
fn Entry(kind: Kind) -> impl IntoView {
    let desk = use_desk();
    let playhead = desk.playhead;
    let shown = move || {
        let (clip, frame) = (playhead.clip.get(), playhead.frame.get());
        match kind {
            Kind::Timecode => clip.timecode(frame),
            Kind::Frame => clip.number(frame).to_string(),
        }
    };
    let on_change = move |event: leptos::ev::Event| {
        let now = playhead.frame.get_untracked();
        match playhead.clip.get_untracked().parse(&event_target_value(&event), now) {
            Ok(frame) => {
                playhead.pause();
                playhead.seek(frame);
            }
            Err(why) => desk.toasts.fail(format!("{why}.")),
        }
        playhead.frame.notify(); // the field shows the frame again, whatever was typed
    };
    let (label, class) = match kind {
        Kind::Timecode => ("Timecode", "transport__entry transport__timecode"),
        Kind::Frame => ("Frame", "transport__entry transport__frame"),
    };
    view! {
        <label class=class>
            <span class:visually-hidden=kind == Kind::Timecode>{label.to_lowercase()}</span>
            <input
                type="text"
                inputmode="numeric"
                autocomplete="off"
                aria-label=format!("{label}: type a frame number or a timecode to go there")
                value=untrack(shown)
                prop:value=shown
                on:focus=move |_| playhead.pause()
                on:change=on_change
                on:keydown=move |event| {
                    if event.key() == "Enter" || event.key() == "Escape" {
                        blur(&event);
                    }
                }
            />
        </label>
    }
    .into_any()
}

fn blur(event: &leptos::ev::KeyboardEvent) {
    use leptos::wasm_bindgen::JsCast;
    let field = event.target().and_then(|t| t.dyn_into::<leptos::web_sys::HtmlElement>().ok());
    if let Some(field) = field {
        let _ = field.blur();
    }
}
