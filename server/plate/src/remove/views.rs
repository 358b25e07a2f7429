//! Which blocks of a canvas each frame shows: clear, near something masked, or not usable. No pixels here.

use std::collections::HashMap;

use rayon::prelude::*;

use super::Error;
use super::layers::{grown, is_target, may_show};
use super::picture::Rect;
use super::survey::Survey;

/// Outside the frame, or behind something that passes in front of the target.
pub(crate) const NOTHING: u8 = 0;
/// Something is masked in the block or near it; single pixels may be clean.
pub(crate) const NEAR: u8 = 1;
/// Affected, perhaps only by a shadow or because a cell is larger than the thing in it; no target is near.
pub(crate) const SHADED: u8 = 2;
pub(crate) const CLEAR: u8 = 3;

/// Frames seen through the blocks of a canvas.
pub(crate) struct Views {
    pub reference: u32,
    pub rect: Rect,
    pub columns: usize,
    pub frames: Vec<u32>,
    /// Per frame (in the order of `frames`) one mark per block.
    pub marks: Vec<Vec<u8>>,
}

impl Views {
    /// Looks at the plans of `frames`, all of the reference's scene, over `rect` in the reference's pixels,
    /// for the canvas of the layer `code`.
    pub fn new(survey: &Survey, code: u8, reference: u32, rect: Rect, frames: &[u32]) -> Result<Self, Error> {
        let columns = (rect.width as usize).div_ceil(survey.factor);
        let blocks = columns * (rect.height as usize).div_ceil(survey.factor);
        let mut views = Self { reference, rect, columns, frames: frames.to_vec(), marks: Vec::new() };
        let both: Vec<(Vec<u8>, Vec<bool>)> = frames
            .par_iter()
            .map(|&frame| views.mark(survey, code, frame, blocks))
            .collect::<Result<_, Error>>()?;
        let (marks, targets): (Vec<_>, Vec<_>) = both.into_iter().unzip();
        views.marks = marks;
        views.drop_openings(&targets);
        Ok(views)
    }

    /// The centre of a block, in pixels of the reference frame.
    pub fn centre(&self, factor: usize, block: usize) -> (f64, f64) {
        let along = |start: i32, k: usize| f64::from(start) + (k as f64 + 0.5) * factor as f64 - 0.5;
        (along(self.rect.x, block % self.columns), along(self.rect.y, block / self.columns))
    }

    /// 255 for the blocks in `wanted` (non-zero) that no frame shows, else 0.
    pub fn unseen(&self, wanted: &[u8]) -> Vec<u8> {
        let mut unseen: Vec<u8> = wanted.iter().map(|&b| if b != 0 { 255 } else { 0 }).collect();
        for marks in &self.marks {
            unseen.iter_mut().zip(marks).filter(|(_, m)| **m >= SHADED).for_each(|(u, _)| *u = 0);
        }
        unseen
    }

    /// The marks of one frame, and where the target is.
    fn mark(
        &self,
        survey: &Survey,
        code: u8,
        frame: u32,
        blocks: usize,
    ) -> Result<(Vec<u8>, Vec<bool>), Error> {
        let factor = survey.factor;
        let (width, height) = survey.thumb_size();
        let plan = survey.plan(frame)?;
        let near = grown(&plan.small(factor, |_| true), width, height, (width.max(height) / 128).max(1));
        let target = plan.small(factor, is_target);
        let no_use = grown(
            &plan.small(factor, |c| !may_show(c, code)),
            width,
            height,
            (width.max(height) / 128).max(1),
        );
        let map = survey.between(self.reference, frame);
        let (far_x, far_y) = (f64::from(survey.width), f64::from(survey.height));
        let mut marks = vec![NOTHING; blocks];
        let mut targets = vec![false; blocks];
        for block in 0..blocks {
            let (x, y) = self.centre(factor, block);
            let (x, y) = map.apply(x, y);
            if x < 0.0 || y < 0.0 || x >= far_x || y >= far_y {
                continue;
            }
            let at = y as usize / factor * width + x as usize / factor;
            marks[block] = match (near[at], no_use[at]) {
                (0, _) => CLEAR,
                (_, 0) => SHADED,
                _ => NEAR,
            };
            targets[block] = target[at] != 0;
        }
        Ok((marks, targets))
    }

    /// Where a target that keeps its place opens for a while, something passes in front of it: that is no background.
    fn drop_openings(&mut self, targets: &[Vec<bool>]) {
        let mut order: Vec<usize> = (0..self.frames.len()).collect();
        order.sort_by_key(|&at| self.frames[at]);
        let mut alike: HashMap<(usize, usize), bool> = HashMap::new();
        // How much two frames' targets have in common: of both together, or of the second alone.
        let common = |a: usize, b: usize, whole: bool| {
            let (mut both, mut all) = (0usize, 0usize);
            for (&a, &b) in targets[a].iter().zip(&targets[b]) {
                both += usize::from(a && b);
                all += usize::from(if whole { a || b } else { b });
            }
            both as f64 / all.max(1) as f64
        };
        let blocks = self.marks.first().map_or(0, Vec::len);
        let mut openings: Vec<Vec<usize>> = vec![Vec::new(); self.frames.len()];
        // Per block the place in `order` of the last frame with the target there.
        let mut last: Vec<Option<usize>> = vec![None; blocks];
        for (place, &at) in order.iter().enumerate() {
            for (block, last) in last.iter_mut().enumerate().filter(|(block, _)| targets[at][*block]) {
                if let Some(before) = last.filter(|&before| before + 1 < place) {
                    let (a, middle) = (order[before], order[(before + place) / 2]);
                    let stays = *alike
                        .entry((before, place))
                        .or_insert_with(|| common(a, at, true) > 0.85 && common(middle, a, false) > 0.7);
                    if stays {
                        (before + 1..place).for_each(|between| openings[order[between]].push(block));
                    }
                }
                *last = Some(place);
            }
        }
        let columns = self.columns;
        for (marks, opening) in self.marks.iter_mut().zip(openings).filter(|(_, o)| !o.is_empty()) {
            let mut map = vec![0u8; blocks];
            opening.into_iter().for_each(|block| map[block] = 255);
            let reach = grown(&map, columns, blocks / columns, 3);
            marks.iter_mut().zip(reach).filter(|(_, r)| *r != 0).for_each(|(m, _)| *m = NOTHING);
        }
    }
}
