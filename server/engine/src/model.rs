//! A folder of weights in the Hugging Face layout: which file is which network, whether all of them are what they should be,
//! and opening them one at a time. Nothing is computed here.
//!
//! void-spec §7.1. Files are memory-mapped; [`Model::open`] reads headers and configurations only.

use std::path::{Path, PathBuf};

use domain::Hash;
use nets::raft::Raft;
use nets::t5::{self, T5, Tokenizer};
use nets::transformer::{self, Transformer};
use nets::vae::{self, Vae};
use nets::{Holding, Weights, schedule};
use tch::{Device, Kind};

use crate::accepted::{Check, Look};
use crate::error::{Error, Result, io};

/// The file that marks a folder of random weights.
pub const TEST_MARK: &str = "test-model.json";
/// The base model, where it is a folder beside the checkpoints of VOID.
const BASE: &str = "CogVideoX-Fun-V1.5-5b-InP";
/// Latents have this many channels; the mask and the plate are shown in as many.
const CHANNELS: i64 = 16;

/// Which pass a model is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    One,
    Two,
}

impl Pass {
    fn checkpoint(self) -> &'static str {
        match self {
            Self::One => "void_pass1.safetensors",
            Self::Two => "void_pass2.safetensors",
        }
    }
}

/// The networks of one pass, checked but not loaded.
pub struct Model {
    pass: Pass,
    name: String,
    is_test: bool,
    base: PathBuf,
    checkpoint: PathBuf,
    raft: Option<PathBuf>,
    pub(crate) t5: t5::Config,
    pub(crate) vae: vae::Config,
    pub(crate) transformer: transformer::Config,
    pub schedule: schedule::Config,
    prints: Prints,
    content: Check,
}

/// What each part is told by on this machine: changes when its files are touched.
#[derive(Debug, Clone)]
pub struct Prints {
    pub text: Hash,
    pub vae: Hash,
    pub transformer: Hash,
    pub flow: Option<Hash>,
    /// Over names, lengths and both ends of all files: the same on every machine.
    ends: Hash,
}

/// A model as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Named {
    /// The folder's name, or “test model” where its weights are random.
    pub name: String,
    pub is_test_model: bool,
    /// SHA-256 over the names, lengths, first and last MiB of all files that are used: known at once.
    pub fingerprint: Hash,
    /// SHA-256 over the names and contents of all files that are used; `None` while they are still being read.
    pub content: Option<Hash>,
}

impl Model {
    /// Finds the networks of a pass in `folder` and holds every tensor's name and shape against what they need.
    ///
    /// # Errors
    /// When a part is missing, cut off, of another model, or parts do not fit each other.
    pub fn open(folder: &Path, pass: Pass) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::NoFolder { path: folder.to_owned() });
        }
        let inner = folder.join(BASE);
        let base = if inner.is_dir() { inner } else { folder.to_owned() };
        let checkpoint = folder.join(pass.checkpoint());
        for (path, what) in [
            (base.join("transformer/config.json"), "the transformer's configuration"),
            (base.join("vae/config.json"), "the autoencoder's configuration"),
            (base.join("text_encoder/config.json"), "the text encoder's configuration"),
            (base.join("tokenizer/spiece.model"), "the text encoder's vocabulary"),
            (base.join("scheduler/scheduler_config.json"), "the noise schedule"),
        ] {
            if !path.is_file() {
                let todo = "Fetch it on the Models page or with `minus-one models pull cogvideox`, or put alibaba-pai/CogVideoX-Fun-V1.5-5b-InP into the folder of the weights.";
                return Err(Error::NoPart { path, what, todo });
            }
        }
        if !checkpoint.is_file() {
            let (what, todo) = (
                "the transformer of this pass",
                "Fetch it on the Models page or with `minus-one models pull void`, or put netflix/void-model into the folder of the weights.",
            );
            return Err(Error::NoPart { path: checkpoint, what, todo });
        }
        let raft = match pass {
            Pass::One => None,
            Pass::Two => Some(raft_in(folder)?),
        };
        let nothing = Hash::of(&[]);
        let mut model = Self {
            pass,
            name: folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            is_test: folder.join(TEST_MARK).is_file(),
            t5: t5::Config::read(&base.join("text_encoder/config.json"))?,
            vae: vae::Config::read(&base.join("vae/config.json"))?,
            transformer: transformer::Config::read(&base.join("transformer/config.json"))?,
            schedule: schedule::Config::read(&base.join("scheduler/scheduler_config.json"))?,
            prints: Prints { text: nothing, vae: nothing, transformer: nothing, flow: None, ends: nothing },
            content: Check::begin(folder, Vec::new())?,
            base,
            checkpoint,
            raft,
        };
        model.fit(folder)?;
        model.check()?;
        model.prints = model.read_prints()?;
        let mut files = Vec::new();
        for part in model.parts() {
            files.extend(files_in(&part)?);
        }
        files.sort();
        files.dedup();
        model.content = Check::begin(folder, files)?;
        Ok(model)
    }

    /// The check of what the files hold against what they held when they were first accepted.
    pub fn content(&self) -> &Check {
        &self.content
    }

    /// Whether the parts belong together.
    fn fit(&self, folder: &Path) -> Result<()> {
        let mixed = |what: String| Err(Error::Mixed { path: folder.to_owned(), what });
        let (text, wanted) = (self.t5.d_model, self.transformer.text_embed_dim);
        if text != wanted {
            return mixed(format!("the text encoder is {text} wide, the transformer wants {wanted}"));
        }
        if self.vae.latent_channels != CHANNELS || self.transformer.out_channels != CHANNELS {
            return mixed(format!("autoencoder and transformer must both work on {CHANNELS} channels"));
        }
        let tokens = self.transformer.max_text_seq_length;
        if tokens != t5::tokenizer::LENGTH as i64 {
            return mixed(format!("the transformer takes {tokens} tokens, not {}", t5::tokenizer::LENGTH));
        }
        Ok(())
    }

    /// Every name and shape, of every network.
    fn check(&self) -> Result<()> {
        type Build<'a> = &'a dyn Fn(&Weights) -> std::result::Result<(), nets::Error>;
        let checked = |path: &Path, build: Build| {
            let (files, outline) = (Weights::open(path, Device::Cpu, Kind::Float)?, Weights::outline());
            build(&outline)?;
            files.check(&outline).map_err(Error::from)
        };
        checked(&self.base.join("text_encoder"), &|w| T5::new(w, self.t5.clone()).map(|_| ()))?;
        Tokenizer::open(&self.base.join("tokenizer/spiece.model"))?;
        checked(&self.base.join("vae"), &|w| Vae::new(w, self.vae.clone()).map(|_| ()))?;
        // The base model's 33 channels run too, without VOID's training: they are refused here by their shape.
        checked(&self.checkpoint, &|w| Transformer::new(w, self.transformer.clone()).map(|_| ()))?;
        if let Some(raft) = &self.raft {
            checked(raft, &|w| Raft::new(w).map(|_| ()))?;
        }
        Ok(())
    }

    fn text_parts(&self) -> Vec<PathBuf> {
        vec![self.base.join("text_encoder"), self.base.join("tokenizer/spiece.model")]
    }

    fn transformer_parts(&self) -> Vec<PathBuf> {
        let named = ["transformer/config.json", "scheduler/scheduler_config.json"];
        let mut all: Vec<_> = named.iter().map(|name| self.base.join(name)).collect();
        all.push(self.checkpoint.clone());
        all
    }

    /// Files and folders of all networks.
    fn parts(&self) -> Vec<PathBuf> {
        let mut all = self.text_parts();
        all.push(self.base.join("vae"));
        all.extend(self.transformer_parts());
        all.extend(self.raft.clone());
        all
    }

    fn read_prints(&self) -> Result<Prints> {
        let vae = [self.base.join("vae")];
        Ok(Prints {
            text: print(&self.text_parts(), true)?,
            vae: print(&vae, true)?,
            transformer: print(&self.transformer_parts(), true)?,
            flow: self.raft.as_ref().map(|raft| print(std::slice::from_ref(raft), true)).transpose()?,
            ends: print(&self.parts(), false)?,
        })
    }

    pub fn prints(&self) -> &Prints {
        &self.prints
    }

    pub fn named(&self) -> Named {
        let name = if self.is_test { "test model".to_owned() } else { self.name.clone() };
        let content = self.content.so_far().ok().flatten();
        Named { name, is_test_model: self.is_test, fingerprint: self.prints.ends, content }
    }

    /// Whether the model was trained to see noise on the plate.
    pub fn wants_video_noise(&self) -> bool {
        self.transformer.add_noise_in_inpaint_model
    }

    /// Largest canvas, width and height in pixels.
    pub fn largest_canvas(&self) -> (u32, u32) {
        let side = |latents: i64| (latents * 8) as u32;
        (side(self.transformer.sample_width), side(self.transformer.sample_height))
    }

    /// Where the transformer lies on the shelf: each pass has its own.
    pub(crate) fn transformer_slot(&self) -> &'static str {
        match self.pass {
            Pass::One => "transformer of pass 1",
            Pass::Two => "transformer of pass 2",
        }
    }

    pub(crate) fn open_text(
        &self,
        device: Device,
        kind: Kind,
        holding: Holding,
    ) -> Result<Opened<(Tokenizer, T5)>> {
        let tokenizer = Tokenizer::open(&self.base.join("tokenizer/spiece.model"))?;
        let w = Weights::open(&self.base.join("text_encoder"), device, kind)?;
        let t5 = T5::holding(&w, self.t5.clone(), holding)?;
        w.finish()?;
        Ok(Opened { network: (tokenizer, t5), bytes: bytes_of(&w, kind) })
    }

    pub(crate) fn open_vae(&self, device: Device, kind: Kind) -> Result<Opened<Vae>> {
        let w = Weights::open(&self.base.join("vae"), device, kind)?;
        let network = Vae::new(&w, self.vae.clone())?;
        w.finish()?;
        Ok(Opened { network, bytes: bytes_of(&w, kind) })
    }

    pub(crate) fn open_transformer(
        &self,
        device: Device,
        kind: Kind,
        holding: Holding,
    ) -> Result<Opened<Transformer>> {
        let w = Weights::open(&self.checkpoint, device, kind)?;
        let network = Transformer::holding(&w, self.transformer.clone(), holding)?;
        w.finish()?;
        // The weights of blocks in 8 bits are nearly all of them.
        let size = if holding == Holding::Fp8 { Kind::Float8e4m3fn } else { kind };
        Ok(Opened { network, bytes: bytes_of(&w, size) })
    }

    /// The network that motion is followed with; f32 always.
    ///
    /// # Errors
    /// When the model was opened for pass 1.
    pub(crate) fn open_flow(&self, device: Device) -> Result<Opened<Raft>> {
        let Some(path) = &self.raft else {
            let todo = "Open the model for pass 2.";
            return Err(Error::NoPart {
                path: self.base.clone(),
                what: "the network for optical flow",
                todo,
            });
        };
        let bytes = std::fs::metadata(path).map_err(io(format!("Reading {}", path.display())))?.len();
        Ok(Opened { network: Raft::open(path, device)?, bytes })
    }
}

/// A network that was just loaded, and how many bytes its weights have there.
pub(crate) struct Opened<T> {
    pub network: T,
    pub bytes: u64,
}

/// Bytes of the weights that were taken, in a kind; those of blocks that are streamed are not.
fn bytes_of(w: &Weights, kind: Kind) -> u64 {
    let numbers: i64 = w.taken().values().map(|shape| shape.iter().product::<i64>()).sum();
    numbers as u64 * kind.elt_size_in_bytes() as u64
}

fn raft_in(folder: &Path) -> Result<PathBuf> {
    let mut found = Vec::new();
    for place in [folder.to_owned(), folder.join("raft")] {
        let Ok(entries) = std::fs::read_dir(&place) else { continue };
        for entry in entries {
            let path = entry.map_err(io(format!("Reading {}", place.display())))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_weights = [".pth", ".pt", ".safetensors"].iter().any(|ending| name.ends_with(ending));
            if name.starts_with("raft_large") && is_weights {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter().next().ok_or_else(|| Error::NoPart {
        path: folder.join("raft_large_C_T_SKHT_V2-ff5fadd5.pth"),
        what: "the network that motion is followed with",
        todo: "Fetch it on the Models page or with `minus-one models pull raft`, or put torchvision's raft_large into the folder of the weights.",
    })
}

/// The files that paths stand for: each itself, or all in a folder.
fn files_in(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let reading = || format!("Reading {}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io(reading()))? {
        files.push(entry.map_err(io(reading()))?.path());
    }
    files.retain(|path| path.is_file());
    Ok(files)
}

/// A hash over files, and over all files in folders, that is fast for tens of gigabytes: names, lengths and both ends, and
/// with `touched` also when each was last written, and where.
pub(crate) fn print(paths: &[PathBuf], touched: bool) -> Result<Hash> {
    use std::io::{Read, Seek, SeekFrom};

    const PIECE: u64 = 1 << 20;
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_in(path)?);
    }
    files.sort();
    let mut told = Vec::new();
    for path in files {
        let mut read = || -> std::io::Result<()> {
            let mut file = std::fs::File::open(&path)?;
            let Look { bytes: length, changed, inode } = Look::at(&path)?;
            told.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
            told.extend(length.to_le_bytes());
            if touched {
                told.extend(changed.to_le_bytes().into_iter().chain(inode.to_le_bytes()));
            }
            let mut piece = Vec::new();
            file.by_ref().take(PIECE).read_to_end(&mut piece)?;
            if length > PIECE {
                file.seek(SeekFrom::Start(length.saturating_sub(PIECE).max(PIECE)))?;
                file.read_to_end(&mut piece)?;
            }
            told.extend(Hash::of(&piece).to_string().bytes());
            Ok(())
        };
        read().map_err(io(format!("Reading {}", path.display())))?;
    }
    Ok(Hash::of(&told))
}
