//! The plate engine: removes what a quadmask marks, with the plate's own pixels and no weights.
//!
//! Every frame is registered to its scene; a clean picture of the background is gathered from frames where it is seen,
//! what is never seen is filled from its surroundings, and the result is matched, softened and grained frame by frame.
//! The composite into the plate's decoded planes is not here: `pipeline` makes it from [`Filled`].

mod canvas;
mod fill;
pub(crate) mod geometry;
mod grain;
mod guess;
mod kept;
mod layers;
mod matched;
mod matte;
mod patches;
mod path;
mod picture;
pub(crate) mod register;
mod ring;
mod setter;
pub(crate) mod shelf;
mod sprite;
mod stretch;
pub(crate) mod survey;
mod views;

use domain::recipe::BadRecipe;
use domain::{Cause, Levels, PlateRecipe, Step};

pub use picture::{Picture16, Rect, Small};
pub use setter::{Made, Setter, marked};

use survey::Survey;

/// What a source says when it cannot deliver.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The caller asked to stop; it knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

/// Frames of one plate and its quadmask, asked for mostly in ascending order. Each quadmask is asked for once, in order;
/// pictures two to four times, mostly in small or in pieces.
pub trait Source {
    fn count(&self) -> u32;

    /// Width and height of every picture and quadmask, in pixels.
    fn size(&self) -> (u32, u32);

    /// The picture of `frame` at full size, every plane at luma size, scaled to 0–65535. The same planes for each frame.
    fn picture(&mut self, frame: u32) -> Result<Picture16, SourceError>;

    /// The part of the picture of `frame` inside `rect`, which lies inside the picture.
    fn piece(&mut self, frame: u32, rect: Rect) -> Result<Picture16, SourceError> {
        Ok(self.picture(frame)?.cut(rect))
    }

    /// The picture of `frame` as means of `factor`×`factor` blocks (smaller at the right and lower edge), per plane one
    /// byte a block; and the first plane alone in blocks of `fine`.
    fn small(&mut self, frame: u32, factor: usize, fine: usize) -> Result<Small, SourceError> {
        Ok(self.picture(frame)?.small(factor, fine))
    }

    /// The approved levels of `frame`.
    fn quadmask(&mut self, frame: u32) -> Result<Levels, SourceError>;
}

/// One finished frame: the part of it that may differ from the plate.
#[derive(Debug, Clone)]
pub struct Filled {
    pub frame: u32,
    /// Which part; empty where nothing is filled.
    pub rect: Rect,
    /// The plate inside `rect` with its matte pixels replaced, not blended: blend with `matte`.
    pub picture: Picture16,
    /// Over `rect`: how much of the replacement shows, 0–255 per pixel; above 0 only within the non-background pixels
    /// grown by the recipe's `edge_px` (straight-line distance between pixel centres).
    pub matte: Vec<u8>,
    /// Pixels with a matte above 0 whose picture was seen in other frames.
    pub seen: u64,
    /// Pixels with a matte above 0 that were made up from their surroundings.
    pub guessed: u64,
}

/// What the whole removal came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    pub frames: u32,
    pub scenes: u32,
    pub seen: u64,
    pub guessed: u64,
    /// Sentences an artist should read.
    pub notes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the removal was stopped")]
    Stopped,
    #[error(
        "“{name}” is said to move on its own, but no path is drawn for it: draw where it goes on the picture, \
         choose another consequence, or install the VOID weights, which invent its motion"
    )]
    NoPath { name: String },
    #[error("the plate has no frames")]
    NoFrames,
    #[error(
        "frame {frame} of the quadmask is {width}×{height}, which is not the plate's size: export it at the plate's size"
    )]
    MaskSize { frame: u32, width: u32, height: u32 },
    #[error(
        "frame {frame} of the plate has another size or another number of planes than the frames before it"
    )]
    PictureShape { frame: u32 },
    #[error("the recipe cannot be run")]
    Recipe(#[from] BadRecipe),
    #[error("frame {frame} could not be read")]
    Source { frame: u32, source: SourceError },
    #[error("the temporary folder could not be used: free some space there")]
    Temporary(#[from] std::io::Error),
    #[error("a picture operation failed")]
    OpenCv(#[from] opencv::Error),
}

/// Removes what the quadmask marks, and hands out every frame in order.
///
/// `progress` is told the step, how much of it is done and how much there is; both closures may stop the run.
/// Same source, causes, recipe and build give the same pixels.
pub fn remove(
    source: &mut dyn Source,
    causes: &[Cause],
    recipe: &PlateRecipe,
    progress: &mut dyn FnMut(Step, u64, u64) -> Result<(), Stop>,
    out: &mut dyn FnMut(Filled) -> Result<(), Stop>,
) -> Result<Summary, Error> {
    let recipe = recipe.clone().checked()?;
    if let Some(cause) = causes.iter().find(|cause| cause.lacks_path()) {
        return Err(Error::NoPath { name: cause.name.clone() });
    }
    if source.count() == 0 {
        return Err(Error::NoFrames);
    }
    let survey = Survey::new(source, causes, progress)?;
    stretch::run(survey, source, causes, &recipe, progress, out)
}
