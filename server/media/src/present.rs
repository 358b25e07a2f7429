//! Which of a file's packets really come out as pictures. Decodes the head and the tail, or everything when those
//! disagree with the packets.

use std::collections::HashSet;
use std::path::Path;

use ffmpeg_next::ffi::AVFrame;
use ffmpeg_next::frame::Video;

use crate::colour::Tags;
use crate::decode::Decode;
use crate::error::name;
use crate::format::name_of;
use crate::frame::format_of;
use crate::index::{Index, Stamp};
use crate::scan::Scan;
use crate::{Error, PixelFormat, Reader};

/// Pictures decoded at the head of a file (as many as any codec reorders), and at least at its tail; at the tail of one
/// whose packets are pictures of their own, where only the last can be cut off.
const HEAD: usize = 24;
const TAIL: u32 = 8;
const INTRA_TAIL: u32 = 2;

/// The first picture's looks.
pub(crate) struct Look {
    pub format: PixelFormat,
    /// The pixel format itself says full range (`yuvj420p`).
    pub full_range: bool,
    pub tags: Tags,
    pub width: u32,
    pub height: u32,
    pub interlaced: bool,
    pub pixel_aspect: (i32, i32),
}

pub(crate) struct Presented {
    pub index: Index,
    pub look: Look,
    pub notes: Vec<String>,
}

/// `intra`: every packet of this codec is a picture of its own.
pub(crate) fn present(
    path: &Path,
    scan: &Scan,
    time_base: (i32, i32),
    intra: bool,
    progress: &mut dyn FnMut(f32) -> Result<(), Error>,
) -> Result<Presented, Error> {
    let timed = timed(scan, time_base);
    let intra = intra || scan.entries.iter().all(|entry| entry.key);
    let (mut head, mut look, mut ended) = (Vec::new(), None, false);
    let enough = match &timed {
        _ if intra => 1,
        Some(index) if (tail_start(index, TAIL) as usize) < HEAD => usize::MAX, // the tail begins there: go on to the end
        _ => HEAD,
    };
    let mut decode = Decode::sketch(path)?;
    while !ended && head.len() < enough {
        ended = !decode.next()?;
        if !ended {
            look = Some(look.map_or_else(|| Look::of(path, &decode.frame), Ok)?);
            head.push(decode.frame.pts());
            progress(0.1 * (head.len() as f32 / scan.entries.len() as f32).min(1.0))?;
        }
    }
    drop(decode);
    let look = look.ok_or_else(|| Error::NothingDecodes { file: name(path) })?;

    let mut notes = Vec::new();
    let quick = timed
        .and_then(|index| match_head(index, &head, ended, &mut notes))
        .filter(|index| ended || tail_decodes(path, index, if intra { INTRA_TAIL } else { TAIL }));
    let index = match quick {
        Some(index) => index,
        None => by_decoding(path, scan, time_base, &mut notes, progress)?,
    };
    check_whole(path, scan, &index)?;
    Ok(Presented { index, look, notes })
}

impl Look {
    fn of(path: &Path, frame: &Video) -> Result<Self, Error> {
        let layout = format_of(frame);
        let layout_name = name_of(layout);
        let format = PixelFormat::unpacked(layout).ok_or_else(|| Error::Unsupported {
            file: name(path),
            what: format!("the pixel format {layout_name}"),
        })?;
        // SAFETY: the frame lives.
        let raw: &AVFrame = unsafe { &*frame.as_ptr() };
        let aspect = raw.sample_aspect_ratio;
        Ok(Self {
            format,
            full_range: layout_name.starts_with("yuvj"),
            tags: Tags::of_frame(raw),
            width: frame.width(),
            height: frame.height(),
            interlaced: frame.is_interlaced(),
            pixel_aspect: if aspect.num > 0 && aspect.den > 0 { (aspect.num, aspect.den) } else { (1, 1) },
        })
    }
}

/// The index as the packets tell it; `None` when their times cannot name pictures.
fn timed(scan: &Scan, time_base: (i32, i32)) -> Option<Index> {
    let mut seen = HashSet::new();
    if !scan.entries.iter().all(|e| e.timed && seen.insert(e.stamp.pts)) {
        return None;
    }
    let mut shown: Vec<u32> = (0..scan.entries.len() as u32)
        .filter(|&i| !scan.entries[i as usize].hidden && !scan.entries[i as usize].partial)
        .collect();
    shown.sort_by_key(|&i| scan.entries[i as usize].stamp.pts);
    let entry = |&i: &u32| &scan.entries[i as usize];
    Some(Index {
        times: shown.iter().map(|i| entry(i).stamp.pts).collect(),
        keys: shown.iter().map(|i| entry(i).key).collect(),
        time_base,
        packets: scan.entries.iter().map(|e| e.stamp).collect::<Vec<Stamp>>(),
        order: shown,
    })
}

impl Index {
    fn keep(&mut self, wanted: impl Fn(i64) -> bool) {
        let keep: Vec<bool> = self.times.iter().map(|&t| wanted(t)).collect();
        let mut flags = keep.iter().copied();
        self.keys.retain(|_| flags.next().unwrap_or(false));
        let mut flags = keep.iter().copied();
        self.order.retain(|_| flags.next().unwrap_or(false));
        let mut flags = keep.iter().copied();
        self.times.retain(|_| flags.next().unwrap_or(false));
    }
}

/// Takes away pictures before the first that decodes; `None` when the head disagrees in any other way.
fn match_head(mut index: Index, head: &[Option<i64>], ended: bool, notes: &mut Vec<String>) -> Option<Index> {
    let decoded: Vec<i64> = head.iter().copied().collect::<Option<_>>()?;
    let (&first, &last) = (decoded.first()?, decoded.last()?);
    let all = index.times.len();
    index.keep(|t| t >= first);
    let promised = index.times.iter().filter(|&&t| ended || t <= last);
    if !promised.eq(decoded.iter()) {
        return None;
    }
    if index.times.len() < all {
        notes.push(format!(
            "The first {} pictures need footage that is not in the file and are left out.",
            all - index.times.len()
        ));
    }
    Some(index)
}

/// Whether everything from a key near the end on comes out.
fn tail_decodes(path: &Path, index: &Index, tail: u32) -> bool {
    let frames = tail_start(index, tail)..index.frames();
    Reader::sketch(path, index)
        .is_ok_and(|mut reader| frames.into_iter().all(|frame| reader.find(frame).is_ok()))
}

/// The last place from which the tail can be decoded.
fn tail_start(index: &Index, tail: u32) -> u32 {
    index.key_before(index.frames().saturating_sub(tail)).unwrap_or(0)
}

/// Decodes the whole file and keeps what comes out.
fn by_decoding(
    path: &Path,
    scan: &Scan,
    time_base: (i32, i32),
    notes: &mut Vec<String>,
    progress: &mut dyn FnMut(f32) -> Result<(), Error>,
) -> Result<Index, Error> {
    let mut decode = Decode::sketch(path)?;
    let (mut exact, mut guessed) = (Vec::new(), Vec::new());
    let expected = scan.entries.len().max(1) as f32;
    while decode.next()? {
        exact.push(decode.frame.pts());
        guessed.push(decode.frame.timestamp().unwrap_or(i64::MIN));
        if exact.len() % 8 == 0 {
            progress((0.1 + 0.9 * exact.len() as f32 / expected).min(1.0))?;
        }
    }
    let ascending =
        |times: &[i64]| times.windows(2).all(|pair| pair[0] < pair[1]) && !times.contains(&i64::MIN);
    if let (Some(mut index), Some(times)) =
        (timed(scan, time_base), exact.into_iter().collect::<Option<Vec<i64>>>())
        && ascending(&times)
        && times.iter().all(|&t| index.frame_at(t).is_some())
    {
        let missing = index.times.len() - times.len();
        if missing > 0 && missing * 2 != index.times.len() {
            notes.push(format!("{missing} pictures in the file cannot be decoded and are left out."));
        }
        let kept: HashSet<i64> = times.iter().copied().collect();
        index.keep(|t| kept.contains(&t));
        return Ok(index);
    }
    let count = guessed.len();
    let (times, time_base) =
        if ascending(&guessed) { (guessed, time_base) } else { even(path, count, time_base)? };
    let keys = (0..count).map(|j| j == 0).collect();
    Ok(Index { times, keys, time_base, packets: Vec::new(), order: Vec::new() })
}

/// Times at the rate the container states, one unit per picture.
fn even(path: &Path, count: usize, time_base: (i32, i32)) -> Result<(Vec<i64>, (i32, i32)), Error> {
    let decode = Decode::open(path)?;
    let stream = decode.input().stream(decode.stream()).expect("chosen from this input");
    let rate = stream.avg_frame_rate();
    let unit = match (rate.numerator(), rate.denominator()) {
        (num, den) if num > 0 && den > 0 => (den, num),
        _ => time_base,
    };
    Ok(((0..count as i64).collect(), unit))
}

/// Refuses a file that ends before it should.
fn check_whole(path: &Path, scan: &Scan, index: &Index) -> Result<(), Error> {
    let file = name(path);
    let shown = scan.entries.iter().filter(|e| !e.hidden);
    let whole = shown.clone().filter(|e| !e.partial).count() as u32;
    let expected = scan.promised.max(shown.clone().count() as u32);
    let fields = index.frames() * 2 == whole; // two packets for each picture
    let lost_end = index.is_timed()
        && !fields
        && index.times.last() < shown.filter(|e| !e.partial && e.timed).map(|e| e.stamp.pts).max().as_ref();
    let readable = index.frames();
    if scan.broken || expected > whole || lost_end {
        return Err(Error::Truncated { file, readable, expected: expected.max(readable) });
    }
    if readable == 0 {
        return Err(Error::NothingDecodes { file });
    }
    Ok(())
}
