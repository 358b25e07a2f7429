//! Whether what was made changes its shape from frame to frame: the sign that pass 1 left something that pass 2 should hold
//! together. What follows from it is decided by who ordered the removal.
//!
//! A thing that stays or moves looks the same a frame later, a little beside; one that changes its shape does not. So each block
//! of what was made is looked for in the next frame, and what is left of the difference is compared with what is left where the
//! model only repeats the plate. VOID's paper gives the reason for pass 2 but no measure of it; this one is ours, and its
//! threshold was not tried on the published weights.

use serde::{Deserialize, Serialize};

use crate::clip::Clip;
use crate::error::Result;
use crate::store::{Film, to_samples};

/// What the check found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Morphing {
    /// Difference that is left of what was made over that of what is around it; about 1 where nothing changes its shape.
    pub value: f64,
    pub threshold: f64,
    pub fires: bool,
}

/// Side of a block, in pixels of the canvas.
const BLOCK: usize = 8;
/// How far a block is looked for, in pixels.
const REACH: i64 = 4;
/// Blocks around what was made that it is compared with.
const RING: usize = 4;
/// Grey levels of 256 that are left anywhere: noise and rounding.
const FLOOR: f64 = 0.5;
/// From here on the mask says removed or affected.
const CHANGED: u8 = 128;

/// Compares each frame of what was made with the next. `films`: RGB of 16 bits on the canvas, one for each clip.
pub fn measure(clips: &[Clip], films: &[Film], threshold: f64) -> Result<Option<Morphing>> {
    let mut sums = Sums::default();
    for (clip, film) in clips.iter().zip(films) {
        let size = clip.size().map(|side| side as usize);
        let read = |frame: u32| -> Result<(Vec<f32>, Vec<u8>)> {
            Ok((grey(&film.read(frame)?), clip.levels(frame)?))
        };
        let mut last = read(0)?;
        for frame in 1..clip.frames {
            let next = read(frame)?;
            sums.add(&last, &next, size);
            last = next;
        }
    }
    Ok(sums.value().map(|value| Morphing { value, threshold, fires: value > threshold }))
}

/// 0–255.
fn grey(rgb: &[u8]) -> Vec<f32> {
    let samples: Vec<f32> = to_samples(rgb).map(|v| f32::from(v) / 257.0).collect();
    samples.chunks_exact(3).map(|rgb| 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]).collect()
}

/// Differences that are left, and of how many blocks: what was made, and what is around it.
#[derive(Default)]
struct Sums {
    made: (f64, u64),
    around: (f64, u64),
}

impl Sums {
    fn add(&mut self, last: &(Vec<f32>, Vec<u8>), next: &(Vec<f32>, Vec<u8>), [height, width]: [usize; 2]) {
        let (rows, columns) = (height / BLOCK, width / BLOCK);
        // How many pixels of a block are changed in either frame.
        let changed = |row: usize, column: usize| {
            let pixels =
                (0..BLOCK * BLOCK).map(|at| (row * BLOCK + at / BLOCK) * width + column * BLOCK + at % BLOCK);
            pixels.filter(|at| last.1[*at] >= CHANGED || next.1[*at] >= CHANGED).count()
        };
        let counts: Vec<usize> =
            (0..rows * columns).map(|block| changed(block / columns, block % columns)).collect();
        let is_made = |block: usize| counts[block] * 2 > BLOCK * BLOCK;
        let made: Vec<usize> = (0..rows * columns).filter(|block| is_made(*block)).collect();
        let mut is_near = vec![false; rows * columns];
        for block in &made {
            let (row, column) = (block / columns, block % columns);
            for y in row.saturating_sub(RING)..(row + RING + 1).min(rows) {
                for x in column.saturating_sub(RING)..(column + RING + 1).min(columns) {
                    is_near[y * columns + x] = true;
                }
            }
        }
        let around = (0..rows * columns).filter(|block| is_near[*block] && counts[*block] == 0);
        let left = |block: usize| {
            let at = [block / columns * BLOCK, block % columns * BLOCK];
            f64::from(left_over(&last.0, &next.0, at, [height, width]))
        };
        for block in made {
            self.made = (self.made.0 + left(block), self.made.1 + 1);
        }
        for block in around {
            self.around = (self.around.0 + left(block), self.around.1 + 1);
        }
    }

    fn value(&self) -> Option<f64> {
        let mean = |(sum, count): (f64, u64)| (count > 0).then(|| sum / count as f64);
        Some(mean(self.made)?.max(FLOOR) / mean(self.around)?.max(FLOOR))
    }
}

/// Mean difference of a block to the most alike place of the next frame, to half a pixel.
fn left_over(last: &[f32], next: &[f32], [top, left]: [usize; 2], [height, width]: [usize; 2]) -> f32 {
    // In half pixels.
    let difference = |dy: i64, dx: i64| -> f32 {
        let mut sum = 0.0;
        let (y, x) = (2 * top as i64 + dy, 2 * left as i64 + dx);
        let (most_y, most_x) = (2 * (height as i64 - BLOCK as i64), 2 * (width as i64 - BLOCK as i64));
        if y < 0 || x < 0 || y > most_y || x > most_x {
            return f32::INFINITY;
        }
        let (y0, x0) = ((y / 2) as usize, (x / 2) as usize);
        let (y1, x1) = (y0 + (y % 2) as usize, x0 + (x % 2) as usize);
        for row in 0..BLOCK {
            let here = &last[(top + row) * width + left..][..BLOCK];
            let lines = [(y0, x0), (y0, x1), (y1, x0), (y1, x1)]
                .map(|(y, x)| &next[(y + row) * width + x..][..BLOCK]);
            for (column, value) in here.iter().enumerate() {
                let there = lines.iter().map(|line| line[column]).sum::<f32>() / 4.0;
                sum += (value - there).abs();
            }
        }
        sum / (BLOCK * BLOCK) as f32
    };
    let best = |places: &mut dyn Iterator<Item = (i64, i64)>| {
        places.map(|(dy, dx)| (difference(dy, dx), (dy, dx))).min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let whole = &mut (-REACH..=REACH).flat_map(|dy| (-REACH..=REACH).map(move |dx| (2 * dy, 2 * dx)));
    let (at_whole, (dy, dx)) = best(whole).expect("it looks somewhere");
    let halves = &mut (-1..=1).flat_map(|y| (-1..=1).map(move |x| (dy + y, dx + x)));
    best(halves).map_or(at_whole, |(at_half, _)| at_half.min(at_whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 2] = [96, 128];

    /// A still, textured plate with a square of another picture in it, over some frames.
    fn value(inside: impl Fn(f32, f32, usize) -> f32) -> f64 {
        let frame = |number: usize| {
            let (mut picture, mut mask) = (Vec::new(), Vec::new());
            for y in 0..SIZE[0] {
                for x in 0..SIZE[1] {
                    let is_inside = (32..64).contains(&y) && (40..80).contains(&x);
                    let (u, v) = (x as f32, y as f32);
                    let grain = ((x * 7919 + y * 104_729 + number * 31_337) % 7) as f32 / 3.0;
                    let plate = 120.0 + 40.0 * (u / 5.0).sin() * (v / 7.0).cos();
                    picture.push(grain + if is_inside { inside(u, v, number) } else { plate });
                    mask.push(if is_inside { 255 } else { 0 });
                }
            }
            (picture, mask)
        };
        let mut sums = Sums::default();
        let mut last = frame(0);
        for number in 1..6 {
            let next = frame(number);
            sums.add(&last, &next, SIZE);
            last = next;
        }
        sums.value().unwrap()
    }

    #[test]
    fn what_stays_or_moves_does_not_fire_and_what_changes_its_shape_does() {
        let stays = value(|x, y, _| 100.0 + 50.0 * (x / 6.0).sin() * (y / 4.0).sin());
        assert!((0.5..1.5).contains(&stays), "{stays}");
        let moves = value(|x, y, frame| {
            let x = x - 2.5 * frame as f32;
            100.0 + 50.0 * (x / 6.0).sin() * (y / 4.0).sin()
        });
        assert!(moves < 2.5, "{moves}");
        let morphs = value(|x, y, frame| {
            let phase = (frame * frame) as f32;
            let bent = (x / 9.0 + phase).sin() + (y / 6.0 - 1.7 * phase).cos();
            100.0 + 50.0 * (bent * 2.0 + x / 5.0).sin()
        });
        println!("stays {stays:.2}, moves {moves:.2}, morphs {morphs:.2}");
        assert!(morphs > 4.0, "{morphs}");
    }

    #[test]
    fn without_anything_around_or_made_there_is_no_value() {
        let frame = |level: u8| (vec![0.0; SIZE[0] * SIZE[1]], vec![level; SIZE[0] * SIZE[1]]);
        for level in [0, 255] {
            let mut sums = Sums::default();
            sums.add(&frame(level), &frame(level), SIZE);
            assert!(sums.value().is_none());
        }
    }
}
