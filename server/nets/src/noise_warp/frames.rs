//! Frames brought to the number and size that flow is taken at. u8 [f, h, w, 3] throughout.

use tch::{Kind, Tensor};

/// Frames evenly spread over a clip, first to last: the nearest, halves to even.
pub fn spread(frames: i64, to: i64) -> Vec<i64> {
    let apart = if to > 1 { (frames - 1) as f64 / (to - 1) as f64 } else { 0.0 };
    (0..to).map(|place| (place as f64 * apart).round_ties_even() as i64).collect()
}

/// `count` frames that just cover `size`, aspect kept: before they are cropped.
pub fn held(video: &Tensor, count: i64, size: [i64; 2]) -> Tensor {
    let (frames, h, w, _) = video.size4().expect("[f, h, w, 3]");
    let order = Tensor::from_slice(&spread(frames, count)).to_device(video.device());
    let video = video.index_select(0, &order);
    let scale = (size[0] as f64 / h as f64).max(size[1] as f64 / w as f64);
    let scaled = |side: i64| ((side as f64 * scale).round_ties_even() as i64).max(1);
    resized(&video, [scaled(h).max(size[0]), scaled(w).max(size[1])])
}

/// The middle of each frame.
pub fn cropped(video: &Tensor, [height, width]: [i64; 2]) -> Tensor {
    let (_, h, w, _) = video.size4().expect("[f, h, w, 3]");
    video.narrow(1, (h - height) / 2, height).narrow(2, (w - width) / 2, width)
}

/// What flow is taken from: `count` frames of `size`, shrunk.
pub fn prepared(video: &Tensor, count: i64, size: [i64; 2], shrink: i64) -> Tensor {
    let video = cropped(&held(video, count, size), size);
    resized(&video, size.map(|side| side / shrink))
}

/// Each side on its own: exact areas where it shrinks, bilinear where it grows; rounded.
pub fn resized(video: &Tensor, [height, width]: [i64; 2]) -> Tensor {
    let (_, h, w, _) = video.size4().expect("[f, h, w, 3]");
    if [h, w] == [height, width] {
        return video.shallow_clone();
    }
    let down = weights(h, height).to_device(video.device()); // height h
    let across = weights(w, width).to_device(video.device()); // width w
    let planes = video.to_kind(Kind::Float).permute([0, 3, 1, 2]); // f 3 h w
    let planes = down.matmul(&planes).matmul(&across.transpose(0, 1));
    // OpenCV rounds halves up where it halves both sides, and to even elsewhere.
    let planes = if [h, w] == [2 * height, 2 * width] { (planes + 0.5).floor() } else { planes.round() };
    planes.clamp(0, 255).to_kind(Kind::Uint8).permute([0, 2, 3, 1]).contiguous()
}

/// How much of each old pixel is in each new one: [to, from].
fn weights(from: i64, to: i64) -> Tensor {
    let mut all = vec![0.0_f32; (from * to) as usize];
    let scale = from as f64 / to as f64;
    for new in 0..to {
        let row = &mut all[(new * from) as usize..][..from as usize];
        if scale > 1.0 {
            let (start, end) = (new as f64 * scale, (new + 1) as f64 * scale);
            for old in start as i64..(end.ceil() as i64).min(from) {
                let covered = end.min((old + 1) as f64) - start.max(old as f64);
                row[old as usize] = (covered.max(0.0) / scale) as f32;
            }
        } else {
            let at = ((new as f64 + 0.5) * scale - 0.5).clamp(0.0, (from - 1) as f64);
            let below = at as i64;
            let part = at - below as f64;
            row[below as usize] = (1.0 - part) as f32;
            row[(below + 1).min(from - 1) as usize] += part as f32;
        }
    }
    Tensor::from_slice(&all).view([to, from])
}
