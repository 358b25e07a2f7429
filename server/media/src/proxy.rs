//! The player's proxy: Motion JPEG in MOV, one complete JPEG per frame, fetched by byte range. Never the original.

use std::path::{Path, PathBuf};

use domain::{Colour, PlateFacts, Rate};
use ffmpeg_next::Packet;
use ffmpeg_next::ffi::AVPixelFormat;

use crate::convert::ToJpeg;
use crate::encode::{Carried, Settings, VideoFile};
use crate::error::name;
use crate::open::{only, open, video_stream};
use crate::{Error, Picture, PixelFormat};

/// The largest proxy.
const BOX: (u32, u32) = (1280, 720);
/// 2 is nearly lossless, 31 the coarsest.
const QUANTISER: u8 = 4;

/// Size of the proxy of a picture that is shown at `width`×`height`: inside 1280×720, never larger than the picture,
/// aspect kept, even.
pub fn proxy_size(width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(BOX.0) / f64::from(width)).min(f64::from(BOX.1) / f64::from(height)).min(1.0);
    let even = |size: u32, limit: u32| {
        let scaled = (f64::from(size) * scale / 2.0).round() as u32 * 2;
        scaled.clamp(2, limit.min(size & !1).max(2))
    };
    (even(width, BOX.0), even(height, BOX.1))
}

/// Writes the proxy of one plate or version, one picture per frame.
pub struct ProxyWriter {
    path: PathBuf,
    file: VideoFile,
    colour: Colour,
    rotation: u16,
    width: u32,
    height: u32,
    frames: usize,
    convert: Option<((PixelFormat, u32, u32), ToJpeg)>,
}

impl ProxyWriter {
    /// For pictures of the plate with `facts`: its coded size, rotation, rate and colours.
    pub fn create(path: &Path, facts: &PlateFacts) -> Result<Self, Error> {
        Self::create_for(
            path,
            (facts.coded_width, facts.coded_height),
            facts.rotation,
            facts.rate,
            &facts.colour,
        )
    }

    /// The same from the facts that matter.
    pub fn create_for(
        path: &Path,
        (coded_width, coded_height): (u32, u32),
        rotation: u16,
        rate: Rate,
        colour: &Colour,
    ) -> Result<Self, Error> {
        let (shown_width, shown_height) = crate::convert::turned(coded_width, coded_height, rotation);
        let (width, height) = proxy_size(shown_width, shown_height);
        let tags = Colour { matrix: "bt470bg".into(), range: "pc".into(), ..colour.clone() };
        let timescale = rate.num().to_string();
        let settings = Settings {
            container: "mov",
            encoder: "mjpeg",
            layout: AVPixelFormat::AV_PIX_FMT_YUVJ420P,
            width,
            height,
            rate,
            colour: &tags,
            options: &[("video_track_timescale", &timescale), ("huffman", "default")],
            quantiser: Some(QUANTISER),
            threads: 1,
            rotation: 0,
            carried: Carried::default(),
            tags: &[],
        };
        Ok(Self {
            path: path.to_owned(),
            file: VideoFile::create(path, &settings)?,
            colour: colour.clone(),
            rotation,
            width,
            height,
            frames: 0,
            convert: None,
        })
    }

    /// Size of the proxy's pictures.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Appends one picture in coded orientation, of any size and format: it is scaled and turned.
    pub fn write(&mut self, picture: &Picture) -> Result<(), Error> {
        let kind = (picture.format, picture.width, picture.height);
        if self.convert.as_ref().is_none_or(|(made_for, _)| *made_for != kind) {
            let convert = ToJpeg::new(picture, self.width, self.height, &self.colour, self.rotation)?;
            self.convert = Some((kind, convert));
        }
        let (_, convert) = self.convert.as_mut().expect("just made");
        self.frames += 1;
        self.file.write(&convert.run(picture)?)
    }

    /// Completes the file. Gives, per frame, offset and size in bytes of its JPEG in the file.
    pub fn finish(self) -> Result<Vec<(u64, u32)>, Error> {
        let Self { path, file, frames, .. } = self;
        file.finish()?;
        let ranges = jpeg_ranges(&path)?;
        if ranges.len() != frames {
            let readable = ranges.len() as u32;
            return Err(Error::Truncated { file: name(&path), readable, expected: frames as u32 });
        }
        Ok(ranges)
    }
}

/// Where the pictures of a Motion JPEG file lie.
fn jpeg_ranges(path: &Path) -> Result<Vec<(u64, u32)>, Error> {
    let mut input = open(path)?;
    let stream = video_stream(path, &input)?;
    only(&mut input, stream);
    let mut packet = Packet::empty();
    let mut ranges = Vec::new();
    while packet.read(&mut input).is_ok() {
        if packet.stream() == stream {
            ranges.push((packet.position().max(0) as u64, packet.size() as u32));
        }
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_keep_aspect_and_never_grow() {
        assert_eq!(proxy_size(3840, 2160), (1280, 720));
        assert_eq!(proxy_size(2160, 3840), (406, 720));
        assert_eq!(proxy_size(4096, 1716), (1280, 536));
        assert_eq!(proxy_size(640, 360), (640, 360));
        assert_eq!(proxy_size(17, 19), (16, 18));
        assert_eq!(proxy_size(8192, 16), (1280, 2));
    }
}
