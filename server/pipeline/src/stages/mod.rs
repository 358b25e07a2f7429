//! The stages of a removal, each on plain files.

pub mod composite;
pub mod ingest;
pub mod remove;
pub mod segment;
pub mod verify;
