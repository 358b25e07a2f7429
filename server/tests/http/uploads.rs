//! tus 1.0 from a client's side: resumed, refused, finished once, duplicates said.

use base64::Engine;
use domain::{ProjectId, Role};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use crate::harness::{Actor, TestApp};

pub fn base64(text: &str) -> String {
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

/// As a client asks that can only send `POST`.
fn posted(actor: &Actor, method: &str, at: &str) -> RequestBuilder {
    let asked = actor.client.post(format!("{}{at}", actor.url)).header("tus-resumable", "1.0.0");
    asked.header("x-http-method-override", method)
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
async fn a_disk_that_fills_is_said_and_the_upload_goes_on_when_there_is_room() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Full").await;
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i * 3) as u8).collect();
        let at = place(&create(&owner, project, "lime.mov", bytes.len()).await);
        assert_eq!(patch(&owner, &at, 0, &bytes[..80_000]).await.status(), StatusCode::NO_CONTENT);
        // What is written there finds no room, and it has no length.
        let part = app.state.app.store.part_path(at.rsplit('/').next().expect("an id"));
        let aside = part.with_extension("aside");
        std::fs::rename(&part, &aside).expect("aside");
        std::os::unix::fs::symlink("/dev/full", &part).expect("linked");
        let full = patch(&owner, &at, 0, &bytes).await;
        assert_eq!(full.status(), StatusCode::INSUFFICIENT_STORAGE, "{}", app.engine());
        let words = full.text().await.expect("words");
        assert!(words.contains("disk is full") && words.contains("free some space"), "{words}");
        std::fs::rename(&aside, &part).expect("back in its place");
        assert_eq!(offset(&owner, &at).await, "80000");
        let rest = patch(&owner, &at, 80_000, &bytes[80_000..]).await;
        assert_eq!(rest.status(), StatusCode::NO_CONTENT, "{}", app.engine());
        let text = get(&owner, &at).await.json::<serde_json::Value>().await.expect("JSON");
        let shot: domain::ShotId = text["shot_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let media = db::media::of_shot(&app.state.app.db, shot).await.expect("a row");
        assert_eq!(media.plate, domain::Hash::of(&bytes), "{}", app.engine());
    }
}

#[tokio::test]
async fn a_client_learns_what_is_spoken_and_no_other_version_is() {
    for app in TestApp::each_in_a_folder("nothing is stored").await {
        let owner = app.owner().await;
        let project = owner.project("Versions").await;
        let at = place(&create(&owner, project, "lime.mov", 8).await);
        for path in ["/api/uploads", at.as_str()] {
            let asked = owner.client.request(Method::OPTIONS, format!("{}{path}", owner.url));
            let answer = asked.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::NO_CONTENT);
            for (name, value) in [
                ("tus-version", "1.0.0"),
                ("tus-extension", "creation,termination"),
                ("tus-max-size", "1099511627776"),
            ] {
                assert_eq!(answer.headers()[name], value, "{path} {name}");
            }
        }
        for (method, path) in [
            (Method::POST, "/api/uploads"),
            (Method::HEAD, at.as_str()),
            (Method::PATCH, at.as_str()),
            (Method::DELETE, at.as_str()),
        ] {
            for version in [None, Some("0.2.2")] {
                let mut asked = owner.client.request(method.clone(), format!("{}{path}", owner.url));
                if let Some(version) = version {
                    asked = asked.header("tus-resumable", version);
                }
                let answer = asked.send().await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED, "{method} {version:?}");
                for name in ["tus-version", "tus-resumable"] {
                    assert_eq!(answer.headers()[name], "1.0.0", "{method} {version:?} {name}");
                }
            }
        }
        assert_eq!(offset(&owner, &at).await, "0", "nothing was done");
        let other = owner.client.patch(format!("{}{at}", owner.url)).header("tus-resumable", "1.0.0");
        let other = other.header("content-type", "application/octet-stream").header("upload-offset", "0");
        let answer = other.body("12345678").send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(offset(&owner, &at).await, "0", "nothing was written");
    }
}

#[tokio::test]
async fn what_was_said_of_a_file_is_said_again() {
    for app in TestApp::each_in_a_folder("it is a row's").await {
        let owner = app.owner().await;
        let project = owner.project("Said").await;
        let begun = async |said: String| {
            let asked = owner.client.post(format!("{}/api/uploads", owner.url)).header("upload-length", "8");
            let asked = asked.header("tus-resumable", "1.0.0").header("upload-metadata", said);
            asked.send().await.expect("an answer")
        };
        // An order of its own, a key that is not ours, and one without a value.
        let said = format!(
            "is_checked,project {},filetype {},filename {}",
            base64(&project.to_string()),
            base64("video/quicktime"),
            base64("Ärger.mov")
        );
        let at = place(&begun(said.clone()).await);
        let told = async || {
            let asked = owner.client.head(format!("{}{at}", owner.url)).header("tus-resumable", "1.0.0");
            let answer = asked.send().await.expect("an answer");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers()["upload-length"], "8");
            answer.headers()["upload-metadata"].to_str().expect("text").to_owned()
        };
        assert_eq!(told().await, said, "{}", app.engine());
        assert_eq!(patch(&owner, &at, 0, b"a plate.").await.status(), StatusCode::NO_CONTENT);
        assert_eq!(told().await, said, "{}: when it is done", app.engine());
        let long = begun(format!("{said},note {}", base64(&"x".repeat(8 << 10)))).await;
        assert_eq!(long.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(long.text().await.expect("words").contains("shorter name"));
    }
}

#[tokio::test]
async fn a_client_that_can_only_post_names_the_method_in_a_header() {
    for app in TestApp::each_in_a_folder("nothing is stored").await {
        let owner = app.owner().await;
        let project = owner.project("Posted").await;
        let at = place(&create(&owner, project, "lime.mov", 8).await);
        let sent = posted(&owner, "PATCH", &at).header("content-type", "application/offset+octet-stream");
        let sent = sent.header("upload-offset", "0").body("1234").send().await.expect("an answer");
        assert_eq!((sent.status(), offset(&owner, &at).await.as_str()), (StatusCode::NO_CONTENT, "4"));
        let told = posted(&owner, "HEAD", &at).send().await.expect("an answer");
        assert_eq!(told.status(), StatusCode::OK);
        assert_eq!(told.headers()["upload-offset"], "4");
        for method in ["PUT", "patch", "POST"] {
            let refused = posted(&owner, method, &at).send().await.expect("an answer");
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
        // What changes something is no read because it came as one.
        let other = owner.client.get(format!("{}{at}", owner.url)).header("sec-fetch-site", "cross-site");
        let other = other.header("tus-resumable", "1.0.0").header("x-http-method-override", "DELETE");
        assert_eq!(other.send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
        assert_eq!(offset(&owner, &at).await, "4");
        let ended = posted(&owner, "DELETE", &at).send().await.expect("an answer");
        assert_eq!(ended.status(), StatusCode::NO_CONTENT);
        // The words are left out here, and so is how long they are.
        let gone = posted(&owner, "HEAD", &at).send().await.expect("an answer");
        assert_eq!(gone.status(), StatusCode::NOT_FOUND);
        assert_eq!(gone.text().await.expect("nothing"), "");
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
