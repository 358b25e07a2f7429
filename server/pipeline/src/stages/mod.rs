//! The stages of a removal, each on plain files.

pub mod affected;
pub mod composite;
pub mod deliver;
pub mod engine;
pub mod ingest;
pub mod kept;
pub mod noun;
pub mod reason;
pub mod remove;
pub mod segment;
pub mod still;
pub mod tracks;
pub mod verify;
pub mod write;
