//! The engine as a whole, with tiny random weights on clips that are made here; and its own chain beside the reference's.

mod kept;
mod parts;

use std::path::{Path, PathBuf};

use domain::{Colour, Level, Levels, Rate, Step, VoidRecipe};
use media::{Family, Ffv1Writer, GreyWriter, Picture, PixelFormat};
use nets::parity::{Golden, difference};
use nets::prepare;
use pipeline::stages::verify::verify;
use pipeline::{Cancelled, MaskMovie};
use tch::Tensor;
use tempfile::TempDir;

use super::*;
use crate::networks::{Networks, Share};

/// A plate with a bright square that wanders, and its quadmask.
struct Footage {
    folder: TempDir,
    plate: PathBuf,
    quadmask: PathBuf,
}

fn colour(format: PixelFormat) -> Colour {
    let is_rgb = format.family() == Family::Rgb;
    Colour {
        primaries: "bt709".into(),
        transfer: "bt709".into(),
        matrix: if is_rgb { "gbr" } else { "bt709" }.into(),
        range: if is_rgb { "pc" } else { "tv" }.into(),
        assumed: false,
    }
}

fn footage(format: &str, size: (u32, u32), frames: u32, mark: impl Fn(u32) -> Levels) -> Footage {
    shot(format, size, frames, u32::MAX, mark)
}

/// A plate that cuts to another scene at a frame.
fn cut_footage(size: (u32, u32), frames: u32, cut: u32, mark: impl Fn(u32) -> Levels) -> Footage {
    shot("yuv420p", size, frames, cut, mark)
}

fn shot(
    format: &str,
    (width, height): (u32, u32),
    frames: u32,
    cut: u32,
    mark: impl Fn(u32) -> Levels,
) -> Footage {
    let folder = tempfile::tempdir().unwrap();
    let (plate, quadmask) = (folder.path().join("plate.mkv"), folder.path().join("quadmask.mkv"));
    let (format, rate) = (PixelFormat::from_name(format).unwrap(), Rate::new(24, 1).unwrap());
    let mut writer = Ffv1Writer::create(&plate, &format, width, height, rate, &colour(format), None).unwrap();
    let mut masks = GreyWriter::create(&quadmask, width, height, rate).unwrap();
    let step = 1 << (format.depth() - 8);
    for frame in 0..frames {
        let mut picture = Picture::new(format, width, height);
        for (number, plane) in picture.planes.iter_mut().enumerate() {
            for y in 0..plane.height {
                for x in 0..plane.width {
                    let grain = (x * 7919 + y * 104_729 + frame * 31 + number as u32 * 17) % 5;
                    let ramp = if frame < cut { 60 + x % 80 + y % 40 } else { 200 - (2 * y) % 120 - x % 20 };
                    plane.set(x, y, (ramp + grain) as u16 * step);
                }
            }
        }
        writer.write(&picture).unwrap();
        masks.write(&mark(frame).to_grey()).unwrap();
    }
    writer.finish().unwrap();
    masks.finish().unwrap();
    Footage { folder, plate, quadmask }
}

/// A square that wanders, with a rim that is affected.
fn wandering((width, height): (u32, u32), frame: u32) -> Levels {
    let mut levels = Levels::background(width, height);
    let (left, top) = (width / 3 + frame, height / 3);
    for y in top..top + height / 4 {
        levels.map_span(y, left, left + width / 4, |_| {
            if y < top + 3 { Level::Affected } else { Level::Primary }
        });
    }
    levels
}

fn clip(format: &str, size: (u32, u32), frames: u32) -> Footage {
    footage(format, size, frames, |frame| wandering(size, frame))
}

fn recipe(text: &str) -> VoidRecipe {
    let mut all = serde_json::json!({
        "canvas_width": 96, "canvas_height": 64, "window_frames": 13, "overlap_frames": 8,
        "pass1": {"steps": 2}, "pass2": {"steps": 2, "guidance": 2.0},
    });
    let more: serde_json::Value = serde_json::from_str(text).unwrap();
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    serde_json::from_value(all).unwrap()
}

/// A model beside a footage.
fn weights(footage: &Footage) -> PathBuf {
    nets::use_one_thread();
    let folder = footage.folder.path().join("weights");
    if !folder.join(model::TEST_MARK).is_file() {
        test_model::make(&folder).unwrap();
    }
    folder
}

fn ran(
    footage: &Footage,
    recipe: &VoidRecipe,
    out: &str,
    pass1: Option<&Path>,
    report: &mut dyn Reporter,
) -> Result<Removed> {
    let model = Model::open(&weights(footage), if pass1.is_some() { Pass::Two } else { Pass::One })?;
    ran_with(footage, &model, recipe, out, pass1, report)
}

fn model_of(footage: &Footage) -> Model {
    Model::open(&weights(footage), Pass::One).unwrap()
}

fn ran_with(
    footage: &Footage,
    model: &Model,
    recipe: &VoidRecipe,
    out: &str,
    pass1: Option<&Path>,
    report: &mut dyn Reporter,
) -> Result<Removed> {
    ran_on((&Shelf::default(), None), footage, model, recipe, out, pass1, report)
}

fn ran_on(
    (shelf, cache): (&Shelf, Option<&Cache>),
    footage: &Footage,
    model: &Model,
    recipe: &VoidRecipe,
    out: &str,
    pass1: Option<&Path>,
    report: &mut dyn Reporter,
) -> Result<Removed> {
    let out = footage.folder.path().join(out);
    std::fs::create_dir_all(&out).unwrap();
    let plate = Plate::from(&footage.plate);
    let file = PlateFile::open(plate.clone(), &mut ()).unwrap();
    let mut masks = MaskMovie::open(&footage.quadmask, file.frames(), file.size().0, file.size().1)?;
    let order = Order {
        plate,
        prompt: "A table in the evening.",
        negative: "",
        recipe,
        pass1,
        out: &out,
        device: Device::Cpu,
        shelf,
        cache,
    };
    run(&order, model, &mut masks, report)
}

fn hashes(path: &Path) -> Vec<String> {
    let mut file = PlateFile::open(path, &mut ()).unwrap();
    (0..file.frames()).map(|frame| file.picture(frame).unwrap().hash().to_string()).collect()
}

/// Every file's pictures.
fn seen(removed: &Removed) -> [Vec<String>; 2] {
    [hashes(&removed.files.result), hashes(&removed.made)]
}

/// Stops at the n-th report of a step.
struct StopAt(Step, u32);

impl Reporter for StopAt {
    fn step(&mut self, step: Step, _: u64, _: u64) -> std::result::Result<(), Cancelled> {
        if step == self.0 {
            self.1 = self.1.checked_sub(1).ok_or(Cancelled)?;
        }
        Ok(())
    }
}

/// Counts the steps of flow.
struct Flows(u32);

impl Reporter for Flows {
    fn step(&mut self, step: Step, done: u64, total: u64) -> std::result::Result<(), Cancelled> {
        self.0 += u32::from(step == Step::Flow && done < total);
        Ok(())
    }
}

#[test]
fn kept_samples_are_the_plates_own_in_every_format() {
    for format in ["yuv420p", "yuv422p10le", "yuv444p", "yuva444p10le", "gbrp"] {
        let footage = clip(format, (128, 72), 5);
        let removed = ran(&footage, &recipe("{}"), "out", None, &mut ()).unwrap();
        let Removed { files, proof, about, .. } = &removed;
        assert_eq!((proof.frames, proof.max_delta_outside, files.kept_as.name().as_str()), (5, 0, format));
        assert!(proof.matte_share > 0.02 && proof.matte_share < 0.5, "{}", proof.matte_share);
        let verdict = verify(&footage.plate, &footage.quadmask, 4, &files.result, &files.matte).unwrap();
        assert!(verdict.is_good(), "{format}: {verdict:?}");
        assert_ne!(hashes(&files.result), hashes(&footage.plate), "{format}");
        assert_eq!((about.length, about.windows.as_slice()), (13, [[0, 12]].as_slice()));
        let mut result = PlateFile::open(&files.result, &mut ()).unwrap();
        let mut plate = PlateFile::open(&footage.plate, &mut ()).unwrap();
        assert_eq!(result.facts.rate, plate.facts.rate);
        if format == "yuva444p10le" {
            let alpha = |file: &mut PlateFile| file.picture(2).unwrap().planes[3].clone();
            assert_eq!(alpha(&mut result), alpha(&mut plate));
        }
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_and_gives_the_same_bits() {
    // Two windows, with a sampler that remembers and one that draws noise.
    for sampler in ["dpmpp", "euler_ancestral"] {
        let footage = clip("yuv420p", (96, 64), 18);
        let recipe =
            recipe(&format!(r#"{{"pass1": {{"steps": 3, "sampler": "{sampler}", "guidance": 2.0}}}}"#));
        let whole = ran(&footage, &recipe, "whole", None, &mut ()).unwrap();
        assert_eq!(whole.about.windows, [[0, 12], [5, 20]], "{sampler}");
        let again = ran(&footage, &recipe, "again", None, &mut ()).unwrap();
        assert_eq!(seen(&whole), seen(&again), "{sampler}");
        // In the middle of the second step, and again in the third.
        for stop in [3, 2] {
            let stopped = ran(&footage, &recipe, "stopped", None, &mut StopAt(Step::Denoise, stop));
            assert!(matches!(stopped, Err(Error::Pipeline(pipeline::Error::Cancelled))));
            let folder = footage.folder.path().join("stopped");
            assert!(!folder.join("result.mkv").exists() && !folder.join("model.mkv").exists());
        }
        let resumed = ran(&footage, &recipe, "stopped", None, &mut ()).unwrap();
        assert_eq!(resumed.about.resumed_steps, 2, "{sampler}");
        assert_eq!(seen(&whole), seen(&resumed), "{sampler}");
    }
}

#[test]
fn what_changes_no_latents_is_done_again_from_them() {
    let footage = clip("yuv420p", (96, 64), 5);
    let first = ran(&footage, &recipe("{}"), "out", None, &mut ()).unwrap();
    let made = hashes(&first.made);
    let wider = ran(&footage, &recipe(r#"{"edge_px": 9, "grain": 0}"#), "out", None, &mut ()).unwrap();
    assert_eq!(wider.about.resumed_steps, 2);
    assert!(wider.proof.matte_share > first.proof.matte_share);
    assert_eq!(hashes(&wider.made), made);
    let other = ran(&footage, &recipe(r#"{"seed": 7}"#), "out", None, &mut ()).unwrap();
    assert_eq!(other.about.resumed_steps, 0);
    assert_ne!(hashes(&other.made), made);
    // Only what the last recipe needs is kept.
    let kept = std::fs::read_dir(footage.folder.path().join("out/latents")).unwrap();
    assert_eq!(kept.count(), 4, "prompt, mask, plate and state");
}

#[test]
fn pass_2_follows_the_result_of_pass_1() {
    let footage = clip("yuv420p", (96, 64), 5);
    let first = ran(&footage, &recipe("{}"), "first", None, &mut ()).unwrap();
    let second = ran(&footage, &recipe("{}"), "second", Some(&first.made), &mut ()).unwrap();
    assert_eq!((second.about.pass, second.proof.max_delta_outside), (2, 0));
    // What was followed halfway is kept, gone on with, and then forgotten.
    let stopped = ran(&footage, &recipe("{}"), "stopped", Some(&first.made), &mut StopAt(Step::Flow, 4));
    assert!(stopped.is_err());
    let kept = || -> Vec<String> {
        let names = std::fs::read_dir(footage.folder.path().join("stopped/latents")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("noise-")).collect()
    };
    assert!(kept().len() == 1 && kept()[0].ends_with(".0000.safetensors"), "{:?}", kept());
    let mut flows = Flows(0);
    let again = ran(&footage, &recipe("{}"), "stopped", Some(&first.made), &mut flows).unwrap();
    assert_eq!(flows.0, 12 - 4);
    assert!(kept().len() == 1 && !kept()[0].contains(".0000."), "{:?}", kept());
    assert_eq!(seen(&second), seen(&again));
    // The composite follows other pixels, and so gives other noise.
    let composite = ran(&footage, &recipe("{}"), "composite", Some(&first.files.result), &mut ()).unwrap();
    assert_ne!(hashes(&second.made), hashes(&composite.made));
    let other = clip("yuv420p", (96, 64), 6);
    let said = ran(&other, &recipe("{}"), "out", Some(&first.made), &mut ()).unwrap_err().to_string();
    assert!(said.contains("model.mkv has 5 frames, the plate has 6"), "{said}");
    let other = clip("yuv420p", (64, 64), 5);
    let pass1 = Some(other.plate.as_path());
    let said = ran(&footage, &recipe("{}"), "size", pass1, &mut ()).unwrap_err().to_string();
    assert!(said.contains("is 64×64, which is neither the plate's size, 96×64"), "{said}");
}

#[test]
fn a_pass_may_begin_from_the_plate_and_look_at_a_region() {
    let footage = footage("yuv420p", (640, 360), 5, |frame| {
        let mut levels = Levels::background(640, 360);
        (40..60).for_each(|y| levels.map_span(y, 500 + frame, 520 + frame, |_| Level::Primary));
        levels
    });
    let recipe =
        recipe(r#"{"region": "marked", "hide_target": true, "pass1": {"steps": 4, "strength": 0.5}}"#);
    let removed = ran(&footage, &recipe, "out", None, &mut ()).unwrap();
    let [x, y, width, height] = removed.about.region;
    assert!(x > 300 && y == 0 && x + width <= 640 && height < 300, "{:?}", removed.about.region);
    let Written { result, matte, .. } = &removed.files;
    assert!(verify(&footage.plate, &footage.quadmask, 4, result, matte).unwrap().is_good());
}

#[test]
fn what_cannot_be_run_is_refused_in_a_sentence() {
    let size = (96, 64);
    let footage_of = |mark: &dyn Fn(u32) -> Levels| footage("yuv420p", size, 2, mark);
    let refused = |footage: &Footage, text: &str| {
        let error = ran(footage, &recipe(text), "out", None, &mut ()).unwrap_err().to_string();
        assert!(!footage.folder.path().join("out/result.mkv").exists());
        error
    };
    let plain = footage_of(&|frame| wandering(size, frame));
    for (text, says) in [
        (r#"{"seed": 9007199254740993}"#, "seed is 9007199254740993"),
        (r#"{"window_frames": 12}"#, "window_frames is 12"),
        (r#"{"pass1": {"steps": 1000}}"#, "pass1.steps is 1000"),
    ] {
        let said = refused(&plain, text);
        assert!(said.starts_with(says), "{said}");
    }
    let affected = footage_of(&|_| {
        let mut levels = Levels::background(96, 64);
        levels.map_span(3, 3, 50, |_| Level::Affected);
        levels
    });
    assert!(refused(&affected, "{}").contains("marks nothing as primary"));
    let speck = footage("yuv420p", (960, 640), 2, |_| {
        let mut levels = Levels::background(960, 640);
        levels.set(100, 100, Level::Primary);
        levels
    });
    assert!(refused(&speck, "{}").contains("nothing of it is left on a canvas of 96×64"));
    for (prompt, says) in [("  ", "The prompt is empty"), ("A table.", "")] {
        let said = check(&recipe("{}"), prompt).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(said.starts_with(says) && said.is_empty() == says.is_empty(), "{said}");
    }
}

#[test]
fn a_wrong_folder_of_weights_is_refused_before_anything_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refused = |pass| Model::open(path, pass).err().unwrap().to_string();
    assert!(refused(Pass::One).contains("transformer/config.json is not there"));
    assert!(Model::open(&path.join("none"), Pass::One).err().unwrap().to_string().contains("is no folder"));
    test_model::make(path).unwrap();
    let [one, two] = ["void_pass1.safetensors", "void_pass2.safetensors"].map(|name| path.join(name));
    let whole = std::fs::read(&one).unwrap();
    std::fs::write(&one, &whole[..whole.len() / 2]).unwrap();
    assert!(refused(Pass::One).contains("is cut off"), "{}", refused(Pass::One));
    std::fs::copy(path.join("vae/diffusion_pytorch_model.safetensors"), &one).unwrap();
    assert!(refused(Pass::One).contains("has no tensor"), "{}", refused(Pass::One));
    std::fs::remove_file(&two).unwrap();
    assert!(refused(Pass::Two).contains("void_pass2.safetensors is not there"));
    std::fs::write(&two, &whole).unwrap();
    Model::open(path, Pass::Two).unwrap();
    std::fs::remove_file(path.join("raft_large.safetensors")).unwrap();
    assert!(refused(Pass::Two).contains("the network that motion is followed with"));
    let config = path.join("text_encoder/config.json");
    let text = std::fs::read_to_string(&config).unwrap().replace("\"d_model\": 24", "\"d_model\": 32");
    std::fs::write(&config, text).unwrap();
    assert!(refused(Pass::One).contains("do not belong together"), "{}", refused(Pass::One));
}

/// The reference's whole passes, through this crate's own chain: frames from a movie, windows, steps that are kept.
#[test]
fn the_chain_gives_the_latents_and_frames_of_the_reference() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !fixtures.is_dir() {
        println!("skipped: no ../shared/fixtures beside the checkout");
        return;
    }
    nets::use_one_thread();
    let folder = tempfile::tempdir().unwrap();
    let root = fixtures.join("pipeline/model");
    for part in ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"] {
        std::os::unix::fs::symlink(root.join(part), folder.path().join(part)).unwrap();
    }
    let transformer = root.join("transformer/diffusion_pytorch_model.safetensors");
    std::os::unix::fs::symlink(transformer, folder.path().join("void_pass1.safetensors")).unwrap();
    let model = Model::open(folder.path(), Pass::One).unwrap();
    let cases = std::fs::read_to_string(fixtures.join("pipeline/cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&cases).unwrap();
    let said = |key: &str| cases[key].as_str().unwrap_or_default().to_owned();
    let prompts = [said("prompt"), said("negative_prompt (used when gs>1)")];
    for (name, case) in cases["cases"].as_object().unwrap() {
        if case["add_noise"] == true {
            continue; // its noise is not ours
        }
        let golden = Golden::open(&fixtures.join("pipeline").join(format!("{name}.safetensors"))).unwrap();
        reference(&model, case, &golden, [&prompts[0], &prompts[1]], name);
    }
}

fn reference(model: &Model, case: &serde_json::Value, golden: &Golden, prompts: [&str; 2], name: &str) {
    let video = golden.tensor("video_u8_thwc").unwrap();
    let (frames, height, width, _) = video.size4().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (plate, quadmask) = (folder.path().join("plate.mkv"), folder.path().join("quadmask.mkv"));
    let (format, rate) = (PixelFormat::from_name("gbrp").unwrap(), Rate::new(12, 1).unwrap());
    let size = (width as u32, height as u32);
    let mut writer =
        Ffv1Writer::create(&plate, &format, size.0, size.1, rate, &colour(format), None).unwrap();
    let mut masks = GreyWriter::create(&quadmask, size.0, size.1, rate).unwrap();
    let bytes = |t: Tensor| Vec::<u8>::try_from(t.contiguous().view(-1)).unwrap();
    let marked = golden.tensor("quadmask_u8_thw").unwrap();
    for frame in 0..frames {
        let mut picture = Picture::new(format, size.0, size.1);
        for (plane, channel) in picture.planes.iter_mut().zip([1, 2, 0]) {
            plane.data.copy_from_slice(&bytes(video.get(frame).select(2, channel)));
        }
        writer.write(&picture).unwrap();
        masks.write(&bytes(marked.get(frame))).unwrap();
    }
    writer.finish().unwrap();
    masks.finish().unwrap();

    let recipe =
        VoidRecipe { canvas_width: size.0, canvas_height: size.1, ..recipe(r#"{"fit": "stretch"}"#) };
    let store = Store::open(&folder.path().join("latents")).unwrap();
    let mut file = PlateFile::open(&plate, &mut ()).unwrap();
    let mut masks = MaskMovie::open(&quadmask, frames as u32, size.0, size.1).unwrap();
    let survey = Survey::new(&mut file, &mut masks, &recipe, &mut ()).unwrap();
    let part = crate::parts::parts(&recipe, size, &survey.marks, &[]).remove(0);
    let clip = Clip::new(&mut file, &mut masks, part, 0, &store, &mut ()).unwrap();
    let number = |key: &str| case[key].as_f64();
    let is_cog = case["scheduler_class"] == "CogVideoXDDIMScheduler";
    let settings = Settings {
        model,
        device: Device::Cpu,
        kind: Kind::Float,
        seed: 1,
        steps: number("steps").unwrap() as u32,
        guidance: number("gs").unwrap(),
        sampler: if is_cog { domain::recipe::Sampler::DdimCog } else { domain::recipe::Sampler::Ddim },
        strength: 1.0,
        levels: if case["use_trimask"] == true { prepare::Levels::Three } else { prepare::Levels::Two },
        video_noise: 0.0563,
        hide_target: case["zero_out"] == true,
        at_once: true,
        reuse: 0.0,
        fused: false,
        windows_at_once: 1,
        decode: domain::recipe::Decode::Full,
        is_fp8: false,
        length: frames,
        // An odd window is shortened by one latent.
        window: (number("window").unwrap() as i64 - 1) / 8 * 8 + 5,
        overlap: number("stride").unwrap_or(16.0) as i64,
    };
    let names = settings.names(&clip, prompts, None);
    let (shelf, share) = (Shelf::default(), Share { room: None, needed: 0 });
    let mut networks = Networks::new(model, &shelf, Device::Cpu, Kind::Float, Memory::Staged, share);
    let (text, _) = latents::text(&settings, prompts, &names, &store, &mut networks, &mut ()).unwrap();
    let (conditions, _) =
        latents::conditions(&settings, &clip, &names, &store, &mut networks, &mut ()).unwrap();
    let noise = golden.tensor("noise").unwrap();
    let state = &names.state;
    let first = Some(&noise);
    let (made, _) =
        latents::denoise(&settings, &text, &conditions, first, state, &store, &mut networks, &mut ())
            .unwrap();
    let want = golden.tensor("final_latents").unwrap().permute([0, 2, 1, 3, 4]);
    let apart = difference("final_latents", &made, &want, 1e-3);
    assert!(apart.passed(), "{name}: {apart}");
    let want = golden.tensor("decoded_frames").unwrap();
    let mut at = 0;
    latents::decode(&settings, &made, frames as u32, &mut networks, &mut (), |frame| {
        let want = want.select(2, at).squeeze_dim(0).permute([1, 2, 0]);
        let apart = difference("decoded_frames", frame, &want, 2e-3);
        assert!(apart.passed(), "{name}, frame {at}: {apart}");
        at += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(at, frames, "{name}");
}
