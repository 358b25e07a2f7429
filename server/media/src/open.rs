//! Opening footage safely: only known containers, only local files, and refusals that say what the file is instead.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Once;

use ffmpeg_next::ffi::{AVDiscard, AVMediaType, av_log_set_level, avcodec_get_name};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::{Dictionary, format};

use crate::Error;
use crate::error::name;

/// Containers that may be opened. The last line holds sound only; it is here for a better refusal.
const CONTAINERS: &str = "mov,matroska,webm,mxf,avi,mpegts,wav,mp3,flac,ogg,aac,aiff,w64";

const CODECS: [&str; 30] = [
    "h264",
    "hevc",
    "prores",
    "dnxhd",
    "ffv1",
    "mjpeg",
    "mpeg4",
    "mpeg2video",
    "mpeg1video",
    "vp8",
    "vp9",
    "av1",
    "png",
    "qtrle",
    "rawvideo",
    "v210",
    "v410",
    "cfhd",
    "huffyuv",
    "ffvhuff",
    "utvideo",
    "jpeg2000",
    "dvvideo",
    "magicyuv",
    "r210",
    "v308",
    "v408",
    "yuv4",
    "msmpeg4v3",
    "theora",
];

const AV_LOG_QUIET: i32 = -8;

/// Before the first use of FFmpeg: it says nothing by itself, everything comes as an `Error`.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    // SAFETY: sets one global integer.
    ONCE.call_once(|| unsafe { av_log_set_level(AV_LOG_QUIET) });
}

/// FFmpeg's way to write a local path, so that a colon in it is not taken for a protocol.
pub(crate) fn local(path: &Path) -> Result<PathBuf, Error> {
    match path.to_str() {
        Some(text) if !text.contains('\0') => Ok(PathBuf::from(format!("file:{text}"))),
        _ => Err(Error::Unreadable {
            file: name(path),
            reason: "its name holds characters that are not text".into(),
        }),
    }
}

/// Opens a container.
pub(crate) fn open(path: &Path) -> Result<Input, Error> {
    start();
    let url = local(path)?;
    let about = std::fs::metadata(path)
        .map_err(|error| Error::Unreadable { file: name(path), reason: plain(&error) })?;
    if about.is_dir() {
        return Err(Error::NotVideo { file: name(path), what: "a folder".into() });
    }
    if about.is_file() && about.len() == 0 {
        return Err(Error::Empty { file: name(path) });
    }
    let mut options = Dictionary::new();
    options.set("format_whitelist", CONTAINERS);
    options.set("protocol_whitelist", "file");
    format::input_with_dictionary(&url, options).map_err(|error| refusal(path, error))
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there".into(),
        std::io::ErrorKind::PermissionDenied => "reading it is not permitted".into(),
        _ => error.to_string(),
    }
}

fn refusal(path: &Path, error: ffmpeg_next::Error) -> Error {
    let file = name(path);
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head));
    if let Err(error) = read {
        return Error::Unreadable { file, reason: plain(&error) };
    }
    let box_name = head.get(4..8).unwrap_or_default();
    let cut_off = [&b"ftyp"[..], b"mdat", b"moov", b"wide", b"free", b"skip"].contains(&box_name)
        || head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
        || head.starts_with(&[0x06, 0x0e, 0x2b, 0x34])
        || head.starts_with(b"RIFF");
    if cut_off {
        return Error::Incomplete { file };
    }
    let what = if is_text(&head) {
        "a text file"
    } else if head.starts_with(b"\x89PNG")
        || head.starts_with(&[0xff, 0xd8, 0xff])
        || head.starts_with(b"II*\0")
    {
        "a still picture"
    } else if head.starts_with(b"PK\x03\x04") {
        "a ZIP archive"
    } else if head.starts_with(b"%PDF") {
        "a PDF document"
    } else if matches!(error, ffmpeg_next::Error::InvalidData | ffmpeg_next::Error::Other { .. }) {
        "in a format that is not known here"
    } else {
        return Error::Unreadable { file, reason: error.to_string() };
    };
    Error::NotVideo { file, what: what.into() }
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => head,
        Err(error) if error.error_len().is_none() => &head[..error.valid_up_to()], // cut inside a character
        Err(_) => return false,
    };
    !valid.is_empty() && valid.iter().all(|&b| b >= 0x20 || matches!(b, b'\n' | b'\r' | b'\t' | 0x0c))
}

/// The number of the stream that holds the picture: the default one, else the largest. Cover art does not count.
pub(crate) fn video_stream(path: &Path, input: &Input) -> Result<usize, Error> {
    let aside = Disposition::ATTACHED_PIC;
    let mut best = None;
    let mut sound = false;
    for stream in input.streams() {
        let parameters = stream.parameters();
        // SAFETY: the parameters belong to the open input.
        let (kind, area) = unsafe {
            let p = &*parameters.as_ptr();
            (p.codec_type, i64::from(p.width) * i64::from(p.height))
        };
        sound |= kind == AVMediaType::AVMEDIA_TYPE_AUDIO;
        if kind == AVMediaType::AVMEDIA_TYPE_VIDEO && !stream.disposition().intersects(aside) {
            let rank = (stream.disposition().contains(Disposition::DEFAULT), area);
            if best.is_none_or(|(top, _)| rank > top) {
                best = Some((rank, stream.index()));
            }
        }
    }
    let what = if sound { "sound" } else { "other tracks" };
    best.map(|(_, index)| index).ok_or_else(|| Error::NoPicture { file: name(path), what: what.into() })
}

/// Refuses what must not or cannot be decoded, before any decoder is opened.
pub(crate) fn check_stream(path: &Path, input: &Input, stream: usize) -> Result<(), Error> {
    let file = name(path);
    let stream = input.stream(stream).expect("chosen from this input");
    let parameters = stream.parameters();
    // SAFETY: the parameters belong to the open input.
    let (width, height, tag) = unsafe {
        let p = &*parameters.as_ptr();
        (p.width, p.height, p.codec_tag.to_le_bytes())
    };
    if [b"encv", b"drmi", b"enca"].contains(&&tag) {
        return Err(Error::Encrypted { file });
    }
    let codec = codec_name(&parameters);
    if !CODECS.contains(&codec.as_str()) {
        let what = match codec.as_str() {
            "none" => format!("an unknown codec (“{}”)", String::from_utf8_lossy(&tag).replace('\0', "")),
            known => format!("the codec {known}"),
        };
        return Err(Error::Unsupported { file, what });
    }
    check_size(path, width.max(0) as u32, height.max(0) as u32)
}

/// 16×16 to 8192×4320, either way up.
pub(crate) fn check_size(path: &Path, width: u32, height: u32) -> Result<(), Error> {
    let file = name(path);
    if width == 0 || height == 0 {
        return Err(Error::NothingDecodes { file });
    }
    if width < 16 || height < 16 {
        return Err(Error::TooSmall { file, width, height });
    }
    if width.max(height) > 8192 || width.min(height) > 4320 {
        return Err(Error::TooLarge { file, width, height });
    }
    Ok(())
}

/// FFmpeg's name of a codec, e.g. `h264`.
pub(crate) fn codec_name(parameters: &ffmpeg_next::codec::Parameters) -> String {
    // SAFETY: the parameters live; the name is a static C string for every id.
    unsafe {
        let name = avcodec_get_name((*parameters.as_ptr()).codec_id);
        std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

/// Reads packets of `stream` only.
pub(crate) fn only(input: &mut Input, stream: usize) {
    for index in 0..input.nb_streams() as usize {
        if index != stream
            && let Some(mut other) = input.stream_mut(index)
        {
            // SAFETY: the stream belongs to the open input; a plain field.
            unsafe { (*other.as_mut_ptr()).discard = AVDiscard::AVDISCARD_ALL };
        }
    }
}
