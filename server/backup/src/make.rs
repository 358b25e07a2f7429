//! A back-up: the rows of one moment, then the blobs they name, then the manifest. Blobs are never changed, so those of the
//! moment can be fetched after it.

use std::fs;
use std::path::{Path, PathBuf};

use db::Db;
use db::dump::{LEFT_OUT, Moment, Table, has_blob};
use domain::Hash;
use storage::Store;
use tempfile::TempPath;
use tokio::sync::mpsc;

use crate::folder::{Folder, table_file};
use crate::lines::{self, Blobs};
use crate::manifest::{Blob, FORMAT, Manifest, Part};
use crate::{Error, Result, at, blocking};

/// Blobs get their names some at a time, after all of them were flushed to the disk at once.
const BATCH_BLOBS: usize = 256;
const BATCH_BYTES: u64 = 256 << 20;
/// Moments that are tried when blobs are swept meanwhile.
const MOST_MOMENTS: usize = 5;

/// What a back-up came to.
#[derive(Debug, Clone)]
pub struct Made {
    /// The snapshot's name.
    pub name: String,
    pub manifest: Manifest,
    /// Blobs that were new to the folder, and their bytes.
    pub copied: u64,
    pub copied_bytes: u64,
}

/// Backs up rows and blobs into the folder `to`, beside a running server or without one. What an earlier back-up brought there
/// is not copied again. `say` hears how it goes.
///
/// A blob that the store lacks, or whose bytes are others, does not keep the rest from being saved: the manifest names it.
///
/// # Errors
/// [`Error::Refused`] when the folder holds something else, is being written to, or has no room.
pub async fn make(db: &Db, store: &Store, to: &Path, say: &(dyn Fn(String) + Sync)) -> Result<Made> {
    let root = to.to_owned();
    let (folder, _writing) = blocking(move || Folder::to_write(&root)).await?;
    let (mut copied, mut copied_bytes) = (0, 0);
    for _ in 0..MOST_MOMENTS {
        let Rows { snapshot, mut manifest, blobs } = rows(db, &folder).await?;
        say(format!("Read {} rows of {} tables", manifest.rows(), manifest.tables.len()));
        let (store, to) = (store.clone(), folder.clone());
        let outcome = blocking(move || copy(&to, &store, &blobs)).await?;
        copied += outcome.copied;
        copied_bytes += outcome.bytes;
        let mut was_swept = false;
        for hash in &outcome.absent {
            was_swept |= !has_blob(db, *hash).await?;
        }
        if was_swept {
            // What is not needed any more was cleared away: of an earlier moment it cannot be had, of this one it need not.
            say("Blobs were swept meanwhile: once more".to_owned());
            let to = folder.clone();
            blocking(move || to.drop_begun(&snapshot)).await?;
            continue;
        }
        manifest.has_blobs = true;
        manifest.missing = [outcome.absent, outcome.damaged].concat();
        let sealed = manifest.clone();
        let name = blocking(move || {
            folder.seal(&snapshot, &sealed)?;
            Ok::<_, Error>(
                snapshot.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            )
        })
        .await?;
        return Ok(Made { name, manifest, copied, copied_bytes });
    }
    Err(Error::Refused("Blobs were swept again and again while they were copied: try again later".into()))
}

/// Only the rows, as they are kept before an upgrade.
pub async fn rows_only(db: &Db, to: &Path) -> Result<PathBuf> {
    let root = to.to_owned();
    let (folder, _writing) = blocking(move || Folder::to_write(&root)).await?;
    let Rows { snapshot, manifest, .. } = rows(db, &folder).await?;
    blocking(move || {
        folder.seal(&snapshot, &manifest)?;
        Ok(snapshot)
    })
    .await
}

struct Rows {
    snapshot: PathBuf,
    manifest: Manifest,
    blobs: Vec<Blob>,
}

async fn rows(db: &Db, folder: &Folder) -> Result<Rows> {
    let mut moment = Moment::of(db).await?;
    let (begun, taken) = (folder.clone(), moment.at);
    let snapshot = blocking(move || begun.begin(taken)).await?;
    let mut blobs = Vec::new();
    let mut parts = Vec::new();
    for table in moment.tables().await? {
        let (part, named) = write_table(&mut moment, table, &snapshot).await?;
        parts.push(part);
        blobs.extend(named);
    }
    let manifest = Manifest {
        format: FORMAT,
        at: moment.at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        engine: engine(db).to_owned(),
        migrations: moment.migrations().await?,
        tables: parts,
        blobs: blobs.len() as u64,
        blob_bytes: blobs.iter().map(|blob| blob.size).sum(),
        has_blobs: false,
        missing: Vec::new(),
        left_out: LEFT_OUT.iter().map(|left| left.what.to_owned()).collect(),
    };
    Ok(Rows { snapshot, manifest, blobs })
}

fn engine(db: &Db) -> &'static str {
    match db.engine() {
        db::Engine::Sqlite => "sqlite",
        db::Engine::Postgres => "postgres",
    }
}

async fn write_table(moment: &mut Moment, table: Table, snapshot: &Path) -> Result<(Part, Vec<Blob>)> {
    let (to, mut from) = mpsc::channel(4);
    let (path, about) = (table_file(snapshot, &table.name), table.clone());
    let writer = tokio::task::spawn_blocking(move || {
        let as_blob = Blobs::of(&about);
        let mut blobs = Vec::new();
        let mut writer = lines::Writer::create(&path).map_err(at(&path))?;
        while let Some(rows) = from.blocking_recv() {
            let rows: Vec<db::dump::Row> = rows;
            for row in &rows {
                if let Some(as_blob) = &as_blob {
                    blobs.push(
                        as_blob
                            .read(row)
                            .ok_or_else(|| Error::Refused("A row of “blob” names no hash".into()))?,
                    );
                }
                writer.write(row).map_err(at(&path))?;
            }
        }
        let (rows, sha256, bytes) = writer.finish().map_err(at(&path))?;
        Ok::<_, Error>((rows, sha256, bytes, blobs))
    });
    let read = moment.read(&table, &to).await;
    drop(to);
    let written = match writer.await {
        Ok(written) => written,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let (rows, sha256, bytes, blobs) = written?;
    let read = read?;
    if read != rows {
        return Err(Error::Refused(format!("{read} rows of {} were read and {rows} written", table.name)));
    }
    Ok((Part { table, rows, sha256, bytes }, blobs))
}

#[derive(Default)]
struct Copied {
    copied: u64,
    bytes: u64,
    absent: Vec<Hash>,
    damaged: Vec<Hash>,
}

/// Copies what the folder does not have. Hashed on the way: what is there under a name was once that name's bytes.
fn copy(folder: &Folder, store: &Store, blobs: &[Blob]) -> Result<Copied> {
    let is_there =
        |blob: &&Blob| fs::metadata(folder.blob(blob.hash)).is_ok_and(|meta| meta.len() == blob.size);
    let wanted: Vec<&Blob> = blobs.iter().filter(|blob| !is_there(blob)).collect();
    room(folder, wanted.iter().map(|blob| blob.size).sum())?;
    let mut outcome = Copied::default();
    let (mut batch, mut batch_bytes) = (Vec::new(), 0);
    let tmp = folder.tmp();
    for blob in wanted {
        let mut from = match store.reader_blocking(blob.hash) {
            Ok(from) => from,
            Err(storage::Error::Missing(hash)) => {
                outcome.absent.push(hash);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut file = tempfile::NamedTempFile::new_in(&tmp).map_err(at(&tmp))?;
        let (hash, bytes) = storage::copy(&mut from, &mut file).map_err(at(&tmp))?;
        if hash != blob.hash {
            outcome.damaged.push(blob.hash);
            continue;
        }
        outcome.copied += 1;
        outcome.bytes += bytes;
        batch_bytes += bytes;
        batch.push((file.into_temp_path(), folder.blob(hash)));
        if batch.len() >= BATCH_BLOBS || batch_bytes >= BATCH_BYTES {
            batch_bytes = 0;
            name(folder, &mut batch)?;
        }
    }
    name(folder, &mut batch)?;
    Ok(outcome)
}

/// Gives copies their names, once their bytes are on the disk.
fn name(folder: &Folder, batch: &mut Vec<(TempPath, PathBuf)>) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    folder.settle()?;
    for (copy, to) in batch.drain(..) {
        let parent = to.parent().unwrap_or(folder.root());
        fs::create_dir_all(parent).map_err(at(parent))?;
        copy.persist(&to).map_err(|error| at(&to)(error.error))?;
    }
    Ok(())
}

fn room(folder: &Folder, needed: u64) -> Result<()> {
    let root = folder.root();
    let stat = rustix::fs::statvfs(root).map_err(|error| at(root)(error.into()))?;
    let free = stat.f_bavail * stat.f_frsize;
    if needed <= free {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "There is no room in {}: the blobs that are new need {:.1} GB, {:.1} GB are free",
        root.display(),
        needed as f64 / 1e9,
        free as f64 / 1e9
    )))
}
