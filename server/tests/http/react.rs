//! What moves on its own without a drawn path: refused where only the plate engine is, and left to VOID where that is.

use app::api::jobs::{JobsView, ListJobs};
use app::api::quadmasks::{DecideQuadmask, SubmitQuadmask};
use app::api::shots::{AddCause, GetShot, SaveCause, SaveWords, ShotView};
use app::api::versions::StartRun;
use db::draft::MadeFrame;
use domain::run::VoidAbility;
use domain::version::Quadmask;
use domain::{
    Cause, Consequence, Cover, JobId, Level, Levels, PathPoint, Phase, PlateRecipe, Recipe, ShotId, Verdict,
    VoidOrder, Words,
};

use crate::engines::{weights, worker};
use crate::harness::{Actor, TestApp};
use crate::rights::shot;
use crate::{rows, transact};

/// A shot with a painted primary mask and something that moves on its own.
async fn with_ball(app: &TestApp, owner: &Actor) -> (ShotId, Cause) {
    let shot_id = shot(app, owner, owner.project("Ours").await).await;
    let (db, store) = (&app.state.app.db, &app.state.app.store);
    let (facts, read) = (rows::facts(), rows::read());
    transact!(db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read, "[]")).expect("ingested");
    let mut levels = Levels::background(rows::WIDTH, rows::HEIGHT);
    levels.map_span(5, 5, 20, |_| Level::Primary);
    let png = levels.to_png();
    let levels_row = Some((store.put_blocking(&png).expect("stored"), png.len() as i64));
    let cover = Cover::of(&levels);
    let made = vec![MadeFrame { frame: 0, seen_revision: 0, levels: levels_row, confidence: None, cover }];
    transact!(db, [made], |tx| db::draft::replace_all(tx, shot_id, &made)).expect("a draft");
    let words = Words { removal: "the hand".into(), after: "A ball rolls on.".into() };
    owner.send::<_, ()>(&SaveWords { shot_id, words }).await.expect("said");
    let mut cause: Cause = owner.ask(&AddCause { shot_id, name: "Ball".into() }).await.expect("a cause");
    cause.consequence = Consequence::React;
    owner.send::<_, ()>(&SaveCause { shot_id, cause: cause.clone() }).await.expect("saved");
    (shot_id, cause)
}

async fn submit(owner: &Actor, shot_id: ShotId) -> Result<Quadmask, String> {
    owner.ask(&SubmitQuadmask { shot_id, note: String::new() }).await
}

async fn approve(owner: &Actor, quadmask: &Quadmask) {
    let decision = DecideQuadmask {
        quadmask_id: quadmask.quadmask_id,
        seen: quadmask.subject,
        verdict: Verdict::Approve,
        note: String::new(),
    };
    owner.ask::<_, ()>(&decision).await.expect("approved");
}

async fn stands(owner: &Actor, shot_id: ShotId) -> (Phase, usize) {
    let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("a shot");
    let jobs: JobsView = owner.ask(&ListJobs {}).await.expect("listed");
    (view.shot.phase, jobs.open.iter().filter(|job| job.progress.kind == "remove").count())
}

#[tokio::test]
async fn what_reacts_without_a_path_is_sent_where_void_can_run_it_and_nowhere_else() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (shot_id, _) = with_ball(&app, &owner).await;
        for void in [None, Some(VoidAbility::Lacking { why: "Put the weights into models/void.".into() })] {
            if let Some(void) = void {
                worker(&app, "w", void).await;
            }
            let said = submit(&owner, shot_id).await.expect_err("refused");
            assert!(said.contains("“Ball” moves on its own but has no path"), "{engine}: {said}");
            assert!(said.contains("draw its path, or choose stay"), "{engine}: {said}");
        }
        let said = submit(&owner, shot_id).await.expect_err("refused");
        assert!(said.contains("Put the weights into models/void."), "{engine}: {said}");

        worker(&app, "w", VoidAbility::Able { pass1: weights(), pass2: None, pass2_lacks: None }).await;
        let quadmask = submit(&owner, shot_id).await.expect("VOID is there");
        approve(&owner, &quadmask).await;
        assert_eq!(
            stands(&owner, shot_id).await,
            (Phase::QuadmaskApproved, 0),
            "{engine}: nothing starts by itself"
        );
        let plate = StartRun { shot_id, recipe: Recipe::Plate(PlateRecipe::default()) };
        let (status, said) = owner.send::<_, JobId>(&plate).await.expect_err("refused");
        assert!(status.is_client_error() && said.contains("has no path. Run VOID"), "{engine}: {said}");
        let void = StartRun { shot_id, recipe: Recipe::Void(VoidOrder::default()) };
        owner.send::<_, JobId>(&void).await.expect("queued");
        assert_eq!(stands(&owner, shot_id).await, (Phase::Running, 1), "{engine}");
    }
}

#[tokio::test]
async fn with_a_path_the_plate_engine_starts_by_itself() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (shot_id, mut cause) = with_ball(&app, &owner).await;
        cause.path = vec![PathPoint { frame: 0, x: 9.0, y: 9.0 }, PathPoint { frame: 4, x: 30.0, y: 9.0 }];
        owner.send::<_, ()>(&SaveCause { shot_id, cause }).await.expect("saved");
        let quadmask = submit(&owner, shot_id).await.expect("sent");
        approve(&owner, &quadmask).await;
        assert_eq!(stands(&owner, shot_id).await, (Phase::QuadmaskApproved, 1), "{}", app.engine());
    }
}
