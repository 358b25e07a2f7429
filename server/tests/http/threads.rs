//! Comment threads: who sees and changes what, and what is refused.

use app::api::session::{GetViewer, Viewer};
use app::api::threads::{
    DeleteComment, EditComment, GetThreads, Reply, ResolveThread, SeeThread, ShowThread, StartThread,
    ThreadsView,
};
use app::api::versions::ShowClient;
use db::decisions::{Ballot, on_quadmask};
use domain::thread::{CommentKind, Form, Ink, Shape};
use domain::{
    Action, CommentId, Drawing, FrameRange, PersonId, ProjectId, Role, ShotId, Thread, ThreadId, Verdict,
    VersionId, may,
};
use reqwest::{Response, StatusCode};

use crate::harness::{Actor, TestApp};
use crate::rows;

pub async fn me(actor: &Actor) -> PersonId {
    let viewer: Viewer = actor.ask(&GetViewer {}).await.expect("a viewer");
    viewer.person.expect("signed in").person_id
}

/// A shot of five frames with a first version, which clients do not see yet.
pub async fn reviewed(app: &TestApp, owner: &Actor, project: ProjectId) -> (ShotId, VersionId) {
    let shot_id = crate::rights::shot(app, owner, project).await;
    let (db, person_id) = (&app.state.app.db, me(owner).await);
    let run_id = db
        .write(move |tx| {
            Box::pin(async move {
                db::shots::ingested(tx, shot_id, &rows::facts(), rows::read(), "[]").await?;
                db::draft::replace_all(tx, shot_id, &[rows::made(0, 0, "first mask")]).await?;
                let revision = db::draft::state(&mut *tx, shot_id).await?.revision;
                let combined = rows::combined("subject", revision);
                let id = db::quadmasks::submit(tx, shot_id, person_id, "", &combined).await?;
                let (role, verdict) = (Role::Owner, Verdict::Approve);
                let ballot = Ballot { person_id, role, seen: combined.subject, verdict, note: "" };
                Ok(on_quadmask(tx, id, &ballot).await?.run.expect("queued").0)
            })
        })
        .await
        .expect("approved");
    let version_id = db
        .write(move |tx| {
            Box::pin(async move {
                db::runs::started(tx, run_id).await?;
                db::versions::create(tx, run_id, &rows::finished("first")).await
            })
        })
        .await
        .expect("a version");
    (shot_id, version_id)
}

fn about(shot_id: ShotId, version_id: VersionId, frame: u32) -> StartThread {
    StartThread {
        shot_id,
        version_id: Some(version_id),
        frames: Some(FrameRange::one(frame)),
        client_visible: false,
        text: "The edge shows.".into(),
        drawing: None,
    }
}

async fn start(actor: &Actor, call: StartThread) -> ThreadId {
    actor.send(&call).await.expect("started")
}

async fn threads(actor: &Actor, shot_id: ShotId) -> Vec<Thread> {
    let view: ThreadsView = actor.ask(&GetThreads { shot_id }).await.expect("threads");
    view.threads
}

async fn thread(actor: &Actor, shot_id: ShotId, id: ThreadId) -> Thread {
    threads(actor, shot_id).await.into_iter().find(|t| t.thread_id == id).expect("there")
}

fn drawn(points: usize) -> Drawing {
    let points = (0..points).map(|n| (n as f32 / points as f32, 0.5)).collect();
    Drawing { shapes: vec![Shape { ink: Ink::Yellow, width: 0.005, form: Form::Freehand { points } }] }
}

fn status<T>(answer: Result<T, (StatusCode, String)>) -> StatusCode {
    answer.map_or_else(|(status, _)| status, |_| StatusCode::OK)
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, (StatusCode, String)>) -> String {
    let (status, text) = answer.expect_err("refused");
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    text
}

/// Waits for the next event about a thread.
async fn next_thread_event(stream: &mut Response) -> String {
    loop {
        let chunk = stream.chunk().await.expect("open").expect("more");
        let text = String::from_utf8_lossy(&chunk).into_owned();
        if text.contains("\"thread\"") {
            return text;
        }
    }
}

#[tokio::test]
async fn every_role_does_with_threads_what_the_table_of_rights_says() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (shot_id, version_id) = reviewed(&app, &owner, ours).await;
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        for role in Role::ALL {
            let inside =
                if role == Role::Owner { owner.clone() } else { app.member(&owner, role, Some(ours)).await };
            let shown =
                start(&owner, StartThread { client_visible: true, ..about(shot_id, version_id, 1) }).await;
            let hidden = start(&owner, about(shot_id, version_id, 1)).await;
            let is_client = !may(role, Action::ViewShot);
            let seen: Vec<ThreadId> = threads(&inside, shot_id).await.iter().map(|t| t.thread_id).collect();
            assert!(seen.contains(&shown), "{role:?}");
            assert_eq!(seen.contains(&hidden), !is_client, "{role:?}");
            let wanted = |action: Action, is_there: bool| match (is_there, may(role, action)) {
                (false, _) => StatusCode::NOT_FOUND,
                (true, false) => StatusCode::FORBIDDEN,
                (true, true) => StatusCode::OK,
            };
            for (thread_id, is_there) in [(shown, true), (hidden, !is_client)] {
                let said = inside
                    .send::<_, CommentId>(&Reply { thread_id, text: "Yes.".into(), drawing: None })
                    .await;
                assert_eq!(status(said), wanted(Action::Comment, is_there), "{role:?} answers");
                let saw = inside.form::<_, ()>(&SeeThread { thread_id, n: 1 }).await;
                assert_eq!(status(saw), wanted(Action::ViewClientVersions, is_there), "{role:?} reads");
                let done = inside.form::<_, ()>(&ResolveThread { thread_id, resolved: true }).await;
                assert_eq!(status(done), wanted(Action::ResolveThread, is_there), "{role:?} resolves");
                let on = thread_id == shown;
                let showed = inside.form::<_, ()>(&ShowThread { thread_id, on }).await;
                assert_eq!(status(showed), wanted(Action::ShowClient, is_there), "{role:?} shows");
            }
            // What one began oneself one may resolve, and for clients it is for clients.
            let own = start(&inside, about(shot_id, version_id, 2)).await;
            assert_eq!(thread(&owner, shot_id, own).await.client_visible, is_client, "{role:?}");
            inside.form::<_, ()>(&ResolveThread { thread_id: own, resolved: true }).await.expect("one's own");
            let for_client = StartThread { client_visible: true, ..about(shot_id, version_id, 2) };
            let wanted = if is_client || may(role, Action::ShowClient) {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(
                status(inside.send::<_, ThreadId>(&for_client).await),
                wanted,
                "{role:?} starts for the client"
            );

            if may(role, Action::SeeEveryProject) {
                continue;
            }
            let outside = app.member(&owner, role, Some(theirs)).await;
            for actor in [&outside, &app.nobody()] {
                let comment_id = thread(&owner, shot_id, shown).await.comments[0].comment_id;
                let answers = [
                    status(actor.form::<_, ThreadsView>(&GetThreads { shot_id }).await),
                    status(actor.send::<_, ThreadId>(&about(shot_id, version_id, 0)).await),
                    status(
                        actor
                            .send::<_, CommentId>(&Reply {
                                thread_id: shown,
                                text: "x".into(),
                                drawing: None,
                            })
                            .await,
                    ),
                    status(actor.form::<_, ()>(&EditComment { comment_id, text: "x".into() }).await),
                    status(actor.form::<_, ()>(&DeleteComment { comment_id }).await),
                    status(actor.form::<_, ()>(&ResolveThread { thread_id: shown, resolved: true }).await),
                    status(actor.form::<_, ()>(&ShowThread { thread_id: shown, on: true }).await),
                    status(actor.form::<_, ()>(&SeeThread { thread_id: shown, n: 1 }).await),
                ];
                let is_nobody = !std::ptr::eq(actor, &raw const outside);
                let wanted = if is_nobody { StatusCode::UNAUTHORIZED } else { StatusCode::NOT_FOUND };
                assert!(answers.iter().all(|a| *a == wanted), "{} {role:?}: {answers:?}", app.engine());
            }
        }
    }
}

#[tokio::test]
async fn internal_threads_never_reach_a_client_nor_do_their_events() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        let client = app.member(&owner, Role::Client, Some(project)).await;
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let mut at_client = client.get("/events").await;
        let mut at_artist = artist.get("/events").await;

        let secret = StartThread {
            drawing: Some(drawn(3)),
            text: "Not for the client: @client".into(),
            ..about(shot_id, version_id, 1)
        };
        let hidden = start(&owner, secret).await;
        assert!(next_thread_event(&mut at_artist).await.contains("\"clients\":false"));
        assert_eq!(threads(&client, shot_id).await, [], "nothing of it, not even a count");
        let text =
            client.client.post(format!("{}{}", app.url, <GetThreads as leptos::server_fn::ServerFn>::PATH));
        let text = text
            .header("content-type", "application/x-www-form-urlencoded")
            .body(crate::harness::serde_qs(&GetThreads { shot_id }))
            .send()
            .await
            .expect("an answer");
        let text = text.text().await.expect("a body");
        assert!(!text.contains("Not for the client") && !text.contains(&hidden.to_string()), "{text}");
        assert!(
            thread(&owner, shot_id, hidden).await.comments[0].mentions.is_empty(),
            "a client does not see it"
        );

        // The first that the client hears of any thread is of the one for the client.
        let shown =
            start(&owner, StartThread { client_visible: true, ..about(shot_id, version_id, 0) }).await;
        assert!(next_thread_event(&mut at_client).await.contains("\"clients\":true"));
        assert_eq!(threads(&client, shot_id).await.iter().map(|t| t.thread_id).collect::<Vec<_>>(), [shown]);
        let view: ThreadsView = client.ask(&GetThreads { shot_id }).await.expect("threads");
        assert_eq!(view.people.len(), 1, "only who speaks there: {:?}", view.people);

        // Made internal it is gone, and the client hears that something changed.
        owner.ask::<_, ()>(&ShowThread { thread_id: shown, on: false }).await.expect("hidden");
        assert!(next_thread_event(&mut at_client).await.contains("\"clients\":true"));
        assert_eq!(threads(&client, shot_id).await, []);
        owner.ask::<_, ()>(&ShowThread { thread_id: shown, on: true }).await.expect("shown again");
        assert_eq!(threads(&client, shot_id).await.len(), 1);

        // What was said about a version goes when the version is hidden.
        owner.ask::<_, ()>(&ShowClient { version_id, on: false }).await.expect("hidden");
        let gone = client.form::<_, ThreadsView>(&GetThreads { shot_id }).await;
        assert_eq!(status(gone), StatusCode::NOT_FOUND);

        // In the thread of the shot, shown to clients, only versions that are shown arrive.
        let of_shot = ThreadId(shot_id.0);
        owner.ask::<_, ()>(&ShowThread { thread_id: of_shot, on: true }).await.expect("shown");
        let db = &app.state.app.db;
        assert_eq!(
            db::threads::list(db, shot_id, me(&client).await, db::threads::Eyes::Client(me(&client).await))
                .await
                .expect("rows"),
            []
        );
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        let arrived = thread(&client, shot_id, of_shot).await;
        assert_eq!(arrived.comments[0].version.expect("a version").version_id, version_id);
    }
}

#[tokio::test]
async fn ids_from_elsewhere_open_nothing() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (shot_id, version_id) = reviewed(&app, &owner, ours).await;
        let (_, their_version) = reviewed(&app, &owner, theirs).await;
        let their_shot =
            db::versions::get(app.state.app.db.pool(), their_version).await.expect("there").shot_id;
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let client = app.member(&owner, Role::Client, Some(ours)).await;
        let foreign = start(&owner, about(their_shot, their_version, 0)).await;
        let foreign_comment = thread(&owner, their_shot, foreign).await.comments[0].comment_id;

        let mixed = artist.send::<_, ThreadId>(&about(shot_id, their_version, 0)).await;
        assert_eq!(status(mixed), StatusCode::NOT_FOUND, "a version of another shot");
        let mixed = owner.send::<_, ThreadId>(&about(shot_id, their_version, 0)).await;
        assert_eq!(status(mixed), StatusCode::NOT_FOUND, "even for who sees both");
        let reply = Reply { thread_id: foreign, text: "x".into(), drawing: None };
        assert_eq!(status(artist.send::<_, CommentId>(&reply).await), StatusCode::NOT_FOUND);
        let edit = EditComment { comment_id: foreign_comment, text: "x".into() };
        assert_eq!(status(artist.form::<_, ()>(&edit).await), StatusCode::NOT_FOUND);
        let nothing = Reply { thread_id: ThreadId(db::new_uuid()), text: "x".into(), drawing: None };
        assert_eq!(status(owner.send::<_, CommentId>(&nothing).await), StatusCode::NOT_FOUND);

        // A client cannot speak about a version that is not shown, though the shot is.
        assert_eq!(
            status(client.send::<_, ThreadId>(&about(shot_id, version_id, 0)).await),
            StatusCode::NOT_FOUND
        );

        // Only people who see the thread are named, whatever is written.
        app.member(&owner, Role::Supervisor, Some(theirs)).await;
        let call = StartThread {
            text: "@supervisor @artist @client @Owner".into(),
            ..about(shot_id, version_id, 0)
        };
        let id = start(&owner, call).await;
        let named = thread(&owner, shot_id, id).await.comments[0].mentions.clone();
        let (a, o) = (me(&artist).await, me(&owner).await);
        assert!(named.len() == 2 && named.contains(&a) && named.contains(&o), "{named:?}");
        let changed =
            StartThread { client_visible: true, text: "@client".into(), ..about(shot_id, version_id, 0) };
        let id = start(&owner, changed).await;
        assert_eq!(thread(&owner, shot_id, id).await.comments[0].mentions, [me(&client).await]);
    }
}

#[tokio::test]
async fn what_cannot_be_placed_said_or_drawn_is_refused_in_words() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        let ask = async |call: StartThread| owner.send::<_, ThreadId>(&call).await;
        let before = threads(&owner, shot_id).await.len();
        let place = |from: u32, to: u32| StartThread {
            frames: Some(FrameRange { from, to }),
            ..about(shot_id, version_id, 0)
        };
        for frame in [rows::FRAMES, 4_000_000_000] {
            let text = refusal(ask(about(shot_id, version_id, frame)).await);
            assert!(text.contains(&format!("frame {frame} is not in this shot: it has 5 frames")), "{text}");
        }
        assert!(refusal(ask(place(0, rows::FRAMES)).await).contains("frame 5"));
        assert!(refusal(ask(place(3, 1)).await).contains("ends at or after"));
        assert!(
            refusal(ask(StartThread { text: " \n ".into(), ..about(shot_id, version_id, 0) }).await)
                .contains("at least one character")
        );
        assert!(
            refusal(ask(StartThread { text: "x".repeat(4_001), ..about(shot_id, version_id, 0) }).await)
                .contains("at most 4,000")
        );
        let draw = |drawing: Drawing| StartThread { drawing: Some(drawing), ..about(shot_id, version_id, 0) };
        let text = refusal(ask(draw(drawn(Drawing::MOST_POINTS + 1))).await);
        assert!(text.contains("at most 10000 points, this one has 10001"), "{text}");
        let text = refusal(ask(draw(drawn(1_000_000))).await);
        assert!(text.contains("2 MB"), "{text}");
        assert!(refusal(ask(draw(Drawing::default())).await).contains("1 to 200 shapes"));
        let mut off = drawn(2);
        off.shapes[0].form = Form::Arrow { from: (0.5, 0.5), to: (1.5, 0.5) };
        assert!(refusal(ask(draw(off)).await).contains("not on the picture"));
        let whole = StartThread { frames: None, ..draw(drawn(3)) };
        assert!(refusal(ask(whole).await).contains("lies on a frame"));
        assert_eq!(threads(&owner, shot_id).await.len(), before, "nothing was kept");

        // The most that is allowed comes back as it was sent; a drawing needs no words.
        let most = drawn(Drawing::MOST_POINTS);
        let id = start(&owner, StartThread { text: String::new(), ..draw(most.clone()) }).await;
        assert_eq!(thread(&owner, shot_id, id).await.comments[0].drawing.as_ref(), Some(&most));
        let whole = start(&owner, StartThread { frames: None, ..about(shot_id, version_id, 0) }).await;
        let reply = Reply { thread_id: whole, text: "x".into(), drawing: Some(drawn(3)) };
        assert!(refusal(owner.send::<_, CommentId>(&reply).await).contains("no frame in particular"));
    }
}

#[tokio::test]
async fn a_comment_on_the_first_frame_keeps_its_frame() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        let id = start(&owner, about(shot_id, version_id, 0)).await;
        let found = thread(&owner, shot_id, id).await;
        assert_eq!(found.frames, Some(FrameRange::one(0)));
        assert_eq!(found.version.expect("on a version").n, 1);
    }
}

#[tokio::test]
async fn of_two_people_who_resolve_at_once_one_is_told_who_was_faster() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(project)).await;
        for _ in 0..5 {
            let thread_id = start(&owner, about(shot_id, version_id, 1)).await;
            for resolved in [true, false] {
                let call = ResolveThread { thread_id, resolved };
                let (one, other) = tokio::join!(owner.form::<_, ()>(&call), supervisor.form::<_, ()>(&call));
                let lost: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
                let [(status, text)] = &lost[..] else { panic!("one wins, one loses: {lost:?}") };
                assert_eq!(*status, StatusCode::CONFLICT);
                let word = if resolved { "resolved" } else { "re-opened" };
                assert!(
                    text.contains(word) && (text.contains("Owner") || text.contains("supervisor")),
                    "{text}"
                );
                let found = thread(&owner, shot_id, thread_id).await;
                assert_eq!(found.resolved.is_some(), resolved);
            }
            let kinds: Vec<CommentKind> =
                thread(&owner, shot_id, thread_id).await.comments.iter().map(|c| c.kind).collect();
            assert_eq!(kinds, [CommentKind::Said, CommentKind::Resolved, CommentKind::Reopened]);
        }
        let of_shot = ResolveThread { thread_id: ThreadId(shot_id.0), resolved: true };
        assert!(refusal(owner.form::<_, ()>(&of_shot).await).contains("stays open"));
    }
}

#[tokio::test]
async fn a_comment_is_changed_by_its_author_alone_and_leaves_a_trace() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let id = start(
            &artist,
            StartThread {
                drawing: Some(drawn(3)),
                text: "@Owner look".into(),
                ..about(shot_id, version_id, 1)
            },
        )
        .await;
        let reply = Reply { thread_id: id, text: "I see.".into(), drawing: None };
        owner.send::<_, CommentId>(&reply).await.expect("answered");
        let comment_id = thread(&artist, shot_id, id).await.comments[0].comment_id;
        assert_eq!(thread(&artist, shot_id, id).await.unread(me(&artist).await), 1);

        let edit = EditComment { comment_id, text: "Mine now".into() };
        assert!(refusal(owner.form::<_, ()>(&edit).await).contains("Only who wrote"));
        assert!(refusal(owner.form::<_, ()>(&DeleteComment { comment_id }).await).contains("Only who wrote"));
        let markup = "<script>alert(1)</script>".to_owned();
        artist.form::<_, ()>(&EditComment { comment_id, text: markup.clone() }).await.expect("edited");
        let edited = thread(&owner, shot_id, id).await.comments[0].clone();
        assert_eq!(edited.text, markup, "kept as typed");
        assert!(edited.edited_at.is_some() && edited.drawing.is_some() && edited.mentions.is_empty());

        artist.form::<_, ()>(&DeleteComment { comment_id }).await.expect("deleted");
        let left = thread(&owner, shot_id, id).await.comments;
        assert_eq!(left.iter().map(|c| c.n).collect::<Vec<_>>(), [1, 2], "answers keep their place");
        assert!(left[0].deleted_at.is_some() && left[0].text.is_empty() && left[0].drawing.is_none());
        assert_eq!(left[1].text, "I see.");
        for again in
            [artist.form::<_, ()>(&DeleteComment { comment_id }).await, artist.form::<_, ()>(&edit).await]
        {
            assert!(refusal(again).contains("while it is there"));
        }
        // What the worker said is nobody's.
        let arrived = thread(&owner, shot_id, ThreadId(shot_id.0)).await.comments[0].comment_id;
        assert!(
            refusal(owner.form::<_, ()>(&DeleteComment { comment_id: arrived }).await)
                .contains("Only who wrote")
        );
    }
}

#[tokio::test]
async fn everybody_has_read_what_they_have_read() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project).await;
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let (a, o) = (me(&artist).await, me(&owner).await);
        let thread_id = start(&owner, about(shot_id, version_id, 1)).await;
        let unread =
            async |actor: &Actor, person: PersonId| thread(actor, shot_id, thread_id).await.unread(person);
        assert_eq!((unread(&owner, o).await, unread(&artist, a).await), (0, 1));
        // A number from the future counts as all there is, one from the past changes nothing.
        for (n, left) in [(0, 1), (99, 0), (0, 0)] {
            artist.form::<_, ()>(&SeeThread { thread_id, n }).await.expect("seen");
            assert_eq!(unread(&artist, a).await, left);
        }
        let reply = Reply { thread_id, text: "And this.".into(), drawing: None };
        owner.send::<_, CommentId>(&reply).await.expect("answered");
        assert_eq!((unread(&owner, o).await, unread(&artist, a).await), (0, 1));
        artist.send::<_, CommentId>(&reply).await.expect("answered");
        assert_eq!((unread(&owner, o).await, unread(&artist, a).await), (1, 0));
    }
}
