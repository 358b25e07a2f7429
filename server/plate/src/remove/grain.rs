//! Grain: measured where a frame and the clean picture show the same, and made again where the plate was replaced.
//! Made from integers and plain arithmetic only, so that a seed means the same grain on every machine.

/// Grain of one plane: its strength (of 65535) and how alike neighbours are, 0–0.9.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Grain {
    pub strength: f32,
    pub likeness: f32,
}

/// Measures grain from runs of neighbouring differences between a frame and a clean picture of the same place.
///
/// Second differences suppress what is left of the structure; the median ignores places where the two disagree.
pub(crate) fn measure(runs: &[Vec<f32>]) -> Grain {
    let mut near = Vec::new();
    let mut wide = Vec::new();
    for run in runs {
        for v in run.windows(5) {
            near.push((v[1] - 2.0 * v[2] + v[3]).abs());
            wide.push((v[0] - 2.0 * v[2] + v[4]).abs());
        }
    }
    if near.len() < 200 {
        return Grain::default();
    }
    // The median of |x| is 0.6745 standard deviations.
    let variance_of = |mut all: Vec<f32>| {
        let half = all.len() / 2;
        (*all.select_nth_unstable_by(half, f32::total_cmp).1 / 0.6745).powi(2)
    };
    let (near, wide) = (variance_of(near), variance_of(wide));
    if near <= 0.0 {
        return Grain::default();
    }
    // Likeness falls by r per step: near = σ²(6 − 8r + 2r²), wide = σ²(6 − 8r² + 2r⁴).
    let expected = |r: f32| (6.0 - 8.0 * r * r + 2.0 * r.powi(4)) / (6.0 - 8.0 * r + 2.0 * r * r);
    let mut likeness = 0.0;
    while likeness < 0.5 && expected(likeness) < wide / near {
        likeness += 0.02;
    }
    let variance = near / (6.0 - 8.0 * likeness + 2.0 * likeness * likeness);
    Grain { strength: variance.sqrt(), likeness }
}

/// A value of about unit deviation for a place, the same for the same numbers.
fn white(seed: u64, frame: u32, plane: usize, x: i32, y: i32) -> f32 {
    let mut h = seed ^ (u64::from(frame) << 32 | (plane as u64) << 60);
    h = (h ^ (x as u32 as u64) << 32 ^ y as u32 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^= h >> 31;
    // Four 16-bit numbers: their sum is close enough to a bell, and bounded.
    let sum = (h & 0xffff) + (h >> 16 & 0xffff) + (h >> 32 & 0xffff) + (h >> 48);
    (sum as f32 - 131_070.0) / 37_837.0
}

/// One row of grain of unit deviation for columns `x0..x0 + out.len()`, neighbours alike by `likeness`.
pub(crate) fn row(seed: u64, frame: u32, plane: usize, x0: i32, y: i32, likeness: f32, out: &mut [f32]) {
    if likeness < 0.04 {
        for (k, value) in out.iter_mut().enumerate() {
            *value = white(seed, frame, plane, x0 + k as i32, y);
        }
        return;
    }
    // Taps (b, 1, b) both ways: neighbours are alike by 2b / (1 + 2b²), which is inverted here.
    let r = likeness.min(0.66);
    let b = (1.0 - (1.0 - 2.0 * r * r).max(0.0).sqrt()) / (2.0 * r);
    let scale = 1.0 / (1.0 + 2.0 * b * b);
    let mut sums = vec![0.0f32; out.len() + 2];
    for (dy, weight) in [(-1, b), (0, 1.0), (1, b)] {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum += weight * white(seed, frame, plane, x0 + k as i32 - 1, y + dy);
        }
    }
    for (k, value) in out.iter_mut().enumerate() {
        *value = scale * (b * sums[k] + sums[k + 1] + b * sums[k + 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grain_that_is_made_is_measured_again() {
        for likeness in [0.0, 0.4] {
            let rows: Vec<Vec<f32>> = (0..64)
                .map(|y| {
                    let mut values = vec![0.0; 400];
                    row(7, 3, 0, 0, y, likeness, &mut values);
                    values.iter().map(|v| 500.0 * v).collect()
                })
                .collect();
            let grain = measure(&rows);
            assert!((400.0..600.0).contains(&grain.strength), "{grain:?} of {likeness}");
        }
    }

    #[test]
    fn a_seed_means_the_same_grain_and_another_seed_another() {
        let made = |seed, frame| {
            let mut values = vec![0.0; 32];
            row(seed, frame, 1, 5, 9, 0.3, &mut values);
            values
        };
        assert_eq!(made(1, 2), made(1, 2));
        assert_ne!(made(1, 2), made(1, 3));
        assert_ne!(made(1, 2), made(2, 2));
    }
}
