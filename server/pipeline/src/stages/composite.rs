//! The one composite, for every engine: a fill goes into the plate's own decoded planes where the matte says so; every
//! other sample is the plate's, bit for bit. Never through RGB.

use media::{Picture, PixelFormat, Plane};
use plate::remove::Picture16;

use crate::turn::{back, turned};

/// The plate's planes as the engine reads them: upright, 16 bits, chroma repeated to luma size.
pub fn to_picture16(picture: &Picture, rotation: u16) -> Picture16 {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let shift = 16 - u32::from(picture.format.depth());
    let planes = picture.planes.iter().map(|plane| {
        let full = widen(plane, width, height, shift);
        if rotation == 0 { full } else { turned(&full, width, height, rotation) }
    });
    let planes = planes.collect();
    let (width, height) = if rotation % 180 == 90 { (height, width) } else { (width, height) };
    Picture16 { width: width as u32, height: height as u32, planes }
}

fn widen(plane: &Plane, width: usize, height: usize, shift: u32) -> Vec<u16> {
    let (pw, ph) = (plane.width as usize, plane.height as usize);
    let sample = |row: &[u8], x: usize| match plane.bytes_per_sample {
        1 => u16::from(row[x]) << shift,
        _ => u16::from_le_bytes([row[2 * x], row[2 * x + 1]]) << shift,
    };
    let mut full = vec![0u16; width * height];
    let (dx, dy) = (width.div_ceil(pw).trailing_zeros(), height.div_ceil(ph).trailing_zeros());
    for (y, out) in full.chunks_exact_mut(width).enumerate() {
        let row = plane.row((y >> dy) as u32);
        for (x, value) in out.iter_mut().enumerate() {
            *value = sample(row, x >> dx);
        }
    }
    full
}

/// Turns an upright matte into coded orientation and snaps its support outward to whole chroma samples: a block with
/// any matte has matte everywhere (at least 1).
pub fn coded_matte(matte: &[u8], format: PixelFormat, width: u32, height: u32, rotation: u16) -> Vec<u8> {
    let (w, h) = (width as usize, height as usize);
    let mut coded = match rotation {
        0 => matte.to_vec(),
        90 | 270 => turned(matte, h, w, back(rotation)),
        _ => turned(matte, w, h, back(rotation)),
    };
    let (bx, by) = (1usize << format.chroma().0, 1usize << format.chroma().1);
    if bx * by == 1 {
        return coded;
    }
    for y0 in (0..h).step_by(by) {
        for x0 in (0..w).step_by(bx) {
            let (x1, y1) = ((x0 + bx).min(w), (y0 + by).min(h));
            let touched = (y0..y1).any(|y| coded[y * w + x0..y * w + x1].iter().any(|&m| m > 0));
            if touched {
                for y in y0..y1 {
                    coded[y * w + x0..y * w + x1].iter_mut().for_each(|m| *m = (*m).max(1));
                }
            }
        }
    }
    coded
}

/// Replaces samples of `plate` by the fill, as much as `matte` (coded, snapped) says. The fill is upright.
pub fn composite(plate: &Picture, fill: &Picture16, matte: &[u8], rotation: u16) -> Picture {
    let mut result = plate.clone();
    let (width, height) = (plate.width as usize, plate.height as usize);
    let shift = 16 - u32::from(plate.format.depth());
    let most = plate.format.max_value();
    let back = back(rotation);
    for (plane, filled) in result.planes.iter_mut().zip(&fill.planes) {
        let coded;
        let filled: &[u16] = if rotation == 0 {
            filled
        } else {
            coded = turned(filled, fill.width as usize, fill.height as usize, back);
            &coded
        };
        let (pw, ph) = (plane.width as usize, plane.height as usize);
        let (bx, by) = (width.div_ceil(pw), height.div_ceil(ph));
        for y in 0..ph {
            let (y0, y1) = (y * by, ((y + 1) * by).min(height));
            let rows = &matte[y0 * width..y1 * width];
            if rows.iter().all(|&m| m == 0) {
                continue;
            }
            for x in 0..pw {
                let (x0, x1) = (x * bx, ((x + 1) * bx).min(width));
                if matte[y0 * width + x0] == 0 {
                    continue; // blocks are snapped: all or none
                }
                let (mut weight, mut sum, mut count) = (0u32, 0u64, 0u32);
                for yy in y0..y1 {
                    for xx in x0..x1 {
                        weight += u32::from(matte[yy * width + xx]);
                        sum += u64::from(filled[yy * width + xx]);
                        count += 1;
                    }
                }
                let old = plane.get(x as u32, y as u32);
                let wanted = (sum as f32 / count as f32) / (1u32 << shift) as f32;
                let part = weight as f32 / (255 * count) as f32;
                let new = f32::from(old) + (wanted - f32::from(old)) * part;
                plane.set(x as u32, y as u32, (new + 0.5).clamp(0.0, f32::from(most)) as u16);
            }
        }
    }
    result
}

/// The largest difference over all planes where the matte is 0, between two pictures of one format and size.
pub fn max_delta_outside(a: &Picture, b: &Picture, matte: &[u8]) -> u32 {
    let (width, height) = (a.width as usize, a.height as usize);
    let mut most = 0;
    for (pa, pb) in a.planes.iter().zip(&b.planes) {
        let (pw, ph) = (pa.width as usize, pa.height as usize);
        let (bx, by) = (width.div_ceil(pw), height.div_ceil(ph));
        for y in 0..ph {
            let (row_a, row_b) = (pa.row(y as u32), pb.row(y as u32));
            if row_a == row_b {
                continue;
            }
            for x in 0..pw {
                let (va, vb) = (pa.get(x as u32, y as u32), pb.get(x as u32, y as u32));
                if va != vb && matte[y * by * width + x * bx] == 0 {
                    most = most.max(u32::from(va.abs_diff(vb)));
                }
            }
        }
    }
    most
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn kept_samples_are_the_plates_own_in_every_format_and_turn() {
        for format in ["yuv420p", "yuv422p10le", "yuv444p", "yuva444p10le", "gray", "gbrp", "yuv411p"] {
            for rotation in [0, 90, 180, 270] {
                let plate = picture(format, 33, 17);
                let mut fill = to_picture16(&plate, rotation);
                fill.planes.iter_mut().for_each(|p| p.iter_mut().for_each(|v| *v = 40_000));
                let upright = (fill.width * fill.height) as usize;
                let mut matte = vec![0; upright];
                matte[upright / 2] = 255;
                matte[3] = 7;
                let coded = coded_matte(&matte, plate.format, 33, 17, rotation);
                let result = composite(&plate, &fill, &coded, rotation);
                assert_eq!(max_delta_outside(&plate, &result, &coded), 0, "{format} {rotation}");
                assert_ne!(plate, result, "{format} {rotation}");
            }
        }
    }

    #[test]
    fn a_full_matte_gives_the_fill() {
        let plate = picture("yuv420p10le", 8, 8);
        let mut fill = to_picture16(&plate, 0);
        fill.planes.iter_mut().for_each(|p| p.fill(500 << 6));
        let result = composite(&plate, &fill, &[255; 64], 0);
        assert!(result.planes.iter().all(|p| (0..p.width).all(|x| p.get(x, 0) == 500)));
    }

    #[test]
    fn filling_with_the_plate_changes_nothing() {
        for format in ["yuv420p", "yuv422p10le", "gray"] {
            let plate = picture(format, 16, 12);
            let fill = to_picture16(&plate, 0);
            assert_eq!(composite(&plate, &fill, &[200; 16 * 12], 0), plate, "{format}");
        }
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
