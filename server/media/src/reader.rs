//! Any picture of a file by its frame number. Reading in order never seeks.

use std::path::{Path, PathBuf};

use crate::decode::Decode;
use crate::error::name;
use crate::format::name_of;
use crate::frame::{format_of, read_frame};
use crate::{Error, Index, Picture, PixelFormat};

/// Earlier keys that are tried when a picture does not come out after a seek, before decoding from the start.
const RETRIES: usize = 2;

/// Reads frames of one file.
pub struct Reader {
    path: PathBuf,
    index: Index,
    decode: Decode,
    /// Packets by presentation time: `(pts, position in file order)`.
    by_time: Vec<(i64, u32)>,
    /// The frame that decoding on gives next, `None` when that is not known.
    next: Option<u32>,
    shape: Option<(PixelFormat, u32, u32)>,
}

impl Reader {
    /// Opens `path`, whose index is `index`.
    pub fn open(path: &Path, index: &Index) -> Result<Self, Error> {
        Ok(Self::with(Decode::open(path)?, path, index))
    }

    /// For finding out which frames come out: their samples may be wrong.
    pub(crate) fn sketch(path: &Path, index: &Index) -> Result<Self, Error> {
        Ok(Self::with(Decode::sketch(path)?, path, index))
    }

    fn with(decode: Decode, path: &Path, index: &Index) -> Self {
        let mut by_time: Vec<(i64, u32)> =
            index.packets.iter().enumerate().map(|(position, stamp)| (stamp.pts, position as u32)).collect();
        by_time.sort_unstable();
        Self { path: path.to_owned(), index: index.clone(), decode, by_time, next: Some(0), shape: None }
    }

    /// Number of frames that may be read.
    pub fn frames(&self) -> u32 {
        self.index.frames()
    }

    /// Frame `frame`, counted from 0, in the file's own samples and coded orientation.
    pub fn read(&mut self, frame: u32) -> Result<Picture, Error> {
        let mut picture = None;
        self.decode_into(frame, &mut picture)?;
        Ok(picture.expect("decoded"))
    }

    /// As `read`, into buffers that are used again.
    pub fn read_into(&mut self, frame: u32, picture: &mut Picture) -> Result<(), Error> {
        let format = picture.format;
        let empty = Picture { format, width: 0, height: 0, planes: Vec::new() };
        let mut slot = Some(std::mem::replace(picture, empty));
        let done = self.decode_into(frame, &mut slot);
        if let Some(slot) = slot {
            *picture = slot;
        }
        done
    }

    /// Whether the file is damaged at the frame read last, so that the decoder had to make up a part of it.
    pub fn was_repaired(&self) -> bool {
        self.decode.frame.is_corrupt() || self.decode.frame.has_decode_errors()
    }

    fn decode_into(&mut self, frame: u32, picture: &mut Option<Picture>) -> Result<(), Error> {
        self.find(frame)?;
        let decoded = &self.decode.frame;
        let layout = format_of(decoded);
        let unsupported = || Error::Unsupported {
            file: name(&self.path),
            what: format!("the pixel format {}", name_of(layout)),
        };
        let format = PixelFormat::unpacked(layout).ok_or_else(unsupported)?;
        let shape = (format, decoded.width(), decoded.height());
        let (format, width, height) = *self.shape.get_or_insert(shape);
        if shape != (format, width, height) {
            return Err(Error::PictureChanges {
                file: name(&self.path),
                frame,
                from: format!("{width}×{height} {format}"),
                to: format!("{}×{} {}", shape.1, shape.2, shape.0),
            });
        }
        read_frame(decoded, picture).ok_or_else(unsupported)
    }

    /// Decodes until `frame` is the decoder's current picture.
    pub(crate) fn find(&mut self, frame: u32) -> Result<(), Error> {
        let frames = self.frames();
        if frame >= frames {
            let last = frames.saturating_sub(1);
            return Err(Error::NoSuchFrame { file: name(&self.path), frame, last });
        }
        if !self.index.is_timed() {
            return self.count_to(frame);
        }
        let key = self.index.key_before(frame);
        let near = |next: u32| next <= frame && key.is_none_or(|key| key <= next);
        if self.next.is_some_and(near) && self.advance(frame)? {
            return Ok(());
        }
        let mut start = key;
        for _ in 0..=RETRIES {
            let Some(key) = start else { break };
            self.go_to(key)?;
            if self.advance(frame)? {
                return Ok(());
            }
            start = key.checked_sub(1).and_then(|before| self.index.key_before(before));
        }
        self.decode.restart()?;
        if self.advance(frame)? {
            return Ok(());
        }
        Err(Error::Damaged { file: name(&self.path), frame })
    }

    /// Decodes on until `frame` comes; false when it is passed or the file ends.
    fn advance(&mut self, frame: u32) -> Result<bool, Error> {
        self.next = None;
        while self.decode.next()? {
            let Some(at) = self.decode.frame.pts().and_then(|pts| self.index.frame_at(pts)) else { continue };
            if at >= frame {
                self.next = Some(at + 1);
                return Ok(at == frame);
            }
        }
        Ok(false)
    }

    /// Makes frame `key`'s packet the next to be decoded.
    fn go_to(&mut self, key: u32) -> Result<(), Error> {
        let position = self.index.order[key as usize];
        let stamp = self.index.packets[position as usize];
        let before = key.checked_sub(1).and_then(|frame| self.index.key_before(frame));
        let earlier = before.map(|key| self.index.packets[self.index.order[key as usize] as usize].dts);
        for timestamp in [Some(stamp.dts), Some(stamp.pts.min(stamp.dts)), earlier].into_iter().flatten() {
            let landed = self.decode.seek(timestamp).and_then(|pts| self.position(pts));
            if landed.is_some_and(|at| at <= position) && self.decode.skip_to(stamp.pts) {
                return Ok(());
            }
        }
        self.decode.restart()?;
        if !self.decode.skip_to(stamp.pts) {
            self.decode.restart()?;
        }
        Ok(())
    }

    fn position(&self, pts: i64) -> Option<u32> {
        self.by_time.binary_search_by_key(&pts, |&(time, _)| time).ok().map(|at| self.by_time[at].1)
    }

    /// Without usable times: the `frame`-th picture that comes out, counted from the start.
    fn count_to(&mut self, frame: u32) -> Result<(), Error> {
        let mut next = match self.next.take() {
            Some(next) if next <= frame => next,
            _ => {
                self.decode.restart()?;
                0
            }
        };
        while self.decode.next()? {
            next += 1;
            if next == frame + 1 {
                self.next = Some(next);
                return Ok(());
            }
        }
        Err(Error::Damaged { file: name(&self.path), frame })
    }
}
