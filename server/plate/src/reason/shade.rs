//! Which shade is whose: every place that gets less light belongs to the nearest thing that moves, and of what then is the
//! target's, that counts which hangs together with it.

use super::changes::Changes;
use super::footage::Scene;
use super::region::Region;
use super::tracks::{FAR, Tracks, root};
use crate::segment::raster::Raster;

/// Shade begins at most this part of the picture's longer side away from what casts it, or goes on from shade that does.
const NEAR: f32 = 0.05;
/// And never lies further away than this.
const REACH: f32 = 0.4;

/// Shade by owner.
pub(crate) struct Shades {
    pub target: Region,
    /// Per track, as in [`Tracks::things`].
    pub things: Vec<Region>,
    /// Mean logarithm of the light that is left in the target's shade.
    pub depth: f32,
}

/// `alone`: per track, whether it has a shade of its own; that of what the target carries is not to be told from the target's.
pub(crate) fn share_out(
    scene: &Scene,
    changes: &Changes,
    tracks: &Tracks,
    alone: &[bool],
) -> opencv::Result<Shades> {
    let long = scene.picture.0.max(scene.picture.1) as f32;
    let count = scene.samples.len();
    let mut of_target: Vec<Raster<bool>> = Vec::with_capacity(count);
    let mut things: Vec<Region> = tracks.things.iter().map(|_| Region::new(scene)).collect();
    for sample in 0..count {
        let shade = &changes.all[sample].shade;
        let mut mine = shade.same(false);
        let mut owners: Vec<(usize, Raster<f32>)> = Vec::new();
        for (index, track) in tracks.things.iter().enumerate().filter(|(index, _)| alone[*index]) {
            if let Some(blob) = track.blobs.iter().find(|b| b.sample == sample) {
                let mut mask = shade.same(false);
                blob.pixels.iter().for_each(|p| mask.data[*p as usize] = true);
                owners.push((index, mask.signed_distance(FAR)?.map(|d| -d)));
            }
        }
        let away = &tracks.away[sample];
        for at in (0..shade.data.len()).filter(|at| shade.data[*at]) {
            let nearest = owners.iter().map(|(index, far)| (*index, far.data[at]));
            let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1));
            match nearest {
                Some((index, far)) if far < away.data[at] => {
                    if far < REACH * long {
                        things[index].add(scene, sample, [at]);
                    }
                }
                _ => mine.data[at] = away.data[at] < REACH * long,
            }
        }
        of_target.push(mine);
    }
    let target = attached(scene, &of_target, tracks, NEAR * long);
    let (mut sum, mut pixels) = (0.0_f64, 0_u64);
    for (mask, change) in target.masks.iter().zip(&changes.all) {
        for (d, _) in change.depth.data.iter().zip(mask.iter().flat_map(|m| &m.data)).filter(|(_, m)| **m) {
            sum += f64::from(*d);
            pixels += 1;
        }
    }
    Ok(Shades { target, things, depth: (sum / pixels.max(1) as f64) as f32 })
}

/// Pieces are followed over time. Those count that touch the target for a good part of their time, and those that move: a
/// shade that moves is cast by something that does, and of all that, the target is nearest to it.
fn attached(scene: &Scene, shade: &[Raster<bool>], tracks: &Tracks, near: f32) -> Region {
    let pieces: Vec<(Raster<u32>, Vec<usize>)> = shade.iter().map(|s| s.tidied(SPECK).pieces()).collect();
    let first: Vec<usize> = pieces
        .iter()
        .scan(0, |sum, (_, areas)| {
            *sum += areas.len();
            Some(*sum - areas.len())
        })
        .collect();
    let mut parents: Vec<usize> = (0..pieces.iter().map(|(_, areas)| areas.len()).sum()).collect();
    for sample in 1..shade.len() {
        let ((before, old), (labels, areas)) = (&pieces[sample - 1], &pieces[sample]);
        let mut common = vec![0_usize; areas.len() * old.len()];
        for (label, was) in labels.data.iter().zip(&before.data) {
            if *label != 0 && *was != 0 {
                common[*label as usize * old.len() + *was as usize] += 1;
            }
        }
        for (at, common) in common.iter().enumerate() {
            let (label, was) = (at / old.len(), at % old.len());
            if *common > 0 && 4 * common >= areas[label].min(old[was]) {
                let (a, b) =
                    (root(&mut parents, first[sample] + label), root(&mut parents, first[sample - 1] + was));
                parents[a] = b;
            }
        }
    }
    let mut lives: Vec<Life> = (0..parents.len()).map(|_| Life::default()).collect();
    for (sample, (labels, areas)) in pieces.iter().enumerate() {
        let mut gaps = vec![FAR; areas.len()];
        let mut middles = vec![(0.0_f32, 0.0_f32); areas.len()];
        for (at, label) in labels.data.iter().enumerate().filter(|(_, l)| **l != 0) {
            let label = *label as usize;
            gaps[label] = gaps[label].min(tracks.away[sample].data[at]);
            let share = 1.0 / areas[label] as f32;
            middles[label].0 += (at % labels.w) as f32 * share;
            middles[label].1 += (at / labels.w) as f32 * share;
        }
        for label in 1..areas.len() {
            let life = &mut lives[root(&mut parents, first[sample] + label)];
            life.add(sample, areas[label], gaps[label], middles[label], near);
        }
    }
    let long = scene.picture.0.max(scene.picture.1) as f32;
    let counts: Vec<bool> = lives.iter().map(|life| life.counts(long)).collect();
    let mut region = Region::new(scene);
    for (sample, (labels, _)) in pieces.iter().enumerate() {
        let mut mine = |label: u32| label != 0 && counts[root(&mut parents, first[sample] + label as usize)];
        let pixels: Vec<usize> = (0..labels.data.len()).filter(|at| mine(labels.data[*at])).collect();
        if !pixels.is_empty() {
            region.add(scene, sample, pixels);
        }
    }
    region
}

/// Pieces below this many analysis pixels are nothing.
const SPECK: usize = 40;

/// A piece of shade over time.
#[derive(Default)]
struct Life {
    samples: Vec<usize>,
    touching: usize,
    most: usize,
    first: (f32, f32),
    travel: f32,
}

impl Life {
    fn add(&mut self, sample: usize, area: usize, gap: f32, middle: (f32, f32), near: f32) {
        if self.samples.is_empty() {
            self.first = middle;
        }
        if self.samples.last() != Some(&sample) {
            self.samples.push(sample);
            self.touching += usize::from(gap < near);
        }
        self.most = self.most.max(area);
        self.travel = self.travel.max((middle.0 - self.first.0).hypot(middle.1 - self.first.1));
    }

    fn counts(&self, long: f32) -> bool {
        let touches = self.samples.len() >= 3 && 4 * self.touching >= self.samples.len();
        let moves = self.samples.len() >= 6 && self.travel > 0.06 * long && self.most > 3 * SPECK;
        touches || moves
    }
}
