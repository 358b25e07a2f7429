//! The reasoner that needs neither network nor weights: `plate`'s, by its stage.

use pipeline::stages::reason::reason;
use pipeline::{Masks, PlateFile, Reporter};
use plate::reason::{ReasonParams, Reasoned};

use crate::{Answer, Reasoner, Result};

#[derive(Debug, Clone, Default)]
pub struct BuiltIn {
    pub params: ReasonParams,
}

impl Reasoner for BuiltIn {
    fn reason(
        &mut self,
        plate: &mut PlateFile,
        masks: &mut dyn Masks,
        report: &mut dyn Reporter,
    ) -> Result<Answer> {
        let Reasoned { proposals, notes, looked_at: _ } = reason(plate, masks, &self.params, report)?;
        Ok(Answer { proposals, notes, ..Answer::default() })
    }
}
