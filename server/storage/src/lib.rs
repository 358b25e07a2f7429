//! Bytes by their SHA-256 in a local folder. What the bytes mean is not known here.
//!
//! A blob appears under its name only when it is whole and on the disk: it is written beside, synced, then renamed.
//! Layout: `blobs/ab/cd/<hash>`, `parts/<upload>` for uploads on their way, `tmp/` for everything else in the making, `cache/` for
//! what can be made again, `latents/<run>` for what a long run has done so far.

mod cache;
mod scratch;
mod sweep;
mod workplace;

pub use scratch::Scratch;
pub use sweep::{Found, Removed};
pub use workplace::Workplace;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Hash;
use sha2::{Digest, Sha256};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the store has no blob {0}")]
    Missing(Hash),
    #[error("blob {wanted} holds other bytes ({got}): the disk or somebody changed it")]
    Damaged { wanted: Hash, got: Hash },
    #[error("the store's disk is full: free some space under {}", at.display())]
    Full { at: PathBuf },
    #[error("{} cannot be used as a store", at.display())]
    Io { at: PathBuf, source: io::Error },
}

pub type Result<T> = std::result::Result<T, Error>;

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
}

impl Store {
    /// Opens the store in `root`, made when missing.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        for folder in ["blobs", "parts", "tmp"] {
            let at = root.join(folder);
            fs::create_dir_all(&at).map_err(|source| Error::Io { at, source })?;
        }
        let root = fs::canonicalize(root).map_err(|source| Error::Io { at: root.to_owned(), source })?;
        Ok(Self { root: root.into() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a blob lies, whether or not it is there.
    pub fn path_of(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.root.join("blobs").join(&name[..2]).join(&name[2..4]).join(name)
    }

    /// The file that collects an upload's bytes. `name` must be an id: letters, digits and `-`.
    pub fn part_path(&self, name: &str) -> PathBuf {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        self.root.join("parts").join(name)
    }

    pub fn contains(&self, hash: Hash) -> bool {
        self.path_of(hash).is_file()
    }

    pub fn size_blocking(&self, hash: Hash) -> Result<u64> {
        let at = self.path_of(hash);
        match fs::metadata(&at) {
            Ok(meta) => Ok(meta.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing(hash)),
            Err(source) => Err(Error::Io { at, source }),
        }
    }

    /// Bytes that can still be written.
    pub fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(&*self.root)
            .map_err(|error| Error::Io { at: self.root.to_path_buf(), source: error.into() })?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Stores `bytes`; nothing is written when they are there already, but that they were put.
    pub fn put_blocking(&self, bytes: &[u8]) -> Result<Hash> {
        let hash = Hash::of(bytes);
        if self.put_again(hash)? {
            return Ok(hash);
        }
        let at = self.root.join("tmp");
        let mut file = tempfile::NamedTempFile::new_in(&at).map_err(|e| io_error(at.clone(), e))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|e| io_error(at.clone(), e))?;
        let path = file.into_temp_path();
        self.link(&path, hash)?;
        Ok(hash)
    }

    /// Stores a finished file by linking it; the file itself may be deleted afterwards. Hash and size in bytes.
    pub fn put_file_blocking(&self, path: &Path) -> Result<(Hash, u64)> {
        let (hash, size) = hash_file(path).map_err(|e| io_error(path.to_owned(), e))?;
        self.adopt_blocking(path, hash)?;
        Ok((hash, size))
    }

    /// Stores a file whose hash is known by linking it into place.
    pub fn adopt_blocking(&self, path: &Path, hash: Hash) -> Result<()> {
        if self.put_again(hash)? {
            return Ok(());
        }
        File::open(path).and_then(|f| f.sync_all()).map_err(|e| io_error(path.to_owned(), e))?;
        self.link(path, hash)
    }

    fn link(&self, from: &Path, hash: Hash) -> Result<()> {
        let to = self.path_of(hash);
        let folder = to.parent().expect("a blob lies two folders deep");
        fs::create_dir_all(folder).map_err(|e| io_error(folder.to_owned(), e))?;
        let _putting = self.putting()?;
        // A file that lay elsewhere for long is as new as one that was just written.
        match fs::hard_link(from, &to).and_then(|()| sweep::touch(&to)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && sweep::touch(&to).is_ok() => {
                return Ok(());
            }
            // Another disk, one without links, or a file that is not ours to touch: copy beside, then rename.
            Err(_) => {
                let at = self.root.join("tmp");
                let mut copy = tempfile::NamedTempFile::new_in(&at).map_err(|e| io_error(at.clone(), e))?;
                let copied = File::open(from)
                    .and_then(|mut f| io::copy(&mut f, &mut copy))
                    .and_then(|_| copy.as_file().sync_all());
                copied.map_err(|e| io_error(at, e))?;
                copy.persist(&to).map_err(|e| io_error(to.clone(), e.error))?;
            }
        }
        // The name must survive a power cut as well as the bytes.
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_error(folder.to_owned(), e))
    }

    /// The bytes of a small blob.
    pub fn get_blocking(&self, hash: Hash) -> Result<Vec<u8>> {
        let at = self.path_of(hash);
        match fs::read(&at) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing(hash)),
            Err(source) => Err(Error::Io { at, source }),
        }
    }

    /// Reads a blob from its beginning.
    pub fn reader_blocking(&self, hash: Hash) -> Result<Box<dyn Read + Send>> {
        let at = self.path_of(hash);
        match File::open(&at) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing(hash)),
            Err(source) => Err(Error::Io { at, source }),
        }
    }

    /// Stores a blob from its bytes, in the place of one that is damaged too.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they are not those of `wanted`; nothing is stored then.
    pub fn receive_blocking(&self, wanted: Hash, from: &mut dyn Read) -> Result<()> {
        let at = self.root.join("tmp");
        let failed = |source| io_error(at.clone(), source);
        let mut file = tempfile::NamedTempFile::new_in(&at).map_err(failed)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = from.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(failed)?;
        }
        let got = Hash::from_digest(digest.finalize().into());
        if got != wanted {
            return Err(Error::Damaged { wanted, got });
        }
        file.as_file().sync_all().map_err(failed)?;
        let to = self.path_of(wanted);
        let folder = to.parent().expect("a blob lies two folders deep");
        fs::create_dir_all(folder).map_err(|e| io_error(folder.to_owned(), e))?;
        file.persist(&to).map_err(|error| io_error(to.clone(), error.error))?;
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_error(folder.to_owned(), e))
    }

    /// Reads a blob again and compares.
    pub fn verify_blocking(&self, hash: Hash) -> Result<()> {
        let at = self.path_of(hash);
        let (got, _) = match hash_file(&at) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Missing(hash)),
            Err(source) => return Err(Error::Io { at, source }),
        };
        if got == hash { Ok(()) } else { Err(Error::Damaged { wanted: hash, got }) }
    }

    pub async fn put(&self, bytes: Vec<u8>) -> Result<Hash> {
        let store = self.clone();
        blocking(move || store.put_blocking(&bytes)).await
    }

    pub async fn get(&self, hash: Hash) -> Result<Vec<u8>> {
        let store = self.clone();
        blocking(move || store.get_blocking(hash)).await
    }

    pub async fn size(&self, hash: Hash) -> Result<u64> {
        let store = self.clone();
        blocking(move || store.size_blocking(hash)).await
    }
}

/// SHA-256 and size of a file, read in pieces.
pub fn hash_file(path: &Path) -> io::Result<(Hash, u64)> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((Hash::from_digest(digest.finalize().into()), size));
        }
        digest.update(&buffer[..read]);
        size += read as u64;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn io_error(at: PathBuf, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { at },
        _ => Error::Io { at, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("a store");
        (dir, store)
    }

    #[test]
    fn bytes_come_back_under_their_hash() {
        let (_dir, store) = store();
        let hash = store.put_blocking(b"plate").expect("stored");
        assert_eq!(hash, Hash::of(b"plate"));
        assert_eq!(store.put_blocking(b"plate").expect("again"), hash);
        assert_eq!(store.get_blocking(hash).expect("there"), b"plate");
        store.verify_blocking(hash).expect("whole");
        assert!(matches!(store.get_blocking(Hash::of(b"x")), Err(Error::Missing(_))));
    }

    #[test]
    fn a_file_is_linked_and_survives_the_original() {
        let (_dir, store) = store();
        let part = store.part_path("0190-ab");
        fs::write(&part, vec![7u8; 3 << 20]).expect("a part");
        let (hash, size) = store.put_file_blocking(&part).expect("stored");
        fs::remove_file(&part).expect("gone");
        assert_eq!((store.size_blocking(hash).expect("there"), size), (3 << 20, 3 << 20));
    }

    #[test]
    fn damage_is_noticed() {
        let (_dir, store) = store();
        let hash = store.put_blocking(b"matte").expect("stored");
        fs::write(store.path_of(hash), b"other").expect("damaged");
        assert!(matches!(store.verify_blocking(hash), Err(Error::Damaged { .. })));
    }
}
