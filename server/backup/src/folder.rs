//! Where things lie in a back-up's folder, who may write there, and what a killed back-up left behind.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use domain::{Day, Hash};

use crate::manifest::{FORMAT, Manifest};
use crate::{Error, Result, at};

const SNAPSHOTS: &str = "snapshots";
const MANIFEST: &str = "manifest.json";

/// A folder with back-ups in it.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

/// Says that a back-up is being written; let go of however the process ends.
#[derive(Debug)]
pub struct Writing {
    _lock: File,
}

/// One moment that can be restored.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The name of its folder, which is its moment in UTC.
    pub name: String,
    pub manifest: Manifest,
    pub(crate) path: PathBuf,
}

impl Snapshot {
    pub(crate) fn file(&self, table: &str) -> PathBuf {
        table_file(&self.path, table)
    }
}

pub fn table_file(snapshot: &Path, table: &str) -> PathBuf {
    snapshot.join("tables").join(format!("{table}.jsonl.gz"))
}

impl Folder {
    /// A folder that is there, for reading.
    pub fn existing(root: &Path) -> Result<Self> {
        if root.join(SNAPSHOTS).is_dir() {
            return Ok(Self { root: root.to_owned() });
        }
        Err(Error::Refused(format!(
            "There is no back-up in {}: `minus-one backup --to DIR` makes one",
            root.display()
        )))
    }

    /// Makes what is missing of the folder and clears what a killed back-up left. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`]: something else lies there, or another back-up is being written.
    pub fn to_write(root: &Path) -> Result<(Self, Writing)> {
        fs::create_dir_all(root).map_err(at(root))?;
        let is_empty = fs::read_dir(root).map_err(at(root))?.next().is_none();
        if !is_empty && !root.join(SNAPSHOTS).is_dir() {
            return Err(Error::Refused(format!(
                "{} holds something that is no back-up: give an empty folder, or one with earlier back-ups",
                root.display()
            )));
        }
        for part in [SNAPSHOTS, "blobs", "tmp"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(at(&path))?;
        }
        let path = root.join(".lock");
        let lock = File::create(&path).map_err(at(&path))?;
        if lock.try_lock().is_err() {
            return Err(Error::Refused(format!(
                "Another back-up is being written to {}: wait for its end",
                root.display()
            )));
        }
        let folder = Self { root: root.to_owned() };
        folder.clear()?;
        Ok((folder, Writing { _lock: lock }))
    }

    fn clear(&self) -> Result<()> {
        let (tmp, snapshots) = (self.tmp(), self.root.join(SNAPSHOTS));
        for entry in fs::read_dir(&tmp).map_err(at(&tmp))?.flatten() {
            fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
        }
        for entry in fs::read_dir(&snapshots).map_err(at(&snapshots))?.flatten() {
            if entry.path().is_dir() && !entry.path().join(MANIFEST).is_file() {
                fs::remove_dir_all(entry.path()).map_err(at(&entry.path()))?;
            }
        }
        Ok(())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub fn blob(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.root.join("blobs").join(&name[..2]).join(&name[2..4]).join(name)
    }

    /// The folder of a snapshot that is begun; it is none until [`Folder::seal`].
    pub fn begin(&self, moment: i64) -> Result<PathBuf> {
        let path = self.root.join(SNAPSHOTS).join(name_of(moment));
        let tables = path.join("tables");
        fs::create_dir_all(&tables).map_err(at(&tables))?;
        Ok(path)
    }

    /// Gives up a snapshot that was begun.
    pub fn drop_begun(&self, snapshot: &Path) -> Result<()> {
        fs::remove_dir_all(snapshot).map_err(at(snapshot))
    }

    /// Everything that was written is on the disk, names too.
    pub fn settle(&self) -> Result<()> {
        let failed = at(&self.root);
        let root = match File::open(&self.root) {
            Ok(root) => root,
            Err(error) => return Err(failed(error)),
        };
        rustix::fs::syncfs(&root).map_err(|error| failed(error.into()))
    }

    /// Makes what was begun a snapshot.
    pub fn seal(&self, snapshot: &Path, manifest: &Manifest) -> Result<()> {
        let tmp = self.tmp();
        let mut file = tempfile::NamedTempFile::new_in(&tmp).map_err(at(&tmp))?;
        let mut text =
            serde_json::to_vec_pretty(manifest).expect("our types have string keys and finite shapes");
        text.push(b'\n');
        file.write_all(&text).map_err(at(&tmp))?;
        self.settle()?;
        let path = snapshot.join(MANIFEST);
        file.persist(&path).map_err(|error| at(&path)(error.error))?;
        self.settle()
    }

    /// All snapshots, the oldest first.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        let root = self.root.join(SNAPSHOTS);
        let mut found = Vec::new();
        for entry in fs::read_dir(&root).map_err(at(&root))?.flatten() {
            let path = entry.path();
            if path.join(MANIFEST).is_file() {
                found.push(self.read(path)?);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The snapshot of that name, or the newest.
    pub fn snapshot(&self, name: Option<&str>) -> Result<Snapshot> {
        let mut all = self.snapshots()?;
        match name {
            None => all
                .pop()
                .ok_or_else(|| Error::Refused(format!("{} holds no finished back-up", self.root.display()))),
            Some(name) => all.into_iter().find(|one| one.name == name).ok_or_else(|| {
                let at = self.root.display();
                Error::Refused(format!(
                    "{at} holds no back-up “{name}”: `minus-one backup list --from {at}` shows all"
                ))
            }),
        }
    }

    fn read(&self, path: PathBuf) -> Result<Snapshot> {
        let file = path.join(MANIFEST);
        let text = fs::read(&file).map_err(at(&file))?;
        let damaged = |why: &dyn std::fmt::Display| Error::Damaged(format!("{}: {why}", file.display()));
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
        // Looked at first: what a later format holds cannot be known.
        if value["format"].as_u64().is_some_and(|format| format > u64::from(FORMAT)) {
            return Err(Error::Refused(format!(
                "{} was written by a newer Minus One: use that one, or a later one",
                path.display()
            )));
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(|error| damaged(&error))?;
        // Names become files: none may lead out of the folder.
        let is_plain =
            |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.is_empty();
        if let Some(part) = manifest.tables.iter().find(|part| !is_plain(&part.table.name)) {
            return Err(damaged(&format!("“{}” is no table", part.table.name)));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Snapshot { name, manifest, path })
    }
}

/// The snapshots in `from`, the oldest first. Blocking.
pub fn list(from: &Path) -> Result<Vec<Snapshot>> {
    Folder::existing(from)?.snapshots()
}

/// `2026-11-29T10-05-12.123Z`: sorts as time does, and every file system takes it.
fn name_of(micros: i64) -> String {
    let millis = micros.div_euclid(1000).rem_euclid(86_400_000);
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    format!("{}T{hours:02}-{minutes:02}-{seconds:02}.{:03}Z", Day::of_micros(micros), millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_by_its_moment() {
        assert_eq!(name_of(20_786 * 86_400_000_000 + 36_312_123_456), "2026-11-29T10-05-12.123Z");
    }

    #[test]
    fn another_folder_is_left_alone_and_two_do_not_write_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_one, writing) = Folder::to_write(&folder.path().join("a")).expect("an empty one");
        let second = Folder::to_write(&folder.path().join("a")).expect_err("in use");
        assert!(second.to_string().contains("Another back-up"), "{second}");
        drop(writing);
        Folder::to_write(&folder.path().join("a")).expect("free again");
        let other = folder.path().join("b");
        fs::create_dir(&other).expect("made");
        fs::write(other.join("minus-one.db"), b"rows").expect("written");
        assert!(matches!(Folder::to_write(&other), Err(Error::Refused(_))));
        assert!(matches!(Folder::existing(&other), Err(Error::Refused(_))));
    }
}
