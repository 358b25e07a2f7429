//! A bucket that does not answer, refuses, or loses a part: a sentence says so, and nothing is there by half. Always the bucket
//! of this process, which does wrong when it is told to.

use std::fs;
use std::time::{Duration, Instant};

use domain::Hash;
use storage::{Ailment, Error, Store};

use crate::s3::{Fault, SLOW, secret};
use crate::{Place, bucket};

/// What storing a large file comes to while the server does this wrong.
fn refused(place: &Place, fault: Fault) -> String {
    let server = place.server.as_ref().expect("a bucket");
    let bytes: Vec<u8> = (0..40u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let part = place.store.part_path("0190-ab");
    fs::write(&part, &bytes).expect("a part");
    server.does(Some(fault));
    let error = place.store.put_file_blocking(&part).expect_err("not stored");
    assert!(matches!(error, Error::Bucket(_)), "{error:?}");
    server.does(None);
    let hash = Hash::of(&bytes);
    assert!(!place.store.contains(hash) && !place.store.path_of(hash).exists(), "{fault:?}: no half of it");
    assert!(part.is_file(), "what was to be stored is still here");
    // Once the bucket is well, the same file is stored.
    place.store.put_file_blocking(&part).expect("stored");
    place.store.verify_blocking(hash).expect("whole");
    error.to_string()
}

#[test]
fn a_part_that_is_lost_stores_nothing() {
    let place = bucket("&timeout_s=20");
    let said = refused(&place, Fault::LosesPart);
    assert!(said.contains("given a part of a blob") && said.contains("plates"), "{said}");
    let left = place.server.as_ref().expect("a bucket").files();
    assert!(!left.iter().any(|file| file.contains(".part-")), "parts that were sent are cleared: {left:?}");
}

#[test]
fn a_blob_that_lacks_its_end_is_no_blob() {
    let said = refused(&bucket("&timeout_s=20"), Fault::CutsPart);
    assert!(said.contains("says it has 41943039 bytes of a blob of 41943040"), "{said}");
}

#[test]
fn keys_that_are_refused_are_named_and_not_told() {
    let said = refused(&bucket("&timeout_s=20"), Fault::Refuses);
    assert!(said.contains("refuses these keys") && !said.contains(secret()), "{said}");
}

#[test]
fn a_bucket_that_is_silent_is_given_up() {
    let place = bucket("");
    let server = place.server.as_ref().expect("a bucket");
    let kept = place.store.put_blocking(b"kept").expect("stored");
    fs::remove_file(place.store.path_of(kept)).expect("no copy");
    // Little patience, and only with a bucket that is silent: one that answers may be slow on a busy machine.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let hasty = Store::open_at(elsewhere.path(), Some(&server.url("&timeout_s=1"))).expect("a store");
    server.does(Some(Fault::Silent));
    let (begun, asked) = (Instant::now(), server.asked());
    for said in [
        hasty.put_blocking(b"a mask").expect_err("nobody answers").to_string(),
        hasty.get_blocking(kept).expect_err("nobody answers").to_string(),
    ] {
        assert!(said.contains("does not answer") && !said.contains(secret()), "{said}");
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(server.asked() - asked <= 6, "each is asked three times at most");
    assert!(!hasty.path_of(Hash::of(b"a mask")).exists());
    server.does(None);
    assert_eq!(place.store.get_blocking(kept).expect("there"), b"kept");
}

/// The patience is for an answer; bytes that are taken slowly are given their time beyond it.
#[test]
fn bytes_are_waited_for_longer_than_a_word() {
    let place = bucket("&timeout_s=3");
    let server = place.server.as_ref().expect("a bucket");
    let bytes = vec![7u8; 8 << 20];
    server.does(Some(Fault::Slow));
    let begun = Instant::now();
    let hash = place.store.put_blocking(&bytes).expect("stored");
    assert!(begun.elapsed() >= SLOW, "{:?}", begun.elapsed());
    assert!(fs::read(server.file(hash)).expect("in the bucket") == bytes);
}

/// A sweep that takes a large blob between its last part and the look at it: it is sent once more.
#[test]
fn a_blob_that_is_taken_as_soon_as_it_is_whole_is_sent_again() {
    let place = bucket("");
    let server = place.server.as_ref().expect("a bucket");
    let bytes: Vec<u8> = (0..17u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    server.does(Some(Fault::Takes));
    let hash = place.store.put_blocking(&bytes).expect("stored");
    assert!(fs::read(server.file(hash)).expect("in the bucket") == bytes);
}

/// Another process may have left half of it there.
#[test]
fn a_blob_of_another_length_is_not_taken_for_the_bytes() {
    let place = bucket("");
    let server = place.server.as_ref().expect("a bucket");
    let hash = place.store.put_blocking(b"a matte").expect("stored");
    fs::write(server.file(hash), b"a mat").expect("damaged");
    place.store.put_blocking(b"a matte").expect("stored");
    assert_eq!(fs::read(server.file(hash)).expect("in the bucket"), b"a matte");
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_told_without_its_name() {
    let place = bucket("");
    let server = place.server.as_ref().expect("a bucket");
    let ask = async |seconds: u64| place.store.ask_bucket(Duration::from_secs(seconds)).await;
    ask(30).await.expect("well");
    for (fault, seconds, ailment) in
        [(Fault::Silent, 1, Ailment::Silent), (Fault::Refuses, 30, Ailment::Refused)]
    {
        server.does(Some(fault));
        let (told, error) = ask(seconds).await.expect_err("unwell");
        assert_eq!(told, ailment, "{error}");
        assert!(
            !told.to_string().contains("plates") && error.to_string().contains("plates"),
            "{told} {error}"
        );
    }
    server.does(None);
    let gone = server.url("").replace("s3://plates", "s3://elsewhere");
    let store = Store::open_at(place.folder.path(), Some(&gone)).expect("nobody is asked yet");
    let (told, _) = store.ask_bucket(Duration::from_secs(30)).await.expect_err("not there");
    assert_eq!(told, Ailment::Missing);
}
