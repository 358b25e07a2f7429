//! Colour tags: FFmpeg's numbers ↔ names, and what is assumed of an untagged file.

use std::ffi::{CStr, CString, c_char, c_int};

use domain::Colour;
use ffmpeg_next::ffi::{
    AVCodecContext, AVCodecParameters, AVColorPrimaries, AVColorRange, AVColorSpace,
    AVColorTransferCharacteristic, AVFrame, av_color_primaries_from_name, av_color_primaries_name,
    av_color_range_from_name, av_color_range_name, av_color_space_from_name, av_color_space_name,
    av_color_transfer_from_name, av_color_transfer_name,
};

use crate::{Family, PixelFormat};

/// Tags as the file says them; `None` where it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    primaries: Option<String>,
    transfer: Option<String>,
    matrix: Option<String>,
    range: Option<String>,
}

impl Tags {
    pub fn of_frame(frame: &AVFrame) -> Self {
        Self::new(frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
    }

    pub fn of_parameters(p: &AVCodecParameters) -> Self {
        Self::new(p.color_primaries, p.color_trc, p.color_space, p.color_range)
    }

    fn new(
        primaries: AVColorPrimaries,
        transfer: AVColorTransferCharacteristic,
        matrix: AVColorSpace,
        range: AVColorRange,
    ) -> Self {
        // SAFETY: each function returns null or a static C string for any value.
        unsafe {
            Self {
                primaries: said(av_color_primaries_name(primaries)),
                transfer: said(av_color_transfer_name(transfer)),
                matrix: said(av_color_space_name(matrix)),
                range: said(av_color_range_name(range)),
            }
        }
    }

    /// Our tags, and `other`'s where we have none.
    pub fn or(self, other: Self) -> Self {
        Self {
            primaries: self.primaries.or(other.primaries),
            transfer: self.transfer.or(other.transfer),
            matrix: self.matrix.or(other.matrix),
            range: self.range.or(other.range),
        }
    }

    /// Fills the gaps: from 720 lines on BT.709, below BT.601; limited range, but full for RGB and grey.
    /// `jpeg`: the pixel format itself says full range.
    pub fn complete(self, format: PixelFormat, height: u32, jpeg: bool) -> Colour {
        let Self { primaries, transfer, matrix, range } = self;
        let usual = if height >= 720 { "bt709" } else { "smpte170m" };
        let limited = format.family() == Family::Yuv && !jpeg;
        let assumed = matrix.is_none() && format.family() == Family::Yuv;
        let matrix = match format.family() {
            Family::Rgb => "gbr".to_owned(),
            _ => matrix.filter(|m| m != "gbr").unwrap_or_else(|| usual.to_owned()),
        };
        let by_matrix = match matrix.as_str() {
            "bt2020nc" | "bt2020c" => "bt2020",
            "bt470bg" | "smpte170m" => "smpte170m",
            _ if format.family() == Family::Yuv => usual,
            _ => "bt709",
        };
        Colour {
            primaries: primaries.unwrap_or_else(|| by_matrix.to_owned()),
            transfer: transfer
                .unwrap_or_else(|| if by_matrix == "bt2020" { "bt2020-10" } else { by_matrix }.to_owned()),
            matrix,
            range: range.unwrap_or_else(|| if limited { "tv" } else { "pc" }.to_owned()),
            assumed,
        }
    }
}

fn said(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: a static C string of FFmpeg's.
    let text = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    (!matches!(text.as_ref(), "unknown" | "unspecified" | "reserved")).then(|| text.into_owned())
}

/// Whether the samples use the full range.
pub(crate) fn is_full(colour: &Colour) -> bool {
    colour.range == "pc"
}

/// FFmpeg's number of a name, by the function that knows it; 2 (unspecified) for what it does not know.
fn number(name: &str, find: unsafe extern "C" fn(*const c_char) -> c_int) -> c_int {
    let Ok(name) = CString::new(name) else { return 2 };
    // SAFETY: a valid C string that FFmpeg only reads.
    match unsafe { find(name.as_ptr()) } {
        found if found >= 0 => found,
        _ => 2,
    }
}

/// FFmpeg's number of the matrix: what its scaler's tables are chosen by.
pub(crate) fn matrix_number(colour: &Colour) -> c_int {
    number(&colour.matrix, av_color_space_from_name)
}

/// Luma weights of red and blue.
pub(crate) fn luma_weights(colour: &Colour) -> (f64, f64) {
    match colour.matrix.as_str() {
        "bt709" => (0.2126, 0.0722),
        "bt2020nc" | "bt2020c" => (0.2627, 0.0593),
        "fcc" => (0.30, 0.11),
        "smpte240m" => (0.212, 0.087),
        _ => (0.299, 0.114),
    }
}

/// Tags an encoder that is not open yet.
pub(crate) fn tag(context: &mut AVCodecContext, colour: &Colour) {
    // SAFETY: every number comes from FFmpeg's own tables of that enum, or is 2 (unspecified; range: 0).
    unsafe {
        context.color_primaries = std::mem::transmute::<c_int, AVColorPrimaries>(number(
            &colour.primaries,
            av_color_primaries_from_name,
        ));
        context.color_trc = std::mem::transmute::<c_int, AVColorTransferCharacteristic>(number(
            &colour.transfer,
            av_color_transfer_from_name,
        ));
        context.colorspace = std::mem::transmute::<c_int, AVColorSpace>(matrix_number(colour));
        let range = match colour.range.as_str() {
            "tv" | "pc" => number(&colour.range, av_color_range_from_name),
            _ => 0,
        };
        context.color_range = std::mem::transmute::<c_int, AVColorRange>(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untagged_pictures_follow_their_height() {
        let yuv = PixelFormat::from_name("yuv420p").expect("known");
        let hd = Tags::default().complete(yuv, 720, false);
        assert_eq!((hd.matrix.as_str(), hd.range.as_str(), hd.assumed), ("bt709", "tv", true));
        let sd = Tags::default().complete(yuv, 719, false);
        assert_eq!((sd.matrix.as_str(), sd.range.as_str(), sd.assumed), ("smpte170m", "tv", true));
        let rgb = Tags::default().complete(PixelFormat::from_name("gbrp").expect("known"), 100, false);
        assert_eq!((rgb.matrix.as_str(), rgb.range.as_str(), rgb.assumed), ("gbr", "pc", false));
    }

    #[test]
    fn tags_that_are_there_are_kept() {
        let tags = Tags { matrix: Some("bt2020nc".into()), range: Some("pc".into()), ..Tags::default() };
        let yuv = PixelFormat::from_name("yuv420p10le").expect("known");
        let colour = tags.complete(yuv, 2160, false);
        assert_eq!((colour.primaries.as_str(), colour.transfer.as_str()), ("bt2020", "bt2020-10"));
        assert!(!colour.assumed && is_full(&colour));
    }
}
