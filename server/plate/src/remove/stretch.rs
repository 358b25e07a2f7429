//! Works through a clip in stretches: neighbouring frames of one scene that share their canvases.

use domain::{Cause, Consequence, PlateRecipe, Step};

use super::canvas::{self, Canvas, Order};
use super::fill::{self, Layer};
use super::geometry::Map;
use super::grain::Tiles;
use super::kept::Kept;
use super::layers::{BACKGROUND, MOST_STAY, STAY, grown, is_filled, is_target, layer};
use super::picture::Rect;
use super::sprite::{self, Sprite};
use super::survey::Survey;
use super::views::Views;
use super::{Error, Filled, Source, Stop, Summary, guess, path, survey};

/// Most frames that share a canvas.
const LONGEST: u32 = 96;
/// A stretch ends when the camera has moved this share of the picture's longer side.
const FARTHEST: f64 = 0.3;

/// Fills every frame, in order.
pub(crate) fn run(
    mut survey: Survey,
    source: &mut dyn Source,
    causes: &[Cause],
    recipe: &PlateRecipe,
    progress: &mut dyn FnMut(Step, u64, u64) -> Result<(), Stop>,
    out: &mut dyn FnMut(Filled) -> Result<(), Stop>,
) -> Result<Summary, Error> {
    let count = survey.notes.len() as u32;
    let mut summary = Summary {
        frames: count,
        scenes: survey.notes.last().map_or(0, |n| n.scene + 1),
        ..Summary::default()
    };
    let sprites = sprites(&mut survey, source, causes, recipe, &mut summary.notes)?;
    let mut tiles = Tiles::new(recipe.seed);
    let mut kept = Kept::default();
    let mut first = 0;
    while first < count {
        let last = end(&survey, recipe, first);
        progress(Step::Background, u64::from(first), u64::from(count)).map_err(|Stop| Error::Stopped)?;
        let layers = layers(&survey, source, causes, recipe, first, last)?;
        kept.forget(); // what stands out depends on the canvas
        for frame in first..=last {
            progress(Step::Fill, u64::from(frame), u64::from(count)).map_err(|Stop| Error::Stopped)?;
            let filled =
                fill::fill(&survey, source, recipe, frame, &layers, &sprites, (&mut tiles, &mut kept))?;
            summary.seen += filled.seen;
            summary.guessed += filled.guessed;
            out(filled).map_err(|Stop| Error::Stopped)?;
        }
        first = last + 1;
    }
    progress(Step::Fill, u64::from(count), u64::from(count)).map_err(|Stop| Error::Stopped)?;
    Ok(summary)
}

/// The last frame of the stretch that begins at `first`.
fn end(survey: &Survey, recipe: &PlateRecipe, first: u32) -> u32 {
    let (_, scene_end) = survey.scene(first);
    let longest = (recipe.reach / 2).clamp(1, LONGEST);
    // Even stretches rather than a short one at the end.
    let frames = scene_end + 1 - first;
    let longest = frames.div_ceil(frames.div_ceil(longest));
    let farthest = FARTHEST * f64::from(survey.width.max(survey.height));
    let mut last = first;
    while last < scene_end && last + 1 - first < longest {
        if survey.between(first, last + 1).reach(survey.width, survey.height) > farthest {
            break;
        }
        last += 1;
    }
    last
}

/// One canvas per layer that the frames `first..=last` fill from.
fn layers(
    survey: &Survey,
    source: &mut dyn Source,
    causes: &[Cause],
    recipe: &PlateRecipe,
    first: u32,
    last: u32,
) -> Result<Vec<Layer>, Error> {
    let mut used = [false; 256];
    for frame in first..=last {
        if !survey.note(frame).bounds.is_empty() {
            survey.plan(frame)?.spans(|code, _, _, _| used[usize::from(layer(code))] |= is_filled(code));
        }
    }
    let mut layers = Vec::new();
    for code in
        (BACKGROUND..).take(usize::from(STAY - BACKGROUND) + MOST_STAY).filter(|&c| used[usize::from(c)])
    {
        let frames = if code == BACKGROUND {
            let (scene_first, scene_last) = survey.scene(first);
            let from = last.saturating_sub(recipe.reach).max(scene_first).min(first);
            (from..=first.saturating_add(recipe.reach).min(scene_last).max(last)).collect()
        } else {
            untouched(survey, causes, code, first, last)?
        };
        let order = if code == BACKGROUND { Order::Spread } else { Order::Listed };
        let reference = first + (last - first) / 2;
        let canvas = canvas_for(survey, source, recipe, reference, first..=last, code, &frames, order)?;
        layers.push(Layer { code, canvas });
    }
    Ok(layers)
}

/// The frames that show a `stay` thing, best first: just before it is touched and back from there, then after it.
fn untouched(survey: &Survey, causes: &[Cause], code: u8, first: u32, last: u32) -> Result<Vec<u32>, Error> {
    let stays: Vec<&Cause> = causes.iter().filter(|c| c.consequence == Consequence::Stay).collect();
    let (scene_first, scene_last) = survey.scene(first);
    let mine = stays.iter().skip(usize::from(code - STAY));
    let spans = mine.flat_map(|c| &c.spans).filter(|s| s.from <= scene_last && s.to >= scene_first);
    let (from, to) = spans.fold((u32::MAX, 0), |(from, to), s| (from.min(s.from), to.max(s.to)));
    let (from, to) =
        if from == u32::MAX { (first, last) } else { (from.max(scene_first), to.min(scene_last)) };
    // Marked from the start of the scene: it counts from where it is filled.
    let mut start = from;
    while from == scene_first && start < to {
        let mut is_filled = false;
        survey.plan(start)?.spans(|c, _, _, _| is_filled |= layer(c) == code);
        if is_filled {
            break;
        }
        start += 1;
    }
    let from = start;
    let mut frames = Vec::new();
    let mut push = |frame: u32| {
        if (scene_first..=scene_last).contains(&frame) && !frames.contains(&frame) {
            frames.push(frame);
        }
    };
    // Every neighbour first, then ever wider steps.
    let steps: Vec<u32> = std::iter::successors(Some(1u32), |s| Some(s + 1 + s / 4)).take(24).collect();
    for &step in &steps {
        if let Some(frame) = from.checked_sub(step) {
            push(frame);
        }
    }
    steps.iter().for_each(|&step| push(to.saturating_add(step)));
    for frame in (from..=to).step_by(((to - from) / 12 + 1) as usize) {
        push(frame); // parts that are touched later than others
    }
    Ok(frames)
}

/// Gathers and completes the canvas that the frames of a stretch need for one layer.
fn canvas_for(
    survey: &Survey,
    source: &mut dyn Source,
    recipe: &PlateRecipe,
    reference: u32,
    stretch: std::ops::RangeInclusive<u32>,
    code: u8,
    frames: &[u32],
    order: Order,
) -> Result<Canvas, Error> {
    let factor = survey.factor as i32;
    let (width, height) = (survey.width, survey.height);
    let whole = Rect { x: 0, y: 0, width: width as i32, height: height as i32 };
    let (small_width, small_height) = survey.thumb_size();
    let edge = (recipe.edge_px as usize).div_ceil(survey.factor) + 1;
    let ring = (small_width.max(small_height) / 28).max(3);

    // Where the layer is needed, frame by frame, and the picture's own bounds, both seen from the reference.
    let mut around = Rect { x: 0, y: 0, width: 0, height: 0 };
    let mut seen = around;
    let mut needs: Vec<(Map, Vec<u8>)> = Vec::new();
    for frame in stretch.clone() {
        let back = survey.between(frame, reference);
        seen = seen.union(back.bounds(whole));
        if survey.note(frame).bounds.is_empty() {
            continue;
        }
        let plan = survey.plan(frame)?;
        let need = plan.small(survey.factor, |c| layer(c) == code);
        let (mut x0, mut y0, mut x1, mut y1) = (i32::MAX, i32::MAX, i32::MIN, i32::MIN);
        for at in (0..need.len()).filter(|&at| need[at] != 0) {
            let (x, y) = ((at % small_width) as i32, (at / small_width) as i32);
            (x0, y0, x1, y1) = (x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1));
        }
        if x0 > x1 {
            continue;
        }
        let bounds =
            Rect { x: x0 * factor, y: y0 * factor, width: (x1 - x0) * factor, height: (y1 - y0) * factor };
        around = around.union(back.bounds(bounds.grown(factor * (edge as i32 + 1)).clipped(width, height)));
        needs.push((survey.between(reference, frame), grown(&need, small_width, small_height, edge)));
    }
    let margin = (ring as i32 + around.width.max(around.height) / factor * 7 / 10 + 16) * factor;
    let far = around.grown(margin);
    let seen_end = (seen.x + seen.width, seen.y + seen.height);
    let x = far.x.max(seen.x);
    let y = far.y.max(seen.y);
    let rect = Rect {
        x,
        y,
        width: ((far.x + far.width).min(seen_end.0) - x).max(1),
        height: ((far.y + far.height).min(seen_end.1) - y).max(1),
    };

    let columns = (rect.width as usize).div_ceil(survey.factor);
    let rows = (rect.height as usize).div_ceil(survey.factor);
    let mut must = vec![0u8; columns * rows];
    for (block, must) in must.iter_mut().enumerate() {
        let x = f64::from(rect.x) + ((block % columns) as f64 + 0.5) * f64::from(factor) - 0.5;
        let y = f64::from(rect.y) + ((block / columns) as f64 + 0.5) * f64::from(factor) - 0.5;
        let needed = needs.iter().any(|(map, need)| {
            let (u, v) = map.apply(x, y);
            let (u, v) = ((u / f64::from(factor)).floor(), (v / f64::from(factor)).floor());
            // Half a block of slack at the picture's border.
            let col = u.clamp(0.0, small_width as f64 - 1.0);
            let row = v.clamp(0.0, small_height as f64 - 1.0);
            (col - u).abs() <= 1.0
                && (row - v).abs() <= 1.0
                && need[row as usize * small_width + col as usize] != 0
        });
        *must = if needed { 255 } else { 0 };
    }
    let must = grown(&must, columns, rows, 1);
    let mut blocks = grown(&must, columns, rows, ring);
    let views = Views::new(survey, code, reference, rect, frames)?;
    let unseen = views.unseen(&must);
    if unseen.contains(&255) {
        // What is made up is made of its surroundings: as much of them as the hole is large.
        let deep = unseen.iter().filter(|&&u| u != 0).count().isqrt();
        let more = grown(&unseen, columns, rows, deep.max(16));
        blocks.iter_mut().zip(more).for_each(|(b, m)| *b |= m);
    }
    let mut canvas = canvas::gather(survey, source, &views, code, &blocks, order)?;
    guess::fill(&mut canvas, &must, survey.factor);
    Ok(canvas)
}

/// The things that move along drawn paths, cut out of the plate.
fn sprites(
    survey: &mut Survey,
    source: &mut dyn Source,
    causes: &[Cause],
    recipe: &PlateRecipe,
    notes: &mut Vec<String>,
) -> Result<Vec<Sprite>, Error> {
    let mut sprites = Vec::new();
    let count = survey.notes.len() as u32;
    for cause in causes.iter().filter(|c| c.consequence == Consequence::React) {
        let Some(frame) = cause.spans.iter().filter(|s| !s.cells.is_empty()).map(|s| s.from).min() else {
            notes.push(format!("“{}” has no cells, so it was not moved: mark where it is.", cause.name));
            continue;
        };
        if frame >= count {
            continue;
        }
        let (around, cells) = sprite::cells(cause, frame, survey.width, survey.height);
        let rect = around.clipped(survey.width, survey.height);
        if rect.is_empty() {
            continue;
        }
        let (scene_first, scene_last) = survey.scene(frame);
        let frames: Vec<u32> = (frame.saturating_sub(recipe.reach).max(scene_first)
            ..=frame.saturating_add(recipe.reach).min(scene_last))
            .collect();
        let clean =
            canvas_for(survey, source, recipe, frame, frame..=frame, BACKGROUND, &frames, Order::Spread)?;
        let picture = survey::look(source, frame, survey.planes, rect)?;
        let blocked: Vec<u8> =
            survey.plan(frame)?.codes(rect).into_iter().map(|c| u8::from(is_target(c))).collect();
        let thing = sprite::find(&picture, &clean, rect, &cells, &blocked, path::near(&cause.path, frame))?;
        // A thing that stands was there all along; one that moves, for a moment.
        let since = if thing.stands { scene_first } else { frame.saturating_sub(3).max(scene_first) };
        let soft = (rect.width.max(rect.height) / 24).max(2) as usize;
        survey.stands(
            since,
            frame,
            rect,
            grown(&thing.mask, rect.width as usize, rect.height as usize, soft),
        );
        match Sprite::cut(&picture, &thing, &blocked, &cause.path, frame, scene_last)? {
            Some(sprite) => sprites.push(sprite),
            None => notes.push(format!(
                "“{}” could not be told from its background at frame {frame}, so it was not moved: mark its cells there.",
                cause.name
            )),
        }
    }
    Ok(sprites)
}
