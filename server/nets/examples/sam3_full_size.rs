//! Opens a SAM 3 of the released size and seeks two phrases in one frame: what it takes in time and memory. The weights
//! are random under the published names, so what is found means nothing.
//!
//! `cargo run -p nets --example sam3_full_size -- transformers|official FOLDER VOCABULARY`: writes the checkpoint into
//! `FOLDER` where it is not there, with the vocabulary from the folder `VOCABULARY`; prints one line of JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use nets::Weights;
use nets::sam3::{Beside, Cleaning, Config, Layout, Resize, Sam3, frame};
use tch::{Device, Kind, Tensor};

const VOCABULARY: &str = "bpe_simple_vocab_16e6.txt.gz";

#[expect(clippy::print_stdout, reason = "the result of the run")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [layout, folder, vocabulary] = arguments.as_slice() else {
        return Err("give a layout, a folder for the checkpoint and the folder of the vocabulary".into());
    };
    let (layout, prefix) = match layout.as_str() {
        "transformers" => (Layout::Transformers, "detector_model."),
        "official" => (Layout::Official, "detector."),
        _ => return Err("the layout is transformers or official".into()),
    };
    let folder = Path::new(folder);
    let file = folder.join("model.safetensors");
    if !file.exists() {
        fs::create_dir_all(folder)?;
        fs::copy(Path::new(vocabulary).join(VOCABULARY), folder.join(VOCABULARY))?;
        write(&file, layout, prefix)?;
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

/// Random weights under the published names, as large as the published file, one tensor in memory at a time.
fn write(path: &Path, layout: Layout, prefix: &str) -> Result<(), Box<dyn Error>> {
    let asked = Weights::outline();
    Sam3::in_layout(&asked, layout, &Config::released())?;
    let tensors = asked.taken();
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in &tensors {
        let start = end;
        end += shape.iter().product::<i64>() * 4;
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        header.insert(format!("{prefix}{name}"), entry);
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    // Its final name only when it is whole.
    let partial = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&partial)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    tch::manual_seed(3);
    for (name, shape) in &tensors {
        let noise = Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let values = match shape.as_slice() {
            [_] if name.ends_with("bias") => noise * 0.1,
            [_] => noise * 0.2 + 1.0,
            [_, inputs @ ..] => noise / (inputs.iter().product::<i64>() as f64).sqrt(),
            [] => noise,
        };
        let mut bytes = vec![0; values.numel() * 4];
        values.contiguous().copy_data_u8(&mut bytes, values.numel());
        file.write_all(&bytes)?;
    }
    file.into_inner()?.sync_all()?;
    Ok(fs::rename(partial, path)?)
}
