//! Approvals, policies, the chain, runs and versions.

use db::decisions::{Ballot, Outcome, on_quadmask, on_version, verify_chain};
use domain::{ApprovalPolicy, Hash, Phase, PlateRecipe, QuadmaskId, Role, RunId, ShotId, Verdict, VersionId};
use provenance::BrokenChain;

use crate::harness::{Studio, finished};
use crate::{rules, transact};

async fn decide(
    studio: &Studio,
    quadmask_id: QuadmaskId,
    seen: Hash,
    (person_id, role): (domain::PersonId, Role),
    verdict: Verdict,
) -> db::Result<Outcome> {
    let ballot = Ballot { person_id, role, seen, verdict, note: "a note" };
    transact!(studio.db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot))
}

async fn count(db: &db::Db, text: &'static str) -> i64 {
    sqlx::query_scalar(text).fetch_one(db.pool()).await.expect("counted")
}

async fn phase(db: &db::Db, shot_id: ShotId) -> Phase {
    db::shots::get(db.pool(), shot_id).await.expect("there").phase
}

async fn run(studio: &Studio, run_id: RunId) -> db::Result<VersionId> {
    transact!(studio.db, [], |tx| db::runs::started(tx, run_id))?;
    let finished = finished(&run_id.to_string());
    transact!(studio.db, [finished], |tx| db::versions::create(tx, run_id, &finished))
}

rules! {
    async fn only_one_of_two_simultaneous_approvals_starts_a_run(db) {
        let studio = Studio::new(&db).await;
        for round in 0..5 {
            let shot_id = studio.shot(&format!("shot {round}")).await;
            let (quadmask_id, seen) = studio.submitted(shot_id).await;
            let people = [studio.supervisor, studio.second, studio.owner];
            let tries = people.map(|person| {
                let studio = studio.clone();
                tokio::spawn(async move {
                    decide(&studio, quadmask_id, seen, (person, Role::Supervisor), Verdict::Approve).await
                })
            });
            let mut won = 0;
            for attempt in tries {
                match attempt.await.expect("ran") {
                    Ok(outcome) => {
                        won += 1;
                        assert_eq!(outcome.phase, Phase::QuadmaskApproved);
                    }
                    Err(db::Error::Conflict(sentence)) => assert!(sentence.ends_with('.'), "{sentence}"),
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(won, 1);
            assert_eq!(phase(&db, shot_id).await, Phase::QuadmaskApproved);
        }
        assert_eq!(count(&db, "select count(*) from run").await, 5);
        assert_eq!(count(&db, "select count(*) from job where kind = 'remove' and state = 'queued'").await, 5);
        assert_eq!(count(&db, "select count(*) from decision").await, 5);
    }

    async fn an_approval_of_something_else_is_refused(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let artist = studio.artist;
        let (old, old_subject) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let wrong = decide(&studio, old, Hash::of(b"another subject"), sam, Verdict::Approve).await;
        assert!(matches!(wrong, Err(db::Error::Conflict(_))), "{wrong:?}");
        transact!(db, [], |tx| db::shots::reopen(tx, shot_id)).expect("re-opened");
        transact!(db, [], |tx| db::brief::add_cause(tx, shot_id, artist, "shadow")).expect("changed");
        let (new, new_subject) = studio.submit(shot_id, "changed subject").await.expect("sent again");
        let stale = decide(&studio, old, old_subject, sam, Verdict::Approve).await;
        assert!(matches!(stale, Err(db::Error::Conflict(_))), "{stale:?}");
        assert_eq!(count(&db, "select count(*) from decision").await, 0);
        decide(&studio, new, new_subject, sam, Verdict::Approve).await.expect("the newest counts");
    }

    async fn a_policy_of_two_of_three_waits_for_the_second(db) {
        let studio = Studio::new(&db).await;
        let project_id = studio.project_id;
        let of = vec![studio.supervisor, studio.second, studio.owner];
        let policy = ApprovalPolicy { needed: 2, of, not_author: true };
        transact!(db, [policy], |tx| db::projects::update(tx, project_id, "First", 1001, &policy)).expect("saved");
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let yes = |who, role| decide(&studio, id, seen, (who, role), Verdict::Approve);
        let artist = yes(studio.artist, Role::Artist).await;
        assert!(matches!(artist, Err(db::Error::Invalid(_))), "{artist:?}");
        let first = yes(studio.supervisor, Role::Supervisor).await.expect("counts");
        assert_eq!(first, Outcome { phase: Phase::QuadmaskReview, run: None });
        let again = yes(studio.supervisor, Role::Supervisor).await;
        assert!(matches!(again, Err(db::Error::Conflict(_))), "{again:?}");
        let early = transact!(db, [], |tx| db::runs::start(tx, shot_id, PlateRecipe::default(), studio.artist));
        assert!(matches!(early, Err(db::Error::Conflict(_))), "{early:?}");
        let second = yes(studio.second, Role::Supervisor).await.expect("counts");
        assert!(second.phase == Phase::QuadmaskApproved && second.run.is_some());
    }

    async fn asking_for_changes_needs_a_note_and_opens_the_draft(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        let person_id = studio.supervisor;
        let ballot = Ballot { person_id, role: Role::Supervisor, seen, verdict: Verdict::Changes, note: "  " };
        let mute = transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot));
        assert!(matches!(mute, Err(db::Error::Invalid(_))), "{mute:?}");
        assert_eq!(count(&db, "select count(*) from decision").await, 0);
        decide(&studio, quadmask_id, seen, (person_id, Role::Supervisor), Verdict::Changes).await.expect("asked");
        assert_eq!(phase(&db, shot_id).await, Phase::QuadmaskChanges);
        let (_, seen) = studio.submit(shot_id, "unchanged").await.expect("sent again");
        let kept = db::quadmasks::list(&db, shot_id).await.expect("listed");
        assert_eq!((kept[0].n, kept[0].subject, kept[1].decisions.len()), (2, seen, 1));
    }

    async fn a_changed_or_missing_decision_breaks_the_chain(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        for round in ["a", "b", "c"] {
            let first = vec![crate::harness::made(0, 0, round)];
            transact!(db, [first], |tx| db::draft::replace_all(tx, shot_id, &first)).expect("a draft");
            let (id, seen) = studio.submit(shot_id, round).await.expect("sent");
            decide(&studio, id, seen, (studio.supervisor, Role::Supervisor), Verdict::Changes).await.expect("decided");
        }
        assert_eq!(verify_chain(&db, shot_id).await.expect("read"), Ok(3));
        crate::harness::unguard(&db).await;
        sqlx::query("update decision set verdict = 'approve' where n = 2").execute(db.pool()).await.expect("tampered");
        assert_eq!(verify_chain(&db, shot_id).await.expect("read"), Err(BrokenChain::Changed { n: 2 }));
        sqlx::query("delete from decision where n = 2").execute(db.pool()).await.expect("tampered");
        assert_eq!(verify_chain(&db, shot_id).await.expect("read"), Err(BrokenChain::Missing { n: 2, found: 3 }));
    }

    async fn the_database_refuses_to_change_or_delete_a_decision(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        decide(&studio, id, seen, (studio.supervisor, Role::Supervisor), Verdict::Changes).await.expect("decided");
        let mut tries = vec!["update decision set note = 'Never said.'", "delete from decision", "delete from decision where n = 1"];
        if db.engine() == db::Engine::Postgres {
            tries.push("truncate decision cascade");
        }
        for text in tries {
            let refused = sqlx::query(text).execute(db.pool()).await.expect_err(text).to_string();
            assert!(refused.contains("a decision"), "{text}: {refused}");
        }
        assert_eq!(verify_chain(&db, shot_id).await.expect("read"), Ok(1));
        // Nothing is left that would let one go, after its shot was deleted for good either.
        let other = studio.shot("other").await;
        let (id, seen) = studio.submitted(other).await;
        decide(&studio, id, seen, (studio.supervisor, Role::Supervisor), Verdict::Changes).await.expect("decided");
        let (by, thing) = (studio.owner, domain::Thing::Shot(other));
        transact!(db, [], |tx| db::bin::put(tx, thing, by)).expect("in the bin");
        transact!(db, [], |tx| db::bin::purge(tx, thing, db::bin::Because::Typed("other"))).expect("deleted for good");
        assert_eq!(count(&db, "select count(*) from decision").await, 1);
        assert_eq!(count(&db, "select count(*) from deletion").await, 0);
        let refused = sqlx::query("delete from decision").execute(db.pool()).await;
        assert!(refused.is_err(), "{refused:?}");
        // A program that finds them missing puts them back.
        crate::harness::unguard(&db).await;
        db.migrate().await.expect("as new");
        let refused = sqlx::query("update decision set n = 5").execute(db.pool()).await;
        assert!(refused.is_err(), "{refused:?}");
    }

    async fn a_run_makes_one_version_and_moves_the_shot_to_review(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let approved = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved");
        let (run_id, _) = approved.run.expect("queued");
        let version_id = run(&studio, run_id).await.expect("made");
        assert_eq!(phase(&db, shot_id).await, Phase::ResultReview);
        let overtaken = transact!(db, [], |tx| db::runs::failed(tx, run_id, "Too late."));
        overtaken.expect("a late failure is no failure");
        assert_eq!(phase(&db, shot_id).await, Phase::ResultReview);
        let versions = db::versions::list(&db, shot_id, false).await.expect("listed");
        assert_eq!((versions.len(), versions[0].n, versions[0].version_id), (1, 1, version_id));
        assert_eq!(versions[0].subject, provenance::hash_of(&db::versions::manifest(db.pool(), version_id).await.expect("read")));
        assert!(db::versions::list(&db, shot_id, true).await.expect("listed").is_empty());
    }

    async fn a_second_finish_of_a_run_answers_with_its_version(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        let first = run(&studio, run_id).await.expect("made");
        let other = finished("another");
        let again = transact!(db, [other], |tx| db::versions::create(tx, run_id, &other));
        assert_eq!(again.expect("answered"), first);
        assert_eq!(count(&db, "select count(*) from version").await, 1);
    }

    async fn a_client_is_recorded_and_moves_nothing(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        let version_id = run(&studio, run_id).await.expect("made");
        let subject = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let vote = |person_id, role, verdict| {
            let db = db.clone();
            async move {
                let ballot = Ballot { person_id, role, seen: subject, verdict, note: "why" };
                transact!(db, [ballot], |tx| on_version(tx, version_id, &ballot))
            }
        };
        let hidden = vote(studio.client, Role::Client, Verdict::Approve).await;
        assert!(matches!(hidden, Err(db::Error::NotFound)), "{hidden:?}");
        transact!(db, [], |tx| db::versions::show_client(tx, version_id, true)).expect("shown");
        let client = vote(studio.client, Role::Client, Verdict::Approve).await.expect("recorded");
        assert_eq!(client.phase, Phase::ResultReview);
        let boss = vote(studio.supervisor, Role::Supervisor, Verdict::Changes).await.expect("asked");
        assert_eq!(boss.phase, Phase::ResultChanges);
        vote(studio.second, Role::Supervisor, Verdict::Approve).await.expect("approved");
        assert_eq!(phase(&db, shot_id).await, Phase::Approved);
        let versions = db::versions::list(&db, shot_id, false).await.expect("listed");
        assert_eq!(versions[0].decisions.len(), 3);
        assert_eq!(verify_chain(&db, shot_id).await.expect("read"), Ok(4));
    }

    async fn a_result_is_approved_when_the_policy_is_met_and_not_before(db) {
        let studio = Studio::new(&db).await;
        let (shot_id, project_id) = (studio.shot("lime").await, studio.project_id);
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        let version_id = run(&studio, run_id).await.expect("made");
        let subject = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let vote = async |person_id, verdict| {
            let ballot = Ballot { person_id, role: Role::Supervisor, seen: subject, verdict, note: "why" };
            transact!(db, [ballot], |tx| on_version(tx, version_id, &ballot)).map(|outcome| outcome.phase)
        };
        let asks = async |policy: ApprovalPolicy| {
            transact!(db, [policy], |tx| db::projects::update(tx, project_id, "First", 1001, &policy)).expect("a policy");
        };
        let delivered = async || {
            let mut tx = db.snapshot().await.expect("a snapshot");
            db::deliveries::is_approved(&mut tx, version_id).await.expect("read")
        };
        let two = ApprovalPolicy { needed: 2, ..ApprovalPolicy::default() };
        asks(two.clone()).await;
        assert_eq!(vote(studio.supervisor, Verdict::Approve).await.expect("recorded"), Phase::ResultReview);
        assert!(!delivered().await, "one of two");
        assert_eq!(vote(studio.second, Verdict::Approve).await.expect("approved"), Phase::Approved);
        assert!(delivered().await);
        assert_eq!(vote(studio.second, Verdict::Changes).await.expect("asked"), Phase::ResultChanges);
        assert!(!delivered().await, "taken back");
        assert_eq!(vote(studio.owner, Verdict::Approve).await.expect("approved"), Phase::Approved);
        assert!(delivered().await, "the first and the owner");

        // Stricter afterwards: what was approved stays so, and who is not named decides nothing any more.
        asks(ApprovalPolicy { of: vec![studio.second, studio.owner], needed: 2, not_author: false }).await;
        assert!(delivered().await);
        assert_eq!(vote(studio.second, Verdict::Approve).await.expect("recorded"), Phase::Approved, "and it stays");
        assert!(delivered().await, "an approval takes none back");
        let refused = vote(studio.supervisor, Verdict::Changes).await;
        assert!(matches!(&refused, Err(db::Error::Invalid(why)) if why.contains("not among them")), "{refused:?}");

        // Looser: what has enough approvals moves at once; what somebody wants changed does not.
        asks(two).await;
        assert_eq!(vote(studio.second, Verdict::Changes).await.expect("asked"), Phase::ResultChanges);
        asks(ApprovalPolicy { needed: 3, ..ApprovalPolicy::default() }).await;
        assert_eq!(vote(studio.second, Verdict::Approve).await.expect("recorded"), Phase::Approved, "all three");
        assert_eq!(vote(studio.owner, Verdict::Changes).await.expect("asked"), Phase::ResultChanges);
        let (artist, four) = (studio.artist, ApprovalPolicy { needed: 4, ..ApprovalPolicy::default() });
        asks(four).await;
        assert_eq!(vote(studio.owner, Verdict::Approve).await.expect("recorded"), Phase::ResultChanges, "three of four");
        assert!(!delivered().await);
        let three = ApprovalPolicy { needed: 3, not_author: true, ..ApprovalPolicy::default() };
        asks(three.clone()).await;
        assert_eq!(phase(&db, shot_id).await, Phase::ResultChanges, "changes were asked for");
        sqlx::query("update shot set phase = 'result_review'").execute(db.pool()).await.expect("in review");
        asks(three).await;
        assert_eq!(phase(&db, shot_id).await, Phase::Approved, "the policy asks for no more now");
        assert!(delivered().await);
        let own = transact!(db, [], |tx| on_version(tx, version_id, &Ballot {
            person_id: artist, role: Role::Producer, seen: subject, verdict: Verdict::Changes, note: "why"
        }));
        assert!(matches!(&own, Err(db::Error::Invalid(why)) if why.contains("author")), "{own:?}");
    }

    async fn who_approved_may_approve_again_once_somebody_asked_for_changes(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        let version_id = run(&studio, run_id).await.expect("made");
        let subject = db::versions::get(db.pool(), version_id).await.expect("there").subject;
        let vote = async |person_id, verdict| {
            let ballot = Ballot { person_id, role: Role::Supervisor, seen: subject, verdict, note: "why" };
            transact!(db, [ballot], |tx| on_version(tx, version_id, &ballot)).map(|outcome| outcome.phase)
        };
        assert_eq!(vote(studio.supervisor, Verdict::Approve).await.expect("approved"), Phase::Approved);
        let twice = vote(studio.supervisor, Verdict::Approve).await;
        assert!(matches!(&twice, Err(db::Error::Conflict(why)) if why.contains("already")), "{twice:?}");
        assert_eq!(vote(studio.second, Verdict::Changes).await.expect("asked"), Phase::ResultChanges);
        assert_eq!(vote(studio.supervisor, Verdict::Approve).await.expect("again"), Phase::Approved);
        assert!(db::versions::get(db.pool(), version_id).await.expect("there").is_approved());
        assert_eq!(verify_chain(&db, shot_id).await.expect("read"), Ok(4));
    }

    async fn only_the_newest_version_that_somebody_sees_is_decided_about(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        let first = run(&studio, run_id).await.expect("made");
        sqlx::query("update job set state = 'done' where kind = 'remove'").execute(db.pool()).await.expect("done");
        let recipe = PlateRecipe { seed: 7, ..PlateRecipe::default() };
        let (again, _) = transact!(db, [recipe], |tx| db::runs::start(tx, shot_id, recipe, studio.artist)).expect("queued");
        let second = run(&studio, again).await.expect("made");
        let vote = async |version_id, person_id, role| {
            let seen = db::versions::get(db.pool(), version_id).await.expect("there").subject;
            let ballot = Ballot { person_id, role, seen, verdict: Verdict::Approve, note: "" };
            transact!(db, [ballot], |tx| on_version(tx, version_id, &ballot))
        };
        let show = async |version_id| {
            transact!(db, [], |tx| db::versions::show_client(tx, version_id, true)).expect("shown");
        };
        let late = vote(first, studio.supervisor, Role::Supervisor).await;
        assert!(matches!(&late, Err(db::Error::Conflict(why)) if why.contains("version 2")), "{late:?}");
        show(first).await;
        vote(first, studio.client, Role::Client).await.expect("the newest that clients see");
        show(second).await;
        let late = vote(first, studio.client, Role::Client).await;
        assert!(matches!(&late, Err(db::Error::Conflict(why)) if why.contains("version 2")), "{late:?}");
        vote(second, studio.client, Role::Client).await.expect("recorded");
    }

    async fn a_reopened_quadmask_takes_its_waiting_removal_back(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        transact!(db, [], |tx| db::shots::reopen(tx, shot_id)).expect("re-opened");
        assert_eq!(count(&db, "select count(*) from job where kind = 'remove' and state = 'cancelled'").await, 1);
        let started = transact!(db, [], |tx| db::runs::started(tx, run_id));
        assert!(matches!(started, Err(db::Error::Conflict(_))), "{started:?}");
        let again = transact!(db, [], |tx| db::runs::start(tx, shot_id, PlateRecipe::default(), studio.artist));
        assert!(matches!(again, Err(db::Error::Conflict(_))), "{again:?}");
    }

    async fn another_recipe_runs_on_the_approved_quadmask(db) {
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("lime").await;
        let (id, seen) = studio.submitted(shot_id).await;
        let sam = (studio.supervisor, Role::Supervisor);
        let (run_id, _) = decide(&studio, id, seen, sam, Verdict::Approve).await.expect("approved").run.expect("queued");
        let artist = studio.artist;
        let double = transact!(db, [], |tx| db::runs::start(tx, shot_id, PlateRecipe::default(), artist));
        assert!(matches!(double, Err(db::Error::Conflict(_))), "{double:?}");
        run(&studio, run_id).await.expect("made");
        sqlx::query("update job set state = 'done' where kind = 'remove'").execute(db.pool()).await.expect("done");
        let wild = PlateRecipe { edge_px: 999, ..PlateRecipe::default() };
        let refused = transact!(db, [wild], |tx| db::runs::start(tx, shot_id, wild, artist));
        assert!(matches!(refused, Err(db::Error::Invalid(_))), "{refused:?}");
        let recipe = PlateRecipe { seed: 7, ..PlateRecipe::default() };
        let (second, _) = transact!(db, [recipe], |tx| db::runs::start(tx, shot_id, recipe, artist)).expect("queued");
        let stored = db::runs::get(db.pool(), second).await.expect("there").recipe;
        assert!(matches!(stored, domain::Recipe::Plate(recipe) if recipe.seed == 7));
        assert_eq!(phase(&db, shot_id).await, Phase::Running);
        run(&studio, second).await.expect("made");
        assert_eq!(db::versions::newest_n(db.pool(), shot_id).await.expect("read"), Some(2));
    }
}
