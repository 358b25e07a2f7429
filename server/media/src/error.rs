//! What can go wrong with footage, as sentences for artists. FFmpeg's own codes end here.

use std::path::Path;

/// Every message says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "“{file}” cannot be opened: {reason}. Check that the file is still there and readable, then try again."
    )]
    Unreadable { file: String, reason: String },
    #[error("“{file}” is empty (0 bytes): its copy never finished. Copy it again from the source.")]
    Empty { file: String },
    #[error("“{file}” is {what}, not a video. Give a MOV, MP4, MKV, MXF, AVI or WebM file.")]
    NotVideo { file: String, what: String },
    #[error(
        "“{file}” is cut off: the table of its frames is missing, so none can be read. \
         Copy or export it again from the source."
    )]
    Incomplete { file: String },
    #[error(
        "“{file}” breaks off: only {readable} of {expected} frames can be read. \
         Copy or export it again from the source, or export just its first {readable} frames as a file of its own."
    )]
    Truncated { file: String, readable: u32, expected: u32 },
    #[error("“{file}” has {what} but no picture. Give the video file that belongs to it.")]
    NoPicture { file: String, what: String },
    #[error("None of the frames in “{file}” can be decoded: it is damaged. Export it again from the source.")]
    NothingDecodes { file: String },
    #[error("“{file}” is {width}×{height}: too small to work on. The smallest picture is 16×16.")]
    TooSmall { file: String, width: u32, height: u32 },
    #[error("“{file}” is {width}×{height}: too large. The largest picture is 8192×4320; export it smaller.")]
    TooLarge { file: String, width: u32, height: u32 },
    #[error(
        "“{file}” is copy-protected (encrypted), so its frames cannot be read. Export it without protection."
    )]
    Encrypted { file: String },
    #[error(
        "“{file}” uses {what}, which cannot be read here. \
         Export it as ProRes, DNxHR, H.264, HEVC, FFV1 or Motion JPEG."
    )]
    Unsupported { file: String, what: String },
    #[error(
        "Frame {frame} (counted from 0) of “{file}” cannot be decoded: the file is damaged there. \
         Export it again from the source."
    )]
    Damaged { file: String, frame: u32 },
    #[error("Frame {frame} was asked of “{file}”, which has frames 0 to {last}.")]
    NoSuchFrame { file: String, frame: u32, last: u32 },
    #[error(
        "The picture of “{file}” changes from {from} to {to} at frame {frame} (counted from 0). \
         Export it with one size and pixel format throughout."
    )]
    PictureChanges { file: String, frame: u32, from: String, to: String },
    #[error("A picture for “{file}” is {got}, expected {expected}.")]
    WrongPicture { file: String, expected: String, got: String },
    #[error("There is no room left on the disk for “{file}”. Free some space, then run this again.")]
    DiskFull { file: String },
    #[error(
        "“{file}” cannot be written: {reason}. Check the folder and its permissions, then run this again."
    )]
    Unwritable { file: String, reason: String },
    #[error("Stopped, as asked.")]
    Cancelled,
    #[error(
        "FFmpeg cannot {doing}: {reason}. Check that the installed FFmpeg is the one named in the README."
    )]
    Engine { doing: String, reason: String },
}

/// How a file is called in messages: its last part.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// FFmpeg failed at something that does not depend on the footage.
pub(crate) fn engine(doing: impl Into<String>) -> impl FnOnce(ffmpeg_next::Error) -> Error {
    let doing = doing.into();
    move |error| Error::Engine { doing, reason: error.to_string() }
}

/// FFmpeg failed while writing `path`.
pub(crate) fn writing(path: &Path) -> impl Fn(ffmpeg_next::Error) -> Error + use<> {
    let file = name(path);
    move |error| match error {
        ffmpeg_next::Error::Other { errno } if [libc_errno::ENOSPC, libc_errno::EDQUOT].contains(&errno) => {
            Error::DiskFull { file: file.clone() }
        }
        error => Error::Unwritable { file: file.clone(), reason: error.to_string() },
    }
}

mod libc_errno {
    pub const ENOSPC: i32 = ffmpeg_next::util::error::ENOSPC;
    pub const EDQUOT: i32 = 122; // Linux; not re-exported by ffmpeg-next
}
