//! Where files come in: dropped anywhere on the page, or chosen with a button.

use domain::{ProjectId, SequenceId};
use leptos::ev::DragEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::{File, FileList};

use crate::components::ui::{Button, Glyph, Icon, Kind};
use crate::state::uploads::use_uploads;

/// What the file chooser offers; anything can be dropped, the server says what it cannot read.
const KINDS: &str = "video/*,.mov,.mp4,.m4v,.mkv,.mxf,.avi,.webm";

fn files_of(list: Option<FileList>) -> Vec<File> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.get(at)).collect()
}

fn carries_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|carried| carried.types().includes(&"Files".into(), 0))
}

/// Takes files dropped anywhere on it. `children` is the whole page.
#[component]
pub fn DropArea(
    project: Signal<ProjectId>,
    /// Where the shots go.
    sequence: Signal<Option<SequenceId>>,
    /// Whether the viewer may upload here.
    allowed: Signal<bool>,
    children: Children,
) -> impl IntoView {
    let uploads = use_uploads();
    let over = RwSignal::new(false);
    let is_ours = move |event: &DragEvent| allowed.get_untracked() && carries_files(event);
    let on_over = move |event: DragEvent| {
        if is_ours(&event) {
            event.prevent_default();
            over.set(true);
        }
    };
    let on_leave = move |event: DragEvent| {
        if event.related_target().is_none() {
            over.set(false);
        }
    };
    let on_drop = move |event: DragEvent| {
        if is_ours(&event) {
            event.prevent_default();
            over.set(false);
            let files = files_of(event.data_transfer().and_then(|carried| carried.files()));
            uploads.add(project.get_untracked(), sequence.get_untracked(), files);
        }
    };
    view! {
        <div class="drop-area" on:dragover=on_over on:dragleave=on_leave on:drop=on_drop>
            {children()}
            <Show when=move || over.get()>
                <div class="drop-area__veil">
                    <p class="drop-area__word"><Icon glyph=Glyph::Upload/> "Drop to add shots"</p>
                </div>
            </Show>
        </div>
    }
}

/// Opens the file chooser.
#[component]
pub fn FileButton(
    project: Signal<ProjectId>,
    sequence: Signal<Option<SequenceId>>,
    #[prop(optional)] kind: Kind,
    children: Children,
) -> impl IntoView {
    let uploads = use_uploads();
    let input = NodeRef::<html::Input>::new();
    let on_change = move |_| {
        let Some(input) = input.get_untracked() else { return };
        uploads.add(project.get_untracked(), sequence.get_untracked(), files_of(input.files()));
        input.set_value(""); // the same file may be chosen again
    };
    let on_click = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    view! {
        <input node_ref=input type="file" multiple=true accept=KINDS hidden=true aria-label="Plates" on:change=on_change/>
        <Button kind on:click=on_click>{children()}</Button>
    }
}
