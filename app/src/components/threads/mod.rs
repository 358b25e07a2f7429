//! Comment threads: the list beside the picture, the field to write in, the drawings over the picture, the pins on the
//! timeline.

mod card;
mod composer;
mod decided;
mod filters;
mod ink;
mod line;
mod panel;
mod pens;
mod pins;
mod prose;

pub use card::toggle_resolved;
pub use ink::InkLayer;
pub use panel::ThreadsPanel;
pub use pins::Pins;

use domain::FrameRange;

use crate::state::playhead::Clip;

/// Frames as people read them.
fn frame_words(frames: FrameRange, clip: Clip) -> String {
    let FrameRange { from, to } = frames;
    if from == to {
        format!("f{}", clip.number(from))
    } else {
        format!("f{}–{}", clip.number(from), clip.number(to))
    }
}
