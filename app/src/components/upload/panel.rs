//! The panel in the corner: every upload of this tab with progress, speed and time left.

use leptos::prelude::*;

use crate::components::ui::{Button, Glyph, IconButton, Kind, ProgressBar};
use crate::components::words;
use crate::routes::href;
use crate::state::uploads::{Made, Stage, Upload, use_uploads};

#[component]
pub fn UploadPanel() -> impl IntoView {
    let uploads = use_uploads();
    let list = uploads.list();
    let folded = RwSignal::new(false);
    let title = move || {
        list.with(|list| {
            let open = list.iter().filter(|one| !one.is_over()).count();
            let failed = list.iter().filter(|one| matches!(one.stage, Stage::Failed(_))).count();
            match (open, failed) {
                (0, _) => format!("{} uploaded", words::count(list.len() as u32, "file")),
                (_, 0) => format!("Uploading {}", words::count(open as u32, "file")),
                (open, failed) if open == failed => {
                    format!("{} refused", words::count(failed as u32, "file"))
                }
                (open, failed) => {
                    format!("Uploading {}, {failed} refused", words::count((open - failed) as u32, "file"))
                }
            }
        })
    };
    view! {
        <Show when=move || list.with(|list| !list.is_empty())>
            <section class="uploads" aria-label="Uploads" data-folded=move || if folded.get() { "true" } else { "false" }>
                <header class="uploads__head">
                    <h2 role="status">{title}</h2>
                    <IconButton
                        icon=Glyph::Chevron
                        small=true
                        label="Fold the list"
                        pressed=folded
                        on:click=move |_| folded.update(|folded| *folded = !*folded)
                    />
                    <IconButton
                        icon=Glyph::Close
                        small=true
                        label="Take finished ones off the list"
                        disabled=Signal::derive(move || list.with(|list| !list.iter().any(Upload::is_over)))
                        on:click=move |_| uploads.clear()
                    />
                </header>
                <ul class="uploads__list">
                    <For each=move || list.with(|list| list.iter().map(|one| one.number).collect::<Vec<_>>()) key=|number| *number let:number>
                        <Row number/>
                    </For>
                </ul>
            </section>
        </Show>
    }
}

#[component]
fn Row(number: u32) -> impl IntoView {
    let uploads = use_uploads();
    let list = uploads.list();
    let upload = Memo::new(move |_| list.with(|list| list.iter().find(|one| one.number == number).cloned()));
    let stage = Memo::new(move |_| upload.with(|upload| upload.as_ref().map(|upload| upload.stage.clone())));
    let name = move || upload.with(|upload| upload.as_ref().map(|upload| upload.file_name.clone()));
    let part = Signal::derive(move || upload.with(|upload| upload.as_ref().map_or(0.0, Upload::fraction)));
    let tone = move || stage.with(|stage| tone_of(stage.as_ref()));
    view! {
        <li class="uploads__row" data-tone=tone>
            <span class="uploads__name">{name}</span>
            <span class="uploads__actions">
                {move || matches!(stage.get(), Some(Stage::Failed(_))).then(|| view! {
                    <Button small=true on:click=move |_| uploads.retry(number)>"Try again"</Button>
                })}
                {move || matches!(stage.get(), Some(Stage::Lost | Stage::Failing)).then(|| view! {
                    <Button small=true on:click=move |_| uploads.try_now()>"Try now"</Button>
                })}
                {move || (!matches!(stage.get(), Some(Stage::Done(_)))).then(|| view! {
                    <Button small=true kind=Kind::Quiet on:click=move |_| uploads.cancel(number)>"Cancel"</Button>
                })}
            </span>
            <span class="uploads__bar"><ProgressBar part label="Uploaded"/></span>
            <span class="uploads__text">{move || upload.with(|upload| upload.as_ref().map(line))}</span>
        </li>
    }
}

fn tone_of(stage: Option<&Stage>) -> &'static str {
    match stage {
        Some(Stage::Sending) => "running",
        Some(Stage::Lost | Stage::Failing) => "changes",
        Some(Stage::Failed(_)) => "failed",
        Some(Stage::Done(_)) => "approved",
        Some(Stage::Waiting) | None => "idle",
    }
}

fn line(upload: &Upload) -> AnyView {
    let sizes = || format!("{} of {}", words::bytes(upload.sent), words::bytes(upload.size));
    match &upload.stage {
        Stage::Waiting => format!("Waiting · {}", words::bytes(upload.size)).into_any(),
        Stage::Sending => {
            let mut text = sizes();
            if upload.speed > 1.0 {
                text += &format!(" · {}/s", words::bytes(upload.speed as u64));
            }
            if let Some(left) = upload.seconds_left() {
                text += &format!(" · {} left", words::seconds(left));
            }
            text.into_any()
        }
        Stage::Lost => format!("! Connection lost at {}; trying again. Nothing is lost.", sizes()).into_any(),
        Stage::Failing => format!(
            "! The server failed at {}; trying again. What came is kept. If this stays, whoever runs the server finds why in its log.",
            sizes()
        )
        .into_any(),
        Stage::Failed(why) => format!("✕ {why}").into_any(),
        Stage::Done(None) => "✓ Uploaded".into_any(),
        Stage::Done(Some(Made { shot_id, name, duplicate })) => {
            let word = if *duplicate { "✓ Already in shot " } else { "✓ Shot " };
            view! { {word} <a class="link" href=href::shot(*shot_id, "targets")>{name.clone()}</a> }
                .into_any()
        }
    }
}
