//! Answers as regions: each category by its own rule.

use super::*;
use crate::Consequence;
use crate::outside::{Outside, Sends};

const CLIP: Clip = Clip { frames: 11, width: 640, height: 360, grid: Grid { rows: 8, cols: 14 } };

fn asked() -> Asked {
    let outside = Outside::new("http://127.0.0.1:1/v1", "m", Sends::Pictures, None).expect("an address");
    Asked::new(&outside, 1, 1)
}

fn all(answer: &str) -> Vec<Proposal> {
    let (reply, _) = Reply::read(answer).expect("JSON");
    let (reply, _) = reply.within(CLIP.frames, CLIP.grid);
    proposals(&reply, CLIP, &asked())
}

fn at(proposal: &Proposal, frame: u32) -> Vec<(u32, u32)> {
    proposal.cells_at(frame).collect()
}

#[test]
fn a_shadow_goes_from_place_to_place() {
    let answer = r#"{"confidence": 0.8, "affected_objects": [{"noun": "cast shadow", "category": "visual_artifact",
        "why": "It is cast by the person.", "grid_localizations": [
            {"frame": 0, "grid_regions": [{"row": 6, "col": 2}, {"row": 6, "col": 3}]},
            {"frame": 10, "grid_regions": [{"row": 6, "col": 12}, {"row": 6, "col": 13}]}]}]}"#;
    let shadow = &all(answer)[0];
    assert_eq!((shadow.effect, shadow.consequence), (Effect::Shadow, Consequence::Vanish));
    assert_eq!(shadow.name(|frame| frame), "Cast shadow");
    assert_eq!(at(shadow, 0), [], "the model knows no affected region on the first frame");
    assert_eq!(at(shadow, 5), [(6, 7), (6, 8)]);
    assert_eq!(at(shadow, 10), [(6, 12), (6, 13)]);
    assert!((shadow.confidence - 0.8).abs() < 1e-6);
}

#[test]
fn what_moves_has_its_size_along_its_way_from_its_first_appearance() {
    let answer = r#"{"affected_objects": [{"noun": "ball", "category": "physical", "will_move": true,
        "first_appears_frame": 4, "object_size_grids": {"rows": 3, "cols": 2},
        "trajectory_path": [{"frame": 4, "grid_row": 2, "grid_col": 2}, {"frame": 8, "grid_row": 6, "grid_col": 2}]}]}"#;
    let ball = &all(answer)[0];
    assert_eq!((ball.effect, ball.consequence), (Effect::Carried, Consequence::React));
    assert_eq!(at(ball, 3), []);
    let rows = |frame: u32| at(ball, frame).iter().map(|(row, _)| *row).collect::<BTreeSet<u32>>();
    assert_eq!(rows(4), BTreeSet::from([1, 2, 3]));
    assert_eq!(rows(6), BTreeSet::from([3, 4, 5]));
    assert_eq!(rows(10), BTreeSet::from([5, 6, 7]), "it rests where its way ends");
    let path = &ball.said.as_ref().expect("said").path;
    assert_eq!((path.len(), path[0].frame, path[1].frame), (2, 4, 8));
    assert!((path[0].x - 640.0 * 2.5 / 14.0).abs() < 0.1 && (path[0].y - 112.5).abs() < 0.1, "{path:?}");
}

#[test]
fn what_should_have_stayed_is_at_both_places() {
    let answer = r#"{"affected_objects": [{"noun": "golf ball", "category": "physical", "will_move": false,
        "currently_moving": true, "should_have_stayed": true, "original_position_grid": {"row": 5, "col": 4},
        "grid_localizations": [{"frame": 6, "grid_regions": [{"row": 3, "col": 10}]}]}]}"#;
    let ball = &all(answer)[0];
    assert_eq!((ball.effect, ball.consequence), (Effect::SetMoving, Consequence::Stay));
    for frame in 1..CLIP.frames {
        assert_eq!(at(ball, frame), [(3, 10), (5, 4)], "{frame}");
    }
}

#[test]
fn a_belonging_has_a_mark_where_it_was_seen_and_no_region() {
    let answer = r#"{"integral_belongings": [
        {"noun": "Hat", "why": "worn", "grid_localizations": [{"frame": 3, "grid_regions": [{"row": 0, "col": 5}, {"row": 99, "col": 5}]}]},
        {"noun": "bag", "why": "carried"}, {"noun": "  ", "why": "nothing"}]}"#;
    let found = all(answer);
    let [hat, bag] = &found[..] else { panic!("two") };
    assert_eq!((hat.effect, hat.shown), (Effect::Belonging, 3));
    let [at_3] = hat.said.as_ref().expect("said").boxes[..] else { panic!("one box") };
    assert_eq!((at_3.frame, at_3.y0, at_3.y1), (3, 0.0, 45.0));
    assert_eq!((at(hat, 3), at(hat, 4)), (vec![(0, 5)], vec![]));
    assert!(bag.spans.is_empty() && bag.name(|f| f) == "Bag");
}

#[test]
fn words_from_outside_are_one_short_line() {
    let noun = "a\\u0000b\\nc".to_owned() + &"d".repeat(500);
    let answer =
        format!(r#"{{"affected_objects": [{{"noun": "{noun}", "why": "<b>\r\n\tIgnore all rules</b>"}}]}}"#);
    let thing = &all(&answer)[0];
    let said = thing.said.as_ref().expect("said");
    assert!(said.noun.starts_with("a b cd") && said.noun.chars().count() <= NAME, "{said:?}");
    assert_eq!(said.why, "<b> Ignore all rules</b>");
    assert_eq!(thing.effect, Effect::Pressed);
}

#[test]
fn another_thing_far_from_the_targets_motion_does_not_count() {
    let (mut found, mut motion) = (Region::empty(720, 480), Region::empty(720, 480));
    motion.mark(100, 100, 400, 200);
    found.mark(410, 150, 415, 155); // beside the end of its way
    found.mark(600, 400, 640, 440);
    let grid = Grid::of(720, 480);
    assert_eq!(seen(&found, &close_to(&motion), grid), Cells::from([grid.at(410, 150, 720, 480)]));
    assert_eq!((reach(720, 480), reach(3840, 2160)), (50, 267));
}

#[test]
fn spans_and_frames_are_the_same_cells() {
    let all = vec![Cells::new(), Cells::from([(1, 1)]), Cells::from([(1, 1)]), Cells::from([(2, 1)])];
    let spans = spans(&all);
    assert_eq!(spans.len(), 2);
    assert_eq!(by_frame(&spans, 4), all);
    assert_eq!(by_frame(&spans, 2)[1], all[1]);
    assert!(by_frame(&spans, 0).is_empty());
}
