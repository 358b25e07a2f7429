//! Which frames are made together, and which part of the plate each such part of the clip shows: pure, from what the
//! quadmask marks and where the plate cuts.

use std::ops::Range;

use domain::predict;
use domain::recipe::{Area, VoidRecipe};
use plate::remove::Rect;

use crate::layout::Layout;

/// Frames that are made together, in one layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub frames: Range<u32>,
    pub layout: Layout,
    /// Whether the part before, and the one behind, shows the same scene: what is made fades from one into the next.
    pub joins: [bool; 2],
}

/// The parts of a clip; what marks nothing is left out. `marks`: around everything that is marked, frame by frame; `cuts`:
/// frames that begin a new scene.
pub fn parts(recipe: &VoidRecipe, plate: (u32, u32), marks: &[Rect], cuts: &[u32]) -> Vec<Part> {
    let union = |frames: &Range<u32>| {
        marks[frames.start as usize..frames.end as usize].iter().fold(Rect::EMPTY, |all, one| all.union(*one))
    };
    let mut all = Vec::new();
    for scene in predict::scenes(marks.len() as u32, cuts) {
        let stretches = match recipe.region {
            Area::Following => predict::stretches(scene, recipe.window_frames, recipe.overlap_frames),
            Area::Whole | Area::Marked => vec![scene],
        };
        let last = stretches.len() - 1;
        for (number, frames) in stretches.into_iter().enumerate() {
            let marked = union(&frames);
            if marked.is_empty() {
                continue;
            }
            let layout = Layout::new(recipe, plate, marked);
            all.push(Part { frames, layout, joins: [number > 0, number < last] });
        }
    }
    all
}

/// How much each part counts in a frame, by its number: 1 in all, nothing where no part shows it.
pub fn shares(parts: &[Part], frame: u32) -> Vec<(usize, f32)> {
    let mut all = Vec::new();
    for (number, Part { frames, joins, .. }) in parts.iter().enumerate() {
        if !frames.contains(&frame) {
            continue;
        }
        // As far as it is to an end that fades.
        let far = |fades: bool, frames: u32| if fades { frames as f32 } else { f32::MAX };
        let depth = far(joins[0], frame + 1 - frames.start).min(far(joins[1], frames.end - frame));
        all.push((number, depth));
    }
    if let [(_, share)] = &mut all[..] {
        *share = 1.0;
        return all;
    }
    let sum: f32 = all.iter().map(|(_, depth)| depth).sum();
    all.iter_mut().for_each(|(_, depth)| *depth /= sum);
    all
}

/// The part that counts most in a frame.
pub fn foremost(parts: &[Part], frame: u32) -> Option<usize> {
    let shares = shares(parts, frame);
    shares
        .into_iter()
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(region: Area) -> VoidRecipe {
        VoidRecipe {
            region,
            window_frames: 13,
            overlap_frames: 8,
            canvas_width: 96,
            canvas_height: 64,
            region_margin: 0.0,
            ..VoidRecipe::default()
        }
    }

    /// Something small that goes across the picture.
    fn marks(frames: i32) -> Vec<Rect> {
        (0..frames).map(|frame| Rect { x: 20 * frame, y: 300, width: 40, height: 40 }).collect()
    }

    #[test]
    fn a_region_goes_along_and_what_is_made_fades_from_one_into_the_next() {
        let all = parts(&recipe(Area::Following), (1280, 720), &marks(40), &[]);
        assert!(all.len() > 3, "{all:?}");
        for (before, after) in all.iter().zip(&all[1..]) {
            assert!(after.layout.region.x >= before.layout.region.x);
        }
        assert!(all[0].layout.region.x < 100 && all[all.len() - 1].layout.region.x > 300);
        let mut last = 0;
        for frame in 0..40 {
            let shares = shares(&all, frame);
            let sum: f32 = shares.iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{shares:?}");
            let first = foremost(&all, frame).unwrap();
            assert!(first == last || first == last + 1, "{frame}");
            last = first;
        }
        assert_eq!(shares(&all, 0), [(0, 1.0)]);
        assert_eq!(all[0].joins, [false, true]);
    }

    #[test]
    fn no_part_crosses_a_cut_and_what_marks_nothing_is_left_out() {
        let mut marked = marks(30);
        marked[12..].iter_mut().for_each(|mark| *mark = Rect::EMPTY);
        marked[28] = Rect { x: 5, y: 5, width: 9, height: 9 };
        for region in [Area::Whole, Area::Marked, Area::Following] {
            let all = parts(&recipe(region), (1280, 720), &marked, &[12, 20]);
            let frames: Vec<_> = all.iter().map(|part| part.frames.clone()).collect();
            assert_eq!(frames, [0..12, 20..30], "{region:?}");
            assert!(all.iter().all(|part| part.joins == [false, false]));
            assert!(foremost(&all, 15).is_none() && foremost(&all, 25) == Some(1));
        }
    }
}
