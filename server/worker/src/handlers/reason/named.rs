//! Who finds a thing that a model outside named: SAM 2 where its weights are, else the segmenter that needs none. Both start from
//! the cells that were given.

use domain::project::Shot;
use pipeline::PlateFile;
use pipeline::stages::affected::WithoutWeights;
use pipeline::stages::noun::Nouns;

use crate::context::Context;

/// The best that is here.
#[cfg(not(feature = "void"))]
pub fn of<'a>(_: &'a Context, _: &Shot, plate: &'a mut PlateFile) -> Box<dyn Nouns + 'a> {
    Box::new(WithoutWeights { plate })
}

/// The best that is here.
#[cfg(feature = "void")]
pub fn of<'a>(context: &'a Context, shot: &Shot, plate: &'a mut PlateFile) -> Box<dyn Nouns + 'a> {
    use domain::run::Segmenter;
    // Random weights are never chosen by themselves.
    match context.models.segmenter(None, None) {
        Segmenter::Sam2 => {
            let seen_as = super::super::segment::seen_as(shot);
            Box::new(sam2::ByPlace { context, plate, seen_as })
        }
        Segmenter::Plate => Box::new(WithoutWeights { plate }),
    }
}

#[cfg(feature = "void")]
mod sam2 {
    use domain::Hash;
    use engine::track::{self, Options};
    use pipeline::stages::affected::of_track;
    use pipeline::stages::noun::{Each, Nouns, Thing};
    use pipeline::{Error, PlateFile, Reporter, Result};

    use crate::context::Context;

    /// SAM 2, prompted with the boxes of a thing.
    pub struct ByPlace<'a> {
        pub context: &'a Context,
        pub plate: &'a mut PlateFile,
        /// What the shot's pictures are told by.
        pub seen_as: Hash,
    }

    impl Nouns for ByPlace<'_> {
        fn look(
            &mut self,
            thing: &Thing,
            frames: &[u32],
            report: &mut dyn Reporter,
            each: Each,
        ) -> Result<()> {
            let Self { context, plate, seen_as } = self;
            let targets = std::slice::from_ref(&thing.prompts);
            let options = Options { plate: Some(*seen_as), ..Options::default() };
            let mut each = of_track(plate.size(), frames, each);
            let outcome = context.models.with_sam2(|segmenter| {
                track::segment(segmenter, plate, targets, &mut (), options, report, &mut each)
            });
            outcome.map_err(|error| match error {
                engine::Error::Pipeline(error) => error,
                error => Error::Input(error.to_string()),
            })
        }
    }
}
