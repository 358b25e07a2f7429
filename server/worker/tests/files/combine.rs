//! Two masks to a quadmask: drift is read by thresholds, the first frame has nothing that is only affected, and what was changed is
//! told; masks that do not fit are refused in words.

use std::path::Path;

use domain::Rate;
use media::{GreyWriter, read_mask};

use crate::worker;

fn write(path: &Path, (width, height): (u32, u32), frames: &[&[u8]]) {
    let mut writer = GreyWriter::create(path, width, height, Rate::new(12, 1).unwrap()).unwrap();
    for grey in frames {
        let rest = (width * height) as usize - grey.len();
        writer.write(&[*grey, vec![255; rest].as_slice()].concat()).unwrap();
    }
    writer.finish().unwrap();
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("out/report.json")).unwrap()).unwrap()
}

#[test]
fn two_masks_are_combined_and_what_was_changed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let size = (64, 48);
    // Both, target, affected, none; then the same with values that a codec moved.
    write(&at.join("black.mkv"), size, &[&[0, 0, 255, 255], &[0, 2, 255, 253]]);
    write(&at.join("grey.mkv"), size, &[&[127, 255, 127, 255], &[126, 255, 129, 255]]);
    let (code, said) = worker(at, "stage combine --black black.mkv --grey grey.mkv --out out");
    assert_eq!(code, Some(0), "{said}");
    let mut made = read_mask(&at.join("out/quadmask_0.mp4")).unwrap();
    assert_eq!((made.frames(), made.facts().rate), (2, Rate::new(12, 1).unwrap()));
    assert_eq!(made.read(0).unwrap()[..4], [63, 0, 255, 255], "nothing is only affected on the first frame");
    assert_eq!(made.read(1).unwrap()[..4], [63, 0, 127, 255]);
    let told = report(at);
    assert_eq!(told["cleared"], 1, "{told}");
    assert_eq!(told["inexact"], 4, "{told}");
    assert_eq!(told["changed"][1], serde_json::json!({ "frame": 1, "inexact": 4, "cleared": 0 }));
    assert_eq!(told["areas"]["affected"], 1);

    // As the reference reads them, all that drifted is lost.
    let (code, said) =
        worker(at, "stage combine --black black.mkv --grey grey.mkv --out out --exact --keep-first");
    assert_eq!(code, Some(0), "{said}");
    let mut made = read_mask(&at.join("out/quadmask_0.mp4")).unwrap();
    assert_eq!(made.read(0).unwrap()[..4], [63, 0, 127, 255]);
    assert_eq!(made.read(1).unwrap()[..4], [255, 255, 255, 255]);
    assert_eq!(report(at)["cleared"], 0);
}

#[test]
fn masks_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(&at.join("black.mkv"), (64, 48), &[&[0], &[0]]);
    write(&at.join("short.mkv"), (64, 48), &[&[127]]);
    write(&at.join("small.mkv"), (32, 48), &[&[127], &[127]]);
    for (grey, says) in
        [("short", "one mask frame for each"), ("small", "at the plate's size"), ("none", "cannot be read")]
    {
        let (code, said) =
            worker(at, &format!("stage combine --black black.mkv --grey {grey}.mkv --out out"));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(!at.join("out/quadmask_0.mp4").exists());
    }
}
