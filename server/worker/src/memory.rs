//! How much memory this process takes, as Linux counts it.

/// Most resident memory since the process began or [`forget_peak`] was called, in bytes (`VmHWM`); 0 where it is not told.
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
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
