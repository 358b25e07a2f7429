//! Mistakes that other review tools had to mend, each as a test of its own: links that gated pages and not comments, ids that
//! were not checked, sizes that did not fit, uploads that left rows behind.

use app::api::guests::{
    GetGuestThreads, GetShare, GetSharedShot, GuestReply, JoinShare, StartGuestThread, UnlockShare,
};
use app::api::people::{Invite, ListPeople, MakeResetLink, PersonRow, SetActive, SetRole};
use app::api::session::SignIn;
use app::api::shared::SharedShot;
use app::api::shares::CreateLink;
use app::api::threads::{GetThreads, Reply, StartThread, ThreadsView};
use domain::thread::{Form, Ink, Shape};
use domain::{CommentId, Drawing, FrameRange, PersonId, Role, ThreadId};
use leptos::server_fn::ServerFn;
use reqwest::StatusCode;
use serde::Serialize;

use crate::decisions::reviewed;
use crate::harness::{Actor, PASSWORD, TestApp, serde_qs};
use crate::share::{ALL, about, approve, guest, make, new_link, next_version};
use crate::threads::me;
use crate::uploads::{create, offset, patch, place};

fn refused<T: std::fmt::Debug>(answer: Result<T, (StatusCode, String)>) -> StatusCode {
    answer.expect_err("refused").0
}

async fn said<F: ServerFn + Serialize>(actor: &Actor, call: &F) -> String {
    let value: serde_json::Value = actor.ask(call).await.expect("an answer");
    value.to_string()
}

#[tokio::test]
async fn a_links_password_gates_its_comments_too() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let password = Some("seven grey stones".to_owned());
        let locked = CreateLink { password, ..new_link(ours, &[made.version_id], ALL) };
        let token = make(&app, &owner, locked).await;
        let outside = app.nobody();
        let join = JoinShare { token: token.clone(), name: "Client".into() };
        let threads = GetGuestThreads { token: token.clone(), shot_id: made.shot_id };
        assert_eq!(refused(outside.form::<_, ThreadsView>(&threads).await), StatusCode::UNAUTHORIZED);
        assert_eq!(refused(outside.form::<_, PersonId>(&join).await), StatusCode::UNAUTHORIZED);
        let comment = about(&token, made.version_id, "Said without the password");
        assert_eq!(refused(outside.send::<_, ThreadId>(&comment).await), StatusCode::UNAUTHORIZED);
        // With it, the same browser may.
        let unlock = UnlockShare { token, password: "seven grey stones".into() };
        outside.form::<_, ()>(&unlock).await.expect("unlocked");
        outside.form::<_, PersonId>(&join).await.expect("joined");
        outside.send::<_, ThreadId>(&comment).await.expect("said");
    }
}

#[tokio::test]
async fn an_internal_comment_never_reaches_a_public_link() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let start = |text: &str, client_visible| StartThread {
            shot_id: made.shot_id,
            version_id: Some(made.version_id),
            frames: Some(FrameRange::one(0)),
            client_visible,
            text: text.into(),
            drawing: None,
        };
        owner.send::<_, ThreadId>(&start("Between us", false)).await.expect("said");
        owner.send::<_, ThreadId>(&start("For you", true)).await.expect("said");
        let nobody = app.nobody();
        let heard = [
            said(&nobody, &GetShare { token: token.clone(), shot_id: None }).await,
            said(&nobody, &GetSharedShot { token: token.clone(), shot_id: made.shot_id }).await,
            said(&nobody, &GetGuestThreads { token: token.clone(), shot_id: made.shot_id }).await,
            nobody.get(&format!("/share/{token}")).await.text().await.expect("a page"),
        ]
        .concat();
        assert!(heard.contains("For you") && !heard.contains("Between us"), "{}", app.engine());
    }
}

#[tokio::test]
async fn a_link_accepts_no_id_of_another_shot() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let theirs = owner.project("Theirs").await;
        let (shown, hidden) = (reviewed(&app, &owner, ours).await, reviewed(&app, &owner, theirs).await);
        let token = make(&app, &owner, new_link(ours, &[shown.version_id], ALL)).await;
        let guest = guest(&app, &token, "Client").await;
        let shot = GetSharedShot { token: token.clone(), shot_id: hidden.shot_id };
        assert_eq!(refused(guest.form::<_, SharedShot>(&shot).await), StatusCode::NOT_FOUND);
        let threads = GetGuestThreads { token: token.clone(), shot_id: hidden.shot_id };
        assert_eq!(refused(guest.form::<_, ThreadsView>(&threads).await), StatusCode::NOT_FOUND);
        for file in ["poster.jpg", "strip.jpg", "proxy.mov"] {
            let path = format!("/share-media/{token}/shots/{}/{file}", hidden.shot_id);
            assert_eq!(guest.get(&path).await.status(), StatusCode::NOT_FOUND, "{file}");
            let path = format!("/share-media/{token}/shots/{}/{file}", shown.shot_id);
            assert_eq!(guest.get(&path).await.status(), StatusCode::OK, "{file}");
        }
    }
}

#[tokio::test]
async fn a_reply_a_name_and_a_version_are_checked_against_the_shot() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (one, other) = (reviewed(&app, &owner, ours).await, reviewed(&app, &owner, theirs).await);
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let stranger = app.member(&owner, Role::Reviewer, Some(theirs)).await;
        let (owner_id, stranger_id) = (me(&owner).await, me(&stranger).await);
        let form = Form::Arrow { from: (0.2, 0.2), to: (0.6, 0.5) };
        let arrow = Drawing { shapes: vec![Shape { ink: Ink::Yellow, width: 0.005, form }] };
        // What is drawn beside the words opens no other way.
        for drawing in [None, Some(arrow)] {
            let drawing = || drawing.clone();
            let start = |text: &str, version_id| StartThread {
                shot_id: one.shot_id,
                version_id,
                frames: drawing().map(|_| FrameRange::one(0)),
                client_visible: false,
                text: text.into(),
                drawing: drawing(),
            };
            // A version of another shot.
            let answer = artist.send::<_, ThreadId>(&start("x", Some(other.version_id))).await;
            assert_eq!(refused(answer), StatusCode::NOT_FOUND, "{}", app.engine());
            // An answer in a thread of another project.
            let among = start("Among them", Some(other.version_id));
            let thread_id: ThreadId =
                owner.send(&StartThread { shot_id: other.shot_id, ..among }).await.expect("said");
            let reply = Reply { thread_id, text: "x".into(), drawing: drawing() };
            assert_eq!(refused(artist.send::<_, CommentId>(&reply).await), StatusCode::NOT_FOUND);
            // A name of somebody who is not of the project.
            let named: ThreadId =
                artist.send(&start("@reviewer and @Owner, look", None)).await.expect("said");
            let view: ThreadsView = artist.ask(&GetThreads { shot_id: one.shot_id }).await.expect("threads");
            let thread = view.threads.iter().find(|t| t.thread_id == named).expect("there");
            let mentions = &thread.comments[0].mentions;
            assert!(mentions.contains(&owner_id) && !mentions.contains(&stranger_id), "{mentions:?}");
        }
    }
}

#[tokio::test]
async fn a_list_of_people_holds_no_token() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let artist = app.member(&owner, Role::Artist, None).await;
        let invitation: String =
            owner.ask(&Invite { role: Role::Artist, project_id: None }).await.expect("a link");
        let person_id = me(&artist).await;
        let reset: String = owner.ask(&MakeResetLink { person_id }).await.expect("a link");
        let list = said(&owner, &ListPeople {}).await;
        let page = owner.get("/people").await.text().await.expect("a page");
        for link in [invitation, reset] {
            let token = link.rsplit('/').next().expect("a token");
            let hash = domain::Hash::of(token.as_bytes()).to_string();
            for text in [&list, &page] {
                assert!(!text.contains(token) && !text.contains(&hash), "{}", app.engine());
            }
        }
        assert!(!list.contains("argon2") && !list.contains("password"), "{list}");
        let by_artist = artist.form::<_, Vec<PersonRow>>(&ListPeople {}).await;
        assert_eq!(refused(by_artist), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn nobody_gets_a_way_in_by_asking_for_it() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let artist = app.member(&owner, Role::Artist, None).await;
        let person_id = me(&owner).await;
        for actor in [&app.nobody(), &artist] {
            let link = actor.form::<_, String>(&MakeResetLink { person_id }).await;
            assert!([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&refused(link)));
            let link = actor.form::<_, String>(&Invite { role: Role::Owner, project_id: None }).await;
            assert!([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&refused(link)));
        }
        // Whether an address has an account is not told either.
        let wrong = |email: &str| SignIn { email: email.into(), password: "a wrong password".into() };
        let known = app.nobody().form::<_, ()>(&wrong("owner@studio.test")).await;
        let unknown = app.nobody().form::<_, ()>(&wrong("nobody@studio.test")).await;
        assert_eq!(known.expect_err("wrong"), unknown.expect_err("wrong"));
    }
}

#[tokio::test]
async fn the_last_owner_cannot_take_their_own_rights_away() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let person_id = me(&owner).await;
        let off = owner.form::<_, ()>(&SetActive { person_id, active: false, heir: None }).await;
        assert!(off.is_err(), "{}", app.engine());
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
            assert!(owner.form::<_, ()>(&SetRole { person_id, role }).await.is_err(), "{role:?}");
        }
        owner.ask::<_, Vec<PersonRow>>(&ListPeople {}).await.expect("still an owner");
    }
}

#[tokio::test]
async fn a_file_larger_than_32_bits_keeps_its_size() {
    const SIZE: usize = (1 << 32) + 12_345;
    for app in TestApp::each().await {
        let free = app.state.app.store.free_bytes().expect("known");
        if free < 2 * SIZE as u64 {
            println!("the upload is skipped: 9 GB must be free to ask for one of 4 GB");
        } else {
            let owner = app.owner().await;
            let project = owner.project("Large").await;
            let made = create(&owner, project, "large.mov", SIZE).await;
            assert_eq!(made.status(), StatusCode::CREATED, "{}", app.engine());
            let at = format!("{}{}", owner.url, place(&made));
            let head =
                owner.client.head(at).header("tus-resumable", "1.0.0").send().await.expect("an answer");
            assert_eq!(head.headers()["upload-length"], SIZE.to_string().as_str());
        }
        let hash = domain::Hash::of(b"large");
        let db = &app.state.app.db;
        db.write(move |tx| Box::pin(db::blobs::record(tx, hash, SIZE as i64))).await.expect("recorded");
        let kept: i64 = sqlx::query_scalar("select size_bytes from blob where hash = $1")
            .bind(hash.to_string())
            .fetch_one(db.pool())
            .await
            .expect("there");
        assert_eq!(kept, SIZE as i64);
    }
}

#[tokio::test]
async fn a_comment_on_the_first_frame_keeps_its_place() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let guest = guest(&app, &token, "Client").await;
        let thread_id: ThreadId =
            guest.send(&about(&token, made.version_id, "From the very start")).await.expect("said");
        let view: ThreadsView = owner.ask(&GetThreads { shot_id: made.shot_id }).await.expect("threads");
        let thread = view.threads.iter().find(|t| t.thread_id == thread_id).expect("there");
        assert_eq!(thread.frames, Some(FrameRange::one(0)), "{}", app.engine());
        let none = StartGuestThread { frames: None, ..about(&token, made.version_id, "In all") };
        let thread_id: ThreadId = guest.send(&none).await.expect("said");
        let view: ThreadsView = owner.ask(&GetThreads { shot_id: made.shot_id }).await.expect("threads");
        let thread = view.threads.iter().find(|t| t.thread_id == thread_id).expect("there");
        assert_eq!(thread.frames, None, "no frame is not frame 0");
    }
}

#[tokio::test]
async fn a_download_is_the_file_and_no_playlist() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        approve(&app, &owner, made.version_id).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        for (actor, path) in [
            (&owner, format!("/media/versions/{}/result.mkv", made.version_id)),
            (&app.nobody(), format!("/share-media/{token}/versions/{}/result.mkv", made.version_id)),
        ] {
            let answer = actor.get(&path).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
            assert!(kind.starts_with("video/"), "{kind}");
            let name = answer.headers()["content-disposition"].to_str().expect("text").to_owned();
            assert!(name.contains("attachment") && name.contains("result.mkv"), "{name}");
            assert_eq!(answer.bytes().await.expect("bytes").as_ref(), b"result");
        }
    }
}

#[tokio::test]
async fn scrubbing_is_never_throttled() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let proxy = format!("{}/media/shots/{}/proxy.mov", app.url, made.shot_id);
        for at in 0..300 {
            let answer =
                owner.client.get(&proxy).header("range", "bytes=1-3").send().await.expect("answered");
            assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "request {at}");
        }
    }
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing_behind() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let at = place(&create(&owner, project, "cancelled.mov", 8).await);
        assert_eq!(patch(&owner, &at, 0, &[1; 4]).await.status(), StatusCode::NO_CONTENT);
        let part = app.state.app.store.part_path(at.rsplit('/').next().expect("an id"));
        assert!(part.is_file());
        let url = format!("{}{at}", owner.url);
        let gone = owner.client.delete(url).header("tus-resumable", "1.0.0").send().await.expect("answered");
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        assert!(!part.exists(), "{}", app.engine());
        assert_eq!(offset(&owner, &at).await, "-", "not found");
        for table in ["upload", "shot", "blob", "job"] {
            let text = format!("select count(*) from {table}");
            let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
                .fetch_one(app.state.app.db.pool())
                .await
                .expect("counted");
            assert_eq!(count, 0, "{} {table}", app.engine());
        }
    }
}

#[tokio::test]
async fn a_browser_that_breaks_off_does_not_end_an_upload() {
    use std::io::Write;
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i * 11) as u8).collect();
        let at = place(&create(&owner, project, "broken.mov", bytes.len()).await);
        // Half of what was announced, then the line is cut, as a browser does that is closed.
        let sign_in = SignIn { email: "owner@studio.test".into(), password: PASSWORD.into() };
        let request = owner.client.post(format!("{}{}", owner.url, SignIn::PATH));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("accept", "application/json").body(serde_qs(&sign_in));
        let signed_in = request.send().await.expect("an answer");
        let cookie = signed_in.headers()["set-cookie"].to_str().expect("text").to_owned();
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        let head = format!(
            "PATCH {at} HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
             content-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
            owner.url.trim_start_matches("http://"),
            bytes.len()
        );
        let (address, half) = (owner.url.trim_start_matches("http://").to_owned(), bytes[..100_000].to_vec());
        tokio::task::spawn_blocking(move || {
            let mut line = std::net::TcpStream::connect(address).expect("connected");
            line.write_all(head.as_bytes()).and_then(|()| line.write_all(&half)).expect("sent");
            line.flush().expect("sent");
            std::thread::sleep(std::time::Duration::from_millis(300));
        })
        .await
        .expect("sent");
        let mut kept = 0;
        for _ in 0..100 {
            kept = offset(&owner, &at).await.parse().expect("still there");
            if kept > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(kept > 0 && kept <= 100_000, "{} {kept}", app.engine());
        let done = patch(&owner, &at, kept, &bytes[kept..]).await;
        assert_eq!(done.status(), StatusCode::NO_CONTENT, "{}", app.engine());
        app.state.app.store.verify_blocking(domain::Hash::of(&bytes)).expect("whole");
    }
}

#[tokio::test]
async fn versions_of_a_link_are_those_that_were_chosen_when_more_come() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let guest = guest(&app, &token, "Client").await;
        let later = next_version(&app, &owner, made.shot_id).await;
        let path = |version| format!("/share-media/{token}/versions/{version}/proxy.mov");
        assert_eq!(guest.get(&path(later)).await.status(), StatusCode::NOT_FOUND, "{}", app.engine());
        assert_eq!(guest.get(&path(made.version_id)).await.status(), StatusCode::OK);
        let reply = GuestReply {
            token: token.clone(),
            thread_id: ThreadId(db::new_uuid()),
            text: "x".into(),
            drawing: None,
        };
        assert_eq!(refused(guest.send::<_, CommentId>(&reply).await), StatusCode::NOT_FOUND);
    }
}
