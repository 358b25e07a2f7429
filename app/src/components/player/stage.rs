//! The picture, the levels over it and the lines over those. The server sends the poster; the canvas takes over in the
//! browser.

use leptos::html;
use leptos::prelude::*;

use super::legend::Legend;
use super::probe::ProbeReadout;
use crate::browser::stage::{self, Elements};
use crate::components::canvas::{Gestures, Mark, ToolIcon, Vectors};
use crate::components::threads::InkLayer;
use crate::state::comparing::Mode;
use crate::state::desk::{Arrival, Desk, Tab, use_desk};

#[component]
pub fn Stage(gestures: Gestures) -> impl IntoView {
    let desk = use_desk();
    let stage = NodeRef::<html::Div>::new();
    let picture = NodeRef::<html::Canvas>::new();
    let mask = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let (Some(stage), Some(picture), Some(mask)) = (stage.get(), picture.get(), mask.get()) {
            stage::mount(Elements { stage: stage.into(), picture, mask }, desk, gestures.hover);
        }
    });
    let name = move || desk.view.with(|v| v.shot.name.clone());
    let label = move || {
        let (clip, frame) = (desk.clip(), desk.playhead.frame.get());
        let what = if desk.is_comparing() { desk.comparing.mode.get().word() } else { "Plate" };
        format!("{} of {}, frame {}", what, name(), clip.number(frame))
    };
    let has_legend =
        move || desk.overlay().get() && matches!(desk.tab.get(), Tab::Targets | Tab::Quadmask | Tab::Review);
    let poster = move || {
        let waits = desk.painted.get().is_none();
        let poster = desk.view.with(|v| v.shot.poster.filter(|_| waits));
        poster.map(|poster| {
            view! { <img class="stage__poster" src=desk.road.poster(desk.shot_id, poster) alt=format!("First look at {}", name())/> }
        })
    };
    view! {
        <div
            class="stage"
            node_ref=stage
            data-tool=move || format!("{:?}", gestures.tool()).to_lowercase()
            data-pen=move || desk.talk.pen.tip.get().is_some().then_some("true")
            data-probe=move || desk.looking.probe.get().then_some("true")
            data-drag=move || (gestures.drag.get() != Default::default()).then_some("true")
            on:pointerdown=move |event| gestures.on_down(&event)
            on:pointermove=move |event| gestures.on_move(&event)
            on:pointerup=move |event| gestures.on_up(&event)
            on:pointercancel=move |event| gestures.on_cancel(&event)
            on:pointerleave=move |_| gestures.hover.set(None)
            on:wheel=move |event| gestures.on_wheel(&event)
        >
            {poster}
            <canvas class="stage__picture" node_ref=picture role="img" aria-label=label></canvas>
            <canvas class="stage__mask" node_ref=mask aria-hidden="true"></canvas>
            <Vectors gestures/>
            <Show when=move || desk.is_comparing()>
                <Labels/>
                <WipeLine gestures/>
            </Show>
            <InkLayer/>
            <Show when=has_legend><Legend/></Show>
            <ProbeReadout/>
            <State/>
        </div>
    }
    .into_any()
}

/// Says that a frame is on its way, or why it is not there.
#[component]
fn State() -> impl IntoView {
    let desk = use_desk();
    let number = move || desk.clip().number(desk.playhead.frame.get());
    let text = move || {
        let (has_facts, has_proxy) = desk.view.with(|v| (v.shot.facts.is_some(), v.shot.proxy.is_some()));
        if !has_facts {
            let (phase, problem) = desk.view.with(|v| (v.shot.phase, v.shot.problem.clone()));
            return Some(match problem {
                Some(problem) => (true, problem),
                None => (false, format!("{}…", phase.status().word)),
            });
        }
        if !has_proxy {
            return Some((false, "The proxy is being made…".to_owned()));
        }
        match desk.arrival.get() {
            Arrival::Painted => None,
            Arrival::Waiting => Some((false, format!("Loading frame {}…", number()))),
            Arrival::Missing(why) => {
                Some((true, format!("Frame {} is not here: {why}. Trying again.", number())))
            }
        }
    };
    view! {
        <div class="stage__state" role="status">
            {move || text().map(|(is_missing, text)| {
                view! { <span data-missing=is_missing.then_some("true")>{text}</span> }
            })}
        </div>
    }
    .into_any()
}

/// Names of what is on which side.
#[component]
fn Labels() -> impl IntoView {
    let desk = use_desk();
    let result = move || {
        let words = |v: domain::version::Version| {
            let test = match (v.is_of_test_model(), v.is_preview()) {
                (true, _) => " · test model",
                (false, true) => " · quick preview",
                (false, false) => "",
            };
            format!("Result v{} · {}{test}", v.n, v.engine_words())
        };
        desk.version().map(words).unwrap_or_default()
    };
    let mode = move || desk.comparing.mode.get();
    let held = move || desk.comparing.hold.get();
    view! {
        <Show when=move || mode().needs_plate() || held()>
            <span class="stage__label" data-side="start">
                {move || if mode() == Mode::Difference && !held() { format!("Difference ×{}", 1 << desk.comparing.gain.get()) } else { "Plate".to_owned() }}
            </span>
        </Show>
        <Show when=move || matches!(mode(), Mode::Wipe | Mode::Side | Mode::Result) && !held()>
            <span class="stage__label" data-side="end">{result}</span>
        </Show>
    }
    .into_any()
}

/// The line between plate and result: dragged, moved by arrow keys, or set by its slider value.
#[component]
fn WipeLine(gestures: Gestures) -> impl IntoView {
    let desk = use_desk();
    let wipe = desk.comparing.wipe;
    let left = move || line_at(desk);
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        let by = if event.shift_key() { 0.1 } else { 0.01 };
        let moved = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => -by,
            "ArrowRight" | "ArrowUp" => by,
            "Home" => -1.0,
            "End" => 1.0,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        desk.comparing.move_wipe(moved);
    };
    view! {
        <Show when=move || desk.comparing.mode.get() == Mode::Wipe && !desk.comparing.hold.get()>
            <div
                class="wipe"
                style=move || format!("--at:{:.1}px", left())
                role="slider"
                tabindex="0"
                aria-label="Wipe: plate left, result right"
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=move || format!("{:.0}", wipe.get() * 100.0)
                on:pointerdown=move |event| gestures.begin_wipe(&event)
                on:keydown=on_key
            >
                <span class="wipe__handle"><ToolIcon mark=Mark::Wipe/></span>
            </div>
        </Show>
    }
    .into_any()
}

fn line_at(desk: Desk) -> f64 {
    let place = desk.place();
    place.x + desk.comparing.wipe.get() * desk.plate_size().0 * place.scale
}
