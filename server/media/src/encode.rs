//! One encoder into one container. Pictures go in as they are: no conversion on the way. An unfinished file is removed.

use std::path::{Path, PathBuf};

use domain::{Colour, Rate};
use ffmpeg_next::ffi::{
    AV_CODEC_FLAG_BITEXACT, AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_QSCALE, AVFMT_FLAG_BITEXACT,
    AVPacketSideDataType, AVPixelFormat, AVRational, FF_QP2LAMBDA, av_display_rotation_set,
    av_frame_is_writable, av_stream_new_side_data,
};
use ffmpeg_next::format::context::Output;
use ffmpeg_next::util::error::EAGAIN;
use ffmpeg_next::{Dictionary, Packet, Rational, codec, encoder, format, frame};

use crate::Picture;
use crate::error::{Error, engine, name, writing};
use crate::frame::{format_of, write_frame};
use crate::open::{local, start};
use crate::sound::{Sound, SoundFrom};

/// A display matrix has nine 32-bit words.
const MATRIX_BYTES: usize = 36;

/// How a file is to be written.
pub(crate) struct Settings<'a> {
    /// FFmpeg's muxer and encoder names.
    pub container: &'a str,
    pub encoder: &'a str,
    pub layout: AVPixelFormat,
    pub width: u32,
    pub height: u32,
    pub rate: Rate,
    pub colour: &'a Colour,
    /// Options of encoder and muxer.
    pub options: &'a [(&'a str, &'a str)],
    /// Constant quantiser, for encoders that have one.
    pub quantiser: Option<u8>,
    /// FFmpeg's thread kinds: 1 frames, 2 slices, 3 both.
    pub threads: i32,
    /// Clockwise degrees that players turn the picture, for containers that say so.
    pub rotation: u16,
    pub carried: Carried<'a>,
    /// Names and texts of the picture's track, for containers that hold any.
    pub tags: &'a [(&'a str, &'a str)],
}

/// What a result takes along from its plate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried<'a> {
    /// A file whose first sound track is copied, cut to the length of the pictures.
    pub sound: Option<SoundFrom<'a>>,
    /// Of the first picture, e.g. `01:00:00:00`.
    pub timecode: Option<&'a str>,
}

pub(crate) struct VideoFile {
    path: PathBuf,
    out: Output,
    encoder: encoder::Video,
    frame: frame::Video,
    packet: Packet,
    quantiser: Option<u8>,
    rate: Rate,
    written: i64,
    sound: Option<Sound>,
    finished: bool,
}

impl VideoFile {
    pub fn create(path: &Path, settings: &Settings) -> Result<Self, Error> {
        start();
        let failed = writing(path);
        let url = local(path)?;
        let encoder = encoder(settings, true)?;
        let out = format::output_as(&url, settings.container).map_err(&failed)?;
        Self::begin(path, settings, encoder, out).inspect_err(|_| remove(path))
    }

    fn begin(
        path: &Path,
        settings: &Settings,
        encoder: encoder::Video,
        mut out: Output,
    ) -> Result<Self, Error> {
        let failed = writing(path);
        // SAFETY: a plain field of a muxer that has not written its header yet.
        unsafe { (*out.as_mut_ptr()).flags |= AVFMT_FLAG_BITEXACT };
        let base = time_base(settings.rate);
        {
            let mut stream = out.add_stream_with(&encoder).map_err(&failed)?;
            stream.set_time_base(base);
            stream.set_avg_frame_rate(base.invert());
            stream.set_rate(base.invert());
            turn(&mut stream, settings.rotation);
            let mut tags = Dictionary::new();
            settings.tags.iter().for_each(|(name, text)| tags.set(name, text));
            if let Some(timecode) = settings.carried.timecode {
                tags.set("timecode", timecode);
            }
            if tags.iter().next().is_some() {
                stream.set_metadata(tags);
            }
        }
        let sound = match settings.carried.sound {
            Some(source) => Sound::open(source, &mut out)?,
            None => None,
        };
        let mut options = Dictionary::new();
        for (key, value) in settings.options {
            options.set(key, value);
        }
        out.write_header_with(options).map(drop).map_err(&failed)?;
        let mut file = Self {
            path: path.to_owned(),
            out,
            encoder,
            frame: frame::Video::empty(),
            packet: Packet::empty(),
            quantiser: settings.quantiser,
            rate: settings.rate,
            written: 0,
            sound,
            finished: false,
        };
        file.new_frame();
        Ok(file)
    }

    fn new_frame(&mut self) {
        let (layout, width, height) = (self.encoder.format(), self.encoder.width(), self.encoder.height());
        self.frame = frame::Video::new(layout, width, height);
    }

    /// Encodes the next picture, which must have the file's exact format and size.
    pub fn write(&mut self, picture: &Picture) -> Result<(), Error> {
        // SAFETY: the frame lives.
        if unsafe { av_frame_is_writable(self.frame.as_mut_ptr()) } <= 0 {
            self.new_frame(); // the encoder still holds the last one
        }
        let (width, height) = (self.encoder.width(), self.encoder.height());
        let same_size = (picture.width, picture.height) == (width, height) && picture.is_whole();
        if !same_size || write_frame(picture, &mut self.frame).is_none() {
            return Err(Error::WrongPicture {
                file: name(&self.path),
                expected: format!("{width}×{height} {}", crate::format::name_of(format_of(&self.frame))),
                got: format!("{}×{} {}", picture.width, picture.height, picture.format),
            });
        }
        self.frame.set_pts(Some(self.written));
        if let Some(quantiser) = self.quantiser {
            // SAFETY: a plain field.
            unsafe { (*self.frame.as_mut_ptr()).quality = i32::from(quantiser) * FF_QP2LAMBDA };
        }
        if let Some(sound) = &mut self.sound {
            let seconds = self.written as f64 / self.rate.per_second();
            sound.copy_until(seconds, &mut self.out).map_err(writing(&self.path))?;
        }
        self.written += 1;
        self.encoder.send_frame(&self.frame).map_err(engine("encode a picture"))?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Error> {
        let failed = writing(&self.path);
        loop {
            match self.encoder.receive_packet(&mut self.packet) {
                Ok(()) => {}
                Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: EAGAIN }) => return Ok(()),
                Err(error) => return Err(engine("encode a picture")(error)),
            }
            let base = self.out.stream(0).expect("the picture stream").time_base();
            self.packet.set_stream(0);
            self.packet.set_duration(1);
            self.packet.rescale_ts(time_base(self.rate), base);
            self.packet.write_interleaved(&mut self.out).map_err(&failed)?;
            self.check_disk()?;
        }
    }

    /// FFmpeg buffers writes and keeps their error aside.
    fn check_disk(&self) -> Result<(), Error> {
        // SAFETY: the output is open; its I/O context lives as long.
        let error = unsafe {
            let io = (*self.out.as_ptr()).pb;
            if io.is_null() { 0 } else { (*io).error }
        };
        if error < 0 { Err(writing(&self.path)(ffmpeg_next::Error::from(error))) } else { Ok(()) }
    }

    /// Writes what encoder and container still hold. Without it the file is removed.
    pub fn finish(mut self) -> Result<(), Error> {
        self.encoder.send_eof().map_err(engine("finish encoding"))?;
        self.drain()?;
        let failed = writing(&self.path);
        if let Some(sound) = &mut self.sound {
            let seconds = self.written as f64 / self.rate.per_second();
            sound.finish(seconds, &mut self.out).map_err(&failed)?;
        }
        self.out.write_trailer().map_err(&failed)?;
        // SAFETY: the output is open; flushing reports what the disk could not take.
        unsafe {
            let io = (*self.out.as_mut_ptr()).pb;
            if !io.is_null() {
                ffmpeg_next::ffi::avio_flush(io);
            }
        }
        self.check_disk()?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for VideoFile {
    fn drop(&mut self) {
        if !self.finished {
            remove(&self.path);
        }
    }
}

/// Says in the container how the picture is turned for display.
fn turn(stream: &mut format::stream::StreamMut<'_>, rotation: u16) {
    if rotation.is_multiple_of(360) {
        return;
    }
    let kind = AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    // SAFETY: the stream lives and its header is not written; the nine words are its own from then on.
    unsafe {
        let matrix = av_stream_new_side_data(stream.as_mut_ptr(), kind, MATRIX_BYTES).cast::<i32>();
        if !matrix.is_null() {
            av_display_rotation_set(matrix, f64::from(rotation));
        }
    }
}

/// Nothing is left half there; when even removing fails there is nobody left to tell.
fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap_or_default();
}

fn time_base(rate: Rate) -> Rational {
    Rational::new(rate.den() as i32, rate.num() as i32)
}

/// An open encoder.
pub(crate) fn encoder(settings: &Settings, global_header: bool) -> Result<encoder::Video, Error> {
    let missing = || Error::Engine {
        doing: format!("encode with {}", settings.encoder),
        reason: "this FFmpeg was built without it".into(),
    };
    let codec = encoder::find_by_name(settings.encoder).ok_or_else(missing)?;
    let mut context =
        codec::Context::new_with_codec(codec).encoder().video().map_err(engine("prepare an encoder"))?;
    let base = time_base(settings.rate);
    context.set_width(settings.width);
    context.set_height(settings.height);
    context.set_time_base(base);
    context.set_frame_rate(Some(base.invert()));
    // SAFETY: plain fields of a context that is not open yet.
    unsafe {
        let raw = &mut *context.as_mut_ptr();
        raw.pix_fmt = settings.layout;
        raw.sample_aspect_ratio = AVRational { num: 1, den: 1 };
        raw.thread_count = 0;
        raw.thread_type = settings.threads;
        raw.flags |= AV_CODEC_FLAG_BITEXACT as i32;
        if global_header {
            raw.flags |= AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        }
        if let Some(quantiser) = settings.quantiser {
            raw.flags |= AV_CODEC_FLAG_QSCALE as i32;
            raw.global_quality = i32::from(quantiser) * FF_QP2LAMBDA;
        }
        crate::colour::tag(raw, settings.colour);
    }
    let mut options = Dictionary::new();
    for (key, value) in settings.options {
        options.set(key, value);
    }
    let doing = format!("encode {}×{} with {}", settings.width, settings.height, settings.encoder);
    context.open_with(options).map_err(engine(doing))
}
