//! The words that somebody looks for, before any network reads them.

use std::fmt::Write;

/// What the model reads: 32 tokens, of which two mark start and end (sam3-spec.md §3), and no word takes less than one.
pub const MOST_WORDS: usize = 30;
const MOST_LETTERS: usize = 300;

/// What a person is told whose words are in another script.
pub const NOT_ENGLISH: &str = "The network learnt from English: in another language it may miss what is there. Say it in English if \
     nothing comes.";

/// Why words cannot be looked for, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPhrase {
    #[error("Nothing was typed. Name what you look for in a few words, e.g. “the shadow on the wall”.")]
    Empty,
    #[error("There is no word in “{0}”. Name what you look for in English, e.g. “microphone”.")]
    NoWord(String),
    #[error(
        "These are {words} words, and at most {} are read. Name one thing in a few words, and look for the next one after it.",
        MOST_WORDS
    )]
    ManyWords { words: usize },
    #[error(
        "These are {letters} characters, and at most {} are taken. Name one thing in a few words.",
        MOST_LETTERS
    )]
    Long { letters: usize },
}

/// The words without line breaks and doubled spaces.
///
/// # Errors
/// When there is no word in them, or there are more than are read.
pub fn clean_phrase(text: &str) -> Result<String, BadPhrase> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Err(BadPhrase::Empty);
    }
    if words.len() > MOST_WORDS {
        return Err(BadPhrase::ManyWords { words: words.len() });
    }
    let clean = words.join(" ");
    let letters = clean.chars().count();
    if letters > MOST_LETTERS {
        return Err(BadPhrase::Long { letters });
    }
    if clean.chars().any(char::is_alphanumeric) { Ok(clean) } else { Err(BadPhrase::NoWord(clean)) }
}

/// Whether there are letters in it that English does not have, accents left aside.
pub fn is_foreign(phrase: &str) -> bool {
    let is_latin = |c: char| matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    phrase.chars().any(|c| c.is_alphabetic() && !is_latin(c))
}

/// The name of the `n`th of `all` things that the words named: at most 80 characters, as names are.
pub fn name_of(phrase: &str, n: usize, all: usize) -> String {
    const MOST: usize = 80;
    let mut end = String::new();
    if all > 1 {
        write!(end, " {n}").expect("text");
    }
    let room = MOST - end.chars().count();
    let begun: String = if phrase.chars().count() > room {
        phrase.chars().take(room - 1).chain(['…']).collect()
    } else {
        phrase.to_owned()
    };
    begun + &end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_for_says_so_and_what_to_do() {
        for (text, says) in [
            ("", "Nothing was typed"),
            ("  \t\n", "Nothing was typed"),
            ("🎤 🎤", "There is no word in “🎤 🎤”"),
            ("…!?", "There is no word"),
        ] {
            let said = clean_phrase(text).expect_err(text).to_string();
            assert!(said.contains(says) && said.contains("e.g."), "{said}");
        }
        let said = clean_phrase(&"dog ".repeat(200)).expect_err("too many").to_string();
        assert!(said.contains("200 words") && said.contains("at most 30"), "{said}");
        let said = clean_phrase(&"x".repeat(301)).expect_err("too long").to_string();
        assert!(said.contains("301 characters"), "{said}");
        assert_eq!(clean_phrase(" every\n  microphone ").as_deref(), Ok("every microphone"));
        assert_eq!(clean_phrase("🎤 microphone").as_deref(), Ok("🎤 microphone"));
    }

    #[test]
    fn another_script_is_told_from_accents() {
        assert!(!is_foreign("café à l’ouest 🎤") && is_foreign("собака") && is_foreign("日本語 sign"));
    }

    #[test]
    fn names_fit_into_a_targets_name() {
        assert_eq!(name_of("dog", 1, 1), "dog");
        assert_eq!(name_of("dog", 2, 3), "dog 2");
        let long = name_of(&"é".repeat(300), 12, 12);
        assert_eq!(long.chars().count(), 80);
        assert!(long.ends_with("… 12"), "{long}");
    }
}
