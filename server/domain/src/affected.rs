//! What a model outside answered, as proposals: for each thing the cells that it changes, frame by frame, by a rule of its
//! category (void-spec §3.3, §4.1). The answer was cut to the shot before ([`Reply::within`]).
//!
//! The reference's third stage looks at none of this; it stays for comparison, as a stage of its own.

use std::collections::BTreeSet;

use crate::outside::Asked;
use crate::proposal::Said;
use crate::reply::{Affected, Belonging, Cell, Localization, Size};
use crate::{BoxPrompt, CellSpan, Effect, Grid, PathPoint, Proposal, Region, Reply};

/// `(row, col)`.
pub type Cells = BTreeSet<(u32, u32)>;

/// The shot that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clip {
    pub frames: u32,
    pub width: u32,
    pub height: u32,
    pub grid: Grid,
}

/// Longest name and reason that are taken, in characters.
const NAME: usize = 60;
const WHY: usize = 500;
/// Most stops of a way: 3 to 5 were asked for.
const MOST_STOPS: usize = 64;

/// Everything in an answer that changes or goes with the target, in its order: belongings first. `reply` lies within the clip.
pub fn proposals(reply: &Reply, clip: Clip, by: &Asked) -> Vec<Proposal> {
    let confidence = reply.confidence as f32;
    let worn = reply.integral_belongings.iter().filter_map(|worn| belonging(worn, clip, confidence, by));
    let things = reply.affected_objects.iter().filter_map(|thing| affected(thing, clip, confidence, by));
    worn.chain(things).collect()
}

/// A line of somebody else's, as it may stand on our pages: no control characters, one line, not too long.
pub fn one_line(text: &str, most: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect::<String>().trim_end().to_owned()
}

/// How a thing is affected, from the fields that the question asks for.
pub fn effect_of(thing: &Affected) -> Effect {
    let noun = thing.noun.to_lowercase();
    if thing.category.contains("visual") {
        return if noun.contains("reflect") || noun.contains("mirror") {
            Effect::Reflection
        } else if noun.contains("shad") {
            Effect::Shadow
        } else {
            Effect::Trace
        };
    }
    match (thing.should_have_stayed, thing.will_move) {
        (Some(true), _) => Effect::SetMoving,
        (_, true) => Effect::Carried,
        (_, false) => Effect::Pressed,
    }
}

fn affected(thing: &Affected, clip: Clip, confidence: f32, by: &Asked) -> Option<Proposal> {
    let effect = effect_of(thing);
    let path = if effect == Effect::Carried { path(thing, clip) } else { Vec::new() };
    let why = [thing.why.as_str(), thing.movement_description.as_str()].join(" ");
    let boxes = boxes(&thing.grid_localizations, clip);
    let said = Said { noun: thing.noun.clone(), why, path, boxes, by: by.clone() };
    made(effect, said, &cells(thing, clip), clip, confidence)
}

fn belonging(worn: &Belonging, clip: Clip, confidence: f32, by: &Asked) -> Option<Proposal> {
    let places = keyframes(&worn.grid_localizations);
    let (noun, why, path) = (worn.noun.clone(), worn.why.clone(), Vec::new());
    let boxes = boxes(&worn.grid_localizations, clip);
    let said = Said { noun, why, path, boxes, by: by.clone() };
    let at = |frame| held(&places, frame, clip.grid);
    // Only where it was said to be: it is a mark for the target, and no region.
    let all = (0..clip.frames).map(|frame| if is_named(&places, frame) { at(frame) } else { Cells::new() });
    made(Effect::Belonging, said, &all.collect::<Vec<_>>(), clip, confidence)
}

fn is_named(places: &[(u32, Cells)], frame: u32) -> bool {
    places.iter().any(|(at, _)| *at == frame)
}

/// `None`: what is left of its name is nothing.
fn made(effect: Effect, said: Said, all: &[Cells], clip: Clip, confidence: f32) -> Option<Proposal> {
    let said = Said { noun: one_line(&said.noun, NAME), why: one_line(&said.why, WHY), ..said };
    if said.noun.is_empty() {
        return None;
    }
    let spans = spans(all);
    let last = clip.frames.saturating_sub(1);
    let (from, to) = match (spans.first(), spans.last()) {
        (Some(first), Some(last)) => (first.from, last.to),
        _ => (0, last),
    };
    // The first of those on which most of it is to be seen.
    let most = all.iter().map(BTreeSet::len).max().unwrap_or(0);
    let shown = all.iter().position(|cells| most > 0 && cells.len() == most).map_or(from, |at| at as u32);
    let place = all.get(shown as usize).map_or([0.0, 0.0, 1.0, 1.0], |cells| place(cells, clip.grid));
    Some(Proposal {
        effect,
        consequence: effect.consequence(),
        from,
        to,
        shown,
        touches: None,
        share: 1.0,
        place,
        spans,
        confidence,
        said: Some(said),
    })
}

/// The cells of a thing on every frame, by its category. The first frame has none: the model was trained with affected regions
/// from the second on (void-spec §4.4).
fn cells(thing: &Affected, clip: Clip) -> Vec<Cells> {
    let first = u32::try_from(thing.first_appears_frame).unwrap_or(0);
    let first = if clip.frames > 1 { first.max(1) } else { 0 };
    let places = keyframes(&thing.grid_localizations);
    let size = thing.object_size_grids.unwrap_or(Size { rows: 1, cols: 1 });
    let way: Vec<(u32, (f64, f64))> = stops(thing);
    let effect = effect_of(thing);
    let of_frame = |frame: u32| {
        if frame < first {
            return Cells::new();
        }
        let mut all = held(&places, frame, clip.grid);
        if matches!(effect, Effect::SetMoving | Effect::Carried)
            && let Some(at) = along(&way, frame)
        {
            all.extend(around(at, size, clip.grid));
        }
        // Where it was pushed to, and where it should have stayed.
        if let Some(Cell { row, col }) = thing.original_position_grid
            && effect == Effect::SetMoving
        {
            all.extend(around((row as f64, col as f64), size, clip.grid));
        }
        all
    };
    (0..clip.frames).map(of_frame).collect()
}

/// Places by ascending frame; those of one frame together.
fn keyframes(places: &[Localization]) -> Vec<(u32, Cells)> {
    let mut found: Vec<(u32, Cells)> = Vec::new();
    for Localization { frame, grid_regions } in places {
        let Ok(frame) = u32::try_from(*frame) else { continue };
        let cells = grid_regions
            .iter()
            .filter_map(|Cell { row, col }| Some((u32::try_from(*row).ok()?, u32::try_from(*col).ok()?)));
        match found.iter_mut().find(|(at, _)| *at == frame) {
            Some((_, known)) => known.extend(cells),
            None => found.push((frame, cells.collect())),
        }
    }
    found.sort_by_key(|(frame, _)| *frame);
    found
}

/// The cells at `frame`: between two places what of either has moved towards the other; before the first and behind the last
/// what was said there.
fn held(places: &[(u32, Cells)], frame: u32, grid: Grid) -> Cells {
    let next = places.partition_point(|(at, _)| *at <= frame);
    match (next.checked_sub(1).and_then(|before| places.get(before)), places.get(next)) {
        (None, None) => Cells::new(),
        (None, Some((_, only))) | (Some((_, only)), None) => only.clone(),
        (Some((at, cells)), Some(_)) if *at == frame => cells.clone(),
        (Some((a, from)), Some((b, to))) => {
            let part = f64::from(frame - a) / f64::from(b - a);
            let (start, end) = (centre(from), centre(to));
            let way = (end.0 - start.0, end.1 - start.1);
            let mut all = moved(from, (part * way.0, part * way.1), grid);
            all.extend(moved(to, ((part - 1.0) * way.0, (part - 1.0) * way.1), grid));
            all
        }
    }
}

fn centre(cells: &Cells) -> (f64, f64) {
    let count = cells.len().max(1) as f64;
    let sum =
        cells.iter().fold((0.0, 0.0), |sum, (row, col)| (sum.0 + f64::from(*row), sum.1 + f64::from(*col)));
    (sum.0 / count, sum.1 / count)
}

fn moved(cells: &Cells, (rows, cols): (f64, f64), grid: Grid) -> Cells {
    let to = |at: u32, by: f64, count: u32| {
        let at = i64::from(at) + by.round() as i64;
        u32::try_from(at).ok().filter(|at| *at < count)
    };
    cells
        .iter()
        .filter_map(|(row, col)| Some((to(*row, rows, grid.rows)?, to(*col, cols, grid.cols)?)))
        .collect()
}

/// The stops of a way by ascending frame, the last word on each.
fn stops(thing: &Affected) -> Vec<(u32, (f64, f64))> {
    let mut stops: Vec<(u32, (f64, f64))> = Vec::new();
    for stop in &thing.trajectory_path {
        let Ok(frame) = u32::try_from(stop.frame) else { continue };
        stops.retain(|(at, _)| *at != frame);
        stops.push((frame, (stop.grid_row as f64, stop.grid_col as f64)));
    }
    stops.sort_by_key(|(frame, _)| *frame);
    stops.truncate(MOST_STOPS);
    stops
}

/// Where something on its way is at `frame`: straight from stop to stop, at rest before the first and behind the last.
fn along(stops: &[(u32, (f64, f64))], frame: u32) -> Option<(f64, f64)> {
    let next = stops.partition_point(|(at, _)| *at <= frame);
    match (next.checked_sub(1).and_then(|before| stops.get(before)), stops.get(next)) {
        (None, None) => None,
        (None, Some((_, at))) | (Some((_, at)), None) => Some(*at),
        (Some((a, from)), Some((b, to))) => {
            let part = f64::from(frame - a) / f64::from(b - a);
            Some((from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1)))
        }
    }
}

/// The cells of a thing of `size` around the cell of its centre.
fn around((row, col): (f64, f64), size: Size, grid: Grid) -> Cells {
    let span = |at: f64, size: i64, count: u32| {
        let size = size.clamp(1, i64::from(count));
        let start = (at - (size - 1) as f64 / 2.0).floor() as i64;
        // An even size reaches to both sides of a centre that lies between two cells.
        let end = (at + (size - 1) as f64 / 2.0).ceil() as i64;
        (start.max(0) as u32)..(end + 1).clamp(0, i64::from(count)) as u32
    };
    let cols = span(col, size.cols, grid.cols);
    span(row, size.rows, grid.rows).flat_map(|row| cols.clone().map(move |col| (row, col))).collect()
}

/// The way as a cause has it: centres of cells in plate pixels.
fn path(thing: &Affected, clip: Clip) -> Vec<PathPoint> {
    let Grid { rows, cols } = clip.grid;
    let pixel = |at: f64, count: u32, size: u32| ((at + 0.5) / f64::from(count) * f64::from(size)) as f32;
    let point = |(frame, (row, col)): (u32, (f64, f64))| PathPoint {
        frame,
        x: pixel(col, cols, clip.width),
        y: pixel(row, rows, clip.height),
    };
    stops(thing).into_iter().map(point).collect()
}

/// Most boxes of one thing.
const MOST_BOXES: usize = 12;

/// Places as boxes of plate pixels around their cells, one for each frame.
fn boxes(places: &[Localization], clip: Clip) -> Vec<BoxPrompt> {
    let (w, h) = (clip.width as f32, clip.height as f32);
    let of_place = |(frame, cells): (u32, Cells)| {
        let [left, top, right, bottom] = place(&cells, clip.grid);
        BoxPrompt { frame, x0: left * w, y0: top * h, x1: right * w, y1: bottom * h }
    };
    keyframes(places).into_iter().take(MOST_BOXES).map(of_place).collect()
}

fn place(cells: &Cells, grid: Grid) -> [f32; 4] {
    let bounds = cells.iter().fold(None, |bounds: Option<[u32; 4]>, (row, col)| {
        let [left, top, right, bottom] = bounds.unwrap_or([*col, *row, *col, *row]);
        Some([left.min(*col), top.min(*row), right.max(*col), bottom.max(*row)])
    });
    let Some([left, top, right, bottom]) = bounds else { return [0.0, 0.0, 1.0, 1.0] };
    let (rows, cols) = (grid.rows as f32, grid.cols as f32);
    [left as f32 / cols, top as f32 / rows, (right + 1) as f32 / cols, (bottom + 1) as f32 / rows]
}

/// Cells frame by frame as spans; frames without any are in none.
pub fn spans(all: &[Cells]) -> Vec<CellSpan> {
    let mut spans: Vec<CellSpan> = Vec::new();
    for (frame, cells) in (0_u32..).zip(all).filter(|(_, cells)| !cells.is_empty()) {
        let cells: Vec<(u32, u32)> = cells.iter().copied().collect();
        match spans.last_mut() {
            Some(last) if last.to + 1 == frame && last.cells == cells => last.to = frame,
            _ => spans.push(CellSpan { from: frame, to: frame, cells }),
        }
    }
    spans
}

/// The cells of spans, frame by frame.
pub fn by_frame(spans: &[CellSpan], frames: u32) -> Vec<Cells> {
    let mut all = vec![Cells::new(); frames as usize];
    for CellSpan { from, to, cells } in spans {
        for frame in *from..=(*to).min(frames.saturating_sub(1)) {
            if let Some(here) = all.get_mut(frame as usize) {
                here.extend(cells.iter().copied());
            }
        }
    }
    all
}

/// The reach that the reference fixes at 50 pixels, for a plate of this size: as wide in the picture as 50 pixels are in one
/// of 720×480, which is about what the reference's clips have.
pub fn reach(width: u32, height: u32) -> u32 {
    (f64::from(width.max(height)) * 50.0 / 720.0).round().max(1.0) as u32
}

/// Where something counts as near the target: everywhere that the target ever is (`motion`), and half the reach around that.
pub fn close_to(motion: &Region) -> Region {
    motion.grown(reach(motion.width(), motion.height()))
}

/// The cells of what a segmenter found of a thing on a frame, as far as it is `close` to the target: another thing with the same
/// name elsewhere in the picture does not count.
pub fn seen(found: &Region, close: &Region, grid: Grid) -> Cells {
    cells_of(&found.overlap(close), grid)
}

/// Every cell of which a pixel is meant.
pub fn cells_of(region: &Region, grid: Grid) -> Cells {
    let (width, height) = (region.width(), region.height());
    let mut cells = Cells::new();
    for row in 0..grid.rows {
        for col in 0..grid.cols {
            let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) else { continue };
            if (y0..y1).any(|y| (x0..x1).any(|x| region.has(x, y))) {
                cells.insert((row, col));
            }
        }
    }
    cells
}

#[cfg(test)]
#[path = "affected_tests.rs"]
mod tests;
