//! One memory-mapped `.safetensors` file: its header checked against its length, its tensors by name. What the names
//! mean is told in [`crate::weights`]; a file that `torch.save` wrote is told from it and read by [`crate::torch_file`].

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::{Mmap, UncheckedAdvice};
use safetensors::tensor::{Dtype, SafeTensors};
use tch::{Kind, Tensor};

use crate::{Error, torch_file};

pub struct Mapped {
    pub path: PathBuf,
    map: Mmap,
}

/// Where one tensor lies in its file.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub shape: Vec<i64>,
    pub dtype: Dtype,
    start: usize,
    end: usize,
}

/// Bytes from which giving a tensor's pages back is worth a call.
const LARGE: usize = 1 << 20;
const LENGTH_BYTES: usize = 8; // The size of the header, little-endian, in front of it.

impl Mapped {
    /// Maps a file and reads its header; its tensors stay on disk until they are asked for.
    ///
    /// # Errors
    /// When it cannot be read, is no safetensors file, or is shorter than its header says.
    pub fn open(path: &Path) -> Result<(Self, Vec<Entry>), Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?.len();
        let broken =
            |reason: &str| Error::NotSafetensors { path: path.to_owned(), reason: reason.to_owned() };
        if found < LENGTH_BYTES as u64 {
            return Err(broken("it is too short to hold a header"));
        }
        // SAFETY: a checkpoint is read-only by agreement; whoever shortens it under a running worker stops that worker.
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        if map.starts_with(torch_file::BEGINNING) {
            let stored = torch_file::tensors(&map)
                .map_err(|reason| Error::BadFile { path: path.to_owned(), reason })?;
            let entries = stored
                .into_iter()
                .map(|torch_file::Stored { name, shape, dtype, start, end }| Entry {
                    name,
                    shape,
                    dtype,
                    start,
                    end,
                })
                .collect();
            return Ok((Self { path: path.to_owned(), map }, entries));
        }
        let header = u64::from_le_bytes(map[..LENGTH_BYTES].try_into().expect("eight bytes"));
        if map.get(LENGTH_BYTES).is_some_and(|first| *first != b'{') {
            return Err(broken("it does not begin with a header"));
        }
        let data = header.saturating_add(LENGTH_BYTES as u64);
        if data > found {
            return Err(Error::Truncated { path: path.to_owned(), found, expected: data });
        }
        let data = usize::try_from(data).map_err(|_| broken("its header is too large"))?;
        let metadata = match SafeTensors::read_metadata(&map) {
            Ok((_, metadata)) => metadata,
            Err(error) => {
                return Err(match declared(&map[LENGTH_BYTES..data]) {
                    Some(length) if data as u64 + length > found => {
                        Error::Truncated { path: path.to_owned(), found, expected: data as u64 + length }
                    }
                    _ => broken(&error.to_string()),
                });
            }
        };
        let entries = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| Entry {
                name,
                shape: info.shape.iter().map(|size| *size as i64).collect(),
                dtype: info.dtype,
                start: data + info.data_offsets.0,
                end: data + info.data_offsets.1,
            })
            .collect();
        Ok((Self { path: path.to_owned(), map }, entries))
    }

    /// The bytes of a tensor, little-endian, without reading them.
    pub fn bytes(&self, entry: &Entry) -> &[u8] {
        &self.map[entry.start..entry.end]
    }

    /// A copy on the CPU, as it is stored.
    pub fn tensor(&self, entry: &Entry) -> Result<Tensor, Error> {
        let kind = kind(entry.dtype).ok_or_else(|| Error::WrongKind {
            from: self.path.display().to_string(),
            name: entry.name.clone(),
            dtype: format!("{:?}", entry.dtype),
        })?;
        let tensor = Tensor::f_from_data_size(self.bytes(entry), &entry.shape, kind)?;
        if entry.end - entry.start >= LARGE {
            // What was copied need not stay in this process as well. Where the system declines, it only stays longer.
            // SAFETY: the map is of a file and read-only, so that pages given up are read again when they are wanted.
            drop(unsafe {
                self.map.unchecked_advise_range(
                    UncheckedAdvice::DontNeed,
                    entry.start,
                    entry.end - entry.start,
                )
            });
        }
        Ok(tensor)
    }
}

/// The end of the last tensor that a header names, if it can be read that far.
fn declared(header: &[u8]) -> Option<u64> {
    let header: serde_json::Value = serde_json::from_slice(header).ok()?;
    header.as_object()?.values().filter_map(|tensor| tensor["data_offsets"][1].as_u64()).max()
}

pub fn kind(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::F8_E4M3 => Kind::Float8e4m3fn,
        Dtype::U8 => Kind::Uint8,
        Dtype::I8 => Kind::Int8,
        Dtype::I16 => Kind::Int16,
        Dtype::I32 => Kind::Int,
        Dtype::I64 => Kind::Int64,
        Dtype::BOOL => Kind::Bool,
        _ => return None,
    })
}
