//! `sam3/`: every stage of SAM 3 alone, end to end in both manners, and its tokenizer. Tolerances are those of the
//! fixtures' README: ten times the measured noise, and 3e-6 of the largest number.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use super::{Case, Golden, Report};
use crate::sam3::positions::{corners, map};
use crate::sam3::preprocess::{normalise, resize};
use crate::sam3::{
    Beside, BoxPrompt, Cleaning, Config, Found, Manner, Prompt, Resize, Sam3, Seen, Tokenizer,
};
use crate::{Error, Weights, read_json};

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Told>,
}

/// What is told about one case.
#[derive(Deserialize)]
struct Told {
    name: String,
    file: String,
    tensors: BTreeMap<String, Noise>,
    #[serde(default)]
    info: Info,
}

#[derive(Deserialize)]
struct Noise {
    #[serde(default)]
    noise_max_abs: f64,
    #[serde(default)]
    max_abs: f64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Info {
    target: i64,
    prompts: Vec<String>,
    images: Vec<String>,
    source_hw: Vec<[i64; 2]>,
    mode: String,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    for folder in folders(&fixtures.join("sam3"))? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if folder.join("ids.json").exists() {
            report.case(&name, |case| full_tokenizer(&folder, case));
        }
        if folder.join("cases.json").exists()
            && let Err(error) = set(&folder, &name, report)
        {
            report.case(&name, |_| Err(error));
        }
    }
    Ok(())
}

fn folders(within: &Path) -> Result<Vec<PathBuf>, Error> {
    if !within.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = |source| Error::Unreadable { path: within.to_owned(), source };
    let mut folders = Vec::new();
    for entry in fs::read_dir(within).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn set(folder: &Path, set: &str, report: &mut Report) -> Result<(), Error> {
    let Cases { cases } = read_json(&folder.join("cases.json"))?;
    let config = Config::open(&folder.join("config.json"))?;
    let weights = Weights::open(&folder.join("weights.safetensors"), Device::Cpu, Kind::Float)?;
    let model = Sam3::find(&weights, &config, set)?;
    report.case(&format!("{set}/tokenizer"), |case| tokenizer(folder, &config, case));
    for told in cases {
        report.case(&format!("{set}/{}", told.name), |case| {
            let golden = Golden::open(&folder.join(&told.file))?;
            let mut stage = Stage { model: &model, golden: &golden, told: &told, case };
            match told.name.as_str() {
                "preprocess" => stage.preprocess(),
                "preprocess_1008" => stage.preprocess_sampled(),
                "vision" => stage.vision(),
                "text" => stage.text(),
                "geometry" => stage.geometry(),
                "fusion_encoder" => stage.fusion(),
                "decoder" => stage.decoder(),
                "scoring" => stage.scoring(),
                "mask_head" => stage.mask_head(),
                name if name.starts_with("e2e_") => {
                    let frames = Golden::open(&folder.join("preprocess.safetensors"))?;
                    let tokenizer = Tokenizer::open(folder, config.text.vocabulary, config.text.context)?;
                    stage.whole(&frames, &tokenizer)
                }
                name => Err(Error::input(format!("“{name}” is no known case"), "Leave it out.")),
            }
        });
    }
    Ok(())
}

struct Stage<'a> {
    model: &'a Sam3,
    golden: &'a Golden,
    told: &'a Told,
    case: &'a mut Case,
}

impl Stage<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        self.golden.tensor(name)
    }

    fn compare(&mut self, name: &str, got: &Tensor) -> Result<(), Error> {
        let want = self.tensor(name)?;
        let Some(Noise { noise_max_abs, max_abs }) = self.told.tensors.get(name) else {
            return Err(Error::input(format!("Nothing is told about “{name}”"), "Leave it out."));
        };
        self.case.compare(name, got, &want, 10.0 * noise_max_abs + 3e-6 * max_abs);
        Ok(())
    }

    /// Compares where the file has such a tensor.
    fn compare_any(&mut self, name: &str, got: &Tensor) -> Result<(), Error> {
        if self.golden.has(name) { self.compare(name, got) } else { Ok(()) }
    }

    fn same(&mut self, name: &str, got: &Tensor) -> Result<(), Error> {
        let same = *got == self.tensor(name)?;
        self.case.same(name, same);
        Ok(())
    }

    fn prompt(&self) -> Result<Prompt, Error> {
        Ok(Prompt { tokens: self.tensor("prompt")?, valid: self.tensor("prompt_mask")?.to_kind(Kind::Bool) })
    }

    fn preprocess(&mut self) -> Result<(), Error> {
        let side = self.model.config.vit.picture;
        for at in (0..).take_while(|at| self.golden.has(&format!("image{at}_u8_hwc"))) {
            let frame = self.tensor(&format!("image{at}_u8_hwc"))?;
            let bytes = resize(&frame, side, Resize::Bytes)?;
            self.same(&format!("image{at}_resized_u8_chw"), &bytes)?;
            let float = resize(&frame, side, Resize::Float)?;
            self.same(&format!("image{at}_resized_float_round_u8_chw"), &float)?;
            self.compare_any(&format!("image{at}_pixel_values"), &normalise(&bytes))?;
        }
        Ok(())
    }

    fn preprocess_sampled(&mut self) -> Result<(), Error> {
        let frame = self.tensor("image_u8_hwc")?;
        let sampled = |x: Tensor| x.slice(1, 0, None, 7).slice(2, 0, None, 7);
        let bytes = sampled(resize(&frame, self.told.info.target, Resize::Bytes)?);
        self.same("resized_u8_chw_stride7", &bytes)?;
        let float = sampled(resize(&frame, self.told.info.target, Resize::Float)?);
        self.same("resized_float_round_u8_chw_stride7", &float)?;
        self.compare("pixel_values_stride7", &normalise(&bytes))
    }

    fn vision(&mut self) -> Result<(), Error> {
        let (backbone, neck) = (&self.model.backbone, &self.model.neck);
        let x = backbone.embed(&self.tensor("pixel_values")?);
        self.compare("vit_embed", &x)?;
        let mut x = backbone.before(&x);
        self.compare("vit_ln_pre", &x)?;
        for (at, block) in backbone.blocks.iter().enumerate() {
            x = backbone.block(block, &x);
            self.compare_any(&format!("vit_block{at}"), &x)?;
        }
        let x = x.permute([0, 3, 1, 2]);
        for (at, level) in neck.levels.iter().enumerate() {
            let features = level.forward(&x);
            self.compare_any(&format!("fpn{at}"), &features)?;
            let (_, dim, h, w) = features.size4()?;
            self.compare_any(&format!("fpn_pos{at}"), &map(dim, h, w, Device::Cpu))?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), Error> {
        let encoder = &self.model.text;
        let (ids, mask) = (self.tensor("input_ids")?, self.tensor("attention_mask")?);
        let counts = mask.unsqueeze(-1).to_kind(Kind::Float); // padding is zeroed in the files
        let mut x = encoder.embed(&ids);
        self.compare("text_embed", &x)?;
        for (at, block) in encoder.blocks.iter().enumerate() {
            x = block.forward(&x);
            self.compare_any(&format!("text_layer{at}"), &(&x * &counts))?;
        }
        let x = encoder.after(&x);
        self.compare("text_last", &(&x * &counts))?;
        self.compare("text_feats", &(encoder.to_detector(&x) * &counts))?;
        // The official padding gives the same where it counts.
        let official = encoder.forward(&self.tensor("input_ids_zero_padded")?);
        self.compare("text_feats", &(official * &counts))
    }

    fn geometry(&mut self) -> Result<(), Error> {
        let maps = [(); 3].map(|()| self.tensor("fpn2"));
        let [fine, middle, coarse] = maps;
        let seen =
            Seen { maps: [fine?, middle?, coarse?], positions: self.tensor("fpn_pos2")?, frame: [1, 1] };
        let (boxes, labels) = (self.tensor("boxes_cxcywh")?, self.tensor("box_labels")?);
        let (b, n, _) = boxes.size3()?;
        let encoder = &self.model.geometry;
        let alone = encoder.forward(&seen, &[]);
        self.compare("cls_only_tokens", &alone.expand([b, -1, -1], false))?;
        let mut rows = Vec::new();
        let mut valid = Vec::new();
        for item in 0..b {
            let tokens = encoder.forward(&seen, &prompts(&boxes.get(item), &labels.get(item))?);
            let there = tokens.size()[1];
            valid.extend((0..=n).map(|at| u8::from(at < there)));
            rows.push(tokens.constant_pad_nd([0, 0, 0, n + 1 - there]));
        }
        self.compare("boxes_tokens", &Tensor::cat(&rows, 0))?;
        self.same("boxes_tokens_mask", &Tensor::from_slice(&valid).view([b, n + 1]))
    }

    fn fusion(&mut self) -> Result<(), Error> {
        let prompt = self.prompt()?;
        let tokens = |x: Tensor| x.flatten(2, 3).transpose(1, 2);
        let positions = tokens(self.tensor("fpn_pos2")?);
        let picture = tokens(self.tensor("fpn2")?).expand([prompt.tokens.size()[0], -1, -1], false);
        let mut x = picture.shallow_clone();
        for (at, layer) in self.model.fusion.layers.iter().enumerate() {
            x = layer.forward(&x, &positions, &prompt);
            self.compare_any(&format!("enc_layer{at}"), &x)?;
        }
        self.compare("enc_out", &self.model.fusion.forward(&picture, &positions, &prompt))
    }

    fn decoder(&mut self) -> Result<(), Error> {
        let prompt = self.prompt()?;
        let (memory, positions) = (self.tensor("memory")?, self.tensor("memory_pos")?);
        let grid = self.model.config.vit.grid();
        let decoder = &self.model.decoder;
        let decoded = decoder.forward(&memory, &positions, &prompt, [grid, grid]);
        for (at, boxes) in decoded.before.iter().enumerate() {
            self.compare_any(&format!("dec_query_pos{at}"), &decoder.place(boxes))?;
            self.compare_any(&format!("dec_rpb{at}"), &decoder.nearness(boxes, [grid, grid]))?;
            self.compare_any(&format!("dec_layer{at}_with_presence"), &decoded.tokens[at])?;
        }
        let hidden = Tensor::stack(&decoded.hidden, 0);
        self.compare("dec_hidden", &hidden)?;
        self.compare("dec_ref_boxes", &Tensor::stack(&decoded.before, 0))?;
        self.compare("dec_presence_logits", &Tensor::stack(&decoded.presence, 0))?;
        self.compare("boxes_cxcywh_all", &Tensor::stack(&decoded.boxes, 0))?;
        self.compare("pred_boxes", &corners(decoded.boxes.last().expect("a decoder has layers")))?;
        let logits: Vec<_> = decoded.hidden.iter().map(|h| self.model.scoring.forward(h, &prompt)).collect();
        self.compare("logits_all", &Tensor::stack(&logits, 0))
    }

    fn scoring(&mut self) -> Result<(), Error> {
        let (hidden, prompt) = (self.tensor("dec_hidden_x12")?, self.prompt()?);
        let logits = self.model.scoring.forward(&hidden, &prompt);
        self.compare("logits_clamped", &logits)
    }

    fn mask_head(&mut self) -> Result<(), Error> {
        let head = &self.model.mask_head;
        let (fine, middle, memory) = (self.tensor("fpn0")?, self.tensor("fpn1")?, self.tensor("enc_out")?);
        let pixels = head.pixels(&fine, &middle, &memory, &self.prompt()?);
        let queries = head.queries(&self.tensor("queries")?);
        self.compare("mask_pixel_embed", &pixels)?;
        self.compare("mask_query_embed", &queries)?;
        self.compare("pred_masks", &head.masks(&queries, &pixels))?;
        self.compare("semantic_seg", &head.all(&pixels))
    }

    /// From the stored resized frames, by the calls that the product makes, one phrase and one frame at a time.
    fn whole(&mut self, frames: &Golden, tokenizer: &Tokenizer) -> Result<(), Error> {
        let Info { prompts: phrases, images, source_hw, mode, .. } = &self.told.info;
        let transformers = mode.starts_with("transformers text-only");
        let (ids, mask) = (self.tensor("input_ids")?, self.tensor("attention_mask")?);
        let mut answers = Vec::new();
        for (item, image) in images.iter().enumerate() {
            let seen = self
                .model
                .see_square(&frames.tensor(&format!("{image}_resized_u8_chw"))?, source_hw[item])?;
            let boxes = match self.golden.has("boxes_cxcywh") {
                true => prompts(
                    &self.tensor("boxes_cxcywh")?.get(item as i64),
                    &self.tensor("box_labels")?.get(item as i64),
                )?,
                false => Vec::new(),
            };
            let beside = match (transformers, boxes.as_slice()) {
                (true, _) => Beside::TransformersTextOnly,
                (false, []) => Beside::Nothing,
                (false, boxes) => Beside::Boxes(boxes),
            };
            // The phrase itself gives the stored ids, and its official form the same answer.
            let stored = tokenizer.phrase(&phrases[item], Cleaning::Transformers)?;
            let row = |t: &Tensor| t.get(item as i64);
            self.case.same("input_ids", Tensor::from_slice(&stored.ids) == row(&ids));
            self.case
                .same("attention_mask", Tensor::from_slice(&stored.valid) == row(&mask).to_kind(Kind::Bool));
            let cleaning = if transformers { Cleaning::Transformers } else { Cleaning::Official };
            let read = self.model.read(&tokenizer.phrase(&phrases[item], cleaning)?)?;
            answers.push(self.model.seek(&seen, &read, beside, -1.0)?);
        }
        let stack = |of: fn(&crate::sam3::Seeking) -> &Tensor| {
            Tensor::stack(&answers.iter().map(of).collect::<Vec<_>>(), 0)
        };
        self.compare("pred_logits", &stack(|answer| &answer.logits))?;
        self.compare("pred_boxes", &stack(|answer| &answer.boxes))?;
        self.compare("pred_masks", &stack(|answer| &answer.masks))?;
        self.compare("semantic_seg", &stack(|answer| &answer.all).unsqueeze(1))?;
        let presence: Vec<_> = answers.iter().map(|answer| answer.presence).collect();
        self.compare("presence_logits", &Tensor::from_slice(&presence).unsqueeze(1))?;
        for (item, answer) in answers.iter().enumerate() {
            self.compare(&format!("scores{item}"), &answer.scores())?;
            for (short, manner) in [("off", Manner::Official), ("hf", Manner::Transformers)] {
                if self.golden.has(&format!("{short}{item}_keep")) {
                    self.cut(&format!("{short}{item}"), answer, manner)?;
                }
            }
        }
        Ok(())
    }

    /// What counts at the manner's own threshold.
    fn cut(&mut self, name: &str, answer: &crate::sam3::Seeking, manner: Manner) -> Result<(), Error> {
        let instances = match answer.at(manner.threshold(), manner) {
            Found::Instances { instances, .. } => instances,
            Found::Nothing { .. } => Vec::new(),
        };
        let queries: Vec<_> = instances.iter().map(|instance| instance.query).collect();
        self.same(&format!("{name}_keep"), &Tensor::from_slice(&queries))?;
        let scores: Vec<_> = instances.iter().map(|instance| instance.score).collect();
        self.compare(&format!("{name}_scores"), &Tensor::from_slice(&scores))?;
        let sides: Vec<_> = instances.iter().flat_map(|instance| instance.corners).collect();
        self.compare(&format!("{name}_boxes"), &Tensor::from_slice(&sides).view([-1, 4]))?;

        let want = self.tensor(&format!("{name}_masks"))?.to_kind(Kind::Bool);
        let mut wrong = 0;
        for (at, instance) in instances.iter().enumerate() {
            let row = answer.masked.iter().position(|query| *query == instance.query).expect("it was masked");
            let probability = manner.probability(&answer.masks.get(row as i64), answer.frame);
            let sure = (&probability - 0.5).abs().gt(1e-4); // as near as that, either side is right
            let apart = instance.mask.not_equal_tensor(&want.get(at as i64)).logical_and(&sure);
            wrong += apart.sum(Kind::Int64).int64_value(&[]);
            if at == 0 {
                self.compare_any(&format!("{name}_prob_first"), &probability)?;
            }
        }
        self.case.same(&format!("{name}_masks"), wrong == 0 && want.size()[0] == instances.len() as i64);
        Ok(())
    }
}

/// The boxes of one item; a label below 0 fills up a row.
fn prompts(boxes: &Tensor, labels: &Tensor) -> Result<Vec<BoxPrompt>, Error> {
    let boxes: Vec<f32> = Vec::try_from(boxes.flatten(0, 1))?;
    let labels: Vec<i64> = Vec::try_from(labels)?;
    let shares = boxes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let real = shares.zip(labels).filter(|(_, label)| *label >= 0);
    Ok(real.map(|(shares, label)| BoxPrompt { shares, wanted: label > 0 }).collect())
}

#[derive(Deserialize)]
struct Ids {
    cases: Vec<Row>,
    vocab_size: i64,
    context: i64,
}

#[derive(Deserialize)]
struct Row {
    text: String,
    input_ids: Option<Vec<i64>>,
    n_valid: Option<usize>,
    official_ids: Option<Vec<i64>>,
    official_valid: Option<Vec<u8>>,
    transformers_ids: Option<Vec<i64>>,
    transformers_mask: Option<Vec<u8>>,
}

/// A set's own vocabulary, in transformers' way.
fn tokenizer(folder: &Path, config: &Config, case: &mut Case) -> Result<(), Error> {
    let Ids { cases, .. } = read_json(&folder.join("tokenizer/ids.json"))?;
    let tokenizer = Tokenizer::open(folder, config.text.vocabulary, config.text.context)?;
    for Row { text, input_ids, n_valid, .. } in cases {
        let got = tokenizer.tokens(&Cleaning::Transformers.clean(&text), Cleaning::Transformers);
        case.same(&text, Some(got.ids) == input_ids);
        case.same(&text, Some(got.valid.iter().filter(|valid| **valid).count()) == n_valid);
    }
    Ok(())
}

/// The whole vocabulary, in both ways.
fn full_tokenizer(folder: &Path, case: &mut Case) -> Result<(), Error> {
    let Ids { cases, vocab_size, context } = read_json(&folder.join("ids.json"))?;
    let tokenizer = Tokenizer::open(folder, vocab_size, context)?;
    for Row { text, official_ids, official_valid, transformers_ids, transformers_mask, .. } in cases {
        for (cleaning, ids, valid) in [
            (Cleaning::Official, official_ids, official_valid),
            (Cleaning::Transformers, transformers_ids, transformers_mask),
        ] {
            let got = tokenizer.tokens(&cleaning.clean(&text), cleaning);
            case.same(&text, Some(got.ids) == ids);
            case.same(&text, Some(got.valid.iter().map(|valid| u8::from(*valid)).collect()) == valid);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn sam3_agrees_with_its_reference_in_every_stage() {
        super::super::check("sam3");
    }
}
