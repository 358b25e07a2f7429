//! A SentencePiece unigram model: text normalised and cut into the likeliest pieces. Special tokens and padding are told
//! in [`super::tokenizer`].
//!
//! Kudo 2018, "Subword Regularization"; behaviour of google/sentencepiece 0.2, whose library would need a C++ build ten
//! times as long as that of this crate.

use std::collections::HashMap;
use std::path::Path;

use crate::Error;

const BLANK: &str = "▁";
const UNKNOWN_PENALTY: f32 = 10.0; // kUnkPenalty

pub struct Pieces {
    /// Normal pieces: id and logarithm of their likelihood.
    pieces: HashMap<Box<str>, (i64, f32)>,
    /// Bytes of the longest piece.
    longest: usize,
    unknown: i64,
    unknown_score: f32,
    count: i64,
    charsmap: Charsmap,
    remove_extra_blanks: bool,
    blank_in_front: bool,
}

/// What text is replaced by before it is cut: a double array trie (Darts-clone) and the replacements it points into.
#[derive(Default)]
struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

impl Pieces {
    /// Opens `spiece.model`.
    ///
    /// # Errors
    /// When it cannot be read or is no SentencePiece unigram model.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let model =
            std::fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&model)
            .map_err(|reason| Error::BadFile { path: path.to_owned(), reason: reason.to_owned() })
    }

    /// Reads the fields of sentencepiece_model.proto that matter here.
    fn parse(model: &[u8]) -> Result<Self, &'static str> {
        let mut all = Self {
            pieces: HashMap::new(),
            longest: 0,
            unknown: -1,
            unknown_score: f32::INFINITY,
            count: 0,
            charsmap: Charsmap::default(),
            remove_extra_blanks: true,
            blank_in_front: true,
        };
        for field in Fields(model) {
            match field? {
                (1, Value::Bytes(piece)) => all.add(piece)?,
                (2, Value::Bytes(trainer)) => check_trainer(trainer)?,
                (3, Value::Bytes(normalizer)) => all.normalizer(normalizer)?,
                _ => {}
            }
        }
        if all.unknown < 0 || all.pieces.is_empty() {
            return Err("it is no SentencePiece model");
        }
        all.unknown_score -= UNKNOWN_PENALTY;
        Ok(all)
    }

    fn add(&mut self, message: &[u8]) -> Result<(), &'static str> {
        let (mut text, mut score, mut kind) = ("", 0.0, 1);
        for field in Fields(message) {
            match field? {
                (1, Value::Bytes(bytes)) => {
                    text = std::str::from_utf8(bytes).map_err(|_| "a piece is no text")?;
                }
                (2, Value::Four(bytes)) => score = f32::from_le_bytes(bytes),
                (3, Value::Number(number)) => kind = number,
                _ => {}
            }
        }
        match kind {
            1 => {
                self.pieces.insert(text.into(), (self.count, score));
                self.longest = self.longest.max(text.len());
                self.unknown_score = self.unknown_score.min(score);
            }
            2 => self.unknown = self.count,
            3 | 5 => {} // control, unused
            _ => return Err("it has user-defined or byte pieces, which a T5 has not"),
        }
        self.count += 1;
        Ok(())
    }

    fn normalizer(&mut self, message: &[u8]) -> Result<(), &'static str> {
        for field in Fields(message) {
            match field? {
                (2, Value::Bytes(blob)) if !blob.is_empty() => self.charsmap = Charsmap::parse(blob)?,
                (3, Value::Number(flag)) => self.blank_in_front = flag != 0,
                (4, Value::Number(flag)) => self.remove_extra_blanks = flag != 0,
                (5, Value::Number(0)) => return Err("it keeps blanks as they are, which a T5 does not"),
                _ => {}
            }
        }
        Ok(())
    }

    /// How many pieces the model has, special ones included.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// The ids of the likeliest pieces; what is in none of them is one unknown piece as long as it goes on.
    pub fn encode(&self, text: &str) -> Vec<i64> {
        let text = self.normalise(text);
        // For each byte where a piece may end: the best score, where its last piece begins, and that piece.
        let mut best: Vec<Option<(f32, usize, i64)>> = vec![None; text.len() + 1];
        best[0] = Some((0.0, 0, self.unknown));
        for (start, first) in text.char_indices() {
            let (here, _, _) = best[start].expect("every character is reached by itself");
            let mut offer = |end: usize, id: i64, score: f32| {
                let score = score + here;
                if best[end].is_none_or(|(known, _, _)| score > known) {
                    best[end] = Some((score, start, id));
                }
            };
            let single = start + first.len_utf8();
            let mut known = false;
            for (at, last) in text[start..].char_indices() {
                let end = start + at + last.len_utf8();
                if end - start > self.longest {
                    break;
                }
                if let Some(&(id, score)) = self.pieces.get(&text[start..end]) {
                    offer(end, id, score);
                    known |= end == single;
                }
            }
            if !known {
                offer(single, self.unknown, self.unknown_score);
            }
        }
        let mut ids = Vec::new();
        let mut end = text.len();
        while end > 0 {
            let (_, start, id) = best[end].expect("every character is reached by itself");
            if id != self.unknown || ids.last() != Some(&id) {
                ids.push(id);
            }
            end = start;
        }
        ids.reverse();
        ids
    }

    fn normalise(&self, text: &str) -> String {
        let mut all = String::new();
        let mut rest = text;
        // Blanks at the start, and behind another one, are dropped.
        let mut after_blank = self.remove_extra_blanks;
        while !rest.is_empty() {
            let (mut part, length) = self.charsmap.prefix(rest);
            if after_blank {
                part = part.trim_start_matches(' ');
            }
            if !part.is_empty() {
                if all.is_empty() && self.blank_in_front {
                    all.push_str(BLANK);
                }
                all.push_str(&part.replace(' ', BLANK));
                after_blank = self.remove_extra_blanks && part.ends_with(' ');
            }
            rest = &rest[length..];
        }
        if self.remove_extra_blanks {
            all.truncate(all.trim_end_matches(BLANK).len());
        }
        all
    }
}

fn check_trainer(message: &[u8]) -> Result<(), &'static str> {
    for field in Fields(message) {
        match field? {
            (3, Value::Number(kind)) if kind != 1 => return Err("it is no unigram model"),
            (24 | 35, Value::Number(flag)) if flag != 0 => {
                return Err("it puts blanks behind words or falls back to bytes, which a T5 does not");
            }
            _ => {}
        }
    }
    Ok(())
}

impl Charsmap {
    /// The size of the trie, the trie, and the replacements, each ended by a zero.
    fn parse(blob: &[u8]) -> Result<Self, &'static str> {
        const BROKEN: &str = "its table of characters is broken";
        let (size, rest) = blob.split_first_chunk::<4>().ok_or(BROKEN)?;
        let (trie, replacements) = rest.split_at_checked(u32::from_le_bytes(*size) as usize).ok_or(BROKEN)?;
        let units = trie
            .chunks_exact(4)
            .map(|unit| u32::from_le_bytes(unit.try_into().expect("four bytes")))
            .collect();
        Ok(Self { units, replacements: replacements.to_owned() })
    }

    /// What the longest known beginning of a text is replaced by, or its first character, and how many bytes that was.
    fn prefix<'a>(&'a self, text: &'a str) -> (&'a str, usize) {
        let mut found = None;
        let mut node = 0;
        if let Some(root) = self.units.first() {
            node ^= offset(*root);
            for (at, byte) in text.bytes().enumerate() {
                node ^= u32::from(byte);
                let Some(unit) = self.units.get(node as usize) else { break };
                if unit & ((1 << 31) | 0xff) != u32::from(byte) {
                    break;
                }
                node ^= offset(*unit);
                if (unit >> 8) & 1 == 1
                    && let Some(leaf) = self.units.get(node as usize)
                {
                    found = Some((leaf & ((1 << 31) - 1), at + 1));
                }
            }
        }
        if let Some((start, length)) = found
            && let Some(rest) = self.replacements.get(start as usize..)
            && let Some(end) = rest.iter().position(|byte| *byte == 0)
            && let Ok(replacement) = std::str::from_utf8(&rest[..end])
            && text.is_char_boundary(length)
        {
            return (replacement, length);
        }
        let first = text.chars().next().map_or(0, char::len_utf8);
        (&text[..first], first)
    }
}

fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

enum Value<'a> {
    Number(u64),
    Four([u8; 4]),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a protocol buffer message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.bytes(8).map(|_| Value::Other)?,
            2 => {
                let length = self.number()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => Value::Four(self.bytes(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or("it is no SentencePiece model, or it is cut off");
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
        let mut piece = vec![0x0a, text.len() as u8];
        piece.extend(text.bytes());
        piece.push(0x15);
        piece.extend(score.to_le_bytes());
        piece.extend([0x18, kind]);
        [vec![0x0a, piece.len() as u8], piece].concat()
    }

    fn model() -> Vec<u8> {
        [
            piece("<pad>", 0.0, 3),
            piece("</s>", 0.0, 3),
            piece("<unk>", 0.0, 2),
            piece("▁", -2.0, 1),
            piece("a", -1.0, 1),
            piece("b", -1.0, 1),
            piece("▁ab", -2.5, 1),
        ]
        .concat()
    }

    #[test]
    fn the_likeliest_pieces_win_and_unknown_ones_join() {
        let pieces = Pieces::parse(&model()).unwrap();
        assert_eq!(pieces.encode("  ab   ba "), [6, 3, 5, 4]);
        assert_eq!(pieces.encode("axyzb"), [3, 4, 2, 5]);
        assert_eq!(pieces.encode(" "), Vec::<i64>::new());
    }

    #[test]
    fn what_is_no_such_model_is_refused() {
        let whole = model();
        assert!(Pieces::parse(&whole[..whole.len() - 3]).is_err());
        assert!(Pieces::parse(b"").is_err());
        assert!(Pieces::parse(b"version https://git-lfs.github.com/spec/v1").is_err());
        let bytes = [whole, piece("<0x00>", 0.0, 6)].concat();
        assert!(Pieces::parse(&bytes).err().unwrap().contains("byte pieces"));
    }
}
