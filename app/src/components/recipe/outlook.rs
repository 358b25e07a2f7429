//! What a run of VOID will be, before anybody presses run: canvas, windows, length, and what it takes, measured or predicted.

use domain::VoidOrder;
use domain::predict::{Choice, Device, Foresight, Source};
use domain::recipe::{Plan, When};
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
            let order = order.as_ref().ok()?.clone();
            let plan = order.knobs.running().plan(clip.frames, size, order.first_pass.is_some());
            Some((plan, order, clip.frames, size))
        })
    });
    let rows = move || {
        let (plan, order, frames, size) = plan.get()?;
        let foresight = desk.view.with(|v| v.engines.foresee(&order, frames, size));
        let mut rows = about(&plan, frames);
        rows.extend(costs(foresight));
        rows.extend(then(&order).map(|then| ("Then", then)));
        let rows = rows.into_iter().map(|(word, value)| view! { <div><dt>{word}</dt><dd>{value}</dd></div> });
        Some(view! { <dl class="proof__rows" aria-label="What will run">{rows.collect_view()}</dl> })
    };
    view! { {rows} }.into_any()
}

/// What follows by itself.
fn then(order: &VoidOrder) -> Option<String> {
    if order.first_pass.is_some() || order.knobs.preview {
        return None;
    }
    let second = &order.knobs.pass2;
    match second.when {
        When::Auto => Some(format!(
            "pass 2, where what was made changes its shape more than {} times as much as what is around it",
            second.morphing
        )),
        When::Always => Some("pass 2".to_owned()),
        When::Never => None,
    }
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

fn costs(Foresight { seconds, memory, worker_bytes }: Foresight) -> Vec<(&'static str, String)> {
    const UNKNOWN: &str = "not measured yet on this machine";
    let time = seconds.map_or_else(
        || UNKNOWN.to_owned(),
        |(seconds, source)| {
            let seconds = words::seconds(seconds.ceil().clamp(1.0, 1e9) as u32);
            format!("about {seconds}, {}", from(source, "this machine’s speed"))
        },
    );
    let own =
        worker_bytes.map(|bytes| format!("up to {} of the worker’s own, measured here", words::bytes(bytes)));
    let Some(Choice { plan, bytes, source, device, room, fits, reason }) = memory else {
        return vec![("Time", time), ("Memory", own.unwrap_or_else(|| UNKNOWN.to_owned()))];
    };
    let of = match device {
        Device::Cuda => "of the GPU’s",
        Device::Cpu => "of the machine’s",
    };
    let mut takes = format!(
        "about {} {of}, {}; {} were free",
        words::bytes(bytes),
        from(source, "the networks’ sizes"),
        words::bytes(room)
    );
    if let (Device::Cuda, Some(own)) = (device, own) {
        takes = format!("{takes}; and {own}");
    }
    let mut held = format!("{}: {}", plan.word(), plan.meaning());
    if let Some(reason) = reason {
        held = format!("{held}. {reason}");
    }
    let icon = if fits { "" } else { "⚠ " };
    vec![("Time", time), ("Memory", takes), ("Memory plan", format!("{icon}{held}"))]
}

/// Where a number is from; `of`: what it is predicted from.
fn from(source: Source, of: &str) -> String {
    match source {
        Source::Measured(runs) => format!("from {} here", words::count(runs as u32, "run")),
        Source::Corrected(runs) => {
            format!("predicted from {of}, corrected by {} here", words::count(runs as u32, "other run"))
        }
        Source::Predicted => format!("predicted from {of}"),
    }
}

#[cfg(test)]
mod tests {
    use domain::VoidRecipe;
    use domain::recipe::Memory;

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
    }

    fn told(foresight: Foresight) -> Vec<String> {
        costs(foresight).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn what_was_measured_and_what_is_predicted_are_told_apart() {
        let unknown = told(Foresight::default());
        assert_eq!(unknown, ["not measured yet on this machine"; 2]);
        let memory = Choice {
            plan: Memory::Staged,
            bytes: 13_100_000_000,
            source: Source::Predicted,
            device: Device::Cuda,
            room: 24_000_000_000,
            fits: true,
            reason: Some("“full” would take about 30.0 GB, and 24.0 GB are free.".into()),
        };
        let predicted = Foresight {
            seconds: Some((41.2, Source::Predicted)),
            memory: Some(memory.clone()),
            worker_bytes: None,
        };
        assert_eq!(
            told(predicted),
            [
                "about 42 s, predicted from this machine’s speed",
                "about 13.10 GB of the GPU’s, predicted from the networks’ sizes; 24.00 GB were free",
                "staged: one network at a time. “full” would take about 30.0 GB, and 24.0 GB are free.",
            ]
        );
        let corrected = Foresight { seconds: Some((41.2, Source::Corrected(1))), ..Foresight::default() };
        assert!(told(corrected)[0].ends_with("corrected by 1 other run here"));
        let cramped = Choice { fits: false, source: Source::Measured(2), device: Device::Cpu, ..memory };
        let measured = Foresight {
            seconds: Some((41.2, Source::Measured(2))),
            memory: Some(cramped),
            worker_bytes: Some(2_100_000_000),
        };
        let told = told(measured);
        assert_eq!(told[0], "about 42 s, from 2 runs here");
        assert!(told[1].contains("of the machine’s, from 2 runs here") && told[2].starts_with("⚠ staged"));
    }

    #[test]
    fn what_follows_says_when() {
        let mut order = VoidOrder::default();
        let said = then(&order).expect("it may follow");
        assert!(said.contains("more than 3 times"), "{said}");
        order.knobs.pass2.when = When::Always;
        assert_eq!(then(&order).as_deref(), Some("pass 2"));
        order.knobs.preview = true;
        assert_eq!(then(&order), None);
    }
}
