//! The strip above the picture: what is shown, how strong the overlay is, the zoom, and what the tool in the hand does.

use domain::Level;
use leptos::prelude::*;

use crate::state::desk::{Desk, Tab, use_desk};
use crate::state::looking::Exactness;
use crate::state::marking::{CellSpanChoice, Shown, Tool, level_words};

#[component]
pub fn ToolBar() -> impl IntoView {
    let desk = use_desk();
    let marking = desk.marking;
    let edits = move || matches!(desk.tab.get(), Tab::Targets | Tab::Quadmask);
    let tool = move || edits().then(|| marking.tool.get());
    view! {
        <div class="tool-bar" role="group" aria-label="View and tool">
            <span class="chip tool-bar__shown">{move || shown(desk)}</span>
            <label class="tool-bar__opacity" title="How strong the overlay is">
                <span>"Overlay"</span>
                <input
                    type="range" min="0" max="100" step="5"
                    aria-label="Overlay strength in percent"
                    prop:value=move || percent(marking.opacity.get())
                    on:input=move |event| {
                        if let Ok(value) = event_target_value(&event).parse::<f64>() {
                            marking.opacity.set(value / 100.0);
                        }
                    }
                />
                <output>{move || format!("{} %", percent(marking.opacity.get()))}</output>
            </label>
            <Zoom/>
            <Look/>
            {move || match tool() {
                Some(Tool::Brush) => view! { <BrushOptions/> }.into_any(),
                Some(Tool::Erase) => view! { <Radius/> }.into_any(),
                Some(Tool::Point) => view! { <Sign/> }.into_any(),
                Some(Tool::Cells) => view! { <Span/> }.into_any(),
                _ => ().into_any(),
            }}
            <span class="tool-bar__hint">{move || tool().map(Tool::hint)}</span>
        </div>
    }
    .into_any()
}

fn percent(part: f64) -> u32 {
    (part * 100.0).round() as u32
}

fn shown(desk: Desk) -> String {
    if desk.is_comparing() {
        let mode = desk.comparing.mode.get();
        let version = desk.version().map_or(0, |v| v.n);
        return if mode.needs_result() {
            format!("{} · result v{version}", mode.word())
        } else {
            mode.word().to_owned()
        };
    }
    if !desk.overlay().get() {
        return "Plate".to_owned();
    }
    match desk.shown() {
        Shown::Draft => "Plate + quadmask draft".to_owned(),
        Shown::Version(id) => {
            let n = desk.quadmask(id).map_or_else(String::new, |q| format!(" v{}", q.n));
            format!("Plate + quadmask{n}")
        }
    }
}

#[component]
fn Zoom() -> impl IntoView {
    let desk = use_desk();
    let text = move || format!("{:.0} %", desk.place().scale * 100.0);
    view! {
        <button
            type="button"
            class="chip"
            title="Fit (F). One to one: 0"
            aria-label=move || format!("Zoom {}: fit", text())
            on:click=move |_| desk.port.fit()
        >
            {move || if desk.port.stage.get().0 > 0.0 { text() } else { "Fit".to_owned() }}
        </button>
    }
    .into_any()
}

/// The probe, and which picture is looked at closely.
#[component]
fn Look() -> impl IntoView {
    let looking = use_desk().looking;
    let words = move || looking.exactness.with(Exactness::words);
    let is_exact = move || looking.exactness.with(|e| *e == Exactness::Exact);
    view! {
        <button
            type="button"
            class="chip"
            title="Values of the pixel under the pointer (V)"
            aria-keyshortcuts="V"
            aria-pressed=move || if looking.probe.get() { "true" } else { "false" }
            on:click=move |_| looking.toggle_probe()
        >
            "Probe"
        </button>
        <span class="tool-bar__exact" role="status" data-exact=move || is_exact().then_some("true")>{words}</span>
    }
    .into_any()
}

#[component]
fn BrushOptions() -> impl IntoView {
    let marking = use_desk().marking;
    let level = move |(at, level): (usize, Level)| {
        let (word, becomes, token) = level_words(level);
        view! {
            <button
                type="button"
                class="chip level"
                data-level=token
                title=format!("{becomes} ({})", at + 1)
                aria-pressed=move || if marking.level.get() == level { "true" } else { "false" }
                on:click=move |_| marking.level.set(level)
            >
                {word}
            </button>
        }
    };
    view! {
        <span class="tool-bar__levels" role="group" aria-label="Paint">
            {Level::ALL.into_iter().enumerate().map(level).collect_view()}
        </span>
        <Radius/>
    }
    .into_any()
}

#[component]
fn Radius() -> impl IntoView {
    let marking = use_desk().marking;
    view! {
        <label class="tool-bar__number">
            <span>"Size"</span>
            <input
                class="field__input" type="number" min="1" max="2048" step="1"
                aria-label="Brush width in plate pixels"
                prop:value=move || format!("{:.0}", marking.radius.get() * 2.0)
                on:change=move |event| {
                    if let Ok(width) = event_target_value(&event).parse::<f32>() {
                        marking.set_radius(width / 2.0);
                    }
                }
            />
            <span>"px"</span>
        </label>
    }
    .into_any()
}

#[component]
fn Sign() -> impl IntoView {
    let marking = use_desk().marking;
    let choice = move |negative: bool, word: &'static str| {
        view! {
            <button
                type="button"
                class="chip"
                aria-pressed=move || if marking.negative.get() == negative { "true" } else { "false" }
                on:click=move |_| marking.negative.set(negative)
            >
                {word}
            </button>
        }
    };
    view! {
        <span class="tool-bar__levels" role="group" aria-label="A click says">
            {choice(false, "+ goes")}
            {choice(true, "− stays")}
        </span>
    }
    .into_any()
}

#[component]
fn Span() -> impl IntoView {
    let desk = use_desk();
    let marking = desk.marking;
    let choice = move |span: CellSpanChoice, word: &'static str| {
        view! {
            <button
                type="button"
                class="chip"
                aria-pressed=move || if marking.span.get() == span { "true" } else { "false" }
                on:click=move |_| marking.span.set(span)
            >
                {word}
            </button>
        }
    };
    let about = move || {
        let ((from, to), clip) = (desk.cell_frames(), desk.clip());
        let name = desk.cause().map_or_else(|| "no cause yet".to_owned(), |c| c.name);
        format!("{name} · {}–{}", clip.number(from), clip.number(to))
    };
    view! {
        <span class="tool-bar__levels" role="group" aria-label="Cells are marked over">
            {choice(CellSpanChoice::Marks, "In–out")}
            {choice(CellSpanChoice::Whole, "Whole shot")}
            {choice(CellSpanChoice::ThisFrame, "This frame")}
        </span>
        <span class="chip">{about}</span>
    }
    .into_any()
}
