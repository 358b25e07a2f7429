//! The same as a click, a box or a dab of the brush, by numbers: for people who do not drag, and for exact places.

use domain::stroke::Stroke;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::components::ui::Button;
use crate::state::desk::{Desk, Tab, use_desk};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Goes,
    Stays,
    Box,
    Dab,
    PathStop,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Goes => "Point that goes",
            Self::Stays => "Point that stays",
            Self::Box => "Box",
            Self::Dab => "Dab of the brush",
            Self::PathStop => "Path of the chosen cause",
        }
    }

    fn all(tab: Tab) -> &'static [Self] {
        match tab {
            Tab::Targets => &[Self::Goes, Self::Stays, Self::Box],
            _ => &[Self::Dab, Self::PathStop, Self::Goes, Self::Stays, Self::Box],
        }
    }
}

#[component]
pub fn ByNumbers() -> impl IntoView {
    let desk = use_desk();
    let chosen = RwSignal::new(0_usize);
    let fields = [
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
    ];
    let what = move || {
        let all = What::all(desk.tab.get());
        all[chosen.get().min(all.len() - 1)]
    };
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let numbers = fields.map(|f| f.get_untracked().trim().parse::<f32>().ok());
        let what = untrack(what);
        match (numbers, what) {
            ([Some(x), Some(y), Some(w), Some(h)], What::Box) => desk.add_box((x, y), (x + w, y + h)),
            (_, What::Box) => desk.toasts.fail("A box needs left, top, width and height in plate pixels."),
            ([Some(x), Some(y), ..], what) => place(desk, what, x, y),
            _ => desk.toasts.fail("Type a place in plate pixels: x and y."),
        }
    };
    let field = move |at: usize, label: &'static str| {
        view! {
            <label class="by-numbers__field">
                <span>{label}</span>
                <input
                    class="field__input" type="number" step="any" inputmode="decimal"
                    prop:value=move || fields[at].get()
                    on:input=move |event| fields[at].set(event_target_value(&event))
                />
            </label>
        }
    };
    let choices = move || {
        What::all(desk.tab.get())
            .iter()
            .enumerate()
            .map(|(at, what)| view! { <option value=at selected=at == chosen.get_untracked()>{what.word()}</option> })
            .collect_view()
    };
    view! {
        <details class="by-numbers">
            <summary>"Mark by numbers"</summary>
            <form class="by-numbers__form" on:submit=send>
                <label class="by-numbers__what">
                    <span class="visually-hidden">"What to mark"</span>
                    <select
                        class="field__input"
                        on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))
                    >
                        {choices}
                    </select>
                </label>
                {field(0, "x")}
                {field(1, "y")}
                <Show when=move || what() == What::Box>{field(2, "w")} {field(3, "h")}</Show>
                <Button small=true submit=true disabled=Signal::derive(move || !desk.may_edit())>
                    {move || format!("Mark on f{}", desk.clip().number(desk.playhead.frame.get()))}
                </Button>
            </form>
        </details>
    }
    .into_any()
}

fn place(desk: Desk, what: What, x: f32, y: f32) {
    match what {
        What::Goes => desk.add_point(x, y, true),
        What::Stays => desk.add_point(x, y, false),
        What::PathStop => desk.add_path_point(x, y),
        What::Dab => {
            if !desk.refuses_edit() {
                let stroke = Stroke {
                    frame: desk.playhead.frame.get_untracked(),
                    level: untrack(|| desk.marking.paints()),
                    radius: desk.marking.radius.get_untracked(),
                    points: vec![(x, y)],
                };
                let key = desk.begin_stroke(stroke);
                desk.send_stroke(key);
            }
        }
        What::Box => {}
    }
}
