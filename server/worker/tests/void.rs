//! VOID on the command line, as a person or a script runs it.

use std::path::Path;
use std::process::{Command, Output};

fn stage(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_minus-one-worker")).arg("stage").args(arguments).output().unwrap()
}

fn said(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout)
}

#[test]
fn help_tells_of_every_knob_with_its_range_and_default() {
    for stage_name in ["remove", "refine"] {
        let help = said(&stage(&[stage_name, "--help"]));
        for knob in domain::VoidRecipe::KNOBS {
            let default = domain::VoidRecipe::default_of(knob.name).unwrap();
            let told = format!("{} ({}; {default})", knob.name, knob.range);
            let plain = help.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(plain.contains(&told), "{told}\n{help}");
        }
    }
    assert!(!said(&stage(&["--help"])).contains("make-test-model"));
}

#[test]
fn help_of_every_stage_tells_what_it_writes() {
    let of_void = ["result.mkv", "matte.mkv", "proxy.mov", "model.mkv", "latents/", "report.json"];
    for (words, written) in [
        ("segment", &["mask.mkv", "report.json", "confidence"][..]),
        ("reason", &["causes.json", "report.json", "looked_at"][..]),
        ("remove", &of_void[..]),
        ("remove", &["max_delta_outside", "predicted", "measured", "morphing", "edge_px (0–64"][..]),
        ("refine", &of_void[..]),
    ] {
        let help = said(&stage(&[words, "--help"])).split_whitespace().collect::<Vec<_>>().join(" ");
        for written in written {
            assert!(help.contains(written), "{words}: {written}\n{help}");
        }
    }
    // And the list of stages says in one line what each is for.
    let list = said(&stage(&["--help"]));
    assert!(list.contains("Removes what the quadmask marks") && !list.contains("mask.mkv"), "{list}");
}

#[cfg(not(feature = "void"))]
#[test]
fn a_worker_without_libtorch_says_how_to_get_one_with() {
    let ended = stage(&["remove", "--engine", "void", "--plate", "a", "--quadmask", "b", "--out", "c"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(said(&ended).contains("built without libtorch"), "{}", said(&ended));
    assert!(!Path::new("c").exists());
}

#[cfg(feature = "void")]
mod with_libtorch {
    use domain::{Level, Levels, Rate};
    use media::{GreyWriter, QuadmaskWriter};

    use super::*;

    const SIZE: (u32, u32) = (96, 64);

    /// A grey ramp and a square in it.
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
        let recipe = serde_json::json!({
            "canvas_width": 96, "canvas_height": 64, "window_frames": 13, "overlap_frames": 8,
            "pass1": {"steps": 1}, "pass2": {"steps": 1, "when": "never"},
        });
        std::fs::write(folder.join("recipe.json"), recipe.to_string()).unwrap();
    }

    fn report(folder: &Path) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
    }

    /// Whether what was predicted is no more than twice and no less than half of what was measured. Of memory: on so small a model
    /// most of it is libtorch itself.
    fn near(told: &serde_json::Value, predicted: &str, measured: &str) -> bool {
        const FACTOR: f64 = 2.0;
        let predicted = told["predicted"][predicted].as_f64().unwrap();
        let measured = told["measured"][measured].as_f64().unwrap();
        (measured / FACTOR..measured * FACTOR).contains(&predicted)
    }

    #[test]
    fn both_passes_run_on_a_test_model_and_stand_up_to_verify() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        footage(folder.path(), 4);
        let made = stage(&["make-test-model", &path("weights")]);
        assert!(made.status.success(), "{}", said(&made));
        let files = [
            "--plate",
            &path("plate.mkv"),
            "--quadmask",
            &path("quadmask_0.mp4"),
            "--weights",
            &path("weights"),
            "--recipe",
            &path("recipe.json"),
            "--device",
            "cpu",
            "--prompt",
        ];
        let run = |first: &[&str], prompt: &str, more: &[&str], out: &str| {
            let out = ["--out", &path(out)].map(str::to_owned);
            let all = first.iter().chain(&files).copied().chain([prompt]).chain(more.iter().copied());
            let all: Vec<&str> = all.chain(out.iter().map(String::as_str)).collect();
            stage(&all)
        };
        for (prompt, more, says) in [
            ("", &[][..], "The prompt is empty"),
            ("A wall.", &["--seed", "9007199254740992"][..], "seed is 9007199254740992"),
        ] {
            let ended = run(&["remove", "--engine", "void"], prompt, more, "refused");
            assert_eq!(ended.status.code(), Some(1));
            assert!(said(&ended).contains(says), "{}", said(&ended));
            assert!(!folder.path().join("refused").exists());
        }
        let ended = run(&["remove", "--engine", "void"], "A wall.", &["--seed", "7"], "one");
        assert!(ended.status.success(), "{}", said(&ended));
        assert!(said(&ended).contains("test model"), "{}", said(&ended));
        let ended = run(&["refine", "--pass1", &path("one")], "A wall.", &[], "two");
        assert!(ended.status.success(), "{}", said(&ended));
        for (name, pass, seed) in [("one", 1, 7), ("two", 2, 42)] {
            let told = report(&folder.path().join(name));
            let numbers = ["pass", "frames", "width", "height", "max_delta_outside", "edge_px", "length"];
            let numbers = numbers.map(|key| told[key].as_u64().unwrap());
            assert_eq!(numbers, [pass, 4, 96, 64, 0, 4, 13], "{told}");
            assert_eq!(
                (&told["model"]["name"], &told["recipe"]["seed"]),
                (&"test model".into(), &seed.into())
            );
            assert_eq!(told["rate"], serde_json::json!([25, 1]));
            let morphing = &told["morphing"];
            let value = morphing["value"].as_f64().unwrap();
            assert!(value > 0.0 && morphing["threshold"] == 3.0, "{told}");
            let above = if pass == 1 { "switched_off" } else { "last_pass" };
            assert_eq!(morphing["led_to"], if value > 3.0 { above } else { "nothing" });
            assert!(near(&told, "bytes", "peak_rss_bytes"), "{told}");
            assert!(told["predicted"]["seconds"].as_f64().unwrap() > 0.0, "{told}");
            assert_eq!((&told["memory"], told["parts"].as_array().unwrap().len()), (&"full".into(), 1));
            assert!(told["peak_rss_bytes"].as_u64().unwrap() > 0 && told["seconds"].as_f64().unwrap() > 0.0);
            let (result, matte) = (path(&format!("{name}/result.mkv")), path(&format!("{name}/matte.mkv")));
            let verified = Command::new(env!("CARGO_BIN_EXE_minus-one-worker"))
                .args([
                    "verify",
                    "--edge",
                    "4",
                    "--plate",
                    &path("plate.mkv"),
                    "--quadmask",
                    &path("quadmask_0.mp4"),
                ])
                .args(["--result", &result, "--matte", &matte])
                .output()
                .unwrap();
            assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
        }
    }

    #[test]
    fn sam2_segments_from_the_same_clicks_as_the_segmenter_without_weights() {
        let folder = tempfile::tempdir().unwrap();
        footage(folder.path(), 4);
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let made = stage(&["make-test-model", "--network", "sam2", &path("weights")]);
        assert!(made.status.success(), "{}", said(&made));
        std::fs::write(path("points.json"), r#"{"primary_points_by_frame": {"1": [[20, 20], [24, 22]]}}"#)
            .unwrap();
        let run = |out: &str, more: &[&str]| {
            let (plate, points, out) = (path("plate.mkv"), path("points.json"), path(out));
            let always =
                ["segment", "--plate", &plate, "--points", &points, "--engine", "sam2", "--out", &out];
            stage(&[&always, more].concat())
        };
        let without = run("none", &[]);
        assert!(!without.status.success() && said(&without).contains("--weights PATH"), "{}", said(&without));
        assert!(!folder.path().join("none").exists(), "nothing is made for what cannot run");
        for (out, more) in [("a", vec![]), ("b", vec![]), ("boxed", vec!["--box-of-clicks"])] {
            let ended =
                run(out, &[&["--weights", &path("weights"), "--device", "cpu"], more.as_slice()].concat());
            assert!(ended.status.success(), "{}", said(&ended));
            assert!(said(&ended).contains("test model of random weights"), "{}", said(&ended));
            let report = report(&folder.path().join(out));
            assert_eq!((&report["engine"], &report["frames"]), (&"sam2".into(), &4.into()));
            assert_eq!(report["model"]["is_test_model"], true);
            assert_eq!(report["confidence"].as_array().unwrap().len(), 4);
        }
        let mask = |out: &str| std::fs::read(folder.path().join(out).join("mask.mkv")).unwrap();
        assert!(mask("a") == mask("b"));
    }

    #[test]
    fn pass_2_follows_by_itself_where_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        footage(folder.path(), 3);
        assert!(stage(&["make-test-model", &path("weights")]).status.success());
        let recipe = std::fs::read_to_string(path("recipe.json")).unwrap().replace("never", "always");
        std::fs::write(path("recipe.json"), recipe).unwrap();
        let ended = stage(&[
            "remove",
            "--engine",
            "void",
            "--plate",
            &path("plate.mkv"),
            "--quadmask",
            &path("quadmask_0.mp4"),
            "--weights",
            &path("weights"),
            "--recipe",
            &path("recipe.json"),
            "--prompt",
            "A wall.",
            "--out",
            &path("out"),
        ]);
        assert!(ended.status.success(), "{}", said(&ended));
        let passes =
            ["out", "out/pass2"].map(|name| report(&folder.path().join(name))["pass"].as_u64().unwrap());
        assert_eq!(passes, [1, 2]);
    }

    #[test]
    fn a_quadmask_of_another_length_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        footage(folder.path(), 3);
        std::fs::rename(path("quadmask_0.mp4"), path("short.mp4")).unwrap();
        footage(folder.path(), 4);
        assert!(stage(&["make-test-model", &path("weights")]).status.success());
        let ended = stage(&[
            "remove",
            "--engine",
            "void",
            "--plate",
            &path("plate.mkv"),
            "--quadmask",
            &path("short.mp4"),
            "--weights",
            &path("weights"),
            "--prompt",
            "A wall.",
            "--out",
            &path("out"),
        ]);
        assert_eq!(ended.status.code(), Some(1));
        assert!(said(&ended).contains("The quadmask has 3 frames, the plate has 4"), "{}", said(&ended));
        assert!(!folder.path().join("out").exists());
    }

    #[test]
    fn bad_input_is_refused_before_anything_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        footage(folder.path(), 3);
        assert!(stage(&["make-test-model", &path("weights")]).status.success());
        let rate = Rate::new(25, 1).unwrap();
        for (name, size, level) in
            [("large.mp4", (128, 96), Level::Primary), ("affected.mp4", SIZE, Level::Affected)]
        {
            let mut masks = QuadmaskWriter::create(&folder.path().join(name), size.0, size.1, rate).unwrap();
            for _ in 0..3 {
                let mut levels = Levels::background(size.0, size.1);
                (20..40).for_each(|y| levels.map_span(y, 30, 50, |_| level));
                masks.write(&levels.to_grey()).unwrap();
            }
            masks.finish().unwrap();
        }
        std::fs::write(path("steps.json"), r#"{"pass1": {"steps": 0}}"#).unwrap();
        std::fs::write(path("window.json"), r#"{"window_frames": 14}"#).unwrap();
        // Half of a download, and the weights of another network under the name of the right one.
        let whole = std::fs::read(path("weights/void_pass1.safetensors")).unwrap();
        let make = |name: &str, bytes: &[u8]| {
            assert!(stage(&["make-test-model", &path(name)]).status.success());
            std::fs::write(path(&format!("{name}/void_pass1.safetensors")), bytes).unwrap();
        };
        make("half", &whole[..whole.len() / 2]);
        make("foreign", &std::fs::read(path("weights/vae/diffusion_pytorch_model.safetensors")).unwrap());
        let refused = |quadmask: &str, weights: &str, recipe: &str| {
            let ended = stage(&[
                "remove",
                "--engine",
                "void",
                "--plate",
                &path("plate.mkv"),
                "--quadmask",
                &path(quadmask),
                "--weights",
                &path(weights),
                "--recipe",
                &path(recipe),
                "--device",
                "cpu",
                "--prompt",
                "A wall.",
                "--out",
                &path("out"),
            ]);
            assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
            said(&ended)
        };
        for (quadmask, weights, recipe, says) in [
            ("large.mp4", "weights", "recipe.json", "128×96"),
            ("none.mp4", "weights", "recipe.json", "none.mp4"),
            ("quadmask_0.mp4", "half", "recipe.json", "is cut off"),
            ("quadmask_0.mp4", "foreign", "recipe.json", "has no tensor"),
            ("quadmask_0.mp4", "nowhere", "recipe.json", "is no folder"),
            ("quadmask_0.mp4", "weights", "steps.json", "pass1.steps is 0"),
            ("quadmask_0.mp4", "weights", "window.json", "window_frames is 14"),
        ] {
            let told = refused(quadmask, weights, recipe);
            assert!(told.contains(says), "{quadmask} {weights} {recipe}: {told}");
            assert!(!folder.path().join("out").exists(), "{quadmask} {weights} {recipe}");
        }
        // Only who has read all of it knows that it marks nothing; no network was loaded until then.
        let told = refused("affected.mp4", "weights", "recipe.json");
        assert!(told.contains("marks nothing as primary"), "{told}");
        assert!(!folder.path().join("out/result.mkv").exists());
    }
}
