//! The networks on libtorch, their checkpoints, and the noise and schedules they are sampled with.
//!
//! Knows tensors and files of weights. Knows no footage, shots or recipes: `media` decodes, `pipeline` arranges.
//!
//! Axis letters: `b` batch, `f` frames, `c` channels, `h w` pixels, `n` tokens, `d` width.

mod error;
pub mod layers;
pub mod parity;
pub mod random;
mod safetensors_file;
mod weights;

pub use error::Error;
pub use weights::Weights;
