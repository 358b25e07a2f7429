//! What comes back is what was there, on whichever engine.

use std::fs;

use db::decisions::{Ballot, on_quadmask};
use domain::{Hash, Role, Verdict};

use crate::bench::{Bench, On, back_up, contents, files_under};
use crate::every_table;
use crate::harness::Studio;
use crate::transact;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_table_comes_back_on_every_engine() {
    for source in Bench::each().await {
        let db = source.open().await;
        every_table::fill(&db, &source.store).await;
        let before = contents(&db).await;
        let first = source.folder.path().join("first");
        let made = back_up(&db, &source.store, &first).await;
        assert_eq!((made.copied, made.manifest.blobs), (4, 4));
        for (table, rows) in &before {
            let left_out = ["session", "worker", "exact_frame", "click"].contains(&table.as_str());
            assert_eq!(rows.is_empty(), left_out, "{table} of {:?}", source.on);
        }
        for target in Bench::each().await {
            target.restore(&first).await.expect("restored");
            let there = target.open().await;
            assert_eq!(contents(&there).await, before, "{:?} to {:?}", source.on, target.on);
            for blob in files_under(&target.folder.path().join("blobs")) {
                let name = blob.file_name().and_then(|name| name.to_str()).expect("a name");
                target.store.verify_blocking(name.parse().expect("a hash")).expect("whole");
            }
            // And back again; equal rows are equal files.
            let second = target.folder.path().join("second");
            back_up(&there, &target.store, &second).await;
            let files = |folder: &std::path::Path| -> Vec<(String, Vec<u8>)> {
                let found = files_under(folder)
                    .into_iter()
                    .filter(|path| path.extension().is_some_and(|e| e == "gz"));
                found
                    .map(|path| {
                        (
                            path.file_name().expect("named").to_string_lossy().into_owned(),
                            fs::read(&path).expect("read"),
                        )
                    })
                    .collect()
            };
            assert_eq!(files(&second), files(&first), "{:?} to {:?}", source.on, target.on);
            let home = Bench::new(source.on).await.expect("as before");
            home.restore(&second).await.expect("restored");
            assert_eq!(contents(&home.open().await).await, before);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_studio_goes_on_after_its_restore() {
    for source in Bench::each().await {
        let db = source.open().await;
        let studio = Studio::new(&db).await;
        let plate = Hash::of(b"lime");
        for bytes in ["lime", "first mask"] {
            source.store.put(bytes.as_bytes().to_vec()).await.expect("stored");
        }
        let shot_id = studio.shot("lime").await;
        let (quadmask_id, seen) = studio.submitted(shot_id).await;
        let (project_id, artist) = (studio.project_id, studio.artist);
        transact!(db, [], |tx| db::uploads::create(tx, project_id, None, artist, "half.mov", 100, None))
            .expect("begun");
        let to = source.folder.path().join("backup");
        back_up(&db, &source.store, &to).await;
        for target in Bench::each().await {
            target.restore(&to).await.expect("restored");
            let db = target.open().await;
            assert!(db::uploads::open(&db).await.expect("read").is_empty(), "its bytes are in no store");
            let supervisor = studio.supervisor;
            let ballot = Ballot {
                person_id: supervisor,
                role: Role::Supervisor,
                seen,
                verdict: Verdict::Approve,
                note: "yes",
            };
            transact!(db, [ballot], |tx| on_quadmask(tx, quadmask_id, &ballot)).expect("decided");
            let history = db::history::of_shot(&db, shot_id).await.expect("read");
            assert!(history.check.is_whole && history.decisions.len() == 1, "{:?}", history.check);
            assert_eq!(target.store.get(plate).await.expect("there"), b"lime");
            // Ids that the database itself counts would have to be told where to go on: there are none.
            if target.on == On::Postgres {
                let counted = "select count(*) as many from pg_sequences where schemaname = current_schema()";
                let row = sqlx::query(counted).fetch_one(db.pool()).await.expect("asked");
                assert_eq!(sqlx::Row::get::<i64, _>(&row, "many"), 0, "teach db::dump::Fill about sequences");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_second_back_up_copies_what_is_new() {
    let source = Bench::new(On::Sqlite).await.expect("a file");
    let db = source.open().await;
    let put = async |bytes: Vec<u8>| {
        let size = bytes.len() as i64;
        let hash = source.store.put(bytes).await.expect("stored");
        db.write(move |tx| Box::pin(async move { db::blobs::record(tx, hash, size).await }))
            .await
            .expect("known");
        hash
    };
    // Beyond one batch of names.
    for n in 0..300u32 {
        put(n.to_be_bytes().to_vec()).await;
    }
    let to = source.folder.path().join("backup");
    let first = back_up(&db, &source.store, &to).await;
    assert_eq!((first.copied, first.copied_bytes), (300, 1200));
    let added = put(b"another plate".to_vec()).await;
    let second = back_up(&db, &source.store, &to).await;
    assert_eq!((second.copied, second.copied_bytes, second.manifest.blobs), (1, 13, 301));
    assert_eq!(backup::list(&to).expect("listed").len(), 2);
    let verdict = backup::verify(&to, None).await.expect("read");
    assert_eq!((verdict.snapshots, verdict.blobs, verdict.faults), (2, 301, vec![]));
    // The earlier moment is still there.
    let target = Bench::new(On::Sqlite).await.expect("a file");
    let name = first.name.clone();
    target.restore_with(&to, |order| order.snapshot = Some(&name)).await.expect("restored");
    assert!(!target.store.contains_blocking(added).expect("asked"));
    // Into the same folder again: what is there is read and not copied.
    let again = target.restore_with(&to, |order| order.replace = true).await.expect("restored");
    assert_eq!(again.copied, 1);
    assert_eq!(contents(&target.open().await).await, contents(&db).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_studio_moves_into_a_bucket_and_out_again() {
    let source = Bench::new(On::Sqlite).await.expect("a file");
    let db = source.open().await;
    every_table::fill(&db, &source.store).await;
    let to = source.folder.path().join("backup");
    back_up(&db, &source.store, &to).await;

    let server = crate::s3::Server::start();
    let mut there = Bench::new(On::Sqlite).await.expect("a file");
    there.store = storage::Store::open_at(there.folder.path(), Some(&server.url(""))).expect("a store");
    assert_eq!(there.restore(&to).await.expect("restored").copied, 4);
    let hash = Hash::of(b"bytes of blob 3");
    assert_eq!(fs::read(server.file(hash)).expect("in the bucket"), b"bytes of blob 3");

    // The bucket is read and not the copies that are here.
    fs::write(there.store.path_of(hash), b"a copy that is damaged").expect("written");
    let back = there.folder.path().join("backup");
    let made = back_up(&there.open().await, &there.store, &back).await;
    assert_eq!((made.copied, made.manifest.missing.len()), (4, 0));
    let home = Bench::new(On::Sqlite).await.expect("a file");
    home.restore(&back).await.expect("restored");
    assert_eq!(contents(&home.open().await).await, contents(&db).await);
    assert_eq!(home.store.get(hash).await.expect("there"), b"bytes of blob 3");
}
