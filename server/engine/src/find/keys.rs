//! Which frames of a plate words are looked for on: where a scene begins, every so many frames of it, and those that somebody
//! asked for.

use std::collections::BTreeSet;

use domain::Step;
use domain::find::Order;
use domain::predict::scenes as scenes_of;
use pipeline::{PlateFile, Reporter};

use crate::error::Result;
use crate::scenes;

/// Key frames at most: each is minutes of work without a GPU.
pub const MOST_KEYS: usize = 16;

/// Frames that begin a new scene, but for the first. Reads the whole plate.
///
/// # Errors
/// A frame that cannot be read; `Cancelled`.
pub fn cuts(plate: &mut PlateFile, report: &mut dyn Reporter) -> Result<Vec<u32>> {
    let (frames, mut seen) = (plate.frames(), scenes::Cuts::default());
    let (width, height) = scenes::SIZE;
    for frame in 0..frames {
        report.step(Step::Probe, frame.into(), frames.into())?;
        let picture = plate.picture(frame)?;
        seen.look(&picture.to_grey_full_range(width, height, &plate.facts.colour, 0)?.data);
    }
    Ok(seen.found())
}

/// The frames that are looked at, ascending. `every`: frames between two of a scene.
pub fn chosen(frames: u32, cuts: &[u32], order: &Order, every: u32) -> Vec<u32> {
    let mut all = BTreeSet::new();
    if order.keys {
        for scene in scenes_of(frames, cuts) {
            all.extend(scene.clone().step_by(every.max(1) as usize));
            // Its end, where the last look lies far before it.
            let last = scene.end - 1;
            if all.last().is_some_and(|before| last - before > every / 2) {
                all.insert(last);
            }
        }
        if all.len() > MOST_KEYS {
            let evenly: Vec<u32> = all.iter().copied().collect();
            let at = |n: usize| evenly[n * (evenly.len() - 1) / (MOST_KEYS - 1)];
            all = (0..MOST_KEYS).map(at).collect();
        }
    }
    all.extend(order.frames.iter().copied().filter(|frame| *frame < frames));
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use domain::find::Purpose;

    use super::*;

    fn order(keys: bool, frames: &[u32]) -> Order {
        Order { words: "dog".into(), purpose: Purpose::Target, keys, frames: frames.to_vec() }
    }

    #[test]
    fn each_scene_is_looked_at_where_it_begins_and_every_so_often() {
        assert_eq!(chosen(62, &[], &order(true, &[]), 24), [0, 24, 48, 61]);
        assert_eq!(chosen(62, &[30], &order(true, &[]), 24), [0, 24, 30, 54]);
        assert_eq!(chosen(1, &[], &order(true, &[]), 24), [0]);
        assert_eq!(chosen(62, &[], &order(true, &[7, 24, 99]), 24), [0, 7, 24, 48, 61]);
        assert_eq!(chosen(62, &[30], &order(false, &[7]), 24), [7]);
        assert!(chosen(62, &[], &order(false, &[]), 24).is_empty());
    }

    #[test]
    fn a_long_shot_is_looked_at_from_end_to_end_and_not_more_often() {
        let keys = chosen(10_000, &[500, 9_000], &order(true, &[3]), 24);
        assert_eq!(keys.len(), MOST_KEYS + 1);
        assert!(keys[0] == 0 && keys[1] == 3 && keys[MOST_KEYS] > 9_900, "{keys:?}");
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
