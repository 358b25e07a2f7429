//! How far the causes are approved, where the project asks for that before a quadmask is made of them; and the word of whoever may
//! decide.

use domain::cause::CausesReview;
use domain::{Action, Verdict};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::causes::decide_causes;
use crate::components::ui::{Button, Kind};
use crate::components::versions::{Approvals, DecisionList};
use crate::state::desk::{Desk, use_desk};

#[component]
pub fn CausesApproval() -> impl IntoView {
    let desk = use_desk();
    let review = Memo::new(move |_| {
        desk.view.with(|v| v.causes_review.clone().filter(|_| v.shot.phase.is_editable()))
    });
    // Held out here: the causes change under whoever writes about them.
    let note = RwSignal::new(String::new());
    move || review.get().map(|review| standing(desk, review, note))
}

fn standing(desk: Desk, review: CausesReview, note: RwSignal<String>) -> impl IntoView {
    let CausesReview { subject, author, decisions, is_approved } = review;
    let policy = desk.view.with_untracked(|v| v.policy.clone());
    let (now, before): (Vec<_>, Vec<_>) = decisions.into_iter().partition(|said| said.subject == subject);
    let has_approved = desk.view.with_untracked(|v| v.has_approved(&now));
    let objection = untrack(|| desk.counts_for(author)).err();
    let may = untrack(|| desk.may(Action::DecideQuadmask)) && objection.is_none();
    let decide = move |verdict: Verdict| {
        let said = note.get_untracked();
        let looked_at = desk.view.with_untracked(|v| v.causes.clone());
        spawn_local(async move {
            // A cause that was added here is listed before the shot was read again.
            desk.settled().await;
            let Some(subject) = desk.view.try_with_untracked(|v| {
                let read = v.causes_review.as_ref().filter(|_| v.causes == looked_at);
                read.map_or(subject, |read| read.subject)
            }) else {
                return;
            };
            desk.write_then(decide_causes(desk.shot_id, subject, verdict, said.clone()), move |()| {
                // What was typed while the answer was on its way stays.
                note.try_update(|now| {
                    if *now == said {
                        now.clear();
                    }
                });
            });
        });
    };
    let older = (!before.is_empty()).then(|| {
        view! { <p class="faint">{format!("{} about causes as they were before.", before.len())}</p> }
    });
    view! {
        <section class="causes__approval" aria-label="Approval of the causes">
            <h3 class="caption">"Causes are approved first"</h3>
            <Approvals policy decisions=now.clone() author stands=Some(is_approved)/>
            <DecisionList decisions=now is_stale=Signal::stored(false)/>
            {older}
            {objection.map(|why| view! { <p class="faint">{why}</p> })}
            {may.then(|| view! {
                <input
                    class="field__input" type="text" maxlength="4000" aria-label="Note about the causes"
                    placeholder="What should change"
                    prop:value=move || note.get() on:input=move |event| note.set(event_target_value(&event))
                />
                <div class="row">
                    <Button small=true on:click=move |_| decide(Verdict::Changes)>"Ask for changes of the causes"</Button>
                    {(!has_approved).then(|| view! {
                        <Button small=true kind=Kind::Primary on:click=move |_| decide(Verdict::Approve)>"Approve causes"</Button>
                    })}
                </div>
            })}
        </section>
    }
    .into_any()
}
