//! A back-up read again: every row, every blob, every hash.

use std::collections::BTreeSet;
use std::path::Path;

use crate::folder::{Folder, Snapshot};
use crate::lines::{self, Blobs};
use crate::manifest::Blob;
use crate::{Error, Result, blocking};

/// What reading everything came to.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub snapshots: usize,
    pub rows: u64,
    pub blobs: usize,
    pub bytes: u64,
    /// A sentence each; none: everything can be restored.
    pub faults: Vec<String>,
}

/// Reads the snapshot of that name, or all.
pub async fn verify(from: &Path, snapshot: Option<&str>) -> Result<Verdict> {
    let (from, name) = (from.to_owned(), snapshot.map(str::to_owned));
    blocking(move || {
        let folder = Folder::existing(&from)?;
        let snapshots = match &name {
            Some(name) => vec![folder.snapshot(Some(name))?],
            None => folder.snapshots()?,
        };
        read(&folder, &snapshots)
    })
    .await
}

fn read(folder: &Folder, snapshots: &[Snapshot]) -> Result<Verdict> {
    let mut verdict = Verdict { snapshots: snapshots.len(), ..Verdict::default() };
    let mut blobs = BTreeSet::new();
    for snapshot in snapshots {
        match tables(snapshot) {
            Ok(named) if snapshot.manifest.has_blobs => blobs.extend(named),
            Ok(_) => {}
            Err(Error::Damaged(why)) => verdict.faults.push(why),
            Err(error) => return Err(error),
        }
        verdict.rows += snapshot.manifest.rows();
        for hash in &snapshot.manifest.missing {
            verdict.faults.push(format!("{}: blob {hash} was missing when it was made", snapshot.name));
        }
    }
    let known: BTreeSet<_> = snapshots.iter().flat_map(|snapshot| &snapshot.manifest.missing).collect();
    for blob in blobs {
        if known.contains(&blob.hash) {
            continue;
        }
        verdict.blobs += 1;
        verdict.bytes += blob.size;
        match storage::hash_file(&folder.blob(blob.hash)) {
            Ok(found) if found == (blob.hash, blob.size) => {}
            Ok((hash, size)) => {
                verdict.faults.push(format!("blob {} holds other bytes ({hash}, {size} bytes)", blob.hash));
            }
            Err(error) => verdict.faults.push(format!("blob {} cannot be read: {error}", blob.hash)),
        }
    }
    Ok(verdict)
}

/// Compares each table's file with the manifest and reads its rows; the blobs they name.
///
/// # Errors
/// [`Error::Damaged`] for the first that differs.
pub fn tables(snapshot: &Snapshot) -> Result<Vec<Blob>> {
    let mut blobs = Vec::new();
    for part in &snapshot.manifest.tables {
        let path = snapshot.file(&part.table.name);
        let damaged = |why: String| Error::Damaged(format!("{}: {why}", path.display()));
        let found = storage::hash_file(&path).map_err(|error| damaged(error.to_string()))?;
        if found != (part.sha256, part.bytes) {
            return Err(damaged("the bytes are not those that were written".into()));
        }
        let as_blob = Blobs::of(&part.table);
        let mut is_readable = true;
        let rows = lines::read(&path, &part.table, &mut |rows| {
            if let Some(as_blob) = &as_blob {
                let before = blobs.len();
                blobs.extend(rows.iter().filter_map(|row| as_blob.read(row)));
                is_readable &= blobs.len() - before == rows.len();
            }
            true
        })?;
        if rows != part.rows || !is_readable {
            return Err(damaged(format!("{rows} rows instead of {}", part.rows)));
        }
    }
    if blobs.len() as u64 != snapshot.manifest.blobs {
        return Err(Error::Damaged(format!("{} names {} blobs", snapshot.path.display(), blobs.len())));
    }
    Ok(blobs)
}
