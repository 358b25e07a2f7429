//! Back-up and restore: the rows of one moment and the blobs they name in a folder, and from there into either engine.
//! The database's tables are `db::dump`'s, the bytes are `storage`'s; here is what lies in the folder and in which order it gets there.
//!
//! ```text
//! snapshots/2026-11-29T10-05-12.123Z/manifest.json       written last: without it there is no snapshot
//!                                    tables/person.jsonl.gz   a row a line, as a JSON array in the manifest's order of columns
//! blobs/ab/cd/<hash>                                      shared by all snapshots
//! tmp/                                                    in the making
//! ```

mod before;
mod folder;
mod lines;
mod make;
mod manifest;
mod restore;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

pub use before::open;
pub use folder::{Snapshot, list};
pub use make::{Made, make};
pub use manifest::{Manifest, Part};
pub use restore::{Order, Restored, restore};
pub use verify::{Verdict, verify};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked cannot be done; the sentence is for people.
    #[error("{0}")]
    Refused(String),
    #[error("{} cannot be used", at.display())]
    Io { at: PathBuf, source: io::Error },
    /// Bytes of the back-up are not those that were written.
    #[error("the back-up is damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error(transparent)]
    Store(#[from] storage::Error),
}

pub type Result<T> = std::result::Result<T, Error>;

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { at: path.to_owned(), source }
}

/// Work on files, off the threads that answer requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
