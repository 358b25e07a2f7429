//! What a reasoner proposes as affected: the buttons that let one look, and a card for each proposal.

use domain::outside::Reasoner;
use domain::proposal::{Accepted, Category, Judged, ProposalState, sureness};
use domain::{JobId, ProposalId};
use leptos::prelude::*;

use crate::api::proposals::{accept_proposal, look_for_affected, reject_proposal};
use crate::browser::keys;
use crate::components::run::{JobCard, job_of};
use crate::components::targets::FrameLink;
use crate::components::ui::{Button, Kind};
use crate::components::words;
use crate::state::desk::{Desk, use_desk};
use crate::state::marking::Tool;

const KINDS: &[&str] = &["reason"];

/// What was decided here and is not seen yet.
#[derive(Debug, Clone, Copy)]
struct Decided {
    id: ProposalId,
    /// It lay open; else it is brought back.
    was_open: bool,
    /// With a key, not with the pointer.
    by_key: bool,
}

#[component]
pub fn Proposals() -> impl IntoView {
    let desk = use_desk();
    let all = Memo::new(move |_| {
        desk.view.with(|v| v.reasoning.as_ref().map(|r| r.all.clone()).unwrap_or_default())
    });
    let notes = Memo::new(move |_| {
        desk.view.with(|v| v.reasoning.as_ref().map(|r| r.notes.clone()).unwrap_or_default())
    });
    let ids = move |state: ProposalState| {
        all.with(|all| {
            all.iter().filter(|j| j.state == state).map(|j| j.proposal_id).collect::<Vec<ProposalId>>()
        })
    };
    let open = Memo::new(move |_| ids(ProposalState::Proposed));
    let rejected = Memo::new(move |_| ids(ProposalState::Rejected));
    // A card takes the button that was pressed with it: keys go on at the next one, and the pointer's focus stays in the group.
    let decided = StoredValue::new(None::<Decided>);
    Effect::new(move |before: Option<Vec<ProposalId>>| {
        let now = open.get();
        if let Some(Decided { id, was_open, by_key }) = decided.get_value()
            && now.contains(&id) != was_open
        {
            decided.set_value(None);
            let at = before.iter().flatten().position(|one| *one == id).unwrap_or(0);
            let next = if was_open { now.get(at).or(now.last()).copied() } else { Some(id) };
            let next = next.filter(|_| by_key).map(first_button);
            keys::refocus(next.into_iter().chain([".proposals".to_owned()]).collect());
        }
        now
    });
    let has_looked = Memo::new(move |_| desk.view.with(|v| v.reasoning.is_some()));
    let is_looking = Memo::new(move |_| job_of(desk, KINDS).is_some_and(|job| !job.state.is_over()));
    let look = move |by: Reasoner| {
        if desk.refuses_edit() {
            return;
        }
        desk.write_then(look_for_affected(desk.shot_id, by), move |job: Option<JobId>| {
            if job.is_none() {
                desk.toasts.say("Nothing changed since the last look: its proposals still stand.");
            }
        });
    };
    let asked = Memo::new(move |_| {
        desk.view.with(|v| {
            let asked = v.reasoning.as_ref().and_then(|r| r.asked.as_ref());
            asked.map(|asked| (asked.who(), asked.bill()))
        })
    });
    let outside = Memo::new(move |_| desk.view.with(|v| v.engines.outside.clone()));
    let said = move || match (has_looked.get(), open.with(Vec::is_empty), all.with(Vec::is_empty)) {
        (true, _, true) if asked.with(Option::is_some) => {
            "The model named nothing else that changes with the target."
        }
        (true, false, false) if asked.with(Option::is_some) => {
            "Said by a model outside, and not checked: look at each before you accept it."
        }
        (false, ..) => {
            "Compares the frames by itself: shadows, what the target sets in motion, carries or stops."
        }
        (true, _, true) => {
            "Nothing else was seen to change with the target. It sees what moves; what lies still all the time is for you to mark."
        }
        (true, true, false) => "Every proposal is decided.",
        (true, false, false) => {
            "By the built-in reasoner, without network or weights. It sees changes and knows no names: say what things are."
        }
    };
    view! {
        <div class="proposals" aria-label="What else may be affected" role="group" tabindex="-1">
            <div class="proposals__look">
                <Button
                    small=true
                    disabled=Signal::derive(move || !desk.may_edit() || is_looking.get())
                    on:click=move |_| look(Reasoner::BuiltIn)
                >
                    "Look for what else is affected"
                </Button>
                {move || outside.get().map(|outside| view! {
                    <Button
                        small=true
                        disabled=Signal::derive(move || !desk.may_edit() || is_looking.get())
                        on:click=move |_| look(Reasoner::Outside)
                    >
                        {format!("Ask {} at {}", outside.model, outside.host())}
                    </Button>
                })}
            </div>
            {move || outside.get().map(|outside| view! {
                <details class="by-numbers">
                    <summary>"What asking it sends"</summary>
                    <p class="muted">{outside.sends.sentence()}</p>
                    <p class="muted">{outside.whereto()}</p>
                </details>
            })}
            <p class="faint">{said}</p>
            {move || asked.get().map(|(who, bill)| view! { <p class="faint">{format!("Asked {who}; {bill}.")}</p> })}
            <JobCard kinds=KINDS/>
            {move || notes.get().into_iter().map(|note| view! { <p class="muted">{note}</p> }).collect_view()}
            <ul class="proposals__list">
                <For each=move || open.get() key=|id| *id let:id>
                    <ProposalCard id all decided/>
                </For>
            </ul>
            <Show when=move || !rejected.with(Vec::is_empty)>
                <details class="by-numbers">
                    <summary>{move || format!("{} rejected", words::count(rejected.with(Vec::len) as u32, "proposal"))}</summary>
                    <ul class="proposals__list">
                        <For each=move || rejected.get() key=|id| *id let:id>
                            <ProposalCard id all decided/>
                        </For>
                    </ul>
                </details>
            </Show>
        </div>
    }
    .into_any()
}

/// Of a proposal's card: what accepts it, or brings it back.
fn first_button(id: ProposalId) -> String {
    format!("[data-proposal='{id}'] .row > button:not(:disabled)")
}

#[component]
fn ProposalCard(
    id: ProposalId,
    all: Memo<Vec<Judged>>,
    decided: StoredValue<Option<Decided>>,
) -> impl IntoView {
    let desk = use_desk();
    // What a search found never changes under its id, only what was decided.
    let judged = untrack(|| all.with(|all| all.iter().find(|j| j.proposal_id == id).cloned()));
    judged.map(|judged| card(desk, judged, decided)).into_any()
}

fn card(desk: Desk, judged: Judged, decided: StoredValue<Option<Decided>>) -> impl IntoView {
    let Judged { proposal_id, proposal, picture, state, .. } = judged;
    let number = move |frame: u32| untrack(|| desk.clip()).number(frame);
    let (name, reason) = (proposal.name(number), proposal.reason(number));
    let label = name.clone();
    let off = Signal::derive(move || !desk.may_edit());
    let was_open = state != ProposalState::Rejected;
    let decide = move || {
        let by_key = keys::is_focus_in(":focus-visible");
        decided.set_value(Some(Decided { id: proposal_id, was_open, by_key }));
    };
    let stays = move || {
        decided.try_set_value(None);
    };
    let accept = move |edit: bool| {
        if desk.refuses_edit() {
            return;
        }
        decide();
        let then = move |became: Accepted| match became {
            Accepted::Cause(cause) => {
                desk.marking.cause.set(Some(cause.cause_id));
                if edit {
                    desk.marking.tool.set(Tool::Cells);
                }
                desk.view.update(|v| {
                    if !v.causes.iter().any(|c| c.cause_id == cause.cause_id) {
                        v.causes.push(cause);
                    }
                });
            }
            Accepted::Target(target) => {
                desk.marking.target.set(Some(target.target_id));
                desk.toasts
                    .say(format!("“{}” joined the target: grow its mask on the targets step.", target.name));
                desk.view.update(|v| {
                    if !v.targets.iter().any(|t| t.target_id == target.target_id) {
                        v.targets.push(target);
                    }
                });
            }
        };
        desk.write_or(accept_proposal(desk.shot_id, proposal_id), then, stays);
    };
    let reject = move |rejected: bool| {
        if !desk.refuses_edit() {
            decide();
            desk.write_or(reject_proposal(desk.shot_id, proposal_id, rejected), |_| (), stays);
        }
    };
    let shown = proposal.shown;
    let said_by = proposal.said.as_ref().map(|said| said.by.who());
    let joins = proposal.effect.category() == Category::Belonging;
    let has_place = !proposal.spans.is_empty();
    let (icon, category) = match proposal.effect.category() {
        Category::Visual => ("◐", "light"),
        Category::Physical => ("◆", "body"),
        Category::Belonging => ("⊕", "belonging"),
        Category::Bystander => ("↔", "not affected"),
    };
    view! {
        <li class="proposal" data-proposal=proposal_id.to_string() data-category=category>
            {picture.map(|source| view! {
                <button
                    type="button" class="proposal__picture"
                    aria-label=format!("Go to frame {}, which shows it best", number(shown))
                    on:click=move |_| desk.playhead.seek(shown)
                >
                    <img src=source alt="" width="112" height="63"/>
                </button>
            })}
            <div class="proposal__words">
                <p class="proposal__name"><span aria-hidden="true">{icon}</span> <strong>{name}</strong></p>
                <p class="proposal__facts">
                    {format!("{} · ", proposal.effect.category().word())}
                    <span class="proposal__sure">{format!("{} {:.2}", sureness(proposal.confidence), proposal.confidence)}</span>
                </p>
                <p class="proposal__facts">
                    {has_place.then(|| view! { <FrameLink frame=proposal.from/> "–" <FrameLink frame=proposal.to/> })}
                    {(!has_place).then_some("It was not said where it is.")}
                </p>
            </div>
            <p class="proposal__reason">{reason}</p>
            <p class="proposal__reason">
                {if joins {
                    "It goes with the target: accepted, it joins the target.".to_owned()
                } else {
                    format!("{}: {}.", proposal.consequence.word(), proposal.consequence.sentence().to_lowercase())
                }}
            </p>
            {said_by.map(|who| view! { <p class="proposal__reason">{format!("Said by {who}.")}</p> })}
            <div class="row">
                {was_open.then(|| view! {
                    <Button small=true disabled=off attr:aria-label=format!("Accept: {label}") on:click=move |_| accept(false)>"Accept"</Button>
                    {(!joins).then(|| view! {
                        <Button small=true disabled=off attr:aria-label=format!("Edit: {label}") on:click=move |_| accept(true)>"Edit"</Button>
                    })}
                    <Button small=true kind=Kind::Quiet disabled=off attr:aria-label=format!("Reject: {label}") on:click=move |_| reject(true)>"Reject"</Button>
                })}
                {(!was_open).then(|| view! {
                    <Button small=true disabled=off attr:aria-label=format!("Bring back: {label}") on:click=move |_| reject(false)>"Bring back"</Button>
                })}
            </div>
        </li>
    }
    .into_any()
}
