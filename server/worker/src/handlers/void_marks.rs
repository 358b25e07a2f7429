//! What VOID's own tools keep of a shot, in a file that somebody imports: marks as JSON, or a zip of them with the masks beside.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail};
use domain::Levels;
use domain::combine::{Reading, combine};
use domain::void_files::{BLACK, Brought, GREY, INFO, PROMPT, QUADMASK, read};
use media::{MaskReader, read_mask};
use pipeline::{Error, MaskMovie, Masks};

use super::png_sequence::is_picture;
use super::quadmask_files::ZipMasks;

/// Marks are a few kilobytes; whoever sends more sends something else.
const MOST_JSON: u64 = 16 << 20;
/// As much as may be imported at all.
const MOST_MOVIE: u64 = 2 << 30;

/// A file and the plate that it is to be of.
pub struct Of<'a> {
    pub path: &'a Path,
    /// As people know it.
    pub name: &'a str,
    /// Frames, width, height.
    pub plate: (u32, u32, u32),
    pub plate_name: &'a str,
}

/// What a file brings.
pub struct Found {
    pub brought: Brought,
    /// `None`: there is no mask in it.
    pub masks: Option<Box<dyn Masks>>,
}

impl Of<'_> {
    pub fn is_zip(&self) -> anyhow::Result<bool> {
        let mut magic = [0; 4];
        Ok(File::open(self.path)?.read_exact(&mut magic).is_ok() && &magic == b"PK\x03\x04")
    }

    /// Whether it begins as JSON does.
    fn is_json(&self) -> anyhow::Result<bool> {
        let mut start = Vec::new();
        File::open(self.path)?.take(64).read_to_end(&mut start)?;
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(first.is_some_and(|byte| b"{[".contains(byte)))
    }

    fn read(&self, files: &[(String, String)]) -> anyhow::Result<Brought> {
        let (frames, width, height) = self.plate;
        let base = self.plate_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Ok(read(&files, stem, frames, (width, height))?)
    }
}

/// What the file holds of VOID's own; `None`: nothing that is known here, so it is a mask by itself. `scratch`: a folder for what
/// has to be unpacked.
pub fn open(of: &Of, scratch: &Path) -> anyhow::Result<Option<Found>> {
    if of.is_zip()? {
        return archive(of, scratch);
    }
    if !of.is_json()? {
        return Ok(None);
    }
    let text = limited(File::open(of.path)?, of.name)?;
    let brought = of.read(&[(of.name.to_owned(), text)])?;
    Ok(Some(Found { brought, masks: None }))
}

fn limited(from: impl Read, name: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    from.take(MOST_JSON + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::Input(format!("“{name}” cannot be read: {error}.")))?;
    if bytes.len() as u64 > MOST_JSON {
        bail!("“{name}” is larger than 16 MB: marks are a few kilobytes. Is it another file?");
    }
    String::from_utf8(bytes).with_context(|| format!("“{name}” is not text"))
}

/// The name without folders; `None`: what systems put beside files.
fn base(name: &str) -> Option<&str> {
    let mut parts = name.split(['/', '\\']);
    let is_beside = parts.clone().any(|part| part == "__MACOSX" || part.starts_with("._"));
    parts.next_back().filter(|base| !is_beside && !base.is_empty())
}

fn is_marks(base: &str) -> bool {
    let base = base.to_lowercase();
    base == INFO || base == PROMPT || base.ends_with("_points.json") || base.ends_with("_trajectories.json")
}

fn archive(of: &Of, scratch: &Path) -> anyhow::Result<Option<Found>> {
    let whole = || format!("“{}” is not a whole zip archive: make it again", of.name);
    let mut archive = zip::ZipArchive::new(File::open(of.path)?).with_context(whole)?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let called = |wanted: &str| {
        names.iter().find(|name| base(name).is_some_and(|base| base.eq_ignore_ascii_case(wanted)))
    };
    let marks: Vec<&String> = names.iter().filter(|name| base(name).is_some_and(is_marks)).collect();
    let (quadmask, black, grey) = (called(QUADMASK), called(BLACK), called(GREY));
    if marks.is_empty() && quadmask.is_none() && black.is_none() && grey.is_none() {
        return Ok(None);
    }
    let mut texts = Vec::new();
    for name in marks {
        let entry = archive.by_name(name).map_err(|error| unreadable(name, &error))?;
        texts.push((name.clone(), limited(entry, name)?));
    }
    let brought = of.read(&texts)?;
    let (frames, width, height) = of.plate;
    let mut unpacked = |name: &str, to: &str| -> anyhow::Result<std::path::PathBuf> {
        let entry = archive.by_name(name).map_err(|error| unreadable(name, &error))?;
        let path = scratch.join(to);
        let mut file = File::create(&path)?;
        let size = std::io::copy(&mut entry.take(MOST_MOVIE + 1), &mut file)
            .with_context(|| format!("unpacking “{name}”"))?;
        if size > MOST_MOVIE {
            bail!("“{name}” in the archive is larger than 2 GB: import it as a file of its own.");
        }
        Ok(path)
    };
    let masks: Option<Box<dyn Masks>> = match (quadmask, black, grey) {
        (Some(name), ..) => {
            let path = unpacked(name, "unpacked.mp4")?;
            Some(Box::new(MaskMovie::open(&path, frames, width, height)?))
        }
        (None, None, None) if names.iter().any(|name| is_picture(name)) => {
            Some(Box::new(ZipMasks::open(of.path, of.name, frames, width, height)?))
        }
        (None, None, None) => None,
        (None, black, grey) => {
            let mut one = |name: Option<&String>, to: &str| -> anyhow::Result<Option<MaskReader>> {
                let Some(name) = name else { return Ok(None) };
                mask(&unpacked(name, to)?, of.plate).map(Some)
            };
            let (black, grey) = (one(black, "black.mp4")?, one(grey, "grey.mp4")?);
            Some(Box::new(TwoMasks { black, grey, size: (width, height) }))
        }
    };
    Ok(Some(Found { brought, masks }))
}

fn unreadable(name: &str, error: &zip::result::ZipError) -> Error {
    Error::Input(format!("“{name}” in the archive cannot be read: {error}."))
}

fn mask(path: &Path, (frames, width, height): (u32, u32, u32)) -> anyhow::Result<MaskReader> {
    let reader = read_mask(path)?;
    let (got_width, got_height) = (reader.width(), reader.height());
    if (got_width, got_height) != (width, height) {
        return Err(Error::MaskSize { got_width, got_height, width, height }.into());
    }
    if reader.frames() != frames {
        return Err(Error::MaskLength { got: reader.frames(), frames }.into());
    }
    Ok(reader)
}

/// The two masks of the reference, combined as its fourth stage does, by thresholds (void-spec §4.4). One that is not there marks
/// nothing.
struct TwoMasks {
    black: Option<MaskReader>,
    grey: Option<MaskReader>,
    size: (u32, u32),
}

impl Masks for TwoMasks {
    fn levels(&mut self, frame: u32) -> pipeline::Result<Levels> {
        let pixels = self.size.0 as usize * self.size.1 as usize;
        let read = |reader: &mut Option<MaskReader>| match reader {
            Some(reader) => reader.read(frame),
            None => Ok(vec![255; pixels]),
        };
        let (black, grey) = (read(&mut self.black)?, read(&mut self.grey)?);
        Ok(combine(self.size, &black, &grey, Reading::Nearest, frame == 0)?.0)
    }
}
