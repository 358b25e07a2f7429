//! Threads beside what else happens to a shot: versions that arrive, trims.

use db::comments::{Place, Said, start};
use domain::thread::CommentKind;
use domain::{FrameRange, Role, ThreadId, Trim, Verdict};

use crate::harness::{Studio, facts, finished, read};
use crate::{rules, transact};

rules! {
    async fn every_version_arrives_once_in_the_thread_of_its_shot(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        let (person_id, role, verdict) = (studio.supervisor, Role::Supervisor, Verdict::Approve);
        let ballot = db::decisions::Ballot { person_id, role, seen, verdict, note: "" };
        let outcome = transact!(db, [ballot], |tx| db::decisions::on_quadmask(tx, quadmask_id, &ballot));
        let (run_id, _) = outcome.expect("approved").run.expect("queued");
        transact!(db, [], |tx| db::runs::started(tx, run_id)).expect("started");
        let done = finished("first");
        let first = transact!(db, [done], |tx| db::versions::create(tx, run_id, &done)).expect("made");
        // The worker was killed before it said that it is done, and tries again.
        let again = transact!(db, [done], |tx| db::versions::create(tx, run_id, &done)).expect("the same");
        assert_eq!(first, again);
        sqlx::query("update job set state = 'done' where kind = 'remove'").execute(db.pool()).await.expect("done");
        let artist = studio.artist;
        let recipe = domain::PlateRecipe::default();
        let second = transact!(db, [recipe], |tx| db::runs::start(tx, shot_id, recipe.clone(), artist));
        let (run_id, _) = second.expect("queued");
        transact!(db, [], |tx| db::runs::started(tx, run_id)).expect("started");
        let done = finished("second");
        let second = transact!(db, [done], |tx| db::versions::create(tx, run_id, &done)).expect("made");

        let threads = db::threads::list(&db, shot_id, artist, db::threads::Eyes::Team).await.expect("rows");
        let [thread] = &threads[..] else { panic!("one thread: {threads:?}") };
        assert!(thread.is_of_shot && thread.thread_id == ThreadId(shot_id.0) && thread.started_by.is_none());
        let arrived: Vec<_> = thread.comments.iter().map(|c| (c.n, c.kind, c.version.expect("one"))).collect();
        let wanted = [(1, first), (2, second)].map(|(n, version_id)| {
            (n, CommentKind::Version, domain::thread::VersionRef { version_id, n })
        });
        assert_eq!(arrived, wanted);
        assert_eq!(thread.unread(artist), 2);
    }

    async fn a_trim_moves_the_shot_and_not_what_was_said(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let said = Said { text: "here".into(), drawing: None };
        for (from, to) in [(0, 0), (2, 3)] {
            let frames = Some(FrameRange { from, to });
            let place = Place { shot_id, version_id: None, frames, client_visible: false };
            let artist = studio.artist;
            transact!(db, [said], |tx| start(tx, place, artist, (artist, Role::Artist), &said)).expect("said");
        }
        let at = async || {
            let mut threads = db::threads::list(&db, shot_id, studio.artist, db::threads::Eyes::Team).await.expect("rows");
            threads.sort_by_key(|t| t.thread_id);
            threads.iter().map(|t| (t.frames.map(|f| (f.from, f.to)), t.is_outside)).collect::<Vec<_>>()
        };
        assert_eq!(at().await, [(Some((0, 0)), false), (Some((2, 3)), false)]);
        let trim = async |part: Option<Trim>, frames: u32| {
            transact!(db, [], |tx| db::shots::trim(tx, shot_id, part)).expect("trimmed");
            let mut facts = facts();
            facts.frames = frames;
            transact!(db, [facts], |tx| db::shots::ingested(tx, shot_id, &facts, read(), "[]")).expect("read");
        };
        trim(Some(Trim { first: 1, frames: 2 }), 2).await;
        assert_eq!(at().await, [(None, true), (Some((1, 1)), false)]);
        let place = Place { shot_id, version_id: None, frames: Some(FrameRange::one(0)), client_visible: false };
        let artist = studio.artist;
        transact!(db, [said], |tx| start(tx, place, artist, (artist, Role::Artist), &said)).expect("said");
        trim(None, 5).await;
        assert_eq!(at().await, [(Some((0, 0)), false), (Some((2, 3)), false), (Some((1, 1)), false)]);
    }
}
