//! Links for people without an account: what they show, what guests do, and that nothing else leaves the server on this way.

use app::api::guests::{
    GetGuestThreads, GetShare, GetSharedShot, GuestDecide, GuestReply, JoinShare, StartGuestThread,
    UnlockShare,
};
use app::api::people::{ListPeople, PersonRow, SetActive, SetRole};
use app::api::session::{GetViewer, Viewer};
use app::api::shared::ShareView;
use app::api::shares::{CreateLink, GetShares, RevokeLink, SharesView};
use app::api::shots::{GetShot, ShotView};
use app::api::threads::{StartThread, ThreadsView};
use app::api::versions::DecideVersion;
use domain::thread::{Form, Ink, Shape};
use domain::{
    CommentId, Drawing, FrameRange, Grants, Hash, PersonId, PlateRecipe, ProjectId, Role, ShotId, ThreadId,
    Verdict, VersionId,
};
use leptos::server_fn::ServerFn;
use reqwest::{Response, StatusCode};
use serde::Serialize;

use crate::decisions::reviewed;
use crate::harness::{Actor, TestApp};
use crate::{rows, transact};

pub const ALL: Grants = Grants { comment: true, approve: true, download: true };
pub const WATCH: Grants = Grants { comment: false, approve: false, download: false };

pub fn new_link(project_id: ProjectId, versions: &[VersionId], grants: Grants) -> CreateLink {
    let (name, versions) = ("For the client".into(), versions.to_vec());
    CreateLink { project_id, name, versions, grants, password: None, days: Some(7) }
}

/// Makes the link; the token of its address.
pub async fn make(app: &TestApp, maker: &Actor, link: CreateLink) -> String {
    let address: String = maker.send(&link).await.expect("a link");
    let start = format!("{}/share/", app.state.app.public_url);
    address.strip_prefix(&start).expect("built from the public address").to_owned()
}

/// A shot's next version.
pub async fn next_version(app: &TestApp, owner: &Actor, shot_id: ShotId) -> VersionId {
    let viewer: Viewer = owner.ask(&GetViewer {}).await.expect("a viewer");
    let person = viewer.person.expect("signed in").person_id;
    let db = &app.state.app.db;
    let over = sqlx::query("update job set state = 'done' where kind = 'remove'");
    over.execute(db.pool()).await.expect("no worker runs here");
    let (finished, recipe) = (rows::finished("another"), PlateRecipe::default());
    transact!(db, [finished, recipe], |tx| async move {
        let (run_id, _) = db::runs::start(tx, shot_id, recipe, person).await?;
        db::runs::started(tx, run_id).await?;
        db::versions::create(tx, run_id, &finished).await
    })
    .expect("a version")
}

/// Files are handed out of approved versions only.
pub async fn approve(app: &TestApp, owner: &Actor, version_id: VersionId) {
    let seen = db::versions::get(app.state.app.db.pool(), version_id).await.expect("there").subject;
    let decide = DecideVersion { version_id, seen, verdict: Verdict::Approve, note: String::new() };
    owner.ask::<_, ()>(&decide).await.expect("approved");
}

pub fn about(token: &str, version_id: VersionId, text: &str) -> StartGuestThread {
    let (token, frames, drawing) = (token.to_owned(), Some(FrameRange::one(0)), None);
    StartGuestThread { token, version_id, frames, text: text.into(), drawing }
}

/// A browser that gave its name on the link.
pub async fn guest(app: &TestApp, token: &str, name: &str) -> Actor {
    let actor = app.nobody();
    let join = JoinShare { token: token.to_owned(), name: name.into() };
    actor.form::<_, PersonId>(&join).await.expect("joined");
    actor
}

/// What a server function answers, as text.
async fn said<F: ServerFn + Serialize>(actor: &Actor, call: &F) -> String {
    let request = actor.client.post(format!("{}{}", actor.url, F::PATH)).header("accept", "application/json");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(crate::harness::serde_qs(call)).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.expect("a body")
}

fn internal(shot_id: ShotId, version_id: Option<VersionId>, text: &str, shown: bool) -> StartThread {
    let frames = Some(FrameRange::one(1));
    StartThread { shot_id, version_id, frames, client_visible: shown, text: text.into(), drawing: None }
}

async fn shares(actor: &Actor, project_id: ProjectId) -> SharesView {
    actor.ask(&GetShares { project_id }).await.expect("links")
}

#[tokio::test]
async fn a_link_shows_its_versions_and_nothing_else_of_the_project() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let first = reviewed(&app, &owner, ours).await;
        let second = next_version(&app, &owner, first.shot_id).await;
        let token = make(&app, &owner, new_link(ours, &[second], WATCH)).await;
        let secret = "Not for the client";
        owner.send::<_, ThreadId>(&internal(first.shot_id, Some(second), secret, false)).await.expect("said");
        // For clients, but about a version that the link does not show.
        let other = internal(first.shot_id, Some(first.version_id), "About the first version", true);
        owner.send::<_, ThreadId>(&other).await.expect("said");

        let nobody = app.nobody();
        let view: ShareView =
            nobody.ask(&GetShare { token: token.clone(), shot_id: None }).await.expect("open");
        let versions: Vec<VersionId> = view.shot.versions.iter().map(|v| v.version_id).collect();
        assert_eq!((versions, view.shots.len()), (vec![second], 1));
        let shot_id = first.shot_id;
        let text = [
            said(&nobody, &GetShare { token: token.clone(), shot_id: None }).await,
            said(&nobody, &GetSharedShot { token: token.clone(), shot_id }).await,
            said(&nobody, &GetGuestThreads { token: token.clone(), shot_id }).await,
            nobody.get(&format!("/share/{token}")).await.text().await.expect("a page"),
        ]
        .concat();
        let db = &app.state.app.db;
        let shot = db::shots::get(db.pool(), shot_id).await.expect("there");
        let shown = db::versions::get(db.pool(), second).await.expect("there");
        let hidden = db::versions::get(db.pool(), first.version_id).await.expect("there");
        let mut never = vec![secret.to_owned(), "About the first version".into(), "plate.mov".into()];
        never.extend(
            [shot.plate, shown.result, shown.matte, shown.proxy, hidden.subject].map(|h| h.to_string()),
        );
        never.extend([first.version_id.to_string(), first.quadmask_id.to_string(), shown.run_id.to_string()]);
        never.extend([ours.to_string(), "owner@studio.test".into(), "Owner".into()]);
        for word in never {
            assert!(!text.contains(&word), "{} “{word}” reached a guest", app.engine());
        }
        assert!(text.contains(&shown.subject.to_string()), "what a decision would be about");
    }
}

#[tokio::test]
async fn a_link_for_one_version_opens_no_other_id() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let theirs = owner.project("Theirs").await;
        let (one, other) = (reviewed(&app, &owner, ours).await, reviewed(&app, &owner, theirs).await);
        let second = next_version(&app, &owner, one.shot_id).await;
        approve(&app, &owner, second).await;
        let token = make(&app, &owner, new_link(ours, &[second], ALL)).await;
        let guest = guest(&app, &token, "Client").await;
        let base = format!("/share-media/{token}");
        for file in ["poster.jpg", "strip.jpg", "proxy.mov", "proxy.json", "sound.wav"] {
            let shown = guest.get(&format!("{base}/shots/{}/{file}", one.shot_id)).await;
            assert_eq!(shown.status(), StatusCode::OK, "{engine} {file}");
            let foreign = guest.get(&format!("{base}/shots/{}/{file}", other.shot_id)).await;
            assert_eq!(foreign.status(), StatusCode::NOT_FOUND, "{engine} {file} of another shot");
        }
        for file in ["proxy.mov", "proxy.json", "result.mkv"] {
            let shown = guest.get(&format!("{base}/versions/{second}/{file}")).await;
            assert_eq!(shown.status(), StatusCode::OK, "{engine} {file}");
            for foreign in [one.version_id, other.version_id] {
                let foreign = guest.get(&format!("{base}/versions/{foreign}/{file}")).await;
                assert_eq!(foreign.status(), StatusCode::NOT_FOUND, "{engine} {file} of another version");
            }
        }
        // What has no address for guests, and the studio's own addresses.
        let (shot, quadmask) = (one.shot_id, one.quadmask_id);
        for path in [
            format!("{base}/shots/{shot}/plate"),
            format!("{base}/shots/{shot}/frames/0.png"),
            format!("{base}/shots/{shot}/draft/0.png"),
            format!("{base}/versions/{second}/matte.mkv"),
            format!("{base}/versions/{second}/frames/0.png"),
            format!("{base}/quadmasks/{quadmask}/0.png"),
            format!("{base}/shots/../../media/shots/{shot}/plate"),
        ] {
            assert_eq!(guest.get(&path).await.status(), StatusCode::NOT_FOUND, "{engine} {path}");
        }
        for path in [
            format!("/media/shots/{shot}/poster.jpg"),
            format!("/media/versions/{second}/proxy.mov"),
            "/events".to_owned(),
        ] {
            assert_eq!(guest.get(&path).await.status(), StatusCode::UNAUTHORIZED, "{engine} {path}");
        }
        // Ids from elsewhere in what a guest says.
        for version_id in [one.version_id, other.version_id, VersionId(db::new_uuid())] {
            let call = about(&token, version_id, "x");
            let answer = guest.send::<_, ThreadId>(&call).await.expect_err("not shown");
            assert_eq!(answer.0, StatusCode::NOT_FOUND, "{engine}");
        }
        let hidden = internal(one.shot_id, Some(second), "Internal", false);
        let hidden: ThreadId = owner.send(&hidden).await.expect("said");
        let elsewhere: ThreadId =
            owner.send(&internal(other.shot_id, None, "Elsewhere", true)).await.expect("said");
        for thread_id in [hidden, elsewhere, ThreadId(db::new_uuid())] {
            let reply = GuestReply { token: token.clone(), thread_id, text: "x".into(), drawing: None };
            let answer = guest.send::<_, CommentId>(&reply).await.expect_err("not there");
            assert_eq!(answer.0, StatusCode::NOT_FOUND, "{engine}");
        }
        let many = vec![(0.5, 0.5); 250_000];
        let shape = Shape { ink: Ink::Yellow, width: 0.005, form: Form::Freehand { points: many } };
        let call =
            StartGuestThread { drawing: Some(Drawing { shapes: vec![shape] }), ..about(&token, second, "x") };
        let answer = guest.send::<_, ThreadId>(&call).await.expect_err("too much");
        assert_eq!(answer.0, StatusCode::UNPROCESSABLE_ENTITY, "{engine}: {}", answer.1);
        let call =
            StartGuestThread { frames: Some(FrameRange::one(rows::FRAMES)), ..about(&token, second, "x") };
        let answer = guest.send::<_, ThreadId>(&call).await.expect_err("no such frame");
        assert_eq!(answer.0, StatusCode::UNPROCESSABLE_ENTITY, "{engine}: {}", answer.1);
    }
}

#[tokio::test]
async fn bytes_for_guests_come_in_ranges_are_never_throttled_and_bear_no_hash() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        approve(&app, &owner, made.version_id).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let nobody = app.nobody();
        let proxy = format!("{}/share-media/{token}/shots/{}/proxy.mov", app.url, made.shot_id);
        for at in 0..60 {
            let answer =
                nobody.client.get(&proxy).header("range", "bytes=1-3").send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "request {at}");
            let tag = answer.headers()["etag"].to_str().expect("text").to_owned();
            assert!(!tag.contains(&Hash::of(b"proxy").to_string()), "{tag}");
            assert_eq!(answer.headers()["cache-control"], "private, no-cache");
            assert_eq!(answer.text().await.expect("bytes"), "rox");
        }
        let file = nobody.get(&format!("/share-media/{token}/versions/{}/result.mkv", made.version_id)).await;
        let disposition = file.headers()["content-disposition"].to_str().expect("text").to_owned();
        assert!(
            disposition.contains("attachment") && disposition.contains("_v001_result.mkv"),
            "{disposition}"
        );
        assert_eq!(file.text().await.expect("bytes"), "result", "the file itself");
        let watch = make(&app, &owner, new_link(ours, &[made.version_id], WATCH)).await;
        let refused =
            nobody.get(&format!("/share-media/{watch}/versions/{}/result.mkv", made.version_id)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(refused.text().await.expect("words").contains("does not allow"));
    }
}

/// Waits for the next event that a guest hears.
async fn next_event(stream: &mut Response) -> String {
    loop {
        let chunk = stream.chunk().await.expect("open").expect("more");
        let text = String::from_utf8_lossy(&chunk).into_owned();
        if text.contains("\"what\"") {
            return text;
        }
    }
}

#[tokio::test]
async fn internal_comments_never_reach_a_link_nor_do_their_events() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let (shot_id, version_id) = (made.shot_id, made.version_id);
        let second = next_version(&app, &owner, shot_id).await;
        let token = make(&app, &owner, new_link(ours, &[second], ALL)).await;
        let guest = guest(&app, &token, "Client").await;
        let mut heard = guest.get(&format!("/share-media/{token}/events")).await;
        assert_eq!(heard.status(), StatusCode::OK);

        for (version, shown) in [(Some(second), false), (None, false), (Some(version_id), true)] {
            owner.send::<_, ThreadId>(&internal(shot_id, version, "Among us", shown)).await.expect("said");
        }
        let view: ThreadsView =
            guest.ask(&GetGuestThreads { token: token.clone(), shot_id }).await.expect("threads");
        assert!(view.threads.is_empty() && view.people.is_empty(), "{:?}", view.threads);

        // The first that is heard is of the thread for the client, and names nothing but the shot.
        let shown: ThreadId =
            owner.send(&internal(shot_id, Some(second), "For you", true)).await.expect("said");
        let event = next_event(&mut heard).await;
        assert!(event.contains(&shot_id.to_string()) && event.contains("thread"), "{event}");
        assert!(!event.contains(&ours.to_string()) && !event.contains(&second.to_string()), "{event}");
        let view: ThreadsView =
            guest.ask(&GetGuestThreads { token: token.clone(), shot_id }).await.expect("threads");
        assert_eq!(view.threads.iter().map(|t| t.thread_id).collect::<Vec<_>>(), [shown]);
        assert_eq!(view.people.len(), 1, "only who speaks there: {:?}", view.people);

        // A guest's own thread is for clients, whoever reads it sees that it is a guest's.
        let own: ThreadId = guest.send(&about(&token, second, "The @Owner rim")).await.expect("said");
        let all: ThreadsView = owner.ask(&app::api::threads::GetThreads { shot_id }).await.expect("threads");
        let found = all.threads.iter().find(|t| t.thread_id == own).expect("there");
        assert!(found.client_visible && found.frames == Some(FrameRange::one(0)));
        let author = found.comments[0].author.clone().expect("somebody");
        assert!(author.is_guest && author.name == "Client" && author.word() == "guest");
        assert_eq!(found.comments[0].mentions.len(), 1, "who was heard there can be named");

        // Withdrawn, the stream ends and nothing is answered.
        let link_id = shares(&owner, ours).await.links[0].link_id;
        owner.ask::<_, ()>(&RevokeLink { link_id }).await.expect("withdrawn");
        while let Some(chunk) = heard.chunk().await.expect("ends in order") {
            assert!(!String::from_utf8_lossy(&chunk).contains("Among us"));
        }
        let gone = guest.send::<_, ThreadId>(&about(&token, second, "x")).await.expect_err("over");
        assert_eq!(gone.0, StatusCode::GONE);
    }
}

#[tokio::test]
async fn a_guests_decision_is_kept_with_the_hash_and_moves_nothing() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let decide = |seen: Hash, verdict, note: &str| GuestDecide {
            token: token.clone(),
            version_id: made.version_id,
            seen,
            verdict,
            note: note.into(),
        };
        let unnamed = app.nobody().form::<_, ()>(&decide(made.version, Verdict::Approve, "")).await;
        assert!(unnamed.expect_err("nobody").1.contains("Say your name first"));
        let guest = guest(&app, &token, "Client").await;
        let stale = guest.form::<_, ()>(&decide(Hash::of(b"older"), Verdict::Approve, "")).await;
        assert_eq!(stale.expect_err("another hash").0, StatusCode::CONFLICT);
        let silent = guest.form::<_, ()>(&decide(made.version, Verdict::Changes, " ")).await;
        assert_eq!(silent.expect_err("no words").0, StatusCode::UNPROCESSABLE_ENTITY);
        guest.form::<_, ()>(&decide(made.version, Verdict::Changes, "A rim.")).await.expect("kept");
        guest.form::<_, ()>(&decide(made.version, Verdict::Approve, "")).await.expect("kept");
        let view: ShotView = owner.ask(&GetShot { shot_id: made.shot_id }).await.expect("a shot");
        assert_eq!(view.shot.phase, domain::Phase::ResultReview, "{}", app.engine());
        let kept = &view.versions[0].decisions;
        assert_eq!(kept.len(), 2);
        assert!(kept.iter().all(|d| d.is_guest && d.role == Role::Client && d.subject == made.version));
        assert_eq!(kept[0].person_name, "Client");
        let chain = db::decisions::verify_chain(&app.state.app.db, made.shot_id).await.expect("read");
        assert_eq!(chain.expect("unbroken"), 3, "with the quadmask's");
        let watch = make(&app, &owner, new_link(ours, &[made.version_id], WATCH)).await;
        let refused = GuestDecide { token: watch, ..decide(made.version, Verdict::Approve, "") };
        assert_eq!(guest.form::<_, ()>(&refused).await.expect_err("not granted").0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_guest_is_nobody_anywhere_else() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let one = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let other = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let name = "<script>alert(1)</script>";
        let guest = guest(&app, &one, name).await;
        guest.send::<_, ThreadId>(&about(&one, made.version_id, name)).await.expect("said");
        // Its name and its comments are its own on this link only.
        let there = guest.send::<_, ThreadId>(&about(&other, made.version_id, "x")).await;
        assert!(there.expect_err("no name there").1.contains("Say your name first"));
        let view: ThreadsView = app
            .nobody()
            .ask(&GetGuestThreads { token: other.clone(), shot_id: made.shot_id })
            .await
            .expect("threads");
        let comment = view.threads[0].comments[0].clone();
        let author = comment.author.expect("somebody");
        assert_eq!((author.name.as_str(), comment.text.as_str()), (name, name), "kept as typed");
        for page in [format!("/share/{one}"), format!("/shots/{}/review", made.shot_id)] {
            let actor = if page.starts_with("/share") { &guest } else { &owner };
            let html = actor.get(&page).await.text().await.expect("a page");
            assert!(!html.contains("<script>alert(1)"), "{page}");
        }
        // Neither listed nor made somebody with an account.
        let people: Vec<PersonRow> = owner.ask(&ListPeople {}).await.expect("people");
        assert!(people.iter().all(|p| p.person.person_id != author.person_id && p.person.name != name));
        let person_id = author.person_id;
        let raised = owner.form::<_, ()>(&SetRole { person_id, role: Role::Owner }).await;
        assert_eq!(raised.expect_err("no account").0, StatusCode::NOT_FOUND);
        let woken = owner.form::<_, ()>(&SetActive { person_id, active: true, heir: None }).await;
        assert_eq!(woken.expect_err("no account").0, StatusCode::NOT_FOUND);
        let sign_in =
            app::api::session::SignIn { email: format!("guest:{person_id}"), password: String::new() };
        assert!(guest.ask::<_, ()>(&sign_in).await.is_err());
        let viewer: Viewer = guest.ask(&GetViewer {}).await.expect("a viewer");
        assert!(viewer.person.is_none(), "a guest is not signed in");
        let again = JoinShare { token: one, name: "Somebody else".into() };
        assert_eq!(guest.form::<_, PersonId>(&again).await.expect("as before"), person_id);
        for bad in ["", "  ", &"x".repeat(81)] {
            let join = JoinShare { token: other.clone(), name: bad.into() };
            let refused = app.nobody().form::<_, PersonId>(&join).await.expect_err("no name");
            assert_eq!(refused.0, StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

#[tokio::test]
async fn guessing_a_links_password_is_slowed_down() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let with = |password: &str| CreateLink {
            password: Some(password.into()),
            ..new_link(ours, &[made.version_id], ALL)
        };
        let token = make(&app, &owner, with("blue lamp")).await;
        let unlock = |password: &str| UnlockShare { token: token.clone(), password: password.into() };
        let slow = app.nobody();
        slow.form::<_, ()>(&unlock("a wrong one")).await.expect_err("wrong");
        slow.form::<_, ()>(&unlock("blue lamp")).await.expect("one slip is forgiven");
        for at in 0..5 {
            let wrong = app.nobody().form::<_, ()>(&unlock("a wrong one")).await.expect_err("wrong");
            assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY, "{at}: {}", wrong.1);
        }
        for password in ["a wrong one", "blue lamp"] {
            let waits = app.nobody().form::<_, ()>(&unlock(password)).await.expect_err("waits");
            assert_eq!(waits.0, StatusCode::TOO_MANY_REQUESTS, "{}", waits.1);
        }
        let another = make(&app, &owner, with("red lamp")).await;
        let other = UnlockShare { token: another, password: "red lamp".into() };
        app.nobody().form::<_, ()>(&other).await.expect("another link is another matter");
        let open: Result<ShareView, _> = slow.form(&GetShare { token: token.clone(), shot_id: None }).await;
        open.expect("whoever is in stays in");
    }
}
