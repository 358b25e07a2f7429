//! Folders in which long work keeps what it has done so far, by name, so that whoever takes the work over goes on from there.
//! Unlike scratch folders they stay when their process dies; one process at a time works in each.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{Result, Store, io_error};

const FOLDER: &str = "latents";
const LOCK: &str = ".lock";

/// A folder that is this process's until it is dropped; what is in it stays.
#[derive(Debug)]
pub struct Workplace {
    _lock: File,
    folder: PathBuf,
}

impl Workplace {
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Store {
    /// The folder `name`, made when missing; `None` while another process works in it. `name`: letters, digits and `-`.
    pub fn workplace(&self, name: &str) -> Result<Option<Workplace>> {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        let folder = self.root().join(FOLDER).join(name);
        let open = || -> std::io::Result<Option<File>> {
            fs::create_dir_all(&folder)?;
            // Kept open, and never cut: the file is only there to be locked.
            let lock = File::options().create(true).append(true).open(folder.join(LOCK))?;
            match lock.try_lock() {
                // Who held it may just have removed the folder, and this file with it.
                Ok(()) => {
                    let still = fs::metadata(folder.join(LOCK)).is_ok_and(|at| {
                        lock.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (at.dev(), at.ino()))
                    });
                    Ok(still.then_some(lock))
                }
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        let lock = open().map_err(|source| io_error(folder.clone(), source))?;
        Ok(lock.map(|lock| Workplace { _lock: lock, folder }))
    }

    /// Names of the folders that are there.
    pub fn workplaces(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root().join(FOLDER));
        let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// Removes a folder and what is in it, unless somebody works there; whether it is gone.
    pub fn clear_workplace(&self, name: &str) -> bool {
        match self.workplace(name) {
            // The lock goes last: nobody else begins in a folder that is half gone.
            Ok(Some(place)) => fs::remove_dir_all(place.path()).is_ok(),
            Ok(None) | Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_what_is_kept_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let place = store.workplace("0190-ab").expect("made").expect("nobody else is there");
        fs::write(place.path().join("state"), b"step 7").expect("kept");
        assert!(store.workplace("0190-ab").expect("looked").is_none());
        assert!(!store.clear_workplace("0190-ab"));
        drop(place);
        let again = store.workplace("0190-ab").expect("there").expect("free");
        assert_eq!(fs::read(again.path().join("state")).expect("still there"), b"step 7");
        drop(again);
        assert_eq!(store.workplaces(), ["0190-ab"]);
        assert!(store.clear_workplace("0190-ab"));
        assert!(store.workplaces().is_empty());
    }
}
