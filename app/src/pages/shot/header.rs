//! The bar on top: where the shot is, how it stands, its steps, and who edits.

use domain::Action;
use domain::phase::Bar;
use leptos::prelude::*;

use crate::components::layout::{Crumb, TopBar};
use crate::components::share::ShareButton;
use crate::components::ui::{Avatar, StatusChip};
use crate::components::work::WorkButton;
use crate::routes::href;
use crate::state::desk::{Desk, Tab, use_desk};

use super::menu::ShotMenu;

#[component]
pub fn Header() -> impl IntoView {
    let desk = use_desk();
    let project = Signal::derive(move || desk.view.with(|v| v.project_name.clone()));
    let name = Signal::derive(move || desk.view.with(|v| v.shot.name.clone()));
    let to = href::project(desk.view.with_untracked(|v| v.project_id));
    let words = Signal::derive(move || status_words(desk));
    let phase = Signal::derive(move || desk.phase());
    let editor = move || desk.editor();
    view! {
        <TopBar
            middle=view! { <Steps/> }.into_any()
            end=view! {
                <WorkButton/>
                <ShareButton/>
                <ShotMenu/>
                {move || editor().map(|name| view! { <span class="shot__editor"><Avatar name=name.clone()/><span>{format!("{name} edits")}</span></span> })}
            }.into_any()
        >
            <Crumb word=project to=to/>
            <Crumb word=name/>
            <StatusChip phase words/>
            {move || desk.view.with(|v| v.is_archived).then(|| view! { <span class="badge crumb__badge">"archived"</span> })}
        </TopBar>
    }
    .into_any()
}

/// The status with the number of what it speaks of.
fn status_words(desk: Desk) -> Option<String> {
    use domain::Phase::*;
    desk.view.with(|v| {
        let mask = v.quadmasks.first().map(|q| q.n);
        let result = v.versions.first().map(|v| v.n);
        match v.shot.phase {
            QuadmaskReview => Some(format!("Quadmask v{} in review", mask?)),
            QuadmaskApproved => Some(format!("Quadmask v{} approved", mask?)),
            QuadmaskChanges => Some(format!("Quadmask v{}: changes asked", mask?)),
            ResultReview => Some(format!("Result v{} in review", result?)),
            ResultChanges => Some(format!("Result v{}: changes asked", result?)),
            Approved => Some(format!("Result v{} approved", result?)),
            _ => None,
        }
    })
}

#[component]
fn Steps() -> impl IntoView {
    let desk = use_desk();
    let step = move |(at, tab): (usize, Tab)| {
        let bar = move || desk.phase().bars()[at];
        let icon = move || match bar() {
            Bar::Done => "✓".to_owned(),
            Bar::Running => "◔".to_owned(),
            Bar::Failed => "✕".to_owned(),
            Bar::Todo | Bar::Now => (at + 1).to_string(),
        };
        let said = move || match bar() {
            Bar::Done => "done",
            Bar::Running => "running",
            Bar::Failed => "failed",
            Bar::Now => "next",
            Bar::Todo => "not started",
        };
        let version = move || {
            let n = desk.view.with(|v| match tab {
                Tab::Quadmask => v.quadmasks.first().map(|q| q.n),
                Tab::Review => v.versions.first().map(|v| v.n),
                Tab::Targets | Tab::Removal => None,
            });
            n.map(|n| view! { <span class="steps__version">{format!("v{n}")}</span> })
        };
        let is_here = move || desk.tab.get() == tab;
        let is_hidden = move || tab != Tab::Review && !desk.may(Action::ViewShot);
        view! {
            <a
                class="steps__step" href=href::shot(desk.shot_id, tab.slug())
                aria-current=move || is_here().then_some("page") data-state=said hidden=is_hidden
            >
                <span aria-hidden="true">{icon}</span>
                {tab.word()}
                <span class="visually-hidden">{move || format!(" ({})", said())}</span>
                {version}
            </a>
        }
    };
    view! { <nav class="steps" aria-label="Steps">{Tab::ALL.into_iter().enumerate().map(step).collect_view()}</nav> }.into_any()
}
