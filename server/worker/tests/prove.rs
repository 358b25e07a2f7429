//! The short forms of the proofs: the same code as `cargo xtask prove NAME`, with small counts.

use std::process::Command;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples");

/// Runs `prove NAME` on `count` units and gives its figures.
fn figures(name: &str, count: u64) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures.json");
    let mut prove = Command::new(env!("CARGO_BIN_EXE_minus-one-worker"));
    prove.args(["prove", name, "--count", &count.to_string(), "--samples", SAMPLES, "--out"]).arg(&out);
    let ended = prove.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    assert_eq!(report["broken"], serde_json::json!([]));
    report["figures"].clone()
}

/// Least PSNR against the truth on the demo shots in the short form, 1.5 dB under what it was on 2026-11-29.
const LEAST: [(&str, &str, f64); 8] = [
    ("ball-and-pins", "as_approved", 38.0),
    ("carried-box", "with_true_path", 21.5),
    ("carried-box", "without_path_it_stays", 23.3),
    ("carried-box", "without_path_it_vanishes", 24.9),
    ("crossing", "as_approved", 21.5),
    ("cast-shadow", "as_approved", 22.5),
    ("rolling-cart", "as_approved", 20.6),
    ("falling-leaf", "as_approved", 34.3),
];

#[test]
fn kept_samples_are_the_plates_own_and_verify_finds_what_is_not() {
    let figures = figures("plate", 3);
    let removals = |shots: &str| -> Vec<serde_json::Value> {
        let shots = figures[shots].as_array().unwrap().iter();
        shots.flat_map(|shot| shot["removals"].as_array().unwrap().clone()).collect()
    };
    let (demo, real) = (removals("demo"), removals("real"));
    assert_eq!(demo.len(), 5 + 5, "one shot in five formats, five shots in one each");
    if !std::path::Path::new(SAMPLES).is_dir() {
        println!("skipped the four real shots: {SAMPLES} is not there");
    } else {
        assert_eq!(real.len(), 4);
    }
    for removal in demo.iter().chain(&real) {
        assert_eq!(
            (&removal["max_delta_outside"], &removal["verify_exit"]),
            (&0.into(), &0.into()),
            "{removal}"
        );
    }
    for (shot, way, least) in LEAST {
        let found = figures["demo"].as_array().unwrap().iter().find(|figures| figures["shot"] == shot);
        let psnr = found.unwrap()["quality"][way]["psnr_db"].as_f64().unwrap();
        println!("{shot} {way}: {psnr} dB");
        assert!(psnr > least, "{shot} {way}: {psnr} dB, it was {:.1}", least + 1.5);
    }
    let exits = serde_json::json!({
        "one_sample_changed": 1, "matte_beyond_edge": 1, "result_one_frame_short": 2, "matte_is_no_video": 2,
    });
    assert_eq!(demo.iter().filter(|removal| removal["verify_exit_when"] == exits).count(), 5);
}

#[cfg(feature = "void")]
#[test]
fn the_networks_are_measured_beside_what_they_contain() {
    let figures = figures("nets", 1);
    // How long is not judged here, only that it was measured.
    for network in ["transformer", "encode", "decode"] {
        let sizes = figures[network].as_array().unwrap();
        assert_eq!(sizes.len(), 1);
        assert!(sizes[0]["ratio"].as_f64().unwrap() > 0.0, "{figures}");
    }
    for plan in ["full", "staged", "fp8", "streamed"] {
        assert!(figures["memory"]["tiny"][plan]["peak_rss_bytes"].as_u64().unwrap() > 0, "{figures}");
    }
    // What was not measured says so.
    let full_size = figures["full_size"].as_str().expect("a sentence");
    assert!(full_size.starts_with("not measured: "), "{full_size}");
}

#[cfg(feature = "void")]
#[test]
fn switches_are_measured_beside_what_is_without_them() {
    let figures = figures("switches", 1);
    let all = figures["switches"].as_array().unwrap();
    let knobs: std::collections::BTreeSet<_> = all.iter().map(|one| one["knob"].as_str().unwrap()).collect();
    for knob in ["reuse", "guidance_at_once", "fused", "windows_at_once", "preview"] {
        assert!(knobs.contains(knob), "{knobs:?}");
    }
    for one in all {
        assert!(one["mean_over_signal"].as_f64().is_some_and(f64::is_finite), "{one}");
        assert!(one["seconds_over_off"].as_f64().unwrap() > 0.0, "{one}");
    }
    let half = &figures["decode_half"];
    assert!(half["mean"].as_f64().unwrap() <= half["largest"].as_f64().unwrap(), "{half}");
}

#[cfg(feature = "void")]
#[test]
fn sam3_opens_in_both_published_forms_and_answers_two_phrases() {
    let figures = figures("sam3", 1);
    for form in ["transformers", "official"] {
        let told = &figures["forms"][form];
        assert!(told["file_bytes"].as_u64().unwrap() > 10_000, "{figures}");
        assert!(told["second_phrase_share_of_first"].as_f64().unwrap() > 0.0, "{figures}");
    }
}

#[cfg(feature = "void")]
#[test]
fn a_full_size_checkpoint_takes_no_more_memory_than_what_is_used_of_it() {
    let figures = figures("weights", 1);
    assert_eq!(figures["tensors"], 1024);
    assert_eq!(figures["blocks_in_use"], 1);
}

#[cfg(feature = "void")]
#[test]
fn both_layouts_of_sam2_open_and_answer_a_click_alike() {
    let figures = figures("sam2", 1);
    assert_eq!((&figures["size"], &figures["differing_pixels"]), (&"tiny".into(), &0.into()));
    for layout in ["original", "transformers"] {
        let told = &figures[layout];
        // 38.9 million numbers of four bytes, and their names.
        assert!(told["file_bytes"].as_u64().unwrap().abs_diff(155_600_000) < 1_000_000, "{told}");
        assert!(told["open_seconds"].as_f64().unwrap() > 0.0, "{told}");
        assert!(told["click_to_mask_seconds"].as_f64().unwrap() > 0.0, "{told}");
        // The weights are in use, and a process holds them once.
        assert!(told["peak_bytes"].as_u64().unwrap() > 150_000_000, "{told}");
    }
}
