//! Step 3: the removal, live; which engine does it; and its recipe.

use domain::run::{PLATE, VOID};
use domain::{Action, Recipe, ShotStep};
use leptos::prelude::*;

use crate::components::checks::{Findings, Which};
use crate::components::recipe::{EngineChoice, PlateForm, VoidForm, refined};
use crate::components::run::{JobCard, job_of};
use crate::components::versions::{Approvals, QuadmaskSteps};
use crate::routes::href;
use crate::state::desk::{Tab, use_desk};

#[component]
pub fn RemovalPanel() -> impl IntoView {
    let desk = use_desk();
    let is_running = move || job_of(desk, &["remove"]).is_some_and(|job| !job.state.is_over());
    let has_version = move || desk.view.with(|v| !v.versions.is_empty());
    let may_start = move || desk.can(ShotStep::StartRun);
    let last = desk.view.with_untracked(|v| v.run.as_ref().map(Recipe::engine));
    let refines = untrack(|| refined(desk)).is_some();
    let needs_void = untrack(|| desk.pathless().is_some() && desk.has_void());
    let engine = RwSignal::new(if refines || needs_void { VOID } else { last.unwrap_or(PLATE) });
    view! {
        <div class="panel">
            <section class="panel__section">
                <h2 class="caption">"Run"</h2>
                <Gate/>
                <JobCard kinds=&["remove"]/>
                {move || {
                    let problem = desk.view.with(|v| v.shot.problem.clone());
                    let said = job_of(desk, &["remove"]).is_some_and(|job| job.error.is_some());
                    let failed = desk.phase() == domain::Phase::RunFailed && !said;
                    failed.then_some(problem).flatten().map(|text| view! { <p class="error-line" role="alert">{text}</p> })
                }}
            </section>
            <Findings which=Which::Open title="Before it runs"/>
            <section class="panel__section">
                <h2 class="caption">"Engine"</h2>
                <EngineChoice engine/>
            </section>
            <section class="panel__section">
                <h2 class="caption">"Recipe"</h2>
                <Show when=move || desk.may(Action::Run) fallback=|| view! { <p class="muted">"Your role does not start removals."</p> }>
                    {move || if engine.get() == VOID {
                        view! { <VoidForm/> }.into_any()
                    } else {
                        view! { <PlateForm/> }.into_any()
                    }}
                </Show>
            </section>
        </div>
        <footer class="panel__foot">
            <div class="panel__actions">
                <Show when=move || has_version() && !is_running()>
                    <a class="button" data-kind="plain" href=href::shot(desk.shot_id, Tab::Review.slug())>"Review →"</a>
                </Show>
                <Show when=may_start>
                    <button type="submit" form="recipe" class="button" data-kind="primary" disabled=is_running>
                        {move || match (engine.get() == VOID, refined(desk).is_some(), has_version()) {
                            (true, true, _) => "Run pass 2",
                            (true, false, _) => "Run VOID",
                            (false, _, true) => "Run again",
                            (false, _, false) => "Run removal",
                        }}
                    </button>
                </Show>
            </div>
            <Show when=move || !may_start() && !is_running()><QuadmaskSteps/></Show>
        </footer>
    }
    .into_any()
}

/// What a removal waits for.
#[component]
fn Gate() -> impl IntoView {
    use domain::Phase::*;
    let desk = use_desk();
    let text = move || match desk.phase() {
        QuadmaskReview if desk.pathless().is_some() => {
            "The quadmask is in review. Once it is approved, start VOID here: the plate engine cannot run it."
        }
        QuadmaskApproved if desk.pathless().is_some() => {
            "The quadmask is approved. No removal has started by itself, since the plate engine cannot run it: start VOID."
        }
        Uploaded => "The plate is being read.",
        IngestFailed => "The plate could not be read: see the targets step.",
        Ready | Masking | QuadmaskChanges => {
            "No removal runs before a quadmask is approved. Send it to review on the quadmask step."
        }
        QuadmaskReview => "The quadmask is in review. The removal starts as soon as it is approved.",
        QuadmaskApproved => "The quadmask is approved.",
        Running => "The removal is running. Close the page if you like: it goes on.",
        RunFailed => {
            "The removal did not finish. Nothing was lost: change the recipe or the quadmask and run again."
        }
        ResultReview | ResultChanges | Approved => "A result is there. Another recipe makes another version.",
    };
    let approvals = move || {
        let newest = desk.view.with(|v| {
            let current = v.quadmasks.first().filter(|q| !v.is_stale(q.quadmask_id));
            current.cloned().map(|q| (v.policy.clone(), q))
        });
        newest.map(|(policy, q)| {
            view! { <Approvals policy decisions=q.decisions author=q.author stands=None/> }
        })
    };
    view! {
        <p>{text}</p>
        {approvals}
    }
    .into_any()
}
