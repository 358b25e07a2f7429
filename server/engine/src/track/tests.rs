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

fn plate(frames: u32) -> (TempDir, PathBuf) {
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
    for frame in 0..frames {
        let mut picture = Picture::new(format, SIZE.0, SIZE.1);
        for plane in &mut picture.planes {
            for y in 0..plane.height {
                for x in 0..plane.width {
                    let is_in = (x + 48 - 4 * frame % 48) % 48 < 12 && (8..20).contains(&y);
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
    segmenter_that_believes(5.0)
}

/// `there`: how far it takes the object for being there.
fn segmenter_that_believes(there: f64) -> Segmenter {
    nets::use_one_thread();
    let folder = tempfile::tempdir().unwrap();
    open::write_test_model(folder.path(), there).unwrap();
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
    lender: &mut dyn Lend,
    targets: &[Prompts],
    locks: BTreeMap<u32, Locked>,
    options: Options,
) -> Result<Vec<FrameMask>> {
    run_on(FRAMES, lender, targets, locks, options)
}

fn run_on(
    frames: u32,
    lender: &mut dyn Lend,
    targets: &[Prompts],
    mut locks: BTreeMap<u32, Locked>,
    options: Options,
) -> Result<Vec<FrameMask>> {
    let (_folder, path) = plate(frames);
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let mut made = Vec::new();
    let mut each = |mask| {
        made.push(mask);
        Ok(())
    };
    segment(lender, &mut plate, targets, &mut locks, options, &mut (), &mut each)?;
    Ok(made)
}

fn glance_at(
    segmenter: &mut Segmenter,
    targets: &[Prompts],
    frame: u32,
    beside: Option<(u32, &[u8])>,
) -> Result<Option<FrameMask>> {
    let (_folder, path) = plate(FRAMES);
    let mut plate = PlateFile::open(&path, &mut ()).unwrap();
    let options = Options { plate: Some(Hash::of(b"plate")), ..Options::default() };
    glance(segmenter, &mut plate, targets, frame, beside, options)
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
    let (plate, another) = (Hash::of(b"plate"), Hash::of(b"other"));
    assert_eq!(segmenter.seen_frames(plate), [2]);
    let again = run(&mut segmenter, &[clicks(&[(2, 20.0, 12.0)])], BTreeMap::new(), options).unwrap();
    assert!(first == again);
    let other = Options { plate: Some(another), ..options };
    run(&mut segmenter, &[clicks(&[(1, 20.0, 12.0)])], BTreeMap::new(), other).unwrap();
    // Who goes from one shot to another and back is answered from what was seen.
    assert_eq!((segmenter.seen_frames(plate), segmenter.seen_frames(another)), (vec![2], vec![1]));
    for at in 0..20 {
        let each = Options { plate: Some(Hash::of(&[at])), ..options };
        run(&mut segmenter, &[clicks(&[(1, 20.0, 12.0)])], BTreeMap::new(), each).unwrap();
    }
    assert!(segmenter.seen_frames(plate).is_empty(), "not of every shot there ever was");
    assert_eq!(segmenter.seen_frames(Hash::of(&[19])), [1]);
}

#[test]
fn a_click_is_answered_on_its_frame_alone_as_the_track_begins() {
    let mut segmenter = segmenter();
    let one = [clicks(&[(2, 20.0, 12.0)])];
    let track = run(&mut segmenter, &one, BTreeMap::new(), Options::default()).unwrap();
    let answer = glance_at(&mut segmenter, &one, 2, None).unwrap().expect("a mask");
    assert!(answer == track[0]);
    assert_eq!(segmenter.seen_frames(Hash::of(b"plate")), [2]);
    assert_eq!(glance_at(&mut segmenter, &one, 4, None).unwrap(), None, "nothing is marked there");
}

#[test]
fn a_correction_goes_from_the_mask_beside_it() {
    let mut segmenter = segmenter();
    let begun = clicks(&[(2, 20.0, 12.0)]);
    let beside = painted(true).mask;
    let answer = |segmenter: &mut Segmenter, targets: &[Prompts], from| {
        glance_at(segmenter, targets, 3, Some((from, beside.as_slice()))).unwrap().expect("a mask")
    };
    let came = answer(&mut segmenter, std::slice::from_ref(&begun), 2);
    assert_eq!((came.frame, came.whole, came.mask.len()), (3, true, 48 * 32));
    let back = answer(&mut segmenter, std::slice::from_ref(&begun), 4);
    assert!(back != came, "it is another frame beside");
    let mut corrected = begun.clone();
    corrected.negative.insert(3, vec![(40.0, 28.0)]);
    assert!(answer(&mut segmenter, &[corrected], 2) != came);
    // A target that begins here is one more beside what comes.
    let new = clicks(&[(3, 24.0, 12.0)]);
    let alone = glance_at(&mut segmenter, std::slice::from_ref(&new), 3, None).unwrap().expect("a mask");
    let both = answer(&mut segmenter, &[begun, new], 2);
    let union: Vec<u8> = came.mask.iter().zip(&alone.mask).map(|(a, b)| *a.max(b)).collect();
    assert!(both.mask == union);
    // Nothing shows beside: only what is marked counts.
    let empty = vec![0; 48 * 32];
    let nothing = glance_at(&mut segmenter, &[clicks(&[(2, 20.0, 12.0)])], 3, Some((2, empty.as_slice())));
    assert_eq!(nothing.unwrap(), None);
}

#[test]
fn a_click_that_cannot_be_answered_is_refused_in_words() {
    let mut segmenter = segmenter();
    let one = [clicks(&[(2, 20.0, 12.0)])];
    let said = glance_at(&mut segmenter, &one, FRAMES, None).unwrap_err().to_string();
    assert!(said.contains("the shot has 6 frames"), "{said}");
    let said = glance_at(&mut segmenter, &one, 3, Some((2, [255; 7].as_slice()))).unwrap_err().to_string();
    assert!(said.contains("48×32"), "{said}");
    let said = glance_at(&mut segmenter, &[clicks(&[(2, 49.0, 12.0)])], 2, None).unwrap_err().to_string();
    assert!(said.contains("outside the picture of 48×32"), "{said}");
    let mut both = clicks(&[(2, 5.0, 5.0)]);
    both.negative.insert(2, vec![(5.0, 5.0)]);
    let said = glance_at(&mut segmenter, &[both], 2, None).unwrap_err().to_string();
    assert!(said.contains("contradict"), "{said}");
}

#[test]
fn a_target_that_is_not_seen_has_no_mask_and_says_how_sure_that_is() {
    let mut segmenter = segmenter_that_believes(-50.0);
    let made = run(&mut segmenter, &[clicks(&[(0, 4.0, 12.0)])], BTreeMap::new(), Options::default());
    let made = made.unwrap();
    assert_eq!(made.len(), FRAMES as usize);
    for mask in made {
        assert!(mask.mask.iter().all(|pixel| *pixel == 0), "frame {}", mask.frame);
        assert!(mask.confidence > 0.99, "frame {}: {}", mask.frame, mask.confidence);
    }
}

#[test]
fn shots_of_one_frame_and_of_more_than_is_remembered_are_tracked_whole() {
    let mut segmenter = segmenter();
    for (frames, at) in [(1, 0), (540, 520)] {
        let one = [clicks(&[(at, 20.0, 12.0)])];
        let made = run_on(frames, &mut segmenter, &one, BTreeMap::new(), Options::default()).unwrap();
        let mut order = order(&made);
        assert_eq!(order[0], at);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..frames), "each of {frames} once");
    }
}

#[test]
fn the_network_is_lent_for_a_frame_at_a_time() {
    /// Is away after so many times.
    struct Soon(Segmenter, u32);
    impl Lend for Soon {
        fn lend(&mut self, work: &mut dyn FnMut(&mut Segmenter)) -> Result<()> {
            self.1 = self.1.checked_sub(1).ok_or(Error::Exchanged)?;
            self.0.lend(work)
        }
    }
    let one = [clicks(&[(0, 4.0, 12.0)])];
    let mut often = Soon(segmenter(), 1000);
    let made = run(&mut often, &one, BTreeMap::new(), Options::default()).unwrap();
    assert_eq!(made.len(), FRAMES as usize);
    assert!(1000 - often.1 > FRAMES, "once for each frame at least");
    let seldom = run(&mut Soon(segmenter(), 4), &one, BTreeMap::new(), Options::default());
    assert!(matches!(seldom, Err(Error::Exchanged)));
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
    let (_folder, path) = plate(FRAMES);
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
