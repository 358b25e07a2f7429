//! FFmpeg, frames in and out, exact frame numbers, colour tags. Knows neither tensors nor shots, and streams: never a
//! whole clip in memory.
//!
//! Frame `j` is the `j`-th picture in presentation order, counted from 0. Pictures are kept as decoded, in coded
//! orientation; only [`Picture::to_rgb`], [`Picture::to_grey_full_range`], proxies and stills turn and convert.

mod coding;
mod colour;
mod convert;
mod decode;
mod encode;
mod error;
mod ffv1;
mod format;
mod frame;
mod index;
mod mask;
mod matte;
mod movie;
mod open;
mod picture;
mod present;
mod probe;
mod proxy;
mod reader;
mod scan;
mod sound;
mod still;
mod timing;
mod wave;

pub use coding::Coding;
pub use convert::{Grey8, Rgb8};
pub use encode::Carried;
pub use error::Error;
pub use ffv1::{Ffv1Writer, GreyWriter, ffv1_format};
pub use format::{Family, PixelFormat};
pub use index::Index;
pub use mask::{MaskReader, QuadmaskWriter, read_mask, write_quadmask_mp4};
pub use matte::MatteWriter;
pub use movie::MovieWriter;
pub use picture::{Picture, Plane};
pub use probe::{probe, tag};
pub use proxy::{ProxyWriter, proxy_size};
pub use reader::Reader;
pub use sound::{SoundFrom, fits_in_mov};
pub use still::{FilmStrip, STRIP_HEIGHT, jpeg, poster, thumbnail};
pub use wave::{Heard, WAVE_RATE, write_wave};
