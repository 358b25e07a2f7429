//! From pixels on the canvas to grid cells of the plate over frames, and to a place in the picture.

use std::collections::BTreeSet;

use domain::{CellSpan, Grid};

use super::footage::grown;
use super::footage::{Sample, Scene};
use crate::segment::raster::Raster;

/// How far a region reaches beyond what was noticed, in analysis pixels: edges of shade are softer than can be seen.
const MARGIN: f32 = 2.5;
/// Samples that share their cells, as a person would mark them.
const STRETCH: usize = 4;

/// A region over time: per sample of the scene the pixels, empty where it is not there.
pub(crate) struct Region {
    pub masks: Vec<Option<Raster<bool>>>,
}

impl Region {
    pub fn new(scene: &Scene) -> Self {
        Self { masks: vec![None; scene.samples.len()] }
    }

    pub fn add(&mut self, scene: &Scene, sample: usize, pixels: impl IntoIterator<Item = usize>) {
        let mask = self.masks[sample].get_or_insert_with(|| Raster::filled(scene.w, scene.h, false));
        pixels.into_iter().for_each(|at| mask.data[at] = true);
    }

    /// Samples in which there is something.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.masks
            .iter()
            .enumerate()
            .filter(|(_, m)| m.as_ref().is_some_and(|m| m.data.contains(&true)))
            .map(|(at, _)| at)
    }

    /// Cells of the plate, by spans of frames.
    pub fn spans(&self, scene: &Scene, plate: (u32, u32)) -> opencv::Result<Vec<CellSpan>> {
        let grid = Grid::of(plate.0, plate.1);
        let mut cells: Vec<BTreeSet<(u32, u32)>> = Vec::with_capacity(self.masks.len());
        for (mask, sample) in self.masks.iter().zip(&scene.samples) {
            cells.push(match mask {
                Some(mask) => touched(&grown(mask, MARGIN)?, sample, scene.picture, plate, grid),
                None => BTreeSet::new(),
            });
        }
        Ok(spans(&cells, scene))
    }

    /// Left, top, right and bottom at `sample`, as parts of the picture.
    pub fn place(&self, scene: &Scene, sample: usize) -> [f32; 4] {
        let (pw, ph) = (scene.picture.0 as f32, scene.picture.1 as f32);
        let mut place = [1.0_f32, 1.0, 0.0, 0.0];
        if let Some(mask) = &self.masks[sample] {
            for at in (0..mask.data.len()).filter(|at| mask.data[*at]) {
                let (u, v) =
                    scene.samples[sample].to_picture.apply((at % mask.w) as f64, (at / mask.w) as f64);
                let (u, v) = ((u as f32 + 0.5) / pw, (v as f32 + 0.5) / ph);
                place = [place[0].min(u), place[1].min(v), place[2].max(u), place[3].max(v)];
            }
        }
        if place[0] > place[2] { [0.0, 0.0, 1.0, 1.0] } else { place.map(|p| p.clamp(0.0, 1.0)) }
    }
}

fn touched(
    mask: &Raster<bool>,
    sample: &Sample,
    picture: (usize, usize),
    plate: (u32, u32),
    grid: Grid,
) -> BTreeSet<(u32, u32)> {
    let (sx, sy) = (f64::from(plate.0) / picture.0 as f64, f64::from(plate.1) / picture.1 as f64);
    let mut counts = vec![0_u32; (grid.rows * grid.cols) as usize];
    for y in 0..mask.h {
        let row = sample.to_picture.along(y as f64);
        for x in (0..mask.w).filter(|x| mask.at(*x, y)) {
            let (u, v) = row.at(x as f64);
            let (u, v) = ((u + 0.5) * sx, (v + 0.5) * sy);
            if u >= 0.0 && v >= 0.0 && u < f64::from(plate.0) && v < f64::from(plate.1) {
                let (r, c) = grid.at(u as u32, v as u32, plate.0, plate.1);
                counts[(r * grid.cols + c) as usize] += 1;
            }
        }
    }
    // A corner that only the margin touches is not worth a cell.
    let least = (picture.0 * picture.1) as u32 / (grid.rows * grid.cols) / 60;
    let cells = counts.iter().enumerate().filter(|(_, n)| **n > least.max(1));
    cells.map(|(at, _)| (at as u32 / grid.cols, at as u32 % grid.cols)).collect()
}

/// The first sample by itself, then stretches of a few together. Between samples that lie apart, the cells of both hold.
fn spans(cells: &[BTreeSet<(u32, u32)>], scene: &Scene) -> Vec<CellSpan> {
    let step = scene.samples.get(1).map_or(1, |s| s.frame - scene.samples[0].frame);
    let stretch = if step > 1 || cells.len() < 16 { 1 } else { STRETCH };
    let mut spans: Vec<CellSpan> = Vec::new();
    let mut first = 0;
    while first < cells.len() {
        let last = if first == 0 { 0 } else { (first + stretch - 1).min(cells.len() - 1) };
        let reach = if step > 1 { (last + 1).min(cells.len() - 1) } else { last };
        let all: BTreeSet<(u32, u32)> = cells[first..=reach].iter().flatten().copied().collect();
        let from = scene.samples[first].frame;
        let to = scene.samples.get(last + 1).map_or(scene.end, |s| s.frame).max(from + 1) - 1;
        let all: Vec<(u32, u32)> = all.into_iter().collect();
        match spans.last_mut() {
            Some(before) if before.to + 1 == from && before.cells == all => before.to = to,
            _ if all.is_empty() => {}
            _ => spans.push(CellSpan { from, to, cells: all }),
        }
        first = last + 1;
    }
    spans
}
