//! What is true about a scene: the target's pixels, what changes without it, why, and where one would click.

use std::collections::BTreeSet;

use domain::{
    Cause, CauseId, CellSpan, Consequence, Grid, Level, Levels, PathPoint, PointPrompt, Target, TargetId,
};
use uuid::Uuid;

use super::Scene;
use super::render::{Canvas, render_changes, render_target};
use super::shot::{ACTION, Extent, World};

/// How far the target's mask reaches beyond its last visible pixel.
const GROWN: usize = 2;
/// Cells are kept for this many frames at a time, as a person would mark them.
const STRETCH: u32 = 4;

type Cells = BTreeSet<(u32, u32)>;

/// The target's mask, grown.
pub fn primary(plate: &Canvas) -> Vec<u8> {
    grow(&plate.target, plate.width as usize, GROWN)
}

/// The primary layer alone.
pub fn levels(scene: &Scene, primary: &[u8]) -> Levels {
    Levels::from_primary(scene.width, scene.height, primary).expect("one value a pixel")
}

/// Primary, and affected to the pixel.
pub fn close_levels(scene: &Scene, frame: u32) -> Levels {
    let [plate, gone, truth] = worlds(scene, frame);
    let primary = primary(&plate);
    let width = scene.width as usize;
    let changed: Vec<u8> = (0..primary.len())
        .map(|at| {
            let shade = primary[at] == 0 && differs(&plate, &gone, at);
            if shade || differs(&gone, &truth, at) { 255 } else { 0 }
        })
        .collect();
    let changed = grow(&changed, width, GROWN);
    let mut levels = levels(scene, &primary);
    for (at, _) in changed.iter().enumerate().filter(|(_, c)| **c != 0) {
        let (x, y) = ((at % width) as u32, (at / width) as u32);
        levels.set(x, y, Level::of_layers(primary[at] != 0, true));
    }
    levels
}

/// All causes with their cells.
pub fn causes(scene: &Scene) -> Vec<Cause> {
    let reasons = scene.shot.reasons();
    let mut marked: Vec<Vec<Cells>> = vec![vec![]; reasons.len()];
    for frame in 0..scene.frames {
        let found = changes(scene, frame);
        for (reason, marked) in reasons.iter().zip(&mut marked) {
            marked.push(match reason.extent {
                Extent::Shade => found.shade.clone(),
                Extent::Rewritten => found.rewritten.clone(),
                Extent::Kept => found.kept.clone(),
            });
        }
    }
    let causes = reasons.into_iter().zip(marked).zip(1_u128..);
    causes
        .map(|((reason, marked), number)| Cause {
            cause_id: CauseId(Uuid::from_u128(identity(scene) | number)),
            name: reason.name.into(),
            reason: reason.reason.into(),
            consequence: reason.consequence,
            path: if reason.consequence == Consequence::React { path(scene) } else { vec![] },
            spans: spans(&marked),
        })
        .collect()
}

/// Upper bits of a scene's ids: the same scene has the same ids everywhere.
fn identity(scene: &Scene) -> u128 {
    (0xde40_0000_u128 | scene.kind as u128) << 96 | 0x7000_8000_u128 << 48 | u128::from(scene.seed) << 8
}

#[derive(Default)]
struct Changes {
    shade: Cells,
    rewritten: Cells,
    kept: Cells,
}

fn changes(scene: &Scene, frame: u32) -> Changes {
    let [plate, gone, truth] = worlds(scene, frame);
    let primary = primary(&plate);
    let grid = Grid::of(scene.width, scene.height);
    let mut found = Changes::default();
    for cell in (0..grid.rows).flat_map(|row| (0..grid.cols).map(move |col| (row, col))) {
        let (x0, y0, x1, y1) = grid.cell(cell.0, cell.1, scene.width, scene.height).expect("inside the grid");
        let (mut of_target, mut of_kept) = (false, false);
        for y in y0..y1 {
            for x in x0..x1 {
                let at = (y * scene.width + x) as usize;
                of_target |= primary[at] != 0;
                of_kept |= gone.kept[at] != 0;
                if primary[at] == 0 && differs(&plate, &gone, at) {
                    found.shade.insert(cell);
                }
                if differs(&gone, &truth, at) {
                    found.rewritten.insert(cell);
                }
            }
        }
        // Behind the target, and under its shade.
        if of_kept && (of_target || found.shade.contains(&cell)) {
            found.kept.insert(cell);
        }
    }
    found
}

/// A frame in all three worlds, drawn only where they may differ.
fn worlds(scene: &Scene, frame: u32) -> [Canvas; 3] {
    let moments = [World::Plate, World::Gone, World::Truth].map(|world| scene.moment(frame, world));
    render_changes(scene.studio(), [&moments[0], &moments[1], &moments[2]], frame)
}

/// The plate, drawn only where the target shows.
pub fn target_canvas(scene: &Scene, frame: u32) -> Canvas {
    render_target(scene.studio(), &scene.moment(frame, World::Plate), frame)
}

fn differs(one: &Canvas, two: &Canvas, at: usize) -> bool {
    one.samples[at * 3..at * 3 + 3] != two.samples[at * 3..at * 3 + 3]
}

/// Spans out of one set of cells per frame: the first frame by itself, then stretches of a few frames together.
fn spans(marked: &[Cells]) -> Vec<CellSpan> {
    let mut spans: Vec<CellSpan> = vec![];
    let mut from = 0;
    while from < marked.len() as u32 {
        let to = if from == 0 { 0 } else { (from + STRETCH - 1).min(marked.len() as u32 - 1) };
        let all: Cells = marked[from as usize..=to as usize].iter().flatten().copied().collect();
        let cells: Vec<(u32, u32)> = all.into_iter().collect();
        match spans.last_mut() {
            Some(last) if last.to + 1 == from && last.cells == cells => last.to = to,
            _ if cells.is_empty() => {}
            _ => spans.push(CellSpan { from, to, cells }),
        }
        from = to + 1;
    }
    spans
}

/// Where the thing that reacts truly is, in plate pixels, on every frame.
fn path(scene: &Scene) -> Vec<PathPoint> {
    let point = |frame: u32| {
        let t = ACTION * frame as f32 / (scene.frames - 1).max(1) as f32;
        let (x, y) = scene.shot.camera(t).project(scene.shot.path(t)?, scene.width, scene.height);
        Some(PathPoint { frame, x, y })
    };
    (0..scene.frames).filter_map(point).collect()
}

/// The target with clicks: where it is first well seen, where it is largest and where it is last well seen.
pub fn target(scene: &Scene) -> Target {
    let seen: Vec<Vec<u8>> = (0..scene.frames).map(|frame| target_canvas(scene, frame).target).collect();
    let area = |frame: &usize| seen[*frame].iter().filter(|&&v| v != 0).count();
    let largest = (0..seen.len()).rev().max_by_key(area).unwrap_or(0);
    let well = |frame: &usize| area(frame) * 2 > area(&largest);
    let mut frames =
        vec![(0..seen.len()).find(well).unwrap_or(0), largest, (0..seen.len()).rev().find(well).unwrap_or(0)];
    frames.sort_unstable();
    frames.dedup();
    let mut points = vec![];
    for (number, &frame) in frames.iter().enumerate() {
        let clicks = Clicks::new(scene, &seen[frame], frame);
        points.extend(clicks.on(0.0, 1.0));
        if number == 0 {
            points.extend(clicks.on(0.0, 0.33));
            points.extend(clicks.on(0.67, 1.0));
            points.extend(clicks.beside());
        }
    }
    Target {
        target_id: TargetId(Uuid::from_u128(identity(scene))),
        name: scene.shot.target().into(),
        colour: domain::target::TARGET_COLOURS[0].into(),
        points,
        boxes: vec![],
        found: None,
    }
}

/// Where to click on one frame.
struct Clicks<'a> {
    scene: &'a Scene,
    frame: u32,
    /// For every pixel, how far it is inside the target: 0 outside, at most 255.
    depth: Vec<u8>,
    mask: &'a [u8],
    /// First and last row of the target.
    rows: (usize, usize),
}

impl<'a> Clicks<'a> {
    fn new(scene: &'a Scene, mask: &'a [u8], frame: usize) -> Self {
        let width = scene.width as usize;
        let rows = mask.iter().enumerate().filter(|(_, m)| **m != 0).map(|(at, _)| at / width);
        let rows = (rows.clone().min().unwrap_or(0), rows.max().unwrap_or(0));
        Self { scene, frame: frame as u32, depth: depth(mask, width), mask, rows }
    }

    /// On the target, as deep inside as possible, between two heights (0 its top, 1 its foot).
    fn on(&self, from: f32, to: f32) -> Option<PointPrompt> {
        let width = self.scene.width as usize;
        let high = (self.rows.1 - self.rows.0) as f32;
        let first = self.rows.0 + (high * from) as usize;
        let last = self.rows.0 + (high * to) as usize;
        let rows = first * width..((last + 1) * width).min(self.depth.len());
        let at = rows.rev().max_by_key(|&at| self.depth[at]).filter(|&at| self.depth[at] > 0)?;
        Some(self.point(at, true))
    }

    /// Beside the target: left and right of it at half height, clear of its edge.
    fn beside(&self) -> Vec<PointPrompt> {
        let width = self.scene.width as usize;
        let clear = width / 40 + 2 * GROWN;
        let away = depth(&grow(self.mask, width, GROWN).iter().map(|m| 255 - m).collect::<Vec<_>>(), width);
        let y = (self.rows.0 + self.rows.1) / 2;
        let row = y * width..(y + 1) * width;
        let inside = |at: &usize| self.mask[*at] != 0;
        let (Some(left), Some(right)) = (row.clone().find(inside), row.clone().rev().find(inside)) else {
            return vec![];
        };
        let candidates = [left.checked_sub(clear), Some(right + clear)];
        let fits = |at: &usize| row.contains(at) && away[*at] as usize > GROWN;
        candidates.into_iter().flatten().filter(fits).map(|at| self.point(at, false)).collect()
    }

    fn point(&self, at: usize, positive: bool) -> PointPrompt {
        let width = self.scene.width as usize;
        PointPrompt {
            frame: self.frame,
            x: (at % width) as f32 + 0.5,
            y: (at / width) as f32 + 0.5,
            positive,
        }
    }
}

/// Steps to the nearest pixel outside the mask or the picture, 0 outside, at most 255.
fn depth(mask: &[u8], width: usize) -> Vec<u8> {
    let height = mask.len() / width;
    let mut depth: Vec<u8> = mask.iter().map(|&m| if m != 0 { 255 } else { 0 }).collect();
    let near = |depth: &[u8], x: usize, y: usize, dx: isize, dy: isize| {
        let (x, y) = (x.wrapping_add_signed(dx), y.wrapping_add_signed(dy));
        if x < width && y < height { depth[y * width + x] } else { 0 }
    };
    let relax = |depth: &mut Vec<u8>, x: usize, y: usize, way: isize| {
        let neighbours = [(-1, 0), (-1, -1), (0, -1), (1, -1)];
        let least =
            neighbours.iter().map(|(dx, dy)| near(depth, x, y, dx * way, dy * way)).min().unwrap_or(0);
        let at = y * width + x;
        depth[at] = depth[at].min(least.saturating_add(1));
    };
    for y in 0..height {
        for x in 0..width {
            relax(&mut depth, x, y, 1);
        }
    }
    for y in (0..height).rev() {
        for x in (0..width).rev() {
            relax(&mut depth, x, y, -1);
        }
    }
    depth
}

/// The mask with every pixel within `by` of it, along rows and columns.
fn grow(mask: &[u8], width: usize, by: usize) -> Vec<u8> {
    let height = mask.len() / width;
    let spread = |from: &[u8], step: usize, place: &dyn Fn(usize) -> (usize, usize)| {
        let mut to = from.to_vec();
        for at in (0..from.len()).filter(|&at| from[at] != 0) {
            let (position, length) = place(at);
            for k in position.saturating_sub(by)..(position + by + 1).min(length) {
                to[at + k * step - position * step] = 255;
            }
        }
        to
    };
    let across = spread(mask, 1, &|at| (at % width, width));
    spread(&across, width, &|at| (at / width, height))
}
