//! Where a stage gets a quadmask's frames from: a movie, or anything that can hand out levels.

use std::path::Path;

use domain::Levels;
use media::{MaskReader, read_mask};

use crate::{Error, Result};

/// Frames of a quadmask at the plate's shown size.
pub trait Masks {
    fn levels(&mut self, frame: u32) -> Result<Levels>;
}

/// A quadmask movie, lossless or lossy: each grey is taken as its nearest level.
pub struct MaskMovie {
    reader: MaskReader,
}

impl MaskMovie {
    /// Opens `path` for a plate of `frames` frames and `width`×`height` pixels; a mask of another size or length
    /// is refused.
    pub fn open(path: &Path, frames: u32, width: u32, height: u32) -> Result<Self> {
        let reader = read_mask(path)?;
        let (got_width, got_height) = (reader.width(), reader.height());
        if (got_width, got_height) != (width, height) {
            return Err(Error::MaskSize { got_width, got_height, width, height });
        }
        if reader.frames() != frames {
            return Err(Error::MaskLength { got: reader.frames(), frames });
        }
        Ok(Self { reader })
    }
}

impl Masks for MaskMovie {
    fn levels(&mut self, frame: u32) -> Result<Levels> {
        let (width, height) = (self.reader.width(), self.reader.height());
        let levels = Levels::from_grey(width, height, &self.reader.read(frame)?)?;
        if frame + 1 >= self.reader.frames() {
            self.reader.rest(); // masks are read in order: what follows needs the memory
        }
        Ok(levels)
    }
}

impl<F: FnMut(u32) -> Result<Levels>> Masks for F {
    fn levels(&mut self, frame: u32) -> Result<Levels> {
        self(frame)
    }
}
