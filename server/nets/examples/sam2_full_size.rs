//! A SAM 2 large checkpoint with true names, shapes and sizes and random numbers: written, opened by name, and one frame
//! looked at and clicked on, with the time and memory that each took.
//!
//! `cargo run --release -p nets --example sam2_full_size -- FOLDER [original|transformers] [2.0|2.1] [tiny|small|base_plus|large]`,
//! or with a FILE to open a checkpoint that is there.
#![expect(clippy::print_stdout, reason = "a command whose output is its purpose")]

use std::borrow::Cow;
use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nets::Weights;
use nets::random::Normal;
use nets::sam2::{
    Click, Config, Direction, Generation, Layout, Options, Prompt, Sam2, Session, Shot, transformers_name,
};
use safetensors::tensor::{Dtype, View, serialize_to_file};
use tch::{Device, Kind};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize, default: &'static str| arguments.get(at).map_or(default, String::as_str);
    let given = PathBuf::from(arguments.first().ok_or("give a folder for the checkpoint, or a checkpoint")?);
    let path = if given.is_file() {
        given
    } else {
        let (path, start) = (given.join(format!("{}.safetensors", argument(1, "original"))), Instant::now());
        let (layout, generation) = (argument(1, "original"), argument(2, "2.0"));
        let tensors = write(&size(generation, argument(3, "large"))?, layout_of(layout)?, &path)?;
        let bytes = fs::metadata(&path)?.len();
        println!("{tensors} tensors, {bytes} bytes written in {:.1?}: {}", start.elapsed(), path.display());
        path
    };

    let start = Instant::now();
    let net = Sam2::open(&path, Device::Cpu, Kind::Float)?;
    let Config { embed_dim, stages, .. } = net.config;
    println!(
        "opened in {:.1?}: told to be of width {embed_dim}, stages {stages:?}; {}",
        start.elapsed(),
        memory()?
    );

    let shot = Shot { frames: 2, height: 1080, width: 1920 };
    let picture = Normal::new(5).tensor(&[68, 120, 3]).repeat_interleave_self_int(16, 0, None);
    let picture = picture.repeat_interleave_self_int(16, 1, None).narrow(0, 0, shot.height);
    let picture = (picture * 50.0 + 128.0).clamp(0.0, 255.0).to_kind(Kind::Uint8);
    let mut pictures = |_: i64| Ok(picture.shallow_clone());
    let mut session = Session::new(shot, Options::default())?;
    let prompt = |x: f32| Prompt { clicks: vec![Click { x, y: 540.0, onto: true }], rect: None };
    for (what, x) in [("first click, with the picture", 960.0), ("another click on that frame", 300.0)] {
        let start = Instant::now();
        let found = session.mark(&net, &mut pictures, 1, 0, prompt(x))?;
        assert!(found.logits.isfinite().all().int64_value(&[]) == 1, "a mask of numbers");
        println!("{what}: {:.2?}; {}", start.elapsed(), memory()?);
    }
    let mut last = Instant::now();
    session.propagate(&net, &mut pictures, None, Direction::Forwards, None, &mut |frame, _| {
        println!("frame {frame} tracked: {:.2?}", last.elapsed());
        last = Instant::now();
        ControlFlow::Continue(())
    })?;
    println!("{}", memory()?);
    Ok(())
}

fn layout_of(word: &str) -> Result<Layout, Box<dyn Error>> {
    match word {
        "original" => Ok(Layout::Original),
        "transformers" => Ok(Layout::Transformers),
        other => Err(format!("“{other}” is neither original nor transformers").into()),
    }
}

fn size(generation: &str, size: &str) -> Result<Config, Box<dyn Error>> {
    let generation = match generation {
        "2.0" => Generation::Two,
        "2.1" => Generation::TwoOne,
        other => return Err(format!("“{other}” is neither 2.0 nor 2.1").into()),
    };
    match size {
        "tiny" => Ok(Config::tiny(generation)),
        "small" => Ok(Config::small(generation)),
        "base_plus" => Ok(Config::base_plus(generation)),
        "large" => Ok(Config::large(generation)),
        other => Err(format!("“{other}” is none of tiny, small, base_plus and large").into()),
    }
}

/// Writes every tensor that the network asks for, in f32.
fn write(config: &Config, layout: Layout, path: &Path) -> Result<usize, Box<dyn Error>> {
    let outline = Weights::outline();
    Sam2::new(&outline, config)?;
    let mut numbers = Vec::new();
    let shared = Normal::new(1).tensor(&[1 << 20]);
    let shared = Vec::<f32>::try_from(&shared)?;
    for (name, shape) in outline.taken() {
        match layout {
            Layout::Original => numbers.push(Numbers::new(name, shape, &shared)),
            Layout::Transformers => {
                let stacked = name.strip_prefix("sam_prompt_encoder.point_embeddings.");
                match stacked {
                    Some("0.weight") => {
                        let name = "prompt_encoder.point_embed.weight".to_owned();
                        numbers.push(Numbers::new(name, vec![4, shape[1]], &shared));
                    }
                    Some(_) => {}
                    None => numbers.push(Numbers::new(transformers_name(&name), shape, &shared)),
                }
            }
        }
    }
    let count = numbers.len();
    serialize_to_file(numbers.iter().map(|numbers| (numbers.name.as_str(), numbers)), None, path)?;
    Ok(count)
}

/// A tensor whose numbers are made when they are written.
struct Numbers<'a> {
    name: String,
    shape: Vec<usize>,
    shared: &'a [f32],
}

impl<'a> Numbers<'a> {
    fn new(name: String, shape: Vec<i64>, shared: &'a [f32]) -> Self {
        Self { name, shape: shape.into_iter().map(|size| size as usize).collect(), shared }
    }

    fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

impl View for &Numbers<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let norm = self.name.contains("norm") && self.name.ends_with("weight");
        let inputs: usize = self.shape.iter().skip(1).product();
        let (scale, offset) = match self.shape.len() {
            0 | 1 if norm => (0.1, 1.0),
            0 | 1 => (0.1, 0.0),
            _ => (1.0 / (inputs as f32).sqrt(), 0.0),
        };
        let start = self.name.bytes().map(usize::from).sum::<usize>() * 977;
        let at = |i: usize| self.shared[(start + i) % self.shared.len()] * scale + offset;
        Cow::Owned((0..self.count()).flat_map(|i| at(i).to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.count()
    }
}

/// How much memory this process has needed so far.
fn memory() -> Result<String, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("unknown").trim();
    Ok(format!("{} resident, at most {}", line("VmRSS:"), line("VmHWM:")))
}
