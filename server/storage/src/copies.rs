//! Blobs as files for those who need files. In a local store that is the blob itself; of a bucket it is a copy, which stays
//! while it is used and goes, the oldest first, when there are too many.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use domain::Hash;

use crate::{Error, Result, Store, bucket, io_error};

/// A blob's file. It is there as long as this is held.
#[derive(Debug)]
pub struct Local {
    path: PathBuf,
    /// Shared: who clears wants it alone.
    _lock: Option<File>,
}

impl Local {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Local {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// A blob's file; of a bucket it is fetched and compared with its hash, where no copy is here.
    pub fn local_blocking(&self, hash: Hash) -> Result<Local> {
        let path = self.path_of(hash);
        let Some(bucket) = &self.bucket else {
            return if path.is_file() { Ok(Local { path, _lock: None }) } else { Err(Error::Missing(hash)) };
        };
        loop {
            if let Some(lock) = held(&path).map_err(|error| io_error(path.clone(), error))? {
                // Read-only folders keep their order of age.
                let _ = lock.set_modified(SystemTime::now());
                return Ok(Local { path, _lock: Some(lock) });
            }
            let mut from = bucket::Reader::open(bucket, hash)?;
            let file = self.written(hash, &mut from)?;
            self.keep_copy(file, hash)?;
        }
    }

    /// Whether a copy is here, without asking the bucket. A local store has no copies.
    pub(crate) fn copy_of(&self, hash: Hash) -> Option<Local> {
        let path = self.path_of(hash);
        self.bucket.as_ref()?;
        let lock = held(&path).ok().flatten()?;
        let _ = lock.set_modified(SystemTime::now());
        Some(Local { path, _lock: Some(lock) })
    }

    /// Gives a whole file the name of its hash among the copies.
    pub(crate) fn keep_copy(&self, file: tempfile::TempPath, hash: Hash) -> Result<()> {
        let to = self.path_of(hash);
        let folder = to.parent().expect("a blob lies two folders deep");
        fs::create_dir_all(folder).map_err(|error| io_error(folder.to_owned(), error))?;
        let size = fs::metadata(&file).map(|meta| meta.len()).unwrap_or_default();
        // Held before it has its name: the next who clears must not take it from its first reader.
        let fresh = File::open(&file).and_then(|file| file.lock_shared().map(|()| file));
        file.persist(&to).map_err(|error| io_error(to.clone(), error.error))?;
        self.clear_copies(size)?;
        drop(fresh);
        Ok(())
    }

    /// Keeps a file that was just sent as its copy, where the disk can link; else it is fetched when it is wanted.
    pub(crate) fn link_copy(&self, path: &Path, hash: Hash) {
        let to = self.path_of(hash);
        let made = to.parent().map(fs::create_dir_all);
        if matches!(made, Some(Ok(()))) && fs::hard_link(path, &to).is_ok() {
            let size = fs::metadata(&to).map(|meta| meta.len()).unwrap_or_default();
            // Room that cannot be made now is made by the next.
            let _ = self.clear_copies(size);
        }
    }

    /// A copy of what is in the bucket no more; one that is used stays until it is cleared.
    pub(crate) fn drop_copy(&self, hash: Hash) {
        drop_unused(&self.path_of(hash));
    }

    /// `added` bytes came: now and then the oldest copies go until the rest fits.
    fn clear_copies(&self, added: u64) -> Result<()> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let most = bucket.address.cache_bytes;
        if self.added.fetch_add(added, Ordering::Relaxed) + added < most / 20 {
            return Ok(());
        }
        self.added.store(0, Ordering::Relaxed);
        let root = self.root().join(crate::COPIES);
        let mut files = Vec::new();
        for one in folders(&root).iter().flat_map(|folder| folders(folder)) {
            for entry in fs::read_dir(&one).into_iter().flatten().flatten() {
                let Ok(about) = entry.metadata() else { continue };
                files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), entry.path()));
            }
        }
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|file| file.1).sum();
        for (_, size, path) in files {
            if total <= most {
                break;
            }
            if drop_unused(&path) {
                total -= size;
            }
        }
        Ok(())
    }
}

/// Removes a copy that nobody holds; whether it is gone.
fn drop_unused(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok() && fs::remove_file(path).is_ok())
}

fn folders(at: &Path) -> Vec<PathBuf> {
    fs::read_dir(at)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// Opens and holds the file under `path`; `None` where none is, or where it was taken away in between.
fn held(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file.lock_shared()?;
    let is_same =
        fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()));
    Ok(is_same.then_some(file))
}
