//! A server whose blobs are in a bucket: the same answers, whether a copy is here or not.

use std::path::Path;

use app::api::disk::SweepNow;
use app::upkeep::Failed;
use domain::disk::Swept;
use domain::{Hash, ShotId};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};

use crate::harness::{Actor, TestApp, client};
use crate::rights::shot;
use crate::s3::{Fault, Server};
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
    let client = client().redirect(Policy::none()).build().expect("a client");
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

/// The program as a person calls it.
fn minus_one(app: &TestApp, storage_url: &str, args: &[&str]) -> String {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_minus-one"));
    program.env_remove("DATABASE_URL").env_remove("STORAGE_URL");
    program.args(args).arg("--data").arg(app.data()).args(["--storage-url", storage_url]);
    let output = program.output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_frees_the_bucket_of_what_nothing_needs() {
    let server = Server::start();
    let url = server.url("");
    let app = TestApp::on_bucket(url.clone()).await;
    let owner = app.owner().await;
    let (_, plate) = uploaded(&owner).await;
    let (db, store) = (&app.state.app.db, &app.state.app.store);
    let put = |bytes: &[u8]| store.put_blocking(bytes).expect("stored");
    let needed = Hash::of(&plate);
    let (recorded, alone, young) = (put(b"recorded"), put(b"never recorded"), put(b"young"));
    crate::transact!(db, [], |tx| db::blobs::record(tx, recorded, 8)).expect("recorded");
    assert_eq!(app::upkeep::look(&app.state.app).await.expect("looked"), Swept::default(), "all is young");
    let older = sqlx::query("update blob set seen_at = seen_at - 172800000000");
    older.execute(db.pool()).await.expect("older");
    for hash in [needed, recorded, alone] {
        server.age(hash);
    }
    let said = minus_one(&app, &url, &["sweep", "--dry-run"]);
    assert_eq!(said, "Would remove 2 unused files (22 B).\n");
    assert!(server.file(recorded).is_file() && server.file(alone).is_file(), "looking removes nothing");
    let said = minus_one(&app, &url, &["sweep"]);
    assert_eq!(said, "Removed 2 unused files (22 B).\n");
    let there = [needed, recorded, alone, young].map(|hash| server.file(hash).is_file());
    assert_eq!(there, [true, false, false, true]);
    let rows: i64 = sqlx::query_scalar("select count(*) from blob where hash = $1")
        .bind(recorded.to_string())
        .fetch_one(db.pool())
        .await
        .expect("counted");
    assert_eq!(rows, 0);
    assert_eq!(
        owner.ask::<_, Swept>(&SweepNow {}).await.expect("swept"),
        Swept::default(),
        "nothing is left"
    );
    // The same bytes are stored anew when somebody brings them.
    put(b"recorded");
    assert!(server.file(recorded).is_file());
}

/// A server that was started with a wrong or an empty database knows of none of these blobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_by_another_database_removes_nothing() {
    let server = Server::start();
    let url = server.url("");
    let first = TestApp::on_bucket(url.clone()).await;
    let (_, plate) = uploaded(&first.owner().await).await;
    let alone = first.state.app.store.put_blocking(b"never recorded").expect("stored");
    let both = [Hash::of(&plate), alone];
    let aged = || both.iter().for_each(|hash| server.age(*hash));
    let are_there = || both.iter().all(|hash| server.file(*hash).is_file());
    let refused = async |app: &TestApp| {
        let error = app::upkeep::sweep_by(&app.state.app, "a test").await.expect_err("refused");
        assert!(matches!(error, Failed::Refused(_)), "{error:?}");
        assert!(are_there());
        error.to_string()
    };

    // An empty one, whose the bucket does not become.
    let second = TestApp::on_bucket(url.clone()).await;
    aged();
    let said = refused(&second).await;
    assert!(said.contains("knows of no file at all") && said.contains("holds 2"), "{said}");
    assert!(!server.place("database").exists());
    let look = minus_one(&second, &url, &["sweep", "--dry-run"]);
    assert!(look.starts_with("Would remove 2 unused files"), "{look}");

    // One with rows of its own, once the bucket is somebody's: these bytes are young, and none of the others is its.
    let other = second.owner().await;
    let project = other.project("Another studio").await;
    shot(&second, &other, project).await;
    first.state.app.store.put_blocking(b"never recorded").expect("put again");
    assert_eq!(
        app::upkeep::sweep_by(&first.state.app, "a test").await.expect("swept"),
        Swept::default(),
        "all of it is needed or young"
    );
    aged();
    let said = refused(&second).await;
    assert!(said.contains("belongs to another database") && !said.contains("plates"), "{said}");
    let (status, said) = other.form::<_, Swept>(&SweepNow {}).await.expect_err("refused");
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(said.contains("nothing was removed"), "{said}");
    assert!(are_there());
    let look = minus_one(&second, &url, &["sweep", "--dry-run"]);
    assert!(look.starts_with("Would remove 2 unused files"), "{look}");
    let swept = app::upkeep::sweep_by(&first.state.app, "a test").await.expect("swept");
    // What the other studio put is recorded nowhere here, and young.
    assert_eq!(swept.blobs, 1);
    assert!(server.file(both[0]).is_file() && !server.file(alone).is_file());

    // Somebody who knows better takes the bucket's word away.
    std::fs::remove_file(server.place("database")).expect("whose it is");
    assert_eq!(app::upkeep::sweep_by(&second.state.app, "a test").await.expect("swept").blobs, 1);
}

/// Keys that may put and not delete: nothing is marked, so that nobody waits for a mark that stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_that_may_not_delete_marks_nothing() {
    let server = Server::start();
    let app = TestApp::on_bucket(server.url("")).await;
    let (_, plate) = uploaded(&app.owner().await).await;
    let alone = app.state.app.store.put_blocking(b"never recorded").expect("stored");
    server.age(alone);
    server.does(Some(Fault::Keeps));
    let error = app::upkeep::sweep_by(&app.state.app, "a test").await.expect_err("refused");
    assert!(matches!(error, Failed::Store(storage::Error::Bucket(_))), "{error:?}");
    assert!([Hash::of(&plate), alone].iter().all(|hash| server.file(*hash).is_file()));
    assert!(!server.place("sweep").join(alone.to_string()).exists(), "no mark");
    server.does(None);
    assert_eq!(app::upkeep::sweep_by(&app.state.app, "a test").await.expect("swept").blobs, 1);
}

/// A bucket that fails while a plate is finished and while somebody watches: a sentence that names nothing, and everything is
/// there once it is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_wrong_with_the_bucket_is_said_and_nothing_is_half_there() {
    for fault in [Fault::Silent, Fault::Refuses, Fault::LosesPart, Fault::CutsPart] {
        let server = Server::start();
        // A silent one is waited for; one that answers may be slow on a busy machine.
        let patience = if fault == Fault::Silent { "&timeout_s=5" } else { "" };
        let app = TestApp::on_bucket(server.url(patience)).await;
        let owner = app.owner().await;
        let (shot_id, plate) = uploaded(&owner).await;
        clear(&app.state.app.store.path_of(Hash::of(&plate)));
        let project = owner.project("Next").await;
        // Large enough to go in parts.
        let bytes: Vec<u8> = (0..33u32 << 20).map(|n| (n.wrapping_mul(2_246_822_519) >> 24) as u8).collect();
        let hash = Hash::of(&bytes);
        let at = place(&create(&owner, project, "lemon.mov", bytes.len()).await);
        server.does(Some(fault));
        let failed = patch(&owner, &at, 0, &bytes).await;
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        let said = failed.text().await.expect("a body");
        assert!(said.contains("The whole file is here") && said.contains("Resume"), "{fault:?}: {said}");
        assert!(!said.contains("plates") && !said.contains(crate::s3::secret()), "{fault:?}: {said}");
        let kept: i64 = sqlx::query_scalar("select count(*) from blob where hash = $1")
            .bind(hash.to_string())
            .fetch_one(app.state.app.db.pool())
            .await
            .expect("counted");
        assert_eq!((kept, server.file(hash).exists()), (0, false), "{fault:?}");
        if matches!(fault, Fault::Silent | Fault::Refuses) {
            let watched = owner.get(&format!("/media/shots/{shot_id}/plate")).await;
            assert_eq!(watched.status(), StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
            let said = watched.text().await.expect("a body");
            assert!(said.contains("does not answer, so this was not done"), "{fault:?}: {said}");
            assert!(!said.contains("plates"), "{fault:?}: {said}");
        }
        server.does(None);
        let head =
            owner.client.head(format!("{}{at}", owner.url)).header("tus-resumable", "1.0.0").send().await;
        assert_eq!(head.expect("an answer").status(), StatusCode::OK, "{fault:?}");
        assert!(std::fs::read(server.file(hash)).expect("in the bucket") == bytes, "{fault:?}");
        assert!(
            owner.get(&format!("/media/shots/{shot_id}/plate")).await.bytes().await.expect("a body") == plate
        );
    }
}
