//! Who has SAM 2: it is lent for one frame at a time, so that a click on another shot is answered between two frames of a
//! track.

use super::Segmenter;
use crate::error::Result;

pub trait Lend {
    /// Calls `work` once with the network.
    ///
    /// # Errors
    /// When it is not there any more, or is another one; `work` was not called then.
    fn lend(&mut self, work: &mut dyn FnMut(&mut Segmenter)) -> Result<()>;
}

/// Whoever has it alone.
impl Lend for Segmenter {
    fn lend(&mut self, work: &mut dyn FnMut(&mut Segmenter)) -> Result<()> {
        work(self);
        Ok(())
    }
}

/// What `work` says of the network.
pub fn lent<T>(lender: &mut dyn Lend, work: impl FnOnce(&mut Segmenter) -> T) -> Result<T> {
    let (mut work, mut said) = (Some(work), None);
    lender.lend(&mut |segmenter| {
        if let Some(work) = work.take() {
            said = Some(work(segmenter));
        }
    })?;
    Ok(said.expect("who lends calls, or fails"))
}
