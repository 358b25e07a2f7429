//! What draws on the picture: forms, colours, and taking back.

use domain::thread::Ink;
use leptos::prelude::*;

use crate::state::desk::use_desk;
use crate::state::pen::Tip;
use crate::state::talk::Anchor;

fn path(tip: Tip) -> &'static str {
    match tip {
        Tip::Freehand => "M2.500 12.500c3-7 4.500-7 4.500-3.500s2 3.500 3 1 2-3 3.500-1.500",
        Tip::Arrow => "M3 13 12.500 3.500M7 3.500h5.500V9",
        Tip::Rectangle => "M2.500 4h11v8h-11z",
        Tip::Ellipse => "M8 4c3.300 0 5.500 1.700 5.500 4S11.300 12 8 12 2.500 10.300 2.500 8 4.700 4 8 4Z",
        Tip::Text => "M3.500 5V3.500h9V5M8 3.500v9M6.300 12.500h3.400",
    }
}

#[component]
pub fn Pens() -> impl IntoView {
    let desk = use_desk();
    let pen = desk.talk.pen;
    let tip = move |tip: Tip| {
        let title = tip.key().map_or_else(|| tip.word().to_owned(), |key| format!("{} ({key})", tip.word()));
        view! {
            <button
                type="button" class="pens__tip" aria-label=tip.word() title=title aria-keyshortcuts=tip.key()
                aria-pressed=move || if pen.tip.get() == Some(tip) { "true" } else { "false" }
                on:click=move |_| {
                    pen.tip.update(|now| *now = (*now != Some(tip)).then_some(tip));
                    // What is drawn lies on a frame.
                    if desk.talk.anchor.get_untracked() == Anchor::Whole {
                        desk.talk.anchor.set(Anchor::Frame);
                    }
                }
            >
                <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=path(tip)></path></svg>
            </button>
        }
    };
    let next_ink = move |_| {
        pen.ink.update(|ink| {
            let at = Ink::ALL.iter().position(|i| i == ink).unwrap_or(0);
            *ink = Ink::ALL[(at + 1) % Ink::ALL.len()];
        });
    };
    let has_drawn = move || pen.shapes.with(|all| !all.is_empty());
    view! {
        <span class="pens" role="group" aria-label="Draw on the picture">
            {Tip::ALL.map(tip).collect_view()}
            <button
                type="button" class="pens__ink" data-ink=move || pen.ink.get().word() on:click=next_ink
                aria-label=move || format!("Colour: {}; the next one", pen.ink.get().word())
                title=move || format!("Colour: {}", pen.ink.get().word())
            ></button>
            <Show when=has_drawn>
                <button type="button" class="threads__link" title="Take back the last line (Ctrl+Z)" on:click=move |_| pen.undo()>
                    {move || format!("Undo {}", pen.shapes.with(Vec::len))}
                </button>
            </Show>
        </span>
    }
    .into_any()
}
