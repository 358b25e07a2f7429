//! Step 2: what else changes and why, the checks, and the way to an approved quadmask.

use domain::ShotStep;
use leptos::prelude::*;

use crate::components::causes::{CauseGraph, CauseList, CausesApproval, Proposals, Scene};
use crate::components::checks::{Findings, Which};
use crate::components::run::JobCard;
use crate::components::targets::ByNumbers;
use crate::components::ui::{Button, Kind};
use crate::components::versions::{Approvals, QuadmaskList, QuadmaskSteps, Transfer};
use crate::state::desk::use_desk;

#[component]
pub fn QuadmaskPanel() -> impl IntoView {
    view! {
        <div class="panel">
            <section class="panel__section">
                <EditorLine/>
                <h2 class="caption">"If this is removed…"</h2>
                <CauseGraph/>
                <CauseList/>
                <Proposals/>
                <CausesApproval/>
                <ByNumbers/>
            </section>
            <section class="panel__section">
                <h2 class="caption">"After removal, the scene shows"</h2>
                <Scene/>
            </section>
            <Findings which=Which::All title="Mask checks"/>
            <section class="panel__section">
                <h2 class="caption">"This frame"</h2>
                <ThisFrame/>
            </section>
            <section class="panel__section">
                <h2 class="caption">"Quadmask versions"</h2>
                <JobCard kinds=&["segment", "import_quadmask", "export_quadmask"]/>
                <QuadmaskList/>
                <Transfer/>
            </section>
        </div>
        <footer class="panel__foot">
            <Standing/>
            <QuadmaskSteps/>
        </footer>
    }
    .into_any()
}

/// How far the newest version is approved, and why the viewer's word would not count, if so.
#[component]
fn Standing() -> impl IntoView {
    let desk = use_desk();
    let newest = Memo::new(move |_| {
        let in_review = desk.can(ShotStep::ApproveQuadmask) || desk.phase() == domain::Phase::QuadmaskReview;
        desk.view.with(|v| {
            in_review.then(|| v.quadmasks.first().cloned()).flatten().map(|q| (v.policy.clone(), q))
        })
    });
    let objection = move || newest.with(Option::is_some).then(|| desk.decision_counts().err()).flatten();
    move || {
        newest.get().map(|(policy, q)| {
            view! {
                <Approvals policy decisions=q.decisions author=q.author stands=None/>
                {move || objection().map(|why| view! { <p class="faint">{why}</p> })}
            }
        })
    }
}

/// Who edits, and how to take over.
#[component]
pub fn EditorLine() -> impl IntoView {
    let desk = use_desk();
    let editor = move || desk.editor();
    view! {
        <Show when=move || desk.is_other_editing()>
            <p class="editor-line" role="status">
                <span>{move || format!("◔ {} is editing", editor().unwrap_or_else(|| "Somebody".to_owned()))}</span>
                <Show when=move || desk.can(ShotStep::Edit)>
                    <Button kind=Kind::Quiet small=true on:click=move |_| desk.take_over()>"Take over"</Button>
                </Show>
            </p>
        </Show>
    }
    .into_any()
}

/// What is known about the playhead's frame, and what can be done with all of it.
#[component]
fn ThisFrame() -> impl IntoView {
    let desk = use_desk();
    let frame = move || desk.draft_frame(desk.playhead.frame.get());
    let words = move || {
        let number = desk.clip().number(desk.playhead.frame.get());
        match frame() {
            None => format!("f{number}: background only"),
            Some(f) => {
                let sure =
                    f.confidence.map_or_else(String::new, |c| format!(" · confidence {:.0} %", c * 100.0));
                let by = if f.painted { " · painted" } else { "" };
                let lock = if f.locked { " · locked" } else { "" };
                format!("f{number}: {} px primary{sure}{by}{lock}", f.primary_area)
            }
        }
    };
    let is_locked = move || frame().is_some_and(|f| f.locked);
    let off = Signal::derive(move || !desk.may_edit());
    view! {
        <p class="mono">{words}</p>
        <div class="row">
            <Button small=true disabled=off on:click=move |_| desk.toggle_lock()>
                {move || if is_locked() { "Free frame" } else { "Lock frame" }}
            </Button>
            <Show when=move || frame().is_some_and(|f| f.painted)>
                <Button small=true disabled=off on:click=move |_| desk.release_paint()>"Release paint"</Button>
            </Show>
            <Button small=true disabled=off on:click=move |_| desk.copy_from(-1)>"Copy frame before"</Button>
            <Button small=true disabled=off on:click=move |_| desk.copy_from(1)>"Copy frame after"</Button>
        </div>
    }
    .into_any()
}
