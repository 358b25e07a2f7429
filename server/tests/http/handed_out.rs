//! What is handed out to be kept: through links files of approved versions only, and nothing else that tells where or under which
//! hash it lies; and names of files that are no more than names.

use app::api::guests::GetSharedShot;
use app::api::shared::SharedShot;
use domain::package::What;
use domain::{Grants, Hash, ShotId, Verdict};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::decisions::reviewed;
use crate::deliveries::{FILM, decide, deliver};
use crate::harness::{Actor, TestApp, client};
use crate::s3::Server;
use crate::share::{ALL, make, new_link};
use crate::uploads::{create, patch, place};
use crate::{rows, transact};

#[tokio::test]
async fn a_guest_takes_the_lossless_master_only_while_its_version_is_approved() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let master = format!("/share-media/{token}/versions/{}/result.mkv", made.version_id);
        let visitor = app.nobody();
        let is_offered = async || {
            let call = GetSharedShot { token: token.clone(), shot_id: made.shot_id };
            let shot: SharedShot = visitor.ask(&call).await.expect("a shot");
            let page = visitor.get(&format!("/share/{token}")).await.text().await.expect("a page");
            (shot.versions[0].has_movies, page.contains("result.mkv"))
        };
        let refused = async |when: &str| {
            let answer = visitor.get(&master).await;
            assert_eq!(answer.status(), StatusCode::CONFLICT, "{engine} {when}");
            let said = answer.text().await.expect("words");
            assert!(said.contains("Version 1 is not approved") && !said.contains("result"), "{said}");
            assert_eq!(is_offered().await, (false, false), "{engine} {when}");
        };
        refused("nobody decided").await;
        // What is watched is not asked for an approval.
        let proxy = master.replace("result.mkv", "proxy.mov");
        assert_eq!(visitor.get(&proxy).await.status(), StatusCode::OK, "{engine}");
        decide(&owner, &made, Verdict::Approve, "").await;
        let taken = visitor.get(&master).await;
        assert_eq!(taken.status(), StatusCode::OK, "{engine}");
        assert_eq!(taken.bytes().await.expect("bytes").as_ref(), b"result");
        assert_eq!(is_offered().await, (true, true), "{engine}");
        decide(&owner, &made, Verdict::Changes, "The edge.").await;
        refused("changes were asked for").await;
    }
}

/// Everything of an answer that a guest can look at, but for the bytes.
fn told(answer: &Response) -> String {
    let headers = answer.headers().iter().map(|(name, value)| format!("{name}: {value:?}"));
    headers.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_guest_is_sent_to_the_bucket_only_for_what_the_link_grants() {
    let server = Server::start();
    let app = TestApp::on_bucket(server.url("&presign=true")).await;
    let owner = app.owner().await;
    let ours = owner.project("Ours").await;
    let made = reviewed(&app, &owner, ours).await;
    decide(&owner, &made, Verdict::Approve, "").await;
    deliver(&app, made.version_id, What::Movie).await;
    let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
    let of_version = format!("/share-media/{token}/versions/{}", made.version_id);
    let outside = client().redirect(Policy::none()).build().expect("a client");
    let guest = Actor { client: outside, url: app.url.clone() };
    // What is watched is sent by the server, whether a copy is on it or not.
    let proxy = format!("{of_version}/proxy.mov");
    for is_copied in [true, false] {
        if !is_copied {
            std::fs::remove_file(app.state.app.store.path_of(Hash::of(b"proxy"))).expect("a copy was there");
        }
        let answer = guest.get(&proxy).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let told = told(&answer);
        let hash = Hash::of(b"proxy").to_string();
        for secret in [hash.as_str(), "plates", "blobs", "X-Amz", "location"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
        assert_eq!(answer.bytes().await.expect("bytes").as_ref(), b"proxy");
        let part = guest.client.get(format!("{}{proxy}", app.url)).header("range", "bytes=1-3");
        let part = part.send().await.expect("an answer");
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.bytes().await.expect("bytes").as_ref(), b"rox");
    }
    // What may be kept is fetched at an address that is soon over.
    let files = ["result.mkv", "deliveries/h264.mov"].map(|file| format!("{of_version}/{file}"));
    for (file, bytes) in files.iter().zip([&b"result"[..], FILM]) {
        let answer = guest.get(file).await;
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT, "{file}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{file}");
        let address = answer.headers()["location"].to_str().expect("ASCII").to_owned();
        assert!(address.contains("X-Amz-Expires=60&"), "{address}");
        let there = Client::new().get(address).send().await.expect("an answer");
        assert_eq!(there.bytes().await.expect("bytes").as_ref(), bytes, "{file}");
    }
    // No approval, no grant, no link: no address.
    let refused = async |file: &str, status: StatusCode| {
        let answer = guest.get(file).await;
        assert_eq!(answer.status(), status, "{file}");
        let told = told(&answer);
        assert!(!told.contains("X-Amz") && !told.contains("location"), "{file}: {told}");
    };
    let watching = Grants { download: false, ..ALL };
    let watched = make(&app, &owner, new_link(ours, &[made.version_id], watching)).await;
    for file in &files {
        refused(&file.replace(&token, &watched), StatusCode::FORBIDDEN).await;
    }
    decide(&owner, &made, Verdict::Changes, "The edge.").await;
    for file in &files {
        refused(file, StatusCode::CONFLICT).await;
    }
    // The team is sent there, where that was asked for.
    let sign_in = app::api::session::SignIn {
        email: "owner@studio.test".into(),
        password: crate::harness::PASSWORD.into(),
    };
    let inside = client().cookie_store(true).redirect(Policy::none()).build().expect("a client");
    let inside = Actor { client: inside, url: app.url.clone() };
    inside.ask::<_, ()>(&sign_in).await.expect("signed in");
    let answer = inside.get(&format!("/media/versions/{}/result.mkv", made.version_id)).await;
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
}

/// Whatever a plate's file is called, it is text on every page and one plain name in a header.
#[tokio::test]
async fn script_in_the_name_of_a_plate_is_text_and_no_header() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        for name in [
            "<img src=x onerror=alert(1)>.mov",
            "<script>alert(1)<script>.mov",
            "<!-- & <title>.mov",
            "a\"; filename=\"evil.html",
            "x\" onfocus=\"alert(1)\" autofocus=\".mov",
            "ünïcode 映画.mov",
        ] {
            let bytes = format!("the plate {name}").into_bytes();
            let made = create(&owner, ours, name, bytes.len()).await;
            assert_eq!(made.status(), StatusCode::CREATED, "{engine} {name}");
            let at = place(&made);
            assert_eq!(
                patch(&owner, &at, 0, &bytes).await.status(),
                StatusCode::NO_CONTENT,
                "{engine} {name}"
            );
            let told: serde_json::Value = owner.get(&at).await.json().await.expect("JSON");
            let shot_id: ShotId = told["shot_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
            let (facts, read) = (rows::facts(), rows::read());
            transact!(&app.state.app.db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read, "[]"))
                .expect("ingested");
            let kept = db::shots::get(app.state.app.db.pool(), shot_id).await.expect("there");
            assert_eq!(kept.file_name, name, "{engine}: as it came");
            for page in [
                format!("/projects/{ours}"),
                format!("/shots/{shot_id}/quadmask"),
                format!("/shots/{shot_id}/review"),
                "/jobs".to_owned(),
            ] {
                let answer = owner.get(&page).await;
                assert_eq!(answer.status(), StatusCode::OK, "{engine} {page} {name}");
                let html = answer.text().await.expect("a page");
                for live in ["<img src=x", "<script>alert(1)", "<!-- &"] {
                    assert!(!html.contains(live), "{engine} {page}: {live} of {name}");
                }
                // Between tags a quotation mark ends nothing.
                for (at, _) in html.match_indices("\" onfocus=\"alert(1)") {
                    let is_in_tag = html[..at].rfind('<') > html[..at].rfind('>');
                    assert!(!is_in_tag, "{engine} {page}: an attribute of {name}");
                }
            }
            let plate = owner.get(&format!("/media/shots/{shot_id}/plate")).await;
            let said = plate.headers()["content-disposition"].to_str().expect("ASCII").to_owned();
            let inside = said.strip_prefix("attachment; filename=\"").and_then(|rest| rest.strip_suffix('"'));
            let inside = inside.unwrap_or_else(|| panic!("{said}"));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            assert!(!inside.is_empty() && inside.chars().all(is_plain), "{engine} {name}: {said}");
            assert_eq!(plate.headers()["content-type"], "application/octet-stream");
            assert_eq!(plate.headers()["x-content-type-options"], "nosniff");
            assert_eq!(plate.bytes().await.expect("bytes").as_ref(), bytes, "{engine} {name}");
        }
    }
}
