//! What can be wrong with a checkpoint, as sentences for the person who chose its folder.

use std::fmt;
use std::path::PathBuf;

/// Every message says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} cannot be read: {source}. Check the path and its permissions.", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} cannot be written: {source}. Check the folder, its permissions and the room on the disk.", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("{} holds no .safetensors file. Give the file, or the folder of the model in the Hugging Face layout.", path.display())]
    NoCheckpoint { path: PathBuf },
    #[error(
        "{} holds {count} .safetensors files and no index beside them, so it is unclear which one is meant. Give the file itself.",
        path.display()
    )]
    Ambiguous { path: PathBuf, count: usize },
    #[error("{} is not a safetensors file: {reason}. Download it again.", path.display())]
    NotSafetensors { path: PathBuf, reason: String },
    #[error(
        "{} is cut off: it has {found} of {expected} bytes. Its download never finished; download it again.",
        path.display()
    )]
    Truncated { path: PathBuf, found: u64, expected: u64 },
    #[error("{} is not what this program expects: {reason}.", path.display())]
    BadFile { path: PathBuf, reason: String },
    #[error(
        "{from} has no tensor “{name}” (wanted: {}). It is a checkpoint of another model or version.",
        Shape(expected)
    )]
    Missing { from: String, name: String, expected: Vec<i64> },
    #[error(
        "{from} holds {count} {} this model does not know; the first is “{name}” {}. It is a checkpoint of another model or version.",
        if *count == 1 { "tensor" } else { "tensors" },
        Shape(found)
    )]
    Unexpected { from: String, name: String, found: Vec<i64>, count: usize },
    #[error(
        "“{name}” in {from} has the shape {}, expected {}. It is a checkpoint of another model or size.",
        Shape(found),
        Shape(expected)
    )]
    WrongShape { from: String, name: String, found: Vec<i64>, expected: Vec<i64> },
    #[error(
        "“{name}” in {from} is stored as {dtype}; only BF16, F16, F32, F64 and F8_E4M3 can be read as weights."
    )]
    WrongKind { from: String, name: String, dtype: String },
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    #[error("{what}. {todo}")]
    Input { what: String, todo: String },
}

impl Error {
    /// Something that a network cannot do: `what` is wrong, without its full stop; `todo` is a whole sentence.
    pub fn input(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Input { what: what.into(), todo: todo.into() }
    }
}

struct Shape<'a>(&'a [i64]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (axis, size) in self.0.iter().enumerate() {
            write!(f, "{}{size}", if axis == 0 { "" } else { ", " })?;
        }
        write!(f, "]")
    }
}
