//! Words on the command line, as a person or a script looks for them.

#![cfg(feature = "void")]

use std::path::Path;
use std::process::{Command, Output};

use domain::{Level, Levels, Rate};
use media::{GreyWriter, QuadmaskWriter};
use serde_json::Value;

const SIZE: (u32, u32) = (96, 64);

fn stage(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_minus-one-worker")).arg("stage").args(arguments).output().unwrap()
}

fn said(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A ramp, and a square that is the target in its quadmask.
fn footage(folder: &Path, frames: u32) {
    let rate = Rate::new(25, 1).unwrap();
    let mut plate = GreyWriter::create(&folder.join("plate.mkv"), SIZE.0, SIZE.1, rate).unwrap();
    let mut masks = QuadmaskWriter::create(&folder.join("quadmask_0.mp4"), SIZE.0, SIZE.1, rate).unwrap();
    for frame in 0..frames {
        let ramp: Vec<u8> = (0..SIZE.0 * SIZE.1).map(|at| (40 + at % SIZE.0 + frame) as u8).collect();
        plate.write(&ramp).unwrap();
        let mut levels = Levels::background(SIZE.0, SIZE.1);
        (20..40).for_each(|y| levels.map_span(y, 30 + frame, 50 + frame, |_| Level::Primary));
        masks.write(&levels.to_grey()).unwrap();
    }
    plate.finish().unwrap();
    masks.finish().unwrap();
}

#[test]
fn words_are_found_on_key_frames_with_a_mask_each_and_what_is_affected() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    footage(folder.path(), 6);
    for network in ["sam3", "sam2"] {
        let made = stage(&["make-test-model", "--network", network, &path(network)]);
        assert!(made.status.success(), "{}", said(&made));
    }
    let run = |words: &str, more: &[&str], out: &str| {
        let (plate, weights, out) = (path("plate.mkv"), path("sam3"), path(out));
        let always = ["find", "--plate", &plate, "--weights", &weights, "--words", words];
        stage(&[&always[..], &["--device", "cpu", "--out", &out], more].concat())
    };
    let quadmask = path("quadmask_0.mp4");
    let carrier = path("sam2");
    let more = ["--every", "3", "--mask", &quadmask, "--carrier", &carrier, "--threshold", "0.05"];
    let ended = run("the square", &more, "out");
    assert!(ended.status.success(), "{}", said(&ended));
    assert!(said(&ended).contains("test model of random weights"), "{}", said(&ended));
    let told = json(&folder.path().join("out/found.json"));
    let frames: Vec<u64> =
        told["looked"].as_array().unwrap().iter().map(|looked| looked["frame"].as_u64().unwrap()).collect();
    assert_eq!(frames, [0, 3, 5]);
    assert_eq!(told["model"]["is_test_model"], true);
    assert_eq!(told["carried_by"]["is_test_model"], true);
    let sights = told["sights"].as_array().unwrap();
    assert!(!sights.is_empty(), "{told}");
    for sight in sights {
        let png = std::fs::read(folder.path().join("out").join(sight["mask"].as_str().unwrap())).unwrap();
        let levels = Levels::from_png(&png).unwrap();
        let [primary, ..] = levels.areas();
        assert!((levels.width(), levels.height()) == SIZE && primary > 0, "{sight}");
    }
    let affected = json(&folder.path().join("out/affected.json"));
    assert_eq!(affected["faithful"].as_array().unwrap().len(), 6);
    assert!(affected["ours"]["spans"].is_array(), "{affected}");

    // Nothing above the threshold is no success, and says what came nearest.
    let none = run("the square", &["--threshold", "0.9999"], "none");
    assert_eq!(none.status.code(), Some(1));
    assert!(
        said(&none).contains("Nothing on the") && said(&none).contains("came nearest"),
        "{}",
        said(&none)
    );
    assert!(!json(&folder.path().join("none/found.json"))["looked"].as_array().unwrap().is_empty());
}

#[test]
fn what_cannot_be_looked_for_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    footage(folder.path(), 3);
    for network in ["sam3", "sam2"] {
        assert!(stage(&["make-test-model", "--network", network, &path(network)]).status.success());
    }
    let many = "dog ".repeat(200);
    for (weights, words, more, says) in [
        ("sam3", "", &[][..], "Nothing was typed"),
        ("sam3", "🎤🎤", &[][..], "There is no word"),
        ("sam3", many.as_str(), &[][..], "These are 200 words"),
        ("sam2", "dog", &[][..], "has no vocabulary"),
        ("nowhere", "dog", &[][..], "is no folder"),
        ("sam3", "dog", &["--on", "7"][..], "names frame 7"),
    ] {
        let (plate, weights, out) = (path("plate.mkv"), path(weights), path("out"));
        let always = ["find", "--plate", &plate, "--weights", &weights, "--words", words, "--device", "cpu"];
        let ended = stage(&[&always[..], &["--out", &out], more].concat());
        assert_eq!(ended.status.code(), Some(1), "{says}");
        assert!(said(&ended).contains(says), "{says}: {}", said(&ended));
        assert!(!folder.path().join("out").exists(), "{says}");
    }
}
