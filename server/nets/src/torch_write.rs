//! Writes weights as `torch.save` does, for tests and for measuring files of the published form. Reading them is told in
//! [`crate::torch_file`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use tch::{Kind, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Error;

const ORDERED: &[u8] = b"ccollections\nOrderedDict\n)R";

/// As `torch.save({"model": tensors})` writes f32 tensors of these names and shapes: each in numbers of its own, one in memory at a
/// time.
///
/// # Errors
/// When a tensor cannot be had, or the file cannot be written.
pub fn write(
    path: &Path,
    shapes: &BTreeMap<String, Vec<i64>>,
    mut values: impl FnMut(&str, &[i64]) -> Result<Tensor, Error>,
) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    let zipped = |error: zip::result::ZipError| unwritable(error.into());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path).map_err(unwritable)?));
    archive.start_file("archive/data.pkl", stored).map_err(zipped)?;
    archive.write_all(&pickle(shapes)).map_err(unwritable)?;
    archive.start_file("archive/byteorder", stored).map_err(zipped)?;
    archive.write_all(b"little").map_err(unwritable)?;
    for (key, (name, shape)) in shapes.iter().enumerate() {
        archive.start_file(format!("archive/data/{key}"), stored).map_err(zipped)?;
        let tensor = values(name, shape)?.to_kind(Kind::Float).contiguous();
        let mut bytes = vec![0; tensor.numel() * 4];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        archive.write_all(&bytes).map_err(unwritable)?;
    }
    let mut file = archive.finish().map_err(zipped)?;
    file.flush().map_err(unwritable)
}

/// The table of the archive, protocol 2.
fn pickle(shapes: &BTreeMap<String, Vec<i64>>) -> Vec<u8> {
    let mut table = [b"\x80\x02}(".to_vec(), text("model"), ORDERED.to_vec(), b"(".to_vec()].concat();
    for (key, (name, shape)) in shapes.iter().enumerate() {
        let mut steps = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            steps[axis - 1] = steps[axis] * shape[axis];
        }
        table.extend(text(name));
        table.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        table.extend(text("storage"));
        table.extend(b"ctorch\nFloatStorage\n");
        table.extend([text(&key.to_string()), text("cpu"), whole(shape.iter().product())].concat());
        table.extend(b"tQ");
        table.extend([whole(0), tuple(shape), tuple(&steps)].concat());
        table.extend(b"\x89");
        table.extend(ORDERED);
        table.extend(b"tR");
    }
    table.extend(b"uu.");
    table
}

fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn whole(number: i64) -> Vec<u8> {
    match i32::try_from(number) {
        Ok(number) => [b"J".as_slice(), &number.to_le_bytes()].concat(),
        Err(_) => [b"\x8a\x08".as_slice(), &number.to_le_bytes()].concat(),
    }
}

fn tuple(numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| whole(*number)).collect();
    [b"(".as_slice(), &numbers, b"t"].concat()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::Weights;

    #[test]
    fn what_is_written_opens_like_what_torch_saved() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("sam3.pt");
        let shapes = BTreeMap::from([
            ("x.a".to_owned(), vec![2, 3]),
            ("x.b".to_owned(), vec![4]),
            ("y".to_owned(), vec![]),
        ]);
        let seeded = Weights::seeded(3);
        write(&path, &shapes, |name, shape| seeded.tensor(name, shape)).unwrap();
        let w = Weights::open(folder.path(), Device::Cpu, Kind::Float).unwrap();
        for (name, shape) in &shapes {
            assert_eq!(w.tensor(name, shape).unwrap(), seeded.tensor(name, shape).unwrap(), "{name}");
        }
        w.finish().unwrap();
    }
}
