//! Names that people choose are text wherever they are shown: of projects, sequences, shots, accounts and links.

use app::api::guests::JoinShare;
use app::api::life::PutIntoBin;
use app::api::people::{Invite, MakeResetLink};
use app::api::projects::CreateSequence;
use app::api::session::ChangeName;
use app::api::shares::CreateLink;
use app::api::shots::{RenameShot, SetSequence};
use app::api::threads::StartThread;
use app::api::versions::ShowClient;
use domain::{PersonId, Role, SequenceId, Thing, ThreadId};
use reqwest::StatusCode;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};
use crate::share::{ALL, make, new_link};
use crate::threads::me;

/// Ends a title and begins a script, where it is not taken for text.
const NAME: &str = "</title><script>alert(1)</script>";

/// The page shows the name, and runs nothing of it.
async fn is_text(actor: &Actor, page: &str, who: &str) {
    let answer = actor.get(page).await;
    assert_eq!((answer.status(), answer.url().path()), (StatusCode::OK, page), "{who}");
    let html = answer.text().await.expect("a page");
    assert!(html.contains("alert(1)"), "{who} {page}: the name is not shown at all");
    for live in ["<script>alert(1)", "</title><script>"] {
        let at = html.find(live).map(|at| html[..at].chars().rev().take(80).collect::<String>());
        assert!(at.is_none(), "{who} {page}: {live}, after (backwards) {at:?}");
    }
}

#[tokio::test]
async fn script_in_a_name_is_text_on_every_page() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        owner.ask::<_, ()>(&ChangeName { name: NAME.into() }).await.expect("named");
        let project_id = owner.project(NAME).await;
        let made = reviewed(&app, &owner, project_id).await;
        let (shot_id, version_id) = (made.shot_id, made.version_id);
        owner.ask::<_, ()>(&RenameShot { shot_id, name: NAME.into() }).await.expect("named");
        let sequence_id: SequenceId =
            owner.ask(&CreateSequence { project_id, name: NAME.into() }).await.expect("a sequence");
        let into = SetSequence { shot_id, sequence_id: Some(sequence_id) };
        owner.ask::<_, ()>(&into).await.expect("in it");
        let gone = Thing::Project(owner.project(&format!("{NAME} 2")).await);
        owner.send::<_, ()>(&PutIntoBin { thing: gone }).await.expect("in the bin");
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        let artist = app.member(&owner, Role::Artist, Some(project_id)).await;
        let client = app.member(&owner, Role::Client, Some(project_id)).await;
        for actor in [&artist, &client] {
            actor.ask::<_, ()>(&ChangeName { name: NAME.into() }).await.expect("named");
        }
        let link = CreateLink { name: NAME.into(), ..new_link(project_id, &[version_id], ALL) };
        let token = make(&app, &owner, link).await;
        let guest = app.nobody();
        let join = JoinShare { token: token.clone(), name: NAME.into() };
        guest.form::<_, PersonId>(&join).await.expect("joined");
        let thread = StartThread {
            shot_id,
            version_id: Some(version_id),
            frames: None,
            client_visible: true,
            text: NAME.into(),
            drawing: None,
        };
        owner.send::<_, ThreadId>(&thread).await.expect("said");

        let board = format!("/projects/{project_id}");
        let settings = format!("/projects/{project_id}/settings");
        let shot = ["targets", "quadmask", "removal", "review"].map(|tab| format!("/shots/{shot_id}/{tab}"));
        let studio = ["/", "/people", "/profile", "/audit", "/bin", "/disk", "/jobs"];
        let pages =
            studio.map(str::to_owned).into_iter().chain([board.clone(), settings]).chain(shot.clone());
        for page in pages {
            is_text(&owner, &page, &format!("{engine} owner")).await;
        }
        for page in ["/", &board, &shot[3]] {
            is_text(&artist, page, &format!("{engine} artist")).await;
            is_text(&client, page, &format!("{engine} client")).await;
        }
        for page in [format!("/share/{token}"), format!("/share/{token}/{shot_id}")] {
            is_text(&guest, &page, &format!("{engine} guest")).await;
            is_text(&app.nobody(), &page, &format!("{engine} nobody")).await;
        }

        // Before somebody is signed in: who invites, and whose password it is.
        let invited: String =
            owner.ask(&Invite { role: Role::Artist, project_id: Some(project_id) }).await.expect("a link");
        let person_id = me(&artist).await;
        let reset: String = owner.ask(&MakeResetLink { person_id }).await.expect("a link");
        for address in [invited, reset] {
            let page =
                address.strip_prefix(&app.state.app.public_url).expect("built from the public address");
            is_text(&app.nobody(), page, &format!("{engine} nobody")).await;
        }
    }
}
