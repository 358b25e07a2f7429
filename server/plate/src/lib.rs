//! The plate engine: segmentation, reasoning and removal that need no network weights. The only crate that uses OpenCV; no
//! files, no FFmpeg.
pub mod cv;
pub mod reason;
pub mod remove;
pub mod segment;
