//! Checkpoint files made here: full-size ones of zeros that take no disk, for measuring, and small ones of random numbers,
//! for tests. Opening any is told in [`crate::weights`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use tch::{Kind, Tensor};

use crate::{Error, Weights};

/// Writes a bf16 checkpoint of zeros with these names and shapes, as a file with a hole.
///
/// # Errors
/// When it cannot be written.
pub fn write_zeros(path: &Path, shapes: &BTreeMap<String, Vec<i64>>) -> Result<(), Error> {
    let (header, end) = header(shapes, "BF16", 2);
    let written = File::create(path).and_then(|mut file| {
        file.write_all(&header)?;
        file.set_len(header.len() as u64 + end)
    });
    written.map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

/// Writes the random weights of [`Weights::seeded`] with these names and shapes, in f32; those in `raised` with a number added.
///
/// # Errors
/// When it cannot be written.
pub fn write_seeded(
    path: &Path,
    seed: u64,
    shapes: &BTreeMap<String, Vec<i64>>,
    raised: &[(&str, f64)],
) -> Result<(), Error> {
    let w = Weights::seeded(seed);
    let (mut bytes, _) = header(shapes, "F32", 4);
    for (name, shape) in shapes {
        let more = raised.iter().find(|(raised, _)| raised == name).map_or(0.0, |(_, more)| *more);
        let values = (w.tensor(name, shape)?.to_kind(Kind::Float) + more).contiguous();
        let values = Vec::<f32>::try_from(Tensor::view(&values, [-1]))?;
        bytes.extend(values.into_iter().flat_map(f32::to_le_bytes));
    }
    std::fs::write(path, bytes).map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

/// The length of the header, the header, and how many bytes of tensors follow.
pub(crate) fn header(shapes: &BTreeMap<String, Vec<i64>>, dtype: &str, size: u64) -> (Vec<u8>, u64) {
    let mut end = 0;
    let mut all = serde_json::Map::new();
    for (name, shape) in shapes {
        let start = end;
        end += shape.iter().map(|side| *side as u64).product::<u64>() * size;
        all.insert(
            name.clone(),
            serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }),
        );
    }
    let mut text = serde_json::to_string(&all).expect("plain JSON").into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.extend(text);
    (header, end)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::transformer::{Config, Transformer};

    #[test]
    fn random_weights_come_back_from_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let outline = Weights::outline();
        Transformer::new(&outline, Config::tiny()).unwrap();
        write_seeded(&path, 5, &outline.taken(), &[]).unwrap();
        let w = Weights::open(&path, Device::Cpu, Kind::Float).unwrap();
        Transformer::new(&w, Config::tiny()).unwrap();
        w.finish().unwrap();
        let name = "transformer_blocks.1.attn1.to_q.weight";
        let shape = w.shape(name).unwrap();
        assert_eq!(w.tensor(name, &shape).unwrap(), Weights::seeded(5).tensor(name, &shape).unwrap());
    }

    #[test]
    fn a_full_size_checkpoint_opens_without_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("void_pass1.safetensors");
        let outline = Weights::outline();
        Transformer::new(&outline, Config::void()).unwrap();
        write_zeros(&path, &outline.taken()).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 11_142_925_568);
        let w = Weights::open(&path, Device::Cpu, Kind::BFloat16).unwrap();
        assert_eq!(w.names().len(), 1024);
        assert_eq!(w.shape("patch_embed.proj.weight").unwrap(), [3072, 384]);
    }
}
