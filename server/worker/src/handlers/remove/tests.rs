//! VOID through its handler, on random weights: stopped and gone on with, without its weights, and both passes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::recipe::{FirstPass, SecondPass, When};
use domain::version::Version;
use domain::{Job, Recipe, RunId, Step, VersionId, VoidOrder, VoidRecipe};

use crate::context::{Context, Pulse};
use crate::handlers::package::tests::{Made, rows};
use crate::handlers::{plan, run, sweep};
use crate::models::Models;
use crate::transact;

fn order(steps: u32, first_pass: Option<VersionId>) -> VoidOrder {
    let knobs = VoidRecipe {
        canvas_width: 96,
        canvas_height: 64,
        window_frames: 13,
        overlap_frames: 8,
        pass1: FirstPass { steps, ..FirstPass::default() },
        pass2: SecondPass { steps: 2, when: When::Never, ..SecondPass::default() },
        ..VoidRecipe::default()
    };
    VoidOrder { first_pass, knobs, ..VoidOrder::default() }
}

struct Studio {
    made: Made,
    models: Arc<Models>,
}

impl Studio {
    /// A removal that no other stands in the way of.
    async fn start(&self, order: VoidOrder) -> RunId {
        let (db, shot_id, artist) = (&self.made.db, self.made.shot_id, self.made.studio.artist);
        let over = sqlx::query("update job set state = 'done' where kind = 'remove'");
        over.execute(db.pool()).await.expect("no other");
        let recipe = Recipe::from(order);
        let started = transact!(db, [recipe], |tx| db::runs::start(tx, shot_id, recipe, artist));
        started.expect("started").0
    }

    /// One attempt; stopped once more than `until` of it is done.
    async fn attempt(&self, run_id: RunId, until: Option<f32>) -> anyhow::Result<()> {
        let pulse = Arc::new(Pulse::default());
        let watched = Arc::clone(&pulse);
        let watcher = until.map(|until| {
            std::thread::spawn(move || {
                while !watched.stop.load(Ordering::Relaxed) {
                    let place = watched.place.lock().expect("no panic").clone();
                    if place.step == Some(Step::Denoise) && place.fraction > until {
                        watched.stop.store(true, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            })
        });
        let (db, store, models) = (self.made.db.clone(), self.made.store.clone(), Arc::clone(&self.models));
        let (job, seen) = (Job::Remove { run_id }, Arc::clone(&pulse));
        let stage = tokio::task::spawn_blocking(move || {
            run(&Context::new(db, store, seen, models, plan(&job))?, &job)
        });
        let ended = stage.await.expect("no panic");
        pulse.stop.store(true, Ordering::Relaxed);
        if let Some(watcher) = watcher {
            watcher.join().expect("no panic");
        }
        ended
    }

    async fn newest(&self) -> Version {
        db::versions::list(&self.made.db, self.made.shot_id, false).await.expect("listed").remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_goes_on_and_gives_the_same_bits() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let weights = folder.path().join("models/void");
    engine::test_model::make(&weights).expect("a model");
    let made = Made::new(fresh.db.clone(), folder.path()).await;
    let models = Arc::new(Models::new(&folder.path().join("models")));
    let studio = Studio { made, models };
    let store = studio.made.store.clone();

    let run_id = studio.start(order(40, None)).await;
    let stopped = studio.attempt(run_id, Some(0.4)).await.expect_err("stopped");
    assert!(matches!(stopped.downcast_ref(), Some(pipeline::Error::Cancelled)), "{stopped:#}");
    assert_eq!(store.workplaces(), [run_id.to_string()]);
    // Its weights go, and come back.
    let away = folder.path().join("away");
    std::fs::rename(&weights, &away).expect("gone");
    let lost = studio.attempt(run_id, None).await.expect_err("no weights").to_string();
    assert!(lost.contains("is no folder") && lost.contains("press “Try again”"), "{lost}");
    std::fs::rename(&away, &weights).expect("back");
    assert_eq!(sweep(&studio.made.db, &store).await.expect("swept"), 0, "it may still go on");
    studio.attempt(run_id, None).await.expect("made");
    let resumed = studio.newest().await;
    let made_by = resumed.made_by.clone().expect("by networks");
    assert!((10..40).contains(&made_by.resumed_steps), "{made_by:?}");
    assert!(made_by.is_test_model && resumed.is_first_pass());
    assert_eq!((resumed.proof.max_delta_outside, made_by.canvas, made_by.length), (0, [96, 64], 13));
    assert!(store.workplaces().is_empty());
    studio.attempt(run_id, None).await.expect("made before");

    let again = studio.start(order(40, None)).await;
    studio.attempt(again, None).await.expect("made");
    let undisturbed = studio.newest().await;
    assert_eq!(undisturbed.made_by.as_ref().map(|made_by| made_by.resumed_steps), Some(0));
    assert_eq!((undisturbed.result, undisturbed.model_output), (resumed.result, resumed.model_output));
    // The networks stayed loaded, and what they made of prompt, mask and plate was kept.
    let loaded = async |version: &Version| {
        let manifest = db::versions::manifest(fresh.db.pool(), version.version_id).await.expect("there");
        manifest["networks"]["about"]["loaded"].clone()
    };
    assert_eq!(loaded(&undisturbed).await, serde_json::json!([]));
    let output = undisturbed.model_output.expect("kept");
    let known: i64 = sqlx::query_scalar("select count(*) from blob where hash = $1")
        .bind(output.to_string())
        .fetch_one(fresh.db.pool())
        .await
        .expect("counted");
    assert!(known == 1 && store.contains(output));

    let second = studio.start(order(40, Some(undisturbed.version_id))).await;
    studio.attempt(second, None).await.expect("refined");
    let refined = studio.newest().await;
    assert_eq!(refined.engine_words(), "VOID pass 2");
    assert_ne!(refined.model_output, undisturbed.model_output);
    assert_eq!(loaded(&refined).await, serde_json::json!(["optical flow", "transformer of pass 2"]));
    let manifest = db::versions::manifest(fresh.db.pool(), refined.version_id).await.expect("there");
    assert_eq!(manifest["networks"]["first_pass"]["model_output"], output.to_string());
    assert_eq!(manifest["networks"]["prompt"], "bars");
    assert_eq!(manifest["networks"]["label"], domain::version::TEST_MODEL);

    // Cancelled: what it kept goes.
    let cancelled = studio.start(order(40, None)).await;
    studio.attempt(cancelled, Some(0.3)).await.expect_err("stopped");
    let over = sqlx::query("update job set state = 'cancelled' where state = 'queued' and kind = 'remove'");
    over.execute(fresh.db.pool()).await.expect("cancelled");
    assert_eq!(sweep(&studio.made.db, &store).await.expect("swept"), 1);
    assert!(store.workplaces().is_empty() && Path::new(store.root()).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn pass_two_follows_by_itself_where_it_is_wanted_and_can_run() {
    let fresh = rows::sqlite().await;
    let folder = tempfile::tempdir().expect("a folder");
    let weights = folder.path().join("models/void");
    engine::test_model::make(&weights).expect("a model");
    let made = Made::new(fresh.db.clone(), folder.path()).await;
    let models = Arc::new(Models::new(&folder.path().join("models")));
    let studio = Studio { made, models };
    let wanted = |when| {
        let mut order = order(4, None);
        order.knobs.pass2.when = when;
        order
    };
    let waiting = async || {
        let text = "select payload from job where kind = 'remove' and state = 'queued'";
        let rows: Vec<String> = sqlx::query_scalar(text).fetch_all(fresh.db.pool()).await.expect("read");
        rows.iter().map(|job| serde_json::from_str::<Job>(job).expect("a job")).collect::<Vec<_>>()
    };
    // The run itself stays open while its attempt goes on, as a worker's job does.
    let run_id = studio.start(wanted(When::Always)).await;
    studio.attempt(run_id, None).await.expect("made");
    let first = studio.newest().await;
    assert!(first.is_first_pass());
    let notes = &first.made_by.as_ref().expect("by networks").notes;
    assert!(notes.iter().any(|note| note == "Pass 2 follows by itself."), "{notes:?}");
    let second = waiting().await.into_iter().find_map(|job| match job {
        Job::Remove { run_id: other } if other != run_id => Some(other),
        _ => None,
    });
    let second = second.expect("queued with the version");
    assert_eq!(
        db::shots::get(fresh.db.pool(), studio.made.shot_id).await.expect("there").phase,
        domain::Phase::Running
    );
    studio.attempt(second, None).await.expect("refined");
    let refined = studio.newest().await;
    assert_eq!((refined.engine_words().as_str(), refined.n), ("VOID pass 2", first.n + 1));
    let manifest = db::versions::manifest(fresh.db.pool(), refined.version_id).await.expect("there");
    assert_eq!(manifest["networks"]["first_pass"]["version"], first.version_id.to_string());

    // A quick look is not refined; nor is anything where the weights of pass 2 are not there.
    let mut quick = wanted(When::Always);
    quick.knobs.preview = true;
    let quick = studio.start(quick).await;
    studio.attempt(quick, None).await.expect("made");
    assert!(studio.newest().await.is_preview());
    assert_eq!(waiting().await, [Job::Remove { run_id: quick }]);
    std::fs::remove_file(weights.join("void_pass2.safetensors")).expect("gone");
    let alone = studio.start(wanted(When::Always)).await;
    studio.attempt(alone, None).await.expect("made");
    let notes = studio.newest().await.made_by.expect("by networks").notes;
    assert!(notes.iter().any(|note| note.starts_with("Pass 2 should follow, and cannot")), "{notes:?}");
    assert_eq!(waiting().await, [Job::Remove { run_id: alone }]);
}
