//! Quadmasks in and out: `quadmask_0.mp4` exact to the level, or one PNG per frame in a zip; and a shot's marks as VOID's own tools
//! keep them.

use domain::{JobId, JobState, QuadmaskId};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;

use crate::api::quadmasks::{export_marks, export_quadmask, export_state};
use crate::browser::fetch;
use crate::components::ui::{Button, Dialog, Kind};
use crate::error::ApiError;
use crate::routes::href;
use crate::state::desk::{Desk, use_desk};
use crate::state::live::use_live;
use crate::state::marking::Shown;

#[component]
pub fn Transfer() -> impl IntoView {
    let desk = use_desk();
    let sends = RwSignal::new(false);
    // The chosen file stays in here until it is sent or not.
    let input = NodeRef::<html::Input>::new();
    let asks = RwSignal::new(false);
    let send = move || {
        let Some(input) = input.get_untracked() else { return };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        input.set_value(""); // the same file may be chosen again
        if desk.refuses_edit() {
            return;
        }
        sends.set(true);
        spawn_local(async move {
            let answer = fetch::post_file(&href::import_quadmask(desk.shot_id, &file.name()), &file).await;
            sends.try_set(false);
            match answer {
                Ok(()) => desk.toasts.say("The file arrived and is being read into the draft."),
                Err(why) => desk.toasts.fail(why),
            }
            desk.refresh();
        });
    };
    let on_file = move |_| {
        let has_draft = desk
            .view
            .with_untracked(|v| v.draft.frames.iter().any(|f| f.revision > 0 || f.painted || f.locked));
        // Marks alone take nothing's place but what is called like them.
        let files = input.get_untracked().and_then(|input| input.files());
        let name = files.and_then(|files| files.get(0)).map(|file| file.name()).unwrap_or_default();
        if has_draft && !name.to_lowercase().ends_with(".json") { asks.set(true) } else { send() }
    };
    Effect::new(move |before: Option<bool>| {
        let is_open = asks.get();
        if before == Some(true)
            && !is_open
            && let Some(input) = input.get_untracked()
        {
            input.set_value(""); // sent, or kept from being sent
        }
        is_open
    });
    let replace = move |_| {
        send();
        asks.set(false);
    };
    // Held out here: whatever version is looked at meanwhile, the file that was asked for comes.
    let making = Making::new(desk);
    let chosen = Memo::new(move |_| {
        let shown = match desk.marking.shown.get() {
            Shown::Version(id) => desk.quadmask(id),
            Shown::Draft => desk.view.with(|v| v.quadmasks.first().cloned()),
        };
        shown.map(|q| (q.quadmask_id, q.n))
    });
    view! {
        <div class="transfer">
            <label class="button" data-small="true" data-kind="plain" aria-disabled=move || (!desk.may_edit()).then_some("true")>
                {move || if sends.get() { "Sending…" } else { "Import quadmask" }}
                <input
                    node_ref=input
                    type="file" class="visually-hidden" accept=".mp4,.mkv,.mov,.zip,.json,video/mp4,application/zip,application/json"
                    disabled=move || !desk.may_edit() || sends.get() on:change=on_file
                />
            </label>
            {move || chosen.get().map(|(id, n)| view! { <Export id n making/> })}
            <Marks/>
        </div>
        <p class="faint">"quadmask_0.mp4 (levels 0, 63, 127, 255) or a zip of PNGs, at the plate’s size and length; or marks of VOID’s tools, as JSON or zip."</p>
        <Dialog open=asks title=Signal::stored("Replace the draft?".to_owned())>
            <p>"The file takes the place of the whole draft: every mask, what was painted, and the locks. The way back by undo ends here too. Causes, their cells and the versions stay."</p>
            <div class="form__end">
                <Button kind=Kind::Quiet on:click=move |_| asks.set(false)>"Keep the draft"</Button>
                <Button kind=Kind::Danger on:click=replace>"Replace the draft"</Button>
            </div>
        </Dialog>
    }
    .into_any()
}

/// A file that a job makes of a quadmask version.
#[derive(Debug, Clone, PartialEq)]
struct Coming {
    job_id: JobId,
    quadmask_id: QuadmaskId,
    url: String,
}

/// What is made and then saved: a job is followed by its id, since the shot's newest may be another one by now.
#[derive(Clone, Copy)]
struct Making {
    coming: RwSignal<Option<Coming>>,
}

impl Making {
    fn new(desk: Desk) -> Self {
        let coming = RwSignal::new(None::<Coming>);
        let moved = use_live().changes(100, move |event| event.shot_id == Some(desk.shot_id));
        Effect::new(move |_| {
            moved.track();
            let Some(file) = coming.get() else { return };
            spawn_local(async move {
                let state = export_state(file.quadmask_id, file.job_id).await;
                if coming.try_get_untracked().flatten().as_ref() != Some(&file) {
                    return; // answered already, or the page is gone
                }
                match state {
                    Ok(JobState::Queued | JobState::Running) => return,
                    Ok(JobState::Done) => save(&file.url),
                    Ok(JobState::Failed | JobState::Cancelled) => {
                        desk.toasts.fail("The export did not finish; the jobs page says why. Try again.");
                    }
                    Err(error) => desk.toasts.fail(error),
                }
                coming.try_set(None);
            });
        });
        Self { coming }
    }

    /// Takes the answer to the wish for a file of a quadmask at `url`.
    fn take(self, desk: Desk, quadmask_id: QuadmaskId, answer: Result<Option<JobId>, ApiError>, url: String) {
        match answer {
            Ok(None) => save(&url),
            Ok(Some(job_id)) => {
                self.coming.try_set(Some(Coming { job_id, quadmask_id, url }));
                desk.refresh();
            }
            Err(error) => desk.toasts.fail(error),
        }
    }

    fn is_on(self) -> bool {
        self.coming.with(Option::is_some)
    }
}

#[component]
fn Export(id: QuadmaskId, n: u32, making: Making) -> impl IntoView {
    let desk = use_desk();
    let movie = move |_| {
        spawn_local(async move {
            making.take(desk, id, export_quadmask(id).await, href::quadmask_movie(id));
        });
    };
    view! {
        <Button small=true disabled=Signal::derive(move || making.is_on()) on:click=movie>
            {move || if making.is_on() { "Making the file…".to_owned() } else { format!("v{n} as MP4") }}
        </Button>
        <a class="button" data-kind="plain" data-small="true" href=href::quadmask_pngs(id) download=true rel="external">{format!("v{n} as PNGs")}</a>
    }
    .into_any()
}

/// Clicks, paths and words as they are now, with the movies of the newest quadmask where there is one.
#[component]
fn Marks() -> impl IntoView {
    let desk = use_desk();
    let newest = move || desk.view.with_untracked(|v| v.quadmasks.first().map(|q| q.quadmask_id));
    let url = move || href::void_marks(desk.shot_id);
    let making = Making::new(desk);
    let has_plate = move || desk.view.with(|v| v.shot.facts.is_some());
    let marks = move |_| match newest() {
        Some(id) => spawn_local(async move { making.take(desk, id, export_marks(id).await, url()) }),
        None => save(&url()),
    };
    view! {
        <Button small=true disabled=Signal::derive(move || making.is_on() || !has_plate()) on:click=marks>
            {move || if making.is_on() { "Making the files…" } else { "Marks for VOID’s tools" }}
        </Button>
    }
    .into_any()
}

/// Lets the browser save the file at `url`.
fn save(url: &str) {
    let Ok(link) = document().create_element("a") else { return };
    let _ = link.set_attribute("href", url);
    let _ = link.set_attribute("download", "");
    if let Some(link) = link.dyn_ref::<leptos::web_sys::HtmlElement>() {
        link.click();
    }
}
