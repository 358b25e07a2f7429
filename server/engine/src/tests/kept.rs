//! What stays between runs: networks, and what they made of prompts, masks and plates; and what happens when memory runs out.

use super::*;

const ALL: [&str; 3] = ["text encoder", "autoencoder", "transformer of pass 1"];

/// More than a test model takes.
fn roomy() -> Shelf {
    Shelf::new(1 << 30)
}

#[test]
fn a_second_run_loads_nothing() {
    let footage = clip("yuv420p", (96, 64), 5);
    let model = model_of(&footage);
    let alone = ran(&footage, &recipe("{}"), "alone", None, &mut ()).unwrap();
    assert_eq!(alone.about.loaded, ALL);
    for plan in ["full", "staged", "streamed", "fp8"] {
        let shelf = roomy();
        let recipe = recipe(&format!(r#"{{"memory": "{plan}"}}"#));
        let run = |out: &str| {
            let out = format!("{plan}-{out}");
            ran_on((&shelf, None), &footage, &model, &recipe, &out, None, &mut ()).unwrap()
        };
        let (first, second) = (run("one"), run("two"));
        assert_eq!(first.about.loaded, ALL, "{plan}");
        assert_eq!(second.about.loaded, Vec::<&str>::new(), "{plan}");
        assert_eq!(seen(&first), seen(&second), "{plan}");
        if plan != "fp8" {
            assert_eq!(seen(&first), seen(&alone), "{plan}");
        }
        assert!(shelf.held_bytes() > 0 && shelf.lent_bytes() == 0);
    }
}

#[test]
fn pass_2_takes_what_pass_1_left_and_loads_only_its_own() {
    let footage = clip("yuv420p", (96, 64), 5);
    let (recipe, shelf) = (recipe("{}"), roomy());
    let one = model_of(&footage);
    let two = Model::open(&weights(&footage), Pass::Two).unwrap();
    let on = (&shelf, None);
    let first = ran_on(on, &footage, &one, &recipe, "first", None, &mut ()).unwrap();
    let made = Some(first.made.as_path());
    let second = ran_on(on, &footage, &two, &recipe, "second", made, &mut ()).unwrap();
    assert_eq!(second.about.loaded, ["optical flow", "transformer of pass 2"]);
    // And back: both transformers have a place of their own.
    let again = ran_on(on, &footage, &one, &recipe, "again", None, &mut ()).unwrap();
    assert_eq!(again.about.loaded, Vec::<&str>::new());
    assert_eq!(seen(&first), seen(&again));
}

#[test]
fn without_a_budget_nothing_stays_and_with_a_small_one_the_last_does() {
    let footage = clip("yuv420p", (96, 64), 3);
    let (model, recipe) = (model_of(&footage), recipe("{}"));
    let run = |shelf: &Shelf, out: &str| {
        ran_on((shelf, None), &footage, &model, &recipe, out, None, &mut ()).unwrap().about.loaded
    };
    let none = Shelf::default();
    assert_eq!([run(&none, "a"), run(&none, "b")], [ALL, ALL]);
    assert_eq!(none.held_bytes(), 0);
    // As much as one of them takes: each pushes out the one that was used longest ago.
    let shelf = roomy();
    run(&shelf, "c");
    let one = shelf.held_bytes() - 1;
    let small = Shelf::new(one);
    run(&small, "d");
    assert!(small.held_bytes() <= one && !small.waiting().is_empty(), "{:?}", small.waiting());
    let loaded = run(&small, "e");
    assert!(!loaded.is_empty() && loaded.len() < ALL.len(), "{loaded:?}");
}

#[test]
fn weights_that_changed_are_loaded_anew() {
    let footage = clip("yuv420p", (96, 64), 3);
    let (shelf, recipe) = (roomy(), recipe("{}"));
    let run = |out: &str| {
        let model = model_of(&footage);
        ran_on((&shelf, None), &footage, &model, &recipe, out, None, &mut ()).unwrap()
    };
    let before = run("before");
    assert_eq!(run("same").about.loaded, Vec::<&str>::new());
    let folder = weights(&footage);
    // Those of pass 2 are those of another transformer.
    std::fs::copy(folder.join("void_pass2.safetensors"), folder.join("void_pass1.safetensors")).unwrap();
    std::fs::remove_file(folder.join("accepted.json")).unwrap();
    let after = run("after");
    assert_eq!(after.about.loaded, ["transformer of pass 1"]);
    assert_ne!(hashes(&before.made), hashes(&after.made));
}

#[test]
fn prompts_masks_and_plates_are_kept_by_what_they_are() {
    let footage = clip("yuv420p", (96, 64), 3);
    let model = model_of(&footage);
    let cache = Cache::new(&footage.folder.path().join("cache"), 1 << 30);
    let run = |text: &str, out: &str| {
        let on = (&Shelf::default(), Some(&cache));
        ran_on(on, &footage, &model, &recipe(text), out, None, &mut ()).unwrap()
    };
    let first = run("{}", "first");
    assert_eq!(first.about.loaded, ALL);
    // Made from latents that were kept, in another folder: neither prompt nor pictures are encoded again.
    let steps = run(r#"{"pass1": {"steps": 3}}"#, "steps");
    assert_eq!(steps.about.loaded, ["transformer of pass 1", "autoencoder"], "to decode");
    // Another seed draws other noise over the plate; prompt and mask are the same.
    let names = || {
        let entries = std::fs::read_dir(footage.folder.path().join("cache")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.iter().map(|name| name.split('-').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["mask", "plate", "text"]);
    run(r#"{"seed": 7}"#, "seed");
    assert_eq!(names(), ["mask", "plate", "plate", "text"]);
    run(r#"{"seed": 8, "video_noise": 0}"#, "clean");
    run(r#"{"seed": 9, "video_noise": 0, "pass1": {"steps": 2, "guidance": 2.0}}"#, "guided");
    assert_eq!(names(), ["mask", "plate", "plate", "plate", "text", "text"], "and the negative prompt");
    // The same bits as without a cache.
    let plain = ran(&footage, &recipe(r#"{"pass1": {"steps": 3}}"#), "plain", None, &mut ()).unwrap();
    assert_eq!(seen(&plain), seen(&steps));
}

/// Runs out of memory, as libtorch says it, at the n-th report of a step, so many times; counts what is reported.
struct OutOfMemory {
    step: Step,
    at: u32,
    times: u32,
    seen: u32,
}

impl Reporter for OutOfMemory {
    fn step(&mut self, step: Step, done: u64, total: u64) -> std::result::Result<(), Cancelled> {
        if step != self.step || done >= total {
            return Ok(());
        }
        self.seen += 1;
        if self.times > 0 && self.seen >= self.at {
            self.times -= 1;
            panic!("Torch(\"CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0)\")");
        }
        Ok(())
    }
}

#[test]
fn a_run_that_runs_out_of_memory_goes_on_from_its_last_step_under_the_next_smaller_plan() {
    let footage = clip("yuv420p", (96, 64), 5);
    let (model, shelf) = (model_of(&footage), roomy());
    let recipe = recipe(r#"{"memory": "full", "pass1": {"steps": 4}}"#);
    let whole = ran(&footage, &recipe, "whole", None, &mut ()).unwrap();
    let on = (&shelf, None);
    let mut twice = OutOfMemory { step: Step::Denoise, at: 3, times: 2, seen: 0 };
    let made = ran_on(on, &footage, &model, &recipe, "twice", None, &mut twice).unwrap();
    assert_eq!(made.about.memory, Memory::Streamed);
    // Two steps, the third begun three times, and the fourth: none is made twice.
    assert_eq!((twice.seen, made.about.resumed_steps), (6, 2));
    assert_eq!(seen(&made), seen(&whole));

    let mut always = OutOfMemory { step: Step::Denoise, at: 1, times: u32::MAX, seen: 0 };
    let said = ran_on(on, &footage, &model, &recipe, "never", None, &mut always).unwrap_err();
    assert!(matches!(said, Error::NoMemory), "{said}");
    assert_eq!(always.seen, 3, "one attempt under each plan");
    assert_eq!(shelf.lent_bytes(), 0);
    let folder = footage.folder.path().join("never");
    assert!(!folder.join("result.mkv").exists() && !folder.join("model.mkv").exists());
    // What was done stays: with more memory it goes on.
    let again = ran_on(on, &footage, &model, &recipe, "never", None, &mut ()).unwrap();
    assert_eq!(seen(&again), seen(&whole));
}

#[test]
fn switches_that_only_round_otherwise_change_next_to_nothing() {
    let footage = clip("yuv420p", (96, 64), 29);
    let plain = r#""pass1": {"steps": 2, "guidance": 2.0}"#;
    let pixels = |removed: &Removed| -> Vec<f64> {
        let mut file = PlateFile::open(&removed.made, &mut ()).unwrap();
        let mut all = Vec::new();
        for frame in 0..file.frames() {
            let picture = file.picture(frame).unwrap();
            all.extend(picture.planes.iter().flat_map(|plane| plane.data.iter().map(|v| f64::from(*v))));
        }
        all
    };
    let off = ran(&footage, &recipe(&format!("{{{plain}}}")), "off", None, &mut ()).unwrap();
    // 29 frames in windows of 13 that share 8: three of one length.
    assert!(off.about.windows.len() >= 3, "{:?}", off.about.windows);
    let off = pixels(&off);
    for switch in [r#""fused": true"#, r#""windows_at_once": 3"#, r#""guidance_at_once": false"#] {
        let made = ran(&footage, &recipe(&format!("{{{plain}, {switch}}}")), "on", None, &mut ()).unwrap();
        let most = pixels(&made).iter().zip(&off).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(most <= 2.0, "{switch}: {most} of 255");
    }
    // Stopped in the middle of a step, a run of several windows at once gives the same bits too.
    let together = recipe(&format!(r#"{{{plain}, "windows_at_once": 2}}"#));
    let whole = ran(&footage, &together, "whole", None, &mut ()).unwrap();
    let stopped = ran(&footage, &together, "stopped", None, &mut StopAt(Step::Denoise, 3));
    assert!(matches!(stopped, Err(Error::Pipeline(pipeline::Error::Cancelled))));
    let resumed = ran(&footage, &together, "stopped", None, &mut ()).unwrap();
    assert_eq!(seen(&resumed), seen(&whole));
    // A preview is decoded at half the size, and has the canvas's.
    let quick = ran(&footage, &recipe(r#"{"preview": true}"#), "quick", None, &mut ()).unwrap();
    let file = PlateFile::open(&quick.made, &mut ()).unwrap();
    assert_eq!((file.size(), file.frames()), ((96, 64), 29));
    assert!(quick.about.is_preview && quick.notes.iter().any(|note| note == PREVIEW_NOTE));
}
