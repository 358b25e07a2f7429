//! Health, readiness and metrics.

use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::TestApp;
use crate::s3::{Fault, Server};

#[tokio::test]
async fn the_server_says_that_it_is_ready_and_that_no_worker_runs() {
    for app in TestApp::each().await {
        let nobody = app.nobody();
        assert_eq!(nobody.get("/healthz").await.status(), StatusCode::OK);
        let ready = nobody.get("/readyz").await;
        assert_eq!(ready.status(), StatusCode::OK);
        let ready: Value = ready.json().await.expect("JSON");
        assert_eq!(ready["ready"], true, "{ready}");
        assert!(ready["warnings"][0].as_str().is_some_and(|text| text.contains("No worker")), "{ready}");

        // A store that cannot be written is a reason to send nobody here.
        let root = app.state.app.store.root().to_owned();
        let parked = root.with_extension("parked");
        std::fs::rename(&root, &parked).expect("taken away");
        std::fs::write(&root, "no folder").expect("in its way");
        let broken = nobody.get("/readyz").await;
        assert_eq!(broken.status(), StatusCode::SERVICE_UNAVAILABLE);
        let broken: Value = broken.json().await.expect("JSON");
        assert_eq!(broken["checks"][1]["ok"], false, "{broken}");
        std::fs::remove_file(&root).expect("out of its way");
        std::fs::rename(&parked, &root).expect("put back");
        assert_eq!(nobody.get("/readyz").await.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readiness_asks_the_bucket_and_not_more_often_than_it_must() {
    let server = Server::start();
    let app = TestApp::on_bucket(server.url("")).await;
    let nobody = app.nobody();
    let check = async || {
        let answer = nobody.get("/readyz").await;
        let status = answer.status();
        let told: Value = answer.json().await.expect("JSON");
        let bucket =
            told["checks"].as_array().expect("checks").iter().find(|c| c["name"] == "bucket").cloned();
        (status, bucket.expect("it is named"))
    };
    let before = server.asked();
    for _ in 0..10 {
        let (status, bucket) = check().await;
        assert_eq!((status, &bucket["ok"]), (StatusCode::OK, &Value::Bool(true)), "{bucket}");
    }
    assert!(server.asked() - before <= 2, "{} questions for ten probes", server.asked() - before);
    for (fault, words) in [(Fault::Silent, "does not answer"), (Fault::Refuses, "refuses the server’s keys")]
    {
        server.does(Some(fault));
        tokio::time::sleep(std::time::Duration::from_millis(5_200)).await;
        let begun = std::time::Instant::now();
        let (status, bucket) = check().await;
        assert_eq!(
            (status, &bucket["ok"]),
            (StatusCode::SERVICE_UNAVAILABLE, &Value::Bool(false)),
            "{bucket}"
        );
        assert!(bucket["problem"].as_str().is_some_and(|said| said.contains(words)), "{bucket}");
        assert!(!bucket.to_string().contains("plates"), "{bucket}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(6), "{:?}", begun.elapsed());
    }
    server.does(None);
    tokio::time::sleep(std::time::Duration::from_millis(5_200)).await;
    assert_eq!(check().await.0, StatusCode::OK);
}

/// A load balancer waits less long than the bucket is waited for: what it asked is told to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_probe_that_gives_up_leaves_its_answer_to_the_next() {
    let server = Server::start();
    let app = TestApp::on_bucket(server.url("")).await;
    let nobody = app.nobody();
    server.does(Some(Fault::Silent));
    let before = server.asked();
    for _ in 0..6 {
        let probe = nobody.client.get(format!("{}/readyz", app.url));
        let answer = probe.timeout(std::time::Duration::from_millis(400)).send().await;
        assert!(answer.is_err() || answer.is_ok_and(|told| told.status() == StatusCode::SERVICE_UNAVAILABLE));
    }
    assert_eq!(nobody.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(server.asked() - before <= 2, "{} questions for seven probes", server.asked() - before);
}

#[tokio::test]
async fn metrics_count_answers_and_hold_no_secrets() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        owner.project("Secret project").await;
        owner.get("/share/a-token-that-nobody-may-read").await;
        let stream = owner.get("/events").await;
        assert_eq!(stream.status(), StatusCode::OK);
        let text = owner.get("/metrics").await.text().await.expect("text");
        for line in [
            "minus_one_http_requests_total{route=\"/api/create_project\",method=\"POST\",status=\"200\"} 1",
            "minus_one_event_streams 1",
            "minus_one_workers 0",
            "minus_one_blobs 0",
            "# EOF",
        ] {
            assert!(text.contains(line), "{} has no {line}:\n{text}", app.engine());
        }
        for secret in ["a-token-that-nobody-may-read", "Secret project", "owner@studio.test"] {
            assert!(!text.contains(secret), "{secret}");
        }
        drop(stream);
        let proxied = owner.client.get(format!("{}/metrics", app.url)).header("x-forwarded-for", "192.0.2.7");
        assert_eq!(proxied.send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    }
}
