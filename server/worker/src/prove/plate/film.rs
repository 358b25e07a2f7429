//! Rendered frames as pictures of any format, and pictures of one format as another. Test material only: nothing here
//! touches what a user removes.

use media::{Family, Picture, PixelFormat};
use pipeline::demo::Rgb16;

/// A pixel format that footage is made in.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// FFmpeg's name.
    pub name: &'static str,
}

impl Format {
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    pub fn pixels(self) -> PixelFormat {
        PixelFormat::from_name(self.name).expect("one of FFmpeg's planar formats")
    }
}

/// How footage is tagged: BT.709 in the limited range.
pub fn colour() -> domain::Colour {
    let bt709 = || "bt709".to_owned();
    domain::Colour {
        primaries: bt709(),
        transfer: bt709(),
        matrix: bt709(),
        range: "tv".into(),
        assumed: false,
    }
}

/// A rendered frame in `format` (a YUV one), BT.709, limited range, chroma averaged over its blocks.
/// Alpha, where there is one, is a ramp with noise, so that a changed sample of it cannot hide.
pub fn picture(rgb: &Rgb16, format: PixelFormat, frame: u32, seed: u64) -> Picture {
    debug_assert!(format.family() == Family::Yuv, "rendered plates are YUV");
    let (width, height) = (rgb.width as usize, rgb.height as usize);
    let one = f64::from(1u32 << (format.depth() - 8));
    let mut picture = Picture::new(format, rgb.width, rgb.height);
    for (number, plane) in picture.planes.iter_mut().enumerate() {
        let (across, down) = (width.div_ceil(plane.width as usize), height.div_ceil(plane.height as usize));
        for y in 0..plane.height as usize {
            for x in 0..plane.width as usize {
                let value = if number == 3 {
                    alpha(format, frame, seed, x, y)
                } else {
                    let (mut sum, mut count) = (0.0, 0.0);
                    for v in y * down..((y + 1) * down).min(height) {
                        for u in x * across..((x + 1) * across).min(width) {
                            let at = (v * width + u) * 3;
                            sum += sample(&rgb.samples[at..at + 3], number);
                            count += 1.0;
                        }
                    }
                    (sum / count * one + 0.5) as u16
                };
                plane.set(x as u32, y as u32, value.min(format.max_value()));
            }
        }
    }
    picture
}

/// Y, Cb or Cr of a pixel, in 8-bit steps of the limited range.
fn sample(rgb: &[u16], plane: usize) -> f64 {
    let [r, g, b] = [0, 1, 2].map(|c| f64::from(rgb[c]) / 65535.0);
    let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    match plane {
        0 => 16.0 + 219.0 * luma,
        1 => 128.0 + 224.0 * (b - luma) / 1.8556,
        _ => 128.0 + 224.0 * (r - luma) / 1.5748,
    }
}

fn alpha(format: PixelFormat, frame: u32, seed: u64, x: usize, y: usize) -> u16 {
    let most = u64::from(format.max_value());
    let ramp = (x * 5 + y * 3 + frame as usize * 7) as u64 % (most / 2 + 1);
    let noise = mixed(seed ^ ((frame as u64) << 48 | (x as u64) << 24 | y as u64)) % 16;
    (most / 2 + ramp - noise.min(ramp)) as u16
}

/// Well mixed bits out of a number.
pub fn mixed(number: u64) -> u64 {
    let mut h = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^ (h >> 31)
}

/// `picture` in another format: samples of the nearest place, new low bits and the samples between old ones by noise, so
/// that the wider format's own samples matter; alpha as in [`picture`]. The same format gives the same picture.
pub fn recast(source: &Picture, format: PixelFormat, frame: u32, seed: u64) -> Picture {
    let mut picture = Picture::new(format, source.width, source.height);
    let up = format.depth().saturating_sub(source.format.depth());
    for (number, plane) in picture.planes.iter_mut().enumerate() {
        let from = source.planes.get(number);
        if let Some(from) = from.filter(|f| source.format == format && f.data.len() == plane.data.len()) {
            plane.data.copy_from_slice(&from.data);
            continue;
        }
        for y in 0..plane.height {
            for x in 0..plane.width {
                let noise = mixed(seed ^ (u64::from(frame) << 48 | u64::from(x) << 24 | u64::from(y)));
                let value = match from {
                    Some(from) => {
                        let (u, v) = (x * from.width / plane.width, y * from.height / plane.height);
                        (from.get(u, v) << up) + (noise & ((1 << up) | 1)) as u16
                    }
                    None => alpha(format, frame, seed, x as usize, y as usize),
                };
                plane.set(x, y, value.min(format.max_value()));
            }
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_light_is_grey_and_white_is_235() {
        let grey = Rgb16 { width: 3, height: 3, samples: vec![65535; 27] };
        for (name, luma, chroma) in [("yuv420p", 235, 128), ("yuv422p10le", 940, 512), ("yuv444p", 235, 128)]
        {
            let picture = picture(&grey, Format::new(name).pixels(), 0, 1);
            assert_eq!(
                (picture.planes[0].get(2, 2), picture.planes[1].get(0, 2 >> 1)),
                (luma, chroma),
                "{name}"
            );
        }
    }

    #[test]
    fn a_wider_format_gets_samples_of_its_own() {
        let narrow = picture(
            &Rgb16 { width: 8, height: 8, samples: (0..192).map(|k| k * 300).collect() },
            Format::new("yuv420p").pixels(),
            3,
            1,
        );
        assert_eq!(recast(&narrow, narrow.format, 3, 9), narrow);
        let wide = recast(&narrow, Format::new("yuva444p10le").pixels(), 3, 9);
        let back = wide.planes[0].data.chunks(2).map(|word| u16::from_le_bytes([word[0], word[1]]) % 4);
        assert!(back.filter(|low| *low > 0).count() > 10);
        assert!(wide.planes[3].data.chunks(2).any(|word| word != &wide.planes[3].data[..2]));
    }
}
