//! The causes as a small graph: from what goes to what changes with it, decided and still open.

use domain::proposal::{Judged, ProposalState, category_of};
use domain::{Cause, CauseId};
use leptos::prelude::*;

use crate::state::desk::{Desk, use_desk};

/// Height of a row and width of the part with the lines, in pixels; the style sheet has the same height.
const ROW: usize = 46;
const GAP: usize = 44;

/// Something that changes.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    /// `None`: nobody decided on it yet, or it was rejected.
    cause_id: Option<CauseId>,
    /// The frame to look at.
    frame: Option<u32>,
    name: String,
    facts: String,
    state: &'static str,
}

/// Nothing as long as there is nothing to connect.
#[component]
pub fn CauseGraph() -> impl IntoView {
    let desk = use_desk();
    let targets = Memo::new(move |_| {
        desk.view.with(|v| {
            v.targets.iter().map(|t| (t.name.clone(), t.colour.clone())).collect::<Vec<(String, String)>>()
        })
    });
    let nodes = Memo::new(move |_| {
        let clip = desk.clip();
        let number = |frame: u32| clip.number(frame);
        desk.view.with(|v| {
            let judged = v.reasoning.as_ref().map(|r| r.all.as_slice()).unwrap_or_default();
            nodes_of(&v.causes, judged, number)
        })
    });
    move || {
        let (targets, nodes) = (targets.get(), nodes.get());
        (!nodes.is_empty()).then(|| drawn(desk, targets, nodes))
    }
}

fn nodes_of(causes: &[Cause], judged: &[Judged], number: impl Fn(u32) -> u32) -> Vec<Node> {
    let frames = |span: Option<(u32, u32)>| match span {
        Some((from, to)) if from == to => format!("f{}", number(from)),
        Some((from, to)) => format!("f{}–{}", number(from), number(to)),
        None => "no cells".to_owned(),
    };
    let of_cause = |cause: &Cause| {
        let was = judged.iter().find(|j| j.cause_id == Some(cause.cause_id)).map(|j| &j.proposal);
        let category = category_of(cause, was).word();
        let sure = was.map_or_else(String::new, |was| format!(" · {:.2}", was.confidence));
        let frames = frames(cause.frames());
        Node {
            cause_id: Some(cause.cause_id),
            frame: cause.frames().map(|(from, _)| from),
            name: cause.name.clone(),
            facts: format!("{category} · {} · {frames}{sure}", cause.consequence.word()),
            state: "accepted",
        }
    };
    let of_proposal = |judged: &Judged| {
        let proposal = &judged.proposal;
        let state = match judged.state {
            ProposalState::Proposed => "proposed",
            ProposalState::Rejected => "rejected",
            ProposalState::Accepted => return None, // it is a cause, or a target
        };
        let category = proposal.effect.category().word();
        let frames = frames((!proposal.spans.is_empty()).then_some((proposal.from, proposal.to)));
        let (becomes, sure) = (proposal.consequence.word(), proposal.confidence);
        Some(Node {
            cause_id: None,
            frame: Some(proposal.shown),
            name: proposal.name(&number),
            facts: format!("{state} · {category} · {becomes} · {frames} · {sure:.2}"),
            state,
        })
    };
    causes.iter().map(of_cause).chain(judged.iter().filter_map(of_proposal)).collect()
}

fn drawn(desk: Desk, targets: Vec<(String, String)>, nodes: Vec<Node>) -> impl IntoView {
    let targets = if targets.is_empty() {
        vec![("Painted by hand".to_owned(), "var(--region-primary)".to_owned())]
    } else {
        targets
    };
    let height = targets.len().max(nodes.len()) * ROW;
    let middle = |at: usize, of: usize| (height * (2 * at + 1)) as f64 / (2 * of) as f64;
    let (hub_x, hub_y) = (GAP as f64 / 2.0, height as f64 / 2.0);
    let line = |from: (f64, f64), to: (f64, f64)| {
        let bend = (from.0 + to.0) / 2.0;
        format!("M{} {}C{bend} {} {bend} {} {} {}", from.0, from.1, from.1, to.1, to.0, to.1)
    };
    let trunks = (0..targets.len()).map(|at| {
        let way = line((0.0, middle(at, targets.len())), (hub_x, hub_y));
        view! { <path class="graph__line" data-state="target" d=way></path> }
    });
    let branches = nodes.iter().enumerate().map(|(at, node)| {
        let way = line((hub_x, hub_y), (GAP as f64, middle(at, nodes.len())));
        view! { <path class="graph__line" data-state=node.state d=way></path> }
    });
    let lines = trunks.collect_view().into_any();
    let branches = branches.collect_view().into_any();
    let goes = targets.into_iter().map(|(name, colour)| {
        view! {
            <li class="graph__target">
                <span class="cause__dot" style=format!("--target:{colour}") aria-hidden="true"></span>
                <span class="graph__name">{name}</span>
            </li>
        }
    });
    let changes = nodes.into_iter().map(|node| thing(desk, node));
    view! {
        <details class="by-numbers" open=true>
            <summary>"As a graph"</summary>
            <div class="graph" role="group" aria-label="Graph of the causes" style=format!("block-size:{height}px")>
                <ul class="graph__side" aria-label="Removed">{goes.collect_view()}</ul>
                <svg class="graph__lines" width=GAP.to_string() height=height.to_string() aria-hidden="true">
                    {lines}
                    {branches}
                </svg>
                <ul class="graph__side" aria-label="Affected">{changes.collect_view()}</ul>
            </div>
        </details>
    }
    .into_any()
}

fn thing(desk: Desk, node: Node) -> impl IntoView {
    let Node { cause_id, frame, name, facts, state } = node;
    let is_chosen = move || (cause_id.is_some() && desk.marking.cause.get() == cause_id).then_some("true");
    let look = move |_| {
        if cause_id.is_some() {
            desk.marking.cause.set(cause_id);
        }
        if let Some(frame) = frame {
            desk.playhead.pause();
            desk.playhead.seek(frame);
        }
    };
    // A row is too short for all of it.
    let whole = format!("{name}: {facts}");
    view! {
        <li class="graph__thing" data-state=state>
            <button type="button" class="graph__button" title=whole aria-current=is_chosen on:click=look>
                <span class="graph__name">{name}</span>
                <span class="graph__facts">{facts}</span>
            </button>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use domain::{CellSpan, Consequence, Effect, Proposal, ProposalId};

    use super::*;

    fn judged(state: ProposalState, cause_id: Option<CauseId>) -> Judged {
        let proposal = Proposal {
            effect: Effect::Shadow,
            consequence: Consequence::Vanish,
            from: 2,
            to: 9,
            shown: 5,
            touches: None,
            share: 1.0,
            place: [0.0, 0.0, 1.0, 1.0],
            spans: vec![CellSpan { from: 2, to: 9, cells: vec![(1, 1)] }],
            confidence: 0.75,
            said: None,
        };
        let proposal_id = ProposalId(Default::default());
        Judged { proposal_id, proposal, picture: None, state, cause_id, target_id: None }
    }

    #[test]
    fn what_is_decided_and_what_is_open_are_told_apart() {
        let cause_id = CauseId(Default::default());
        let spans = vec![CellSpan { from: 3, to: 3, cells: vec![(0, 0)] }];
        let (name, reason, path) = ("Bed".to_owned(), String::new(), vec![]);
        let cause = Cause { cause_id, name, reason, consequence: Consequence::Stay, path, spans };
        let all = [
            judged(ProposalState::Accepted, Some(cause_id)),
            judged(ProposalState::Proposed, None),
            judged(ProposalState::Rejected, None),
        ];
        let nodes = nodes_of(&[cause], &all, |frame| frame + 1001);
        let facts: Vec<&str> = nodes.iter().map(|node| node.facts.as_str()).collect();
        assert_eq!(
            facts,
            [
                "physical · stay · f1004 · 0.75",
                "proposed · visual effect · vanish · f1003–1010 · 0.75",
                "rejected · visual effect · vanish · f1003–1010 · 0.75",
            ]
        );
    }
}
