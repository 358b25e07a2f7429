//! `models.json`: who accepted which licence, and what was fetched from where with which SHA-256. Written whole or not at all.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::Hash;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::{Error, Part, Result, io};

const NAME: &str = "models.json";

/// A licence that a person read and accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licensed {
    pub licence: String,
    pub url: String,
    /// Who accepted it, as they gave their name.
    pub by: String,
    /// Seconds since 1970.
    pub at: u64,
}

/// A file that was fetched and is what its publisher says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    pub sha256: Hash,
    pub bytes: u64,
    pub from: String,
    /// Seconds since 1970.
    pub at: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    /// By the slug of the part.
    pub licences: BTreeMap<String, Licensed>,
    /// By the path in the folder of the models.
    pub files: BTreeMap<String, Fetched>,
    /// What the publisher had when it was asked last, by the slug of the part.
    pub wanted: BTreeMap<String, Vec<Wanted>>,
}

/// A file that belongs to a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// In the part's folder.
    pub path: String,
    pub bytes: Option<u64>,
}

/// A lock that other programs see; it ends with the value, and with the process.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    fn file(at: &Path) -> Result<File> {
        let folder = at.parent().unwrap_or(at);
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        File::options().create(true).truncate(false).write(true).open(at).map_err(io(at))
    }

    /// For a change of the book; waits for whoever is at it.
    fn of_book(folder: &Path) -> Result<Self> {
        let at = folder.join("models.lock");
        let file = Self::file(&at)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| io(&at)(error.into()))?;
        Ok(Self(file))
    }

    /// For fetching a part; refused while another program is at it.
    pub(crate) fn of_part(folder: &Path, part: &Part) -> Result<Self> {
        let at = folder.join(format!("{}.lock", part.slug));
        let file = Self::file(&at)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy { title: part.title }),
            Err(error) => Err(io(&at)(error.into())),
        }
    }
}

/// One writer at a time in this process.
static WRITING: Mutex<()> = Mutex::new(());

impl Book {
    /// An empty one where there is none.
    ///
    /// # Errors
    /// [`Error::Book`] where it is not what it should be.
    pub fn read(folder: &Path) -> Result<Self> {
        let at = folder.join(NAME);
        match std::fs::read(&at) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|why| Error::Book { at, reason: why.to_string() })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::Io { at, source }),
        }
    }

    /// Reads it, changes it and writes it, so that a kill leaves the old one or the new one.
    ///
    /// # Errors
    /// As [`Book::read`]; [`Error::Io`] where it cannot be written.
    pub fn change(folder: &Path, change: impl FnOnce(&mut Self)) -> Result<()> {
        let _one = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _alone = Lock::of_book(folder)?;
        let mut book = Self::read(folder)?;
        change(&mut book);
        let at = folder.join(NAME);
        // Readable for whoever runs the server, also where somebody else runs the command.
        let readable = Permissions::from_mode(0o644);
        let mut file =
            tempfile::Builder::new().permissions(readable).tempfile_in(folder).map_err(io(folder))?;
        let text = serde_json::to_vec_pretty(&book).expect("plain JSON");
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(io(&at))?;
        file.persist(&at).map_err(|error| Error::Io { at: at.clone(), source: error.error })?;
        Ok(())
    }

    /// Writes down that somebody read a part's licence and accepted it; who was first stays.
    ///
    /// # Errors
    /// As [`Book::change`].
    pub fn accept(folder: &Path, part: &Part, by: &str) -> Result<()> {
        let licensed = Licensed {
            licence: part.licence.name.to_owned(),
            url: part.licence.url.to_owned(),
            by: by.to_owned(),
            at: now(),
        };
        Self::change(folder, |book| {
            book.licences.entry(part.slug.to_owned()).or_insert(licensed);
        })
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;

    #[test]
    fn who_accepted_what_stays_on_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("models");
        assert_eq!(Book::read(&at).expect("none yet"), Book::default());
        Book::accept(&at, find("void").expect("known"), "Owner").expect("written");
        Book::accept(&at, find("raft").expect("known"), "Producer").expect("written");
        let book = Book::read(&at).expect("there");
        assert_eq!(book.licences["void"].by, "Owner");
        Book::accept(&at, find("void").expect("known"), "Producer").expect("again");
        assert_eq!(Book::read(&at).expect("there").licences["void"].by, "Owner", "who was first");
        assert_eq!(book.licences["raft"].licence, "BSD-3-Clause");
        std::fs::write(at.join(NAME), "{").expect("written");
        let broken = Book::read(&at).expect_err("half a file").to_string();
        assert!(broken.contains("Move it away"), "{broken}");
    }
}
