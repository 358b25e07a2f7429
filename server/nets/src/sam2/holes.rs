//! Small holes in a mask's logits, closed.

use tch::{Kind, Tensor};

/// What a closed hole's logits become. // sam2_base's fill_holes_in_mask_scores
const FILLED: f32 = 0.1;

/// Closes every hole of at most `area` pixels: a part at or below 0 that hangs together over its eight neighbours.
///
/// `logits`: [n, 1, h, w] → the same shape, kind and device.
pub fn fill(logits: &Tensor, area: usize) -> Tensor {
    let size = logits.size();
    let (h, w) = (size[size.len() - 2] as usize, size[size.len() - 1] as usize);
    let flat = logits.to_device(tch::Device::Cpu).to_kind(Kind::Float).contiguous().view(-1);
    let mut values = Vec::<f32>::try_from(&flat).expect("a flat f32 tensor");
    for picture in values.chunks_mut((h * w).max(1)) {
        fill_one(picture, h, w, area);
    }
    Tensor::from_slice(&values).view(&size[..]).to_kind(logits.kind()).to_device(logits.device())
}

fn fill_one(logits: &mut [f32], h: usize, w: usize, area: usize) {
    let mut seen = vec![false; logits.len()];
    let mut part = Vec::new();
    for start in 0..logits.len() {
        if seen[start] || logits[start] > 0.0 {
            continue;
        }
        seen[start] = true;
        part.clear();
        part.push(start);
        let mut next = 0;
        while let Some(&at) = part.get(next) {
            next += 1;
            let (y, x) = (at / w, at % w);
            for y in y.saturating_sub(1)..=(y + 1).min(h - 1) {
                for x in x.saturating_sub(1)..=(x + 1).min(w - 1) {
                    let neighbour = y * w + x;
                    if !seen[neighbour] && logits[neighbour] <= 0.0 {
                        seen[neighbour] = true;
                        part.push(neighbour);
                    }
                }
            }
        }
        if part.len() <= area {
            for &at in &part {
                logits[at] = FILLED;
            }
        }
    }
}
