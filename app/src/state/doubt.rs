//! Going from one frame that the segmenter doubts to the next.

use leptos::prelude::*;

use super::desk::Desk;
use crate::api::draft::DraftFrame;
use crate::components::timeline::lanes;
use domain::checks::LOW_CONFIDENCE;

/// The nearest frame after `now`, or before it, that the segmenter doubts and nobody locked; from the end on to the beginning.
fn nearest(frames: &[DraftFrame], now: u32, forwards: bool) -> Option<&DraftFrame> {
    let is_doubtful =
        |f: &&DraftFrame| !f.locked && f.confidence.is_some_and(|confidence| confidence < LOW_CONFIDENCE);
    let mut doubtful = frames.iter().filter(is_doubtful);
    if forwards {
        doubtful.clone().find(|f| f.frame > now).or_else(|| doubtful.next())
    } else {
        doubtful.clone().rfind(|f| f.frame < now).or_else(|| doubtful.next_back())
    }
}

impl Desk {
    /// Goes to the next frame that is in doubt, or to the one before, and says how much.
    pub fn go_to_doubt(self, forwards: bool) {
        let now = self.playhead.frame.get_untracked();
        let found = self.view.with_untracked(|v| nearest(&v.draft.frames, now, forwards).cloned());
        let Some(frame) = found else {
            self.toasts.say("No frame is in doubt: none has a low confidence that nobody locked");
            return;
        };
        self.playhead.pause();
        self.playhead.seek(frame.frame);
        let number = self.playhead.clip.with_untracked(|clip| clip.number(frame.frame));
        self.toasts.say(lanes::said(number, Some(&frame)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubtful_frames_follow_one_another_and_begin_again() {
        let frame = |frame: u32, confidence: Option<f32>| DraftFrame {
            frame,
            revision: 1,
            locked: frame == 5,
            painted: false,
            confidence,
            primary_area: 9,
            overlap_area: 0,
            affected_area: 0,
            primary_cells: domain::CellSet::default(),
        };
        let sure = [0.9, 0.2, 0.9, 0.4, 0.6, 0.1].map(Some);
        let frames: Vec<DraftFrame> = (0..).zip(sure).map(|(at, sure)| frame(at, sure)).collect();
        let go = |now, forwards| nearest(&frames, now, forwards).map(|f| f.frame);
        assert_eq!(
            [go(0, true), go(1, true), go(3, true), go(5, true)],
            [Some(1), Some(3), Some(1), Some(1)]
        );
        assert_eq!([go(5, false), go(3, false), go(1, false)], [Some(3), Some(1), Some(3)]);
        assert_eq!(nearest(&frames[..1], 0, true), None);
        assert_eq!(nearest(&[frame(0, None)], 0, true), None, "nobody judged it");
    }
}
