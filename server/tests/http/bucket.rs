//! A server whose blobs are in a bucket: the same answers, whether a copy is here or not.

use std::path::Path;

use domain::{Hash, ShotId};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::harness::{Actor, TestApp};
use crate::s3::Server;
use crate::uploads::{create, patch, place};

/// A shot that was uploaded, and its plate's bytes.
async fn uploaded(owner: &Actor) -> (ShotId, Vec<u8>) {
    let project = owner.project("In a bucket").await;
    let bytes: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let at = place(&create(owner, project, "lime.mov", bytes.len()).await);
    let done = patch(owner, &at, 0, &bytes).await;
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
    let made = owner.get(&at).await;
    let text: serde_json::Value = serde_json::from_str(&made.text().await.expect("a body")).expect("JSON");
    (text["shot_id"].as_str().and_then(|id| id.parse().ok()).expect("an id"), bytes)
}

async fn ask(actor: &Actor, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = actor.client.get(format!("{}{path}", actor.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("-", |value| value.to_str().expect("text"))
}

fn clear(path: &Path) {
    std::fs::remove_file(path).expect("a copy was there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_blob_is_answered_alike_from_its_copy_and_from_the_bucket() {
    let server = Server::start();
    let app = TestApp::on_bucket(server.url("")).await;
    let owner = app.owner().await;
    let (shot_id, bytes) = uploaded(&owner).await;
    let hash = Hash::of(&bytes);
    assert!(server.file(hash).is_file(), "in the bucket before its shot is there");
    let plate = format!("/media/shots/{shot_id}/plate");
    let mut seen = Vec::new();
    for is_copied in [true, false] {
        let copy = app.state.app.store.path_of(hash);
        assert!(copy.is_file());
        if !is_copied {
            clear(&copy);
        }
        let whole = owner.get(&plate).await;
        assert_eq!(whole.status(), StatusCode::OK);
        let tag = header(&whole, "etag").to_owned();
        seen.push((
            header(&whole, "content-length").to_owned(),
            header(&whole, "content-disposition").to_owned(),
        ));
        assert!(whole.bytes().await.expect("a body") == bytes);
        for (range, from, to) in
            [("bytes=10-19", 10, 19), ("bytes=299990-", 299_990, 299_999), ("bytes=-5", 299_995, 299_999)]
        {
            let part = ask(&owner, &plate, &[("range", range)]).await;
            assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
            assert_eq!(header(&part, "content-range"), format!("bytes {from}-{to}/300000"));
            assert_eq!(part.bytes().await.expect("a body"), bytes[from..=to]);
        }
        let beyond = ask(&owner, &plate, &[("range", "bytes=300000-")]).await;
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(header(&beyond, "content-range"), "bytes */300000");
        let known = ask(&owner, &plate, &[("if-none-match", &tag)]).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        let head = owner.client.head(format!("{}{plate}", owner.url)).send().await.expect("an answer");
        assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, "300000"));
        assert_eq!(app.nobody().get(&plate).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(copy.is_file(), is_copied, "watching fetches no copy");
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_download_is_fetched_from_the_bucket_where_that_is_said() {
    let server = Server::start();
    let app = TestApp::on_bucket(server.url("&presign=true")).await;
    let owner = app.owner().await;
    let (shot_id, bytes) = uploaded(&owner).await;
    let plate = format!("/media/shots/{shot_id}/plate");
    assert!(owner.get(&plate).await.bytes().await.expect("followed") == bytes);
    // Whoever may not have it gets no address.
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let refused = client.get(format!("{}{plate}", app.url)).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "location"), "-");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bucket_that_is_gone_costs_a_sentence_and_no_upload() {
    let server = Server::start();
    let url = server.url("");
    let app = TestApp::on_bucket(url).await;
    let owner = app.owner().await;
    let project = owner.project("In a bucket").await;
    let bytes = b"a plate".to_vec();
    let at = place(&create(&owner, project, "lime.mov", bytes.len()).await);
    let hash = Hash::of(&bytes);
    // A folder where the blob should lie: the bucket fails.
    std::fs::create_dir_all(server.file(hash)).expect("made");
    let failed = patch(&owner, &at, 0, &bytes).await;
    assert!(failed.status().is_server_error(), "{}", failed.status());
    let said = failed.text().await.expect("a body");
    assert!(!said.contains("test-secret") && !said.contains("plates"), "{said}");
    std::fs::remove_dir(server.file(hash)).expect("mended");
    // The bytes are here still: asking how far it came finishes it.
    let head = owner.client.head(format!("{}{at}", owner.url)).header("tus-resumable", "1.0.0").send().await;
    assert_eq!(head.expect("an answer").status(), StatusCode::OK);
    assert!(server.file(hash).is_file());
}
