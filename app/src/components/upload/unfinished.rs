//! Uploads the server knows of that nobody is sending: broken off by a closed tab or a lost machine.

use domain::{EventKind, ProjectId, UploadId};
use leptos::prelude::*;

use crate::api::projects::{UploadRow, list_uploads};
use crate::browser::tus;
use crate::components::ui::{Button, Kind, ProgressBar};
use crate::components::words;
use crate::error::ApiError;
use crate::routes::href;
use crate::state::live::use_live;
use crate::state::settled::settled;
use crate::state::uploads::use_uploads;

#[component]
pub fn Unfinished(project: Signal<ProjectId>) -> impl IntoView {
    let uploads = use_uploads();
    let changed = use_live().changes(800, move |event| {
        event.project_id == Some(project.get_untracked()) && event.kind == EventKind::Project
    });
    // Read again when an upload of this tab begins or ends, not with every piece of it.
    let here = Memo::new(move |_| {
        uploads.list().with(|list| {
            let open = list.iter().filter(|one| !one.is_over());
            open.map(|one| (one.file_name.clone(), one.size)).collect::<Vec<_>>()
        })
    });
    let cancelled = RwSignal::new(0);
    let rows = Resource::new(
        move || (project.get(), changed.get(), here.with(Vec::len), cancelled.get()),
        |(project, ..)| list_uploads(project),
    );
    let cancel = move |row: UploadRow| {
        leptos::task::spawn_local(async move {
            tus::cancel(0, &href::upload(row.upload_id)).await.ok();
            cancelled.update(|n| *n += 1);
        });
    };
    view! { <Transition><Rows rows here cancel/></Transition> }
}

/// Each row keeps its button: one that goes must not put another under the pointer of who is about to cancel.
#[component]
fn Rows(
    rows: Resource<Result<Vec<UploadRow>, ApiError>>,
    /// Names and sizes of what this tab sends.
    here: Memo<Vec<(String, u64)>>,
    #[prop(into)] cancel: Callback<UploadRow>,
) -> impl IntoView {
    let waiting = settled(move |last: Option<&Vec<UploadRow>>| {
        let Some(rows) = rows.get() else { return last.cloned().unwrap_or_default() };
        let here = here.get();
        let waits = |row: &UploadRow| !here.contains(&(row.file_name.clone(), row.size_bytes as u64));
        rows.unwrap_or_default().into_iter().filter(waits).collect()
    });
    let has_any = settled(move |_| waiting.with(|rows| !rows.is_empty()));
    let ids = move || waiting.with(|rows| rows.iter().map(|row| row.upload_id).collect::<Vec<UploadId>>());
    let one = move |id: UploadId| {
        let row = settled(move |_| waiting.with(|rows| rows.iter().find(|row| row.upload_id == id).cloned()));
        move || row.get().map(|row| line(row, cancel))
    };
    view! {
        {move || has_any.get().then(|| view! {
            <section class="unfinished" aria-label="Unfinished uploads"><For each=ids key=|id| *id children=one/></section>
        })}
    }
}

fn line(row: UploadRow, cancel: Callback<UploadRow>) -> impl IntoView {
    let part = row.received_bytes as f32 / row.size_bytes.max(1) as f32;
    let sizes =
        format!("{} of {}", words::bytes(row.received_bytes as u64), words::bytes(row.size_bytes as u64));
    let what = if row.is_mine {
        "Drop the file again to resume.".to_owned()
    } else {
        format!("{} uploads it.", row.person_name)
    };
    let end = row.may_cancel.then(|| {
        let row = row.clone();
        view! { <Button small=true kind=Kind::Quiet on:click=move |_| cancel.run(row.clone())>"Cancel"</Button> }
    });
    view! {
        <div class="unfinished__row">
            <strong class="unfinished__name">{row.file_name.clone()}</strong>
            <ProgressBar part=Signal::stored(part) label="Uploaded"/>
            <span class="muted">{sizes} " · " {what}</span>
            {end}
        </div>
    }
}
