//! A shot that is a part of its plate, through the stages on plain files: what was made of the part is verified with the
//! whole plate.

use std::path::Path;

use crate::{ffmpeg, worker};

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

fn removal_report(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap()
}

/// Nothing where frames follow one another evenly, and otherwise the plate's own times.
#[test]
fn the_report_of_a_removal_has_the_times_of_a_plate_of_variable_rate() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let marked = "color=white:s=128x96:r=24,drawbox=40:30:24:20:black:fill,format=gray";
    for (name, left_out) in [("even", None), ("uneven", Some(3))] {
        let kept: Vec<i64> = (0..24).filter(|n| left_out != Some(n % 7)).collect();
        let count = kept.len().to_string();
        let (plate, quadmask) = (format!("{name}.mp4"), format!("{name}.mkv"));
        let select = left_out.map(|rest| format!(",select=not(eq(mod(n\\,7)\\,{rest}))")).unwrap_or_default();
        let filmed = "-f lavfi -i testsrc2=s=128x96:r=24:d=1 -vf format=yuv420p";
        let filmed = format!("{filmed}{select} -fps_mode vfr -c:v libx264 -preset ultrafast {plate}");
        ffmpeg(here, &filmed.split(' ').collect::<Vec<_>>());
        ffmpeg(here, &["-f", "lavfi", "-i", marked, "-frames:v", &count, "-c:v", "ffv1", &quadmask]);
        let (code, said) =
            worker(here, &format!("stage remove --plate {plate} --quadmask {quadmask} --out {name}"));
        assert_eq!(code, Some(0), "{said}");
        let report = removal_report(&here.join(name));
        assert_eq!(report["frames"], kept.len(), "{name}");
        if left_out.is_none() {
            assert_eq!(report.get("timestamps"), Some(&serde_json::Value::Null));
            continue;
        }
        let times: Vec<i64> = serde_json::from_value(report["timestamps"].clone()).unwrap();
        let (num, den): (f64, f64) = serde_json::from_value(report["time_base"].clone()).unwrap();
        let seconds = times.iter().map(|time| (time - times[0]) as f64 * num / den);
        let frames: Vec<i64> = seconds.map(|seconds| (seconds * 24.0).round() as i64).collect();
        assert_eq!(frames, kept, "in 24ths of a second");
        let files = format!(
            "--quadmask {quadmask} --edge {} --result {name}/result.mkv --matte {name}/matte.mkv",
            report["edge_px"]
        );
        let (code, said) = worker(here, &format!("verify --plate {plate} {files}"));
        assert_eq!(code, Some(0), "{said}");
    }
}

/// With a short reach, which says how many frames are looked at for one. Were the frames themselves kept, 120 more of them
/// would take 83 MB.
#[test]
fn a_removal_takes_no_more_memory_for_a_longer_plate() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("recipe.json"), r#"{"reach": 16}"#).unwrap();
    let peak = |frames: u32| -> f64 {
        let count = frames.to_string();
        let (plate, quadmask) = (format!("plate{frames}.mkv"), format!("quadmask{frames}.mkv"));
        let still = "smptebars=s=640x360:r=24,format=yuv444p";
        ffmpeg(here, &["-f", "lavfi", "-i", still, "-frames:v", &count, "-c:v", "ffv1", &plate]);
        let square = "color=black:s=60x60:r=24[c];[b][c]overlay=x='mod(8*n,580)':y=150,format=gray";
        let marked = format!("color=white:s=640x360:r=24[b];{square}");
        ffmpeg(here, &["-f", "lavfi", "-i", &marked, "-frames:v", &count, "-c:v", "ffv1", &quadmask]);
        let out = format!("out{frames}");
        let arguments =
            format!("stage remove --engine plate --plate {plate} --quadmask {quadmask} --recipe recipe.json");
        let (code, said) = worker(here, &format!("{arguments} --out {out}"));
        assert_eq!(code, Some(0), "{said}");
        let report = removal_report(&here.join(out));
        assert_eq!(report["frames"], frames);
        report["peak_rss_bytes"].as_f64().unwrap()
    };
    let (short, long) = (peak(40), peak(160));
    assert!(short > 0.0);
    assert!(long <= 1.15 * short, "{:.0} MB for 40 frames, {:.0} MB for 160", short / 1e6, long / 1e6);
}
