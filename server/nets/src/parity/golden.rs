//! Golden tensors of a fixture file, and how far two tensors are apart.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use tch::{Kind, Tensor};

use crate::Error;
use crate::safetensors_file::{Entry, Mapped};

/// A fixture file: its tensors as they are stored, of any kind.
pub struct Golden {
    file: Mapped,
    tensors: BTreeMap<String, Entry>,
}

impl Golden {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, entries) = Mapped::open(path)?;
        Ok(Self { file, tensors: entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect() })
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// On the CPU, as stored.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        match self.tensors.get(name) {
            Some(entry) => self.file.tensor(entry),
            None => Err(Error::BadFile {
                path: self.file.path.clone(),
                reason: format!("it has no tensor “{name}”"),
            }),
        }
    }
}

/// How far a tensor is from its golden one.
pub struct Difference {
    pub tensor: String,
    /// The largest |got − want|; infinite when shapes differ or a number is not finite on one side only.
    pub absolute: f64,
    /// `absolute` over the largest |want|.
    pub relative: f64,
    /// The largest `absolute` allowed.
    pub tolerance: f64,
    /// Where it is largest, or why the two cannot be compared.
    pub worst: String,
}

impl Difference {
    pub fn exact(name: &str, same: bool) -> Self {
        let apart = if same { 0.0 } else { f64::INFINITY };
        let worst = if same { "the same" } else { "not the same" };
        Self {
            tensor: name.to_owned(),
            absolute: apart,
            relative: apart,
            tolerance: 0.0,
            worst: worst.to_owned(),
        }
    }

    pub fn passed(&self) -> bool {
        self.absolute <= self.tolerance
    }

    /// How much of the tolerance is used up.
    pub fn strain(&self) -> f64 {
        if self.absolute == 0.0 { 0.0 } else { self.absolute / self.tolerance }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, absolute, relative, tolerance, worst } = self;
        write!(
            f,
            "{tensor}: absolute {absolute:.2e}, relative {relative:.2e}, tolerance {tolerance:.1e} ({worst})"
        )
    }
}

/// Compares in f64.
pub fn difference(name: &str, got: &Tensor, want: &Tensor, tolerance: f64) -> Difference {
    let apart = |absolute: f64, relative: f64, worst: String| Difference {
        tensor: name.to_owned(),
        absolute,
        relative,
        tolerance,
        worst,
    };
    if got.size() != want.size() {
        let worst = format!("shape {:?}, expected {:?}", got.size(), want.size());
        return apart(f64::INFINITY, f64::INFINITY, worst);
    }
    if got.numel() == 0 {
        return apart(0.0, 0.0, "empty".to_owned());
    }
    let flat = |t: &Tensor| t.to_device(tch::Device::Cpu).to_kind(Kind::Double).contiguous().view(-1);
    let (got, want) = (flat(got), flat(want));
    // Equal infinities are equal; anything else that is not finite is as far apart as can be.
    let distance = (&got - &want).abs().nan_to_num(f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let distance = distance.masked_fill(&got.eq_tensor(&want), 0.0);
    let at = distance.argmax(0, false).int64_value(&[]);
    let absolute = distance.double_value(&[at]);
    let largest = want.abs().max().double_value(&[]);
    let relative = if absolute == 0.0 { 0.0 } else { absolute / largest };
    let worst = format!("at {at}: {:.6}, expected {:.6}", got.double_value(&[at]), want.double_value(&[at]));
    apart(absolute, relative, worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_element_is_found_and_told() {
        let (got, want) = (Tensor::from_slice(&[1.0, 2.5, 3.0]), Tensor::from_slice(&[1.0, 2.0, 4.0]));
        let difference = difference("x", &got, &want, 0.5);
        assert_eq!((difference.absolute, difference.relative), (1.0, 0.25));
        assert!(!difference.passed() && difference.to_string().contains("at 2: 3.000000, expected 4.000000"));
    }

    #[test]
    fn other_shapes_and_lost_numbers_never_pass() {
        let one = Tensor::from_slice(&[1.0]);
        assert!(!difference("x", &one, &Tensor::from_slice(&[1.0, 1.0]), 1e9).passed());
        assert!(!difference("x", &Tensor::from_slice(&[f64::NAN]), &one, 1e9).passed());
        assert!(difference("x", &one, &one, 0.0).passed());
    }
}
