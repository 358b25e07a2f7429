//! Checkpoints of random numbers at any size, written tensor by tensor: as safetensors, and as `torch.save` writes them.
//! Which tensors a network has is told beside it; opening either file is told in [`crate::weights`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Error;
use crate::blank::header;
use crate::weights::seeded;

/// A tensor of a file, in f32. Its numbers are a function of the names in `parts` alone.
pub struct Drawn {
    /// In the file.
    pub name: String,
    /// Names and shapes of what lies below each other in it.
    pub parts: Vec<(String, Vec<i64>)>,
    /// Added to all of it.
    pub raised: f64,
}

impl Drawn {
    fn shape(&self) -> Vec<i64> {
        let mut shape = self.parts.first().map_or_else(Vec::new, |(_, shape)| shape.clone());
        if let [rows, ..] = shape.as_mut_slice() {
            *rows = self.parts.iter().map(|(_, shape)| shape[0]).sum();
        }
        shape
    }

    /// Little-endian, row by row.
    fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for (name, shape) in &self.parts {
            let values = (seeded(0, name, shape) + self.raised).contiguous();
            let start = bytes.len();
            bytes.resize(start + 4 * values.numel(), 0);
            values.f_copy_data_u8(&mut bytes[start..], values.numel())?;
        }
        Ok(bytes)
    }
}

/// # Errors
/// When it cannot be written.
pub fn write_safetensors(path: &Path, tensors: &[Drawn]) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    // In the order in which the header names them.
    let by_name: BTreeMap<&str, &Drawn> = tensors.iter().map(|drawn| (drawn.name.as_str(), drawn)).collect();
    let shapes = tensors.iter().map(|drawn| (drawn.name.clone(), drawn.shape())).collect();
    let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
    file.write_all(&header(&shapes, "F32", 4).0).map_err(unwritable)?;
    for drawn in by_name.values() {
        file.write_all(&drawn.bytes()?).map_err(unwritable)?;
    }
    file.flush().map_err(unwritable)
}

/// As `torch.save({"model": tensors})` writes it: every tensor in numbers of its own.
///
/// # Errors
/// When it cannot be written.
pub fn write_torch(path: &Path, tensors: &[Drawn]) -> Result<(), Error> {
    let unwritable = |source: io::Error| Error::Unwritable { path: path.to_owned(), source };
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(File::create(path).map_err(unwritable)?);
    let mut put = |name: String, bytes: &[u8]| {
        archive.start_file(name, stored).map_err(|error| unwritable(error.into()))?;
        archive.write_all(bytes).map_err(unwritable)
    };
    put("archive/data.pkl".to_owned(), &pickle(tensors))?;
    put("archive/byteorder".to_owned(), b"little")?;
    for (key, drawn) in tensors.iter().enumerate() {
        put(format!("archive/data/{key}"), &drawn.bytes()?)?;
    }
    put("archive/version".to_owned(), b"3\n")?;
    archive.finish().map_err(|error| unwritable(error.into()))?;
    Ok(())
}

/// An empty `OrderedDict`, in the letters of the pickle machine.
const ORDERED: &[u8] = b"ccollections\nOrderedDict\n)R";

fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn whole(whole: i64) -> Vec<u8> {
    [b"J".as_slice(), &(whole as i32).to_le_bytes()].concat()
}

fn tuple(parts: &[i64]) -> Vec<u8> {
    [b"(".to_vec(), parts.iter().flat_map(|part| whole(*part)).collect(), b"t".to_vec()].concat()
}

/// The table of the tensors, protocol 2; the numbers of each are in the part of the archive that is called after its place.
fn pickle(tensors: &[Drawn]) -> Vec<u8> {
    let mut out = [b"\x80\x02}".as_slice(), &text("model"), ORDERED, b"("].concat();
    for (key, drawn) in tensors.iter().enumerate() {
        let shape = drawn.shape();
        let below = |axis: usize| shape[axis + 1..].iter().product::<i64>();
        let strides: Vec<i64> = (0..shape.len()).map(below).collect();
        let numbers = [
            b"((".as_slice(),
            &text("storage"),
            b"ctorch\nFloatStorage\n",
            &text(&key.to_string()),
            &text("cpu"),
            &whole(shape.iter().product()),
            b"tQ",
        ];
        out.extend(text(&drawn.name));
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n");
        out.extend(numbers.concat());
        out.extend([whole(0), tuple(&shape), tuple(&strides)].concat());
        out.extend([b"\x89".as_slice(), ORDERED, b"tR"].concat());
    }
    out.extend(b"us.");
    out
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::Weights;

    #[test]
    fn both_files_hold_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, parts: &[(&str, &[i64])], raised| Drawn {
            name: name.to_owned(),
            parts: parts.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect(),
            raised,
        };
        let tensors = [
            of("x.weight", &[("x.weight", &[3, 2, 2])], 0.0),
            of("joined", &[("a", &[1, 4]), ("b", &[2, 4])], 0.0),
            of("x.bias", &[("x.bias", &[5])], 7.0),
        ];
        let (safe, torch) = (folder.path().join("a.safetensors"), folder.path().join("b.pt"));
        write_safetensors(&safe, &tensors).unwrap();
        write_torch(&torch, &tensors).unwrap();
        let open = |path: &Path| Weights::open(path, Device::Cpu, Kind::Float).unwrap();
        let (safe, torch) = (open(&safe), open(&torch));
        assert_eq!(safe.names(), ["joined", "x.bias", "x.weight"]);
        assert_eq!(safe.names(), torch.names());
        let all: [(&str, &[i64]); 3] = [("joined", &[3, 4]), ("x.bias", &[5]), ("x.weight", &[3, 2, 2])];
        for (name, shape) in all {
            let (one, other) = (safe.tensor(name, shape).unwrap(), torch.tensor(name, shape).unwrap());
            assert_eq!(one, other, "{name}");
        }
        let bias = safe.tensor("x.bias", &[5]).unwrap();
        assert!((bias.mean(None).double_value(&[]) - 7.0).abs() < 0.5);
        assert_ne!(safe.tensor("x.weight", &[3, 2, 2]).unwrap().std(true).double_value(&[]), 0.0);
    }
}
