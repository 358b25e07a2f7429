//! Moments as text: microseconds UTC in, the calendar's words out. No clock here.

/// Year, month, day, hour, minute, second in UTC.
pub fn parts(micros: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = crate::day::calendar(days);
    (year, i64::from(month), i64::from(day), second / 3600, second / 60 % 60, second % 60)
}

/// `2026-11-29 06:30 UTC`
pub fn utc(micros: i64) -> String {
    let (year, month, day, hour, minute, _) = parts(micros);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// `2026-11-29T06:30:05Z`; what is below a second is left out.
pub fn iso(micros: i64) -> String {
    let (year, month, day, hour, minute, second) = parts(micros);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_763_762_465, "2025-11-21T22:01:05Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso(seconds * 1_000_000), text);
        }
        assert_eq!(utc(1_763_762_465_000_000), "2025-11-21 22:01 UTC");
    }
}
