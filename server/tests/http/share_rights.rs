//! The table of links: every address and function for guests as nobody, as the guest of another link, with a revoked and an
//! expired link, as people who are signed in; and who makes links.

use app::api::deliveries::AskGuestMovie;
use app::api::guests::{
    DeleteGuestComment, EditGuestComment, GetGuestThreads, GetShare, GetSharedShot, GuestDecide, GuestReply,
    JoinShare, SeeGuestThread, StartGuestThread, UnlockShare,
};
use app::api::people::{Invite, MakeResetLink};
use app::api::shared::ShareView;
use app::api::shares::{CreateLink, GetShares, RenewLink, RevokeLink, SharesView};
use domain::{Action, CommentId, Hash, LinkId, LinkState, Movie, Role, ThreadId, Verdict, may};
use reqwest::StatusCode;

use crate::decisions::{Reviewed, reviewed};
use crate::functions::{Call, form, json};
use crate::harness::{Actor, TestApp, serde_qs};
use crate::share::{ALL, WATCH, about, approve, guest, make, new_link};
use crate::threads::me;

const PASSWORD: &str = "seven grey stones";

/// Every function for guests; decisions here are about another hash, so that none is taken.
pub fn calls(token: &str, made: &Reviewed, thread_id: ThreadId, comment_id: CommentId) -> Vec<Call> {
    let (token, shot_id, version_id) = (token.to_owned(), made.shot_id, made.version_id);
    let action = Action::ViewClientVersions;
    let text = || "words".to_owned();
    let decide = GuestDecide {
        token: token.clone(),
        version_id,
        seen: Hash::of(b"something else"),
        verdict: Verdict::Approve,
        note: String::new(),
    };
    vec![
        form(action, &GetShare { token: token.clone(), shot_id: None }),
        form(action, &GetShare { token: token.clone(), shot_id: Some(shot_id) }),
        form(action, &GetSharedShot { token: token.clone(), shot_id }),
        form(action, &JoinShare { token: token.clone(), name: "Client".into() }),
        form(action, &GetGuestThreads { token: token.clone(), shot_id }),
        json(action, &about(&token, version_id, "words")),
        json(action, &StartGuestThread { frames: None, ..about(&token, version_id, "words") }),
        json(action, &GuestReply { token: token.clone(), thread_id, text: text(), drawing: None }),
        form(action, &SeeGuestThread { token: token.clone(), thread_id, n: 1 }),
        form(action, &EditGuestComment { token: token.clone(), comment_id, text: text() }),
        form(action, &decide),
        form(action, &AskGuestMovie { token: token.clone(), version_id, movie: Movie::H264 }),
        form(action, &DeleteGuestComment { token, comment_id }),
    ]
}

/// Every address for guests.
pub fn files(token: &str, made: &Reviewed) -> Vec<String> {
    let base = format!("/share-media/{token}");
    let of_shot = ["poster.jpg", "strip.jpg", "proxy.mov", "proxy.json", "sound.wav"];
    let of_version = ["proxy.mov", "proxy.json", "result.mkv"];
    let shots = of_shot.map(|file| format!("{base}/shots/{}/{file}", made.shot_id));
    let versions = of_version.map(|file| format!("{base}/versions/{}/{file}", made.version_id));
    shots.into_iter().chain(versions).chain([format!("{base}/events")]).collect()
}

/// Everything answers `wanted`, and nothing of what is behind.
async fn all_answer(actor: &Actor, calls: &[Call], files: &[String], wanted: StatusCode, who: &str) {
    for call in calls {
        assert_eq!(call.status(actor).await, wanted, "{who}: {}", call.path);
    }
    for file in files {
        let answer = actor.get(file).await;
        assert_eq!(answer.status(), wanted, "{who}: {file}");
        let text = answer.text().await.expect("words");
        assert!(!text.contains("Ours") && !text.contains("plate"), "{who}: {file}: {text}");
    }
}

#[tokio::test]
async fn a_link_answers_only_who_has_it_and_its_password_and_only_while_it_is_open() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        approve(&app, &owner, made.version_id).await;
        let link = new_link(ours, &[made.version_id], ALL);
        let locked = CreateLink { password: Some(PASSWORD.into()), ..link.clone() };
        let token = make(&app, &owner, locked).await;
        let inside = app.nobody();
        let unlock = UnlockShare { token: token.clone(), password: PASSWORD.into() };
        inside.form::<_, ()>(&unlock).await.expect("unlocked");
        let join = JoinShare { token: token.clone(), name: "Client".into() };
        inside.form::<_, domain::PersonId>(&join).await.expect("joined");
        let thread_id: ThreadId = inside.send(&about(&token, made.version_id, "x")).await.expect("said");
        let reply = GuestReply { token: token.clone(), thread_id, text: "y".into(), drawing: None };
        let comment_id: CommentId = inside.send(&reply).await.expect("said");
        let (real, addresses) = (calls(&token, &made, thread_id, comment_id), files(&token, &made));

        // The guest whom the link let in.
        for call in &real {
            let status = call.status(&inside).await;
            assert!(
                status.is_success() || status == StatusCode::CONFLICT,
                "{engine} {}: {status}",
                call.path
            );
        }
        for file in &addresses {
            assert_eq!(inside.get(file).await.status(), StatusCode::OK, "{engine} {file}");
        }

        // Whoever has not given the password, whoever else they are.
        let elsewhere = make(&app, &owner, link.clone()).await;
        let foreign = guest(&app, &elsewhere, "Other").await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        let client = app.member(&owner, Role::Client, Some(ours)).await;
        let outside = [("nobody", &app.nobody()), ("the guest of another link", &foreign)];
        let signed_in = [("owner", &owner), ("supervisor", &supervisor), ("client", &client)];
        for (who, actor) in outside.into_iter().chain(signed_in) {
            all_answer(actor, &real, &addresses, StatusCode::UNAUTHORIZED, &format!("{engine} {who}")).await;
        }

        // A guessed link opens nothing, and says nothing, to the guest too.
        for guess in [
            Hash::of(b"a guess").to_string(),
            "0".repeat(64),
            "..".into(),
            "x".into(),
            link_id_of(&app, &owner, ours).await.to_string(),
        ] {
            let (calls, files) = (calls(&guess, &made, thread_id, comment_id), files(&guess, &made));
            let files = if guess == ".." { Vec::new() } else { files };
            all_answer(&inside, &calls, &files, StatusCode::NOT_FOUND, &format!("{engine} guess {guess}"))
                .await;
        }
        let page = app.nobody().get(&format!("/share/{}", Hash::of(b"a guess"))).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        let page = page.text().await.expect("a page");
        assert!(page.contains("This link opens nothing") && !page.contains("Ours"), "{page}");

        // Expired, then revoked: closed to the guest who was in.
        let link_id = link_named(&app, &owner, ours, true).await;
        for (column, word) in [("expires_at", "expired"), ("revoked_at", "withdrawn")] {
            let text = format!("update share_link set {column} = 1 where link_id = $1");
            let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(link_id.to_string());
            query.execute(app.state.app.db.pool()).await.expect("changed");
            all_answer(&inside, &real, &addresses, StatusCode::GONE, &format!("{engine} {word}")).await;
            let page = inside.get(&format!("/share/{token}")).await;
            assert_eq!(page.status(), StatusCode::GONE);
            let page = page.text().await.expect("a page");
            assert!(page.contains(word) && !page.contains("For the client"), "{page}");
        }
    }
}

/// The id of one of the project's links.
async fn link_id_of(app: &TestApp, owner: &Actor, project_id: domain::ProjectId) -> LinkId {
    link_named(app, owner, project_id, false).await
}

async fn link_named(_: &TestApp, owner: &Actor, project_id: domain::ProjectId, locked: bool) -> LinkId {
    let view: SharesView = owner.ask(&GetShares { project_id }).await.expect("links");
    view.links.iter().find(|l| l.has_password == locked).expect("there").link_id
}

#[tokio::test]
async fn what_a_link_does_not_grant_is_refused() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let all = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let speaker = guest(&app, &all, "Client").await;
        let thread_id: ThreadId = speaker.send(&about(&all, made.version_id, "x")).await.expect("said");
        let reply = GuestReply { token: all.clone(), thread_id, text: "y".into(), drawing: None };
        let comment_id: CommentId = speaker.send(&reply).await.expect("said");
        let watch = make(&app, &owner, new_link(ours, &[made.version_id], WATCH)).await;
        let nobody = app.nobody();
        let reads = ["get_share", "get_shared_shot", "get_guest_threads", "see_guest_thread"];
        for call in calls(&watch, &made, thread_id, comment_id) {
            let is_read = reads.iter().any(|name| call.path.contains(name));
            let wanted = if is_read { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(call.status(&nobody).await, wanted, "{} {}", app.engine(), call.path);
        }
        for file in files(&watch, &made) {
            let wanted = if file.ends_with("result.mkv") { StatusCode::FORBIDDEN } else { StatusCode::OK };
            assert_eq!(nobody.get(&file).await.status(), wanted, "{file}");
        }
    }
}

#[tokio::test]
async fn links_are_made_listed_and_withdrawn_by_those_who_may_share() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let made = reviewed(&app, &owner, ours).await;
        let foreign = reviewed(&app, &owner, theirs).await;
        let link = new_link(ours, &[made.version_id], ALL);
        let token = make(&app, &owner, link.clone()).await;
        let link_id = link_named(&app, &owner, ours, false).await;
        let all = [
            form(Action::Share, &GetShares { project_id: ours }),
            json(Action::Share, &link),
            form(Action::Share, &RenewLink { link_id }),
        ];
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
            let inside = app.member(&owner, role, Some(ours)).await;
            let outside = app.member(&owner, role, Some(theirs)).await;
            let revoke = form(Action::Share, &RevokeLink { link_id });
            for call in all.iter().chain((!may(role, Action::Share)).then_some(&revoke)) {
                let wanted = if may(role, Action::Share) { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(call.status(&inside).await, wanted, "{engine} {role:?} {}", call.path);
                if !may(role, Action::SeeEveryProject) {
                    let status = call.status(&outside).await;
                    assert_eq!(status, StatusCode::NOT_FOUND, "{engine} {role:?} elsewhere {}", call.path);
                }
                assert_eq!(call.status(&app.nobody()).await, StatusCode::UNAUTHORIZED, "{}", call.path);
            }
            // A preview is for the same people.
            let preview = GetShare { token: format!("preview-{link_id}"), shot_id: None };
            let preview = form(Action::Share, &preview);
            let wanted = if may(role, Action::Share) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(preview.status(&inside).await, wanted, "{engine} {role:?}");
            assert_eq!(preview.status(&app.nobody()).await, StatusCode::UNAUTHORIZED);
        }
        // A renewed link opens at its new address only; lists hold neither token nor hash.
        let gone = form(Action::Share, &GetShare { token: token.clone(), shot_id: None });
        assert_eq!(gone.status(&app.nobody()).await, StatusCode::NOT_FOUND);
        let address: String = owner.ask(&RenewLink { link_id }).await.expect("another address");
        let token = address.rsplit('/').next().expect("a token").to_owned();
        let list: SharesView = owner.ask(&GetShares { project_id: ours }).await.expect("links");
        assert!(list.reach.starts_with("Only this machine"), "localhost, and nobody else: {}", list.reach);
        let text = serde_json::to_string(&list).expect("JSON");
        let at = app.url.trim_start_matches("http://");
        assert!(!text.contains(at) && !text.contains("127.0.0.1"), "where it listens: {text}");
        assert!(!text.contains(&token) && !text.contains(&Hash::of(token.as_bytes()).to_string()));
        assert!(list.links.iter().all(|l| l.state == LinkState::Open && l.expires_at.is_some()));

        // What cannot be a link.
        let refused = |link: CreateLink| {
            let owner = owner.clone();
            async move { owner.send::<_, String>(&link).await.expect_err("refused") }
        };
        let (status, _) = refused(CreateLink { versions: vec![foreign.version_id], ..link.clone() }).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "a version of another project");
        for (bad, why) in [
            (CreateLink { versions: Vec::new(), ..link.clone() }, "at least one version"),
            (CreateLink { name: " ".into(), ..link.clone() }, "a name of 1 to 80"),
            (CreateLink { days: Some(0), ..link.clone() }, "1 to 365 days"),
            (CreateLink { days: Some(366), ..link.clone() }, "1 to 365 days"),
            (CreateLink { password: Some("short".into()), ..link.clone() }, "6 to 256 characters"),
        ] {
            let (status, text) = refused(bad).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains(why), "{status} {text}");
        }

        // Of two who withdraw, one is told that it was done; it stays done.
        owner.ask::<_, ()>(&RevokeLink { link_id }).await.expect("withdrawn");
        assert_eq!(form(Action::Share, &RevokeLink { link_id }).status(&owner).await, StatusCode::CONFLICT);
        assert_eq!(form(Action::Share, &RenewLink { link_id }).status(&owner).await, StatusCode::CONFLICT);
        let page = app.nobody().get(&format!("/share/{token}")).await;
        assert_eq!(page.status(), StatusCode::GONE);
    }
}

#[tokio::test]
async fn links_are_built_from_the_public_address_whatever_the_request_says() {
    for app in TestApp::each().await {
        use leptos::server_fn::ServerFn;
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let share = serde_json::to_string(&new_link(ours, &[made.version_id], WATCH)).expect("JSON");
        let invite = serde_qs(&Invite { role: Role::Artist, project_id: Some(ours) });
        let person_id = me(&app.member(&owner, Role::Artist, Some(ours)).await).await;
        let reset = serde_qs(&MakeResetLink { person_id });
        let form = "application/x-www-form-urlencoded";
        for (path, kind, body, place) in [
            (CreateLink::PATH, "application/json", share, "share"),
            (Invite::PATH, form, invite, "invite"),
            (MakeResetLink::PATH, form, reset, "reset"),
        ] {
            let request = owner.client.post(format!("{}{path}", app.url)).body(body);
            let request = request.header("content-type", kind).header("accept", "application/json");
            let request = request.header("host", "evil.test").header("x-forwarded-host", "evil.test");
            let text = request.send().await.expect("an answer").text().await.expect("a body");
            let begins = format!("{}/{place}/", app.state.app.public_url);
            assert!(text.contains(&begins) && !text.contains("evil"), "{place}: {text}");
        }
    }
}

#[tokio::test]
async fn what_was_opened_is_kept_and_a_preview_is_not() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        approve(&app, &owner, made.version_id).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let link_id = link_named(&app, &owner, ours, false).await;
        let openings = async || {
            let view: SharesView = owner.ask(&GetShares { project_id: ours }).await.expect("links");
            view.links[0].openings.clone()
        };
        let preview = format!("preview-{link_id}");
        for file in files(&preview, &made).iter().filter(|file| !file.ends_with("events")) {
            assert_eq!(owner.get(file).await.status(), StatusCode::OK, "{file}");
            assert_eq!(app.nobody().get(file).await.status(), StatusCode::UNAUTHORIZED, "{file}");
        }
        let view: ShareView = owner
            .ask(&GetShare { token: preview.clone(), shot_id: None })
            .await
            .expect("as the client sees it");
        assert!(view.is_preview && view.shot.may.contains(&Action::Comment));
        let said = owner.send::<_, ThreadId>(&about(&preview, made.version_id, "x")).await;
        assert!(said.expect_err("read-only").1.contains("This is a preview"));
        let joined =
            owner.form::<_, domain::PersonId>(&JoinShare { token: preview, name: "Me".into() }).await;
        assert!(joined.expect_err("read-only").1.contains("This is a preview"));
        assert!(openings().await.is_empty(), "{}", app.engine());

        let visitor = app.nobody();
        let look = format!("/share-media/{token}/versions/{}/proxy.json", made.version_id);
        for _ in 0..3 {
            assert_eq!(visitor.get(&look).await.status(), StatusCode::OK);
        }
        let seen = openings().await;
        assert_eq!((seen.len(), seen[0].times, seen[0].who.clone()), (1, 1, None), "one look, by nobody yet");
        let join = JoinShare { token: token.clone(), name: "Client".into() };
        visitor.form::<_, domain::PersonId>(&join).await.expect("joined");
        assert_eq!(openings().await[0].who.as_deref(), Some("Client"), "who it was all along");
        let file = format!("/share-media/{token}/versions/{}/result.mkv", made.version_id);
        assert_eq!(visitor.get(&file).await.status(), StatusCode::OK);
        assert!(openings().await.iter().any(|o| o.is_download && o.who.as_deref() == Some("Client")));
        assert_eq!(app.nobody().get(&look).await.status(), StatusCode::OK);
        assert_eq!(openings().await.len(), 3, "another visitor is another look");
    }
}
