//! How much memory a process takes, as Linux counts it.

/// Most resident memory since this process began or [`forget_peak`] was called, in bytes; 0 where it is not told.
pub fn peak_rss_bytes() -> u64 {
    peak_in("/proc/self/status").unwrap_or(0)
}

/// Most resident memory so far of the program that process `pid` runs, in bytes; `None` once it has ended.
pub fn peak_rss_bytes_of(pid: u32) -> Option<u64> {
    peak_in(&format!("/proc/{pid}/status"))
}

/// `VmHWM` belongs to the memory of the program and begins anew with each that a process starts. What `getrusage` calls
/// `ru_maxrss` does not: a small program would be said to take what the large one took that started it.
fn peak_in(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let rest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// Counts the peak from now on (proc_pid_clear_refs(5), 5); whether the system does so.
#[cfg_attr(
    not(any(feature = "void", test)),
    expect(dead_code, reason = "only what networks take is measured by run")
)]
pub fn forget_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_forgotten_and_counted_anew() {
        let much = vec![1_u8; 600 << 20];
        let before = peak_rss_bytes();
        assert!(before >= much.len() as u64);
        drop(much);
        // A system without it says so, and nothing is claimed.
        assert!(!forget_peak() || (1..before).contains(&peak_rss_bytes()));
    }
}
