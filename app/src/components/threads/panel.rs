//! The side of the panel that holds everything said about the shot: threads, and the decisions in between, so that the
//! history reads as one.

use domain::ThreadId;
use leptos::prelude::*;

use super::card::ThreadCard;
use super::composer::Composer;
use super::decided::{Decided, DecidedCard, decided};
use super::filters::Filters;
use crate::components::ui::Loading;
use crate::state::desk::{Desk, use_desk};

/// One entry of the list.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Thread(ThreadId),
    Decided(Box<Decided>),
}

impl Entry {
    fn key(&self) -> String {
        match self {
            Self::Thread(id) => id.to_string(),
            Self::Decided(d) => d.decision.decision_id.to_string(),
        }
    }
}

/// What is listed, in the order that was chosen.
fn entries(desk: Desk) -> Vec<Entry> {
    let (viewer, filter, by_frame) =
        (desk.view.with(|v| v.viewer), desk.talk.filter.get(), desk.talk.by_frame.get());
    let mut all: Vec<(u32, i64, Entry)> = Vec::new();
    for thread in desk.talk.threads().into_iter().filter(|t| filter.passes(t, viewer)) {
        let frame = thread.frames.map_or(u32::MAX, |f| f.from);
        all.push((frame, thread.changed_at, Entry::Thread(thread.thread_id)));
    }
    for one in decided(desk).into_iter().filter(|d| d.passes(filter, viewer)) {
        all.push((u32::MAX, one.decision.at, Entry::Decided(Box::new(one))));
    }
    if by_frame {
        all.sort_by_key(|(frame, at, _)| (*frame, *at));
    } else {
        all.sort_by_key(|(_, at, _)| std::cmp::Reverse(*at));
    }
    all.into_iter().map(|(.., entry)| entry).collect()
}

#[component]
pub fn ThreadsPanel() -> impl IntoView {
    let desk = use_desk();
    // The server sends no threads with the page: they are read once the client runs, and again whenever one changes.
    Effect::new(move |_| {
        desk.talk.restore();
        desk.talk.refresh();
    });
    let all = Memo::new(move |_| entries(desk));
    let is_read = move || desk.talk.view.with(Option::is_some);
    view! {
        <div class="panel threads" role="log" aria-label="Comments" tabindex="0">
            <Filters/>
            <Show when=is_read fallback=|| view! { <Loading/> }>
                <Show when=move || all.with(Vec::is_empty)><Nothing/></Show>
                <For each=move || all.get() key=Entry::key let:entry>
                    {match entry {
                        Entry::Thread(id) => view! { <ThreadCard id/> }.into_any(),
                        Entry::Decided(one) => view! { <DecidedCard one=*one/> }.into_any(),
                    }}
                </For>
            </Show>
        </div>
        <Composer/>
    }
    .into_any()
}

#[component]
fn Nothing() -> impl IntoView {
    let desk = use_desk();
    let text = move || {
        if desk.talk.threads().is_empty() {
            "Nothing has been said yet. Press C to comment on the frame you see, Shift+C on in to out; draw on the picture to point."
        } else {
            "No comment fits this filter."
        }
    };
    view! { <p class="threads__nothing muted">{text}</p> }.into_any()
}
