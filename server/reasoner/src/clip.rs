//! The whole shot as a small movie for a model that takes movies: H.264 without sound.

use domain::{Movie, Step};
use media::{Carried, MovieWriter};
use pipeline::{PlateFile, Reporter};

use crate::Result;

/// Longer sides that are tried, in pixels, until the movie is small enough.
const SIDES: [u32; 3] = [480, 320, 192];
/// Longer shots are not sent as a movie: a model looks at a frame a second or so of it anyway.
const MOST_FRAMES: u32 = 3_000;

/// The movie, at most `most` bytes; `None`: the shot is too long for that.
pub fn clip(plate: &mut PlateFile, most: usize, report: &mut dyn Reporter) -> Result<Option<Vec<u8>>> {
    let frames = plate.frames();
    if frames > MOST_FRAMES {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("clip.mov");
    for side in SIDES {
        let mut facts = plate.facts.clone();
        let longer = f64::from(facts.coded_width.max(facts.coded_height).max(1));
        let scale = (f64::from(side) / longer).min(1.0);
        let fit = |size: u32| ((f64::from(size) * scale).round() as u32 & !1).max(2);
        (facts.coded_width, facts.coded_height) = (fit(facts.coded_width), fit(facts.coded_height));
        let first = plate.picture(0)?;
        let mut writer = MovieWriter::create(&path, Movie::H264, &facts, first.format, Carried::default())?;
        drop(first);
        for frame in 0..frames {
            report.step(Step::Prepare, u64::from(frame), u64::from(frames))?;
            let picture = plate.picture(frame)?;
            writer.write(&picture)?;
        }
        writer.finish()?;
        if std::fs::metadata(&path)?.len() <= most as u64 {
            return Ok(Some(std::fs::read(&path)?));
        }
        std::fs::remove_file(&path)?;
    }
    Ok(None)
}
