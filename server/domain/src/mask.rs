//! Quadmasks: four levels per pixel, kept as two bits, and the grid the affected region snaps to.
//!
//! Sources: void-spec §1.3 (levels), §3.1 (grid), §4.4 (combine by thresholds).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Hash;

/// What becomes of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 0: removed.
    Primary,
    /// 63: removed and affected.
    Overlap,
    /// 127: rewritten.
    Affected,
    /// 255: kept.
    Background,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Primary, Self::Overlap, Self::Affected, Self::Background];

    /// The level of a pixel that is in the primary layer, the affected layer, both or none.
    pub fn of_layers(primary: bool, affected: bool) -> Self {
        match (primary, affected) {
            (true, false) => Self::Primary,
            (true, true) => Self::Overlap,
            (false, true) => Self::Affected,
            (false, false) => Self::Background,
        }
    }

    pub fn is_primary(self) -> bool {
        matches!(self, Self::Primary | Self::Overlap)
    }

    pub fn is_affected(self) -> bool {
        matches!(self, Self::Overlap | Self::Affected)
    }

    /// The grey value that VOID's files use.
    pub fn grey(self) -> u8 {
        match self {
            Self::Primary => 0,
            Self::Overlap => 63,
            Self::Affected => 127,
            Self::Background => 255,
        }
    }

    /// The nearest level of a grey value that went through a lossy codec.
    pub fn nearest(grey: u8) -> Self {
        match grey {
            0..=31 => Self::Primary,
            32..=95 => Self::Overlap,
            96..=191 => Self::Affected,
            192..=255 => Self::Background,
        }
    }

    fn code(self) -> u8 {
        self as u8
    }

    fn of_code(code: u8) -> Self {
        Self::ALL[usize::from(code & 3)]
    }
}

/// One frame of a quadmask: a level per pixel, row by row from the top left, at the plate's displayed size.
#[derive(Clone, PartialEq, Eq)]
pub struct Levels {
    width: u32,
    height: u32,
    /// One level code (0–3) per pixel.
    codes: Vec<u8>,
}

impl std::fmt::Debug for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Levels({}x{}, {})", self.width, self.height, self.hash())
    }
}

/// The bytes are not a mask frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMask {
    #[error("the mask is not a readable PNG: {0}")]
    Png(String),
    #[error("the mask has {got} pixels where {width}×{height} are needed")]
    Size { got: usize, width: u32, height: u32 },
    #[error(
        "the mask is {got_width}×{got_height}, the plate is {width}×{height}: export it at the plate's size"
    )]
    OtherSize { got_width: u32, got_height: u32, width: u32, height: u32 },
}

impl Levels {
    /// Everything kept.
    pub fn background(width: u32, height: u32) -> Self {
        Self { width, height, codes: vec![Level::Background.code(); width as usize * height as usize] }
    }

    /// Levels from grey values `[height × width]`, each taken as the nearest level.
    pub fn from_grey(width: u32, height: u32, grey: &[u8]) -> Result<Self, BadMask> {
        if grey.len() != width as usize * height as usize {
            return Err(BadMask::Size { got: grey.len(), width, height });
        }
        // The code of `Level::nearest`, in a form that takes many pixels at once.
        let code = |&g: &u8| u8::from(g > 31) + u8::from(g > 95) + u8::from(g > 191);
        Ok(Self { width, height, codes: grey.iter().map(code).collect() })
    }

    /// Levels from a primary layer `[height × width]`, non-zero where the target is.
    pub fn from_primary(width: u32, height: u32, primary: &[u8]) -> Result<Self, BadMask> {
        if primary.len() != width as usize * height as usize {
            return Err(BadMask::Size { got: primary.len(), width, height });
        }
        let codes = primary.iter().map(|&p| Level::of_layers(p != 0, false).code()).collect();
        Ok(Self { width, height, codes })
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    /// Level codes, 0 primary, 1 overlap, 2 affected, 3 background, row by row.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    pub fn get(&self, x: u32, y: u32) -> Level {
        Level::of_code(self.codes[y as usize * self.width as usize + x as usize])
    }

    pub fn set(&mut self, x: u32, y: u32, level: Level) {
        self.codes[y as usize * self.width as usize + x as usize] = level.code();
    }

    /// Changes the pixels `from..to` of row `y` with `change`.
    pub fn map_span(&mut self, y: u32, from: u32, to: u32, change: impl Fn(Level) -> Level) {
        let row = y as usize * self.width as usize;
        for code in &mut self.codes[row + from as usize..row + to as usize] {
            *code = change(Level::of_code(*code)).code();
        }
    }

    /// Grey values `[height × width]`: 0, 63, 127, 255.
    pub fn to_grey(&self) -> Vec<u8> {
        self.codes.iter().map(|&c| Level::of_code(c).grey()).collect()
    }

    /// The primary layer `[height × width]`: 255 where the target is, else 0.
    pub fn primary(&self) -> Vec<u8> {
        self.codes.iter().map(|&c| if Level::of_code(c).is_primary() { 255 } else { 0 }).collect()
    }

    /// Pixels per level, in the order of [`Level::ALL`].
    pub fn areas(&self) -> [u64; 4] {
        let mut areas = [0; 4];
        for &code in &self.codes {
            areas[usize::from(code & 3)] += 1;
        }
        areas
    }

    /// Replaces the primary layer by `primary` (non-zero where the target is) except where `lock` is non-zero;
    /// the affected layer stays. Both are `[height × width]`; an empty `lock` locks nothing.
    pub fn with_primary(&self, primary: &[u8], lock: &[u8]) -> Result<Self, BadMask> {
        let (width, height) = (self.width, self.height);
        if primary.len() != self.codes.len() || !(lock.is_empty() || lock.len() == self.codes.len()) {
            return Err(BadMask::Size { got: primary.len(), width, height });
        }
        let codes = self.codes.iter().enumerate().map(|(at, &code)| {
            if lock.get(at).is_some_and(|&l| l != 0) {
                return code;
            }
            Level::of_layers(primary[at] != 0, Level::of_code(code).is_affected()).code()
        });
        Ok(Self { width, height, codes: codes.collect() })
    }

    /// The SHA-256 of size and packed levels: `width` and `height` as little-endian u32, then four levels a byte,
    /// first pixel in the lowest bits, rows not padded. Independent of how a PNG was compressed.
    pub fn hash(&self) -> Hash {
        let mut digest = Sha256::new();
        digest.update(self.width.to_le_bytes());
        digest.update(self.height.to_le_bytes());
        let packed: Vec<u8> = self
            .codes
            .chunks(4)
            .map(|four| four.iter().enumerate().fold(0, |byte, (at, &code)| byte | (code & 3) << (2 * at)))
            .collect();
        digest.update(&packed);
        Hash::from_digest(digest.finalize().into())
    }

    /// An indexed PNG of two bits per pixel whose palette is 0, 63, 127, 255.
    pub fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Two);
        encoder.set_palette(Level::ALL.iter().flat_map(|l| [l.grey(); 3]).collect::<Vec<u8>>());
        encoder.set_compression(png::Compression::Fast);
        encoder.set_filter(png::Filter::NoFilter);
        let row_bytes = (self.width as usize).div_ceil(4);
        let mut packed = vec![0u8; row_bytes * self.height as usize];
        for (row, codes) in packed.chunks_mut(row_bytes).zip(self.codes.chunks(self.width as usize)) {
            for (at, &code) in codes.iter().enumerate() {
                row[at / 4] |= (code & 3) << (6 - 2 * (at % 4));
            }
        }
        let mut writer = encoder.write_header().expect("writing to memory cannot fail");
        writer.write_image_data(&packed).expect("writing to memory cannot fail");
        writer.finish().expect("writing to memory cannot fail");
        bytes
    }

    /// An 8-bit grey PNG of 0, 63, 127, 255, for other tools.
    pub fn to_grey_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().expect("writing to memory cannot fail");
        writer.write_image_data(&self.to_grey()).expect("writing to memory cannot fail");
        writer.finish().expect("writing to memory cannot fail");
        bytes
    }

    /// Reads a PNG: ours, or any 8-bit grey or colour picture whose first channel holds levels.
    /// At most 8192×8192 pixels.
    pub fn from_png(bytes: &[u8]) -> Result<Self, BadMask> {
        let png_error = |error: png::DecodingError| BadMask::Png(error.to_string());
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(png_error)?;
        let (width, height) = (reader.info().width, reader.info().height);
        if width > 8192 || height > 8192 {
            return Err(BadMask::Png(format!("{width}×{height} is larger than 8192×8192")));
        }
        let size = reader.output_buffer_size().ok_or_else(|| BadMask::Png("too large".into()))?;
        let mut pixels = vec![0; size];
        let info = reader.next_frame(&mut pixels).map_err(png_error)?;
        let channels = info.color_type.samples();
        let grey: Vec<u8> = pixels[..info.buffer_size()].chunks(channels).map(|p| p[0]).collect();
        Self::from_grey(width, height, &grey)
    }
}

/// The grid on which affected regions are marked (void-spec §3.1): at least eight cells on the short side,
/// nearly square cells, edges at truncated multiples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    pub rows: u32,
    pub cols: u32,
}

impl Grid {
    /// The grid of a plate of `width`×`height` pixels.
    pub fn of(width: u32, height: u32) -> Self {
        Self::with_at_least(8, width, height)
    }

    /// With another number of cells on the short side, as a project's `min_grid` may say (void-spec §1.5).
    pub fn with_at_least(least: u32, width: u32, height: u32) -> Self {
        let long = |long: u32, short: u32| {
            let cells = f64::from(least) * f64::from(long) / f64::from(short);
            (cells.round_ties_even() as u32).max(least)
        };
        if width >= height {
            Self { rows: least, cols: long(width, height) }
        } else {
            Self { rows: long(height, width), cols: least }
        }
    }

    /// Pixel rectangle `(x0, y0, x1, y1)` of a cell, ends excluded; `None` outside the grid.
    pub fn cell(self, row: u32, col: u32, width: u32, height: u32) -> Option<(u32, u32, u32, u32)> {
        if row >= self.rows || col >= self.cols {
            return None;
        }
        let edge = |k: u32, size: u32, count: u32| (u64::from(k) * u64::from(size) / u64::from(count)) as u32;
        Some((
            edge(col, width, self.cols),
            edge(row, height, self.rows),
            edge(col + 1, width, self.cols),
            edge(row + 1, height, self.rows),
        ))
    }

    /// The cell under a pixel.
    pub fn at(self, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
        let guess = |p: u32, size: u32, count: u32| {
            let mut k = (u64::from(p) * u64::from(count) / u64::from(size.max(1))) as u32;
            while (u64::from(k + 1) * u64::from(size) / u64::from(count)) <= u64::from(p) && k + 1 < count {
                k += 1;
            }
            k.min(count - 1)
        };
        (guess(y, height, self.rows), guess(x, width, self.cols))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(width: u32, height: u32, seed: u32) -> Levels {
        let grey: Vec<u8> =
            (0..width * height).map(|i| Level::ALL[((i * 7 + seed) % 4) as usize].grey()).collect();
        Levels::from_grey(width, height, &grey).expect("sizes agree")
    }

    proptest! {
        #[test]
        fn levels_survive_png_exactly(width in 1u32..40, height in 1u32..20, seed in 0u32..9) {
            let levels = sample(width, height, seed);
            prop_assert_eq!(&Levels::from_png(&levels.to_png()).expect("our own PNG"), &levels);
        }

        #[test]
        fn every_pixel_lies_in_the_cell_that_is_named(w in 16u32..300, h in 16u32..300, x in 0u32..300, y in 0u32..300) {
            let (x, y) = (x % w, y % h);
            let grid = Grid::of(w, h);
            let (row, col) = grid.at(x, y, w, h);
            let (x0, y0, x1, y1) = grid.cell(row, col, w, h).expect("inside");
            prop_assert!(x0 <= x && x < x1 && y0 <= y && y < y1);
        }
    }

    #[test]
    fn the_grid_follows_the_specification() {
        assert_eq!(Grid::of(3840, 2160), Grid { rows: 8, cols: 14 });
        assert_eq!(Grid::of(1080, 1920), Grid { rows: 14, cols: 8 });
        assert_eq!(Grid::of(500, 500), Grid { rows: 8, cols: 8 });
        assert_eq!(Grid::of(3840, 2160).cell(7, 13, 3840, 2160), Some((3565, 1890, 3840, 2160)));
    }

    #[test]
    fn a_hash_knows_the_size_and_not_the_compression() {
        assert_ne!(sample(4, 2, 0).hash(), sample(2, 4, 0).hash());
        let levels = sample(9, 5, 1);
        assert_eq!(Levels::from_png(&levels.to_png()).expect("our own").hash(), levels.hash());
    }

    #[test]
    fn propagation_never_touches_locked_pixels() {
        let mut drawn = Levels::background(4, 1);
        drawn.set(0, 0, Level::Overlap);
        drawn.set(1, 0, Level::Affected);
        let next = drawn.with_primary(&[0, 255, 255, 0], &[1, 0, 0, 0]).expect("sizes agree");
        let got: Vec<Level> = (0..4).map(|x| next.get(x, 0)).collect();
        assert_eq!(got, [Level::Overlap, Level::Overlap, Level::Primary, Level::Background]);
    }

    #[test]
    fn a_broken_png_is_refused_in_words() {
        assert!(matches!(Levels::from_png(b"no picture"), Err(BadMask::Png(_))));
        let png = sample(8, 8, 0).to_png();
        assert!(Levels::from_png(&png[..png.len() / 2]).is_err());
    }
}
