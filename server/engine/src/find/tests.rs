//! A shot through a tiny network of random weights: what is looked at, what is handed out, and that nothing broken is nothing found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::find::Purpose;
use domain::{Colour, Rate};
use media::{Ffv1Writer, Picture, PixelFormat};
use pipeline::Cancelled;
use tch::Device;
use tempfile::TempDir;

use super::*;

const SIZE: (u32, u32) = (48, 32);
const FRAMES: u32 = 9;

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
                    let is_in = (x + 48 - 2 * frame) % 48 < 12 && (8..20).contains(&y);
                    plane.set(x, y, if is_in { 200 } else { (40 + x + 2 * y) as u16 });
                }
            }
        }
        writer.write(&picture).unwrap();
    }
    writer.finish().unwrap();
    (folder, path)
}

fn finder() -> Finder {
    nets::use_one_thread();
    let folder = tempfile::tempdir().unwrap();
    make_test_model(folder.path()).unwrap();
    let finder = Finder::open(folder.path(), Device::Cpu).unwrap();
    assert!(finder.named().is_test_model && finder.named().name == "test model");
    finder
}

fn segmenter() -> Segmenter {
    let folder = tempfile::tempdir().unwrap();
    crate::track::make_test_model(folder.path()).unwrap();
    Segmenter::open(folder.path(), Device::Cpu).unwrap()
}

fn order(words: &str, keys: bool, frames: &[u32]) -> Order {
    Order { words: words.into(), purpose: Purpose::Target, keys, frames: frames.to_vec() }
}

fn run(
    finder: &mut Finder,
    carrier: Option<&Segmenter>,
    order: &Order,
) -> Result<(Came, BTreeMap<u32, Vec<u8>>)> {
    let (_folder, path) = plate();
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let mut masks = BTreeMap::new();
    let mut each = |n: u32, mask: &[u8]| {
        assert!(masks.insert(n, mask.to_vec()).is_none(), "{n} came twice");
        Ok(())
    };
    let search = Search { order, seen_as: Hash::of(b"plate"), every: 4 };
    let came = find(finder, carrier, &mut plate, &search, &mut (), &mut each)?;
    Ok((came, masks))
}

#[test]
fn every_sight_has_a_mask_that_marks_something() {
    let mut finder = finder();
    let (came, masks) = run(&mut finder, None, &order("a ball", true, &[7])).unwrap();
    let frames: Vec<u32> = came.looked.iter().map(|looked| looked.frame).collect();
    assert_eq!(frames, [0, 4, 7, 8]);
    assert!(!came.sights.is_empty() && came.sights.len() == masks.len() && !came.was_carried);
    for sight in &came.sights {
        let inside = masks[&sight.n].iter().filter(|pixel| **pixel == 255).count();
        assert!(inside > 0 && masks[&sight.n].len() == 48 * 32, "{sight:?}");
        assert!((sight.share - inside as f32 / (48.0 * 32.0)).abs() < 1e-5);
        assert!(sight.score > FLOOR && sight.score <= 1.0 && sight.thing > 0 && sight.by == SeenBy::Words);
        // A plate as small as its shape: pixel for pixel the same.
        let small: Vec<bool> = masks[&sight.n].iter().map(|pixel| *pixel != 0).collect();
        assert_eq!(sight.shape.pixels(), small);
    }
    // The best thing is the first.
    let best = came.sights.iter().max_by(|a, b| a.score.total_cmp(&b.score)).unwrap();
    assert_eq!(best.thing, 1);
}

#[test]
fn a_second_phrase_looks_at_no_frame_again_and_the_same_gives_the_same() {
    let mut finder = finder();
    let (first, _) = run(&mut finder, None, &order("a ball", true, &[])).unwrap();
    assert_eq!((first.known_frames, first.looked.len()), (0, 3));
    let (second, _) = run(&mut finder, None, &order("the shadow", true, &[])).unwrap();
    assert_eq!(second.known_frames, 3);
    let (again, _) = run(&mut finder, None, &order("a ball", true, &[])).unwrap();
    assert_eq!(again.sights, first.sights);
}

#[test]
fn things_are_carried_both_ways_where_there_is_sam2() {
    let (mut finder, segmenter) = (finder(), segmenter());
    let order = order("a ball", true, &[]);
    let (came, masks) = run(&mut finder, Some(&segmenter), &order).unwrap();
    assert!(came.was_carried);
    assert_eq!(came.sights.len(), masks.len());
    let (alone, _) = run(&mut finder, None, &order).unwrap();
    let by_words = |came: &Came| came.sights.iter().filter(|sight| sight.by == SeenBy::Words).count();
    assert_eq!(by_words(&came), by_words(&alone), "what the words name is not changed by what is carried");
}

#[test]
fn what_cannot_be_looked_for_is_refused_in_words() {
    let mut finder = finder();
    let said = |finder: &mut Finder, order: &Order| run(finder, None, order).unwrap_err().to_string();
    assert!(said(&mut finder, &order("", true, &[])).contains("The phrase is empty"));
    assert!(said(&mut finder, &order("ball", false, &[])).contains("No frame was chosen"));
    assert!(said(&mut finder, &order("ball", false, &[99])).contains("No frame was chosen"));
    let (came, _) = run(&mut finder, None, &order("собака", false, &[0])).unwrap();
    assert!(came.notes.iter().any(|note| note.contains("another language")), "{:?}", came.notes);
}

#[test]
fn a_folder_that_is_none_of_it_is_refused_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let said = || Finder::check(folder.path()).unwrap_err().to_string();
    assert!(said().contains("has no vocabulary"), "{}", said());
    make_test_model(folder.path()).unwrap();
    let whole = Finder::check(folder.path()).unwrap();
    let file = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    assert!(said().contains("cut off"), "{}", said());
    // A tracker in the detector's place.
    let tracker = tempfile::tempdir().unwrap();
    crate::track::make_test_model(tracker.path()).unwrap();
    std::fs::copy(tracker.path().join("model.safetensors"), &file).unwrap();
    assert!(said().contains("reads no words") && said().contains("Give the detector"), "{}", said());
    assert!(matches!(Finder::check(&folder.path().join("none")), Err(Error::NoFolder { .. })));
    make_test_model(folder.path()).unwrap();
    assert_eq!(Finder::check(folder.path()).unwrap().fingerprint, whole.fingerprint);
}

#[test]
fn it_stops_when_asked() {
    struct Soon(u32);
    impl Reporter for Soon {
        fn step(&mut self, step: Step, _: u64, _: u64) -> std::result::Result<(), Cancelled> {
            self.0 += u32::from(step == Step::Look);
            if self.0 > 1 { Err(Cancelled) } else { Ok(()) }
        }
    }
    let (_folder, path) = plate();
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let order = order("a ball", true, &[]);
    let search = Search { order: &order, seen_as: Hash::of(b"plate"), every: 4 };
    let outcome = find(&mut finder(), None, &mut plate, &search, &mut Soon(0), &mut |_, _| Ok(()));
    assert!(matches!(outcome, Err(Error::Pipeline(pipeline::Error::Cancelled))));
}

#[test]
fn a_noun_is_answered_frame_by_frame_for_the_affected_stage() {
    let (_folder, path) = plate();
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let mut finder = finder();
    let mut by =
        ByWords { finder: &mut finder, plate: &mut plate, seen_as: Hash::of(b"plate"), threshold: 0.05 };
    let mut found = BTreeMap::new();
    let mut each = |frame: u32, things: Vec<Region>| {
        assert!(things.iter().all(|thing| (thing.width(), thing.height()) == SIZE));
        found.insert(frame, things.len());
        Ok(())
    };
    by.look(&Thing::called("ball"), &[0, 5], &mut (), &mut each).unwrap();
    let nothing = by.look(&Thing::called(" "), &[0], &mut (), &mut each).unwrap_err();
    assert!(nothing.to_string().contains("The phrase is empty"));
    assert!(found[&0] > 0 && found.len() == 2, "{found:?}");
}
