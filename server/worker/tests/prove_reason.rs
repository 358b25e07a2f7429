//! The short form of the reasoner's proof: the same code as `cargo xtask prove reason`, on small demo shots.

use std::process::Command;

#[test]
fn affected_things_are_found_on_shots_whose_truth_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures.json");
    let mut prove = Command::new(env!("CARGO_BIN_EXE_minus-one-worker"));
    prove.args(["prove", "reason", "--count", "40", "--out"]).arg(&out);
    let ended = prove.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    for set in ["tuned", "unseen"] {
        let figures = &report["figures"]["demo"][set];
        println!(
            "{set}: recall {}, precision {}, region {} (nouns only {})",
            figures["recall"], figures["precision"], figures["region_iou"], figures["noun_only_region_iou"]
        );
        assert_eq!(figures["shots"].as_array().unwrap().len(), 6, "{set}");
    }
}
