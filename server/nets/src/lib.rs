//! The networks on libtorch, their checkpoints, and the noise and schedules they are sampled with.
//!
//! Knows tensors and files of weights. Knows no footage, shots or recipes: `media` decodes, `pipeline` arranges.
//!
//! Axis letters: `b` batch, `f` frames, `c` channels, `h w` pixels, `n` tokens, `d` width.

pub mod bare;
pub mod blank;
pub mod blocks;
pub mod drawn;
mod error;
pub mod layers;
pub mod noise_warp;
pub mod parity;
pub mod prepare;
pub mod raft;
pub mod random;
mod safetensors_file;
pub mod sam2;
pub mod sam3;
pub mod sample;
pub mod schedule;
pub mod t5;
mod torch_file;
mod torch_write;
pub mod transformer;
pub mod vae;
mod watch;
mod weights;

pub use blocks::Holding;
pub use error::Error;
pub use watch::Watch;
pub use weights::Weights;

/// For tiny tensors: threads would wait for each other longer than they work.
pub fn use_one_thread() {
    tch::set_num_threads(1);
}

/// Reads a JSON file that belongs to a model.
///
/// # Errors
/// When it cannot be read or does not say what is needed.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<T, Error> {
    let text = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::BadFile { path: path.to_owned(), reason: error.to_string() })
}
