//! The draft through HTTP: what is painted stands until it is released, and what was edited is taken back.

use app::api::draft::{
    ChooseSegmenter, DraftFrame, DraftView, DrawStroke, GetDraft, LockFrame, Redo, ReleasePaint, Undo, Walked,
};
use app::api::quadmasks::SubmitQuadmask;
use app::api::shots::{AddCause, AddTarget, DeleteCause, SaveTarget, SetCells};
use domain::run::Segmenter;
use domain::stroke::Stroke;
use domain::version::Quadmask;
use domain::{Cause, Level, PointPrompt, ShotId, Target};

use crate::harness::{Actor, TestApp};
use crate::imports::ready;

async fn walk(owner: &Actor, shot_id: ShotId, back: bool) -> Option<Walked> {
    let answer = if back {
        owner.ask::<_, Option<Walked>>(&Undo { shot_id }).await
    } else {
        owner.ask::<_, Option<Walked>>(&Redo { shot_id }).await
    };
    answer.expect("walked")
}

#[tokio::test]
async fn paint_is_released_as_an_edit_of_its_own() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let stroke = Stroke { frame: 2, level: Level::Primary, radius: 4.0, points: vec![(20.0, 20.0)] };
        let painted: DraftFrame = owner.send(&DrawStroke { shot_id, stroke }).await.expect("painted");
        let locked: DraftFrame =
            owner.ask(&LockFrame { shot_id, frame: 2, locked: true }).await.expect("locked");
        assert!(painted.painted && locked.locked && locked.painted, "{engine}");
        let freed: DraftFrame =
            owner.ask(&LockFrame { shot_id, frame: 2, locked: false }).await.expect("freed");
        assert!(freed.painted, "{engine}: what was painted still stands");

        let row = async || db::draft::frame(app.state.app.db.pool(), shot_id, 2).await.expect("read");
        let before = row().await;
        let released: DraftFrame = owner.ask(&ReleasePaint { shot_id, frame: 2 }).await.expect("released");
        assert!(!released.painted && !released.locked, "{engine}");
        assert_eq!(released.primary_area, painted.primary_area, "{engine}: the levels stay");
        let after = row().await;
        assert_eq!((after.levels, after.locks), (before.levels, None), "{engine}");
        // Growing a mask keeps to what is locked: nothing is any more.
        let Some(Walked::Frame(back)) = walk(&owner, shot_id, true).await else { panic!("a frame") };
        assert!(back.painted, "{engine}");
        assert_eq!(row().await.locks, before.locks, "{engine}");
        let Some(Walked::Frame(again)) = walk(&owner, shot_id, false).await else { panic!("a frame") };
        assert!(!again.painted, "{engine}");
    }
}

#[tokio::test]
async fn a_deleted_cause_comes_back_with_its_cells() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let cause: Cause = owner.ask(&AddCause { shot_id, name: "Shadow".into() }).await.expect("a cause");
        let cause_id = cause.cause_id;
        let set = SetCells { shot_id, cause_id, cells: vec![(0, 1), (1, 1)], on: true, from: 1, to: 3 };
        let marked: Cause = owner.send(&set).await.expect("marked");
        owner.ask::<_, ()>(&DeleteCause { shot_id, cause_id }).await.expect("deleted");
        let draft: DraftView = owner.ask(&GetDraft { shot_id }).await.expect("a draft");
        assert!(draft.can_undo && !draft.can_redo, "{engine}");
        let wanted = Walked::Cause { before: None, after: Some(marked.clone()) };
        assert_eq!(walk(&owner, shot_id, true).await, Some(wanted), "{engine}");
        let wanted = Walked::Cause { before: Some(marked), after: Some(cause) };
        assert_eq!(walk(&owner, shot_id, true).await, Some(wanted), "{engine}: the cells");
        let draft: DraftView = owner.ask(&GetDraft { shot_id }).await.expect("a draft");
        assert!(draft.can_undo && draft.can_redo, "{engine}");
    }
}

#[tokio::test]
async fn a_quadmask_in_which_nothing_is_to_be_removed_is_not_sent_to_review() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let submit = async || {
            let call = SubmitQuadmask { shot_id, note: String::new() };
            owner.ask::<_, Quadmask>(&call).await
        };
        let paint = async |level| {
            let stroke = Stroke { frame: 1, level, radius: 4.0, points: vec![(20.0, 20.0)] };
            owner.send::<_, DraftFrame>(&DrawStroke { shot_id, stroke }).await.expect("painted");
        };
        // What is only affected has nothing that it is affected by.
        paint(Level::Affected).await;
        let said = submit().await.expect_err("refused");
        assert!(said.contains("No frame marks anything to remove"), "{engine} {said}");
        paint(Level::Primary).await;
        submit().await.expect("sent");
    }
}

#[tokio::test]
async fn who_answers_clicks_is_chosen_for_the_shot_and_bad_clicks_are_refused_in_words() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let draft = async || owner.ask::<_, DraftView>(&GetDraft { shot_id }).await.expect("a draft");
        assert_eq!((draft().await.grow_with, draft().await.answered), (None, None), "{engine}");
        // Also while its weights are not there: it is chosen for when they come.
        owner.ask::<_, ()>(&ChooseSegmenter { shot_id, by: Segmenter::Sam2 }).await.expect("chosen");
        assert_eq!(draft().await.grow_with, Some(Segmenter::Sam2), "{engine}");

        let target: Target = owner.ask(&AddTarget { shot_id, name: "Vase".into() }).await.expect("a target");
        let waiting = async || {
            let count = sqlx::query_scalar::<_, i64>("select count(*) from click");
            count.fetch_one(app.state.app.db.pool()).await.expect("counted")
        };
        let point = |frame: u32, x: f32, positive: bool| PointPrompt { frame, x, y: 10.0, positive };
        for (points, why) in [
            (vec![point(9_999, 4.0, true)], "frame 9999 is not in this shot"),
            (vec![point(0, 99_999.0, true)], "is outside the"),
            (vec![point(0, -1.0, true)], "is outside the"),
            (vec![point(0, 4.0, true), point(0, 4.5, false)], "both as going and as staying"),
        ] {
            let target = Target { points, ..target.clone() };
            let refused = owner.send::<_, ()>(&SaveTarget { shot_id, target }).await;
            let (_, said) = refused.expect_err("refused");
            assert!(said.contains(why), "{engine}: {said}");
            assert_eq!(waiting().await, 0, "{engine}: nothing is asked for");
        }
        let target = Target { points: vec![point(0, 4.0, true), point(0, 9.0, false)], ..target };
        owner.send::<_, ()>(&SaveTarget { shot_id, target }).await.expect("saved");
        assert_eq!(waiting().await, 1, "{engine}: one for the frame");
    }
}
