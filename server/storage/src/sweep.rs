//! Removing blobs that nobody needs, beside others that put some. A blob's file says when it was last put; puts and removals
//! hold a lock against each other, so that bytes which are put again are never removed between the look and the deed. In a
//! bucket marks are in the lock's place: see `bucket::sweep`.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use domain::Hash;

use crate::{Result, Store, bucket, io_error};

const LOCK: &str = "sweep.lock";

/// A blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub hash: Hash,
    pub bytes: u64,
    /// When these bytes were last put.
    pub put_at: SystemTime,
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// So many bytes are free again, unless the file has another name.
    Gone(u64),
    /// Somebody put it meanwhile: it stays.
    Young,
    /// It was not there.
    Missing,
}

/// Says that the file was put now.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

impl Store {
    fn lock_file(&self) -> Result<File> {
        let at = self.root().join(LOCK);
        File::options().create(true).append(true).open(&at).map_err(|source| io_error(at, source))
    }

    /// Held while a blob is looked for and given its name: nothing is removed meanwhile. The system lets go of it when the
    /// process ends, however it ends.
    pub(crate) fn putting(&self) -> Result<File> {
        let lock = self.lock_file()?;
        lock.lock_shared().map_err(|source| io_error(self.root().join(LOCK), source))?;
        Ok(lock)
    }

    /// Whether the bytes, so many, are there; then they count as put now. A file that cannot be touched is written once more, as
    /// is what a bucket has in another length.
    pub(crate) fn put_again(&self, hash: Hash, size: u64) -> Result<bool> {
        if let Some(bucket) = &self.bucket {
            let bucket = Arc::clone(bucket);
            return bucket::wait(async move { bucket.is_fresh(hash, size).await });
        }
        let _putting = self.putting()?;
        Ok(touch(&self.path_of(hash)).is_ok())
    }

    /// Whose blobs these are: a bucket keeps the id of the database that swept it first, which is `id` from now on where it keeps
    /// none. A folder is whoever's has it. Blocking.
    pub fn owner_blocking(&self, id: &str) -> Result<String> {
        let Some(bucket) = &self.bucket else { return Ok(id.to_owned()) };
        let (bucket, id) = (Arc::clone(bucket), id.to_owned());
        bucket::wait(async move { bucket.owner(&id).await })
    }

    /// Sees, before anything is removed, that it can be, and clears what killed sweeps left. Blocking.
    ///
    /// # Errors
    /// [`crate::Error::Bucket`] in words for people, above all where the keys may put and not delete.
    pub fn begin_sweep_blocking(&self) -> Result<()> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let bucket = Arc::clone(bucket);
        bucket::wait(async move { bucket.begin_sweep().await })
    }

    /// Removes a blob if nobody put these bytes at or after `before`; of a bucket its copy here too. Blocking.
    pub fn remove_blocking(&self, hash: Hash, before: SystemTime) -> Result<Removed> {
        if let Some(bucket) = &self.bucket {
            let bucket = Arc::clone(bucket);
            let removed = bucket::wait(async move { bucket.remove(hash, before).await })?;
            if matches!(removed, Removed::Gone(_)) {
                self.drop_copy(hash);
            }
            return Ok(removed);
        }
        let at = self.path_of(hash);
        let lock = self.lock_file()?;
        lock.lock().map_err(|source| io_error(self.root().join(LOCK), source))?;
        let removed = fs::metadata(&at).and_then(|about| {
            if about.modified()? >= before {
                return Ok(Removed::Young);
            }
            fs::remove_file(&at)?;
            Ok(Removed::Gone(about.len()))
        });
        match removed {
            Ok(removed) => Ok(removed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Removed::Missing),
            Err(source) => Err(io_error(at, source)),
        }
    }

    /// Every blob, in no order; what has no hash for a name is passed over. Blocking.
    pub fn each_blob_blocking(&self, mut each: impl FnMut(Found)) -> Result<()> {
        if let Some(bucket) = &self.bucket {
            let mut from = None;
            loop {
                let bucket = Arc::clone(bucket);
                let (found, next) = bucket::wait(async move { bucket.blobs(from).await })?;
                found.into_iter().for_each(&mut each);
                match next {
                    Some(_) => from = next,
                    None => return Ok(()),
                }
            }
        }
        let blobs = self.root().join("blobs");
        for outer in folder(&blobs)? {
            for inner in folder(&outer)? {
                for file in folder(&inner)? {
                    let name = file.file_name().and_then(|name| name.to_str());
                    let Some(hash) = name.and_then(|name| name.parse::<Hash>().ok()) else { continue };
                    // Gone between the list and the look: nothing to tell of.
                    if let Ok(about) = fs::metadata(&file)
                        && let Ok(put_at) = about.modified()
                    {
                        each(Found { hash, bytes: about.len(), put_at });
                    }
                }
            }
        }
        Ok(())
    }

    /// Part files of uploads: name, bytes, when the last byte came. Blocking.
    pub fn parts_blocking(&self) -> Result<Vec<(String, u64, SystemTime)>> {
        let parts = folder(&self.root().join("parts"))?.into_iter().filter_map(|path| {
            let about = fs::metadata(&path).ok()?;
            Some((path.file_name()?.to_str()?.to_owned(), about.len(), about.modified().ok()?))
        });
        Ok(parts.collect())
    }

    /// Bytes of what can be made again. Blocking.
    pub fn cache_bytes_blocking(&self) -> Result<u64> {
        let files = folder(&self.root().join("cache"))?;
        Ok(files.iter().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum())
    }
}

/// What lies in a folder; nothing where it is not there.
fn folder(at: &Path) -> Result<Vec<std::path::PathBuf>> {
    match fs::read_dir(at) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(source) => Err(io_error(at.to_owned(), source)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn aged(store: &Store, hash: Hash) {
        let file = File::open(store.path_of(hash)).expect("there");
        file.set_modified(SystemTime::now() - 2 * DAY).expect("older");
    }

    #[test]
    fn only_what_nobody_put_lately_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let old = store.put_blocking(b"old").expect("stored");
        let again = store.put_blocking(b"again").expect("stored");
        let young = store.put_blocking(b"young").expect("stored");
        aged(&store, old);
        aged(&store, again);
        store.put_blocking(b"again").expect("put again");
        let before = SystemTime::now() - DAY;
        assert_eq!(store.remove_blocking(old, before).expect("removed"), Removed::Gone(3));
        assert_eq!(store.remove_blocking(old, before).expect("again"), Removed::Missing);
        for hash in [again, young] {
            assert_eq!(store.remove_blocking(hash, before).expect("looked at"), Removed::Young);
        }
        let mut left = Vec::new();
        store.each_blob_blocking(|found| left.push(found.hash)).expect("listed");
        left.sort_unstable();
        let mut wanted = [again, young];
        wanted.sort_unstable();
        assert_eq!(left, wanted);
    }

    /// A part file whose last byte came long ago becomes a blob that is as young as any.
    #[test]
    fn what_is_adopted_is_young() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let part = store.part_path("0190-ab");
        fs::write(&part, b"plate").expect("a part");
        File::open(&part).expect("there").set_modified(SystemTime::now() - 2 * DAY).expect("older");
        let (hash, _) = store.put_file_blocking(&part).expect("stored");
        let before = SystemTime::now() - DAY;
        assert_eq!(store.remove_blocking(hash, before).expect("looked at"), Removed::Young);
        assert_eq!(store.parts_blocking().expect("listed").len(), 1);
    }

    /// Many put the same bytes while one removes them over and over: after every put they are there.
    #[test]
    fn a_put_beside_a_removal_always_leaves_the_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let bytes = b"the same bytes";
        let hash = Hash::of(bytes);
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let remover = scope.spawn(|| {
                let mut gone = 0;
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    // As if a day had passed since the last look, but for what is put from now on.
                    let before = SystemTime::now();
                    if matches!(store.remove_blocking(hash, before), Ok(Removed::Gone(_))) {
                        gone += 1;
                    }
                }
                gone
            });
            let mut missed = 0;
            for _ in 0..400 {
                let put_from = SystemTime::now();
                store.put_blocking(bytes).expect("put");
                // Whoever looks with an older `before` leaves what was just put.
                assert_ne!(store.remove_blocking(hash, put_from).expect("looked at"), Removed::Gone(14));
                missed += i32::from(!store.contains(hash));
            }
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            // The other thread judges by its own, later moment, so it does remove some in between.
            let gone = remover.join().expect("ended");
            assert!(gone >= missed, "{gone} removed, {missed} missed");
        });
        store.put_blocking(bytes).expect("put");
        assert!(store.contains(hash));
    }
}
