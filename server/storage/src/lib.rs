//! Bytes by their SHA-256, in a local folder or in an S3 bucket. What the bytes mean is not known here.
//!
//! A blob appears under its name only when it is whole and on the disk: it is written beside, synced, then renamed.
//! Layout: `blobs/ab/cd/<hash>`, `parts/<upload>` for uploads on their way, `tmp/` for everything else in the making, `cache/` for
//! what can be made again, `latents/<run>` for what a long run has done so far. With a bucket the blobs are there, under the same
//! names, and `copies/ab/cd/<hash>` are those of them that were used here; a blob is in the bucket before anybody hears of it.

mod bucket;
mod cache;
mod copies;
mod linger;
mod scratch;
mod sweep;
mod workplace;

pub use bucket::{Ailment, Opened};
pub use copies::Local;
pub use linger::linger_blocking;
pub use scratch::Scratch;
pub use sweep::{Found, Removed};
pub use workplace::Workplace;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bucket::Bucket;
use domain::Hash;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

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
    /// The store's address, or what it lacks; a sentence for people.
    #[error("{0}")]
    Address(String),
    /// The bucket does not do what it is asked; a sentence for people.
    #[error("{0}")]
    Bucket(String),
    /// Bytes were asked for that a blob of so many does not have.
    #[error("the blob has {0} bytes, and others were asked for")]
    Range(u64),
}

pub type Result<T> = std::result::Result<T, Error>;

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
    /// `None`: blobs lie under `root`.
    bucket: Option<Arc<Bucket>>,
    /// Bytes of copies since some were cleared.
    added: Arc<AtomicU64>,
}

const BLOBS: &str = "blobs";
const COPIES: &str = "copies";

impl Store {
    /// Opens the store in `root`, made when missing.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        Self::open_at(root, None)
    }

    /// Opens the store in `root` whose blobs are in the bucket that `url` names (`s3://BUCKET/PREFIX?endpoint=…`). Nobody is
    /// asked yet.
    ///
    /// # Errors
    /// [`Error::Address`] in words for people, also where the environment has no keys.
    pub fn open_at(root: impl AsRef<Path>, url: Option<&str>) -> Result<Self> {
        let bucket = url.map(|url| Bucket::new(url.parse()?)).transpose()?.map(Arc::new);
        let root = root.as_ref();
        for folder in [if bucket.is_some() { COPIES } else { BLOBS }, "parts", "tmp"] {
            let at = root.join(folder);
            fs::create_dir_all(&at).map_err(|source| Error::Io { at, source })?;
        }
        let root = fs::canonicalize(root).map_err(|source| Error::Io { at: root.to_owned(), source })?;
        Ok(Self { root: root.into(), bucket, added: Arc::default() })
    }

    /// Whether blobs are in a bucket.
    pub fn has_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// Whether the bucket can be used, asked now and for no longer than `patience`; else what everybody may know of it, and the
    /// error itself. A store without one is fine.
    pub async fn ask_bucket(&self, patience: Duration) -> std::result::Result<(), (Ailment, Error)> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let bucket = Arc::clone(bucket);
        bucket::there(async move { bucket.answers(patience).await }).await
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a blob or its copy lies, whether or not it is there. For reading it see [`Store::local_blocking`].
    pub fn path_of(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.root
            .join(if self.bucket.is_some() { COPIES } else { BLOBS })
            .join(&name[..2])
            .join(&name[2..4])
            .join(name)
    }

    /// The file that collects an upload's bytes. `name` must be an id: letters, digits and `-`.
    pub fn part_path(&self, name: &str) -> PathBuf {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        self.root.join("parts").join(name)
    }

    /// Whether the bytes are there; not, where a bucket cannot be asked.
    pub fn contains(&self, hash: Hash) -> bool {
        self.contains_blocking(hash).unwrap_or(false)
    }

    /// Whether the bytes are where they are kept; a copy is no answer.
    pub fn contains_blocking(&self, hash: Hash) -> Result<bool> {
        if let Some(bucket) = &self.bucket {
            let bucket = Arc::clone(bucket);
            return Ok(bucket::wait(async move { bucket.size(hash).await })?.is_some());
        }
        match self.size_blocking(hash) {
            Ok(_) => Ok(true),
            Err(Error::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn size_blocking(&self, hash: Hash) -> Result<u64> {
        let at = self.path_of(hash);
        match fs::metadata(&at) {
            Ok(meta) => Ok(meta.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match &self.bucket {
                None => Err(Error::Missing(hash)),
                Some(bucket) => {
                    let bucket = Arc::clone(bucket);
                    bucket::wait(async move { bucket.size(hash).await })?.ok_or(Error::Missing(hash))
                }
            },
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
        if self.put_again(hash, bytes.len() as u64)? {
            return Ok(hash);
        }
        let at = self.root.join("tmp");
        let mut file = tempfile::NamedTempFile::new_in(&at).map_err(|e| io_error(at.clone(), e))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|e| io_error(at.clone(), e))?;
        self.take(file.into_temp_path(), hash)?;
        Ok(hash)
    }

    /// Stores a finished file by linking it; the file itself may be deleted afterwards. Hash and size in bytes.
    pub fn put_file_blocking(&self, path: &Path) -> Result<(Hash, u64)> {
        let (hash, size) = hash_file(path).map_err(|e| io_error(path.to_owned(), e))?;
        self.adopt_blocking(path, hash)?;
        Ok((hash, size))
    }

    /// Stores a file whose hash is known by linking it into place, or by sending it to the bucket.
    pub fn adopt_blocking(&self, path: &Path, hash: Hash) -> Result<()> {
        if self.put_again(hash, size_of(path)?)? {
            return Ok(());
        }
        match &self.bucket {
            None => {
                File::open(path).and_then(|f| f.sync_all()).map_err(|e| io_error(path.to_owned(), e))?;
                self.link(path, hash)
            }
            Some(bucket) => {
                send(bucket, path, hash)?;
                self.link_copy(path, hash);
                Ok(())
            }
        }
    }

    /// Gives a whole file that is ours its place.
    fn take(&self, file: TempPath, hash: Hash) -> Result<()> {
        match &self.bucket {
            None => self.link(&file, hash),
            Some(bucket) => {
                send(bucket, &file, hash)?;
                self.keep_copy(file, hash)
            }
        }
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
        let local = self.local_blocking(hash)?;
        fs::read(local.path()).map_err(|source| Error::Io { at: local.path().to_owned(), source })
    }

    /// Reads a blob from its beginning, past any copy.
    pub fn reader_blocking(&self, hash: Hash) -> Result<Box<dyn Read + Send>> {
        if let Some(bucket) = &self.bucket {
            return Ok(Box::new(bucket::Reader::open(bucket, hash)?));
        }
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
        let file = self.written(wanted, from)?;
        if self.bucket.is_some() {
            return self.take(file, wanted);
        }
        let to = self.path_of(wanted);
        let folder = to.parent().expect("a blob lies two folders deep");
        fs::create_dir_all(folder).map_err(|e| io_error(folder.to_owned(), e))?;
        let _putting = self.putting()?;
        file.persist(&to).map_err(|error| io_error(to.clone(), error.error))?;
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_error(folder.to_owned(), e))
    }

    /// A file in `tmp/` with these bytes, which are those of `wanted`, on the disk.
    fn written(&self, wanted: Hash, from: &mut dyn Read) -> Result<TempPath> {
        let at = self.root.join("tmp");
        let failed = |source| io_error(at.clone(), source);
        let mut file = tempfile::NamedTempFile::new_in(&at).map_err(failed)?;
        let (got, _) = copy(from, &mut file).map_err(failed)?;
        if got != wanted {
            return Err(Error::Damaged { wanted, got });
        }
        file.as_file().sync_all().map_err(failed)?;
        Ok(file.into_temp_path())
    }

    /// Reads a blob again, where it is kept and not a copy, and compares.
    pub fn verify_blocking(&self, hash: Hash) -> Result<()> {
        let mut from = self.reader_blocking(hash)?;
        let (got, _) = copy(&mut from, &mut io::sink())
            .map_err(|source| Error::Io { at: self.path_of(hash), source })?;
        if got == hash { Ok(()) } else { Err(Error::Damaged { wanted: hash, got }) }
    }

    /// For answers that are sent on piece by piece: a file that is here, or the blob in the bucket.
    pub async fn serve(&self, hash: Hash) -> Served {
        let store = self.clone();
        let Some(bucket) = &self.bucket else { return Served::File(self.path_of(hash), None) };
        match blocking(move || store.copy_of(hash)).await {
            Some(local) => Served::File(local.path().to_owned(), Some(local)),
            None => Served::Bucket(InBucket { bucket: Arc::clone(bucket), hash }),
        }
    }

    /// Where a browser may fetch a large file itself, when the store's address says `presign`; `disposition` and `kind` are the
    /// headers that it gets. Give it to nobody who may not have the blob: it opens for everybody while `open` lasts.
    pub async fn presigned(
        &self,
        hash: Hash,
        disposition: &str,
        kind: &str,
        open: Duration,
    ) -> Result<Option<String>> {
        let Some(bucket) = self.bucket.as_ref().filter(|bucket| bucket.address.presign) else {
            return Ok(None);
        };
        let (bucket, disposition, kind) = (Arc::clone(bucket), disposition.to_owned(), kind.to_owned());
        bucket::there(async move { bucket.presigned(hash, &disposition, &kind, open).await }).await.map(Some)
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

/// What answers whoever asks for a blob.
#[derive(Debug)]
pub enum Served {
    /// A file; what is held with it keeps a copy from being cleared.
    File(PathBuf, Option<Local>),
    Bucket(InBucket),
}

/// A blob of which no copy is here.
#[derive(Debug, Clone)]
pub struct InBucket {
    bucket: Arc<Bucket>,
    hash: Hash,
}

impl InBucket {
    /// The blob, or one part of it as HTTP names it (`bytes=0-99`).
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Range`] for a part that it does not have.
    pub async fn open(&self, range: Option<String>) -> Result<Opened> {
        let Self { bucket, hash } = self.clone();
        bucket::there(async move { bucket.get(hash, range).await }).await
    }

    pub async fn size(&self) -> Result<u64> {
        let Self { bucket, hash } = self.clone();
        bucket::there(async move { bucket.size(hash).await }).await?.ok_or(Error::Missing(self.hash))
    }
}

fn size_of(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).map_err(|e| io_error(path.to_owned(), e))?.len())
}

fn send(bucket: &Arc<Bucket>, path: &Path, hash: Hash) -> Result<()> {
    let size = size_of(path)?;
    let (bucket, path) = (Arc::clone(bucket), path.to_owned());
    bucket::wait(async move { bucket.put(&path, hash, size).await })
}

/// SHA-256 and size of a file, read in pieces.
pub fn hash_file(path: &Path) -> io::Result<(Hash, u64)> {
    copy(&mut File::open(path)?, &mut io::sink())
}

/// Copies in pieces; SHA-256 and size of what passed.
pub fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(Hash, u64)> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((Hash::from_digest(digest.finalize().into()), size));
        }
        digest.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
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
