//! Which engine removes, and with which knobs.

mod choice;
mod knobs;
mod outlook;
mod plate;
mod void;

pub use choice::EngineChoice;
pub use plate::PlateForm;
pub use void::{VoidForm, refined};
