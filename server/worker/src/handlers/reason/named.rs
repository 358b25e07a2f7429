//! Who finds a thing that a model outside named: SAM 2 where its weights are, else the segmenter that needs none. Both start from
//! the cells that were given.

use domain::project::Shot;
use pipeline::stages::affected::{Nouns, WithoutWeights};

use crate::context::Context;

/// The best that is here.
pub fn of<'a>(context: &'a Context, shot: &Shot) -> Box<dyn Nouns + 'a> {
    match with_weights(context, shot) {
        Some(nouns) => nouns,
        None => Box::new(WithoutWeights),
    }
}

#[cfg(not(feature = "void"))]
fn with_weights<'a>(_: &'a Context, _: &Shot) -> Option<Box<dyn Nouns + 'a>> {
    None
}

#[cfg(feature = "void")]
fn with_weights<'a>(context: &'a Context, shot: &Shot) -> Option<Box<dyn Nouns + 'a>> {
    use domain::run::Segmenter;
    // Random weights are never chosen by themselves.
    let by = context.models.segmenter(None, None);
    let plate = super::super::segment::seen_as(shot);
    (by == Segmenter::Sam2).then(|| Box::new(sam2::ByPlace { context, plate }) as Box<dyn Nouns + 'a>)
}

#[cfg(feature = "void")]
mod sam2 {
    use domain::Hash;
    use engine::track::{self, Options};
    use pipeline::stages::affected::{Nouns, Thing};
    use pipeline::{Error, PlateFile, Reporter, Result};
    use plate::segment::FrameMask;

    use crate::context::Context;

    /// SAM 2, prompted with the boxes of a thing.
    pub struct ByPlace<'a> {
        pub context: &'a Context,
        /// What the shot's pictures are told by.
        pub plate: Hash,
    }

    impl Nouns for ByPlace<'_> {
        fn masks(
            &mut self,
            plate: &mut PlateFile,
            thing: &Thing,
            report: &mut dyn Reporter,
            each: &mut dyn FnMut(FrameMask) -> Result<()>,
        ) -> Result<()> {
            let targets = std::slice::from_ref(&thing.prompts);
            let outcome = self.context.models.with_sam2(|segmenter| {
                let options = Options { plate: Some(self.plate), ..Options::default() };
                track::segment(segmenter, plate, targets, &mut (), options, report, each)
            });
            outcome.map_err(|error| match error {
                engine::Error::Pipeline(error) => error,
                error => Error::Input(error.to_string()),
            })
        }
    }
}
