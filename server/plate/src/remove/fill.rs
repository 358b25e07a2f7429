//! One finished frame: canvases looked at through the camera, matched to the ring of plate, softened and grained.

use domain::PlateRecipe;
use rayon::prelude::*;

use super::canvas::{Canvas, EMPTY, GUESSED};
use super::geometry::Map;
use super::grain::{self, Grain, TILE, Tiles};
use super::kept::{Kept, Wanted};
use super::layers::{BACKGROUND, CLEAN, is_filled, layer};
use super::matched::{Between, Look, cell_of, match_ring, reach};
use super::picture::{MAX_PLANES, Picture16, Pixel, Rect};
use super::sprite::Sprite;
use super::survey::Survey;
use super::{Filled, Source, matte, survey};

/// A canvas and the layer code that it fills.
pub(crate) struct Layer {
    pub code: u8,
    pub canvas: Canvas,
}

/// Differences (of 255) between plate and fill in the soft edge that are taken for noise, and surely for the target.
const FAINT: f32 = 6.0;
const PLAIN: f32 = 24.0;

/// A canvas seen from a frame.
struct Through<'a> {
    canvas: &'a Canvas,
    map: &'a Map,
}

impl Look for Through<'_> {
    fn at(&self, x: f64, y: f64) -> Option<Pixel> {
        let (u, v) = self.map.apply(x, y);
        self.canvas.holds(u, v).then(|| self.canvas.look(u, v))
    }
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
    let cell = cell_of(width, height);
    let region = plan.bounds().grown(edge_px as i32 + reach(cell)).clipped(width, height);
    let mut picture = survey::look(source, frame, survey.planes, region)?;
    let codes = plan.codes(region);
    let filled: Vec<u8> = codes.iter().map(|&c| u8::from(is_filled(c))).collect();
    let mut alpha = matte::soft(&filled, region.width as usize, edge_px, feather_px);
    let maps: Vec<Map> = layers.iter().map(|l| survey.between(frame, l.canvas.reference)).collect();
    let throughs: Vec<Through> =
        layers.iter().zip(&maps).map(|(layer, map)| Through { canvas: &layer.canvas, map }).collect();
    let looks: Vec<(u8, &dyn Look)> =
        layers.iter().zip(&throughs).map(|(layer, look)| (layer.code, look as &dyn Look)).collect();
    let matched = match_ring(&picture, region, &codes, &alpha, &looks, cell);
    let measured = measure_grain(&picture, region, &codes, &alpha, layers, &maps, &matched.lines);

    let wanted = Wanted { frame, region, codes: &codes, alpha: &alpha };
    let background = layers.iter().find(|l| l.code == BACKGROUND);
    let thing = match background {
        Some(layer) => kept.cover(survey, source, &layer.canvas, &wanted)?,
        None => None,
    };

    let strength = measured.map(|g| g.strength * grain_strength);
    let tiles: Vec<_> = (0..survey.planes).map(|plane| tiles.get(plane, measured[plane].likeness)).collect();

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
