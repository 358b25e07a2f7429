//! Looking for what is affected, and deciding on it, as the page does it. What a search finds is tested where it is made.

use app::api::proposals::{AcceptProposal, LookForAffected, RejectProposal};
use app::api::shots::{GetShot, ShotView};
use db::proposals::Found;
use domain::outside::Reasoner;
use domain::proposal::{Accepted, ProposalState};
use domain::{CellSpan, Consequence, Effect, Hash, JobId, Proposal, Role, ShotId};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};
use crate::rights::shot;
use crate::transact;

async fn view(actor: &Actor, shot_id: ShotId) -> ShotView {
    actor.ask(&GetShot { shot_id }).await.expect("the shot")
}

fn shadow() -> Found {
    let proposal = Proposal {
        effect: Effect::Shadow,
        consequence: Consequence::Vanish,
        from: 0,
        to: 0,
        shown: 0,
        touches: None,
        share: 1.0,
        place: [0.0, 0.0, 0.5, 0.5],
        spans: vec![CellSpan { from: 0, to: 0, cells: vec![(1, 1)] }],
        confidence: 0.75,
        said: None,
    };
    Found { proposal, picture: None }
}

#[tokio::test]
async fn a_proposal_goes_from_the_list_to_the_causes() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        // Nothing is marked: there is nothing to look for.
        let others = owner.project("Others").await;
        let empty = shot(&app, &owner, others).await;
        let refused =
            owner.form::<_, Option<JobId>>(&LookForAffected { shot_id: empty, by: Reasoner::BuiltIn }).await;
        let (status, words) = refused.expect_err("no mask");
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");

        // A shot with a mask, opened for edits again.
        let made = reviewed(&app, &owner, ours).await;
        let shot_id = made.shot_id;
        owner.ask::<_, ()>(&app::api::quadmasks::Reopen { shot_id }).await.expect("re-opened");
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let first: Option<JobId> =
            artist.ask(&LookForAffected { shot_id, by: Reasoner::BuiltIn }).await.expect("queued");
        let again: Option<JobId> =
            artist.ask(&LookForAffected { shot_id, by: Reasoner::BuiltIn }).await.expect("the same");
        assert!(first.is_some() && first == again, "one search at a time");

        // As the worker leaves it.
        let db = &app.state.app.db;
        let row = db::shots::get(db.pool(), shot_id).await.expect("there");
        let frames = db::draft::frames(db.pool(), shot_id).await.expect("read");
        let inputs: Hash = db::proposals::inputs(&row, &frames);
        transact!(
            db,
            [],
            |tx| async move { db::proposals::put(tx, shot_id, inputs, &[shadow()], &[]).await }
        )
        .expect("kept");
        let done: Option<JobId> =
            artist.ask(&LookForAffected { shot_id, by: Reasoner::BuiltIn }).await.expect("known");
        assert_eq!(done, None, "the same plate and masks are not looked at twice");

        let seen = view(&artist, shot_id).await;
        let judged = &seen.reasoning.as_ref().expect("a search").all[0];
        assert_eq!(judged.state, ProposalState::Proposed);
        let proposal_id = judged.proposal_id;
        artist
            .ask::<_, ()>(&RejectProposal { shot_id, proposal_id, rejected: true })
            .await
            .expect("rejected");
        let state = |view: &ShotView| view.reasoning.as_ref().expect("a search").all[0].state;
        assert_eq!(state(&view(&artist, shot_id).await), ProposalState::Rejected);
        let became: Accepted = artist.ask(&AcceptProposal { shot_id, proposal_id }).await.expect("accepted");
        let Accepted::Cause(cause) = became else { panic!("a cause: {became:?}") };
        assert_eq!(cause.name, "Shadow of the target");
        let seen = view(&owner, shot_id).await;
        assert_eq!(state(&seen), ProposalState::Accepted);
        assert!(
            seen.causes.iter().any(|c| c.cause_id == cause.cause_id && c.cells_at(0).any(|c| c == (1, 1)))
        );

        // A proposal belongs to its shot.
        let other = owner.form::<_, Accepted>(&AcceptProposal { shot_id: empty, proposal_id }).await;
        assert!(other.is_err());
    }
}
