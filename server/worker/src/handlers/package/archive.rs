//! The archive of a package: files as they are, without compression, each with its SHA-256; the last is the list of those.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use domain::{Hash, moment};
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Read and written at once.
const PIECE: usize = 1 << 20;

/// What goes on beside packing: told how many bytes were packed, and the way to stop.
pub type Tell<'a> = &'a mut dyn FnMut(u64) -> anyhow::Result<()>;

/// An archive in the making; everything lies in one folder of it.
pub struct Archive {
    zip: ZipWriter<BufWriter<File>>,
    folder: String,
    options: SimpleFileOptions,
    sums: Vec<(Hash, String)>,
}

/// A file that was packed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Packed {
    pub name: String,
    pub size_bytes: u64,
    pub sha256: Hash,
}

impl Archive {
    /// `at`: microseconds UTC that every file is dated with, so that the same files make the same archive.
    pub fn create(path: &Path, folder: &str, at: i64) -> anyhow::Result<Self> {
        let file = File::create(path).context("making the archive")?;
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(date(at))
            .unix_permissions(0o644);
        let zip = ZipWriter::new(BufWriter::with_capacity(PIECE, file));
        Ok(Self { zip, folder: folder.to_owned(), options, sums: Vec::new() })
    }

    /// Packs `size_bytes` bytes of `from` as `name`; with `wanted` they must be those.
    pub fn add(
        &mut self,
        name: &str,
        from: &mut dyn Read,
        size_bytes: u64,
        wanted: Option<Hash>,
        tell: Tell<'_>,
    ) -> anyhow::Result<Packed> {
        // The sizes of a large file have their own place in its header, which must be there from the start.
        let options = self.options.large_file(size_bytes >= u64::from(u32::MAX));
        let packing = || format!("packing “{name}”");
        self.zip.start_file(format!("{}/{name}", self.folder), options).with_context(packing)?;
        let (mut digest, mut piece, mut packed) = (Sha256::new(), vec![0; PIECE], 0u64);
        loop {
            let read = from.read(&mut piece).with_context(packing)?;
            if read == 0 {
                break;
            }
            digest.update(&piece[..read]);
            self.zip.write_all(&piece[..read]).map_err(full).with_context(packing)?;
            packed += read as u64;
            tell(read as u64)?;
        }
        let sha256 = Hash::from_digest(digest.finalize().into());
        if packed != size_bytes || wanted.is_some_and(|wanted| wanted != sha256) {
            bail!(
                "“{name}” is not what was stored: the disk or somebody changed it. Restore it from a back-up, then try again."
            );
        }
        self.sums.push((sha256, name.to_owned()));
        Ok(Packed { name: name.to_owned(), size_bytes, sha256 })
    }

    /// Packs a text or another small file.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8], tell: Tell<'_>) -> anyhow::Result<Packed> {
        self.add(name, &mut &*bytes, bytes.len() as u64, None, tell)
    }

    /// Packs a file.
    pub fn add_file(
        &mut self,
        name: &str,
        path: &Path,
        wanted: Hash,
        tell: Tell<'_>,
    ) -> anyhow::Result<Packed> {
        let missing = || format!("“{name}” is not in the store any more");
        let mut file = File::open(path).with_context(missing)?;
        let size = file.metadata().with_context(missing)?.len();
        self.add(name, &mut file, size, Some(wanted), tell)
    }

    /// Writes `SHA256SUMS`, as `sha256sum --check` reads it, and completes the file.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let lines: String = self.sums.iter().map(|(sum, name)| format!("{sum}  {name}\n")).collect();
        self.add_bytes("SHA256SUMS", lines.as_bytes(), &mut |_| Ok(()))?;
        let mut file = self.zip.finish().map_err(std::io::Error::other).map_err(full)?;
        file.flush().map_err(full)?;
        file.stream_position().context("completing the archive")?;
        Ok(())
    }
}

/// A full disk in words.
fn full(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            anyhow::anyhow!(
                "There is no room left on the disk for the package. Free some space, then try again."
            )
        }
        _ => error.into(),
    }
}

/// What an archive can say of a moment: two seconds are one.
fn date(micros: i64) -> zip::DateTime {
    let (year, month, day, hour, minute, second) = moment::parts(micros);
    let small = |value: i64| u8::try_from(value).unwrap_or_default();
    let year = u16::try_from(year).unwrap_or_default();
    zip::DateTime::from_date_and_time(
        year,
        small(month),
        small(day),
        small(hour),
        small(minute),
        small(second),
    )
    .unwrap_or_default()
}
