//! What differs from the ground on each sample, and whether it is another light on the same thing or another thing.

use rayon::prelude::*;

use super::ReasonParams;
use super::footage::{Sample, Scene};
use super::ground::{Ground, Lamp, brightness, miss};
use crate::segment::raster::Raster;

/// One sample's differences.
pub(crate) struct Change {
    /// Other things are here than usual.
    pub thing: Raster<bool>,
    /// The usual things are here in less light.
    pub shade: Raster<bool>,
    /// By how much the light is less where it is shade, as a logarithm; at most 0.
    pub depth: Raster<f32>,
}

pub(crate) struct Changes {
    pub all: Vec<Change>,
}

impl Changes {
    pub fn new(scene: &Scene, ground: &Ground, params: &ReasonParams) -> opencv::Result<Self> {
        let pairs: Vec<_> = scene.samples.iter().zip(&ground.lamps).collect();
        let all = pairs.par_iter().map(|(sample, lamp)| change(sample, lamp, ground, params));
        Ok(Self { all: all.collect::<opencv::Result<_>>()? })
    }
}

fn change(sample: &Sample, lamp: &Lamp, ground: &Ground, params: &ReasonParams) -> opencv::Result<Change> {
    let (w, h) = (sample.rgb.w, sample.rgb.h);
    let mut excess = sample.rgb.same(0.0_f32);
    let (mut less, mut off, mut weight) = (excess.clone(), excess.clone(), excess.clone());
    let (mut now, usual) = (excess.clone(), ground.light.map(brightness));
    for at in 0..w * h {
        if !sample.clear.data[at] || !ground.known.data[at] {
            continue;
        }
        let light = ground.seen(sample, lamp, at);
        excess.data[at] = ground.excess(sample, light, at);
        let d = brightness(light) - ground.lit.data[at];
        less.data[at] = d;
        now.data[at] = brightness(light);
        off.data[at] = miss(light, ground.light.data[at]);
        weight.data[at] = 1.0;
    }
    let share = weight.box_mean(2)?;
    let mean = |raster: &Raster<f32>| -> opencv::Result<Raster<f32>> {
        let mut mean = raster.box_mean(2)?;
        mean.data.iter_mut().zip(&share.data).for_each(|(m, s)| *m = if *s > 0.05 { *m / s } else { 0.0 });
        Ok(mean)
    };
    let depth = mean(&less)?;
    now.data
        .iter_mut()
        .zip(&usual.data)
        .zip(&weight.data)
        .filter(|(_, w)| **w == 0.0)
        .for_each(|((n, u), _)| *n = *u);
    let kept = texture_kept(&now, &usual)?;
    let faint = params.faint + 0.012 * (ground.grain - 1.0).max(0.0);
    // For and against the usual thing being here in less light, looked at together with the neighbours.
    let mut speaks = sample.rgb.same(0.0_f32);
    let mut votes = speaks.clone();
    for at in 0..w * h {
        let d = depth.data[at];
        if weight.data[at] == 0.0 || (excess.data[at] <= 0.0 && d > -faint) {
            continue;
        }
        // The usual thing in more light is no other thing, where its texture says that it is the same.
        let bright = if less.data[at] > 0.35 && kept.data[at] <= 0.0 { 2.0 } else { 0.0 };
        let odd = off.data[at] / (0.08 + 0.42 * less.data[at].abs().min(1.5));
        speaks.data[at] = (1.0 - odd - bright + kept.data[at]).clamp(-1.0, 1.0);
        votes.data[at] = 1.0;
    }
    let (spoken, voted) = (speaks.box_mean(4)?, votes.box_mean(4)?);
    let (mut thing, mut shade) = (sample.rgb.same(false), sample.rgb.same(false));
    for at in 0..w * h {
        if votes.data[at] == 0.0 {
            continue;
        }
        let d = depth.data[at];
        let darker = d < -faint.max(2.2 * ground.waver.data[at]) && d > -2.2;
        if spoken.data[at] > 0.1 * voted.data[at] {
            shade.data[at] = darker;
        } else if excess.data[at] > 0.0 {
            thing.data[at] = true;
        }
    }
    let thing = solid(&thing)?;
    // The rims of things are shade-like: what lies between thing and nothing belongs to the thing.
    let near = super::footage::grown(&thing, 2.0)?;
    let clear = shade.data.iter().zip(&near.data).map(|(s, n)| *s && !*n).collect();
    let shade = Raster { w, h, data: clear }.tidied(30);
    Ok(Change { thing, shade, depth })
}

/// Without thin lines, which edges leave that lie a little beside where they usually are.
fn solid(mask: &Raster<bool>) -> opencv::Result<Raster<bool>> {
    let core = mask.signed_distance(1e6)?.map(|d| d > 1.2);
    let back = super::footage::grown(&core, 2.0)?;
    let data = mask.data.iter().zip(&back.data).map(|(m, b)| *m && *b).collect();
    Ok(Raster { w: mask.w, h: mask.h, data }.tidied(10))
}

/// Whether the fine detail of a place is the usual one, where it usually has some: −1 another, 0 not to be said, up to 0.5 the
/// same.
fn texture_kept(now: &Raster<f32>, usual: &Raster<f32>) -> opencv::Result<Raster<f32>> {
    let fine = |raster: &Raster<f32>| -> opencv::Result<Raster<f32>> {
        let mut fine = raster.clone();
        let coarse = raster.box_mean(2)?;
        fine.data.iter_mut().zip(&coarse.data).for_each(|(f, c)| *f = (*f - c).clamp(-0.3, 0.3));
        Ok(fine)
    };
    let (a, b) = (fine(now)?, fine(usual)?);
    let product = |a: &Raster<f32>, b: &Raster<f32>| {
        let data = a.data.iter().zip(&b.data).map(|(a, b)| a * b).collect();
        Raster { w: a.w, h: a.h, data }.box_mean(4)
    };
    let (ab, aa, bb) = (product(&a, &b)?, product(&a, &a)?, product(&b, &b)?);
    let mut kept = now.same(0.0);
    for at in 0..kept.data.len() {
        let (ab, aa, bb) = (ab.data[at], aa.data[at], bb.data[at]);
        if bb > 0.03 * 0.03 {
            let alike = ab / (aa * bb).sqrt().max(1e-6);
            kept.data[at] = if alike > 0.5 { 0.5 * alike } else { 2.0 * (alike - 0.5).max(-0.5) };
        }
    }
    Ok(kept)
}
