//! A few linear layers with something between them, stored as `layers.0`, `layers.1`, ….

use tch::Tensor;

use crate::layers::Linear;
use crate::{Error, Weights};

pub struct Mlp {
    layers: Vec<Linear>,
    between: fn(&Tensor) -> Tensor,
}

impl Mlp {
    /// `widths`: of the input, between the layers, and of the output.
    pub fn relu(w: Weights, widths: &[i64]) -> Result<Self, Error> {
        Self::new(w, widths, Tensor::relu)
    }

    pub fn gelu(w: Weights, widths: &[i64]) -> Result<Self, Error> {
        Self::new(w, widths, |x| x.gelu("none"))
    }

    fn new(w: Weights, widths: &[i64], between: fn(&Tensor) -> Tensor) -> Result<Self, Error> {
        let layer = |(i, pair): (usize, &[i64])| Linear::new(&w / "layers" / i, pair[0], pair[1]);
        Ok(Self { layers: widths.windows(2).enumerate().map(layer).collect::<Result<_, _>>()?, between })
    }

    /// Changes what is added at the very end: [last width].
    pub fn set_offset(&self, offset: &Tensor) {
        let bias = self.layers.last().and_then(Linear::bias).expect("at least one layer, with a bias");
        bias.shallow_clone().copy_(offset);
    }

    /// [.., first width] → [.., last width]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (last, others) = self.layers.split_last().expect("at least one layer");
        let x = others.iter().fold(x.shallow_clone(), |x, layer| (self.between)(&layer.forward(&x)));
        last.forward(&x)
    }
}
