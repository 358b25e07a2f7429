//! What a run of VOID will be, before anybody presses run: canvas, windows, length, and what earlier runs took.

use domain::VoidOrder;
use domain::recipe::{Forecast, Plan, When};
use leptos::prelude::*;

use crate::components::words;
use crate::state::desk::use_desk;

#[component]
pub fn Outlook(order: Memo<Result<VoidOrder, String>>) -> impl IntoView {
    let desk = use_desk();
    let plan = Memo::new(move |_| {
        let clip = desk.clip();
        let size = (clip.width, clip.height);
        order.with(|order| {
            let order = order.as_ref().ok()?;
            Some((
                order.knobs.running().plan(clip.frames, size, order.first_pass.is_some()),
                order.need(),
                clip.frames,
            ))
        })
    });
    let then = Memo::new(move |_| {
        order.with(|order| match order.as_ref() {
            Ok(order) if order.first_pass.is_none() && !order.knobs.preview => match order.knobs.pass2.when {
                When::Auto => Some("pass 2, where what was made changes its shape"),
                When::Always => Some("pass 2"),
                When::Never => None,
            },
            _ => None,
        })
    });
    let rows = move || {
        let (plan, need, frames) = plan.get()?;
        let forecast = desk.view.with(|v| v.engines.forecast(&plan, need));
        let mut rows = about(&plan, frames);
        rows.extend(costs(forecast));
        rows.extend(then.get().map(|then| ("Then", then.to_owned())));
        let rows = rows.into_iter().map(|(word, value)| view! { <div><dt>{word}</dt><dd>{value}</dd></div> });
        Some(view! { <dl class="proof__rows" aria-label="What will run">{rows.collect_view()}</dl> })
    };
    view! { {rows} }.into_any()
}

fn about(plan: &Plan, frames: u32) -> Vec<(&'static str, String)> {
    let [width, height] = plan.canvas;
    let place = match plan.place {
        Some(place) if place == plan.canvas => String::new(),
        Some([width, height]) => format!(", the plate on {width}×{height} of it"),
        None => ", for what is marked".to_owned(),
    };
    let length = match plan.length {
        length if length == frames => format!("{frames} frames"),
        length => format!("{frames} frames, brought to {length}"),
    };
    let windows = match plan.windows.as_slice() {
        [_] => "1 for the whole clip".to_owned(),
        all => {
            let each: Vec<String> =
                all.iter().take(3).map(|[first, last]| format!("{first}–{last}")).collect();
            let more = if all.len() > 3 { ", …" } else { "" };
            format!("{}: {}{more}", all.len(), each.join(", "))
        }
    };
    let steps = format!("{} · the model runs {} times", plan.steps, plan.forwards);
    vec![
        ("Canvas", format!("{width}×{height}{place}")),
        ("Length", length),
        ("Windows", windows),
        ("Steps", steps),
    ]
}

fn costs(forecast: Option<Forecast>) -> [(&'static str, String); 2] {
    const UNKNOWN: &str = "not measured yet on this machine";
    let Some(Forecast { seconds, peak_rss_bytes, runs }) = forecast else {
        return [("Time", UNKNOWN.to_owned()), ("Memory", UNKNOWN.to_owned())];
    };
    let seconds = words::seconds(seconds.ceil().clamp(1.0, 1e9) as u32);
    let memory = peak_rss_bytes
        .map_or_else(|| UNKNOWN.to_owned(), |bytes| format!("up to {} of the worker’s", words::bytes(bytes)));
    [("Time", format!("about {seconds}, from {} here", words::count(runs as u32, "run"))), ("Memory", memory)]
}

#[cfg(test)]
mod tests {
    use domain::VoidRecipe;

    use super::*;

    #[test]
    fn a_plan_reads_as_what_will_run() {
        let plan = VoidRecipe::default().plan(46, (3840, 2160), false);
        let told: Vec<String> = about(&plan, 46).into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            told,
            [
                "672×384, the plate on 672×378 of it",
                "46 frames, brought to 85",
                "1 for the whole clip",
                "30 · the model runs 30 times"
            ]
        );
        let [time, memory] = costs(None);
        assert!(time.1.starts_with("not measured") && memory.1.starts_with("not measured"));
        let known = Forecast { seconds: 41.2, peak_rss_bytes: Some(2_100_000_000), runs: 2 };
        let [time, memory] = costs(Some(known));
        assert_eq!(
            (time.1.as_str(), memory.1.as_str()),
            ("about 42 s, from 2 runs here", "up to 2.10 GB of the worker’s")
        );
    }
}
