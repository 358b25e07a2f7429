//! Small drawn clips whose truth is plain. They check rules, not parameters.

use domain::{Consequence, Effect, Step};

use super::*;

const W: u32 = 192;
const H: u32 = 108;

/// A frame: colour of a place, and whether that is the target.
type Draw = fn(i32, i32, i32) -> ([u8; 3], bool);

struct Drawn(Draw, u32);

impl Footage for Drawn {
    fn count(&self) -> u32 {
        self.1
    }

    fn size(&self) -> (u32, u32) {
        (W, H)
    }

    fn rgb(&mut self, frame: u32, width: u32, height: u32) -> Result<Vec<u8>, SourceError> {
        assert_eq!((width, height), (W, H), "never larger than the plate");
        Ok(places().flat_map(|(x, y)| (self.0)(x, y, frame as i32).0).collect())
    }

    fn target(&mut self, frame: u32, _: u32, _: u32) -> Result<Vec<u8>, SourceError> {
        Ok(places().map(|(x, y)| if (self.0)(x, y, frame as i32).1 { 255 } else { 0 }).collect())
    }
}

fn places() -> impl Iterator<Item = (i32, i32)> {
    (0..H as i32).flat_map(|y| (0..W as i32).map(move |x| (x, y)))
}

fn found(draw: Draw, frames: u32) -> Vec<Proposal> {
    let mut steps = Vec::new();
    let mut progress = |step: Step, _: u64, _: u64| {
        steps.push(step);
        Ok(())
    };
    let reasoned = reason(&mut Drawn(draw, frames), &ReasonParams::default(), &mut progress).unwrap();
    assert!(steps.contains(&Step::Register) && steps.contains(&Step::Reason));
    reasoned.proposals
}

/// A wall with something to hold on to.
fn wall(x: i32, y: i32) -> [u8; 3] {
    let grit = (x * 37 + y * 61 + (x / 7) * (y / 5) * 13) % 23;
    let tile = if (x / 12 + y / 12) % 2 == 0 { 0 } else { 22 };
    [150 + grit + tile, 140 + grit + tile, 118 + grit + tile].map(|v| v as u8)
}

fn in_box(x: i32, y: i32, left: i32, top: i32, w: i32, h: i32) -> bool {
    left <= x && x < left + w && top <= y && y < top + h
}

fn shaded(colour: [u8; 3]) -> [u8; 3] {
    colour.map(|v| (f32::from(v) * 0.72) as u8)
}

/// A block moves along with its shadow below it.
fn with_shadow(x: i32, y: i32, t: i32) -> ([u8; 3], bool) {
    let left = 10 + 4 * t;
    if in_box(x, y, left, 40, 20, 30) {
        return ([200, 60, 30], true);
    }
    let ground = wall(x, y);
    (if in_box(x, y, left - 4, 72, 28, 12) { shaded(ground) } else { ground }, false)
}

/// A block pushes another away that stood there.
fn pushing(x: i32, y: i32, t: i32) -> ([u8; 3], bool) {
    let left = (10 + 4 * t).min(82);
    let pushed = 104 + (t - 18).max(0) * 4;
    if in_box(x, y, left, 40, 20, 30) {
        return ([200, 60, 30], true);
    }
    (if in_box(x, y, pushed.min(150), 46, 18, 24) { [40, 70, 190] } else { wall(x, y) }, false)
}

/// Two blocks pass each other on different heights.
fn passing(x: i32, y: i32, t: i32) -> ([u8; 3], bool) {
    if in_box(x, y, 10 + 4 * t, 50, 20, 30) {
        return ([200, 60, 30], true);
    }
    (if in_box(x, y, 160 - 4 * t, 16, 18, 24) { [40, 70, 190] } else { wall(x, y) }, false)
}

/// A block that holds another one.
fn carrying(x: i32, y: i32, t: i32) -> ([u8; 3], bool) {
    let left = 10 + 3 * t;
    if in_box(x, y, left, 40, 16, 40) {
        return ([200, 60, 30], true);
    }
    (if in_box(x, y, left + 17, 46, 22, 18) { [40, 70, 190] } else { wall(x, y) }, false)
}

fn quiet(x: i32, y: i32, t: i32) -> ([u8; 3], bool) {
    if in_box(x, y, 10 + 4 * t, 40, 20, 30) { ([200, 60, 30], true) } else { (wall(x, y), false) }
}

fn sure(proposals: &[Proposal]) -> Vec<Effect> {
    proposals.iter().filter(|p| p.confidence >= 0.4 && p.effect.is_affected()).map(|p| p.effect).collect()
}

#[test]
fn a_shadow_vanishes_with_the_target() {
    let proposals = found(with_shadow, 36);
    assert_eq!(sure(&proposals), [Effect::Shadow], "{proposals:#?}");
    let shadow = &proposals[0];
    assert_eq!(shadow.consequence, Consequence::Vanish);
    // Row 78 of 108 is the sixth of eight rows of cells.
    let cells: Vec<_> = shadow.cells_at(20).collect();
    assert!(cells.contains(&(5, 7)), "{cells:?}");
    assert!(shadow.cells_at(20).all(|(row, _)| row >= 4), "{cells:?}");
}

#[test]
fn what_is_pushed_away_should_have_stayed() {
    let proposals = found(pushing, 40);
    assert_eq!(sure(&proposals), [Effect::SetMoving], "{proposals:#?}");
    let pushed = &proposals[0];
    assert_eq!(pushed.consequence, Consequence::Stay);
    assert!((17..=21).contains(&pushed.from), "{}", pushed.from);
    // Both where it stood and where it is.
    let cells: Vec<_> = pushed.cells_at(34).collect();
    assert!(cells.contains(&(4, 8)) && cells.contains(&(4, 11)), "{cells:?}");
    assert!(pushed.reason(|f| f + 1001).contains("moves from frame 10"), "{}", pushed.reason(|f| f + 1001));
}

#[test]
fn what_only_passes_is_not_affected() {
    assert_eq!(sure(&found(passing, 36)), []);
    assert_eq!(sure(&found(quiet, 36)), []);
}

#[test]
fn what_is_carried_reacts() {
    let proposals = found(carrying, 40);
    assert_eq!(sure(&proposals), [Effect::Carried], "{proposals:#?}");
    assert_eq!(proposals[0].consequence, Consequence::React);
}

#[test]
fn short_shots_and_missing_targets_are_said() {
    let one = reason(&mut Drawn(quiet, 1), &ReasonParams::default(), &mut |_, _, _| Ok(())).unwrap();
    assert!(one.proposals.is_empty() && one.notes[0].contains("One frame"), "{one:?}");
    let none = |x: i32, y: i32, _: i32| (wall(x, y), false);
    let missing = reason(&mut Drawn(none, 9), &ReasonParams::default(), &mut |_, _, _| Ok(()));
    assert!(matches!(missing, Err(Error::NoTarget)));
    let stopped = reason(&mut Drawn(quiet, 9), &ReasonParams::default(), &mut |_, _, _| Err(Stop));
    assert!(matches!(stopped, Err(Error::Stopped)));
}

#[test]
fn long_shots_are_looked_at_in_even_steps() {
    assert_eq!(footage::chosen(3, 200), [0, 1, 2]);
    let long = footage::chosen(10_000, 200);
    assert_eq!((long.len(), long[1]), (200, 50));
    assert!(footage::chosen(201, 200).len() <= 200);
    assert!(footage::chosen(0, 200).is_empty());
}
