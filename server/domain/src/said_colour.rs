//! How a plate's samples are coded, as a person says it of a file that does not: what is assumed from the height is a guess.

use std::str::FromStr;

use crate::{Colour, PlateFacts};

/// How the note begins that tells of the guess.
const UNSAID: &str = "The file does not say how its colours are coded";

/// A coding that plates without tags come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidColour {
    Bt709,
    Bt709Full,
    Bt601,
    Bt601Full,
    Bt2020,
}

/// The word names none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no coding of colours has this name")]
pub struct UnknownColour;

impl SaidColour {
    pub const ALL: [Self; 5] = [Self::Bt709, Self::Bt709Full, Self::Bt601, Self::Bt601Full, Self::Bt2020];

    pub fn slug(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Bt709Full => "bt709_full",
            Self::Bt601 => "bt601",
            Self::Bt601Full => "bt601_full",
            Self::Bt2020 => "bt2020",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Bt709 => "BT.709, limited range",
            Self::Bt709Full => "BT.709, full range",
            Self::Bt601 => "BT.601, limited range",
            Self::Bt601Full => "BT.601, full range",
            Self::Bt2020 => "BT.2020, limited range",
        }
    }

    /// FFmpeg's names for it.
    pub fn colour(self) -> Colour {
        let (primaries, transfer, matrix) = match self {
            Self::Bt709 | Self::Bt709Full => ("bt709", "bt709", "bt709"),
            Self::Bt601 | Self::Bt601Full => ("smpte170m", "smpte170m", "smpte170m"),
            Self::Bt2020 => ("bt2020", "bt2020-10", "bt2020nc"),
        };
        let range = if matches!(self, Self::Bt709Full | Self::Bt601Full) { "pc" } else { "tv" };
        Colour {
            primaries: primaries.into(),
            transfer: transfer.into(),
            matrix: matrix.into(),
            range: range.into(),
            assumed: false,
        }
    }
}

impl FromStr for SaidColour {
    type Err = UnknownColour;

    fn from_str(slug: &str) -> Result<Self, UnknownColour> {
        Self::ALL.into_iter().find(|one| one.slug() == slug).ok_or(UnknownColour)
    }
}

impl PlateFacts {
    /// With what a person said of the coding, where the file itself says nothing.
    #[must_use]
    pub fn with_said(mut self, said: Option<SaidColour>) -> Self {
        if let Some(said) = said.filter(|_| self.colour.assumed) {
            self.colour = said.colour();
            self.notes.retain(|note| !note.starts_with(UNSAID));
            self.notes.push(format!("{UNSAID}; {} was chosen for it.", said.words()));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::facts;

    #[test]
    fn slugs_are_what_is_stored() {
        for said in SaidColour::ALL {
            assert_eq!(said.slug().parse(), Ok(said));
            assert_eq!(serde_json::to_value(said).expect("a word"), said.slug());
        }
        assert_eq!("rec709".parse::<SaidColour>(), Err(UnknownColour));
    }

    #[test]
    fn what_the_file_says_stands_above_what_a_person_says() {
        let mut unsaid = facts(None);
        unsaid.notes =
            vec![format!("{UNSAID}; bt709 is assumed from its height of 1080 lines."), "Odd.".into()];
        let told = unsaid.clone().with_said(Some(SaidColour::Bt601Full));
        assert_eq!((told.colour.matrix.as_str(), told.colour.range.as_str()), ("smpte170m", "pc"));
        assert!(!told.colour.assumed);
        assert_eq!(
            told.notes,
            ["Odd.".to_owned(), format!("{UNSAID}; BT.601, full range was chosen for it.")]
        );
        assert_eq!(unsaid.clone().with_said(None), unsaid);
        let mut tagged = facts(None);
        tagged.colour.assumed = false;
        assert_eq!(tagged.clone().with_said(Some(SaidColour::Bt2020)), tagged);
    }
}
