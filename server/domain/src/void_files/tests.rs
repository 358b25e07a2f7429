//! Files of VOID's tools out and in, and what is refused of them.

use super::*;
use crate::{BoxPrompt, CauseId, PointPrompt, TargetId};

const SIZE: (u32, u32) = (640, 360);
const FRAMES: u32 = 40;

fn target(name: &str, points: Vec<PointPrompt>, boxes: Vec<BoxPrompt>) -> Target {
    let colour = "#FF6B1A".to_owned();
    Target {
        found: None,
        target_id: TargetId(uuid::Uuid::from_u128(7)),
        name: name.to_owned(),
        colour,
        points,
        boxes,
    }
}

fn point(frame: u32, x: f32, y: f32, positive: bool) -> PointPrompt {
    PointPrompt { frame, x, y, positive }
}

fn targets() -> Vec<Target> {
    let around = BoxPrompt { frame: 12, x0: 10.0, y0: 20.0, x1: 51.0, y1: 60.0 };
    vec![
        target("Press", vec![point(2, 100.25, 50.0, true), point(2, 4.0, 4.0, false)], Vec::new()),
        target("Hose", vec![point(30, 639.8, 359.9, true)], vec![around]),
    ]
}

fn ball(path: Vec<PathPoint>) -> Cause {
    Cause {
        cause_id: CauseId(uuid::Uuid::nil()),
        name: "Ball".into(),
        reason: String::new(),
        consequence: Consequence::React,
        path,
        spans: Vec::new(),
    }
}

fn path() -> Vec<PathPoint> {
    [(3, 10.5, 20.0), (4, 30.0, 25.0), (39, 700.0, 90.25)]
        .map(|(frame, x, y)| PathPoint { frame, x, y })
        .to_vec()
}

fn words() -> Words {
    Words { removal: "remove the press".into(), after: "A duck floats on.".into() }
}

fn written(targets: &[Target], causes: &[Cause]) -> Vec<(&'static str, String)> {
    files(&Marked { frames: FRAMES, size: SIZE, rate: 12.0, targets, causes, words: &words() })
}

fn back(files: &[(&str, String)]) -> Result<Brought, BadFile> {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    read(&files, "duck", FRAMES, SIZE)
}

fn json(files: &[(&'static str, String)], name: &str) -> serde_json::Value {
    let (_, text) = files.iter().find(|(known, _)| *known == name).expect("written");
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn what_is_written_comes_back_exactly_in_any_order_of_the_files() {
    let causes = [ball(path()), Cause { consequence: Consequence::Vanish, ..ball(Vec::new()) }];
    let mut all = written(&targets(), &causes);
    for _ in 0..all.len() {
        all.rotate_left(1);
        let brought = back(&all).expect("read");
        assert_eq!(brought.targets, targets());
        assert_eq!(brought.paths, [DrawnPath { noun: "ball".into(), path: path() }]);
        assert_eq!(brought.removal.as_deref(), Some("remove the press"));
        assert_eq!(brought.after.as_deref(), Some("A duck floats on."));
    }
}

#[test]
fn the_files_have_the_keys_that_void_reads() {
    let skipped = Cause { name: "Lid".into(), ..ball(Vec::new()) };
    let all = written(&targets(), &[ball(path()), skipped]);
    let video = &json(&all, POINTS)["videos"][0];
    assert_eq!(video["instruction"], "remove the press");
    assert_eq!(video["min_grid"], 8);
    assert_eq!(video["primary_frames"], serde_json::json!([2, 12, 30]));
    // Positive points in whole pixels of the picture; a box as its middle.
    let points = serde_json::json!({ "2": [[100, 50]], "12": [[31, 40]], "30": [[639, 359]] });
    assert_eq!(video["primary_points_by_frame"], points);
    let info = json(&all, INFO);
    assert_eq!((&info["total_frames"], &info["num_points"]), (&40.into(), &3.into()));
    assert_eq!((&info["points_by_frame"], &info["first_appears_frame"]), (&points, &2.into()));
    let paths = json(&all, TRAJECTORIES);
    assert_eq!(paths[0]["object_noun"], "ball");
    assert_eq!(paths[0]["first_appears_frame"], 3);
    assert_eq!(paths[0]["trajectory_points"], serde_json::json!([[11, 20], [30, 25], [700, 90]]));
    assert_eq!((&paths[0]["grid_rows"], &paths[0]["grid_cols"]), (&8.into(), &14.into()));
    assert_eq!(paths[0]["trajectory_grid_cells"], serde_json::json!([[0, 0]]));
    assert_eq!(
        (&paths[1]["skipped"], &paths[1]["trajectory_points"]),
        (&true.into(), &serde_json::json!([]))
    );
    assert!(paths[1].get("grid_rows").is_none() && paths[1].get("first_appears_frame").is_none());
    assert_eq!(json(&all, PROMPT), serde_json::json!({ "bg": "A duck floats on." }));
}

#[test]
fn frames_are_written_in_the_order_of_their_numbers() {
    let many = target("Many", (0..12).map(|n| point(n, 5.0, 5.0, true)).collect(), Vec::new());
    let all = written(&[many], &[]);
    let (_, text) = all.iter().find(|(name, _)| *name == INFO).expect("written");
    let place = |frame: &str| text.find(&format!("\"{frame}\": [")).expect("written");
    assert!(place("2") < place("10") && place("9") < place("11"));
}

#[test]
fn points_that_those_tools_changed_count_and_ours_no_more() {
    let mut all = written(&targets(), &[]);
    all.retain(|(name, _)| *name == POINTS);
    let mut config = json(&all, POINTS);
    config["videos"][0]["primary_points_by_frame"]["2"] = serde_json::json!([[100, 50], [120, 60]]);
    let brought = read(&[(POINTS, &config.to_string())], "duck", FRAMES, SIZE).expect("read");
    let [only] = &brought.targets[..] else { panic!("{brought:?}") };
    assert_eq!((only.name.as_str(), only.points.len(), only.boxes.len()), ("Clicked in VOID’s tools", 4, 0));
    assert!(only.points.contains(&point(2, 120.0, 60.0, true)));
}

#[test]
fn forms_of_those_tools_themselves_are_read() {
    for text in [
        r#"{"videos": [{"video_path": "x/duck.mp4", "output_dir": "o", "primary_points_by_frame": {"2": [[5, 6]]}}]}"#,
        r#"[{"video_path": "duck.mp4", "primary_points": [[5, 6]], "first_appears_frame": 2}]"#,
        r#"{"total_frames": 40, "frame_width": 640, "frame_height": 360, "points_by_frame": {"2": [[5, 6]]}}"#,
        r#"{"videos": [{"video_path": "a.mp4", "primary_points_by_frame": {"0": [[1, 1]]}},
                       {"video_path": "duck.mov", "primary_points_by_frame": {"2": [[5.0, 6.0]]}}]}"#,
    ] {
        let brought = read(&[("points.json", text)], "duck", FRAMES, SIZE).expect(text);
        assert_eq!(brought.targets.len(), 1, "{text}");
        assert_eq!(brought.targets[0].points, [point(2, 5.0, 6.0, true)], "{text}");
    }
    // Without frames of their own, places are spread over the clip as the third stage takes them.
    let text = r#"[{"video_path": "v.mp4", "object_noun": "Ball", "first_appears_frame": 0, "skipped": false,
                    "trajectory_points": [[1, 2], [3, 4], [5, 6]], "trajectory_grid_cells": [[0, 0]], "grid_rows": 8, "grid_cols": 14},
                   {"video_path": "v.mp4", "object_noun": "lid", "skipped": true, "trajectory_points": [], "trajectory_grid_cells": []}]"#;
    let brought = read(&[("x_trajectories.json", text)], "duck", FRAMES, SIZE).expect("read");
    let [only] = &brought.paths[..] else { panic!("{brought:?}") };
    let frames: Vec<u32> = only.path.iter().map(|stop| stop.frame).collect();
    assert_eq!((only.noun.as_str(), frames), ("ball", vec![0, 20, 39]));
    let one = read(&[("x.json", text)], "duck", 1, SIZE).expect("read");
    assert_eq!(one.paths[0].path.len(), 1, "a shot of one frame has one place");
}

#[test]
fn what_is_of_another_shot_or_no_such_file_is_refused_in_words() {
    for (text, word) in [
        ("no json", "not JSON"),
        ("{}", "neither a points config"),
        ("3", "neither a points config"),
        (r#"{"videos": 3}"#, "no list"),
        (r#"{"videos": []}"#, "no videos"),
        (r#"{"videos": [3]}"#, "no object"),
        (r#"{"bg": 3}"#, "no text"),
        (r#"{"primary_points_by_frame": {"40": [[5, 6]]}}"#, "frame 40, the plate has 40 frames"),
        (r#"{"primary_points_by_frame": {"x": [[5, 6]]}}"#, "no frame number"),
        (r#"{"primary_points_by_frame": {"-1": [[5, 6]]}}"#, "no frame number"),
        (r#"{"primary_points_by_frame": {"1": [[5]]}}"#, "no list of [x, y]"),
        (r#"{"primary_points_by_frame": {"1": [[641, 6]]}}"#, "outside the picture of 640×360"),
        (r#"{"primary_points": [[1, 1]], "first_appears_frame": 99999999999}"#, "not in this shot"),
        (
            r#"{"total_frames": 41, "points_by_frame": {"2": [[5, 6]]}}"#,
            "of 41 frames of ?×?, the plate has 40",
        ),
        (r#"{"videos": [{"video_path": "a.mp4"}, {"video_path": "b.mp4"}]}"#, "none is called “duck”"),
        (r#"{"videos": [{"video_path": "duck.mp4"}, {"video_path": "duck.mov"}]}"#, "more than one entry"),
        (r#"[{"object_noun": "ball", "trajectory_points": "far"}]"#, "the points of “ball”"),
        (r#"{"primary_points_by_frame": {"1": [[5, 6]]}, "targets": 3}"#, "are not ours"),
    ] {
        let error = read(&[("marks.json", text)], "duck", FRAMES, SIZE).expect_err(text);
        assert!(error.to_string().starts_with("“marks.json” cannot be taken: "), "{error}");
        assert!(error.why.contains(word), "{text}: {error}");
    }
    let many: Vec<[u32; 2]> = (0..501).map(|n| [n, 3]).collect();
    let text = serde_json::json!({ "primary_points_by_frame": { "0": many } }).to_string();
    assert!(read(&[("m", &text)], "duck", FRAMES, SIZE).expect_err("too many").why.contains("501 points"));
    let far = target("Far", vec![point(0, 900.0, 3.0, true)], Vec::new());
    let text =
        serde_json::json!({ "primary_points_by_frame": { "0": [[639, 3]] }, "targets": [far] }).to_string();
    assert!(read(&[("m", &text)], "duck", FRAMES, SIZE).expect_err("outside").why.contains("“Far”"));
}

#[test]
fn real_files_of_the_reference_are_read() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    for (name, frames, size, clicks) in [
        ("lime", 46, (3840, 2160), 25),
        ("pillow", 62, (3840, 2160), 8),
        ("ducky-float", 62, (1296, 720), 23),
    ] {
        let Ok(text) = std::fs::read_to_string(samples.join(name).join(INFO)) else {
            println!("skipped: the shared samples are not here ({name})");
            continue;
        };
        let brought = read(&[(INFO, &text)], "input_video", frames, size).expect("read");
        assert_eq!(brought.targets.len(), 1, "{name}");
        assert_eq!(brought.targets[0].points.len(), clicks, "{name}");
        let prompt = std::fs::read_to_string(samples.join(name).join(PROMPT)).expect("beside it");
        assert!(read(&[(PROMPT, &prompt)], "x", frames, size).expect("read").after.is_some(), "{name}");
    }
}
