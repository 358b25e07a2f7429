//! The demo as it is promised, and as a worker makes it: one job after the other until nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use db::Db;
use domain::Job;
use storage::Store;

use super::*;
use crate::context::Pulse;
use crate::handlers::package::tests::rows;
use crate::handlers::{plan, run as run_job};
use crate::models::Models;
use crate::run::KINDS;
use crate::transact;

const SMALL: Size = Size { width: 224, height: 126, frames: |_| 8 };

/// Works the queue off as a worker does, with small demo shots; which jobs failed, and why.
async fn work_off(db: &Db, store: &Store) -> Vec<(&'static str, String)> {
    let queue = jobs::Queue::new(db.clone());
    let mut failed = Vec::new();
    while let Some(lease) = queue.claim("one", &KINDS, &[], Duration::from_secs(600)).await.expect("asked") {
        let (db, store, job) = (db.clone(), store.clone(), lease.job.clone());
        let stage = tokio::task::spawn_blocking(move || {
            let models = Arc::new(Models::new(Path::new("none")));
            let context = Context::new(db, store, Arc::new(Pulse::default()), models, plan(&job))?;
            match job {
                Job::Demo { project_id } => make_next(&context, project_id, SMALL),
                job => run_job(&context, &job),
            }
        });
        let db = queue.db();
        let written = match stage.await.expect("no panic") {
            Ok(()) => transact!(db, [lease], |tx| jobs::finish(tx, &lease)),
            Err(error) => {
                let why = format!("{error:#}");
                failed.push((lease.job.kind(), why.clone()));
                transact!(db, [lease, why], |tx| jobs::fail(tx, &lease, &why))
            }
        };
        written.expect("the lease was not lost");
    }
    failed
}

/// The brief and the draft are the scene's own.
async fn check_brief(db: &Db, scene: &Scene, shot_id: ShotId) {
    let (name, pool) = (scene.name(), db.pool());
    assert_eq!(db::brief::words(pool, shot_id).await.expect("read"), scene.words(), "{name}");
    let targets = db::brief::targets(pool, shot_id).await.expect("read");
    assert_eq!(targets.len(), 1, "{name}");
    assert!(targets[0].points.iter().any(|point| point.positive), "{name}: nothing is clicked");
    let causes = db::brief::causes(pool, shot_id).await.expect("read");
    assert!(!causes.is_empty() && causes.len() == scene.causes().len(), "{name}: {causes:?}");
    for (cause, wanted) in causes.iter().zip(scene.causes()) {
        assert_eq!((&cause.name, cause.consequence), (&wanted.name, wanted.consequence), "{name}");
        assert!(!cause.reason.is_empty() && !cause.spans.is_empty(), "{name}: {cause:?}");
    }
    let drawn = db::draft::frames(pool, shot_id).await.expect("read");
    assert!(drawn.iter().any(|frame| frame.levels.is_some()), "{name} has no mask");
}

/// The newest quadmask is the scene's true one on every frame, and its pictures are in the store.
async fn check_quadmask(db: &Db, store: &Store, scene: &Scene, shot_id: ShotId) {
    let name = scene.name();
    let newest = db::quadmasks::newest(db.pool(), shot_id).await.expect("read");
    let newest = newest.unwrap_or_else(|| panic!("{name} has no quadmask"));
    let manifest = db::quadmasks::manifest(db.pool(), newest.quadmask_id).await.expect("read");
    assert_eq!(manifest.frames.len(), scene.frames() as usize, "{name}");
    assert!(manifest.frames.iter().any(|entry| entry.png.is_some()), "{name}: the quadmask is empty");
    for (frame, entry) in (0..).zip(&manifest.frames) {
        let wanted = scene.quadmask(frame).hash();
        assert_eq!(entry.levels, wanted, "{name}, frame {frame}");
        if let Some(png) = entry.png {
            let levels = Levels::from_png(&store.get_blocking(png).expect("stored")).expect("levels");
            assert_eq!(levels.hash(), wanted, "{name}, frame {frame}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_demo_shot_comes_to_rest_with_what_its_phase_promises() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (db, store) = (fresh.db.clone(), Store::open(folder.path().join("data")).expect("a store"));
    db::demo::ensure(&db).await.expect("made");
    let project_id = db::projects::demo(&db).await.expect("read").expect("made").project_id;

    let failed = work_off(&db, &store).await;
    let [("remove", why)] = &failed[..] else { panic!("one removal is to fail: {failed:?}") };
    for (kind, seed, _, goal) in SHOTS {
        let scene = SMALL.scene(kind, seed);
        let name = scene.name();
        let shot_id = db::demo::shot_named(&db, project_id, &name).await.expect("read");
        let shot_id = shot_id.unwrap_or_else(|| panic!("{name} is missing"));
        let shot = db::shots::get(db.pool(), shot_id).await.expect("read");
        assert_eq!(shot.phase, goal, "{name}: {:?}", shot.problem);
        assert_eq!(shot.facts.map(|facts| facts.frames), Some(scene.frames()), "{name}");
        assert!(shot.sequence_id.is_some(), "{name}");
        if goal != Phase::Ready {
            check_brief(&db, &scene, shot_id).await;
        }
        if !matches!(goal, Phase::Ready | Phase::Masking) {
            check_quadmask(&db, &store, &scene, shot_id).await;
        }
        if goal == Phase::RunFailed {
            assert_eq!(shot.problem.as_ref(), Some(why));
            assert!(why.contains("no path is drawn"), "{why}");
        }
        let versions = db::versions::list(&db, shot_id, false).await.expect("listed");
        let is_made = matches!(goal, Phase::ResultReview | Phase::ResultChanges | Phase::Approved);
        assert_eq!(versions.len(), usize::from(is_made), "{name}");
        for proof in versions.iter().map(|version| &version.proof) {
            assert_eq!((proof.max_delta_outside, proof.frames), (0, scene.frames()), "{name}");
        }
    }

    // One in each phase, and asked again it stays so.
    for again in [false, true] {
        if again {
            transact!(db, [], |tx| db::demo::go_on(tx, project_id)).expect("queued");
            let failed = work_off(&db, &store).await;
            assert!(failed.is_empty(), "{failed:?}");
        }
        let counts = db::projects::counts(&db, false).await.expect("counted");
        assert_eq!(counts.len(), SHOTS.len() + 1, "{counts:?}");
        for goal in SHOTS.iter().map(|shot| shot.3).chain([Phase::IngestFailed]) {
            assert!(counts.contains(&(project_id, goal, 1)), "{goal:?}: {counts:?}");
        }
    }
}

#[test]
fn the_demo_rests_in_every_phase_that_waits_for_a_person() {
    let reached: Vec<Phase> = SHOTS.iter().map(|shot| shot.3).chain([Phase::IngestFailed]).collect();
    for &(from, _, to, _) in domain::phase::TABLE {
        for phase in [from, to] {
            // In these the worker is at work: a shot passes through them while the demo is made.
            let passes = matches!(phase, Phase::Uploaded | Phase::Running);
            assert!(passes || reached.contains(&phase), "no demo shot is in {phase:?}");
        }
    }
}

#[test]
fn the_removal_that_fails_has_something_to_draw() {
    for (kind, seed, ..) in SHOTS.into_iter().filter(|shot| shot.3 == Phase::RunFailed) {
        let rate = Rate::new(24, 1).expect("24 is a rate");
        let scene = Scene::new(kind, seed, 160, 90, kind.usual_frames(), rate);
        let reacts = scene.causes().iter().any(|c| c.consequence == Consequence::React);
        assert!(reacts, "{} has nothing that reacts", scene.name());
    }
}
