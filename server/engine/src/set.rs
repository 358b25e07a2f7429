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
use crate::store::{Film, to_samples};

/// Hands out a fill for every frame. `made`: RGB on the canvas, 16 bits a sample.
pub fn set(
    plate: &RefCell<PlateFile>,
    masks: &mut dyn Masks,
    made: &Film,
    layout: &Layout,
    recipe: &VoidRecipe,
    report: &mut dyn Reporter,
    hand: &mut dyn FnMut(Filled) -> std::result::Result<(), Stop>,
) -> Result<()> {
    let VoidRecipe { edge_px, feather_px, grain, match_colour, seed, .. } = *recipe;
    let (frames, size) = (plate.borrow().frames(), plate.borrow().size());
    let mut setter = Setter::new(size, (edge_px, feather_px), grain as f32, match_colour, seed);
    let (scale, offset) = layout.map();
    for frame in 0..frames {
        report.step(Step::Composite, u64::from(frame), u64::from(frames))?;
        let levels = masks.levels(frame)?;
        let (original, coding, rotation) = {
            let mut plate = plate.borrow_mut();
            let original = plate.picture(frame)?;
            let coding = Coding::new(&plate.facts.colour, original.format);
            (original, coding, plate.facts.rotation)
        };
        let picture = coded(&made.read(frame)?, layout.canvas, &coding);
        let made = Made { picture: &picture, scale, offset };
        let filled = setter.set(frame, &levels, &made, |rect| Ok(piece(&original, rotation, rect)))?;
        drop(original);
        // Whoever takes the fills knows why it stops.
        hand(filled).map_err(|Stop| Error::Pipeline(pipeline::Error::Cancelled))?;
    }
    report.step(Step::Composite, u64::from(frames), u64::from(frames))?;
    Ok(())
}

/// A frame of the canvas in the coding of the plate's planes, without alpha.
fn coded(frame: &[u8], (width, height): (u32, u32), coding: &Coding) -> Picture16 {
    let mut planes = vec![Vec::with_capacity(frame.len() / 6); coding.planes()];
    let mut samples = to_samples(frame).map(|v| f32::from(v) / 65_535.0);
    while let (Some(r), Some(g), Some(b)) = (samples.next(), samples.next(), samples.next()) {
        for (plane, value) in planes.iter_mut().zip(coding.samples([r, g, b])) {
            plane.push((value + 0.5).clamp(0.0, 65_535.0) as u16);
        }
    }
    Picture16 { width, height, planes }
}
