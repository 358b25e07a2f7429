//! Still JPEGs: any picture, posters, film strips.

use domain::{Colour, Rate};
use ffmpeg_next::Packet;
use ffmpeg_next::ffi::{AVPixelFormat, FF_QP2LAMBDA};
use ffmpeg_next::frame;

use crate::convert::{ToJpeg, turned};
use crate::encode::{Carried, Settings, encoder};
use crate::error::engine;
use crate::ffv1::neutral;
use crate::frame::write_frame;
use crate::open::start;
use crate::{Error, Family, Picture, PixelFormat, Plane, Rgb8};

/// Height of the pictures in a film strip.
pub const STRIP_HEIGHT: u32 = 54;
/// JPEG cannot be wider.
const WIDEST: u32 = 65_500;

/// A complete JPEG (4:2:0) of an RGB picture. `quantiser`: 2 is nearly lossless, 31 the coarsest.
pub fn jpeg(rgb: &Rgb8, quantiser: u8) -> Result<Vec<u8>, Error> {
    let picture = planar(rgb);
    let colour = Colour { matrix: "gbr".into(), ..neutral("pc") };
    still(&picture, rgb.width, rgb.height, &colour, 0, quantiser)
}

/// The poster of a shot: upright, at most 640 pixels wide and 640 high, never larger than the picture.
pub fn poster(picture: &Picture, colour: &Colour, rotation: u16) -> Result<Vec<u8>, Error> {
    let (width, height) = turned(picture.width, picture.height, rotation);
    let scale = (640.0 / f64::from(width.max(height))).min(1.0);
    let fit = |size: u32| ((f64::from(size) * scale).round() as u32).max(1);
    still(picture, fit(width), fit(height), colour, rotation, 3)
}

/// An upright thumbnail of a fixed height, for a `FilmStrip`.
pub fn thumbnail(picture: &Picture, colour: &Colour, rotation: u16, height: u32) -> Result<Rgb8, Error> {
    let (w, h) = turned(picture.width, picture.height, rotation);
    let width = ((f64::from(w) * f64::from(height) / f64::from(h)).round() as u32).clamp(1, 1024);
    picture.to_rgb(width, height, colour, rotation)
}

/// Thumbnails of one size side by side in one JPEG.
#[derive(Debug, Default)]
pub struct FilmStrip {
    thumbnails: Vec<Rgb8>,
}

impl FilmStrip {
    /// Which frames of `frames` a strip of at most `count` thumbnails shows: evenly spread, first and last included.
    pub fn frames(frames: u32, count: u32) -> Vec<u32> {
        let count = count.min(frames);
        match count {
            0 => Vec::new(),
            1 => vec![0],
            n => (0..n).map(|i| (u64::from(i) * u64::from(frames - 1) / u64::from(n - 1)) as u32).collect(),
        }
    }

    /// Adds the next picture, `STRIP_HEIGHT` high.
    pub fn add(&mut self, picture: &Picture, colour: &Colour, rotation: u16) -> Result<(), Error> {
        self.thumbnails.push(thumbnail(picture, colour, rotation, STRIP_HEIGHT)?);
        Ok(())
    }

    /// The strip as a JPEG, and the width of one thumbnail in it. Thumbnails past JPEG's widest picture are left out.
    pub fn jpeg(&self) -> Result<(Vec<u8>, u32), Error> {
        let Some(first) = self.thumbnails.first() else {
            return Err(Error::Engine {
                doing: "make a film strip".into(),
                reason: "it has no pictures".into(),
            });
        };
        let (width, height) = (first.width, first.height);
        let same = |t: &&Rgb8| (t.width, t.height) == (width, height);
        let shown: Vec<&Rgb8> = self.thumbnails.iter().filter(same).take((WIDEST / width) as usize).collect();
        let mut strip = Rgb8 { width: width * shown.len() as u32, height, data: Vec::new() };
        for y in 0..height as usize {
            for thumbnail in &shown {
                let stride = width as usize * 3;
                strip.data.extend_from_slice(&thumbnail.data[y * stride..][..stride]);
            }
        }
        Ok((jpeg(&strip, 4)?, width))
    }
}

fn planar(rgb: &Rgb8) -> Picture {
    let format = PixelFormat::new(Family::Rgb, 8, false, (0, 0)).expect("FFmpeg has gbrp");
    let plane = |component: usize| {
        let mut plane = Plane::new(rgb.width, rgb.height, 1);
        for (out, pixel) in plane.data.iter_mut().zip(rgb.data.chunks_exact(3)) {
            *out = pixel[component];
        }
        plane
    };
    Picture { format, width: rgb.width, height: rgb.height, planes: [1, 2, 0].map(plane).into() }
}

fn still(
    picture: &Picture,
    width: u32,
    height: u32,
    colour: &Colour,
    rotation: u16,
    quantiser: u8,
) -> Result<Vec<u8>, Error> {
    start();
    let tags = Colour { matrix: "bt470bg".into(), range: "pc".into(), ..colour.clone() };
    let settings = Settings {
        container: "",
        encoder: "mjpeg",
        layout: AVPixelFormat::AV_PIX_FMT_YUVJ420P,
        width,
        height,
        rate: Rate::new(1, 1).expect("a rate"),
        colour: &tags,
        options: &[("huffman", "optimal")],
        quantiser: Some(quantiser.clamp(2, 31)),
        threads: 0,
        rotation: 0,
        carried: Carried::default(),
        tags: &[],
    };
    let mut encoder = encoder(&settings, false)?;
    let converted = ToJpeg::new(picture, width, height, colour, rotation)?.run(picture)?;
    let mut frame = frame::Video::new(encoder.format(), width, height);
    write_frame(&converted, &mut frame).expect("made in the encoder's format");
    frame.set_pts(Some(0));
    // SAFETY: a plain field.
    unsafe { (*frame.as_mut_ptr()).quality = i32::from(quantiser.clamp(2, 31)) * FF_QP2LAMBDA };
    let failed = || engine("encode a JPEG");
    encoder.send_frame(&frame).map_err(failed())?;
    encoder.send_eof().map_err(failed())?;
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).map_err(failed())?;
    Ok(packet.data().unwrap_or_default().to_vec())
}
