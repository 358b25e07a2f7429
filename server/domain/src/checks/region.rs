//! Checks of the affected region and of what the model is shown.

use super::{Code, Finding, Looked, Severity};
use crate::cause::CellSweep;
use crate::predict::parts;
use crate::recipe::Area;
use crate::{Bounds, Consequence, Grid, VoidRecipe};

/// How many times smaller than filmed the model may see what is marked, until that is said, and until it is a warning.
const SHRUNK: f64 = 1.5;
const FAR_SHRUNK: f64 = 3.0;
/// Pixels around what is marked that the match to the plate looks at, as the engine does.
const RING: f64 = 96.0;

pub(super) fn first_frame(looked: &Looked) -> Option<Finding> {
    let painted = looked.marks.first().is_some_and(|mark| mark.frame == 0 && mark.cover.affected_area > 0);
    let mut marking = looked.causes.iter().filter(|c| c.consequence != Consequence::Keep);
    let has_cells = marking.any(|cause| cause.cells_at(0).next().is_some());
    if !painted && !has_cells {
        let text = "Nothing affected on the first frame";
        return Some(Finding::new(Code::FirstFrame, Severity::Fine, text));
    }
    let text = "Something is affected on the first frame, which VOID keeps as it is";
    let found = Finding::new(Code::FirstFrame, Severity::Warns, text).on(vec![0]);
    Some(found.advise("begin it on the second frame, or look at the first frame of the result"))
}

/// Around all that is marked on each frame, cells included; `None`: nothing is.
fn marked(looked: &Looked) -> Vec<Option<Bounds>> {
    let (width, height) = looked.size;
    let grid = Grid::of(width, height);
    let mut all: Vec<Option<Bounds>> = vec![None; looked.frames as usize];
    for mark in looked.marks {
        let painted = mark.cover.shape.as_ref().and_then(|shape| shape.marked);
        if let Some(slot) = all.get_mut(mark.frame as usize) {
            *slot = painted;
        }
    }
    let marking = looked.causes.iter().filter(|c| c.consequence != Consequence::Keep);
    let mut sweep = CellSweep::new(marking.flat_map(|cause| &cause.spans));
    for (frame, slot) in (0..).zip(&mut all) {
        for (row, col) in sweep.at(frame) {
            let Some((x0, y0, x1, y1)) = grid.cell(row, col, width, height) else { continue };
            let cell = Bounds { x0, y0, x1, y1 };
            *slot = Some(slot.map_or(cell, |before| before.union(cell)));
        }
    }
    all
}

/// Width and height, in plate pixels, of what the model is shown of a part in which `around` is marked. As the engine's
/// layout takes it: a margin around, the canvas's shape, inside the plate.
fn shown(recipe: &VoidRecipe, (width, height): (u32, u32), around: Bounds) -> (f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    if recipe.region == Area::Whole {
        return (width, height);
    }
    let longer = f64::from(around.width().max(around.height()));
    let margin = longer * recipe.region_margin + f64::from(recipe.edge_px) + RING;
    let wanted = |from: u32, to: u32, most: f64| {
        (f64::from(to) + margin).min(most) - (f64::from(from) - margin).max(0.0)
    };
    let (w, h) = (wanted(around.x0, around.x1, width), wanted(around.y0, around.y1, height));
    let shape = f64::from(recipe.canvas_width) / f64::from(recipe.canvas_height.max(1));
    let (w, h) = (w.max(h * shape).min(width), h.max(w / shape).min(height));
    if w * h >= 0.9 * width * height { (width, height) } else { (w, h) }
}

/// Parts of the clip that the canvas holds only much smaller than they were filmed.
pub(super) fn canvas(looked: &Looked) -> Option<Finding> {
    let recipe = &looked.recipe?.running();
    let marked = marked(looked);
    let (mut frames, mut worst, mut size) = (Vec::new(), 0.0, (0.0, 0.0));
    for part in parts(recipe, looked.frames, &[]) {
        let of_part = marked.get(part.start as usize..part.end as usize).unwrap_or_default();
        let Some(around) = of_part.iter().flatten().copied().reduce(Bounds::union) else { continue };
        let (w, h) = shown(recipe, looked.size, around);
        let shrunk = (w / f64::from(recipe.canvas_width)).max(h / f64::from(recipe.canvas_height));
        if shrunk < SHRUNK {
            continue;
        }
        if shrunk > worst {
            (worst, size) = (shrunk, (w, h));
        }
        frames.extend(part.clone().filter(|frame| marked[*frame as usize].is_some()));
    }
    // Parts share frames.
    frames.sort_unstable();
    frames.dedup();
    if frames.is_empty() {
        return None;
    }
    let text = format!(
        "VOID sees what is marked {worst:.1} times smaller than filmed ({:.0}×{:.0} pixels on a canvas of {}×{})",
        size.0, size.1, recipe.canvas_width, recipe.canvas_height
    );
    let severity = if worst >= FAR_SHRUNK { Severity::Warns } else { Severity::Notes };
    let to_do = if recipe.region == Area::Whole {
        "let the region follow what is marked, or fine detail is lost"
    } else {
        "take a larger canvas or mark less at a time, or fine detail is lost"
    };
    Some(Finding::new(Code::Canvas, severity, text).on(frames).advise(to_do))
}
