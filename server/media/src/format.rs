//! Pixel formats as plain facts: planes, subsampling, depth, alpha. Not FFmpeg's list of hundreds: packed and
//! byte-swapped layouts are unpacked on reading, so only planar little-endian ones are named here.

use std::ffi::{CStr, CString};
use std::fmt;

use ffmpeg_next::ffi::{
    AV_PIX_FMT_FLAG_BAYER, AV_PIX_FMT_FLAG_BITSTREAM, AV_PIX_FMT_FLAG_FLOAT, AV_PIX_FMT_FLAG_HWACCEL,
    AV_PIX_FMT_FLAG_PAL, AV_PIX_FMT_FLAG_RGB, AVPixFmtDescriptor, AVPixelFormat, av_get_pix_fmt,
    av_get_pix_fmt_name, av_pix_fmt_desc_get,
};

/// What the samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// One plane.
    Grey,
    /// Luma, blue difference, red difference.
    Yuv,
    /// Green, blue, red: FFmpeg's plane order.
    Rgb,
}

/// A planar pixel format. Samples deeper than 8 bits are little-endian 16-bit words with the value in the low bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelFormat {
    family: Family,
    depth: u8,
    alpha: bool,
    chroma: (u8, u8),
}

impl PixelFormat {
    /// One 8-bit plane: masks and mattes.
    pub const GREY8: Self = Self { family: Family::Grey, depth: 8, alpha: false, chroma: (0, 0) };

    /// A format, when FFmpeg has it. `chroma`: log2 of the horizontal and vertical subsampling, `(1, 1)` for 4:2:0.
    pub fn new(family: Family, depth: u8, alpha: bool, chroma: (u8, u8)) -> Option<Self> {
        let format = Self { family, depth, alpha, chroma };
        let shape =
            depth >= 8 && (family == Family::Yuv || chroma == (0, 0)) && chroma.0 <= 2 && chroma.1 <= 2;
        (shape && find(&format.name()) != AVPixelFormat::AV_PIX_FMT_NONE).then_some(format)
    }

    /// From FFmpeg's name, e.g. `yuv422p10le`; `yuvj420p` is `yuv420p`. `None` for what is not planar.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = find(name);
        let format = Self::unpacked(found)?;
        (format.name() == name.replace("yuvj", "yuv")).then_some(format)
    }

    /// The planar format that holds every sample of FFmpeg's `format` exactly.
    pub(crate) fn unpacked(format: AVPixelFormat) -> Option<Self> {
        let desc = descriptor(format)?;
        let refused = AV_PIX_FMT_FLAG_BITSTREAM
            | AV_PIX_FMT_FLAG_HWACCEL
            | AV_PIX_FMT_FLAG_BAYER
            | AV_PIX_FMT_FLAG_FLOAT;
        if desc.flags & refused as u64 != 0 || name_of(format).starts_with("xyz") {
            return None;
        }
        if desc.flags & AV_PIX_FMT_FLAG_PAL as u64 != 0 {
            return Self::new(Family::Rgb, 8, true, (0, 0));
        }
        let components = usize::from(desc.nb_components);
        let depth = desc.comp[0].depth;
        if components == 0 || desc.comp[..components].iter().any(|c| c.depth != depth) {
            return None;
        }
        let rgb = desc.flags & AV_PIX_FMT_FLAG_RGB as u64 != 0;
        let (family, alpha) = match (components, rgb) {
            (1, _) => (Family::Grey, false),
            (2, _) => (Family::Rgb, true), // grey with alpha: no planar twin, so three equal planes
            (n, true) => (Family::Rgb, n == 4),
            (n, false) => (Family::Yuv, n == 4),
        };
        let chroma = if family == Family::Yuv { (desc.log2_chroma_w, desc.log2_chroma_h) } else { (0, 0) };
        Self::new(family, u8::try_from(depth).ok()?, alpha, chroma)
    }

    /// FFmpeg's name.
    pub fn name(&self) -> String {
        let Self { family, depth, alpha, chroma } = *self;
        let a = if alpha { "a" } else { "" };
        let bits = if depth == 8 { String::new() } else { format!("{depth}le") };
        match family {
            Family::Grey => format!("gray{bits}"),
            Family::Rgb => format!("gbr{a}p{bits}"),
            Family::Yuv => {
                let sampling = match chroma {
                    (0, 0) => "444",
                    (1, 0) => "422",
                    (1, 1) => "420",
                    (0, 1) => "440",
                    (2, 0) => "411",
                    (2, 2) => "410",
                    _ => "none", // refused by `new`
                };
                format!("yuv{a}{sampling}p{bits}")
            }
        }
    }

    pub fn family(&self) -> Family {
        self.family
    }

    /// Bits per sample, 8 to 16.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Whether the last plane is alpha.
    pub fn has_alpha(&self) -> bool {
        self.alpha
    }

    /// Log2 of the chroma planes' horizontal and vertical subsampling.
    pub fn chroma(&self) -> (u8, u8) {
        self.chroma
    }

    /// 1 or 2.
    pub fn bytes_per_sample(&self) -> usize {
        if self.depth > 8 { 2 } else { 1 }
    }

    /// The largest sample value: 255, 1023, …
    pub fn max_value(&self) -> u16 {
        ((1u32 << self.depth) - 1) as u16
    }

    pub fn planes(&self) -> usize {
        let colour = if self.family == Family::Grey { 1 } else { 3 };
        colour + usize::from(self.alpha)
    }

    /// Whether plane `plane` may be smaller than the picture.
    pub fn is_chroma(&self, plane: usize) -> bool {
        self.family == Family::Yuv && (plane == 1 || plane == 2)
    }

    /// Samples across and down in plane `plane` of a `width`×`height` picture; odd sizes round up.
    pub fn plane_size(&self, plane: usize, width: u32, height: u32) -> (u32, u32) {
        if self.is_chroma(plane) {
            (width.div_ceil(1 << self.chroma.0), height.div_ceil(1 << self.chroma.1))
        } else {
            (width, height)
        }
    }

    /// Bytes of a whole picture.
    pub fn picture_bytes(&self, width: u32, height: u32) -> usize {
        (0..self.planes())
            .map(|p| self.plane_size(p, width, height))
            .map(|(w, h)| w as usize * h as usize * self.bytes_per_sample())
            .sum()
    }

    pub(crate) fn av(&self) -> AVPixelFormat {
        find(&self.name())
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

pub(crate) fn find(name: &str) -> AVPixelFormat {
    let Ok(name) = CString::new(name) else { return AVPixelFormat::AV_PIX_FMT_NONE };
    // SAFETY: a valid C string that FFmpeg only reads.
    unsafe { av_get_pix_fmt(name.as_ptr()) }
}

pub(crate) fn name_of(format: AVPixelFormat) -> String {
    // SAFETY: null for unknown formats, else a static C string.
    unsafe {
        let name = av_get_pix_fmt_name(format);
        if name.is_null() {
            "an unknown pixel format".into()
        } else {
            CStr::from_ptr(name).to_string_lossy().into()
        }
    }
}

pub(crate) fn descriptor(format: AVPixelFormat) -> Option<&'static AVPixFmtDescriptor> {
    // SAFETY: null for unknown formats, else an entry of FFmpeg's static table.
    unsafe { av_pix_fmt_desc_get(format).as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_the_same_format() {
        let names = [
            "yuv420p",
            "yuv422p10le",
            "yuv444p12le",
            "yuva444p10le",
            "yuva420p",
            "gray",
            "gray16le",
            "gbrp",
            "gbrap12le",
            "yuv411p",
            "yuv440p",
        ];
        for name in names {
            assert_eq!(PixelFormat::from_name(name).expect(name).name(), name);
        }
        for name in ["rgb24", "nv12", "yuv420p10be", "pal8", "no such", "gbrpf32le", "monow", "a\0b"] {
            assert!(PixelFormat::from_name(name).is_none(), "{name}");
        }
    }

    #[test]
    fn full_range_names_are_the_plain_ones() {
        assert_eq!(PixelFormat::from_name("yuvj420p"), PixelFormat::from_name("yuv420p"));
    }

    #[test]
    fn odd_sizes_keep_the_last_chroma_sample() {
        let format = PixelFormat::from_name("yuv420p").expect("known");
        assert_eq!(format.plane_size(1, 17, 19), (9, 10));
        assert_eq!(format.picture_bytes(17, 19), 17 * 19 + 2 * 90);
    }
}
