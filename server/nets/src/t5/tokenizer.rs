//! Text to the ids that T5 was trained with: SentencePiece pieces, with the special tokens cut out first.
//!
//! Reference: T5Tokenizer of transformers 4.57.1, the slow one, with `legacy` on.

use std::path::Path;

use tch::Tensor;

use super::pieces::Pieces;
use crate::Error;

const PAD: i64 = 0;
const END: i64 = 1;
const UNKNOWN: i64 = 2;
/// `<extra_id_0>` is the last of these, `<extra_id_99>` the first behind the pieces.
const EXTRA_IDS: i64 = 100;
/// Ids that VOID gives to its text encoder.
pub const LENGTH: usize = 226;

pub struct Tokenizer {
    pieces: Pieces,
}

/// A prompt as ids.
pub struct Tokens {
    /// [`LENGTH`] ids: the text's, the end, padding.
    pub ids: Vec<i64>,
    /// How many of them are not padding.
    pub used: usize,
    /// Whether the text was longer.
    pub truncated: bool,
}

impl Tokens {
    /// [1, 226], on the CPU.
    pub fn tensor(&self) -> Tensor {
        Tensor::from_slice(&self.ids).unsqueeze(0)
    }
}

impl Tokenizer {
    /// Opens `spiece.model`.
    ///
    /// # Errors
    /// When it cannot be read or is no SentencePiece model.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { pieces: Pieces::open(path)? })
    }

    /// All ids of a text and the end behind them.
    pub fn ids(&self, text: &str) -> Vec<i64> {
        let mut ids = Vec::new();
        let mut rest = text;
        let mut strip = false;
        loop {
            let special = first_special(rest);
            let (before, after) = match special {
                Some((at, name)) => (&rest[..at], &rest[at + name.len()..]),
                None => (rest, ""),
            };
            // Extra ids swallow the blanks on both sides.
            let extra = special.and_then(|(_, name)| extra_id(name));
            let before = if strip { before.trim_start() } else { before };
            let before = if extra.is_some() { before.trim_end() } else { before };
            ids.extend(self.pieces.encode(before));
            let Some((_, name)) = special else { break };
            ids.push(match (extra, name) {
                (Some(extra), _) => self.pieces.count() + EXTRA_IDS - 1 - extra,
                (None, "<pad>") => PAD,
                (None, "</s>") => END,
                (None, _) => UNKNOWN,
            });
            strip = extra.is_some();
            rest = after;
        }
        ids.push(END);
        ids
    }

    /// A prompt as the text encoder gets it.
    pub fn prompt(&self, text: &str) -> Tokens {
        let mut ids = self.ids(text);
        let truncated = ids.len() > LENGTH;
        if truncated {
            ids.truncate(LENGTH - 1);
            ids.push(END);
        }
        let used = ids.len();
        ids.resize(LENGTH, PAD);
        Tokens { ids, used, truncated }
    }
}

/// The number in `<extra_id_N>`.
fn extra_id(name: &str) -> Option<i64> {
    let digits = name.strip_prefix("<extra_id_")?.strip_suffix('>')?;
    let number: i64 = digits.parse().ok().filter(|number| (0..EXTRA_IDS).contains(number))?;
    (number.to_string() == digits).then_some(number)
}

/// Where the first special token begins, and its name.
fn first_special(text: &str) -> Option<(usize, &str)> {
    text.match_indices('<').find_map(|(at, _)| {
        let end = at + text[at..].find('>')? + 1;
        let name = &text[at..end];
        (matches!(name, "<pad>" | "</s>" | "<unk>") || extra_id(name).is_some()).then_some((at, name))
    })
}
