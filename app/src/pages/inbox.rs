//! The inbox: what happened to the viewer since they last looked, as it happens.

use domain::inbox::Entry;
use domain::{EntryId, EventKind};
use leptos::prelude::*;
use leptos_meta::Title;

use super::projects::StudioFrame;
use crate::api::work::{ReadEntry, ReadInbox, list_inbox};
use crate::components::ui::{Ago, Button, Empty, Failure, Glyph, Loading, use_toasts};
use crate::error::ApiError;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::session::error_of;
use crate::state::settled::settled;

#[component]
pub fn InboxPage() -> impl IntoView {
    let heard = use_live().changes(100, |event| {
        matches!(event.kind, EventKind::Inbox { .. } | EventKind::Project | EventKind::People)
    });
    let read_all = ServerAction::<ReadInbox>::new();
    let entries = Resource::new(move || (heard.get(), read_all.version().get()), |_| list_inbox());
    let toasts = use_toasts();
    let error = error_of(read_all);
    Effect::new(move |_| {
        if let Some(error) = error.get() {
            toasts.fail(error);
        }
    });
    view! {
        <Title text="Inbox"/>
        <StudioFrame>
            <Transition fallback=Loading><Entries entries read_all/></Transition>
        </StudioFrame>
    }
}

#[component]
fn Entries(
    entries: Resource<Result<Vec<Entry>, ApiError>>,
    read_all: ServerAction<ReadInbox>,
) -> impl IntoView {
    let failed = settled(move |_| entries.get().and_then(Result::err));
    let known = settled(move |last: Option<&Option<Vec<Entry>>>| {
        entries.get().and_then(Result::ok).or_else(|| last.cloned().flatten())
    });
    let is_empty = settled(move |_| known.with(|known| known.as_ref().is_some_and(Vec::is_empty)));
    let newest = settled(move |_| {
        known.with(|known| known.as_ref().and_then(|known| known.first().map(|entry| entry.at)).unwrap_or(0))
    });
    let is_read = settled(move |_| {
        known.with(|known| known.as_ref().is_none_or(|known| known.iter().all(|entry| entry.is_read)))
    });
    let read_one = ServerAction::<ReadEntry>::new();
    // A new entry comes above the others and takes the focus from none of them.
    let ids = move || {
        known.with(|known| known.iter().flatten().map(|entry| entry.entry_id).collect::<Vec<EntryId>>())
    };
    let one = move |id: EntryId| {
        let entry = settled(move |_| {
            known.with(|known| known.iter().flatten().find(|entry| entry.entry_id == id).cloned())
        });
        move || entry.get().map(|entry| row(entry, read_one))
    };
    view! {
        <header class="page__head">
            <h1>"Inbox"</h1>
            <ActionForm action=read_all>
                <input type="hidden" name="until" value=move || newest.get().to_string()/>
                <Button submit=true disabled=is_read>"Mark all as read"</Button>
            </ActionForm>
        </header>
        {move || failed.get().filter(|_| known.with(Option::is_none)).map(|error| {
            view! { <Failure error retry=move |()| entries.refetch()/> }
        })}
        <ol class="rows" aria-label="What happened to you">
            <For each=ids key=|id| *id children=one/>
        </ol>
        <Show when=move || is_empty.get()>
            <Empty
                icon=Glyph::Bell
                title="Nothing has happened yet"
                text="What is assigned to you, who names or answers you, and what is decided about your work comes here without a reload."
            />
        </Show>
    }
}

fn row(entry: Entry, read_one: ServerAction<ReadEntry>) -> impl IntoView {
    let (icon, tone) = entry.mark();
    let to = href::thread(entry.shot_id, entry.tab(), entry.thread_id);
    let sentence = entry.sentence();
    let Entry { entry_id, shot_name, project_name, text, at, is_read, .. } = entry;
    let on_open = move |_| {
        if !is_read {
            read_one.dispatch(ReadEntry { entry_id });
        }
    };
    view! {
        <li class="row" data-unread=(!is_read).then_some("true")>
            <span class="row__mark toned" data-tone=tone aria-hidden="true">{icon}</span>
            <span class="row__words">
                <a class="row__link" href=to on:click=on_open>{sentence}</a>
                <span class="row__of">{shot_name} " · " {project_name}</span>
                {(!text.is_empty()).then(|| view! { <span class="row__said row__said--quote">{text}</span> })}
            </span>
            <span class="row__when">
                {(!is_read).then(|| view! { <span class="row__new">"New"</span> })}
                <span class="faint"><Ago at=Signal::stored(at)/></span>
            </span>
        </li>
    }
}
