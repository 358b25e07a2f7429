//! From a back-up's folder into a database and a store. Blobs go first, since nothing names them yet; then all rows in one
//! transaction. Killed anywhere, the database is as it was.

use std::path::{Path, PathBuf};

use db::dump::{Fill, Row, Table, Target};
use storage::Store;
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::manifest::{Blob, Manifest, Part};
use crate::{Error, Result, at, blocking, lines, verify};

/// What is to be restored, and where to.
#[derive(Debug)]
pub struct Order<'a> {
    pub from: &'a Path,
    /// The newest, where none is named.
    pub snapshot: Option<&'a str>,
    /// The database's address: either engine, whichever the rows come from.
    pub url: &'a str,
    pub store: &'a Store,
    /// Rows that are there may be lost.
    pub replace: bool,
    /// Blobs that the back-up lacks may stay missing.
    pub incomplete: bool,
}

#[derive(Debug, Clone)]
pub struct Restored {
    pub name: String,
    pub manifest: Manifest,
    /// Blobs that the store did not have.
    pub copied: u64,
}

/// Restores a snapshot, brought up to date if it is of an older program. Everything is compared with its hash first; a table
/// that this program makes differently, a row that names nothing, a number of rows that differs: nothing happens then.
///
/// # Errors
/// [`Error::Refused`] in words for people: there are rows and `replace` is not said, a server runs, the snapshot is of a newer
/// program or lacks blobs. [`Error::Damaged`] where the back-up is not what was written.
pub async fn restore(order: &Order<'_>, say: &(dyn Fn(String) + Sync)) -> Result<Restored> {
    let (from, name) = (order.from.to_owned(), order.snapshot.map(str::to_owned));
    let (folder, snapshot, blobs) = blocking(move || {
        let folder = Folder::existing(&from)?;
        let snapshot = folder.snapshot(name.as_deref())?;
        let blobs = verify::tables(&snapshot)?;
        Ok::<_, Error>((folder, snapshot, blobs))
    })
    .await?;
    let manifest = &snapshot.manifest;
    if !manifest.missing.is_empty() && !order.incomplete {
        return Err(Error::Refused(format!(
            "{} blobs were missing when this back-up was made (`minus-one backup verify` names them): say --incomplete to restore everything else",
            manifest.missing.len()
        )));
    }
    say(format!(
        "The back-up {} is whole: {} rows, {} blobs",
        snapshot.name,
        manifest.rows(),
        manifest.blobs
    ));
    // Tried first: what is refused is refused before a byte is copied, and the database is not held meanwhile.
    begin(order, manifest).await?.give_up().await?;
    let (store, lacking) = (order.store.clone(), manifest.missing.clone());
    let has_blobs = manifest.has_blobs;
    let copied = blocking(move || {
        let wanted: Vec<Blob> = blobs.into_iter().filter(|blob| !lacking.contains(&blob.hash)).collect();
        if has_blobs { copy(&folder, &store, &wanted) } else { all_there(&store, &wanted).map(|()| 0) }
    })
    .await?;
    say(format!("Copied {copied} blobs; the others were there"));
    let mut fill = begin(order, manifest).await?;
    for part in &manifest.tables {
        let rows = insert(&mut fill, &part.table, snapshot.file(&part.table.name)).await?;
        if rows != part.rows {
            return Err(Error::Damaged(format!(
                "{rows} rows of {} instead of {}",
                part.table.name, part.rows
            )));
        }
    }
    fill.finish().await?;
    Ok(Restored { name: snapshot.name.clone(), manifest: manifest.clone(), copied })
}

async fn begin(order: &Order<'_>, manifest: &Manifest) -> Result<Fill> {
    let mut fill = Target::open(order.url).await?.fill(&manifest.migrations, order.replace).await?;
    agree(&fill.tables().await?, &manifest.tables)?;
    Ok(fill)
}

/// The tables that this program made from the same migrations are those that the rows are of.
fn agree(made: &[Table], parts: &[Part]) -> Result<()> {
    let other = |what: String| {
        Error::Refused(format!(
            "{what}: the program that wrote this back-up had other tables. Use that program, or a later one"
        ))
    };
    for Part { table, .. } in parts {
        let Some(here) = made.iter().find(|one| one.name == table.name) else {
            return Err(other(format!("There is no table “{}” here", table.name)));
        };
        let is_same = table.columns.len() == here.columns.len()
            && table.columns.iter().all(|one| here.columns.contains(one));
        if !is_same {
            return Err(other(format!("The table “{}” has other columns here", table.name)));
        }
    }
    match made.iter().find(|here| !parts.iter().any(|part| part.table.name == here.name)) {
        Some(table) => Err(other(format!("The back-up has no table “{}”", table.name))),
        None => Ok(()),
    }
}

/// A blob that the store has is read again; one that is damaged is replaced.
fn copy(folder: &Folder, store: &Store, blobs: &[Blob]) -> Result<u64> {
    let mut copied = 0;
    for blob in blobs {
        if store.verify_blocking(blob.hash).is_ok() {
            continue;
        }
        let path = folder.blob(blob.hash);
        let mut from = std::fs::File::open(&path).map_err(at(&path))?;
        store.receive_blocking(blob.hash, &mut from).map_err(|error| match error {
            storage::Error::Damaged { .. } => Error::Damaged(format!("{} holds other bytes", path.display())),
            other => other.into(),
        })?;
        copied += 1;
    }
    Ok(copied)
}

fn all_there(store: &Store, blobs: &[Blob]) -> Result<()> {
    let mut missing = 0;
    for blob in blobs {
        missing += usize::from(!store.contains_blocking(blob.hash)?);
    }
    if missing == 0 {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "This back-up holds rows alone, and the store lacks {missing} of {} blobs that they name: give the data folder they are of",
        blobs.len()
    )))
}

async fn insert(fill: &mut Fill, table: &Table, path: PathBuf) -> Result<u64> {
    let (to, mut from) = mpsc::channel::<Vec<Row>>(4);
    let about = table.clone();
    let reader = tokio::task::spawn_blocking(move || {
        lines::read(&path, &about, &mut |rows| to.blocking_send(rows).is_ok())
    });
    let mut written = 0;
    while let Some(rows) = from.recv().await {
        fill.insert(table, &rows).await?;
        written += rows.len() as u64;
    }
    match reader.await {
        Ok(read) => read.map(|_| written),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
