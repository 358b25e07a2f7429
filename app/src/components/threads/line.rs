//! One line of a thread: a comment, or that a version arrived, or that it was resolved or re-opened.

use domain::thread::CommentKind;
use domain::{Comment, CommentId, Thread};
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use super::prose::Prose;
use crate::components::ui::{Ago, Avatar, Button, Dialog, Kind, Menu};
use crate::state::desk::use_desk;

#[component]
pub fn Line(thread: Memo<Option<Thread>>, comment: CommentId) -> impl IntoView {
    let found = Memo::new(move |_| {
        thread.with(|t| t.as_ref()?.comments.iter().find(|c| c.comment_id == comment).cloned())
    });
    let editing = RwSignal::new(false);
    move || {
        found.get().map(|c| match c.kind {
            CommentKind::Said => view! { <Said comment=c editing/> }.into_any(),
            CommentKind::Version => view! { <Arrived comment=c/> }.into_any(),
            CommentKind::Resolved => note(c, "resolved this"),
            CommentKind::Reopened => note(c, "re-opened this"),
        })
    }
}

fn note(comment: Comment, words: &str) -> AnyView {
    let name = comment.author.map(|a| a.name).unwrap_or_default();
    view! {
        <p class="thread__note">
            {format!("{name} {words} · ")}
            <Ago at=Signal::stored(comment.created_at)/>
        </p>
    }
    .into_any()
}

/// The worker's line: a version is here.
#[component]
fn Arrived(comment: Comment) -> impl IntoView {
    let desk = use_desk();
    let version = comment.version;
    let words = version.map(|v| format!("Version {} arrived", v.n)).unwrap_or_default();
    view! {
        <div class="comment comment--version">
            <span class="comment__machine" aria-hidden="true">"v"</span>
            <div class="comment__body">
                <p class="thread__head"><strong>{words}</strong><Ago at=Signal::stored(comment.created_at)/></p>
                {version.map(|v| view! {
                    <button type="button" class="threads__link" on:click=move |_| desk.comparing.version.set(Some(v.version_id))>
                        {format!("Look at v{}", v.n)}
                    </button>
                })}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Said(comment: Comment, editing: RwSignal<bool>) -> impl IntoView {
    let desk = use_desk();
    let viewer = desk.view.with_untracked(|v| v.viewer);
    let may_change = comment.may_change(viewer);
    let author = comment.author.clone();
    let (name, role) = author.map_or_else(|| (String::new(), ""), |a| (a.name.clone(), a.word()));
    let edited = comment.edited_at.is_some() && comment.deleted_at.is_none();
    let original = comment.text.clone();
    let id = comment.comment_id;
    let people = untrack(|| desk.talk.people());
    let is_drawn = comment.drawing.is_some();
    let body = if comment.deleted_at.is_some() {
        view! { <p class="comment__gone">"This comment was deleted."</p> }.into_any()
    } else {
        let (text, mentions) = (comment.text.clone(), comment.mentions.clone());
        view! {
            {(!text.is_empty()).then(|| view! { <Prose text people mentions viewer/> })}
            {is_drawn.then(|| view! { <p class="comment__drawn">"✎ with a drawing"</p> })}
        }
        .into_any()
    };
    view! {
        <div class="comment" data-first=(comment.n == 1).then_some("true")>
            <Avatar name=name.clone()/>
            <div class="comment__body">
                <div class="thread__head">
                    <strong>{name}</strong>
                    <span class="chip">{role}</span>
                    <Ago at=Signal::stored(comment.created_at)/>
                    {edited.then(|| view! { <span class="comment__edited">"edited"</span> })}
                    {may_change.then(|| view! { <Own id editing/> })}
                </div>
                {body}
                <Show when=move || editing.get()>
                    <Edit id text=original.clone() editing/>
                </Show>
            </div>
        </div>
    }
    .into_any()
}

/// What one may do with one's own comment.
#[component]
fn Own(id: CommentId, editing: RwSignal<bool>) -> impl IntoView {
    let desk = use_desk();
    let asks = RwSignal::new(false);
    let delete = move |_| {
        asks.set(false);
        desk.talk.write(desk.road.delete(id), |()| ());
    };
    view! {
        <span class="comment__own">
            <Menu label="Your comment" button=view! { <span aria-hidden="true">"⋯"</span> }.into_any()>
                <button type="button" class="menu__item" on:click=move |_| editing.set(true)>"Edit"</button>
                <button type="button" class="menu__item" on:click=move |_| asks.set(true)>"Delete…"</button>
            </Menu>
            <Dialog open=asks title=Signal::stored("Delete this comment".to_owned())>
                <p class="muted">"Its words and drawing are gone for everybody. That a comment of yours was here stays, so that the answers keep their place."</p>
                <div class="form__end">
                    <Button on:click=move |_| asks.set(false)>"Cancel"</Button>
                    <Button kind=Kind::Danger on:click=delete>"Delete"</Button>
                </div>
            </Dialog>
        </span>
    }
    .into_any()
}

#[component]
fn Edit(id: CommentId, text: String, editing: RwSignal<bool>) -> impl IntoView {
    let desk = use_desk();
    let text = RwSignal::new(text);
    let send = move || {
        desk.talk.write(desk.road.edit(id, text.get_untracked()), move |()| {
            editing.try_set(false);
        });
    };
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Enter" if event.ctrl_key() || event.meta_key() => {
            event.prevent_default();
            send();
        }
        "Escape" => editing.set(false),
        _ => {}
    };
    view! {
        <div class="answer" on:click=|event| event.stop_propagation()>
            <textarea
                class="field__input answer__text" rows="2" aria-label="Your comment in other words" autofocus=true
                prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event)) on:keydown=on_key
            ></textarea>
            <div class="answer__end">
                <Button small=true on:click=move |_| editing.set(false)>"Cancel"</Button>
                <Button small=true kind=Kind::Primary on:click=move |_| send()>"Save"</Button>
            </div>
        </div>
    }
    .into_any()
}
