//! Projects at rest, the bin, deleting for good, the disk and its sweep, leaving people, who shares, clients kept apart.

use std::fs::File;
use std::time::{Duration, SystemTime};

use app::api::disk::{DiskView, GetDisk, SweepNow};
use app::api::guests::{GetGuestThreads, GetShare, GuestDecide, GuestReply};
use app::api::jobs::{JobsView, ListJobs};
use app::api::life::{
    ArchiveProject, DeleteForGood, EmptyBin, ListBin, PutIntoBin, RestoreFromBin, SetSharing,
};
use app::api::people::{ListPeople, PersonRow, SetActive};
use app::api::projects::{GetProject, ListProjects, ProjectCard, ProjectView};
use app::api::session::{GetViewer, Viewer};
use app::api::shared::ShareView;
use app::api::shares::{ChangeLink, GetShares, SharesView};
use app::api::shots::{GetShot, RenameShot, ShotView};
use app::api::threads::{GetThreads, ThreadsView};
use app::api::work::{ChangeWork, ListInbox};
use app::context::AppState;
use domain::disk::Swept;
use domain::project::{ARCHIVED, Sharing};
use domain::{Binned, CommentId, Grants, Hash, PersonId, Role, ShotId, Thing, ThreadId, Verdict, WorkChange};
use reqwest::StatusCode;

use crate::decisions::{Reviewed, reviewed};
use crate::functions::{about_project, about_shot};
use crate::harness::{Actor, TestApp, older};
use crate::rights::shot;
use crate::share::{ALL, WATCH, about, approve, guest, make, new_link};
use crate::transact;

// Why some of these run on fewer stores.
const OLDER: &str = "files are made older, which S3 lets nobody do";
const IN_THE_WAY: &str = "a folder lies where a file should; keys that may not delete are tried in bucket.rs";
const AT_ONCE: &str = "s3s-fs fails to list beside removals; the store's own tests put beside removals";

async fn put(actor: &Actor, thing: Thing) -> Result<(), (StatusCode, String)> {
    actor.send(&PutIntoBin { thing }).await
}

async fn delete(actor: &Actor, thing: Thing, typed: &str) -> Result<(), (StatusCode, String)> {
    actor.send(&DeleteForGood { thing, typed: typed.into() }).await
}

/// Addresses of a shot's and a version's files.
fn files(of: &Reviewed) -> Vec<String> {
    let shot_id = of.shot_id;
    let own = ["plate", "poster.jpg", "strip.jpg", "proxy.mov", "proxy.json", "sound.wav", "history.json"];
    own.iter()
        .map(|file| format!("/media/shots/{shot_id}/{file}"))
        .chain(of.files().into_iter().map(|(file, _)| file))
        .chain([
            format!("/media/shots/{shot_id}/frames/1.png"),
            format!("/media/versions/{}/frames/2.png", of.version_id),
        ])
        .collect()
}

/// As if two days had passed since everything in the store was put and named.
async fn aged(app: &TestApp) {
    let AppState { db, store, .. } = &app.state.app;
    sqlx::query("update blob set seen_at = seen_at - 172800000000").execute(db.pool()).await.expect("older");
    store.each_blob_blocking(|found| app.age(found.hash)).expect("listed");
    for (name, ..) in store.parts_blocking().expect("listed") {
        older(&store.part_path(&name));
    }
}

async fn sweep(actor: &Actor) -> Swept {
    actor.ask(&SweepNow {}).await.expect("swept")
}

#[tokio::test]
async fn an_archived_project_is_read_by_everybody_and_changed_by_nobody() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let inside = guest(&app, &token, "Client").await;
        let archive = |on| ArchiveProject { project_id: ours, on };
        assert!(supervisor.form::<_, ()>(&archive(true)).await.is_err_and(|e| e.0 == StatusCode::FORBIDDEN));
        owner.form::<_, ()>(&archive(true)).await.expect("archived");

        let calls = || about_shot(made.shot_id).into_iter().chain(about_project(ours)).chain(made.calls());
        for (who, actor) in [("owner", &owner), ("supervisor", &supervisor)] {
            let role = if who == "owner" { Role::Owner } else { Role::Supervisor };
            for call in calls().filter(|call| domain::may(role, call.action)) {
                // Waking it is tried last; a list of uploads, what the disk holds and what is allowed to a model outside are only
                // looked at; nothing was looked for by words, which is said as a conflict in any project.
                let reads =
                    ["list_uploads", "get_project_use", "archive_project", "get_finding", "get_outside"];
                if reads.iter().any(|name| call.path.contains(name)) {
                    continue;
                }
                let status = call.status(actor).await;
                let is_refused = status == StatusCode::CONFLICT;
                assert_eq!(
                    is_refused,
                    call.action.changes()
                        || ["export_quadmask", "export_marks"].iter().any(|name| call.path.contains(name)),
                    "{engine} {who} {}: {status}",
                    call.path
                );
            }
            for file in files(&made) {
                let status = actor.get(&file).await.status();
                assert!(status.is_success(), "{engine} {who} {file}: {status}");
            }
        }
        let refused = owner.form::<_, ()>(&RenameShot { shot_id: made.shot_id, name: "n".into() }).await;
        assert!(refused.is_err_and(|e| e.1.contains(ARCHIVED)));
        let view: ShotView = owner.ask(&GetShot { shot_id: made.shot_id }).await.expect("read");
        let asleep =
            owner.ask::<_, ProjectView>(&GetProject { project_id: ours }).await.expect("a project").project;
        assert!(view.is_archived && asleep.is_archived());
        assert!(
            view.may.iter().all(|action| asleep.may(Role::Owner, *action))
                && !view.may.contains(&domain::Action::EditShot)
        );
        let jobs: JobsView = owner.ask(&ListJobs {}).await.expect("jobs");
        assert!(jobs.open.is_empty() && jobs.over.is_empty(), "{engine}");
        let upload = owner.client.post(format!("{}/api/uploads", app.url)).header("tus-resumable", "1.0.0");
        let upload = upload
            .header("upload-length", "10")
            .header("upload-metadata", format!("project {}", base64(&ours.to_string())));
        assert_eq!(upload.send().await.expect("an answer").status(), StatusCode::CONFLICT);

        // Its link says so, on the page, to functions and to files, and to the guest who was in.
        let page = app.nobody().get(&format!("/share/{token}")).await;
        assert_eq!(page.status(), StatusCode::GONE);
        assert!(page.text().await.expect("a page").contains("finished and archived"));
        let answer = inside.form::<_, ShareView>(&GetShare { token: token.clone(), shot_id: None }).await;
        assert!(answer.is_err_and(|e| e.0 == StatusCode::GONE));
        for file in [format!("versions/{}/proxy.mov", made.version_id), "events".into()] {
            assert_eq!(inside.get(&format!("/share-media/{token}/{file}")).await.status(), StatusCode::GONE);
        }
        let said = inside.send::<_, ThreadId>(&about(&token, made.version_id, "late")).await;
        assert!(said.is_err_and(|e| e.0 == StatusCode::GONE));

        owner.form::<_, ()>(&archive(false)).await.expect("woken");
        inside.form::<_, ShareView>(&GetShare { token, shot_id: None }).await.expect("open again");
        owner.form::<_, ()>(&RenameShot { shot_id: made.shot_id, name: "n".into() }).await.expect("in work");
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn what_lies_in_the_bin_has_no_address() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], ALL)).await;
        let producer = app.member(&owner, Role::Producer, Some(ours)).await;
        let (shot_thing, project_thing) = (Thing::Shot(made.shot_id), Thing::Project(ours));
        for role in [Role::Supervisor, Role::Artist, Role::Reviewer, Role::Client] {
            let actor = app.member(&owner, role, Some(ours)).await;
            for thing in [shot_thing, project_thing] {
                let refused = put(&actor, thing).await;
                assert!(
                    refused.is_err_and(|e| e.0 == StatusCode::FORBIDDEN || e.0 == StatusCode::NOT_FOUND),
                    "{role:?}"
                );
            }
        }
        for (thing, actor) in [(shot_thing, &producer), (project_thing, &owner)] {
            put(actor, thing).await.expect("in the bin");
            assert!(put(actor, thing).await.is_err_and(|e| e.0 == StatusCode::NOT_FOUND), "twice");
            let of_project = about_project(ours).into_iter().filter(|_| thing == project_thing);
            for call in about_shot(made.shot_id).into_iter().chain(made.calls()).chain(of_project) {
                let status = call.status(&owner).await;
                assert_eq!(status, StatusCode::NOT_FOUND, "{engine} {}", call.path);
            }
            for file in files(&made) {
                assert_eq!(owner.get(&file).await.status(), StatusCode::NOT_FOUND, "{engine} {file}");
            }
            let jobs: JobsView = owner.ask(&ListJobs {}).await.expect("jobs");
            assert!(jobs.open.is_empty() && jobs.over.is_empty(), "{engine}");
            let page = app.nobody().get(&format!("/share/{token}")).await;
            assert_eq!(page.status(), StatusCode::GONE);
            assert!(page.text().await.expect("a page").contains("not here any more"));
            let cards: Vec<ProjectCard> = owner.ask(&ListProjects {}).await.expect("projects");
            assert_eq!(cards.iter().map(|card| card.shots).sum::<u32>(), 0);
            assert_eq!(cards.is_empty(), thing == project_thing);
            let bin: Vec<Binned> = producer.ask(&ListBin {}).await.expect("the bin");
            assert_eq!(bin.iter().map(|b| b.thing).collect::<Vec<_>>(), [thing]);
            producer.send::<_, ()>(&RestoreFromBin { thing }).await.expect("restored");
            let twice = owner.send::<_, ()>(&RestoreFromBin { thing }).await;
            assert!(twice.is_err_and(|e| e.0 == StatusCode::CONFLICT));
            for file in files(&made) {
                assert!(owner.get(&file).await.status().is_success(), "{engine} {file}");
            }
            app.nobody()
                .form::<_, ShareView>(&GetShare { token: token.clone(), shot_id: None })
                .await
                .expect("open");
        }
    }
}

#[tokio::test]
async fn deleted_for_good_frees_what_nobody_else_has_and_leaves_a_line() {
    for app in TestApp::each_in_reach(OLDER).await {
        let engine = app.engine();
        let state = &app.state.app;
        let owner = app.owner().await;
        let (ours, theirs) = (owner.project("Ours").await, owner.project("Theirs").await);
        let (made, kept) = (reviewed(&app, &owner, ours).await, reviewed(&app, &owner, theirs).await);
        let plates = [ours, theirs].map(|id| Hash::of(id.to_string().as_bytes()));
        let thing = Thing::Project(ours);
        assert!(
            delete(&owner, thing, "Ours").await.is_err_and(|e| e.0 == StatusCode::CONFLICT),
            "not in the bin"
        );
        put(&owner, thing).await.expect("in the bin");
        assert!(delete(&owner, thing, "ours").await.is_err_and(|e| e.0 == StatusCode::UNPROCESSABLE_ENTITY));
        aged(&app).await;
        assert_eq!(sweep(&owner).await, Swept::default(), "{engine}: what lies in the bin is needed");
        // Two at once: one of them does it.
        let (one, other) = tokio::join!(delete(&owner, thing, "Ours"), delete(&owner, thing, "Ours"));
        assert_eq!([one.is_ok(), other.is_ok()].into_iter().filter(|ok| *ok).count(), 1, "{engine}");
        let before: DiskView = owner.ask(&GetDisk {}).await.expect("the disk");
        assert!(before.sweep.blobs > 0 && before.projects.len() == 1, "{engine}: {before:?}");
        let swept = sweep(&owner).await;
        assert_eq!((swept.blobs, swept.bytes), (before.sweep.blobs, before.sweep.bytes), "{engine}");
        assert_eq!(plates.map(|plate| state.store.contains(plate)), [false, true]);
        let after: DiskView = owner.ask(&GetDisk {}).await.expect("the disk");
        assert_eq!(after.sweep, Swept::default());
        assert!(after.bytes < before.bytes && after.swept.is_some());
        // Everything of the other project is there.
        for file in files(&kept) {
            assert!(owner.get(&file).await.status().is_success(), "{engine} {file}");
        }
        assert!(
            owner
                .form::<_, ShotView>(&GetShot { shot_id: made.shot_id })
                .await
                .is_err_and(|e| e.0 == StatusCode::NOT_FOUND)
        );
        let trail = db::audit::page(&state.db, &Default::default(), 20).await.expect("the trail");
        let line = trail.iter().find(|row| row.deed == domain::Deed::DeletedForGood).expect("a line");
        assert_eq!((line.about.as_str(), line.project_name.as_deref()), ("project “Ours”", Some("Ours")));
        assert!(trail.iter().any(|row| row.deed == domain::Deed::Swept));
        // By hand, all of it.
        put(&owner, Thing::Shot(kept.shot_id)).await.expect("in the bin");
        assert!(owner.ask::<_, u32>(&EmptyBin { typed: "yes".into() }).await.is_err());
        assert_eq!(owner.ask::<_, u32>(&EmptyBin { typed: "empty the bin".into() }).await, Ok(1));
    }
}

/// What a killed sweep, a killed upload and a killed deletion leave is found by the next sweep, and what somebody puts or names
/// meanwhile stays.
#[tokio::test]
async fn a_sweep_goes_on_where_a_killed_one_stopped() {
    for app in TestApp::each_in_reach(OLDER).await {
        let engine = app.engine();
        let state = &app.state.app;
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        shot(&app, &owner, ours).await;
        let put_bytes = |text: &'static str| state.store.put_blocking(text.as_bytes()).expect("stored");
        let (named, again) = (put_bytes("recorded and unused"), put_bytes("put again meanwhile"));
        let (alone, forgotten) = (put_bytes("never recorded"), put_bytes("forgotten by a killed sweep"));
        for hash in [named, again, forgotten] {
            let bytes = state.store.size_blocking(hash).expect("there") as i64;
            transact!(state.db, [], |tx| db::blobs::record(tx, hash, bytes)).expect("recorded");
        }
        std::fs::write(state.store.part_path("0190-left"), b"half a plate").expect("a part");
        assert_eq!(sweep(&owner).await, Swept::default(), "{engine}: all of it is young");
        aged(&app).await;
        // A sweep that was killed between row and file.
        let before = db::now() - 86_400_000_000;
        transact!(state.db, [], |tx| async move { db::disk::forget(tx, &[forgotten], before).await })
            .expect("forgotten");
        // Somebody puts bytes that are there already; their row comes later.
        state.store.put_blocking(b"put again meanwhile").expect("put");
        let look = app::upkeep::look(state).await.expect("looked");
        assert_eq!((look.blobs, look.parts), (4, 1), "{engine}: {look:?}");
        assert!(state.store.contains(alone), "looking removes nothing");
        let swept = sweep(&owner).await;
        assert_eq!((swept.blobs, swept.parts, swept.part_bytes), (3, 1, 12), "{engine}: {swept:?}");
        let there = [named, again, alone, forgotten].map(|hash| state.store.contains(hash));
        assert_eq!(there, [false, true, false, false], "{engine}");
        assert!(state.store.parts_blocking().expect("listed").is_empty());
        transact!(state.db, [], |tx| db::blobs::record(tx, again, 19)).expect("named");
        assert_eq!(sweep(&owner).await, Swept::default());
        state.store.verify_blocking(again).expect("whole");
    }
}

/// A file that cannot be removed keeps no other from going, and is said.
#[tokio::test]
async fn a_sweep_goes_on_over_what_it_cannot_remove() {
    for app in TestApp::each_in_a_folder(IN_THE_WAY).await {
        let engine = app.engine();
        let state = &app.state.app;
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        shot(&app, &owner, ours).await;
        let put_bytes = |n: u8| state.store.put_blocking(&[n; 10]).expect("stored");
        let hashes: Vec<Hash> = (0..8).map(put_bytes).collect();
        // A folder where the file should lie.
        let stuck = state.store.path_of(hashes[3]);
        std::fs::remove_file(&stuck).expect("out of its way");
        std::fs::create_dir(&stuck).expect("in its way");
        aged(&app).await;
        let error = app::upkeep::sweep_by(state, "a test").await.expect_err("one is left");
        assert!(error.to_string().starts_with("removed 7 unused files (70 B); 1 more"), "{engine}: {error}");
        let there = hashes.iter().filter(|hash| state.store.path_of(**hash).exists()).count();
        assert_eq!(there, 1, "{engine}");
        std::fs::remove_dir(&stuck).expect("mended");
        assert_eq!(sweep(&owner).await, Swept::default(), "{engine}");
    }
}

/// A folder whose database was lost and begun anew: nothing goes before somebody has looked.
#[tokio::test]
async fn a_database_that_knows_no_file_sweeps_none() {
    for app in TestApp::each_in_reach(OLDER).await {
        let engine = app.engine();
        let state = &app.state.app;
        let owner = app.owner().await;
        let plate = state.store.put_blocking(b"of another database").expect("stored");
        assert_eq!(sweep(&owner).await, Swept::default(), "{engine}: it is young");
        aged(&app).await;
        let (status, said) = owner.form::<_, Swept>(&SweepNow {}).await.expect_err("refused");
        assert_eq!(status, StatusCode::CONFLICT, "{engine}");
        assert!(said.contains("knows of no file at all"), "{engine}: {said}");
        assert!(state.store.contains(plate), "{engine}");
        assert_eq!(app::upkeep::look(state).await.expect("looked").blobs, 1, "{engine}");
        let ours = owner.project("Ours").await;
        shot(&app, &owner, ours).await;
        assert_eq!(sweep(&owner).await.blobs, 1, "{engine}: now it is the studio's");
    }
}

/// Many put and name the same bytes while they are swept over and over: whatever is named is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_named_while_it_is_swept_is_there() {
    for app in TestApp::each_in_a_folder(AT_ONCE).await {
        let state = app.state.app.clone();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        // One that stays: a database that knows of no file sweeps none.
        shot(&app, &owner, ours).await;
        let viewer: Viewer = owner.ask(&GetViewer {}).await.expect("a viewer");
        let person = viewer.person.expect("signed in").person_id;
        let bytes = b"a plate that comes and goes";
        let hash = Hash::of(bytes);
        let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (sweeping, ending) = (state.clone(), is_over.clone());
        let sweeper = tokio::spawn(async move {
            let mut taken = 0;
            while !ending.load(std::sync::atomic::Ordering::Relaxed) {
                taken += app::upkeep::sweep_by(&sweeping, "a test").await.expect("swept").blobs;
            }
            taken
        });
        for round in 0..12 {
            let put = state.store.put(bytes.to_vec()).await.expect("put");
            let created =
                transact!(state.db, [], |tx| db::shots::create(tx, ours, None, person, "p.mov", put, 27))
                    .expect("a shot");
            assert!(state.store.contains(hash), "{} round {round}", app.engine());
            let thing = Thing::Shot(created.shot_id);
            let name = created.name;
            transact!(state.db, [name], |tx| async move {
                db::bin::put(tx, thing, person).await?;
                db::bin::purge(tx, thing, db::bin::Because::Typed(&name)).await
            })
            .expect("gone for good");
            // Two days pass; the sweep may now take it at any moment, also between the next put and its row.
            sqlx::query("update blob set seen_at = seen_at - 172800000000")
                .execute(state.db.pool())
                .await
                .expect("older");
            if let Ok(file) = File::open(state.store.path_of(hash)) {
                file.set_modified(SystemTime::now() - Duration::from_secs(48 * 3600)).expect("older");
            }
            tokio::time::sleep(Duration::from_millis(round * 3)).await;
        }
        // Nobody puts it again: however slow the sweeps are, one of them takes it.
        for _ in 0..600 {
            if !state.store.contains(hash) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(sweeper.await.expect("ended") > 0, "{}: it took some of them", app.engine());
    }
}

#[tokio::test]
async fn whoever_leaves_hands_over_their_shots() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let shot_id = shot(&app, &owner, ours).await;
        let (leaving, heir) = (
            app.member(&owner, Role::Artist, Some(ours)).await,
            app.member(&owner, Role::Artist, Some(ours)).await,
        );
        let elsewhere = app.member(&owner, Role::Artist, None).await;
        let id = async |actor: &Actor| -> PersonId {
            let viewer: Viewer = actor.ask(&GetViewer {}).await.expect("a viewer");
            viewer.person.expect("signed in").person_id
        };
        let (person_id, heir_id, other_id) = (id(&leaving).await, id(&heir).await, id(&elsewhere).await);
        let assign = ChangeWork { shots: vec![shot_id], change: WorkChange::Assign { person_id } };
        owner.send::<_, ()>(&assign).await.expect("assigned");
        let shots = async || -> Vec<(PersonId, u32)> {
            let rows: Vec<PersonRow> = owner.ask(&ListPeople {}).await.expect("people");
            rows.into_iter()
                .filter(|row| row.shots > 0)
                .map(|row| (row.person.person_id, row.shots))
                .collect()
        };
        assert_eq!(shots().await, [(person_id, 1)]);
        let leave = |heir| SetActive { person_id, active: false, heir };
        let refused = owner.form::<_, ()>(&leave(Some(other_id))).await;
        assert!(refused.is_err_and(|e| e.0 == StatusCode::UNPROCESSABLE_ENTITY && e.1.contains("Ours")));
        assert_eq!(shots().await, [(person_id, 1)], "all or nothing");
        leaving.ask::<_, Viewer>(&GetViewer {}).await.expect("still in");
        owner.form::<_, ()>(&leave(Some(heir_id))).await.expect("handed over");
        assert_eq!(shots().await, [(heir_id, 1)]);
        let inbox: Vec<domain::inbox::Entry> = heir.ask(&ListInbox {}).await.expect("entries");
        assert_eq!(inbox.iter().map(|entry| entry.shot_id).collect::<Vec<_>>(), [shot_id]);
        let trail = db::audit::page(&app.state.app.db, &Default::default(), 3).await.expect("the trail");
        assert!(trail[0].about.contains("shots handed over to artist: 1"), "{:?}", trail[0]);
    }
}

#[tokio::test]
async fn a_project_says_who_shares_and_keeps_its_clients_apart() {
    for app in TestApp::each().await {
        let engine = app.engine();
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        let supervisor = app.member(&owner, Role::Supervisor, Some(ours)).await;
        let client = app.member(&owner, Role::Client, Some(ours)).await;
        owner
            .form::<_, ()>(&app::api::versions::ShowClient { version_id: made.version_id, on: true })
            .await
            .expect("shown");
        let link = new_link(ours, &[made.version_id], ALL);
        let (one, other) =
            (make(&app, &supervisor, link.clone()).await, make(&app, &owner, link.clone()).await);
        let rules =
            |sharers: Vec<Role>, clients_apart| SetSharing { project_id: ours, sharers, clients_apart };
        owner.send::<_, ()>(&rules(vec![Role::Producer], true)).await.expect("saved");
        // Fewer may share: on the server, and so the page does not offer it.
        let refused = supervisor.send::<_, String>(&link).await;
        assert!(refused.is_err_and(|e| e.0 == StatusCode::FORBIDDEN), "{engine}");
        assert!(supervisor.form::<_, SharesView>(&GetShares { project_id: ours }).await.is_err());
        let view: ShotView = supervisor.ask(&GetShot { shot_id: made.shot_id }).await.expect("a shot");
        assert!(!view.may.contains(&domain::Action::Share));
        assert!(owner.send::<_, ()>(&rules(vec![Role::Artist], true)).await.is_err(), "artists never share");

        // Two links and a client's account: none of them hears of another.
        let (gus, eva) = (guest(&app, &one, "Gus").await, guest(&app, &other, "Eva").await);
        let of_gus: ThreadId = gus.send(&about(&one, made.version_id, "From Gus")).await.expect("said");
        for (guest, token) in [(&gus, &one), (&eva, &other)] {
            let decide = GuestDecide {
                token: token.clone(),
                version_id: made.version_id,
                seen: made.version,
                verdict: Verdict::Approve,
                note: String::new(),
            };
            guest.form::<_, ()>(&decide).await.expect("decided");
        }
        let decided = async |guest: &Actor, token: &str| -> Vec<String> {
            let view: ShareView =
                guest.ask(&GetShare { token: token.to_owned(), shot_id: None }).await.expect("open");
            view.shot.versions.iter().flat_map(|v| &v.decisions).map(|d| d.person_name.clone()).collect()
        };
        assert_eq!(decided(&gus, &one).await, ["Gus"], "{engine}");
        assert_eq!(decided(&eva, &other).await, ["Eva"], "{engine}");
        let shot_id = made.shot_id;
        let texts = |view: ThreadsView| serde_json::to_string(&view).expect("plain");
        let to_eva: ThreadsView =
            eva.ask(&GetGuestThreads { token: other.clone(), shot_id }).await.expect("threads");
        let to_client: ThreadsView = client.ask(&GetThreads { shot_id }).await.expect("threads");
        for view in [to_eva, to_client] {
            let text = texts(view);
            assert!(!text.contains("Gus"), "{engine}: {text}");
        }
        let view: ShotView = client.ask(&GetShot { shot_id }).await.expect("a shot");
        assert!(view.versions.iter().all(|v| v.decisions.is_empty()), "{engine}");
        let reply = GuestReply { token: other.clone(), thread_id: of_gus, text: "x".into(), drawing: None };
        assert!(eva.send::<_, CommentId>(&reply).await.is_err_and(|e| e.0 == StatusCode::NOT_FOUND));
        let answer = app::api::threads::Reply { thread_id: of_gus, text: "x".into(), drawing: None };
        assert!(client.send::<_, CommentId>(&answer).await.is_err_and(|e| e.0 == StatusCode::NOT_FOUND));
        // Together again, they hear each other.
        owner.send::<_, ()>(&rules(Sharing::all(), false)).await.expect("saved");
        assert_eq!(decided(&eva, &other).await.len(), 2, "{engine}");
        let to_client: ThreadsView = client.ask(&GetThreads { shot_id }).await.expect("threads");
        assert!(texts(to_client).contains("From Gus"));
        supervisor.send::<_, String>(&link).await.expect("shares again");
    }
}

#[tokio::test]
async fn a_link_is_changed_and_counts_at_once() {
    for app in TestApp::each().await {
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let made = reviewed(&app, &owner, ours).await;
        approve(&app, &owner, made.version_id).await;
        let token = make(&app, &owner, new_link(ours, &[made.version_id], WATCH)).await;
        let shares: SharesView = owner.ask(&GetShares { project_id: ours }).await.expect("links");
        let link_id = shares.links[0].link_id;
        let inside = app.nobody();
        let result = format!("/share-media/{token}/versions/{}/result.mkv", made.version_id);
        assert_eq!(inside.get(&result).await.status(), StatusCode::FORBIDDEN);
        let change = |grants, days| ChangeLink { link_id, grants, days, password: None };
        let download = Grants { download: true, ..WATCH };
        let artist = app.member(&owner, Role::Artist, Some(ours)).await;
        assert!(
            artist.send::<_, ()>(&change(download, None)).await.is_err_and(|e| e.0 == StatusCode::FORBIDDEN)
        );
        owner.send::<_, ()>(&change(download, None)).await.expect("changed");
        assert_eq!(inside.get(&result).await.status(), StatusCode::OK);
        let after: SharesView = owner.ask(&GetShares { project_id: ours }).await.expect("links");
        assert_eq!(
            (after.links[0].grants, after.links[0].expires_at),
            (download, shares.links[0].expires_at)
        );
        assert!(owner.send::<_, ()>(&change(download, Some(366))).await.is_err());
        sqlx::query("update share_link set expires_at = 1")
            .execute(app.state.app.db.pool())
            .await
            .expect("over");
        assert_eq!(inside.get(&result).await.status(), StatusCode::GONE);
        owner.send::<_, ()>(&change(WATCH, Some(0))).await.expect("open again, without end");
        assert_eq!(inside.get(&result).await.status(), StatusCode::FORBIDDEN);
        inside.form::<_, ShareView>(&GetShare { token, shot_id: None }).await.expect("open");
        let trail = db::audit::page(&app.state.app.db, &Default::default(), 1).await.expect("the trail");
        assert_eq!(trail[0].deed, domain::Deed::LinkChanged);
    }
}

/// The round that the server makes by itself: what is over in the bin goes, old entries go, once a day the store is swept.
#[tokio::test]
async fn the_server_looks_after_itself() {
    for app in TestApp::each_in_reach(OLDER).await {
        let state = &app.state.app;
        let owner = app.owner().await;
        let ours = owner.project("Ours").await;
        let shot_id: ShotId = shot(&app, &owner, ours).await;
        put(&owner, Thing::Shot(shot_id)).await.expect("in the bin");
        app::upkeep::round(state).await.expect("a round");
        assert_eq!(owner.ask::<_, Vec<Binned>>(&ListBin {}).await.expect("the bin").len(), 1);
        sqlx::query("update shot set binned_at = binned_at - 2678400000000")
            .execute(state.db.pool())
            .await
            .expect("older");
        aged(&app).await;
        app::upkeep::round(state).await.expect("a round");
        assert!(owner.ask::<_, Vec<Binned>>(&ListBin {}).await.expect("the bin").is_empty());
        let plate = Hash::of(ours.to_string().as_bytes());
        assert!(state.store.contains(plate), "the sweep of this day is over");
        sqlx::query("update upkeep set at = at - 90000000000").execute(state.db.pool()).await.expect("older");
        app::upkeep::round(state).await.expect("a round");
        assert!(!state.store.contains(plate));
        let trail = db::audit::page(&state.db, &Default::default(), 5).await.expect("the trail");
        assert!(trail.iter().any(|row| row.who == "the server" && row.deed == domain::Deed::DeletedForGood));
    }
}
