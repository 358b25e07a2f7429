//! Step 4: plate against result, its proof, the decisions about it, and what is taken away. What is said about it is in `threads`.

use domain::Action;
use domain::version::Version;
use leptos::prelude::*;

use crate::api::versions::show_client;
use crate::components::compare::CompareBar;
use crate::components::run::JobCard;
use crate::components::ui::{Check, Kind};
use crate::components::versions::{
    Approvals, AskButton, DecisionList, HistoryFiles, PackagePanel, ProofPanel, VersionPills,
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
    // By itself: the movie that somebody chose stays chosen while people decide about the version.
    let packed = Memo::new(move |_| version.with(|v| v.as_ref().map(|v| (v.version_id, v.n))));
    let is_team = desk.view.with_untracked(|v| v.may.contains(&Action::ViewShot));
    view! {
        <div class="panel">
            {move || version.get().map(|version| view! { <About version/> })}
            {move || packed.get().filter(|_| is_team).map(|(id, n)| view! { <PackagePanel id n/> })}
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
                    <Show when=move || desk.may_approve_result()>
                        <AskButton ask=Ask::ApproveResult kind=Kind::Primary word=Signal::derive(move || format!("Approve v{}", n.get()))/>
                    </Show>
                </div>
            </Show>
            {move || desk.result_is_closed().map(|why| view! { <p class="muted">{why}</p> })}
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
    let is_first = version.is_first_pass();
    let quadmask_id = version.quadmask_id;
    let may_refine = move || {
        let is_current =
            desk.view.with(|v| v.quadmasks.first().is_some_and(|q| q.quadmask_id == quadmask_id));
        is_first && is_current && desk.can(domain::ShotStep::StartRun)
    };
    let recipe = recipe_words(&version);
    let decisions = version.decisions.clone();
    let is_stale = Signal::derive(move || desk.view.with(|v| v.is_stale(quadmask_id)));
    let has_decisions = !decisions.is_empty();
    let approvals = desk
        .view
        .with_untracked(|v| v.may.contains(&Action::ViewShot).then(|| v.policy.clone()))
        .map(|policy| {
            view! { <Approvals policy decisions=decisions.clone() author=version.author stands=Some(version.is_approved())/> }
        });
    view! {
        <section class="panel__section">
            <h2 class="caption">{format!("Proof of v{}", version.n)}</h2>
            <ProofPanel version=version.clone()/>
            <p class="faint">{recipe}</p>
            <div class="row">
                <a class="button" data-kind="plain" data-small="true" href=href::result(id) download=true rel="external">"Result, full size"</a>
                <a class="button" data-kind="plain" data-small="true" href=href::matte(id) download=true rel="external">"Matte"</a>
                <Show when=may_refine>
                    <a
                        class="button" data-kind="plain" data-small="true"
                        href=href::shot(desk.shot_id, Tab::Removal.slug())
                        on:click=move |_| desk.refine.set(Some(id))
                    >"Refine: pass 2"</a>
                </Show>
            </div>
        </section>
        <section class="panel__section">
            <h2 class="caption">"Decisions"</h2>
            {approvals}
            {(!has_decisions).then(|| view! { <p class="muted">"Nobody has decided about this version yet."</p> })}
            <DecisionList decisions is_stale/>
            {visibility(desk, id, is_visible)}
        </section>
    }
    .into_any()
}

fn visibility(desk: Desk, id: domain::VersionId, is_visible: bool) -> AnyView {
    if !untrack(|| desk.may(Action::ShowClient)) {
        return ().into_any();
    }
    let refused = RwSignal::new(0_u32);
    let told = move || {
        refused.try_update(|times| *times += 1);
    };
    view! {
        <Check
            label="Show this version to the client"
            checked=Signal::stored(is_visible)
            refused
            on_change=move |on: bool| desk.write_or(show_client(id, on), |_| (), told)
        />
    }
    .into_any()
}

/// The recipe in one line: what ran, not what is set now.
fn recipe_words(version: &Version) -> String {
    let mut knobs = Vec::new();
    told(&version.recipe, &mut knobs);
    format!("{} · quadmask v{} · {}", version.engine_words(), version.quadmask_n, knobs.join(" · "))
}

/// Knobs and their values; those of groups after the name of the group.
fn told(recipe: &serde_json::Value, knobs: &mut Vec<String>) {
    for (name, value) in recipe.as_object().into_iter().flatten() {
        let name = name.replace('_', " ");
        match value {
            serde_json::Value::Object(_) if name == "knobs" => told(value, knobs),
            serde_json::Value::Object(_) => {
                let mut inner = Vec::new();
                told(value, &mut inner);
                knobs.extend(inner.into_iter().map(|knob| format!("{name} {knob}")));
            }
            serde_json::Value::String(text) if text.is_empty() => {}
            serde_json::Value::String(text) if name == "negative prompt" => {
                knobs.push(format!("{name} “{text}”"))
            }
            serde_json::Value::String(_) if name == "first pass" => {}
            serde_json::Value::String(text) => knobs.push(format!("{name} {}", text.replace('_', " "))),
            value => knobs.push(format!("{name} {value}")),
        }
    }
}
