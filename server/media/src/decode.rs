//! One file, one decoder, one picture after the other. Knows nothing of frame numbers.

use std::path::{Path, PathBuf};

use ffmpeg_next::codec;
use ffmpeg_next::ffi::{
    AV_CODEC_FLAG_BITEXACT, AV_CODEC_FLAG_UNALIGNED, AVDiscard, AVSEEK_FLAG_BACKWARD, av_seek_frame,
    avcodec_find_decoder,
};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::util::error::EAGAIN;
use ffmpeg_next::{Packet, decoder, frame};

use crate::Error;
use crate::error::{engine, name};
use crate::open::{check_stream, codec_name, only, open, video_stream};

/// Packets that a decoder may refuse in a row before the file is given up.
const PATIENCE: u32 = 1000;

pub(crate) struct Decode {
    path: PathBuf,
    sketch: bool,
    input: Input,
    stream: usize,
    decoder: decoder::Video,
    packet: Packet,
    /// The picture of the last `next` that said true.
    pub frame: frame::Video,
    draining: bool,
    refused: u32,
    /// A packet that was read ahead by a seek and must be fed first.
    pending: bool,
}

impl Decode {
    /// Opens the picture stream of `path` at its start.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_as(path, false)
    }

    /// The same for finding out which pictures come out: their samples may be wrong, which is cheaper.
    pub fn sketch(path: &Path) -> Result<Self, Error> {
        Self::open_as(path, true)
    }

    fn open_as(path: &Path, sketch: bool) -> Result<Self, Error> {
        let mut input = open(path)?;
        let stream = video_stream(path, &input)?;
        check_stream(path, &input, stream)?;
        only(&mut input, stream);
        let decoder = decoder(path, &input, stream, sketch)?;
        Ok(Self {
            path: path.to_owned(),
            sketch,
            input,
            stream,
            decoder,
            packet: Packet::empty(),
            frame: frame::Video::empty(),
            draining: false,
            refused: 0,
            pending: false,
        })
    }

    pub fn input(&self) -> &Input {
        &self.input
    }

    pub fn stream(&self) -> usize {
        self.stream
    }

    /// Decodes the next picture into `frame`; false at the end of the file.
    pub fn next(&mut self) -> Result<bool, Error> {
        loop {
            match self.decoder.receive_frame(&mut self.frame) {
                Ok(()) => {
                    self.refused = 0;
                    return Ok(true);
                }
                Err(ffmpeg_next::Error::Eof) => return Ok(false),
                Err(ffmpeg_next::Error::Other { errno: EAGAIN }) => self.feed(),
                Err(_) if self.refused < PATIENCE => self.refused += 1, // a broken packet: the next may be whole
                Err(_) => return Ok(false),
            }
        }
    }

    fn feed(&mut self) {
        if !self.pending && !self.read_packet() {
            if !self.draining {
                self.draining = true;
                // The decoder gives what it still holds; at the second end it says so.
                self.decoder.send_eof().unwrap_or_default();
            }
            return;
        }
        self.pending = false;
        if self.decoder.send_packet(&self.packet).is_err() {
            self.refused += 1; // its picture will be missing, and is noticed as such
        }
    }

    /// The next packet of our stream that holds something; false at the end.
    fn read_packet(&mut self) -> bool {
        loop {
            match self.packet.read(&mut self.input) {
                Ok(()) if self.packet.stream() == self.stream && self.packet.size() > 0 => return true,
                Ok(()) => {}
                Err(_) => return false,
            }
        }
    }

    /// Goes to where `timestamp` (a decoding time) is at or after a point the container can seek to, and says the
    /// presentation time of the first packet there.
    pub fn seek(&mut self, timestamp: i64) -> Option<i64> {
        // SAFETY: the input is open and the stream is one of its own.
        let done = unsafe {
            av_seek_frame(self.input.as_mut_ptr(), self.stream as i32, timestamp, AVSEEK_FLAG_BACKWARD)
        };
        self.decoder.flush();
        (self.draining, self.pending, self.refused) = (false, false, 0);
        if done < 0 || !self.read_packet() {
            return None;
        }
        self.pending = true;
        self.packet.pts()
    }

    /// Drops packets until the one with presentation time `pts` is next; false when it does not come.
    pub fn skip_to(&mut self, pts: i64) -> bool {
        loop {
            if self.pending && self.packet.pts() == Some(pts) {
                return true;
            }
            self.pending = self.read_packet();
            if !self.pending {
                return false;
            }
        }
    }

    /// Goes back to the start by opening the file again.
    pub fn restart(&mut self) -> Result<(), Error> {
        *self = Self::open_as(&self.path, self.sketch)?;
        Ok(())
    }
}

fn decoder(path: &Path, input: &Input, stream: usize, sketch: bool) -> Result<decoder::Video, Error> {
    let stream = input.stream(stream).expect("chosen from this input");
    let unsupported = || Error::Unsupported {
        file: name(path),
        what: format!("a kind of {}", codec_name(&stream.parameters())),
    };
    let mut context =
        codec::Context::from_parameters(stream.parameters()).map_err(engine("prepare a decoder"))?;
    // SAFETY: plain fields of a context that is not open yet.
    unsafe {
        let raw = &mut *context.as_mut_ptr();
        if avcodec_find_decoder(raw.codec_id).is_null() {
            return Err(unsupported());
        }
        raw.thread_count = 0; // as many as there are processors
        raw.thread_type = 3; // frames, or slices where the decoder has no frame threads
        raw.flags |= (AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_UNALIGNED) as i32;
        raw.max_pixels = 8192 * 4608; // 4320 rounded up to whole blocks
        raw.pkt_timebase = stream.time_base().into();
        if sketch {
            raw.skip_loop_filter = AVDiscard::AVDISCARD_ALL;
            raw.skip_idct = AVDiscard::AVDISCARD_ALL;
        }
    }
    context.decoder().video().map_err(|_| unsupported())
}
