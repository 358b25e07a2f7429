//! Links and guests: what holds whoever asks.

use db::decisions::{Ballot, on_version_of_link};
use db::inbox::Reader;
use db::share::guests::{Look, join, opened};
use db::share::{New, by_token, check_pace, create, list, renew, revoke};
use db::threads::Eyes;
use domain::share::{Grants, LinkState};
use domain::{FrameRange, LinkId, PersonId, Role, ShotId, Verdict, VersionId};

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

    async fn what_a_guest_says_and_decides_reaches_those_whose_shot_it_is(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, version_id) = versioned(&studio, "pillow").await;
        let link_id = made(&studio, "one", &[version_id]).await;
        let visitor = PersonId(db::new_uuid());
        transact!(db, [], |tx| join(tx, link_id, visitor, "The client")).expect("joined");
        let heard = async |person_id, role| {
            let reader = Reader { person_id, role, projects: &[studio.project_id] };
            let list = db::inbox::list(&db, reader).await.expect("entries");
            list.into_iter().filter(|one| one.by.as_deref() == Some("The client")).map(|one| one.sentence()).collect::<Vec<_>>()
        };
        let place = db::comments::Place { shot_id, version_id: Some(version_id), frames: None, client_visible: true };
        let said = db::comments::Said { text: "A rim.".into(), drawing: None };
        let mine = Eyes::Guest(link_id);
        let thread = transact!(db, [said], |tx| db::comments::start(tx, place, visitor, mine, &said)).expect("said");
        let seen = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let no = Ballot { person_id: visitor, role: Role::Client, seen, verdict: Verdict::Changes, note: "Wider." };
        transact!(db, [no], |tx| on_version_of_link(tx, version_id, link_id, &no)).expect("recorded");
        let wanted = ["The client asked for changes to result v1", "The client commented, for the client’s side"];
        assert_eq!(heard(studio.artist, Role::Artist).await, wanted, "who made the quadmask");
        assert_eq!(heard(studio.supervisor, Role::Supervisor).await, wanted, "who made the link");
        assert_eq!(heard(studio.second, Role::Supervisor).await, [""; 0]);

        // As much as any review needs, and no more.
        transact!(db, [], |tx| check_pace(tx, link_id)).expect("two of many");
        let fill = "insert into comment (comment_id, thread_id, n, kind, author, text, created_at)
             with recursive counted(i) as (select 2 union all select i + 1 from counted where i < 299)
             select '00000000-0000-7000-8000-' || substr(cast(1000000000000 + i as text), 2), $1, i, 'said', $2, 'x', $3 from counted";
        sqlx::query(fill)
            .bind(thread.to_string()).bind(visitor.to_string()).bind(db::now())
            .execute(db.pool()).await.expect("filled");
        let refused = transact!(db, [], |tx| check_pace(tx, link_id));
        assert!(matches!(&refused, Err(db::Error::Conflict(why)) if why.contains("Wait a little")), "{refused:?}");
        sqlx::query("update comment set created_at = created_at - 3600000001").execute(db.pool()).await.expect("an hour later");
        transact!(db, [], |tx| check_pace(tx, link_id)).expect("open again");
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

    async fn pieces_of_a_download_are_one_line_and_those_of_others_are_others(db) {
        let studio = Studio::new(&db).await;
        let note = |by, about: &str, address: &str| db::audit::Note {
            deed: domain::Deed::PackageTaken,
            by,
            who: "a guest".into(),
            project_id: Some(studio.project_id),
            about: about.into(),
            address: address.into(),
        };
        let artist = note(Some(studio.artist), "“lime” version 1: movie of H.264", "10.0.0.1");
        let pieces = (0..12).map(|_| {
            let (db, piece) = (db.clone(), artist.clone());
            tokio::spawn(async move { transact!(db, [piece], |tx| db::audit::add_once(tx, &piece)) })
        });
        let mut lines = 0;
        for piece in pieces.collect::<Vec<_>>() {
            lines += usize::from(piece.await.expect("ran").expect("kept"));
        }
        assert_eq!(lines, 1, "all at once");
        let (browser, other) = (PersonId(db::new_uuid()), PersonId(db::new_uuid()));
        for (by, about, address, is_first) in [
            (Some(studio.artist), "“lime” version 1: movie of H.264", "10.0.0.2", false),
            (Some(studio.artist), "“lime” version 2: movie of H.264", "10.0.0.1", true),
            (Some(studio.second), "“lime” version 1: movie of H.264", "10.0.0.1", true),
            // Nobody known yet, who gets a cookie with the first piece or keeps none.
            (None, "“lime” version 1: movie of H.264", "10.0.0.1", true),
            (None, "“lime” version 1: movie of H.264", "10.0.0.1", false),
            (Some(browser), "“lime” version 1: movie of H.264", "10.0.0.1", false),
            (None, "“lime” version 1: movie of H.264", "10.0.0.2", true),
            // Known by their browsers, whatever they are called.
            (Some(browser), "“lime” version 2: movie of H.264", "10.0.0.1", true),
            (Some(browser), "“lime” version 2: movie of H.264", "10.0.0.3", false),
            (Some(other), "“lime” version 2: movie of H.264", "10.0.0.1", true),
        ] {
            let piece = note(by, about, address);
            let kept = transact!(db, [piece], |tx| db::audit::add_once(tx, &piece)).expect("kept");
            assert_eq!(kept, is_first, "{piece:?}");
        }
    }

    async fn a_links_password_stays_or_is_changed_with_its_rights(db) {
        use db::share::{Change, Password, Until, change};
        let studio = Studio::new(&db).await;
        let (_, version_id) = versioned(&studio, "pillow").await;
        let (link_id, other) = (made(&studio, "one", &[version_id]).await, made(&studio, "two", &[version_id]).await);
        let to = |password| Change { grants: Grants::default(), until: Until::Kept, password };
        let hash_of = async |id| db::share::get(db.pool(), id).await.expect("there").password_hash;
        let slips = async || -> (Option<u32>, Option<u32>) {
            let mut waits = Vec::new();
            for id in [link_id, other] {
                for _ in 0..6 {
                    waits.push(transact!(db, [], |tx| db::sign_in::may_try_link(tx, id, "10.0.0.1")).expect("counted"));
                }
            }
            (waits[5], waits[11])
        };
        let set = to(Password::Set(Some("one hash".into())));
        transact!(db, [set], |tx| change(tx, link_id, &set)).expect("changed");
        assert_eq!(hash_of(link_id).await.as_deref(), Some("one hash"));
        assert_eq!(hash_of(other).await, None, "of one link only");
        let (here, there) = slips().await;
        assert!(here.is_some() && there.is_some());
        let kept = to(Password::Kept);
        transact!(db, [kept], |tx| change(tx, link_id, &kept)).expect("changed");
        assert_eq!(hash_of(link_id).await.as_deref(), Some("one hash"), "it stays");
        assert!(transact!(db, [], |tx| db::sign_in::may_try_link(tx, link_id, "10.0.0.1")).expect("counted").is_some());
        let none = to(Password::Set(None));
        transact!(db, [none], |tx| change(tx, link_id, &none)).expect("changed");
        assert_eq!(hash_of(link_id).await, None);
        // Slips with the one before are forgotten, those of other links are not.
        assert_eq!(transact!(db, [], |tx| db::sign_in::may_try_link(tx, link_id, "10.0.0.1")).expect("counted"), None);
        assert!(transact!(db, [], |tx| db::sign_in::may_try_link(tx, other, "10.0.0.1")).expect("counted").is_some());
        let by = studio.owner;
        transact!(db, [], |tx| revoke(tx, link_id, by)).expect("withdrawn");
        assert!(transact!(db, [set], |tx| change(tx, link_id, &set)).is_err(), "withdrawn is for good");
    }
}
