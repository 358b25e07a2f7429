//! Things that are not where they usually are, followed from sample to sample, with how they move and how near the target is.
//! What that says about them is judged elsewhere.

use rayon::prelude::*;

use super::ReasonParams;
use super::changes::Changes;
use super::footage::{Scene, luma};
use crate::segment::flow::{Dis, Flow};
use crate::segment::raster::Raster;

/// Distances beyond this, in analysis pixels, are all the same.
pub(crate) const FAR: f32 = 1e4;

/// A thing on one sample.
#[derive(Clone)]
pub(crate) struct Blob {
    pub sample: usize,
    /// Places on the canvas.
    pub pixels: Vec<u32>,
    pub centre: (f32, f32),
    /// Distance to the target; [`FAR`] where there is none.
    pub gap: f32,
    /// How it moves to the next sample, in pixels; `None` on the last.
    pub velocity: Option<(f32, f32)>,
    /// It reaches the rim of the picture.
    pub at_rim: bool,
}

impl Blob {
    pub fn area(&self) -> usize {
        self.pixels.len()
    }
}

/// A thing over time: at most one blob a sample, ascending.
pub(crate) struct Track {
    pub blobs: Vec<Blob>,
}

impl Track {
    pub fn most_area(&self) -> usize {
        self.blobs.iter().map(Blob::area).max().unwrap_or(0)
    }
}

/// The target on one sample.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub centre: (f32, f32),
    pub area: usize,
    /// Lowest row on the canvas.
    pub foot: f32,
}

pub(crate) struct Tracks {
    pub things: Vec<Track>,
    /// Per sample; `None` where the target is not in the picture.
    pub target: Vec<Option<Spot>>,
    /// Per sample: distance to the target, positive outside; [`FAR`] where there is none.
    pub away: Vec<Raster<f32>>,
}

pub(crate) fn follow(scene: &Scene, changes: &Changes, params: &ReasonParams) -> opencv::Result<Tracks> {
    let away: Vec<Raster<f32>> = scene
        .samples
        .par_iter()
        .map(|s| Ok(s.target.signed_distance(FAR)?.map(|d| -d)))
        .collect::<opencv::Result<_>>()?;
    let target = scene.samples.iter().map(|s| spot(&s.target)).collect();
    let flows = flows(scene)?;
    let smallest = ((params.smallest * (scene.picture.0 * scene.picture.1) as f32) as usize).max(8);
    let mut labels = Vec::with_capacity(scene.samples.len());
    let mut blobs: Vec<Vec<Blob>> = Vec::with_capacity(scene.samples.len());
    for (sample, change) in changes.all.iter().enumerate() {
        let joined = super::footage::grown(&change.thing, 1.5)?;
        let (pieces, areas) = joined.pieces();
        let mut own: Vec<Vec<u32>> = vec![Vec::new(); areas.len()];
        for (at, label) in pieces.data.iter().enumerate() {
            if change.thing.data[at] {
                own[*label as usize].push(at as u32);
            }
        }
        let seen = &scene.samples[sample].seen;
        let mut names = vec![0_u32; areas.len()];
        let mut here = Vec::new();
        for (label, pixels) in own.into_iter().enumerate() {
            if label == 0 || pixels.len() < smallest {
                continue;
            }
            here.push(blob(sample, pixels, seen, &away[sample], flows.get(sample)));
            names[label] = here.len() as u32;
        }
        labels.push(pieces.map(|label| names[label as usize]));
        blobs.push(here);
    }
    Ok(Tracks { things: linked(&blobs, &labels), target, away })
}

fn spot(target: &Raster<bool>) -> Option<Spot> {
    let (mut x, mut y, mut area, mut foot) = (0.0_f64, 0.0_f64, 0_usize, 0_usize);
    for (at, _) in target.data.iter().enumerate().filter(|(_, t)| **t) {
        x += (at % target.w) as f64;
        y += (at / target.w) as f64;
        foot = at / target.w;
        area += 1;
    }
    let centre = ((x / area as f64) as f32, (y / area as f64) as f32);
    (area > 0).then_some(Spot { centre, area, foot: foot as f32 })
}

/// From each sample to the next.
fn flows(scene: &Scene) -> opencv::Result<Vec<Flow>> {
    let mut dis = Dis::new()?;
    let lightness = |at: usize| scene.samples[at].rgb.map(|p| [luma(p), 128, 128]);
    let mut flows = Vec::with_capacity(scene.samples.len());
    let mut here = lightness(0);
    for next in 1..scene.samples.len() {
        let there = lightness(next);
        flows.push(dis.between(&here, &there)?);
        here = there;
    }
    Ok(flows)
}

fn blob(
    sample: usize,
    pixels: Vec<u32>,
    seen: &Raster<bool>,
    away: &Raster<f32>,
    flow: Option<&Flow>,
) -> Blob {
    let (w, h) = (seen.w, seen.h);
    let (mut x, mut y, mut gap, mut at_rim) = (0.0, 0.0, FAR, false);
    for at in pixels.iter().map(|p| *p as usize) {
        let (px, py) = (at % w, at / w);
        x += px as f32;
        y += py as f32;
        gap = away.data[at].min(gap);
        let near = |dx: i32, dy: i32| {
            let (nx, ny) = (px as i32 + dx, py as i32 + dy);
            nx < 0 || ny < 0 || nx >= w as i32 || ny >= h as i32 || !seen.at(nx as usize, ny as usize)
        };
        at_rim |= near(-2, 0) || near(2, 0) || near(0, -2) || near(0, 2);
    }
    let count = pixels.len() as f32;
    let velocity = flow.map(|flow| {
        let middle = |axis: usize| {
            let mut all: Vec<f32> = pixels.iter().map(|p| flow.data[*p as usize][axis]).collect();
            let half = all.len() / 2;
            *all.select_nth_unstable_by(half, f32::total_cmp).1
        };
        (middle(0), middle(1))
    });
    Blob { sample, pixels, centre: (x / count, y / count), gap, velocity, at_rim }
}

/// Joins blobs that lie on each other in neighbouring samples, moved as the pictures move, into tracks.
fn linked(blobs: &[Vec<Blob>], labels: &[Raster<u32>]) -> Vec<Track> {
    let first: Vec<usize> = blobs
        .iter()
        .scan(0, |sum, here| {
            *sum += here.len();
            Some(*sum - here.len())
        })
        .collect();
    let mut parents: Vec<usize> = (0..blobs.iter().map(Vec::len).sum()).collect();
    for (sample, here) in blobs.iter().enumerate() {
        for (index, blob) in here.iter().enumerate() {
            let (vx, vy) = blob.velocity.unwrap_or((0.0, 0.0));
            for ahead in 1..=2 {
                let Some(there) = labels.get(sample + ahead) else { break };
                let (dx, dy) = ((vx * ahead as f32).round() as i32, (vy * ahead as f32).round() as i32);
                let mut hits = vec![0_usize; blobs[sample + ahead].len() + 1];
                for at in blob.pixels.iter().map(|p| *p as usize) {
                    let (x, y) = ((at % there.w) as i32 + dx, (at / there.w) as i32 + dy);
                    if x >= 0 && y >= 0 && x < there.w as i32 && y < there.h as i32 {
                        hits[there.at(x as usize, y as usize) as usize] += 1;
                    }
                }
                let mut met = false;
                for (label, hits) in hits.iter().enumerate().skip(1) {
                    let other = &blobs[sample + ahead][label - 1];
                    if 5 * hits >= blob.area().min(other.area()) && *hits > 0 {
                        let (a, b) = (
                            root(&mut parents, first[sample] + index),
                            root(&mut parents, first[sample + ahead] + label - 1),
                        );
                        parents[a] = b;
                        met = true;
                    }
                }
                if met {
                    break;
                }
            }
        }
    }
    let mut tracks: std::collections::BTreeMap<usize, Vec<Blob>> = std::collections::BTreeMap::new();
    for (sample, here) in blobs.iter().enumerate() {
        for (index, blob) in here.iter().enumerate() {
            tracks.entry(root(&mut parents, first[sample] + index)).or_default().push(blob.clone());
        }
    }
    tracks.into_values().map(|blobs| Track { blobs: merged(blobs) }).collect()
}

pub(crate) fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

/// One blob a sample; the larger one says how it moves.
fn merged(blobs: Vec<Blob>) -> Vec<Blob> {
    let mut out: Vec<Blob> = Vec::new();
    for blob in blobs {
        match out.last_mut().filter(|last| last.sample == blob.sample) {
            Some(last) => {
                let (a, b) = (last.area() as f32, blob.area() as f32);
                let mix = |p: f32, q: f32| (p * a + q * b) / (a + b);
                last.centre = (mix(last.centre.0, blob.centre.0), mix(last.centre.1, blob.centre.1));
                if b > a {
                    last.velocity = blob.velocity;
                }
                last.gap = last.gap.min(blob.gap);
                last.at_rim |= blob.at_rim;
                last.pixels.extend(blob.pixels);
            }
            None => out.push(blob),
        }
    }
    out
}
