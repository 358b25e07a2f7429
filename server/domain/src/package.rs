//! The package of an approved version: in which form its movie is delivered, what it is called. What lies in it is the worker's.

use serde::{Deserialize, Serialize};

use crate::PlateFacts;

/// How the movie of a package is written; always MOV, at the plate's rate and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Movie {
    /// 10-bit 4:2:2.
    #[serde(rename = "prores_422_hq")]
    Prores422Hq,
    /// 10-bit 4:4:4, with the plate's alpha.
    #[serde(rename = "prores_4444")]
    Prores4444,
    /// 8-bit 4:2:0, for viewing.
    #[serde(rename = "h264")]
    H264,
}

impl Movie {
    pub const ALL: [Self; 3] = [Self::Prores422Hq, Self::Prores4444, Self::H264];

    /// In rows, addresses and file names.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Prores422Hq => "prores_422_hq",
            Self::Prores4444 => "prores_4444",
            Self::H264 => "h264",
        }
    }

    /// As people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Prores422Hq => "ProRes 422 HQ",
            Self::Prores4444 => "ProRes 4444",
            Self::H264 => "H.264",
        }
    }

    /// What it is for, beside its name.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Prores422Hq => "for the edit",
            Self::Prores4444 => "for the edit, with alpha and full chroma",
            Self::H264 => "for viewing",
        }
    }

    /// What keeps most of the plate: 4444 where it has alpha or chroma at full size, else 422 HQ.
    pub fn for_plate(facts: &PlateFacts) -> Self {
        let name = facts.pixel_format.as_str();
        let full_chroma =
            name.contains("444") || ["gbr", "rgb", "bgr", "argb", "abgr"].iter().any(|n| name.starts_with(n));
        if facts.has_alpha || full_chroma { Self::Prores4444 } else { Self::Prores422Hq }
    }
}

impl std::str::FromStr for Movie {
    type Err = ();

    fn from_str(slug: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|movie| movie.slug() == slug).ok_or(())
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The movie alone: what a link that grants downloads gives to its guests.
    Movie,
    /// One archive with movie, master, matte, quadmask, causes, report and history.
    Package,
}

impl What {
    pub fn word(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Package => "package",
        }
    }
}

impl std::str::FromStr for What {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Movie, Self::Package].into_iter().find(|what| what.word() == word).ok_or(())
    }
}

/// Something that was made for delivery and is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub version_id: crate::VersionId,
    pub movie: Movie,
    pub what: What,
    pub size_bytes: i64,
    /// The file's name.
    pub name: String,
    /// Microseconds UTC.
    pub created_at: i64,
}

/// Most characters of each name that a file is called after.
const MOST: usize = 48;

/// `Project_SQ010_shot_v003`: what the files of a version are called after. Letters and digits of every script stay, and `-`
/// and `.` within a name; whatever else is there becomes one `_`, so that no name is a path or an option.
pub fn stem(project: &str, sequence: Option<&str>, shot: &str, n: u32) -> String {
    let place = stem_of_shot(project, sequence, shot);
    if place.is_empty() { format!("v{n:03}") } else { format!("{place}_v{n:03}") }
}

/// The same for files about the shot as a whole; empty when none of the names has a letter or digit.
pub fn stem_of_shot(project: &str, sequence: Option<&str>, shot: &str) -> String {
    let names = [Some(project), sequence, Some(shot)].into_iter().flatten();
    names.map(part).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

fn part(name: &str) -> String {
    let mut clean = String::new();
    for c in name.chars() {
        let c = if c.is_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
        if c != '_' || !clean.ends_with('_') {
            clean.push(c);
        }
    }
    let clean: String = clean.trim_matches(['_', '.', '-']).chars().take(MOST).collect();
    clean.trim_end_matches(['_', '.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_no_system_objects_to() {
        for (project, sequence, shot, name) in [
            ("Night Tide", Some("NT 040"), "nt_040.0310", "Night_Tide_NT_040_nt_040.0310_v003"),
            ("../../etc", None, "passwd", "etc_passwd_v003"),
            ("-rf", Some("\u{202e}x"), "a/b\\c:d", "rf_x_a_b_c_d_v003"),
            ("Ćma 夜", None, "…", "Ćma_夜_v003"),
            ("///", Some(""), "..", "v003"),
        ] {
            assert_eq!(stem(project, sequence, shot, 3), name);
        }
        let long = stem(&"x".repeat(500), Some(&"y ".repeat(300)), &"z".repeat(80), 12);
        assert!(long.chars().count() < 160 && long.ends_with("_v012"), "{long}");
    }

    #[test]
    fn a_plate_with_alpha_or_full_chroma_is_delivered_with_them() {
        let facts = |format: &str, has_alpha: bool| PlateFacts {
            pixel_format: format.into(),
            has_alpha,
            ..crate::facts::tests::facts(None)
        };
        for (format, alpha, movie) in [
            ("yuv420p", false, Movie::Prores422Hq),
            ("yuv422p10le", false, Movie::Prores422Hq),
            ("yuv444p10le", false, Movie::Prores4444),
            ("yuva444p12le", true, Movie::Prores4444),
            ("gbrp", false, Movie::Prores4444),
            ("rgb24", false, Movie::Prores4444),
            ("yuva420p", true, Movie::Prores4444),
            ("gray", false, Movie::Prores422Hq),
        ] {
            assert_eq!(Movie::for_plate(&facts(format, alpha)), movie, "{format}");
        }
        for movie in Movie::ALL {
            assert_eq!(movie.slug().parse(), Ok(movie));
            assert_eq!(serde_json::to_value(movie).expect("a word"), movie.slug());
        }
    }
}
