//! What no frame shows: holes of a canvas are filled from their surroundings, small first, then at full size
//! with the surroundings' own detail.

use rayon::prelude::*;

use super::canvas::{Canvas, EMPTY, GUESSED, SEEN};
use super::patches::{self, HOLE, Holed, KNOWN, VOID};
use super::picture::Rect;
use super::ring;

/// Longest side of a small picture, in pixels.
const SMALL: usize = 280;
/// Steps at the rim of a fill (of 255) up to about here are evened out; larger ones are rather edges of things.
const STEP: f32 = 24.0;

/// Fills the empty pixels of the blocks in `wanted` (non-zero; blocks of `factor` pixels over the canvas).
pub(crate) fn fill(canvas: &mut Canvas, wanted: &[u8], factor: usize) {
    let (width, height) = (canvas.rect.width as usize, canvas.rect.height as usize);
    let columns = width.div_ceil(factor);
    let rows = wanted.len() / columns;
    let mut open = vec![false; wanted.len()];
    for (y, line) in canvas.origin.chunks(width).enumerate() {
        let row = y / factor * columns;
        for (x, _) in line.iter().enumerate().filter(|&(_, &o)| o == EMPTY) {
            open[row + x / factor] |= wanted[row + x / factor] != 0;
        }
    }
    let parts = parts(&open, columns, rows);
    let pieces: Vec<Option<Piece>> =
        parts.par_iter().map(|part| piece(canvas, &open, part, factor, columns)).collect();
    for piece in pieces.into_iter().flatten() {
        for (at, values) in piece.pixels {
            for (plane, value) in canvas.planes.iter_mut().zip(values) {
                plane[at] = value;
            }
            canvas.origin[at] = GUESSED;
            canvas.looks[at] = piece.looks;
        }
    }
    rest(canvas, &open, factor, columns, height);
}

struct Piece {
    pixels: Vec<(usize, [u16; super::picture::MAX_PLANES])>,
    looks: u8,
}

/// Groups of open blocks that lie near each other, as rectangles of blocks.
fn parts(open: &[bool], columns: usize, rows: usize) -> Vec<Rect> {
    let mut seen = vec![false; open.len()];
    let mut parts = Vec::new();
    for start in 0..open.len() {
        if !open[start] || seen[start] {
            continue;
        }
        let mut rect = Rect { x: 0, y: 0, width: 0, height: 0 };
        let mut stack = vec![start];
        seen[start] = true;
        while let Some(block) = stack.pop() {
            let (x, y) = ((block % columns) as i32, (block / columns) as i32);
            rect = rect.union(Rect { x, y, width: 1, height: 1 });
            for (dx, dy) in (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dx, dy))) {
                let (u, v) = (x + dx, y + dy);
                if u < 0 || v < 0 || u >= columns as i32 || v >= rows as i32 {
                    continue;
                }
                let next = v as usize * columns + u as usize;
                if open[next] && !seen[next] {
                    seen[next] = true;
                    stack.push(next);
                }
            }
        }
        parts.push(rect);
    }
    parts
}

fn piece(canvas: &Canvas, open: &[bool], part: &Rect, factor: usize, columns: usize) -> Option<Piece> {
    let width = canvas.rect.width as usize;
    let scale = factor as i32;
    let hole =
        Rect { x: part.x * scale, y: part.y * scale, width: part.width * scale, height: part.height * scale };
    let context = (hole.width.max(hole.height) * 7 / 10).max(16 * scale).max(24);
    let area = hole.grown(context).clipped(canvas.rect.width as u32, canvas.rect.height as u32);
    let shrink = (area.width.max(area.height) as usize).div_ceil(SMALL).max(1);
    let (small_width, small_height) =
        ((area.width as usize).div_ceil(shrink), (area.height as usize).div_ceil(shrink));

    let mut small = Holed {
        width: small_width,
        height: small_height,
        planes: vec![vec![0.0; small_width * small_height]; canvas.planes.len()],
        state: vec![KNOWN; small_width * small_height],
    };
    let mut counts = vec![0.0f32; small_width * small_height];
    let mut looks = (0u64, 0u64);
    let is_open = |x: usize, y: usize| open[y / factor * columns + x / factor];
    for y in 0..area.height as usize {
        for x in 0..area.width as usize {
            let (cx, cy) = (area.x as usize + x, area.y as usize + y);
            let (at, to) = (cy * width + cx, y / shrink * small_width + x / shrink);
            if canvas.origin[at] == EMPTY {
                let state = if is_open(cx, cy) { HOLE } else { VOID };
                if small.state[to] != HOLE {
                    small.state[to] = state;
                }
                continue;
            }
            counts[to] += 1.0;
            looks = (looks.0 + u64::from(canvas.looks[at]), looks.1 + 1);
            for (small, plane) in small.planes.iter_mut().zip(&canvas.planes) {
                small[to] += f32::from(plane[at]) / 257.0;
            }
        }
    }
    for (at, &count) in counts.iter().enumerate().filter(|&(_, &c)| c > 0.0) {
        small.planes.iter_mut().for_each(|p| p[at] /= count);
    }
    let taken = patches::fill(&mut small)?;
    settle(&mut small);
    let tone = tone(&small, &taken.from);

    // Full size: the detail of where each small pixel was taken from, on the small picture's colours.
    let place = |k: usize, count: usize| {
        let at = ((k as f32 + 0.5) / shrink as f32 - 0.5).clamp(0.0, count as f32 - 1.0);
        let low = at as usize;
        (low, (low + 1).min(count - 1), at - low as f32)
    };
    let mut pixels = Vec::new();
    for y in 0..area.height as usize {
        for x in 0..area.width as usize {
            let (cx, cy) = (area.x as usize + x, area.y as usize + y);
            let at = cy * width + cx;
            if canvas.origin[at] != EMPTY || !is_open(cx, cy) {
                continue;
            }
            let ((x0, x1, tx), (y0, y1, ty)) = (place(x, small_width), place(y, small_height));
            let corners = [
                (x0, y0, (1.0 - tx) * (1.0 - ty)),
                (x1, y0, tx * (1.0 - ty)),
                (x0, y1, (1.0 - tx) * ty),
                (x1, y1, tx * ty),
            ];
            let mut sums = [0.0f32; super::picture::MAX_PLANES];
            let mut total = 0.0;
            for (sx, sy, weight) in corners {
                let target = sy * small_width + sx;
                if small.state[target] != HOLE {
                    continue;
                }
                let weight = weight * weight + 1e-6; // one source rather than a mixture
                let source = taken.from[target] as usize;
                let (dx, dy) =
                    ((source % small_width) as i64 - sx as i64, (source / small_width) as i64 - sy as i64);
                let (fx, fy) = (cx as i64 + dx * shrink as i64, cy as i64 + dy * shrink as i64);
                let inside = fx >= 0 && fy >= 0 && fx < width as i64 && fy < i64::from(canvas.rect.height);
                let from = if inside { fy as usize * width + fx as usize } else { at };
                let detailed = inside && canvas.origin[from] == SEEN;
                for (plane, sum) in sums.iter_mut().enumerate().take(canvas.planes.len()) {
                    *sum += weight
                        * if detailed {
                            f32::from(canvas.planes[plane][from]) + tone[plane][target] * 257.0
                        } else {
                            small.planes[plane][target] * 257.0
                        };
                }
                total += weight;
            }
            pixels.push((at, sums.map(|s| (s / total + 0.5).clamp(0.0, 65535.0) as u16)));
        }
    }
    Some(Piece { pixels, looks: (looks.0 / looks.1.max(1)) as u8 })
}

/// Evens out the steps between a fill and what is known around it: what is off at the rim is taken from the inside too,
/// smoothly, so that neither the rim nor the place where two of its sides meet shows.
fn settle(small: &mut Holed) {
    const REACH: usize = 2;
    let (width, height) = (small.width, small.height);
    let mut off = vec![vec![0.0f32; width * height]; small.planes.len()];
    let mut weights = vec![0.0f32; width * height];
    let hole: Vec<usize> = (0..width * height).filter(|&at| small.state[at] == HOLE).collect();
    for &at in &hole {
        let (x, y) = (at % width, at / width);
        let beside = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            (y > 0).then(|| at - width),
            (y + 1 < height).then(|| at + width),
        ];
        if !beside.into_iter().flatten().any(|next| small.state[next] == KNOWN) {
            continue;
        }
        weights[at] = 1.0;
        // Means of both sides, so that their texture does not count.
        for (off, plane) in off.iter_mut().zip(&small.planes) {
            let (mut sums, mut counts) = ([0.0f32; 2], [0.0f32; 2]);
            for v in y.saturating_sub(REACH)..(y + REACH + 1).min(height) {
                for u in x.saturating_sub(REACH)..(x + REACH + 1).min(width) {
                    let side = match small.state[v * width + u] {
                        KNOWN => 0,
                        HOLE => 1,
                        _ => continue,
                    };
                    sums[side] += plane[v * width + u];
                    counts[side] += 1.0;
                }
            }
            let step = sums[0] / counts[0] - sums[1] / counts[1];
            off[at] = step / (1.0 + (step / STEP).powi(2));
        }
    }
    if weights.iter().all(|&w| w == 0.0) {
        return;
    }
    ring::spread(&mut off, &mut weights, width, height);
    for (plane, off) in small.planes.iter_mut().zip(&off) {
        hole.iter().for_each(|&at| plane[at] = (plane[at] + off[at]).clamp(0.0, 255.0));
    }
}

/// How much lighter or darker than where it is taken from each small pixel of the hole is: smoothly, but not across the
/// border of two places that it is taken from, where a step would be left.
fn tone(small: &Holed, from: &[u32]) -> Vec<Vec<f32>> {
    const REACH: usize = 4;
    /// Pixels by which two neighbours' sources may lie apart and be one place.
    const APART: i32 = 1;
    let (width, height) = (small.width, small.height);
    let hole: Vec<usize> = (0..width * height).filter(|&at| small.state[at] == HOLE).collect();
    let way = |at: usize| {
        let from = from[at] as usize;
        ((from % width) as i32 - (at % width) as i32, (from / width) as i32 - (at / width) as i32)
    };
    let mut out = vec![vec![0.0; width * height]; small.planes.len()];
    let mut near = Vec::new();
    for &at in &hole {
        let (x, y) = (at % width, at / width);
        let own = way(at);
        near.clear();
        for v in y.saturating_sub(REACH)..(y + REACH + 1).min(height) {
            for u in x.saturating_sub(REACH)..(x + REACH + 1).min(width) {
                let there = v * width + u;
                if small.state[there] == HOLE {
                    let other = way(there);
                    if (other.0 - own.0).abs() <= APART && (other.1 - own.1).abs() <= APART {
                        near.push(there);
                    }
                }
            }
        }
        for (out, plane) in out.iter_mut().zip(&small.planes) {
            let sum: f32 = near.iter().map(|&there| plane[there] - plane[from[there] as usize]).sum();
            out[at] = sum / near.len() as f32;
        }
    }
    out
}

/// The last resort, where not one patch is known: the mean of what is known, or mid grey.
fn rest(canvas: &mut Canvas, open: &[bool], factor: usize, columns: usize, height: usize) {
    let width = canvas.rect.width as usize;
    let left: Vec<usize> = (0..width * height)
        .filter(|&at| canvas.origin[at] == EMPTY && open[at / width / factor * columns + at % width / factor])
        .collect();
    if left.is_empty() {
        return;
    }
    let known: Vec<usize> = (0..width * height).filter(|&at| canvas.origin[at] != EMPTY).collect();
    for plane in &mut canvas.planes {
        let sum: u64 = known.iter().map(|&at| u64::from(plane[at])).sum();
        let mean = if known.is_empty() { 32_768 } else { (sum / known.len() as u64) as u16 };
        left.iter().for_each(|&at| plane[at] = mean);
    }
    for at in left {
        canvas.origin[at] = GUESSED;
        canvas.looks[at] = 16;
    }
}
