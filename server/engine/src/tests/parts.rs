//! Clips in parts: longer than a window, with cuts, with regions that follow; and what runs hold on to.

use super::*;

#[test]
fn a_result_of_pass_1_that_shows_another_part_of_the_plate_is_refused() {
    let footage = footage("yuv420p", (640, 360), 3, |frame| {
        let mut levels = Levels::background(640, 360);
        (40..60).for_each(|y| levels.map_span(y, 500 + frame, 520 + frame, |_| Level::Primary));
        levels
    });
    let marked = recipe(r#"{"region": "marked"}"#);
    let first = ran(&footage, &marked, "first", None, &mut ()).unwrap();
    let said = ran(&footage, &recipe("{}"), "second", Some(&first.made), &mut ()).unwrap_err().to_string();
    assert!(said.contains("model.mkv shows the model another part of the plate"), "{said}");
    assert!(said.contains("not 640×360 at 0, 0 in frames 0 to 2"), "{said}");
    let other = footage_like(&footage);
    let ignoring = VoidRecipe { cuts: domain::recipe::Cuts::Ignore, ..marked.clone() };
    let said = ran(&other, &ignoring, "second", Some(&first.made), &mut ()).unwrap_err().to_string();
    assert!(said.contains("was made of another plate"), "{said}");
    // Neither of these is refused; the rest of pass 2 is seen elsewhere.
    for (recipe, pass1) in [(&marked, &first.made), (&recipe("{}"), &first.files.result)] {
        let stopped = ran(&footage, recipe, "second", Some(pass1), &mut StopAt(Step::Flow, 0)).unwrap_err();
        assert!(matches!(stopped, Error::Pipeline(pipeline::Error::Cancelled)), "{stopped}");
    }
}

/// The same marks on another plate.
fn footage_like(known: &Footage) -> Footage {
    let other = shot("yuv420p", (640, 360), 3, 1, |_| Levels::background(640, 360));
    std::fs::copy(&known.quadmask, &other.quadmask).unwrap();
    other
}

#[test]
fn longer_clips_roll_on_and_scenes_are_made_by_themselves() {
    // 230 frames, more than the reference's 197; a cut at 101.
    let size = (96, 64);
    let footage = cut_footage(size, 230, 101, |frame| wandering(size, frame % 30));
    let short = recipe(r#"{"window_frames": 85, "overlap_frames": 16, "pass1": {"steps": 1}}"#);
    let removed = ran(&footage, &short, "out", None, &mut ()).unwrap();
    let about = &removed.about;
    assert_eq!(about.cuts, [101]);
    assert_eq!(about.parts.iter().map(|part| part.frames).collect::<Vec<_>>(), [[0, 100], [101, 229]]);
    // 101 frames and 129, which become 133.
    assert_eq!(about.length, 101 + 133);
    assert_eq!(about.windows, [[0, 84], [69, 100], [101, 185], [170, 233]]);
    assert!(removed.notes.iter().any(|note| note.contains("cuts to another scene at frame 101")));
    assert_eq!((removed.proof.frames, removed.proof.max_delta_outside), (230, 0));
    let Written { result, matte, .. } = &removed.files;
    assert!(verify(&footage.plate, &footage.quadmask, 4, result, matte).unwrap().is_good());
    let told = predict(&short, 1, 230, &about.cuts, &model_of(&footage), Device::Cpu, about.pace).unwrap();
    assert_eq!((told.windows.as_slice(), told.length), (about.windows.as_slice(), about.length));
    assert!(told.seconds.unwrap() > 0.0);

    let one =
        recipe(r#"{"window_frames": 85, "overlap_frames": 16, "pass1": {"steps": 1}, "cuts": "ignore"}"#);
    let removed = ran(&footage, &one, "one", None, &mut ()).unwrap();
    assert_eq!((removed.about.cuts.len(), removed.about.length), (0, 237));
    assert_eq!(removed.about.windows, [[0, 84], [69, 156], [141, 228], [213, 236]]);
}

#[test]
fn a_scene_in_which_nothing_is_marked_is_left_out() {
    let size = (96, 64);
    let mark = |frame| if frame < 6 { wandering(size, frame) } else { Levels::background(96, 64) };
    let footage = cut_footage(size, 14, 6, mark);
    let removed = ran(&footage, &recipe("{}"), "out", None, &mut ()).unwrap();
    assert_eq!(removed.about.parts.len(), 1);
    assert_eq!((removed.about.parts[0].frames, removed.about.length), ([0, 5], 13));
    let (made, result) = (hashes(&removed.made), hashes(&removed.files.result));
    assert_eq!((made.len(), result.len()), (14, 14));
    assert_eq!(result[6..], hashes(&footage.plate)[6..]);
    // And pass 2 knows.
    let second = ran(&footage, &recipe("{}"), "second", Some(&removed.made), &mut ()).unwrap();
    assert_eq!(second.about.parts, removed.about.parts);
}

#[test]
fn a_region_follows_what_moves() {
    let footage = footage("yuv420p", (640, 360), 22, |frame| {
        let mut levels = Levels::background(640, 360);
        let left = 20 + 24 * frame;
        (40..60).for_each(|y| levels.map_span(y, left, left + 24, |_| Level::Primary));
        levels
    });
    let following = recipe(r#"{"region": "following", "region_margin": 0, "pass1": {"steps": 1}}"#);
    let removed = ran(&footage, &following, "out", None, &mut ()).unwrap();
    let parts = &removed.about.parts;
    assert!(parts.len() >= 3, "{parts:?}");
    for pair in parts.windows(2) {
        assert!(pair[1].frames[0] > pair[0].frames[0] && pair[1].frames[0] + 7 <= pair[0].frames[1]);
        assert!(pair[1].region[0] >= pair[0].region[0]);
    }
    assert!(parts[0].region[0] < 20 && parts[parts.len() - 1].region[0] > 100, "{parts:?}");
    assert!(parts.iter().all(|part| part.region[2] < 600), "{parts:?}");
    let Written { result, matte, .. } = &removed.files;
    assert!(verify(&footage.plate, &footage.quadmask, 4, result, matte).unwrap().is_good());
    // What fades from one region into the next can only be gone on from as a whole picture.
    let said = ran(&footage, &following, "no", Some(&removed.made), &mut ()).unwrap_err().to_string();
    assert!(said.contains("it fades from one region into the next"), "{said}");
    let stopped = ran(&footage, &following, "yes", Some(result), &mut StopAt(Step::Flow, 0)).unwrap_err();
    assert!(matches!(stopped, Error::Pipeline(pipeline::Error::Cancelled)), "{stopped}");
}

#[test]
fn all_plans_of_memory_give_the_same_bits() {
    let footage = clip("yuv420p", (96, 64), 5);
    let with =
        |plan: &str| recipe(&format!(r#"{{"memory": "{plan}", "pass1": {{"steps": 2, "guidance": 2.0}}}}"#));
    let full = ran(&footage, &with("full"), "full", None, &mut ()).unwrap();
    assert_eq!(full.about.memory, Memory::Full);
    for plan in ["staged", "streamed"] {
        let other = ran(&footage, &with(plan), plan, None, &mut ()).unwrap();
        assert_eq!(seen(&full), seen(&other), "{plan}");
        assert_eq!(serde_json::to_value(other.about.memory).unwrap(), plan);
    }
    let rough = ran(&footage, &with("fp8"), "fp8", None, &mut ()).unwrap();
    assert_ne!(seen(&full)[1], seen(&rough)[1]);
}

#[test]
fn a_file_of_weights_that_changed_in_the_middle_is_refused_by_name() {
    let footage = clip("yuv420p", (96, 64), 3);
    let first = ran(&footage, &recipe("{}"), "first", None, &mut ()).unwrap();
    assert!(first.about.model.content.is_some());
    let path = weights(&footage).join("void_pass1.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() - 40;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let said = ran(&footage, &recipe("{}"), "second", None, &mut ()).unwrap_err().to_string();
    assert!(said.contains("void_pass1.safetensors is not the file that was accepted"), "{said}");
    assert!(!footage.folder.path().join("second/result.mkv").exists());
}
