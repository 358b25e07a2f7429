//! Mask checks: sentences about the draft that point at frames. Computed from areas and confidence alone, so they are
//! there at once and need no picture.

use domain::{Cause, Consequence};

use crate::api::draft::DraftFrame;

/// Below this the segmenter itself doubts its mask.
pub const LOW_CONFIDENCE: f32 = 0.5;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub is_good: bool,
    pub text: String,
    /// Frames to look at, at most [`MOST_FRAMES`].
    pub frames: Vec<u32>,
}

const MOST_FRAMES: usize = 4;

/// Looks at `frames` (ascending) of a shot of `total` frames.
pub fn checks(frames: &[DraftFrame], total: u32, causes: &[Cause]) -> Vec<Check> {
    vec![
        coverage(frames, total),
        area(frames),
        confidence(frames),
        first_frame(frames, causes),
        paths(causes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn coverage(frames: &[DraftFrame], total: u32) -> Option<Check> {
    let covered: Vec<u32> = frames.iter().filter(|f| f.primary_area > 0).map(|f| f.frame).collect();
    if covered.is_empty() {
        return Some(Check {
            is_good: false,
            text: "No frame has a primary mask yet".into(),
            frames: vec![],
        });
    }
    let missing = (0..total).filter(|f| covered.binary_search(f).is_err()).take(MOST_FRAMES).collect();
    let text = format!("Target covered on {}/{total} frames", covered.len());
    Some(Check { is_good: covered.len() == total as usize, text, frames: missing })
}

/// The worst sudden drop between neighbouring frames, of those that lose more than four tenths.
fn area(frames: &[DraftFrame]) -> Option<Check> {
    let mut drops: Vec<(i64, u32)> = frames
        .windows(2)
        .filter(|w| w[1].frame == w[0].frame + 1 && w[0].primary_area >= 64)
        .map(|w| (100 - 100 * w[1].primary_area / w[0].primary_area, w[1].frame))
        .filter(|&(lost, _)| lost >= 40)
        .collect();
    drops.sort_by_key(|&(lost, frame)| (-lost, frame));
    let &(lost, _) = drops.first()?;
    let frames = drops.iter().take(MOST_FRAMES).map(|d| d.1).collect();
    Some(Check { is_good: false, text: format!("Mask area drops {lost} %: something uncovered?"), frames })
}

fn confidence(frames: &[DraftFrame]) -> Option<Check> {
    let known: Vec<&DraftFrame> = frames.iter().filter(|f| f.confidence.is_some()).collect();
    if known.is_empty() {
        return None;
    }
    let low: Vec<u32> = known
        .iter()
        .filter(|f| !f.locked && f.confidence.is_some_and(|c| c < LOW_CONFIDENCE))
        .map(|f| f.frame)
        .collect();
    if low.is_empty() {
        return Some(Check { is_good: true, text: "No frame with low confidence".into(), frames: vec![] });
    }
    let noun = if low.len() == 1 { "frame" } else { "frames" };
    let text = format!("Low confidence on {} {noun}: look, fix or lock", low.len());
    Some(Check { is_good: false, text, frames: low.into_iter().take(MOST_FRAMES).collect() })
}

fn first_frame(frames: &[DraftFrame], causes: &[Cause]) -> Option<Check> {
    let painted = frames.first().is_some_and(|f| f.frame == 0 && f.affected_area > 0);
    let mut marked = causes.iter().filter(|c| c.consequence != Consequence::Keep);
    let has_cells = marked.any(|c| c.cells_at(0).next().is_some());
    if !painted && !has_cells {
        return Some(Check {
            is_good: true,
            text: "Nothing affected on the first frame".into(),
            frames: vec![],
        });
    }
    let text = "Something is affected on the first frame: VOID keeps that frame as it is".into();
    Some(Check { is_good: false, text, frames: vec![0] })
}

fn paths(causes: &[Cause]) -> Option<Check> {
    let cause = causes.iter().find(|cause| cause.lacks_path())?;
    let text = format!("“{}” moves on its own and has no path: draw one, or leave it to VOID", cause.name);
    Some(Check { is_good: false, text, frames: vec![] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frame: u32, primary_area: i64, confidence: f32) -> DraftFrame {
        DraftFrame {
            frame,
            revision: 1,
            locked: false,
            painted: false,
            confidence: Some(confidence),
            primary_area,
            overlap_area: 0,
            affected_area: 0,
            primary_cells: domain::CellSet::default(),
        }
    }

    #[test]
    fn checks_point_at_the_frames_they_speak_of() {
        let frames = [frame(0, 1000, 0.9), frame(1, 390, 0.4), frame(2, 400, 0.9)];
        let found = checks(&frames, 4, &[]);
        let of = |part: &str| found.iter().find(|c| c.text.contains(part)).expect("that check").clone();
        assert_eq!(of("covered on 3/4").frames, [3]);
        let drop = of("drops 61 %");
        assert!(!drop.is_good && drop.frames == [1]);
        assert_eq!(of("Low confidence on 1 frame").frames, [1]);
        assert!(of("first frame").is_good);
    }

    #[test]
    fn a_locked_frame_is_not_doubted() {
        let mut doubtful = frame(0, 10, 0.1);
        doubtful.locked = true;
        let found = checks(&[doubtful], 1, &[]);
        assert!(found.iter().all(|c| c.is_good), "{found:?}");
    }
}
