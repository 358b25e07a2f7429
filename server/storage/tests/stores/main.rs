//! The same rules for both stores: a folder, and the bucket of `TEST_STORAGE_URL`, where none is named one behind a server of S3 in
//! this process.

mod faults;
mod s3;
mod sweep;

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use domain::Hash;
use storage::{Error, Served, Store};

const MINUTES: Duration = Duration::from_secs(600);

struct Place {
    store: Store,
    folder: tempfile::TempDir,
    server: Option<s3::Server>,
}

fn folder() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    Place { store: Store::open(folder.path()).expect("a store"), folder, server: None }
}

/// For tests that reach into the bucket's files, or have its server do something wrong.
fn bucket(options: &str) -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let server = s3::Server::start();
    let store = Store::open_at(folder.path(), Some(&server.url(options))).expect("a store");
    Place { store, folder, server: Some(server) }
}

/// The bucket that tests were given, in a place of its own, else one of this process.
fn any_bucket(options: &str) -> Place {
    let Some(url) = s3::given(options) else { return bucket(options) };
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_at(folder.path(), Some(&url)).expect("a store");
    Place { store, folder, server: None }
}

impl Place {
    /// Where the bytes themselves are: in the folder, or with the server of this process.
    fn kept(&self, hash: Hash) -> PathBuf {
        match &self.server {
            None => self.store.path_of(hash),
            Some(server) => server.file(hash),
        }
    }
}

fn each() -> [Place; 2] {
    [folder(), any_bucket("")]
}

#[test]
fn bytes_come_back_under_their_hash() {
    for place in each() {
        let store = &place.store;
        let hash = store.put_blocking(b"plate").expect("stored");
        assert_eq!(hash, Hash::of(b"plate"));
        assert_eq!(store.put_blocking(b"plate").expect("again"), hash);
        assert_eq!(store.get_blocking(hash).expect("there"), b"plate");
        assert_eq!(store.size_blocking(hash).expect("there"), 5);
        store.verify_blocking(hash).expect("whole");
        let other = Hash::of(b"x");
        assert!(matches!(store.get_blocking(other), Err(Error::Missing(_))));
        assert!(matches!(store.size_blocking(other), Err(Error::Missing(_))));
        assert!(!store.contains_blocking(other).expect("asked"));
        // Nothing is left in the making.
        assert_eq!(fs::read_dir(place.folder.path().join("tmp")).expect("a folder").count(), 0);
    }
}

#[test]
fn a_file_is_taken_over_and_survives_the_original() {
    for place in each() {
        // In the bucket, three parts.
        let bytes: Vec<u8> = (0..40u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let part = place.store.part_path("0190-ab");
        fs::write(&part, &bytes).expect("a part");
        let (hash, size) = place.store.put_file_blocking(&part).expect("stored");
        fs::remove_file(&part).expect("gone");
        assert_eq!((place.store.size_blocking(hash).expect("there"), size), (40 << 20, 40 << 20));
        place.store.verify_blocking(hash).expect("whole");
        let local = place.store.local_blocking(hash).expect("a file");
        assert!(fs::read(local.path()).expect("read") == bytes);
    }
}

#[test]
fn damage_is_noticed_and_mended() {
    for place in [folder(), bucket("")] {
        let hash = place.store.put_blocking(b"matte").expect("stored");
        fs::write(place.kept(hash), b"other").expect("damaged");
        assert!(matches!(place.store.verify_blocking(hash), Err(Error::Damaged { .. })));
        let wrong = place.store.receive_blocking(hash, &mut Cursor::new(b"wrong"));
        assert!(matches!(wrong, Err(Error::Damaged { .. })));
        place.store.receive_blocking(hash, &mut Cursor::new(b"matte")).expect("mended");
        place.store.verify_blocking(hash).expect("whole");
    }
}

#[test]
fn a_damaged_blob_is_never_handed_out_as_a_copy() {
    let place = bucket("");
    let hash = place.store.put_blocking(b"a matte").expect("stored");
    fs::remove_file(place.store.path_of(hash)).expect("cleared");
    fs::write(place.kept(hash), b"another").expect("damaged");
    assert!(matches!(place.store.local_blocking(hash), Err(Error::Damaged { .. })));
    assert!(!place.store.path_of(hash).exists());
}

#[test]
fn the_oldest_copies_go_and_none_that_is_used() {
    // 10 copies of 1 MB fit.
    let place = any_bucket("&cache_gb=0.0105");
    let store = &place.store;
    let put = |n: u8| store.put_blocking(&vec![n; 1_000_000]).expect("stored");
    let first = put(0);
    let held = store.local_blocking(first).expect("a copy");
    let hashes: Vec<Hash> = (1..40).map(put).collect();
    let copies = hashes.iter().filter(|hash| store.path_of(**hash).exists()).count();
    assert!((5..=11).contains(&copies), "{copies}");
    assert!(held.path().exists() && store.path_of(hashes[38]).exists());
    assert!(!store.path_of(hashes[0]).exists());
    drop(held);
    // What went is fetched again.
    assert_eq!(store.get_blocking(hashes[0]).expect("there")[0], 1);
    assert!(store.path_of(hashes[0]).exists());
}

#[tokio::test]
async fn parts_are_sent_on_and_others_refused() {
    let place = any_bucket("");
    let hash = place.store.put(b"0123456789".to_vec()).await.expect("stored");
    assert!(matches!(place.store.serve(hash).await, Served::File(_, Some(_))));
    fs::remove_file(place.store.path_of(hash)).expect("cleared");
    let Served::Bucket(there) = place.store.serve(hash).await else { panic!("no copy is here") };
    let mut opened = there.open(Some("bytes=2-4".into())).await.expect("a part");
    assert_eq!((opened.total, opened.part), (10, Some((2, 4))));
    assert_eq!(opened.body.next().await.expect("bytes").expect("whole"), "234");
    let whole = there.open(None).await.expect("all");
    assert_eq!((whole.total, whole.part), (10, None));
    assert!(matches!(there.open(Some("bytes=99-".into())).await, Err(Error::Range(10))));
    assert_eq!(place.store.presigned(hash, "attachment", "video/mp4", MINUTES).await.expect("asked"), None);
}

/// In this process: the address is fetched by hand, over plain http.
#[tokio::test]
async fn a_presigned_address_opens_that_blob() {
    let place = bucket("&presign=true");
    let hash = place.store.put(b"a movie".to_vec()).await.expect("stored");
    let disposition = "attachment; filename=\"a.mov\"";
    let address = place.store.presigned(hash, disposition, "video/quicktime", MINUTES).await;
    let address = address.expect("signed").expect("asked");
    assert!(address.contains(&hash.to_string()) && address.contains("X-Amz-Expires=600"), "{address}");
    assert!(!address.contains(s3::secret()), "{address}");
    let (status, body) = s3::fetch(&address).await;
    assert_eq!((status, body.as_slice()), (200, b"a movie".as_slice()));
    let (status, _) = s3::fetch(&address.replace("X-Amz-Signature=", "X-Amz-Signature=0")).await;
    assert!([400, 403].contains(&status), "{status}");
}

#[test]
fn a_bucket_that_fails_is_named_in_words() {
    let place = bucket("");
    let dead = "s3://plates?endpoint=http://127.0.0.1:9&path_style=true";
    let store = Store::open_at(place.folder.path(), Some(dead)).expect("nobody is asked yet");
    let said = store.put_blocking(b"x").expect_err("nobody there").to_string();
    assert!(said.contains("does not answer") && !said.contains(s3::secret()), "{said}");
    assert!(!store.path_of(Hash::of(b"x")).exists(), "no copy of what is not in the bucket");
}
