//! Moves the playhead while it plays. The frame is counted from the moment the speed was chosen, so a slow browser drops
//! pictures and never drifts.

use leptos::prelude::*;

use crate::browser::clock::tick_ms;
use crate::state::playhead::{Playhead, Run};

/// For the component that owns `playhead`.
pub fn run_clock(playhead: Playhead) {
    Effect::new(move |_| {
        if let Some(run) = playhead.current_run() {
            // Goes with this run of the effect; a tick that finds it gone is of an older run.
            let alive = StoredValue::new(());
            tick(playhead, run, tick_ms(), alive);
        }
    });
}

fn tick(playhead: Playhead, run: Run, began: f64, alive: StoredValue<()>) {
    request_animation_frame(move || {
        if alive.try_get_value().is_none() {
            return;
        }
        let rate = playhead.clip.with_untracked(|c| c.rate);
        let (frame, goes_on) = run.at(tick_ms() - began, rate);
        if playhead.frame.get_untracked() != frame {
            playhead.frame.set(frame);
        }
        if goes_on {
            tick(playhead, run, began, alive);
        } else {
            playhead.pause();
        }
    });
}
