//! Noise that moves with the picture: pass 2 begins from it. How one step of flow moves it is told in [`warp`], how frames
//! come to their size in [`frames`]. void-spec §6.2, §6.3.
//!
//! Burgert et al. 2025, "Go-with-the-Flow"; reference: RyannDaGreat/CommonSource@28f1b68, noise_warp.py and raft.py, as
//! Netflix/void-model@66e9c0e calls them.

pub mod frames;
mod warp;

use tch::{Kind, Tensor};

pub use warp::{Fresh, Warper};

use crate::raft::{LEAST_SIDE, Raft, SCALE, UPDATES};
use crate::random::Normal;
use crate::{Error, prepare};

/// How noise is made from frames.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Frames that flow is taken between.
    pub frames: i64,
    /// Their size before the last shrinking, [height, width].
    pub size: [i64; 2],
    /// Flow is taken at size / this.
    pub shrink: i64,
    /// The noise is kept at the flow's size times this.
    pub grow: i64,
    /// And given out at that size divided by this.
    pub pool: i64,
}

impl Recipe {
    /// On a canvas of `size` itself, nothing cropped or resized: flow at half of its size, noise at eight times the flow's
    /// size as in the reference, given out at that of the canvas's latents. A small canvas is enlarged until the network
    /// can follow it.
    pub fn direct(frames: i64, size: [i64; 2]) -> Self {
        let least = 2 * LEAST_SIDE;
        let by = size.iter().map(|side| (least + side - 1) / side).max().unwrap_or(1).max(1);
        let (shrink, grow) = (2, 8);
        Self { frames, size: size.map(|side| side * by), shrink, grow, pool: SCALE * by * grow / shrink }
    }

    /// The reference's: 72 frames of 480×720, flow at 240×360, noise at 1920×2880, given out as 60×90.
    pub fn void() -> Self {
        Self { frames: 72, size: [480, 720], shrink: 2, grow: 8, pool: 32 }
    }
}

/// Channels of a latent.
const CHANNELS: i64 = 16;

/// Flow between two pictures of any size: u8 [h, w, 3] each → [2, h, w] in pixels of the network's picture, not rescaled
/// where that is smaller, as in the reference.
///
/// # Errors
/// When the pictures are too small for the network.
pub fn flow(raft: &Raft, first: &Tensor, second: &Tensor) -> Result<Tensor, Error> {
    let (h, w, _) = first.size3()?;
    let [first, second] = [network_picture(first)?, network_picture(second)?];
    let flow = raft.forward(&first, &second, UPDATES);
    Ok(flow.upsample_bilinear2d([h, w], false, None, None).squeeze_dim(0))
}

/// A picture as the flow network gets it: u8 [h, w, 3] → [1, 3, h', w'] in −1…1, h' and w' the next smaller multiples of
/// 8. Its values pass through f16, as in the reference.
///
/// # Errors
/// When it is too small for the network.
pub fn network_picture(picture: &Tensor) -> Result<Tensor, Error> {
    let (h, w, _) = picture.size3()?;
    let size = [h / SCALE * SCALE, w / SCALE * SCALE];
    if size.iter().any(|side| *side < LEAST_SIDE) {
        return Err(Error::input(
            format!("a picture of {w}×{h} is too small for optical flow"),
            format!("Its sides must be at least {LEAST_SIDE} pixels."),
        ));
    }
    let picture = (picture.to_kind(Kind::Half) / 255.0).permute([2, 0, 1]).unsqueeze(0);
    let picture = picture.to_kind(Kind::Float);
    let picture = if size == [h, w] { picture } else { prepare::area(&picture, size) };
    Ok(picture * 2.0 - 1.0)
}

/// Noise that follows a clip, frame by frame: the first frame is plain noise, and every one has unit variance.
pub struct Follower {
    warper: Warper,
    /// f16 [h, w, 16] each: what was given out so far.
    frames: Vec<Tensor>,
    pool: i64,
    seed: u64,
}

impl Follower {
    /// At the first frame of a clip whose flows are [h, w] large.
    pub fn new(recipe: &Recipe, [h, w]: [i64; 2], seed: u64) -> Self {
        let size = [CHANNELS, h * recipe.grow, w * recipe.grow].map(|side| side as usize);
        let warper = Warper::drawn(size, &Normal::named(seed, "flow noise"));
        let frames = vec![warper.pooled(recipe.pool)];
        Self { warper, frames, pool: recipe.pool, seed }
    }

    /// To the next frame, along the flow that leads there: [2, h, w] in its own pixels.
    pub fn step(&mut self, flow: &Tensor) {
        let stream = Normal::named(self.seed, &format!("flow noise {}", self.frames.len()));
        self.warper.step(flow, &Fresh::Drawn(&stream));
        self.frames.push(self.warper.pooled(self.pool));
    }

    /// Frames that were given out.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// f16 [f, h·grow/pool, w·grow/pool, 16]
    pub fn noise(&self) -> Tensor {
        Tensor::stack(&self.frames, 0)
    }

    /// All that it knows, by name, to be kept in a file.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let [noise, weight] = self.warper.kept();
        vec![("noise".into(), noise), ("weight".into(), weight), ("frames".into(), self.noise())]
    }

    /// From what [`Self::tensors`] gave.
    pub fn from_tensors(
        recipe: &Recipe,
        seed: u64,
        mut find: impl FnMut(&str) -> Option<Tensor>,
    ) -> Option<Self> {
        let warper = Warper::from_kept(&find("noise")?, &find("weight")?)?;
        let frames = find("frames")?;
        let frames = (0..frames.size()[0]).map(|frame| frames.get(frame)).collect();
        Some(Self { warper, frames, pool: recipe.pool, seed })
    }
}

/// Bytes of memory that following takes, for flows of [h, w]: the noise, its next frame, and where each pixel goes.
pub fn bytes(recipe: &Recipe, [h, w]: [i64; 2]) -> u64 {
    let pixels = (h * recipe.grow * w * recipe.grow) as u64;
    pixels * (2 * 4 * (CHANNELS as u64 + 1) + 40)
}

/// Warped noise → the latents that pass 2 begins from: [f, h, w, 16] or [f, 16, h, w] → [1, frames, 16, height, width] in
/// f32. Resized without a filter and not brought back to unit variance (its deviation falls to about 0.66), as the
/// reference does it and was judged by.
///
/// # Errors
/// When the noise has no axis of 16 channels.
pub fn first_latents(noise: &Tensor, frames: i64, [height, width]: [i64; 2]) -> Result<Tensor, Error> {
    let size = noise.size();
    let noise = match size[..] {
        [_, CHANNELS, _, _] => noise.to_kind(Kind::Float),
        [_, _, _, CHANNELS] => noise.to_kind(Kind::Float).permute([0, 3, 1, 2]),
        _ => {
            return Err(Error::input(
                format!("noise of the shape {size:?} has no axis of {CHANNELS} channels"),
                "Give it as [frames, height, width, 16].",
            ));
        }
    };
    let order = Tensor::from_slice(&latent_order(size[0], frames)).to_device(noise.device());
    let noise = noise.index_select(0, &order);
    Ok(noise.upsample_bilinear2d([height, width], false, None, None).unsqueeze(0))
}

/// The frame of noise that each latent takes: evenly spread and cut off, first to last.
pub fn latent_order(from: i64, to: i64) -> Vec<i64> {
    let apart = if to > 1 { (from - 1) as f64 / (to - 1) as f64 } else { 0.0 };
    (0..to)
        .map(|place| if to > 1 && place == to - 1 { from - 1 } else { (place as f64 * apart) as i64 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_take_the_published_frames_of_noise() {
        let expected = [0, 3, 6, 10, 13, 16, 20, 23, 27, 30, 33, 37, 40, 43, 47, 50, 54, 57, 60, 64, 67, 71];
        assert_eq!(latent_order(72, 22), expected);
    }

    #[test]
    fn noise_made_on_the_canvas_has_the_size_of_its_latents() {
        for size in [[384, 672], [64, 96], [128, 512]] {
            let recipe = Recipe::direct(85, size);
            for side in 0..2 {
                let flow = recipe.size[side] / recipe.shrink;
                assert!(flow >= LEAST_SIDE, "{size:?}");
                assert_eq!(flow * recipe.grow / recipe.pool, size[side] / 8, "{size:?}");
            }
        }
        assert_eq!(Recipe::direct(85, [384, 672]).size, [384, 672]);
    }

    fn followed(recipe: &Recipe, size: [i64; 2], flows: &[Tensor]) -> Tensor {
        let mut follower = Follower::new(recipe, size, 1);
        flows.iter().for_each(|flow| follower.step(flow));
        assert_eq!(follower.frames(), flows.len() + 1);
        follower.noise().to_kind(Kind::Float)
    }

    #[test]
    fn still_pictures_keep_their_noise_and_moving_ones_carry_it() {
        let recipe = Recipe { frames: 2, size: [16, 16], shrink: 1, grow: 1, pool: 1 };
        let still = Tensor::zeros([2, 8, 8], (Kind::Float, tch::Device::Cpu));
        let noise = followed(&recipe, [8, 8], &[still.shallow_clone()]);
        assert_eq!(noise.get(0), noise.get(1));
        let right = &still + Tensor::from_slice(&[1.0_f32, 0.0]).view([2, 1, 1]);
        let noise = followed(&recipe, [8, 8], &[right]); // f h w c
        // At the right edge two pixels come together, at the left one appears.
        let apart = noise.get(1).narrow(1, 1, 6) - noise.get(0).narrow(1, 0, 6);
        assert!(apart.abs().max().double_value(&[]) < 1e-2);
    }

    #[test]
    fn what_was_kept_goes_on_as_if_it_had_not_stopped() {
        let recipe = Recipe { frames: 3, size: [32, 32], shrink: 2, grow: 8, pool: 4 };
        let flows = turning([16, 16], 4);
        let whole = followed(&recipe, [16, 16], &flows);
        let mut follower = Follower::new(&recipe, [16, 16], 1);
        flows[..2].iter().for_each(|flow| follower.step(flow));
        let kept = follower.tensors();
        let find = |name: &str| Some(kept.iter().find(|(known, _)| known == name)?.1.shallow_clone());
        let mut follower = Follower::from_tensors(&recipe, 1, find).unwrap();
        flows[2..].iter().for_each(|flow| follower.step(flow));
        assert_eq!(follower.noise().to_kind(Kind::Float), whole);
    }

    /// A picture that turns and grows about its middle.
    fn turning([h, w]: [i64; 2], frames: usize) -> Vec<Tensor> {
        let one = |frame: usize| {
            let mut flow = vec![0.0_f32; (2 * h * w) as usize];
            for y in 0..h {
                for x in 0..w {
                    let (dx, dy) = (x as f32 - w as f32 / 2.0, y as f32 - h as f32 / 2.0);
                    let (turn, grow) = (0.02 + 0.005 * frame as f32, 0.015);
                    let at = (y * w + x) as usize;
                    flow[at] = grow * dx - turn * dy + 0.3;
                    flow[(h * w) as usize + at] = turn * dx + grow * dy - 0.7;
                }
            }
            Tensor::from_slice(&flow).view([2, h, w])
        };
        (0..frames).map(one).collect()
    }

    /// Mean, deviation, the likeness of neighbours across and down, and the power of slow waves beside that of fast ones.
    fn statistics(noise: &Tensor) -> [f64; 5] {
        let (_, h, w, _) = noise.size4().unwrap();
        let of = |t: &Tensor| t.mean(Kind::Float).double_value(&[]);
        let (mean, power) = (of(noise), of(&noise.square()));
        let beside = |axis: i64, size: i64| {
            of(&(noise.narrow(axis, 0, size - 1) * noise.narrow(axis, 1, size - 1))) / power
        };
        let waves = noise.permute([0, 3, 1, 2]).fft_fft2(None::<&[i64]>, [-2, -1], "ortho").abs().square();
        let slow = waves.narrow(2, 1, h / 4).narrow(3, 1, w / 4);
        let fast = waves.narrow(2, h / 4 + 1, h / 4).narrow(3, w / 4 + 1, w / 4);
        [mean, power.sqrt(), beside(2, w), beside(1, h), of(&slow) / of(&fast)]
    }

    #[test]
    fn noise_that_followed_a_moving_picture_is_still_white() {
        let size = [256, 256]; // 32×32 latents of 16 channels
        let recipe = Recipe::direct(9, size);
        let noise = followed(&recipe, [128, 128], &turning([128, 128], 8));
        assert_eq!(noise.size(), [9, 32, 32, 16]);
        for frame in [0, 4, 8] {
            let [mean, deviation, across, down, slow] = statistics(&noise.narrow(0, frame, 1));
            // 16,384 numbers: a hundredth is more than one deviation of each.
            assert!(mean.abs() < 0.03, "frame {frame}: mean {mean}");
            assert!((deviation - 1.0).abs() < 0.03, "frame {frame}: deviation {deviation}");
            assert!(across.abs() < 0.04 && down.abs() < 0.04, "frame {frame}: {across} {down}");
            assert!((slow - 1.0).abs() < 0.15, "frame {frame}: {slow}");
        }
        // And the last follows the first: what was in the middle is still there.
        let middle = |frame: i64| noise.get(frame).narrow(0, 15, 2).narrow(1, 15, 2);
        let alike = (middle(0) * middle(1)).mean(Kind::Float).double_value(&[]);
        assert!(alike > 0.4, "{alike}");
    }
}
