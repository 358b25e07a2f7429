//! Folders of SAM 3 made here, of random weights under the true names: tiny ones for tests, and ones of the released size for
//! measuring. What they find means nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tch::Tensor;

use super::{Config, Layout, Sam3};
use crate::blank::write_safetensors;
use crate::{Error, Weights, torch_write};

const VOCABULARY: &str = "bpe_simple_vocab_16e6.txt.gz";

/// Added to the tiny model's weights, so that words are found in pictures at all: they are in the picture, and most queries fit.
/// By their names in transformers' layout and in the official one.
const RAISED: [(&str, &str, f64); 3] = [
    ("detr_decoder.presence_head.layer3.bias", "transformer.decoder.presence_token_head.layers.2.bias", 4.0),
    ("dot_product_scoring.text_proj.bias", "dot_prod_scoring.prompt_proj.bias", 0.5),
    ("dot_product_scoring.query_proj.bias", "dot_prod_scoring.hs_proj.bias", 0.5),
];

/// Names and shapes of a detector inside the published file of a layout.
fn published(layout: Layout, config: &Config) -> Result<BTreeMap<String, Vec<i64>>, Error> {
    let outline = Weights::outline();
    Sam3::in_layout(&outline, layout, config)?;
    let prefix = match layout {
        Layout::Transformers => "detector_model.",
        Layout::Official => "detector.",
    };
    Ok(outline.taken().into_iter().map(|(name, shape)| (format!("{prefix}{name}"), shape)).collect())
}

/// Writes `config.json`, a vocabulary and the weights of [`Config::tiny`] into a folder: `model.safetensors` in transformers' layout,
/// `sam3.pt` in the official one.
///
/// # Errors
/// When it cannot be written.
pub fn write_tiny(folder: &Path, layout: Layout, seed: u64) -> Result<(), Error> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Unwritable { path, source }
    };
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    let config = folder.join("config.json");
    let text = serde_json::to_string_pretty(&Config::tiny().to_json()).expect("plain JSON");
    fs::write(&config, text + "\n").map_err(unwritable(&config))?;
    write_vocabulary(folder, Config::tiny().text.vocabulary)?;
    let seeded = Weights::seeded(seed);
    let value = |name: &str, shape: &[i64]| -> Result<Tensor, Error> {
        let more = RAISED.iter().find(|(one, other, _)| name.ends_with(one) || name.ends_with(other));
        Ok(seeded.tensor(name, shape)? + more.map_or(0.0, |(_, _, more)| *more))
    };
    write(folder, layout, &published(layout, &Config::tiny())?, value)
}

/// Writes weights in the published form of a layout; its final name only when it is whole.
fn write(
    folder: &Path,
    layout: Layout,
    shapes: &BTreeMap<String, Vec<i64>>,
    value: impl FnMut(&str, &[i64]) -> Result<Tensor, Error>,
) -> Result<(), Error> {
    let path = folder.join(match layout {
        Layout::Transformers => "model.safetensors",
        Layout::Official => "sam3.pt",
    });
    let partial = path.with_extension("partial");
    match layout {
        Layout::Transformers => write_safetensors(&partial, shapes, value)?,
        Layout::Official => torch_write::write(&partial, shapes, value)?,
    }
    fs::rename(partial, &path).map_err(|source| Error::Unwritable { path, source })
}

/// Writes a vocabulary of so many entries whose pairs are made up, in the official form: no two of them make the same.
///
/// # Errors
/// When it cannot be written.
pub fn write_vocabulary(folder: &Path, entries: i64) -> Result<(), Error> {
    let path = folder.join(VOCABULARY);
    let unwritable = |source| Error::Unwritable { path: path.clone(), source };
    let pairs = usize::try_from(entries - 514).unwrap_or(0);
    let mut file = GzEncoder::new(File::create(&path).map_err(unwritable)?, Compression::fast());
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    let mut text = String::from("made up, not the published one\n");
    // Each letter with each, and what that makes with each letter again: all of them different.
    let twos = letters.iter().flat_map(|a| letters.iter().map(move |b| (a.to_string(), *b)));
    let threes = letters
        .iter()
        .flat_map(|a| letters.iter().map(move |b| format!("{a}{b}")))
        .flat_map(|two| letters.iter().map(move |c| (two.clone(), *c)));
    for (left, right) in twos.chain(threes).take(pairs) {
        text.push_str(&format!("{left} {right}\n"));
    }
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    file.finish().map_err(unwritable)?;
    Ok(())
}

/// Writes weights of the released size in the published form of a layout, and a vocabulary as large, into a folder: 3.4 GB, one tensor
/// in memory at a time.
///
/// # Errors
/// When it cannot be written.
pub fn write_released(folder: &Path, layout: Layout, seed: u64) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Unwritable { path: folder.to_owned(), source })?;
    write_vocabulary(folder, Config::released().text.vocabulary)?;
    let seeded = Weights::seeded(seed);
    let value = |name: &str, shape: &[i64]| seeded.tensor(name, shape);
    write(folder, layout, &published(layout, &Config::released())?, value)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::sam3::{Beside, Cleaning, Found, Manner, Resize, frame};

    #[test]
    fn a_tiny_folder_opens_and_finds_things_in_either_published_form() {
        for layout in [Layout::Transformers, Layout::Official] {
            opens_and_finds(layout);
        }
    }

    fn opens_and_finds(layout: Layout) {
        let folder = tempfile::TempDir::new().unwrap();
        write_tiny(folder.path(), layout, 5).unwrap();
        Sam3::check(folder.path()).unwrap();
        let (model, tokenizer) = Sam3::open(folder.path(), Device::Cpu, Kind::Float).unwrap();
        let rgb: Vec<u8> = (0..40 * 60 * 3).map(|at| (at * 7 % 251) as u8).collect();
        let seen = model.see(&frame(&rgb, 40, 60).unwrap(), Resize::default()).unwrap();
        let read = model.read(&tokenizer.phrase("a cat", Cleaning::Official).unwrap()).unwrap();
        let answer = model.seek(&seen, &read, Beside::Nothing, 0.05).unwrap();
        let Found::Instances { instances, .. } = answer.at(0.5, Manner::Official) else {
            panic!("nothing: {:?}", answer.scores())
        };
        assert!(!instances.is_empty());
    }

    #[test]
    fn a_vocabulary_as_large_as_the_released_one_is_whole() {
        let folder = tempfile::TempDir::new().unwrap();
        let crate::sam3::config::Text { vocabulary, context, .. } = Config::released().text;
        write_vocabulary(folder.path(), vocabulary).unwrap();
        let tokenizer = crate::sam3::Tokenizer::open(folder.path(), vocabulary, context).unwrap();
        assert!(tokenizer.phrase("the microphone", Cleaning::Official).unwrap().notes.is_empty());
    }
}
