//! The keys of the workspace. One layer: no key means two things on two steps; where a step lacks the thing, the key
//! says or does nothing.

use domain::{Action, Level, Verdict};
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::talking;
use crate::browser::keys;
use crate::components::canvas::Gestures;
use crate::components::player::jump;
use crate::components::ui::use_key_map;
use crate::components::versions::step_version;
use crate::state::comparing::Mode;
use crate::state::desk::{Desk, Tab};
use crate::state::marking::Tool;

const PLAYER: &[(&str, &str)] = &[
    ("Space", "Play or pause"),
    ("K", "Stop"),
    ("J L", "Reverse, forward; again for 2, 4, 8 times"),
    ("← →", "One frame back, on"),
    ("Shift+← Shift+→", "Ten frames back, on"),
    ("Home End", "First, last frame; or in, out"),
    ("I O", "Mark in, out"),
    ("Shift+I", "Clear in and out"),
    ("P", "Loop on or off"),
    ("U", "Sound on or off"),
    ("↑ ↓", "Shot before, after"),
    ("+ −", "Zoom in, out"),
    ("0", "One to one"),
    ("F", "Fit the picture"),
    ("V", "Values of the pixel under the pointer"),
    ("Space+drag", "Pan; so does the middle button"),
];

const MASKS: &[(&str, &str)] = &[
    ("A", "Hand: pan"),
    ("X", "Point: click what goes, Alt-click what stays"),
    ("Z", "Point marks what goes or what stays"),
    ("Shift+B", "Box"),
    ("B", "Brush; Alt+drag changes its size"),
    ("E", "Erase"),
    ("1 2 3 4", "Paint primary, overlap, affected, background"),
    ("Shift+G", "Grid cells of the chosen cause"),
    ("Shift+R", "Path of the chosen cause"),
    ("M", "Mask overlay on or off"),
    ("Shift+M", "Outline only"),
    ("Shift+K", "Lock or free this frame"),
    ("Shift+P", "Grow the mask over the shot"),
    ("Q Shift+Q", "Next, previous frame that the segmenter doubts"),
    ("Ctrl+Z", "Undo"),
    ("Ctrl+Shift+Z", "Redo"),
];

const COMMENTS: &[(&str, &str)] = &[
    ("C", "Comment on this frame"),
    ("Shift+C", "Comment on in to out"),
    ("Ctrl+Enter", "Send"),
    ("D", "Draw on the picture"),
    ("T", "Words on the picture"),
    (", .", "Comment before, after"),
    ("N Shift+N", "Next, previous open comment"),
    ("R", "Resolve or re-open"),
];

const REVIEW: &[(&str, &str)] = &[
    ("W", "Wipe; the arrow keys move its line when it has the focus"),
    ("S", "Side by side"),
    ("Shift+D", "Difference"),
    ("`", "Flip plate and result in place"),
    ("H", "Show the plate while held"),
    ("[ ]", "Version before, after"),
    ("Shift+A", "Approve…"),
    ("Shift+X", "Ask for changes…"),
];

/// Listens for as long as the calling component lives.
pub fn follow(desk: Desk, gestures: Gestures) {
    let map = use_key_map();
    map.show("Player", PLAYER);
    if sees_masks(desk) {
        map.show("Marking", MASKS);
    }
    map.show("Comments", COMMENTS);
    map.show("Review", REVIEW);
    let navigate = use_navigate();
    keys::on_key(move |event| {
        let go = |shot: Option<domain::ShotId>| {
            if let Some(id) = shot {
                let tab = desk.tab.get_untracked().slug();
                navigate(&desk.road.page(id, tab), NavigateOptions::default());
            }
        };
        let is_letter = event.key().chars().count() == 1 && !event.ctrl_key() && !event.meta_key();
        if is_letter && event.key() != " " && !map.single.get_untracked() {
            return;
        }
        if press(desk, gestures, event, go) {
            event.prevent_default();
        }
    });
    Effect::new(move |_| {
        let up = window_event_listener(leptos::ev::keyup, move |event| release(desk, gestures, &event));
        let away = window_event_listener(leptos::ev::blur, move |_| {
            desk.comparing.hold.set(false);
            gestures.space.set(false);
        });
        on_cleanup(move || {
            up.remove();
            away.remove();
        });
    });
}

/// Whether the focused control has its own use for the key.
fn is_of_control(event: &KeyboardEvent) -> bool {
    let at = event.target().and_then(|t| t.dyn_into::<Element>().ok());
    let Some(at) = at else { return false };
    let is = |selector: &str| at.closest(selector).is_ok_and(|found| found.is_some());
    match event.key().as_str() {
        // A button that was pressed with the mouse keeps the focus, but space is for playing then.
        " " => {
            is("button, a, summary, [role=button], input") && at.matches(":focus-visible").unwrap_or(false)
        }
        "Enter" => true,
        "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown" | "Home" | "End" => is("input, [role=tab]"),
        _ => false,
    }
}

/// Acts on a key; whether it was one of ours.
fn press(desk: Desk, gestures: Gestures, event: &KeyboardEvent, go: impl Fn(Option<domain::ShotId>)) -> bool {
    if is_of_control(event) || event.alt_key() {
        return false;
    }
    let playhead = desk.playhead;
    let key = event.key();
    if talking::press(desk, event) {
        return true;
    }
    if event.ctrl_key() || event.meta_key() {
        match (key.to_lowercase().as_str(), event.shift_key()) {
            ("z", false) => desk.undo(),
            ("z", true) => desk.redo(),
            _ => return false,
        }
        return true;
    }
    if event.shift_key() {
        if shifted(desk, &key) {
            return true;
        }
    } else if plain(desk, gestures, event, &key) {
        return true;
    }
    match key.as_str() {
        "ArrowUp" => go(desk.view.with_untracked(|v| v.previous)),
        "ArrowDown" => go(desk.view.with_untracked(|v| v.next)),
        "Home" => jump(playhead, false),
        "End" => jump(playhead, true),
        // Where these are on the keyboard differs, and some need Shift.
        "+" | "=" => zoom(desk, 1.25),
        "-" | "−" | "_" => zoom(desk, 0.8),
        "[" => step_version(desk, false),
        "]" => step_version(desk, true),
        "`" => comparing(desk, |desk| desk.comparing.flip()),
        _ => return false,
    }
    true
}

fn shifted(desk: Desk, key: &str) -> bool {
    let playhead = desk.playhead;
    match key {
        "ArrowLeft" => playhead.step(-10),
        "ArrowRight" => playhead.step(10),
        "A" => desk.ask_decision(Verdict::Approve),
        "X" => desk.ask_decision(Verdict::Changes),
        "B" => take(desk, Tool::Box),
        "G" => take(desk, Tool::Cells),
        "R" => take(desk, Tool::Path),
        "D" => comparing(desk, |desk| desk.comparing.mode.set(Mode::Difference)),
        "I" => playhead.clear_marks(),
        "K" => desk.toggle_lock(),
        "M" => desk.marking.outline.update(|on| *on = !*on),
        "P" => desk.propagate(),
        "Q" if sees_masks(desk) => desk.go_to_doubt(false),
        _ => return false,
    }
    true
}

fn plain(desk: Desk, gestures: Gestures, event: &KeyboardEvent, key: &str) -> bool {
    let (playhead, marking) = (desk.playhead, desk.marking);
    let level = |level: Level| {
        marking.level.set(level);
        take(desk, Tool::Brush);
    };
    match key.to_lowercase().as_str() {
        // Playing begins when space comes up: until then it may become a drag.
        " " => {
            if !event.repeat() {
                gestures.space_used.set(false);
                gestures.space.set(true);
            }
        }
        "k" => playhead.pause(),
        "j" => playhead.shuttle(-1),
        "l" => playhead.shuttle(1),
        "arrowleft" => playhead.step(-1),
        "arrowright" => playhead.step(1),
        "i" => playhead.set_in(),
        "o" => playhead.set_out(),
        "p" => playhead.looping.update(|on| *on = !*on),
        "u" if desk.view.with_untracked(|v| v.shot.sound.is_some()) => desk.sound.toggle(),
        "0" => one_to_one(desk),
        "f" => desk.port.fit(),
        "v" => desk.looking.toggle_probe(),
        "a" => marking.tool.set(Tool::Hand),
        "x" => take(desk, Tool::Point),
        "z" => marking.negative.update(|on| *on = !*on),
        "b" => take(desk, Tool::Brush),
        "e" => take(desk, Tool::Erase),
        "1" => level(Level::Primary),
        "2" => level(Level::Overlap),
        "3" => level(Level::Affected),
        "4" => level(Level::Background),
        "q" if sees_masks(desk) => desk.go_to_doubt(true),
        "m" => untrack(|| desk.overlay()).update(|on| *on = !*on),
        "w" => comparing(desk, |desk| desk.comparing.mode.set(Mode::Wipe)),
        "s" => comparing(desk, |desk| desk.comparing.mode.set(Mode::Side)),
        "h" => comparing(desk, |desk| desk.comparing.hold.set(true)),
        _ => return false,
    }
    true
}

fn release(desk: Desk, gestures: Gestures, event: &KeyboardEvent) {
    match event.key().as_str() {
        "h" | "H" => desk.comparing.hold.set(false),
        " " if gestures.space.get_untracked() => {
            gestures.space.set(false);
            if !gestures.space_used.get_untracked() {
                desk.playhead.toggle();
            }
        }
        _ => {}
    }
}

/// Whether the viewer has the draft's frames at all.
fn sees_masks(desk: Desk) -> bool {
    untrack(|| desk.may(Action::ViewShot))
}

/// Takes a tool where there are tools.
fn take(desk: Desk, tool: Tool) {
    if matches!(desk.tab.get_untracked(), Tab::Targets | Tab::Quadmask) {
        desk.marking.tool.set(tool);
    }
}

fn comparing(desk: Desk, act: impl Fn(Desk)) {
    if untrack(|| desk.is_comparing()) {
        act(desk);
    }
}

fn zoom(desk: Desk, factor: f64) {
    let (place, plate) = untrack(|| (desk.place(), desk.plate_size()));
    let (width, height) = untrack(|| desk.half());
    // About the middle of the stage as one picture sees it.
    let stage = desk.port.stage.get_untracked();
    let at = (stage.0.min(width) / 2.0, stage.1.min(height) / 2.0);
    desk.port.zoom_by(factor, at, place, plate);
}

fn one_to_one(desk: Desk) {
    let (place, plate) = untrack(|| (desk.place(), desk.plate_size()));
    let (width, height) = untrack(|| desk.half());
    desk.port.zoom_to(1.0, (width / 2.0, height / 2.0), place, plate);
}
