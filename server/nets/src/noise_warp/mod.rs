//! Noise that moves with the picture: pass 2 begins from it. How one step of flow moves it is told in [`warp`], how frames
//! come to their size in [`frames`]. void-spec §6.2, §6.3.
//!
//! Burgert et al. 2025, "Go-with-the-Flow"; reference: RyannDaGreat/CommonSource@28f1b68, noise_warp.py and raft.py, as
//! Netflix/void-model@66e9c0e calls them.

pub mod frames;
mod warp;

use tch::{Device, Kind, Tensor};

pub use warp::Warper;

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
    /// On a canvas of `size` itself, nothing cropped or resized: flow at half of its size, noise at its size, given out at
    /// that of its latents. A small canvas is enlarged until the network can follow it.
    pub fn direct(frames: i64, size: [i64; 2]) -> Self {
        let least = 2 * LEAST_SIDE;
        let by = size.iter().map(|side| (least + side - 1) / side).max().unwrap_or(1).max(1);
        Self { frames, size: size.map(|side| side * by), shrink: 2, grow: 2, pool: SCALE * by }
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

/// Noise that follows a clip of `frames` frames, whose flows are [h, w] large: f16 [f, h·grow/pool, w·grow/pool, 16]. Unit
/// variance; the first frame is plain noise.
///
/// `flow` gives the flow from one frame to the next, [2, h, w] in pixels, as it is needed, and ends the work with its error.
///
/// # Errors
/// What `flow` returns.
pub fn follow<E>(
    recipe: &Recipe,
    frames: i64,
    [h, w]: [i64; 2],
    noise: &mut Normal,
    mut flow: impl FnMut(i64) -> Result<Tensor, E>,
) -> Result<Tensor, E> {
    let size = [CHANNELS, h * recipe.grow, w * recipe.grow];
    let mut warper = Warper::new(noise.tensor(&size));
    let mut all = vec![pooled(&warper.noise(), recipe.pool)];
    for from in 0..frames - 1 {
        let flow = flow(from)?.to_device(Device::Cpu);
        warper.step(&flow, &noise.tensor(&[size[0], size[1], 2 * size[2]]));
        all.push(pooled(&warper.noise(), recipe.pool));
    }
    Ok(Tensor::stack(&all, 0))
}

/// Means of squares, brought back to unit variance: [c, h, w] → f16 [h/pool, w/pool, c].
pub fn pooled(noise: &Tensor, pool: i64) -> Tensor {
    let (_, h, w) = noise.size3().expect("[c, h, w]");
    let noise = prepare::area(noise, [h / pool, w / pool]) * pool as f64;
    noise.permute([1, 2, 0]).to_kind(Kind::Half)
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

    #[test]
    fn still_pictures_keep_their_noise_and_moving_ones_carry_it() {
        let recipe = Recipe { frames: 2, size: [16, 16], shrink: 1, grow: 1, pool: 1 };
        let still = Tensor::zeros([1, 2, 8, 8], (Kind::Float, tch::Device::Cpu));
        let follow = |flows: &Tensor| {
            let all: Result<Tensor, Error> =
                follow(&recipe, 2, [8, 8], &mut Normal::new(1), |from| Ok(flows.get(from)));
            all.unwrap().to_kind(Kind::Float)
        };
        let noise = follow(&still);
        assert_eq!(noise.get(0), noise.get(1));
        let right = &still + Tensor::from_slice(&[1.0_f32, 0.0]).view([1, 2, 1, 1]);
        let noise = follow(&right); // f h w c
        // At the right edge two pixels come together, at the left one appears.
        let apart = noise.get(1).narrow(1, 1, 6) - noise.get(0).narrow(1, 0, 6);
        assert!(apart.abs().max().double_value(&[]) < 1e-2);
    }
}
