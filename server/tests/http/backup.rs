//! `minus-one backup` beside a running server, and `minus-one restore` into the other engine and a folder, where people sign in and
//! find everything. The real program, as an administrator calls it.

use std::path::Path;
use std::process::{Command, Output};

use app::api::session::SignIn;
use domain::Deed;
use tempfile::TempDir;

use crate::harness::{PASSWORD, TestApp};
use crate::rights::shot;
use crate::rows::postgres_url;

fn minus_one(words: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_minus-one"));
    for name in ["DATABASE_URL", "DATA_DIR", "STORAGE_URL"] {
        program.env_remove(name);
    }
    program.args(words).output().expect("the program runs")
}

/// What it printed, when it ended well.
fn told(words: &[&str]) -> String {
    let output = minus_one(words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(words: &[&str]) -> String {
    let output = minus_one(words);
    assert!(!output.status.success(), "{words:?}");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_studio_is_saved_while_it_is_open_and_opens_on_the_other_engine() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project_id = owner.project("Ünïcode 映画").await;
        let shot_id = shot(&app, &owner, project_id).await;
        let backup = TempDir::new().expect("a folder");
        let to = text(backup.path());
        let data = app.data().to_owned();
        let mut place = vec!["--data", text(&data)];
        if let Some(url) = app.database_url() {
            place.extend(["--database-url", url]);
        }
        if let Some(url) = app.storage_url() {
            place.extend(["--storage-url", url]);
        }
        let said = told(&[&["backup", "--to", to], &place[..]].concat());
        assert!(said.contains(" blobs (") && said.contains("Left out are sessions"), "{said}");
        let name = said.split(':').next().expect("a name").to_owned();
        let newest =
            async |db: &db::Db| db::audit::page(db, &Default::default(), 1).await.expect("read").remove(0);
        let line = newest(&app.state.app.db).await;
        assert_eq!((line.deed, line.who.as_str()), (Deed::BackUpMade, "the command line"));
        assert!(line.about.starts_with(&name), "{line:?}");
        assert_eq!(told(&["backup", "list", "--from", to]).lines().count(), 1);
        let said = told(&["backup", "verify", "--from", to]);
        assert!(said.contains("everything is as it was written"), "{said}");

        // A server has it open, and a mistake must not cost what is there.
        let said = refused(&[&["restore", "--from", to], &place[..]].concat());
        assert!(said.contains("stop its server") || said.contains("not empty"), "{said}");

        let other = TempDir::new().expect("a folder");
        let url = match app.database_url() {
            Some(_) => None,
            None => postgres_url().await,
        };
        let mut there = vec!["--data", text(other.path())];
        if let Some(url) = &url {
            there.extend(["--database-url", url]);
        }
        let said = told(&[&["restore", "--from", to], &there[..]].concat());
        assert!(said.starts_with("Restored "), "{said}");

        let restored = TestApp::at(app.engine(), other, url).await;
        let line = newest(&restored.state.app.db).await;
        assert_eq!((line.deed, line.about.as_str()), (Deed::BackUpRestored, name.as_str()));
        let again = restored.nobody();
        let sign_in = SignIn { email: "owner@studio.test".into(), password: PASSWORD.into() };
        again.ask::<SignIn, ()>(&sign_in).await.expect("the same password");
        let board = again.get(&format!("/projects/{project_id}")).await.text().await.expect("a page");
        assert!(board.contains("Ünïcode 映画"), "{board}");
        let plate = again.get(&format!("/media/shots/{shot_id}/plate")).await;
        assert_eq!(plate.status(), 200);
        let before = owner.get(&format!("/media/shots/{shot_id}/plate")).await;
        assert_eq!(plate.bytes().await.expect("bytes"), before.bytes().await.expect("bytes"));
    }
}

#[test]
fn damage_ends_with_one_and_a_sentence() {
    let folder = TempDir::new().expect("a folder");
    let said = refused(&["backup", "list", "--from", text(folder.path())]);
    assert!(said.contains("There is no back-up"), "{said}");
    let said = refused(&["backup", "--to", text(folder.path()), "--data", text(&folder.path().join("none"))]);
    assert!(said.contains("There is no studio"), "{said}");
    let said = refused(&["backup"]);
    assert!(said.contains("--to"), "{said}");
}
