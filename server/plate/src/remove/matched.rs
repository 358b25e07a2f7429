//! How a fill is matched to the ring of plate around it, cell by cell: a gain and an offset for each layer, and a soft
//! remainder that dies away inward. The sums behind it are in `ring`.

use rayon::prelude::*;

use super::layers::{BACKGROUND, CLEAN, grown, is_filled, layer};
use super::picture::{MAX_PLANES, Picture16, Pixel, Rect};
use super::ring;

/// What stands in for filled pixels, seen from the frame.
pub(crate) trait Look: Sync {
    /// What it shows at a place of the frame, of 65535 per plane; nothing where it does not reach.
    fn at(&self, x: f64, y: f64) -> Option<Pixel>;
}

/// How far a pixel's remainder reaches inward, and how deep the ring is, in cells.
const DECAY_CELLS: f32 = 10.0;
const RING_CELLS: u16 = 10;
/// A remainder of this many levels (of 255) is halved: larger ones are rather something else than a mismatch.
const REMAINDER: f32 = 12.0;

/// A remainder (of 65535) that cannot be seen.
const NOTHING: f32 = 12.0;

/// The ring, in cells over the region.
pub(crate) struct Match {
    /// Pixels per side of a cell.
    pub cell: usize,
    pub columns: usize,
    pub rows: usize,
    /// The layer of each cell: its own, or that of the nearest cell that is filled.
    pub labels: Vec<u8>,
    /// Per layer (in the order of the layers) and plane.
    pub lines: Vec<[(f32, f32); MAX_PLANES]>,
    /// Per plane and cell, of 65535, already dying away inward.
    remainder: Vec<Vec<f32>>,
    /// Cells in and around which the remainder is nothing.
    quiet: Vec<bool>,
}

/// Pixels per side of a cell.
pub(crate) fn cell_of(width: u32, height: u32) -> usize {
    (width.max(height) as usize / 480).clamp(2, 8)
}

/// How far around the fill the ring reaches, in pixels.
pub(crate) fn reach(cell: usize) -> i32 {
    (cell * (RING_CELLS as usize + 1)) as i32
}

/// Where a pixel lies in a row or column of cells.
pub(crate) struct Between {
    /// The cell that it is in.
    pub own: usize,
    /// The cells whose middles are at either side of it, and how near it is to the second, 0–1.
    low: usize,
    high: usize,
    share: f32,
}

impl Between {
    /// Pixel `k` of `count` cells of `cell` pixels.
    pub fn of(k: usize, cell: usize, count: usize) -> Self {
        let at = ((k as f32 + 0.5) / cell as f32 - 0.5).clamp(0.0, count as f32 - 1.0);
        let low = at as usize;
        Self { own: k / cell, low, high: (low + 1).min(count - 1), share: at - low as f32 }
    }
}

impl Match {
    pub fn remainder_at(&self, across: &Between, down: &Between) -> [f32; MAX_PLANES] {
        let mut out = [0.0; MAX_PLANES];
        if self.quiet[down.own * self.columns + across.own] {
            return out;
        }
        let (above, below) = (down.low * self.columns, down.high * self.columns);
        for (out, grid) in out.iter_mut().zip(&self.remainder) {
            let along = |row: usize| {
                grid[row + across.low] * (1.0 - across.share) + grid[row + across.high] * across.share
            };
            *out = along(above) * (1.0 - down.share) + along(below) * down.share;
        }
        out
    }
}

/// What a cell of the ring shows in the plate and in the fill, 0–255 per plane.
struct Mean {
    layer: usize,
    plate: [f32; MAX_PLANES],
    fill: [f32; MAX_PLANES],
}

/// Matches each layer (its code, and what stands in for its pixels) to the plate `picture` of `region`.
pub(crate) fn match_ring(
    picture: &Picture16,
    region: Rect,
    codes: &[u8],
    alpha: &[u8],
    layers: &[(u8, &dyn Look)],
    cell: usize,
) -> Match {
    let (width, height) = (region.width as usize, region.height as usize);
    let (columns, rows) = (width.div_ceil(cell), height.div_ceil(cell));
    let planes = picture.planes.len();
    let mut labels = vec![CLEAN; columns * rows];
    let mut distance = vec![u16::MAX; columns * rows];
    let mut usable = vec![true; columns * rows];
    for (y, (codes, alpha)) in codes.chunks(width).zip(alpha.chunks(width)).enumerate() {
        for (col, (codes, alpha)) in codes.chunks(cell).zip(alpha.chunks(cell)).enumerate() {
            let block = y / cell * columns + col;
            if let Some(&code) = codes.iter().rev().find(|&&code| is_filled(code)) {
                labels[block] = layer(code);
            }
            if alpha.iter().any(|&a| a > 0) {
                distance[block] = 0;
            }
            usable[block] &= codes.iter().all(|&code| code == CLEAN);
        }
    }
    walk(&mut distance, &mut labels, columns, rows);
    for label in labels.iter_mut().filter(|l| **l == CLEAN) {
        *label = BACKGROUND;
    }

    // Means over the cells of the ring, of plate and of fill.
    let ring: Vec<usize> =
        (0..columns * rows).filter(|&b| usable[b] && distance[b] >= 1 && distance[b] <= RING_CELLS).collect();
    let step = (cell / 4).max(1);
    let order = |code: u8| layers.iter().position(|(c, _)| *c == code).unwrap_or(0);
    let means: Vec<Option<Mean>> = ring
        .par_iter()
        .map(|&block| {
            let layer = order(labels[block]);
            let (_, look) = layers[layer];
            let (mut plate, mut fill, mut count) = ([0.0; MAX_PLANES], [0.0; MAX_PLANES], 0.0);
            let (x0, y0) = (block % columns * cell, block / columns * cell);
            for y in (y0..(y0 + cell).min(height)).step_by(step) {
                for x in (x0..(x0 + cell).min(width)).step_by(step) {
                    let (px, py) = (region.x as usize + x, region.y as usize + y);
                    let Some(look) = look.at(px as f64, py as f64) else { continue };
                    for plane in 0..planes {
                        plate[plane] += f32::from(picture.planes[plane][y * width + x]);
                        fill[plane] += look[plane];
                    }
                    count += 1.0;
                }
            }
            let mean = |sum: [f32; MAX_PLANES]| sum.map(|v| v / count / 257.0);
            (count > 0.0).then(|| Mean { layer, plate: mean(plate), fill: mean(fill) })
        })
        .collect();
    let lines: Vec<[(f32, f32); MAX_PLANES]> = (0..layers.len())
        .map(|layer| {
            std::array::from_fn(|plane| {
                let pairs: Vec<(f32, f32)> = means
                    .iter()
                    .flatten()
                    .filter(|m| m.layer == layer)
                    .map(|m| (m.fill[plane], m.plate[plane]))
                    .collect();
                if plane >= planes || pairs.len() < 8 {
                    return (1.0, 0.0);
                }
                let (gain, offset) = ring::line(&pairs, 1.5);
                (gain, offset * 257.0)
            })
        })
        .collect();

    let mut remainder = vec![vec![0.0f32; columns * rows]; planes];
    let mut weights = vec![0.0f32; columns * rows];
    for (&block, mean) in ring.iter().zip(&means) {
        let Some(Mean { layer, plate, fill }) = mean else { continue };
        if distance[block] > 4 {
            continue;
        }
        weights[block] = 1.0 / f32::from(distance[block]);
        for plane in 0..planes {
            let (gain, offset) = lines[*layer][plane];
            let off = plate[plane] - fill[plane] * gain - offset / 257.0;
            remainder[plane][block] = off / (1.0 + (off / REMAINDER).powi(2)) * 257.0;
        }
    }
    if weights.iter().any(|&w| w > 0.0) {
        ring::spread(&mut remainder, &mut weights, columns, rows);
    }
    let inward = depth(&distance, columns, rows);
    for grid in &mut remainder {
        for (value, &deep) in grid.iter_mut().zip(&inward) {
            *value *= (-f32::from(deep) / DECAY_CELLS).exp();
        }
    }
    let loud: Vec<u8> =
        (0..columns * rows).map(|b| u8::from(remainder.iter().any(|r| r[b].abs() > NOTHING))).collect();
    let quiet = grown(&loud, columns, rows, 1).into_iter().map(|l| l == 0).collect();
    Match { cell, columns, rows, labels, lines, remainder, quiet }
}

/// Fills `distance` outward from its zeros, in cells (four neighbours), carrying labels along.
fn walk(distance: &mut [u16], labels: &mut [u8], columns: usize, rows: usize) {
    let mut queue: std::collections::VecDeque<usize> =
        (0..distance.len()).filter(|&b| labels[b] != CLEAN).collect();
    let mut reached: Vec<bool> = labels.iter().map(|&l| l != CLEAN).collect();
    while let Some(block) = queue.pop_front() {
        for next in neighbours(block, columns, rows) {
            if !reached[next] {
                reached[next] = true;
                labels[next] = labels[block];
                if distance[next] != 0 {
                    distance[next] = distance[block].saturating_add(1);
                }
                queue.push_back(next);
            }
        }
    }
}

/// How many cells each hole cell is away from the ring.
fn depth(distance: &[u16], columns: usize, rows: usize) -> Vec<u16> {
    let mut depth: Vec<u16> = distance.iter().map(|&d| if d == 0 { u16::MAX } else { 0 }).collect();
    let mut queue: std::collections::VecDeque<usize> = (0..depth.len()).filter(|&b| depth[b] == 0).collect();
    while let Some(block) = queue.pop_front() {
        for next in neighbours(block, columns, rows) {
            if depth[next] == u16::MAX {
                depth[next] = depth[block] + 1;
                queue.push_back(next);
            }
        }
    }
    depth
}

fn neighbours(block: usize, columns: usize, rows: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (block % columns, block / columns);
    [
        (x > 0).then(|| block - 1),
        (x + 1 < columns).then(|| block + 1),
        (y > 0).then(|| block - columns),
        (y + 1 < rows).then(|| block + columns),
    ]
    .into_iter()
    .flatten()
}
