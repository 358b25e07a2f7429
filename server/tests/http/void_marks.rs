//! A shot's marks for VOID's own tools, through the page's address: whole, by right, on record, and readable again.

use std::io::{Cursor, Read};

use app::api::shots::{AddCause, AddTarget, SaveCause, SaveTarget, SaveWords};
use domain::void_files::{POINTS, read};
use domain::{Cause, Consequence, Deed, PathPoint, PointPrompt, Role, ShotId, Target, Words};
use reqwest::StatusCode;

use crate::harness::{Actor, TestApp};
use crate::imports::ready;
use crate::rows;

/// Names and texts of the archive.
async fn taken(actor: &Actor, shot_id: ShotId) -> Vec<(String, String)> {
    let answer = actor.get(&format!("/media/shots/{shot_id}/void.zip")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let named = answer.headers()["content-disposition"].to_str().expect("ASCII").to_owned();
    assert!(named.ends_with("_void.zip\""), "{named}");
    let bytes = answer.bytes().await.expect("whole");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut texts = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).expect("an entry");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        texts.push((entry.name().to_owned(), text));
    }
    texts
}

async fn lines(app: &TestApp) -> i64 {
    let text = "select count(*) from audit where deed = $1";
    let query = sqlx::query_scalar(text).bind(Deed::MarksExported.slug());
    query.fetch_one(app.state.app.db.pool()).await.expect("counted")
}

#[tokio::test]
async fn marks_are_packed_as_they_are_and_read_again() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let shot_id = ready(&app, &owner).await;
        let target: Target = owner.ask(&AddTarget { shot_id, name: "Press".into() }).await.expect("a target");
        let points = vec![PointPrompt { frame: 2, x: 9.5, y: 7.25, positive: true }];
        let target = Target { points, ..target };
        owner.send::<_, ()>(&SaveTarget { shot_id, target: target.clone() }).await.expect("saved");
        let cause: Cause = owner.ask(&AddCause { shot_id, name: "Ball".into() }).await.expect("a cause");
        let path = vec![PathPoint { frame: 0, x: 9.0, y: 9.5 }, PathPoint { frame: 4, x: 30.0, y: 9.0 }];
        let cause = Cause { consequence: Consequence::React, path, ..cause };
        owner.send::<_, ()>(&SaveCause { shot_id, cause: cause.clone() }).await.expect("saved");
        let words = Words { removal: "remove the press".into(), after: "A ball rolls on.".into() };
        owner.send::<_, ()>(&SaveWords { shot_id, words }).await.expect("saved");

        let texts = taken(&owner, shot_id).await;
        assert!(texts.iter().any(|(name, _)| name == POINTS), "{engine}");
        let files: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let brought =
            read(&files, "plate", rows::FRAMES, (rows::WIDTH, rows::HEIGHT)).expect("our own files");
        assert_eq!(brought.targets, [target], "{engine}");
        assert_eq!(brought.paths[0].path, cause.path, "{engine}");
        assert_eq!(brought.after.as_deref(), Some("A ball rolls on."), "{engine}");

        // On record once for each time that it was taken; looking at its headers takes nothing.
        assert_eq!(lines(&app).await, 1, "{engine}");
        let url = format!("{}/media/shots/{shot_id}/void.zip", app.url);
        assert_eq!(owner.client.head(&url).send().await.expect("an answer").status(), StatusCode::OK);
        assert_eq!(lines(&app).await, 1, "{engine}");
        taken(&owner, shot_id).await;
        assert_eq!(lines(&app).await, 2, "{engine}");
    }
}

#[tokio::test]
async fn a_plate_that_was_not_read_has_no_marks_and_clients_get_none() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let shot_id = crate::rights::shot(&app, &owner, project).await;
        let address = format!("/media/shots/{shot_id}/void.zip");
        let answer = owner.get(&address).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{engine}");
        assert!(answer.text().await.expect("words").contains("not read yet"), "{engine}");
        let client = app.member(&owner, Role::Client, Some(project)).await;
        assert_eq!(client.get(&address).await.status(), StatusCode::NOT_FOUND, "{engine}");
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        assert_eq!(artist.get(&address).await.status(), StatusCode::CONFLICT, "{engine}");
        assert_eq!(app.nobody().get(&address).await.status(), StatusCode::UNAUTHORIZED, "{engine}");
        assert_eq!(lines(&app).await, 0, "{engine}");
    }
}
