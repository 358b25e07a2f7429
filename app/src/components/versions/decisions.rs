//! Who said what about which hash, and how far the policy is met.

use domain::policy::Cast;
use domain::version::Decision;
use domain::{ApprovalPolicy, Hash, PersonId, Verdict};
use leptos::prelude::*;

use crate::components::ui::{Ago, Avatar};

#[component]
pub fn DecisionList(
    decisions: Vec<Decision>,
    /// What is decided about now; decisions on another hash are stale.
    subject: Hash,
) -> impl IntoView {
    let row = move |d: Decision| {
        let (icon, word, tone) = match d.verdict {
            Verdict::Approve => ("✓", "Approved", "approved"),
            Verdict::Changes => ("↺", "Asked for changes", "changes"),
        };
        let is_stale = d.subject != subject;
        let who = d.word();
        view! {
            <li class="decision" data-tone=tone data-stale=is_stale.then_some("true")>
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
                        {is_stale.then_some(" · stale: it was about an older state")}
                    </p>
                    {(!d.note.is_empty()).then(|| view! { <p class="decision__note">{d.note}</p> })}
                </div>
            </li>
        }
    };
    view! { <ul class="decisions">{decisions.into_iter().map(row).collect_view()}</ul> }.into_any()
}

/// The policy as a sentence, and how many approvals there are.
#[component]
pub fn Approvals(
    policy: ApprovalPolicy,
    decisions: Vec<Decision>,
    subject: Hash,
    author: PersonId,
) -> impl IntoView {
    let casts: Vec<Cast> = decisions
        .iter()
        .filter(|d| d.subject == subject)
        .map(|d| Cast { person: d.person_id, role: d.role, verdict: d.verdict })
        .collect();
    let got = policy.approvals(&casts, author);
    let needed = policy.needed.max(1);
    let tone = if got >= needed { "approved" } else { "review" };
    view! {
        <p class="approvals" data-tone=tone>
            <span class="approvals__count">{format!("{} {got} of {needed}", if got >= needed { "✓" } else { "◉" })}</span>
            {format!("{}.", policy.sentence())}
        </p>
    }
    .into_any()
}
