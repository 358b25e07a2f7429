//! What a run leaves on disk while it works, so that a run that was killed goes on where it stopped: tensors under names that
//! say what they were made of, and frames of the canvas. Every file appears whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use domain::Hash;
use tch::{Device, Kind, Tensor};

use crate::cache::Cache;
use crate::error::{Error, Result, io};

/// A folder of kept tensors.
pub struct Store {
    folder: PathBuf,
    /// Where other runs look too.
    cache: Option<Cache>,
}

/// The name of a kept file: its kind, and the hash of everything that it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// `made_of` must change whenever the file's content would.
    pub fn new(kind: &str, made_of: &serde_json::Value) -> Self {
        Self(format!("{kind}-{}", &Hash::of(made_of.to_string().as_bytes()).to_string()[..32]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A part of it, with a file of its own.
    pub fn part(&self, number: usize) -> Self {
        Self(format!("{}.{number:04}", self.0))
    }
}

/// Kept tensors by name.
pub struct Tensors(Vec<(String, Tensor)>);

impl Tensors {
    pub fn get(&self, name: &str) -> Option<Tensor> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor.shallow_clone())
    }
}

impl Store {
    /// Makes the folder.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(io(format!("Making {}", folder.display())))?;
        Ok(Self { folder: folder.to_owned(), cache: None })
    }

    /// With a place where what [`Self::keep_for_all`] is given is kept for other runs as well.
    pub fn with_cache(self, cache: Option<&Cache>) -> Self {
        Self { cache: cache.cloned(), ..self }
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{}.safetensors", name.0))
    }

    /// Keeps tensors, in place of what had this name.
    pub fn keep(&self, name: &Name, tensors: &[(String, Tensor)]) -> Result<()> {
        let path = self.path(name);
        write(&path, &path.with_extension("unfinished"), tensors)
    }

    /// As [`Self::keep`], for whoever wants the same.
    pub fn keep_for_all(&self, name: &Name, tensors: &[(String, Tensor)]) -> Result<()> {
        if let Some(cache) = &self.cache {
            cache.keep(name, tensors);
        }
        self.keep(name, tensors)
    }

    /// What this run, or another, kept under a name.
    pub fn find_of_all(&self, name: &Name) -> Option<Tensors> {
        self.find(name).or_else(|| self.cache.as_ref()?.find(name))
    }

    /// What was kept under a name; nothing where it cannot be read, since it can be made again.
    pub fn find(&self, name: &Name) -> Option<Tensors> {
        read(&self.path(name))
    }

    pub fn forget(&self, name: &Name) {
        fs::remove_file(self.path(name)).unwrap_or_default(); // not there is as good
    }

    /// Removes everything but files whose names begin with one of these: other recipes, and what was left behind.
    pub fn keep_only(&self, names: &[&Name]) -> Result<()> {
        let reading = || io(format!("Reading {}", self.folder.display()));
        for entry in fs::read_dir(&self.folder).map_err(reading())? {
            let path = entry.map_err(reading())?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_wanted =
                file.ends_with(".safetensors") && names.iter().any(|name| file.starts_with(&name.0));
            if !is_wanted && path.is_file() {
                fs::remove_file(&path).map_err(io(format!("Removing {}", path.display())))?;
            }
        }
        Ok(())
    }

    /// Frames of `bytes` bytes each, which go when the film is dropped.
    pub fn film(&self, name: &str, bytes: usize) -> Result<Film> {
        let path = self.folder.join(format!("{name}.frames"));
        let open = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = open.map_err(io(format!("Making {}", path.display())))?;
        Ok(Film { file: BufWriter::with_capacity(1 << 20, file), path, bytes })
    }
}

/// Writes tensors to `path`, through the file `fresh`.
pub fn write(path: &Path, fresh: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let plain: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.to_device(Device::Cpu).contiguous()))
        .collect();
    Tensor::write_safetensors(&plain, fresh).map_err(nets::Error::from)?;
    let settle = || -> std::io::Result<()> {
        File::open(fresh)?.sync_all()?;
        fs::rename(fresh, path)
    };
    settle().map_err(io(format!("Writing {}", path.display())))
}

/// What was written; nothing where it is not there or cannot be read.
pub fn read(path: &Path) -> Option<Tensors> {
    path.is_file().then(|| Tensor::read_safetensors(path).ok().map(Tensors)).flatten()
}

/// Frames on disk, written in order and read in any.
pub struct Film {
    file: BufWriter<File>,
    path: PathBuf,
    bytes: usize,
}

impl Film {
    /// Appends a frame.
    pub fn push(&mut self, frame: &[u8]) -> Result<()> {
        debug_assert_eq!(frame.len(), self.bytes);
        self.file.write_all(frame).map_err(io(format!("Writing {}", self.path.display())))
    }

    /// To be called between writing and reading.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(io(format!("Writing {}", self.path.display())))
    }

    pub fn read(&self, frame: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes];
        let at = u64::from(frame) * self.bytes as u64;
        let read = self.file.get_ref().read_exact_at(&mut bytes, at);
        read.map_err(io(format!("Reading {}", self.path.display())))?;
        Ok(bytes)
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap_or_default(); // swept by the next run otherwise
    }
}

/// Whether the disk of `folder` has room for `needed` bytes.
pub fn check_room(folder: &Path, needed: u64) -> Result<()> {
    let looking = || io(format!("Looking at the disk of {}", folder.display()));
    let stat = rustix::fs::statvfs(folder).map_err(std::io::Error::from).map_err(looking())?;
    enough(folder, needed, stat.f_bavail * stat.f_frsize)
}

fn enough(folder: &Path, needed: u64, free: u64) -> Result<()> {
    const MEGA: u64 = 1_000_000;
    if needed <= free {
        return Ok(());
    }
    Err(Error::NoRoom { path: folder.to_owned(), needed: needed.div_ceil(MEGA), free: free / MEGA })
}

/// 16-bit samples as bytes.
pub fn to_bytes(samples: impl Iterator<Item = u16>) -> Vec<u8> {
    samples.flat_map(u16::to_le_bytes).collect()
}

/// The way back.
pub fn to_samples(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// A whole number as a tensor.
pub fn number(value: usize) -> Tensor {
    Tensor::from_slice(&[value as i64])
}

/// The way back.
pub fn to_number(tensor: &Tensor) -> Option<usize> {
    let is_one = tensor.kind() == Kind::Int64 && tensor.numel() == 1;
    is_one.then(|| usize::try_from(tensor.int64_value(&[0])).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_other_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let [a, b] = [1, 2].map(|n| Name::new("state", &serde_json::json!({ "n": n })));
        let x = Tensor::from_slice(&[1.5_f32, 2.5]).view([1, 2]);
        store.keep(&a, &[("x".into(), x.shallow_clone()), ("step".into(), number(7))]).unwrap();
        store.keep(&b, &[("x".into(), x.transpose(0, 1))]).unwrap();
        store.keep(&a.part(3), &[("x".into(), x.shallow_clone())]).unwrap();
        fs::write(folder.path().join("left.unfinished"), "x").unwrap();
        store.keep_only(&[&a]).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let found = store.find(&a).unwrap();
        assert_eq!(found.get("x").unwrap(), x);
        assert_eq!(to_number(&found.get("step").unwrap()), Some(7));
        assert!(store.find(&b).is_none() && store.find(&a.part(3)).is_some());
        fs::write(folder.path().join(format!("{}.safetensors", a.as_str())), "cut").unwrap();
        assert!(store.find(&a).is_none());
    }

    #[test]
    fn frames_come_back_in_any_order_and_go_with_their_film() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut film = store.film("canvas", 4).unwrap();
        for frame in 0..3_u16 {
            film.push(&to_bytes([frame, 40_000].into_iter())).unwrap();
        }
        film.flush().unwrap();
        let read = |frame| to_samples(&film.read(frame).unwrap()).collect::<Vec<_>>();
        assert_eq!((read(2), read(0)), (vec![2, 40_000], vec![0, 40_000]));
        assert!(film.read(3).is_err());
        drop(film);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn too_little_room_is_told_in_megabytes() {
        let folder = Path::new("out");
        enough(folder, 5, 5).unwrap();
        let said = enough(folder, 2_000_001, 1_999_999).unwrap_err().to_string();
        assert!(said.contains("out has room for 1 MB") && said.contains("needs 3 MB"), "{said}");
        check_room(&std::env::temp_dir(), 1).unwrap();
        assert!(check_room(&std::env::temp_dir(), u64::MAX).is_err());
    }
}
