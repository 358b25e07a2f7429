//! What the fixtures do not say: names and sizes of real checkpoints, several objects, stopping, and bad input.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use tch::{Device, Kind, Tensor};

use super::*;
use crate::{Error, Weights};

const SHOT: Shot = Shot { frames: 5, height: 30, width: 44 };

/// Small enough for every test.
fn small_config() -> Config {
    Config {
        image_size: 64,
        embed_dim: 8,
        num_heads: 1,
        stages: [1, 1, 2, 1],
        global_blocks: vec![3],
        background: [3, 3],
        windows: [4, 2, 4, 2],
        d_model: 32,
        mem_dim: 16,
        mem_layers: 1,
        dim_ff: 16,
        ..Config::tiny(Generation::TwoOne)
    }
}

/// A network of that size with random weights.
fn small() -> Sam2 {
    crate::use_one_thread();
    let net = Sam2::new(&Weights::seeded(7), &small_config()).unwrap();
    net.decoder.set_score_offset(&Tensor::from_slice(&[5.0_f32])); // seen, or every mask is the same
    net
}

fn picture(frame: i64) -> Result<Tensor, Error> {
    let noise = crate::random::Normal::new(frame as u64).tensor(&[SHOT.height, SHOT.width, 3]);
    Ok((noise * 60.0 + 128.0).clamp(0.0, 255.0).to_kind(Kind::Uint8))
}

fn click(x: f32, y: f32) -> Prompt {
    Prompt { clicks: vec![Click { x, y, onto: true }], rect: None }
}

fn session() -> Session {
    Session::new(SHOT, Options::default()).unwrap()
}

fn track(net: &Sam2, session: &mut Session, direction: Direction) -> BTreeMap<(i64, u32), Tensor> {
    let mut found = BTreeMap::new();
    let mut each = |frame, masks: Vec<Found>| {
        found.extend(masks.into_iter().map(|mask| ((frame, mask.object), mask.logits)));
        ControlFlow::Continue(())
    };
    session.propagate(net, &mut picture, None, direction, None, &mut each).unwrap();
    found
}

#[test]
fn the_released_sizes_ask_for_as_many_numbers_as_they_are_known_for() {
    for (config, millions) in [
        (Config::tiny as fn(Generation) -> Config, 38.9),
        (Config::small, 46.0),
        (Config::base_plus, 80.8),
        (Config::large, 224.4),
    ] {
        let w = Weights::outline();
        Sam2::new(&w, &config(Generation::TwoOne)).unwrap();
        let numbers: i64 = w.taken().values().map(|shape| shape.iter().product::<i64>()).sum();
        assert!((numbers as f64 / 1e6 - millions).abs() < 0.1, "{numbers} for {millions} million");
    }
}

#[test]
fn a_made_checkpoint_is_one_network_in_both_layouts() {
    crate::use_one_thread();
    let folder = tempfile::tempdir().unwrap();
    let answer = |file: &str, layout| {
        let path = folder.path().join(file);
        let tensors = write_made(&path, &small_config(), layout).unwrap();
        let w = Weights::open(&path, Device::Cpu, Kind::Float).unwrap();
        assert_eq!(w.names().len(), tensors);
        assert_eq!(Layout::of(&w).unwrap(), layout);
        let net = Sam2::new(&w, &small_config()).unwrap();
        let mut session = session();
        let found = session.mark(&net, &mut picture, 1, 0, click(10.0, 10.0)).unwrap();
        assert!(found.score.is_some_and(|score| score > 0.0), "it is there");
        (tensors, found.logits, found.score, found.iou)
    };
    let original = answer("a.pt", Layout::Original);
    let transformers = answer("b.safetensors", Layout::Transformers);
    assert_eq!(original.0, transformers.0 + 3, "four kinds of points are one tensor there");
    assert!(original.1 == transformers.1);
    assert_eq!((original.2, original.3), (transformers.2, transformers.3));
}

#[test]
fn every_object_is_tracked_as_if_it_were_alone() {
    let net = small();
    let (mut both, mut alone) = (session(), session());
    both.mark(&net, &mut picture, 1, 1, click(10.0, 10.0)).unwrap();
    both.mark(&net, &mut picture, 9, 1, click(30.0, 20.0)).unwrap();
    alone.mark(&net, &mut picture, 9, 1, click(30.0, 20.0)).unwrap();
    assert_eq!(both.objects().collect::<Vec<_>>(), [1, 9]);
    for direction in [Direction::Forwards, Direction::Backwards] {
        let (both, alone) = (track(&net, &mut both, direction), track(&net, &mut alone, direction));
        assert_eq!(both.len(), 2 * alone.len());
        assert!(alone.iter().all(|(at, logits)| both[at] == *logits));
    }
    both.forget_object(1);
    assert!(both.objects().eq([9]) && both.kept(1, 1).is_none());
}

#[test]
fn a_track_can_be_stopped_and_taken_up_again() {
    let net = small();
    let mut whole = session();
    whole.mark(&net, &mut picture, 1, 0, click(10.0, 10.0)).unwrap();
    let whole = track(&net, &mut whole, Direction::Forwards);
    let mut parts = session();
    parts.mark(&net, &mut picture, 1, 0, click(10.0, 10.0)).unwrap();
    let mut last = None;
    let mut stop = |frame, found: Vec<Found>| {
        last = Some((frame, found[0].logits.shallow_clone()));
        if frame == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    parts.propagate(&net, &mut picture, None, Direction::Forwards, None, &mut stop).unwrap();
    assert_eq!(last, Some((2, whole[&(2, 1)].shallow_clone())));
    let mut rest = BTreeMap::new();
    let mut each = |frame, found: Vec<Found>| {
        rest.insert(frame, found[0].logits.shallow_clone());
        ControlFlow::Continue(())
    };
    parts.propagate(&net, &mut picture, Some(3), Direction::Forwards, None, &mut each).unwrap();
    assert!(rest.keys().eq(&[3, 4]) && rest.iter().all(|(frame, logits)| whole[&(*frame, 1)] == *logits));
}

#[test]
fn a_persons_mask_stays_and_a_correction_lasts_when_asked() {
    let net = small();
    let mask = Tensor::zeros([SHOT.height, SHOT.width], (Kind::Uint8, Device::Cpu));
    let _ = mask.narrow(0, 4, 12).narrow(1, 6, 20).fill_(1);
    let options = Options { corrections_stay: true, ..Options::default() };
    let mut session = Session::new(SHOT, options).unwrap();
    let given = session.give_mask(&net, &mut picture, 1, 2, &mask).unwrap();
    let wrong = given.logits.gt(0).ne_tensor(&mask.gt(0)).to_kind(Kind::Float).mean(Kind::Float);
    assert!(wrong.double_value(&[]) < 0.03, "{wrong}");
    assert_eq!(track(&net, &mut session, Direction::Forwards)[&(2, 1)], given.logits);
    let corrected = session.mark(&net, &mut picture, 1, 4, click(40.0, 3.0)).unwrap();
    let again = track(&net, &mut session, Direction::Forwards);
    assert_eq!((&again[&(2, 1)], &again[&(4, 1)]), (&given.logits, &corrected.logits));
}

#[test]
fn far_frames_are_let_go_of_but_keep_their_pointers() {
    let net = small();
    let mut session = Session::new(SHOT, Options { kept_frames: 1, ..Options::default() }).unwrap();
    session.mark(&net, &mut picture, 1, 0, click(10.0, 10.0)).unwrap();
    track(&net, &mut session, Direction::Forwards);
    let memory = |frame| session.kept(1, frame).unwrap().memory.is_some();
    assert_eq!([0, 1, 2, 3, 4].map(memory), [true, false, false, true, true]);
}

#[test]
fn only_the_nearest_frames_are_relied_on_when_asked() {
    let net = small();
    let marked = |session: &mut Session| {
        for frame in [0, 1, 4] {
            session.mark(&net, &mut picture, 1, frame, click(10.0 + frame as f32, 10.0)).unwrap();
        }
        track(&net, session, Direction::Forwards)
    };
    let all = marked(&mut session());
    let with = |most_given| Session::new(SHOT, Options { most_given, ..Options::default() }).unwrap();
    assert_eq!(marked(&mut with(3)), all);
    assert_ne!(marked(&mut with(1))[&(3, 1)], all[&(3, 1)]);
}

#[test]
fn what_was_seen_of_a_marked_frame_serves_the_next_session() {
    let net = small();
    let mut first = session();
    let answer = first.mark(&net, &mut picture, 1, 2, click(10.0, 10.0)).unwrap();
    track(&net, &mut first, Direction::Forwards);
    let seen = first.into_features();
    assert_eq!(seen.iter().map(|(frame, _)| *frame).collect::<Vec<_>>(), [2]);
    let mut none = |frame| Err(Error::input(format!("frame {frame} is read again"), "Do not."));
    let again = session().having_seen(seen).mark(&net, &mut none, 1, 2, click(10.0, 10.0)).unwrap();
    assert_eq!(again.logits, answer.logits);
}

#[test]
fn a_shot_of_one_frame_and_a_second_thought_on_it() {
    let net = small();
    let shot = Shot { frames: 1, ..SHOT };
    let mut session = Session::new(shot, Options::default()).unwrap();
    session.mark(&net, &mut picture, 1, 0, click(10.0, 10.0)).unwrap();
    assert_eq!(track(&net, &mut session, Direction::Forwards).len(), 1);
    let found = session.mark(&net, &mut picture, 1, 0, click(30.0, 10.0)).unwrap();
    assert!(found.logits.isfinite().all().int64_value(&[]) == 1 && (0.0..=1.0).contains(&found.confidence()));
    assert!(track(&net, &mut session, Direction::Backwards).is_empty());
}

#[test]
fn what_cannot_be_tracked_is_refused_in_words() {
    let net = small();
    let mut none = |_: i64, _: Vec<Found>| ControlFlow::Continue(());
    let mut empty = session();
    let error = empty.propagate(&net, &mut picture, None, Direction::Forwards, None, &mut none).unwrap_err();
    assert!(error.to_string().contains("nothing is marked in this shot"), "{error}");
    let mut other = |_: i64| Ok(Tensor::zeros([9, 9, 3], (Kind::Uint8, Device::Cpu)));
    let error = session().mark(&net, &mut other, 1, 0, click(1.0, 1.0)).err().unwrap().to_string();
    assert!(error.contains("frame 0 has the shape [9, 9, 3]"), "{error}");
    let error = session().mark(&net, &mut picture, 1, 5, click(1.0, 1.0)).err().unwrap().to_string();
    assert!(error.contains("frame 5 does not exist"), "{error}");
    let mut lost = |frame| Err(Error::input(format!("frame {frame} is torn"), "Upload it again."));
    let error = session().mark(&net, &mut lost, 1, 0, click(1.0, 1.0)).err().unwrap().to_string();
    assert!(error.contains("frame 0 is torn"), "{error}");
}

fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sam2");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no ../shared/fixtures beside the checkout");
    None
}

#[test]
fn both_layouts_make_the_same_network() {
    let Some(fixtures) = fixtures() else { return };
    let folder = tempfile::tempdir().unwrap();
    for version in ["sam2", "sam2.1"] {
        let config = Config::read(&fixtures.join(version).join("config.json")).unwrap();
        let original = fixtures.join(version).join("weights_original_keys_f16.safetensors");
        let original = Weights::open(&original, Device::Cpu, Kind::Float).unwrap();
        let net = Sam2::new(&original, &config).unwrap();
        for both_copies in [true, false] {
            let path = folder.path().join(format!("{version}.safetensors"));
            save_as_transformers(&original, both_copies, &path);
            let renamed = Weights::open(&path, Device::Cpu, Kind::Float).unwrap();
            assert_eq!(Layout::of(&renamed).unwrap(), Layout::Transformers);
            let renamed = Sam2::new(&renamed, &config).unwrap();
            let square = crate::random::Normal::new(3).tensor(&[1, 3, config.image_size, config.image_size]);
            let answer = |net: &Sam2| {
                let features = net.look(&square);
                let points = Points {
                    at: Tensor::from_slice(&[30.0_f32, 40.0]).view([1, 1, 2]),
                    labels: Tensor::ones([1, 1], (Kind::Int64, Device::Cpu)),
                };
                let answer = net.answer(&features, &net.unremembering(&features), Some(&points), None);
                net.remember(&features, &answer.high, &answer.score, true)
            };
            assert_eq!(answer(&net), answer(&renamed), "{version}");
        }
    }
}

/// As transformers stores it; the table of points is tied to a second name, of which a file may hold either or both.
fn save_as_transformers(original: &Weights, both_copies: bool, path: &Path) {
    let mut tensors = BTreeMap::new();
    let mut kinds = Vec::new();
    for name in original.names() {
        let tensor = original.tensor(&name, &original.shape(&name).unwrap()).unwrap();
        if name.starts_with("sam_prompt_encoder.point_embeddings.") {
            kinds.push(tensor);
        } else {
            let name = transformers_name(&name);
            if name == "prompt_encoder.shared_embedding.positional_embedding" {
                tensors
                    .insert("shared_image_embedding.positional_embedding".to_owned(), tensor.shallow_clone());
                if !both_copies {
                    continue;
                }
            }
            tensors.insert(name, tensor);
        }
    }
    tensors.insert("prompt_encoder.point_embed.weight".to_owned(), Tensor::cat(&kinds, 0));
    let bytes: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| {
            let numbers = Vec::<f32>::try_from(&tensor.contiguous().view(-1)).unwrap();
            let shape: Vec<_> = tensor.size().iter().map(|size| *size as usize).collect();
            (name, shape, numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>())
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    serialize_to_file(views, None, path).unwrap();
}

#[test]
fn a_foreign_checkpoint_is_named_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let one = 1.0_f32.to_le_bytes();
    let view = TensorView::new(Dtype::F32, vec![1], &one).unwrap();
    serialize_to_file([("encoder.block.0", &view)], None, &path).unwrap();
    let error = Sam2::open(&path, Device::Cpu, Kind::Float).err().unwrap().to_string();
    assert!(
        error.contains("no checkpoint of SAM 2: its first tensor is called “encoder.block.0”"),
        "{error}"
    );
    serialize_to_file([("image_encoder.trunk.pos_embed", &view)], None, &path).unwrap();
    let error = Sam2::open(&path, Device::Cpu, Kind::Float).err().unwrap().to_string();
    assert!(error.contains("none of tiny, small, base+ and large"), "{error}");
}
