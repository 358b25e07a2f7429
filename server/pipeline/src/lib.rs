//! The stages of a removal, on plain files: ingest, segment, remove, composite, verify; and the demo scenes.
//! No SQL, no jobs, no HTTP.

pub mod demo;
mod error;
mod masks;
mod plate_file;
pub mod stages;
mod turn;

pub use error::{Cancelled, Error, Reporter, Result};
pub use masks::{MaskMovie, Masks};
pub use plate_file::{Plate, PlateFile};
