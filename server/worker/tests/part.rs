//! A shot that is a part of its plate, through the stages on plain files: what was made of the part is verified with the
//! whole plate.

use std::path::Path;
use std::process::{Command, Output};

fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let mut ffmpeg = Command::new("ffmpeg");
    let output =
        ffmpeg.current_dir(folder).args(["-nostdin", "-v", "error"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How it ended and what it said.
fn worker(folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_minus-one-worker"));
    let Output { status, stderr, .. } =
        worker.current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_part_of_a_plate_is_segmented_removed_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let moving = "testsrc2=s=128x96:r=24,format=yuv420p";
    ffmpeg(here, &["-f", "lavfi", "-i", moving, "-frames:v", "12", "-c:v", "ffv1", "plate.mkv"]);
    let marked = "color=white:s=128x96:r=24,drawbox=40:30:24:20:black:fill,format=gray";
    ffmpeg(here, &["-f", "lavfi", "-i", marked, "-frames:v", "5", "-c:v", "ffv1", "quadmask.mkv"]);

    let (code, said) =
        worker(here, "stage remove --plate plate.mkv --first 4 --frames 5 --quadmask quadmask.mkv --out out");
    assert_eq!(code, Some(0), "{said}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(here.join("out/report.json")).unwrap()).unwrap();
    assert_eq!((&report["first"], &report["frames"]), (&4.into(), &5.into()));

    let files = format!(
        "--quadmask quadmask.mkv --edge {} --result out/result.mkv --matte out/matte.mkv",
        report["edge_px"]
    );
    for (part, wanted, words) in [
        ("--first 4 --frames 5", 0, "the plate's own"),
        ("--first 3 --frames 5", 1, "Not as it must be"),
        ("", 2, "The result has 5 frames, the plate has 12."),
        ("--first 4", 2, "The result has 5 frames, that part of the plate has 8."),
        ("--first 9 --frames 5", 2, "The plate has frames 0 to 11: 5 frames from frame 9 on are not in it."),
        ("--first 12", 2, "The plate has frames 0 to 11: 0 frames from frame 12 on are not in it."),
    ] {
        let (code, said) = worker(here, &format!("verify --plate plate.mkv {part} {files}"));
        assert_eq!(code, Some(wanted), "{part}: {said}");
        assert!(said.contains(words), "{part}: {said}");
    }
    let beyond = "stage remove --plate plate.mkv --first 9 --frames 5 --quadmask quadmask.mkv --out beyond";
    let (code, said) = worker(here, beyond);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("5 frames from frame 9 on are not in it"), "{said}");

    // Two targets: entries of one removal.
    let points = r#"[{"video_path": "plate.mkv", "primary_points_by_frame": {"0": [[50, 40]]}},
        {"video_path": "plate.mkv", "primary_points_by_frame": {"2": [[100, 20]]}}]"#;
    std::fs::write(here.join("points.json"), points).unwrap();
    let (code, said) =
        worker(here, "stage segment --plate plate.mkv --first 9 --points points.json --out masks");
    assert_eq!(code, Some(0), "{said}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(here.join("masks/report.json")).unwrap()).unwrap();
    assert_eq!((&report["first"], &report["frames"]), (&9.into(), &3.into()));
    assert_eq!(report["confidence"].as_array().unwrap().len(), 3);
}
