//! Uploads as one sees them: the place to drop files on, and the panel that says how far they are.

mod drop;
mod panel;
mod unfinished;

pub use drop::{DropArea, FileButton};
pub use panel::UploadPanel;
pub use unfinished::Unfinished;
