//! Checks of the primary mask by itself: is it there, does it keep its size and place, is it clean.

use super::{Code, Finding, LOW_CONFIDENCE, Looked, Marks, Severity, count};
use crate::{Bounds, Loose, Shape};

/// Parts of a hundred that an area may lose from one frame to the next.
const MOST_LOST: i64 = 40;
/// How many times as large it may be on the next frame.
const MOST_GROWN: i64 = 250;
/// Smaller masks come and go with single pixels.
const LEAST_AREA: i64 = 64;
/// How far below its neighbours a confidence is a dip.
const DIP: f32 = 0.3;
/// Frames before a frame that its confidence is compared with.
const BEFORE: usize = 8;
/// Pixels beside the picture's edge that a mask leaves free by mistake.
const RIM: u32 = 3;
/// What two boxes share, as a part of the smaller one, below which something jumped.
const SAME_PLACE: f64 = 0.1;

pub(super) fn coverage(looked: &Looked) -> Option<Finding> {
    let covered: Vec<u32> = looked
        .marks
        .iter()
        .filter(|mark| mark.cover.primary_area > 0 && mark.frame < looked.frames)
        .map(|mark| mark.frame)
        .collect();
    let (Some(first), Some(last)) = (covered.first(), covered.last()) else {
        let found = Finding::new(Code::Coverage, Severity::Stops, "No frame has a primary mask yet");
        return Some(found.advise("click the target and grow its mask, or paint it"));
    };
    let mut is_covered = vec![false; looked.frames as usize];
    covered.iter().for_each(|frame| is_covered[*frame as usize] = true);
    let missing: Vec<u32> = (0..looked.frames).filter(|frame| !is_covered[*frame as usize]).collect();
    let has_gap = missing.iter().any(|frame| first < frame && frame < last);
    let text = format!("Target covered on {}/{} frames", covered.len(), looked.frames);
    Some(match (missing.is_empty(), has_gap) {
        (true, _) => Finding::new(Code::Coverage, Severity::Fine, text),
        (false, true) => Finding::new(Code::Coverage, Severity::Warns, text)
            .on(missing)
            .advise("look whether it is hidden there; where it shows, click it and grow the mask again"),
        (false, false) => Finding::new(Code::Coverage, Severity::Notes, text)
            .on(missing)
            .advise("it comes later or leaves earlier than the shot; where it shows, click it"),
    })
}

/// Frames that follow one another, both with enough of the target.
fn pairs<'a>(looked: &'a Looked) -> impl Iterator<Item = (&'a Marks<'a>, &'a Marks<'a>)> {
    let pairs = looked.marks.windows(2).map(|pair| (&pair[0], &pair[1]));
    pairs.filter(|(before, after)| after.frame == before.frame + 1 && before.cover.primary_area >= LEAST_AREA)
}

pub(super) fn area(looked: &Looked) -> Option<Finding> {
    let (mut lost, mut grown, mut frames) = (0, 0, Vec::new());
    for (before, after) in pairs(looked) {
        let (was, is) = (before.cover.primary_area, after.cover.primary_area);
        let (less, more) = (100 - 100 * is / was, 100 * is / was);
        if less >= MOST_LOST || more >= MOST_GROWN {
            frames.push(after.frame);
            lost = lost.max(less);
            grown = grown.max(more);
        }
    }
    let text = match (lost >= MOST_LOST, grown >= MOST_GROWN) {
        (false, false) => return None,
        (true, false) => format!("Mask area drops {lost} % from one frame to the next"),
        (false, true) => format!("Mask area grows {} % from one frame to the next", grown - 100),
        (true, true) => {
            format!("Mask area drops {lost} % and grows {} % from one frame to the next", grown - 100)
        }
    };
    let found = Finding::new(Code::Area, Severity::Warns, text).on(frames);
    Some(found.advise("look whether something is uncovered there, and fix or lock the frames"))
}

fn around(mark: &Marks) -> Option<Bounds> {
    mark.cover.shape.as_ref()?.primary
}

/// What two boxes share, as a part of the smaller one: a speck far away widens a box and moves nothing.
fn share(one: Bounds, other: Bounds) -> f64 {
    let width = one.x1.min(other.x1).saturating_sub(one.x0.max(other.x0));
    let height = one.y1.min(other.y1).saturating_sub(one.y0.max(other.y0));
    let common = u64::from(width) * u64::from(height);
    common as f64 / one.area().min(other.area()).max(1) as f64
}

/// The box a frame later, if it goes on as it did.
fn ahead(before: Bounds, last: Bounds) -> Bounds {
    let moved = |from: [u32; 2], to: [u32; 2]| {
        let by = (i64::from(to[0]) + i64::from(to[1]) - i64::from(from[0]) - i64::from(from[1])) / 2;
        to.map(|edge| (i64::from(edge) + by).clamp(0, i64::from(u32::MAX)) as u32)
    };
    let [x0, x1] = moved([before.x0, before.x1], [last.x0, last.x1]);
    let [y0, y1] = moved([before.y0, before.y1], [last.y0, last.y1]);
    Bounds { x0, y0, x1, y1 }
}

/// Frames on which the mask is neither where it was nor where it was going.
pub(super) fn place(looked: &Looked) -> Option<Finding> {
    let mut frames = Vec::new();
    // The frame before the first of each pair.
    let mut earlier: Option<(u32, Bounds)> = None;
    for (before, after) in pairs(looked) {
        let (Some(from), Some(to)) = (around(before), around(after)) else { continue };
        let way = earlier.filter(|(frame, _)| frame + 1 == before.frame);
        let goes_on = way.is_some_and(|(_, first)| share(ahead(first, from), to) >= SAME_PLACE);
        if share(from, to) < SAME_PLACE && !goes_on {
            frames.push(after.frame);
        }
        earlier = Some((before.frame, from));
    }
    if frames.is_empty() {
        return None;
    }
    let text = format!("The mask jumps to another place on {}", count(frames.len()));
    let found = Finding::new(Code::Place, Severity::Warns, text).on(frames);
    Some(found.advise("look whether it took something else for the target; click there and grow it again"))
}

pub(super) fn confidence(looked: &Looked) -> Option<Finding> {
    let mut known = false;
    let (mut low, mut sum) = (Vec::new(), 0.0);
    let mut before = std::collections::VecDeque::with_capacity(BEFORE);
    for mark in looked.marks {
        let Some(confidence) = mark.confidence else { continue };
        known = true;
        let usual = if before.is_empty() { confidence } else { sum / before.len() as f32 };
        if !mark.locked && (confidence < LOW_CONFIDENCE || confidence < usual - DIP) {
            low.push(mark.frame);
        }
        before.push_back(confidence);
        sum += confidence;
        if before.len() > BEFORE {
            sum -= before.pop_front().unwrap_or_default();
        }
    }
    if !known {
        return None;
    }
    if low.is_empty() {
        return Some(Finding::new(Code::Confidence, Severity::Fine, "No frame with low confidence"));
    }
    let text = format!("Low confidence on {}", count(low.len()));
    Some(Finding::new(Code::Confidence, Severity::Warns, text).on(low).advise("look, fix or lock"))
}

/// Frames on which something small is loose, and how many there are of it on the worst.
fn loose(looked: &Looked, of: fn(&Shape) -> Loose) -> Option<(Vec<u32>, u32)> {
    let (mut frames, mut most) = (Vec::new(), 0);
    for mark in looked.marks.iter().filter(|mark| !mark.locked) {
        let count = mark.cover.shape.as_ref().map_or(0, |shape| of(shape).count);
        if count > 0 {
            frames.push(mark.frame);
            most = most.max(count);
        }
    }
    (!frames.is_empty()).then_some((frames, most))
}

pub(super) fn specks(looked: &Looked) -> Option<Finding> {
    let (frames, most) = loose(looked, |shape| shape.specks)?;
    let text = format!("Specks beside the mask on {}, up to {most} on one", count(frames.len()));
    let found = Finding::new(Code::Specks, Severity::Warns, text).on(frames);
    Some(found.advise("erase them, or they are removed from the picture too"))
}

pub(super) fn holes(looked: &Looked) -> Option<Finding> {
    let (frames, most) = loose(looked, |shape| shape.holes)?;
    let text = format!("Small holes in the mask on {}, up to {most} on one", count(frames.len()));
    let found = Finding::new(Code::Holes, Severity::Warns, text).on(frames);
    Some(found.advise("fill them, or crumbs of the target stay"))
}

/// A mask that ends just before the picture does leaves a rim; one that goes out of it is worth knowing of.
pub(super) fn border(looked: &Looked) -> Option<Finding> {
    let (width, height) = looked.size;
    let (mut rims, mut touches) = (Vec::new(), Vec::new());
    for mark in looked.marks {
        let Some(Bounds { x0, y0, x1, y1 }) = around(mark) else { continue };
        let free = [x0, y0, width.saturating_sub(x1), height.saturating_sub(y1)];
        if free.iter().any(|free| (1..=RIM).contains(free)) && !mark.locked {
            rims.push(mark.frame);
        } else if free.contains(&0) {
            touches.push(mark.frame);
        }
    }
    if !rims.is_empty() {
        let text =
            format!("The mask ends up to {RIM} pixels before the picture’s edge on {}", count(rims.len()));
        let found = Finding::new(Code::Border, Severity::Warns, text).on(rims);
        return Some(found.advise("paint up to the edge if the target goes on, or a rim of it stays"));
    }
    if touches.is_empty() {
        return None;
    }
    let text = format!("The target touches the picture’s edge on {}", count(touches.len()));
    let found = Finding::new(Code::Border, Severity::Notes, text).on(touches);
    Some(found.advise("look whether its shadow or what it touches comes into the picture from there"))
}
