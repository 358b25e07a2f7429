//! Runs of VOID: what they begin with, what they leave, and which of them may still go on.

use db::decisions::{Ballot, on_quadmask, on_version};
use domain::recipe::VoidRecipe;
use domain::version::MadeBy;
use domain::{
    Hash, JobId, Phase, PlateRecipe, QuadmaskId, Recipe, Role, RunId, ShotId, Verdict, VersionId, VoidOrder,
};

use crate::harness::{Studio, finished};
use crate::{rules, transact};

/// A shot with an approved quadmask whose words are `after`, and the plate engine's version of it.
async fn approved(studio: &Studio, name: &str, after: &str) -> (ShotId, QuadmaskId, VersionId) {
    let shot_id = studio.shot(name).await;
    studio.submitted(shot_id).await;
    transact!(studio.db, [], |tx| db::shots::reopen(tx, shot_id)).expect("re-opened");
    let subject = serde_json::json!({ "words": { "removal": "", "after": after }, "shot": name }).to_string();
    let (quadmask_id, seen) = studio.submit(shot_id, &subject).await.expect("sent to review");
    let ballot = Ballot {
        person_id: studio.supervisor,
        role: Role::Supervisor,
        seen,
        verdict: Verdict::Approve,
        note: "",
    };
    let outcome =
        transact!(studio.db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("approved");
    let version_id = made(studio, outcome.run.expect("queued").0, None).await;
    (shot_id, quadmask_id, version_id)
}

async fn start(studio: &Studio, shot_id: ShotId, recipe: impl Into<Recipe>) -> db::Result<(RunId, JobId)> {
    let (recipe, artist) = (recipe.into(), studio.artist);
    transact!(studio.db, [recipe], |tx| db::runs::start(tx, shot_id, recipe, artist))
}

fn made_by(pass: u32) -> MadeBy {
    MadeBy {
        pass,
        model: "test model".into(),
        is_test_model: true,
        is_preview: false,
        fingerprint: Hash::of(b"weights"),
        host: "host".into(),
        device: "cpu".into(),
        precision: "float32".into(),
        canvas: [96, 64],
        length: 13,
        windows: vec![[0, 12]],
        forwards: 2,
        resumed_steps: 0,
        seconds: 3.0,
        peak_rss_bytes: None,
        memory: None,
        predicted: None,
        morphing: None,
        notes: Vec::new(),
    }
}

/// Ends a run with a version, and its job with it.
async fn made(studio: &Studio, run_id: RunId, pass: Option<u32>) -> VersionId {
    let made_by = pass.map(made_by);
    let model_output = made_by.as_ref().map(|_| Hash::of(b"model output"));
    let finished = db::versions::Finished { made_by, model_output, ..finished(&run_id.to_string()) };
    let version_id = transact!(studio.db, [finished], |tx| async move {
        db::runs::started(tx, run_id).await?;
        db::versions::create(tx, run_id, &finished).await
    });
    let done = sqlx::query("update job set state = 'done' where kind = 'remove'");
    done.execute(studio.db.pool()).await.expect("done");
    version_id.expect("a version")
}

fn words(refused: db::Result<(RunId, JobId)>) -> String {
    match refused {
        Err(db::Error::Invalid(sentence) | db::Error::Conflict(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

rules! {
    async fn void_begins_with_the_words_that_were_approved(db) {
        let studio = Studio::new(&db).await;
        let (wordless, ..) = approved(&studio, "wordless", "  ").await;
        let refused = words(start(&studio, wordless, VoidOrder::default()).await);
        assert!(refused.contains("says nothing of what the scene shows afterwards"), "{refused}");
        let (shot_id, ..) = approved(&studio, "lime", "An empty table.").await;
        let knobs = VoidRecipe { window_frames: 84, ..VoidRecipe::default() };
        let refused = words(start(&studio, shot_id, VoidOrder { knobs, ..VoidOrder::default() }).await);
        assert!(refused.contains("window_frames is 84"), "{refused}");

        let order = VoidOrder { negative_prompt: "blur".into(), ..VoidOrder::default() };
        let (run_id, job_id) = start(&studio, shot_id, order.clone()).await.expect("queued");
        assert_eq!(db::runs::get(db.pool(), run_id).await.expect("there").recipe, Recipe::Void(order));
        let needs: Option<String> = sqlx::query_scalar("select needs from job where job_id = $1")
            .bind(job_id.to_string())
            .fetch_one(db.pool())
            .await
            .expect("a job");
        assert_eq!(needs.as_deref(), Some("void_pass1"));
        let version_id = made(&studio, run_id, Some(1)).await;
        let version = db::versions::get(db.pool(), version_id).await.expect("there");
        assert_eq!((version.engine_words().as_str(), version.is_of_test_model()), ("VOID pass 1", true));
        assert!(version.is_first_pass());
        assert_eq!(db::versions::measured(&db).await.expect("read"), [made_by(1)]);
    }

    async fn pass_2_starts_from_a_pass_1_that_fits(db) {
        let studio = Studio::new(&db).await;
        let (other, ..) = approved(&studio, "other", "A wall.").await;
        let (shot_id, _, plate_version) = approved(&studio, "lime", "An empty table.").await;
        let first_of = async |shot_id| {
            let (run_id, _) = start(&studio, shot_id, VoidOrder::default()).await.expect("queued");
            made(&studio, run_id, Some(1)).await
        };
        let (elsewhere, first) = (first_of(other).await, first_of(shot_id).await);
        let second = |from, knobs: VoidRecipe| VoidOrder { first_pass: Some(from), knobs, ..VoidOrder::default() };
        let refused = async |from, knobs| words(start(&studio, shot_id, second(from, knobs)).await);
        let plain = VoidRecipe::default;
        for from in [elsewhere, VersionId(db::new_uuid())] {
            assert!(refused(from, plain()).await.contains("of this shot"));
        }
        assert!(refused(plate_version, plain()).await.contains("not made by VOID’s pass 1"));
        let smaller = VoidRecipe { canvas_width: 336, ..plain() };
        assert!(refused(first, smaller).await.contains("another canvas"));

        let (run_id, job_id) = start(&studio, shot_id, second(first, plain())).await.expect("queued");
        let needs: Option<String> = sqlx::query_scalar("select needs from job where job_id = $1")
            .bind(job_id.to_string())
            .fetch_one(db.pool())
            .await
            .expect("a job");
        assert_eq!(needs.as_deref(), Some("void_pass2"));
        let refined = made(&studio, run_id, Some(2)).await;
        assert!(refused(refined, plain()).await.contains("not made by VOID’s pass 1"));
        // Another quadmask is approved: what pass 1 made of the old one does not count.
        transact!(db, [], |tx| db::shots::reopen(tx, shot_id)).expect("re-opened");
        let subject = serde_json::json!({ "words": { "removal": "", "after": "A table." } }).to_string();
        let (quadmask_id, seen) = studio.submit(shot_id, &subject).await.expect("sent to review");
        let ballot = Ballot { person_id: studio.supervisor, role: Role::Supervisor, seen, verdict: Verdict::Approve, note: "" };
        let outcome = transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("approved");
        made(&studio, outcome.run.expect("queued").0, None).await;
        assert!(refused(first, plain()).await.contains("another quadmask"));
    }

    async fn pass_2_follows_with_its_version_and_takes_nothing_with_it_when_it_ends(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, ..) = approved(&studio, "lime", "An empty table.").await;
        let phase = async || db::shots::get(db.pool(), shot_id).await.expect("there").phase;
        let (first_run, _) = start(&studio, shot_id, VoidOrder::default()).await.expect("queued");
        let finished = db::versions::Finished {
            made_by: Some(made_by(1)),
            model_output: Some(Hash::of(b"model output")),
            follow: Some(VoidOrder::default()),
            ..finished("first")
        };
        // Twice, as after a kill between the rows and the end of the job.
        for _ in 0..2 {
            transact!(db, [finished], |tx| async move {
                if db::versions::of_run(&mut *tx, first_run).await?.is_none() {
                    db::runs::started(tx, first_run).await?;
                }
                db::versions::create(tx, first_run, &finished).await
            }).expect("a version");
        }
        let first = db::versions::of_run(db.pool(), first_run).await.expect("read").expect("made");
        assert_eq!(phase().await, Phase::Running);
        let second = db::runs::newest(&db, shot_id).await.expect("read").expect("queued");
        let order = VoidOrder { first_pass: Some(first), ..VoidOrder::default() };
        assert_eq!(db::runs::get(db.pool(), second).await.expect("there").recipe, Recipe::Void(order));
        let waiting: i64 = sqlx::query_scalar("select count(*) from job where kind = 'remove' and needs = 'void_pass2' and state = 'queued'")
            .fetch_one(db.pool()).await.expect("counted");
        assert_eq!(waiting, 1);
        let third = words(start(&studio, shot_id, PlateRecipe::default()).await);
        assert!(third.contains("in the queue or running"), "{third}");

        // Nothing came of it: the first result is in review again, and decided about.
        transact!(db, [], |tx| db::runs::failed(tx, second, "The GPU is gone.")).expect("over");
        assert_eq!(phase().await, Phase::ResultReview);
        sqlx::query("update job set state = 'done' where kind = 'remove'").execute(db.pool()).await.expect("done");
        let seen = db::versions::get(db.pool(), first).await.expect("there").subject;
        let no = Ballot { person_id: studio.supervisor, role: Role::Supervisor, seen, verdict: Verdict::Changes, note: "Softer." };
        transact!(db, [no], |tx| on_version(tx, first, &no)).expect("asked");
        let again = VoidOrder { first_pass: Some(first), ..VoidOrder::default() };
        let (again, _) = start(&studio, shot_id, again).await.expect("queued");
        transact!(db, [], |tx| db::runs::cancelled(tx, again)).expect("over");
        assert_eq!(phase().await, Phase::ResultChanges, "as people left it");
    }

    async fn only_the_newest_run_that_is_not_over_may_go_on(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, ..) = approved(&studio, "lime", "An empty table.").await;
        let (run_id, _) = start(&studio, shot_id, VoidOrder::default()).await.expect("queued");
        let strange = RunId(db::new_uuid());
        let may = async |runs: &[RunId]| db::runs::unfinished(&db, runs).await.expect("read");
        assert_eq!(may(&[run_id, strange]).await, [run_id]);
        transact!(db, [], |tx| async move {
            db::runs::started(tx, run_id).await?;
            db::runs::failed(tx, run_id, "The disk is full.").await
        }).expect("failed");
        sqlx::query("update job set state = 'failed' where kind = 'remove' and state = 'queued'").execute(db.pool()).await.expect("failed");
        assert_eq!(may(&[run_id]).await, [run_id], "it may be tried again");
        let (newer, job_id) = start(&studio, shot_id, PlateRecipe::default()).await.expect("queued");
        assert_eq!(may(&[run_id, newer]).await, [newer]);
        sqlx::query("update job set state = 'cancelled' where job_id = $1").bind(job_id.to_string()).execute(db.pool()).await.expect("cancelled");
        assert!(may(&[newer]).await.is_empty());
        assert!(may(&[]).await.is_empty());
    }
}
