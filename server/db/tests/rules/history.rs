//! A shot's record as it is read, and deliveries of what was approved.

use db::decisions::{Ballot, on_quadmask, on_version};
use db::deliveries::{Asked, Made, ask, keep, open};
use domain::package::{Movie, What};
use domain::{Action, Hash, Job, PersonId, Role, ShotId, Verdict, VersionId, may};

use crate::harness::{Studio, finished, unguard};
use crate::{rules, transact};

/// A shot with a version that waits for its decision; the version and what is decided about.
async fn reviewed(studio: &Studio, name: &str) -> (ShotId, VersionId, Hash) {
    let shot_id = studio.shot(name).await;
    let (quadmask_id, seen) = studio.submitted(shot_id).await;
    let ballot = Ballot {
        person_id: studio.supervisor,
        role: Role::Supervisor,
        seen,
        verdict: Verdict::Approve,
        note: "",
    };
    let approved =
        transact!(studio.db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("approved");
    let (run_id, _) = approved.run.expect("queued");
    let finished = finished(name);
    let version_id = transact!(studio.db, [finished], |tx| async move {
        db::runs::started(tx, run_id).await?;
        db::versions::create(tx, run_id, &finished).await
    })
    .expect("a version");
    transact!(studio.db, [], |tx| db::versions::show_client(tx, version_id, true)).expect("shown");
    let subject = db::versions::get(studio.db.pool(), version_id).await.expect("there").subject;
    (shot_id, version_id, subject)
}

async fn vote(studio: &Studio, version_id: VersionId, seen: Hash, who: (PersonId, Role), verdict: Verdict) {
    let ballot = Ballot { person_id: who.0, role: who.1, seen, verdict, note: "why" };
    transact!(studio.db, [ballot], |tx| on_version(tx, version_id, &ballot)).expect("decided");
}

async fn asked(studio: &Studio, version_id: VersionId, movie: Movie) -> db::Result<Asked> {
    transact!(studio.db, [], |tx| ask(tx, version_id, movie, What::Package))
}

async fn made(studio: &Studio, version_id: VersionId, what: What) -> db::Result<()> {
    let file = Hash::of(b"archive");
    let made = Made {
        version_id,
        movie: Movie::H264,
        what,
        file,
        size_bytes: 7,
        name: "First_lime_v001.zip".into(),
    };
    transact!(studio.db, [made], |tx| async move {
        db::blobs::record(tx, made.file, made.size_bytes).await?;
        keep(tx, &made).await
    })
}

async fn tamper(db: &db::Db, text: &'static str) {
    sqlx::query(text).execute(db.pool()).await.expect("tampered");
}

rules! {
    async fn a_record_names_who_decided_what_and_is_whole(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, version_id, seen) = reviewed(&studio, "lime").await;
        vote(&studio, version_id, seen, (studio.client, Role::Client), Verdict::Changes).await;
        vote(&studio, version_id, seen, (studio.supervisor, Role::Supervisor), Verdict::Approve).await;
        let history = db::history::of_shot(&db, shot_id).await.expect("read");
        assert!(history.check.is_whole, "{:?}", history.check);
        assert_eq!(history.place(), "First/lime");
        let said: Vec<_> = history.decisions.iter().map(|d| (d.name.as_str(), d.about.as_str(), d.role())).collect();
        assert_eq!(
            said,
            [("Sam", "quadmask v1", "supervisor"), ("Cleo", "version v1", "client"), ("Sam", "version v1", "supervisor")]
        );
        assert_eq!(history.to_json(), db::history::of_shot(&db, shot_id).await.expect("read").to_json(), "one spelling");
        let none = studio.shot("no decisions").await;
        assert!(db::history::of_shot(&db, none).await.expect("read").check.is_whole);
        let all = db::history::shots(&db, None).await.expect("listed");
        assert_eq!(all.iter().map(|(_, place)| place.as_str()).collect::<Vec<_>>(), ["First/lime", "First/no decisions"]);
        for (wanted, count) in [("First", 2), ("First/lime", 1), (&*shot_id.to_string(), 1), ("lime", 0)] {
            assert_eq!(db::history::shots(&db, Some(wanted)).await.expect("listed").len(), count, "{wanted}");
        }
        let foreign = db::history::of_shot(&db, ShotId(db::new_uuid())).await;
        assert!(matches!(foreign, Err(db::Error::NotFound)), "{foreign:?}");
    }

    async fn what_was_changed_in_the_rows_is_named(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, version_id, seen) = reviewed(&studio, "lime").await;
        vote(&studio, version_id, seen, (studio.supervisor, Role::Supervisor), Verdict::Approve).await;
        unguard(&db).await;
        let faults = async || db::history::of_shot(&db, shot_id).await.expect("read").check.faults;
        tamper(&db, "update version set manifest = '{\"edge_px\":5}'").await;
        assert_eq!(faults().await, ["Version v1 was changed after it was made: its content no longer fits its hash."]);
        tamper(&db, "update decision set verdict = 'changes' where n = 2").await;
        let said = faults().await.join(" ");
        assert!(said.contains("Decision 2 was changed") && said.contains("no approval of version v1"), "{said}");
        tamper(&db, "update decision set role = 'king' where n = 1").await;
        let said = faults().await.join(" ");
        assert!(said.contains("cannot be read any more") && said.contains("Decision 1 is missing"), "{said}");
        tamper(&db, "delete from decision").await;
        assert!(faults().await.join(" ").contains("Quadmask v1 was run, yet no approval"));
    }

    async fn only_what_is_approved_is_delivered_and_each_once(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, version_id, seen) = reviewed(&studio, "lime").await;
        let early = asked(&studio, version_id, Movie::H264).await;
        assert!(matches!(&early, Err(db::Error::Conflict(s)) if s.contains("Version 1 is not approved")), "{early:?}");
        // A client's word is on record and opens nothing.
        vote(&studio, version_id, seen, (studio.client, Role::Client), Verdict::Approve).await;
        assert!(asked(&studio, version_id, Movie::H264).await.is_err());
        vote(&studio, version_id, seen, (studio.supervisor, Role::Supervisor), Verdict::Approve).await;
        let Ok(Asked::Making(job_id)) = asked(&studio, version_id, Movie::H264).await else { panic!("queued") };
        assert_eq!(asked(&studio, version_id, Movie::H264).await.expect("the same"), Asked::Making(job_id));
        let other = asked(&studio, version_id, Movie::Prores422Hq).await.expect("another");
        assert!(matches!(other, Asked::Making(id) if id != job_id));
        made(&studio, version_id, What::Package).await.expect("kept");
        made(&studio, version_id, What::Package).await.expect("made twice is made once");
        let there = asked(&studio, version_id, Movie::H264).await.expect("there");
        assert!(matches!(&there, Asked::There(d) if d.size_bytes == 7), "{there:?}");
        assert_eq!(db::deliveries::of_shot(&db, shot_id).await.expect("listed").len(), 1);
        let movie = open(&db, version_id, Movie::H264, What::Movie).await;
        assert!(matches!(movie, Err(db::Error::NotFound)), "{movie:?}");
        open(&db, version_id, Movie::H264, What::Package).await.expect("open");

        vote(&studio, version_id, seen, (studio.client, Role::Client), Verdict::Changes).await;
        open(&db, version_id, Movie::H264, What::Package).await.expect("a client does not close it");
        vote(&studio, version_id, seen, (studio.second, Role::Supervisor), Verdict::Changes).await;
        let closed = open(&db, version_id, Movie::H264, What::Package).await;
        assert!(matches!(&closed, Err(db::Error::Conflict(s)) if s.contains("not approved any more")), "{closed:?}");
        assert!(asked(&studio, version_id, Movie::H264).await.is_err());
        tamper(&db, "update job set state = 'failed' where kind = 'package'").await;
        let again = transact!(db, [], |tx| db::queue::retry(tx, job_id));
        assert!(matches!(again, Err(db::Error::Conflict(_))), "{again:?}");
        assert!(!may(Role::Artist, Action::Deliver));
    }

    async fn a_package_of_what_was_deleted_is_not_kept(db) {
        let studio = Studio::new(&db).await;
        let (_, version_id, seen) = reviewed(&studio, "lime").await;
        vote(&studio, version_id, seen, (studio.supervisor, Role::Supervisor), Verdict::Approve).await;
        asked(&studio, version_id, Movie::H264).await.expect("queued");
        tamper(&db, "delete from comment").await;
        tamper(&db, "delete from version").await;
        let late = made(&studio, version_id, What::Package).await;
        assert!(matches!(late, Err(db::Error::NotFound)), "{late:?}");
        assert!(matches!(asked(&studio, version_id, Movie::H264).await, Err(db::Error::NotFound)));
        let jobs: Vec<String> = sqlx::query_scalar("select payload from job where kind = 'package'").fetch_all(db.pool()).await.expect("read");
        let job: Job = serde_json::from_str(&jobs[0]).expect("a job");
        assert_eq!(job, Job::Package { version_id, movie: Movie::H264, what: What::Package });
    }
}
