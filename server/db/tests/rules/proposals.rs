//! What the reasoner proposes and what people decide on it.

use db::proposals::{Found, inputs};
use domain::outside::{Asked, Outside, Sends};
use domain::proposal::ProposalState::{self, Proposed, Rejected};
use domain::proposal::{Accepted, Said};
use domain::{Cause, CellSpan, Consequence, Effect, Hash, Proposal, ShotId};

use crate::harness::{Studio, made};
use crate::{rules, transact};

pub fn found(effect: Effect, col: u32) -> Found {
    let cells = vec![(3, col), (3, col + 1), (3, col + 2)];
    let proposal = Proposal {
        effect,
        consequence: effect.consequence(),
        from: 1,
        to: 4,
        shown: 2,
        touches: None,
        share: 0.9,
        place: [0.1, 0.2, 0.3, 0.4],
        spans: vec![CellSpan { from: 1, to: 4, cells }],
        confidence: 0.7,
        said: None,
    };
    Found { proposal, picture: Some("data:image/jpeg;base64,AAAA".into()) }
}

async fn put(db: &db::Db, shot_id: ShotId, hash: &str, found: Vec<Found>) {
    let (inputs, notes) = (Hash::of(hash.as_bytes()), vec!["A note.".to_owned()]);
    transact!(db, [found, notes], |tx| db::proposals::put(tx, shot_id, inputs, &found, &notes))
        .expect("kept");
}

fn cause_of(accepted: Accepted) -> Cause {
    let Accepted::Cause(cause) = accepted else { panic!("a cause: {accepted:?}") };
    cause
}

async fn states(db: &db::Db, shot_id: ShotId) -> Vec<(Effect, ProposalState)> {
    let reasoning = db::proposals::of_shot(db, shot_id).await.expect("read").expect("a search");
    reasoning.all.iter().map(|judged| (judged.proposal.effect, judged.state)).collect()
}

rules! {
    async fn an_accepted_proposal_is_a_cause_with_its_cells(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        assert_eq!(db::proposals::of_shot(&db, shot_id).await.expect("read"), None);
        put(&db, shot_id, "one", vec![found(Effect::SetMoving, 4)]).await;
        let all = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search");
        assert_eq!(all.notes, ["A note."]);
        let id = all.all[0].proposal_id;
        let cause = cause_of(transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1001)).expect("accepted"));
        assert_eq!((cause.name.as_str(), cause.consequence), ("Thing that starts moving at frame 1002", Consequence::Stay));
        assert_eq!(cause.spans, all.all[0].proposal.spans);
        let causes = db::brief::causes(db.pool(), shot_id).await.expect("read");
        assert_eq!(causes, std::slice::from_ref(&cause));
        // Twice gives the same cause, and it is not rejected but deleted.
        let again = cause_of(transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1001)).expect("there"));
        assert_eq!(again.cause_id, cause.cause_id);
        let refused = transact!(db, [], |tx| db::proposals::reject(tx, shot_id, id, artist, true));
        assert!(matches!(refused, Err(db::Error::Conflict(_))), "{refused:?}");
        // What is painted is as it was: accepting writes no frame.
        assert!(db::draft::frames(db.pool(), shot_id).await.expect("read").is_empty());
        // Whoever deletes the cause has rejected it, and may bring it back.
        transact!(db, [], |tx| db::brief::delete_cause(tx, shot_id, artist, cause.cause_id)).expect("deleted");
        assert_eq!(states(&db, shot_id).await, [(Effect::SetMoving, Rejected)]);
        transact!(db, [], |tx| db::proposals::reject(tx, shot_id, id, artist, false)).expect("back");
        assert_eq!(states(&db, shot_id).await, [(Effect::SetMoving, Proposed)]);
        transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1001)).expect("accepted");
        assert_eq!(db::brief::causes(db.pool(), shot_id).await.expect("read").len(), 1);
    }

    async fn what_belongs_to_the_target_becomes_one_with_a_box(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        put(&db, shot_id, "one", vec![found(Effect::Belonging, 4)]).await;
        let id = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search").all[0].proposal_id;
        let accept = async || transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1)).expect("accepted");
        let Accepted::Target(target) = accept().await else { panic!("a target") };
        assert_eq!(target.boxes.len(), 1);
        assert_eq!(target.boxes[0].frame, 2);
        assert_eq!(accept().await, Accepted::Target(target.clone()), "twice gives the same");
        let targets = db::brief::targets(db.pool(), shot_id).await.expect("read");
        assert_eq!(targets, std::slice::from_ref(&target));
        assert!(db::brief::causes(db.pool(), shot_id).await.expect("read").is_empty());
        transact!(db, [], |tx| db::brief::delete_target(tx, shot_id, artist, target.target_id)).expect("deleted");
        assert_eq!(states(&db, shot_id).await, [(Effect::Belonging, Rejected)]);
    }

    async fn what_a_model_outside_said_is_kept_with_what_it_took(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let outside = Outside::new("https://m.example/v1", "m", Sends::Pictures, "1/2 USD".parse().ok()).expect("fine");
        let asked = Asked::new(&outside, 1_000, 100);
        let mut ball = found(Effect::Carried, 4);
        let path = [(1, 9.0), (4, 19.0)].map(|(frame, y)| domain::PathPoint { frame, x: 5.0, y });
        ball.proposal.said = Some(Said { noun: "ball".into(), why: "It is held.".into(), path: path.into(), boxes: vec![], by: asked.clone() });
        let told = db::proposals::Told { asked: asked.clone(), scene: Some("An empty room.".into()) };
        let inputs = Hash::of(b"asked");
        transact!(db, [ball, told], |tx| db::proposals::put_told(tx, shot_id, inputs, std::slice::from_ref(&ball), &[], Some(&told)))
            .expect("kept");
        let kept = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search");
        assert_eq!((kept.asked.as_ref(), kept.scene.as_deref()), (Some(&asked), Some("An empty room.")));
        let id = kept.all[0].proposal_id;
        let cause = cause_of(transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1)).expect("accepted"));
        assert_eq!((cause.name.as_str(), cause.reason.as_str(), cause.path.len()), ("Ball", "It is held.", 2));
        // The built-in reasoner after it asked nobody.
        put(&db, shot_id, "two", vec![]).await;
        let kept = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search");
        assert_eq!((kept.asked, kept.scene), (None, None));
    }

    async fn another_search_keeps_what_people_decided(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        let all = vec![found(Effect::Shadow, 2), found(Effect::SetMoving, 6), found(Effect::Carried, 9)];
        put(&db, shot_id, "one", all.clone()).await;
        let ids: Vec<_> = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search").all;
        let (shadow, moving) = (ids[0].proposal_id, ids[1].proposal_id);
        transact!(db, [], |tx| db::proposals::reject(tx, shot_id, shadow, artist, true)).expect("rejected");
        let cause = cause_of(transact!(db, [], |tx| db::proposals::accept(tx, shot_id, moving, artist, 1)).expect("accepted"));
        let decided = [(Effect::Shadow, Rejected), (Effect::SetMoving, ProposalState::Accepted), (Effect::Carried, Proposed)];
        // The same inputs: nothing at all happens.
        put(&db, shot_id, "one", all.clone()).await;
        assert_eq!(states(&db, shot_id).await, decided);
        // The mask was mended a little: the things are known again, a new one is proposed.
        let mended = vec![found(Effect::Shadow, 3), found(Effect::SetMoving, 6), found(Effect::Shadow, 20)];
        put(&db, shot_id, "two", mended).await;
        let wanted = [(Effect::Shadow, Rejected), (Effect::SetMoving, ProposalState::Accepted), (Effect::Shadow, Proposed)];
        assert_eq!(states(&db, shot_id).await, wanted);
        let causes = db::brief::causes(db.pool(), shot_id).await.expect("read");
        assert_eq!(causes, [cause]);
    }

    async fn the_inputs_are_plate_part_and_masks(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let shot = db::shots::get(db.pool(), shot_id).await.expect("there");
        let nothing = inputs(&shot, &[]);
        let frames = vec![made(0, 0, "first mask")];
        transact!(db, [frames], |tx| db::draft::replace_all(tx, shot_id, &frames)).expect("a draft");
        let rows = db::draft::frames(db.pool(), shot_id).await.expect("read");
        let once = inputs(&shot, &rows);
        assert_ne!(nothing, once);
        assert_eq!(once, inputs(&shot, &rows));
        assert!(!db::proposals::is_done(db.pool(), shot_id, once).await.expect("read"));
    }

    async fn a_read_only_quadmask_refuses_decisions(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, artist) = (studio.shot("lime").await, studio.artist);
        put(&db, shot_id, "one", vec![found(Effect::Shadow, 2)]).await;
        studio.submitted(shot_id).await;
        let all = db::proposals::of_shot(&db, shot_id).await.expect("read").expect("a search").all;
        let id = all[0].proposal_id;
        let accepted = transact!(db, [], |tx| db::proposals::accept(tx, shot_id, id, artist, 1));
        assert!(matches!(accepted, Err(db::Error::Conflict(_))), "{accepted:?}");
        let rejected = transact!(db, [], |tx| db::proposals::reject(tx, shot_id, id, artist, true));
        assert!(matches!(rejected, Err(db::Error::Conflict(_))), "{rejected:?}");
    }
}
