//! tus 1.0 from a client's side: resumed, refused, finished once, duplicates said.

use base64::Engine;
use domain::{ProjectId, Role};
use reqwest::{Response, StatusCode};

use crate::harness::{Actor, TestApp};

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

pub async fn create(actor: &Actor, project: ProjectId, name: &str, size: usize) -> Response {
    let metadata = format!("filename {},project {}", base64(name), base64(&project.to_string()));
    actor
        .client
        .post(format!("{}/api/uploads", actor.url))
        .header("tus-resumable", "1.0.0")
        .header("upload-length", size)
        .header("upload-metadata", metadata)
        .send()
        .await
        .expect("an answer")
}

pub async fn patch(actor: &Actor, at: &str, offset: usize, bytes: &[u8]) -> Response {
    actor
        .client
        .patch(format!("{}{at}", actor.url))
        .header("tus-resumable", "1.0.0")
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", offset)
        .body(bytes.to_vec())
        .send()
        .await
        .expect("an answer")
}

pub async fn offset(actor: &Actor, at: &str) -> String {
    let answer =
        actor.client.head(format!("{}{at}", actor.url)).header("tus-resumable", "1.0.0").send().await;
    let answer = answer.expect("an answer");
    answer.headers().get("upload-offset").map_or("-", |v| v.to_str().expect("digits")).to_owned()
}

async fn delete(actor: &Actor, at: &str) -> Response {
    let asked = actor.client.delete(format!("{}{at}", actor.url)).header("tus-resumable", "1.0.0");
    asked.send().await.expect("an answer")
}

async fn get(actor: &Actor, at: &str) -> Response {
    actor.client.get(format!("{}{at}", actor.url)).send().await.expect("an answer")
}

pub fn place(answer: &Response) -> String {
    answer.headers()["location"].to_str().expect("a path").to_owned()
}

#[tokio::test]
async fn an_upload_is_resumed_where_it_stopped_and_becomes_one_shot() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Uploads").await;
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7) as u8).collect();
        let made = create(&owner, project, "NL_204_0310.mov", bytes.len()).await;
        assert_eq!(made.status(), StatusCode::CREATED, "{}", app.engine());
        let at = place(&made);
        assert_eq!(patch(&owner, &at, 0, &bytes[..1_500_000]).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(offset(&owner, &at).await, "1500000");
        let wrong = patch(&owner, &at, 7, &bytes[7..]).await;
        assert_eq!(wrong.status(), StatusCode::CONFLICT);
        assert_eq!(wrong.headers()["upload-offset"], "1500000");
        // The server forgets what it had hashed, as after a restart.
        app.state.writers.forget(at.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id"));
        assert_eq!(get(&owner, &at).await.status(), StatusCode::CONFLICT);
        let done = patch(&owner, &at, 1_500_000, &bytes[1_500_000..]).await;
        // Nothing else is a success to a tus client.
        assert_eq!(
            (done.status(), &done.headers()["upload-offset"]),
            (StatusCode::NO_CONTENT, &"3000000".parse().expect("digits"))
        );
        let text = get(&owner, &at).await.json::<serde_json::Value>().await.expect("JSON");
        assert_eq!((&text["name"], &text["duplicate"]), (&"NL_204_0310".into(), &false.into()));
        let shot: domain::ShotId = text["shot_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let media = db::media::of_shot(&app.state.app.db, shot).await.expect("a row");
        assert_eq!(media.plate, domain::Hash::of(&bytes));
        app.state.app.store.verify_blocking(media.plate).expect("whole");
        assert_eq!(offset(&owner, &at).await, "3000000");

        // The same bytes again are said to be here already.
        let again = place(&create(&owner, project, "copy.mov", bytes.len()).await);
        assert_eq!(patch(&owner, &again, 0, &bytes).await.status(), StatusCode::NO_CONTENT);
        let text = get(&owner, &again).await.json::<serde_json::Value>().await.expect("JSON");
        let due = serde_json::json!({"shot_id": shot, "name": "NL_204_0310", "duplicate": true});
        assert_eq!(text, due, "{}", app.engine());
    }
}

#[tokio::test]
async fn what_cannot_become_a_plate_is_refused_before_it_travels() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Refusals").await;
        let empty = create(&owner, project, "empty.mov", 0).await;
        assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(empty.text().await.expect("words").contains("empty.mov"));
        let huge = create(&owner, project, "huge.mov", 1 << 41).await;
        assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let big = create(&owner, project, "big.mov", (1 << 40) - 1).await;
        assert_eq!(big.status(), StatusCode::INSUFFICIENT_STORAGE, "no test machine has a terabyte free");
        let at = place(&create(&owner, project, "grows.mov", 10).await);
        assert_eq!(patch(&owner, &at, 0, &[1; 20]).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let version =
            owner.client.post(format!("{}/api/uploads", owner.url)).send().await.expect("an answer");
        assert_eq!(version.status(), StatusCode::PRECONDITION_FAILED);
    }
}

#[tokio::test]
async fn an_upload_belongs_to_who_sends_it() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (project, other) = (owner.project("Ours").await, owner.project("Theirs").await);
        let at = place(&create(&owner, project, "ours.mov", 8).await);
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let stranger = app.member(&owner, Role::Artist, Some(other)).await;
        let reviewer = app.member(&owner, Role::Reviewer, Some(project)).await;
        for actor in [&artist, &stranger, &app.nobody()] {
            let status = patch(actor, &at, 0, &[1; 8]).await.status();
            assert!([StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
        }
        for actor in [&artist, &stranger, &app.nobody()] {
            let refused = delete(actor, &at).await;
            assert!(refused.status().is_client_error(), "{}", refused.status());
            assert_eq!(refused.headers()["tus-resumable"], "1.0.0");
        }
        assert_eq!(create(&stranger, project, "x.mov", 8).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(create(&reviewer, project, "x.mov", 8).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(offset(&owner, &at).await, "0");
        // Whoever runs the project ends what somebody left behind.
        let left = place(&create(&artist, project, "left.mov", 8).await);
        let producer = app.member(&owner, Role::Producer, Some(project)).await;
        assert_eq!(delete(&producer, &left).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(offset(&artist, &left).await, "-");
    }
}

/// An upload that nobody goes on with keeps no room for an hour, and is forgotten after a week.
#[tokio::test]
async fn an_upload_that_was_given_up_does_not_fill_the_disk() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Room").await;
        let free = app.state.app.store.free_bytes().expect("asked") as usize;
        let most = free - (2 << 30);
        let first = place(&create(&owner, project, "first.mov", most.min(1 << 40)).await);
        if most < 1 << 40 {
            let second = create(&owner, project, "second.mov", 4 << 30).await;
            assert_eq!(second.status(), StatusCode::INSUFFICIENT_STORAGE, "{}", app.engine());
        }
        let since = |hours: i64| {
            let at = db::now() - hours * 3_600_000_000;
            let db = app.state.app.db.clone();
            async move {
                let text = "update upload set updated_at = $1";
                sqlx::query(text).bind(at).execute(db.pool()).await.expect("aged");
            }
        };
        since(2).await;
        let second = create(&owner, project, "second.mov", 4 << 30).await;
        assert_eq!(second.status(), StatusCode::CREATED, "{}", app.engine());
        assert_eq!(delete(&owner, &place(&second)).await.status(), StatusCode::NO_CONTENT);
        app::upkeep::round(&app.state.app).await.expect("kept");
        assert_eq!(offset(&owner, &first).await, "0");
        since(8 * 24).await;
        app::upkeep::round(&app.state.app).await.expect("kept");
        assert_eq!(offset(&owner, &first).await, "-");
    }
}
