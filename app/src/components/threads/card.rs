//! One thread: where it is, what was said, and what can be done with it.

use domain::{Action, CommentId, Thread, ThreadId};
use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::html;
use leptos::prelude::*;

use super::frame_words;
use super::line::Line;
use super::pens::Pens;
use crate::api::threads::{resolve_thread, show_thread};
use crate::components::ui::{Button, Kind, Menu};
use crate::state::desk::{Desk, use_desk};
use crate::state::talk::Writing;

#[component]
pub fn ThreadCard(id: ThreadId) -> impl IntoView {
    let desk = use_desk();
    let talk = desk.talk;
    let viewer = desk.view.with_untracked(|v| v.viewer);
    let thread = Memo::new(move |_| talk.thread(id));
    let is_current = move || talk.current.get() == Some(id);
    let news = move || thread.with(|t| t.as_ref().map_or(0, |t| t.unread(viewer)));
    let has_news = move || news() > 0;
    let node = NodeRef::<html::Article>::new();
    Effect::new(move |_| {
        if is_current()
            && let Some(card) = node.get()
        {
            bring_up(&card);
        }
    });
    let lines = move || {
        thread.with(|t| {
            t.iter().flat_map(|t| t.comments.iter().map(|c| c.comment_id)).collect::<Vec<CommentId>>()
        })
    };
    let label = move || thread.with(|t| t.as_ref().map(|t| about(t, desk)).unwrap_or_default());
    let on_press = move |_: MouseEvent| {
        if let Some(thread) = thread.get_untracked() {
            desk.look_at(&thread);
        }
    };
    view! {
        <article
            class="thread" node_ref=node aria-label=label
            aria-current=move || is_current().then_some("true")
            data-resolved=move || thread.with(|t| t.as_ref().is_some_and(|t| t.resolved.is_some())).then_some("true")
            on:click=on_press
        >
            <header class="thread__where">
                {move || thread.get().map(|t| view! { <Where thread=t/> })}
                <Show when=has_news>
                    <span class="thread__news">{move || format!("{} new", news())}</span>
                </Show>
                <Actions thread/>
            </header>
            <For each=lines key=|id| *id let:comment>
                <Line thread comment/>
            </For>
            <Show when=is_current><Answer id/></Show>
        </article>
    }
    .into_any()
}

/// Scrolls the list, not the page, until the card is seen.
fn bring_up(card: &leptos::web_sys::HtmlElement) {
    let Some(list) = card.closest(".threads").ok().flatten() else { return };
    let (seen, own) = (list.get_bounding_client_rect(), card.get_bounding_client_rect());
    // The filters stay at the top of the list, over what is scrolled.
    let filters = list.query_selector(".threads__filters").ok().flatten();
    let top = seen.top() + filters.map_or(0.0, |f| f.get_bounding_client_rect().height());
    let by = if own.top() < top || own.height() > seen.bottom() - top {
        own.top() - top
    } else {
        (own.bottom() - seen.bottom()).max(0.0)
    };
    list.set_scroll_top(list.scroll_top() + by as i32);
}

fn about(thread: &Thread, desk: Desk) -> String {
    let place = match thread.frames {
        Some(frames) => frame_words(frames, desk.clip()),
        None if thread.is_of_shot => "the shot".to_owned(),
        None => "the whole".to_owned(),
    };
    let by = thread.comments.first().and_then(|c| c.author.as_ref()).map(|a| format!(" by {}", a.name));
    format!("Thread on {place}{}", by.unwrap_or_default())
}

/// Frames, version, who sees it, whether it is resolved.
#[component]
fn Where(thread: Thread) -> impl IntoView {
    let desk = use_desk();
    let is_client = untrack(|| !desk.may(Action::ViewShot));
    let place = match (thread.frames, thread.is_of_shot, thread.is_outside) {
        (Some(frames), ..) => {
            let (words, from) = (untrack(|| frame_words(frames, desk.clip())), frames.from);
            view! {
                <button
                    type="button" class="thread__frame" title="Go to this frame"
                    on:click=move |_| {
                        desk.playhead.pause();
                        desk.playhead.seek(from);
                    }
                >
                    {words}
                </button>
            }
            .into_any()
        }
        (None, true, _) => view! { <span class="thread__whole">"The shot"</span> }.into_any(),
        (None, _, true) => view! {
            <span class="thread__whole" title="It was about pictures that the shot, as it is trimmed now, does not have">
                "Outside the trim"
            </span>
        }
        .into_any(),
        (None, ..) => view! { <span class="thread__whole">"Whole version"</span> }.into_any(),
    };
    let version = thread.version.map(|version| {
        let id = version.version_id;
        view! {
            <button type="button" class="thread__version" title="Look at this version" on:click=move |_| desk.comparing.version.set(Some(id))>
                {format!("v{}", version.n)}
            </button>
        }
    });
    let seen = (!is_client).then(|| {
        let (word, title) = if thread.client_visible {
            ("Client", "The client reads this thread")
        } else {
            ("Internal", "Only the team reads this thread")
        };
        let kind = if thread.client_visible { "client" } else { "internal" };
        view! { <span class="thread__seen" data-kind=kind title=title>{word}</span> }
    });
    let resolved = thread.resolved.map(|(name, _)| {
        view! { <span class="thread__resolved" title=format!("Resolved by {name}")>"✓ Resolved"</span> }
    });
    view! { {place} {version} {seen} {resolved} }.into_any()
}

#[component]
fn Actions(thread: Memo<Option<Thread>>) -> impl IntoView {
    let desk = use_desk();
    let viewer = desk.view.with_untracked(|v| v.viewer);
    let may_resolve = move || {
        thread.with(|t| {
            t.as_ref().is_some_and(|t| {
                !t.is_of_shot
                    && !desk.road.is_link()
                    && (desk.may(Action::ResolveThread)
                        || (t.started_by == Some(viewer) && desk.may(Action::Comment)))
            })
        })
    };
    let is_resolved = move || thread.with(|t| t.as_ref().is_some_and(|t| t.resolved.is_some()));
    let is_shown = move || thread.with(|t| t.as_ref().is_some_and(|t| t.client_visible));
    let resolve = move |event: MouseEvent| {
        event.stop_propagation();
        if let Some(thread) = thread.get_untracked() {
            toggle_resolved(desk, &thread);
        }
    };
    let show = move |_| {
        if let Some(t) = thread.get_untracked() {
            let on = !t.client_visible;
            desk.talk.write(show_thread(t.thread_id, on), move |()| {
                desk.toasts.say(if on {
                    "The client reads this thread now, with all that was said in it"
                } else {
                    "Only the team reads this thread now"
                });
            });
        }
    };
    view! {
        <span class="thread__actions">
            <Show when=may_resolve>
                <button type="button" class="thread__resolve" title="Resolve or re-open (R)" on:click=resolve>
                    {move || if is_resolved() { "Re-open" } else { "Resolve" }}
                </button>
            </Show>
            <Show when=move || desk.may(Action::ShowClient)>
                <Menu label="More about this thread" button=view! { <span aria-hidden="true">"⋯"</span> }.into_any()>
                    <button type="button" class="menu__item" on:click=show>
                        {move || if is_shown() { "Make it internal" } else { "Show the client this thread" }}
                    </button>
                </Menu>
            </Show>
        </span>
    }
    .into_any()
}

/// Asks the server for the other state than the one that is seen.
pub fn toggle_resolved(desk: Desk, thread: &Thread) {
    if thread.is_of_shot {
        desk.toasts.fail("The thread of the shot stays open: new versions arrive in it.");
        return;
    }
    let resolved = thread.resolved.is_none();
    desk.talk.write(resolve_thread(thread.thread_id, resolved), |()| ());
}

/// The field for an answer, in the thread that is looked at.
#[component]
fn Answer(id: ThreadId) -> impl IntoView {
    let desk = use_desk();
    let talk = desk.talk;
    let text = RwSignal::new(String::new());
    let send = move || {
        let sent = text.get_untracked();
        desk.send_reply(id, sent.clone(), move || {
            if text.try_with_untracked(|now| *now == sent) == Some(true) {
                text.set(String::new());
            }
        });
    };
    let on_key = move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            send();
        }
    };
    let is_writing = move || talk.writing.get() == Some(Writing::Reply(id));
    let is_placed = move || talk.thread(id).is_some_and(|t| t.frames.is_some());
    view! {
        <div class="answer" on:click=|event| event.stop_propagation()>
            <textarea
                class="field__input answer__text" rows="1" placeholder="Answer…"
                aria-label="Answer" prop:value=move || text.get()
                on:focus=move |_| talk.writing.set(Some(Writing::Reply(id)))
                on:input=move |event| text.set(event_target_value(&event))
                on:keydown=on_key
            ></textarea>
            <div class="answer__end">
                <Show when=move || is_writing() && is_placed()><Pens/></Show>
                <Button small=true kind=Kind::Plain on:click=move |_| send()>"Answer"</Button>
            </div>
        </div>
    }
    .into_any()
}
