//! What the files of a model held when they were first accepted: a SHA-256 for each, recorded once, and checked once for
//! each file that has changed since. A thread of its own reads; a run asks it now and then and waits for it before its
//! result gets a name. Which files a model has is not known here.
//!
//! The list is `accepted.json` in the folder of the weights, or, where that cannot be written,
//! `minus-one/accepted/NAME.json` in the user's cache, NAME being the SHA-256 of the folder's path.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{Hash, Step};
use pipeline::Reporter;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result, io};

const NAME: &str = "accepted.json";
/// Read at once.
const PIECE: usize = 4 << 20;
/// How often a run that waits looks.
const LOOK: Duration = Duration::from_millis(50);

/// How a file looked when its content was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub bytes: u64,
    /// Nanoseconds since 1970.
    pub changed: i64,
    pub inode: u64,
}

impl Look {
    pub fn at(path: &Path) -> std::io::Result<Self> {
        let about = fs::metadata(path)?;
        let changed = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
        Ok(Self { bytes: about.len(), changed, inode: about.ino() })
    }
}

/// One file as it was accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Accepted {
    sha256: Hash,
    /// Seconds since 1970.
    accepted: u64,
    #[serde(flatten)]
    look: Look,
}

type List = BTreeMap<String, Accepted>;

/// One at a time in this process; another process that writes at the same time costs one reading more.
static WRITING: Mutex<()> = Mutex::new(());

/// The check of a model's files, which goes on by itself.
pub struct Check {
    state: Arc<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    read: AtomicU64,
    total: u64,
    stop: AtomicBool,
    outcome: Mutex<Option<std::result::Result<Hash, Failure>>>,
}

/// Why files are not what was accepted; becomes an [`Error`] as often as it is asked for.
#[derive(Debug, Clone)]
enum Failure {
    Changed { path: PathBuf, list: PathBuf, accepted: Hash, found: Hash },
    Unreadable { path: PathBuf, reason: String },
}

impl Failure {
    fn error(&self) -> Error {
        match self.clone() {
            Self::Changed { path, list, accepted, found } => Error::Changed { path, list, accepted, found },
            Self::Unreadable { path, reason } => {
                io(format!("Reading {}", path.display()))(std::io::Error::other(reason))
            }
        }
    }
}

impl Check {
    /// Begins to check `files`, all of them below `folder`. Files that look as they did when they were last read are not read
    /// again.
    ///
    /// # Errors
    /// When a file is not there.
    pub fn begin(folder: &Path, files: Vec<PathBuf>) -> Result<Self> {
        let (list_at, list) = read(folder);
        let mut looks = Vec::new();
        for path in files {
            let look = Look::at(&path).map_err(io(format!("Reading {}", path.display())))?;
            looks.push((path, look));
        }
        let known = |path: &Path, look: &Look| {
            list.get(&name(folder, path)).is_some_and(|accepted| accepted.look == *look)
        };
        let total = looks.iter().filter(|(path, look)| !known(path, look)).map(|(_, look)| look.bytes).sum();
        let state = Arc::new(State {
            read: AtomicU64::new(0),
            total,
            stop: AtomicBool::new(false),
            outcome: Mutex::new(None),
        });
        let (folder, shared) = (folder.to_owned(), Arc::clone(&state));
        let work = move || {
            let outcome = checked(&folder, &list_at, &list, &looks, &shared);
            *shared.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        };
        if total == 0 {
            work();
            return Ok(Self { state, thread: Mutex::new(None) });
        }
        let thread = std::thread::Builder::new().name("weights".into()).spawn(work);
        let thread = thread.map_err(io("Starting to check the weights"))?;
        Ok(Self { state, thread: Mutex::new(Some(thread)) })
    }

    fn outcome(&self) -> Option<Result<Hash>> {
        let outcome = self.state.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.as_ref().map(|outcome| outcome.as_ref().copied().map_err(Failure::error))
    }

    /// What is known so far: the SHA-256 over the names and contents of all files, or nothing yet.
    ///
    /// # Errors
    /// When a file is not what was accepted, or cannot be read.
    pub fn so_far(&self) -> Result<Option<Hash>> {
        self.outcome().transpose()
    }

    /// Waits until all is known.
    ///
    /// # Errors
    /// As [`Self::so_far`]; `Cancelled` when `report` says so.
    pub fn wait(&self, report: &mut dyn Reporter) -> Result<Hash> {
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            let is_over = {
                let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
                thread.as_ref().is_none_or(JoinHandle::is_finished)
            };
            if is_over && self.outcome().is_none() {
                let reason = std::io::Error::other("the check ended without a word");
                return Err(io("Checking the weights")(reason));
            }
            report.step(Step::Verify, self.state.read.load(Ordering::Relaxed), self.state.total)?;
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.join().unwrap_or_default(); // it says nothing that anybody still wants to hear
        }
    }
}

/// The hash over all contents; `None` when it was stopped.
fn checked(
    folder: &Path,
    list_at: &Path,
    list: &List,
    looks: &[(PathBuf, Look)],
    state: &State,
) -> Option<std::result::Result<Hash, Failure>> {
    let mut all = String::new();
    for (path, look) in looks {
        let name = name(folder, path);
        let accepted = list.get(&name);
        let found = match accepted {
            Some(accepted) if accepted.look == *look => accepted.sha256,
            _ => match sha256(path, state) {
                Ok(Some(found)) => found,
                Ok(None) => return None,
                Err(error) => {
                    return Some(Err(Failure::Unreadable { path: path.clone(), reason: error.to_string() }));
                }
            },
        };
        if let Some(accepted) = accepted
            && accepted.sha256 != found
        {
            return Some(Err(Failure::Changed {
                path: path.clone(),
                list: list_at.to_owned(),
                accepted: accepted.sha256,
                found,
            }));
        }
        if accepted.is_none_or(|accepted| accepted.look != *look) {
            keep(folder, &name, found, *look);
        }
        all.push_str(&format!("{name}\n{found}\n"));
    }
    Some(Ok(Hash::of(all.as_bytes())))
}

fn sha256(path: &Path, state: &State) -> std::io::Result<Option<Hash>> {
    let mut file = File::open(path)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        if state.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(Some(Hash::from_digest(digest.finalize().into())));
        }
        digest.update(&piece[..count]);
        state.read.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// The name of a file in the list: its path below the folder.
fn name(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

/// Where the list may lie, the best place first.
fn places(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.join(NAME)];
    let at_home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    if let Some(cache) = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(at_home) {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let named = Hash::of(whole.as_os_str().as_encoded_bytes());
        all.push(cache.join("minus-one/accepted").join(format!("{named}.json")));
    }
    all
}

/// The list and where it lies; an empty one, at the best place, where there is none.
fn read(folder: &Path) -> (PathBuf, List) {
    let places = places(folder);
    for place in &places {
        let list = fs::read(place).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(list) = list {
            return (place.clone(), list);
        }
    }
    (folder.join(NAME), List::new())
}

/// Records a file. Where nothing can be written it is read again the next time.
fn keep(folder: &Path, name: &str, sha256: Hash, look: Look) {
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, mut list) = read(folder);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let first = list.get(name).map_or(now, |accepted| accepted.accepted);
    list.insert(name.to_owned(), Accepted { sha256, accepted: first, look });
    let text = serde_json::to_string_pretty(&list).expect("plain JSON") + "\n";
    for place in places(folder) {
        let fresh = place.with_extension(format!("{}.unfinished", std::process::id()));
        let write = || -> std::io::Result<()> {
            if let Some(parent) = place.parent()
                && parent != folder
            {
                fs::create_dir_all(parent)?;
            }
            fs::write(&fresh, &text)?;
            fs::rename(&fresh, &place)
        };
        if write().is_ok() {
            return;
        }
        fs::remove_file(&fresh).unwrap_or_default(); // not there is as good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<PathBuf> {
        ["one.safetensors", "two.safetensors"].map(|name| folder.join(name)).into()
    }

    fn begun(folder: &Path) -> Check {
        Check::begin(folder, files(folder)).unwrap()
    }

    #[test]
    fn a_file_is_read_once_and_refused_by_name_when_its_content_changes() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = [0, 1].map(|at| files(folder.path())[at].clone());
        fs::write(&one, vec![1; 3 << 20]).unwrap();
        fs::write(&two, b"two").unwrap();
        let check = begun(folder.path());
        assert_eq!(check.state.total, (3 << 20) + 3);
        let first = check.wait(&mut ()).unwrap();
        assert!(folder.path().join(NAME).is_file());
        let again = begun(folder.path());
        assert_eq!((again.state.total, again.so_far().unwrap()), (0, Some(first)));
        // Touched but the same: read again and accepted.
        fs::write(&two, b"two").unwrap();
        let again = begun(folder.path());
        assert_eq!((again.state.total, again.wait(&mut ()).unwrap()), (3, first));
        // In the middle, where neither its length nor its ends tell.
        let mut bytes = vec![1; 3 << 20];
        bytes[3 << 19] = 2;
        fs::write(&one, &bytes).unwrap();
        let said = begun(folder.path()).wait(&mut ()).unwrap_err().to_string();
        assert!(said.contains("one.safetensors is not the file that was accepted"), "{said}");
        assert!(said.contains("accepted.json"), "{said}");
        // Whoever means it takes it off the list.
        fs::remove_file(folder.path().join(NAME)).unwrap();
        assert_ne!(begun(folder.path()).wait(&mut ()).unwrap(), first);
    }

    #[test]
    fn a_check_that_nobody_wants_ends() {
        let folder = tempfile::tempdir().unwrap();
        for path in files(folder.path()) {
            File::create(&path).unwrap().set_len(1 << 33).unwrap(); // holes, which would take seconds to read
        }
        let check = begun(folder.path());
        assert!(check.so_far().unwrap().is_none());
        drop(check);
        assert!(!folder.path().join(NAME).exists());
    }
}
