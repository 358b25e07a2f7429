//! Opens a SAM 3 of the released size and seeks two phrases in one frame: what it takes in time and memory. The weights
//! are random under the published names, so what is found means nothing.
//!
//! `cargo run -p nets --example sam3_full_size -- transformers|official FOLDER`: writes the checkpoint into `FOLDER`
//! where it is not there; prints one line of JSON. `minus-one-worker prove sam3` measures the same.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use nets::sam3::{Beside, Cleaning, Layout, Resize, Sam3, blank, frame};
use tch::{Device, Kind};

#[expect(clippy::print_stdout, reason = "the result of the run")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layout, folder] = arguments.as_slice() else {
        return Err("give a layout and a folder for the checkpoint".into());
    };
    let (layout, name) = match layout.as_str() {
        "transformers" => (Layout::Transformers, "model.safetensors"),
        "official" => (Layout::Official, "sam3.pt"),
        _ => return Err("the layout is transformers or official".into()),
    };
    let folder = Path::new(folder);
    let file = folder.join(name);
    if !file.exists() {
        blank::write_released(folder, layout, 3)?;
    }
    let file_bytes = fs::metadata(&file)?.len();
    let device = Device::cuda_if_available();

    let (opened, (model, tokenizer)) = timed(|| Sam3::open(folder, device, Kind::Float))?;
    let after_open = memory()?;
    let rgb: Vec<u8> =
        (0..1080 * 1920 * 3).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let rgb = frame(&rgb, 1080, 1920)?;
    let (see, seen) = timed(|| model.see(&rgb, Resize::default()))?;
    let mut phrases = Vec::new();
    for text in ["the shadow of the man", "microphone"] {
        let phrase = tokenizer.phrase(text, Cleaning::Official)?;
        let (read, words) = timed(|| model.read(&phrase))?;
        let (seek, answer) = timed(|| model.seek(&seen, &words, Beside::Nothing, 0.3))?;
        phrases.push(serde_json::json!({ "read_s": read, "seek_s": seek, "masks": answer.masked.len() }));
    }
    let cost = |at: usize| -> f64 {
        ["read_s", "seek_s"].iter().filter_map(|part| phrases[at][part].as_f64()).sum()
    };
    let result = serde_json::json!({
        "layout": arguments[0],
        "device": format!("{device:?}"),
        "threads": tch::get_num_threads(),
        "file_bytes": file_bytes,
        "open_s": opened,
        "see_s": see,
        "phrases": phrases,
        "second_phrase_share_of_first": cost(1) / (see + cost(0)),
        "kept_frame_bytes": seen.bytes(),
        "own_bytes_after_open": after_open["RssAnon"],
        "own_bytes_at_the_end": memory()?["RssAnon"],
        "peak_bytes_with_the_mapped_file": memory()?["VmHWM"],
    });
    println!("{result}");
    Ok(())
}

fn timed<T, E>(run: impl FnOnce() -> Result<T, E>) -> Result<(f64, T), E> {
    let start = Instant::now();
    let value = run()?;
    Ok((start.elapsed().as_secs_f64(), value))
}

/// This process's memory in bytes, by the kernel's names.
fn memory() -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
    let mut memory = BTreeMap::new();
    for line in fs::read_to_string("/proc/self/status")?.lines() {
        if let Some((name, rest)) = line.split_once(':')
            && let Some(kilobytes) = rest.trim().strip_suffix(" kB")
        {
            memory.insert(name.to_owned(), kilobytes.parse::<u64>()? * 1024);
        }
    }
    Ok(memory)
}
