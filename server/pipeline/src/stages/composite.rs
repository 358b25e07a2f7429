//! The one composite, for every engine: a fill goes into the plate's own decoded planes where the matte says so; every
//! other sample is the plate's, bit for bit. Never through RGB. How an engine reads those planes is in `engine`.

use media::{Picture, PixelFormat, Plane};
use plate::remove::{Filled, Rect};
use rayon::prelude::*;

use crate::turn::{back, turned};

/// Puts `filled` into `result`, which shows its plate, and its matte into `matte`, which is all 0; both are coded
/// pictures. The matte's support is snapped outward to whole chroma samples: a block with any matte has matte everywhere
/// (at least 1).
pub fn composite(filled: &Filled, rotation: u16, result: &mut Picture, matte: &mut [u8]) {
    if filled.rect.is_empty() {
        return;
    }
    let (width, height) = (result.width, result.height);
    let rect = coded_rect(filled.rect, width, height, rotation);
    let (shown_width, shown_height) = (filled.rect.width as usize, filled.rect.height as usize);
    let upright = &filled.matte;
    let turned_matte;
    let piece: &[u8] = if rotation == 0 {
        upright
    } else {
        turned_matte = turned(upright, shown_width, shown_height, back(rotation));
        &turned_matte
    };
    let lines = matte.chunks_exact_mut(width as usize).skip(rect.y as usize);
    for (line, piece) in lines.zip(piece.chunks_exact(rect.width as usize)) {
        line[rect.x as usize..(rect.x + rect.width) as usize].copy_from_slice(piece);
    }
    let around = snap(matte, rect, result.format, width, height);
    let format = result.format;
    for (plane, fill) in result.planes.iter_mut().zip(&filled.picture.planes) {
        let turned_fill;
        let fill: &[u16] = if rotation == 0 {
            fill
        } else {
            turned_fill = turned(fill, shown_width, shown_height, back(rotation));
            &turned_fill
        };
        mix(plane, Fill { rect, samples: fill }, matte, (width, height), around, format);
    }
}

/// A piece of one plane at luma size, 16 bits.
#[derive(Clone, Copy)]
struct Fill<'a> {
    rect: Rect,
    samples: &'a [u16],
}

impl Fill<'_> {
    /// The row of samples at a picture's row `y`, or the nearest one there is.
    fn row(&self, y: usize) -> &[u16] {
        let width = self.rect.width as usize;
        let row = (y as i32 - self.rect.y).clamp(0, self.rect.height - 1) as usize;
        &self.samples[row * width..(row + 1) * width]
    }

    /// The place in a row for a picture's column `x`, or the nearest one there is.
    fn column(&self, x: usize) -> usize {
        (x as i32 - self.rect.x).clamp(0, self.rect.width - 1) as usize
    }
}

/// Where a shown rectangle lies in a coded picture of `width`×`height`.
fn coded_rect(shown: Rect, width: u32, height: u32, rotation: u16) -> Rect {
    let Rect { x, y, width: w, height: h } = shown;
    let (width, height) = (width as i32, height as i32);
    match rotation {
        90 => Rect { x: y, y: height - x - w, width: h, height: w },
        180 => Rect { x: width - x - w, y: height - y - h, width: w, height: h },
        270 => Rect { x: width - y - h, y: x, width: h, height: w },
        _ => shown,
    }
}

/// Snaps the matte inside `rect`; gives the rectangle of whole blocks around it.
fn snap(matte: &mut [u8], rect: Rect, format: PixelFormat, width: u32, height: u32) -> Rect {
    let (bx, by) = (1i32 << format.chroma().0, 1i32 << format.chroma().1);
    let (x0, y0) = (rect.x / bx * bx, rect.y / by * by);
    let (x1, y1) = ((rect.x + rect.width + bx - 1) / bx * bx, (rect.y + rect.height + by - 1) / by * by);
    let around = Rect { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }.clipped(width, height);
    if bx * by == 1 {
        return around;
    }
    let (from, to) = (around.x as usize, (around.x + around.width) as usize);
    let rows = (around.y as usize * width as usize)..((around.y + around.height) as usize * width as usize);
    matte[rows].par_chunks_mut(width as usize * by as usize).for_each(|rows| {
        for x in (from..to).step_by(bx as usize) {
            let end = (x + bx as usize).min(to);
            if rows.chunks(width as usize).any(|row| row[x..end].iter().any(|&m| m > 0)) {
                let blocks = rows.chunks_mut(width as usize).flat_map(|row| &mut row[x..end]);
                blocks.for_each(|m| *m = (*m).max(1));
            }
        }
    });
    around
}

/// Mixes the fill into one plane as much as the snapped matte says, inside `around`.
fn mix(
    plane: &mut Plane,
    fill: Fill,
    matte: &[u8],
    (width, height): (u32, u32),
    around: Rect,
    format: PixelFormat,
) {
    let (width, height) = (width as usize, height as usize);
    let (bx, by) = (width.div_ceil(plane.width as usize), height.div_ceil(plane.height as usize));
    let one = f32::from(1u16 << (16 - format.depth()));
    let most = f32::from(format.max_value());
    let bytes = plane.bytes_per_sample;
    let (from, to) = (around.x as usize / bx, ((around.x + around.width) as usize).div_ceil(bx));
    let (top, end) = (around.y as usize / by, ((around.y + around.height) as usize).div_ceil(by));
    let stride = plane.stride();
    let columns: Vec<usize> = (from * bx..(to * bx).min(width)).map(|x| fill.column(x)).collect();
    plane.data[top * stride..end * stride].par_chunks_mut(stride).enumerate().for_each(|(row, line)| {
        let (y0, y1) = ((top + row) * by, ((top + row + 1) * by).min(height));
        for x in from..to {
            let (x0, x1) = (x * bx, ((x + 1) * bx).min(width));
            if matte[y0 * width + x0] == 0 {
                continue; // blocks are snapped: all or none
            }
            let (mut weight, mut sum) = (0u32, 0u32);
            for y in y0..y1 {
                let (line, samples) = (&matte[y * width + x0..y * width + x1], fill.row(y));
                for (&matte, &column) in line.iter().zip(&columns[x0 - from * bx..]) {
                    weight += u32::from(matte);
                    sum += u32::from(samples[column]);
                }
            }
            let count = ((x1 - x0) * (y1 - y0)) as f32;
            let sample = &mut line[x * bytes..(x + 1) * bytes];
            let old = match sample {
                [low] => f32::from(*low),
                [low, high, ..] => f32::from(u16::from_le_bytes([*low, *high])),
                [] => 0.0,
            };
            let wanted = sum as f32 / count / one;
            let new = old + (wanted - old) * (weight as f32 / (255.0 * count));
            let new = (new + 0.5).clamp(0.0, most) as u16;
            sample.copy_from_slice(&new.to_le_bytes()[..bytes]);
        }
    });
}

/// The largest difference over all planes where the matte is 0, between two pictures of one format and size.
pub fn max_delta_outside(a: &Picture, b: &Picture, matte: &[u8]) -> u32 {
    let (width, height) = (a.width as usize, a.height as usize);
    let mut most = 0;
    for (pa, pb) in a.planes.iter().zip(&b.planes) {
        let (pw, ph) = (pa.width as usize, pa.height as usize);
        let (bx, by) = (width.div_ceil(pw), height.div_ceil(ph));
        let rows = (0..ph).into_par_iter().map(|y| {
            let (row_a, row_b) = (pa.row(y as u32), pb.row(y as u32));
            if row_a == row_b {
                return 0;
            }
            let outside = (0..pw).filter(|x| matte[y * by * width + x * bx] == 0);
            let deltas = outside.map(|x| pa.get(x as u32, y as u32).abs_diff(pb.get(x as u32, y as u32)));
            u32::from(deltas.max().unwrap_or(0))
        });
        most = most.max(rows.max().unwrap_or(0));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::super::engine::piece;
    use super::*;

    fn picture(format: &str, width: u32, height: u32) -> Picture {
        let mut picture = Picture::new(PixelFormat::from_name(format).expect("known"), width, height);
        let most = picture.format.max_value();
        for (p, plane) in picture.planes.iter_mut().enumerate() {
            for y in 0..plane.height {
                for x in 0..plane.width {
                    plane.set(x, y, ((x * 7 + y * 13 + p as u32 * 31) % u32::from(most)) as u16);
                }
            }
        }
        picture
    }

    /// A piece of the shown picture with matte in its middle and corner, all of `value`.
    fn filled(plate: &Picture, rotation: u16, rect: Rect, value: u16) -> Filled {
        let mut picture = piece(plate, rotation, rect);
        picture.planes.iter_mut().for_each(|plane| plane.fill(value));
        let mut matte = vec![0; rect.area()];
        matte[rect.area() / 2] = 255;
        matte[3] = 7;
        Filled { frame: 0, rect, picture, matte, seen: 0, guessed: 2 }
    }

    #[test]
    fn kept_samples_are_the_plates_own_in_every_format_and_turn() {
        for format in
            ["yuv420p", "yuv422p10le", "yuv444p", "yuva444p10le", "gray", "gbrp", "yuv411p", "gbrp16le"]
        {
            for rotation in [0, 90, 180, 270] {
                let plate = picture(format, 33, 17);
                let shown = if rotation % 180 == 90 { (17, 33) } else { (33, 17) };
                for rect in [
                    Rect { x: 0, y: 0, width: shown.0, height: shown.1 },
                    Rect { x: 5, y: 3, width: 9, height: 11 },
                    Rect { x: shown.0 - 6, y: shown.1 - 5, width: 6, height: 5 },
                ] {
                    let fill = filled(&plate, rotation, rect, 40_000);
                    let (mut result, mut matte) = (plate.clone(), vec![0; 33 * 17]);
                    composite(&fill, rotation, &mut result, &mut matte);
                    assert_eq!(max_delta_outside(&plate, &result, &matte), 0, "{format} {rotation}");
                    assert_ne!(plate, result, "{format} {rotation}");
                    // The matte comes to lie where the shown piece is.
                    let upright = turned(&matte, 33, 17, rotation);
                    let middle = rect.area() / 2;
                    let (x, y) = (middle % rect.width as usize, middle / rect.width as usize);
                    let at = (rect.y as usize + y) * shown.0 as usize + rect.x as usize + x;
                    assert_eq!(upright[at], 255, "{format} {rotation}");
                }
            }
        }
    }

    #[test]
    fn a_full_matte_gives_the_fill() {
        let plate = picture("yuv420p10le", 8, 8);
        let rect = Rect { x: 0, y: 0, width: 8, height: 8 };
        let fill = Filled { matte: vec![255; 64], ..filled(&plate, 0, rect, 500 << 6) };
        let (mut result, mut matte) = (plate, vec![0; 64]);
        composite(&fill, 0, &mut result, &mut matte);
        assert!(result.planes.iter().all(|p| (0..p.width).all(|x| p.get(x, 0) == 500)));
    }

    #[test]
    fn filling_with_the_plate_changes_nothing() {
        for format in ["yuv420p", "yuv422p10le", "gray"] {
            let plate = picture(format, 16, 12);
            let rect = Rect { x: 2, y: 4, width: 11, height: 8 };
            let fill = Filled {
                picture: piece(&plate, 0, rect),
                matte: vec![200; rect.area()],
                ..filled(&plate, 0, rect, 0)
            };
            // Chroma blocks that the piece shares with its surroundings take the nearest sample: leave those out.
            let (mut result, mut matte) = (plate.clone(), vec![0; 16 * 12]);
            composite(&Filled { matte: inner(&fill), ..fill }, 0, &mut result, &mut matte);
            assert_eq!(result, plate, "{format}");
        }
    }

    /// The matte without the piece's outermost pixels.
    fn inner(fill: &Filled) -> Vec<u8> {
        let (width, height) = (fill.rect.width as usize, fill.rect.height as usize);
        let inside = |at: usize| {
            let (x, y) = (at % width, at / width);
            x > 0 && y > 0 && x + 1 < width && y + 1 < height
        };
        fill.matte.iter().enumerate().map(|(at, &m)| if inside(at) { m } else { 0 }).collect()
    }

    #[test]
    fn one_changed_sample_is_seen() {
        let plate = picture("yuv422p10le", 16, 12);
        let mut other = plate.clone();
        let old = other.planes[2].get(3, 5);
        other.planes[2].set(3, 5, old + 3);
        assert_eq!(max_delta_outside(&plate, &other, &[0; 16 * 12]), 3);
    }
}
