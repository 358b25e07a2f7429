//! One pass over a file's packets, without decoding: what is in there, and what the container says should be.

use std::path::Path;

use ffmpeg_next::Packet;
use ffmpeg_next::codec::packet::Ref;
use ffmpeg_next::ffi::{
    AV_PKT_FLAG_CORRUPT, AV_PKT_FLAG_DISCARD, AV_PKT_FLAG_KEY, AVPacketSideDataType, av_packet_get_side_data,
    av_rescale, avformat_index_get_entries_count,
};
use ffmpeg_next::format::context::Input;

use crate::Error;
use crate::error::name;
use crate::index::Stamp;

/// One packet of the picture stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub stamp: Stamp,
    /// Whether it carries a presentation time.
    pub timed: bool,
    pub key: bool,
    /// Decoded but not presented: an edit list cuts it away.
    pub hidden: bool,
    /// Not all of its bytes are there.
    pub partial: bool,
}

/// The packets in file order.
pub(crate) struct Scan {
    pub entries: Vec<Entry>,
    /// How many pictures the container promises, 0 when it does not say.
    pub promised: u32,
    /// Reading ended with an error rather than at the end of the file.
    pub broken: bool,
}

/// Reads all packets of `stream`; `input` must be at its start. Progress goes from 0 to 1.
pub(crate) fn scan(
    path: &Path,
    input: &mut Input,
    stream: usize,
    progress: &mut dyn FnMut(f32) -> Result<(), Error>,
) -> Result<Scan, Error> {
    let bytes = std::fs::metadata(path).map_or(0, |about| about.len()).max(1);
    let mut entries = Vec::new();
    let mut packet = Packet::empty();
    let mut empty = 0;
    let mut told = 0.0f32;
    let broken = loop {
        match packet.read(input) {
            Ok(()) => {}
            Err(ffmpeg_next::Error::Eof) => break false,
            Err(_) => break true,
        }
        if packet.stream() != stream {
            continue;
        }
        if entries.is_empty() && is_encrypted(&packet) {
            return Err(Error::Encrypted { file: name(path) });
        }
        if packet.size() == 0 {
            empty += 1; // repeats the picture before it, in AVI
            continue;
        }
        // SAFETY: a plain field; ffmpeg-next drops the flags that it has no name for.
        let flags = unsafe { (*packet.as_ptr()).flags };
        entries.push(Entry {
            stamp: Stamp {
                pts: packet.pts().unwrap_or(i64::MIN),
                dts: packet.dts().or(packet.pts()).unwrap_or(i64::MIN),
            },
            timed: packet.pts().is_some(),
            key: flags & AV_PKT_FLAG_KEY != 0,
            hidden: flags & AV_PKT_FLAG_DISCARD != 0,
            partial: flags & AV_PKT_FLAG_CORRUPT != 0,
        });
        let done = (packet.position().max(0) as f32 / bytes as f32).clamp(0.0, 1.0);
        if done >= told + 0.01 {
            told = done;
            progress(done)?;
        }
    };
    let promised = promised(input, stream, &entries).saturating_sub(empty);
    Ok(Scan { entries, promised, broken })
}

fn is_encrypted(packet: &Packet) -> bool {
    let kind = AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO;
    // SAFETY: the packet lives; the size is not asked for.
    unsafe { !av_packet_get_side_data(packet.as_ptr(), kind, std::ptr::null_mut()).is_null() }
}

fn promised(input: &Input, stream: usize, entries: &[Entry]) -> u32 {
    let container = input.format().name().to_owned();
    let track = input.stream(stream).expect("chosen from this input");
    let hidden = entries.iter().filter(|e| e.hidden).count() as i64;
    let count = if container.starts_with("mov") {
        // After edit lists: the samples that would be read.
        // SAFETY: the stream belongs to the open input.
        i64::from(unsafe { avformat_index_get_entries_count(track.as_ptr()) }) - hidden
    } else if container == "avi" {
        track.frames()
    } else if ["matroska", "mxf"].iter().any(|name| container.starts_with(name)) {
        by_duration(input, stream, entries).unwrap_or(0)
    } else {
        0
    };
    u32::try_from(count).unwrap_or(0)
}

/// Pictures that fit in the duration the header states, when the packets end clearly before it.
fn by_duration(input: &Input, stream: usize, entries: &[Entry]) -> Option<i64> {
    let track = input.stream(stream)?;
    let rate = track.avg_frame_rate();
    let base = track.time_base();
    let stated = match track.metadata().get("DURATION").and_then(seconds) {
        Some(seconds) => (seconds * f64::from(base.denominator()) / f64::from(base.numerator())) as i64,
        None if input.nb_streams() == 1 && track.duration() <= 0 => {
            // SAFETY: plain arithmetic; guards against zero denominators itself.
            unsafe {
                av_rescale(
                    input.duration(),
                    base.denominator().into(),
                    (1_000_000 * i64::from(base.numerator())).max(1),
                )
            }
        }
        None => track.duration(),
    };
    if rate.numerator() <= 0 || rate.denominator() <= 0 || base.numerator() <= 0 || stated <= 0 {
        return None;
    }
    let first = entries.iter().filter(|e| e.timed).map(|e| e.stamp.pts).min()?;
    let last = entries.iter().filter(|e| e.timed).map(|e| e.stamp.pts).max()?;
    let per_frame = f64::from(base.denominator()) / f64::from(base.numerator())
        * f64::from(rate.denominator())
        / f64::from(rate.numerator());
    let start = if container_counts_from_zero(input) { first.min(0) } else { first };
    let missing = (start.saturating_add(stated).saturating_sub(last) as f64 / per_frame).round() as i64 - 1;
    (missing > 2).then(|| missing.saturating_add(entries.len() as i64))
}

/// Matroska's durations end at the last picture's absolute time.
fn container_counts_from_zero(input: &Input) -> bool {
    input.format().name().starts_with("matroska")
}

/// `01:02:03.456789000` in seconds.
fn seconds(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| part.trim().parse::<f64>().ok().map(|value| sum * 60.0 + value))
}
