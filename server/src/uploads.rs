//! Uploads on their way: one writer per upload, SHA-256 while writing, and the step from bytes to a shot.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use app::context::AppState;
use db::uploads::Upload;
use domain::{Hash, UploadId};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, watch};

/// The digest of a part file up to `offset`.
#[derive(Default)]
pub struct Hashed {
    digest: Sha256,
    offset: u64,
}

/// One upload's writer: the newest request wins, an older one that still hangs lets go.
#[derive(Clone)]
pub struct Slot {
    pub hashed: Arc<AsyncMutex<Hashed>>,
    pub newest: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
pub struct Writers(Mutex<HashMap<UploadId, Slot>>);

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writers")
    }
}

impl Writers {
    pub fn slot(&self, upload_id: UploadId) -> Slot {
        let mut slots = self.0.lock().expect("no panic while held");
        slots
            .entry(upload_id)
            .or_insert_with(|| Slot { hashed: Arc::default(), newest: Arc::new(watch::channel(0).0) })
            .clone()
    }

    pub fn forget(&self, upload_id: UploadId) {
        self.0.lock().expect("no panic while held").remove(&upload_id);
    }
}

impl Hashed {
    /// Makes the digest cover exactly the `length` bytes that are in the file, reading again what it does not know.
    pub fn catch_up(&mut self, part: &PathBuf, length: u64) -> io::Result<()> {
        if self.offset == length {
            return Ok(());
        }
        *self = Self::default();
        let mut file = File::open(part)?.take(length);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.digest.update(&buffer[..read]);
            self.offset += read as u64;
        }
    }

    /// Appends to the file, then to the digest.
    pub fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)?;
        self.digest.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn hash(&self) -> Hash {
        Hash::from_digest(self.digest.clone().finalize().into())
    }
}

/// Opens a part file for appending; its length is the upload's offset.
pub fn open_part(part: &PathBuf) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(part)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// All bytes are here: blob, shot and job, in an order that survives being killed anywhere. The part file goes last,
/// so that whoever comes next can do this again.
pub async fn finish(state: &AppState, upload: &Upload, hash: Hash) -> anyhow::Result<()> {
    let part = state.store.part_path(&upload.upload_id.to_string());
    let (store, from) = (state.store.clone(), part.clone());
    tokio::task::spawn_blocking(move || {
        store.adopt_blocking(&from, hash)?;
        storage::linger_blocking("upload");
        Ok::<_, storage::Error>(())
    })
    .await??;
    let upload = upload.clone();
    let upload_id = upload.upload_id;
    let created = state
        .db
        .write(move |tx| {
            let upload = upload.clone();
            Box::pin(async move {
                let created = db::shots::create_from_upload(tx, &upload, hash, upload.size_bytes).await?;
                db::uploads::finish(tx, upload.upload_id, created.shot_id).await?;
                Ok(created)
            })
        })
        .await?;
    tokio::fs::remove_file(&part).await.ok(); // a left-over is swept later
    tracing::info!(upload.id = %upload_id, shot.id = %created.shot_id, "Upload became shot {}", created.name);
    Ok(())
}

/// At start: finishes uploads whose last byte came just before a crash. One that cannot be finished now, because its bucket
/// does not answer or its part cannot be read, does not keep the others or the server waiting: it is tried again when its
/// sender asks how far it came.
pub async fn settle(state: &AppState) -> anyhow::Result<()> {
    for upload in db::uploads::open(&state.db).await? {
        if let Err(error) = settle_one(state, &upload).await {
            tracing::warn!(
                "The upload of “{}” is whole and did not become a shot: {error:#}",
                upload.file_name
            );
        }
    }
    Ok(())
}

async fn settle_one(state: &AppState, upload: &Upload) -> anyhow::Result<()> {
    let part = state.store.part_path(&upload.upload_id.to_string());
    let length = std::fs::metadata(&part).map_or(0, |m| m.len());
    if length == upload.size_bytes as u64 {
        let (hash, _) = tokio::task::spawn_blocking(move || storage::hash_file(&part)).await??;
        finish(state, upload, hash).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_catches_up_with_what_a_lost_process_wrote() {
        let dir = tempfile::tempdir().expect("a folder");
        let part = dir.path().join("part");
        let mut first = Hashed::default();
        let (mut file, length) = open_part(&part).expect("made");
        assert_eq!(length, 0);
        first.append(&mut file, b"half ").expect("written");
        drop(file);
        let (mut file, length) = open_part(&part).expect("there");
        let mut second = Hashed::default();
        second.catch_up(&part, length).expect("read");
        second.append(&mut file, b"a plate").expect("written");
        assert_eq!(second.hash(), Hash::of(b"half a plate"));
        assert_eq!(second.offset(), 12);
    }
}
