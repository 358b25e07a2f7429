//! FFmpeg's frames ↔ our pictures, sample by sample and exact. No scaling, no colour conversion.

use ffmpeg_next::ffi::{AV_PIX_FMT_FLAG_BE, AV_PIX_FMT_FLAG_PAL, AVFrame, AVPixFmtDescriptor, AVPixelFormat};
use ffmpeg_next::frame::Video;

use crate::format::descriptor;
use crate::{Family, Picture, PixelFormat};

/// FFmpeg's pixel format of a frame.
pub(crate) fn format_of(frame: &Video) -> AVPixelFormat {
    frame.format().into()
}

/// Copies a decoded frame into `picture`, whose buffers are kept when format and size agree.
/// `None` when the frame's layout has no exact planar twin.
pub(crate) fn read_frame(frame: &Video, picture: &mut Option<Picture>) -> Option<()> {
    let layout = format_of(frame);
    let format = PixelFormat::unpacked(layout)?;
    let (width, height) = (frame.width(), frame.height());
    let fits = |p: &Picture| p.format == format && (p.width, p.height) == (width, height) && p.is_whole();
    if !picture.as_ref().is_some_and(fits) {
        *picture = Some(Picture::new(format, width, height));
    }
    let picture = picture.as_mut().expect("just made");
    let desc = descriptor(layout)?;
    for plane in 0..format.planes() {
        let rows = picture.planes[plane].height;
        let stride = picture.planes[plane].stride();
        let target = &mut picture.planes[plane].data;
        if desc.flags & AV_PIX_FMT_FLAG_PAL as u64 != 0 {
            read_palette(frame, plane, target, stride);
        } else if let Some(source) = plain_plane(desc, format, plane) {
            for y in 0..rows {
                target[y as usize * stride..][..stride].copy_from_slice(row(frame, source, y, stride));
            }
        } else {
            let place = Place::of(desc, format, plane);
            for y in 0..rows {
                let out = &mut target[y as usize * stride..][..stride];
                read_row(
                    row(frame, place.plane, y, place.bytes(stride / format.bytes_per_sample())),
                    place,
                    out,
                );
            }
        }
    }
    Some(())
}

/// Copies `picture` into a frame that has room for it, in the frame's own layout.
pub(crate) fn write_frame(picture: &Picture, frame: &mut Video) -> Option<()> {
    let layout = format_of(frame);
    if PixelFormat::unpacked(layout)? != picture.format {
        return None;
    }
    let desc = descriptor(layout)?;
    let format = picture.format;
    for (index, plane) in picture.planes.iter().enumerate() {
        let stride = plane.stride();
        if let Some(target) = plain_plane(desc, format, index) {
            for y in 0..plane.height {
                row_mut(frame, target, y, stride).copy_from_slice(plane.row(y));
            }
        } else {
            let place = Place::of(desc, format, index);
            for y in 0..plane.height {
                let out = row_mut(frame, place.plane, y, place.bytes(plane.width as usize));
                write_row(plane.row(y), place, out);
            }
        }
    }
    Some(())
}

/// Where one component of a packed layout lies.
#[derive(Clone, Copy)]
struct Place {
    plane: usize,
    step: usize,
    offset: usize,
    shift: u32,
    depth: u32,
    big_endian: bool,
}

impl Place {
    fn of(desc: &AVPixFmtDescriptor, format: PixelFormat, plane: usize) -> Self {
        let component = match (format.family(), desc.nb_components) {
            (Family::Rgb, 2) => [0, 0, 0, 1][plane], // grey with alpha
            (Family::Rgb, _) => [1, 2, 0, 3][plane],
            _ => plane,
        };
        let c = &desc.comp[component];
        Self {
            plane: c.plane as usize,
            step: c.step as usize,
            offset: c.offset as usize,
            shift: c.shift as u32,
            depth: c.depth as u32,
            big_endian: desc.flags & AV_PIX_FMT_FLAG_BE as u64 != 0,
        }
    }

    fn is_word(self) -> bool {
        self.shift + self.depth > 8
    }

    /// Bytes of a row with `samples` samples of this component.
    fn bytes(self, samples: usize) -> usize {
        match samples {
            0 => 0,
            n => (n - 1) * self.step + self.offset + if self.is_word() { 2 } else { 1 },
        }
    }
}

/// The frame's plane that already holds plane `plane` of `format` as we keep it, if one does.
fn plain_plane(desc: &AVPixFmtDescriptor, format: PixelFormat, plane: usize) -> Option<usize> {
    let place = Place::of(desc, format, plane);
    let words_in_order = format.bytes_per_sample() == 1 || !place.big_endian;
    (place.step == format.bytes_per_sample() && place.offset == 0 && place.shift == 0 && words_in_order)
        .then_some(place.plane)
}

fn read_row(source: &[u8], place: Place, out: &mut [u8]) {
    let mask = (1u32 << place.depth) - 1;
    let sample = |at: usize| {
        let raw = match (place.is_word(), place.big_endian) {
            (false, _) => u32::from(source[at]),
            (true, false) => u32::from(u16::from_le_bytes([source[at], source[at + 1]])),
            (true, true) => u32::from(u16::from_be_bytes([source[at], source[at + 1]])),
        };
        raw >> place.shift & mask
    };
    if place.depth <= 8 {
        for (x, out) in out.iter_mut().enumerate() {
            *out = sample(x * place.step + place.offset) as u8;
        }
    } else {
        for (x, out) in out.chunks_exact_mut(2).enumerate() {
            out.copy_from_slice(&(sample(x * place.step + place.offset) as u16).to_le_bytes());
        }
    }
}

/// Only for layouts whose components do not share bytes.
fn write_row(source: &[u8], place: Place, out: &mut [u8]) {
    if place.depth <= 8 {
        for (x, &value) in source.iter().enumerate() {
            out[x * place.step + place.offset] = value;
        }
    } else {
        for (x, word) in source.chunks_exact(2).enumerate() {
            let value = u16::from_le_bytes([word[0], word[1]]) << place.shift;
            let bytes = if place.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
            out[x * place.step + place.offset..][..2].copy_from_slice(&bytes);
        }
    }
}

/// Palette entries are native-endian words `0xAARRGGBB`; `plane` counts G B R A.
fn read_palette(frame: &Video, plane: usize, target: &mut [u8], stride: usize) {
    let shift = [8, 0, 16, 24][plane];
    let palette = row(frame, 1, 0, 1024);
    let colour = |entry: u8| {
        let at = usize::from(entry) * 4;
        (u32::from_ne_bytes([palette[at], palette[at + 1], palette[at + 2], palette[at + 3]]) >> shift) as u8
    };
    for (y, out) in target.chunks_exact_mut(stride).enumerate() {
        for (out, &entry) in out.iter_mut().zip(row(frame, 0, y as u32, stride)) {
            *out = colour(entry);
        }
    }
}

fn row(frame: &Video, plane: usize, y: u32, bytes: usize) -> &[u8] {
    let start = row_start(frame, plane, y);
    // SAFETY: `row_start` checked the plane; FFmpeg allocates at least `bytes` per row for its format and size, and
    // the borrow of `frame` keeps the buffer.
    unsafe { std::slice::from_raw_parts(start, bytes) }
}

fn row_mut(frame: &mut Video, plane: usize, y: u32, bytes: usize) -> &mut [u8] {
    let start = row_start(frame, plane, y).cast_mut();
    // SAFETY: as in `row`; the frame is writable (made so by its owner) and borrowed mutably.
    unsafe { std::slice::from_raw_parts_mut(start, bytes) }
}

/// Line sizes may be negative (bottom-up pictures).
fn row_start(frame: &Video, plane: usize, y: u32) -> *const u8 {
    // SAFETY: the frame lives; `data` has eight entries and the planes asked for are those of the frame's format.
    unsafe {
        let raw: *const AVFrame = frame.as_ptr();
        let data = (*raw).data[plane];
        assert!(!data.is_null(), "a decoded frame has all planes of its format");
        data.offset((*raw).linesize[plane] as isize * y as isize)
    }
}
