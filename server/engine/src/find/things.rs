//! Which sights on different frames are of one thing. A thing is known again by where SAM 2 carried it, both ways, and by its shape;
//! one that leaves may come back a few looks later, and one that comes late is a thing of its own. What words named is never
//! thrown away here: where opinions differ, it is said.

use std::collections::{BTreeMap, BTreeSet};

use domain::Outline;
use domain::find::Conflict;

/// Likeness from which on two sights are of one thing.
const LEAST: f64 = 0.3;
/// Looks that a thing may be missed and still be known again, and what its likeness is worth then.
const GAP: usize = 2;
const AFTER_GAP: f64 = 0.8;
/// Overlap from which on two things lie on each other.
const SAME_PLACE: f64 = 0.5;
const MOST_CONFLICTS: usize = 60;

/// A sight on a frame, as linking needs it.
pub struct Seen {
    pub score: f32,
    pub shape: Outline,
}

/// A frame that was looked at.
pub struct Look {
    pub frame: u32,
    /// Which scene it is in: nothing is carried over a cut.
    pub scene: usize,
    pub seen: Vec<Seen>,
}

/// Where things were carried, by their place among the sights of a look.
#[derive(Default)]
pub struct Carried {
    /// Sights of this look, on the next one.
    pub onwards: BTreeMap<usize, Outline>,
    /// Sights of the next look, on this one.
    pub back: BTreeMap<usize, Outline>,
}

/// What was made of all sights.
pub struct Linked {
    /// For each sight of each look, its thing: numbers from 1, the best thing first.
    pub things: Vec<Vec<u32>>,
    pub conflicts: Vec<Conflict>,
    /// Things that were carried to a look on which the words do not name them: look, sight of the look before.
    pub only_tracked: Vec<(usize, usize)>,
}

/// `carried`: one for each look but the last.
pub fn link(looks: &[Look], carried: &[Carried]) -> Linked {
    // Of each thing: the look and the sight that it was last seen as.
    let mut last: Vec<(usize, usize)> = Vec::new();
    let mut things: Vec<Vec<usize>> = Vec::new();
    for (k, look) in looks.iter().enumerate() {
        let mut pairs = Vec::new();
        for (thing, &(before, sight)) in last.iter().enumerate() {
            if before + 1 + GAP < k || looks[before].scene != look.scene {
                continue;
            }
            for (j, seen) in look.seen.iter().enumerate() {
                let like = likeness(looks, carried, (before, sight), (k, j), seen);
                if like >= LEAST {
                    pairs.push((like, thing, j));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut own: Vec<Option<usize>> = vec![None; look.seen.len()];
        let mut taken = BTreeSet::new();
        for (_, thing, j) in pairs {
            if own[j].is_none() && taken.insert(thing) {
                own[j] = Some(thing);
            }
        }
        let mut here = Vec::new();
        for (j, own) in own.into_iter().enumerate() {
            let thing = own.unwrap_or_else(|| {
                last.push((k, j));
                last.len() - 1
            });
            last[thing] = (k, j);
            here.push(thing);
        }
        things.push(here);
    }
    let numbers = numbered(looks, &things, last.len());
    let things: Vec<Vec<u32>> =
        things.into_iter().map(|here| here.into_iter().map(|thing| numbers[thing]).collect()).collect();
    let only_tracked = only_tracked(looks, carried, &things);
    let conflicts = conflicts(looks, &things, &only_tracked);
    Linked { things, conflicts, only_tracked }
}

/// 0–1.
fn likeness(
    looks: &[Look],
    carried: &[Carried],
    (before, sight): (usize, usize),
    (k, j): (usize, usize),
    seen: &Seen,
) -> f64 {
    let earlier = &looks[before].seen[sight];
    let by_shape = earlier.shape.likeness(&seen.shape);
    if before + 1 < k {
        return by_shape * AFTER_GAP;
    }
    let Some(Carried { onwards, back }) = carried.get(before) else { return by_shape };
    let onwards = onwards.get(&sight).map(|shape| shape.overlap(&seen.shape));
    let back = back.get(&j).map(|shape| shape.overlap(&earlier.shape));
    let ways: Vec<f64> = onwards.into_iter().chain(back).collect();
    if ways.is_empty() {
        return by_shape;
    }
    by_shape.max(ways.iter().sum::<f64>() / ways.len() as f64)
}

/// Numbers from 1 by the best score of each thing.
fn numbered(looks: &[Look], things: &[Vec<usize>], count: usize) -> Vec<u32> {
    let mut best = vec![0.0_f32; count];
    for (look, here) in looks.iter().zip(things) {
        for (seen, thing) in look.seen.iter().zip(here) {
            best[*thing] = best[*thing].max(seen.score);
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| best[*b].total_cmp(&best[*a]).then(a.cmp(b)));
    let mut numbers = vec![0; count];
    for (number, thing) in (1..).zip(order) {
        numbers[thing] = number;
    }
    numbers
}

fn only_tracked(looks: &[Look], carried: &[Carried], things: &[Vec<u32>]) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (k, ways) in carried.iter().enumerate() {
        let Some(next) = looks.get(k + 1).filter(|next| next.scene == looks[k].scene) else { continue };
        for (sight, shape) in &ways.onwards {
            let is_named = things[k + 1].contains(&things[k][*sight]);
            // Where the words name something else in its place, it is taken to be that.
            let is_covered = next.seen.iter().any(|seen| seen.shape.overlap(shape) >= SAME_PLACE);
            if !is_named && !is_covered && !shape.is_empty() {
                all.push((k + 1, *sight));
            }
        }
    }
    all
}

fn conflicts(looks: &[Look], things: &[Vec<u32>], only_tracked: &[(usize, usize)]) -> Vec<Conflict> {
    let mut all = Vec::new();
    for &(k, sight) in only_tracked {
        all.push(Conflict::OnlyTracked { frame: looks[k].frame, thing: things[k - 1][sight] });
    }
    let is_tracked = |k: usize, thing: u32| {
        only_tracked.iter().any(|(at, sight)| *at == k && things[k - 1][*sight] == thing)
    };
    for (k, (look, here)) in looks.iter().zip(things).enumerate() {
        for (i, one) in look.seen.iter().enumerate() {
            for (j, other) in look.seen.iter().enumerate().skip(i + 1) {
                if one.shape.overlap(&other.shape) >= SAME_PLACE {
                    let (thing, other) = (here[i].min(here[j]), here[i].max(here[j]));
                    all.push(Conflict::Overlap { frame: look.frame, thing, other });
                }
            }
        }
        let Some((before, after)) = k.checked_sub(1).zip(looks.get(k + 1)) else { continue };
        if looks[before].scene != after.scene {
            continue;
        }
        for thing in &things[before] {
            if things[k + 1].contains(thing) && !here.contains(thing) && !is_tracked(k, *thing) {
                all.push(Conflict::Gone { frame: look.frame, thing: *thing });
            }
        }
    }
    all.truncate(MOST_CONFLICTS);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x0: u32, y0: u32, x1: u32, y1: u32) -> Outline {
        let has = move |at: u32| (x0..x1).contains(&(at % 80)) && (y0..y1).contains(&(at / 80));
        Outline::of_pixels(80, 45, (0..80 * 45).map(has))
    }

    fn look(frame: u32, scene: usize, all: &[(f32, Outline)]) -> Look {
        let seen = all.iter().map(|(score, shape)| Seen { score: *score, shape: shape.clone() }).collect();
        Look { frame, scene, seen }
    }

    /// A small thing that goes right, and a large one that stays.
    fn walk() -> Vec<Look> {
        vec![
            look(0, 0, &[(0.6, rect(2, 10, 10, 20)), (0.9, rect(40, 5, 70, 40))]),
            look(24, 0, &[(0.95, rect(40, 5, 70, 40)), (0.7, rect(12, 10, 20, 20))]),
            look(48, 0, &[(0.5, rect(22, 11, 30, 21)), (0.8, rect(41, 5, 71, 40))]),
        ]
    }

    #[test]
    fn a_thing_is_one_thing_on_all_frames_whatever_its_place_in_the_list() {
        let linked = link(&walk(), &[]);
        assert_eq!(linked.things, [vec![2, 1], vec![1, 2], vec![2, 1]]);
        assert!(linked.conflicts.is_empty() && linked.only_tracked.is_empty(), "{:?}", linked.conflicts);
    }

    #[test]
    fn nothing_is_carried_over_a_cut() {
        let mut looks = walk();
        looks[2].scene = 1;
        assert_eq!(link(&looks, &[]).things, [vec![3, 1], vec![1, 3], vec![4, 2]]);
    }

    #[test]
    fn what_comes_late_is_new_and_what_was_missed_is_known_again_and_told() {
        let mut looks = walk();
        looks[1].seen.remove(1);
        looks[2].seen[0].shape = rect(3, 10, 11, 20);
        looks[2].seen.push(Seen { score: 0.4, shape: rect(70, 0, 79, 5) });
        let linked = link(&looks, &[]);
        assert_eq!(linked.things, [vec![2, 1], vec![1], vec![2, 1, 3]]);
        assert_eq!(linked.conflicts, [Conflict::Gone { frame: 24, thing: 2 }]);
    }

    #[test]
    fn a_track_knows_again_what_changed_its_place_and_shape() {
        let looks = vec![look(0, 0, &[(0.9, rect(0, 0, 8, 8))]), look(24, 0, &[(0.8, rect(60, 30, 78, 33))])];
        assert_eq!(link(&looks, &[]).things, [vec![1], vec![2]]);
        let ways = Carried {
            onwards: BTreeMap::from([(0, rect(60, 30, 78, 34))]),
            back: BTreeMap::from([(0, rect(0, 0, 8, 7))]),
        };
        let linked = link(&looks, &[ways]);
        assert_eq!(linked.things, [vec![1], vec![1]]);
        assert!(linked.only_tracked.is_empty() && linked.conflicts.is_empty());
    }

    #[test]
    fn what_only_a_track_sees_and_what_lies_on_another_is_told() {
        let mut looks = walk();
        looks[1].seen.remove(1);
        looks[1].seen.push(Seen { score: 0.55, shape: rect(42, 6, 70, 40) });
        let ways = vec![
            Carried { onwards: BTreeMap::from([(0, rect(12, 10, 20, 20))]), back: BTreeMap::new() },
            Carried::default(),
        ];
        let linked = link(&looks, &ways);
        assert_eq!(linked.only_tracked, [(1, 0)]);
        let thing = linked.things[0][0];
        assert!(linked.conflicts.contains(&Conflict::OnlyTracked { frame: 24, thing }));
        assert!(!linked.conflicts.contains(&Conflict::Gone { frame: 24, thing }), "the track has it");
        let is_overlap = |conflict: &Conflict| matches!(conflict, Conflict::Overlap { frame: 24, .. });
        assert!(linked.conflicts.iter().any(is_overlap), "{:?}", linked.conflicts);
    }
}
