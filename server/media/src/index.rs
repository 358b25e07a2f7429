//! Which pictures a file presents, when, and where decoding may start. Made once by `probe`; plain facts, no FFmpeg.

use serde::{Deserialize, Serialize};

/// One entry per presented picture, in presentation order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Presentation times in `time_base` units, strictly ascending.
    pub times: Vec<i64>,
    /// Whether decoding may start at this picture.
    pub keys: Vec<bool>,
    /// Seconds per unit as a fraction.
    pub time_base: (i32, i32),
    /// Every packet in file order, including those that are decoded but not presented.
    pub(crate) packets: Vec<Stamp>,
    /// Frame `j` is the packet `order[j]`; empty when packets carry no usable times.
    pub(crate) order: Vec<u32>,
}

/// The times of one packet, in `time_base` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub pts: i64,
    /// Decoding time: what containers seek by.
    pub dts: i64,
}

impl Index {
    /// Number of presented pictures.
    pub fn frames(&self) -> u32 {
        self.times.len() as u32
    }

    /// Whether a picture is known by its time. Otherwise pictures are counted from the start of the file.
    pub(crate) fn is_timed(&self) -> bool {
        self.order.len() == self.times.len()
    }

    /// The frame that is presented at `pts`.
    pub(crate) fn frame_at(&self, pts: i64) -> Option<u32> {
        self.times.binary_search(&pts).ok().map(|frame| frame as u32)
    }

    /// The last frame at or before `frame` at which decoding may start.
    pub(crate) fn key_before(&self, frame: u32) -> Option<u32> {
        (0..=frame).rev().find(|&j| self.keys.get(j as usize).copied().unwrap_or(false))
    }
}
