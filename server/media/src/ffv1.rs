//! Lossless files: FFV1 level 3 in Matroska, in the picture's own pixel format. Also the grey ones for masks.

use std::path::Path;

use domain::{Colour, Rate};
use ffmpeg_next::encoder;
use ffmpeg_next::ffi::AVPixelFormat;

use crate::encode::{Carried, Settings, VideoFile};
use crate::format::name_of;
use crate::open::start;
use crate::{Error, Picture, PixelFormat};

/// The format that FFV1 keeps pictures of `format` in: the same, or the next wider one where it lacks that
/// (`Picture::widened` says how samples are widened).
pub fn ffv1_format(format: &PixelFormat) -> Result<PixelFormat, Error> {
    let kept: Vec<PixelFormat> = layouts()?.into_iter().filter_map(kept_as).collect();
    let cost = |f: &PixelFormat| {
        let (w, h) = f.chroma();
        let alpha = f.has_alpha() != format.has_alpha();
        (alpha, format.chroma().0 - w + format.chroma().1 - h, f.depth())
    };
    kept.into_iter().filter(|f| format.fits_in(*f)).min_by_key(cost).ok_or_else(|| Error::Engine {
        doing: format!("keep {format} in FFV1"),
        reason: "no format of this FFmpeg's FFV1 is as wide".into(),
    })
}

/// What FFV1 takes and gives back without loss; grey with alpha is left to RGB.
fn kept_as(layout: AVPixelFormat) -> Option<PixelFormat> {
    PixelFormat::unpacked(layout).filter(|_| !name_of(layout).starts_with("ya"))
}

fn layouts() -> Result<Vec<AVPixelFormat>, Error> {
    start();
    let missing =
        || Error::Engine { doing: "write FFV1".into(), reason: "this FFmpeg was built without it".into() };
    let codec = encoder::find_by_name("ffv1").ok_or_else(missing)?;
    let mut layouts = Vec::new();
    // SAFETY: the list is static and ends with AV_PIX_FMT_NONE.
    unsafe {
        let mut at = (*codec.as_ptr()).pix_fmts;
        while !at.is_null() && *at != AVPixelFormat::AV_PIX_FMT_NONE {
            layouts.push(*at);
            at = at.add(1);
        }
    }
    Ok(layouts)
}

/// Writes pictures to a Matroska file, one at a time. Dropped before `finish`, it removes the file.
pub struct Ffv1Writer {
    file: VideoFile,
    format: PixelFormat,
}

impl Ffv1Writer {
    /// Pictures of exactly `format`, which must be one that `ffv1_format` gives.
    pub fn create(
        path: &Path,
        format: &PixelFormat,
        width: u32,
        height: u32,
        rate: Rate,
        colour: &Colour,
        carried: Option<Carried<'_>>,
    ) -> Result<Self, Error> {
        Self::create_tagged(path, format, (width, height), rate, colour, carried, &[])
    }

    /// The same with names and texts in its track, which [`crate::tag`] reads back.
    pub fn create_tagged(
        path: &Path,
        format: &PixelFormat,
        (width, height): (u32, u32),
        rate: Rate,
        colour: &Colour,
        carried: Option<Carried<'_>>,
        tags: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let layout =
            layouts()?.into_iter().find(|&l| kept_as(l) == Some(*format)).ok_or_else(|| Error::Engine {
                doing: format!("keep {format} in FFV1"),
                reason: "FFV1 lacks this format; a wider one was to be chosen".into(),
            })?;
        let create = |slices: &str| {
            let options = [("level", "3"), ("slices", slices), ("g", "1")];
            let settings = Settings {
                carried: carried.unwrap_or_default(),
                tags,
                ..settings(layout, width, height, rate, colour, &options)
            };
            VideoFile::create(path, &settings)
        };
        // Level 3 cannot cut every odd size into any number of slices.
        let wanted: &[&str] =
            if width.max(height) >= 1920 { &["12", "16", "9", "4"] } else { &["4", "6", "9", "1"] };
        for slices in wanted {
            match create(slices) {
                Err(Error::Engine { .. }) => {}
                done => return Ok(Self { file: done?, format: *format }),
            }
        }
        Ok(Self { file: create("0")?, format: *format })
    }

    /// The format that pictures must have.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Appends one picture.
    pub fn write(&mut self, picture: &Picture) -> Result<(), Error> {
        self.file.write(picture)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), Error> {
        self.file.finish()
    }
}

fn settings<'a>(
    layout: AVPixelFormat,
    width: u32,
    height: u32,
    rate: Rate,
    colour: &'a Colour,
    options: &'a [(&'a str, &'a str)],
) -> Settings<'a> {
    Settings {
        container: "matroska",
        encoder: "ffv1",
        layout,
        width,
        height,
        rate,
        colour,
        options,
        quantiser: None,
        threads: 2,
        rotation: 0,
        carried: Carried::default(),
        tags: &[],
    }
}

/// Writes 8-bit full-range grey pictures, FFV1 in Matroska: masks.
pub struct GreyWriter {
    file: VideoFile,
    picture: Picture,
}

impl GreyWriter {
    pub fn create(path: &Path, width: u32, height: u32, rate: Rate) -> Result<Self, Error> {
        let (colour, options) = (neutral("pc"), [("level", "3"), ("slices", "4"), ("g", "1")]);
        let settings = settings(PixelFormat::GREY8.av(), width, height, rate, &colour, &options);
        let file = VideoFile::create(path, &settings)?;
        Ok(Self { file, picture: Picture::new(PixelFormat::GREY8, width, height) })
    }

    /// Appends one picture: `width · height` bytes.
    pub fn write(&mut self, grey: &[u8]) -> Result<(), Error> {
        fill(&mut self.picture.planes[0].data, grey, &self.picture.format)?;
        self.file.write(&self.picture)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), Error> {
        self.file.finish()
    }
}

pub(crate) fn fill(plane: &mut [u8], grey: &[u8], format: &PixelFormat) -> Result<(), Error> {
    if plane.len() != grey.len() {
        return Err(Error::WrongPicture {
            file: "a mask".into(),
            expected: format!("{} bytes of {format}", plane.len()),
            got: format!("{} bytes", grey.len()),
        });
    }
    plane.copy_from_slice(grey);
    Ok(())
}

/// Tags for pictures without colour, where only the range matters.
pub(crate) fn neutral(range: &str) -> Colour {
    let unsaid = || "unknown".to_owned();
    Colour {
        primaries: unsaid(),
        transfer: unsaid(),
        matrix: unsaid(),
        range: range.to_owned(),
        assumed: false,
    }
}
