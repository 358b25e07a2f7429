//! Checkpoint files made here: full-size ones of zeros that take no disk, and of random numbers, for measuring; and small
//! ones of random numbers, for tests. Opening any is told in [`crate::weights`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tch::{Kind, Tensor};

use crate::random::Normal;
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
    write_safetensors(path, shapes, |name, shape| {
        let more = raised.iter().find(|(raised, _)| *raised == name).map_or(0.0, |(_, more)| *more);
        Ok(w.tensor(name, shape)? + more)
    })
}

/// Writes random bf16 weights of the same sizes as those of [`Weights::seeded`], a piece at a time and fast enough for tens of
/// gigabytes: tensors take their numbers from one long row, each from another place.
///
/// # Errors
/// When it cannot be written.
pub fn write_drawn(path: &Path, seed: u64, shapes: &BTreeMap<String, Vec<i64>>) -> Result<(), Error> {
    const ROW: usize = (1 << 21) + 1; // odd, so that rows of weights do not repeat each other
    let mut normal = Normal::named(seed, "drawn");
    let row: Vec<f32> = (0..ROW).map(|_| normal.draw() as f32).collect();
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 22, File::create(path)?);
        file.write_all(&header(shapes, "BF16", 2).0)?;
        for (number, (name, shape)) in shapes.iter().enumerate() {
            let (factor, offset) = match shape.as_slice() {
                _ if name.ends_with("bias") || name.ends_with("running_mean") => (0.1, 0.0),
                [] | [_] => (0.05, 1.0),
                [_, inputs @ ..] => (1.0 / (inputs.iter().product::<i64>() as f32).sqrt(), 0.0),
            };
            let mut left = shape.iter().product::<i64>() as usize;
            let mut at = number.wrapping_mul(0x9e37_79b9) % ROW;
            while left > 0 {
                let piece = &row[at..ROW.min(at + left)];
                let mut bytes = vec![0; 2 * piece.len()];
                for (pair, value) in bytes.chunks_exact_mut(2).zip(piece) {
                    pair.copy_from_slice(&bf16(value * factor + offset).to_le_bytes());
                }
                file.write_all(&bytes)?;
                (left, at) = (left - piece.len(), 0);
            }
        }
        file.flush()
    };
    write().map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}

/// The upper half of a number of 32 bits, rounded to the nearest and, between two, to the even one.
fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
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

/// Writes f32 tensors of these names and shapes as safetensors, one in memory at a time.
///
/// # Errors
/// When a tensor cannot be had, or the file cannot be written.
pub(crate) fn write_safetensors(
    path: &Path,
    shapes: &BTreeMap<String, Vec<i64>>,
    mut values: impl FnMut(&str, &[i64]) -> Result<Tensor, Error>,
) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { path: path.to_owned(), source };
    let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
    file.write_all(&header(shapes, "F32", 4).0).map_err(unwritable)?;
    // In the order in which the header names them.
    for (name, shape) in shapes {
        let tensor = values(name, shape)?.to_kind(Kind::Float).contiguous();
        let mut bytes = vec![0; tensor.numel() * 4];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        file.write_all(&bytes).map_err(unwritable)?;
    }
    file.flush().map_err(unwritable)
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
    fn drawn_weights_open_and_are_about_as_large_as_seeded_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let outline = Weights::outline();
        Transformer::new(&outline, Config::tiny()).unwrap();
        write_drawn(&path, 5, &outline.taken()).unwrap();
        let w = Weights::open(&path, Device::Cpu, Kind::Float).unwrap();
        Transformer::new(&w, Config::tiny()).unwrap();
        w.finish().unwrap();
        let deviation = |w: &Weights, name: &str| {
            let tensor = outline.taken()[name].clone();
            w.tensor(name, &tensor).unwrap().std(true).double_value(&[])
        };
        for name in ["transformer_blocks.0.ff.net.0.proj.weight", "patch_embed.proj.weight"] {
            let ratio = deviation(&w, name) / deviation(&Weights::seeded(5), name);
            assert!((0.8..1.25).contains(&ratio), "{name}: {ratio}");
        }
        assert_eq!([bf16(1.0), bf16(-2.0), bf16(1.003_906_2)], [0x3f80, 0xc000, 0x3f80]);
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
