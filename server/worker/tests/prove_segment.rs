//! The short form of the segmenter's proof: the same code as `cargo xtask prove segment`, on small trial shots.

use std::process::Command;

#[test]
fn trial_shots_are_segmented_from_a_few_clicks() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures.json");
    let mut prove = Command::new(env!("CARGO_BIN_EXE_minus-one-worker"));
    prove.args(["prove", "segment", "--count", "24", "--seed", "5", "--out"]).arg(&out);
    let ended = prove.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    let shots = report["figures"]["trials"]["shots"].as_array().unwrap();
    assert_eq!(shots.len(), 6);
    for shot in shots {
        println!("{}: {}", shot["shot"], shot["mean_iou"]);
        assert_eq!((&shot["frames"], &shot["width"]), (&24.into(), &320.into()), "{shot}");
    }
    let mean = report["figures"]["trials"]["mean_iou"].as_f64().unwrap();
    assert!(mean > 0.76, "{mean}, it was 0.787");
}
