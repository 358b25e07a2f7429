//! Decisions between the threads: who approved and who asked for what, where it belongs in time.

use domain::version::Decision;
use domain::{Action, PersonId, QuadmaskId, Verdict, may};
use leptos::prelude::*;

use crate::components::ui::{Ago, Avatar};
use crate::components::versions::Stale;
use crate::state::desk::{Desk, use_desk};
use crate::state::talk::Filter;

/// A decision and what it was about.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    pub decision: Decision,
    /// `result v2`
    pub about: String,
    /// The quadmask that it was about, or that the result was made of.
    pub quadmask_id: QuadmaskId,
}

impl Decided {
    pub fn passes(&self, filter: Filter, viewer: PersonId) -> bool {
        match filter {
            Filter::All => true,
            Filter::Open | Filter::Resolved => false,
            Filter::Internal => may(self.decision.role, Action::ViewShot),
            Filter::Client => !may(self.decision.role, Action::ViewShot),
            Filter::Mine => self.decision.person_id == viewer,
        }
    }
}

/// All decisions about the shot that the viewer knows of.
pub fn decided(desk: Desk) -> Vec<Decided> {
    desk.view.with(|v| {
        let of_masks = v
            .quadmasks
            .iter()
            .flat_map(|q| q.decisions.iter().map(move |d| (d, format!("quadmask v{}", q.n), q.quadmask_id)));
        let of_results = v
            .versions
            .iter()
            .flat_map(|r| r.decisions.iter().map(move |d| (d, format!("result v{}", r.n), r.quadmask_id)));
        of_masks
            .chain(of_results)
            .map(|(d, about, quadmask_id)| Decided { decision: d.clone(), about, quadmask_id })
            .collect()
    })
}

#[component]
pub fn DecidedCard(one: Decided) -> impl IntoView {
    let desk = use_desk();
    let Decided { decision, about, quadmask_id } = one;
    // Read by itself: the card of a decision stays the same card.
    let is_stale = move || desk.view.with(|v| v.is_stale(quadmask_id));
    let (icon, words, tone) = match decision.verdict {
        Verdict::Approve => ("✓", format!("approved {about}"), "approved"),
        Verdict::Changes => ("↺", format!("asked for changes to {about}"), "changes"),
    };
    let word = decision.word();
    let label = format!("{} {words}", decision.person_name);
    view! {
        <article class="thread thread--decision" data-tone=tone aria-label=label>
            <Avatar name=decision.person_name.clone()/>
            <div class="thread__body">
                <p class="thread__head">
                    <strong>{decision.person_name}</strong>
                    <span class="chip">{word}</span>
                    <Ago at=Signal::stored(decision.at)/>
                </p>
                <p class="thread__verdict">
                    <span aria-hidden="true">{icon}" "</span>
                    {words}
                    <Show when=is_stale>" "<Stale/></Show>
                </p>
                {(!decision.note.is_empty()).then(|| view! { <p class="prose">{decision.note}</p> })}
            </div>
        </article>
    }
    .into_any()
}
