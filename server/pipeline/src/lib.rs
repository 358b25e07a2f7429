//! The stages of a removal, on plain files: ingest, segment, remove, composite, verify; the demo scenes and trial shots.
//! No SQL, no jobs, no HTTP.

pub mod demo;
mod error;
mod masks;
mod plate_file;
pub mod stages;
pub mod trial;
mod turn;

pub use error::{Cancelled, Error, Reporter, Result};
pub use masks::{MaskMovie, Masks};
pub use plate_file::{Plate, PlateFile};
