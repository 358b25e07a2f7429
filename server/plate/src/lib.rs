//! The plate engine: segmentation and removal that need no network weights. The only crate that uses OpenCV; no files, no FFmpeg.
pub mod cv;
pub mod remove;
pub mod segment;
