//! From a frame to what the vision backbone sees: a square, squashed, in −1…1. sam3-spec.md §1

use tch::{Device, Kind, Tensor};

use crate::Error;

/// The two ways in which the reference shrinks a frame. They differ by one level in a sixth of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resize {
    /// In two passes on bytes, rounded after each: what the reference gives on a CPU.
    Bytes,
    /// In floating point, rounded once: what the official code gives on its default device, a GPU.
    #[default]
    Float,
}

/// `rgb` [h, w, 3], bytes → [3, side, side], bytes, on the CPU. The aspect ratio is not kept.
///
/// # Errors
/// When it is no picture of RGB bytes.
pub fn resize(rgb: &Tensor, side: i64, resize: Resize) -> Result<Tensor, Error> {
    if rgb.kind() != Kind::Uint8 || rgb.dim() != 3 || rgb.size()[2] != 3 || rgb.numel() == 0 {
        return Err(Error::input(
            format!("A frame came as {:?} {:?}", rgb.size(), rgb.kind()),
            "Give it as bytes, [height, width, 3], red first.",
        ));
    }
    let frame = rgb.to_device(Device::Cpu).permute([2, 0, 1]).unsqueeze(0).contiguous(); // 1 3 h w
    let shrink = |x: &Tensor| x.internal_upsample_bilinear2d_aa([side, side], false, None, None);
    let square = match resize {
        Resize::Bytes => shrink(&frame),
        Resize::Float => shrink(&frame.to_kind(Kind::Float)).round().clamp(0.0, 255.0).to_kind(Kind::Uint8),
    };
    Ok(square.squeeze_dim(0))
}

/// Bytes → −1…1 in f32, any shape.
pub fn normalise(bytes: &Tensor) -> Tensor {
    (bytes.to_kind(Kind::Float) / 255.0 - 0.5) / 0.5
}
