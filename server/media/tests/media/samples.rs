//! The four real shots, when they are there.

use media::{Reader, read_mask};

use crate::clips::{hashes, hashes_by_ffmpeg, probe, rate, sample};

#[test]
fn real_shots_have_every_frame() {
    let shots = [("ducky-float", 1296, 720, 62), ("lime", 3840, 2160, 46), ("pillow", 3840, 2160, 62)];
    for (shot, width, height, frames) in shots {
        let Some(path) = sample(&format!("{shot}/input_video.mp4")) else { continue };
        let (facts, index) = probe(&path).expect("probes");
        assert_eq!((facts.coded_width, facts.coded_height, facts.frames), (width, height, frames), "{shot}");
        assert_eq!(
            (facts.rate, facts.colour.assumed, facts.colour.matrix.as_str()),
            (rate(12, 1), true, "bt709")
        );
        let mut reader = Reader::open(&path, &index).expect("opens");
        if shot == "ducky-float" || shot == "lime" {
            reader.read(frames - 1).expect("the last frame");
        }
        if shot == "ducky-float" {
            assert_eq!(hashes(&path, &index), hashes_by_ffmpeg(&path, "yuv420p"));
        }
    }
}

#[test]
fn real_masks_are_near_their_levels() {
    let Some(path) = sample("ducky-float/trimask_quadmask.mp4") else { return };
    let mut mask = read_mask(&path).expect("opens");
    assert_eq!((mask.width(), mask.height(), mask.frames()), (1296, 720, 62));
    let grey = mask.read(30).expect("reads");
    let near = |v: u8| [0u8, 63, 127, 255].iter().any(|&level| v.abs_diff(level) <= 6);
    let share = grey.iter().filter(|&&v| near(v)).count() as f64 / grey.len() as f64;
    assert!(share > 0.98, "{share}");
}
