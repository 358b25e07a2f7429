//! Phrases → token numbers, by byte pairs. The vocabulary comes from the model's folder. sam3-spec.md §3

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::Cleaning;
use crate::{Error, read_json};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Marks the end of a word.
const LAST: &str = "</w>";
/// What is cut into tokens on its own: the two marks, contractions, letters, single digits, other signs.
const PIECES: &str =
    r"(?i)<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+";
/// A phrase of two hundred words is shorter; the model reads the first thirty tokens of it.
const LONGEST: usize = 4000;

pub struct Tokenizer {
    numbers: HashMap<String, i64>,
    /// Two neighbours → their rank (low first) and what they become.
    pairs: HashMap<(i64, i64), (usize, i64)>,
    /// Of every byte, inside a word and at its end.
    bytes: Vec<[i64; 2]>,
    pieces: Regex,
    start: i64,
    end: i64,
    context: usize,
}

/// A phrase as the model reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase {
    /// Token numbers, filled up: as many as the model's context.
    pub ids: Vec<i64>,
    /// Which of them count.
    pub valid: Vec<bool>,
    /// What the person who wrote it should know.
    pub notes: Vec<Note>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The phrase is longer than the model reads.
    CutOff { read: usize, unread: String },
    /// There is no letter and no digit in it.
    NoWords,
    /// There are letters in it that English does not have.
    NotEnglish,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { read, unread } => write!(
                f,
                "SAM 3 reads {read} tokens of a phrase; “{unread}” was not read. Say it in fewer words."
            ),
            Self::NoWords => write!(
                f,
                "There is no word in this phrase. SAM 3 learnt from English noun phrases; name the thing."
            ),
            Self::NotEnglish => write!(
                f,
                "SAM 3 learnt from English noun phrases; in another language or script it may miss what is there. Say it in English."
            ),
        }
    }
}

impl Tokenizer {
    /// Reads `vocab.json` and `merges.txt`, or the official `bpe_simple_vocab_16e6.txt.gz`, from a model's folder or
    /// the folder `tokenizer` in it.
    ///
    /// # Errors
    /// When they are missing, damaged, or not of `vocabulary` entries.
    pub fn open(folder: &Path, vocabulary: i64, context: i64) -> Result<Self, Error> {
        let inner = folder.join("tokenizer");
        for folder in [folder, &inner] {
            let [json, merges, official] =
                ["vocab.json", "merges.txt", "bpe_simple_vocab_16e6.txt.gz"].map(|name| folder.join(name));
            if json.exists() && merges.exists() {
                return Self::from_json(&json, &merges, vocabulary, context);
            }
            if official.exists() {
                return Self::from_official(&official, vocabulary, context);
            }
        }
        Err(Error::input(
            format!(
                "{} has no vocabulary: vocab.json with merges.txt, or bpe_simple_vocab_16e6.txt.gz",
                folder.display()
            ),
            "Download these beside the weights; they come with facebook/sam3.",
        ))
    }

    fn from_json(json: &Path, merges: &Path, vocabulary: i64, context: i64) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadFile { path: json.to_owned(), reason };
        let numbers: HashMap<String, i64> = read_json(json)?;
        if numbers.len() as i64 != vocabulary || numbers.values().any(|id| !(0..vocabulary).contains(id)) {
            return Err(bad(format!("it has {} entries, and the model {vocabulary}", numbers.len())));
        }
        let text = text(merges, read(merges)?)?;
        let merges = (merges, text.lines().skip(1).filter(|line| !line.is_empty()).collect());
        Self::new(numbers, merges, json, context)
    }

    fn from_official(path: &Path, vocabulary: i64, context: i64) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(read(path)?.as_slice()).read_to_end(&mut bytes).map_err(|error| {
            Error::BadFile { path: path.to_owned(), reason: format!("it cannot be unpacked: {error}") }
        })?;
        let text = text(path, bytes)?;
        // The first line is a heading; as many pairs follow as the model knows, and many more that it does not.
        let pairs = usize::try_from(vocabulary - 514).unwrap_or(0);
        let merges: Vec<&str> = text.lines().skip(1).take(pairs).collect();
        if merges.len() < pairs {
            let reason = format!("it has {} pairs, and the model {pairs}", merges.len());
            return Err(Error::BadFile { path: path.to_owned(), reason });
        }
        let symbols = symbols();
        let order = byte_order();
        let single = order.iter().map(|byte| symbols[usize::from(*byte)].to_string());
        let last = order.iter().map(|byte| format!("{}{LAST}", symbols[usize::from(*byte)]));
        let joined = merges.iter().map(|line| line.replace(' ', ""));
        let entries = single.chain(last).chain(joined).chain([START.to_owned(), END.to_owned()]);
        let numbers = entries.enumerate().map(|(id, entry)| (entry, id as i64)).collect();
        Self::new(numbers, (path, merges), path, context)
    }

    fn new(
        numbers: HashMap<String, i64>,
        (merges_path, merges): (&Path, Vec<&str>),
        path: &Path,
        context: i64,
    ) -> Result<Self, Error> {
        let number = |entry: &str| {
            numbers.get(entry).copied().ok_or_else(|| Error::BadFile {
                path: path.to_owned(),
                reason: format!("it lacks the entry “{entry}”"),
            })
        };
        let mut pairs = HashMap::with_capacity(merges.len());
        for (rank, line) in merges.iter().enumerate() {
            let Some((left, right)) = line.split_once(' ') else {
                let reason = format!("its line {} is no pair: “{line}”", rank + 2);
                return Err(Error::BadFile { path: merges_path.to_owned(), reason });
            };
            pairs.insert((number(left)?, number(right)?), (rank, number(&format!("{left}{right}"))?));
        }
        let byte = |symbol: char| Ok([number(&symbol.to_string())?, number(&format!("{symbol}{LAST}"))?]);
        Ok(Self {
            pairs,
            bytes: symbols().into_iter().map(byte).collect::<Result<_, Error>>()?,
            pieces: Regex::new(PIECES).expect("a pattern that was tried"),
            start: number(START)?,
            end: number(END)?,
            context: usize::try_from(context).expect("a context was checked with its configuration"),
            numbers,
        })
    }

    /// Cuts what a person wrote into tokens.
    ///
    /// # Errors
    /// When there is nothing in it, or far too much.
    pub fn phrase(&self, text: &str, cleaning: Cleaning) -> Result<Phrase, Error> {
        let length = text.chars().count();
        if length > LONGEST {
            return Err(Error::input(
                format!("The phrase has {length} characters, and at most {LONGEST} are taken"),
                "Name what you want in a few words.",
            ));
        }
        let clean = cleaning.clean(text);
        if clean.is_empty() {
            return Err(Error::input("The phrase is empty", "Name what you want in a few words."));
        }
        let mut phrase = self.tokens(&clean, cleaning);
        if !clean.chars().any(char::is_alphanumeric) {
            phrase.notes.push(Note::NoWords);
        } else if clean.chars().any(|c| c.is_alphabetic() && !is_latin(c)) {
            phrase.notes.push(Note::NotEnglish);
        }
        Ok(phrase)
    }

    /// As [`Self::phrase`], of text that is clean already and may be empty.
    pub(crate) fn tokens(&self, clean: &str, cleaning: Cleaning) -> Phrase {
        let room = self.context - 1; // one for the end
        let mut ids = vec![self.start];
        let mut notes = Vec::new();
        for piece in self.pieces.find_iter(clean) {
            ids.extend(self.piece(piece.as_str()));
            if ids.len() > room {
                ids.truncate(room);
                // From the first piece that does not fit whole.
                notes.push(Note::CutOff { read: room - 1, unread: clean[piece.start()..].to_owned() });
                break;
            }
        }
        ids.push(self.end);
        let used = ids.len();
        match cleaning {
            Cleaning::Official => {
                ids.resize(self.context, 0);
                // 0 is also a sign of its own, which the official mask hides with the rest.
                let valid = ids.iter().map(|id| *id != 0).collect();
                Phrase { ids, valid, notes }
            }
            Cleaning::Transformers => {
                ids.resize(self.context, self.end);
                let valid = (0..self.context).map(|at| at < used).collect();
                Phrase { ids, valid, notes }
            }
        }
    }

    /// The tokens of one piece: its bytes, the best pair of neighbours joined until none is known.
    fn piece(&self, piece: &str) -> Vec<i64> {
        if piece == START || piece == END {
            return vec![self.numbers[piece]];
        }
        let last = piece.len() - 1;
        let mut tokens: Vec<i64> = piece
            .bytes()
            .enumerate()
            .map(|(at, byte)| self.bytes[usize::from(byte)][usize::from(at == last)])
            .collect();
        loop {
            let pairs = tokens.windows(2).filter_map(|pair| self.pairs.get(&(pair[0], pair[1])));
            let Some(&(rank, joined)) = pairs.min() else { return tokens };
            let mut at = 0;
            while at + 1 < tokens.len() {
                let best = self.pairs.get(&(tokens[at], tokens[at + 1]));
                if best.is_some_and(|best| best.0 == rank) {
                    tokens[at] = joined;
                    tokens.remove(at + 1);
                }
                at += 1;
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Error> {
    let path: PathBuf = path.to_owned();
    String::from_utf8(bytes).map_err(|_| Error::BadFile { path, reason: "it is not UTF-8 text".to_owned() })
}

/// Latin letters, with all their accents.
fn is_latin(c: char) -> bool {
    matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// Bytes that have a printable sign of their own, in order, then the others: the order of the first 256 numbers.
fn byte_order() -> Vec<u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let (first, others): (Vec<u8>, Vec<u8>) = (0..=u8::MAX).partition(printable);
    [first, others].concat()
}

/// The sign that stands for each byte: itself where it is printable, else one from U+0100 on.
fn symbols() -> [char; 256] {
    let mut symbols = ['\0'; 256];
    let mut spare = '\u{100}'..;
    for byte in byte_order() {
        let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        symbols[usize::from(byte)] =
            if printable { char::from(byte) } else { spare.next().expect("more signs than bytes") };
    }
    symbols
}
