//! SAM 2, which follows an object through a shot from a few clicks: 2.0 and 2.1, from tiny to large.
//!
//! [`Sam2`] is the network, [`Session`] a shot being segmented with it, [`Single`] a picture on its own. Frames come in as
//! 8-bit RGB and masks go out as logits of the plate's size; clicks are in pixels of the plate.

mod config;
mod decoder;
mod holes;
mod image_encoder;
mod made;
mod memory_attention;
mod memory_encoder;
mod mlp;
mod model;
mod names;
mod pixels;
mod position;
mod prompt;
mod prompts;
mod session;
mod single;
#[cfg(test)]
mod tests;

pub use config::{Config, Generation};
pub use decoder::{AllMasks, MaskDecoder, Masks, stability};
pub use holes::fill as fill_holes;
pub use image_encoder::{Features, ImageEncoder};
pub use made::write_made;
pub use memory_attention::{Memory, MemoryAttention, Turn};
pub use memory_encoder::MemoryEncoder;
pub use model::{Answer, PointerAt, Points, Sam2};
pub use names::{Layout, transformers_name};
pub use pixels::{of_frame, of_picture};
pub use prompt::PromptEncoder;
pub use prompts::{Click, Prompt, Rect, Shot};
pub use session::{Direction, Found, Kept, Options, Pictures, Session};
pub use single::{Picked, Single};
