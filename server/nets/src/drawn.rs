//! Checkpoints of random numbers at any size, written tensor by tensor: as safetensors, and as `torch.save` writes them.
//! Which tensors a network has is told beside it; opening either file is told in [`crate::weights`].

use std::collections::BTreeMap;
use std::path::Path;

use tch::Tensor;

use crate::weights::seeded;
use crate::{Error, blank, torch_write};

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

    fn values(&self) -> Tensor {
        let parts: Vec<Tensor> = self.parts.iter().map(|(name, shape)| seeded(0, name, shape)).collect();
        let joined = match parts.as_slice() {
            [alone] => alone.shallow_clone(),
            all => Tensor::cat(all, 0),
        };
        joined + self.raised
    }
}

fn shapes(tensors: &[Drawn]) -> BTreeMap<String, Vec<i64>> {
    tensors.iter().map(|drawn| (drawn.name.clone(), drawn.shape())).collect()
}

/// The numbers of a tensor by its name.
fn values(tensors: &[Drawn]) -> impl Fn(&str, &[i64]) -> Result<Tensor, Error> {
    let by_name: BTreeMap<&str, &Drawn> = tensors.iter().map(|drawn| (drawn.name.as_str(), drawn)).collect();
    move |name, _| Ok(by_name[name].values())
}

/// # Errors
/// When it cannot be written.
pub fn write_safetensors(path: &Path, tensors: &[Drawn]) -> Result<(), Error> {
    blank::write_safetensors(path, &shapes(tensors), values(tensors))
}

/// As `torch.save({"model": tensors})` writes it: every tensor in numbers of its own.
///
/// # Errors
/// When it cannot be written.
pub fn write_torch(path: &Path, tensors: &[Drawn]) -> Result<(), Error> {
    torch_write::write(path, &shapes(tensors), values(tensors))
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
