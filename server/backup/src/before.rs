//! Before the tables are changed by a newer program, the rows are copied: of SQLite the file, of PostgreSQL a snapshot without
//! blobs, since blobs are not changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use db::dump::{ahead, copy_file};
use db::{Db, Engine};

use crate::{Error, Result, at, blocking, make};

/// Opens the database at `url` as [`db::open`] does. Where migrations wait and there are rows to lose, these are first copied to
/// `data/backups/before-NNNN` (the number of the first migration), and the log says so.
///
/// # Errors
/// As [`db::open`]; and nothing is changed when the copy fails, for example for want of room.
pub async fn open(url: &str, data: &Path) -> Result<Db> {
    let db = db::connect(url).await?;
    if ahead(&db).await?.is_some_and(|ahead| ahead.has_rows) {
        let backups = data.join("backups");
        let lock = blocking(move || lock(&backups)).await?;
        // Another process may have been first.
        if let Some(ahead) = ahead(&db).await? {
            let to = data.join("backups").join(format!("before-{:04}", ahead.first));
            let copied = match db.engine() {
                Engine::Sqlite => file(&db, &to.with_extension("db")).await?,
                Engine::Postgres => make::rows_only(&db, &to).await?,
            };
            tracing::info!(
                "The database is of an older Minus One: its rows were copied to {} before the upgrade",
                copied.display()
            );
            db.migrate().await?;
        }
        drop(lock);
    } else {
        db.migrate().await?;
    }
    Ok(db)
}

/// Waits until no other process copies.
fn lock(backups: &Path) -> Result<File> {
    fs::create_dir_all(backups).map_err(at(backups))?;
    let path = backups.join(".lock");
    let lock = File::create(&path).map_err(at(&path))?;
    lock.lock().map_err(at(&path))?;
    Ok(lock)
}

async fn file(db: &Db, to: &Path) -> Result<PathBuf> {
    let half = to.with_extension("partial");
    let left = half.clone();
    blocking(move || match fs::remove_file(&left) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(&left)(error)),
        _ => Ok(()),
    })
    .await?;
    let name = half.to_str().ok_or_else(|| {
        Error::Refused(format!(
            "The name of {} is no text that SQLite takes: give --data another folder",
            half.display()
        ))
    })?;
    copy_file(db, name).await?;
    let to = to.to_owned();
    blocking(move || {
        File::open(&half).and_then(|file| file.sync_all()).map_err(at(&half))?;
        fs::rename(&half, &to).map_err(at(&to))?;
        let folder = to.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
        Ok(to)
    })
    .await
}
