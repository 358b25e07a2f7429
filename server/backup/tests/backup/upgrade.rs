//! Across versions of the program: rows of older tables, and the copy that is made before an upgrade.

use std::path::Path;

use db::Db;
use sqlx::migrate::Migrator;

use crate::bench::{Bench, On, back_up, contents};

/// Before threads were there; a later migration makes rows of what it finds.
const OLD: i64 = 8;

/// A studio as a program with fewer migrations left it.
async fn old(bench: &Bench) -> Db {
    let db = db::connect(&bench.url).await.expect("opens");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let all = Migrator::new(folder).await.expect("migrations");
    all.run_to(OLD, db.pool()).await.expect("made");
    for sql in [
        "insert into person (person_id, name, email, role, created_at) values ('p', 'Óla', 'o@studio.test', 'owner', 1)",
        "insert into project (project_id, name, policy, created_by, created_at) values ('j', 'First', '{}', 'p', 1)",
        "insert into blob (hash, size_bytes, created_at) values ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, 1)",
        "insert into shot (shot_id, project_id, name, file_name, phase, plate, created_by, created_at, updated_at)
         select 's', 'j', 'lime', 'lime.mov', 'result_review', hash, 'p', 1, 1 from blob",
        "insert into quadmask (quadmask_id, shot_id, n, author, note, manifest, subject_json, subject, created_at)
         values ('q', 's', 1, 'p', '', '{}', '{}', 'x', 2)",
        "insert into run (run_id, shot_id, quadmask_id, engine, recipe, started_by, created_at)
         values ('r', 's', 'q', 'plate', '{}', 'p', 3)",
        "insert into version (version_id, shot_id, run_id, quadmask_id, n, manifest, subject, proof, result, matte, proxy,
             proxy_index, created_at) values ('v', 's', 'r', 'q', 1, '{}', 'x', '{}', 'a', 'b', 'c', '[]', 4)",
    ] {
        sqlx::query(sql).execute(db.pool()).await.expect("a row");
    }
    bench.store.put(Vec::new()).await.expect("stored");
    db
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_older_back_up_is_brought_up_to_date() {
    for source in Bench::each().await {
        let db = old(&source).await;
        let to = source.folder.path().join("backup");
        let made = back_up(&db, &source.store, &to).await;
        assert_eq!(made.manifest.newest(), OLD);
        db.migrate().await.expect("as the program does");
        let upgraded = contents(&db).await;
        assert_eq!((upgraded["thread"].len(), upgraded["comment"].len()), (1, 1));
        for target in Bench::each().await {
            // One that a newer program opened is still empty.
            target.open().await.pool().close().await;
            target.restore(&to).await.expect("restored");
            assert_eq!(contents(&target.open().await).await, upgraded, "{:?} to {:?}", source.on, target.on);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_are_copied_before_an_upgrade() {
    for source in Bench::each().await {
        let db = old(&source).await;
        let before = contents(&db).await;
        db.pool().close().await;
        let data = source.folder.path();
        let first = db::dump::known().into_iter().find(|version| *version > OLD).expect("later ones");
        let db = backup::open(&source.url, data).await.expect("opens");
        assert_eq!(contents(&db).await["thread"].len(), 1, "brought up to date");
        let copy = data.join(format!("backups/before-{first:04}"));
        match source.on {
            On::Sqlite => {
                let url = format!("sqlite://{}", copy.with_extension("db").display());
                let copy = db::connect(&url).await.expect("a database");
                assert_eq!(contents(&copy).await, before);
            }
            On::Postgres => {
                db.pool().close().await;
                // Rows alone: the blobs are where they were.
                let elsewhere = Bench::new(On::Sqlite).await.expect("a file");
                let said = elsewhere.restore(&copy).await.expect_err("no blobs").to_string();
                assert!(said.contains("lacks 1 of 1 blobs"), "{said}");
                source.restore_with(&copy, |order| order.replace = true).await.expect("put back");
            }
        }
        // Nothing waits any more: no second copy.
        let db = backup::open(&source.url, data).await.expect("opens");
        let copies = std::fs::read_dir(data.join("backups")).expect("a folder").count();
        assert_eq!(copies, 2, "the copy and the lock");
        db.pool().close().await;
        // A new studio has nothing to copy.
        let fresh = Bench::new(source.on).await.expect("as before");
        backup::open(&fresh.url, fresh.folder.path()).await.expect("opens");
        assert!(!fresh.folder.path().join("backups").exists());
    }
}
