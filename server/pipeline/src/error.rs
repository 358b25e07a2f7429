//! Why a stage stopped, as sentences for artists.

use domain::Step;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Media(#[from] media::Error),
    #[error(transparent)]
    Segment(plate::segment::Error),
    #[error("{}", with_sources(.0))]
    Remove(plate::remove::Error),
    #[error("{}", with_sources(.0))]
    Reason(plate::reason::Error),
    #[error(
        "The quadmask is {got_width}×{got_height}, the plate is {width}×{height}. Export it at the plate's size."
    )]
    MaskSize { got_width: u32, got_height: u32, width: u32, height: u32 },
    #[error("The quadmask has {got} frames, the plate has {frames}. Export one mask frame per plate frame.")]
    MaskLength { got: u32, frames: u32 },
    #[error(transparent)]
    Mask(#[from] domain::mask::BadMask),
    #[error(transparent)]
    Recipe(#[from] domain::recipe::BadRecipe),
    #[error("{doing}: {source}. Check the folder and the room on its disk, then run this again.")]
    Io { doing: String, source: std::io::Error },
    #[error("{0}")]
    Input(String),
    #[error(
        "Kept pixels would have changed by up to {max_delta} (frame {frame}). Nothing was delivered; please report this with the plate."
    )]
    KeptPixels { max_delta: u32, frame: u32 },
    #[error("Stopped, as asked.")]
    Cancelled,
}

pub type Result<T> = std::result::Result<T, Error>;

impl From<plate::segment::Error> for Error {
    fn from(error: plate::segment::Error) -> Self {
        match error {
            plate::segment::Error::Stopped => Self::Cancelled,
            error => Self::Segment(error),
        }
    }
}

impl From<plate::reason::Error> for Error {
    fn from(error: plate::reason::Error) -> Self {
        match error {
            plate::reason::Error::Stopped => Self::Cancelled,
            error => Self::Reason(error),
        }
    }
}

impl From<plate::remove::Error> for Error {
    fn from(error: plate::remove::Error) -> Self {
        match error {
            plate::remove::Error::Stopped => Self::Cancelled,
            error => Self::Remove(error),
        }
    }
}

impl Error {
    /// Wraps a file error with what was being done.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// An error and what lies beneath it, as one sentence.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// The stage was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped, as asked")]
pub struct Cancelled;

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Hears where a stage is; its error is how a stage learns that it shall stop.
pub trait Reporter {
    /// `done` of `total` parts of `step`.
    fn step(&mut self, step: Step, done: u64, total: u64) -> std::result::Result<(), Cancelled>;
}

/// Nobody listens and nobody stops.
impl Reporter for () {
    fn step(&mut self, _: Step, _: u64, _: u64) -> std::result::Result<(), Cancelled> {
        Ok(())
    }
}
