//! Numbers as people read them: sizes, durations, picture formats.

/// `1.4 GB`, in powers of 1000 like file managers.
pub fn bytes(n: u64) -> String {
    match n as f64 {
        n if n < 1e3 => format!("{n:.0} B"),
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.2} GB", n / 1e9),
    }
}

/// `38 s`, `4 min`, `1 h 20 min`.
pub fn seconds(n: u32) -> String {
    match n {
        ..90 => format!("{n} s"),
        90..5400 => format!("{} min", (n + 30) / 60),
        _ => format!("{} h {} min", n / 3600, n / 60 % 60),
    }
}

/// What an artist calls a picture size: `4K`, `HD`, `512×288`.
pub fn format_name(width: u32, height: u32) -> String {
    match (width.max(height), width.min(height)) {
        (7680.., _) => "8K".to_owned(),
        (5000.., _) => "5K".to_owned(),
        (3800.., _) => "4K".to_owned(),
        (2500.., _) => "2.5K".to_owned(),
        (1990..=2100, _) => "2K".to_owned(),
        (1900.., _) => "HD".to_owned(),
        (1200..=1300, 700..) => "720p".to_owned(),
        _ => format!("{width}×{height}"),
    }
}

/// `1 shot`, `42 shots`.
pub fn count(n: u32, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([bytes(999), bytes(1_400_000), bytes(2_100_000_000)], ["999 B", "1.4 MB", "2.10 GB"]);
        assert_eq!([seconds(38), seconds(240), seconds(4801)], ["38 s", "4 min", "80 min"]);
        assert_eq!(
            [
                format_name(3840, 2160),
                format_name(2160, 4096),
                format_name(1920, 1080),
                format_name(640, 360)
            ],
            ["4K", "4K", "HD", "640×360"]
        );
        assert_eq!([count(1, "shot"), count(0, "shot")], ["1 shot", "0 shots"]);
    }
}
