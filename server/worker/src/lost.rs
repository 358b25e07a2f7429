//! A device that stops answering in the middle of a run: its driver fell over, or it was taken out. Whatever this process would
//! compute there next fails as well, so it ends, and whoever started it starts another.

#[cfg(feature = "void")]
use std::sync::atomic::{AtomicBool, Ordering};

/// Set for good.
#[cfg(feature = "void")]
static LOST: AtomicBool = AtomicBool::new(false);

/// What libtorch calls it when a device does not compute any more; each is in lower case.
#[cfg(feature = "void")]
const WORDS: [&str; 5] =
    ["cuda error", "cuda driver", "cudnn_status_", "cublas_status_execution", "cublas_status_internal"];

/// Whether this process has lost its device.
#[cfg(feature = "void")]
pub fn has_happened() -> bool {
    LOST.load(Ordering::Relaxed)
}

#[cfg(not(feature = "void"))]
pub fn has_happened() -> bool {
    false
}

/// For people, where a stage ended because its device is lost, which is noted; `None`: it ended for another reason.
#[cfg(feature = "void")]
pub fn told(error: &anyhow::Error) -> Option<String> {
    let reason = error.chain().find_map(|cause| reason(cause.downcast_ref()?))?;
    LOST.store(true, Ordering::Relaxed);
    Some(format!(
        "The GPU stopped answering in the middle of the work ({reason}). What was done so far is kept: press “Try again”, and it \
         goes on from its last step. If that happens again, whoever looks after the machine finds the cause with `nvidia-smi` and \
         in the log of its system."
    ))
}

#[cfg(not(feature = "void"))]
pub fn told(_: &anyhow::Error) -> Option<String> {
    None
}

/// Whether an error says that the device is lost. Memory that ran out is another matter: the device still answers.
#[cfg(feature = "void")]
pub fn is_it(error: &engine::Error) -> bool {
    reason(error).is_some()
}

/// What libtorch said of a device that is lost.
#[cfg(feature = "void")]
fn reason(error: &engine::Error) -> Option<String> {
    let said = match error {
        engine::Error::Torch { reason } => reason.clone(),
        engine::Error::Nets(nets::Error::Torch(error)) => error.to_string(),
        _ => return None,
    };
    let small = said.to_lowercase();
    let is_lost = WORDS.iter().any(|word| small.contains(word)) && !small.contains("out of memory");
    let from = WORDS.iter().filter_map(|word| small.find(word)).min().unwrap_or(0);
    // Lower case may have another length in other alphabets; libtorch speaks ASCII.
    let short = said.get(from..).unwrap_or(&said).lines().next().unwrap_or_default();
    is_lost.then(|| short.trim_end_matches(['.', '"', ')']).to_owned())
}

#[cfg(all(test, feature = "void"))]
mod tests {
    use std::path::Path;

    use domain::{Level, Levels, Rate, Step, VoidRecipe};
    use engine::{Error, Model, Order, Pass};
    use media::{GreyWriter, QuadmaskWriter};
    use pipeline::{Cancelled, MaskMovie, Plate, Reporter};

    use super::*;

    const SIZE: (u32, u32) = (96, 64);
    const FRAMES: u32 = 4;

    /// Breaks off as libtorch's bindings do when a step comes to be told of for the n-th time.
    struct BreaksAt(u32);

    impl Reporter for BreaksAt {
        fn step(&mut self, step: Step, _: u64, _: u64) -> Result<(), Cancelled> {
            if step == Step::Denoise {
                assert!(
                    self.0 > 0,
                    "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA error: unspecified launch failure\")"
                );
                self.0 -= 1;
            }
            Ok(())
        }
    }

    fn footage(folder: &Path) {
        let rate = Rate::new(25, 1).expect("a rate");
        let mut plate = GreyWriter::create(&folder.join("plate.mkv"), SIZE.0, SIZE.1, rate).expect("a movie");
        let mut masks =
            QuadmaskWriter::create(&folder.join("quadmask_0.mp4"), SIZE.0, SIZE.1, rate).expect("a movie");
        for frame in 0..FRAMES {
            let ramp: Vec<u8> = (0..SIZE.0 * SIZE.1).map(|at| (40 + at % SIZE.0 + frame) as u8).collect();
            plate.write(&ramp).expect("written");
            let mut levels = Levels::background(SIZE.0, SIZE.1);
            (20..40).for_each(|y| levels.map_span(y, 30 + frame, 50 + frame, |_| Level::Primary));
            masks.write(&levels.to_grey()).expect("written");
        }
        plate.finish().expect("written");
        masks.finish().expect("written");
    }

    fn run(folder: &Path, out: &str, report: &mut dyn Reporter) -> Result<(u32, Vec<u8>), Error> {
        let model = Model::open(&folder.join("weights"), Pass::One)?;
        let recipe = serde_json::json!({
            "canvas_width": 96, "canvas_height": 64, "window_frames": 13, "overlap_frames": 8, "pass1": {"steps": 4},
        });
        let recipe: VoidRecipe = serde_json::from_value(recipe).expect("a recipe");
        let out = folder.join(out);
        std::fs::create_dir_all(&out).expect("a folder");
        let mut masks = MaskMovie::open(&folder.join("quadmask_0.mp4"), FRAMES, SIZE.0, SIZE.1)?;
        let shelf = engine::Shelf::new(0);
        let order = Order {
            plate: Plate::from(folder.join("plate.mkv").as_path()),
            prompt: "A wall.",
            negative: "",
            recipe: &recipe,
            pass1: None,
            out: &out,
            device: tch::Device::Cpu,
            shelf: &shelf,
            cache: None,
        };
        let removed = engine::run(&order, &model, &mut masks, report)?;
        Ok((removed.about.resumed_steps, std::fs::read(removed.files.result).expect("a result")))
    }

    #[test]
    fn a_device_that_is_lost_is_told_of_and_nothing_else_is() {
        let torch = |reason: &str| Error::Torch { reason: reason.to_owned() };
        for (error, is_lost) in [
            (torch("Torch(\"CUDA error: unspecified launch failure\")"), true),
            (torch("CUDA error: device-side assert triggered"), true),
            (torch("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), true),
            (torch("CUDA error: out of memory"), false),
            (torch("CUDA out of memory. Tried to allocate 2.00 GiB"), false),
            (torch("shapes do not fit"), false),
            (Error::NoPrompt, false),
        ] {
            assert_eq!(is_it(&error), is_lost, "{error}");
        }
        assert_eq!(told(&anyhow::Error::new(Error::NoPrompt)), None);
    }

    #[test]
    fn what_was_done_before_the_device_went_is_gone_on_from() {
        nets::use_one_thread();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        footage(path);
        engine::test_model::make(&path.join("weights")).expect("a model");
        let (_, whole) = run(path, "whole", &mut ()).expect("made");
        let error = run(path, "lost", &mut BreaksAt(2)).expect_err("the device went");
        assert!(is_it(&error), "{error}");
        let said = told(&anyhow::Error::new(error)).expect("it is that");
        assert!(
            said.contains("CUDA error: unspecified launch failure)") && said.contains("Try again"),
            "{said}"
        );
        assert!(has_happened());
        assert!(!path.join("lost/result.mkv").exists());
        let (resumed, again) = run(path, "lost", &mut ()).expect("made");
        assert!(resumed > 0 && again == whole, "{resumed} steps were kept");
    }
}
