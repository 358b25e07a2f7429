//! Links and guests: what holds whoever asks.

use db::share::guests::{Look, join, opened};
use db::share::{New, by_token, create, list, renew, revoke};
use db::threads::Eyes;
use domain::share::{Grants, LinkState};
use domain::{FrameRange, LinkId, PersonId, ShotId, VersionId};

use crate::harness::{Studio, finished};
use crate::{rules, transact};

/// A shot with its first version.
async fn versioned(studio: &Studio, name: &str) -> (ShotId, VersionId) {
    let (db, shot_id) = (&studio.db, studio.shot(name).await);
    let (quadmask_id, seen) = studio.submitted(shot_id).await;
    let supervisor = studio.supervisor;
    let (role, verdict) = (domain::Role::Supervisor, domain::Verdict::Approve);
    let run_id = transact!(db, [], |tx| async move {
        let ballot = db::decisions::Ballot { person_id: supervisor, role, seen, verdict, note: "" };
        db::decisions::on_quadmask(tx, quadmask_id, &ballot).await
    })
    .expect("approved")
    .run
    .expect("queued")
    .0;
    let made = finished(name);
    let version_id = transact!(db, [made], |tx| async move {
        db::runs::started(tx, run_id).await?;
        db::versions::create(tx, run_id, &made).await
    })
    .expect("a version");
    (shot_id, version_id)
}

fn new(studio: &Studio, token: &str, versions: &[VersionId]) -> New {
    New {
        project_id: studio.project_id,
        name: "For the client".into(),
        token_hash: domain::Hash::of(token.as_bytes()).to_string(),
        grants: Grants { comment: true, approve: false, download: false },
        password_hash: None,
        expires_at: None,
        versions: versions.to_vec(),
    }
}

async fn made(studio: &Studio, token: &str, versions: &[VersionId]) -> LinkId {
    let (link, by) = (new(studio, token, versions), studio.supervisor);
    transact!(studio.db, [link], |tx| create(tx, &link, by)).expect("a link")
}

rules! {
    async fn a_link_is_found_by_its_token_alone_and_withdrawn_once(db) {
        let studio = Studio::new(&db).await;
        let (_, version_id) = versioned(&studio, "pillow").await;
        let link_id = made(&studio, "one", &[version_id, version_id]).await;
        let hash = |token: &str| domain::Hash::of(token.as_bytes()).to_string();
        assert_eq!(by_token(&db, &hash("one")).await.expect("there").link_id, link_id);
        assert!(by_token(&db, &hash("two")).await.is_err() && by_token(&db, "one").await.is_err());
        let other = hash("two");
        transact!(db, [other], |tx| renew(tx, link_id, &other)).expect("renewed");
        assert!(by_token(&db, &hash("one")).await.is_err(), "the address before opens nothing");
        let by = studio.owner;
        let (one, two) = tokio::join!(
            db.write(move |tx| Box::pin(revoke(tx, link_id, by))),
            db.write(move |tx| Box::pin(revoke(tx, link_id, by)))
        );
        assert!(one.is_ok() != two.is_ok(), "one of two is told that it was done: {one:?} {two:?}");
        assert_eq!(by_token(&db, &hash("two")).await.expect("there").state(), LinkState::Revoked);
        assert!(transact!(db, [other], |tx| renew(tx, link_id, &other)).is_err(), "withdrawn is for good");
        let listed = list(&db, studio.project_id).await.expect("links");
        assert_eq!((listed.len(), listed[0].versions.len()), (1, 1), "a version that was named twice is there once");
        assert_eq!(listed[0].created_by, "Sam");
    }

    async fn versions_of_another_project_are_not_shared(db) {
        let studio = Studio::new(&db).await;
        let (_, version_id) = versioned(&studio, "pillow").await;
        let owner = studio.owner;
        let theirs = transact!(db, [], |tx| db::projects::create(tx, "Theirs", owner, false)).expect("made");
        let link = New { project_id: theirs, ..new(&studio, "x", &[version_id]) };
        assert!(matches!(transact!(db, [link], |tx| create(tx, &link, owner)), Err(db::Error::NotFound)));
        assert!(list(&db, theirs).await.expect("links").is_empty());
    }

    async fn a_guest_is_bound_to_one_link_and_sees_only_through_it(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, version_id) = versioned(&studio, "pillow").await;
        let (_, other_version) = versioned(&studio, "lime").await;
        let link_id = made(&studio, "one", &[version_id]).await;
        let elsewhere = made(&studio, "two", &[other_version]).await;
        let visitor = PersonId(db::new_uuid());
        transact!(db, [], |tx| join(tx, link_id, visitor, "  The   client ")).expect("joined");
        let name = db::share::guests::name(&db, link_id, visitor).await.expect("read");
        assert_eq!(name.as_deref(), Some("The client"));
        assert_eq!(db::share::guests::name(&db, elsewhere, visitor).await.expect("read"), None);
        assert!(transact!(db, [], |tx| join(tx, elsewhere, visitor, "Again")).is_err(), "one id, one link");
        let people = db::people::list(&db).await.expect("people");
        assert!(people.iter().all(|(person, _)| person.person_id != visitor));

        // The version is not shown to accounts of clients, and yet to this link; nothing is said on another's.
        let place = |version_id| db::comments::Place {
            shot_id, version_id: Some(version_id), frames: Some(FrameRange::one(0)), client_visible: false,
        };
        let said = db::comments::Said { text: "A rim.".into(), drawing: None };
        let mine = Eyes::Guest(link_id);
        let here = place(version_id);
        let thread = transact!(db, [said], |tx| db::comments::start(tx, here, visitor, mine, &said)).expect("said");
        let foreign = Eyes::Guest(elsewhere);
        assert!(transact!(db, [said], |tx| db::comments::start(tx, here, visitor, foreign, &said)).is_err());
        let as_client = transact!(db, [said], |tx| db::comments::start(tx, here, visitor, Eyes::Client(visitor), &said));
        assert!(as_client.is_err(), "not shown to clients");
        for (eyes, count) in [(mine, 1), (foreign, 0), (Eyes::Client(studio.client), 0), (Eyes::Team, 2)] {
            let threads = db::threads::list(&db, shot_id, visitor, eyes).await.expect("threads");
            assert_eq!(threads.len(), count, "{eyes:?}");
        }
        let threads = db::threads::list(&db, shot_id, studio.artist, Eyes::Team).await.expect("threads");
        let found = threads.iter().find(|t| t.thread_id == thread).expect("there");
        assert!(found.client_visible && found.comments[0].author.as_ref().is_some_and(|a| a.is_guest));
    }

    async fn looking_twice_within_minutes_is_one_look(db) {
        let studio = Studio::new(&db).await;
        let (_, version_id) = versioned(&studio, "pillow").await;
        let link_id = made(&studio, "one", &[version_id]).await;
        let (one, two) = (PersonId(db::new_uuid()), PersonId(db::new_uuid()));
        for (visitor, look) in [(one, Look::Seen), (one, Look::Seen), (two, Look::Seen), (one, Look::Downloaded)] {
            transact!(db, [], |tx| opened(tx, link_id, visitor, version_id, look)).expect("kept");
        }
        transact!(db, [], |tx| join(tx, link_id, one, "Client")).expect("joined");
        let listed = list(&db, studio.project_id).await.expect("links");
        let mut kept: Vec<_> =
            listed[0].openings.iter().map(|o| (o.who.as_deref().unwrap_or(""), o.look == Look::Seen, o.times)).collect();
        kept.sort_unstable();
        assert_eq!(kept, [("", true, 1), ("Client", false, 1), ("Client", true, 1)]);
        assert_eq!(listed[0].guests.len(), 1);
    }
}
