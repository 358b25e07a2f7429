//! What was seen and read before: frames by a key of the caller's, phrases by their tokens. sam3-spec.md §0: the look at
//! a frame is nearly all of the work, and every phrase can share it.

use tch::{Device, Kind, Tensor};

use super::{Beside, Phrase, Read, Resize, Sam3, Seeking, Seen, Tokenizer};
use crate::Error;

/// The values used last, within a budget of bytes.
pub struct Kept<K, V> {
    budget: usize,
    /// The one used last is at the end.
    entries: Vec<(K, V, usize)>,
}

impl<K: PartialEq, V> Kept<K, V> {
    pub fn new(budget: usize) -> Self {
        Self { budget, entries: Vec::new() }
    }

    /// The value of a key, made where it is not there: with the bytes that it takes. One value is kept even where it is
    /// larger than the budget.
    ///
    /// # Errors
    /// When it has to be made and cannot be; nothing is kept of it then.
    pub fn get_or<E>(&mut self, key: K, make: impl FnOnce() -> Result<(V, usize), E>) -> Result<&V, E> {
        let entry = match self.entries.iter().position(|(kept, ..)| *kept == key) {
            Some(at) => self.entries.remove(at),
            None => {
                let (value, bytes) = make()?;
                while !self.entries.is_empty() && self.bytes() + bytes > self.budget {
                    self.entries.remove(0);
                }
                (key, value, bytes)
            }
        };
        self.entries.push(entry);
        Ok(&self.entries.last().expect("just put there").1)
    }

    /// Whether the value of a key is there.
    pub fn has(&self, key: &K) -> bool {
        self.entries.iter().any(|(kept, ..)| kept == key)
    }

    pub fn bytes(&self) -> usize {
        self.entries.iter().map(|(.., bytes)| bytes).sum()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The model with what it has seen and read. `K` names a frame: whatever differs between frames whose pixels differ.
pub struct Words<K> {
    pub model: Sam3,
    pub tokenizer: Tokenizer,
    pub resize: Resize,
    frames: Kept<K, Seen>,
    phrases: Kept<(Vec<i64>, Vec<bool>), Read>,
}

/// A read phrase is 32 KiB: more than a project will ever ask.
const PHRASES: usize = 64 << 20;

impl<K: PartialEq> Words<K> {
    /// `frames`: bytes to spend on frames that were seen; one of the released model takes 112 MiB.
    pub fn new(model: Sam3, tokenizer: Tokenizer, resize: Resize, frames: usize) -> Self {
        Self { model, tokenizer, resize, frames: Kept::new(frames), phrases: Kept::new(PHRASES) }
    }

    /// As [`Sam3::seek`]. `rgb` is asked for only where the frame was not seen before: [h, w, 3], bytes.
    ///
    /// # Errors
    /// When the frame cannot be had, or as [`Sam3::see`], [`Sam3::read`] and [`Sam3::seek`].
    pub fn seek<E: From<Error>>(
        &mut self,
        frame: K,
        rgb: impl FnOnce() -> Result<Tensor, E>,
        phrase: &Phrase,
        beside: Beside,
        floor: f64,
    ) -> Result<Seeking, E> {
        let Self { model, resize, frames, phrases, tokenizer: _ } = self;
        let seen = frames.get_or(frame, || {
            let seen = model.see(&rgb()?, *resize)?;
            let bytes = seen.bytes();
            Ok::<_, E>((seen, bytes))
        })?;
        let read = phrases.get_or((phrase.ids.clone(), phrase.valid.clone()), || {
            let read = model.read(phrase)?;
            let bytes = read.tokens.numel() * size_of::<f32>();
            Ok::<_, E>((read, bytes))
        })?;
        Ok(model.seek(seen, read, beside, floor)?)
    }

    /// Whether a frame was seen and is still kept.
    pub fn has_seen(&self, frame: &K) -> bool {
        self.frames.has(frame)
    }

    /// How many frames are kept at the moment.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }
}

/// Bytes, [h, w, 3], as [`Words::seek`] and [`Sam3::see`] take them.
///
/// # Errors
/// When there are not three bytes a pixel.
pub fn frame(rgb: &[u8], height: usize, width: usize) -> Result<Tensor, Error> {
    if rgb.len() != height * width * 3 || rgb.is_empty() {
        return Err(Error::input(
            format!("A frame of {width}×{height} came with {} bytes", rgb.len()),
            "Give three bytes a pixel.",
        ));
    }
    Ok(Tensor::from_data_size(rgb, &[height as i64, width as i64, 3], Kind::Uint8).to_device(Device::Cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut kept = Kept::new(10);
        let make = |value: i32, bytes: usize| move || Ok::<_, ()>((value, bytes));
        kept.get_or("a", make(1, 5)).unwrap();
        kept.get_or("b", make(2, 5)).unwrap();
        assert_eq!(kept.get_or("a", || Err(())), Ok(&1)); // still there, and now the newer
        kept.get_or("c", make(3, 5)).unwrap();
        assert_eq!(kept.get_or("b", || Err("gone")), Err("gone"));
        assert_eq!((kept.len(), kept.bytes()), (2, 10));
        kept.get_or("huge", make(4, 50)).unwrap();
        assert_eq!(kept.len(), 1);
    }
}
