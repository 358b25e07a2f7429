//! Moments as text: microseconds UTC in, the calendar's words out. No clock here.

/// Year, month, day, hour, minute, second in UTC.
pub fn parts(micros: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to date by eras of 400 years that begin on 1 March (Howard Hinnant, “chrono-compatible low-level date algorithms”).
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, second / 3600, second / 60 % 60, second % 60)
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
