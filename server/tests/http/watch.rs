//! Health, readiness and metrics.

use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::TestApp;

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
