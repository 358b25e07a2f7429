//! The field for a new thread: about which frames, for whom, in which words, with which drawing.

use domain::Action;
use domain::thread::{Author, MOST_CHARS};
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use super::frame_words;
use super::pens::Pens;
use crate::components::ui::{Button, Kind};
use crate::state::desk::{Desk, use_desk};
use crate::state::talk::{Anchor, Writing};

#[component]
pub fn Composer() -> impl IntoView {
    let desk = use_desk();
    let talk = desk.talk;
    let field = NodeRef::<html::Textarea>::new();
    Effect::new(move |before: Option<u32>| {
        let asked = talk.asked.get();
        if asked != 0
            && before != Some(asked)
            && let Some(field) = field.get_untracked()
        {
            field.focus().ok();
        }
        asked
    });
    let is_open =
        move || talk.writing.get() == Some(Writing::New) || talk.text.with(|t| !t.trim().is_empty());
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" if event.ctrl_key() || event.meta_key() => {
            event.prevent_default();
            desk.send_thread();
        }
        "Escape" => {
            event.prevent_default();
            if talk.text.with_untracked(|t| t.trim().is_empty()) {
                talk.put_down();
            }
            if let Some(field) = field.get_untracked() {
                field.blur().ok();
            }
        }
        _ => {}
    };
    let hint = move || match desk.new_frames() {
        Some(frames) => {
            format!("Comment on {}… draw on the picture to point", frame_words(frames, desk.clip()))
        }
        None => "Comment on the whole version…".to_owned(),
    };
    let on_input = move |event| {
        let frame = desk.playhead.frame.get_untracked();
        talk.put_text(event_target_value(&event), frame);
    };
    view! {
        <Show when=move || desk.may(Action::Comment)>
            <form
                class="composer" aria-label="New comment" data-open=move || is_open().then_some("true")
                on:submit=move |event| {
                    event.prevent_default();
                    desk.send_thread();
                }
            >
                <textarea
                    class="field__input composer__text" node_ref=field rows="1" maxlength=MOST_CHARS.to_string()
                    aria-label="Comment" aria-keyshortcuts="C" placeholder=hint
                    prop:value=move || talk.text.get()
                    on:focus=move |_| {
                        desk.playhead.pause();
                        talk.writing.set(Some(Writing::New));
                    }
                    on:input=on_input
                    on:keydown=on_key
                ></textarea>
                <Names field/>
                <Show when=is_open>
                    <div class="composer__row">
                        <Anchors/>
                    </div>
                    <div class="composer__row">
                        <Pens/>
                        <span class="composer__end">
                            <Audience/>
                            <Button kind=Kind::Primary small=true submit=true>"Comment"</Button>
                        </span>
                    </div>
                </Show>
            </form>
        </Show>
    }
    .into_any()
}

/// On this frame, on in to out, or on the whole.
#[component]
fn Anchors() -> impl IntoView {
    let desk = use_desk();
    let anchor = desk.talk.anchor;
    let choice = move |which: Anchor, words: Signal<String>| {
        view! {
            <button
                type="button" class="chip"
                aria-pressed=move || if anchor.get() == which { "true" } else { "false" }
                on:click=move |_| {
                    // Chosen again, the frame is the one that is seen now.
                    if which == Anchor::Frame && desk.talk.pen.is_empty() {
                        desk.talk.held.set(Some(desk.playhead.frame.get_untracked()));
                    }
                    anchor.set(which);
                }
            >
                {words}
            </button>
        }
    };
    let frame = Signal::derive(move || {
        let frame = desk.talk.held.get().unwrap_or_else(|| desk.playhead.frame.get());
        format!("Frame {}", desk.clip().number(frame))
    });
    let has_marks = move || desk.playhead.mark_in.get().is_some() || desk.playhead.mark_out.get().is_some();
    let range = Signal::derive(move || {
        let (from, to) = desk.playhead.marks();
        format!("{}–{}", desk.clip().number(from), desk.clip().number(to))
    });
    let whole = Signal::derive(move || match desk.version() {
        Some(version) => format!("All of v{}", version.n),
        None => "The whole shot".to_owned(),
    });
    view! {
        <span class="composer__anchors" role="group" aria-label="What the comment is about">
            {choice(Anchor::Frame, frame)}
            <Show when=move || has_marks() || anchor.get() == Anchor::Range>{choice(Anchor::Range, range)}</Show>
            <Show when=move || desk.talk.pen.shapes.with(Vec::is_empty)>{choice(Anchor::Whole, whole)}</Show>
        </span>
    }
    .into_any()
}

/// Who will read it; a choice for those who may show things to the client.
#[component]
fn Audience() -> impl IntoView {
    let desk = use_desk();
    let for_client = desk.talk.for_client;
    if untrack(|| !desk.may(Action::ViewShot)) {
        return ().into_any();
    }
    if untrack(|| !desk.may(Action::ShowClient)) {
        return view! { <span class="thread__seen" data-kind="internal" title="Only the team reads it">"Internal"</span> }
            .into_any();
    }
    view! {
        <button
            type="button" class="thread__seen" role="switch" aria-label="For the client"
            data-kind=move || if for_client.get() { "client" } else { "internal" }
            aria-checked=move || if for_client.get() { "true" } else { "false" }
            title="Who reads it: only the team, or the client too"
            on:click=move |_| for_client.update(|on| *on = !*on)
        >
            {move || if for_client.get() { "Client" } else { "Internal" }}
        </button>
    }
    .into_any()
}

/// People to name, while an `@` is being typed at the end of the text.
#[component]
fn Names(field: NodeRef<html::Textarea>) -> impl IntoView {
    let desk = use_desk();
    let talk = desk.talk;
    let wanted = Memo::new(move |_| talk.text.with(|t| half_typed(t).map(str::to_lowercase)));
    let found = move || -> Vec<Author> {
        let Some(begun) = wanted.get() else { return Vec::new() };
        let fits = |p: &Author| p.name.to_lowercase().starts_with(&begun) && p.name.to_lowercase() != begun;
        talk.people().into_iter().filter(fits).take(5).collect()
    };
    let take = move |name: String| complete(desk, field, &name);
    view! {
        <Show when=move || !found().is_empty()>
            <div class="composer__names" role="group" aria-label="People to name">
                {move || found().into_iter().map(|p| {
                    let name = p.name.clone();
                    view! {
                        <button type="button" class="chip" on:click=move |_| take(name.clone())>
                            {format!("@{}", p.name)}
                            <span class="faint">{p.role.word()}</span>
                        </button>
                    }
                }).collect_view()}
            </div>
        </Show>
    }
    .into_any()
}

/// What follows the last `@`, when that is where the text ends.
fn half_typed(text: &str) -> Option<&str> {
    let at = text.rfind('@')?;
    let begun = &text[at + 1..];
    let is_name = !begun.contains('\n') && begun.chars().count() <= 80;
    let is_apart = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
    (is_name && is_apart).then_some(begun)
}

fn complete(desk: Desk, field: NodeRef<html::Textarea>, name: &str) {
    let mut text = desk.talk.text.get_untracked();
    if let Some(at) = text.rfind('@') {
        text.truncate(at + 1);
        text.push_str(name);
        text.push(' ');
        desk.talk.put_text(text, desk.playhead.frame.get_untracked());
    }
    if let Some(field) = field.get_untracked() {
        field.focus().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::half_typed;

    #[test]
    fn a_name_is_half_typed_only_at_the_end() {
        for (text, begun) in [
            ("look @Sup", Some("Sup")),
            ("@", Some("")),
            ("a@b", None),
            ("@Artist\nmore", None),
            ("no one", None),
            ("@Artist and @Su", Some("Su")),
        ] {
            assert_eq!(half_typed(text), begun, "{text}");
        }
    }
}
