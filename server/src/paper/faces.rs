//! Inter, from the files that the browser has too, for the scripts that names are written in: which face has a letter and how
//! wide it is. A letter that no face has is written as its number.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use krilla::text::{Font, GlyphId, KrillaGlyph, Tag};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use super::{Error, Result};

/// The first that has a letter draws it.
const FILES: [&[u8]; 7] = [
    include_bytes!("../../../public/fonts/inter-latin.woff2"),
    include_bytes!("../../../public/fonts/inter-latin-ext.woff2"),
    include_bytes!("../../../public/fonts/inter-cyrillic.woff2"),
    include_bytes!("../../../public/fonts/inter-cyrillic-ext.woff2"),
    include_bytes!("../../../public/fonts/inter-greek.woff2"),
    include_bytes!("../../../public/fonts/inter-greek-ext.woff2"),
    include_bytes!("../../../public/fonts/inter-vietnamese.woff2"),
];

/// How strong text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

impl Weight {
    fn number(self) -> f32 {
        match self {
            Self::Regular => 400.0,
            Self::Bold => 650.0,
        }
    }
}

struct Face {
    fonts: [Font; 2],
    /// Glyph, and its advance at each weight in parts of the size.
    letters: HashMap<char, (GlyphId, [f32; 2])>,
}

/// A piece of a line that one face draws.
pub struct Run {
    pub font: Font,
    pub text: String,
    pub glyphs: Vec<KrillaGlyph>,
    /// In parts of the size.
    pub width: f32,
}

pub struct Faces(Vec<Face>);

impl Faces {
    /// Read once; the files are ours.
    pub fn get() -> Result<&'static Self> {
        static FACES: OnceLock<std::result::Result<Faces, String>> = OnceLock::new();
        let faces = FACES
            .get_or_init(|| FILES.into_iter().map(face).collect::<std::result::Result<_, _>>().map(Self));
        faces.as_ref().map_err(|why| Error::Face(why.clone()))
    }

    /// `text` as the faces draw it, from left to right.
    pub fn runs(&self, text: &str, weight: Weight) -> Vec<Run> {
        let mut runs: Vec<(usize, Run)> = Vec::new();
        for (at, letter) in self.drawable(text) {
            let face = &self.0[at];
            let font = face.fonts[usize::from(weight == Weight::Bold)].clone();
            let Some((glyph, advance)) = face.glyph(letter, weight) else { continue };
            if runs.last().is_none_or(|(face, _)| *face != at) {
                runs.push((at, Run { font, text: String::new(), glyphs: Vec::new(), width: 0.0 }));
            }
            let Some((_, run)) = runs.last_mut() else { continue };
            let start = run.text.len();
            run.text.push(letter);
            run.glyphs.push(KrillaGlyph::new(glyph, advance, 0.0, 0.0, 0.0, start..run.text.len(), None));
            run.width += advance;
        }
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// In parts of the size.
    pub fn width(&self, text: &str, weight: Weight) -> f32 {
        self.drawable(text)
            .filter_map(|(at, letter)| self.0[at].glyph(letter, weight))
            .map(|(_, advance)| advance)
            .sum()
    }

    /// Letters with the number of their face.
    fn drawable<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, char)> + 'a {
        text.chars().flat_map(move |letter| {
            let shown = if letter.is_whitespace() { ' ' } else { letter };
            match self.face_of(shown) {
                Some(at) => vec![(at, shown)],
                // Marks of direction and joiners say nothing on their own.
                None if letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}') => Vec::new(),
                None => {
                    let number = format!("[U+{:04X}]", u32::from(letter));
                    number.chars().filter_map(|c| Some((self.face_of(c)?, c))).collect()
                }
            }
        })
    }

    fn face_of(&self, letter: char) -> Option<usize> {
        self.0.iter().position(|face| face.glyph(letter, Weight::Regular).is_some())
    }
}

fn face(file: &[u8]) -> std::result::Result<Face, String> {
    let bytes = wuff::decompress_woff2(file).map_err(|error| format!("{error:?}"))?;
    let bytes = Arc::new(bytes);
    let font = |weight: Weight| {
        Font::new_variable(Arc::clone(&bytes).into(), 0, &[(Tag::new(b"wght"), weight.number())])
            .ok_or_else(|| "not a typeface".to_owned())
    };
    let fonts = [font(Weight::Regular)?, font(Weight::Bold)?];
    let read = FontRef::new(&bytes).map_err(|error| error.to_string())?;
    let units = f32::from(read.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
    let places =
        [Weight::Regular, Weight::Bold].map(|weight| read.axes().location([("wght", weight.number())]));
    let widths = [0, 1].map(|at: usize| read.glyph_metrics(Size::unscaled(), &places[at]));
    let letters = read.charmap().mappings().filter_map(|(code, glyph)| {
        let advance = |at: usize| Some(widths[at].advance_width(glyph)? / units);
        Some((char::from_u32(code)?, (GlyphId::new(glyph.to_u32()), [advance(0)?, advance(1)?])))
    });
    let letters = letters.collect();
    Ok(Face { fonts, letters })
}

impl Face {
    /// The letter's glyph and its advance in parts of the size.
    fn glyph(&self, letter: char, weight: Weight) -> Option<(GlyphId, f32)> {
        let (glyph, advances) = self.letters.get(&letter)?;
        Some((*glyph, advances[usize::from(weight == Weight::Bold)]))
    }
}
