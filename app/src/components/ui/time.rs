//! A moment as people say it. The server has no clock the browser agrees with, so it writes the date in UTC; “3 min ago”
//! comes once the client runs.

use leptos::prelude::*;

use crate::browser::clock;

/// `at`: microseconds UTC.
#[component]
pub fn Ago(#[prop(into)] at: Signal<i64>) -> impl IntoView {
    let now = clock::minute();
    let text = move || match now.get() {
        Some(now) => ago(now - at.get()),
        None => utc(at.get()),
    };
    view! { <time class="ago" datetime=move || iso(at.get()) title=move || utc(at.get())>{text}</time> }
}

/// A moment to come as a date, `4 Dec 2026`; the hour on hover.
#[component]
pub fn Until(at: i64) -> impl IntoView {
    view! { <time class="until" datetime=iso(at) title=utc(at)>{date(at)}</time> }
}

fn date(micros: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day, ..) = parts(micros);
    format!("{day} {} {year}", MONTHS[(month - 1) as usize])
}

fn ago(micros: i64) -> String {
    let minutes = micros / 60_000_000;
    match minutes {
        ..1 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..1440 => format!("{} h ago", minutes / 60),
        1440..2880 => "yesterday".to_owned(),
        _ => format!("{} days ago", minutes / 1440),
    }
}

/// Year, month, day, hour, minute, second in UTC.
fn parts(micros: i64) -> (i64, i64, i64, i64, i64, i64) {
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

fn utc(micros: i64) -> String {
    let (year, month, day, hour, minute, _) = parts(micros);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

fn iso(micros: i64) -> String {
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
        assert_eq!(date(1_763_762_465_000_000), "21 Nov 2025");
    }

    #[test]
    fn ages_are_rounded_down() {
        let minute = 60_000_000;
        for (age, text) in
            [(-5, "just now"), (59, "59 min ago"), (60, "1 h ago"), (1500, "yesterday"), (2880, "2 days ago")]
        {
            assert_eq!(ago(age * minute), text);
        }
    }
}
