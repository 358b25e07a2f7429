//! Back-ups taken while people edit, restored on every engine: each is one moment, whole. With the tests a few; in
//! `cargo xtask prove backup` PROVE_COUNT of them from each engine, with figures for PROVE_OUT.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use db::Db;
use db::comments::{Place, Said};
use db::decisions::{Ballot, on_quadmask, on_version};
use db::shots::Made;
use domain::{Hash, PersonId, Phase, Role, ShotId, Verdict};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::Row as _;
use storage::Store;
use tokio::task::JoinHandle;

use crate::bench::{Bench, On, back_up, contents, files_under};
use crate::harness::{Studio, combined, facts, finished, made};
use crate::transact;

const EDITORS: u64 = 4;
/// Back-ups of one studio, which has more to compare each time.
const OF_ONE_STUDIO: u64 = 4;

fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What is told at the end.
#[derive(Default)]
struct Tally {
    back_ups: u64,
    restores: u64,
    edits: u64,
    collisions: u64,
    rows: u64,
    blobs: u64,
    copied: u64,
    longest_back_up_ms: u64,
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_back_up_during_edits_is_one_moment() {
    let (count, seed) = (asked("PROVE_COUNT", 2), asked("PROVE_SEED", 1));
    let started = Instant::now();
    let mut tallies = BTreeMap::new();
    for round in 0..count.div_ceil(OF_ONE_STUDIO) {
        let count = OF_ONE_STUDIO.min(count - round * OF_ONE_STUDIO);
        for source in Bench::each().await {
            let on = format!("{:?}", source.on).to_lowercase();
            let tally: &mut Tally = tallies.entry(on).or_default();
            during_edits(&source, count, seed * 1000 + round, tally).await;
        }
    }
    let wrong: Vec<&String> = tallies.values().flat_map(|tally| &tally.wrong).collect();
    if let Ok(out) = std::env::var("PROVE_OUT") {
        let each = |tally: &Tally| {
            serde_json::json!({
                "back_ups": tally.back_ups, "restores": tally.restores, "edits": tally.edits, "edits_refused": tally.collisions,
                "rows_compared": tally.rows, "blobs_compared": tally.blobs, "blobs_copied": tally.copied,
                "longest_back_up_ms": tally.longest_back_up_ms,
            })
        };
        let figures = serde_json::json!({
            "seed": seed, "editors": EDITORS, "seconds": started.elapsed().as_secs(), "wrong": wrong.len(), "notes": wrong,
            "from": tallies.iter().map(|(on, tally)| (on.clone(), each(tally))).collect::<serde_json::Map<_, _>>(),
        });
        std::fs::write(out, serde_json::to_string_pretty(&figures).expect("plain values") + "\n")
            .expect("written");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (on, tally) in &tallies {
        assert!(tally.edits > count * 2, "{on}: {} edits are none worth speaking of", tally.edits);
    }
}

async fn during_edits(source: &Bench, count: u64, seed: u64, tally: &mut Tally) {
    let db = source.open().await;
    let studio = Studio::new(&db).await;
    let (stop, pause) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (edits, collisions) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let editors: Vec<_> = (0..EDITORS)
        .map(|at| {
            let editor = Editor {
                studio: studio.clone(),
                store: source.store.clone(),
                random: StdRng::seed_from_u64(seed * 1000 + at),
                name: format!("editor {at}"),
            };
            tokio::spawn(editor.run((stop.clone(), pause.clone()), edits.clone(), collisions.clone()))
        })
        .collect();
    let mut random = StdRng::seed_from_u64(seed);
    let to = source.folder.path().join("backup");
    for _ in 0..count {
        let least = edits.load(Ordering::Relaxed) + EDITORS;
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        // However slow the machine is, something happened since.
        while edits.load(Ordering::Relaxed) < least && !editors.iter().any(JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let low = ledger(&db).await;
        let began = Instant::now();
        let made = back_up(&db, &source.store, &to).await;
        tally.longest_back_up_ms = tally.longest_back_up_ms.max(began.elapsed().as_millis() as u64);
        let high = ledger(&db).await;
        // A busy machine would else have ever more to compare.
        pause.store(true, Ordering::Relaxed);
        tally.back_ups += 1;
        tally.copied += made.copied;
        if !made.manifest.missing.is_empty() {
            tally.wrong.push(format!("{}: {} blobs are missing", made.name, made.manifest.missing.len()));
        }
        let mut first: Option<(On, BTreeMap<_, _>)> = None;
        for target in Bench::each().await {
            let restored = target.restore(&to).await.expect("restored");
            let there = target.open().await;
            tally.restores += 1;
            tally.rows += restored.manifest.rows();
            let all = contents(&there).await;
            for (part, rows) in restored.manifest.tables.iter().map(|part| (part, &all[&part.table.name])) {
                if part.rows != rows.len() as u64 {
                    tally.wrong.push(format!("{} of {:?}: {} rows", part.table.name, target.on, rows.len()));
                }
            }
            let mut wrong = is_one_moment(&there, &target.store, &mut tally.blobs).await;
            let said = ledger(&there).await;
            if !(low..=high).contains(&said) {
                wrong.push(format!("{said} edits, while there were {low} before and {high} after"));
            }
            tally
                .wrong
                .extend(wrong.into_iter().map(|why| format!("{:?} to {:?}: {why}", source.on, target.on)));
            match &first {
                None => first = Some((target.on, all)),
                Some((on, other)) if *other != all => {
                    tally.wrong.push(format!("restored on {on:?} and on {:?} it is not the same", target.on));
                }
                Some(_) => {}
            }
        }
        pause.store(false, Ordering::Relaxed);
    }
    stop.store(true, Ordering::Relaxed);
    for editor in editors {
        editor.await.expect("an editor's edits are allowed");
    }
    let verdict = backup::verify(&to, None).await.expect("read");
    tally.wrong.extend(verdict.faults);
    tally.edits += edits.load(Ordering::Relaxed);
    tally.collisions += collisions.load(Ordering::Relaxed);
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(db.pool()).await.expect("asked").get(0)
}

/// Every edit adds one here, in its own transaction.
async fn ledger(db: &Db) -> i64 {
    number(db, "select cast(sum(first_frame) as bigint) from project").await - 1001
}

/// What holds at every moment between two transactions and at none within one.
async fn is_one_moment(db: &Db, store: &Store, blobs: &mut u64) -> Vec<String> {
    let mut wrong = Vec::new();
    let noted = number(db, "select count(*) from audit where about like 'edit %'").await;
    if noted != ledger(db).await {
        wrong.push(format!("{noted} edits are noted and {} counted", ledger(db).await));
    }
    for (what, sql) in [
        (
            "threads whose comments are not as many as they say",
            "select count(*) from thread t where t.comments <> (select count(*) from comment c where c.thread_id = t.thread_id)",
        ),
        (
            "versions that did not arrive in their thread",
            "select count(*) from version v where not exists (select 1 from comment c where c.comment_id = v.version_id)",
        ),
        (
            "decisions that nobody's inbox tells of",
            "select count(*) from decision d where d.subject_kind = 'quadmask'
             and not exists (select 1 from inbox i where i.decision_id = d.decision_id)",
        ),
        (
            "shots that name blobs which no row knows",
            "select count(*) from shot s where not exists (select 1 from blob b where b.hash = s.plate)
             or (s.proxy is not null and not exists (select 1 from blob b where b.hash = s.proxy))",
        ),
        (
            "versions that name blobs which no row knows",
            "select count(*) from version v where not exists (select 1 from blob b where b.hash = v.result)
             or not exists (select 1 from blob b where b.hash = v.matte)",
        ),
        (
            "approved quadmasks without their run",
            "select count(*) from shot s where s.phase = 'quadmask_approved'
             and not exists (select 1 from run r where r.shot_id = s.shot_id)",
        ),
    ] {
        let many = number(db, sql).await;
        if many != 0 {
            wrong.push(format!("{many} {what}"));
        }
    }
    for (shot_id, name) in db::history::shots(db, None).await.expect("shots") {
        let history = db::history::of_shot(db, shot_id).await.expect("read");
        if !history.check.is_whole {
            wrong.push(format!("{name}: {}", history.check.sentence));
        }
    }
    let rows = sqlx::query("select hash, size_bytes from blob").fetch_all(db.pool()).await.expect("blobs");
    for row in rows {
        let hash: Hash = row.get::<String, _>(0).parse().expect("a hash");
        *blobs += 1;
        match store.verify_blocking(hash) {
            Ok(()) if store.size_blocking(hash).is_ok_and(|size| size as i64 == row.get::<i64, _>(1)) => {}
            other => wrong.push(format!("blob {hash}: {other:?}")),
        }
    }
    let files = files_under(&store.root().join("blobs")).len() as i64;
    let rows = number(db, "select count(*) from blob").await;
    if files != rows {
        wrong.push(format!("{files} blobs lie there and {rows} are known"));
    }
    wrong
}

/// Somebody who does one thing after the other, each in one transaction.
struct Editor {
    studio: Studio,
    store: Store,
    random: StdRng,
    name: String,
}

impl Editor {
    async fn run(
        mut self,
        (stop, pause): (Arc<AtomicBool>, Arc<AtomicBool>),
        edits: Arc<AtomicU64>,
        collisions: Arc<AtomicU64>,
    ) {
        let mut shots = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            if pause.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            let any = self.random.random_range(0..shots.len().max(1));
            let outcome = match (self.random.random_range(0..6), shots.get(any).copied()) {
                (0 | 1, _) | (_, None) => self.upload(shots.len()).await.map(|shot| shots.push(shot)),
                (2, Some(shot_id)) => self.comment(shot_id).await,
                (_, Some(shot_id)) => self.go_on(shot_id).await,
            };
            match outcome {
                Ok(()) => edits.fetch_add(1, Ordering::Relaxed),
                // What is not allowed any more (a decision about an older quadmask) changes nothing.
                Err(db::Error::Invalid(_) | db::Error::Conflict(_) | db::Error::Taken(_)) => {
                    collisions.fetch_add(1, Ordering::Relaxed)
                }
                Err(error) => panic!("{}: {error:?}", self.name),
            };
            tokio::time::sleep(Duration::from_millis(self.random.random_range(5..50))).await;
        }
    }

    async fn put(&mut self, what: &str) -> (Hash, i64) {
        let mut bytes = format!("{what} of {}: ", self.name).into_bytes();
        let more = self.random.random_range(0..40_000);
        bytes.extend((0..more).map(|_| self.random.random::<u8>()));
        let size = bytes.len() as i64;
        (self.store.put(bytes).await.expect("stored"), size)
    }

    async fn upload(&mut self, n: usize) -> db::Result<ShotId> {
        let name = format!("{} {n} {}", self.name, self.random.random::<u32>());
        let (plate, size) = self.put("a plate").await;
        let mut others = Vec::new();
        for what in ["an index", "a proxy", "a poster", "a strip"] {
            others.push(self.put(what).await);
        }
        let (project_id, artist) = (self.studio.project_id, self.studio.artist);
        let file = format!("{name}.mov");
        transact!(self.studio.db, [file, others, name], |tx| async move {
            let shot_id = db::shots::create(tx, project_id, None, artist, &file, plate, size).await?.shot_id;
            for (hash, size) in &others {
                db::blobs::record(tx, *hash, *size).await?;
            }
            let [frame_index, proxy, poster, strip] = [0, 1, 2, 3].map(|at| others[at].0);
            let made = Made { frame_index, proxy, poster, strip, sound: None };
            db::shots::ingested(tx, shot_id, &facts(), made, "[]").await?;
            note(tx, project_id, artist, &name).await?;
            Ok(shot_id)
        })
    }

    async fn comment(&mut self, shot_id: ShotId) -> db::Result<()> {
        let (project_id, artist) = (self.studio.project_id, self.studio.artist);
        let said = Said {
            text: format!("„Schatten“ 影 тень {}", self.random.random::<u32>()),
            drawing: None,
        };
        let place = Place { shot_id, version_id: None, frames: None, client_visible: self.random.random() };
        transact!(self.studio.db, [said], |tx| async move {
            let thread_id = db::comments::start(tx, place, artist, (artist, Role::Artist), &said).await?;
            db::comments::reply(tx, thread_id, artist, (artist, Role::Artist), &said).await?;
            note(tx, project_id, artist, "a comment").await
        })
    }

    /// The shot's next step, whichever it is.
    async fn go_on(&mut self, shot_id: ShotId) -> db::Result<()> {
        let (project_id, supervisor, artist) =
            (self.studio.project_id, self.studio.supervisor, self.studio.artist);
        let verdict = if self.random.random_bool(0.8) { Verdict::Approve } else { Verdict::Changes };
        let db = self.studio.db.clone();
        let phase = db::shots::get(db.pool(), shot_id).await?.phase;
        let quadmask = sqlx::query(
            "select quadmask_id, subject from quadmask where shot_id = $1 order by n desc limit 1",
        )
        .bind(shot_id.to_string())
        .fetch_optional(db.pool())
        .await?;
        let quadmask = quadmask.map(|row| (row.get::<String, _>(0), row.get::<String, _>(1)));
        let newest =
            sqlx::query("select version_id, subject from version where shot_id = $1 order by n desc limit 1")
                .bind(shot_id.to_string())
                .fetch_optional(db.pool())
                .await?;
        let newest = newest.map(|row| (row.get::<String, _>(0), row.get::<String, _>(1)));
        match (phase, quadmask, newest) {
            (Phase::QuadmaskReview, Some((id, subject)), _) => {
                let id = id.parse().expect("an id");
                let seen = subject.parse().expect("a hash");
                let ballot =
                    Ballot { person_id: supervisor, role: Role::Supervisor, seen, verdict, note: "seen" };
                transact!(db, [ballot], |tx| async move {
                    on_quadmask(tx, id, &ballot).await?;
                    note(tx, project_id, supervisor, "a decision").await
                })
            }
            (Phase::QuadmaskApproved | Phase::Running, ..) => {
                let Some(run_id) = db::runs::newest(&db, shot_id).await? else { return Ok(()) };
                let mut finished = finished(&format!("{shot_id} {}", self.random.random::<u32>()));
                let (result, matte, proxy) =
                    (self.put("a result").await, self.put("a matte").await, self.put("a proxy").await);
                (finished.result, finished.matte, finished.proxy) = (result.0, matte.0, proxy.0);
                transact!(db, [finished], |tx| async move {
                    for (hash, size) in [result, matte, proxy] {
                        db::blobs::record(tx, hash, size).await?;
                    }
                    db::runs::started(tx, run_id).await?;
                    db::versions::create(tx, run_id, &finished).await?;
                    note(tx, project_id, artist, "a version").await
                })
            }
            (Phase::ResultReview | Phase::ResultChanges, _, Some((id, subject))) => {
                let id = id.parse().expect("an id");
                let seen = subject.parse().expect("a hash");
                let ballot =
                    Ballot { person_id: supervisor, role: Role::Supervisor, seen, verdict, note: "seen" };
                transact!(db, [ballot], |tx| async move {
                    on_version(tx, id, &ballot).await?;
                    note(tx, project_id, supervisor, "a decision").await
                })
            }
            _ => {
                let (levels, size) = self.put("levels").await;
                let subject = format!("subject {}", self.random.random::<u64>());
                transact!(db, [subject], |tx| async move {
                    let revision = db::draft::state(&mut *tx, shot_id).await?.revision;
                    let mut frame = made(0, revision, "");
                    frame.levels = Some((levels, size));
                    db::draft::replace_all(tx, shot_id, &[frame]).await?;
                    let revision = db::draft::state(&mut *tx, shot_id).await?.revision;
                    db::quadmasks::submit(tx, shot_id, artist, "", &combined(&subject, revision)).await?;
                    note(tx, project_id, artist, "a quadmask").await
                })
            }
        }
    }
}

/// The other half of every edit.
async fn note(
    tx: &mut sqlx::AnyConnection,
    project_id: domain::ProjectId,
    person_id: PersonId,
    what: &str,
) -> db::Result<()> {
    sqlx::query("update project set first_frame = first_frame + 1 where project_id = $1")
        .bind(project_id.to_string())
        .execute(&mut *tx)
        .await?;
    let note = db::audit::Note {
        deed: domain::Deed::ProjectChanged,
        by: Some(person_id),
        who: String::new(),
        project_id: Some(project_id),
        about: format!("edit {what}"),
        address: String::new(),
    };
    db::audit::add(tx, &note).await
}
