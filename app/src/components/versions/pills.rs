//! The stack of results: one pill per version, newest last, the way people count.

use domain::version::{Decision, Version};
use domain::{Action, JobState, Verdict, may};
use leptos::prelude::*;

use crate::components::run::job_of;
use crate::state::desk::{Desk, use_desk};

#[component]
pub fn VersionPills() -> impl IntoView {
    let desk = use_desk();
    let pills = move || {
        let chosen = desk.version().map(|v| v.version_id);
        desk.view.with(|v| {
            let is_team = v.may.contains(&Action::ViewShot);
            let newest = v.versions.first().map(|version| version.version_id);
            v.versions
                .iter()
                .rev()
                .map(|version| {
                    let id = version.version_id;
                    // To the team a client's word is a wish: what it says stands among the comments.
                    let counts = |d: &&Decision| !is_team || may(d.role, Action::DecideQuadmask);
                    let last = version.decisions.iter().rfind(counts).map(|d| d.verdict);
                    // One of several that the policy asks for is not an approval, and a word that does not count asks for nothing.
                    let last = match (is_team, version.is_approved(), last) {
                        (true, true, _) => Some(Verdict::Approve),
                        (true, false, Some(Verdict::Approve)) => None,
                        (_, _, last) => last,
                    };
                    let (state, tone) = match last {
                        Some(Verdict::Approve) => ("✓ approved", "approved"),
                        Some(Verdict::Changes) => ("↺ changes asked", "changes"),
                        None if Some(id) == newest => ("◉ to review", "review"),
                        // Only the newest is decided about.
                        None => ("○ not decided", "idle"),
                    };
                    view! {
                        <button
                            type="button" class="pill" data-tone=tone
                            aria-pressed=if Some(id) == chosen { "true" } else { "false" }
                            on:click=move |_| desk.comparing.version.set(Some(id))
                        >
                            <strong>{format!("v{}", version.n)}</strong>
                            <span>{made_with(version)}</span>
                            {version.is_of_test_model().then(|| view! { <span class="pill__test">"! test model"</span> })}
                            {(version.is_preview() && !version.is_of_test_model()).then(|| view! { <span class="pill__test">"! quick preview"</span> })}
                            <span class="pill__state">{state}</span>
                        </button>
                    }
                })
                .collect_view()
        })
    };
    view! {
        <div class="pills" role="group" aria-label="Result versions">
            {pills}
            {move || running(desk)}
        </div>
    }
    .into_any()
}

/// Guests are not told of masks.
fn made_with(version: &Version) -> String {
    match version.quadmask_n {
        0 => version.engine_words(),
        n => format!("{} · mask v{n}", version.engine_words().trim_end_matches(" engine")),
    }
}

fn running(desk: Desk) -> Option<impl IntoView> {
    let job = job_of(desk, &["remove"]).filter(|job| !job.state.is_over())?;
    let n = desk.view.with(|v| v.versions.first().map_or(1, |v| v.n + 1));
    let state = match job.state {
        JobState::Queued => "○ queued".to_owned(),
        _ => format!("◔ running {:.0} %", job.fraction * 100.0),
    };
    Some(view! {
        <span class="pill" data-tone="running">
            <strong>{format!("v{n}")}</strong>
            <span class="pill__state">{state}</span>
        </span>
    })
}

/// Looks at the version before or after.
pub fn step_version(desk: Desk, newer: bool) {
    let chosen = untrack(|| desk.version()).map(|v| v.version_id);
    let next = desk.view.with_untracked(|v| {
        let at = v.versions.iter().position(|version| Some(version.version_id) == chosen)?;
        let to = if newer { at.checked_sub(1)? } else { at + 1 };
        v.versions.get(to).map(|version| version.version_id)
    });
    if next.is_some() {
        desk.comparing.version.set(next);
    }
}
