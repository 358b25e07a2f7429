//! Checks on small drawn masks, and what makes a tick stale; none reads a picture.

use super::*;
use crate::{CauseId, CellSpan, Consequence, Effect, Level, Levels, Shape};

const SIZE: (u32, u32) = (160, 90);

/// A frame on which a square of `side` pixels is to go.
fn square(x: u32, y: u32, side: u32) -> Levels {
    let mut levels = Levels::background(SIZE.0, SIZE.1);
    for row in y..y + side {
        levels.map_span(row, x, x + side, |_| Level::Primary);
    }
    levels
}

/// Covers of frames, with their levels' hashes; `None`: background only.
fn covers(frames: impl IntoIterator<Item = Levels>) -> Vec<(Option<Hash>, Cover)> {
    frames.into_iter().map(|levels| (Some(levels.hash()), Cover::of(&levels))).collect()
}

fn marks(covers: &[(Option<Hash>, Cover)]) -> Vec<Marks<'_>> {
    let confidence = Some(0.9);
    let all = (0..).zip(covers);
    all.map(|(frame, (levels, cover))| Marks { frame, levels: *levels, cover, confidence, locked: false })
        .collect()
}

fn looked<'a>(marks: &'a [Marks<'a>], causes: &'a [Cause]) -> Looked<'a> {
    let frames = marks.len() as u32;
    Looked { frames, size: SIZE, marks, causes, proposals: Some(&[]), recipe: None, first_frame: 1001 }
}

fn of(looked: &Looked, code: Code) -> Option<Check> {
    checks(looked).into_iter().find(|check| check.code == code)
}

fn at(from: u32, to: u32) -> FrameRange {
    FrameRange { from, to }
}

fn cause(spans: Vec<CellSpan>) -> Cause {
    Cause {
        cause_id: CauseId(uuid::Uuid::nil()),
        name: "Shadow".into(),
        reason: String::new(),
        consequence: Consequence::Vanish,
        path: Vec::new(),
        spans,
    }
}

#[test]
fn a_clean_mask_has_nothing_to_look_at() {
    let covers = covers((0..9).map(|n| square(20 + 2 * n, 30, 20)));
    let marks = marks(&covers);
    let found = checks(&looked(&marks, &[]));
    assert!(found.iter().all(|check| !check.is_open()), "{found:#?}");
    assert!(found.iter().any(|check| check.text == "Target covered on 9/9 frames"));
    assert_eq!(stop(&found), None);
}

#[test]
fn nothing_marked_and_masks_beyond_the_plate_stop() {
    let found = checks(&Looked { frames: 4, ..looked(&[], &[]) });
    assert!(stop(&found).expect("stops").starts_with("No frame has a primary mask yet: click"));
    let covers = covers((0..5).map(|_| square(20, 30, 20)));
    let marks = marks(&covers);
    let found = checks(&Looked { frames: 3, ..looked(&marks, &[]) });
    assert_eq!(found[0].frames, [at(3, 4)]);
    let words = stop(&found).expect("stops");
    assert!(
        words.starts_with("The mask goes on for 2 frames behind the plate’s end (the plate has 3 frames): ")
    );
    assert!(words.ends_with("grow the mask again."), "{words}");
}

#[test]
fn a_quadmask_of_another_length_or_size_fits_no_plate() {
    assert_eq!(fits((46, 160, 90), (46, 160, 90)), Ok(()));
    for mask in [(45, 160, 90), (46, 90, 160)] {
        let words = fits(mask, (46, 160, 90)).expect_err("another");
        assert!(words.contains("the plate 46 frames of 160×90"), "{words}");
    }
}

#[test]
fn gaps_are_told_from_coming_late_and_leaving_early() {
    let covers = covers((0..10).map(|_| square(20, 30, 20)));
    let mut all = marks(&covers);
    all.retain(|mark| ![0, 9].contains(&mark.frame));
    let check = of(&Looked { frames: 10, ..looked(&all, &[]) }, Code::Coverage).expect("said");
    assert_eq!((check.severity, check.frames), (Severity::Notes, vec![at(0, 0), at(9, 9)]));
    all.retain(|mark| ![4, 5].contains(&mark.frame));
    let check = of(&Looked { frames: 10, ..looked(&all, &[]) }, Code::Coverage).expect("said");
    assert_eq!(check.severity, Severity::Warns);
    assert_eq!(check.text, "Target covered on 6/10 frames");
    assert_eq!(check.frames, [at(0, 0), at(4, 5), at(9, 9)]);
}

#[test]
fn jumps_of_area_and_place_are_found_and_steady_motion_is_not() {
    let sides = [20, 20, 12, 12, 20, 20];
    let sized = covers(sides.iter().map(|side| square(20, 30, *side)));
    let check = of(&looked(&marks(&sized), &[]), Code::Area).expect("said");
    assert_eq!(check.frames, [at(2, 2), at(4, 4)]);
    assert!(check.text.contains("drops 64 %") && check.text.contains("grows 177 %"), "{}", check.text);

    // Faster than its own size, but on and on.
    let fast = covers((0..6).map(|n| square(2 + 24 * n, 30, 12)));
    let found = of(&looked(&marks(&fast), &[]), Code::Place);
    assert_eq!(
        found.map(|check| check.frames),
        Some(vec![at(1, 1)]),
        "only the first step came from nowhere"
    );
    let places = [20, 22, 24, 120, 28, 30];
    let jumped = covers(places.iter().map(|x| square(*x, 30, 20)));
    let check = of(&looked(&marks(&jumped), &[]), Code::Place).expect("said");
    assert_eq!(check.frames, [at(3, 4)]);
}

#[test]
fn a_dip_of_confidence_is_found_and_locked_frames_are_not_doubted() {
    let covers = covers((0..8).map(|_| square(20, 30, 20)));
    let mut all = marks(&covers);
    all[3].confidence = Some(0.55); // above the limit, but far below the others
    all[6].confidence = Some(0.2);
    let check = of(&looked(&all, &[]), Code::Confidence).expect("said");
    assert_eq!((check.severity, check.frames.as_slice()), (Severity::Warns, &[at(3, 3), at(6, 6)][..]));
    all[3].locked = true;
    all[6].locked = true;
    assert_eq!(of(&looked(&all, &[]), Code::Confidence).expect("said").severity, Severity::Fine);
    for mark in &mut all {
        mark.confidence = None;
    }
    assert_eq!(of(&looked(&all, &[]), Code::Confidence), None);
}

#[test]
fn specks_holes_and_the_edge_are_named_with_their_frames() {
    let dirty = |n: u32| {
        let mut levels = square(20, 30, 20);
        if (12..=18).contains(&n) {
            levels.set(100, 10, Level::Primary);
            levels.set(120, 10, Level::Primary);
        }
        if n == 3 {
            levels.set(25, 35, Level::Background);
        }
        levels
    };
    let covers = covers((0..20).map(dirty));
    let all = marks(&covers);
    let specks = of(&looked(&all, &[]), Code::Specks).expect("said");
    assert_eq!(specks.frames, [at(12, 18)]);
    assert!(specks.text.ends_with("on 7 frames, up to 2 on one"), "{}", specks.text);
    assert_eq!(of(&looked(&all, &[]), Code::Place), None, "specks move no mask");
    assert_eq!(of(&looked(&all, &[]), Code::Holes).expect("said").frames, [at(3, 3)]);

    let edges = [square(2, 30, 20), square(0, 30, 20), square(20, 30, 20)].map(|l| (None, Cover::of(&l)));
    let border = of(&looked(&marks(&edges), &[]), Code::Border).expect("said");
    assert_eq!((border.severity, border.frames), (Severity::Warns, vec![at(0, 0)]));
    let border = of(&looked(&marks(&edges)[1..], &[]), Code::Border).expect("said");
    assert_eq!((border.severity, border.frames), (Severity::Notes, vec![at(1, 1)]));
}

#[test]
fn what_is_affected_on_the_first_frame_is_said_whether_painted_or_marked() {
    let plain = covers((0..3).map(|_| square(20, 30, 20)));
    let mut painted = square(20, 30, 20);
    painted.set(100, 80, Level::Affected);
    let painted = covers([painted]);
    let keeps = Cause {
        consequence: Consequence::Keep,
        ..cause(vec![CellSpan { from: 0, to: 0, cells: vec![(1, 1)] }])
    };
    let shadow = cause(vec![CellSpan { from: 0, to: 2, cells: vec![(1, 1)] }]);
    let severity = |covers: &[(Option<Hash>, Cover)], causes: &[Cause]| {
        of(&looked(&marks(covers), causes), Code::FirstFrame).expect("said").severity
    };
    assert_eq!(severity(&plain, &[]), Severity::Fine);
    assert_eq!(severity(&plain, &[keeps]), Severity::Fine);
    assert_eq!(severity(&plain, &[shadow]), Severity::Warns);
    assert_eq!(severity(&painted, &[]), Severity::Warns);
}

fn shadow_at(col: u32) -> Proposal {
    Proposal {
        said: None,
        effect: Effect::Shadow,
        consequence: Consequence::Vanish,
        from: 2,
        to: 7,
        shown: 4,
        touches: None,
        share: 1.0,
        place: [0.1, 0.2, 0.3, 0.4],
        spans: vec![CellSpan { from: 2, to: 7, cells: vec![(6, col), (6, col + 1)] }],
        confidence: 0.8,
    }
}

#[test]
fn a_shadow_that_nobody_marked_is_named_until_it_is() {
    let covers = covers((0..9).map(|_| square(20, 30, 20)));
    let all = marks(&covers);
    let proposals = [(ProposalId(uuid::Uuid::nil()), shadow_at(5))];
    let said =
        |causes: &[Cause]| of(&Looked { proposals: Some(&proposals), ..looked(&all, causes) }, Code::Outside);
    let check = said(&[]).expect("said");
    assert_eq!(check.frames, [at(2, 7)]);
    assert!(check.text.contains("outside the affected region"), "{}", check.text);
    let half = cause(vec![CellSpan { from: 0, to: 4, cells: vec![(6, 5), (6, 6)] }]);
    assert_eq!(said(&[half]).expect("said").frames, [at(5, 7)]);
    let whole = cause(vec![CellSpan { from: 0, to: 8, cells: vec![(6, 5)] }]);
    assert_eq!(said(&[whole]), None, "half of its cells are enough");
    // A body that moves is no shadow.
    let body = [(ProposalId(uuid::Uuid::nil()), Proposal { effect: Effect::Carried, ..shadow_at(5) })];
    assert_eq!(of(&Looked { proposals: Some(&body), ..looked(&all, &[]) }, Code::Outside), None);
}

#[test]
fn a_shadow_that_ends_before_the_target_and_one_that_nobody_looked_for_are_noted() {
    let covers = covers((0..9).map(|_| square(20, 30, 20)));
    let all = marks(&covers);
    let early = [cause(vec![CellSpan { from: 2, to: 5, cells: vec![(6, 5)] }])];
    let check = of(&looked(&all, &early), Code::Outside).expect("said");
    assert_eq!((check.severity, check.frames), (Severity::Notes, vec![at(6, 8)]));
    let check = of(&Looked { proposals: None, ..looked(&all, &[]) }, Code::Outside).expect("said");
    assert!(check.text.starts_with("Nothing is marked as affected"));
    assert_eq!(of(&looked(&all, &[]), Code::Outside), None, "the reasoner looked");
}

#[test]
fn a_region_that_the_canvas_shrinks_is_said_with_its_size() {
    let covers = covers((0..9).map(|_| square(20, 30, 20)));
    let all = marks(&covers);
    let recipe = VoidRecipe { canvas_width: 64, canvas_height: 48, ..VoidRecipe::default() };
    let said = |recipe: &VoidRecipe| of(&Looked { recipe: Some(recipe), ..looked(&all, &[]) }, Code::Canvas);
    let check = said(&recipe).expect("said");
    assert_eq!((check.severity, check.frames.as_slice()), (Severity::Notes, &[at(0, 8)][..]));
    assert!(check.text.contains("2.5 times smaller") && check.text.contains("160×90"), "{}", check.text);
    assert!(check.to_do.contains("follow"));
    let small = VoidRecipe { canvas_width: 32, canvas_height: 32, ..recipe };
    assert_eq!(said(&small).expect("said").severity, Severity::Warns);
    assert_eq!(said(&VoidRecipe::default()), None);
}

#[test]
fn a_print_changes_with_the_masks_of_its_frames_alone() {
    let specked = |on: u32, also: u32| {
        covers((0..9).map(|n| {
            let mut levels = square(20, 30, 20);
            if n == on {
                levels.set(100, 10, Level::Primary);
            }
            if n == also {
                levels.set(26, 30, Level::Overlap);
            }
            levels
        }))
    };
    let print = |covers: &[(Option<Hash>, Cover)]| {
        of(&looked(&marks(covers), &[]), Code::Specks).expect("said").print
    };
    let one = print(&specked(4, 99));
    assert_eq!(one, print(&specked(4, 6)), "another frame changed");
    assert_ne!(one, print(&specked(4, 4)), "this one did");
    assert_ne!(one, print(&specked(5, 99)));
}

#[test]
fn more_ranges_than_can_be_named_are_counted() {
    let covers = covers((0..40).map(|n| {
        let mut levels = square(20, 30, 20);
        if n % 2 == 0 {
            levels.set(100, 10, Level::Primary);
        }
        levels
    }));
    let check = of(&looked(&marks(&covers), &[]), Code::Specks).expect("said");
    assert_eq!((check.frames.len(), check.more), (MOST_RANGES, 20 - MOST_RANGES as u32));
}

#[test]
fn frames_from_before_forms_were_counted_are_said() {
    let mut old = covers((0..3).map(|_| square(20, 30, 20)));
    old[1].1.shape = None;
    let all = marks(&old);
    assert_eq!(of(&looked(&all, &[]), Code::Unmeasured).expect("said").frames, [at(1, 1)]);
}

#[test]
fn one_frame_is_a_shot_too() {
    let covers = covers([square(20, 30, 20)]);
    let all = marks(&covers);
    let recipe = VoidRecipe::default();
    let found = checks(&Looked { recipe: Some(&recipe), ..looked(&all, &[]) });
    assert!(found.iter().all(|check| !check.is_open()), "{found:#?}");
    assert!(found.iter().any(|check| check.text == "Target covered on 1/1 frames"));
}

#[test]
fn ten_thousand_frames_are_looked_at_in_a_moment_and_are_small_to_keep() {
    const FRAMES: u32 = 10_000;
    let levels = square(20, 30, 20);
    let (hash, cover) = (levels.hash(), Cover::of(&levels));
    let all: Vec<Marks> = (0..FRAMES)
        .map(|frame| Marks { frame, levels: Some(hash), cover: &cover, confidence: Some(0.9), locked: false })
        .collect();
    // A shadow that is another one on each frame.
    let spans = (0..FRAMES).map(|n| CellSpan { from: n, to: n, cells: vec![(n % 8, n % 14)] }).collect();
    let causes = [cause(spans)];
    let moving = Proposal { from: 0, to: FRAMES - 1, spans: causes[0].spans.clone(), ..shadow_at(1) };
    let proposals: Vec<(ProposalId, Proposal)> =
        (0..20).map(|n| (ProposalId(uuid::Uuid::from_u128(n)), moving.clone())).collect();
    let recipe = VoidRecipe { region: crate::recipe::Area::Following, ..VoidRecipe::default() };
    let looked = Looked { proposals: Some(&proposals), recipe: Some(&recipe), ..looked(&all, &causes) };
    let before = std::time::Instant::now();
    let found = checks(&looked);
    // A loop over spans for each frame would take minutes.
    assert!(before.elapsed().as_secs() < 20, "{:?}", before.elapsed());
    assert!(found.iter().any(|check| check.text == "Target covered on 10000/10000 frames"));
    let row = cover.shape.as_ref().map(Shape::to_string).expect("counted");
    assert!(row.len() * FRAMES as usize <= 1_000_000, "{} letters a frame", row.len());
}

#[test]
fn what_a_run_takes_is_told_for_one_frame_and_for_ten_thousand() {
    use crate::predict::{latents_of, parts, snapped_length, windows};
    for (region, frames) in [(crate::recipe::Area::Whole, 1), (crate::recipe::Area::Following, 10_000)] {
        let recipe = VoidRecipe { region, ..VoidRecipe::default() };
        let all = parts(&recipe, frames, &[]);
        assert_eq!((all[0].start, all[all.len() - 1].end), (0, frames));
        assert!(all.windows(2).all(|pair| pair[1].start < pair[0].end && pair[0].start < pair[1].start));
        for part in &all {
            let latents = latents_of(snapped_length(part.end - part.start, recipe.window_frames));
            let of_part = windows(latents, latents_of(recipe.window_frames), recipe.overlap_frames / 4);
            assert_eq!(of_part[of_part.len() - 1].end, latents);
        }
    }
}
