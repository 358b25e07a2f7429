//! What the samples of a plane mean: red, green and blue as fractions ↔ samples of a format, for pictures that were made
//! elsewhere. Whole decoded pictures are converted in `convert`.

use domain::Colour;

use crate::colour::{is_full, luma_weights};
use crate::{Family, PixelFormat};

/// How the colour planes of a picture code red, green and blue. Samples are given as `value · 2^(16 − depth)`, so that
/// they mean the same at every depth; alpha is left out.
#[derive(Debug, Clone, Copy)]
pub struct Coding {
    family: Family,
    red: f32,
    blue: f32,
    /// Sample of black and of white, of no difference, and of the largest one.
    luma: (f32, f32),
    chroma: (f32, f32),
}

impl Coding {
    pub fn new(colour: &Colour, format: PixelFormat) -> Self {
        let (red, blue) = luma_weights(colour);
        // Grey is taken as full range wherever it comes from, as `Picture::to_rgb` takes it.
        let full = is_full(colour) || format.family() != Family::Yuv;
        let step = f32::from(1u16 << (16 - format.depth()));
        let most = f32::from(format.max_value()) * step;
        let (luma, chroma) = if full {
            ((0.0, most), (32_768.0, most / 2.0))
        } else {
            // 16 to 235 and 16 to 240 of 8 bits.
            ((4096.0, 60_160.0), (32_768.0, 28_672.0))
        };
        Self { family: format.family(), red: red as f32, blue: blue as f32, luma, chroma }
    }

    /// Colour planes: 1 or 3.
    pub fn planes(&self) -> usize {
        if self.family == Family::Grey { 1 } else { 3 }
    }

    /// Red, green and blue, 0–1, display-coded → samples of the planes, in FFmpeg's order; what is behind
    /// [`Self::planes`] is 0. Not held to the range.
    pub fn samples(&self, [r, g, b]: [f32; 3]) -> [f32; 3] {
        let (black, white) = self.luma;
        let scaled = |v: f32| black + v * (white - black);
        if self.family == Family::Rgb {
            return [scaled(g), scaled(b), scaled(r)];
        }
        let y = self.red * r + (1.0 - self.red - self.blue) * g + self.blue * b;
        if self.family == Family::Grey {
            return [scaled(y), 0.0, 0.0];
        }
        let (middle, most) = self.chroma;
        let u = (b - y) / (1.0 - self.blue);
        let v = (r - y) / (1.0 - self.red);
        [scaled(y), middle + u * most, middle + v * most]
    }

    /// The way back.
    pub fn rgb(&self, samples: [f32; 3]) -> [f32; 3] {
        let (black, white) = self.luma;
        let share = |v: f32| (v - black) / (white - black);
        let [first, second, third] = samples;
        match self.family {
            Family::Rgb => [share(third), share(first), share(second)],
            Family::Grey => [share(first); 3],
            Family::Yuv => {
                let (middle, most) = self.chroma;
                let y = share(first);
                let b = y + (second - middle) / most * (1.0 - self.blue);
                let r = y + (third - middle) / most * (1.0 - self.red);
                let g = (y - self.red * r - self.blue * b) / (1.0 - self.red - self.blue);
                [r, g, b]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Picture;

    fn colour(matrix: &str, range: &str) -> Colour {
        let said = |text: &str| text.to_owned();
        Colour {
            primaries: said("bt709"),
            transfer: said("bt709"),
            matrix: said(matrix),
            range: said(range),
            assumed: false,
        }
    }

    #[test]
    fn colours_come_back_from_their_samples() {
        for format in ["yuv420p", "yuv422p10le", "yuv444p12le", "gbrp", "gbrp16le"] {
            for (matrix, range) in [("bt709", "tv"), ("bt2020nc", "pc"), ("smpte170m", "tv")] {
                let coding = Coding::new(&colour(matrix, range), PixelFormat::from_name(format).unwrap());
                for rgb in [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.9, 0.2, 0.4], [0.1, 0.7, 0.3]] {
                    let back = coding.rgb(coding.samples(rgb));
                    let near = rgb.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-4);
                    assert!(near, "{format} {matrix} {range}: {rgb:?} {back:?}");
                }
            }
        }
    }

    #[test]
    fn a_sample_shows_the_colour_that_the_scaler_shows() {
        for format in ["yuv444p", "yuv444p10le", "gbrp", "gray"] {
            for range in ["tv", "pc"] {
                let (format, colour) = (PixelFormat::from_name(format).unwrap(), colour("bt709", range));
                let coding = Coding::new(&colour, format);
                let rgb = if coding.planes() == 1 { [0.6; 3] } else { [0.8, 0.3, 0.5] };
                let mut picture = Picture::new(format, 16, 16);
                let step = f32::from(1u16 << (16 - format.depth()));
                for (plane, sample) in picture.planes.iter_mut().zip(coding.samples(rgb)) {
                    for at in 0..256 {
                        plane.set(at % 16, at / 16, (sample / step + 0.5) as u16);
                    }
                }
                let shown = picture.to_rgb(16, 16, &colour, 0).unwrap();
                for (got, want) in shown.data[300..303].iter().zip(rgb) {
                    let apart = (f32::from(*got) - want * 255.0).abs();
                    assert!(apart < 2.5, "{format} {range}: {got}, wanted {}", want * 255.0);
                }
            }
        }
    }
}
