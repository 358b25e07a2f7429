//! The dialog of those who may share: a new link, and the links that there are.

use domain::{Action, EventKind, ProjectId, VersionId};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::form::NewLink;
use super::links::LinkList;
use crate::api::shares::{SharesView, get_shares};
use crate::components::ui::{Button, Dialog, Loading, Tab as Choice, Tabs, use_toasts};
use crate::error::ApiError;
use crate::state::desk::{Tab, use_desk};
use crate::state::live::use_live;

pub const NEW: &str = "new-link";
pub const LINKS: &str = "links";

/// In the review of a shot with a version; nothing for those who make no links. In an archived project links are only looked at
/// and withdrawn.
#[component]
pub fn ShareButton() -> impl IntoView {
    let desk = use_desk();
    let open = RwSignal::new(false);
    let is_here =
        move || desk.tab.get() == Tab::Review && desk.may(Action::Withdraw) && desk.version().is_some();
    let project = desk.view.with_untracked(|v| v.project_id);
    let title = Signal::derive(move || "Share with the client".to_owned());
    view! {
        <Show when=is_here>
            <Button small=true on:click=move |_| open.set(true)>"Share…"</Button>
        </Show>
        <Dialog open title wide=true>
            {move || {
                let (chosen, name) =
                    untrack(|| (desk.version().map(|v| v.version_id), desk.view.with(|v| v.shot.name.clone())));
                let makes = untrack(|| desk.may(Action::Share));
                view! { <Sharing project chosen name makes/> }
            }}
        </Dialog>
    }
    .into_any()
}

/// Read when it opens, and again when a link is made, opened or withdrawn.
#[component]
fn Sharing(project: ProjectId, chosen: Option<VersionId>, name: String, makes: bool) -> impl IntoView {
    let side = RwSignal::new(if makes { NEW } else { LINKS });
    let view: RwSignal<Option<Result<SharesView, ApiError>>> = RwSignal::new(None);
    let toasts = use_toasts();
    let read = move || {
        spawn_local(async move {
            let answer = get_shares(project).await;
            let is_known = view.try_with_untracked(|known| matches!(known, Some(Ok(_)))) == Some(true);
            match answer {
                // What is filled in, and an address that is seen only once, outlive a reading that failed.
                Err(error) if is_known => toasts.fail(error),
                answer => {
                    view.try_set(Some(answer));
                }
            }
        });
    };
    Effect::new(move |_| read());
    use_live().on(move |event| {
        if event.is_none_or(|event| event.kind == EventKind::Share && event.project_id == Some(project)) {
            read();
        }
    });
    let count = Signal::derive(move || {
        view.with(|v| v.as_ref()?.as_ref().ok().map(|v| v.links.len() as u32)).filter(|n| *n > 0)
    });
    let new = makes.then(|| Choice::new(NEW, "New link"));
    let tabs = new.into_iter().chain([Choice { key: LINKS, word: "Links", count }]).collect::<Vec<_>>();
    let reach = move || view.with(|v| v.as_ref()?.as_ref().ok().map(|v| v.reach.clone())).unwrap_or_default();
    let versions = Memo::new(move |_| {
        view.with(|v| {
            v.as_ref().and_then(|v| v.as_ref().ok()).map(|v| v.versions.clone()).unwrap_or_default()
        })
    });
    let is_read = move || view.with(|v| matches!(v, Some(Ok(_))));
    let problem = move || view.with(|v| v.as_ref().and_then(|v| v.as_ref().err()).map(ToString::to_string));
    let name = StoredValue::new(name);
    view! {
        <Tabs label="Sharing" tabs chosen=side/>
        <p class="share__reach" role="note">{reach}</p>
        {move || problem().map(|why| view! { <p class="error-line" role="alert">{why}</p> })}
        <Show when=is_read fallback=move || view.with(Option::is_none).then(|| view! { <Loading/> })>
            <div role="tabpanel" id="panel-new-link" aria-labelledby="tab-new-link" hidden=move || side.get() != NEW>
                {makes.then(|| view! { <NewLink project versions chosen name=name.get_value() done=move |()| read()/> })}
            </div>
            <div role="tabpanel" id="panel-links" aria-labelledby="tab-links" hidden=move || side.get() != LINKS>
                <LinkList view/>
            </div>
        </Show>
    }
    .into_any()
}
