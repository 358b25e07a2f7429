//! Quadmask files sent to the server: whole, in pieces of unknown number, too large, broken off.

use std::time::Duration;

use app::api::jobs::{JobsView, ListJobs};
use domain::{Action, Hash, JobId, Role, ShotId, may};
use futures::StreamExt;
use reqwest::{Body, StatusCode};

use crate::harness::{Actor, TestApp};
use crate::rights::shot;
use crate::{rows, transact};

/// A shot whose plate was read.
pub async fn ready(app: &TestApp, owner: &Actor) -> ShotId {
    let shot_id = shot(app, owner, owner.project("Ours").await).await;
    let (facts, read) = (rows::facts(), rows::read());
    transact!(&app.state.app.db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read, "[]"))
        .expect("ingested");
    shot_id
}

fn address(actor: &Actor, shot_id: ShotId) -> String {
    format!("{}/api/shots/{shot_id}/import-quadmask?name=masks.zip", actor.url)
}

/// What is under way in the store's folder.
fn left(app: &TestApp) -> usize {
    std::fs::read_dir(app.data().join("tmp")).expect("a folder").count()
}

async fn imports(actor: &Actor) -> usize {
    let jobs: JobsView = actor.ask(&ListJobs {}).await.expect("listed");
    jobs.open.iter().filter(|job| job.progress.kind == "import_quadmask").count()
}

#[tokio::test]
async fn a_quadmask_file_is_streamed_into_the_store_and_queued() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let bytes: Vec<u8> = (0..5_000_000u32).map(|i| (i * 31) as u8).collect();
        // In pieces, and without saying how much there will be.
        let pieces: Vec<std::io::Result<Vec<u8>>> =
            bytes.chunks(70_001).map(|piece| Ok(piece.to_vec())).collect();
        let body = Body::wrap_stream(futures::stream::iter(pieces));
        let answer = owner.client.post(address(&owner, shot_id)).body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{engine}");
        let said: serde_json::Value = answer.json().await.expect("JSON");
        let _: JobId = said["job_id"].as_str().and_then(|id| id.parse().ok()).expect("a job");
        app.state.app.store.verify_blocking(Hash::of(&bytes)).expect("whole");
        assert_eq!((left(&app), imports(&owner).await), (0, 1), "{engine}");
    }
}

#[tokio::test]
async fn what_is_too_large_empty_or_broken_off_leaves_nothing_behind() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let send = |body: Body| owner.client.post(address(&owner, shot_id)).body(body);
        // Refused by what it says of itself, before anything travels.
        let nothing_yet = Body::wrap_stream(futures::stream::pending::<std::io::Result<Vec<u8>>>());
        let huge = send(nothing_yet).header("content-length", 3_000_000_000u64).send();
        let answer =
            tokio::time::timeout(Duration::from_secs(10), huge).await.expect("at once").expect("an answer");
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{engine}");
        let words = answer.text().await.expect("words");
        assert!(words.contains("“masks.zip” is larger than 2 GB"), "{words}");

        let empty = send(Body::from("")).send().await.expect("an answer");
        assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY, "{engine}");
        assert!(empty.text().await.expect("words").contains("is empty"));

        // The browser vanishes in the middle.
        let first = futures::stream::once(async { Ok(vec![7u8; 300_000]) });
        let broken = first.chain(futures::stream::once(async { Err(std::io::Error::other("gone")) }));
        assert!(send(Body::wrap_stream(broken)).send().await.is_err(), "{engine}");
        for _ in 0..200 {
            if left(&app) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!((left(&app), imports(&owner).await), (0, 0), "{engine}");
    }
}

#[tokio::test]
async fn a_quadmask_file_is_taken_from_those_who_edit_the_shot() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let shot_id = shot(&app, &owner, ours).await;
        let (facts, read) = (rows::facts(), rows::read());
        transact!(&app.state.app.db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read, "[]"))
            .expect("ingested");
        let send = async |actor: &Actor| {
            let sent = actor.client.post(address(actor, shot_id)).body("PK of a zip").send().await;
            sent.expect("an answer").status()
        };
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
            let inside = app.member(&owner, role, Some(ours)).await;
            let wanted = match (may(role, Action::EditShot), role) {
                (true, _) => StatusCode::OK,
                (false, Role::Client) => StatusCode::NOT_FOUND,
                (false, _) => StatusCode::FORBIDDEN,
            };
            assert_eq!(send(&inside).await, wanted, "{engine} {role:?}");
            if !may(role, Action::SeeEveryProject) {
                let outside = app.member(&owner, role, Some(theirs)).await;
                assert_eq!(send(&outside).await, StatusCode::NOT_FOUND, "{engine} {role:?} elsewhere");
            }
        }
        assert_eq!(send(&app.nobody()).await, StatusCode::UNAUTHORIZED, "{engine}");
        let of_nothing = owner.client.post(address(&owner, ShotId(db::new_uuid()))).body("PK").send().await;
        assert_eq!(of_nothing.expect("an answer").status(), StatusCode::NOT_FOUND, "{engine}");
    }
}
