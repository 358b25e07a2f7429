//! The lower part of a project's settings: its sequences' names, what it takes of the disk, archive and bin.

use domain::disk::{ProjectUse, size};
use domain::project::{Project, Sequence};
use domain::{Action, ProjectId, SequenceId, Thing};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::disk::get_project_use;
use crate::api::life::{archive_project, put_into_bin, rename_sequence};
use crate::components::ui::{Button, Dialog, Kind, Renaming, Toasts, use_toasts};
use crate::components::words;
use crate::error::ApiError;
use crate::routes::href;

/// Names of sequences, each changed where it stands.
#[component]
pub fn Sequences(project_id: ProjectId, sequences: Vec<Sequence>) -> impl IntoView {
    let toasts = use_toasts();
    let row = move |sequence: Sequence| {
        let Sequence { sequence_id, name, shots } = sequence;
        let save = move |name: String| rename(toasts, project_id, sequence_id, name);
        view! {
            <li class="member">
                <Renaming name what="sequence" save/>
                <span class="faint">{words::count(shots, "shot")}</span>
            </li>
        }
    };
    (!sequences.is_empty()).then(|| {
        view! {
            <section class="settings-panel">
                <h2>"Sequences"</h2>
                <ul class="members">{sequences.into_iter().map(row).collect_view()}</ul>
            </section>
        }
    })
}

fn rename(toasts: Toasts, project_id: ProjectId, sequence_id: SequenceId, name: String) {
    spawn_local(async move {
        match rename_sequence(project_id, sequence_id, name).await {
            Ok(()) => toasts.say("The sequence has another name"),
            Err(error) => toasts.fail(error),
        }
    });
}

/// Asked for after the page is there: the whole store is counted.
#[component]
pub fn DiskUse(project_id: ProjectId) -> impl IntoView {
    let known = RwSignal::new(None::<Result<ProjectUse, ApiError>>);
    Effect::new(move |_| {
        spawn_local(async move {
            let answer = get_project_use(project_id).await;
            known.try_set(Some(answer));
        });
    });
    let said = move || match known.get() {
        None => "Counting…".to_owned(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(ProjectUse { bytes, freed_bytes, blobs, .. })) => {
            let alone = match bytes - freed_bytes {
                0 => "all of it would be free if the project were deleted".to_owned(),
                shared => format!(
                    "{} would be free if the project were deleted, {} are shared with other projects",
                    size(freed_bytes),
                    size(shared)
                ),
            };
            format!("{} in {}; {alone}.", size(bytes), words::count(blobs, "file"))
        }
    };
    view! {
        <section class="settings-panel" aria-label="Disk">
            <h2>"Disk"</h2>
            <p class="muted" aria-live="polite">{said}</p>
        </section>
    }
}

/// A project on its way into the bin: asked outside of what is drawn again when somebody changes the project, so that the
/// question stays where it is.
#[derive(Clone, Copy)]
pub struct Leaving {
    asks: RwSignal<bool>,
    project: RwSignal<Option<(ProjectId, String)>>,
    busy: RwSignal<bool>,
}

impl Leaving {
    pub fn new() -> Self {
        Self { asks: RwSignal::new(false), project: RwSignal::new(None), busy: RwSignal::new(false) }
    }

    fn ask(self, project_id: ProjectId, name: String) {
        self.project.set(Some((project_id, name)));
        self.asks.set(true);
    }
}

/// Rest, waking, and the way into the bin.
#[component]
pub fn Ending(
    project: Project,
    may: Vec<Action>,
    leaving: Leaving,
    #[prop(into)] changed: Callback<()>,
) -> impl IntoView {
    let Project { project_id, name, archived_at, .. } = project;
    let is_archived = archived_at.is_some();
    let toasts = use_toasts();
    let Leaving { busy, .. } = leaving;
    let archive = move |_| {
        busy.set(true);
        spawn_local(async move {
            let answer = archive_project(project_id, !is_archived).await;
            busy.try_set(false);
            match answer {
                Ok(()) => {
                    toasts.say(if is_archived {
                        "The project is in work again"
                    } else {
                        "The project is archived: everybody only reads it"
                    });
                    changed.run(());
                }
                // The forms above stay as they are: somebody may have typed into them.
                Err(error) => toasts.fail(error),
            }
        });
    };
    let (title, word) = if is_archived {
        ("This project is archived", "Take out of the archive")
    } else {
        ("Archive or delete", "Archive")
    };
    let sentence = if is_archived {
        "Everybody only reads it, its links are closed and its jobs wait. Out of the archive, all of that goes on where it was."
    } else {
        "An archived project is read-only for everybody and out of the lists; its links say that it is archived, and jobs that run go back into the queue. It can be taken out again."
    };
    view! {
        <section class="settings-panel" aria-label="Archive or delete">
            <h2>{title}</h2>
            <p class="muted">{sentence}</p>
            <div class="form__row">
                {may.contains(&Action::ArchiveProject).then(|| view! {
                    <Button disabled=busy on:click=archive>{word}</Button>
                })}
                {may.contains(&Action::UseBin).then(|| view! {
                    <Button kind=Kind::Danger disabled=busy on:click=move |_| leaving.ask(project_id, name.clone())>"Delete…"</Button>
                })}
            </div>
        </section>
    }
}

#[component]
pub fn LeavingDialog(leaving: Leaving) -> impl IntoView {
    let Leaving { asks, project, busy } = leaving;
    let toasts = use_toasts();
    let navigate = use_navigate();
    let title = Signal::derive(move || {
        project
            .with(|of| of.as_ref().map(|(_, name)| format!("Move “{name}” to the bin")).unwrap_or_default())
    });
    let delete = move |_| {
        let Some((project_id, name)) = project.get_untracked() else { return };
        let navigate = navigate.clone();
        busy.set(true);
        spawn_local(async move {
            match put_into_bin(Thing::Project(project_id)).await {
                Ok(()) => {
                    toasts.say(format!("“{name}” is in the bin for 30 days"));
                    navigate("/", NavigateOptions::default());
                }
                Err(error) => {
                    toasts.fail(error);
                    busy.try_set(false);
                }
            }
        });
    };
    let delete = StoredValue::new(delete);
    view! {
        <Dialog open=asks title>
            <p>
                "Nobody finds the project any more, its links are closed and its jobs stop. It lies in the "
                <a class="link" href=href::BIN>"bin"</a>
                " for 30 days and can be taken out as it was; then it is deleted for good."
            </p>
            <div class="form__end">
                <Button kind=Kind::Quiet on:click=move |_| asks.set(false)>"Keep it"</Button>
                <Button kind=Kind::Danger disabled=busy on:click=move |event| delete.with_value(|delete| delete(event))>"Move to the bin"</Button>
            </div>
        </Dialog>
    }
}
