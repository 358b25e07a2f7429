//! What a file is: the facts an artist sees, the index that reading needs, and the reasons to refuse it.

use std::path::Path;

use domain::{Audio, PlateFacts, Rate, Timecode};
use ffmpeg_next::Rational;
use ffmpeg_next::ffi::{
    AV_CODEC_PROP_INTRA_ONLY, AVMediaType, AVPacketSideDataType, av_display_rotation_get,
    av_stream_get_side_data, avcodec_descriptor_get,
};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Stream;

use crate::colour::Tags;
use crate::error::name;
use crate::open::{check_size, check_stream, codec_name, only, open, video_stream};
use crate::present::{Look, present};
use crate::scan::scan;
use crate::timing::{Timing, timing};
use crate::{Error, Index};

/// The facts of the plate at `path` (without frame hashes) and its index. Reads every packet once and decodes the
/// head and the tail of the file, so that every frame in the index is one that a `Reader` gives.
///
/// `progress` is told 0 to 1; an error from it ends the probe.
pub fn probe(
    path: &Path,
    progress: &mut dyn FnMut(f32) -> Result<(), Error>,
) -> Result<(PlateFacts, Index), Error> {
    let mut input = open(path)?;
    let number = video_stream(path, &input)?;
    check_stream(path, &input, number)?;
    let header = Header::read(&input, number);
    only(&mut input, number);
    let scanned = scan(path, &mut input, number, &mut |done| progress(done * 0.8))?;
    drop(input);
    let shown =
        present(path, &scanned, header.time_base, header.intra, &mut |done| progress(0.8 + done * 0.2))?;
    progress(1.0)?;
    let mut notes = header.notes.clone();
    notes.extend(shown.notes);
    let facts = header.facts(path, shown.look, &shown.index, notes)?;
    Ok((facts, shown.index))
}

/// What the container says about the picture stream.
struct Header {
    container: String,
    codec: String,
    intra: bool,
    time_base: (i32, i32),
    said_rates: Vec<(i32, i32)>,
    rotation: u16,
    tags: Tags,
    timecode: Option<String>,
    audio: Option<Audio>,
    notes: Vec<String>,
}

impl Header {
    fn read(input: &Input, number: usize) -> Self {
        let stream = input.stream(number).expect("chosen from this input");
        let parameters = stream.parameters();
        // SAFETY: parameters and descriptor belong to the open input and to FFmpeg's static tables.
        let (intra, tags) = unsafe {
            let raw = &*parameters.as_ptr();
            let intra = avcodec_descriptor_get(raw.codec_id)
                .as_ref()
                .is_some_and(|d| d.props & AV_CODEC_PROP_INTRA_ONLY != 0);
            (intra, Tags::of_parameters(raw))
        };
        let pair = |r: Rational| (r.numerator(), r.denominator());
        let mut notes = Vec::new();
        let rotation = rotation(&stream, &mut notes);
        let pictures = input.streams().filter(|s| kind(s) == AVMediaType::AVMEDIA_TYPE_VIDEO).count();
        if pictures > 1 {
            notes.push(format!("The file has {pictures} picture tracks; track {} is used.", number + 1));
        }
        Self {
            container: input.format().name().split(',').next().unwrap_or_default().to_owned(),
            codec: codec_name(&parameters),
            intra,
            time_base: pair(stream.time_base()),
            said_rates: vec![pair(stream.avg_frame_rate()), pair(stream.rate())],
            rotation,
            tags,
            timecode: timecode(input, number),
            audio: input.streams().find(|s| kind(s) == AVMediaType::AVMEDIA_TYPE_AUDIO).map(|s| audio(&s)),
            notes,
        }
    }

    fn facts(
        self,
        path: &Path,
        look: Look,
        index: &Index,
        mut notes: Vec<String>,
    ) -> Result<PlateFacts, Error> {
        let Self {
            container,
            codec,
            intra: _,
            time_base: _,
            said_rates,
            rotation,
            tags,
            timecode,
            audio,
            notes: _,
        } = self;
        let Look { format, full_range, tags: decoded, width, height, interlaced, pixel_aspect } = look;
        check_size(path, width, height)?;
        let upright = if rotation % 180 == 90 { width } else { height };
        let colour = decoded.or(tags).complete(format, upright, full_range);
        if colour.assumed {
            notes.push(format!(
                "The file does not say how its colours are coded; {} is assumed from its height of {upright} lines.",
                if upright >= 720 { "BT.709" } else { "BT.601" },
            ));
        }
        if interlaced {
            notes.push("The file is interlaced; both fields of a frame are kept as one picture.".to_owned());
        }
        if pixel_aspect.0 != pixel_aspect.1 {
            let (x, y) = pixel_aspect;
            notes.push(format!(
                "Its pixels are not square ({x}:{y}); the picture is shown as stored, unstretched."
            ));
        }
        let (rate, variable) = match timing(&index.times, index.time_base, &said_rates) {
            Timing::Constant(rate) => (rate, false),
            Timing::Variable(rate) => {
                notes.push(format!(
                    "The frame rate varies; frames are counted in order and play at {rate}, the average. \
                     The time of each frame is kept."
                ));
                (rate, true)
            }
            Timing::Unknown => {
                notes.push("The file names no frame rate; 24 is assumed.".to_owned());
                (Rate::new(24, 1).expect("a rate"), false)
            }
        };
        let start_timecode = timecode.and_then(|text| match Timecode::parse(&text, rate) {
            Ok(start) => Some(start.label(0, rate)),
            Err(_) => {
                notes.push(format!(
                    "The file's start timecode “{text}” is not possible at {rate} and is left out."
                ));
                None
            }
        });
        tracing::debug!(file = name(path), frames = index.frames(), "Probed plate");
        Ok(PlateFacts {
            container,
            codec,
            pixel_format: format.name(),
            bit_depth: format.depth(),
            has_alpha: format.has_alpha(),
            coded_width: width,
            coded_height: height,
            rotation,
            rate,
            frames: index.frames(),
            variable_times: variable.then(|| index.times.clone()),
            time_base: index.time_base,
            colour,
            start_timecode,
            audio,
            frame_hashes: Vec::new(),
            notes,
        })
    }
}

fn kind(stream: &Stream) -> AVMediaType {
    // SAFETY: the parameters belong to the open input.
    unsafe { (*stream.parameters().as_ptr()).codec_type }
}

fn audio(stream: &Stream) -> Audio {
    let parameters = stream.parameters();
    // SAFETY: the parameters belong to the open input.
    let (rate, channels) = unsafe {
        let raw = &*parameters.as_ptr();
        (raw.sample_rate, raw.ch_layout.nb_channels)
    };
    Audio {
        codec: codec_name(&parameters),
        sample_rate: u32::try_from(rate).unwrap_or(0),
        channels: u16::try_from(channels).unwrap_or(0),
    }
}

/// From the picture track, then a timecode track, then the container.
fn timecode(input: &Input, number: usize) -> Option<String> {
    let of = |stream: &Stream| stream.metadata().get("timecode").map(str::to_owned);
    let picture = input.stream(number).as_ref().and_then(of);
    let track = || input.streams().find_map(|s| of(&s));
    picture.or_else(track).or_else(|| input.metadata().get("timecode").map(str::to_owned))
}

/// Clockwise degrees from the display matrix, in whole quarter turns.
fn rotation(stream: &Stream, notes: &mut Vec<String>) -> u16 {
    let mut size = 0;
    let kind = AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    // SAFETY: the stream lives; the data is checked for size before nine words are read.
    let (angle, mirrored) = unsafe {
        let matrix = av_stream_get_side_data(stream.as_ptr(), kind, &mut size).cast::<i32>();
        if matrix.is_null() || size < 36 {
            return 0;
        }
        let at = |i: usize| f64::from(matrix.add(i).read_unaligned());
        (-av_display_rotation_get(matrix), at(0) * at(4) - at(1) * at(3) < 0.0)
    };
    if !angle.is_finite() {
        return 0;
    }
    if mirrored {
        notes.push("The file asks for a mirrored picture; it is shown as stored, not mirrored.".to_owned());
    }
    let quarters = (angle / 90.0).round();
    if (angle - quarters * 90.0).abs() > 1.0 {
        notes.push(format!("The file asks for a turn by {angle:.0}°; only quarter turns are followed."));
    }
    (quarters.rem_euclid(4.0) as u16) * 90
}

/// A text that a file's picture track, or the file itself, has under a name; names are the same in capitals.
///
/// # Errors
/// When the file cannot be opened.
pub fn tag(path: &Path, name: &str) -> Result<Option<String>, Error> {
    let input = open(path)?;
    let tracks = input.streams().find_map(|stream| stream.metadata().get(name).map(str::to_owned));
    Ok(tracks.or_else(|| input.metadata().get(name).map(str::to_owned)))
}
