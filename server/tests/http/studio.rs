//! Running a studio: who may assign, what clients are never told, inboxes that arrive and stay one's own, a search that
//! finds only what one sees.

use app::api::projects::{GetProject, ListShots, ShotFilter, ShotPage};
use app::api::search::{Hits, Search};
use app::api::shots::{GetShot, ShotView};
use app::api::threads::{Reply, StartThread};
use app::api::versions::ShowClient;
use app::api::work::{ChangeWork, GetWaiting, ListInbox, ListNeeds, Need, ReadEntry, ReadInbox, Waiting};
use domain::inbox::{Entry, EntryKind};
use domain::needs::Asked;
use domain::{
    Action, AssignedTo, CommentId, DueIn, EntryId, PersonId, Role, ShotId, ThreadId, WorkChange, may,
};
use leptos::server_fn::ServerFn;
use reqwest::{Response, StatusCode};
use serde::Serialize;

use crate::harness::{Actor, TestApp, serde_qs};
use crate::threads::{me, reviewed};

async fn work(actor: &Actor, shots: &[ShotId], change: WorkChange) -> StatusCode {
    let call = ChangeWork { shots: shots.to_vec(), change };
    actor.send::<_, ()>(&call).await.map_or_else(|(status, _)| status, |()| StatusCode::OK)
}

async fn inbox(actor: &Actor) -> Vec<Entry> {
    actor.ask(&ListInbox {}).await.expect("entries")
}

async fn needs(actor: &Actor) -> Vec<Asked> {
    let needs: Vec<Need> = actor.ask(&ListNeeds {}).await.expect("needs");
    needs.into_iter().map(|need| need.asked).collect()
}

/// An answer as the browser gets it.
async fn raw<F: ServerFn + Serialize>(actor: &Actor, call: &F, is_json: bool) -> String {
    let (kind, body) = if is_json {
        ("application/json", serde_json::to_string(call).expect("plain values"))
    } else {
        ("application/x-www-form-urlencoded", serde_qs(call))
    };
    let request = actor.client.post(format!("{}{}", actor.url, F::PATH)).header("content-type", kind);
    let answer = request.header("accept", "application/json").body(body).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{}", F::PATH);
    answer.text().await.expect("a body")
}

fn internal(shot_id: ShotId, text: &str) -> StartThread {
    let (version_id, frames, drawing) = (None, None, None);
    StartThread { shot_id, version_id, frames, client_visible: false, text: text.into(), drawing }
}

#[tokio::test]
async fn a_shot_is_assigned_by_those_who_may_to_people_of_its_project() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (shot_id, version_id) = reviewed(&app, &owner, ours).await;
        let foreign = crate::rights::shot(&app, &owner, theirs).await;
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let stranger = me(&app.member(&owner, Role::Artist, Some(theirs)).await).await;
        let client = me(&app.member(&owner, Role::Client, Some(ours)).await).await;
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        let change = WorkChange::Assign { person_id: me(&artist).await };
        for role in Role::ALL {
            let actor =
                if role == Role::Owner { owner.clone() } else { app.member(&owner, role, Some(ours)).await };
            let wanted = if may(role, Action::Assign) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(work(&actor, &[shot_id], change).await, wanted, "{} {role:?}", app.engine());
            if may(role, Action::Assign) {
                for person_id in [stranger, client, PersonId(db::new_uuid())] {
                    let status = work(&actor, &[shot_id], WorkChange::Assign { person_id }).await;
                    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{role:?}");
                }
            }
            if !may(role, Action::SeeEveryProject) {
                let both = work(&actor, &[shot_id, foreign], WorkChange::Clear).await;
                let wanted =
                    if may(role, Action::Assign) { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
                assert_eq!(both, wanted, "{role:?} with a shot of another project");
                assert_eq!(
                    work(&actor, &[foreign], WorkChange::NotDue).await,
                    StatusCode::NOT_FOUND,
                    "{role:?}"
                );
            }
        }
        assert_eq!(work(&owner, &[], WorkChange::Clear).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(work(&app.nobody(), &[shot_id], change).await, StatusCode::UNAUTHORIZED);
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("a shot");
        let names: Vec<_> = view.work.expect("shown").people.into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["artist"], "{}", app.engine());
        assert!(!view.people.iter().any(|one| [stranger, client].contains(&one.person_id)));
        let body =
            format!("{{\"shots\":[\"{shot_id}\"],\"change\":{{\"what\":\"due\",\"day\":\"2026-02-30\"}}}}");
        let request = owner.client.post(format!("{}{}", app.url, ChangeWork::PATH)).body(body);
        let answer = request.header("content-type", "application/json").send().await.expect("an answer");
        assert!(answer.status().is_client_error(), "{}", answer.status());
    }
}

#[tokio::test]
async fn clients_are_never_told_who_works_on_what_until_when() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project_id = owner.project("Ours").await;
        let (shot_id, version_id) = reviewed(&app, &owner, project_id).await;
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        let artist = app.member(&owner, Role::Artist, Some(project_id)).await;
        let client = app.member(&owner, Role::Client, Some(project_id)).await;
        let person_id = me(&artist).await;
        let day = "2026-01-05".parse().expect("a day");
        for change in [WorkChange::Assign { person_id }, WorkChange::Due { day }] {
            assert_eq!(work(&owner, &[shot_id], change).await, StatusCode::OK);
        }
        let page = |filter| ListShots { project_id, filter, offset: 0, limit: 10 };
        let late = ShotFilter { due: Some(DueIn::Late), ..ShotFilter::default() };
        let mine = ShotFilter { assigned: Some(AssignedTo::Nobody), ..ShotFilter::default() };
        let told = raw(&owner, &page(ShotFilter::default()), true).await;
        assert!(
            told.contains("\"work\"") && told.contains("2026-01-05") && told.contains("\"late\""),
            "{told}"
        );
        for answer in [
            raw(&client, &page(ShotFilter::default()), true).await,
            raw(&client, &GetShot { shot_id }, false).await,
            raw(&client, &GetProject { project_id }, false).await,
            raw(&client, &ListNeeds {}, false).await,
            raw(&client, &ListInbox {}, false).await,
        ] {
            for word in ["\"work\"", "\"due\"", "\"people\"", "2026-01-05", &person_id.to_string()] {
                assert!(!answer.contains(word), "{word} in {answer}");
            }
        }
        for (filter, wanted) in [(late.clone(), 1), (mine.clone(), 0)] {
            let team: ShotPage = artist.send(&page(filter)).await.expect("a page");
            assert_eq!(team.total, wanted);
        }
        for filter in [late, mine] {
            let theirs: ShotPage = client.send(&page(filter)).await.expect("a page");
            assert_eq!(theirs.total, 1, "no filter tells them either");
        }
    }
}

/// Waits for the next event about an inbox.
async fn next_inbox_event(stream: &mut Response) -> String {
    loop {
        let chunk = stream.chunk().await.expect("open").expect("more");
        let text = String::from_utf8_lossy(&chunk).into_owned();
        if text.contains("\"inbox\"") {
            return text;
        }
    }
}

#[tokio::test]
async fn an_inbox_arrives_at_its_owner_alone_and_is_read_by_them_alone() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let project = owner.project("Ours").await;
        let (shot_id, _) = reviewed(&app, &owner, project).await;
        let artist = app.member(&owner, Role::Artist, Some(project)).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(project)).await;
        let person_id = me(&artist).await;
        let (mut theirs, mut others) = (artist.get("/events").await, supervisor.get("/events").await);
        assert_eq!(work(&supervisor, &[shot_id], WorkChange::Assign { person_id }).await, StatusCode::OK);
        let told = next_inbox_event(&mut theirs).await;
        assert!(told.contains(&person_id.to_string()) && told.contains("\"project_id\":null"), "{told}");
        let thread: ThreadId = supervisor.send(&internal(shot_id, "@artist, look here")).await.expect("said");
        let reply = Reply { thread_id: thread, text: "Seen.".into(), drawing: None };
        artist.send::<_, CommentId>(&reply).await.expect("answered");
        // The supervisor hears of their own entry, and heard nothing of the artist's two before it.
        let told = next_inbox_event(&mut others).await;
        assert!(!told.contains(&person_id.to_string()), "{told}");

        let entries = inbox(&artist).await;
        let kinds: Vec<_> = entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [EntryKind::Mentioned, EntryKind::Assigned]);
        assert_eq!(entries[0].thread_id, Some(thread));
        assert_eq!(inbox(&supervisor).await[0].kind, EntryKind::Replied);
        let count: Waiting = artist.ask(&GetWaiting {}).await.expect("counted");
        // Having answered, they have read what named them.
        assert_eq!((count.unread, count.needs), (1, 0));
        let entry_id = entries[1].entry_id;
        for actor in [&supervisor, &owner] {
            let answer = actor.form::<_, ()>(&ReadEntry { entry_id }).await;
            assert_eq!(answer.expect_err("not theirs").0, StatusCode::NOT_FOUND);
        }
        let missing = artist.form::<_, ()>(&ReadEntry { entry_id: EntryId(db::new_uuid()) }).await;
        assert_eq!(missing.expect_err("not there").0, StatusCode::NOT_FOUND);
        artist.ask::<_, ()>(&ReadInbox { until: entries[1].at }).await.expect("read");
        assert!(inbox(&artist).await.iter().all(|entry| entry.is_read));

        // Out of the project, nothing of it is left to read; back in it, all of it.
        let member = |on| app::api::projects::SetMember { project_id: project, person_id, on };
        owner.ask::<_, ()>(&member(false)).await.expect("out");
        assert_eq!(inbox(&artist).await, []);
        owner.ask::<_, ()>(&member(true)).await.expect("in");
        assert_eq!(inbox(&artist).await.len(), 2);
    }
}

#[tokio::test]
async fn what_waits_is_over_all_projects_that_one_sees() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        for project in [ours, theirs] {
            reviewed(&app, &owner, project).await;
        }
        let inside = app.member(&owner, Role::Supervisor, Some(ours)).await;
        assert_eq!(needs(&inside).await, [Asked::DecideResult], "{}", app.engine());
        let member =
            app::api::projects::SetMember { project_id: theirs, person_id: me(&inside).await, on: true };
        owner.ask::<_, ()>(&member).await.expect("in");
        assert_eq!(needs(&inside).await, [Asked::DecideResult; 2]);
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        assert_eq!(needs(&artist).await, []);
        assert!(app.nobody().ask::<_, Vec<Need>>(&ListNeeds {}).await.is_err());
    }
}

async fn found(actor: &Actor, q: &str) -> (Vec<String>, Vec<String>) {
    let hits: Hits = actor.ask(&Search { q: q.into() }).await.expect("an answer");
    let shots = hits.shots.into_iter().map(|hit| hit.name).collect();
    (shots, hits.comments.into_iter().map(|hit| hit.excerpt).collect())
}

#[tokio::test]
async fn a_search_finds_only_what_one_sees() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (shot_id, version_id) = reviewed(&app, &owner, ours).await;
        let words = domain::Words { removal: "the red_100% ball".into(), after: String::new() };
        let db = &app.state.app.db;
        db.write(move |tx| {
            let words = words.clone();
            Box::pin(async move {
                sqlx::query("insert into words (shot_id, removal, after) values ($1, $2, '')")
                    .bind(shot_id.to_string())
                    .bind(words.removal)
                    .execute(&mut *tx)
                    .await?;
                Ok(())
            })
        })
        .await
        .expect("words");
        owner
            .send::<_, ThreadId>(&internal(shot_id, "Zebra EDGE at the left, Öl and 100%"))
            .await
            .expect("said");
        let shown = StartThread { client_visible: true, ..internal(shot_id, "Zebra for the client") };
        owner.send::<_, ThreadId>(&shown).await.expect("said");
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        let client = app.member(&owner, Role::Client, Some(ours)).await;
        let outside = app.member(&owner, Role::Artist, Some(theirs)).await;
        let both = ["Zebra for the client", "Zebra EDGE at the left, Öl and 100%"].map(str::to_owned);
        assert_eq!(found(&artist, "zebra").await, (vec![], both.to_vec()), "{}", app.engine());
        for (q, is_comment) in
            [("edge zebra", true), ("Öl", true), ("100%", true), ("10%0", false), ("ze_ra", false)]
        {
            assert_eq!(found(&artist, q).await.1.len(), usize::from(is_comment), "{} {q}", app.engine());
        }
        for q in ["PLATE", "red_100%", "ball plate"] {
            assert_eq!(found(&artist, q).await.0, ["plate"], "{} {q}", app.engine());
        }
        assert_eq!(found(&artist, "red%100").await.0, [""; 0]);
        for q in ["", "  ", "'; drop table shot; --", &"x ".repeat(500)] {
            assert_eq!(found(&artist, q).await, (vec![], vec![]), "{q}");
        }
        // Nothing is shown to the client yet; then the name, and what was said to them.
        for q in ["plate", "zebra", "ball"] {
            assert_eq!(found(&client, q).await, (vec![], vec![]), "{q}");
            assert_eq!(found(&outside, q).await, (vec![], vec![]), "{q}");
        }
        owner.ask::<_, ()>(&ShowClient { version_id, on: true }).await.expect("shown");
        assert_eq!(found(&client, "zebra").await, (vec![], vec!["Zebra for the client".to_owned()]));
        assert_eq!(found(&client, "plate").await.0, ["plate"]);
        assert_eq!(found(&client, "ball").await.0, [""; 0], "the brief is not theirs");
        assert!(app.nobody().ask::<_, Hits>(&Search { q: "plate".into() }).await.is_err());
    }
}
