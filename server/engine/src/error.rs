//! Why the engine stopped, as sentences for the person who ordered the removal.

use std::path::PathBuf;

use domain::Hash;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    #[error(transparent)]
    Nets(#[from] nets::Error),
    #[error("{} is no folder. Give the folder that the weights were put into.", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} is not there: {what}. {todo}", path.display())]
    NoPart { path: PathBuf, what: &'static str, todo: &'static str },
    #[error("{} do not belong together: {what}. Get all parts of one model.", path.display())]
    Mixed { path: PathBuf, what: String },
    #[error(
        "{} is not the file that was accepted: its SHA-256 is {found}, and {accepted} is recorded in {}. Get the file again. If \
         you put another one there on purpose, take its entry out of that list.",
        path.display(), list.display()
    )]
    Changed { path: PathBuf, list: PathBuf, accepted: Hash, found: Hash },
    #[error(
        "The weights of SAM 2 were exchanged while the mask grew, so the rest of it would be another network's. Grow it again."
    )]
    Exchanged,
    #[error(
        "A canvas of {width}×{height} is larger than this model's largest, {most_width}×{most_height}. Choose a smaller canvas."
    )]
    Canvas { width: u32, height: u32, most_width: u32, most_height: u32 },
    #[error("The prompt is empty. Say in one sentence what the scene shows after the removal.")]
    NoPrompt,
    #[error("The quadmask marks nothing as primary, so there is nothing to remove. Mark the target first.")]
    NoPrimary,
    #[error(
        "The target is so small that nothing of it is left on a canvas of {width}×{height}. Set `region` to “marked” in the \
         recipe, or choose a larger canvas."
    )]
    TooSmall { width: u32, height: u32 },
    #[error(
        "{} has room for {free} MB, and this removal needs {needed} MB beside its results. Make room there, or choose another \
         folder.",
        path.display()
    )]
    NoRoom { path: PathBuf, needed: u64, free: u64 },
    #[error(
        "{} has {got} frames, the plate has {frames}. Give the result of pass 1 on this plate.",
        path.display()
    )]
    FirstPassLength { path: PathBuf, got: u32, frames: u32 },
    #[error(
        "{} is {got_width}×{got_height}, which is neither the plate's size, {width}×{height}, nor the canvas's, \
         {canvas_width}×{canvas_height}. Give the result of pass 1 on this plate.",
        path.display()
    )]
    FirstPassSize {
        path: PathBuf,
        got_width: u32,
        got_height: u32,
        width: u32,
        height: u32,
        canvas_width: u32,
        canvas_height: u32,
    },
    #[error(
        "{} shows the model another part of the plate than this recipe does: {got}, not {wanted}. Give the result of pass 1 \
         with this recipe, or its result.mkv.",
        path.display()
    )]
    FirstPassRegion { path: PathBuf, got: String, wanted: String },
    #[error(
        "{} was made of another plate. Give the result of pass 1 on this plate.",
        path.display()
    )]
    FirstPassPlate { path: PathBuf },
    #[error(
        "The model's numbers ran away ({what}), so there is no picture. Lower the guidance, choose `float32` as precision, or \
         check the weights."
    )]
    NotFinite { what: &'static str },
    #[error("libtorch gave up: {reason}.")]
    Torch { reason: String },
    #[error(
        "Memory ran out, with each block of the networks loaded by itself. Choose a smaller canvas or a shorter window, or \
         end what else uses the device."
    )]
    NoMemory,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What libtorch said when it gave up; its bindings panic.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why");
        Self::Torch { reason: said.lines().next().unwrap_or_default().to_owned() }
    }
}

impl From<pipeline::Cancelled> for Error {
    fn from(_: pipeline::Cancelled) -> Self {
        Self::Pipeline(pipeline::Error::Cancelled)
    }
}

impl From<media::Error> for Error {
    fn from(error: media::Error) -> Self {
        Self::Pipeline(error.into())
    }
}

impl From<domain::recipe::BadRecipe> for Error {
    fn from(error: domain::recipe::BadRecipe) -> Self {
        Self::Pipeline(error.into())
    }
}

impl From<plate::remove::Error> for Error {
    fn from(error: plate::remove::Error) -> Self {
        Self::Pipeline(error.into())
    }
}

/// Wraps a file error with what was being done.
pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let wrap = pipeline::Error::io(doing);
    move |source| Error::Pipeline(wrap(source))
}
