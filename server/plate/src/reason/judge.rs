//! What each followed thing is to the target, as proposals. The rules are those of `Consequence`; the numbers behind a
//! confidence are shares of what could be noticed, brought to a scale by scenes whose truth is known.

use std::collections::BTreeMap;

use domain::{Effect, Proposal};

use super::changes::Changes;
use super::footage::Scene;
use super::region::Region;
use super::shade::{self, Shades};
use super::tracks::{Blob, FAR, Track, Tracks};
use super::{Error, ReasonParams};

/// What a track is, with the numbers that say so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    pub effect: Effect,
    pub confidence: f32,
    /// Samples: begins, decisive moment, first and last touch.
    pub from: usize,
    pub shown: usize,
    pub touches: Option<(usize, usize)>,
    pub share: f32,
}

pub(crate) fn judge(
    scene: &Scene,
    changes: &Changes,
    tracks: Tracks,
    params: &ReasonParams,
    plate: (u32, u32),
) -> Result<Vec<Proposal>, Error> {
    let verdicts = verdicts(scene, &tracks, params);
    let carried =
        |v: &Option<Verdict>| v.is_some_and(|v| matches!(v.effect, Effect::Carried | Effect::Belonging));
    let big = |track: &Track| track.blobs.len() >= 4 && track.most_area() > 80;
    let alone: Vec<bool> = verdicts.iter().zip(&tracks.things).map(|(v, t)| !carried(v) && big(t)).collect();
    let shades = shade::share_out(scene, changes, &tracks, &alone)?;
    let mut proposals = Vec::new();
    for (effect, members) in grouped(&verdicts, &tracks) {
        let mut region = Region::new(scene);
        let mut best: Option<Verdict> = None;
        for index in members {
            let (track, verdict) = (&tracks.things[index], verdicts[index].expect("members have verdicts"));
            for blob in track.blobs.iter().filter(|b| b.sample >= verdict.from) {
                region.add(scene, blob.sample, blob.pixels.iter().map(|p| *p as usize));
            }
            for sample in verdict.from..scene.samples.len() {
                if let Some(mask) = &shades.things[index].masks[sample] {
                    let pixels = mask.data.iter().enumerate().filter(|(_, m)| **m).map(|(at, _)| at);
                    region.add(scene, sample, pixels.collect::<Vec<_>>());
                }
            }
            if effect == Effect::Carried {
                falls(scene, track, &tracks, verdict.from, &mut region);
            }
            best = Some(match best {
                Some(b) => Verdict {
                    confidence: b.confidence.max(verdict.confidence),
                    from: b.from.min(verdict.from),
                    ..if verdict.confidence > b.confidence { verdict } else { b }
                },
                None => verdict,
            });
        }
        if let Some(verdict) = best {
            proposals.extend(proposal(scene, &region, verdict, plate)?);
        }
    }
    if let Some(verdict) = of_shade(scene, &shades, &tracks) {
        proposals.extend(proposal(scene, &shades.target, verdict, plate)?);
    }
    Ok(proposals)
}

fn proposal(
    scene: &Scene,
    region: &Region,
    verdict: Verdict,
    plate: (u32, u32),
) -> Result<Option<Proposal>, Error> {
    let spans = region.spans(scene, plate)?;
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(None) };
    let frame = |sample: usize| scene.samples[sample].frame;
    Ok(Some(Proposal {
        effect: verdict.effect,
        consequence: verdict.effect.consequence(),
        from: first.from,
        to: last.to,
        shown: frame(verdict.shown),
        touches: verdict.touches.map(|(a, b)| (frame(a), frame(b))),
        share: verdict.share,
        place: region.place(scene, verdict.shown),
        confidence: verdict.confidence,
        spans,
        said: None,
    }))
}

/// Things with the same fate that start together or touch are one proposal: nobody wants a card for each skittle.
fn grouped(verdicts: &[Option<Verdict>], tracks: &Tracks) -> Vec<(Effect, Vec<usize>)> {
    let mut groups: Vec<(Effect, Vec<usize>)> = Vec::new();
    for (index, verdict) in verdicts.iter().enumerate() {
        let Some(verdict) = verdict else { continue };
        let fate = verdict.effect.consequence();
        let joins = verdict.effect.is_affected();
        let with = groups.iter_mut().find(|(effect, members)| {
            joins
                && effect.is_affected()
                && effect.consequence() == fate
                && members.iter().any(|m| near(&tracks.things[*m], &tracks.things[index]))
        });
        match with {
            Some((_, members)) => members.push(index),
            None => groups.push((verdict.effect, vec![index])),
        }
    }
    groups
}

fn near(a: &Track, b: &Track) -> bool {
    let size = |t: &Track| (t.most_area() as f32).sqrt();
    let reach = 1.6 * (size(a) + size(b));
    a.blobs.iter().any(|x| {
        b.blobs.iter().any(|y| {
            x.sample.abs_diff(y.sample) <= 2
                && (x.centre.0 - y.centre.0).hypot(x.centre.1 - y.centre.1) < reach
        })
    })
}

/// Where a thing that is carried falls once nobody holds it: from where it first is down to where the target stands.
fn falls(scene: &Scene, track: &Track, tracks: &Tracks, from: usize, region: &mut Region) {
    let Some(blob) = track.blobs.iter().find(|b| b.sample >= from) else { return };
    let Some(foot) = tracks.target[blob.sample].map(|t| t.foot) else { return };
    let (mut x0, mut y0, mut x1, mut y1) = (usize::MAX, usize::MAX, 0, 0);
    for at in blob.pixels.iter().map(|p| *p as usize) {
        let (x, y) = (at % scene.w, at / scene.w);
        (x0, y0, x1, y1) = (x0.min(x), y0.min(y), x1.max(x), y1.max(y));
    }
    let bottom = (foot as usize).max(y1).min(scene.h - 1);
    for sample in blob.sample + 1..scene.samples.len() {
        let rows = (y0..=bottom).flat_map(|y| (x0..=x1).map(move |x| y * scene.w + x));
        region.add(scene, sample, rows);
    }
}

fn of_shade(scene: &Scene, shades: &Shades, tracks: &Tracks) -> Option<Verdict> {
    let samples: Vec<usize> = shades.target.samples().collect();
    let area = |at: usize| shades.target.masks[at].as_ref().map_or(0, |m| m.area());
    let with_target: Vec<usize> = (0..scene.samples.len()).filter(|s| tracks.target[*s].is_some()).collect();
    let noticed = |at: &&usize| {
        let target = tracks.target[**at].map_or(0, |t| t.area);
        area(**at) >= 30.max(target / 50)
    };
    let share = with_target.iter().filter(noticed).count() as f32 / with_target.len().max(1) as f32;
    let shown = samples.iter().copied().max_by_key(|s| area(*s))?;
    let follows = follows(shades, tracks);
    let deep = (-shades.depth / 0.35).min(1.0);
    let confidence = 0.1 + 0.45 * share + 0.2 * follows + 0.2 * deep;
    Some(Verdict {
        effect: Effect::Shadow,
        confidence: confidence.clamp(0.0, 0.97),
        from: samples[0],
        shown,
        touches: None,
        share,
    })
}

/// How far the shade goes where the target goes: 1 together, 0.5 where the target hardly moves, 0 not.
fn follows(shades: &Shades, tracks: &Tracks) -> f32 {
    let mut both = Vec::new();
    for sample in shades.target.samples() {
        let Some(spot) = tracks.target[sample] else { continue };
        let mask = shades.target.masks[sample].as_ref().expect("there is something");
        let (mut x, mut y, mut n) = (0.0, 0.0, 0.0);
        for at in (0..mask.data.len()).filter(|at| mask.data[*at]) {
            x += (at % mask.w) as f32;
            y += (at / mask.w) as f32;
            n += 1.0;
        }
        both.push((spot.centre, (x / n, y / n)));
    }
    let travel = both.iter().map(|(t, _)| (t.0 - both[0].0.0).hypot(t.1 - both[0].0.1)).fold(0.0, f32::max);
    if both.len() < 3 || travel < 12.0 {
        return 0.5;
    }
    let mut left: Vec<f32> = Vec::new();
    let count = both.len() as f32;
    let mx = both.iter().map(|(t, s)| s.0 - t.0).sum::<f32>() / count;
    let my = both.iter().map(|(t, s)| s.1 - t.1).sum::<f32>() / count;
    for (t, s) in &both {
        left.push((s.0 - t.0 - mx).hypot(s.1 - t.1 - my));
    }
    let off = left.iter().sum::<f32>() / left.len() as f32;
    (1.0 - 2.0 * off / travel).clamp(0.0, 1.0)
}

fn verdicts(scene: &Scene, tracks: &Tracks, params: &ReasonParams) -> Vec<Option<Verdict>> {
    let mut all: Vec<Option<Verdict>> =
        tracks.things.iter().map(|track| verdict(scene, track, tracks, params)).collect();
    // What an affected thing touches when it starts is affected too.
    for _ in 0..3 {
        for index in 0..all.len() {
            if all[index].is_none() {
                all[index] = by_another(index, &all, tracks, params);
            }
        }
    }
    all
}

/// Speeds below this, in pixels a sample, are rest.
const REST: f32 = 0.4;

fn verdict(scene: &Scene, track: &Track, tracks: &Tracks, params: &ReasonParams) -> Option<Verdict> {
    let most = track.most_area();
    let start = track.blobs.iter().position(|b| 8 * b.area() >= most)?;
    let blobs = &track.blobs[start..];
    if blobs.len() < 3 {
        return None;
    }
    let touching: Vec<&Blob> = blobs.iter().filter(|b| b.gap <= params.touch).collect();
    let first_touch = touching.first()?.sample;
    let last_touch = touching.last()?.sample;
    let touches = Some((first_touch, last_touch));
    let share = touching.len() as f32 / blobs.iter().filter(|b| b.gap < FAR).count().max(1) as f32;
    let begins = blobs[0].sample;
    let scene_long = scene.picture.0.max(scene.picture.1) as f32;
    let appears = begins > 1 && !blobs[0].at_rim;
    if appears {
        // It stood still until now. Did the target come to it just then?
        let late = first_touch as i64 - begins as i64;
        if late > 2 {
            return passing(blobs, touches, params);
        }
        let reached = (begins.saturating_sub(4)..=(begins + 2).min(scene.samples.len() - 1)).any(|s| {
            let at = blobs[0].pixels.iter().map(|p| tracks.away[s].data[*p as usize]).fold(FAR, f32::min);
            at <= params.touch
        });
        if !reached {
            return None;
        }
        let moved = travel(blobs);
        let effect = if lasting(blobs, scene.samples.len()) > 0.15 {
            let still = moved < 0.02 * scene_long && touching.len() * 2 >= blobs.len();
            if still { Effect::Pressed } else { Effect::SetMoving }
        } else if moved < 0.03 * scene_long {
            Effect::Pressed
        } else {
            // It leaves every place as it was. If something went behind the target before, this is it, coming out.
            if went_behind(begins, most, tracks, params) {
                return passing(blobs, touches, params);
            }
            Effect::SetMoving
        };
        let size = (most as f32 / (0.004 * scene_long * scene_long)).min(1.0);
        let lasting = (blobs.len() as f32 / 12.0).min(1.0);
        let confidence = 0.2 + 0.35 * size + 0.35 * lasting * size.max(0.4);
        let shown = blobs[blobs.len().min(8) - 1].sample;
        return Some(Verdict { effect, confidence, from: begins, shown, touches, share });
    }
    let (rides, travelled) = rides(blobs, tracks);
    if travelled > 0.05 * scene_long && share > 0.6 && rides > 0.5 {
        let target = tracks.target[first_touch].map_or(1, |t| t.area);
        let small = most * 12 < target;
        let effect = if small { Effect::Belonging } else { Effect::Carried };
        let size = (most as f32 / (0.004 * scene_long * scene_long)).min(1.0);
        let confidence =
            if small { 0.15 + 0.3 * rides } else { 0.15 + 0.35 * rides + 0.25 * share + 0.2 * size };
        let shown = blobs[blobs.len() / 2].sample;
        return Some(Verdict { effect, confidence, from: begins, shown, touches, share });
    }
    deflected(blobs, first_touch, touches, share).or_else(|| passing(blobs, touches, params))
}

/// Whether something of such a size, or larger, was last seen at the target not long before.
fn went_behind(begins: usize, most: usize, tracks: &Tracks, params: &ReasonParams) -> bool {
    tracks.things.iter().any(|track| {
        let Some(last) = track.blobs.last() else { return false };
        let before = last.sample <= begins + 1 && last.sample + 60 >= begins;
        before
            && track.blobs[0].sample + 2 < begins
            && last.gap <= 2.0 * params.touch
            && 4 * track.most_area() >= most
    })
}

/// Of the places where a thing is first noticed, the part that stays changed: something stood there before.
fn lasting(blobs: &[Blob], samples: usize) -> f32 {
    let begins = blobs[0].sample;
    let mut changed: BTreeMap<u32, usize> = BTreeMap::new();
    for blob in blobs.iter().take_while(|b| b.sample < begins + 5) {
        blob.pixels.iter().for_each(|p| {
            changed.entry(*p).or_insert(0);
        });
    }
    for blob in blobs {
        blob.pixels.iter().for_each(|p| {
            if let Some(count) = changed.get_mut(p) {
                *count += 1;
            }
        });
    }
    let most = (samples - begins).max(1);
    let stays = changed.values().filter(|count| 5 * **count > 3 * most).count();
    stays as f32 / changed.len().max(1) as f32
}

/// How far a thing gets from where it first is.
fn travel(blobs: &[Blob]) -> f32 {
    let (x, y) = blobs[0].centre;
    blobs.iter().map(|b| (b.centre.0 - x).hypot(b.centre.1 - y)).fold(0.0, f32::max)
}

/// How exactly a thing goes where the target goes while they touch, 0–1, and how far the target goes meanwhile.
fn rides(blobs: &[Blob], tracks: &Tracks) -> (f32, f32) {
    let mut offsets = Vec::new();
    let mut places = Vec::new();
    for blob in blobs {
        if let Some(spot) = tracks.target[blob.sample] {
            offsets.push((blob.centre.0 - spot.centre.0, blob.centre.1 - spot.centre.1));
            places.push(spot.centre);
        }
    }
    if offsets.len() < 4 {
        return (0.0, 0.0);
    }
    let travelled = places.iter().map(|p| (p.0 - places[0].0).hypot(p.1 - places[0].1)).fold(0.0, f32::max);
    let n = offsets.len() as f32;
    let mean = offsets.iter().fold((0.0, 0.0), |m, o| (m.0 + o.0 / n, m.1 + o.1 / n));
    let off = offsets.iter().map(|o| (o.0 - mean.0).hypot(o.1 - mean.1)).sum::<f32>() / n;
    ((1.0 - 4.0 * off / travelled.max(1.0)).clamp(0.0, 1.0), travelled)
}

/// Mean way per sample over the blobs of `from..to` that show as much of the thing as `whole` says: what is half hidden seems
/// to move otherwise.
fn speed(blobs: &[Blob], from: usize, to: usize, whole: f32) -> Option<(f32, f32)> {
    let is_whole = |b: &Blob| (0.7 * whole..=1.4 * whole).contains(&(b.area() as f32)) && !b.at_rim;
    let pairs = blobs.windows(2).filter(|pair| {
        from <= pair[0].sample && pair[1].sample <= to && is_whole(&pair[0]) && is_whole(&pair[1])
    });
    let mut all: Vec<(f32, f32)> = pairs
        .map(|pair| {
            let apart = (pair[1].sample - pair[0].sample) as f32;
            let (a, b) = (pair[0].centre, pair[1].centre);
            ((b.0 - a.0) / apart, (b.1 - a.1) / apart)
        })
        .collect();
    if all.len() < 2 {
        return None;
    }
    let half = all.len() / 2;
    let x = all.select_nth_unstable_by(half, |a, b| a.0.total_cmp(&b.0)).1.0;
    let y = all.select_nth_unstable_by(half, |a, b| a.1.total_cmp(&b.1)).1.1;
    Some((x, y))
}

/// A thing on its own way whose way changes when it meets the target.
fn deflected(blobs: &[Blob], meets: usize, touches: Option<(usize, usize)>, share: f32) -> Option<Verdict> {
    let mut areas: Vec<usize> = blobs.iter().filter(|b| b.sample < meets).map(Blob::area).collect();
    if areas.len() < 3 {
        return None;
    }
    let half = areas.len() / 2;
    let whole = *areas.select_nth_unstable(half).1 as f32;
    let before = speed(blobs, meets.saturating_sub(8), meets, whole)?;
    let after = speed(blobs, meets + 1, meets + 10, whole)?;
    let was = before.0.hypot(before.1);
    let change = (after.0 - before.0).hypot(after.1 - before.1);
    if was < REST || change < 0.6 * was {
        return None;
    }
    let confidence = (0.3 + 0.4 * (change / was - 0.6).min(1.0)).min(0.8);
    Some(Verdict { effect: Effect::Deflected, confidence, from: meets, shown: meets, touches, share })
}

/// A thing that moves by itself and comes near the target.
fn passing(blobs: &[Blob], touches: Option<(usize, usize)>, params: &ReasonParams) -> Option<Verdict> {
    let (first, last) = touches?;
    let share = blobs.iter().filter(|b| b.gap <= params.touch).count() as f32 / blobs.len() as f32;
    let far = travel(blobs);
    if far < 15.0 {
        return None;
    }
    let shown = (first + last) / 2;
    let shown = blobs.iter().map(|b| b.sample).min_by_key(|s| s.abs_diff(shown))?;
    Some(Verdict { effect: Effect::Passing, confidence: 0.6, from: blobs[0].sample, shown, touches, share })
}

/// A thing that starts moving when something affected reaches it.
fn by_another(
    index: usize,
    all: &[Option<Verdict>],
    tracks: &Tracks,
    params: &ReasonParams,
) -> Option<Verdict> {
    let track = &tracks.things[index];
    let most = track.most_area();
    let start = track.blobs.iter().position(|b| 8 * b.area() >= most)?;
    let blob = &track.blobs[start];
    let rest = &track.blobs[start..];
    if rest.len() < 3 || blob.sample <= 1 || blob.at_rim || lasting(rest, tracks.target.len()) <= 0.15 {
        return None;
    }
    let pusher = all
        .iter()
        .zip(&tracks.things)
        .filter_map(|(v, t)| v.filter(|v| matches!(v.effect, Effect::SetMoving)).map(|v| (v, t)));
    for (verdict, other) in pusher {
        let there = other.blobs.iter().filter(|b| b.sample + 2 >= blob.sample && b.sample <= blob.sample + 1);
        let size = (blob.area() as f32).sqrt() + params.touch;
        for b in there {
            let reach = size + (b.area() as f32).sqrt();
            if (b.centre.0 - blob.centre.0).hypot(b.centre.1 - blob.centre.1) < reach {
                let shown = track.blobs[track.blobs.len().min(start + 8) - 1].sample;
                return Some(Verdict {
                    confidence: 0.8 * verdict.confidence,
                    from: blob.sample,
                    shown,
                    touches: None,
                    share: 0.0,
                    ..verdict
                });
            }
        }
    }
    None
}
