//! What happens to a phrase before it is cut into tokens. sam3-spec.md §3

use unicode_normalization::UnicodeNormalization;

/// Whose way of cleaning, filling up and counting tokens. They differ for curly quotes, HTML and full-width letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cleaning {
    #[default]
    Official,
    Transformers,
}

impl Cleaning {
    /// Lower case, single spaces, none at the ends.
    pub fn clean(self, phrase: &str) -> String {
        let text = match self {
            Self::Official => unescaped(&unescaped(&repaired(phrase))),
            Self::Transformers => phrase.nfc().collect(),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

fn unescaped(text: &str) -> String {
    htmlize::unescape(text).into_owned()
}

/// What ftfy repairs in text that a person typed or pasted: HTML, ligatures, full-width forms, curly quotes, control
/// characters, composition. It repairs text that was decoded with the wrong table as well; what comes here is UTF-8 by
/// its type, so that part is left out.
fn repaired(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let before = text.clone();
        if !text.contains('<') {
            text = unescaped(&text); // with a “<” it may be HTML on purpose
        }
        text = text.chars().filter(|c| !is_control(*c)).flat_map(plain).nfc().collect();
        if text == before {
            return text;
        }
    }
}

fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\x08' | '\x0b' | '\x0e'..='\x1f' | '\x7f'
        | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

/// One character as people without a typesetter write it.
fn plain(c: char) -> Vec<char> {
    match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => vec!['\''],
        '\u{201c}'..='\u{201f}' => vec!['"'],
        '\u{fb05}' => vec!['\u{17f}', 't'], // keeps its long s
        // Ligatures; letters of two; wide and narrow forms.
        '\u{fb00}'..='\u{fb06}'
        | 'Ĳ'
        | 'ĳ'
        | 'ŉ'
        | 'Ǆ'..='ǌ'
        | 'Ǳ'..='ǳ'
        | '\u{3000}'
        | '\u{ff01}'..='\u{ffef}' => std::iter::once(c).nfkc().collect(),
        c => vec![c],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_way_repairs_what_transformers_leaves() {
        for (phrase, official, transformers) in [
            ("  Striped\t CAT\n", "striped cat", "striped cat"),
            ("the “left” shoe’s lace", "the \"left\" shoe's lace", "the “left” shoe’s lace"),
            ("cup &amp;amp; saucer", "cup & saucer", "cup &amp;amp; saucer"),
            ("ＣＡＴ　ﬂap", "cat flap", "ｃａｔ ﬂap"),
            ("cafe\u{301}\u{feff}", "café", "café\u{feff}"),
            ("a<b &amp; c", "a<b & c", "a<b &amp; c"),
            ("日本語", "日本語", "日本語"),
        ] {
            assert_eq!(Cleaning::Official.clean(phrase), official);
            assert_eq!(Cleaning::Transformers.clean(phrase), transformers);
        }
    }
}
