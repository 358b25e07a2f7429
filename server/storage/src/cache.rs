//! Files that can be made again: named by what they are made of, and the oldest go when there are too many. Nothing that
//! must not be lost.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::{Result, Store, io_error};

const FOLDER: &str = "cache";

impl Store {
    /// Where the file `name` lies, whether or not it is there. `name`: letters, digits, `-`, `_` and `.`.
    pub fn cached_path(&self, name: &str) -> PathBuf {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        self.root().join(FOLDER).join(name)
    }

    /// Puts `bytes` there, whole or not at all; the oldest files go until the others take at most `most_bytes`.
    pub fn put_cached_blocking(&self, name: &str, bytes: &[u8], most_bytes: u64) -> Result<()> {
        let folder = self.root().join(FOLDER);
        let failed = |source| io_error(folder.clone(), source);
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(self.root().join("tmp")).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.persist(self.cached_path(name)).map_err(|error| io_error(folder.clone(), error.error))?;
        self.trim_cache(name, most_bytes)
    }

    /// Says that a file was used, so that it stays longer.
    pub fn touch_cached_blocking(&self, name: &str) {
        if let Ok(file) = File::open(self.cached_path(name)) {
            // A store that cannot be written to keeps its files by age alone.
            let _ = file.set_modified(SystemTime::now());
        }
    }

    fn trim_cache(&self, spared: &str, most_bytes: u64) -> Result<()> {
        let folder = self.root().join(FOLDER);
        let entries = fs::read_dir(&folder).map_err(|source| io_error(folder.clone(), source))?;
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let about = entry.metadata().ok()?;
                Some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|file| file.1).sum();
        for (_, size, path) in files {
            if total <= most_bytes {
                break;
            }
            if !path.ends_with(spared) && fs::remove_file(&path).is_ok() {
                total -= size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        for (age, name) in [(30, "a.png"), (20, "b.png"), (10, "c.png")] {
            store.put_cached_blocking(name, &[7; 100], 1000).expect("kept");
            let file = File::open(store.cached_path(name)).expect("there");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("older");
        }
        store.touch_cached_blocking("a.png");
        store.put_cached_blocking("d.png", &[7; 100], 250).expect("kept");
        let is_there = |name: &str| store.cached_path(name).exists();
        assert_eq!(["a.png", "b.png", "c.png", "d.png"].map(is_there), [true, false, false, true]);
        // One that is too large alone is still given to who waits for it.
        store.put_cached_blocking("e.png", &[7; 900], 250).expect("kept");
        assert_eq!(["a.png", "d.png", "e.png"].map(is_there), [false, false, true]);
    }
}
