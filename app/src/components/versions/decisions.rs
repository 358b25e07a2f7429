//! Who said what about which hash, and how far the policy is met.

use domain::policy::Cast;
use domain::version::Decision;
use domain::{ApprovalPolicy, PersonId, Verdict};
use leptos::prelude::*;

use crate::components::ui::{Ago, Avatar};

#[component]
pub fn DecisionList(
    decisions: Vec<Decision>,
    /// Whether they are about an older state ([`crate::api::shots::ShotView::is_stale`]).
    is_stale: Signal<bool>,
) -> impl IntoView {
    let row = move |d: Decision| {
        let (icon, word, tone) = match d.verdict {
            Verdict::Approve => ("✓", "Approved", "approved"),
            Verdict::Changes => ("↺", "Asked for changes", "changes"),
        };
        let who = d.word();
        view! {
            <li class="decision" data-tone=tone data-stale=move || is_stale.get().then_some("true")>
                <Avatar name=d.person_name.clone()/>
                <div class="decision__body">
                    <p class="decision__head">
                        <strong>{d.person_name}</strong>
                        <span class="chip">{who}</span>
                        <Ago at=Signal::stored(d.at)/>
                    </p>
                    <p class="decision__verdict">
                        <span aria-hidden="true">{icon}</span>
                        {word}
                        <Show when=move || is_stale.get()><Stale/></Show>
                    </p>
                    {(!d.note.is_empty()).then(|| view! { <p class="decision__note">{d.note}</p> })}
                </div>
            </li>
        }
    };
    view! { <ul class="decisions">{decisions.into_iter().map(row).collect_view()}</ul> }.into_any()
}

/// What stands beside a decision about an older state.
#[component]
pub fn Stale() -> impl IntoView {
    view! {
        <span class="stale" title="It was about an older state: it stays on record, and what is there now needs a decision of its own">
            <span aria-hidden="true">"◌ "</span>
            "stale"
        </span>
    }
    .into_any()
}

/// The policy as a sentence, and how many approvals there are.
#[component]
pub fn Approvals(
    policy: ApprovalPolicy,
    decisions: Vec<Decision>,
    author: PersonId,
    /// Whether a result is approved: somebody may have asked for changes since there were enough approvals.
    #[prop(optional_no_strip)]
    stands: Option<bool>,
) -> impl IntoView {
    let casts: Vec<Cast> =
        decisions.iter().map(|d| Cast { person: d.person_id, role: d.role, verdict: d.verdict }).collect();
    let got = policy.approvals(&casts, author);
    let needed = policy.needed.max(1);
    let is_met = stands.unwrap_or(got >= needed);
    let tone = if is_met { "approved" } else { "review" };
    view! {
        <p class="approvals" data-tone=tone>
            <span class="approvals__count">{format!("{} {got} of {needed}", if is_met { "✓" } else { "◉" })}</span>
            {format!("{}.", policy.sentence())}
        </p>
    }
    .into_any()
}
