//! One target: name, colour, and every click and box with its frame.

use domain::{Target, TargetId};
use leptos::prelude::*;

use crate::api::shots::delete_target;
use crate::components::canvas::{Mark, ToolIcon};
use crate::state::desk::{Desk, use_desk};

#[component]
pub fn TargetCard(id: TargetId) -> impl IntoView {
    let desk = use_desk();
    let target =
        Memo::new(move |_| desk.view.with(|v| v.targets.iter().find(|t| t.target_id == id).cloned()));
    let is_chosen = move || desk.target().is_some_and(|t| t.target_id == id);
    // Each by itself: a name that somebody types stays while the target's marks change.
    let name = Memo::new(move |_| target.with(|t| t.as_ref().map(|t| t.name.clone()).unwrap_or_default()));
    let colour =
        Memo::new(move |_| target.with(|t| t.as_ref().map(|t| t.colour.clone()).unwrap_or_default()));
    let found =
        move || target.with(|t| t.as_ref().and_then(|t| t.found.as_ref().map(domain::FoundBy::words)));
    let off = move || !desk.may_edit();
    let delete = move |_| {
        if !desk.refuses_edit() {
            desk.write(delete_target(desk.shot_id, id));
        }
    };
    view! {
        <li class="target" aria-current=move || is_chosen().then_some("true") style=move || format!("--target:{}", colour.get())>
            <div class="target__head">
                <input
                    type="color" class="target__colour" aria-label=move || format!("Colour of {}", name.get())
                    prop:value=move || colour.get() disabled=off
                    on:change=move |event| desk.change_target(id, |t| t.colour = event_target_value(&event))
                />
                <input
                    type="text" class="bare-input target__name" aria-label="Target name" maxlength="80"
                    prop:value=move || name.get() disabled=off
                    on:focus=move |_| desk.marking.target.set(Some(id))
                    on:change=move |event| desk.change_target(id, |t| t.name = event_target_value(&event))
                />
                <button
                    type="button" class="target__choose" aria-pressed=move || if is_chosen() { "true" } else { "false" }
                    on:click=move |_| desk.marking.target.set(Some(id))
                >
                    {move || target.with(|t| t.as_ref().map(|t| summary(desk, t)))}
                </button>
                <button type="button" class="icon-button" data-small="true" aria-label=move || format!("Delete {}", name.get()) disabled=off on:click=delete>
                    <ToolIcon mark=Mark::Delete/>
                </button>
            </div>
            {move || found().map(|words| view! { <p class="faint target__found">{format!("Found by {words}")}</p> })}
            <ul class="target__prompts">
                {move || target.with(|t| t.as_ref().map(|t| prompts(desk, t)))}
            </ul>
        </li>
    }
    .into_any()
}

fn summary(desk: Desk, target: &Target) -> String {
    let count = target.points.len() + target.boxes.len();
    let frames = target.points.iter().map(|p| p.frame).chain(target.boxes.iter().map(|b| b.frame));
    let clip = desk.clip();
    match (frames.clone().min(), frames.max()) {
        (Some(first), Some(last)) if first != last => {
            format!("{}–{} · {count} pts", clip.number(first), clip.number(last))
        }
        (Some(first), _) => {
            format!("{} · {count} {}", clip.number(first), if count == 1 { "pt" } else { "pts" })
        }
        _ => "not marked".to_owned(),
    }
}

fn prompts(desk: Desk, target: &Target) -> Vec<AnyView> {
    let id = target.target_id;
    let points = target.points.iter().enumerate().map(|(at, p)| {
        let sign = if p.positive { ("+", "goes") } else { ("−", "stays") };
        let words = format!("{} {} · {:.0}, {:.0}", sign.0, sign.1, p.x, p.y);
        row(desk, p.frame, words, move || {
            desk.change_target(id, |t| {
                t.points.remove(at);
            });
        })
    });
    let boxes = target.boxes.iter().enumerate().map(|(at, b)| {
        let words = format!("▭ {:.0}×{:.0} at {:.0}, {:.0}", b.x1 - b.x0, b.y1 - b.y0, b.x0, b.y0);
        row(desk, b.frame, words, move || {
            desk.change_target(id, |t| {
                t.boxes.remove(at);
            });
        })
    });
    points.chain(boxes).collect()
}

fn row(desk: Desk, frame: u32, words: String, delete: impl Fn() + 'static) -> AnyView {
    let number = desk.clip().number(frame);
    let label = format!("Delete {words} on frame {number}");
    view! {
        <li class="prompt">
            <FrameLink frame/>
            <span class="prompt__words">{words}</span>
            <button
                type="button" class="icon-button" data-small="true" aria-label=label
                disabled=move || !desk.may_edit() on:click=move |_| delete()
            >
                <ToolIcon mark=Mark::Delete/>
            </button>
        </li>
    }
    .into_any()
}

/// A frame number that the playhead goes to.
#[component]
pub fn FrameLink(frame: u32) -> impl IntoView {
    let desk = use_desk();
    let go = move |_| {
        desk.playhead.pause();
        desk.playhead.seek(frame);
    };
    view! {
        <button type="button" class="frame-link" on:click=go>
            {move || format!("f{}", desk.clip().number(frame))}
        </button>
    }
    .into_any()
}
