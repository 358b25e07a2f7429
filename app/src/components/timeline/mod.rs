//! The timeline: film strip, lanes of the quadmask, in and out, the playhead. A slider to assistive tools.

pub mod lanes;

use leptos::ev::PointerEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;

use self::lanes::Stretch;
use crate::components::threads::Pins;
use crate::state::desk::{Desk, Tab, use_desk};

/// What the line in the lane of the primary mask means.
const LINE: &str =
    "The line in the lane “Primary” is how sure the segmenter is of each frame: the higher, the surer.";
const LINE_ID: &str = "timeline-line";

#[component]
pub fn Timeline() -> impl IntoView {
    let desk = use_desk();
    let playhead = desk.playhead;
    let drags = RwSignal::new(false);
    let seek = move |event: &PointerEvent| {
        let Some(track) = event.current_target().and_then(|t| t.dyn_into::<Element>().ok()) else { return };
        playhead.seek(frame_at(&track, event, playhead.clip.with_untracked(|c| c.frames)));
    };
    let on_down = move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        if let Some(track) = event.current_target().and_then(|t| t.dyn_into::<Element>().ok()) {
            // Synthetic events have no pointer to capture.
            let _ = track.set_pointer_capture(event.pointer_id());
        }
        drags.set(true);
        playhead.pause();
        seek(&event);
    };
    let number = move || playhead.clip.get().number(playhead.frame.get());
    let has_masks = move || desk.tab.get() != Tab::Review;
    view! {
        <div class="timeline" style=move || format!("--frames:{}", desk.clip().frames.max(1))>
            <div class="timeline__names" aria-hidden="true">
                <span class="timeline__name" data-row="strip">"Plate"</span>
                <Show when=has_masks>
                    <span class="timeline__name" title=LINE>
                        <i class="level" data-level="primary"></i>"Primary"
                        <svg class="timeline__legend" viewBox="0 0 18 8"><path d="M0 2H6V6H11V1H18"></path></svg>
                    </span>
                    <span class="timeline__name"><i class="level" data-level="overlap"></i>"Overlap"</span>
                    <span class="timeline__name"><i class="level" data-level="affected"></i>"Affected"</span>
                    <Causes/>
                </Show>
            </div>
            <div
                class="timeline__track"
                role="slider"
                tabindex="0"
                aria-label="Playhead"
                aria-describedby=move || has_masks().then_some(LINE_ID)
                aria-valuemin=move || desk.clip().number(0).to_string()
                aria-valuemax=move || desk.clip().number(desk.clip().last()).to_string()
                aria-valuenow=move || number().to_string()
                aria-valuetext=move || format!("frame {}, {}", number(), desk.clip().timecode(playhead.frame.get()))
                on:pointerdown=on_down
                on:pointermove=move |event| if drags.get_untracked() { seek(&event) }
                on:pointerup=move |_| drags.set(false)
                on:pointercancel=move |_| drags.set(false)
            >
                <div class="timeline__strip" style=move || strip(desk)>
                    {move || desk.loaded.get().into_iter().map(|(from, to)| bar("timeline__loaded", from, to, None, String::new())).collect_view()}
                </div>
                <Show when=has_masks>
                    <PrimaryLane/>
                    <OverlapLane/>
                    <div class="timeline__lane" data-lane="affected">{move || affected(desk)}</div>
                    <CauseLanes/>
                </Show>
                <Range/>
                <span
                    class="timeline__head"
                    data-plays=move || (playhead.speed.get() != 0).then_some("true")
                    style=move || format!("--from:{}", playhead.frame.get())
                    aria-hidden="true"
                ></span>
            </div>
            <Pins/>
            <p id=LINE_ID hidden=true>{LINE}</p>
        </div>
    }
    .into_any()
}

/// The frame of a shot of `frames` frames that the pointer is over, on an element as wide as the shot.
fn frame_at(track: &Element, event: &PointerEvent, frames: u32) -> u32 {
    let bounds = track.get_bounding_client_rect();
    let part = (f64::from(event.client_x()) - bounds.left()) / bounds.width().max(1.0);
    ((part.clamp(0.0, 1.0) * f64::from(frames)).floor() as u32).min(frames.saturating_sub(1))
}

fn strip(desk: Desk) -> String {
    let strip = desk.view.with(|v| v.shot.strip);
    strip
        .map(|hash| format!("background-image:url({})", desk.road.strip(desk.shot_id, hash)))
        .unwrap_or_default()
}

/// A mark over frames `from..=to`.
fn bar(class: &'static str, from: u32, to: u32, look: Option<&'static str>, title: String) -> AnyView {
    let title = (!title.is_empty()).then_some(title);
    view! { <i class=class data-look=look title=title style=format!("--from:{from};--count:{}", to - from + 1)></i> }
        .into_any()
}

#[component]
fn PrimaryLane() -> impl IntoView {
    let desk = use_desk();
    let runs = Memo::new(move |_| desk.view.with(|v| lanes::primary(&v.draft.frames)));
    let locks = Memo::new(move |_| desk.view.with(|v| lanes::locks(&v.draft.frames)));
    let prompts = Memo::new(move |_| desk.view.with(|v| lanes::prompts(&v.targets)));
    let number = move |frame: u32| desk.clip().number(frame);
    let words = move |from: u32, to: u32| {
        if from == to { number(from).to_string() } else { format!("{}–{}", number(from), number(to)) }
    };
    let unseen = Memo::new(move |_| desk.view.with(|v| lanes::unseen(&v.draft.frames)));
    let total = move || desk.clip().frames.max(1);
    let curve = Memo::new(move |_| {
        let total = total();
        desk.view.with(|v| lanes::curve(&v.draft.frames, total))
    });
    // The frame under the pointer, of which the figure is said.
    let pointed = RwSignal::new(None::<u32>);
    let point = move |event: PointerEvent| {
        let at = event.current_target().and_then(|at| at.dyn_into::<Element>().ok());
        let frames = desk.playhead.clip.with_untracked(|c| c.frames);
        pointed.set(at.map(|at| frame_at(&at, &event, frames)));
    };
    view! {
        <div
            class="timeline__lane"
            data-lane="primary"
            on:pointermove=point
            on:pointerleave=move |_| pointed.set(None)
        >
            {move || runs.get().into_iter().map(|Stretch { from, to, look }| {
                bar("timeline__run", from, to, Some(look.word()), String::new())
            }).collect_view()}
            {move || unseen.get().into_iter().map(|Stretch { from, to, .. }| {
                bar("timeline__unseen", from, to, None, String::new())
            }).collect_view()}
            <svg
                class="timeline__curve"
                viewBox=move || format!("0 0 {} 1", total())
                preserveAspectRatio="none"
                aria-hidden="true"
            >
                <path d=move || curve.get()></path>
            </svg>
            {move || pointed.get().map(|frame| {
                let said = lanes::said(number(frame), desk.draft_frame(frame).as_ref());
                let side = if 2 * frame > total() { "before" } else { "after" };
                view! { <span class="timeline__said" data-side=side style=format!("--from:{frame}") aria-hidden="true">{said}</span> }
            })}
            {move || prompts.get().into_iter().map(|frame| {
                bar("timeline__dot", frame, frame, None, format!("Marked at {}", number(frame)))
            }).collect_view()}
            {move || locks.get().into_iter().map(|Stretch { from, to, .. }| {
                bar("timeline__lock", from, to, None, format!("Locked: {}", words(from, to)))
            }).collect_view()}
        </div>
    }
    .into_any()
}

#[component]
fn OverlapLane() -> impl IntoView {
    let desk = use_desk();
    let runs = Memo::new(move |_| {
        desk.view
            .with(|v| v.grid.map(|grid| lanes::overlap(&v.draft.frames, &v.causes, grid)).unwrap_or_default())
    });
    view! {
        <div class="timeline__lane" data-lane="overlap">
            {move || runs.get().into_iter().map(|Stretch { from, to, .. }| {
                let (first, last) = (desk.clip().number(from), desk.clip().number(to));
                let title = if first == last { format!("Overlap: {first}") } else { format!("Overlap: {first}–{last}") };
                bar("timeline__run", from, to, Some("overlap"), title)
            }).collect_view()}
        </div>
    }
    .into_any()
}

fn affected(desk: Desk) -> Vec<AnyView> {
    let total = desk.clip().frames;
    let runs = desk.view.with(|v| lanes::affected(&v.draft.frames, &v.causes, total));
    runs.into_iter().map(|s| bar("timeline__run", s.from, s.to, Some("affected"), String::new())).collect()
}

/// Names of the causes that have cells or a path.
#[component]
fn Causes() -> impl IntoView {
    let desk = use_desk();
    move || {
        with_lane(desk)
            .into_iter()
            .map(|(name, ..)| {
                let title = name.clone();
                view! { <span class="timeline__name" data-row="cause" title=title>{name}</span> }
            })
            .collect_view()
    }
}

#[component]
fn CauseLanes() -> impl IntoView {
    let desk = use_desk();
    move || {
        with_lane(desk)
            .into_iter()
            .map(|(name, spans, path)| {
                let spans = spans
                    .into_iter()
                    .map(|(from, to)| bar("timeline__run", from, to, Some("cells"), name.clone()));
                let spans: Vec<AnyView> = spans.collect();
                let path: Vec<AnyView> = path
                    .into_iter()
                    .map(|f| bar("timeline__dot", f, f, Some("path"), String::new()))
                    .collect();
                view! { <div class="timeline__lane" data-row="cause">{spans} {path}</div> }
            })
            .collect_view()
    }
}

/// A cause's name, the frames its cells are marked on, and the frames its path names.
type CauseLane = (String, Vec<(u32, u32)>, Vec<u32>);

/// At most three causes, so that the picture keeps its room.
fn with_lane(desk: Desk) -> Vec<CauseLane> {
    if desk.tab.get() != Tab::Quadmask {
        return Vec::new();
    }
    desk.view.with(|v| {
        let marked = v.causes.iter().filter(|c| !c.spans.is_empty() || !c.path.is_empty());
        marked
            .take(3)
            .map(|c| {
                let spans = c.spans.iter().map(|s| (s.from, s.to)).collect();
                (c.name.clone(), spans, c.path.iter().map(|p| p.frame).collect())
            })
            .collect()
    })
}

/// In and out, and what lies outside of them.
#[component]
fn Range() -> impl IntoView {
    let playhead = use_desk().playhead;
    let has_marks = move || playhead.mark_in.get().is_some() || playhead.mark_out.get().is_some();
    view! {
        <Show when=has_marks>
            {move || {
                let ((low, high), last) = (playhead.marks(), playhead.clip.get().last());
                let before = (low > 0).then(|| bar("timeline__outside", 0, low - 1, None, String::new()));
                let after = (high < last).then(|| bar("timeline__outside", high + 1, last, None, String::new()));
                view! { {before} {after} {bar("timeline__range", low, high, None, String::new())} }
            }}
        </Show>
    }
    .into_any()
}
