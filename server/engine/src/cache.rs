//! What the networks made of prompts, masks and plates, kept between runs under names that say what it was made of. Anything
//! in it may go at any time, since it can be made again; so nothing here fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tch::Tensor;

use crate::store::{self, Name, Tensors};

/// How the names of whole files end.
const WHOLE: &str = "safetensors";

/// A folder with a size. Several processes may share one.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    most_bytes: u64,
}

impl Cache {
    /// `folder` is made when something is kept; files that were used longest ago go once all take more than `most_bytes`.
    pub fn new(folder: &Path, most_bytes: u64) -> Self {
        Self { folder: folder.to_owned(), most_bytes }
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{}.{WHOLE}", name.as_str()))
    }

    pub(crate) fn find(&self, name: &Name) -> Option<Tensors> {
        let path = self.path(name);
        let found = store::read(&path)?;
        if let Ok(file) = File::open(&path) {
            let _ = file.set_modified(SystemTime::now()); // where it cannot be touched it goes by age
        }
        Some(found)
    }

    pub(crate) fn keep(&self, name: &Name, tensors: &[(String, Tensor)]) {
        let path = self.path(name);
        let fresh = path.with_extension(format!("{}.unfinished", std::process::id()));
        let is_kept =
            fs::create_dir_all(&self.folder).is_ok() && store::write(&path, &fresh, tensors).is_ok();
        if !is_kept {
            fs::remove_file(&fresh).unwrap_or_default(); // not there is as good
        }
        self.trim();
    }

    /// Removes what was used longest ago until the rest is small enough.
    fn trim(&self) {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            if let (true, Ok(used)) = (about.is_file(), about.modified()) {
                files.push((used, about.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if total <= self.most_bytes {
                return;
            }
            if fs::remove_file(&path).is_ok() {
                total -= bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(n: u32) -> Name {
        Name::new("mask", &serde_json::json!(n))
    }

    #[test]
    fn what_was_used_longest_ago_goes_and_what_is_broken_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("made/when/needed");
        let tensors = [("latents".to_owned(), Tensor::from_slice(&[1.0_f32; 256]))];
        let cache = Cache::new(&inner, 3000); // two files of a little more than a kilobyte
        let path = |n| cache.path(&name(n));
        let age = |n, seconds| {
            let then = SystemTime::now() - Duration::from_secs(seconds);
            File::open(path(n)).unwrap().set_modified(then).unwrap();
        };
        assert!(cache.find(&name(1)).is_none());
        cache.keep(&name(1), &tensors);
        cache.keep(&name(2), &tensors);
        age(1, 20);
        age(2, 10);
        assert_eq!(cache.find(&name(1)).unwrap().get("latents").unwrap(), tensors[0].1);
        cache.keep(&name(3), &tensors);
        assert!(path(1).is_file() && !path(2).is_file() && path(3).is_file());
        fs::write(path(3), "cut").unwrap();
        assert!(cache.find(&name(3)).is_none());
        // Where nothing can be written nothing is kept, and nobody is bothered.
        let nowhere = folder.path().join("file");
        fs::write(&nowhere, "").unwrap();
        Cache::new(&nowhere, 3000).keep(&name(1), &tensors);
    }
}
