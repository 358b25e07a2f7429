//! A moment as people say it. The server has no clock the browser agrees with, so it writes the date in UTC; “3 min ago”
//! comes once the client runs.

use domain::moment::{iso, parts, utc};
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

/// `21 Nov 2025`, in UTC.
pub fn date(micros: i64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
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
