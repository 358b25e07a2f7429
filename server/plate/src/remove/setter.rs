//! Setting a picture that another engine made into its plate: the soft matte, the match to the ring of plate around it,
//! the plate's grain. What is made, and by whom, is not known here; nothing of the plate is written.

use domain::Levels;
use rayon::prelude::*;

use super::grain::{self, Grain, TILE, Tiles};
use super::layers::{BACKGROUND, CLEAN};
use super::matched::{Between, Look, Match, cell_of, match_ring, reach};
use super::picture::{MAX_PLANES, Picture16, Pixel, Rect, Samples};
use super::{Error, Filled, SourceError, matte};

/// A picture that was made, of any size, in the coding of the plate's planes; planes that it lacks (alpha) stay the
/// plate's own.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    pub picture: &'a Picture16,
    /// The plate's pixel (x, y) lies at (x·scale + offset) of the picture; centres of pixels at whole numbers.
    pub scale: [f64; 2],
    pub offset: [f64; 2],
}

/// Sets one frame after the other, with one look.
pub struct Setter {
    width: u32,
    height: u32,
    edge_px: u32,
    feather_px: u32,
    grain: f32,
    match_colour: bool,
    seed: u64,
    tiles: Tiles,
}

impl Look for Made<'_> {
    fn at(&self, x: f64, y: f64) -> Option<Pixel> {
        let (u, v) = (x * self.scale[0] + self.offset[0], y * self.scale[1] + self.offset[1]);
        let samples = Samples::of(self.picture);
        samples.holds(u, v).then(|| samples.cubic(u, v))
    }
}

impl Setter {
    /// For plates shown at `width`×`height`. `edge_px` and `feather_px` as in [`domain::PlateRecipe`]; `grain`: how much
    /// of the plate's, 0 to 2; `match_colour`: whether what is made is brought to the colours around it.
    pub fn new(
        (width, height): (u32, u32),
        (edge_px, feather_px): (u32, u32),
        grain: f32,
        match_colour: bool,
        seed: u64,
    ) -> Self {
        Self { width, height, edge_px, feather_px, grain, match_colour, seed, tiles: Tiles::new(seed) }
    }

    /// The part of frame `frame` that `levels` mark, filled with `made`. `piece` gives a part of the plate's picture, as
    /// [`super::Source::piece`] does.
    ///
    /// # Errors
    /// When the levels are of another size, or the plate cannot be read.
    pub fn set(
        &mut self,
        frame: u32,
        levels: &Levels,
        made: &Made,
        piece: impl FnOnce(Rect) -> Result<Picture16, SourceError>,
    ) -> Result<Filled, Error> {
        if (levels.width(), levels.height()) != (self.width, self.height) {
            return Err(Error::MaskSize { frame, width: levels.width(), height: levels.height() });
        }
        let cell = cell_of(self.width, self.height);
        let around = marked(levels);
        let rect = if around.is_empty() {
            Rect::EMPTY
        } else {
            around.grown(self.edge_px as i32 + reach(cell)).clipped(self.width, self.height)
        };
        let mut picture = piece(rect).map_err(|source| Error::Source { frame, source })?;
        if picture.planes.len() < made.picture.planes.len()
            || picture.planes.iter().any(|plane| plane.len() != rect.area())
        {
            return Err(Error::PictureShape { frame });
        }
        if rect.is_empty() {
            return Ok(Filled { frame, rect, picture, matte: Vec::new(), seen: 0, guessed: 0 });
        }
        let codes = codes(levels, rect);
        let filled: Vec<u8> = codes.iter().map(|&code| u8::from(code != CLEAN)).collect();
        let alpha = matte::soft(&filled, rect.width as usize, self.edge_px, self.feather_px);
        // Alpha is the plate's, and is matched to nothing.
        let rest = picture.planes.split_off(made.picture.planes.len());
        let matched = match_ring(&picture, rect, &codes, &alpha, &[(BACKGROUND, made)], cell);
        let matched = self.match_colour.then_some(matched);
        let grain = measure(&picture, rect, &codes, &alpha, made, matched.as_ref());
        self.replace(&mut picture, frame, rect, &alpha, made, matched.as_ref(), grain);
        picture.planes.extend(rest);
        let guessed = alpha.iter().filter(|&&a| a > 0).count() as u64;
        Ok(Filled { frame, rect, picture, matte: alpha, seen: 0, guessed })
    }

    fn replace(
        &mut self,
        picture: &mut Picture16,
        frame: u32,
        rect: Rect,
        alpha: &[u8],
        made: &Made,
        matched: Option<&Match>,
        grain: [Grain; MAX_PLANES],
    ) {
        let (width, seed, samples) = (rect.width as usize, self.seed, Samples::of(made.picture));
        let tiles: Vec<_> = (0..picture.planes.len())
            .map(|plane| (self.tiles.get(plane, grain[plane].likeness), grain[plane].strength * self.grain))
            .collect();
        let across: Vec<_> = matched
            .map(|m| (0..width).map(|x| Between::of(x, m.cell, m.columns)).collect())
            .unwrap_or_default();
        let mut planes: Vec<_> = picture.planes.iter_mut().map(|plane| plane.chunks_mut(width)).collect();
        let mut lines: Vec<Vec<&mut [u16]>> = Vec::new();
        for _ in 0..rect.height {
            lines.push(planes.iter_mut().map(|plane| plane.next().expect("as many lines")).collect());
        }
        lines.into_par_iter().zip(alpha.par_chunks(width)).enumerate().for_each(|(y, (mut row, alpha))| {
            let top = rect.y as usize + y;
            let down = matched.map(|m| Between::of(y, m.cell, m.rows));
            let v = top as f64 * made.scale[1] + made.offset[1];
            let noise: Vec<_> = tiles
                .iter()
                .enumerate()
                .map(|(plane, (tile, strength))| (tile.row(seed, frame, plane, top), *strength))
                .collect();
            for x in (0..width).filter(|&x| alpha[x] > 0) {
                let left = rect.x as usize + x;
                let mut value = samples.cubic(left as f64 * made.scale[0] + made.offset[0], v);
                if let (Some(m), Some(down)) = (matched, &down) {
                    let remainder = m.remainder_at(&across[x], down);
                    for (plane, value) in value.iter_mut().enumerate().take(row.len()) {
                        let (gain, offset) = m.lines[0][plane];
                        *value = *value * gain + offset + remainder[plane];
                    }
                }
                for (plane, row) in row.iter_mut().enumerate() {
                    let ((tile, shift), strength) = noise[plane];
                    let value = value[plane] + tile[(left + shift) % TILE] * strength;
                    row[x] = (value + 0.5).clamp(0.0, 65535.0) as u16;
                }
            }
        });
    }
}

/// Around everything that is not background.
pub fn marked(levels: &Levels) -> Rect {
    let width = levels.width() as usize;
    let mut all = Rect::EMPTY;
    for (y, row) in levels.codes().chunks(width).enumerate() {
        let marked = |code: &u8| *code != BACKGROUND_LEVEL;
        let (Some(first), Some(last)) = (row.iter().position(marked), row.iter().rposition(marked)) else {
            continue;
        };
        let line = Rect { x: first as i32, y: y as i32, width: (last + 1 - first) as i32, height: 1 };
        all = all.union(line);
    }
    all
}

/// The level code of background.
const BACKGROUND_LEVEL: u8 = 3;

/// What is filled, as codes over `rect`.
fn codes(levels: &Levels, rect: Rect) -> Vec<u8> {
    let (width, left) = (levels.width() as usize, rect.x as usize);
    let rows = levels.codes().chunks(width).skip(rect.y as usize).take(rect.height as usize);
    rows.flat_map(|row| &row[left..left + rect.width as usize])
        .map(|&level| if level == BACKGROUND_LEVEL { CLEAN } else { BACKGROUND })
        .collect()
}

/// The plate's grain from what is left between plate and fill around the fill. What was made is soft, so detail of the
/// plate is left too: only the quietest places count.
fn measure(
    picture: &Picture16,
    rect: Rect,
    codes: &[u8],
    alpha: &[u8],
    made: &Made,
    matched: Option<&Match>,
) -> [Grain; MAX_PLANES] {
    const RUN: usize = 20;
    const RUNS: usize = 1200;
    const QUIET: f64 = 0.3;
    let (width, height) = (rect.width as usize, rect.height as usize);
    let mut runs: Vec<Vec<Vec<f32>>> = vec![Vec::new(); picture.planes.len()];
    let places = width / RUN * height;
    let step = (places / (RUNS * 2)).max(1) | 1;
    for place in (0..places).step_by(step) {
        let (x, y) = (place % (width / RUN) * RUN, place / (width / RUN));
        let line = y * width + x;
        if !(line..line + RUN).all(|at| codes[at] == CLEAN && alpha[at] == 0) {
            continue;
        }
        let look = |k: usize| made.at(f64::from(rect.x) + (x + k) as f64, f64::from(rect.y) + y as f64);
        let Some(looks) = (0..RUN).map(look).collect::<Option<Vec<_>>>() else { continue };
        for (plane, runs) in runs.iter_mut().enumerate() {
            let (gain, offset) = matched.map_or((1.0, 0.0), |m| m.lines[0][plane]);
            let plate = &picture.planes[plane][line..line + RUN];
            let left = plate.iter().zip(&looks).map(|(&p, look)| f32::from(p) - look[plane] * gain - offset);
            runs.push(left.collect());
        }
    }
    let rough = |run: &Vec<f32>| run.windows(3).map(|v| (v[0] - 2.0 * v[1] + v[2]).abs()).sum::<f32>();
    let mut all = [Grain::default(); MAX_PLANES];
    for (grain, mut runs) in all.iter_mut().zip(runs) {
        runs.sort_by(|a, b| rough(a).total_cmp(&rough(b)));
        runs.truncate((runs.len() as f64 * QUIET).ceil() as usize);
        *grain = grain::measure(&runs);
    }
    all
}

#[cfg(test)]
mod tests {
    use domain::Level;

    use super::*;

    const SIZE: u32 = 96;

    /// A grainy slope of two planes, and the same as it would be without grain.
    fn plate(noise: bool) -> Picture16 {
        let mut state = 1u32;
        let mut grain = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 16) as u16) / 65_535.0 - 0.5
        };
        let mut plane = |base: f32| -> Vec<u16> {
            (0..SIZE * SIZE)
                .map(|at| {
                    let grain = if noise { grain() * 1400.0 } else { 0.0 };
                    (base + 40.0 * (at % SIZE) as f32 + grain) as u16
                })
                .collect()
        };
        let planes = vec![plane(20_000.0), plane(30_000.0)];
        Picture16 { width: SIZE, height: SIZE, planes }
    }

    fn marked() -> Levels {
        let mut levels = Levels::background(SIZE, SIZE);
        for y in 40..56 {
            levels.map_span(y, 40, 56, |_| if y < 48 { Level::Primary } else { Level::Affected });
        }
        levels
    }

    fn set(made: &Picture16, grain: f32, match_colour: bool) -> Filled {
        let mut setter = Setter::new((SIZE, SIZE), (4, 3), grain, match_colour, 1);
        let factor = f64::from(made.width) / f64::from(SIZE);
        let made = Made { picture: made, scale: [factor; 2], offset: [(factor - 1.0) / 2.0; 2] };
        let plate = plate(true);
        setter.set(3, &marked(), &made, |rect| Ok(plate.cut(rect))).unwrap()
    }

    /// Mean and deviation of the first plane's filled middle.
    fn middle(filled: &Filled) -> (f32, f32) {
        let width = filled.rect.width as usize;
        let values: Vec<f32> = (42..54)
            .flat_map(|y| (42..54).map(move |x| (x, y)))
            .map(|(x, y)| {
                let at = (y - filled.rect.y) as usize * width + (x - filled.rect.x) as usize;
                f32::from(filled.picture.planes[0][at]) - 40.0 * x as f32
            })
            .collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt())
    }

    #[test]
    fn what_is_made_takes_the_colours_and_the_grain_around_it() {
        let mut made = plate(false);
        made.planes[0].iter_mut().for_each(|v| *v -= 3000);
        let (mean, deviation) = middle(&set(&made, 1.0, true));
        assert!((mean - 20_000.0).abs() < 250.0, "{mean}");
        assert!((200.0..600.0).contains(&deviation), "{deviation}"); // 1400 / √12 = 404
        let (mean, deviation) = middle(&set(&made, 0.0, false));
        assert!((mean - 17_000.0).abs() < 20.0 && deviation < 20.0, "{mean} {deviation}");
    }

    #[test]
    fn the_matte_stays_within_the_edge_and_a_missing_plane_is_the_plates() {
        let mut made = plate(false);
        made.planes.truncate(1);
        let filled = set(&made, 1.0, true);
        let width = filled.rect.width;
        for (at, &matte) in filled.matte.iter().enumerate() {
            let (x, y) = (filled.rect.x + at as i32 % width, filled.rect.y + at as i32 / width);
            let (dx, dy) = ((40 - x).max(x - 55).max(0), (40 - y).max(y - 55).max(0));
            assert_eq!(matte > 0, dx * dx + dy * dy <= 16, "{x},{y}");
        }
        assert_eq!(filled.picture.planes[1], plate(true).cut(filled.rect).planes[1]);
        assert_eq!(filled.guessed, filled.matte.iter().filter(|&&m| m > 0).count() as u64);
    }

    #[test]
    fn a_frame_without_marks_is_left_alone() {
        let mut setter = Setter::new((SIZE, SIZE), (4, 3), 1.0, true, 1);
        let (made, plate) = (plate(false), plate(true));
        let made = Made { picture: &made, scale: [1.0; 2], offset: [0.0; 2] };
        let filled = setter.set(0, &Levels::background(SIZE, SIZE), &made, |rect| Ok(plate.cut(rect)));
        assert!(filled.unwrap().rect.is_empty());
        let other = Levels::background(SIZE, SIZE + 1);
        assert!(setter.set(0, &other, &made, |rect| Ok(plate.cut(rect))).is_err());
    }
}
