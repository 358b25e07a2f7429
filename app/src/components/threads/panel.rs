//! The side of the panel that holds everything said about the shot: threads, and the decisions in between, so that the
//! history reads as one.

use std::collections::HashMap;
use std::time::Duration;

use domain::ThreadId;
use leptos::prelude::*;

use super::card::ThreadCard;
use super::composer::Composer;
use super::decided::{Decided, DecidedCard, decided};
use super::filters::Filters;
use crate::browser::keys;
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

/// What is there now: what was there before where it stood, what is new where it belongs.
fn in_places(before: &[Entry], now: Vec<Entry>) -> Vec<Entry> {
    let places: HashMap<String, usize> =
        before.iter().enumerate().map(|(at, entry)| (entry.key(), at)).collect();
    let is_known = |(_, entry): &(usize, Entry)| places.contains_key(&entry.key());
    let (mut known, new): (Vec<_>, Vec<_>) = now.into_iter().enumerate().partition(is_known);
    known.sort_by_cached_key(|(_, entry)| places[&entry.key()]);
    let mut all: Vec<Entry> = known.into_iter().map(|(_, entry)| entry).collect();
    for (at, entry) in new {
        all.insert(at.min(all.len()), entry);
    }
    all
}

/// A press that takes the focus out of a card still finds what it was meant for in its place.
const RELEASE: Duration = Duration::from_millis(400);

fn is_in_card() -> bool {
    keys::is_focus_in(".threads article")
}

#[component]
pub fn ThreadsPanel() -> impl IntoView {
    let desk = use_desk();
    // The server sends no threads with the page: they are read once the client runs, and again whenever one changes.
    Effect::new(move |_| {
        desk.talk.restore();
        desk.talk.refresh();
    });
    // A card that is moved loses the focus, and what somebody types on would be taken for the page's keys.
    let held = RwSignal::new(false);
    let all = Memo::new(move |before: Option<&Vec<Entry>>| {
        let now = entries(desk);
        match before {
            Some(before) if held.get() => in_places(before, now),
            _ => now,
        }
    });
    let hold = move |_| {
        if is_in_card() {
            held.set(true);
        }
    };
    let release = move |_| {
        set_timeout(
            move || {
                if held.try_get_untracked() == Some(true) && !is_in_card() {
                    held.set(false);
                }
            },
            RELEASE,
        );
    };
    let is_read = move || desk.talk.view.with(Option::is_some);
    view! {
        <div class="panel threads" role="log" aria-label="Comments" tabindex="0" on:focusin=hold on:focusout=release>
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u32) -> Entry {
        Entry::Thread(format!("00000000-0000-0000-0000-{n:012}").parse().expect("an id"))
    }

    fn entries(all: &[u32]) -> Vec<Entry> {
        all.iter().copied().map(entry).collect()
    }

    #[test]
    fn a_list_that_is_held_moves_no_card() {
        let held = |before: &[u32], now: &[u32]| in_places(&entries(before), entries(now));
        assert_eq!(held(&[1, 2, 3], &[3, 1, 2]), entries(&[1, 2, 3]), "an answer moves none");
        assert_eq!(held(&[1, 2, 3], &[4, 3, 1, 2]), entries(&[4, 1, 2, 3]), "what is new comes above");
        assert_eq!(held(&[1, 2, 3], &[3, 1]), entries(&[1, 3]), "what is gone goes");
        assert_eq!(held(&[2], &[2, 5, 6]), entries(&[2, 5, 6]));
        assert_eq!(held(&[], &[2, 1]), entries(&[2, 1]));
    }
}
