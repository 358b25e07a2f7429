//! What is damaged, too new, in use or not empty is said in words, and nothing is lost by it.

use std::fs;
use std::path::Path;

use backup::Error;
use domain::Hash;

use crate::bench::{Bench, On, back_up, contents, files_under};
use crate::every_table;
use crate::harness::Studio;

async fn studio(on: On) -> Option<(Bench, db::Db)> {
    let bench = Bench::new(on).await?;
    let db = bench.open().await;
    every_table::fill(&db, &bench.store).await;
    Some((bench, db))
}

fn refusal(outcome: backup::Result<backup::Restored>) -> String {
    match outcome.expect_err("refused") {
        error @ (Error::Refused(_) | Error::Db(db::Error::Invalid(_)) | Error::Damaged(_)) => {
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

fn manifest(to: &Path) -> std::path::PathBuf {
    files_under(to).into_iter().find(|path| path.ends_with("manifest.json")).expect("sealed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_that_are_there_are_kept_unless_it_is_said() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let to = source.folder.path().join("backup");
    back_up(&db, &source.store, &to).await;
    for target in Bench::each().await {
        let there = target.open().await;
        Studio::new(&there).await;
        let before = contents(&there).await;
        there.pool().close().await;
        let said = refusal(target.restore(&to).await);
        assert!(said.contains("not empty") && said.contains("--replace"), "{said}");
        let there = target.open().await;
        assert_eq!(contents(&there).await, before);
        assert!(
            files_under(&target.folder.path().join("blobs")).is_empty(),
            "refused before a byte was copied"
        );
        there.pool().close().await;
        target.restore_with(&to, |order| order.replace = true).await.expect("restored");
        assert_eq!(contents(&target.open().await).await, contents(&db).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_in_use_is_left_alone() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let to = source.folder.path().join("backup");
    back_up(&db, &source.store, &to).await;
    // A server has the file open.
    let target = Bench::new(On::Sqlite).await.expect("a file");
    let server = target.open().await;
    Studio::new(&server).await;
    let said = refusal(target.restore_with(&to, |order| order.replace = true).await);
    assert!(said.contains("stop its server"), "{said}");
    server.pool().close().await;
    target.restore_with(&to, |order| order.replace = true).await.expect("free now");
    // On PostgreSQL its worker says so.
    if let Some(target) = Bench::new(On::Postgres).await {
        let server = target.open().await;
        Studio::new(&server).await;
        let beat = "insert into worker (worker, host, pid, about, started_at, seen_at) values ('w', 'h', 1, '', 1, $1)";
        sqlx::query(beat).bind(db::now()).execute(server.pool()).await.expect("a worker");
        let said = refusal(target.restore_with(&to, |order| order.replace = true).await);
        assert!(said.contains("stop its server"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn damage_is_named_and_nothing_is_restored() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let whole = source.folder.path().join("backup");
    back_up(&db, &source.store, &whole).await;
    let faults = async |say: &str| {
        let verdict = backup::verify(&whole, None).await.expect("read");
        assert!(verdict.faults.iter().any(|fault| fault.contains(say)), "{:?}", verdict.faults);
        let target = Bench::new(On::Sqlite).await.expect("a file");
        let said = refusal(target.restore(&whole).await);
        let rows: usize = contents(&target.open().await).await.values().map(Vec::len).sum();
        assert_eq!(rows, 0, "{said}");
        said
    };
    // One bit of a table.
    let person =
        files_under(&whole).into_iter().find(|path| path.ends_with("person.jsonl.gz")).expect("a table");
    let bytes = fs::read(&person).expect("read");
    let mut other = bytes.clone();
    other[20] ^= 1;
    fs::write(&person, &other).expect("damaged");
    faults("person.jsonl.gz").await;
    fs::write(&person, &bytes).expect("mended");
    // One byte of a blob.
    let blob = files_under(&whole.join("blobs")).remove(0);
    let bytes = fs::read(&blob).expect("read");
    fs::write(&blob, b"bytes of blob X").expect("damaged");
    let said = faults("holds other bytes").await;
    assert!(said.contains("other bytes"), "{said}");
    fs::write(&blob, &bytes).expect("mended");
    let target = Bench::new(On::Sqlite).await.expect("a file");
    target.restore(&whole).await.expect("whole again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_newer_program_wrote_is_refused_in_words() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let to = source.folder.path().join("backup");
    back_up(&db, &source.store, &to).await;
    let file = manifest(&to);
    let text = fs::read_to_string(&file).expect("read");
    let newest = db::dump::known().pop().expect("some");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    value["migrations"].as_array_mut().expect("numbers").push(9999.into());
    fs::write(&file, value.to_string()).expect("written");
    let target = Bench::new(On::Sqlite).await.expect("a file");
    let said = refusal(target.restore(&to).await);
    assert!(said.contains("newer Minus One") && said.contains(&newest.to_string()), "{said}");
    value["format"] = 2.into();
    fs::write(&file, value.to_string()).expect("written");
    let said = refusal(target.restore(&to).await);
    assert!(said.contains("newer Minus One"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_back_up_leaves_the_earlier_ones_and_is_cleared_by_the_next() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let to = source.folder.path().join("backup");
    let first = back_up(&db, &source.store, &to).await;
    // As a kill leaves it: rows without a manifest, half a blob.
    let half = to.join("snapshots/2026-01-01T00-00-00.000Z/tables");
    fs::create_dir_all(&half).expect("made");
    fs::write(half.join("person.jsonl.gz"), b"half").expect("written");
    fs::write(to.join("tmp/.tmpabc"), b"half a blob").expect("written");
    let listed = backup::list(&to).expect("listed");
    assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [first.name.as_str()]);
    let target = Bench::new(On::Sqlite).await.expect("a file");
    target.restore(&to).await.expect("the earlier one");
    back_up(&db, &source.store, &to).await;
    assert!(!half.exists() && !to.join("tmp/.tmpabc").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_blob_that_the_store_lost_keeps_nothing_else_from_being_saved() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let lost = Hash::of(b"bytes of blob 2");
    fs::remove_file(source.store.path_of(lost)).expect("lost");
    let to = source.folder.path().join("backup");
    let made = back_up(&db, &source.store, &to).await;
    assert_eq!((made.manifest.missing, made.copied), (vec![lost], 3));
    let target = Bench::new(On::Sqlite).await.expect("a file");
    let said = refusal(target.restore(&to).await);
    assert!(said.contains("--incomplete"), "{said}");
    target.restore_with(&to, |order| order.incomplete = true).await.expect("the rest");
    assert!(!target.store.contains_blocking(lost).expect("asked"));
    // Once it is found again, the next back-up has it.
    source.store.put(b"bytes of blob 2".to_vec()).await.expect("found");
    let made = back_up(&db, &source.store, &to).await;
    assert_eq!((made.manifest.missing.len(), made.copied), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_row_that_names_nothing_is_not_restored() {
    let (source, db) = studio(On::Sqlite).await.expect("a file");
    let mut one = db.pool().acquire().await.expect("a connection");
    sqlx::query("pragma foreign_keys = off").execute(&mut *one).await.expect("set");
    sqlx::query("update shot set created_by = 'nobody'").execute(&mut *one).await.expect("broken");
    sqlx::query("pragma foreign_keys = on").execute(&mut *one).await.expect("set");
    let to = source.folder.path().join("backup");
    back_up(&db, &source.store, &to).await;
    for target in Bench::each().await {
        let error = target.restore(&to).await.expect_err("refused");
        assert!(matches!(&error, Error::Db(db::Error::Corrupt(why)) if why.contains("shot")), "{error:?}");
        let rows: usize = contents(&target.open().await).await.values().map(Vec::len).sum();
        assert_eq!(rows, 0);
    }
}
