//! A day of the calendar, without hours and time zones: what a due date is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MICROS: i64 = 86_400_000_000;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1 January 1970. In JSON and addresses `2026-12-04`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// The text is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day: write it like 2026-12-04, from 1970 to 9999")]
pub struct BadDay;

impl Day {
    /// 31 December 9999.
    pub const LAST: Self = Self(2_932_896);

    /// `None` before 1970 and after 9999.
    pub fn from_number(days: i64) -> Option<Self> {
        let day = Self(i32::try_from(days).ok()?);
        (Self(0)..=Self::LAST).contains(&day).then_some(day)
    }

    pub fn number(self) -> i64 {
        i64::from(self.0)
    }

    /// The day in UTC of a moment in microseconds.
    pub fn of_micros(micros: i64) -> Self {
        Self(micros.div_euclid(MICROS).clamp(0, Self::LAST.number()) as i32)
    }

    pub fn plus(self, days: i32) -> Self {
        Self((self.0 + days).clamp(0, Self::LAST.0))
    }

    /// Year, month from 1, day from 1.
    pub fn date(self) -> (i64, u32, u32) {
        calendar(i64::from(self.0))
    }

    /// The same the other way round; a date that no calendar has is `None`.
    pub fn of_date(year: i64, month: u32, day: u32) -> Option<Self> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let from_march = year - i64::from(month <= 2);
        let era = from_march.div_euclid(400);
        let year_of_era = from_march.rem_euclid(400);
        let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
        let of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let found = Self::from_number(era * 146_097 + of_era - 719_468)?;
        (found.date() == (year, month, day)).then_some(found)
    }

    /// `4 Dec`.
    pub fn short(self) -> String {
        let (_, month, day) = self.date();
        format!("{day} {}", MONTHS[(month - 1) as usize])
    }

    /// `4 Dec 2026`.
    pub fn words(self) -> String {
        format!("{} {}", self.short(), self.date().0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(BadDay) };
        if (year.len(), month.len(), day.len()) != (4, 2, 2)
            || !text.bytes().all(|b| b == b'-' || b.is_ascii_digit())
        {
            return Err(BadDay);
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| BadDay);
        Self::of_date(number(year)?.into(), number(month)?, number(day)?).ok_or(BadDay)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Year, month from 1 and day from 1 of a number of days since 1970-01-01, by eras of 400 years that begin on 1 March (Howard
/// Hinnant, “chrono-compatible low-level date algorithms”).
pub(crate) fn calendar(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_calendars() {
        for (number, text, words) in [
            (0, "1970-01-01", "1 Jan 1970"),
            (11_016, "2000-02-29", "29 Feb 2000"),
            (20_786, "2026-11-29", "29 Nov 2026"),
            (2_932_896, "9999-12-31", "31 Dec 9999"),
        ] {
            let day = Day::from_number(number).expect("a day");
            assert_eq!((day.to_string().as_str(), day.words().as_str()), (text, words));
            assert_eq!(text.parse(), Ok(day));
            assert_eq!(Day::of_micros(number * MICROS + 5), day);
        }
        for number in 0..40_000 {
            let day = Day::from_number(number).expect("a day");
            assert_eq!(day.to_string().parse(), Ok(day));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "1969-12-31",
            "+026-01-01",
            "2026-01-01 ",
        ] {
            assert_eq!(text.parse::<Day>(), Err(BadDay), "{text}");
        }
        assert!(serde_json::from_str::<Day>("\"2026-06-31\"").is_err());
        assert_eq!(Day::from_number(-1), None);
    }
}
