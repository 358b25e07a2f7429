//! The pictures that a model outside sees: small frames with a numbered grid, and one with the target tinted red (void-spec
//! §3.1; yellow, as the question says). As JPEG.

use domain::question::Question;
use domain::{Grid, Step};
use media::{Rgb8, jpeg};
use pipeline::{Masks, PlateFile, Reporter};

use crate::{Error, Result};

/// Longer side of the pictures, in pixels; the next one where they are too many bytes together.
const SIDES: [u32; 3] = [768, 512, 384];
/// JPEG's quantiser: fine enough to read the numbers.
const QUANTISER: u8 = 6;
const YELLOW: [u8; 3] = [255, 230, 0];

/// The samples in their order, then the one with the target. At most `most` bytes together.
///
/// # Errors
/// [`Error::TooLarge`] where even small ones are more.
pub fn pictures(
    plate: &mut PlateFile,
    masks: &mut dyn Masks,
    question: &Question,
    (most, host): (usize, &str),
    report: &mut dyn Reporter,
) -> Result<Vec<Vec<u8>>> {
    for side in SIDES {
        let mut made = Vec::new();
        let total = question.samples.len() as u64 + 1;
        for frame in &question.samples {
            report.step(Step::Prepare, made.len() as u64, total)?;
            let mut picture = small(plate, *frame, side)?;
            draw_grid(&mut picture, question.grid, *frame);
            made.push(jpeg(&picture, QUANTISER)?);
        }
        let mut marked = small(plate, question.marked, side)?;
        tint(&mut marked, masks, question.marked)?;
        draw_grid(&mut marked, question.grid, question.marked);
        made.push(jpeg(&marked, QUANTISER)?);
        if made.iter().map(Vec::len).sum::<usize>() <= most {
            return Ok(made);
        }
    }
    Err(Error::TooLarge { host: host.to_owned() })
}

/// A frame whose longer side has at most `side` pixels, never more than the plate's.
fn small(plate: &mut PlateFile, frame: u32, side: u32) -> Result<Rgb8> {
    let (width, height) = plate.size();
    let scale = (f64::from(side) / f64::from(width.max(height).max(1))).min(1.0);
    let fit = |size: u32| ((f64::from(size) * scale).round() as u32).max(2);
    let (colour, rotation) = (plate.facts.colour.clone(), plate.facts.rotation);
    let picture = plate.picture(frame)?;
    Ok(picture.to_rgb(fit(width), fit(height), &colour, rotation)?)
}

/// Two fifths red where the target is.
fn tint(picture: &mut Rgb8, masks: &mut dyn Masks, frame: u32) -> Result<()> {
    let levels = masks.levels(frame)?;
    let (width, height) = (picture.width, picture.height);
    let at = |p: u32, small: u32, large: u32| {
        let at = u64::from(p) * u64::from(large) / u64::from(small.max(1));
        (at as u32).min(large.saturating_sub(1))
    };
    for (n, pixel) in (0_u32..).zip(picture.data.chunks_exact_mut(3)) {
        let (x, y) = (n % width, n / width);
        if levels.get(at(x, width, levels.width()), at(y, height, levels.height())).is_primary() {
            let red = [255_u16, 0, 0];
            for (sample, red) in pixel.iter_mut().zip(red) {
                *sample = ((u16::from(*sample) * 3 + red * 2) / 5) as u8;
            }
        }
    }
    Ok(())
}

/// Lines between the cells, numbers of columns along the top and of rows along the left, the frame's at the bottom left.
fn draw_grid(picture: &mut Rgb8, grid: Grid, frame: u32) {
    let (width, height) = (picture.width, picture.height);
    let short = (width / grid.cols.max(1)).min(height / grid.rows.max(1));
    let size = (short / 14).clamp(1, 3);
    let wide = if short > 20 { 2 } else { 1 };
    for row in 1..grid.rows {
        if let Some((_, y, _, _)) = grid.cell(row, 0, width, height) {
            fill(picture, (0, y.saturating_sub(wide / 2)), (width, wide), YELLOW);
        }
    }
    for col in 1..grid.cols {
        if let Some((x, _, _, _)) = grid.cell(0, col, width, height) {
            fill(picture, (x.saturating_sub(wide / 2), 0), (wide, height), YELLOW);
        }
    }
    for col in 0..grid.cols {
        if let Some((x0, _, x1, _)) = grid.cell(0, col, width, height) {
            let (w, _) = extent(col, size);
            number(picture, col, ((x0 + x1).saturating_sub(w) / 2, 1), size);
        }
    }
    // The corner has the number of its column already, which is that of its row.
    for row in 1..grid.rows {
        if let Some((_, y0, _, y1)) = grid.cell(row, 0, width, height) {
            let (_, h) = extent(row, size);
            number(picture, row, (1, (y0 + y1).saturating_sub(h) / 2), size);
        }
    }
    let (_, h) = extent(frame, size + 1);
    number(picture, frame, (1, height.saturating_sub(h + 1)), size + 1);
}

/// Digits of three by five dots, row by row, the left dot highest.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

/// Width and height of a number with its rim, in pixels, `size` for each dot.
fn extent(value: u32, size: u32) -> (u32, u32) {
    let digits = value.to_string().len() as u32;
    ((digits * 4 + 1) * size, 7 * size)
}

/// Yellow digits on a black plate.
fn number(picture: &mut Rgb8, value: u32, (x, y): (u32, u32), size: u32) {
    fill(picture, (x, y), extent(value, size), [0, 0, 0]);
    let mut left = x + size;
    for digit in value.to_string().bytes() {
        let rows = DIGITS[usize::from(digit - b'0')];
        for (row, dots) in (0_u32..).zip(rows) {
            for col in (0_u32..3).filter(|col| dots & (0b100 >> col) != 0) {
                fill(picture, (left + col * size, y + (row + 1) * size), (size, size), YELLOW);
            }
        }
        left += 4 * size;
    }
}

/// A rectangle, cut to the picture.
fn fill(picture: &mut Rgb8, (x, y): (u32, u32), (width, height): (u32, u32), colour: [u8; 3]) {
    for row in y.min(picture.height)..(y + height).min(picture.height) {
        for col in x.min(picture.width)..(x + width).min(picture.width) {
            let at = (row * picture.width + col) as usize * 3;
            picture.data[at..at + 3].copy_from_slice(&colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_drawn_into_pictures_of_any_size() {
        for (width, height) in [(768, 432), (2, 2), (37, 400), (768, 90)] {
            let mut picture = Rgb8 { width, height, data: vec![128; width as usize * height as usize * 3] };
            let grid = Grid::of(width, height);
            draw_grid(&mut picture, grid, 9_999);
            let changed = picture.data.chunks_exact(3).filter(|pixel| *pixel != [128, 128, 128]).count();
            assert!(changed > 0, "{width}×{height}");
        }
        let mut picture = Rgb8 { width: 768, height: 432, data: vec![128; 768 * 432 * 3] };
        draw_grid(&mut picture, Grid::of(768, 432), 3);
        let at = |x: usize, y: usize| <[u8; 3]>::try_from(&picture.data[(y * 768 + x) * 3..][..3]).unwrap();
        // The line below row 3, in the middle of a cell; the middle of a cell is left as it was.
        assert_eq!((at(80, 216), at(80, 190)), (YELLOW, [128, 128, 128]));
    }
}
