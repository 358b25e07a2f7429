//! Quadmask levels as a tint over the picture: colour and pattern per level, at the pixels of the screen, so that
//! patterns keep their size at any zoom. Numbers in, RGBA out; no canvas here.

use domain::{Cause, Consequence, Grid, Levels};

use crate::state::viewport::Place;

const COLOURS: [[u8; 3]; 3] = [[0xFF, 0x6B, 0x1A], [0x8E, 0x4E, 0xC6], [0x3D, 0xD6, 0xF5]];
const BACKGROUND: u8 = 3;

/// How the overlay looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// 0–1
    pub opacity: f64,
    /// Only edges, in the level's colour.
    pub outline: bool,
    /// Screen pixels per CSS pixel.
    pub ratio: f64,
}

/// Grid cells that are affected on one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    pub grid: Grid,
    /// Row by row.
    pub on: Vec<bool>,
}

impl Cells {
    /// The cells of `causes` at `frame`; none when nothing is marked.
    pub fn of(causes: &[Cause], frame: u32, grid: Grid) -> Option<Self> {
        let mut on = vec![false; (grid.rows * grid.cols) as usize];
        let mut any = false;
        for cause in causes.iter().filter(|c| c.consequence != Consequence::Keep) {
            for (row, col) in cause.cells_at(frame) {
                if row < grid.rows && col < grid.cols {
                    on[(row * grid.cols + col) as usize] = true;
                    any = true;
                }
            }
        }
        any.then_some(Self { grid, on })
    }
}

/// What lies under the tint.
pub struct Layer<'a> {
    pub levels: Option<&'a Levels>,
    pub cells: Option<&'a Cells>,
    /// Plate size in pixels.
    pub plate: (u32, u32),
}

/// A rectangle of screen pixels with its RGBA picture, row by row, not premultiplied.
pub struct Raster {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

/// The tint over the part of the plate that is on a screen of `screen` pixels, where `place` is in screen pixels.
pub fn raster(layer: &Layer, place: Place, screen: (u32, u32), look: Look) -> Option<Raster> {
    let (plate_w, plate_h) = layer.plate;
    let clip = |from: f64, length: f64, most: u32| {
        let low = from.max(0.0).floor() as u32;
        let high = (from + length).ceil().clamp(0.0, f64::from(most)) as u32;
        (low.min(most), high)
    };
    let (x0, x1) = clip(place.x, f64::from(plate_w) * place.scale, screen.0);
    let (y0, y1) = clip(place.y, f64::from(plate_h) * place.scale, screen.1);
    if x0 >= x1 || y0 >= y1 || (layer.levels.is_none() && layer.cells.is_none()) {
        return None;
    }
    let (width, height) = (x1 - x0, y1 - y0);
    let plate_at = |screen: u32, from: f64, most: u32| {
        let at = ((f64::from(screen) + 0.5 - from) / place.scale).floor();
        (at >= 0.0 && at < f64::from(most)).then_some(at as u32)
    };
    let columns: Vec<Option<u32>> = (x0..x1).map(|x| plate_at(x, place.x, plate_w)).collect();
    let cell_columns: Option<Vec<u32>> = layer.cells.map(|cells| {
        columns.iter().map(|x| x.map_or(0, |x| cells.grid.at(x, 0, plate_w, plate_h).1)).collect()
    });

    let mut rgba = vec![0; (width * height * 4) as usize];
    let thickness = (look.ratio * if look.outline { 1.5 } else { 1.0 }).round().max(1.0) as usize;
    let mut codes: Vec<Vec<u8>> = vec![vec![BACKGROUND; width as usize]; thickness + 1];
    for y in 0..height {
        codes.rotate_right(1);
        let (row, above) = codes.split_first_mut().expect("at least two rows");
        row.fill(BACKGROUND);
        if let Some(plate_y) = plate_at(y + y0, place.y, plate_h) {
            fill_row(layer, plate_y, &columns, cell_columns.as_deref(), row);
        }
        let above = if y as usize >= thickness { &above[thickness - 1] } else { &above[0] };
        let out = &mut rgba[(y * width * 4) as usize..((y + 1) * width * 4) as usize];
        for x in 0..width as usize {
            let code = row[x];
            let left = row[x.saturating_sub(thickness)];
            let is_edge = code != left || code != above[x];
            if code == BACKGROUND && !is_edge {
                continue;
            }
            let pixel = &mut out[x * 4..x * 4 + 4];
            if is_edge {
                let own = [code, left, above[x]].into_iter().find(|&c| c != BACKGROUND).unwrap_or(0);
                let colour = if look.outline { COLOURS[usize::from(own)] } else { [255; 3] };
                pixel[..3].copy_from_slice(&colour);
                pixel[3] = if look.outline { 255 } else { 215 };
            } else if !look.outline {
                pixel[..3].copy_from_slice(&COLOURS[usize::from(code)]);
                pixel[3] = alpha(code, x as u32 + x0, y + y0, look);
            }
        }
    }
    Some(Raster { x: x0, y: y0, width, height, rgba })
}

/// Level codes of one screen row, cells joined in.
fn fill_row(layer: &Layer, y: u32, columns: &[Option<u32>], cell_columns: Option<&[u32]>, row: &mut [u8]) {
    let (plate_w, plate_h) = layer.plate;
    if let Some(levels) = layer.levels.filter(|l| (l.width(), l.height()) == layer.plate) {
        let codes = &levels.codes()[(y * plate_w) as usize..((y + 1) * plate_w) as usize];
        for (out, x) in row.iter_mut().zip(columns) {
            if let Some(x) = x {
                *out = codes[*x as usize];
            }
        }
    }
    if let (Some(cells), Some(cell_columns)) = (layer.cells, cell_columns) {
        let cell_row = cells.grid.at(0, y, plate_w, plate_h).0;
        let line =
            &cells.on[(cell_row * cells.grid.cols) as usize..((cell_row + 1) * cells.grid.cols) as usize];
        for ((out, x), col) in row.iter_mut().zip(columns).zip(cell_columns) {
            if x.is_some() && line[*col as usize] {
                *out = match *out {
                    0 | 1 => 1,
                    _ => 2,
                };
            }
        }
    }
}

/// Solid for primary, hatched for overlap, dotted for affected.
fn alpha(code: u8, x: u32, y: u32, look: Look) -> u8 {
    let (x, y) = (f64::from(x) / look.ratio, f64::from(y) / look.ratio);
    let strength = match code {
        0 => 1.0,
        1 if (x + y).rem_euclid(8.0) < 3.5 => 1.8,
        1 => 0.8,
        _ => {
            let (dx, dy) = (x.rem_euclid(8.0) - 4.0, y.rem_euclid(8.0) - 4.0);
            if dx * dx + dy * dy < 3.2 { 2.2 } else { 0.6 }
        }
    };
    (look.opacity * strength * 255.0).clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CauseId, Level};

    const LOOK: Look = Look { opacity: 0.4, outline: false, ratio: 1.0 };

    #[test]
    fn the_tint_covers_exactly_the_marked_pixels() {
        let mut levels = Levels::background(20, 10);
        for y in 2..8 {
            for x in 4..12 {
                levels.set(x, y, Level::Primary);
            }
        }
        let place = Place { x: 3.0, y: 5.0, scale: 2.0 };
        let layer = Layer { levels: Some(&levels), cells: None, plate: (20, 10) };
        let got = raster(&layer, place, (100, 60), LOOK).expect("on the screen");
        assert_eq!((got.x, got.y, got.width, got.height), (3, 5, 40, 20));
        for y in 0..20 {
            for x in 0..40 {
                let inside = (8..24).contains(&x) && (4..16).contains(&y);
                let edge = ((8..=24).contains(&x) && (4..=16).contains(&y))
                    && (x == 8 || x == 24 || y == 4 || y == 16);
                let alpha = got.rgba[((y * 40 + x) * 4 + 3) as usize];
                assert_eq!(alpha > 0, inside || edge && alpha > 0, "{x},{y}");
                assert!(!inside || alpha > 0, "{x},{y}");
            }
        }
    }

    #[test]
    fn cells_join_the_affected_layer() {
        let mut cause = Cause {
            cause_id: CauseId("00000000-0000-0000-0000-000000000000".parse::<CauseId>().expect("an id").0),
            name: "shadow".into(),
            reason: String::new(),
            consequence: Consequence::Vanish,
            path: vec![],
            spans: vec![],
        };
        let grid = Grid::of(160, 80);
        cause.set_cell((0, 0), true, 2, 3);
        assert_eq!(Cells::of(std::slice::from_ref(&cause), 1, grid), None);
        let cells = Cells::of(std::slice::from_ref(&cause), 2, grid).expect("marked");
        let levels = Levels::from_primary(160, 80, &vec![1; 160 * 80]).expect("sizes agree");
        let layer = Layer { levels: Some(&levels), cells: Some(&cells), plate: (160, 80) };
        let mut row = vec![BACKGROUND; 160];
        let columns: Vec<Option<u32>> = (0..160).map(Some).collect();
        let cell_columns: Vec<u32> = (0..160).map(|x| grid.at(x, 0, 160, 80).1).collect();
        fill_row(&layer, 0, &columns, Some(&cell_columns), &mut row);
        assert_eq!((row[0], row[9], row[10], row[159]), (1, 1, 0, 0));
    }

    /// A plate of one level shown one to one: the alpha of 24 by 16 pixels away from its upper edge.
    fn alphas(level: Level, opacity: f64) -> Vec<u8> {
        let mut levels = Levels::background(24, 24);
        (0..24).for_each(|y| levels.map_span(y, 0, 24, |_| level));
        let layer = Layer { levels: Some(&levels), cells: None, plate: (24, 24) };
        let place = Place { x: 0.0, y: 0.0, scale: 1.0 };
        let got = raster(&layer, place, (24, 24), Look { opacity, ..LOOK }).expect("on the screen");
        got.rgba.chunks_exact(4).skip(24 * 8).map(|pixel| pixel[3]).collect()
    }

    #[test]
    fn overlap_is_hatched_affected_is_dotted_and_primary_is_plain() {
        let patterned = |level| {
            let got = alphas(level, 0.4);
            let most = *got.iter().max().expect("pixels");
            got.iter().map(|&alpha| alpha == most).collect::<Vec<bool>>()
        };
        let [primary, overlap, affected] = [Level::Primary, Level::Overlap, Level::Affected].map(patterned);
        assert!(primary.iter().all(|&bold| bold));
        let share = |pattern: &[bool]| pattern.iter().filter(|&&bold| bold).count();
        let (hatched, dotted) = (share(&overlap), share(&affected));
        assert!(0 < dotted && dotted < hatched && hatched < overlap.len(), "{dotted} {hatched}");
        // A hatch goes on in the row below, one pixel to the left; dots do not.
        let goes_on = |pattern: &[bool], x: usize, y: usize| pattern[y * 24 + x] == pattern[y * 24 + x + 23];
        let all = |pattern: &[bool]| (0..15).all(|y| (1..24).all(|x| goes_on(pattern, x, y)));
        assert!(all(&overlap) && !all(&affected));
    }

    #[test]
    fn alpha_grows_with_the_opacity() {
        for level in [Level::Primary, Level::Overlap, Level::Affected] {
            let [none, half, full] = [0.0, 0.2, 0.4].map(|opacity| alphas(level, opacity));
            assert!(none.iter().all(|&alpha| alpha == 0), "{level:?}");
            for (half, full) in half.into_iter().zip(full) {
                assert!(half > 0 && (2 * i32::from(half) - i32::from(full)).abs() <= 1, "{half} {full}");
            }
        }
    }

    #[test]
    fn an_outline_has_the_levels_colour_and_nothing_inside() {
        for (level, colour) in [Level::Primary, Level::Overlap, Level::Affected].into_iter().zip(COLOURS) {
            let mut levels = Levels::background(24, 24);
            (4..20).for_each(|y| levels.map_span(y, 4, 20, |_| level));
            let layer = Layer { levels: Some(&levels), cells: None, plate: (24, 24) };
            let place = Place { x: 0.0, y: 0.0, scale: 1.0 };
            let look = Look { outline: true, ..LOOK };
            let got = raster(&layer, place, (24, 24), look).expect("on the screen");
            let pixel = |x: usize, y: usize| &got.rgba[(y * 24 + x) * 4..][..4];
            let [red, green, blue] = colour;
            for along in 4..20 {
                for (x, y) in [(4, along), (along, 4), (20, along), (along, 20)] {
                    assert_eq!(pixel(x, y), [red, green, blue, 255], "{level:?} {x},{y}");
                }
            }
            for (x, y) in (6..20).flat_map(|y| (6..20).map(move |x| (x, y))) {
                assert_eq!(pixel(x, y)[3], 0, "{level:?} {x},{y}");
            }
        }
    }
}
