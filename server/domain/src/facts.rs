//! What ingest found out about a plate, and what it assumed.

use serde::{Deserialize, Serialize};

use crate::{Hash, Rate, Timecode};

/// The facts of one plate. Frame `j` is the `j`-th picture in presentation order, counted from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlateFacts {
    /// Demuxer name, e.g. `mov`, `matroska`, `mxf`.
    pub container: String,
    /// Codec name, e.g. `h264`, `prores`.
    pub codec: String,
    /// FFmpeg's pixel format name, e.g. `yuv422p10le`.
    pub pixel_format: String,
    pub bit_depth: u8,
    pub has_alpha: bool,
    /// Coded size in pixels, before rotation.
    pub coded_width: u32,
    pub coded_height: u32,
    /// Clockwise degrees the picture is turned for display: 0, 90, 180 or 270.
    pub rotation: u16,
    pub rate: Rate,
    pub frames: u32,
    /// Presentation time per frame in `time_base` units, only when the rate is variable.
    pub variable_times: Option<Vec<i64>>,
    /// Seconds per unit as a fraction.
    pub time_base: (i32, i32),
    pub colour: Colour,
    pub start_timecode: Option<String>,
    pub audio: Option<Audio>,
    /// SHA-256 over each frame's decoded planes, in frame order.
    pub frame_hashes: Vec<Hash>,
    /// Sentences an artist should read: what was odd about the file and what was done.
    pub notes: Vec<String>,
}

impl PlateFacts {
    /// Size as shown, after rotation.
    pub fn width(&self) -> u32 {
        if self.rotation % 180 == 90 { self.coded_height } else { self.coded_width }
    }

    pub fn height(&self) -> u32 {
        if self.rotation % 180 == 90 { self.coded_width } else { self.coded_height }
    }
}

/// The part of a file that is the shot: frames `first .. first + frames` of the file, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trim {
    pub first: u32,
    pub frames: u32,
}

/// A part that the plate does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the part from frame {} with {} frames is not in a plate of {frames} frames", trim.first, trim.frames)]
pub struct BadTrim {
    pub trim: Trim,
    pub frames: u32,
}

impl Trim {
    /// The frame after its last, if it is a part of a plate of `frames` frames; no part is empty.
    ///
    /// # Errors
    /// An empty part, or one that reaches beyond the plate.
    pub fn end_in(self, frames: u32) -> Result<u32, BadTrim> {
        let end = self.first.checked_add(self.frames).filter(|&end| self.frames > 0 && end <= frames);
        end.ok_or(BadTrim { trim: self, frames })
    }

    /// `part` of this part, in frames of the file.
    pub fn within(self, part: Self) -> Self {
        Self { first: self.first + part.first, frames: part.frames }
    }
}

impl PlateFacts {
    /// The facts of one part of the plate. Its timecode goes on counting from the plate's start; a plate without one
    /// counts from `00:00:00:00`.
    ///
    /// # Errors
    /// An empty part, or one that reaches beyond the plate.
    pub fn trimmed(mut self, trim: Trim) -> Result<Self, BadTrim> {
        let (first, last) = (trim.first as usize, trim.end_in(self.frames)? as usize);
        self.frames = trim.frames;
        self.variable_times = self.variable_times.map(|times| times[first..last].to_vec());
        if !self.frame_hashes.is_empty() {
            self.frame_hashes = self.frame_hashes[first..last].to_vec();
        }
        let start = self.start_timecode.as_deref().unwrap_or("00:00:00:00");
        let start = Timecode::parse(start, self.rate).ok();
        self.start_timecode = start.map(|start| start.label(u64::from(trim.first), self.rate));
        Ok(self)
    }
}

/// FFmpeg's names for the colour tags (`bt709`, `smpte170m`, `tv`, …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    pub primaries: String,
    pub transfer: String,
    pub matrix: String,
    /// `tv` (limited) or `pc` (full).
    pub range: String,
    /// The file did not say: taken from its height.
    pub assumed: bool,
}

/// The first audio stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audio {
    pub codec: String,
    pub sample_rate: u32,
    pub channels: u16,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn facts(timecode: Option<&str>) -> PlateFacts {
        PlateFacts {
            container: "mov".into(),
            codec: "prores".into(),
            pixel_format: "yuv422p10le".into(),
            bit_depth: 10,
            has_alpha: false,
            coded_width: 64,
            coded_height: 48,
            rotation: 0,
            rate: Rate::new(30_000, 1001).expect("a rate"),
            frames: 4000,
            variable_times: None,
            time_base: (1001, 30_000),
            colour: Colour {
                primaries: "bt709".into(),
                transfer: "bt709".into(),
                matrix: "bt709".into(),
                range: "tv".into(),
                assumed: true,
            },
            start_timecode: timecode.map(str::to_owned),
            audio: None,
            frame_hashes: (0..4000u32).map(|n| Hash::of(&n.to_le_bytes())).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_part_keeps_counting_the_timecode_of_the_whole() {
        let part = facts(Some("01:00:00;00")).trimmed(Trim { first: 1800, frames: 10 }).expect("a part");
        assert_eq!(part.start_timecode.as_deref(), Some("01:01:00;02"));
        assert_eq!((part.frames, part.frame_hashes.len()), (10, 10));
        assert_eq!(part.frame_hashes[0], Hash::of(&1800u32.to_le_bytes()));
        let part = facts(None).trimmed(Trim { first: 31, frames: 1 }).expect("a part");
        assert_eq!(part.start_timecode.as_deref(), Some("00:00:01:01"));
    }

    #[test]
    fn parts_that_are_not_there_are_refused() {
        for trim in [
            Trim { first: 0, frames: 0 },
            Trim { first: 3999, frames: 2 },
            Trim { first: u32::MAX, frames: u32::MAX },
        ] {
            assert!(facts(None).trimmed(trim).is_err(), "{trim:?}");
        }
    }
}
