//! Documents for printing, as PDF: faces, lines on pages, and the documents themselves. What they say comes from elsewhere.

mod faces;
mod history;
mod sheet;

pub use history::history;

/// A document that could not be made; the sentence is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the typeface cannot be read: {0}")]
    Face(String),
    #[error("the pages cannot be put together: {0}")]
    Pages(String),
}

pub type Result<T> = std::result::Result<T, Error>;
