//! Step 4: plate against result, its proof, the decisions about it, and what is taken away. What is said about it is in `threads`.

use domain::Action;
use domain::version::Version;
use leptos::prelude::*;

use crate::api::versions::show_client;
use crate::components::compare::CompareBar;
use crate::components::run::JobCard;
use crate::components::ui::{Check, Kind};
use crate::components::versions::{
    AskButton, DecisionList, HistoryFiles, PackagePanel, ProofPanel, VersionPills,
};
use crate::routes::href;
use crate::state::asking::Ask;
use crate::state::desk::{Desk, Tab, use_desk};

/// What is looked at, over both sides of the panel.
#[component]
pub fn ReviewHead() -> impl IntoView {
    let desk = use_desk();
    view! {
        <section class="panel__section panel__versions">
            <VersionPills/>
            <Show when=move || desk.version().is_some() fallback=move || view! { <Nothing/> }>
                <CompareBar/>
            </Show>
            <JobCard kinds=&["remove"]/>
        </section>
    }
    .into_any()
}

/// The version itself: its proof, its files, who decided.
#[component]
pub fn ReviewPanel() -> impl IntoView {
    let desk = use_desk();
    let version = Memo::new(move |_| desk.version());
    let is_team = desk.view.with_untracked(|v| v.may.contains(&Action::ViewShot));
    view! {
        <div class="panel">
            {move || version.get().map(|version| view! {
                <About version=version.clone()/>
                {is_team.then(|| view! { <PackagePanel version/> })}
            })}
            {is_team.then(|| view! { <HistoryFiles/> })}
        </div>
    }
    .into_any()
}

/// What can be decided, under both sides of the panel.
#[component]
pub fn ReviewFoot() -> impl IntoView {
    let desk = use_desk();
    let n = Signal::derive(move || desk.version().map_or(0, |v| v.n));
    view! {
        <footer class="panel__foot">
            <Show when=move || desk.may_decide_result()>
                <div class="panel__actions">
                    <AskButton ask=Ask::ResultChanges word="Ask for changes".to_owned()/>
                    <AskButton ask=Ask::ApproveResult kind=Kind::Primary word=Signal::derive(move || format!("Approve v{}", n.get()))/>
                </div>
            </Show>
            <Show when=move || desk.can(domain::ShotStep::Reopen)>
                <div class="panel__actions">
                    <AskButton ask=Ask::Reopen word="Re-open the quadmask".to_owned()/>
                    <Show when=move || desk.can(domain::ShotStep::StartRun)>
                        <a class="button" data-kind="plain" href=href::shot(desk.shot_id, Tab::Removal.slug())>"Run again…"</a>
                    </Show>
                </div>
            </Show>
        </footer>
    }
    .into_any()
}

#[component]
fn Nothing() -> impl IntoView {
    let desk = use_desk();
    let text = move || {
        if desk.may(Action::ViewShot) {
            "No result yet. It appears here, by itself, as soon as the removal is through."
        } else {
            "Nothing has been shown to you yet. It appears here as soon as there is."
        }
    };
    view! { <p class="muted">{text}</p> }.into_any()
}

#[component]
fn About(version: Version) -> impl IntoView {
    let desk = use_desk();
    let id = version.version_id;
    let is_visible = version.client_visible;
    let recipe = recipe_words(&version);
    let decisions = version.decisions.clone();
    let subject = version.subject;
    let has_decisions = !decisions.is_empty();
    view! {
        <section class="panel__section">
            <h2 class="caption">{format!("Proof of v{}", version.n)}</h2>
            <ProofPanel version=version.clone()/>
            <p class="faint">{recipe}</p>
            <div class="row">
                <a class="button" data-kind="plain" data-small="true" href=href::result(id) download=true rel="external">"Result, full size"</a>
                <a class="button" data-kind="plain" data-small="true" href=href::matte(id) download=true rel="external">"Matte"</a>
            </div>
        </section>
        <section class="panel__section">
            <h2 class="caption">"Decisions"</h2>
            {(!has_decisions).then(|| view! { <p class="muted">"Nobody has decided about this version yet."</p> })}
            <DecisionList decisions subject/>
            {visibility(desk, id, is_visible)}
        </section>
    }
    .into_any()
}

fn visibility(desk: Desk, id: domain::VersionId, is_visible: bool) -> AnyView {
    if !untrack(|| desk.may(Action::ShowClient)) {
        return ().into_any();
    }
    view! {
        <Check
            label="Show this version to the client"
            checked=Signal::stored(is_visible)
            on_change=move |on: bool| desk.write(show_client(id, on))
        />
    }
    .into_any()
}

/// The recipe in one line: what ran, not what is set now.
fn recipe_words(version: &Version) -> String {
    let knobs: Vec<String> = version
        .recipe
        .as_object()
        .map(|knobs| {
            knobs.iter().map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect()
        })
        .unwrap_or_default();
    format!("{} engine · quadmask v{} · {}", version.engine, version.quadmask_n, knobs.join(" · "))
}
