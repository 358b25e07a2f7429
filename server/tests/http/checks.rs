//! What is found about a draft: said to everybody who sees the shot, ticked by those who edit it, and what stops a run stops it.

use app::api::checks::{Finding, TickCheck};
use app::api::draft::{DraftFrame, DraftView, DrawStroke, GetDraft};
use app::api::versions::StartRun;
use domain::checks::{Code, Severity};
use domain::stroke::Stroke;
use domain::{FrameRange, JobId, Level, PlateRecipe, Role, ShotId};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};
use crate::imports::ready;
use crate::rows;

async fn paint(actor: &Actor, shot_id: ShotId, frame: u32, radius: f32, at: (f32, f32)) {
    let stroke = Stroke { frame, level: Level::Primary, radius, points: vec![at] };
    actor.send::<_, DraftFrame>(&DrawStroke { shot_id, stroke }).await.expect("painted");
}

async fn found(actor: &Actor, shot_id: ShotId, code: Code) -> Option<Finding> {
    let draft: DraftView = actor.ask(&GetDraft { shot_id }).await.expect("a draft");
    draft.findings.into_iter().find(|finding| finding.check.code == code)
}

fn tick(shot_id: ShotId, finding: &Finding, on: bool) -> TickCheck {
    let (code, subject, print) = finding.key();
    TickCheck { shot_id, code, subject, print, on }
}

#[tokio::test]
async fn a_finding_is_ticked_and_stale_once_a_mask_of_its_frames_changes() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let nothing = found(&owner, shot_id, Code::Coverage).await.expect("said");
        assert_eq!(nothing.check.severity, Severity::Stops, "{engine}");
        let refused = owner.send::<_, ()>(&tick(shot_id, &nothing, true)).await;
        assert_eq!(refused.expect_err("it stops").0, StatusCode::UNPROCESSABLE_ENTITY, "{engine}");

        for frame in 0..rows::FRAMES {
            paint(&owner, shot_id, frame, 9.0, (24.0, 24.0)).await;
        }
        paint(&owner, shot_id, 2, 0.7, (50.5, 10.5)).await;
        let covered = found(&owner, shot_id, Code::Coverage).await.expect("said");
        assert_eq!(covered.check.text, "Target covered on 5/5 frames", "{engine}");
        let specks = found(&owner, shot_id, Code::Specks).await.expect("a speck");
        assert_eq!(specks.check.frames, [FrameRange::one(2)], "{engine}");
        assert!(specks.is_open() && specks.looked.is_none() && !specks.is_stale, "{engine}");

        owner.send::<_, ()>(&tick(shot_id, &specks, true)).await.expect("ticked");
        let seen = found(&owner, shot_id, Code::Specks).await.expect("a speck");
        assert!(seen.looked.is_some() && !seen.is_open(), "{engine}");
        // Another frame changes: it was still looked at.
        paint(&owner, shot_id, 1, 2.0, (24.0, 24.0)).await;
        paint(&owner, shot_id, 1, 9.0, (25.0, 24.0)).await;
        assert!(found(&owner, shot_id, Code::Specks).await.expect("a speck").looked.is_some(), "{engine}");
        // This one does.
        paint(&owner, shot_id, 2, 3.0, (34.0, 24.0)).await;
        let stale = found(&owner, shot_id, Code::Specks).await.expect("a speck");
        assert!(stale.looked.is_none() && stale.is_stale && stale.is_open(), "{engine}");
        let late = owner.send::<_, ()>(&tick(shot_id, &specks, true)).await.expect_err("of another mask");
        assert!(late.0 == StatusCode::CONFLICT && late.1.contains("masks changed"), "{engine} {late:?}");
        owner.send::<_, ()>(&tick(shot_id, &stale, true)).await.expect("ticked");
        owner.send::<_, ()>(&tick(shot_id, &stale, false)).await.expect("taken back");
        let back = found(&owner, shot_id, Code::Specks).await.expect("a speck");
        assert!(back.looked.is_none() && !back.is_stale, "{engine}");
    }
}

#[tokio::test]
async fn those_who_decide_see_who_looked() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let shot_id = reviewed(&app, &owner, project).await.shot_id;
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(project)).await;
        let outside =
            found(&supervisor, shot_id, Code::Outside).await.expect("nobody marked what is affected");
        assert_eq!(outside.check.severity, Severity::Notes, "{engine}");
        artist.send::<_, ()>(&tick(shot_id, &outside, true)).await.expect("ticked");
        let seen = found(&supervisor, shot_id, Code::Outside).await.expect("said");
        assert!(seen.looked.is_some(), "{engine}");
        let covered = found(&supervisor, shot_id, Code::Coverage).await.expect("said");
        assert_eq!(covered.check.text, "Target covered on 1/5 frames", "{engine}");
    }
}

#[tokio::test]
async fn what_stops_a_removal_stops_it_with_its_sentence() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let made = reviewed(&app, &owner, project).await;
        let (shot_id, quadmask_id) = (made.shot_id, made.quadmask_id);
        let db = &app.state.app.db;
        let done = "update job set state = 'done' where kind = 'remove' and shot_id = $1";
        sqlx::query(done).bind(shot_id.to_string()).execute(db.pool()).await.expect("done");
        let run = async || {
            let call = StartRun { shot_id, recipe: PlateRecipe::default().into() };
            owner.send::<_, JobId>(&call).await
        };
        let moved = async |from: i64, to: i64| {
            sqlx::query("update draft_frame set frame = $3 where shot_id = $1 and frame = $2")
                .bind(shot_id.to_string())
                .bind(from)
                .bind(to)
                .execute(db.pool())
                .await
                .expect("moved");
        };
        moved(0, 99).await;
        let (status, said) = run().await.expect_err("stopped");
        assert_eq!(status, StatusCode::CONFLICT, "{engine}");
        assert!(said.contains("goes on for 1 frame behind the plate’s end"), "{engine} {said}");
        moved(99, 0).await;

        let whole = db::quadmasks::manifest(db.pool(), quadmask_id).await.expect("there");
        let keep = async |manifest: &db::quadmasks::Manifest| {
            sqlx::query("update quadmask set manifest = $2 where quadmask_id = $1")
                .bind(quadmask_id.to_string())
                .bind(serde_json::to_string(manifest).expect("plain JSON"))
                .execute(db.pool())
                .await
                .expect("kept");
        };
        let mut short = whole.clone();
        short.frames.pop();
        keep(&short).await;
        let (status, said) = run().await.expect_err("stopped");
        assert_eq!(status, StatusCode::CONFLICT, "{engine}");
        assert!(said.contains("has 4 frames") && said.contains("the plate 5 frames"), "{engine} {said}");
        keep(&whole).await;
        run().await.expect("nothing stops it");
    }
}
