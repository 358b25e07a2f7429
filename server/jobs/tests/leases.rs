//! The queue under many workers, each rule on SQLite and on PostgreSQL.

#[path = "../../db/tests/harness/mod.rs"]
#[expect(dead_code, reason = "these tests need only a part of it")]
mod harness;

use std::collections::HashSet;
use std::time::Duration;

use domain::run::{Need, VoidAbility, Weights};
use domain::{Abilities, Hash, Job, JobId, JobState, Phase, ShotId, Step};
use jobs::{Beat, Cancelled, Lease, Pulse, Queue};

use harness::Studio;

const KINDS: &[&str] = &["ingest", "segment", "remove"];
const LONG: Duration = Duration::from_secs(60);
/// Over as soon as it is given.
const OVER: Duration = Duration::ZERO;

async fn enqueue(studio: &Studio, shot_id: ShotId, dedupe: Option<String>, priority: i32) -> JobId {
    let project_id = studio.project_id;
    transact!(studio.db, [dedupe], |tx| jobs::enqueue(
        tx,
        &Job::Segment { shot_id, by: Default::default() },
        Some(project_id),
        Some(shot_id),
        dedupe.as_deref(),
        priority
    ))
    .expect("queued")
}

/// A shot whose first reading is out of the way.
async fn quiet_shot(studio: &Studio) -> ShotId {
    let shot_id = studio.shot("lime").await;
    sqlx::query("delete from job").execute(studio.db.pool()).await.expect("an empty queue");
    shot_id
}

async fn claim(queue: &Queue, worker: &str, lease: Duration) -> Option<Lease> {
    queue.claim(worker, KINDS, &[], lease).await.expect("asked")
}

async fn finish(queue: &Queue, lease: &Lease) -> db::Result<()> {
    transact!(queue.db(), [lease], |tx| jobs::finish(tx, &lease))
}

rules! {
    async fn eight_workers_take_two_hundred_jobs_once_each(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        for _ in 0..200 {
            enqueue(&studio, shot_id, None, 0).await;
        }
        let workers: Vec<_> = (0..8)
            .map(|n| {
                let queue = Queue::new(db.clone());
                tokio::spawn(async move {
                    let mut taken = Vec::new();
                    while let Some(lease) = claim(&queue, &format!("worker {n}"), LONG).await {
                        assert_eq!(lease.attempt, 1);
                        finish(&queue, &lease).await.expect("still ours");
                        taken.push(lease.job_id);
                    }
                    taken
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await.expect("no panic"));
        }
        assert_eq!(all.len(), 200);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 200);
    }

    async fn a_job_waits_for_a_worker_that_can_do_what_it_needs(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        let queue = Queue::new(db.clone());
        let needy = enqueue(&studio, shot_id, None, 5).await;
        transact!(db, [], |tx| db::queue::demand(tx, needy, Need::VoidPass1)).expect("left to the able");
        let plain = enqueue(&studio, shot_id, None, 0).await;
        assert_eq!(claim(&queue, "plain", LONG).await.map(|lease| lease.job_id), Some(plain));
        assert!(claim(&queue, "plain", LONG).await.is_none());
        let other = queue.claim("half", KINDS, &[Need::VoidPass2.word()], LONG).await.expect("asked");
        assert!(other.is_none());
        let met = [Need::VoidPass1.word(), Need::VoidPass2.word()];
        let lease = queue.claim("able", KINDS, &met, OVER).await.expect("asked").expect("there");
        assert_eq!(lease.job_id, needy);
        // Taken over by the able only.
        assert!(claim(&queue, "plain", LONG).await.is_none());
        assert!(queue.claim("able", KINDS, &met, LONG).await.expect("asked").is_some());
    }

    async fn the_best_word_of_the_living_is_told(db) {
        let queue = Queue::new(db.clone());
        assert_eq!(queue.best().await.expect("asked"), None);
        let say = async |name: &str, void: VoidAbility| {
            queue.register(name, &format!("host of {name}"), 1, "about", &Abilities { void, ..Abilities::default() }).await.expect("there");
        };
        say("plain", VoidAbility::WithoutLibtorch).await;
        say("empty", VoidAbility::Lacking { why: "void_pass1.safetensors is not there.".into() }).await;
        let told = queue.best().await.expect("asked").expect("two");
        assert!(matches!(told.void, VoidAbility::Lacking { .. }) && told.host == "host of empty");
        assert_eq!(told.sam2, domain::run::Sam2Ability::WithoutLibtorch);
        let pass1 = Weights {
            name: "void".into(),
            is_test_model: true,
            fingerprint: Hash::of(b"weights"),
            device: "cpu".into(),
            largest_canvas: [720, 480],
            machine: None,
        };
        let able = VoidAbility::Able { pass1, pass2: None, pass2_lacks: Some("no raft".into()) };
        say("able", able.clone()).await;
        let told = queue.best().await.expect("asked").expect("three");
        assert_eq!((told.void, told.host.as_str()), (able, "host of able"));
        queue.died("able").await.expect("seen to end");
        let told = queue.best().await.expect("asked").expect("two");
        assert!(matches!(told.void, VoidAbility::Lacking { .. }));
    }

    async fn a_dead_workers_job_is_taken_over_and_the_dead_can_write_nothing(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        let job_id = enqueue(&studio, shot_id, None, 0).await;
        let queue = Queue::new(db.clone());
        let dead = claim(&queue, "dead", OVER).await.expect("taken");
        let alive = claim(&queue, "alive", LONG).await.expect("taken over");
        assert_eq!((alive.job_id, alive.attempt), (job_id, 2));
        assert_eq!(queue.beat(&dead, Beat::default()).await.expect("asked"), Pulse::Lost);
        assert!(matches!(finish(&queue, &dead).await, Err(db::Error::Conflict(_))));
        assert_eq!(queue.beat(&alive, Beat::default()).await.expect("asked"), Pulse::GoOn);
        finish(&queue, &alive).await.expect("ours");
        assert_eq!(queue.get(job_id).await.expect("there").state, JobState::Done);
    }

    async fn a_worker_that_was_seen_to_end_frees_its_own_job_at_once(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        let (first, second) = (enqueue(&studio, shot_id, None, 1).await, enqueue(&studio, shot_id, None, 0).await);
        let queue = Queue::new(db.clone());
        queue.register("dead", "host", 7, "plate engine", &Abilities::default()).await.expect("there");
        queue.register("other", "host", 7, "plate engine", &Abilities::default()).await.expect("there");
        let dead = claim(&queue, "dead", LONG).await.expect("taken");
        let other = claim(&queue, "other", LONG).await.expect("taken");
        assert_eq!((dead.job_id, other.job_id), (first, second));
        assert_eq!(queue.died("dead").await.expect("freed"), 1);
        assert_eq!(queue.died("dead").await.expect("nothing left"), 0);
        let next = claim(&queue, "next", LONG).await.expect("taken over without waiting for the lease");
        assert_eq!((next.job_id, next.attempt), (first, 2));
        assert_eq!(queue.beat(&other, Beat::default()).await.expect("asked"), Pulse::GoOn, "nobody else's job is touched");
        let alive: Vec<_> = queue.workers().await.expect("listed").into_iter().filter(|w| w.is_alive).collect();
        assert_eq!(alive.iter().map(|w| w.worker.as_str()).collect::<Vec<_>>(), ["other"]);
    }

    async fn a_job_whose_workers_die_three_times_fails_in_words(db) {
        let studio = Studio::new(&db).await;
        let (project_id, artist) = (studio.project_id, studio.artist);
        let shot_id = transact!(db, [], |tx| db::shots::create(tx, project_id, None, artist, "x.mov", Hash::of(b"x"), 9))
            .expect("created")
            .shot_id;
        let queue = Queue::new(db.clone());
        for attempt in 1..=3 {
            assert_eq!(claim(&queue, &format!("w{attempt}"), OVER).await.expect("taken").attempt, attempt);
        }
        assert_eq!(claim(&queue, "w4", LONG).await, None);
        let shot = db::shots::get(db.pool(), shot_id).await.expect("there");
        assert_eq!(shot.phase, Phase::IngestFailed);
        assert!(shot.problem.expect("said").contains("three times"));
        // Retried, it starts from the beginning.
        let failed = jobs::list(&db, false, &[project_id], 10).await.expect("listed");
        queue.retry(failed[0].job_id).await.expect("again");
        assert_eq!(claim(&queue, "w5", LONG).await.expect("taken").attempt, 1);
        assert_eq!(db::shots::get(db.pool(), shot_id).await.expect("there").phase, Phase::Uploaded);
    }

    async fn one_open_job_per_key(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        let tries = (0..6).map(|_| {
            let studio = studio.clone();
            tokio::spawn(async move { enqueue(&studio, shot_id, Some("segment".into()), 0).await })
        });
        let mut ids = HashSet::new();
        for attempt in tries.collect::<Vec<_>>() {
            ids.insert(attempt.await.expect("ran"));
        }
        assert_eq!(ids.len(), 1);
        let queue = Queue::new(db.clone());
        let lease = claim(&queue, "w", LONG).await.expect("taken");
        finish(&queue, &lease).await.expect("ours");
        assert!(!ids.contains(&enqueue(&studio, shot_id, Some("segment".into()), 0).await));
    }

    async fn higher_priority_first_then_the_oldest(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        let mut ids = Vec::new();
        for priority in [0, 5, 0, -5] {
            ids.push(enqueue(&studio, shot_id, None, priority).await);
        }
        let queue = Queue::new(db.clone());
        queue.set_priority(ids[3], 9).await.expect("moved");
        let mut order = Vec::new();
        while let Some(lease) = claim(&queue, "w", LONG).await {
            order.push(lease.job_id);
        }
        assert_eq!(order, [ids[3], ids[1], ids[0], ids[2]]);
    }

    async fn a_waiting_job_is_cancelled_at_once_a_running_one_at_its_next_beat(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        let (running, waiting) = (enqueue(&studio, shot_id, None, 1).await, enqueue(&studio, shot_id, None, 0).await);
        let queue = Queue::new(db.clone());
        let lease = claim(&queue, "w", LONG).await.expect("taken");
        assert_eq!(lease.job_id, running);
        assert_eq!(queue.cancel(waiting).await.expect("asked"), Cancelled::AtOnce);
        assert_eq!(queue.cancel(running).await.expect("asked"), Cancelled::Asked);
        let beat = Beat { step: Some(Step::Track), fraction: 0.5, seconds_left: Some(9), log: "half way" };
        assert_eq!(queue.beat(&lease, beat).await.expect("asked"), Pulse::CancelAsked);
        assert_eq!(queue.log(running).await.expect("there"), "half way\n");
        transact!(db, [lease], |tx| jobs::cancelled(tx, &lease)).expect("ours");
        for id in [running, waiting] {
            assert_eq!(queue.get(id).await.expect("there").state, JobState::Cancelled);
        }
        assert!(matches!(queue.cancel(waiting).await, Err(db::Error::Conflict(_))));
    }

    async fn a_worker_that_stops_puts_its_job_back_untried(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        enqueue(&studio, shot_id, None, 0).await;
        let queue = Queue::new(db.clone());
        for _ in 0..5 {
            let lease = claim(&queue, "w", LONG).await.expect("taken");
            assert_eq!(lease.attempt, 1);
            transact!(db, [lease], |tx| jobs::put_back(tx, &lease)).expect("ours");
        }
    }

    async fn a_job_tells_at_most_two_events_a_second(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        enqueue(&studio, shot_id, None, 0).await;
        let queue = Queue::new(db.clone());
        let lease = claim(&queue, "w", LONG).await.expect("taken");
        let since = db::now();
        let start = std::time::Instant::now();
        for n in 0..20 {
            queue.beat(&lease, Beat { fraction: n as f32 / 20.0, ..Beat::default() }).await.expect("asked");
        }
        let told = db::events::since(&db, since).await.expect("read").len() as u128;
        assert!(told >= 1 && told <= 1 + start.elapsed().as_millis() / 500, "{told}");
    }

    async fn the_newest_job_of_a_shot_is_found(db) {
        let studio = Studio::new(&db).await;
        let shot_id = quiet_shot(&studio).await;
        enqueue(&studio, shot_id, None, 0).await;
        let newest = enqueue(&studio, shot_id, None, 0).await;
        let found = jobs::latest_of_shots(&db, &[shot_id], true).await.expect("asked");
        assert_eq!(found[&shot_id].job_id, newest);
        let queue = Queue::new(db.clone());
        queue.register("w", "host", 1, "plate engine", &Abilities::default()).await.expect("there");
        queue.seen("w", Some(newest)).await.expect("seen");
        let workers = queue.workers().await.expect("listed");
        assert!(workers[0].is_alive && workers[0].job_id == Some(newest));
    }
}
