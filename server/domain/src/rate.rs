//! Exact frame rates and timecode. Time is a frame number at a rational rate; seconds exist only at the edges.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Frames per second as a fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Rate {
    num: u32,
    den: u32,
}

/// Neither part of a rate may be zero, and more than 1,000 frames a second is not a picture rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}/{1} is not a frame rate: give a fraction above 0 and at most 1000")]
pub struct BadRate(u32, u32);

impl Rate {
    /// `num / den` frames a second, reduced.
    pub fn new(num: u32, den: u32) -> Result<Self, BadRate> {
        if num == 0 || den == 0 || u64::from(num) > 1000 * u64::from(den) {
            return Err(BadRate(num, den));
        }
        let divisor = gcd(num, den);
        Ok(Self { num: num / divisor, den: den / divisor })
    }

    pub fn num(self) -> u32 {
        self.num
    }

    pub fn den(self) -> u32 {
        self.den
    }

    /// Frames per second, for arithmetic that ends on a screen.
    pub fn per_second(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Frames that timecode counts per second: 24 for 23.976, 30 for 29.97; at least 1, which a time-lapse or a picture
    /// that lasts for seconds would not reach.
    pub fn nominal(self) -> u32 {
        let rounded = (u64::from(self.num) + u64::from(self.den) / 2) / u64::from(self.den);
        u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
    }

    /// Whether SMPTE drop-frame counting is defined: 29.97 and 59.94.
    pub fn can_drop(self) -> bool {
        self.den == 1001 && (self.num == 30_000 || self.num == 60_000)
    }
}

impl fmt::Display for Rate {
    /// As people write it: `24`, `23.976`, `29.97`, `59.94`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 {
            return write!(f, "{}", self.num);
        }
        let text = format!("{:.3}", self.per_second());
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl TryFrom<(u32, u32)> for Rate {
    type Error = BadRate;

    fn try_from((num, den): (u32, u32)) -> Result<Self, BadRate> {
        Self::new(num, den)
    }
}

impl From<Rate> for (u32, u32) {
    fn from(rate: Rate) -> Self {
        (rate.num, rate.den)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A timecode label: a count of frames since midnight, with the way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timecode {
    /// Frames since `00:00:00:00`.
    pub frames: u64,
    /// SMPTE drop-frame: labels `:00` and `:01` (`:00`–`:03` at 59.94) are left out each minute but every tenth.
    pub drop: bool,
}

/// The text is not a timecode at that rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a timecode: write hh:mm:ss:ff (hh:mm:ss;ff for drop-frame)")]
pub struct BadTimecode(String);

impl Timecode {
    /// Reads `hh:mm:ss:ff` or `hh:mm:ss;ff` at `rate`; the semicolon says drop-frame.
    pub fn parse(text: &str, rate: Rate) -> Result<Self, BadTimecode> {
        Self::parse_as(text, rate, text.contains(';'))
    }

    /// Reads a label of a shot that counts in drop-frame or does not, whichever separators it is written with: people type
    /// colons.
    pub fn parse_as(text: &str, rate: Rate, drop: bool) -> Result<Self, BadTimecode> {
        let bad = || BadTimecode(text.to_owned());
        let drop = drop && rate.can_drop();
        let parts: Vec<u64> =
            text.split([':', ';', '.']).map(u64::from_str).collect::<Result<_, _>>().map_err(|_| bad())?;
        let &[hours, minutes, seconds, frames] = parts.as_slice() else { return Err(bad()) };
        let nominal = u64::from(rate.nominal());
        if hours > 23 || minutes > 59 || seconds > 59 || frames >= nominal {
            return Err(bad());
        }
        let per_minute = dropped_per_minute(rate, drop);
        if drop && seconds == 0 && minutes % 10 != 0 && frames < per_minute {
            return Err(bad()); // that label does not exist
        }
        let all_minutes = hours * 60 + minutes;
        let counted = (all_minutes * 60 + seconds) * nominal + frames;
        Ok(Self { frames: counted - per_minute * (all_minutes - all_minutes / 10), drop })
    }

    /// The label `offset` frames later, at `rate`, wrapped at 24 hours.
    pub fn label(self, offset: u64, rate: Rate) -> String {
        let nominal = u64::from(rate.nominal());
        let drop = self.drop && rate.can_drop();
        let per_minute = dropped_per_minute(rate, drop);
        let minute = nominal * 60 - per_minute; // frames in a minute that drops
        let ten = minute * 9 + nominal * 60; // the tenth minute drops nothing
        let mut count = (self.frames + offset) % (ten * 6 * 24);
        if drop {
            let (tens, rest) = (count / ten, count % ten);
            count += per_minute * 9 * tens;
            if rest >= nominal * 60 {
                count += per_minute * (1 + (rest - nominal * 60) / minute);
            }
        }
        let (frames, seconds) = (count % nominal, count / nominal);
        let separator = if drop { ';' } else { ':' };
        format!("{:02}:{:02}:{:02}{separator}{frames:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

fn dropped_per_minute(rate: Rate, drop: bool) -> u64 {
    match (drop, rate.nominal()) {
        (false, _) => 0,
        (true, 30) => 2,
        (true, _) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(num: u32, den: u32) -> Rate {
        Rate::new(num, den).expect("a rate")
    }

    #[test]
    fn rates_are_reduced_and_written_as_people_do() {
        let cases = [
            (12, 1, "12"),
            (24_000, 1001, "23.976"),
            (24, 1, "24"),
            (50, 2, "25"),
            (30_000, 1001, "29.97"),
            (60_000, 1001, "59.94"),
        ];
        for (num, den, text) in cases {
            assert_eq!(rate(num, den).to_string(), text);
        }
        assert!(Rate::new(0, 1).is_err() && Rate::new(24, 0).is_err() && Rate::new(1001, 1).is_err());
    }

    #[test]
    fn drop_frame_skips_two_labels_each_minute_but_the_tenth() {
        let r = rate(30_000, 1001);
        let zero = Timecode { frames: 0, drop: true };
        assert_eq!(zero.label(1799, r), "00:00:59;29");
        assert_eq!(zero.label(1800, r), "00:01:00;02");
        assert_eq!(zero.label(17_981, r), "00:09:59;29");
        assert_eq!(zero.label(17_982, r), "00:10:00;00");
        assert_eq!(zero.label(107_892, r), "01:00:00;00");
        assert!(Timecode::parse("00:01:00;01", r).is_err());
        let fast = rate(60_000, 1001);
        assert_eq!(zero.label(3600, fast), "00:01:00;04");
    }

    #[test]
    fn how_a_shot_counts_is_not_said_by_what_people_type() {
        let r = rate(30_000, 1001);
        for text in ["01:00:00;00", "01:00:00:00", "01.00.00.00"] {
            assert_eq!(
                Timecode::parse_as(text, r, true),
                Ok(Timecode { frames: 107_892, drop: true }),
                "{text}"
            );
            assert_eq!(
                Timecode::parse_as(text, r, false),
                Ok(Timecode { frames: 108_000, drop: false }),
                "{text}"
            );
        }
        assert!(Timecode::parse_as("00:01:00:01", r, true).is_err());
        // Nothing drops at 24.
        assert_eq!(
            Timecode::parse_as("00:00:01;00", rate(24, 1), true).map(|t| (t.frames, t.drop)),
            Ok((24, false))
        );
    }

    #[test]
    fn less_than_a_picture_in_two_seconds_has_labels_too() {
        for (num, den) in [(1, 3), (1, 5), (1, 3600), (2, 5)] {
            let r = rate(num, den);
            assert_eq!(r.nominal(), 1);
            let start = Timecode { frames: 0, drop: false };
            assert_eq!(start.label(61, r), "00:01:01:00");
            assert_eq!(Timecode::parse("00:01:01:00", r).map(|t| t.frames), Ok(61));
        }
    }

    #[test]
    fn what_is_no_timecode_is_refused() {
        for text in ["", "1:2:3", "24:00:00:00", "00:60:00:00", "00:00:00:24", "aa:bb:cc:dd", "-1:00:00:00"] {
            assert!(Timecode::parse(text, rate(24, 1)).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_label_reads_back_as_its_frame(frame in 0u64..2_000_000, which in 0usize..10) {
            let rates = [
                (12, 1), (24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (1, 3), (1, 5),
            ];
            let r = rate(rates[which].0, rates[which].1);
            for drop in [false, r.can_drop()] {
                let label = Timecode { frames: 0, drop }.label(frame, r);
                let day = Timecode::parse("23:59:59:00", r).expect("a label").frames + u64::from(r.nominal());
                let back = Timecode::parse(&label, r).expect("a label");
                prop_assert_eq!(back.drop, drop);
                if !drop { prop_assert_eq!(back.frames, frame % day); } else { prop_assert_eq!(back.frames, frame); }
            }
        }
    }
}
