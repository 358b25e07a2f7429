//! Folders for work in progress, and the removal of those whose process was killed. A folder belongs to whoever holds the
//! lock on a file in it; the system lets go of locks when a process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::{Result, Store, io_error};

const LOCK: &str = ".lock";
/// What has no lock is in the making, or a file that is written and renamed: left alone for so long.
const YOUNG: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder on the same disk as the blobs; gone when dropped.
#[derive(Debug)]
pub struct Scratch {
    // The lock goes first: a folder without it may be swept.
    _lock: File,
    folder: TempDir,
}

impl Scratch {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Store {
    /// A folder for work in progress.
    pub fn scratch(&self) -> Result<Scratch> {
        let at = self.root().join("tmp");
        let make = || -> std::io::Result<Scratch> {
            let folder = tempfile::tempdir_in(&at)?;
            let lock = File::create(folder.path().join(LOCK))?;
            lock.lock()?;
            Ok(Scratch { _lock: lock, folder })
        };
        make().map_err(|source| io_error(at.clone(), source))
    }

    /// Removes what killed processes left in `tmp/`; how many folders and files. Blocking.
    pub fn sweep_blocking(&self) -> Result<u32> {
        let at = self.root().join("tmp");
        let mut swept = 0;
        for entry in fs::read_dir(&at).map_err(|source| io_error(at.clone(), source))?.flatten() {
            let path = entry.path();
            let gone = if path.is_dir() {
                is_left(&path) && fs::remove_dir_all(&path).is_ok()
            } else {
                is_old(&path) && fs::remove_file(&path).is_ok()
            };
            swept += u32::from(gone);
        }
        Ok(swept)
    }
}

fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(_) => is_old(folder),
    }
}

fn is_old(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|meta| meta.modified());
    changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > YOUNG))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_that_nobody_holds_are_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let held = store.scratch().expect("made");
        let killed = folder.path().join("tmp/.tmpkilled");
        fs::create_dir(&killed).expect("made");
        fs::write(killed.join(LOCK), b"").expect("a lock nobody holds");
        fs::write(killed.join("result.mkv"), b"half").expect("a left-over");
        let fresh = folder.path().join("tmp/.tmpfresh");
        fs::create_dir(&fresh).expect("made");
        assert_eq!(store.sweep_blocking().expect("swept"), 1);
        assert!(!killed.exists() && fresh.exists() && held.path().exists());
        let at = held.path().to_owned();
        drop(held);
        assert!(!at.exists());
    }
}
