//! What a snapshot says of itself.

use db::dump::Table;
use domain::Hash;
use serde::{Deserialize, Serialize};

/// The layout of folder and files that this program writes and reads.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Microseconds since 1970, UTC: the moment that the rows are of.
    pub at: i64,
    /// The version of the program that wrote it.
    pub program: String,
    /// `sqlite` or `postgres`
    pub engine: String,
    /// Numbers of the migrations that had made the tables.
    pub migrations: Vec<i64>,
    pub tables: Vec<Part>,
    /// How many blobs the rows name, and their bytes.
    pub blobs: u64,
    pub blob_bytes: u64,
    /// The blobs are in the folder; else only the rows are, as before an upgrade.
    pub has_blobs: bool,
    /// Blobs that the store did not have or whose bytes were others when this was made.
    pub missing: Vec<Hash>,
    /// What was left out on purpose.
    pub left_out: Vec<String>,
}

/// A table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    #[serde(flatten)]
    pub table: Table,
    pub rows: u64,
    /// Of the file `tables/NAME.jsonl.gz` as it lies there.
    pub sha256: Hash,
    pub bytes: u64,
}

impl Manifest {
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|part| part.rows).sum()
    }

    /// The highest number among its migrations.
    pub fn newest(&self) -> i64 {
        self.migrations.last().copied().unwrap_or_default()
    }
}

/// A blob as a row tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    pub hash: Hash,
    pub size: u64,
}
