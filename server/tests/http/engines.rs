//! Starting VOID with and without a worker that has it.

use app::api::jobs::{JobsView, ListJobs};
use app::api::shots::{GetShot, ShotView};
use app::api::versions::StartRun;
use domain::recipe::VoidRecipe;
use domain::run::{Need, VoidAbility, Weights};
use domain::{Abilities, Hash, JobId, Recipe, Role, ShotId, VersionId, VoidOrder};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};

pub fn weights() -> Weights {
    Weights {
        name: "test model".into(),
        is_test_model: true,
        fingerprint: Hash::of(b"weights"),
        device: "cpu".into(),
        largest_canvas: [720, 480],
        machine: None,
    }
}

pub async fn worker(app: &TestApp, name: &str, void: VoidAbility) {
    let queue = app.state.app.queue();
    queue
        .register(name, "gpu-1", 1, "about", &Abilities { void, ..Abilities::default() })
        .await
        .expect("there");
}

async fn start(actor: &Actor, shot_id: ShotId, order: VoidOrder) -> Result<JobId, (StatusCode, String)> {
    actor.send(&StartRun { shot_id, recipe: Recipe::Void(order) }).await
}

/// Ends the removals of a shot and gives what was approved these words.
async fn settle(app: &TestApp, shot_id: ShotId, after: &str) {
    let pool = app.state.app.db.pool();
    let done = "update job set state = 'done' where kind = 'remove' and shot_id = $1";
    sqlx::query(done).bind(shot_id.to_string()).execute(pool).await.expect("done");
    let subject = serde_json::json!({ "words": { "removal": "", "after": after } }).to_string();
    sqlx::query("update quadmask set subject_json = $2 where shot_id = $1")
        .bind(shot_id.to_string())
        .bind(subject)
        .execute(pool)
        .await
        .expect("words");
}

#[tokio::test]
async fn void_runs_only_where_a_worker_has_it() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let shot_id = reviewed(&app, &owner, project).await.shot_id;
        settle(&app, shot_id, "An empty table.").await;
        let refused = async |order: VoidOrder| {
            let (status, text) = start(&owner, shot_id, order).await.expect_err("refused");
            assert!(status.is_client_error(), "{engine} {status} {text}");
            text
        };
        let plain = VoidOrder::default;
        assert!(refused(plain()).await.contains("No worker is running"), "{engine}");
        worker(&app, "plain", VoidAbility::WithoutLibtorch).await;
        assert!(refused(plain()).await.contains("built without libtorch"), "{engine}");
        let why = "models/void/void_pass1.safetensors is not there: the transformer of this pass.";
        worker(&app, "empty", VoidAbility::Lacking { why: why.into() }).await;
        assert!(refused(plain()).await.contains(why), "{engine}");
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("a shot");
        assert_eq!(view.engines.weights(Need::VoidPass1), Err(why.to_owned()), "{engine}");
        assert_eq!(view.shot.phase, domain::Phase::ResultReview, "{engine}: nothing was started");

        let able = VoidAbility::Able {
            pass1: weights(),
            pass2: None,
            pass2_lacks: Some("The network that motion is followed with is not there.".into()),
        };
        worker(&app, "able", able).await;
        let large = VoidRecipe { canvas_width: 1024, ..VoidRecipe::default() };
        assert!(
            refused(VoidOrder { knobs: large, ..plain() })
                .await
                .contains("larger than this model's largest, 720×480")
        );
        let passes = |steps| domain::recipe::FirstPass { steps, ..Default::default() };
        for (knobs, says) in [
            (VoidRecipe { overlap_frames: 3, ..VoidRecipe::default() }, "overlap_frames is 3"),
            (VoidRecipe { window_frames: 14, ..VoidRecipe::default() }, "window_frames is 14"),
            (VoidRecipe { seed: 1 << 53, ..VoidRecipe::default() }, "seed is 9007199254740992"),
            (VoidRecipe { pass1: passes(0), ..VoidRecipe::default() }, "pass1.steps is 0"),
            (VoidRecipe { pass1: passes(1_000), ..VoidRecipe::default() }, "pass1.steps is 1000"),
        ] {
            let said = refused(VoidOrder { knobs, ..plain() }).await;
            assert!(said.contains(says), "{engine} {said}");
        }
        let second = VoidOrder { first_pass: Some(VersionId(db::new_uuid())), ..plain() };
        assert!(refused(second).await.contains("motion is followed with"), "{engine}");
        settle(&app, shot_id, " ").await;
        assert!(refused(plain()).await.contains("VOID needs a prompt"), "{engine}");
        let jobs: JobsView = owner.ask(&ListJobs {}).await.expect("jobs");
        assert!(jobs.open.iter().all(|job| job.progress.kind != "remove"), "{engine}: nothing was queued");

        settle(&app, shot_id, "An empty table.").await;
        let order = VoidOrder { negative_prompt: "blur".into(), ..plain() };
        let job_id = start(&owner, shot_id, order.clone()).await.expect("queued");
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("a shot");
        assert_eq!(view.run, Some(Recipe::Void(order)), "{engine}");
        assert!(view.engines.weights(Need::VoidPass1).expect("able").is_test_model, "{engine}");
        assert!(refused(plain()).await.contains("in the queue"), "{engine}");
        // It waits for the able.
        let queue = app.state.app.queue();
        let lease = std::time::Duration::from_secs(60);
        assert!(queue.claim("plain", &["remove"], &[], lease).await.expect("asked").is_none(), "{engine}");
        let met = [Need::VoidPass1.word()];
        let taken = queue.claim("able", &["remove"], &met, lease).await.expect("asked").expect("there");
        assert_eq!(taken.job_id, job_id, "{engine}");
    }
}

#[tokio::test]
async fn clients_are_told_of_no_engines() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let made = reviewed(&app, &owner, project).await;
        worker(&app, "able", VoidAbility::Able { pass1: weights(), pass2: None, pass2_lacks: None }).await;
        let show = app::api::versions::ShowClient { version_id: made.version_id, on: true };
        owner.ask::<_, ()>(&show).await.expect("shown");
        let client = app.member(&owner, Role::Client, Some(project)).await;
        let view: ShotView = client.ask(&GetShot { shot_id: made.shot_id }).await.expect("a shot");
        assert_eq!((view.run, view.engines.void), (None, None), "{}", app.engine());
        let (status, _) = start(&client, made.shot_id, VoidOrder::default()).await.expect_err("refused");
        assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status), "{}", app.engine());
    }
}

#[tokio::test]
async fn folders_of_the_server_are_told_to_those_who_look_after_its_disk() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let shot_id = reviewed(&app, &owner, project).await.shot_id;
        settle(&app, shot_id, "An empty table.").await;
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let lacking =
            |file: &str| serde_json::json!({ "state": "lacking", "why": format!("{file} is cut off.") });
        let abilities = serde_json::json!({
            "void": lacking("/srv/models/void/void_pass1.safetensors"), "sam2": lacking("/srv/models/sam2/model.safetensors"),
        });
        let abilities: Abilities = serde_json::from_value(abilities).expect("abilities");
        app.state.app.queue().register("empty", "gpu-1", 1, "about", &abilities).await.expect("there");
        for (actor, is_told) in [(&owner, true), (&artist, false)] {
            let view: ShotView = actor.ask(&GetShot { shot_id }).await.expect("a shot");
            let void = view.engines.weights(Need::VoidPass1).map(|_| ()).expect_err("lacking");
            let sam2 = view.engines.sam2().map(|_| ()).expect_err("lacking");
            let (_, refused) = start(actor, shot_id, VoidOrder::default()).await.expect_err("refused");
            for told in [&void, &sam2, &refused] {
                assert_eq!(told.contains("/srv/models"), is_told, "{engine} {told}");
                assert!(is_told || told.contains("Models page"), "{engine}: what to do is told: {told}");
            }
            let sent = serde_json::to_string(&view).expect("plain values");
            assert_eq!(sent.contains("/srv/"), is_told, "{engine}");
        }
    }
}
