//! From presentation times to one exact rate. Plain arithmetic.

use domain::Rate;

/// Rates that footage is made at; others are kept as they are.
const STANDARD: [(u32, u32); 22] = [
    (6, 1),
    (8, 1),
    (10, 1),
    (12_000, 1001),
    (12, 1),
    (15_000, 1001),
    (15, 1),
    (16, 1),
    (18, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48_000, 1001),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
];

/// How a file's pictures lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Picture `j` is at `j / rate` as far as the time base can say.
    Constant(Rate),
    /// Only this on average.
    Variable(Rate),
    /// One picture, and the file names no rate.
    Unknown,
}

/// `times`: ascending, in units of `time_base` seconds. `said`: what the container says, best first.
pub(crate) fn timing(times: &[i64], time_base: (i32, i32), said: &[(i32, i32)]) -> Timing {
    let said: Vec<Rate> =
        said.iter().filter_map(|&(num, den)| exact(i64::from(num), i64::from(den))).collect();
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Timing::Unknown };
    if times.len() < 2 || last <= first {
        return said.first().map_or(Timing::Unknown, |&rate| Timing::Constant(snapped(rate, 2.5e-4)));
    }
    let (num, den) = (i64::from(time_base.0), i64::from(time_base.1));
    let span = last.saturating_sub(first).saturating_mul(num);
    let average = exact((times.len() as i64 - 1).saturating_mul(den), span);
    let candidates = said.iter().copied().chain(average);
    for rate in candidates {
        for rate in [snapped(rate, 2.5e-4), rate] {
            if fits(times, time_base, rate) {
                return Timing::Constant(snapped(rate, 2.5e-4));
            }
        }
    }
    if let Some(rate) = average.map(|rate| snapped(rate, 0.01)) {
        return if fits(times, time_base, rate) { Timing::Constant(rate) } else { Timing::Variable(rate) };
    }
    Timing::Unknown
}

/// Whether every time is where `rate` puts it, to the rounding of the time base.
fn fits(times: &[i64], time_base: (i32, i32), rate: Rate) -> bool {
    let ticks = f64::from(time_base.1) / f64::from(time_base.0) / rate.per_second();
    let tolerance = 1.5f64.min(ticks / 4.0);
    let first = times[0];
    times
        .iter()
        .enumerate()
        .all(|(j, &t)| (t.saturating_sub(first) as f64 - j as f64 * ticks).abs() <= tolerance)
}

/// The standard rate within a relative distance, or the rate itself.
fn snapped(rate: Rate, within: f64) -> Rate {
    let value = rate.per_second();
    let distance = |&(num, den): &(u32, u32)| (f64::from(num) / f64::from(den) / value - 1.0).abs();
    STANDARD
        .iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .filter(|&near| distance(near) <= within)
        .and_then(|&(num, den)| Rate::new(num, den).ok())
        .unwrap_or(rate)
}

/// The fraction, with parts halved until they fit in FFmpeg's 32 bits.
fn exact(num: i64, den: i64) -> Option<Rate> {
    if num <= 0 || den <= 0 {
        return None;
    }
    let divisor = gcd(num, den);
    let (mut num, mut den) = (num / divisor, den / divisor);
    while num > i64::from(i32::MAX) || den > i64::from(i32::MAX) {
        (num, den) = (num / 2, den / 2);
    }
    Rate::new(num as u32, den as u32).ok()
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(num: u32, den: u32) -> Rate {
        Rate::new(num, den).expect("a rate")
    }

    #[test]
    fn every_rate_survives_matroska_milliseconds() {
        let rates = [
            (12, 1),
            (24_000, 1001),
            (24, 1),
            (25, 1),
            (30_000, 1001),
            (30, 1),
            (50, 1),
            (60_000, 1001),
            (60, 1),
        ];
        for (num, den) in rates {
            let r = rate(num, den);
            let times: Vec<i64> =
                (0..400).map(|j| (f64::from(j) * 1000.0 / r.per_second()).round() as i64).collect();
            assert_eq!(timing(&times, (1, 1000), &[]), Timing::Constant(r), "{r}");
            assert_eq!(
                timing(&times[..9], (1, 1000), &[(num as i32, den as i32)]),
                Timing::Constant(r),
                "{r}"
            );
        }
    }

    #[test]
    fn rates_near_a_standard_one_become_it() {
        let times: Vec<i64> = (0..100).map(|j| j * 417).collect();
        assert_eq!(timing(&times, (1, 10_000), &[(2398, 100)]), Timing::Constant(rate(24_000, 1001)));
        assert_eq!(timing(&[0], (1, 90_000), &[(29_970, 1000)]), Timing::Constant(rate(30_000, 1001)));
        let odd: Vec<i64> = (0..50).map(|j| j * 3).collect();
        assert_eq!(timing(&odd, (1, 40), &[]), Timing::Constant(rate(40, 3)));
    }

    #[test]
    fn uneven_times_are_variable_at_their_average() {
        let mut times: Vec<i64> = (0..60).map(|j| j * 40).collect();
        times[30] += 17;
        assert_eq!(timing(&times, (1, 1000), &[(25, 1)]), Timing::Variable(rate(25, 1)));
        assert_eq!(timing(&[0, 1, 3, 4], (1, 12), &[(12, 1)]), Timing::Variable(rate(9, 1)));
    }

    #[test]
    fn nothing_sensible_is_unknown() {
        assert_eq!(timing(&[], (1, 25), &[(0, 0)]), Timing::Unknown);
        assert_eq!(timing(&[7], (1, 25), &[(0, 1), (-3, 1)]), Timing::Unknown);
    }
}
