//! Event streams: what happened while a page was on its way is heard too, by those who may.

use app::api::threads::StartThread;
use domain::{Role, ShotId, ThreadId};
use reqwest::Response;

use crate::harness::TestApp;
use crate::share::{ALL, make, new_link};
use crate::threads::reviewed;

/// What comes within a second.
async fn soon(mut stream: Response) -> String {
    let mut text = String::new();
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(end, stream.chunk()).await {
        text += &String::from_utf8_lossy(&chunk);
    }
    text
}

/// Waits until a stream that was open before has told of `word`: one that opens now hears of it only by asking since when.
async fn heard(stream: &mut Response, word: &str) {
    let mut text = String::new();
    let all = async {
        while !text.contains(word) {
            let chunk = stream.chunk().await.expect("open").expect("more");
            text += &String::from_utf8_lossy(&chunk);
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("told");
}

#[tokio::test]
async fn a_stream_begins_with_what_happened_since_its_page_was_made() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        let client = app.member(&owner, Role::Client, Some(project)).await;
        let token = make(&app, &owner, new_link(project, &[version_id], ALL)).await;
        // Older than what a page's own transactions may bear.
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        let made = db::now();
        let mut before = owner.get("/events").await;
        let thread = StartThread {
            shot_id,
            version_id: None,
            frames: None,
            client_visible: false,
            text: "Said while the page was on its way".into(),
            drawing: None,
        };
        owner.send::<_, ThreadId>(&thread).await.expect("said");
        heard(&mut before, "\"thread\"").await;
        let (since, guests) =
            (format!("/events?since={made}"), format!("/share-media/{token}/events?since={made}"));
        let told = [owner.get(&since).await, owner.get("/events").await, client.get(&since).await];
        let [owners, later, clients] = told.map(soon);
        let (owners, later, clients) = (owners.await, later.await, clients.await);
        assert!(owners.contains("\"thread\"") && owners.contains(&shot_id.to_string()), "{owners}");
        assert!(!later.contains("thread"), "{later}");
        assert!(clients.contains("hello") && !clients.contains("thread"), "{clients}");
        let guest = soon(app.nobody().get(&guests).await).await;
        assert!(guest.contains("hello") && !guest.contains("thread"), "{guest}");

        // For the client, and so for the link.
        let shown = StartThread { client_visible: true, version_id: Some(version_id), ..thread };
        owner.send::<_, ThreadId>(&shown).await.expect("said");
        let guest = soon(app.nobody().get(&guests).await).await;
        assert!(guest.contains("\"thread\"") && !guest.contains(&project.to_string()), "{guest}");
        let wrong = owner.get("/events?since=yesterday").await;
        assert_eq!(wrong.status(), reqwest::StatusCode::BAD_REQUEST, "{}", app.engine());
    }
}

#[tokio::test]
async fn a_page_that_slept_long_is_told_to_read_everything_again() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, _) = reviewed(&app, &owner, project).await;
        let db = &app.state.app.db;
        let last = ShotId(db::new_uuid());
        let mut before = owner.get("/events").await;
        for n in 0..120 {
            let about = if n < 119 { shot_id } else { last };
            db.write(move |tx| {
                Box::pin(async move {
                    db::events::tell(tx, Some(project), Some(about), &domain::EventKind::Shot).await
                })
            })
            .await
            .expect("told");
        }
        heard(&mut before, &last.to_string()).await;
        let text = soon(owner.get(&format!("/events?since={}", db::now() - 60_000_000)).await).await;
        assert!(text.contains("event: reset") && !text.contains("\"shot\""), "{} {text}", app.engine());
    }
}

/// Nobody knows what is among more than are looked through, also where little of it is for who asks.
#[tokio::test]
async fn a_page_that_missed_more_than_is_looked_through_is_told_to_read_everything_again() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (shot_id, version_id) = reviewed(&app, &owner, ours).await;
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let token = make(&app, &owner, new_link(ours, &[version_id], ALL)).await;
        let since = db::now() + 2_000_000;
        tokio::time::sleep(std::time::Duration::from_millis(2_000)).await;
        let tell = async |project, many: u32| {
            let told = app.state.app.db.write(move |tx| {
                Box::pin(async move {
                    for _ in 0..many {
                        db::events::tell(tx, Some(project), Some(shot_id), &domain::EventKind::Shot).await?;
                    }
                    Ok(())
                })
            });
            told.await.expect("told");
        };
        tell(theirs, 1_500).await;
        tell(ours, 1).await;
        let streams = [
            (&artist, format!("/events?since={since}")),
            (&app.nobody(), format!("/share-media/{token}/events?since={since}")),
        ];
        // Few enough: what is heard of them is told, and no more.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        for (who, path) in &streams {
            let text = soon(who.get(path).await).await;
            assert!(!text.contains("event: reset"), "{engine} {path}: {text}");
        }
        tell(theirs, 600).await;
        tell(ours, 1).await;
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        for (who, path) in &streams {
            let text = soon(who.get(path).await).await;
            assert!(text.contains("event: reset"), "{engine} {path}: {text}");
        }
    }
}
