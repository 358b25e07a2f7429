//! One finished frame: canvases looked at through the camera, matched to the ring of plate, softened and grained.

use domain::PlateRecipe;
use rayon::prelude::*;

use super::canvas::{Canvas, EMPTY, GUESSED};
use super::geometry::Map;
use super::grain::{self, Grain, TILE, Tiles};
use super::kept::{Kept, Wanted};
use super::layers::{BACKGROUND, CLEAN, grown, is_filled, layer};
use super::picture::{MAX_PLANES, Picture16, Rect};
use super::sprite::Sprite;
use super::survey::Survey;
use super::{Filled, Source, matte, ring, survey};

/// A canvas and the layer code that it fills.
pub(crate) struct Layer {
    pub code: u8,
    pub canvas: Canvas,
}

/// How far a pixel's remainder reaches inward, and how deep the ring is, in cells.
const DECAY_CELLS: f32 = 10.0;
const RING_CELLS: u16 = 10;
/// A remainder of this many levels (of 255) is halved: larger ones are rather something else than a mismatch.
const REMAINDER: f32 = 12.0;

/// A remainder (of 65535) that cannot be seen.
const NOTHING: f32 = 12.0;
/// Differences (of 255) between plate and fill in the soft edge that are taken for noise, and surely for the target.
const FAINT: f32 = 6.0;
const PLAIN: f32 = 24.0;

/// The ring, in cells over the region.
struct Match {
    /// Pixels per side of a cell.
    cell: usize,
    columns: usize,
    rows: usize,
    /// The layer of each cell: its own, or that of the nearest cell that is filled.
    labels: Vec<u8>,
    /// Per layer (in the order of the layers) and plane.
    lines: Vec<[(f32, f32); MAX_PLANES]>,
    /// Per plane and cell, of 65535, already dying away inward.
    remainder: Vec<Vec<f32>>,
    /// Cells in and around which the remainder is nothing.
    quiet: Vec<bool>,
    grain: [Grain; MAX_PLANES],
}

/// Fills one frame.
pub(crate) fn fill(
    survey: &Survey,
    source: &mut dyn Source,
    recipe: &PlateRecipe,
    frame: u32,
    layers: &[Layer],
    sprites: &[Sprite],
    (tiles, kept): (&mut Tiles, &mut Kept),
) -> Result<Filled, super::Error> {
    let PlateRecipe { edge_px, feather_px, grain: grain_strength, reach: _, seed } = *recipe;
    let (width, height) = (survey.width, survey.height);
    let plan = survey.plan(frame)?;
    if plan.bounds().is_empty() {
        let picture = Picture16 { width: 0, height: 0, planes: vec![Vec::new(); survey.planes] };
        return Ok(Filled { frame, rect: Rect::EMPTY, picture, matte: Vec::new(), seen: 0, guessed: 0 });
    }
    let cell = (width.max(height) as usize / 480).clamp(2, 8);
    let margin = edge_px as i32 + (cell * (RING_CELLS as usize + 1)) as i32;
    let region = plan.bounds().grown(margin).clipped(width, height);
    let mut picture = survey::look(source, frame, survey.planes, region)?;
    let codes = plan.codes(region);
    let filled: Vec<u8> = codes.iter().map(|&c| u8::from(is_filled(c))).collect();
    let mut alpha = matte::soft(&filled, region.width as usize, edge_px, feather_px);
    let maps: Vec<Map> = layers.iter().map(|l| survey.between(frame, l.canvas.reference)).collect();
    let matched = match_ring(&picture, region, &codes, &alpha, layers, &maps, cell);

    let wanted = Wanted { frame, region, codes: &codes, alpha: &alpha };
    let background = layers.iter().find(|l| l.code == BACKGROUND);
    let thing = match background {
        Some(layer) => kept.cover(survey, source, &layer.canvas, &wanted)?,
        None => None,
    };

    let strength = matched.grain.map(|g| g.strength * grain_strength);
    let tiles: Vec<_> =
        (0..survey.planes).map(|plane| tiles.get(plane, matched.grain[plane].likeness)).collect();

    let (left, top) = (region.x as usize, region.y as usize);
    let region_width = region.width as usize;
    let order: Vec<usize> = {
        let mut order = vec![0; 256];
        layers.iter().enumerate().for_each(|(at, l)| order[usize::from(l.code)] = at);
        order
    };
    // How much grain a pixel lacks for being the mean of so many sixteenths of looks.
    let lacking: Vec<f32> =
        (0..256u16).map(|looks| (1.0 - 1.0 / (f32::from(looks.max(16)) / 16.0)).max(0.0).sqrt()).collect();
    let across: Vec<Between> =
        (0..region_width).map(|x| Between::of(x, matched.cell, matched.columns)).collect();
    let placed: Vec<_> = sprites.iter().filter_map(|s| s.at(frame).map(|place| (s, place))).collect();
    let mut lines = Vec::with_capacity(region.height as usize);
    let mut planes: Vec<_> = picture.planes.iter_mut().map(|p| p.chunks_mut(region_width)).collect();
    for (y, alpha) in alpha.chunks_mut(region_width).enumerate() {
        let row: Vec<&mut [u16]> =
            planes.iter_mut().map(|p| p.next().expect("as many lines as the matte")).collect();
        lines.push((y, row, alpha));
    }
    let (seen, guessed) = lines
        .into_par_iter()
        .map(|(y, mut row, alpha)| {
            let codes = &codes[y * region_width..(y + 1) * region_width];
            let Some(first) = alpha.iter().position(|&a| a > 0) else { return (0, 0) };
            let last = alpha.iter().rposition(|&a| a > 0).unwrap_or(first);
            let noise: Vec<_> =
                tiles.iter().enumerate().map(|(p, tile)| tile.row(seed, frame, p, top + y)).collect();
            let (mut seen, mut guessed) = (0u64, 0u64);
            let down = Between::of(y, matched.cell, matched.rows);
            let ways: Vec<_> = maps.iter().map(|map| map.along((top + y) as f64)).collect();
            for x in first..=last {
                if alpha[x] == 0 {
                    continue;
                }
                let cell = down.own * matched.columns + across[x].own;
                let label = if is_filled(codes[x]) { layer(codes[x]) } else { matched.labels[cell] };
                let layer = order[usize::from(label)];
                let canvas = &layers[layer].canvas;
                let (px, py) = ((left + x) as f64, (top + y) as f64);
                let (u, v) = ways[layer].at(px);
                let at = canvas.at(u, v);
                let mut value = canvas.look(u, v);
                let remainder = matched.remainder_at(&across[x], &down);
                let fresh = lacking[usize::from(canvas.looks[at])];
                let mut cover = 0.0;
                for plane in 0..row.len() {
                    let (gain, offset) = matched.lines[layer][plane];
                    value[plane] = value[plane] * gain + offset + remainder[plane];
                }
                if let Some((look, share)) = thing.as_ref().and_then(|thing| thing.at(left + x, top + y)) {
                    for plane in 0..row.len() {
                        value[plane] += (look[plane] - value[plane]) * share;
                    }
                    cover = share;
                }
                for (sprite, place) in &placed {
                    cover = sprite.over(place, px, py, &mut value, cover);
                }
                if alpha[x] < 255 && !is_filled(codes[x]) {
                    let off = (0..row.len())
                        .map(|plane| (f32::from(row[plane][x]) - value[plane]).abs() / 257.0)
                        .fold(0.0, f32::max);
                    // What is left of the target beyond its mask goes as far as the edge allows.
                    let firm = ((off - FAINT) / (PLAIN - FAINT)).clamp(0.0, 1.0) * 255.0;
                    alpha[x] = alpha[x].max(firm as u8);
                }
                for (plane, row) in row.iter_mut().enumerate() {
                    let (grain, shift) = noise[plane];
                    let grain = grain[(left + x + shift) % TILE] * strength[plane];
                    let noise = grain * fresh * (1.0 - cover);
                    row[x] = (value[plane] + noise + 0.5).clamp(0.0, 65535.0) as u16;
                }
                if canvas.origin[at] == GUESSED || canvas.origin[at] == EMPTY {
                    guessed += 1
                } else {
                    seen += 1
                }
            }
            (seen, guessed)
        })
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    Ok(Filled { frame, rect: region, picture, matte: alpha, seen, guessed })
}

/// Where a pixel lies in a row or column of cells.
struct Between {
    /// The cell that it is in.
    own: usize,
    /// The cells whose middles are at either side of it, and how near it is to the second, 0–1.
    low: usize,
    high: usize,
    share: f32,
}

impl Between {
    /// Pixel `k` of `count` cells of `cell` pixels.
    fn of(k: usize, cell: usize, count: usize) -> Self {
        let at = ((k as f32 + 0.5) / cell as f32 - 0.5).clamp(0.0, count as f32 - 1.0);
        let low = at as usize;
        Self { own: k / cell, low, high: (low + 1).min(count - 1), share: at - low as f32 }
    }
}

impl Match {
    fn remainder_at(&self, across: &Between, down: &Between) -> [f32; MAX_PLANES] {
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

fn match_ring(
    picture: &Picture16,
    region: Rect,
    codes: &[u8],
    alpha: &[u8],
    layers: &[Layer],
    maps: &[Map],
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
    let order = |code: u8| layers.iter().position(|l| l.code == code).unwrap_or(0);
    let means: Vec<Option<Mean>> = ring
        .par_iter()
        .map(|&block| {
            let layer = order(labels[block]);
            let canvas = &layers[layer].canvas;
            let (mut plate, mut fill, mut count) = ([0.0; MAX_PLANES], [0.0; MAX_PLANES], 0.0);
            let (x0, y0) = (block % columns * cell, block / columns * cell);
            for y in (y0..(y0 + cell).min(height)).step_by(step) {
                for x in (x0..(x0 + cell).min(width)).step_by(step) {
                    let (px, py) = (region.x as usize + x, region.y as usize + y);
                    let (u, v) = maps[layer].apply(px as f64, py as f64);
                    if !canvas.holds(u, v) {
                        continue;
                    }
                    let look = canvas.look(u, v);
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
    let grain = measure_grain(picture, region, codes, alpha, layers, maps, &lines);
    Match { cell, columns, rows, labels, lines, remainder, quiet, grain }
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

/// Grain from what is left between plate and fill where both show the same.
fn measure_grain(
    picture: &Picture16,
    region: Rect,
    codes: &[u8],
    alpha: &[u8],
    layers: &[Layer],
    maps: &[Map],
    lines: &[[(f32, f32); MAX_PLANES]],
) -> [Grain; MAX_PLANES] {
    const RUN: usize = 20;
    const RUNS: usize = 600;
    let (width, height) = (region.width as usize, region.height as usize);
    let (layer, map) = (&layers[0], &maps[0]);
    let canvas = &layer.canvas;
    let mut rows: Vec<Vec<Vec<f32>>> = vec![Vec::new(); picture.planes.len()];
    let places = width / RUN * height;
    let step = (places / (RUNS * 4)).max(1) | 1;
    for place in (0..places).step_by(step) {
        let (x, y) = (place % (width / RUN) * RUN, place / (width / RUN));
        let line = y * width + x;
        let clear = |at: usize| codes[at] == CLEAN && alpha[at] == 0;
        if !(line..line + RUN).all(clear) {
            continue;
        }
        let mut residue = vec![Vec::with_capacity(RUN); picture.planes.len()];
        for k in 0..RUN {
            let (px, py) = (region.x as usize + x + k, region.y as usize + y);
            let (u, v) = map.apply(px as f64, py as f64);
            let at = canvas.at(u, v);
            if canvas.looks[at] < 32 {
                break;
            }
            let look = canvas.look(u, v);
            for (plane, residue) in residue.iter_mut().enumerate() {
                let (gain, offset) = lines[0][plane];
                let plate = f32::from(picture.planes[plane][line + k]);
                residue.push(plate - look[plane] * gain - offset);
            }
        }
        if residue[0].len() == RUN {
            residue.into_iter().enumerate().for_each(|(plane, r)| rows[plane].push(r));
        }
        if rows[0].len() >= RUNS {
            break;
        }
    }
    std::array::from_fn(|plane| rows.get(plane).map_or(Grain::default(), |rows| grain::measure(rows)))
}
