//! Matching a fill to the ring of plate around it: one gain and offset, then a soft remainder that dies away inward.

/// Gain and offset with `b ≈ gain·a + offset` for most pairs (`a`, `b`), values 0–255; `scale` is the
/// difference that still counts as noise. Little contrast keeps the gain near 1.
pub(crate) fn line(pairs: &[(f32, f32)], scale: f32) -> (f32, f32) {
    if pairs.is_empty() {
        return (1.0, 0.0);
    }
    let mut differences: Vec<f32> = pairs.iter().map(|(a, b)| b - a).collect();
    let half = differences.len() / 2;
    let (mut gain, mut offset) =
        (1.0f64, f64::from(*differences.select_nth_unstable_by(half, f32::total_cmp).1));
    for round in 0..6 {
        let scale = f64::from(scale) * if round < 2 { 3.0 } else { 1.0 };
        let weighted: Vec<(f64, f64, f64)> = pairs
            .iter()
            .map(|&(a, b)| {
                let (a, b) = (f64::from(a), f64::from(b));
                let off = (gain * a + offset - b) / scale;
                (1.0 / (1.0 + off * off).powi(2), a, b)
            })
            .collect();
        let total: f64 = weighted.iter().map(|p| p.0).sum::<f64>().max(1e-9);
        let mean_a = weighted.iter().map(|p| p.0 * p.1).sum::<f64>() / total;
        let mean_b = weighted.iter().map(|p| p.0 * p.2).sum::<f64>() / total;
        let along: f64 = weighted.iter().map(|p| p.0 * (p.1 - mean_a) * (p.2 - mean_b)).sum();
        let spread: f64 = weighted.iter().map(|p| p.0 * (p.1 - mean_a).powi(2)).sum();
        let prior = 25.0 * total;
        gain = ((along + prior) / (spread + prior)).clamp(0.5, 2.0);
        offset = mean_b - gain * mean_a;
    }
    (gain as f32, offset as f32)
}

/// Known values spread into the unknown: weighted averages on ever coarser grids, filled back in.
/// `values` holds one grid per plane; where `weights` is 0 the value is made up. All are `width`×`height`.
pub(crate) fn spread(values: &mut [Vec<f32>], weights: &mut [f32], width: usize, height: usize) {
    if width * height <= 1 || weights.iter().all(|&w| w >= 1.0) {
        return;
    }
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let mut coarse = vec![vec![0.0; half_width * half_height]; values.len()];
    let mut coarse_weights = vec![0.0f32; half_width * half_height];
    for y in 0..height {
        for x in 0..width {
            let (from, to) = (y * width + x, y / 2 * half_width + x / 2);
            coarse_weights[to] += weights[from];
            for (coarse, values) in coarse.iter_mut().zip(values.iter()) {
                coarse[to] += weights[from] * values[from];
            }
        }
    }
    for at in 0..coarse_weights.len() {
        if coarse_weights[at] > 0.0 {
            coarse.iter_mut().for_each(|c| c[at] /= coarse_weights[at]);
            coarse_weights[at] = coarse_weights[at].min(1.0);
        }
    }
    spread(&mut coarse, &mut coarse_weights, half_width, half_height);
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            let w = weights[at];
            if w >= 1.0 {
                continue;
            }
            // Bilinear look at the coarse grid, so that no blocks show.
            let step = |k: usize, size: usize| {
                let near = k / 2;
                let far = if k.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(size - 1) };
                (near, far)
            };
            let ((x0, x1), (y0, y1)) = (step(x, half_width), step(y, half_height));
            for (values, coarse) in values.iter_mut().zip(&coarse) {
                let near = 0.75 * coarse[y0 * half_width + x0] + 0.25 * coarse[y0 * half_width + x1];
                let far = 0.75 * coarse[y1 * half_width + x0] + 0.25 * coarse[y1 * half_width + x1];
                values[at] = w * values[at] + (1.0 - w) * (0.75 * near + 0.25 * far);
            }
            weights[at] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_among_outliers() {
        let pairs: Vec<(f32, f32)> = (0..200)
            .map(|i| {
                let a = 20.0 + i as f32;
                (a, if i % 5 == 0 { 200.0 } else { 0.9 * a + 8.0 })
            })
            .collect();
        let (gain, offset) = line(&pairs, 2.0);
        assert!((gain - 0.9).abs() < 0.02 && (offset - 8.0).abs() < 2.0, "{gain} {offset}");
    }

    #[test]
    fn what_is_known_stays_and_the_rest_lies_between() {
        let mut values = vec![vec![0.0f32; 33 * 7]];
        let mut weights = vec![0.0; 33 * 7];
        for y in 0..7 {
            (values[0][y * 33], weights[y * 33]) = (10.0, 1.0);
            (values[0][y * 33 + 32], weights[y * 33 + 32]) = (20.0, 1.0);
        }
        spread(&mut values, &mut weights, 33, 7);
        assert_eq!(values[0][0], 10.0);
        assert!(values[0].iter().all(|v| (9.99..=20.01).contains(v)));
        assert!((values[0][3 * 33 + 16] - 15.0).abs() < 4.0);
    }
}
