//! Two targets through the handler: both are followed over all frames, and a stop leaves the mask as whole as it was. And
//! clicks: each is answered on its frame alone.

use std::path::Path;
use std::sync::Arc;

use db::Db;
use db::draft::Frame;
use db::edits::Walk;
use domain::run::Segmenter;
use domain::{BoxPrompt, Job, PointPrompt, ShotId};
use storage::Store;

use super::*;
use crate::context::Pulse;
use crate::handlers::package::tests::{HEIGHT, WIDTH, ingested, rows, work};
use crate::models::Models;
use crate::transact;

/// Answers the clicks that wait, without weights; how many.
async fn answer_clicks(db: &Db, store: &Store) -> usize {
    answer_with(db, store, &Arc::new(Models::new(Path::new("none")))).await
}

async fn answer_with(db: &Db, store: &Store, models: &Arc<Models>) -> usize {
    let mut answered = 0;
    while let Some(click) = db::clicks::take(db).await.expect("asked") {
        let (db, store, models) = (db.clone(), store.clone(), Arc::clone(models));
        let stage = tokio::task::spawn_blocking(move || {
            answer(&Context::new(db, store, Arc::new(Pulse::default()), models, &[])?, click)
        });
        stage.await.expect("no panic").expect("answered");
        answered += 1;
    }
    answered
}

/// Whether the primary mask of a frame covers these places; `None`: it has no mask.
async fn covers(
    db: &Db,
    store: &Store,
    shot_id: ShotId,
    frame: u32,
    places: [(u32, u32); 3],
) -> Option<[bool; 3]> {
    let row = db::draft::frame(db.pool(), shot_id, frame).await.expect("read");
    let levels = Levels::from_png(&store.get_blocking(row.levels?).expect("stored")).expect("levels");
    let primary = levels.primary();
    Some(places.map(|(x, y)| primary[(y * WIDTH + x) as usize] != 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_followed_each_for_itself_and_the_mask_stays_whole() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (db, store) = (fresh.db.clone(), storage::Store::open(folder.path().join("data")).expect("a store"));
    let studio = rows::Studio::new(&db).await;
    let (shot_id, artist) = (ingested(&db, &store, &studio, folder.path()).await, studio.artist);
    // The square, clicked on the first frame, and a bar, boxed on the last.
    for name in ["square", "bar"] {
        let target = transact!(db, [], |tx| async move {
            let mut target = db::brief::add_target(tx, shot_id, artist, name).await?;
            match name {
                "square" => target.points.push(PointPrompt { frame: 0, x: 18.0, y: 48.0, positive: true }),
                _ => target.boxes.push(BoxPrompt { frame: 5, x0: 91.0, y0: 0.0, x1: 109.0, y1: 63.0 }),
            }
            db::brief::save_target(tx, shot_id, artist, &target).await
        });
        target.expect("a target");
    }
    let job = || Job::Segment { shot_id, by: Segmenter::Plate };
    work(&db, &store, job(), false).await.expect("segmented");
    let frames: Vec<Frame> = db::draft::frames(db.pool(), shot_id).await.expect("read");
    assert_eq!(frames.len(), 6);
    for row in &frames {
        let png = store.get_blocking(row.levels.expect("a mask")).expect("stored");
        let primary = Levels::from_png(&png).expect("levels").primary();
        assert_eq!(primary.len(), (WIDTH * HEIGHT) as usize);
        let at = |x: u32, y: u32| primary[(y * WIDTH + x) as usize] != 0;
        assert!(at(18 + 8 * row.frame, 48), "frame {}: the square", row.frame);
        assert!(at(96, 30), "frame {}: the bar", row.frame);
        assert!(!at(80, 30) && !at(96, 80), "frame {}: nothing else", row.frame);
        assert!(row.confidence.is_some_and(|c| c > 0.0 && c <= 1.0));
    }
    // Stopped while only the first target is there: what was there stays.
    let stopped = work(&db, &store, job(), true).await.expect_err("stopped");
    assert!(matches!(stopped.downcast_ref(), Some(Error::Cancelled)), "{stopped:#}");
    assert_eq!(db::draft::frames(db.pool(), shot_id).await.expect("read"), frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_are_answered_on_their_frame_alone_and_taken_back_with_it() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (db, store) = (fresh.db.clone(), Store::open(folder.path().join("data")).expect("a store"));
    let studio = rows::Studio::new(&db).await;
    let (shot_id, artist) = (ingested(&db, &store, &studio, folder.path()).await, studio.artist);
    let target =
        transact!(db, [], |tx| async move { db::brief::add_target(tx, shot_id, artist, "square").await });
    let target = target.expect("a target");
    assert_eq!(answer_clicks(&db, &store).await, 0, "nothing is marked");

    let square = |frame: u32| PointPrompt { frame, x: (18 + 8 * frame) as f32, y: 48.0, positive: true };
    let save = async |points: Vec<PointPrompt>| {
        let target = domain::Target { points, ..target.clone() };
        let saved = transact!(db, [target], |tx| async move {
            db::brief::save_target(tx, shot_id, artist, &target).await
        });
        saved.expect("saved");
    };
    // On the square, beside it, and where the other frame has it.
    let places = |frame: u32| [(18 + 8 * frame, 48), (96, 80), (18 + 8 * (5 - frame), 48)];
    save(vec![square(0)]).await;
    save(vec![square(0), square(5)]).await;
    assert_eq!(answer_clicks(&db, &store).await, 2, "one for each frame");
    for frame in [0, 5] {
        let found = covers(&db, &store, shot_id, frame, places(frame)).await;
        assert_eq!(found, Some([true, false, false]), "frame {frame}");
    }
    assert_eq!(db::draft::frames(db.pool(), shot_id).await.expect("read").len(), 2, "of no other frame");

    // Taken back, the click takes its answer along; the other frame keeps its own.
    let undone =
        transact!(db, [], |tx| async move { db::edits::walk(tx, shot_id, artist, Walk::Undo).await });
    undone.expect("undone").expect("there was something");
    assert_eq!(answer_clicks(&db, &store).await, 1);
    assert_eq!(covers(&db, &store, shot_id, 5, places(5)).await, None);
    assert!(covers(&db, &store, shot_id, 0, places(0)).await.is_some());
    let blank = db::draft::frame(db.pool(), shot_id, 5).await.expect("read");
    assert_eq!(blank.confidence, None, "nobody judged it");

    // An answer to a click that was followed by another is none.
    save(vec![square(0), square(3)]).await;
    let early = db::clicks::take(&db).await.expect("asked").expect("one waits");
    let stays = PointPrompt { frame: 3, x: 96.0, y: 80.0, positive: false };
    save(vec![square(0), square(3), stays]).await;
    let made = MadeFrame {
        frame: 3,
        seen_revision: 0,
        levels: None,
        confidence: Some(1.0),
        cover: Cover::default(),
    };
    let late = transact!(db, [made], |tx| async move {
        let by = GrownBy { by: Segmenter::Plate, network: None };
        db::clicks::answer(tx, early, &made, &by).await
    });
    assert_eq!(late.expect("asked"), Answered::TooLate);
    assert_eq!(answer_clicks(&db, &store).await, 1);
    let found = covers(&db, &store, shot_id, 3, [(42, 48), (96, 80), (70, 48)]).await;
    assert_eq!(found, Some([true, false, false]));
}

#[cfg(feature = "void")]
#[tokio::test(flavor = "multi_thread")]
async fn sam2_answers_where_it_was_chosen_and_leaves_what_a_person_locked() {
    nets::use_one_thread();
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (db, store) = (fresh.db.clone(), Store::open(folder.path().join("data")).expect("a store"));
    let studio = rows::Studio::new(&db).await;
    let (shot_id, artist) = (ingested(&db, &store, &studio, folder.path()).await, studio.artist);
    let models = Arc::new(Models::new(&folder.path().join("models")));
    engine::track::make_test_model(&folder.path().join("models/sam2")).expect("a model");
    models.news().expect("SAM 2 came");
    let grow = async || {
        let (db, store, models) = (db.clone(), store.clone(), Arc::clone(&models));
        let stage = tokio::task::spawn_blocking(move || {
            let context = Context::new(db, store, Arc::new(Pulse::default()), models, &[])?;
            run(&context, shot_id, Segmenter::Sam2)
        });
        stage.await.expect("no panic").expect("grown");
    };
    let frame = async |at: u32| db::draft::frame(db.pool(), shot_id, at).await.expect("read");
    let state = async || db::draft::state(db.pool(), shot_id).await.expect("read");
    let target =
        transact!(db, [], |tx| async move { db::brief::add_target(tx, shot_id, artist, "square").await });
    let target = target.expect("a target");
    let save = async |points: Vec<PointPrompt>| {
        let target = domain::Target { points, ..target.clone() };
        let saved = transact!(db, [target], |tx| async move {
            db::brief::save_target(tx, shot_id, artist, &target).await
        });
        saved.expect("saved");
    };

    // Random weights answer nobody who did not choose them.
    let square = PointPrompt { frame: 0, x: 18.0, y: 48.0, positive: true };
    save(vec![square]).await;
    assert_eq!(answer_with(&db, &store, &models).await, 1);
    assert_eq!(state().await.answered.expect("told").by.by, Segmenter::Plate);
    let chosen =
        transact!(db, [], |tx| async move { db::draft::grow_with(tx, shot_id, Segmenter::Sam2).await });
    chosen.expect("chosen");
    save(vec![PointPrompt { x: 20.0, ..square }]).await;
    assert_eq!(answer_with(&db, &store, &models).await, 1);
    let answered = state().await.answered.expect("told");
    assert_eq!((answered.frame, answered.by.by), (0, Segmenter::Sam2));
    assert!(answered.by.network.is_some_and(|network| network.is_test_model));

    grow().await;
    for at in 0..6 {
        assert!(frame(at).await.confidence.is_some(), "frame {at}");
    }
    // A person's own frame, and corrections on it and beside it.
    let mut levels = Levels::background(WIDTH, HEIGHT);
    (40..56).for_each(|y| levels.map_span(y, 42, 58, |_| domain::Level::Primary));
    let (png, seen) = (levels.to_png(), frame(3).await);
    let (hash, size) = (store.put_blocking(&png).expect("stored"), png.len() as i64);
    let lock = db::edits::Change { levels: Some(hash), locks: None, locked: true, cover: Cover::of(&levels) };
    let locked = transact!(db, [seen, lock], |tx| async move {
        db::blobs::record(tx, hash, size).await?;
        db::edits::apply(tx, shot_id, artist, &seen, &lock).await
    });
    assert!(locked.expect("locked").is_some());
    let (locked, tracked) = (frame(3).await, frame(4).await);
    let stays = |frame: u32| PointPrompt { frame, x: 96.0, y: 80.0, positive: false };
    save(vec![PointPrompt { x: 20.0, ..square }, stays(3), stays(4)]).await;
    assert_eq!(answer_with(&db, &store, &models).await, 2);
    assert_eq!(frame(3).await, locked, "nothing is put over it");
    assert_ne!(frame(4).await, tracked, "a correction shows at once, from the mask beside it");
    grow().await;
    assert_eq!(frame(3).await, locked);

    // Weights that went: the click is answered all the same.
    std::fs::remove_dir_all(folder.path().join("models/sam2")).expect("removed");
    save(vec![square, stays(3), stays(4)]).await;
    assert_eq!(answer_with(&db, &store, &models).await, 1);
    assert_eq!(state().await.answered.expect("told").by.by, Segmenter::Plate);
}
