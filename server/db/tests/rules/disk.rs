//! What the disk holds and what of it can go.

use std::collections::BTreeSet;

use db::Engine;
use db::disk::{COLUMNS, JOB, MANIFEST, forget, plan, usage};
use domain::Hash;
use sqlx::Row;

use crate::harness::{self, Studio, made};
use crate::{rules, transact};

/// Text columns that hold no hash of a blob. A migration that adds a text column must say of it here that it does not, or
/// name it in `db::disk`: the sweep removes what it does not know to be needed.
const OTHERS: &[(&str, &[&str])] = &[
    ("person", &["person_id", "name", "email", "password_hash", "role"]),
    ("session", &["session_id", "record"]),
    ("sign_in_attempt", &["attempt_id", "email", "address"]),
    ("invitation", &["invitation_id", "token_hash", "role", "project_id", "invited_by"]),
    ("project", &["project_id", "name", "policy", "created_by", "binned_by", "sharers", "outside"]),
    ("project_member", &["project_id", "person_id"]),
    ("sequence", &["sequence_id", "project_id", "name"]),
    ("blob", &["hash"]),
    (
        "shot",
        // Facts hold hashes of decoded planes, which are no blobs.
        &[
            "shot_id",
            "project_id",
            "sequence_id",
            "name",
            "file_name",
            "phase",
            "problem",
            "facts",
            "proxy_index",
            "created_by",
            "rate",
            "binned_by",
            "said_colour",
        ],
    ),
    (
        "upload",
        &["upload_id", "project_id", "sequence_id", "person_id", "file_name", "state", "shot_id", "metadata"],
    ),
    ("target", &["target_id", "shot_id", "name", "colour", "points", "boxes", "found"]),
    // Inputs are a hash of what was asked.
    ("finding", &["finding_id", "shot_id", "inputs", "about"]),
    ("sight", &["finding_id", "shot_id", "content"]),
    ("deletion", &["shot_id"]),
    ("words", &["shot_id", "removal", "after"]),
    // The subject is a hash of rows.
    ("causes_decision", &["decision_id", "shot_id", "subject", "person_id", "role", "verdict", "note"]),
    ("cause", &["cause_id", "shot_id", "name", "reason", "consequence", "path", "spans"]),
    // Inputs are a hash of what was looked at; the picture is a data address.
    (
        "proposal",
        &[
            "proposal_id",
            "shot_id",
            "inputs",
            "content",
            "picture",
            "state",
            "cause_id",
            "target_id",
            "decided_by",
        ],
    ),
    ("reasoning", &["shot_id", "inputs", "notes", "asked", "scene"]),
    ("draft", &["shot_id", "editor", "grown_by", "grow_with", "answered"]),
    ("draft_frame", &["shot_id", "primary_cells", "shape"]),
    (
        "draft_edit",
        &[
            "shot_id",
            "person_id",
            "cells_before",
            "cells_after",
            "item",
            "item_before",
            "item_after",
            "shape_before",
            "shape_after",
        ],
    ),
    ("track", &["shot_id", "inputs"]),
    // The print is a hash of what was seen.
    ("looked_at", &["shot_id", "code", "subject", "print", "person_id"]),
    // The subject is a hash of a text that lies beside it, and what it was made of one of rows.
    ("quadmask", &["quadmask_id", "shot_id", "author", "note", "subject_json", "subject", "made_of"]),
    ("run", &["run_id", "shot_id", "quadmask_id", "engine", "recipe", "started_by"]),
    // What the manifest names is named by other rows of the same shot too, which go no sooner.
    (
        "version",
        &[
            "version_id",
            "shot_id",
            "run_id",
            "quadmask_id",
            "manifest",
            "subject",
            "proof",
            "proxy_index",
            "made_by",
        ],
    ),
    (
        "decision",
        &[
            "decision_id",
            "shot_id",
            "subject_kind",
            "subject_id",
            "subject",
            "person_id",
            "role",
            "verdict",
            "note",
            "prev",
            "row_hash",
        ],
    ),
    (
        "job",
        &[
            "job_id",
            "kind",
            "dedupe",
            "project_id",
            "shot_id",
            "state",
            "worker",
            "step",
            "error",
            "log",
            "needs",
        ],
    ),
    ("worker", &["worker", "host", "about", "job_id", "abilities"]),
    ("event", &["project_id", "shot_id", "kind", "version_id"]),
    ("thread", &["thread_id", "shot_id", "version_id", "state", "resolved_by", "started_by"]),
    ("comment", &["comment_id", "thread_id", "kind", "author", "text", "drawing", "version_id"]),
    ("mention", &["comment_id", "person_id"]),
    ("thread_seen", &["thread_id", "person_id"]),
    ("exact_frame", &["shot_id", "version_id", "problem"]),
    ("click", &["shot_id"]),
    (
        "share_link",
        &["link_id", "project_id", "name", "token_hash", "password_hash", "created_by", "revoked_by"],
    ),
    ("share_version", &["link_id", "version_id"]),
    ("guest", &["guest_id", "link_id"]),
    ("share_opening", &["opening_id", "link_id", "visitor", "version_id", "what"]),
    ("delivery", &["version_id", "movie", "what", "name"]),
    ("assignment", &["shot_id", "person_id", "assigned_by"]),
    (
        "inbox",
        &[
            "entry_id",
            "person_id",
            "kind",
            "shot_id",
            "by_person",
            "comment_id",
            "decision_id",
            "version_id",
            "words",
        ],
    ),
    ("audit", &["audit_id", "deed", "person_id", "who", "project_id", "project_name", "about", "address"]),
    ("password_reset", &["token_hash", "person_id", "made_by"]),
    ("upkeep", &["what", "said"]),
];

#[tokio::test]
async fn of_every_text_column_it_is_known_whether_it_names_blobs() {
    let fresh = crate::harness::sqlite().await;
    let rows = sqlx::query(
        "select m.name as of_table, c.name as of_column from sqlite_master m join pragma_table_info(m.name) c
         where m.type = 'table' and lower(c.type) = 'text' and m.name not like 'sqlite%' and m.name not like '\\_sqlx%' escape '\\'",
    )
    .fetch_all(fresh.db.pool())
    .await
    .expect("the schema");
    let pairs = |all: &[(&str, &[&str])]| -> BTreeSet<(String, String)> {
        let all = all.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (*table, *column)));
        all.map(|(table, column)| (table.to_owned(), column.to_owned())).collect()
    };
    let there: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row.get("of_table"), row.get("of_column"))).collect();
    let mut known = pairs(&COLUMNS);
    for (table, column) in [MANIFEST, JOB] {
        known.insert((table.to_owned(), column.to_owned()));
    }
    let others = pairs(OTHERS);
    assert!(known.is_disjoint(&others), "said twice: {:?}", known.intersection(&others));
    known.extend(others);
    let unknown: Vec<_> = there.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "Do these columns hold hashes of blobs? If so, name them in db::disk, or the sweep deletes what they need; if not, in OTHERS of this test: {unknown:?}"
    );
    let gone: Vec<_> = known.difference(&there).collect();
    assert!(gone.is_empty(), "no such columns: {gone:?}");
}

async fn recorded(db: &db::Db, text: &str, bytes: i64) -> Hash {
    let hash = Hash::of(text.as_bytes());
    transact!(db, [], |tx| db::blobs::record(tx, hash, bytes)).expect("recorded");
    hash
}

/// As if everything that is recorded had been so two days ago.
async fn aged(db: &db::Db) {
    sqlx::query("update blob set seen_at = seen_at - 172800000000").execute(db.pool()).await.expect("older");
}

fn yesterday() -> i64 {
    db::now() - 86_400_000_000
}

rules! {
    async fn every_blob_is_counted_for_each_project_and_freed_only_where_it_is_alone(db) {
        let studio = Studio::new(&db).await;
        let (owner, artist) = (studio.owner, studio.artist);
        studio.shot("both").await;
        let mine = studio.shot("mine").await;
        // A frame of the draft, with what undo keeps.
        let frames = vec![made(0, 0, "a mask")];
        transact!(db, [frames], |tx| db::draft::replace_all(tx, mine, &frames)).expect("a draft");
        let other = transact!(db, [], |tx| db::projects::create(tx, "Second", owner, false)).expect("a project");
        let plate = Hash::of(b"both");
        transact!(db, [], |tx| db::shots::create(tx, other, None, artist, "b.mov", plate, 100)).expect("a shot");
        recorded(&db, "nobody needs this", 1000).await;
        let found = usage(&db, yesterday()).await.expect("counted");
        let of = |id| found.projects.iter().find(|one| one.project_id == id).expect("listed").clone();
        let (first, second) = (of(studio.project_id), of(other));
        assert_eq!((first.blobs, first.bytes, first.freed_bytes), (3, 210, 110), "{found:?}");
        assert_eq!((second.blobs, second.bytes, second.freed_bytes), (1, 100, 0));
        assert_eq!((found.unused.blobs, found.unused.bytes, found.unused.ripe()), (1, 1000, (0, 0)));
        assert_eq!((found.blobs, found.bytes), (4, 1210));
        assert_eq!(found.projects.first().map(|one| one.project_id), Some(studio.project_id));
        aged(&db).await;
        assert_eq!(usage(&db, yesterday()).await.expect("counted").unused.ripe(), (1, 1000));
    }

    async fn only_what_no_row_needs_is_planned_and_forgotten(db) {
        assert!(plan(&db, yesterday()).await.expect("a plan").knows_none);
        let studio = Studio::new(&db).await;
        let shot_id = studio.shot("pillow").await;
        studio.submitted(shot_id).await;
        let file = recorded(&db, "a file to import", 10).await;
        let job = domain::Job::ImportQuadmask { shot_id, file, name: "q.mp4".into() };
        let project_id = studio.project_id;
        let job_id = transact!(db, [job], |tx| db::queue::enqueue(tx, &job, Some(project_id), Some(shot_id), None, 0))
            .expect("queued")
            .job_id;
        let idle = recorded(&db, "idle", 5).await;
        assert!(plan(&db, yesterday()).await.expect("a plan").unused.is_empty(), "all of it is young");
        aged(&db).await;
        let found = plan(&db, yesterday()).await.expect("a plan");
        assert_eq!(found.unused, [(idle, 5)]);
        assert!(!found.knows_none);
        for text in ["pillow", "first mask", "a file to import"] {
            assert!(found.needed.has(Hash::of(text.as_bytes())), "{text}");
        }
        // The import is done: its file is needed no more.
        sqlx::query("update job set state = 'done' where job_id = $1")
            .bind(job_id.to_string())
            .execute(db.pool())
            .await
            .expect("done");
        let mut unused: Vec<Hash> =
            plan(&db, yesterday()).await.expect("a plan").unused.into_iter().map(|(hash, _)| hash).collect();
        unused.sort_unstable();
        let mut wanted = vec![idle, file];
        wanted.sort_unstable();
        assert_eq!(unused, wanted);
        // Recorded again between the plan and the deed: it stays.
        recorded(&db, "idle", 5).await;
        let before = yesterday();
        let gone = transact!(db, [wanted], |tx| forget(tx, &wanted, before)).expect("forgotten");
        assert_eq!(gone, [file]);
        assert_eq!(db::disk::recorded(&db, &[idle, file]).await.expect("asked"), [idle]);
    }

    // A transaction that records a blob while the sweep forgets it: whichever is first, the row is there afterwards.
    async fn a_blob_that_is_named_while_it_is_forgotten_stays_recorded(db) {
        Studio::new(&db).await;
        let hash = recorded(&db, "in between", 5).await;
        aged(&db).await;
        let (told, telling) = (std::sync::Arc::new(tokio::sync::Notify::new()), db.clone());
        let heard = told.clone();
        let naming = tokio::spawn(async move {
            telling
                .write(move |tx| {
                    let told = told.clone();
                    Box::pin(async move {
                        db::blobs::record(tx, hash, 5).await?;
                        told.notify_one();
                        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                        Ok(())
                    })
                })
                .await
        });
        heard.notified().await;
        let before = yesterday();
        let gone = transact!(db, [], |tx| async move { forget(tx, &[hash], before).await }).expect("asked");
        naming.await.expect("ended").expect("recorded");
        assert!(gone.is_empty());
        assert_eq!(db::disk::recorded(&db, &[hash]).await.expect("asked"), [hash]);
    }

    async fn a_database_has_one_id(db) {
        let mut asked = Vec::new();
        for _ in 0..6 {
            let db = db.clone();
            asked.push(tokio::spawn(async move { db::upkeep::database_id(&db).await }));
        }
        let mut ids = BTreeSet::new();
        for one in asked {
            ids.insert(one.await.expect("ended").expect("an id"));
        }
        ids.insert(db::upkeep::database_id(&db).await.expect("an id"));
        assert_eq!(ids.len(), 1, "{ids:?}");
    }

    async fn one_of_several_takes_a_turn(db) {
        let mut turns = Vec::new();
        for _ in 0..6 {
            let db = db.clone();
            turns.push(tokio::spawn(async move { db::upkeep::take_turn(&db, db::upkeep::SWEEP, 1_000_000_000).await }));
        }
        let mut taken = 0;
        for turn in turns {
            taken += i32::from(turn.await.expect("ended").expect("asked"));
        }
        assert_eq!(taken, 1);
        transact!(db, [], |tx| db::upkeep::said(tx, db::upkeep::SWEEP, "nothing")).expect("said");
        assert_eq!(db::upkeep::last(&db, db::upkeep::SWEEP).await.expect("asked").expect("there").1, "nothing");
        assert!(!db::upkeep::take_turn(&db, db::upkeep::SWEEP, 1_000_000_000).await.expect("asked"));
    }
}

/// SQLite is told that its file is as large as it may be, and does as on a full disk; PostgreSQL says what it says there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_is_an_error_of_its_own_and_costs_no_connection() {
    for fresh in [Some(harness::sqlite().await), harness::postgres().await].into_iter().flatten() {
        let (db, engine) = (&fresh.db, fresh.db.engine());
        let Studio { project_id, artist, .. } = Studio::new(db).await;
        let long = "x".repeat(4 << 20);
        // More often than there are connections.
        for n in 0..20 {
            let full = transact!(db, [long], |tx| async move {
                db::uploads::create(tx, project_id, None, artist, "before.mov", 1, None).await?;
                if engine == Engine::Sqlite {
                    // It takes no fewer pages than there are.
                    sqlx::query("pragma max_page_count = 1").execute(&mut *tx).await?;
                    db::uploads::create(tx, project_id, None, artist, &long, 1, None).await?;
                } else {
                    sqlx::query("do $$ begin raise disk_full; end $$").execute(&mut *tx).await?;
                }
                Ok::<_, db::Error>(())
            });
            assert!(matches!(full, Err(db::Error::Full)), "{engine:?} {n}: {full:?}");
        }
        assert!(db::uploads::open(db).await.expect("read").is_empty(), "{engine:?}: half of it is there");
        transact!(db, [long], |tx| async move {
            if engine == Engine::Sqlite {
                sqlx::query("pragma max_page_count = 1000000").execute(&mut *tx).await?;
            }
            db::uploads::create(tx, project_id, None, artist, &long, 1, None).await
        })
        .expect("room again");
        assert_eq!(db::uploads::open(db).await.expect("read").len(), 1, "{engine:?}");
    }
}
