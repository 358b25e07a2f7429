//! An approval holds for what was seen: from the first change after re-opening on, pages show it as stale.

use app::api::draft::{DraftFrame, DrawStroke, LockFrame, Redo, Undo, Walked};
use app::api::quadmasks::{DecideQuadmask, Reopen, SubmitQuadmask};
use app::api::shots::{GetShot, SaveWords, ShotView};
use domain::stroke::Stroke;
use domain::version::Quadmask;
use domain::{Level, Phase, ShotId, Verdict, Words};

use crate::harness::{Actor, TestApp};
use crate::imports::ready;

async fn dab(owner: &Actor, shot_id: ShotId, y: f32) {
    let stroke = Stroke { frame: 0, level: Level::Primary, radius: 4.0, points: vec![(20.0, y)] };
    owner.send::<_, DraftFrame>(&DrawStroke { shot_id, stroke }).await.expect("painted");
}

async fn say(owner: &Actor, shot_id: ShotId, after: &str) {
    let words = Words { removal: "the ball".into(), after: after.into() };
    owner.send::<_, ()>(&SaveWords { shot_id, words }).await.expect("said");
}

async fn submit(owner: &Actor, shot_id: ShotId) -> Quadmask {
    owner.ask(&SubmitQuadmask { shot_id, note: String::new() }).await.expect("sent to review")
}

#[tokio::test]
async fn an_approval_is_stale_while_the_draft_is_another_and_for_good_once_a_newer_quadmask_is_there() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let view = async || owner.ask::<_, ShotView>(&GetShot { shot_id }).await.expect("a shot");
        say(&owner, shot_id, "An empty floor.").await;
        dab(&owner, shot_id, 10.0).await;
        let first = submit(&owner, shot_id).await;
        let id = first.quadmask_id;
        let approval = DecideQuadmask {
            quadmask_id: id,
            seen: first.subject,
            verdict: Verdict::Approve,
            note: String::new(),
        };
        owner.ask::<_, ()>(&approval).await.expect("approved");
        assert!(!view().await.is_stale(id), "{engine}: approved as it is");

        owner.ask::<_, ()>(&Reopen { shot_id }).await.expect("re-opened");
        assert!(!view().await.is_stale(id), "{engine}: nothing was changed yet");
        dab(&owner, shot_id, 30.0).await;
        assert!(view().await.is_stale(id), "{engine}: a stroke");
        owner.ask::<_, Option<Walked>>(&Undo { shot_id }).await.expect("taken back");
        assert!(!view().await.is_stale(id), "{engine}: as it was approved");
        owner.ask::<_, Option<Walked>>(&Redo { shot_id }).await.expect("done again");
        assert!(view().await.is_stale(id), "{engine}: the stroke again");
        owner.ask::<_, Option<Walked>>(&Undo { shot_id }).await.expect("taken back");
        say(&owner, shot_id, "A wet floor.").await;
        assert!(view().await.is_stale(id), "{engine}: other words");
        say(&owner, shot_id, "An empty floor.").await;
        let lock = LockFrame { shot_id, frame: 0, locked: true };
        owner.ask::<_, DraftFrame>(&lock).await.expect("locked");
        assert!(!view().await.is_stale(id), "{engine}: a lock is not decided about");

        // What is on record stays, and a stale approval starts nothing.
        dab(&owner, shot_id, 30.0).await;
        owner.ask::<_, ()>(&approval).await.expect_err("not in review");
        let shown = view().await;
        assert_eq!((shown.shot.phase, shown.quadmasks[0].decisions.len()), (Phase::Masking, 1), "{engine}");

        let second = submit(&owner, shot_id).await;
        let shown = view().await;
        assert!(shown.is_stale(id) && !shown.is_stale(second.quadmask_id), "{engine}: v2 came after v1");
        assert_ne!(second.subject, first.subject, "{engine}");
    }
}
