//! Reason: plate and primary mask to what else changes when the target goes, by the engine that needs no weights.

use plate::reason::{Footage, ReasonParams, Reasoned, SourceError, Stop, reason as run};

use crate::masks::Masks;
use crate::plate_file::PlateFile;
use crate::{Reporter, Result};

/// The plate as the reasoner looks at it, with the primary layer of its quadmask.
struct Look<'a> {
    plate: &'a mut PlateFile,
    masks: &'a mut dyn Masks,
}

impl Footage for Look<'_> {
    fn count(&self) -> u32 {
        self.plate.frames()
    }

    fn size(&self) -> (u32, u32) {
        self.plate.size()
    }

    fn rgb(&mut self, frame: u32, width: u32, height: u32) -> std::result::Result<Vec<u8>, SourceError> {
        let picture = self.plate.picture(frame)?;
        let (colour, rotation) = (&self.plate.facts.colour, self.plate.facts.rotation);
        Ok(picture.to_rgb(width, height, colour, rotation)?.data)
    }

    fn target(&mut self, frame: u32, width: u32, height: u32) -> std::result::Result<Vec<u8>, SourceError> {
        let levels = self.masks.levels(frame)?;
        let full = (levels.width() as usize, levels.height() as usize);
        let (w, h) = (width as usize, height as usize);
        let (mut sums, mut counts) = (vec![0_u32; w * h], vec![0_u32; w * h]);
        for (y, row) in levels.codes().chunks(full.0.max(1)).enumerate() {
            let line = y * h / full.1 * w;
            for (x, code) in row.iter().enumerate() {
                let at = line + x * w / full.0;
                sums[at] += u32::from(*code <= 1);
                counts[at] += 1;
            }
        }
        Ok(sums.iter().zip(&counts).map(|(sum, count)| (255 * sum / (*count).max(1)) as u8).collect())
    }
}

/// Looks for what else is affected. The affected layer of `masks` is not looked at.
pub fn reason(
    plate: &mut PlateFile,
    masks: &mut dyn Masks,
    params: &ReasonParams,
    report: &mut dyn Reporter,
) -> Result<Reasoned> {
    let mut progress = |step, done, total| report.step(step, done, total).map_err(|_| Stop);
    Ok(run(&mut Look { plate, masks }, params, &mut progress)?)
}
