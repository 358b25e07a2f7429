//! SAM 3 of the released size in both published forms: how long it takes to know that a folder holds it, to open it, to look at a
//! frame, and to find a second phrase there. The weights are made here, random under the true names: what they find means nothing.

use std::time::Instant;

use nets::sam3::{Beside, Cleaning, Layout, Resize, Sam3, Seen, Tokenizer, blank, frame};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::weights::private_bytes;
use super::{Outcome, Request};

/// Looking whether a folder holds the model.
const MOST_CHECK_SECONDS: f64 = 3.0;
const MOST_CHECK_BYTES: u64 = 96 << 20;
/// A second phrase on the same frame, as a part of the first with the look at the frame.
const MOST_SHARE: f64 = 0.5;
/// Rows and columns of the frame.
const SIZE: (usize, usize) = (1080, 1920);
const SMALL: (usize, usize) = (40, 60);

/// `count`: tiny models and a small frame, and neither time nor memory is judged.
pub fn prove(request: Request) -> anyhow::Result<Outcome> {
    let is_short = request.count.is_some();
    let device = if tch::Cuda::is_available() { Device::Cuda(0) } else { Device::Cpu };
    let (mut told, mut broken) = (serde_json::Map::new(), Vec::new());
    for (name, layout) in [("transformers", Layout::Transformers), ("official", Layout::Official)] {
        tracing::info!("SAM 3 in the form of {name}.");
        // One at a time on the disk: each is 3.4 GB.
        let folder = tempfile::tempdir()?;
        if is_short {
            blank::write_tiny(folder.path(), layout, request.seed)?;
        } else {
            blank::write_released(folder.path(), layout, request.seed)?;
        }
        let one = tch::no_grad(|| measured(folder.path(), device, is_short))?;
        broken.extend(judged(name, &one, is_short));
        told.insert(name.to_owned(), one);
    }
    let figures = json!({
        "device": if device.is_cuda() { "cuda" } else { "cpu" }, "threads": tch::get_num_threads(),
        "frame": if is_short { SMALL } else { SIZE }, "forms": told,
    });
    Ok(Outcome { figures, broken })
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(f64, T), E> {
    let started = Instant::now();
    let value = work()?;
    Ok((started.elapsed().as_secs_f64(), value))
}

/// Bytes of the largest file of a folder: the weights.
fn largest(folder: &std::path::Path) -> anyhow::Result<u64> {
    let mut most = 0;
    for entry in std::fs::read_dir(folder)? {
        most = most.max(entry?.metadata()?.len());
    }
    Ok(most)
}

fn measured(folder: &std::path::Path, device: Device, is_short: bool) -> anyhow::Result<Value> {
    // Wakes libtorch, which is not what is measured.
    drop(Tensor::zeros([1 << 20], (Kind::Float, Device::Cpu)).to_kind(Kind::Double));
    let before = private_bytes()?;
    let (check, ()) = timed(|| Sam3::check(folder))?;
    let checked = private_bytes()?.saturating_sub(before);
    let kind = if device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
    crate::memory::forget_peak();
    let (open, (model, tokenizer)) = timed(|| Sam3::open(folder, device, kind))?;
    let opened = private_bytes()?.saturating_sub(before);
    let (height, width) = if is_short { SMALL } else { SIZE };
    let rgb: Vec<u8> =
        (0..height * width * 3).map(|at| ((at as u32).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let rgb = frame(&rgb, height, width)?;
    let (see, seen) = timed(|| model.see(&rgb, Resize::default()))?;
    let first = phrase(&model, &tokenizer, &seen, "the shadow of the man")?;
    let second = phrase(&model, &tokenizer, &seen, "microphone")?;
    let seconds = |told: &Value| told["seconds"].as_f64().unwrap_or(f64::INFINITY);
    Ok(json!({
        "file_bytes": largest(folder)?,
        "check_seconds": check, "check_private_bytes": checked,
        "open_seconds": open, "private_bytes_open": opened,
        "see_seconds": see, "kept_frame_bytes": seen.bytes(),
        "second_phrase_share_of_first": seconds(&second) / (see + seconds(&first)),
        "first_phrase": first, "second_phrase": second,
        "private_bytes_at_the_end": private_bytes()?.saturating_sub(before),
        "peak_rss_bytes": crate::memory::peak_rss_bytes(),
    }))
}

fn phrase(model: &Sam3, tokenizer: &Tokenizer, seen: &Seen, words: &str) -> anyhow::Result<Value> {
    let phrase = tokenizer.phrase(words, Cleaning::Official)?;
    let (read, words) = timed(|| model.read(&phrase))?;
    let (seek, answer) = timed(|| model.seek(seen, &words, Beside::Nothing, f64::from(domain::find::FLOOR)))?;
    Ok(
        json!({ "read_seconds": read, "seek_seconds": seek, "seconds": read + seek, "masks": answer.masked.len() }),
    )
}

fn judged(name: &str, told: &Value, is_short: bool) -> Vec<String> {
    let mut broken = Vec::new();
    let number = |key: &str| told[key].as_f64().unwrap_or(f64::INFINITY);
    if is_short {
        return broken;
    }
    if number("check_seconds") > MOST_CHECK_SECONDS {
        broken.push(format!("{name}: to look at the folder took {} s", told["check_seconds"]));
    }
    if number("check_private_bytes") > MOST_CHECK_BYTES as f64 {
        broken.push(format!("{name}: to look at the folder took {} bytes", told["check_private_bytes"]));
    }
    if number("second_phrase_share_of_first") > MOST_SHARE {
        let share = number("second_phrase_share_of_first");
        broken.push(format!("{name}: a second phrase took {share:.2} of the first, more than {MOST_SHARE}"));
    }
    broken
}
