//! From frames of the canvas back into the plate: each is set into the part of the plate that the quadmask marks, at the
//! plate's size, in its own coding. The composite itself is `pipeline`'s.

use std::cell::RefCell;

use domain::Step;
use domain::recipe::VoidRecipe;
use media::Coding;
use pipeline::stages::engine::piece;
use pipeline::{Masks, PlateFile, Reporter};
use plate::remove::{Filled, Made, Picture16, Setter, Stop};

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::parts::{Part, foremost, shares};
use crate::store::{Film, to_samples};

/// What was made of the parts of a clip.
pub struct MadeParts {
    pub parts: Vec<Part>,
    /// Of each part: its frames on the canvas, RGB, 16 bits a sample.
    pub films: Vec<Film>,
}

/// Hands out a fill for every frame.
pub fn set(
    plate: &RefCell<PlateFile>,
    masks: &mut dyn Masks,
    made: &MadeParts,
    recipe: &VoidRecipe,
    report: &mut dyn Reporter,
    hand: &mut dyn FnMut(Filled) -> std::result::Result<(), Stop>,
) -> Result<()> {
    let VoidRecipe { edge_px, feather_px, grain, match_colour, seed, .. } = *recipe;
    let (frames, size) = (plate.borrow().frames(), plate.borrow().size());
    let mut setter = Setter::new(size, (edge_px, feather_px), grain as f32, match_colour, seed);
    for frame in 0..frames {
        report.step(Step::Composite, u64::from(frame), u64::from(frames))?;
        let levels = masks.levels(frame)?;
        let (original, coding, rotation) = {
            let mut plate = plate.borrow_mut();
            let original = plate.picture(frame)?;
            let coding = Coding::new(&plate.facts.colour, original.format);
            (original, coding, plate.facts.rotation)
        };
        let (canvas, layout) = made.frame(frame)?;
        let picture = coded(&canvas, layout.canvas, &coding);
        let (scale, offset) = layout.map();
        let shown = Made { picture: &picture, scale, offset };
        let filled = setter.set(frame, &levels, &shown, |rect| Ok(piece(&original, rotation, rect)))?;
        drop(original);
        // Whoever takes the fills knows why it stops.
        hand(filled).map_err(|Stop| Error::Pipeline(pipeline::Error::Cancelled))?;
    }
    report.step(Step::Composite, u64::from(frames), u64::from(frames))?;
    Ok(())
}

impl MadeParts {
    /// What was made of a frame, in the layout of the part that counts most there; where parts overlap, their mixture.
    fn frame(&self, frame: u32) -> Result<(Vec<f32>, Layout)> {
        let read = |number: usize| -> Result<Vec<f32>> {
            let bytes = self.films[number].read(frame - self.parts[number].frames.start)?;
            Ok(to_samples(&bytes).map(|v| f32::from(v) / 65_535.0).collect())
        };
        let Some(first) = foremost(&self.parts, frame) else {
            // Nothing is marked here, and nothing will be taken.
            let layout = self.parts[0].layout;
            return Ok((vec![0.0; layout.canvas.0 as usize * layout.canvas.1 as usize * 3], layout));
        };
        let layout = self.parts[first].layout;
        let mut canvas = read(first)?;
        for (number, share) in shares(&self.parts, frame) {
            if number != first {
                fade(&mut canvas, &layout, &read(number)?, &self.parts[number].layout, share);
            }
        }
        Ok((canvas, layout))
    }
}

/// Mixes `share` of a frame in another layout into `canvas`, where that shows the same place of the plate.
fn fade(canvas: &mut [f32], layout: &Layout, other: &[f32], its: &Layout, share: f32) {
    let (here, there) = (layout.map(), its.map());
    // Where a place of this canvas lies on the other one.
    let axis = |at: f64, axis: usize| (at - here.1[axis]) / here.0[axis] * there.0[axis] + there.1[axis];
    let (width, height) = (its.canvas.0 as usize, its.canvas.1 as usize);
    for (y, row) in canvas.chunks_exact_mut(layout.canvas.0 as usize * 3).enumerate() {
        let v = axis(y as f64, 1);
        if v < 0.0 || v > (height - 1) as f64 {
            continue;
        }
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let u = axis(x as f64, 0);
            if u < 0.0 || u > (width - 1) as f64 {
                continue;
            }
            for (channel, value) in pixel.iter_mut().enumerate() {
                let theirs = cubic(other, width, height, (u, v), channel);
                *value += (theirs - *value) * share;
            }
        }
    }
}

/// A sample of RGB between pixels (Catmull and Rom), edges repeated.
fn cubic(samples: &[f32], width: usize, height: usize, (u, v): (f64, f64), channel: usize) -> f32 {
    let weights = |t: f32| {
        let (t2, t3) = (t * t, t * t * t);
        [-0.5 * t + t2 - 0.5 * t3, 1.0 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2.0 * t2 - 1.5 * t3, 0.5 * (t3 - t2)]
    };
    let (across, down) = (weights(u.fract() as f32), weights(v.fract() as f32));
    let at = |base: f64, step: usize, size: usize| (base as usize + step).saturating_sub(1).min(size - 1);
    let mut sum = 0.0;
    for (step_y, weight_y) in down.iter().enumerate() {
        let row = at(v, step_y, height) * width;
        let line = across
            .iter()
            .enumerate()
            .map(|(step_x, weight)| weight * samples[(row + at(u, step_x, width)) * 3 + channel]);
        sum += weight_y * line.sum::<f32>();
    }
    sum
}

/// A frame of the canvas, RGB, in the coding of the plate's planes, without alpha.
fn coded(frame: &[f32], (width, height): (u32, u32), coding: &Coding) -> Picture16 {
    let mut planes = vec![Vec::with_capacity(frame.len() / 3); coding.planes()];
    for pixel in frame.chunks_exact(3) {
        for (plane, value) in planes.iter_mut().zip(coding.samples([pixel[0], pixel[1], pixel[2]])) {
            plane.push((value + 0.5).clamp(0.0, 65_535.0) as u16);
        }
    }
    Picture16 { width, height, planes }
}

#[cfg(test)]
mod tests {
    use plate::remove::Rect;

    use super::*;

    #[test]
    fn a_frame_in_another_layout_fades_in_where_it_shows_the_same_place() {
        let recipe: VoidRecipe = serde_json::from_str(
            r#"{"canvas_width": 96, "canvas_height": 64, "region": "marked", "region_margin": 0}"#,
        )
        .unwrap();
        let layout = |x| Layout::new(&recipe, (1280, 720), Rect { x, y: 300, width: 40, height: 40 });
        let (here, there) = (layout(400), layout(460));
        // A smooth picture of the plate, as both layouts show it.
        let shown = |layout: &Layout| -> Vec<f32> {
            let ([across, _], [left, _]) = layout.map();
            let column = |x: usize| ((x as f64 - left) / across / 1280.0) as f32;
            (0..96 * 64 * 3).map(|at| column(at / 3 % 96)).collect()
        };
        let mut canvas = shown(&here);
        fade(&mut canvas, &here, &shown(&there), &there, 0.5);
        let apart = canvas.iter().zip(shown(&here)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-3, "{apart}");
        fade(&mut canvas, &here, &vec![1.0; 96 * 64 * 3], &there, 1.0);
        let filled = canvas.chunks_exact(3).filter(|pixel| pixel[0] > 0.999).count() as f64 / (96.0 * 64.0);
        assert!(filled > 0.6 && filled < 0.95, "{filled}");
    }
}
