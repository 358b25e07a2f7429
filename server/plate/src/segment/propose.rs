//! What a single click may mean: regions of several sizes around it, and how much each looks like a whole thing.
//! Which pixels each comes to is worked out in `keyframe`.

use super::keyframe::{difference, geodesic};
use super::raster::{Lab, Raster};

/// Ways from the click, in the units of `geodesic`, within which a region is proposed.
const WAYS: [f32; 9] = [10.0, 15.0, 22.0, 32.0, 45.0, 64.0, 90.0, 125.0, 170.0];
/// Radii of proposed discs as shares of the picture's diagonal.
const RADII: [f32; 3] = [0.04, 0.09, 0.18];
/// Geodesic regions that are followed up.
const FOLLOWED: usize = 3;

/// Regions to start from, without duplicates, none empty.
pub(crate) fn regions(lab: &Raster<Lab>, seeds: &Raster<bool>) -> opencv::Result<Vec<Raster<bool>>> {
    let near = geodesic(lab, seeds);
    let mut grown: Vec<(f32, Raster<bool>)> = Vec::new();
    for way in WAYS {
        let region = near.map(|n| n < way).tidied(24);
        let fresh = grown.last().is_none_or(|(_, last)| 10 * region.area() > 12 * last.area());
        if fresh && region.area() > 0 && 2 * region.area() < region.data.len() {
            grown.push((worth(lab, &region)?, region));
        }
    }
    grown.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut all: Vec<Raster<bool>> = grown.into_iter().take(FOLLOWED).map(|(_, region)| region).collect();
    let away = seeds.map(|s| !s).signed_distance(1e6)?;
    let diagonal = (lab.w as f32).hypot(lab.h as f32);
    all.extend(RADII.map(|radius| away.map(|d| d < radius * diagonal)));
    Ok(all)
}

/// How much a region looks like a whole thing: its outline runs along edges, inside and outside differ in colour, it is
/// compact, clear of the picture's rim, and rather large than small. About 0..=2.
pub(crate) fn worth(lab: &Raster<Lab>, mask: &Raster<bool>) -> opencv::Result<f32> {
    let area = mask.area();
    let share = area as f32 / mask.data.len() as f32;
    if area < 12 || share > 0.6 {
        return Ok(f32::MIN);
    }
    let (mut edge, mut length, mut rim) = (0.0_f32, 0.0_f32, 0.0_f32);
    for y in 0..mask.h {
        for x in 0..mask.w {
            if !mask.at(x, y) {
                continue;
            }
            for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                let (nx, ny) = (x as i32 + dx, y as i32 + dy);
                if nx < 0 || ny < 0 || nx >= mask.w as i32 || ny >= mask.h as i32 {
                    rim += 1.0;
                } else if !mask.at(nx as usize, ny as usize) {
                    let out = lab.clamped(nx + dx, ny + dy);
                    let inside = lab.clamped(x as i32 - dx, y as i32 - dy);
                    edge += 1.0 - (-(difference(out, inside) / 16.0).powi(2)).exp();
                    length += 1.0;
                }
            }
        }
    }
    if length == 0.0 {
        return Ok(f32::MIN);
    }
    let distance = mask.signed_distance(64.0)?;
    let reach = (0.3 * (area as f32).sqrt()).clamp(6.0, 40.0);
    let inside = histogram(lab, |i| mask.data[i]);
    let outside = histogram(lab, |i| !mask.data[i] && distance.data[i] > -reach);
    let common: f32 = inside.iter().zip(&outside).map(|(a, b)| a.min(*b)).sum();
    let round = (4.0 * std::f32::consts::PI * area as f32 / (length + rim).powi(2)).min(1.0);
    let large = (share / 0.002).ln().clamp(-2.0, 4.0);
    Ok(edge / length + 0.6 * (1.0 - common) + 0.3 * round.sqrt() - 0.6 * rim / (length + rim) + 0.08 * large)
}

/// Shares of 8 × 8 × 8 colours.
fn histogram(lab: &Raster<Lab>, of: impl Fn(usize) -> bool) -> Vec<f32> {
    let mut counts = vec![0.0_f32; 512];
    let mut total = 0.0;
    for (i, [l, a, b]) in lab.data.iter().enumerate() {
        if of(i) {
            // Hues lie close together around 128.
            let near = |v: u8| ((i32::from(v) - 128) / 6 + 4).clamp(0, 7) as usize;
            counts[usize::from(l / 32) * 64 + near(*a) * 8 + near(*b)] += 1.0;
            total += 1.0;
        }
    }
    counts.iter_mut().for_each(|c| *c /= f32::max(total, 1.0));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_thing_is_worth_more_than_a_part_or_too_much() {
        let inside = |x: i32, y: i32, r: i32| (x - 60).pow(2) + (y - 45).pow(2) < r * r;
        let places = || (0..90).flat_map(|y| (0..120).map(move |x| (x, y)));
        let lab = Raster {
            w: 120,
            h: 90,
            data: places()
                .map(|(x, y)| if inside(x, y, 20) { [60, 150, 120] } else { [150, 128, 130] })
                .collect(),
        };
        let disc = |r: i32| Raster { w: 120, h: 90, data: places().map(|(x, y)| inside(x, y, r)).collect() };
        let whole = worth(&lab, &disc(20)).unwrap();
        assert!(whole > worth(&lab, &disc(12)).unwrap() + 0.3);
        assert!(whole > worth(&lab, &disc(30)).unwrap() + 0.3);
    }
}
