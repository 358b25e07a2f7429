//! Mask videos of any kind in, and the quadmask file that VOID reads out. Grey levels only; their meaning is `domain`'s.

use std::path::{Path, PathBuf};

use domain::{PlateFacts, Rate};
use ffmpeg_next::ffi::AVPixelFormat;

use crate::convert::limited_range;
use crate::encode::{Carried, Settings, VideoFile};
use crate::ffv1::neutral;
use crate::{Error, Family, Index, Picture, PixelFormat, Reader, probe};

/// Reads any mask video as full-range grey: FFV1 grey, or lossy H.264 in the limited range.
pub struct MaskReader {
    path: PathBuf,
    index: Index,
    /// Opened when a frame is asked for.
    reader: Option<Reader>,
    facts: PlateFacts,
    picture: Picture,
}

/// Opens a mask video.
pub fn read_mask(path: &Path) -> Result<MaskReader, Error> {
    let (facts, index) = probe(path, &mut |_| Ok(()))?;
    let picture = Picture::new(PixelFormat::GREY8, 0, 0);
    Ok(MaskReader { path: path.to_owned(), index, reader: None, facts, picture })
}

impl MaskReader {
    /// What the file is; sizes and rate as for a plate.
    pub fn facts(&self) -> &PlateFacts {
        &self.facts
    }

    pub fn frames(&self) -> u32 {
        self.facts.frames
    }

    /// In coded orientation.
    pub fn width(&self) -> u32 {
        self.facts.coded_width
    }

    pub fn height(&self) -> u32 {
        self.facts.coded_height
    }

    /// Lets go of the decoder and its pictures; the next `read` opens the file again.
    pub fn rest(&mut self) {
        self.reader = None;
        self.picture = Picture::new(PixelFormat::GREY8, 0, 0);
    }

    /// Frame `frame`: `width · height` grey levels, 0–255.
    pub fn read(&mut self, frame: u32) -> Result<Vec<u8>, Error> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(Reader::open(&self.path, &self.index)?),
        };
        reader.read_into(frame, &mut self.picture)?;
        if self.picture.format.family() == Family::Rgb && self.picture.format.depth() == 8 {
            return Ok(self.picture.planes[0].data.clone()); // green: a mask has no colour
        }
        let (width, height) = (self.picture.width, self.picture.height);
        Ok(self.picture.to_grey_full_range(width, height, &self.facts.colour, 0)?.data)
    }
}

/// Writes a quadmask as VOID's own tools do: H.264, quantiser 0, 4:4:4, limited range. The levels 0, 63, 127 and 255
/// are exact after full-range decoding.
pub struct QuadmaskWriter {
    file: VideoFile,
    picture: Picture,
    limited: [u8; 256],
}

impl QuadmaskWriter {
    pub fn create(path: &Path, width: u32, height: u32, rate: Rate) -> Result<Self, Error> {
        let format = PixelFormat::new(Family::Yuv, 8, false, (0, 0)).expect("FFmpeg has yuv444p");
        let settings = Settings {
            container: "mp4",
            encoder: "libx264",
            layout: AVPixelFormat::AV_PIX_FMT_YUV444P,
            width,
            height,
            rate,
            colour: &neutral("tv"),
            options: &[("qp", "0"), ("preset", "ultrafast"), ("movflags", "+faststart")],
            quantiser: None,
            threads: 3,
            rotation: 0,
            carried: Carried::default(),
            tags: &[],
        };
        let file = VideoFile::create(path, &settings)?;
        let mut picture = Picture::new(format, width, height);
        picture.planes[1].data.fill(128);
        picture.planes[2].data.fill(128);
        Ok(Self { file, picture, limited: std::array::from_fn(|level| limited_range(level as u8)) })
    }

    /// Appends one frame: `width · height` grey levels.
    pub fn write(&mut self, grey: &[u8]) -> Result<(), Error> {
        let luma = &mut self.picture.planes[0].data;
        if luma.len() != grey.len() {
            return Err(Error::WrongPicture {
                file: "a quadmask".into(),
                expected: format!("{} pixels", luma.len()),
                got: format!("{} pixels", grey.len()),
            });
        }
        for (luma, &level) in luma.iter_mut().zip(grey) {
            *luma = self.limited[usize::from(level)];
        }
        self.file.write(&self.picture)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), Error> {
        self.file.finish()
    }
}

/// Writes a whole quadmask; an error of `frames` ends it and leaves no file.
pub fn write_quadmask_mp4<E: From<Error>>(
    path: &Path,
    width: u32,
    height: u32,
    rate: Rate,
    frames: impl Iterator<Item = Result<Vec<u8>, E>>,
) -> Result<(), E> {
    let mut writer = QuadmaskWriter::create(path, width, height, rate)?;
    for grey in frames {
        writer.write(&grey?)?;
    }
    Ok(writer.finish()?)
}
