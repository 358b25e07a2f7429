//! What takes the disk's room, in bytes of the store's blobs.

use serde::{Deserialize, Serialize};

use crate::ProjectId;

/// What one project takes. Blobs are shared: two projects with the same plate have it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectUse {
    pub project_id: ProjectId,
    pub name: String,
    pub is_archived: bool,
    pub is_binned: bool,
    pub blobs: u32,
    pub bytes: i64,
    /// What would be free if the project were deleted for good: what no other project has.
    pub freed_bytes: i64,
}

/// What nothing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unused {
    pub blobs: u32,
    pub bytes: i64,
    /// Of these, what was put or named within a day: left alone for now.
    pub young_blobs: u32,
    pub young_bytes: i64,
}

impl Unused {
    /// What a sweep takes now.
    pub fn ripe(&self) -> (u32, i64) {
        (self.blobs - self.young_blobs, self.bytes - self.young_bytes)
    }
}

/// What a sweep took, or would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Swept {
    pub blobs: u32,
    pub bytes: i64,
    /// Left by uploads that are no more.
    pub parts: u32,
    pub part_bytes: i64,
}

impl Swept {
    /// `12 unused files (3.4 GB) and the parts of 2 uploads (1.1 GB)`
    pub fn words(&self) -> String {
        let Self { blobs, bytes, parts, part_bytes } = *self;
        let count = |n: u32, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let of_parts = match parts {
            0 => String::new(),
            _ => format!(" and the parts of {} ({})", count(parts, "upload"), size(part_bytes)),
        };
        format!("{} ({}){of_parts}", count(blobs, "unused file"), size(bytes))
    }
}

/// A size as people read it: `812 B`, `3.4 MB`, `1.2 TB`; thousands, as disks are sold.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes.abs() < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // What would be rounded up to a thousand is said in the next unit.
    while value.abs() >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        for (bytes, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_951, "1.0 MB"),
            (3_412_000_000, "3.4 GB"),
            (1_250_000_000_000, "1.2 TB"),
            (5_000_000_000_000_000_000, "5000.0 PB"),
        ] {
            assert_eq!(size(bytes), words, "{bytes}");
        }
    }

    #[test]
    fn a_sweep_says_what_it_took() {
        let swept = Swept { blobs: 1, bytes: 1000, parts: 0, part_bytes: 0 };
        assert_eq!(swept.words(), "1 unused file (1.0 kB)");
        let swept = Swept { blobs: 12, bytes: 0, parts: 2, part_bytes: 5_000_000 };
        assert_eq!(swept.words(), "12 unused files (0 B) and the parts of 2 uploads (5.0 MB)");
        let unused = Unused { blobs: 5, bytes: 50, young_blobs: 2, young_bytes: 20 };
        assert_eq!(unused.ripe(), (3, 30));
    }
}
