//! A plate as stages read it: by frame number, in any order, with a bounded memory of decoded pictures.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{PlateFacts, Trim};
use media::{Index, Picture, Reader, probe};

use crate::{Error, Reporter, Result};

/// Decoded pictures that are remembered.
const MOST_BYTES: usize = 96 << 20;

/// A plate as a stage is given it.
#[derive(Debug, Clone)]
pub struct Plate {
    pub path: PathBuf,
    /// The part of the file that is the shot; `None`: all of it.
    pub trim: Option<Trim>,
    /// What an earlier reading found out: the facts of that part, and the index of the whole file. `None`: the file is
    /// read through once more.
    pub known: Option<(PlateFacts, Index)>,
}

impl Plate {
    /// The same with what reading it through tells, so that it is read through once; a plate that is known stays as it is.
    pub fn known(mut self, report: &mut dyn Reporter) -> Result<Self> {
        if self.known.is_none() {
            let (facts, index) = probe_with(&self.path, report)?;
            self.known = Some((part_of(facts, self.trim)?, index));
        }
        Ok(self)
    }

    /// `frames` frames of a whole plate that is known, from frame `first` on; to its end without `frames`.
    ///
    /// # Errors
    /// A part that the plate does not have.
    pub fn cut(self, first: u32, frames: Option<u32>) -> Result<Self> {
        let Self { path, trim: None, known: Some((facts, index)) } = self else {
            return Err(Error::Input("Only a whole plate that was read through can be cut.".into()));
        };
        let frames = frames.unwrap_or(facts.frames.saturating_sub(first));
        if (first, frames) == (0, facts.frames) {
            return Ok(Self { path, trim: None, known: Some((facts, index)) });
        }
        let last = facts.frames.saturating_sub(1);
        let trim = Trim { first, frames };
        let facts = facts.trimmed(trim).map_err(|_| {
            Error::Input(format!(
                "The plate has frames 0 to {last}: {frames} frames from frame {first} on are not in it."
            ))
        })?;
        Ok(Self { path, trim: Some(trim), known: Some((facts, index)) })
    }
}

impl From<&Path> for Plate {
    fn from(path: &Path) -> Self {
        Self { path: path.to_owned(), trim: None, known: None }
    }
}

impl From<&PathBuf> for Plate {
    fn from(path: &PathBuf) -> Self {
        path.as_path().into()
    }
}

/// Frames are counted from the start of the part that is the shot.
pub struct PlateFile {
    pub facts: PlateFacts,
    reader: Reader,
    /// Frame 0 in the file.
    first: u32,
    /// Seconds of the file before frame 0.
    skipped: f64,
    is_whole: bool,
    remembered: VecDeque<(u32, Arc<Picture>)>,
    /// A picture nobody looks at any more, for the next one to be decoded into.
    spare: Option<Picture>,
    room: usize,
    last: Option<u32>,
}

impl PlateFile {
    /// Opens a plate; probes it unless its index is known.
    pub fn open(plate: impl Into<Plate>, report: &mut dyn Reporter) -> Result<Self> {
        let Plate { path, trim, known } = plate.into().known(report)?;
        let (facts, index) = known.expect("it was read through");
        Self::with_index(&path, facts, &index, trim)
    }

    /// `facts` are those of the part, `index` is that of the whole file.
    pub fn with_index(path: &Path, facts: PlateFacts, index: &Index, trim: Option<Trim>) -> Result<Self> {
        let reader = Reader::open(path, index)?;
        let first = trim.map_or(0, |trim| trim.first);
        let (skipped, is_whole) = (skipped(index, first, &facts), trim.is_none());
        let remembered = VecDeque::new();
        Ok(Self { facts, reader, first, skipped, is_whole, remembered, spare: None, room: 1, last: None })
    }

    pub fn frames(&self) -> u32 {
        self.facts.frames
    }

    /// Size as shown, after rotation.
    pub fn size(&self) -> (u32, u32) {
        (self.facts.width(), self.facts.height())
    }

    /// Seconds of the file's pictures that lie before frame 0: where sound of the part begins.
    pub fn skipped_seconds(&self) -> f64 {
        self.skipped
    }

    /// Whether the shot is all of the file.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Frame `frame` as decoded. Going backwards decodes a stretch at once, since most codecs only go forwards.
    pub fn picture(&mut self, frame: u32) -> Result<Arc<Picture>> {
        if let Some((_, picture)) = self.remembered.iter().find(|(f, _)| *f == frame) {
            return Ok(Arc::clone(picture));
        }
        let backwards = self.last.is_some_and(|last| frame < last);
        self.last = Some(frame);
        let from = if backwards { frame.saturating_sub(self.room as u32 - 1) } else { frame };
        for at in from..=frame {
            if self.remembered.iter().any(|(f, _)| *f == at) {
                continue;
            }
            while self.remembered.len() >= self.room {
                let oldest = self.remembered.pop_front();
                self.spare =
                    oldest.and_then(|(_, picture)| Arc::try_unwrap(picture).ok()).or(self.spare.take());
            }
            let picture = match self.spare.take() {
                Some(mut picture) => {
                    self.reader.read_into(self.first + at, &mut picture)?;
                    Arc::new(picture)
                }
                None => Arc::new(self.reader.read(self.first + at)?),
            };
            let bytes = picture.planes.iter().map(|p| p.data.len()).sum::<usize>().max(1);
            self.room = (MOST_BYTES / bytes).clamp(2, 24);
            self.remembered.push_back((at, picture));
        }
        let found = self.remembered.iter().rev().find(|(f, _)| *f == frame);
        Ok(Arc::clone(&found.expect("just remembered").1))
    }
}

/// By frames where the rate is constant: containers round times.
fn skipped(index: &Index, first: u32, facts: &PlateFacts) -> f64 {
    let (num, den) = index.time_base;
    match (&facts.variable_times, index.times.first(), index.times.get(first as usize)) {
        (Some(_), Some(start), Some(at)) => (at - start) as f64 * f64::from(num) / f64::from(den),
        _ => f64::from(first) / facts.rate.per_second(),
    }
}

/// The facts of the part that is the shot.
pub fn part_of(facts: PlateFacts, trim: Option<Trim>) -> Result<PlateFacts> {
    let Some(trim) = trim else { return Ok(facts) };
    facts.trimmed(trim).map_err(|bad| Error::Input(format!("The shot cannot be cut like this: {bad}.")))
}

/// Probes with cancellation.
pub fn probe_with(path: &Path, report: &mut dyn Reporter) -> Result<(PlateFacts, Index)> {
    let mut tell = |done: f32| {
        report.step(domain::Step::Probe, (done * 1000.0) as u64, 1000).map_err(|_| media::Error::Cancelled)
    };
    probe(path, &mut tell).map_err(|error| match error {
        media::Error::Cancelled => Error::Cancelled,
        error => error.into(),
    })
}
