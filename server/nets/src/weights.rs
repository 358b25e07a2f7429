//! Checkpoints: tensors asked for by name and shape, from memory-mapped files, on our device and kind.
//!
//! A network takes each tensor it knows; [`Weights::finish`] then refuses a checkpoint that holds anything else. What a
//! file looks like inside is in [`crate::safetensors_file`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::ops::Div;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::Error;
use crate::random::Normal;
use crate::safetensors_file::{Entry, Mapped, kind};

/// A place in a checkpoint: `&w / "blocks" / 3` is where the names begin with `blocks.3.`. Cheap to clone.
#[derive(Clone)]
pub struct Weights {
    checkpoint: Arc<Checkpoint>,
    prefix: String,
    kind: Kind,
    /// Whether tensors go to the device through pinned memory, without waiting for it.
    is_pinned: bool,
    /// How a name is spelt in the files.
    stored_name: fn(&str) -> String,
}

struct Checkpoint {
    source: Source,
    device: Device,
    /// Names and shapes that were asked for.
    taken: Mutex<BTreeMap<String, Vec<i64>>>,
    /// Beginnings of names that belong to parts nobody here builds.
    passed_over: Mutex<BTreeSet<String>>,
}

enum Source {
    Files { path: PathBuf, files: Vec<Mapped>, tensors: BTreeMap<String, (usize, Entry)> },
    Seeded(u64),
    Outline,
}

impl Weights {
    /// Opens a `.safetensors` file, an index of shards (`*.safetensors.index.json`), a file of `torch.save`, or a folder
    /// with one of these. Only headers are read.
    ///
    /// # Errors
    /// When a file is missing, unreadable, cut off or foreign, or an index and its shards disagree.
    pub fn open(path: &Path, device: Device, kind: Kind) -> Result<Self, Error> {
        let mut files = Vec::new();
        let mut tensors = BTreeMap::new();
        let (parts, index) = parts(path)?;
        for part in parts {
            let (mapped, entries) = Mapped::open(&part)?;
            for entry in entries {
                if let Some(shard) = index.as_ref().map(|index| index.get(&entry.name))
                    && shard.is_none_or(|shard| *shard != part)
                {
                    let reason = format!("its index does not place the tensor “{}” in it", entry.name);
                    return Err(Error::BadFile { path: part, reason });
                }
                tensors.insert(entry.name.clone(), (files.len(), entry));
            }
            files.push(mapped);
        }
        if let Some((name, shard)) = index.iter().flatten().find(|(name, _)| !tensors.contains_key(*name)) {
            let reason = format!("it lacks the tensor “{name}” that its index places there");
            return Err(Error::BadFile { path: shard.clone(), reason });
        }
        Ok(Self::from(Source::Files { path: path.to_owned(), files, tensors }, device, kind))
    }

    /// Random weights for tests, each tensor's values a function of the seed and its name: normal over the root of the
    /// inputs, norm weights about 1, biases about 0, in f32 on the CPU.
    pub fn seeded(seed: u64) -> Self {
        Self::from(Source::Seeded(seed), Device::Cpu, Kind::Float)
    }

    /// As [`Self::seeded`], on a device and in a kind: the values are rounded to it.
    pub fn seeded_on(seed: u64, device: Device, kind: Kind) -> Self {
        Self::from(Source::Seeded(seed), device, kind)
    }

    /// Zeros of any shape that take no memory: lets a full-size network be built to see what it asks for.
    pub fn outline() -> Self {
        Self::from(Source::Outline, Device::Cpu, Kind::Float)
    }

    fn from(source: Source, device: Device, kind: Kind) -> Self {
        let checkpoint =
            Checkpoint { source, device, taken: Mutex::default(), passed_over: Mutex::default() };
        Self {
            checkpoint: Arc::new(checkpoint),
            prefix: String::new(),
            kind,
            is_pinned: false,
            stored_name: str::to_owned,
        }
    }

    /// The same checkpoint for a network that calls its tensors by other names: `stored_name` makes a whole name of the
    /// network into that of the files.
    pub fn renamed(&self, stored_name: fn(&str) -> String) -> Self {
        Self { stored_name, ..self.clone() }
    }

    /// The beginning of all names.
    pub fn at_root(&self) -> Self {
        Self { prefix: String::new(), ..self.clone() }
    }

    /// The same place, read through pinned memory: the device is not waited for. For a GPU.
    pub fn pinned(&self) -> Self {
        Self { is_pinned: true, ..self.clone() }
    }

    pub fn device(&self) -> Device {
        self.checkpoint.device
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same place, read in another kind: a part that stays f32 in a bf16 network.
    pub fn in_kind(&self, kind: Kind) -> Self {
        Self { kind, ..self.clone() }
    }

    /// Its name in the checkpoint: `blocks.3`.
    pub fn place(&self) -> &str {
        self.prefix.trim_end_matches('.')
    }

    /// The tensor `name` under this place, in our kind on our device.
    ///
    /// # Errors
    /// When it is missing, has another shape, or is not stored as floating-point numbers.
    pub fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor, Error> {
        self.tensor_of_kind(name, shape, self.kind)
    }

    /// As [`Self::tensor`], in a kind of its own: tables that stay f32 in a bf16 network.
    pub fn tensor_of_kind(&self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor, Error> {
        let name = self.full(name);
        let device = self.checkpoint.device;
        let tensor = match &self.checkpoint.source {
            Source::Files { path, files, tensors } => {
                let from = path.display().to_string();
                let Some((file, entry)) = tensors.get(&name) else {
                    return Err(Error::Missing { from, name, expected: shape.to_vec() });
                };
                if entry.shape != shape {
                    let (found, expected) = (entry.shape.clone(), shape.to_vec());
                    return Err(Error::WrongShape { from, name, found, expected });
                }
                if !is_weight(entry) {
                    return Err(Error::WrongKind { from, name, dtype: format!("{:?}", entry.dtype) });
                }
                let tensor = files[*file].tensor(entry)?;
                if self.is_pinned {
                    let tensor = tensor.f_pin_memory(device)?;
                    tensor.f_to_device_(device, tensor.kind(), true, false)?.f_to_kind(kind)?
                } else {
                    tensor.f_to_device(device)?.f_to_kind(kind)?
                }
            }
            Source::Seeded(seed) => seeded(*seed, &name, shape).to_device(device).to_kind(kind),
            Source::Outline => Tensor::zeros([1_i64], (kind, device)).expand(shape, false),
        };
        lock(&self.checkpoint.taken).insert(name, shape.to_vec());
        Ok(tensor)
    }

    /// The shape under which a tensor is stored; `None` where it is not in the files. Random weights have every shape
    /// and so answer `None`.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        match &self.checkpoint.source {
            Source::Files { tensors, .. } => {
                tensors.get(&self.full(name)).map(|(_, entry)| entry.shape.clone())
            }
            Source::Seeded(_) | Source::Outline => None,
        }
    }

    /// Every name in the files that begins here, with this place cut off, in order. Empty for random weights.
    pub fn names(&self) -> Vec<String> {
        match &self.checkpoint.source {
            Source::Files { tensors, .. } => {
                tensors.keys().filter_map(|name| name.strip_prefix(&self.prefix)).map(str::to_owned).collect()
            }
            Source::Seeded(_) | Source::Outline => Vec::new(),
        }
    }

    /// Says that whatever begins with `beginning` under this place may be there and is not wanted.
    pub fn pass_over(&self, beginning: &str) {
        lock(&self.checkpoint.passed_over).insert(self.full(beginning));
    }

    /// Names and shapes asked for so far, in order.
    pub fn taken(&self) -> BTreeMap<String, Vec<i64>> {
        lock(&self.checkpoint.taken).clone()
    }

    /// To be called when the network is built.
    ///
    /// # Errors
    /// When the checkpoint holds tensors that nobody asked for.
    pub fn finish(&self) -> Result<(), Error> {
        self.refuse_strangers(&lock(&self.checkpoint.taken), &lock(&self.checkpoint.passed_over))
    }

    /// Holds the files against the names and shapes that a network asked an [`Self::outline`] for, before any of it is read.
    ///
    /// # Errors
    /// The first tensor that is missing, has another shape, is no weight, or is not known to the network.
    pub fn check(&self, outline: &Self) -> Result<(), Error> {
        let Source::Files { path, tensors, .. } = &self.checkpoint.source else { return Ok(()) };
        let from = || path.display().to_string();
        let wanted = outline.taken();
        for (name, shape) in &wanted {
            let Some((_, entry)) = tensors.get(name) else {
                return Err(Error::Missing { from: from(), name: name.clone(), expected: shape.clone() });
            };
            if entry.shape != *shape {
                let (found, expected) = (entry.shape.clone(), shape.clone());
                return Err(Error::WrongShape { from: from(), name: name.clone(), found, expected });
            }
            if !is_weight(entry) {
                let dtype = format!("{:?}", entry.dtype);
                return Err(Error::WrongKind { from: from(), name: name.clone(), dtype });
            }
        }
        self.refuse_strangers(&wanted, &lock(&outline.checkpoint.passed_over))
    }

    /// Refuses files with tensors that are neither taken nor passed over.
    fn refuse_strangers(
        &self,
        taken: &BTreeMap<String, Vec<i64>>,
        passed_over: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let Source::Files { path, tensors, .. } = &self.checkpoint.source else { return Ok(()) };
        let mut unexpected = tensors.iter().filter(|(name, _)| {
            !taken.contains_key(*name) && !passed_over.iter().any(|start| name.starts_with(start))
        });
        match unexpected.next() {
            None => Ok(()),
            Some((name, (_, entry))) => Err(Error::Unexpected {
                from: path.display().to_string(),
                name: name.clone(),
                found: entry.shape.clone(),
                count: 1 + unexpected.count(),
            }),
        }
    }

    fn full(&self, name: &str) -> String {
        (self.stored_name)(&format!("{}{name}", self.prefix))
    }
}

impl<T: Display> Div<T> for &Weights {
    type Output = Weights;

    fn div(self, part: T) -> Weights {
        Weights { prefix: format!("{}{part}.", self.prefix), ..self.clone() }
    }
}

impl<T: Display> Div<T> for Weights {
    type Output = Weights;

    fn div(self, part: T) -> Weights {
        &self / part
    }
}

/// Where an index says that each tensor lies.
type Index = BTreeMap<String, PathBuf>;

/// The files that a path stands for, with the index that named them.
fn parts(path: &Path) -> Result<(Vec<PathBuf>, Option<Index>), Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return if path.extension().is_some_and(|extension| extension == "json") {
            shards(path)
        } else {
            Ok((vec![path.to_owned()], None))
        };
    }
    let mut files = Vec::new();
    for file in fs::read_dir(path).map_err(unreadable)? {
        files.push(file.map_err(unreadable)?.path());
    }
    files.sort();
    let ends = |file: &&PathBuf, with: &str| file.to_string_lossy().ends_with(with);
    if let Some(index) = files.iter().find(|file| ends(file, ".safetensors.index.json")) {
        return shards(index);
    }
    let mut found: Vec<_> = files.iter().filter(|file| ends(file, ".safetensors")).collect();
    if found.is_empty() {
        found = files.iter().filter(|file| ends(file, ".pt") || ends(file, ".pth")).collect();
    }
    match found[..] {
        [] => Err(Error::NoCheckpoint { path: path.to_owned() }),
        [file] => Ok((vec![file.clone()], None)),
        _ => Err(Error::Ambiguous { path: path.to_owned(), count: found.len() }),
    }
}

fn shards(path: &Path) -> Result<(Vec<PathBuf>, Option<Index>), Error> {
    #[derive(serde::Deserialize)]
    struct File {
        weight_map: BTreeMap<String, String>,
    }
    let text = fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    let bad = |reason: String| Error::BadFile { path: path.to_owned(), reason };
    let File { weight_map } = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut index = Index::new();
    for (name, file) in weight_map {
        if Path::new(&file).components().count() != 1 {
            return Err(bad(format!("“{file}” is not the name of a file beside it")));
        }
        index.insert(name, folder.join(file));
    }
    let files: BTreeSet<_> = index.values().cloned().collect();
    if files.is_empty() {
        return Err(bad("it names no tensors".to_owned()));
    }
    Ok((files.into_iter().collect(), Some(index)))
}

fn is_weight(entry: &Entry) -> bool {
    matches!(
        kind(entry.dtype),
        Some(Kind::BFloat16 | Kind::Half | Kind::Float | Kind::Double | Kind::Float8e4m3fn)
    )
}

/// Normal numbers over the root of the inputs; of norms about 1, of biases about 0. By a generator of their own: that of libtorch is
/// shared by all threads of the process.
pub(crate) fn seeded(seed: u64, name: &str, shape: &[i64]) -> Tensor {
    let normal = Normal::named(seed, name).tensor(shape);
    if name.ends_with("running_var") {
        return normal.abs() * 0.2 + 0.9;
    }
    if name.ends_with("bias") || name.ends_with("running_mean") {
        return normal * 0.1;
    }
    match shape {
        [] | [_] => normal * 0.2 + 1.0,
        [_, inputs @ ..] => normal / (inputs.iter().product::<i64>() as f64).sqrt(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use half::bf16;
    use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
    use tempfile::TempDir;

    use super::*;

    /// A file with `a` [2, 2] = 1, 2, 3, 4 in every kind of storage and `b` [3] in f32.
    fn checkpoint(folder: &TempDir, dtype: Dtype) -> PathBuf {
        let values = [1.0_f32, 2.0, 3.0, 4.0];
        let a: Vec<u8> = match dtype {
            Dtype::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Dtype::F16 => values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
            Dtype::BF16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
            Dtype::F8_E4M3 => vec![0x38, 0x40, 0x44, 0x48],
            _ => vec![1, 2, 3, 4],
        };
        let b = [0_u8; 12];
        let tensors = [
            ("x.a", TensorView::new(dtype, vec![2, 2], &a).unwrap()),
            ("x.b", TensorView::new(Dtype::F32, vec![3], &b).unwrap()),
        ];
        let path = folder.path().join("model.safetensors");
        serialize_to_file(tensors, None, &path).unwrap();
        path
    }

    fn open(path: &Path) -> Result<Weights, Error> {
        Weights::open(path, Device::Cpu, Kind::Float)
    }

    #[test]
    fn every_kind_of_storage_gives_the_same_numbers() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8_E4M3] {
            let folder = TempDir::new().unwrap();
            let w = open(&checkpoint(&folder, dtype)).unwrap();
            let a = (&w / "x").tensor("a", &[2, 2]).unwrap();
            assert_eq!(a, Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([2, 2]), "{dtype:?}");
            assert_eq!(a.kind(), Kind::Float);
        }
    }

    #[test]
    fn the_first_missing_wrong_or_unexpected_tensor_is_named() {
        let folder = TempDir::new().unwrap();
        let w = open(&checkpoint(&folder, Dtype::F32)).unwrap();
        let x = &w / "x";
        let missing = x.tensor("c", &[7, 5]).unwrap_err().to_string();
        assert!(missing.contains("no tensor “x.c” (wanted: [7, 5])"), "{missing}");
        let wrong = x.tensor("a", &[2, 3]).unwrap_err().to_string();
        assert!(wrong.contains("“x.a”") && wrong.contains("[2, 2], expected [2, 3]"), "{wrong}");
        let _ = x.tensor("a", &[2, 2]).unwrap();
        let unexpected = w.finish().unwrap_err().to_string();
        assert!(unexpected.contains("1 tensor") && unexpected.contains("“x.b” [3]"), "{unexpected}");
        x.pass_over("b");
        w.finish().unwrap();
    }

    #[test]
    fn a_file_is_held_against_an_outline_without_being_read() {
        let folder = TempDir::new().unwrap();
        let w = open(&checkpoint(&folder, Dtype::F32)).unwrap();
        let outline = |names: &[(&str, &[i64])]| {
            let outline = Weights::outline();
            for (name, shape) in names {
                let _ = outline.tensor(name, shape).unwrap();
            }
            w.check(&outline).map_err(|error| error.to_string())
        };
        outline(&[("x.a", &[2, 2]), ("x.b", &[3])]).unwrap();
        let said = outline(&[("x.a", &[2, 2]), ("x.b", &[3]), ("x.c", &[1])]).unwrap_err();
        assert!(said.contains("no tensor “x.c” (wanted: [1])"), "{said}");
        let said = outline(&[("x.a", &[4]), ("x.b", &[3])]).unwrap_err();
        assert!(said.contains("[2, 2], expected [4]"), "{said}");
        let said = outline(&[("x.a", &[2, 2])]).unwrap_err();
        assert!(said.contains("1 tensor") && said.contains("“x.b” [3]"), "{said}");
    }

    #[test]
    fn whole_numbers_are_no_weights() {
        let folder = TempDir::new().unwrap();
        let w = open(&checkpoint(&folder, Dtype::U8)).unwrap();
        let error = w.tensor("x.a", &[2, 2]).unwrap_err().to_string();
        assert!(error.contains("stored as U8"), "{error}");
    }

    #[test]
    fn a_cut_off_or_foreign_file_is_refused_when_it_is_opened() {
        let folder = TempDir::new().unwrap();
        let path = checkpoint(&folder, Dtype::F32);
        let whole = fs::read(&path).unwrap();
        for (bytes, says) in [
            (&whole[..whole.len() - 5], "is cut off: it has"),
            (&whole[..20], "is cut off: it has 20 of"),
            (&whole[..4], "too short"),
            (&b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."[..], "does not begin with a header"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = open(&path).err().unwrap().to_string();
            assert!(error.contains(says) && error.contains("ownload"), "{error}");
        }
    }

    #[test]
    fn shards_open_as_one_and_must_match_their_index() {
        let folder = TempDir::new().unwrap();
        checkpoint(&folder, Dtype::F32);
        let [index, second] =
            ["model.safetensors.index.json", "second.safetensors"].map(|name| folder.path().join(name));
        let one = 1.0_f32.to_le_bytes();
        serialize_to_file([("y", TensorView::new(Dtype::F32, vec![1], &one).unwrap())], None, &second)
            .unwrap();
        let said = r#"{"weight_map": {"x.a": "model.safetensors", "x.b": "model.safetensors", "y": "second.safetensors"}}"#;
        fs::write(&index, said).unwrap();
        let w = open(folder.path()).unwrap();
        assert_eq!(w.names(), ["x.a", "x.b", "y"]);
        let _ = w.tensor("y", &[1]).unwrap();
        fs::write(&index, said.replace(r#""y""#, r#""z""#)).unwrap();
        let error = open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("does not place the tensor “y”"), "{error}");
        fs::write(&index, said).unwrap();
        fs::remove_file(&second).unwrap();
        let error = open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("second.safetensors cannot be read"), "{error}");
    }

    #[test]
    fn a_folder_must_leave_no_doubt() {
        let folder = TempDir::new().unwrap();
        assert!(open(folder.path()).err().unwrap().to_string().contains("holds no .safetensors file"));
        let path = checkpoint(&folder, Dtype::F32);
        open(folder.path()).unwrap();
        fs::copy(&path, folder.path().join("other.safetensors")).unwrap();
        assert!(open(folder.path()).err().unwrap().to_string().contains("holds 2 .safetensors files"));
    }

    #[test]
    fn an_outline_costs_nothing_and_remembers_what_was_asked() {
        let w = Weights::outline();
        let huge = (&w / "block" / 3).tensor("weight", &[1 << 20, 1 << 20]).unwrap();
        assert_eq!(huge.size(), [1 << 20, 1 << 20]);
        assert_eq!(
            w.taken().into_iter().collect::<Vec<_>>(),
            [("block.3.weight".to_owned(), vec![1 << 20, 1 << 20])]
        );
    }
}
