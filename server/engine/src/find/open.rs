//! SAM 3 that stays loaded, with what it has seen of frames and read of phrases.

use std::path::Path;

use domain::Hash;
use nets::sam3::{Beside, Cleaning, Layout, Phrase, Resize, Sam3, Seeking, Words, blank, memory};
use pipeline::PlateFile;
use serde_json::json;
use tch::{Device, Kind};

use crate::error::{Error, Result, io};
use crate::model::{Named, TEST_MARK, print};

/// What is spent on frames that were seen: as many as are looked at in a shot, where there is room.
const MOST_KEPT: usize = 2 << 30;
const LEAST_KEPT: usize = 256 << 20;

/// SAM 3, loaded.
pub struct Finder {
    words: Words<(Hash, u32)>,
    named: Named,
}

impl Finder {
    /// Loads a folder, `model.safetensors` of transformers or `sam3.pt` as published.
    ///
    /// # Errors
    /// When it is missing, cut off or of another network, the tracker's say; when it does not fit into the memory.
    pub fn open(folder: &Path, device: Device) -> Result<Self> {
        let named = Self::check(folder)?;
        let kind = if device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
        let (model, tokenizer) = Sam3::open(folder, device, kind)?;
        let room = memory::free().map_or(MOST_KEPT, |free| free as usize / 2).clamp(LEAST_KEPT, MOST_KEPT);
        Ok(Self { words: Words::new(model, tokenizer, Resize::default(), room), named })
    }

    /// Whether a folder could be loaded, told by the names and shapes in it: nothing of its gigabytes is read.
    ///
    /// # Errors
    /// As [`Self::open`], but for the memory.
    pub fn check(folder: &Path) -> Result<Named> {
        if !folder.is_dir() {
            return Err(Error::NoFolder { path: folder.to_owned() });
        }
        Sam3::check(folder)?;
        let is_test_model = folder.join(TEST_MARK).is_file();
        let name = if is_test_model { "test model" } else { "SAM 3" }.to_owned();
        Ok(Named { name, is_test_model, fingerprint: print(&[folder.to_owned()], false)?, content: None })
    }

    pub fn named(&self) -> &Named {
        &self.named
    }

    /// Reads a phrase as the official code does.
    ///
    /// # Errors
    /// When there is nothing in it.
    pub fn phrase(&self, words: &str) -> Result<Phrase> {
        Ok(self.words.tokenizer.phrase(words, Cleaning::Official)?)
    }

    /// Whether a frame was seen for other words and is still kept. `plate`: what its pictures are told by.
    pub fn has_seen(&self, plate: Hash, frame: u32) -> bool {
        self.words.has_seen(&(plate, frame))
    }

    /// Seeks a phrase on a frame; masks are made of what scores above `floor`.
    ///
    /// # Errors
    /// A frame that cannot be read; numbers that are none: never an answer that is empty because something broke.
    pub(super) fn seek(
        &mut self,
        plate: &mut PlateFile,
        seen_as: Hash,
        frame: u32,
        phrase: &Phrase,
        floor: f64,
    ) -> Result<Seeking> {
        let picture = || super::rgb(plate, frame).map_err(Error::from);
        self.words.seek((seen_as, frame), picture, phrase, Beside::Nothing, floor)
    }
}

/// Writes a tiny SAM 3 of random weights into `folder`, for trying and testing: what it finds is no object.
///
/// # Errors
/// When it cannot be written.
pub fn make_test_model(folder: &Path) -> Result<()> {
    const SEED: u64 = 11;
    blank::write_tiny(folder, Layout::Transformers, SEED)?;
    let mark = json!({ "what": "random weights for tests: what they find is no object", "seed": SEED });
    let text = serde_json::to_string_pretty(&mark).expect("plain JSON");
    std::fs::write(folder.join(TEST_MARK), text + "\n")
        .map_err(io(format!("Writing a test model into {}", folder.display())))
}
