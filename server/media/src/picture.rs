//! One decoded picture in its own planes, and exact changes of its format. No FFmpeg, no scaling.

use domain::Hash;
use sha2::{Digest, Sha256};

use crate::PixelFormat;

/// Spare bytes behind each plane that a `Reader` allocates, so that FFmpeg's scaler may read it in place.
pub(crate) const PADDING: usize = 64;

/// One plane: rows from top to bottom without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    /// `width · height · bytes_per_sample` bytes; words are little-endian.
    pub data: Vec<u8>,
    /// In samples.
    pub width: u32,
    /// In samples.
    pub height: u32,
    /// 1 or 2.
    pub bytes_per_sample: usize,
}

impl Plane {
    /// A plane of zeros.
    pub fn new(width: u32, height: u32, bytes_per_sample: usize) -> Self {
        let size = width as usize * height as usize * bytes_per_sample;
        let mut data = Vec::with_capacity(size + PADDING);
        data.resize(size, 0);
        Self { data, width, height, bytes_per_sample }
    }

    /// Bytes in a row.
    pub fn stride(&self) -> usize {
        self.width as usize * self.bytes_per_sample
    }

    /// The bytes of row `y`.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.stride();
        &self.data[y as usize * stride..][..stride]
    }

    /// The sample at column `x` of row `y`.
    pub fn get(&self, x: u32, y: u32) -> u16 {
        let i = y as usize * self.width as usize + x as usize;
        match self.bytes_per_sample {
            1 => u16::from(self.data[i]),
            _ => u16::from_le_bytes([self.data[2 * i], self.data[2 * i + 1]]),
        }
    }

    /// Writes the sample at column `x` of row `y`; at one byte per sample only the low byte counts.
    pub fn set(&mut self, x: u32, y: u32, value: u16) {
        let i = y as usize * self.width as usize + x as usize;
        match self.bytes_per_sample {
            1 => self.data[i] = value as u8,
            _ => self.data[2 * i..2 * i + 2].copy_from_slice(&value.to_le_bytes()),
        }
    }
}

/// A picture as decoded: coded orientation, the file's own samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub format: PixelFormat,
    pub width: u32,
    pub height: u32,
    /// In FFmpeg's order: Y U V (A), or G B R (A), or grey.
    pub planes: Vec<Plane>,
}

impl Picture {
    /// A picture of zeros.
    pub fn new(format: PixelFormat, width: u32, height: u32) -> Self {
        let plane = |p| {
            let (w, h) = format.plane_size(p, width, height);
            Plane::new(w, h, format.bytes_per_sample())
        };
        Self { format, width, height, planes: (0..format.planes()).map(plane).collect() }
    }

    /// One 8-bit plane as a picture.
    ///
    /// # Panics
    /// When `grey` is not `width · height` bytes.
    pub fn grey(width: u32, height: u32, grey: Vec<u8>) -> Self {
        assert_eq!(grey.len(), width as usize * height as usize, "a grey picture has one byte per pixel");
        let plane = Plane { data: grey, width, height, bytes_per_sample: 1 };
        Self { format: PixelFormat::GREY8, width, height, planes: vec![plane] }
    }

    /// Whether the planes are those that format and size ask for.
    pub fn is_whole(&self) -> bool {
        let bytes = self.format.bytes_per_sample();
        self.planes.len() == self.format.planes()
            && self.planes.iter().enumerate().all(|(p, plane)| {
                (plane.width, plane.height) == self.format.plane_size(p, self.width, self.height)
                    && plane.bytes_per_sample == bytes
                    && plane.data.len() == plane.width as usize * plane.height as usize * bytes
            })
    }

    /// SHA-256 over the bytes of all planes in order: what `ffmpeg -f rawvideo` writes for the same planar format.
    pub fn hash(&self) -> Hash {
        let mut digest = Sha256::new();
        for plane in &self.planes {
            digest.update(&plane.data);
        }
        Hash::from_digest(digest.finalize().into())
    }

    /// The same samples in a wider format: each value shifted up by the added bits, chroma repeated, alpha opaque.
    /// `None` when `to` is another family or narrower anywhere.
    pub fn widened(&self, to: PixelFormat) -> Option<Self> {
        if !self.format.fits_in(to) {
            return None;
        }
        let shift = to.depth() - self.format.depth();
        let mut wide = Self::new(to, self.width, self.height);
        for (p, plane) in wide.planes.iter_mut().enumerate() {
            let Some(source) = self.planes.get(p) else {
                fill(plane, to.max_value());
                continue;
            };
            if shift == 0 && (plane.width, plane.height) == (source.width, source.height) {
                plane.data.copy_from_slice(&source.data);
                continue;
            }
            let chroma = self.format.is_chroma(p);
            let (from, into) = (self.format.chroma(), to.chroma());
            let (dx, dy) = if chroma { (from.0 - into.0, from.1 - into.1) } else { (0, 0) };
            for y in 0..plane.height {
                for x in 0..plane.width {
                    plane.set(x, y, source.get(x >> dx, y >> dy) << shift);
                }
            }
        }
        Some(wide)
    }
}

fn fill(plane: &mut Plane, value: u16) {
    match plane.bytes_per_sample {
        1 => plane.data.fill(value as u8),
        _ => plane.data.chunks_exact_mut(2).for_each(|word| word.copy_from_slice(&value.to_le_bytes())),
    }
}

impl PixelFormat {
    /// Whether every sample of `self` has an exact place in `to`.
    pub fn fits_in(&self, to: Self) -> bool {
        self.family() == to.family()
            && to.depth() >= self.depth()
            && to.chroma().0 <= self.chroma().0
            && to.chroma().1 <= self.chroma().1
            && (to.has_alpha() || !self.has_alpha())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_keeps_every_sample() {
        let format = |name| PixelFormat::from_name(name).expect("known");
        let mut picture = Picture::new(format("yuv420p"), 5, 3);
        for plane in &mut picture.planes {
            for (i, byte) in plane.data.iter_mut().enumerate() {
                *byte = (i * 37) as u8;
            }
        }
        let wide = picture.widened(format("yuva444p10le")).expect("wider");
        assert!(wide.is_whole());
        for y in 0..3 {
            for x in 0..5 {
                assert_eq!(wide.planes[0].get(x, y), picture.planes[0].get(x, y) << 2);
                assert_eq!(wide.planes[1].get(x, y), picture.planes[1].get(x / 2, y / 2) << 2);
                assert_eq!(wide.planes[3].get(x, y), 1023);
            }
        }
        assert!(wide.widened(format("yuv420p")).is_none());
        assert!(picture.widened(format("gbrp")).is_none());
    }

    #[test]
    fn the_hash_is_that_of_the_plane_bytes() {
        let picture = Picture::grey(2, 1, vec![b'a', b'b']);
        assert_eq!(picture.hash(), Hash::of(b"ab"));
    }
}
