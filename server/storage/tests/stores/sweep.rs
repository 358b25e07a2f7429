//! The sweep of a bucket: only what nobody put lately goes, also while others put. Mostly the bucket of this process: nobody else's
//! lets its files be made older.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use domain::Hash;
use storage::{Removed, Store};

use crate::s3::Fault;
use crate::{any_bucket, bucket};

fn before() -> SystemTime {
    SystemTime::now() - Duration::from_secs(24 * 3600)
}

fn listed(store: &Store) -> Vec<Hash> {
    let mut all = Vec::new();
    store.each_blob_blocking(|found| all.push(found.hash)).expect("listed");
    all.sort_unstable();
    all
}

#[test]
fn only_what_nobody_put_lately_leaves_the_bucket() {
    let place = bucket("");
    let (store, server) = (&place.store, place.server.as_ref().expect("a bucket"));
    let put = |bytes: &[u8]| store.put_blocking(bytes).expect("stored");
    let (old, again, young) = (put(b"old"), put(b"again"), put(b"young"));
    server.age(old);
    server.age(again);
    // Put again: neither the copy here nor the old blob there is taken for new bytes.
    assert_eq!(put(b"again"), again);
    let mut wanted = [old, again, young];
    wanted.sort_unstable();
    assert_eq!(listed(store), wanted);
    assert_eq!(store.remove_blocking(old, before()).expect("removed"), Removed::Gone(3));
    assert_eq!(store.remove_blocking(old, before()).expect("again"), Removed::Missing);
    for hash in [again, young] {
        assert_eq!(store.remove_blocking(hash, before()).expect("looked at"), Removed::Young);
    }
    assert!(!store.path_of(old).exists(), "its copy goes with it");
    assert!(!store.contains(old) && store.contains(again) && store.contains(young));
    assert_eq!(listed(store).len(), 2, "no mark is left, nor taken for a blob");
    // Another server still has a copy of what was swept.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Store::open_at(elsewhere.path(), Some(&server.url(""))).expect("a store");
    other.put_blocking(b"copied").expect("stored");
    server.age(Hash::of(b"copied"));
    assert_eq!(store.remove_blocking(Hash::of(b"copied"), before()).expect("removed"), Removed::Gone(6));
    assert!(other.path_of(Hash::of(b"copied")).exists());
    assert!(!other.contains(Hash::of(b"copied")), "a copy is no blob");
    other.put_blocking(b"copied").expect("stored");
    assert!(server.file(Hash::of(b"copied")).is_file(), "sent anew");
}

#[test]
fn what_lies_there_for_long_is_touched_and_not_sent() {
    let place = bucket("");
    let (store, server) = (&place.store, place.server.as_ref().expect("a bucket"));
    let hash = store.put_blocking(b"again").expect("stored");
    let file = || fs::metadata(server.file(hash)).expect("in the bucket");
    // What is sent becomes another file.
    let first = file().ino();
    for (fault, is_sent) in [(None, false), (Some(Fault::CopiesNot), true)] {
        server.age(hash);
        server.does(fault);
        store.put_blocking(b"again").expect("put again");
        assert_eq!(file().ino() != first, is_sent, "{fault:?}");
        assert_eq!(store.remove_blocking(hash, before()).expect("looked at"), Removed::Young, "{fault:?}");
        assert_eq!(fs::read(server.file(hash)).expect("in the bucket"), b"again", "{fault:?}");
    }
}

#[test]
fn a_bucket_is_of_the_database_that_was_first() {
    let place = any_bucket("");
    for id in ["first", "second", "first"] {
        assert_eq!(place.store.owner_blocking(id).expect("asked"), "first");
    }
    assert!(listed(&place.store).is_empty(), "whose it is is no blob");
    let folder = crate::folder();
    assert_eq!(folder.store.owner_blocking("second").expect("asked"), "second");
}

#[test]
fn a_sweep_begins_where_keys_may_remove_and_clears_old_marks() {
    let place = bucket("");
    let (store, server) = (&place.store, place.server.as_ref().expect("a bucket"));
    let marks = server.place("sweep").join(Hash::of(b"a plate").to_string());
    fs::create_dir_all(&marks).expect("made");
    for name in ["old", "young"] {
        fs::write(marks.join(name), b"to be removed").expect("a mark");
    }
    let then = SystemTime::now() - Duration::from_secs(2 * 3600);
    File::open(marks.join("old")).and_then(|file| file.set_modified(then)).expect("older");
    server.does(Some(Fault::Keeps));
    let said = store.begin_sweep_blocking().expect_err("keys may not").to_string();
    assert!(said.contains("refuses these keys") && said.contains("delete"), "{said}");
    assert!(marks.join("old").exists());
    server.does(None);
    store.begin_sweep_blocking().expect("keys may");
    assert_eq!([marks.join("old").exists(), marks.join("young").exists()], [false, true]);
    assert!(!server.place("sweep/probe").exists());
    crate::folder().store.begin_sweep_blocking().expect("nothing to try");
}

#[test]
fn a_put_beside_a_removal_leaves_the_bytes_in_the_bucket() {
    let place = bucket("");
    let (store, server) = (&place.store, place.server.as_ref().expect("a bucket"));
    let bytes = b"the same bytes";
    let hash = Hash::of(bytes);
    store.put_blocking(bytes).expect("put");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Two sweeps at once, as from two servers.
        let sweepers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut gone = 0;
                while !is_over.load(Ordering::Relaxed) {
                    gone += i32::from(matches!(store.remove_blocking(hash, before()), Ok(Removed::Gone(_))));
                }
                gone
            })
        });
        for round in 0..25 {
            // Two days later; a sweep may have been there already.
            if let Ok(file) = File::open(server.file(hash)) {
                file.set_modified(before() - Duration::from_secs(24 * 3600)).expect("older");
            }
            std::thread::sleep(Duration::from_millis(round % 5 * 4));
            store.put_blocking(bytes).expect("put");
            assert!(store.contains_blocking(hash).expect("asked"), "round {round}");
        }
        is_over.store(true, Ordering::Relaxed);
        let gone: i32 = sweepers.into_iter().map(|sweeper| sweeper.join().expect("ended")).sum();
        assert!(gone > 0, "the sweeps took some of them");
    });
    assert_eq!(fs::read(server.file(hash)).expect("there"), bytes);
}
