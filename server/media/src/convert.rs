//! Pictures for looking at and for analysis: scaled, turned upright, 8-bit. Nothing here is part of a kept sample.

use std::ffi::c_int;
use std::ptr;

use domain::Colour;
use ffmpeg_next::ffi::av_opt_set_int;
use ffmpeg_next::ffi::{
    AVPixelFormat, SwsContext, sws_alloc_context, sws_freeContext, sws_getCoefficients, sws_init_context,
    sws_scale, sws_setColorspaceDetails,
};

use crate::colour::{is_full, luma_weights, matrix_number};
use crate::error::engine;
use crate::format::find;
use crate::picture::PADDING;
use crate::{Error, Family, Picture, PixelFormat, Plane};

/// 8-bit full-range RGB, rows without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb8 {
    pub width: u32,
    pub height: u32,
    /// `width · height · 3` bytes.
    pub data: Vec<u8>,
}

/// 8-bit full-range luma, rows without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grey8 {
    pub width: u32,
    pub height: u32,
    /// `width · height` bytes.
    pub data: Vec<u8>,
}

const SWS_BILINEAR: i64 = 2;
const SWS_BICUBIC: i64 = 4;
const SWS_FULL_CHR_H_INT: i64 = 0x2000;
const SWS_FULL_CHR_H_INP: i64 = 0x4000;
const SWS_ACCURATE_RND: i64 = 0x40000;
const SWS_BITEXACT: i64 = 0x80000;

impl Picture {
    /// As RGB of `width`×`height` pixels (the size after turning), clockwise by `rotation` degrees. Alpha is ignored.
    pub fn to_rgb(&self, width: u32, height: u32, colour: &Colour, rotation: u16) -> Result<Rgb8, Error> {
        let (w, h) = turned(width, height, rotation);
        let mut scaler = Scaler::new(self, colour, SWS_BICUBIC, find("rgb24"), w, h, true)?;
        let mut data = vec![0; w as usize * h as usize * 3 + PADDING];
        scaler.run(self, &mut [(&mut data, w as usize * 3)])?;
        data.truncate(w as usize * h as usize * 3);
        Ok(Rgb8 { width, height, data: turn::<3>(data, w as usize, h as usize, rotation) })
    }

    /// Luma alone, stretched to the full range, otherwise as `to_rgb`.
    pub fn to_grey_full_range(
        &self,
        width: u32,
        height: u32,
        colour: &Colour,
        rotation: u16,
    ) -> Result<Grey8, Error> {
        let (w, h) = turned(width, height, rotation);
        if self.format.family() == Family::Rgb {
            let rgb = self.to_rgb(width, height, colour, rotation)?;
            let luma = |p: &[u8]| {
                (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000
            };
            return Ok(Grey8 {
                width,
                height,
                data: rgb.data.chunks_exact(3).map(|p| luma(p) as u8).collect(),
            });
        }
        let mut data = self.luma8();
        if (w, h) != (self.width, self.height) {
            let luma = Picture::grey(self.width, self.height, data);
            let mut scaler = Scaler::new(&luma, colour, SWS_BICUBIC, find("gray"), w, h, true)?;
            data = vec![0; w as usize * h as usize + PADDING];
            scaler.run(&luma, &mut [(&mut data, w as usize)])?;
            data.truncate(w as usize * h as usize);
        }
        if !is_full(colour) {
            let full: Vec<u8> = (0..=255u8).map(full_range).collect();
            data.iter_mut().for_each(|v| *v = full[usize::from(*v)]);
        }
        Ok(Grey8 { width, height, data: turn::<1>(data, w as usize, h as usize, rotation) })
    }

    /// The first plane at 8 bits, rounded.
    fn luma8(&self) -> Vec<u8> {
        let plane = &self.planes[0];
        let shift = self.format.depth() - 8;
        if shift == 0 {
            return plane.data.clone();
        }
        let half = 1u32 << (shift - 1);
        let word = |w: &[u8]| u32::from(u16::from_le_bytes([w[0], w[1]]));
        plane.data.chunks_exact(2).map(|w| ((word(w) + half) >> shift).min(255) as u8).collect()
    }
}

/// A limited-range 8-bit luma level in the full range: (Y − 16) · 255 / 219, rounded and held to 0–255.
pub(crate) fn full_range(y: u8) -> u8 {
    let scaled = (i32::from(y) - 16) * 255;
    ((scaled + 109).div_euclid(219)).clamp(0, 255) as u8
}

/// A full-range level in the limited range: 16 + level · 219 / 255, rounded. `full_range` undoes it to ±1, and exactly
/// for 0, 63, 127, 255.
pub(crate) fn limited_range(level: u8) -> u8 {
    (16 + (u32::from(level) * 219 + 127) / 255) as u8
}

/// Coded size of a picture that is `width`×`height` after turning.
pub(crate) fn turned(width: u32, height: u32, rotation: u16) -> (u32, u32) {
    if rotation % 180 == 90 { (height, width) } else { (width, height) }
}

/// Turns rows of `N`-byte pixels clockwise; `width` and `height` are those before turning.
pub(crate) fn turn<const N: usize>(data: Vec<u8>, width: usize, height: usize, rotation: u16) -> Vec<u8> {
    if rotation.is_multiple_of(360) {
        return data;
    }
    let mut out = vec![0; data.len()];
    let (source, _) = data.as_chunks::<N>();
    let (target, _) = out.as_chunks_mut::<N>();
    match rotation % 360 {
        180 => target.iter_mut().zip(source.iter().rev()).for_each(|(t, s)| *t = *s),
        90 => {
            for (i, t) in target.iter_mut().enumerate() {
                let (x, y) = (i % height, i / height);
                *t = source[(height - 1 - x) * width + y];
            }
        }
        _ => {
            for (i, t) in target.iter_mut().enumerate() {
                let (x, y) = (i % height, i / height);
                *t = source[x * width + (width - 1 - y)];
            }
        }
    }
    out
}

/// FFmpeg's scaler for one kind of picture.
pub(crate) struct Scaler {
    context: *mut SwsContext,
    source: (PixelFormat, u32, u32),
    height: u32,
    padded: Vec<Vec<u8>>,
}

// SAFETY: the context has no ties to the thread that made it and is used through `&mut` only.
unsafe impl Send for Scaler {}

impl Scaler {
    /// From pictures like `like` to `width`×`height` in FFmpeg's format `to`. YUV targets keep the source's matrix,
    /// or BT.601 for an RGB source; `full` is the target's range.
    fn new(
        like: &Picture,
        colour: &Colour,
        kernel: i64,
        to: AVPixelFormat,
        width: u32,
        height: u32,
        full: bool,
    ) -> Result<Self, Error> {
        let matrix = if like.format.family() == Family::Yuv { matrix_number(colour) } else { 5 };
        Self::coded(like, colour, kernel, matrix, (to, width, height, full))
    }

    /// For the movies of a delivery: limited range, coded with FFmpeg's `matrix`.
    pub fn to_movie(
        like: &Picture,
        colour: &Colour,
        matrix: c_int,
        to: AVPixelFormat,
        width: u32,
        height: u32,
    ) -> Result<Self, Error> {
        Self::coded(like, colour, SWS_BICUBIC, matrix, (to, width, height, false))
    }

    fn coded(
        like: &Picture,
        colour: &Colour,
        kernel: i64,
        matrix: c_int,
        (to, width, height, full): (AVPixelFormat, u32, u32, bool),
    ) -> Result<Self, Error> {
        let opaque = PixelFormat::new(like.format.family(), like.format.depth(), false, like.format.chroma());
        let from = opaque.unwrap_or(like.format).av();
        let bad = |doing: String| engine(doing)(ffmpeg_next::Error::InvalidData);
        let doing = || format!("scale {} to {width}×{height}", like.format);
        // SAFETY: the context is owned by the scaler from here on; options are set before it is initialised, and the
        // coefficient tables are static.
        unsafe {
            let context = sws_alloc_context();
            if context.is_null() {
                return Err(bad(doing()));
            }
            let scaler = Self {
                context,
                source: (like.format, like.width, like.height),
                height: like.height,
                padded: Vec::new(),
            };
            let full_source = is_full(colour) || like.format.family() != Family::Yuv;
            let exact = SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
            for (name, value) in [
                (c"srcw", i64::from(like.width)),
                (c"srch", i64::from(like.height)),
                (c"src_format", from as i64),
                (c"src_range", i64::from(full_source)),
                (c"dstw", i64::from(width)),
                (c"dsth", i64::from(height)),
                (c"dst_format", to as i64),
                (c"dst_range", i64::from(full)),
                (c"sws_flags", kernel | exact),
            ] {
                if av_opt_set_int(context.cast(), name.as_ptr(), value, 0) < 0 {
                    return Err(bad(doing()));
                }
            }
            if sws_init_context(context, ptr::null_mut(), ptr::null_mut()) < 0 {
                return Err(bad(doing()));
            }
            let table = sws_getCoefficients(matrix);
            let (full_source, full) = (c_int::from(full_source), c_int::from(full));
            sws_setColorspaceDetails(context, table, full_source, table, full, 0, 1 << 16, 1 << 16);
            Ok(scaler)
        }
    }

    /// Scales into the targets: buffers with their strides, each padded by the caller.
    pub fn run(&mut self, picture: &Picture, targets: &mut [(&mut Vec<u8>, usize)]) -> Result<(), Error> {
        assert!(picture.is_whole(), "a picture has all its planes");
        assert_eq!(
            self.source,
            (picture.format, picture.width, picture.height),
            "made for this kind of picture"
        );
        let mut sources = [ptr::null::<u8>(); 4];
        let mut strides = [0 as c_int; 4];
        self.padded.resize(picture.planes.len(), Vec::new());
        for (i, plane) in picture.planes.iter().enumerate().take(4) {
            strides[i] = plane.stride() as c_int;
            sources[i] = padded(plane, &mut self.padded[i]);
        }
        let mut outs = [ptr::null_mut::<u8>(); 4];
        let mut out_strides = [0 as c_int; 4];
        for (i, (buffer, stride)) in targets.iter_mut().enumerate() {
            (outs[i], out_strides[i]) = (buffer.as_mut_ptr(), *stride as c_int);
        }
        // SAFETY: every plane is whole and readable for `PADDING` bytes past its end, the targets are as large as
        // the size the context was made for, and the context is ours.
        let rows = unsafe {
            sws_scale(
                self.context,
                sources.as_ptr(),
                strides.as_ptr(),
                0,
                self.height as c_int,
                outs.as_mut_ptr(),
                out_strides.as_ptr(),
            )
        };
        if rows <= 0 {
            return Err(engine("scale a picture")(ffmpeg_next::Error::InvalidData));
        }
        Ok(())
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: made by `sws_alloc_context`, freed once.
        unsafe { sws_freeContext(self.context) }
    }
}

/// Where the scaler may read the plane: in place when there is room behind it, else from a copy.
fn padded(plane: &Plane, copy: &mut Vec<u8>) -> *const u8 {
    if plane.data.capacity() - plane.data.len() >= PADDING {
        return plane.data.as_ptr();
    }
    copy.clear();
    copy.reserve(plane.data.len() + PADDING);
    copy.extend_from_slice(&plane.data);
    copy.as_ptr()
}

/// Makes JPEG's kind of picture: 4:2:0, 8 bits, full range, BT.601 matrix, upright.
pub(crate) struct ToJpeg {
    scaler: Scaler,
    width: u32,
    height: u32,
    rotation: u16,
    matrix: Option<Matrix>,
    planes: [Vec<u8>; 3],
}

impl ToJpeg {
    /// For pictures like `like`; `width`×`height` is the size after turning.
    pub fn new(
        like: &Picture,
        width: u32,
        height: u32,
        colour: &Colour,
        rotation: u16,
    ) -> Result<Self, Error> {
        let (w, h) = turned(width, height, rotation);
        let scaler = Scaler::new(like, colour, SWS_BILINEAR, find("yuv420p"), w, h, true)?;
        let matrix = (like.format.family() == Family::Yuv).then(|| Matrix::to_601(colour)).flatten();
        Ok(Self { scaler, width, height, rotation, matrix, planes: Default::default() })
    }

    pub fn run(&mut self, picture: &Picture) -> Result<Picture, Error> {
        let (w, h) = turned(self.width, self.height, self.rotation);
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        let sizes = [(w, h), (cw, ch), (cw, ch)];
        for (plane, (w, h)) in self.planes.iter_mut().zip(sizes) {
            plane.clear();
            plane.resize(w as usize * h as usize + PADDING, 0);
        }
        let [y, u, v] = &mut self.planes;
        self.scaler.run(picture, &mut [(y, w as usize), (u, cw as usize), (v, cw as usize)])?;
        if let Some(matrix) = &self.matrix {
            matrix.apply(y, u, v, w as usize, h as usize);
        }
        let format = PixelFormat::new(Family::Yuv, 8, false, (1, 1)).expect("FFmpeg has yuv420p");
        let mut out = Picture::new(format, self.width, self.height);
        for (i, (w, h)) in sizes.into_iter().enumerate() {
            let size = w as usize * h as usize;
            let mut data = std::mem::take(&mut self.planes[i]);
            data.truncate(size);
            out.planes[i].data = turn::<1>(data, w as usize, h as usize, self.rotation);
        }
        Ok(out)
    }
}

/// From one luma-chroma matrix to BT.601 at full range: grey stays grey, so chroma needs no luma. 16-bit fixed point.
struct Matrix {
    y_u: i32,
    y_v: i32,
    u_u: i32,
    u_v: i32,
    v_u: i32,
    v_v: i32,
}

impl Matrix {
    fn to_601(colour: &Colour) -> Option<Self> {
        let (kr, kb) = luma_weights(colour);
        let (jr, jb) = luma_weights(&Colour { matrix: "smpte170m".into(), ..colour.clone() });
        if (kr, kb) == (jr, jb) {
            return None;
        }
        // RGB of a unit of each chroma at luma 0, then BT.601 of that.
        let kg = 1.0 - kr - kb;
        let of = |u: f64, v: f64| {
            let (r, b) = (2.0 * (1.0 - kr) * v, 2.0 * (1.0 - kb) * u);
            let g = -(kr * r + kb * b) / kg;
            let y = jr * r + (1.0 - jr - jb) * g + jb * b;
            (y, (b - y) / (2.0 * (1.0 - jb)), (r - y) / (2.0 * (1.0 - jr)))
        };
        let fixed = |x: f64| (x * 65536.0).round() as i32;
        let ((yu, uu, vu), (yv, uv, vv)) = (of(1.0, 0.0), of(0.0, 1.0));
        Some(Self {
            y_u: fixed(yu),
            y_v: fixed(yv),
            u_u: fixed(uu),
            u_v: fixed(uv),
            v_u: fixed(vu),
            v_v: fixed(vv),
        })
    }

    /// In place on 4:2:0 planes of a `width`×`height` picture.
    fn apply(&self, y: &mut [u8], u: &mut [u8], v: &mut [u8], width: usize, height: usize) {
        let chroma = width.div_ceil(2);
        let mut add = vec![0i32; chroma];
        for row in 0..height.div_ceil(2) {
            let at = row * chroma;
            for (x, add) in add.iter_mut().enumerate() {
                let (cu, cv) = (i32::from(u[at + x]) - 128, i32::from(v[at + x]) - 128);
                *add = self.y_u * cu + self.y_v * cv + 32768;
                u[at + x] = (128 + ((self.u_u * cu + self.u_v * cv + 32768) >> 16)).clamp(0, 255) as u8;
                v[at + x] = (128 + ((self.v_u * cu + self.v_v * cv + 32768) >> 16)).clamp(0, 255) as u8;
            }
            for line in 2 * row..(2 * row + 2).min(height) {
                for (x, luma) in y[line * width..][..width].iter_mut().enumerate() {
                    *luma = (((i32::from(*luma) << 16) + add[x / 2]) >> 16).clamp(0, 255) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarter_turns_are_clockwise() {
        let rows = vec![1, 2, 3, 4, 5, 6]; // 3×2
        assert_eq!(turn::<1>(rows.clone(), 3, 2, 90), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turn::<1>(rows.clone(), 3, 2, 180), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turn::<1>(rows, 3, 2, 270), [3, 6, 2, 5, 1, 4]);
    }

    #[test]
    fn mask_levels_survive_the_limited_range() {
        for level in [0, 63, 127, 255] {
            assert_eq!(full_range(limited_range(level)), level);
        }
        assert_eq!((limited_range(63), limited_range(127)), (70, 125));
        assert_eq!((full_range(0), full_range(255)), (0, 255));
    }
}
