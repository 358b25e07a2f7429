//! Whether the model fits into this machine: said before it is opened, because a process that takes too much is ended
//! without a word.

use std::fs;

use tch::Kind;

use super::{Config, Layout, Sam3};
use crate::{Error, Weights};

/// Beside the weights, in frames that are kept: measured at full size (0.5 GB at the most), and half as much again.
const WORK_FRAMES: u64 = 7;

/// Bytes to hold the weights and to work on one frame.
///
/// # Errors
/// When no model has these sizes.
pub fn needed(config: &Config, kind: Kind) -> Result<u64, Error> {
    let asked = Weights::outline();
    Sam3::in_layout(&asked, Layout::Transformers, config)?;
    let weights = asked.taken().into_iter().map(|(name, shape)| {
        let backbone = ["vision_encoder.", "text_encoder.", "text_projection."];
        let kind = if backbone.iter().any(|start| name.starts_with(start)) { kind } else { Kind::Float };
        shape.iter().product::<i64>() as u64 * kind.elt_size_in_bytes() as u64
    });
    let cells = (config.vit.grid() * config.vit.grid()) as u64;
    // Three maps and the positions, in f32.
    let frame = (16 + 4 + 1 + 1) * cells * config.dim as u64 * size_of::<f32>() as u64;
    Ok(weights.sum::<u64>() + WORK_FRAMES * frame)
}

/// # Errors
/// When less is free than needed. Where the system does not say what is free, it is tried.
pub fn check(needed: u64, free: Option<u64>) -> Result<(), Error> {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    match free {
        Some(free) if free < needed => Err(Error::input(
            format!(
                "SAM 3 needs {:.1} GB of memory, and {:.1} GB are free",
                gigabytes(needed),
                gigabytes(free)
            ),
            "End other work on this machine or give the worker one with more; clicks find masks without this model.",
        )),
        _ => Ok(()),
    }
}

/// What this process may still take, in bytes: the machine's memory and its group's limit, whichever is less.
pub fn free() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| entry(&text, "MemAvailable:"));
    let machine = machine.map(|kilobytes| kilobytes * 1024);
    let group = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok();
    let limited = || -> Option<u64> {
        let limit: u64 = group("memory.max")?.trim().parse().ok()?; // “max” where there is none
        let used: u64 = group("memory.current")?.trim().parse().ok()?;
        let files = entry(&group("memory.stat")?, "inactive_file").unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(files)))
    };
    [machine, limited()].into_iter().flatten().min()
}

/// The number behind a name at the beginning of a line.
fn entry(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_said_before_it_is_taken() {
        let whole = needed(&Config::released(), Kind::Float).unwrap();
        let half = needed(&Config::released(), Kind::BFloat16).unwrap();
        assert!((3_900_000_000..4_500_000_000).contains(&whole), "{whole}");
        assert!(half < 2_800_000_000, "{half}");
        let said = check(whole, Some(2_000_000_000)).unwrap_err().to_string();
        assert!(said.contains("SAM 3 needs 4.2 GB of memory, and 2.0 GB are free. End other work"), "{said}");
        check(whole, Some(whole)).unwrap();
        check(whole, None).unwrap();
        assert!(needed(&Config::tiny(), Kind::Float).unwrap() < 5_000_000);
        #[cfg(target_os = "linux")]
        assert!(free().unwrap() > 0);
        assert_eq!(entry("MemFree: 1 kB\nMemAvailable:   17 kB\n", "MemAvailable:"), Some(17));
    }
}
