//! Threads under the timeline: a pin on the frame, a bar over the range. Beside the slider and not in it: each pin is a
//! button of its own.

use std::collections::BTreeMap;

use domain::{FrameRange, Thread};
use leptos::prelude::*;

use super::frame_words;
use crate::components::ui::tint_of;
use crate::state::desk::{Desk, use_desk};

/// Threads that begin on one frame.
#[derive(Debug, Clone, PartialEq)]
struct Pin {
    frames: FrameRange,
    threads: Vec<Thread>,
    unread: usize,
}

fn pins(desk: Desk) -> Vec<Pin> {
    let (viewer, filter) = (desk.view.with(|v| v.viewer), desk.talk.filter.get());
    let mut all: BTreeMap<u32, Pin> = BTreeMap::new();
    for thread in desk.talk.threads() {
        let Some(frames) = thread.frames.filter(|_| filter.passes(&thread, viewer)) else { continue };
        let pin = all.entry(frames.from).or_insert(Pin { frames, threads: Vec::new(), unread: 0 });
        pin.frames.to = pin.frames.to.max(frames.to);
        pin.unread += thread.unread(viewer);
        pin.threads.push(thread);
    }
    all.into_values().collect()
}

#[component]
pub fn Pins() -> impl IntoView {
    let desk = use_desk();
    let all = Memo::new(move |_| pins(desk));
    view! {
        <span class="timeline__name timeline__name--pins" aria-hidden="true">"Comments"</span>
        <div class="pins" role="group" aria-label="Comments on the timeline">
            {move || all.get().into_iter().map(|pin| view! { <PinMark pin/> }).collect_view()}
            <span class="timeline__head" style=move || format!("--from:{}", desk.playhead.frame.get()) aria-hidden="true"></span>
        </div>
    }
    .into_any()
}

#[component]
fn PinMark(pin: Pin) -> impl IntoView {
    let desk = use_desk();
    let Pin { frames, threads, unread } = pin;
    let first = threads[0].comments.first();
    let name = first.and_then(|c| c.author.as_ref()).map(|a| a.name.clone()).unwrap_or_default();
    let words: String = first.map(|c| c.text.chars().take(60).collect()).unwrap_or_default();
    let place = untrack(|| frame_words(frames, desk.clip()));
    let ids: Vec<_> = threads.iter().map(|t| t.thread_id).collect();
    let is_open = threads.iter().any(|t| t.resolved.is_none());
    let label = match threads.len() {
        1 => format!("{place}, {name}: {words}"),
        n => format!("{place}: {n} threads, first {name}: {words}"),
    };
    let count = threads.iter().map(|t| t.comments.len()).sum::<usize>();
    let is_here = {
        let ids = ids.clone();
        move || desk.talk.current.get().is_some_and(|id| ids.contains(&id))
    };
    // Pressed again, the next thread of the same frame.
    let press = move |_| {
        let current = desk.talk.current.get_untracked();
        let at = ids.iter().position(|id| Some(*id) == current).map_or(0, |at| (at + 1) % ids.len());
        if let Some(thread) = untrack(|| desk.talk.thread(ids[at])) {
            desk.playhead.pause();
            desk.playhead.seek(frames.from);
            desk.look_at(&thread);
        }
    };
    let bar = (frames.to > frames.from).then(|| {
        let style = format!("--from:{};--count:{}", frames.from, frames.to - frames.from + 1);
        view! { <i class="pins__bar" data-person=tint_of(&name).to_string() data-open=is_open.then_some("true") style=style></i> }
    });
    view! {
        {bar}
        <button
            type="button" class="pin" data-person=tint_of(&name).to_string()
            data-open=is_open.then_some("true") data-unread=(unread > 0).then_some("true")
            style=format!("--from:{}", frames.from)
            aria-label=label.clone() title=label
            aria-current=move || is_here().then_some("true")
            on:click=press
        >
            {if is_open { count.to_string() } else { "✓".to_owned() }}
        </button>
    }
    .into_any()
}
