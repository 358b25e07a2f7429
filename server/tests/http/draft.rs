//! The draft through HTTP: what is painted stands until it is released, and what was edited is taken back.

use app::api::draft::{DraftView, GetDraft, Redo, Undo, Walked};
use app::api::shots::{AddCause, DeleteCause, SetCells};
use domain::{Cause, ShotId};

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
