//! Finding by words through HTTP: who may ask, words that cannot be looked for, and what is kept. What is found is tested where it
//! is found.

use app::api::draft::{DraftFrame, DrawStroke, Undo, Walked};
use app::api::finding::{Asked, FindWords, GetFinding, KeepFound, Kept, MarkFound, Marked};
use app::api::shots::{AddCause, GetShot, ShotView};
use db::finding::Seen;
use domain::find::{About, Finding, Looked, Order, Outline, Purpose, Sam3Ability, SeenBy, Sight};
use domain::run::{Need, Network};
use domain::stroke::Stroke;
use domain::{Abilities, Cause, CauseId, FindingId, Hash, Level, Levels, Role, ShotId};
use reqwest::StatusCode;

use crate::harness::{Actor, TestApp};
use crate::imports::ready;
use crate::transact;

fn network() -> Network {
    Network {
        name: "test model".into(),
        is_test_model: true,
        fingerprint: Hash::of(b"weights"),
        device: "cpu".into(),
    }
}

async fn worker(app: &TestApp, name: &str, sam3: Sam3Ability) {
    let abilities = Abilities { sam3, ..Abilities::default() };
    app.state.app.queue().register(name, "gpu-1", 1, "about", &abilities).await.expect("there");
}

fn ask(shot_id: ShotId, words: &str) -> FindWords {
    FindWords { shot_id, words: words.into(), purpose: Purpose::Target, keys: true, frame: Some(0) }
}

async fn refused(actor: &Actor, call: &FindWords) -> (StatusCode, String) {
    actor.send::<_, Asked>(call).await.expect_err("refused")
}

/// As a worker leaves it: two things on the first frame of the shot, one of them fainter, and the first on the third frame too.
async fn found(app: &TestApp, shot_id: ShotId, purpose: Purpose) -> FindingId {
    let state = &app.state.app;
    let shot = db::shots::get(state.db.pool(), shot_id).await.expect("there");
    let facts = shot.facts.clone().expect("read");
    let (width, height) = (facts.width(), facts.height());
    let order = Order { words: "the ball".into(), purpose, keys: true, frames: vec![0] };
    let mut seen = Vec::new();
    for (n, (thing, frame, score)) in [(1, 0, 0.9), (2, 0, 0.3), (1, 2, 0.8)].into_iter().enumerate() {
        let x0 = width / 4 * thing;
        let inside = move |x: u32, y: u32| (x0..x0 + width / 8).contains(&x) && y < height / 4;
        let mask: Vec<u8> = (0..width * height).map(|at| u8::from(inside(at % width, at / width))).collect();
        let png = Levels::from_primary(width, height, &mask).expect("a mask").to_png();
        let (w, h) = Outline::size_for(width, height);
        let small = move |at: u32| inside(at % w * width / w, at / w * height / h);
        let sight = Sight {
            n: n as u32,
            thing,
            frame,
            score,
            corners: [x0 as f32, 0.0, (x0 + width / 8) as f32, (height / 4) as f32],
            share: 0.03,
            shape: Outline::of_pixels(w, h, (0..w * h).map(small)),
            by: SeenBy::Words,
        };
        let hash = state.store.put_blocking(&png).expect("stored");
        seen.push(Seen { sight, mask: hash, mask_bytes: png.len() as i64 });
    }
    let looked = |frame, best| Looked { frame, best, found: 2, left_out: 0, is_full: false };
    let about = About {
        order: order.clone(),
        network: network(),
        carried_by: None,
        looked: vec![looked(0, 0.9), looked(2, 0.8)],
        conflicts: Vec::new(),
        notes: Vec::new(),
        known_frames: 0,
        seconds: 1.0,
    };
    let inputs = db::finding::inputs(&shot, &order, network().fingerprint);
    let db = &state.db;
    transact!(db, [about, seen], |tx| db::finding::put(tx, shot_id, inputs, &about, &seen)).expect("kept")
}

#[tokio::test]
async fn words_are_asked_for_only_where_they_can_be_looked_for() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let (_, said) = refused(&owner, &ask(shot_id, "ball")).await;
        assert!(said.contains("No worker is running"), "{engine}: {said}");
        let why = "models/sam3 is SAM 3's tracker, which follows masks and reads no words.";
        worker(&app, "tracker", Sam3Ability::Lacking { why: why.into() }).await;
        let (status, said) = refused(&owner, &ask(shot_id, "ball")).await;
        assert_eq!(
            (status, said.contains(why)),
            (StatusCode::UNPROCESSABLE_ENTITY, true),
            "{engine}: {said}"
        );
        worker(&app, "able", Sam3Ability::Able { network: network() }).await;
        let (many, long) = ("dog ".repeat(200), "x".repeat(900));
        for (words, says) in [
            ("", "Nothing was typed"),
            (" \n", "Nothing was typed"),
            ("🎤🎤", "There is no word"),
            (many.as_str(), "These are 200 words"),
            (long.as_str(), "These are 900 characters"),
        ] {
            let (status, said) = refused(&owner, &ask(shot_id, words)).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{engine}: {said}");
            assert!(said.contains(says), "{engine}: {said}");
        }
        let far = FindWords { frame: Some(99_999), ..ask(shot_id, "ball") };
        assert!(refused(&owner, &far).await.1.contains("is not in this shot"), "{engine}");
        let nowhere = FindWords { keys: false, frame: None, ..ask(shot_id, "ball") };
        assert!(refused(&owner, &nowhere).await.1.contains("Choose where to look"), "{engine}");
        let cause_id = CauseId(db::new_uuid());
        let of_none = FindWords { purpose: Purpose::Cause { cause_id }, ..ask(shot_id, "ball") };
        assert_eq!(refused(&owner, &of_none).await.0, StatusCode::NOT_FOUND, "{engine}");

        // Another language is looked for; the same words are one job, which waits for who has SAM 3.
        let Asked::Job(first) = owner.send(&ask(shot_id, "собака")).await.expect("queued") else {
            panic!("{engine}: nothing was found yet")
        };
        let again: Asked = owner.send(&ask(shot_id, " собака ")).await.expect("the same");
        assert_eq!(again, Asked::Job(first), "{engine}");
        let other: Asked = owner.send(&ask(shot_id, "the shadow")).await.expect("queued");
        assert_ne!(other, Asked::Job(first), "{engine}");
        let (queue, lease) = (app.state.app.queue(), std::time::Duration::from_secs(60));
        assert!(queue.claim("plain", &["find"], &[], lease).await.expect("asked").is_none(), "{engine}");
        let met = [Need::Sam3.word()];
        let taken = queue.claim("able", &["find"], &met, lease).await.expect("asked").expect("there");
        assert_eq!(taken.job_id, first, "{engine}");
    }
}

#[tokio::test]
async fn what_is_kept_is_a_target_with_its_mask_and_locks_stand() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        worker(&app, "able", Sam3Ability::Able { network: network() }).await;
        // Somebody erased a place of the first frame before: it is background for good.
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("the shot");
        let facts = view.shot.facts.expect("read");
        let (x, y) = ((facts.width() / 4 + 2) as f32, 2.0);
        let stroke = Stroke { frame: 0, level: Level::Background, radius: 1.0, points: vec![(x, y)] };
        let _: DraftFrame = owner.send(&DrawStroke { shot_id, stroke }).await.expect("erased");

        let finding_id = found(&app, shot_id, Purpose::Target).await;
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("the shot");
        assert_eq!(view.finding, Some(finding_id), "{engine}");
        let read: Finding = owner.ask(&GetFinding { shot_id, finding_id }).await.expect("there");
        assert_eq!((read.things(0.5).len(), read.things(0.2).len()), (1, 2), "{engine}");
        // The same question has its answer.
        let known: Asked = owner.send(&ask(shot_id, "the ball")).await.expect("known");
        assert_eq!(known, Asked::Known(finding_id), "{engine}");

        // A threshold that leaves nothing makes nothing, and says so.
        let keep = |things: &[u32], threshold: f32| KeepFound {
            shot_id,
            finding_id,
            things: things.to_vec(),
            threshold,
        };
        let (status, said) = owner.send::<_, Kept>(&keep(&[1], 0.95)).await.expect_err("nothing");
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{engine}");
        assert!(said.contains("came nearest has 0.90"), "{engine}: {said}");
        let (_, said) = owner.send::<_, Kept>(&keep(&[], 0.5)).await.expect_err("nothing");
        assert!(said.contains("Nothing is kept"), "{engine}: {said}");
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("the shot");
        assert!(view.targets.is_empty() && view.draft.frames.iter().all(|f| f.primary_area == 0), "{engine}");

        let kept: Kept = owner.send(&keep(&[1], 0.5)).await.expect("kept");
        assert_eq!((kept.targets.len(), kept.frames), (1, 2), "{engine}");
        assert!(kept.locked_pixels > 0, "{engine}: what somebody erased");
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("the shot");
        assert_eq!(view.targets, kept.targets, "{engine}");
        assert_eq!(view.words.removal, "Remove: the ball", "{engine}");
        let primary: Vec<(u32, bool)> =
            view.draft.frames.iter().filter(|f| f.primary_area > 0).map(|f| (f.frame, f.painted)).collect();
        assert_eq!(primary, [(0, true), (2, true)], "{engine}");
        let row = db::draft::frame(app.state.app.db.pool(), shot_id, 0).await.expect("read");
        let png = app.state.app.store.get_blocking(row.levels.expect("a mask")).expect("stored");
        let levels = Levels::from_png(&png).expect("levels");
        assert_eq!(levels.get(x as u32, 2), Level::Background, "{engine}: locked");
        assert_eq!(levels.get(x as u32 + 4, 2), Level::Primary, "{engine}");
        // Undo takes the masks back, frame by frame, then the target.
        for _ in 0..2 {
            let walked: Option<Walked> = owner.ask(&Undo { shot_id }).await.expect("undone");
            assert!(matches!(walked, Some(Walked::Frame(_))), "{engine}: {walked:?}");
        }
        let walked: Option<Walked> = owner.ask(&Undo { shot_id }).await.expect("undone");
        assert!(matches!(walked, Some(Walked::Target { after: None, .. })), "{engine}: {walked:?}");
    }
}

#[tokio::test]
async fn a_causes_noun_marks_cells_near_the_target_and_never_none_in_silence() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let cause: Cause = owner.ask(&AddCause { shot_id, name: "the ball".into() }).await.expect("a cause");
        let cause_id = cause.cause_id;
        let finding_id = found(&app, shot_id, Purpose::Cause { cause_id }).await;
        let mark = |things: &[u32], near: bool| MarkFound {
            shot_id,
            finding_id,
            cause_id,
            things: things.to_vec(),
            threshold: 0.5,
            near,
        };
        // No target: nothing can be near it, and that is said.
        let (_, said) = owner.send::<_, Marked>(&mark(&[1], true)).await.expect_err("no target");
        assert!(said.contains("The target is on no frame yet"), "{engine}: {said}");
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("the shot");
        let facts = view.shot.facts.expect("read");
        // A target far off.
        let far = (facts.width() as f32 - 2.0, facts.height() as f32 - 2.0);
        let stroke = Stroke { frame: 0, level: Level::Primary, radius: 1.0, points: vec![far] };
        let _: DraftFrame = owner.send(&DrawStroke { shot_id, stroke }).await.expect("painted");
        let (_, said) = owner.send::<_, Marked>(&mark(&[1], true)).await.expect_err("far");
        assert!(said.contains("far from the target's way"), "{engine}: {said}");
        let causes = db::brief::causes(app.state.app.db.pool(), shot_id).await.expect("read");
        assert!(causes[0].spans.is_empty(), "{engine}: nothing was marked");
        // All of it, and then as the target comes by on another frame.
        let all: Marked = owner.send(&mark(&[1], false)).await.expect("marked");
        assert!(all.cause.cells_at(0).count() > 0 && all.cause.cells_at(2).count() > 0, "{engine}");
        let walked: Option<Walked> = owner.ask(&Undo { shot_id }).await.expect("undone");
        assert!(matches!(walked, Some(Walked::Cause { .. })), "{engine}: {walked:?}");
        let beside = (facts.width() as f32 / 4.0 - 1.0, 2.0);
        let stroke = Stroke { frame: 3, level: Level::Primary, radius: 1.0, points: vec![beside] };
        let _: DraftFrame = owner.send(&DrawStroke { shot_id, stroke }).await.expect("painted");
        let near: Marked = owner.send(&mark(&[1], true)).await.expect("marked");
        assert!(near.cause.cells_at(0).count() > 0 && near.far == 0, "{engine}");
        let (_, said) = owner.send::<_, Marked>(&mark(&[2], true)).await.expect_err("below the threshold");
        assert!(said.contains("Nothing is kept"), "{engine}: {said}");
    }
}

#[tokio::test]
async fn what_was_found_is_the_projects_and_not_the_clients() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let finding_id = found(&app, shot_id, Purpose::Target).await;
        let get = GetFinding { shot_id, finding_id };
        let others = owner.project("Others").await;
        let outsider = app.member(&owner, Role::Artist, Some(others)).await;
        let (status, _) = outsider.form::<_, Finding>(&get).await.expect_err("another project's");
        assert_eq!(status, StatusCode::NOT_FOUND, "{engine}");
        let (status, _) = app.nobody().form::<_, Finding>(&get).await.expect_err("nobody's");
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{engine}");
        // One of another shot is not there, and neither is one that others took the place of.
        let gone = GetFinding { shot_id, finding_id: FindingId(db::new_uuid()) };
        let (status, said) = owner.form::<_, Finding>(&gone).await.expect_err("gone");
        assert_eq!(status, StatusCode::CONFLICT, "{engine}");
        assert!(said.contains("Look for it again"), "{engine}: {said}");
    }
}
