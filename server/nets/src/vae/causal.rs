//! Convolution over time that sees no later frame, and what it remembers from one chunk to the next.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::layers::Conv3d;
use crate::{Error, Watch, Weights};

/// One way through a clip, chunk after chunk.
#[derive(Default)]
pub struct Pass {
    /// The last frames that each convolution saw, by its name in the checkpoint.
    pub cache: BTreeMap<String, Tensor>,
    pub watch: Watch,
}

const KERNEL: i64 = 3;

/// 3×3×3; named `….conv` in the checkpoint.
pub struct CausalConv {
    conv: Conv3d,
    name: String,
}

impl CausalConv {
    pub fn new(w: Weights, inputs: i64, outputs: i64) -> Result<Self, Error> {
        let name = w.place().to_owned();
        Ok(Self { conv: Conv3d::new(w / "conv", inputs, outputs, [KERNEL; 3], [0, 1, 1])?, name })
    }

    /// [b, inputs, f, h, w] → [b, outputs, f, h, w]. In front of the clip stands its first frame, twice.
    pub fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let before = pass.cache.remove(&self.name).unwrap_or_else(|| {
            let first = x.narrow(2, 0, 1);
            Tensor::cat(&[&first, &first], 2)
        });
        let x = Tensor::cat(&[&before, x], 2); // b c f+2 h w
        let seen = x.size()[2];
        // A copy, or the whole chunk would stay in memory.
        let last = x.narrow(2, seen - (KERNEL - 1), KERNEL - 1).copy();
        pass.cache.insert(self.name.clone(), last);
        self.conv.forward(&x)
    }
}

/// Runs a layer for pictures on every frame: [b, c, f, h, w] → [b, c', f, h', w'].
pub fn per_frame(x: &Tensor, layer: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
    let (b, c, f, h, w) = x.size5().expect("[b, c, f, h, w]");
    let y = layer(&x.permute([0, 2, 1, 3, 4]).reshape([b * f, c, h, w])); // b·f c' h' w'
    let (_, c, h, w) = y.size4().expect("a picture");
    y.view([b, f, c, h, w]).permute([0, 2, 1, 3, 4])
}
