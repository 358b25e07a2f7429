//! Sound copied from one file to another as it is, in step with the pictures. Never decoded: plain samples are cut where
//! the pictures begin, compressed ones between two packets, or hidden by an edit list where the container has those.

use std::ffi::CStr;
use std::path::Path;

use ffmpeg_next::ffi::{
    AVCodecID, AVMediaType, AVOutputFormat, av_get_exact_bits_per_sample, av_guess_format,
    avformat_query_codec,
};
use ffmpeg_next::format::context::{Input, Output};
use ffmpeg_next::{Packet, Rational};

use crate::Error;
use crate::error::writing;
use crate::open::{only, open, video_stream};

/// Seconds of compressed sound before the first picture that MOV takes along: its decoder needs them, and an edit list hides
/// them, so that what is heard begins to the sample.
const LEAD: f64 = 0.1;

/// A file whose first sound track is copied, and where in it the pictures begin.
#[derive(Debug, Clone, Copy)]
pub struct SoundFrom<'a> {
    pub path: &'a Path,
    /// Seconds of picture that are left out at the start.
    pub skip: f64,
    /// Of a whole plate sound goes on to its own end, as it does there; of a part it ends with the pictures.
    pub is_whole: bool,
}

pub(crate) struct Sound {
    input: Input,
    stream: usize,
    /// Stream number in the new file.
    target: usize,
    base: Rational,
    /// Samples that can be told apart inside of a packet; `None` for compressed sound.
    plain: Option<Plain>,
    /// Seconds at which the pictures start in the source.
    start: f64,
    /// Seconds before that which are taken along.
    lead: f64,
    /// Whether sound after the last picture is taken along.
    is_whole: bool,
    /// A packet that was read but not written yet.
    held: Option<Packet>,
    ended: bool,
}

#[derive(Debug, Clone, Copy)]
struct Plain {
    /// Samples of every channel in a second.
    rate: f64,
    /// Bytes of one sample of every channel.
    size: usize,
}

impl Plain {
    /// What is left of `packet`, which begins `early` seconds before the pictures, and how many seconds went.
    fn without_start(self, packet: &Packet, early: f64) -> Option<(Packet, f64)> {
        let samples = (early * self.rate).round();
        let rest = packet.data()?.get(samples as usize * self.size..).filter(|rest| !rest.is_empty())?;
        Some((Packet::copy(rest), samples / self.rate))
    }

    /// Seconds of sound in `packet`.
    fn length(self, packet: &Packet) -> f64 {
        (packet.size() / self.size) as f64 / self.rate
    }

    /// The first `left` seconds of `packet`, to the nearest sample.
    fn start(self, packet: &Packet, left: f64) -> Option<Packet> {
        let bytes = (left * self.rate).round() as usize * self.size;
        let data = packet.data()?;
        data.get(..bytes.min(data.len())).filter(|start| !start.is_empty()).map(Packet::copy)
    }
}

impl Sound {
    /// The first sound of `source`, as a stream of `out`; `None` when there is none or the container cannot hold it.
    pub fn open(from: SoundFrom<'_>, out: &mut Output) -> Result<Option<Self>, Error> {
        let source = from.path;
        let mut input = open(source)?;
        // The first track and no other: it is what the player plays.
        let first = input.streams().find(|stream| {
            // SAFETY: the parameters belong to the open input.
            unsafe { (*stream.parameters().as_ptr()).codec_type == AVMediaType::AVMEDIA_TYPE_AUDIO }
        });
        // SAFETY: the parameters belong to the open input; the muxer's table is static.
        let found = first.filter(|stream| unsafe {
            holds((*out.as_ptr()).oformat, (*stream.parameters().as_ptr()).codec_id)
        });
        let Some(found) = found else { return Ok(None) };
        let (stream, base, parameters) = (found.index(), found.time_base(), found.parameters());
        let start = picture_start(source, &input);
        let plain = plain(&parameters);
        let lead = if plain.is_none() && out.format().name().contains("mov") { LEAD } else { 0.0 };
        only(&mut input, stream);
        let mut track = out.add_stream(None::<ffmpeg_next::Codec>).map_err(writing(source))?;
        track.set_parameters(parameters);
        track.set_time_base(base);
        // SAFETY: the tag is the source container's; zero lets the new one choose.
        unsafe { (*(*track.as_mut_ptr()).codecpar).codec_tag = 0 };
        let target = track.index();
        Ok(Some(Self {
            input,
            stream,
            target,
            base,
            plain,
            start: start + from.skip,
            lead,
            is_whole: from.is_whole,
            held: None,
            ended: false,
        }))
    }

    /// Writes every packet that is over before `until` seconds of picture, of compressed sound those that start before it.
    pub fn copy_until(&mut self, until: f64, out: &mut Output) -> Result<(), ffmpeg_next::Error> {
        loop {
            let Some(packet) = self.held.take().or_else(|| self.next()) else { return Ok(()) };
            let at = self.time_of(&packet);
            let over = at + self.plain.map_or(0.0, |plain| plain.length(&packet));
            if at >= until || over > until {
                self.held = Some(packet);
                return Ok(());
            }
            self.write(packet, at, out)?;
        }
    }

    /// Writes the rest: all there is, or what is heard while the pictures last, which is `until` seconds.
    pub fn finish(&mut self, until: f64, out: &mut Output) -> Result<(), ffmpeg_next::Error> {
        if self.is_whole {
            return self.copy_until(f64::INFINITY, out);
        }
        self.copy_until(until, out)?;
        let Some((plain, packet)) = self.plain.zip(self.held.take()) else { return Ok(()) };
        // It may begin before the pictures as well.
        let at = self.time_of(&packet);
        let Some(mut start) = plain.start(&packet, until - at) else { return Ok(()) };
        start.set_pts(packet.pts());
        start.set_dts(packet.dts());
        start.set_duration(self.ticks(plain.length(&start)));
        start.set_flags(packet.flags());
        self.write(start, at, out)
    }

    /// Seconds of picture at which a packet is heard.
    fn time_of(&self, packet: &Packet) -> f64 {
        packet.pts().or(packet.dts()).map_or(0.0, |t| seconds(t, self.base) - self.start)
    }

    /// Seconds in ticks of the source.
    fn ticks(&self, seconds: f64) -> i64 {
        (seconds * f64::from(self.base.denominator()) / f64::from(self.base.numerator())).round() as i64
    }

    /// Writes a packet that is heard `at` seconds of picture, without what is heard before the first.
    fn write(&self, mut packet: Packet, at: f64, out: &mut Output) -> Result<(), ffmpeg_next::Error> {
        if at < -self.lead {
            let Some(rest) = self.rest_of(&packet, -at) else { return Ok(()) };
            packet = rest;
        }
        let shift = self.ticks(self.start);
        packet.set_pts(packet.pts().map(|t| t.saturating_sub(shift)));
        packet.set_dts(packet.dts().map(|t| t.saturating_sub(shift)));
        packet.set_stream(self.target);
        packet.set_position(-1);
        let base = out.stream(self.target).expect("added before the header").time_base();
        packet.rescale_ts(self.base, base);
        packet.write_interleaved(out)
    }

    /// What a packet that begins before the first picture has to say after it.
    fn rest_of(&self, packet: &Packet, early: f64) -> Option<Packet> {
        let (mut rest, gone) = self.plain?.without_start(packet, early)?;
        rest.set_pts(packet.pts().map(|t| t + self.ticks(gone)));
        rest.set_dts(packet.dts().map(|t| t + self.ticks(gone)));
        rest.set_duration((packet.duration() - self.ticks(gone)).max(0));
        rest.set_flags(packet.flags());
        Some(rest)
    }

    fn next(&mut self) -> Option<Packet> {
        while !self.ended {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream && packet.size() > 0 => return Some(packet),
                Ok(()) => {}
                Err(_) => self.ended = true,
            }
        }
        None
    }
}

/// Whether MOV holds the first sound track of `source` as it is; `None` where there is no sound.
///
/// # Errors
/// The file cannot be opened.
pub fn fits_in_mov(source: &Path) -> Result<Option<bool>, Error> {
    let input = open(source)?;
    let mut sound = None;
    for stream in input.streams() {
        // SAFETY: the parameters belong to the open input; the muxer's table is static.
        unsafe {
            let raw = &*stream.parameters().as_ptr();
            if sound.is_none() && raw.codec_type == AVMediaType::AVMEDIA_TYPE_AUDIO {
                let mov = av_guess_format(c"mov".as_ptr(), std::ptr::null(), std::ptr::null());
                sound = Some(holds(mov, raw.codec_id));
            }
        }
    }
    Ok(sound)
}

/// Whether files of a format hold a codec. FFmpeg says so of MOV and some codecs that it then refuses, or that no player of MOV
/// reads: there it is plain samples and what QuickTime knows.
///
/// # Safety
/// `muxer` is null or one of FFmpeg's.
unsafe fn holds(muxer: *const AVOutputFormat, codec: AVCodecID) -> bool {
    use AVCodecID::{AV_CODEC_ID_AAC, AV_CODEC_ID_AC3, AV_CODEC_ID_ALAC, AV_CODEC_ID_EAC3, AV_CODEC_ID_MP3};
    const KNOWN: [AVCodecID; 5] =
        [AV_CODEC_ID_AAC, AV_CODEC_ID_AC3, AV_CODEC_ID_ALAC, AV_CODEC_ID_EAC3, AV_CODEC_ID_MP3];
    // SAFETY: the muxer is one of FFmpeg's static table, its name a static C string.
    unsafe {
        if muxer.is_null() || avformat_query_codec(muxer, codec, 0) != 1 {
            return false;
        }
        let is_mov = CStr::from_ptr((*muxer).name).to_bytes() == b"mov";
        let bits = av_get_exact_bits_per_sample(codec);
        !is_mov || KNOWN.contains(&codec) || (bits > 0 && bits % 8 == 0)
    }
}

fn plain(parameters: &ffmpeg_next::codec::Parameters) -> Option<Plain> {
    // SAFETY: the parameters belong to the open input.
    let (bits, channels, rate) = unsafe {
        let raw = &*parameters.as_ptr();
        (av_get_exact_bits_per_sample(raw.codec_id), raw.ch_layout.nb_channels, raw.sample_rate)
    };
    // Four-bit codecs have an exact size too, but theirs is a running difference.
    let is_plain = bits > 0 && bits % 8 == 0 && channels > 0 && rate > 0;
    is_plain.then(|| Plain { rate: f64::from(rate), size: (bits / 8 * channels) as usize })
}

/// Seconds at which the pictures of a file start; sound is counted from there.
pub(crate) fn picture_start(path: &Path, input: &Input) -> f64 {
    let start = video_stream(path, input).ok().and_then(|number| {
        let picture = input.stream(number)?;
        let start = picture.start_time();
        (start != i64::MIN).then(|| seconds(start, picture.time_base()))
    });
    start.unwrap_or(0.0)
}

pub(crate) fn seconds(time: i64, base: Rational) -> f64 {
    time as f64 * f64::from(base.numerator()) / f64::from(base.denominator())
}
