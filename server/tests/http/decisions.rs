//! Quadmasks, versions, decisions and jobs that are there, by their real ids: each role inside the project, outside of it,
//! and nobody; as functions and as media.

use app::api::deliveries::AskPackage;
use app::api::jobs::{CancelJob, JobLog, RetryJob, SetPriority};
use app::api::projects::UpdateProject;
use app::api::quadmasks::{DecideQuadmask, ExportMarks, ExportQuadmask, ExportState, QuadmaskFrames};
use app::api::session::{GetViewer, Viewer};
use app::api::shots::{GetShot, ShotView};
use app::api::versions::{DecideVersion, ShowClient};
use db::quadmasks::ManifestFrame;
use domain::{
    Action, ApprovalPolicy, Hash, JobId, Level, Levels, Movie, ProjectId, QuadmaskId, Role, ShotId, Verdict,
    VersionId, may,
};
use reqwest::StatusCode;

use crate::functions::{Call, form};
use crate::harness::{Actor, TestApp};
use crate::rights::shot;
use crate::{rows, transact};

/// A shot with one of everything.
pub struct Reviewed {
    pub shot_id: ShotId,
    pub quadmask_id: QuadmaskId,
    pub version_id: VersionId,
    pub version: Hash,
    /// The removal.
    job_id: JobId,
}

/// A shot whose quadmask waits for its decision.
async fn in_review(app: &TestApp, owner: &Actor, project: ProjectId) -> (ShotId, QuadmaskId, Hash) {
    let shot_id = shot(app, owner, project).await;
    let viewer: Viewer = owner.ask(&GetViewer {}).await.expect("a viewer");
    let author = viewer.person.expect("signed in").person_id;
    let db = &app.state.app.db;
    for bytes in [&b"proxy"[..], b"poster", b"strip", b"sound", b"result", b"matte"] {
        app.state.app.store.put_blocking(bytes).expect("stored");
    }
    // Exact frames that a worker made.
    let plate = db::shots::get(db.pool(), shot_id).await.expect("there").plate;
    for (file, frame) in [(plate, 1), (Hash::of(b"result"), 2)] {
        let wish = db::exact::Wish { file, frame, shot_id, version_id: None };
        app.state.app.store.put_cached_blocking(&wish.cache_name(), b"PNG", 1 << 20).expect("kept");
    }
    let (facts, read) = (rows::facts(), db::shots::Made { sound: Some(Hash::of(b"sound")), ..rows::read() });
    transact!(db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read, "[]")).expect("ingested");
    let made = vec![rows::made(0, 0, "mask")];
    transact!(db, [made], |tx| db::draft::replace_all(tx, shot_id, &made)).expect("a draft");
    let revision = db::draft::state(db.pool(), shot_id).await.expect("read").revision;
    let subject = format!("subject of {shot_id}");
    let mut combined = rows::combined(&subject, revision);
    let mut levels = Levels::background(rows::WIDTH, rows::HEIGHT);
    levels.set(3, 3, Level::Primary);
    let png = app.state.app.store.put_blocking(&levels.to_png()).expect("stored");
    combined.manifest.frames[0] = ManifestFrame { png: Some(png), levels: levels.hash() };
    let quadmask_id =
        transact!(db, [combined], |tx| db::quadmasks::submit(tx, shot_id, author, "", &combined))
            .expect("sent to review");
    (shot_id, quadmask_id, Hash::of(subject.as_bytes()))
}

pub async fn reviewed(app: &TestApp, owner: &Actor, project: ProjectId) -> Reviewed {
    let (shot_id, quadmask_id, quadmask) = in_review(app, owner, project).await;
    let approve =
        DecideQuadmask { quadmask_id, seen: quadmask, verdict: Verdict::Approve, note: String::new() };
    owner.ask::<_, ()>(&approve).await.expect("approved");
    let db = &app.state.app.db;
    let run_id = db::runs::newest(db, shot_id).await.expect("read").expect("queued by the approval");
    let finished = rows::finished(&shot_id.to_string());
    let version_id = transact!(db, [finished], |tx| async move {
        db::runs::started(tx, run_id).await?;
        db::versions::create(tx, run_id, &finished).await
    })
    .expect("a version");
    let version = db::versions::get(db.pool(), version_id).await.expect("there").subject;
    let jobs = jobs::list(db, true, &[project], 100).await.expect("listed");
    let removal = jobs.iter().find(|job| job.kind == "remove" && job.shot_id == Some(shot_id));
    Reviewed { shot_id, quadmask_id, version_id, version, job_id: removal.expect("queued").job_id }
}

impl Reviewed {
    /// Ids of nothing, for who only wants to know which calls there are.
    pub fn nothing() -> Self {
        let hash = Hash::of(b"nothing");
        Self {
            shot_id: ShotId(db::new_uuid()),
            quadmask_id: QuadmaskId(db::new_uuid()),
            version_id: VersionId(db::new_uuid()),
            version: hash,
            job_id: JobId(db::new_uuid()),
        }
    }

    /// Decisions here are about another hash, so that none is taken; what is refused by right is refused before.
    pub fn calls(&self) -> Vec<Call> {
        let Self { quadmask_id, version_id, job_id, .. } = *self;
        let (seen, verdict) = (Hash::of(b"something else"), Verdict::Approve);
        let note = String::new;
        vec![
            form(Action::DecideQuadmask, &DecideQuadmask { quadmask_id, seen, verdict, note: note() }),
            form(Action::ViewShot, &QuadmaskFrames { quadmask_id }),
            form(Action::ViewShot, &ExportQuadmask { quadmask_id }),
            form(Action::ViewShot, &ExportMarks { quadmask_id }),
            form(Action::ViewShot, &ExportState { quadmask_id, job_id }),
            form(Action::DecideVersion, &DecideVersion { version_id, seen, verdict, note: note() }),
            form(Action::ShowClient, &ShowClient { version_id, on: false }),
            form(Action::Deliver, &AskPackage { version_id, movie: Movie::H264 }),
            form(Action::ViewJobs, &JobLog { job_id }),
            form(Action::ManageJobs, &SetPriority { job_id, priority: 1 }),
            form(Action::Run, &RetryJob { job_id }),
            form(Action::Run, &CancelJob { job_id }),
        ]
    }

    /// Addresses of files, and whether a client sees them once the version is shown.
    pub fn files(&self) -> Vec<(String, bool)> {
        let Self { shot_id, quadmask_id, version_id, .. } = self;
        vec![
            (format!("/media/quadmasks/{quadmask_id}/0.png"), false),
            (format!("/media/quadmasks/{quadmask_id}/quadmask.zip"), false),
            (format!("/media/versions/{version_id}/proxy.mov"), true),
            (format!("/media/versions/{version_id}/proxy.json"), true),
            (format!("/media/versions/{version_id}/result.mkv"), false),
            (format!("/media/versions/{version_id}/matte.mkv"), false),
            (format!("/media/shots/{shot_id}/proxy.mov"), true),
            (format!("/media/shots/{shot_id}/sound.wav"), true),
            (format!("/media/shots/{shot_id}/plate"), false),
            (format!("/media/shots/{shot_id}/history.json"), false),
            (format!("/media/shots/{shot_id}/history.pdf"), false),
            (format!("/media/shots/{shot_id}/void.zip"), false),
            (format!("/media/shots/{shot_id}/frames/1.png"), false),
            (format!("/media/versions/{version_id}/frames/2.png"), false),
        ]
    }
}

#[tokio::test]
async fn what_is_there_is_refused_by_the_table_of_rights_too() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let made = reviewed(&app, &owner, ours).await;
        for role in Role::ALL.into_iter().filter(|&role| role != Role::Client) {
            let inside =
                if role == Role::Owner { owner.clone() } else { app.member(&owner, role, Some(ours)).await };
            for call in made.calls() {
                let status = call.status(&inside).await;
                let wanted = !may(role, call.action);
                assert_eq!(
                    status == StatusCode::FORBIDDEN,
                    wanted,
                    "{engine} {role:?} {}: {status}",
                    call.path
                );
                let is_answer = status.is_success() || status.is_client_error();
                let is_lost = [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&status);
                assert!(is_answer && !is_lost, "{engine} {role:?} {}: {status}", call.path);
            }
            for (file, _) in made.files() {
                assert_eq!(inside.get(&file).await.status(), StatusCode::OK, "{engine} {role:?} {file}");
            }
            if may(role, Action::SeeEveryProject) {
                continue;
            }
            let outside = app.member(&owner, role, Some(theirs)).await;
            for call in made.calls() {
                let status = call.status(&outside).await;
                assert_eq!(status, StatusCode::NOT_FOUND, "{engine} {role:?} elsewhere {}", call.path);
            }
            for (file, _) in made.files() {
                let status = outside.get(&file).await.status();
                assert_eq!(status, StatusCode::NOT_FOUND, "{engine} {role:?} elsewhere {file}");
            }
        }
        let nobody = app.nobody();
        for call in made.calls() {
            assert_eq!(call.status(&nobody).await, StatusCode::UNAUTHORIZED, "{engine} {}", call.path);
        }
        for (file, _) in made.files() {
            assert_eq!(nobody.get(&file).await.status(), StatusCode::UNAUTHORIZED, "{engine} {file}");
        }
    }
}

#[tokio::test]
async fn clients_reach_what_is_shown_to_them_and_nothing_else() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let made = reviewed(&app, &owner, ours).await;
        let client = app.member(&owner, Role::Client, Some(ours)).await;
        let elsewhere = app.member(&owner, Role::Client, Some(theirs)).await;
        let refused = [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN];
        for call in made.calls() {
            assert_eq!(call.status(&client).await, StatusCode::NOT_FOUND, "{engine} {}", call.path);
        }
        for (file, _) in made.files() {
            assert!(refused.contains(&client.get(&file).await.status()), "{engine} {file}");
        }
        let show = ShowClient { version_id: made.version_id, on: true };
        owner.ask::<_, ()>(&show).await.expect("shown");
        for call in made.calls() {
            let status = call.status(&client).await;
            let is_theirs = may(Role::Client, call.action);
            assert_eq!(refused.contains(&status), !is_theirs, "{engine} {}: {status}", call.path);
            assert_eq!(call.status(&elsewhere).await, StatusCode::NOT_FOUND, "{engine} {}", call.path);
        }
        for (file, is_for_clients) in made.files() {
            let status = client.get(&file).await.status();
            assert_eq!(status == StatusCode::OK, is_for_clients, "{engine} {file}: {status}");
            assert!(is_for_clients || refused.contains(&status), "{engine} {file}: {status}");
            assert!(refused.contains(&elsewhere.get(&file).await.status()), "{engine} {file}");
        }
        // Their decision is kept and moves nothing.
        let approve = DecideVersion {
            version_id: made.version_id,
            seen: made.version,
            verdict: Verdict::Approve,
            note: String::new(),
        };
        client.ask::<_, ()>(&approve).await.expect("recorded");
        let view: ShotView = owner.ask(&GetShot { shot_id: made.shot_id }).await.expect("a shot");
        assert_eq!(view.shot.phase, domain::Phase::ResultReview);
        assert_eq!(view.versions[0].decisions.last().map(|d| d.role), Some(Role::Client));
    }
}

#[tokio::test]
async fn a_decision_is_about_what_was_seen_and_bears_the_name_of_who_made_it() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let (shot_id, quadmask_id, seen) = in_review(&app, &owner, ours).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        let decide = |seen: Hash, verdict: Verdict| DecideQuadmask {
            quadmask_id,
            seen,
            verdict,
            note: "The foot is cut off.".into(),
        };
        let stale = form(Action::DecideQuadmask, &decide(Hash::of(b"older"), Verdict::Approve));
        assert_eq!(stale.status(&supervisor).await, StatusCode::CONFLICT, "{}", app.engine());
        supervisor.ask::<_, ()>(&decide(seen, Verdict::Changes)).await.expect("decided");
        let view: ShotView = owner.ask(&GetShot { shot_id }).await.expect("a shot");
        assert_eq!(view.shot.phase, domain::Phase::QuadmaskChanges);
        let viewer: Viewer = supervisor.ask(&GetViewer {}).await.expect("a viewer");
        let decision = &view.quadmasks[0].decisions[0];
        assert_eq!(Some(decision.person_id), viewer.person.map(|p| p.person_id));
        assert_eq!((decision.role, decision.subject), (Role::Supervisor, seen));
        // Approved by who is outside: nothing happens.
        let theirs = owner.project("Theirs").await;
        let stranger = app.member(&owner, Role::Supervisor, Some(theirs)).await;
        let real = form(Action::DecideQuadmask, &decide(seen, Verdict::Approve));
        assert_eq!(real.status(&stranger).await, StatusCode::NOT_FOUND);
        let again: ShotView = owner.ask(&GetShot { shot_id }).await.expect("a shot");
        assert_eq!(again.quadmasks[0].decisions.len(), 1);
    }
}

#[tokio::test]
async fn a_looser_policy_moves_what_is_approved_enough() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let (approved, quadmask_id, seen) = in_review(&app, &owner, ours).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        let needs = async |needed: u32| {
            let policy = ApprovalPolicy { needed, ..ApprovalPolicy::default() };
            let update = UpdateProject { project_id: ours, name: "Ours".into(), first_frame: 1001, policy };
            owner.send::<_, ()>(&update).await.expect("saved");
        };
        let stands = async || {
            let view: ShotView = owner.ask(&GetShot { shot_id: approved }).await.expect("a shot");
            let jobs = jobs::list(&app.state.app.db, true, &[ours], 100).await.expect("listed");
            (view.shot.phase, jobs.iter().filter(|job| job.kind == "remove").count(), view.run.is_some())
        };
        needs(3).await;
        let decision = DecideQuadmask { quadmask_id, seen, verdict: Verdict::Approve, note: String::new() };
        for actor in [&supervisor, &owner] {
            actor.ask::<_, ()>(&decision).await.expect("recorded");
        }
        assert_eq!(stands().await, (domain::Phase::QuadmaskReview, 0, false), "{engine}: two of three");
        let again = supervisor.ask::<_, ()>(&decision).await.expect_err("said once");
        assert!(again.contains("approved this already"), "{engine}: {again}");
        let before = db::now();
        needs(2).await;
        assert_eq!(stands().await, (domain::Phase::QuadmaskApproved, 1, true), "{engine}");
        let told = db::events::since(&app.state.app.db, before).await.expect("read");
        let ours = told.into_iter().filter(|told| told.event.shot_id == Some(approved));
        let kinds: Vec<domain::EventKind> = ours.map(|told| told.event.kind).collect();
        for kind in [domain::EventKind::Shot, domain::EventKind::Quadmask] {
            assert!(kinds.contains(&kind), "{engine}: {kinds:?}");
        }
        // Once is enough.
        needs(1).await;
        assert_eq!(stands().await, (domain::Phase::QuadmaskApproved, 1, true), "{engine}");
    }
}

#[tokio::test]
async fn an_exact_frame_is_asked_for_once_and_comes_or_says_why_not() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let (shot_id, ..) = in_review(&app, &owner, ours).await;
        let db = app.state.app.db.clone();
        let at = move |frame: u32| format!("/media/shots/{shot_id}/frames/{frame}.png");
        assert_eq!(owner.get(&at(rows::FRAMES)).await.status(), StatusCode::NOT_FOUND, "past the end");
        let nobody_works = owner.get(&at(0)).await;
        assert_eq!(nobody_works.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", app.engine());
        assert!(nobody_works.text().await.expect("words").contains("no worker is running"));
        app.state
            .app
            .queue()
            .register("w", "host", 1, "plate engine", &Default::default())
            .await
            .expect("there");

        // A worker: what is asked for is taken once.
        let (store, asked) = (app.state.app.store.clone(), owner.clone());
        let first = tokio::spawn(async move { asked.get(&at(3)).await });
        let wish = loop {
            match db::exact::take(&db).await.expect("asked") {
                Some(wish) => break wish,
                None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        };
        assert_eq!((wish.frame, wish.version_id), (3, None));
        assert_eq!(db::exact::take(&db).await.expect("asked"), None, "in hand");
        store.put_cached_blocking(&wish.cache_name(), b"the picture", 1 << 20).expect("kept");
        db::exact::made(&db, &wish).await.expect("told");
        let answer = first.await.expect("no panic");
        assert_eq!(answer.headers()["content-type"], "image/png");
        assert_eq!(answer.text().await.expect("bytes"), "the picture");

        let asked = owner.clone();
        let second = tokio::spawn(async move { asked.get(&at(4)).await });
        let wish = loop {
            match db::exact::take(&db).await.expect("asked") {
                Some(wish) => break wish,
                None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        };
        db::exact::failed(&db, &wish, "Frame 4 is damaged.").await.expect("told");
        let answer = second.await.expect("no panic");
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.expect("words").contains("Frame 4 is damaged"));
    }
}
