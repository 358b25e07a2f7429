//! How engines read a plate: pieces and small pictures out of its decoded planes, upright, 16 bits, chroma
//! repeated to luma size. Nothing is written here.

use std::sync::Arc;

use domain::Levels;
use media::{Picture, Plane};
use plate::remove::{Picture16, Rect, Small, Source, SourceError};

use crate::masks::Masks;
use crate::plate_file::PlateFile;
use crate::turn::turned;

/// A plate and its quadmask as the plate engine asks for them.
pub struct Engine<'a> {
    pub plate: &'a std::cell::RefCell<PlateFile>,
    pub masks: &'a mut dyn Masks,
}

impl Engine<'_> {
    fn decoded(&self, frame: u32) -> Result<(Arc<Picture>, u16), SourceError> {
        let mut plate = self.plate.borrow_mut();
        Ok((plate.picture(frame)?, plate.facts.rotation))
    }
}

impl Source for Engine<'_> {
    fn count(&self) -> u32 {
        self.plate.borrow().frames()
    }

    fn size(&self) -> (u32, u32) {
        self.plate.borrow().size()
    }

    fn picture(&mut self, frame: u32) -> Result<Picture16, SourceError> {
        let (width, height) = self.size();
        self.piece(frame, Rect { x: 0, y: 0, width: width as i32, height: height as i32 })
    }

    fn piece(&mut self, frame: u32, rect: Rect) -> Result<Picture16, SourceError> {
        let (picture, rotation) = self.decoded(frame)?;
        Ok(piece(&picture, rotation, rect))
    }

    fn small(&mut self, frame: u32, factor: usize, fine: usize) -> Result<Small, SourceError> {
        let (picture, rotation) = self.decoded(frame)?;
        // Blocks at the right and lower edge would lie elsewhere in a turned picture.
        let fits = |factor: usize| {
            (picture.width as usize).is_multiple_of(factor)
                && (picture.height as usize).is_multiple_of(factor)
        };
        if rotation != 0 && !(fits(factor) && fits(fine)) {
            return Ok(self.picture(frame)?.small(factor, fine));
        }
        Ok(small(&picture, rotation, factor, fine))
    }

    fn quadmask(&mut self, frame: u32) -> Result<Levels, SourceError> {
        Ok(self.masks.levels(frame)?)
    }
}

/// The part of the shown picture inside `rect`.
pub fn piece(picture: &Picture, rotation: u16, rect: Rect) -> Picture16 {
    if rotation == 0 {
        let planes = picture.planes.iter().map(|plane| widened(picture, plane, rect)).collect();
        return Picture16 { width: rect.width as u32, height: rect.height as u32, planes };
    }
    let (width, height) = (picture.width as usize, picture.height as usize);
    let whole = Rect { x: 0, y: 0, width: width as i32, height: height as i32 };
    let planes = picture.planes.iter();
    let planes = planes.map(|plane| turned(&widened(picture, plane, whole), width, height, rotation));
    let (width, height) = shown(width, height, rotation);
    Picture16 { width: width as u32, height: height as u32, planes: planes.collect() }.cut(rect)
}

fn shown(width: usize, height: usize, rotation: u16) -> (usize, usize) {
    if rotation % 180 == 90 { (height, width) } else { (width, height) }
}

/// Steps of a plane in log2: chroma planes are smaller than the picture.
fn steps(picture: &Picture, plane: &Plane) -> (u32, u32) {
    let ratio = |whole: u32, part: u32| whole.div_ceil(part).trailing_zeros();
    (ratio(picture.width, plane.width), ratio(picture.height, plane.height))
}

/// A plane's samples inside `rect` of the coded picture, at luma size, in 16 bits.
fn widened(picture: &Picture, plane: &Plane, rect: Rect) -> Vec<u16> {
    let shift = 16 - u32::from(picture.format.depth());
    let (dx, dy) = steps(picture, plane);
    let (left, width) = (rect.x as usize, rect.width as usize);
    let mut full = Vec::with_capacity(rect.area());
    for y in rect.y..rect.y + rect.height {
        let row = plane.row((y >> dy) as u32);
        match (plane.bytes_per_sample, dx) {
            (1, 0) => full.extend(row[left..left + width].iter().map(|&v| u16::from(v) << shift)),
            (1, _) => full.extend((left..left + width).map(|x| u16::from(row[x >> dx]) << shift)),
            _ => full.extend((left..left + width).map(|x| {
                let at = (x >> dx) * 2;
                u16::from_le_bytes([row[at], row[at + 1]]) << shift
            })),
        }
    }
    full
}

/// The shown picture in blocks; where it is turned, both factors divide its size.
fn small(picture: &Picture, rotation: u16, factor: usize, fine: usize) -> Small {
    let turn = |plane: Vec<u8>, factor: usize| match rotation {
        0 => plane,
        _ => {
            let (width, height) = (picture.width as usize / factor, picture.height as usize / factor);
            turned(&plane, width, height, rotation)
        }
    };
    let blocks = |plane: &Plane, factor: usize| turn(shrunk(picture, plane, factor), factor);
    let planes = picture.planes.iter().map(|plane| blocks(plane, factor)).collect();
    Small { planes, fine: picture.planes.first().map(|plane| blocks(plane, fine)).unwrap_or_default() }
}

/// Means over `factor`×`factor` pixels (smaller at the right and lower edge), 8 bits.
fn shrunk(picture: &Picture, plane: &Plane, factor: usize) -> Vec<u8> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let shift = 16 - u32::from(picture.format.depth());
    let (dx, dy) = steps(picture, plane);
    let columns = width.div_ceil(factor);
    let mut out = Vec::with_capacity(columns * height.div_ceil(factor));
    let mut sums = vec![0u32; columns];
    let even = factor.is_multiple_of(1 << dx) && factor.is_multiple_of(1 << dy);
    let (across, down) = if even { (factor >> dx, factor >> dy) } else { (factor, factor) };
    let (all_across, all_down) =
        if even { (plane.width as usize, plane.height as usize) } else { (width, height) };
    let step = if even { 0 } else { dx };
    // Down each column first: many columns at once.
    let mut lines = vec![0u32; all_across];
    for y0 in (0..all_down).step_by(down) {
        let rows = down.min(all_down - y0);
        lines.fill(0);
        for y in y0..y0 + rows {
            let row = plane.row(if even { y } else { y >> dy } as u32);
            match (plane.bytes_per_sample, step) {
                (1, 0) => lines.iter_mut().zip(row).for_each(|(sum, &v)| *sum += u32::from(v)),
                (1, _) => lines.iter_mut().enumerate().for_each(|(x, sum)| *sum += u32::from(row[x >> step])),
                (_, 0) => {
                    let words = row.chunks_exact(2).map(|w| u32::from(u16::from_le_bytes([w[0], w[1]])));
                    lines.iter_mut().zip(words).for_each(|(sum, v)| *sum += v);
                }
                _ => lines.iter_mut().enumerate().for_each(|(x, sum)| *sum += word(row, x >> step)),
            }
        }
        sums.iter_mut().zip(lines.chunks(across)).for_each(|(sum, block)| *sum = block.iter().sum());
        out.extend(sums.iter().zip((0..all_across).step_by(across)).map(|(&sum, x0)| {
            let count = (rows * across.min(all_across - x0)) as u64;
            let mean = (u64::from(sum) << shift) / count;
            ((mean + 128) / 257).min(255) as u8
        }));
    }
    out
}

fn word(row: &[u8], x: usize) -> u32 {
    u32::from(u16::from_le_bytes([row[2 * x], row[2 * x + 1]]))
}

#[cfg(test)]
mod tests {
    use media::PixelFormat;

    use super::*;

    fn picture(format: &str, width: u32, height: u32) -> Picture {
        let mut picture = Picture::new(PixelFormat::from_name(format).unwrap(), width, height);
        let most = u32::from(picture.format.max_value());
        for (number, plane) in picture.planes.iter_mut().enumerate() {
            for y in 0..plane.height {
                for x in 0..plane.width {
                    plane.set(x, y, ((x * 37 + y * 11 + number as u32 * 5) % most) as u16);
                }
            }
        }
        picture
    }

    #[test]
    fn small_pictures_are_those_of_the_whole_picture() {
        for format in ["yuv420p", "yuv422p10le", "yuv444p", "gray"] {
            for (rotation, factor, fine) in
                [(0, 6, 2), (0, 5, 3), (0, 1, 1), (90, 6, 2), (180, 12, 3), (270, 6, 6)]
            {
                let picture = picture(format, 48, 36);
                let whole = Rect { x: 0, y: 0, width: 48, height: 36 };
                let whole =
                    if rotation % 180 == 90 { Rect { width: 36, height: 48, ..whole } } else { whole };
                let wanted = piece(&picture, rotation, whole).small(factor, fine);
                let got = small(&picture, rotation, factor, fine);
                for (a, b) in wanted.planes.iter().flatten().zip(got.planes.iter().flatten()) {
                    assert!(a.abs_diff(*b) <= 1, "{format} {rotation} {factor}");
                }
                assert_eq!(wanted.planes[0].len(), got.planes[0].len());
                assert_eq!(wanted.fine.len(), got.fine.len());
            }
        }
    }

    #[test]
    fn a_piece_is_that_part_of_the_whole() {
        for rotation in [0, 90, 180, 270] {
            let picture = picture("yuv420p", 21, 13);
            let shown = if rotation % 180 == 90 { (13, 21) } else { (21, 13) };
            let whole = piece(&picture, rotation, Rect { x: 0, y: 0, width: shown.0, height: shown.1 });
            let rect = Rect { x: 3, y: 5, width: 7, height: 6 };
            assert_eq!(piece(&picture, rotation, rect), whole.cut(rect), "{rotation}");
        }
    }
}
