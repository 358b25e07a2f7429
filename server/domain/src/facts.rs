//! What ingest found out about a plate, and what it assumed.

use serde::{Deserialize, Serialize};

use crate::{Hash, Rate};

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
