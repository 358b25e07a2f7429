//! Pages, components and server functions: what a viewer sees and what a viewer may know. No FFmpeg, no files.
#![recursion_limit = "512"]

pub mod api;
pub mod error;
pub mod routes;
