//! What words found, as a list: each thing with its score and frames, kept or dropped; the threshold, which asks nobody; what does
//! not go together; and what becomes of what is kept.

use domain::find::{Conflict, FLOOR, Finding, Purpose};
use leptos::prelude::*;

use crate::components::targets::FrameLink;
use crate::components::ui::{Button, Check, Kind};
use crate::components::words;
use crate::state::desk::{Desk, Tab, use_desk};

/// A row of the list.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    thing: u32,
    score: f32,
    /// Where it is seen best.
    shown: u32,
    frames: Vec<u32>,
    tracked: Vec<u32>,
    conflicts: Vec<String>,
}

#[component]
pub fn FoundList(purpose: Purpose) -> impl IntoView {
    let desk = use_desk();
    let is_shown = Memo::new(move |_| {
        desk.seeking.found.with(|found| found.as_ref().is_some_and(|f| f.about.order.purpose == purpose))
    });
    view! {
        <Show when=move || is_shown.get()>
            <Found purpose/>
        </Show>
    }
    .into_any()
}

#[component]
fn Found(purpose: Purpose) -> impl IntoView {
    let desk = use_desk();
    let seeking = desk.seeking;
    let rows = Memo::new(move |_| {
        let (threshold, first) = (seeking.threshold.get(), desk.clip().first_frame);
        seeking
            .found
            .with(|found| found.as_ref().map(|found| rows(found, threshold, first)).unwrap_or_default())
    });
    let things = Memo::new(move |_| rows.with(|rows| rows.iter().map(|row| row.thing).collect::<Vec<_>>()));
    let about = move |of: fn(&Finding) -> String| {
        seeking.found.with(|found| found.as_ref().map(of).unwrap_or_default())
    };
    let heading = move || about(|found| format!("“{}”", found.about.order.words));
    let is_test = move || {
        seeking.found.with(|found| found.as_ref().is_some_and(|found| found.about.network.is_test_model))
    };
    let notes = move || {
        let threshold = seeking.threshold.get();
        seeking.found.with(|found| found.as_ref().map(|found| notes(found, threshold)).unwrap_or_default())
    };
    let nothing = move || {
        let threshold = seeking.threshold.get();
        seeking.found.with(|found| found.as_ref().and_then(|found| found.nothing(threshold)))
    };
    let set = move |event: leptos::ev::Event| {
        if let Ok(value) = event_target_value(&event).parse::<f32>() {
            seeking.threshold.set(value);
        }
    };
    let kept = Memo::new(move |_| seeking.kept().len());
    view! {
        <section class="found" aria-label="What the words found">
            <header class="found__head">
                <strong>{heading}</strong>
                <span class="muted" role="status">{move || words::count(things.with(Vec::len) as u32, "thing")}</span>
            </header>
            <Show when=is_test>
                <p class="note-line" data-tone="hold">"Test model: random weights. What it found is no object."</p>
            </Show>
            <label class="found__threshold">
                <span>"Threshold"</span>
                <input
                    type="range" min=format!("{FLOOR:.2}") max="0.99" step="0.01" aria-label="Threshold"
                    prop:value=move || format!("{:.2}", seeking.threshold.get())
                    on:input=set
                />
                <output>{move || format!("{:.2}", seeking.threshold.get())}</output>
            </label>
            {move || nothing().map(|why| view! { <p class="note-line" data-tone="changes" role="alert">{why}</p> })}
            {move || notes().into_iter().map(|note| view! { <p class="muted">{note}</p> }).collect_view()}
            <ul class="found__list">
                <For each=move || things.get() key=|thing| *thing let:thing>
                    <FoundThing thing rows/>
                </For>
            </ul>
            <div class="find__go">
                <Button small=true kind=Kind::Quiet on:click=move |_| seeking.turn_round()>"All but these"</Button>
                <Button small=true kind=Kind::Quiet on:click=move |_| seeking.keep_all()>"Keep all"</Button>
                <Button small=true kind=Kind::Quiet on:click=move |_| seeking.close()>"Close"</Button>
            </div>
            <Keep purpose kept/>
        </section>
    }
    .into_any()
}

/// What becomes of what is kept.
#[component]
fn Keep(purpose: Purpose, kept: Memo<usize>) -> impl IntoView {
    let desk = use_desk();
    let seeking = desk.seeking;
    let off = Signal::derive(move || !desk.may_edit() || kept.get() == 0);
    match purpose {
        Purpose::Target => view! {
            <Button small=true disabled=off on:click=move |_| desk.keep_found()>
                {move || format!("Keep {} as {}", kept.get(), if kept.get() == 1 { "a target" } else { "targets" })}
            </Button>
        }
        .into_any(),
        Purpose::Cause { cause_id } => view! {
            <Check
                label="Only near the target, and where something was seen to change"
                checked=seeking.near on_change=move |on| seeking.near.set(on)
            />
            <Button small=true disabled=off on:click=move |_| desk.mark_found(cause_id)>
                {move || format!("Mark the cells of {}", kept.get())}
            </Button>
        }
        .into_any(),
    }
}

#[component]
fn FoundThing(thing: u32, rows: Memo<Vec<Row>>) -> impl IntoView {
    let desk = use_desk();
    let seeking = desk.seeking;
    let row = Memo::new(move |_| rows.with(|rows| rows.iter().find(|row| row.thing == thing).cloned()));
    let score = move || row.with(|row| row.as_ref().map_or(0.0, |row| row.score));
    let label = move || {
        let what = if seeking.is_kept(thing) { "Drop" } else { "Keep" };
        format!("{what} thing {thing}, score {:.2}", score())
    };
    let go = move |_| {
        if let Some(shown) = row.with_untracked(|row| row.as_ref().map(|row| row.shown)) {
            desk.playhead.pause();
            desk.playhead.seek(shown);
        }
        seeking.toggle(thing);
    };
    let frames = move || {
        let frames = row.with(|row| row.as_ref().map(|row| row.frames.clone()).unwrap_or_default());
        frames.into_iter().map(|frame| view! { " " <FrameLink frame/> }).collect_view()
    };
    let tracked = move || row.with(|row| row.as_ref().map_or(0, |row| row.tracked.len()));
    let is_tracked = move || tracked() > 0;
    let conflicts = move || {
        let all = row.with(|row| row.as_ref().map(|row| row.conflicts.clone()).unwrap_or_default());
        all.into_iter().map(|said| view! { <p class="found__conflict">{said}</p> }).collect_view()
    };
    let point = move |on: bool| seeking.pointed.set(on.then_some(thing));
    view! {
        <li
            class="found__thing" data-dropped=move || (!seeking.is_kept(thing)).then_some("true")
            data-pointed=move || (seeking.pointed.get() == Some(thing)).then_some("true")
            on:pointerenter=move |_| point(true) on:pointerleave=move |_| point(false)
            on:focusin=move |_| point(true) on:focusout=move |_| point(false)
        >
            <button
                type="button" class="found__toggle" aria-label=label
                aria-pressed=move || if seeking.is_kept(thing) { "true" } else { "false" }
                on:click=go
            >
                <span aria-hidden="true">{move || if seeking.is_kept(thing) { "✓" } else { "○" }}</span>
                <strong>{thing}</strong>
                <span class="found__score">{move || format!("{:.2}", score())}</span>
            </button>
            <p class="found__frames">{frames}</p>
            <Show when=is_tracked>
                <p class="faint">{move || format!("followed without a word on {}", words::count(tracked() as u32, "frame"))}</p>
            </Show>
            {conflicts}
        </li>
    }
    .into_any()
}

fn rows(found: &Finding, threshold: f32, first: u32) -> Vec<Row> {
    let things = found.things(threshold);
    let is_there = |thing: u32| things.iter().any(|other| other.thing == thing);
    let row = |thing: &domain::find::Thing| {
        let best = thing.sights.iter().max_by(|a, b| a.score.total_cmp(&b.score));
        let conflicts = found.about.conflicts.iter().filter_map(|conflict| match *conflict {
            Conflict::Overlap { frame, thing: one, other } if one == thing.thing || other == thing.thing => {
                let other = if one == thing.thing { other } else { one };
                is_there(other)
                    .then(|| format!("⚠ Lies on thing {other} at f{}: keep one of both.", frame + first))
            }
            Conflict::OnlyTracked { frame, thing: one } if one == thing.thing => Some(format!(
                "⚠ SAM 2 still follows it at f{}, where the words do not name it.",
                frame + first
            )),
            Conflict::Gone { frame, thing: one } if one == thing.thing => {
                Some(format!("⚠ Not found at f{}, but before and after it.", frame + first))
            }
            _ => None,
        });
        Row {
            thing: thing.thing,
            score: thing.score,
            shown: best.map_or(0, |sight| sight.frame),
            frames: thing.sights.iter().map(|sight| sight.frame).collect(),
            tracked: thing.tracked.clone(),
            conflicts: conflicts.collect(),
        }
    };
    things.iter().map(row).collect()
}

/// How it was looked for, and what whoever typed the words should know.
fn notes(found: &Finding, threshold: f32) -> Vec<String> {
    let about = &found.about;
    let carried = match &about.carried_by {
        Some(network) if network.is_test_model => {
            " SAM 2's test model followed things in between.".to_owned()
        }
        Some(network) => format!(" {} followed things in between.", network.name),
        None => String::new(),
    };
    let frames = words::count(about.looked.len() as u32, "frame");
    let mut all = vec![format!("Looked for on {frames}.{carried}")];
    all.extend(about.notes.iter().cloned());
    all.extend(found.everything(threshold));
    all
}

/// What of a finding is drawn over the picture on a frame, on the step that it belongs to: number, score, whether only a track sees
/// it, and its shape.
pub fn drawn(desk: Desk, frame: u32) -> Vec<(u32, f32, bool, domain::Outline)> {
    let threshold = desk.seeking.threshold.get();
    desk.seeking.found.with(|found| {
        let Some(found) = found else { return Vec::new() };
        let is_here = match found.about.order.purpose {
            Purpose::Target => desk.tab.get() == Tab::Targets,
            Purpose::Cause { .. } => desk.tab.get() == Tab::Quadmask,
        };
        if !is_here {
            return Vec::new();
        }
        let here = found.sights.iter().filter(|sight| sight.frame == frame);
        let counting = found.things(threshold);
        let counts = |sight: &&domain::Sight| match sight.by {
            domain::find::SeenBy::Words => sight.score > threshold,
            domain::find::SeenBy::Track => counting.iter().any(|thing| thing.thing == sight.thing),
        };
        let mut all: Vec<_> = here
            .filter(counts)
            .map(|sight| {
                let by_track = sight.by == domain::find::SeenBy::Track;
                (sight.thing, sight.score, by_track, sight.shape.clone())
            })
            .collect();
        // The worst first, so that the best lies on top.
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        all
    })
}
