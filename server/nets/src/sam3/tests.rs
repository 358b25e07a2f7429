//! Rules of the whole: which checkpoints open, what is kept, and that no answer is empty in silence. Numbers are
//! compared with the reference in `parity`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

use super::config::Text;
use super::*;

/// Names, shapes and values of a checkpoint.
type Tensors = BTreeMap<String, Tensor>;

/// A tiny model's tensors, random, under `prefix`.
fn tiny(layout: Layout, prefix: &str) -> Tensors {
    let asked = Weights::outline();
    Sam3::in_layout(&asked, layout, &Config::tiny()).unwrap();
    let seeded = Weights::seeded(5);
    let value = |(name, shape): (String, Vec<i64>)| {
        (format!("{prefix}{name}"), seeded.tensor(&name, &shape).unwrap())
    };
    asked.taken().into_iter().map(value).collect()
}

fn write(tensors: &Tensors) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    let stored = tensors.iter().map(|(name, tensor)| {
        let values: Vec<f32> = Vec::try_from(tensor.contiguous().view(-1)).unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        (name, tensor.size().iter().map(|size| *size as usize).collect::<Vec<_>>(), bytes)
    });
    let stored: Vec<_> = stored.collect();
    let views = stored
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    serialize_to_file(views, None, &path).unwrap();
    (folder, path)
}

fn open(tensors: &Tensors, config: &Config) -> Result<Sam3, Error> {
    let (_folder, path) = write(tensors);
    Sam3::find(&Weights::open(&path, Device::Cpu, Kind::Float)?, config, "the file")
}

fn refusal(tensors: &Tensors) -> String {
    open(tensors, &Config::tiny()).err().unwrap().to_string()
}

/// A vocabulary of the tiny model: bytes and two pairs.
fn vocabulary(folder: &Path) -> Tokenizer {
    let file = std::fs::File::create(folder.join("bpe_simple_vocab_16e6.txt.gz")).unwrap();
    let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    file.write_all(b"heading\nc a\nca t</w>\nnot known\n").unwrap();
    file.finish().unwrap();
    let Text { vocabulary, context, .. } = Config::tiny().text;
    Tokenizer::open(folder, vocabulary, context).unwrap()
}

fn model() -> (Sam3, Tokenizer) {
    let folder = TempDir::new().unwrap();
    let model = Sam3::in_layout(&Weights::seeded(5), Layout::Transformers, &Config::tiny()).unwrap();
    (model, vocabulary(folder.path()))
}

fn picture(shade: u8) -> Tensor {
    let rgb: Vec<u8> = (0..40 * 60 * 3).map(|at| (at * 7 % 251) as u8 ^ shade).collect();
    frame(&rgb, 40, 60).unwrap()
}

#[test]
fn the_released_model_has_as_many_tensors_and_numbers_as_published() {
    let count = |layout: Layout| {
        let asked = Weights::outline();
        Sam3::in_layout(&asked, layout, &Config::released()).unwrap();
        let taken = asked.taken();
        (taken.len(), taken.values().map(|shape| shape.iter().product::<i64>()).sum::<i64>())
    };
    assert_eq!(count(Layout::Transformers), (1468, 840_376_374)); // sam3-spec.md §0, §13
    let (tracker_neck, points, position_row) = (7_802_112, 132_352, 1_024);
    let (_, official) = count(Layout::Official);
    assert_eq!(official, 848_311_862 - tracker_neck - points);
    assert_eq!(official, 840_376_374 + position_row);
}

/// The rows of the specification's appendix B: official name, its shapes, how many, name in transformers.
fn appendix() -> Option<Vec<[String; 4]>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/design/sam3-spec.md");
    if !path.exists() {
        println!("skipped: no ../shared/design/sam3-spec.md beside the checkout");
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("## Appendix B").unwrap();
    let (table, _) = table.split_once("## Appendix C").unwrap();
    let row = |line: &str| {
        let cells: Vec<_> = line
            .trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect();
        <[String; 4]>::try_from(cells).ok()
    };
    Some(table.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect())
}

/// A name with `{a,b}` in it as several.
fn spread(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let (inner, after) = rest.split_once('}').unwrap();
    inner.split(',').flat_map(|part| spread(&format!("{before}{part}{after}"))).collect()
}

#[test]
fn both_layouts_are_those_of_the_specification() {
    let Some(rows) = appendix() else { return };
    let taken = |layout: Layout| {
        let asked = Weights::outline();
        Sam3::in_layout(&asked, layout, &Config::released()).unwrap();
        asked.taken()
    };
    let mut official = BTreeMap::new();
    let mut transformers = Vec::new();
    for [name, shapes, count, other] in &rows {
        if ["freqs_cis", "sam2_convs", "points_"].iter().any(|unused| name.contains(unused)) {
            continue;
        }
        let names = spread(name);
        let times = count.parse::<usize>().unwrap() / names.len();
        for at in 0..times {
            let numbered = |name: &str| name.replace(".N.", &format!(".{at}."));
            for (name, shape) in names.iter().zip(shapes.split("; ")) {
                let shape = shape.rsplit(": ").next().unwrap();
                let shape: Vec<i64> = shape.split('×').map(|size| size.parse().unwrap()).collect();
                official.insert(numbered(name), shape);
            }
            let other = other.split(" (").next().unwrap();
            transformers.extend(spread(other).iter().map(|name| numbered(name)));
        }
    }
    assert_eq!(taken(Layout::Official), official);
    transformers.sort();
    assert_eq!(taken(Layout::Transformers).into_keys().collect::<Vec<_>>(), transformers);
}

/// The same weights in the official layout, by the specification's table.
fn as_official(rows: &[[String; 4]], from: &Tensors) -> Tensors {
    let mut official = Tensors::new();
    for [name, _, _, other] in rows {
        let other = other.split(" (").next().unwrap();
        for at in 0..99 {
            let numbered = |name: &str| name.replace(".N.", &format!(".{at}."));
            let sources: Vec<_> = spread(&numbered(other)).into_iter().map(|name| from.get(&name)).collect();
            if sources.iter().any(Option::is_none) || (at > 0 && !name.contains(".N.")) {
                break;
            }
            let sources: Vec<&Tensor> = sources.into_iter().flatten().collect();
            let names = spread(&numbered(name));
            let tensors = match (name.as_str(), sources.len() / names.len()) {
                (name, 1) if name.ends_with("pos_embed") => {
                    vec![Tensor::cat(&[&sources[0].narrow(1, 0, 1).zeros_like(), sources[0]], 1)]
                }
                (name, 1) if name.ends_with("encoder.text_projection") => vec![sources[0].tr()],
                (_, 1) => sources.iter().map(|tensor| tensor.shallow_clone()).collect(),
                // q.weight q.bias k.weight k.bias v.weight v.bias
                _ => [0, 1]
                    .map(|part| Tensor::cat(&[sources[part], sources[part + 2], sources[part + 4]], 0))
                    .into(),
            };
            official.extend(names.into_iter().zip(tensors));
        }
    }
    official
}

#[test]
fn the_same_weights_in_either_layout_give_the_same_answer() {
    let Some(rows) = appendix() else { return };
    let plain = tiny(Layout::Transformers, "");
    let official = as_official(&rows, &plain);
    let under = |prefix: &str, tensors: &Tensors, more: &[&str]| {
        let more =
            more.iter().map(|name| ((*name).to_owned(), Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))));
        tensors
            .iter()
            .map(|(name, tensor)| (format!("{prefix}{name}"), tensor.shallow_clone()))
            .chain(more)
            .collect()
    };
    let unused = [
        "detector.backbone.vision_backbone.trunk.blocks.1.attn.freqs_cis",
        "detector.backbone.vision_backbone.sam2_convs.0.conv_1x1.weight",
        "detector.geometry_encoder.points_pool_project.weight",
        "tracker.maskmem_tpos_enc",
    ];
    let files: [Tensors; 4] = [
        under("", &plain, &[]),
        under("detector_model.", &plain, &["tracker_neck.x", "tracker_model.y"]),
        under("", &official, &[]),
        under("detector.", &official, &unused),
    ];
    let (_, tokenizer) = model();
    let phrase = tokenizer.phrase("cat", Cleaning::Official).unwrap();
    let answers = files.map(|file| {
        let model = open(&file, &Config::tiny()).unwrap();
        let seen = model.see(&picture(0), Resize::Float).unwrap();
        let boxes = [BoxPrompt { shares: [0.5, 0.5, 0.4, 0.3], wanted: true }];
        model.seek(&seen, &model.read(&phrase).unwrap(), Beside::Boxes(&boxes), 0.0).unwrap()
    });
    for answer in &answers[1..] {
        assert!(answer.masks.allclose(&answers[0].masks, 1e-5, 1e-6, false));
        assert!(answer.logits.allclose(&answers[0].logits, 1e-5, 1e-6, false));
    }
}

#[test]
fn the_official_file_opens_as_it_is_published() {
    let folder = TempDir::new().unwrap();
    let tensors = tiny(Layout::Official, "detector.");
    let stored: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    crate::torch_file::tests::write(&folder.path().join("sam3.pt"), &stored);
    let weights = Weights::open(folder.path(), Device::Cpu, Kind::Float).unwrap();
    let saved = Sam3::find(&weights, &Config::tiny(), "the folder").unwrap();
    let plain = open(&tensors, &Config::tiny()).unwrap();
    let [saved, plain] = [saved, plain].map(|model| model.see(&picture(0), Resize::Float).unwrap().maps);
    assert_eq!(saved, plain);
}

#[test]
fn the_first_wrong_tensor_is_named_in_either_layout() {
    for (layout, prefix, name) in [
        (Layout::Transformers, "detector_model.", "detector_model.detr_decoder.presence_token.weight"),
        (Layout::Transformers, "", "vision_encoder.neck.fpn_layers.3.proj2.bias"),
        (Layout::Official, "detector.", "detector.transformer.decoder.layers.1.ca_text.in_proj_bias"),
        (Layout::Official, "", "backbone.language_backbone.encoder.text_projection"),
    ] {
        let whole = tiny(layout, prefix);
        open(&whole, &Config::tiny()).unwrap();

        let mut missing = tiny(layout, prefix);
        let tensor = missing.remove(name).unwrap();
        let said = refusal(&missing);
        assert!(said.contains(&format!("has no tensor “{name}”")), "{said}");

        let mut wrong = missing;
        wrong.insert(name.to_owned(), Tensor::cat(&[&tensor, &tensor], 0));
        let said = refusal(&wrong);
        assert!(said.contains(&format!("“{name}”")) && said.contains("expected"), "{said}");

        let mut more = whole;
        let known = name.rsplit_once('.').unwrap().0;
        more.insert(format!("{known}.again"), tensor);
        let said = refusal(&more);
        assert!(said.contains("1 tensor this model does not know") && said.contains(".again"), "{said}");
    }
}

#[test]
fn a_tracker_is_told_from_a_detector() {
    let alone = |name: &str| Tensors::from([(name.to_owned(), Tensor::from_slice(&[1.0_f32]))]);
    for name in [
        "tracker_model.mask_decoder.iou_token.weight",
        "tracker.maskmem_tpos_enc",
        "memory_attention.layers.0.norm1.bias",
    ] {
        let said = refusal(&alone(name));
        assert!(
            said.contains("tracker") && said.contains(name) && said.contains("Give the detector"),
            "{said}"
        );
    }
    let said = refusal(&alone("transformer_blocks.0.weight"));
    assert!(
        said.contains("no checkpoint of SAM 3") && said.contains("transformer_blocks.0.weight"),
        "{said}"
    );
}

#[test]
fn a_folder_says_what_it_lacks() {
    let open = |folder: &Path| Sam3::open(folder, Device::Cpu, Kind::Float).err().unwrap().to_string();
    let (folder, _) = write(&tiny(Layout::Transformers, "detector_model."));
    assert!(open(&folder.path().join("nowhere")).contains("is no folder"));
    let said = open(folder.path());
    assert!(said.contains("has no vocabulary: vocab.json with merges.txt"), "{said}");
    vocabulary(folder.path());
    let said = open(folder.path());
    assert!(said.contains("has 3 pairs, and the model 48894"), "{said}");
}

#[test]
fn a_folder_is_checked_without_reading_it_as_strictly_as_it_is_opened() {
    let config = |folder: &Path| {
        std::fs::write(folder.join("config.json"), Config::tiny().to_json().to_string()).unwrap();
        vocabulary(folder);
    };
    for (layout, prefix, name) in [
        (Layout::Transformers, "detector_model.", "detector_model.detr_decoder.presence_token.weight"),
        (Layout::Official, "detector.", "detector.transformer.decoder.presence_token.weight"),
    ] {
        let mut tensors = tiny(layout, prefix);
        let more =
            [("tracker_model.x", Layout::Transformers), ("tracker.maskmem_tpos_enc", Layout::Official)];
        for (beside, _) in more.into_iter().filter(|(_, of)| *of == layout) {
            tensors.insert(beside.to_owned(), Tensor::from_slice(&[1.0_f32]));
        }
        let (folder, _) = write(&tensors);
        config(folder.path());
        Sam3::check(folder.path()).unwrap();
        Sam3::open(folder.path(), Device::Cpu, Kind::Float).unwrap();
        assert!(tensors.remove(name).is_some());
        let (folder, _) = write(&tensors);
        config(folder.path());
        let said = Sam3::check(folder.path()).unwrap_err().to_string();
        assert!(said.contains(&format!("has no tensor “{name}”")), "{said}");
    }
    // The tracker in the detector's place.
    let alone = Tensors::from([("tracker.maskmem_tpos_enc".to_owned(), Tensor::from_slice(&[1.0_f32]))]);
    let (folder, _) = write(&alone);
    config(folder.path());
    let said = Sam3::check(folder.path()).unwrap_err().to_string();
    assert!(said.contains("reads no words"), "{said}");
}

#[test]
fn lost_numbers_are_an_error_and_no_empty_mask() {
    let (_, tokenizer) = model();
    let phrase = tokenizer.phrase("cat", Cleaning::Official).unwrap();
    for name in [
        "vision_encoder.neck.fpn_layers.2.proj1.bias",
        "text_projection.bias",
        "dot_product_scoring.query_proj.bias",
        "detr_decoder.presence_head.layer3.bias",
        "mask_decoder.instance_projection.bias",
    ] {
        let mut damaged = tiny(Layout::Transformers, "");
        let tensor = damaged[name].full_like(f64::NAN);
        damaged.insert(name.to_owned(), tensor);
        let model = open(&damaged, &Config::tiny()).unwrap();
        let answer = model
            .see(&picture(0), Resize::Float)
            .and_then(|seen| model.seek(&seen, &model.read(&phrase)?, Beside::Nothing, 0.0));
        let said = answer.err().unwrap().to_string();
        assert!(said.contains("not finite"), "{name}: {said}");
    }
}

#[test]
fn a_phrase_that_cannot_be_read_as_meant_says_so() {
    let (_, tokenizer) = model();
    let notes = |text: &str| -> Vec<String> {
        tokenizer.phrase(text, Cleaning::Official).unwrap().notes.iter().map(Note::to_string).collect()
    };
    for empty in ["", "  \t\n", "\u{feff}", "&nbsp;"] {
        let said = tokenizer.phrase(empty, Cleaning::Official).unwrap_err().to_string();
        assert!(said.contains("The phrase is empty"), "{said}");
    }
    assert_eq!(notes("cat"), Vec::<String>::new());
    assert_eq!(notes("Café à l’ouest"), Vec::<String>::new());

    let long = "cat ".repeat(200);
    let phrase = tokenizer.phrase(&long, Cleaning::Official).unwrap();
    assert_eq!((phrase.ids.len(), phrase.valid.iter().filter(|valid| **valid).count()), (32, 32));
    let said = notes(&long);
    let unread = ["cat"; 170].join(" ");
    assert!(said[0].contains("reads 30 tokens") && said[0].contains(&format!("“{unread}”")), "{said:?}");

    assert!(notes("🐶🐶")[0].contains("no word"));
    assert!(notes("собака")[0].contains("in another language"));
    assert!(notes("日本語 sign")[0].contains("in another language"));
    let said = tokenizer.phrase(&"x".repeat(5000), Cleaning::Official).unwrap_err().to_string();
    assert!(said.contains("5000 characters"), "{said}");
}

#[test]
fn nothing_found_and_everything_found_are_said_so() {
    let (model, tokenizer) = model();
    let phrase = tokenizer.phrase("🐶", Cleaning::Official).unwrap();
    let seen = model.see(&picture(0), Resize::Float).unwrap();
    let answer = model.seek(&seen, &model.read(&phrase).unwrap(), Beside::Nothing, 0.0).unwrap();
    let Found::Nothing { best_score, presence } = answer.at(0.999, Manner::Official) else { panic!("found") };
    assert!(best_score > 0.0 && best_score <= presence);
    let Found::Instances { instances, all_queries } = answer.at(0.0, Manner::Official) else {
        panic!("nothing")
    };
    assert!(all_queries && instances.len() as i64 == model.config.queries);
    assert!(
        instances
            .iter()
            .all(|instance| instance.mask.size() == [40, 60] && instance.mask.kind() == Kind::Bool)
    );
    // A higher threshold keeps some of the same, without running the network.
    let middle = (best_score + instances.iter().map(|i| i.score).fold(1.0, f64::min)) / 2.0;
    let Found::Instances { instances: fewer, all_queries } = answer.at(middle, Manner::Official) else {
        panic!("nothing")
    };
    assert!(
        !all_queries && fewer.len() < instances.len() && fewer.iter().all(|instance| instance.score > middle)
    );
}

#[test]
fn masks_are_made_of_what_scores_above_the_floor_alone() {
    let (model, tokenizer) = model();
    let read = model.read(&tokenizer.phrase("cat", Cleaning::Official).unwrap()).unwrap();
    let seen = model.see(&picture(0), Resize::Float).unwrap();
    let whole = model.seek(&seen, &read, Beside::Nothing, 0.0).unwrap();
    let floor = whole.scores().median().double_value(&[]);
    let half = model.seek(&seen, &read, Beside::Nothing, floor).unwrap();
    assert_eq!(whole.masked.len() as i64, model.config.queries);
    assert!(!half.masked.is_empty() && half.masked.len() < whole.masked.len());
    for (row, query) in half.masked.iter().enumerate() {
        assert!(half.masks.get(row as i64).allclose(&whole.masks.get(*query), 1e-5, 1e-5, false));
    }
    assert!(model.seek(&seen, &read, Beside::Nothing, 1.0).unwrap().masked.is_empty());
}

#[test]
fn a_frame_is_looked_at_once_for_all_phrases() {
    let (fresh, tokenizer) = model();
    let phrases = ["cat", "the left shoe"].map(|text| tokenizer.phrase(text, Cleaning::Official).unwrap());
    let (model, tokenizer) = model();
    let one = model.see(&picture(0), Resize::Float).unwrap().bytes();
    let mut words = Words::new(model, tokenizer, Resize::Float, 2 * one);
    let mut looked = Vec::new();
    for (key, phrase) in [(1_u8, 0), (1, 1), (2, 0), (1, 0), (3, 0), (2, 0)] {
        let rgb = || {
            looked.push(key);
            Ok::<_, Error>(picture(key))
        };
        let got = words.seek(key, rgb, &phrases[phrase], Beside::Nothing, 0.0).unwrap();
        let seen = fresh.see(&picture(key), Resize::Float).unwrap();
        let want = fresh.seek(&seen, &fresh.read(&phrases[phrase]).unwrap(), Beside::Nothing, 0.0).unwrap();
        assert_eq!((got.logits, got.masks), (want.logits, want.masks));
    }
    assert_eq!(looked, [1, 2, 3, 2]); // two fit; 2 went when 3 came, because 1 was asked for after it
    assert_eq!(words.frames(), 2);
    let lost = words.seek(
        9,
        || Err(Error::input("The frame is gone", "Ingest it again.")),
        &phrases[0],
        Beside::Nothing,
        0.0,
    );
    assert!(lost.err().unwrap().to_string().contains("The frame is gone"));
}

#[test]
fn half_precision_is_near() {
    let (model, tokenizer) = model();
    let (_folder, path) = write(&tiny(Layout::Transformers, ""));
    let half = Weights::open(&path, Device::Cpu, Kind::BFloat16).unwrap();
    let half = Sam3::find(&half, &Config::tiny(), "the file").unwrap();
    let phrase = tokenizer.phrase("cat", Cleaning::Official).unwrap();
    let [exact, near] = [&model, &half].map(|model| {
        let seen = model.see(&picture(0), Resize::Float).unwrap();
        model.seek(&seen, &model.read(&phrase).unwrap(), Beside::Nothing, 0.0).unwrap().scores()
    });
    assert!(near.kind() == Kind::Float && near.allclose(&exact, 0.1, 0.02, false), "{near:?} {exact:?}");
}

#[test]
fn what_is_no_picture_or_box_is_refused() {
    let (model, _) = model();
    for bad in [picture(0).to_kind(Kind::Float), picture(0).narrow(2, 0, 1), picture(0).narrow(0, 0, 0)] {
        let said = model.see(&bad, Resize::Bytes).err().unwrap().to_string();
        assert!(said.contains("Give it as bytes"), "{said}");
    }
    let (model, tokenizer) = self::model();
    let seen = model.see(&picture(0), Resize::Bytes).unwrap();
    let read = model.read(&tokenizer.phrase("cat", Cleaning::Official).unwrap()).unwrap();
    for shares in [[0.5, 0.5, 0.1, 1e9], [f32::NAN, 0.5, 0.1, 0.1], [-0.2, 0.5, 0.1, 0.1]] {
        let boxes = [BoxPrompt { shares, wanted: true }];
        let said = model.seek(&seen, &read, Beside::Boxes(&boxes), 0.0).err().unwrap().to_string();
        assert!(said.contains("from 0 to 1"), "{said}");
    }
    assert!(frame(&[0; 10], 2, 2).unwrap_err().to_string().contains("2×2 came with 10 bytes"));
}
