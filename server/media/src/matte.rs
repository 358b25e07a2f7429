//! Mattes: one grey plane per frame, lossless. Reading them back is `read_mask`.

use std::path::Path;

use domain::Rate;

use crate::encode::{Carried, Settings, VideoFile};
use crate::ffv1::neutral;
use crate::{Error, Picture, PixelFormat};

/// Writes 8-bit full-range mattes, PNG in Matroska. FFV1 would do as well, but its encoder holds about 150 bytes for
/// each pixel of the picture, and a matte, nearly all of it flat, has no need of it.
pub struct MatteWriter {
    file: VideoFile,
    picture: Picture,
}

impl MatteWriter {
    /// With the timecode of the first picture, where the plate has one.
    pub fn create(
        path: &Path,
        width: u32,
        height: u32,
        rate: Rate,
        timecode: Option<&str>,
    ) -> Result<Self, Error> {
        let settings = Settings {
            container: "matroska",
            encoder: "png",
            layout: PixelFormat::GREY8.av(),
            width,
            height,
            rate,
            colour: &neutral("pc"),
            options: &[("pred", "none"), ("compression_level", "1")],
            quantiser: None,
            threads: 1,
            rotation: 0,
            carried: Carried { sound: None, timecode },
            tags: &[],
        };
        let file = VideoFile::create(path, &settings)?;
        Ok(Self { file, picture: Picture::new(PixelFormat::GREY8, width, height) })
    }

    /// Appends one matte: `width · height` bytes.
    pub fn write(&mut self, matte: &[u8]) -> Result<(), Error> {
        crate::ffv1::fill(&mut self.picture.planes[0].data, matte, &self.picture.format)?;
        self.file.write(&self.picture)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), Error> {
        self.file.finish()
    }
}
