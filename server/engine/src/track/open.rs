//! A checkpoint of SAM 2 that stays loaded, and what it has seen of shots.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use domain::Hash;
use nets::Weights;
use nets::sam2::{Config, Features, Generation, Sam2};
use serde_json::json;
use sha2::{Digest, Sha256};
use tch::{Device, Kind};

use crate::error::{Error, Result, io};
use crate::model::{Named, TEST_MARK};

/// Frames of all plates together that are remembered as they were seen: 13 MB each at full size in f32.
const MOST_SEEN: usize = 12;

/// SAM 2, loaded.
pub struct Segmenter {
    net: Sam2,
    named: Named,
    /// What was seen of marked frames, the latest last, so that a further click there is answered without looking again.
    seen: Vec<Seen>,
}

struct Seen {
    plate: Hash,
    frame: i64,
    features: Features,
}

impl Segmenter {
    /// Loads a checkpoint: a `.pt` or `.safetensors` file in either layout, or a folder that holds one.
    ///
    /// # Errors
    /// When there is none, or it is cut off or of another network.
    pub fn open(place: &Path, device: Device) -> Result<Self> {
        let file = checkpoint(place)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let is_test_model = folder.join(TEST_MARK).is_file();
        let w = Weights::open(&file, device, Kind::Float)?;
        let config = match Config::recognise(&w) {
            Ok(config) => config,
            // Sizes that were never released say themselves what they are.
            Err(error) => Config::read(&folder.join("config.json")).map_err(|_| error)?,
        };
        let net = Sam2::new(&w, &config)?;
        let fingerprint = fingerprint(&file)?;
        let stem = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let generation = match config.generation {
            Generation::Two => "SAM 2.0",
            Generation::TwoOne => "SAM 2.1",
        };
        let name = if is_test_model { "test model".to_owned() } else { format!("{generation} · {stem}") };
        let named = Named { name, is_test_model, fingerprint, content: Some(fingerprint) };
        Ok(Self { net, named, seen: Vec::new() })
    }

    pub fn named(&self) -> &Named {
        &self.named
    }

    pub(crate) fn net(&self) -> &Sam2 {
        &self.net
    }

    /// What is remembered of a plate, the latest last; nothing of one that is not told from others.
    pub(super) fn seen_of(&self, plate: Option<Hash>) -> Vec<(i64, Features)> {
        let of = self.seen.iter().filter(|seen| Some(seen.plate) == plate);
        of.map(|seen| (seen.frame, seen.features.shallow_clone())).collect()
    }

    /// Remembers frames of a plate, the latest last, and forgets what was looked at longest ago.
    pub(super) fn keep_seen(&mut self, plate: Option<Hash>, frames: Vec<(i64, Features)>) {
        let Some(plate) = plate else { return };
        self.seen.retain(|seen| seen.plate != plate || frames.iter().all(|(frame, _)| *frame != seen.frame));
        self.seen.extend(frames.into_iter().map(|(frame, features)| Seen { plate, frame, features }));
        let over = self.seen.len().saturating_sub(MOST_SEEN);
        self.seen.drain(..over);
    }

    /// Frames of a plate that are remembered, the latest last.
    #[cfg(test)]
    pub(super) fn seen_frames(&self, plate: Hash) -> Vec<i64> {
        self.seen.iter().filter(|seen| seen.plate == plate).map(|seen| seen.frame).collect()
    }
}

/// The one checkpoint that `place` is or holds.
fn checkpoint(place: &Path) -> Result<PathBuf> {
    if place.is_file() {
        return Ok(place.to_owned());
    }
    let entries = std::fs::read_dir(place).map_err(|_| Error::NoFolder { path: place.to_owned() })?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io(format!("Reading {}", place.display())))?.path();
        if path.extension().is_some_and(|ending| ["pt", "safetensors"].iter().any(|known| ending == *known)) {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [] => Err(Error::NoPart {
            path: place.join("sam2.1_hiera_large.pt"),
            what: "a checkpoint of SAM 2",
            todo: "Put one of SAM 2.0 or 2.1 there, as published or in the layout of transformers.",
        }),
        [one] => Ok(one.clone()),
        more => Err(Error::Mixed {
            path: place.to_owned(),
            what: format!("{} checkpoints lie there, and it is unclear which one is meant", more.len()),
        }),
    }
}

/// SHA-256 of a file.
fn fingerprint(path: &Path) -> Result<Hash> {
    let reading = || io(format!("Reading {}", path.display()));
    let mut file = File::open(path).map_err(reading())?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece).map_err(reading())?;
        if read == 0 {
            return Ok(Hash::from_digest(digest.finalize().into()));
        }
        digest.update(&piece[..read]);
    }
}

/// Writes a tiny SAM 2.1 of random weights into `folder`, for trying and testing: what it marks is no object.
///
/// # Errors
/// When it cannot be written.
pub fn make_test_model(folder: &Path) -> Result<()> {
    // Seen, or no frame has a mask.
    write_test_model(folder, 5.0)
}

/// `there`: how far it takes the object for being there.
pub(super) fn write_test_model(folder: &Path, there: f64) -> Result<()> {
    const SEED: u64 = 7;
    let writing = || io(format!("Writing a test model into {}", folder.display()));
    std::fs::create_dir_all(folder).map_err(writing())?;
    let write = |name: &str, value: &serde_json::Value| {
        let text = serde_json::to_string_pretty(value).expect("plain JSON");
        std::fs::write(folder.join(name), text + "\n").map_err(writing())
    };
    write(
        TEST_MARK,
        &json!({ "what": "random weights for tests: what they mark is no object", "seed": SEED }),
    )?;
    let config = json!({
        "version": "2.1", "image_size": 64, "embed_dim": 8, "num_heads": 1, "stages": [1, 1, 2, 1],
        "global_att_blocks": [3], "bkg": [3, 3], "window_spec": [4, 2, 4, 2], "d_model": 32, "mem_dim": 16,
        "mem_layers": 1, "dim_ff": 16, "num_maskmem": 7,
    });
    write("config.json", &config)?;
    let config = Config::read(&folder.join("config.json"))?;
    let outline = Weights::outline();
    Sam2::new(&outline, &config)?;
    let raised = [("sam_mask_decoder.pred_obj_score_head.layers.2.bias", there)];
    Ok(nets::blank::write_seeded(&folder.join("model.safetensors"), SEED, &outline.taken(), &raised)?)
}
