//! A shot through a tiny network of random weights: which frames come when, what people said, and what is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::{Colour, Rate};
use media::{Ffv1Writer, Picture, PixelFormat};
use pipeline::Cancelled;
use tch::Device;
use tempfile::TempDir;

use super::*;

const SIZE: (u32, u32) = (48, 32);
const FRAMES: u32 = 6;

fn plate() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plate.mkv");
    let colour = Colour {
        primaries: "bt709".into(),
        transfer: "bt709".into(),
        matrix: "bt709".into(),
        range: "tv".into(),
        assumed: false,
    };
    let (format, rate) = (PixelFormat::from_name("yuv420p").unwrap(), Rate::new(24, 1).unwrap());
    let mut writer = Ffv1Writer::create(&path, &format, SIZE.0, SIZE.1, rate, &colour, None).unwrap();
    for frame in 0..FRAMES {
        let mut picture = Picture::new(format, SIZE.0, SIZE.1);
        for plane in &mut picture.planes {
            for y in 0..plane.height {
                for x in 0..plane.width {
                    let is_in = (x + 48 - 4 * frame) % 48 < 12 && (8..20).contains(&y);
                    plane.set(x, y, if is_in { 200 } else { (40 + x + 2 * y) as u16 });
                }
            }
        }
        writer.write(&picture).unwrap();
    }
    writer.finish().unwrap();
    (folder, path)
}

fn segmenter() -> Segmenter {
    nets::use_one_thread();
    let folder = tempfile::tempdir().unwrap();
    make_test_model(folder.path()).unwrap();
    let segmenter = Segmenter::open(folder.path(), Device::Cpu).unwrap();
    assert!(segmenter.named().is_test_model && segmenter.named().name == "test model");
    segmenter
}

fn clicks(all: &[(u32, f32, f32)]) -> Prompts {
    let mut prompts = Prompts::default();
    for &(frame, x, y) in all {
        prompts.positive.entry(frame).or_default().push((x, y));
    }
    prompts
}

fn run(
    segmenter: &mut Segmenter,
    targets: &[Prompts],
    mut locks: BTreeMap<u32, Locked>,
    options: Options,
) -> Result<Vec<FrameMask>> {
    let (_folder, path) = plate();
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let mut made = Vec::new();
    let mut each = |mask| {
        made.push(mask);
        Ok(())
    };
    segment(segmenter, &mut plate, targets, &mut locks, options, &mut (), &mut each)?;
    Ok(made)
}

fn order(made: &[FrameMask]) -> Vec<u32> {
    made.iter().map(|mask| mask.frame).collect()
}

#[test]
fn every_frame_comes_once_what_was_clicked_first() {
    let mut segmenter = segmenter();
    let one = [clicks(&[(2, 20.0, 12.0), (4, 28.0, 12.0)])];
    let made = run(&mut segmenter, &one, BTreeMap::new(), Options::default()).unwrap();
    assert_eq!(order(&made), [2, 4, 3, 5, 1, 0]);
    assert!(made.iter().all(|mask| mask.mask.len() == 48 * 32 && (0.0..=1.0).contains(&mask.confidence)));
    assert!(made.iter().any(|mask| mask.mask.contains(&255)));
    let again = run(&mut segmenter, &one, BTreeMap::new(), Options::default()).unwrap();
    assert!(made == again);
}

#[test]
fn two_targets_are_two_objects() {
    let mut segmenter = segmenter();
    let targets = [clicks(&[(0, 4.0, 12.0)]), Prompts::default(), clicks(&[(0, 40.0, 28.0)])];
    let both = run(&mut segmenter, &targets, BTreeMap::new(), Options::default()).unwrap();
    assert_eq!(order(&both), [0, 1, 2, 3, 4, 5]);
    let mut alone: Vec<Vec<FrameMask>> = Vec::new();
    for target in [&targets[0], &targets[2]] {
        let made = run(&mut segmenter, std::slice::from_ref(target), BTreeMap::new(), Options::default());
        alone.push(made.unwrap());
    }
    for (both, (a, b)) in both.iter().zip(alone[0].iter().zip(&alone[1])) {
        let union: Vec<u8> = a.mask.iter().zip(&b.mask).map(|(a, b)| *a.max(b)).collect();
        assert!(both.mask == union, "frame {}", both.frame);
    }
}

/// A frame with a square that a person painted; `whole`: every pixel is their word.
fn painted(whole: bool) -> Locked {
    let (mut mask, mut lock) = (vec![0; 48 * 32], vec![if whole { 255 } else { 0 }; 48 * 32]);
    for y in 4..14 {
        for x in 30..44 {
            mask[y * 48 + x] = 255;
            lock[y * 48 + x] = 255;
        }
    }
    Locked { mask, lock }
}

#[test]
fn what_a_person_locked_comes_out_as_it_is_and_leads_the_track() {
    let mut segmenter = segmenter();
    let one = [clicks(&[(0, 4.0, 12.0)])];
    let free = run(&mut segmenter, &one, BTreeMap::new(), Options::default()).unwrap();
    for whole in [true, false] {
        let locked = painted(whole);
        let locks = BTreeMap::from([(3, locked.clone())]);
        let made = run(&mut segmenter, &one, locks, Options::default()).unwrap();
        assert_eq!(made.len(), 6);
        let at =
            |frame: u32, made: &[FrameMask]| made.iter().find(|mask| mask.frame == frame).unwrap().clone();
        let third = at(3, &made);
        assert!((third.confidence >= 1.0) == whole);
        let kept = third.mask.iter().zip(&locked.mask).zip(&locked.lock);
        assert!(kept.filter(|(_, lock)| **lock != 0).all(|((mask, truth), _)| mask == truth));
        assert!(at(4, &made) != at(4, &free), "the track follows the correction");
    }
}

#[test]
fn painted_frames_alone_show_the_target() {
    let locks = BTreeMap::from([(2, painted(true))]);
    let made = run(&mut segmenter(), &[], locks, Options::default()).unwrap();
    assert_eq!(order(&made), [2, 3, 4, 5, 1, 0]);
}

#[test]
fn a_click_beside_the_target_corrects_the_track_there() {
    let mut segmenter = segmenter();
    let mut one = clicks(&[(0, 4.0, 12.0)]);
    let free = run(&mut segmenter, &[one.clone()], BTreeMap::new(), Options::default()).unwrap();
    one.negative.insert(3, vec![(40.0, 28.0)]);
    let made = run(&mut segmenter, &[one], BTreeMap::new(), Options::default()).unwrap();
    assert_eq!(order(&made), [0, 3, 1, 2, 4, 5]);
    assert!(made[1] != free[3] && made[4] != free[4]);
}

#[test]
fn a_marked_frame_is_looked_at_once_for_a_plate() {
    let mut segmenter = segmenter();
    let options = Options { plate: Some(Hash::of(b"plate")), ..Options::default() };
    let first = run(&mut segmenter, &[clicks(&[(2, 20.0, 12.0)])], BTreeMap::new(), options).unwrap();
    assert_eq!(segmenter.seen_frames(), [2]);
    let again = run(&mut segmenter, &[clicks(&[(2, 20.0, 12.0)])], BTreeMap::new(), options).unwrap();
    assert!(first == again);
    let other = Options { plate: Some(Hash::of(b"other")), ..options };
    run(&mut segmenter, &[clicks(&[(1, 20.0, 12.0)])], BTreeMap::new(), other).unwrap();
    assert_eq!(segmenter.seen_frames(), [1]);
}

#[test]
fn what_cannot_be_followed_is_refused_in_words() {
    let mut segmenter = segmenter();
    let mut said = |targets: &[Prompts], locks| {
        run(&mut segmenter, targets, locks, Options::default()).unwrap_err().to_string()
    };
    assert!(said(&[], BTreeMap::new()).contains("Nothing shows the object yet"));
    assert!(said(&[clicks(&[(6, 1.0, 1.0)])], BTreeMap::new()).contains("the shot has 6 frames"));
    assert!(said(&[clicks(&[(0, 60.0, 1.0)])], BTreeMap::new()).contains("outside the picture of 48×32"));
    assert!(said(&[], BTreeMap::from([(9, painted(true))])).contains("frame 9"));
    let mut both = clicks(&[(0, 5.0, 5.0)]);
    both.negative.insert(0, vec![(5.0, 5.0)]);
    assert!(said(&[both], BTreeMap::new()).contains("contradict"));
}

#[test]
fn it_stops_when_asked() {
    struct Soon(u32);
    impl Reporter for Soon {
        fn step(&mut self, _: Step, _: u64, _: u64) -> std::result::Result<(), Cancelled> {
            self.0 += 1;
            if self.0 > 2 { Err(Cancelled) } else { Ok(()) }
        }
    }
    let (_folder, path) = plate();
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let mut count = 0;
    let mut each = |_| {
        count += 1;
        Ok(())
    };
    let targets = [clicks(&[(0, 4.0, 12.0)])];
    let outcome =
        segment(&mut segmenter(), &mut plate, &targets, &mut (), Options::default(), &mut Soon(0), &mut each);
    assert!(matches!(outcome, Err(Error::Pipeline(pipeline::Error::Cancelled))));
    assert_eq!(count, 3);
}

#[test]
fn a_folder_without_a_checkpoint_or_with_two_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = |at: &std::path::Path| Segmenter::open(at, Device::Cpu).err().unwrap().to_string();
    assert!(said(folder.path()).contains("a checkpoint of SAM 2"));
    make_test_model(folder.path()).unwrap();
    std::fs::copy(folder.path().join("model.safetensors"), folder.path().join("b.pt")).unwrap();
    assert!(said(folder.path()).contains("2 checkpoints"));
    std::fs::remove_file(folder.path().join("b.pt")).unwrap();
    let file = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    assert!(said(folder.path()).contains("cut off"));
    assert!(said(&folder.path().join("none")).contains("is no folder"));
}
