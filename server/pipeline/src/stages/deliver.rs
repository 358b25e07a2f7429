//! Deliver: a result to the movie that is taken away. What a kept sample is was settled when the result was made; this is a
//! copy for the edit or for viewing, and what is checked about it is that it runs as the plate does.

use std::path::Path;

use domain::{Movie, PlateFacts, Step};
use media::{Carried, MovieWriter, SoundFrom, fits_in_mov, probe};

use crate::plate_file::{Plate, PlateFile};
use crate::{Error, Reporter, Result};

/// What a movie is made of.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// The stored result, in coded orientation.
    pub result: &'a Path,
    /// The shot's plate, as it was read: its rate, timecode, turn and sound are the movie's.
    pub plate: Plate,
    /// The plate's sound as ingest decoded it, for tracks that MOV does not hold.
    pub wave: Option<&'a Path>,
}

/// Where a movie's sound comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// The plate has none.
    None,
    /// The plate's tracks as they are.
    Own,
    /// The wave that ingest decoded: MOV does not hold the plate's codec.
    Decoded,
    /// MOV does not hold the plate's codec, and it could not be decoded.
    Lost,
}

impl Sound {
    /// What becomes of the sound of `plate`; `is_decoded`: whether ingest made a wave of it. The same before and after the movie
    /// is made.
    ///
    /// # Errors
    /// A plate that cannot be opened.
    pub fn of(plate: &Path, is_decoded: bool) -> Result<Self> {
        Ok(match (fits_in_mov(plate)?, is_decoded) {
            (None, _) => Self::None,
            (Some(true), _) => Self::Own,
            (Some(false), true) => Self::Decoded,
            (Some(false), false) => Self::Lost,
        })
    }

    /// For the report.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::None => "The plate has no sound.",
            Self::Own => "The plate's own sound, as it is.",
            Self::Decoded => "The plate's sound as 16-bit PCM at 48 kHz: MOV does not hold its codec.",
            Self::Lost => "The plate's sound could not be decoded and is left out.",
        }
    }
}

/// Writes the movie to `out` and looks at it again. Where its sound came from.
///
/// # Errors
/// Files that cannot be read or written, a result of another length than the plate, a full disk, a movie that does not run as
/// the plate does.
pub fn deliver(source: Source<'_>, movie: Movie, out: &Path, report: &mut dyn Reporter) -> Result<Sound> {
    let Source { result, plate, wave } = source;
    let mut pictures = PlateFile::open(result, &mut ())?;
    let path = plate.path.clone();
    let shot = PlateFile::open(plate, report)?;
    let (facts, frames) = (shot.facts.clone(), shot.frames());
    if pictures.frames() != frames {
        return Err(Error::Input(format!(
            "The result has {} frames, the plate has {frames}: run the removal again.",
            pictures.frames()
        )));
    }
    let found = Sound::of(&path, wave.is_some())?;
    let sound = match (found, wave) {
        (Sound::Own, _) => {
            Some(SoundFrom { path: &path, skip: shot.skipped_seconds(), is_whole: shot.is_whole() })
        }
        (Sound::Decoded, Some(wave)) => Some(SoundFrom { path: wave, skip: 0.0, is_whole: shot.is_whole() }),
        _ => None,
    };
    let first = pictures.picture(0)?;
    let carried = Carried { sound, timecode: facts.start_timecode.as_deref() };
    let mut writer = MovieWriter::create(out, movie, &facts, first.format, carried)?;
    drop(first);
    for frame in 0..frames {
        report.step(Step::Movie, u64::from(frame), u64::from(frames))?;
        let picture = pictures.picture(frame)?;
        writer.write(&picture)?;
    }
    writer.finish()?;
    check(&facts, out)?;
    report.step(Step::Movie, u64::from(frames), u64::from(frames))?;
    Ok(found)
}

/// Whether the movie runs as the plate does.
fn check(plate: &PlateFacts, movie: &Path) -> Result<()> {
    let (made, _) = probe(movie, &mut |_| Ok(()))?;
    let (ours, theirs) = (made.rate.per_second(), plate.rate.per_second());
    let rate = match (plate.frames, &plate.variable_times) {
        (..2, _) => true, // one picture has no rate
        // An average has no exact name.
        (_, Some(_)) => (ours - theirs).abs() < theirs * 1e-3,
        (_, None) => made.rate == plate.rate,
    };
    let unsaid = plate.start_timecode.is_none() || plate.variable_times.is_some();
    let timecode = unsaid || made.start_timecode == plate.start_timecode;
    if made.frames == plate.frames && rate && timecode {
        return Ok(());
    }
    let start = |facts: &PlateFacts| facts.start_timecode.clone().unwrap_or_else(|| "no timecode".into());
    Err(Error::Input(format!(
        "The movie came out with {} frames at {} from {}, the plate has {} at {} from {}. Report this with the job's log.",
        made.frames,
        made.rate,
        start(&made),
        plate.frames,
        plate.rate,
        start(plate),
    )))
}
