//! What colours a region has: a mixture of Gaussians in Lab, fitted to weighted samples.
//! Knows nothing of places; deterministic (no random start).

use super::raster::Lab;

const ROUNDS: usize = 6;
/// Least variance: grain and coding noise, so that a flat patch does not become a needle.
const FLOOR: f32 = 6.0;

#[derive(Clone, Copy, Debug)]
struct Part {
    log_weight: f32,
    mean: [f32; 3],
    /// Inverse of the covariance: xx, xy, xz, yy, yz, zz.
    inverse: [f32; 6],
    /// −½ ln|covariance|.
    log_scale: f32,
}

#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    parts: Vec<Part>,
}

impl Mixture {
    /// Fits up to `parts` Gaussians; `None` without samples of positive weight.
    pub fn fit(samples: &[(Lab, f32)], parts: usize) -> Option<Self> {
        let total: f32 = samples.iter().map(|s| s.1).sum();
        if samples.is_empty() || total <= 0.0 {
            return None;
        }
        let mut owner = split(samples, parts);
        let mut fitted = estimate(samples, &owner, total);
        for _ in 0..ROUNDS {
            for (owner, (colour, _)) in owner.iter_mut().zip(samples) {
                let scores = fitted.iter().map(|p| p.log_weight + p.log_density(*colour));
                *owner = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i);
            }
            fitted = estimate(samples, &owner, total);
        }
        Some(Self { parts: fitted })
    }

    /// Log of the density at a colour (the common 2π factor left out).
    pub fn log_density(&self, colour: Lab) -> f32 {
        let best = self.parts.iter().map(|p| p.log_weight + p.log_density(colour));
        let mut sum = 0.0;
        let mut top = f32::MIN;
        for score in best {
            if score > top {
                sum = sum * (top - score).exp() + 1.0;
                top = score;
            } else {
                sum += (score - top).exp();
            }
        }
        top + sum.ln()
    }
}

impl Part {
    fn log_density(&self, colour: Lab) -> f32 {
        let d = [0, 1, 2].map(|i| f32::from(colour[i]) - self.mean[i]);
        let v = self.inverse;
        let square = v[0] * d[0] * d[0]
            + v[3] * d[1] * d[1]
            + v[5] * d[2] * d[2]
            + 2.0 * (v[1] * d[0] * d[1] + v[2] * d[0] * d[2] + v[4] * d[1] * d[2]);
        self.log_scale - 0.5 * square
    }
}

/// Starting groups: the group with the most spread is cut at its mean along its widest channel, again and again.
fn split(samples: &[(Lab, f32)], parts: usize) -> Vec<usize> {
    let mut owner = vec![0; samples.len()];
    for next in 1..parts {
        let mut best: Option<(f32, usize, usize, f32)> = None;
        for group in 0..next {
            let (mut weight, mut sum, mut square) = (0.0_f32, [0.0_f32; 3], [0.0_f32; 3]);
            for ((colour, w), _) in samples.iter().zip(&owner).filter(|(_, o)| **o == group) {
                weight += w;
                for i in 0..3 {
                    sum[i] += w * f32::from(colour[i]);
                    square[i] += w * f32::from(colour[i]).powi(2);
                }
            }
            for i in 0..3 {
                let spread = square[i] - sum[i] * sum[i] / weight.max(1e-6);
                if best.is_none_or(|b| spread > b.0) {
                    best = Some((spread, group, i, sum[i] / weight.max(1e-6)));
                }
            }
        }
        let Some((_, group, channel, mean)) = best else { break };
        for ((colour, _), owner) in samples.iter().zip(&mut owner) {
            if *owner == group && f32::from(colour[channel]) > mean {
                *owner = next;
            }
        }
    }
    owner
}

fn estimate(samples: &[(Lab, f32)], owner: &[usize], total: f32) -> Vec<Part> {
    let groups = owner.iter().max().map_or(0, |m| m + 1);
    let mut sums = vec![[0.0_f64; 10]; groups];
    for ((colour, w), owner) in samples.iter().zip(owner) {
        let c = colour.map(f64::from);
        let w = f64::from(*w);
        let s = &mut sums[*owner];
        let terms = [
            1.0,
            c[0],
            c[1],
            c[2],
            c[0] * c[0],
            c[0] * c[1],
            c[0] * c[2],
            c[1] * c[1],
            c[1] * c[2],
            c[2] * c[2],
        ];
        for (sum, term) in s.iter_mut().zip(terms) {
            *sum += w * term;
        }
    }
    sums.iter().filter(|s| s[0] > f64::from(total) * 1e-4).map(|s| part(s, f64::from(total))).collect()
}

fn part(s: &[f64; 10], total: f64) -> Part {
    let m = [s[1] / s[0], s[2] / s[0], s[3] / s[0]];
    let floor = f64::from(FLOOR);
    let [xx, yy, zz] = [(4, 0), (7, 1), (9, 2)]
        .map(|(i, k)| s[i] / s[0] - m[k] * m[k] + if k == 0 { floor } else { floor / 3.0 });
    let [xy, xz, yz] = [(5, 0, 1), (6, 0, 2), (8, 1, 2)].map(|(i, j, k)| s[i] / s[0] - m[j] * m[k]);
    let det = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
    let det = det.max(1e-6);
    let inverse = [
        yy * zz - yz * yz,
        xz * yz - xy * zz,
        xy * yz - xz * yy,
        xx * zz - xz * xz,
        xy * xz - xx * yz,
        xx * yy - xy * xy,
    ]
    .map(|v| (v / det) as f32);
    Part {
        log_weight: (s[0] / total).ln() as f32,
        mean: m.map(|v| v as f32),
        inverse,
        log_scale: (-0.5 * det.ln()) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_seen_is_likelier_than_one_not_seen() {
        let samples: Vec<(Lab, f32)> = (0..200)
            .map(|i| {
                (if i % 2 == 0 { [40 + i as u8 % 5, 128, 128] } else { [200, 150 + i as u8 % 7, 90] }, 1.0)
            })
            .collect();
        let mixture = Mixture::fit(&samples, 4).unwrap();
        assert!(mixture.log_density([42, 128, 128]) > mixture.log_density([120, 128, 128]) + 3.0);
        assert!(mixture.log_density([200, 153, 90]) > mixture.log_density([200, 110, 90]) + 3.0);
    }

    #[test]
    fn no_samples_make_no_mixture() {
        assert!(Mixture::fit(&[], 3).is_none());
    }
}
