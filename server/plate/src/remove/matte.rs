//! The matte: what is filled, with a soft edge that stays within the approved pixels grown by the edge.

use rayon::prelude::*;

/// Squared straight-line distance from each pixel to the nearest non-zero of `inside`, up to `(reach + 1)²`, which also
/// stands for everything farther. At most 64 of reach.
pub(crate) fn distances(inside: &[u8], width: usize, reach: usize) -> Vec<u16> {
    let height = inside.len() / width;
    let far = reach as u16 + 1;
    let mut across = vec![far; inside.len()];
    across.par_chunks_mut(width).zip(inside.par_chunks(width)).for_each(|(line, inside)| {
        let mut last = far;
        for (value, &hit) in line.iter_mut().zip(inside) {
            last = if hit != 0 { 0 } else { (last + 1).min(far) };
            *value = last;
        }
        last = far;
        for (value, &hit) in line.iter_mut().zip(inside).rev() {
            last = if hit != 0 { 0 } else { (last + 1).min(far) };
            *value = (*value).min(last);
        }
    });
    let mut out = vec![far * far; inside.len()];
    out.par_chunks_mut(width).enumerate().for_each(|(y, line)| {
        for row in y.saturating_sub(reach)..(y + reach + 1).min(height) {
            let down = (row.abs_diff(y) * row.abs_diff(y)) as u16;
            for (value, &a) in line.iter_mut().zip(&across[row * width..(row + 1) * width]) {
                *value = (*value).min(a * a + down);
            }
        }
    });
    out
}

/// The matte of `filled` (non-zero where approved and filled): 255 inside, falling over `feather` pixels to 0 just
/// beyond `edge`. A feather wider than the edge begins inside.
pub(crate) fn soft(filled: &[u8], width: usize, edge: u32, feather: u32) -> Vec<u8> {
    let outward = distances(filled, width, edge as usize);
    let depth = feather.saturating_sub(edge);
    let inward = if depth > 0 {
        let kept: Vec<u8> = filled.iter().map(|&f| u8::from(f == 0)).collect();
        distances(&kept, width, depth as usize)
    } else {
        Vec::new()
    };
    let limit = (edge * edge) as u16;
    let (edge, feather) = (edge as f32, feather as f32);
    (0..filled.len())
        .into_par_iter()
        .map(|at| {
            if outward[at] > limit {
                return 0;
            }
            // Signed: how far beyond the outline of what is approved.
            let beyond = match (filled[at] != 0, inward.get(at)) {
                (false, _) => f32::from(outward[at]).sqrt(),
                (true, None) => return 255,
                (true, Some(&inner)) => 1.0 - f32::from(inner).sqrt(),
            };
            let share = ((edge + 1.0 - beyond) / (feather + 1.0)).clamp(0.0, 1.0);
            // A smooth shoulder; never 0 inside the support.
            let share = share * share * (3.0 - 2.0 * share);
            (share * 255.0 + 0.5).max(1.0) as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_edge_never_leaves_the_edge_and_is_full_inside() {
        for (edge, feather) in [(4, 3), (0, 0), (2, 8), (7, 7), (0, 5)] {
            let mut filled = vec![0u8; 41 * 41];
            for y in 10..31 {
                for x in 10..31 {
                    filled[y * 41 + x] = 1;
                }
            }
            let matte = soft(&filled, 41, edge, feather);
            assert_eq!(matte[20 * 41 + 20], 255, "{edge} {feather}");
            for (at, &value) in matte.iter().enumerate() {
                let (x, y) = ((at % 41) as f32, (at / 41) as f32);
                let (dx, dy) = ((10.0 - x).max(x - 30.0).max(0.0), (10.0 - y).max(y - 30.0).max(0.0));
                assert_eq!(value > 0, dx.hypot(dy) <= edge as f32, "{edge} {feather} at {x} {y}");
            }
        }
    }
}
