//! The sound of a plate for the player: 16-bit PCM at one rate in a WAV file, so that every frame's samples lie at an
//! address, as its picture does in the proxy. What results carry is copied as it is, in `sound`.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::ptr;

use ffmpeg_next::ffi::{
    AVChannelLayout, AVChannelOrder, AVMediaType, AVSampleFormat, SwrContext, av_channel_layout_copy,
    av_channel_layout_default, av_channel_layout_uninit, swr_alloc_set_opts2, swr_convert, swr_free,
    swr_get_delay, swr_init,
};
use ffmpeg_next::util::error::EAGAIN;
use ffmpeg_next::{Packet, Rational, codec, decoder, frame};

use crate::Error;
use crate::error::name;
use crate::open::{only, open};
use crate::sound::{SoundFrom, picture_start, seconds};

/// Samples a second of every WAV file.
pub const WAVE_RATE: u32 = 48_000;
/// Bytes before the first sample.
const HEAD: u32 = 44;
/// A hole in the sound's time of more samples than this is silence; less is rounding of the container.
const HOLE: i64 = WAVE_RATE as i64 / 10;
/// Packets that the decoder may refuse in a row before the rest is given up.
const PATIENCE: u32 = 1000;

/// What became of the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The file has no sound track.
    Nothing,
    /// The file is written: mono, or stereo for two channels and more.
    Written,
    /// Why the track cannot be played: one sentence.
    Unplayable(String),
}

/// Writes `length` seconds of the first sound track, from where the pictures begin plus what is skipped, to `path`:
/// exactly that long, silent where the track is. `go_on` is asked now and then and may stop it.
///
/// # Errors
/// The source cannot be opened, the file cannot be written, or `go_on` says so.
pub fn write_wave(
    from: SoundFrom<'_>,
    length: f64,
    path: &Path,
    go_on: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<Heard, Error> {
    let mut input = open(from.path)?;
    // SAFETY: the parameters belong to the open input.
    let is_sound = |s: &ffmpeg_next::Stream| unsafe {
        (*s.parameters().as_ptr()).codec_type == AVMediaType::AVMEDIA_TYPE_AUDIO
    };
    let Some(stream) = input.streams().find(is_sound) else { return Ok(Heard::Nothing) };
    let (number, base, parameters) = (stream.index(), stream.time_base(), stream.parameters());
    let start = picture_start(from.path, &input) + from.skip;
    let total = (length * f64::from(WAVE_RATE)).round() as i64;
    let codec = crate::open::codec_name(&parameters);
    let unplayable =
        |why: String| Ok(Heard::Unplayable(format!("Its sound ({codec}) {why}; the player is silent.")));
    if total > (i64::from(u32::MAX) - i64::from(HEAD)) / 4 {
        return unplayable("is longer than six hours".into());
    }
    let Ok(mut decoder) = open_decoder(parameters, base) else {
        return unplayable("cannot be decoded here".into());
    };
    only(&mut input, number);
    let mut wave: Option<Wave> = None;
    let (mut packet, mut heard, mut refused) = (Packet::empty(), frame::Audio::empty(), 0u32);
    let mut is_open = true;
    loop {
        match decoder.receive_frame(&mut heard) {
            Ok(()) => {
                refused = 0;
                let wave = match &mut wave {
                    Some(wave) if wave.mixer.fits(&heard) => wave,
                    Some(wave) => {
                        wave.remix(&heard)?;
                        wave
                    }
                    none => {
                        let Some(mixer) = Mixer::new(&heard, channels_of(&heard).min(2)) else {
                            return unplayable("has channels that cannot be mixed to stereo".into());
                        };
                        none.insert(Wave::create(path, mixer, total)?)
                    }
                };
                let at = heard.timestamp().map(|t| seconds(t, base) - start);
                wave.take(&heard, at)?;
                if wave.at >= total {
                    break;
                }
            }
            Err(ffmpeg_next::Error::Other { errno: EAGAIN }) if is_open => {
                go_on()?;
                packet = Packet::empty();
                match packet.read(&mut input) {
                    Ok(()) if packet.stream() == number => {
                        // A packet that is refused is a hole; the next may be whole.
                        refused = if decoder.send_packet(&packet).is_err() { refused + 1 } else { 0 };
                    }
                    Ok(()) => {}
                    Err(_) => {
                        is_open = false;
                        if decoder.send_eof().is_err() {
                            break;
                        }
                    }
                }
            }
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: EAGAIN }) => break,
            Err(_) => refused += 1,
        }
        if refused > PATIENCE {
            break;
        }
    }
    drop(packet);
    match wave {
        Some(wave) => wave.finish().map(|()| Heard::Written),
        None => unplayable("cannot be decoded here".into()),
    }
}

fn open_decoder(parameters: codec::Parameters, base: Rational) -> Result<decoder::Audio, ffmpeg_next::Error> {
    let mut context = codec::Context::from_parameters(parameters)?;
    context.set_time_base(base);
    let mut decoder = context.decoder();
    // Priming samples are cut off by time.
    decoder.set_packet_time_base(base);
    decoder.audio()
}

fn channels_of(sound: &frame::Audio) -> i32 {
    // SAFETY: the frame lives; a plain field.
    unsafe { (*sound.as_ptr()).ch_layout.nb_channels }
}

/// The file in the making.
struct Wave {
    path: PathBuf,
    file: BufWriter<File>,
    mixer: Mixer,
    /// The next sample's place after the first picture; below 0 while what comes before the pictures is read.
    at: i64,
    total: i64,
    placed: bool,
}

impl Wave {
    fn create(path: &Path, mixer: Mixer, total: i64) -> Result<Self, Error> {
        let file = File::create(path).map_err(unwritable(path))?;
        let mut wave =
            Self { path: path.to_owned(), file: BufWriter::new(file), mixer, at: 0, total, placed: false };
        wave.write(&[0; HEAD as usize])?;
        Ok(wave)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(unwritable(&self.path))
    }

    /// Adds one decoded piece, which begins `at` seconds after the first picture.
    fn take(&mut self, sound: &frame::Audio, at: Option<f64>) -> Result<(), Error> {
        if let Some(at) = at {
            let wanted = (at * f64::from(WAVE_RATE)).round() as i64;
            if !self.placed {
                self.jump(wanted)?;
            } else if wanted - (self.at + self.mixer.delay()) > HOLE {
                let rest = self.mixer.rest();
                self.add(&rest)?;
                self.jump(wanted)?;
            }
        }
        self.placed = true;
        let samples = self.mixer.mix(sound);
        self.add(&samples)
    }

    /// The sound goes on in another shape.
    fn remix(&mut self, like: &frame::Audio) -> Result<(), Error> {
        let rest = self.mixer.rest();
        self.add(&rest)?;
        // A shape that cannot be mixed is silence from here on.
        if let Some(mixer) = Mixer::new(like, self.mixer.channels) {
            self.mixer = mixer;
        }
        Ok(())
    }

    /// Silence up to `to`.
    fn jump(&mut self, to: i64) -> Result<(), Error> {
        let silent = to.min(self.total) - self.at.max(0);
        if silent > 0 {
            let quiet = vec![0; 4096 * self.mixer.channels as usize * 2];
            let mut left = silent as usize * self.mixer.channels as usize * 2;
            while left > 0 {
                let now = left.min(quiet.len());
                self.write(&quiet[..now])?;
                left -= now;
            }
        }
        self.at = to;
        Ok(())
    }

    /// Adds interleaved samples where they lie between the first picture and the last.
    fn add(&mut self, samples: &[i16]) -> Result<(), Error> {
        let channels = self.mixer.channels as usize;
        let count = (samples.len() / channels) as i64;
        let from = (-self.at).clamp(0, count) as usize;
        let to = (self.total - self.at).clamp(0, count) as usize;
        self.at += count;
        if from < to {
            let bytes: Vec<u8> =
                samples[from * channels..to * channels].iter().flat_map(|s| s.to_le_bytes()).collect();
            self.write(&bytes)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        let rest = self.mixer.rest();
        self.add(&rest)?;
        self.jump(self.total.max(self.at))?;
        let channels = self.mixer.channels as u32;
        let frame = channels * 2;
        let bytes = self.total as u32 * frame;
        let mut head = Vec::with_capacity(HEAD as usize);
        head.extend(b"RIFF");
        head.extend((HEAD - 8 + bytes).to_le_bytes());
        head.extend(b"WAVEfmt ");
        head.extend(16u32.to_le_bytes());
        head.extend(1u16.to_le_bytes());
        head.extend((channels as u16).to_le_bytes());
        head.extend(WAVE_RATE.to_le_bytes());
        head.extend((WAVE_RATE * frame).to_le_bytes());
        head.extend((frame as u16).to_le_bytes());
        head.extend(16u16.to_le_bytes());
        head.extend(b"data");
        head.extend(bytes.to_le_bytes());
        self.file.seek(SeekFrom::Start(0)).map_err(unwritable(&self.path))?;
        self.write(&head)?;
        self.file.flush().map_err(unwritable(&self.path))
    }
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let file = name(path);
    move |error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::DiskFull { file },
        _ => Error::Unwritable { file, reason: error.to_string() },
    }
}

/// FFmpeg's resampler from one shape of sound to 16-bit interleaved samples.
struct Mixer {
    context: *mut SwrContext,
    /// Format, rate and channels of what comes in.
    shape: (i32, i32, i32),
    /// 1 or 2.
    channels: i32,
}

impl Mixer {
    /// `None` when this FFmpeg knows no mix of these channels.
    fn new(like: &frame::Audio, channels: i32) -> Option<Self> {
        // SAFETY: layouts and context are made, used and freed here; the frame lives. `format` is a sample format, as the
        // frame comes from an audio decoder.
        unsafe {
            let raw = &*like.as_ptr();
            let mut to: AVChannelLayout = std::mem::zeroed();
            let mut from: AVChannelLayout = std::mem::zeroed();
            av_channel_layout_default(&raw mut to, channels);
            if raw.ch_layout.order == AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC {
                av_channel_layout_default(&raw mut from, raw.ch_layout.nb_channels);
            } else if av_channel_layout_copy(&raw mut from, &raw const raw.ch_layout) < 0 {
                return None;
            }
            let mut context = ptr::null_mut();
            let format: AVSampleFormat = like.format().into();
            let made = swr_alloc_set_opts2(
                &raw mut context,
                &raw mut to,
                AVSampleFormat::AV_SAMPLE_FMT_S16,
                WAVE_RATE as i32,
                &raw mut from,
                format,
                raw.sample_rate,
                0,
                ptr::null_mut(),
            );
            av_channel_layout_uninit(&raw mut from);
            av_channel_layout_uninit(&raw mut to);
            if context.is_null() {
                return None;
            }
            let mixer = Self { context, shape: shape_of(like), channels };
            (made >= 0 && swr_init(mixer.context) >= 0).then_some(mixer)
        }
    }

    fn fits(&self, sound: &frame::Audio) -> bool {
        self.shape == shape_of(sound)
    }

    /// Samples that went in and did not come out yet.
    fn delay(&self) -> i64 {
        // SAFETY: the context lives.
        unsafe { swr_get_delay(self.context, i64::from(WAVE_RATE)) }
    }

    /// A piece of another shape than this was made for gives silence of its length.
    fn mix(&mut self, sound: &frame::Audio) -> Vec<i16> {
        let count = i64::try_from(sound.samples()).unwrap_or(0);
        let rate = i64::from(shape_of(sound).1.max(1));
        if !self.fits(sound) {
            return vec![0; (count * i64::from(WAVE_RATE) / rate) as usize * self.channels as usize];
        }
        let room = self.delay() + count * i64::from(WAVE_RATE) / rate + 64;
        // SAFETY: the frame holds `count` samples of the shape that the context was made for.
        unsafe { self.convert(room, (*sound.as_ptr()).extended_data.cast_const().cast(), count as i32) }
    }

    /// What is still inside.
    fn rest(&mut self) -> Vec<i16> {
        let room = self.delay() + 64;
        // SAFETY: no input asks for what is left.
        unsafe { self.convert(room, ptr::null(), 0) }
    }

    /// # Safety
    /// `from` points to `count` samples of the context's shape, or is null.
    unsafe fn convert(&mut self, room: i64, from: *const *const u8, count: i32) -> Vec<i16> {
        let mut samples = vec![0i16; room.max(0) as usize * self.channels as usize];
        let mut out = samples.as_mut_ptr().cast::<u8>();
        // SAFETY: `out` has room for `room` interleaved samples; `from` as promised by the caller.
        let written =
            unsafe { swr_convert(self.context, &raw mut out, room as i32, from.cast_mut().cast(), count) };
        samples.truncate(written.max(0) as usize * self.channels as usize);
        samples
    }
}

fn shape_of(sound: &frame::Audio) -> (i32, i32, i32) {
    // SAFETY: the frame lives; plain fields.
    let raw = unsafe { &*sound.as_ptr() };
    (raw.format, raw.sample_rate, raw.ch_layout.nb_channels)
}

impl Drop for Mixer {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { swr_free(&raw mut self.context) };
    }
}
