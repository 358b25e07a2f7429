//! The video autoencoder: pixels to latents and back. Masks, windows and noise are none of its business.
//!
//! Reference: videox_fun/models/cogvideox_vae.py of Netflix/void-model@66e9c0e (AutoencoderKLCogVideoX). Axes are
//! b c f h w throughout; pixels are −1…1. Statistics of the norms are taken per chunk, so the chunks are part of the
//! numbers: encoding takes 8 frames at a time with the remainder in front, decoding one latent, then two at a time.

mod causal;
mod decoder;
mod encoder;
mod tiles;

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use tch::Tensor;

pub use causal::Pass;
use decoder::Decoder;
use encoder::Encoder;
pub use tiles::Tiling;

use crate::{Error, Weights};

/// Frames that one encoded chunk has, but for the first.
const CHUNK_FRAMES: i64 = 8; // num_sample_frames_batch_size
/// Latents that one decoded chunk has, but for the first and perhaps the last.
const CHUNK_LATENTS: i64 = 2; // num_latent_frames_batch_size

/// `vae/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub in_channels: i64,
    pub out_channels: i64,
    pub latent_channels: i64,
    pub block_out_channels: Vec<i64>,
    pub layers_per_block: i64,
    pub norm_num_groups: i64,
    pub norm_eps: f64,
    pub temporal_compression_ratio: i64,
    pub scaling_factor: f64,
    pub sample_height: i64,
    pub sample_width: i64,
    #[serde(default)]
    pub use_quant_conv: bool,
    #[serde(default)]
    pub use_post_quant_conv: bool,
    #[serde(default)]
    pub invert_scale_latents: bool,
    #[serde(default)]
    pub shift_factor: Option<f64>,
}

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When it cannot be read or asks for what no checkpoint of this model uses.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config: Self = crate::read_json(path)?;
        let Self { use_quant_conv, use_post_quant_conv, invert_scale_latents, .. } = config;
        if use_quant_conv || use_post_quant_conv || invert_scale_latents || config.shift_factor.is_some() {
            let reason =
                "it asks for quantising convolutions or another scaling, which VOID's autoencoder has not";
            return Err(Error::BadFile { path: path.to_owned(), reason: reason.to_owned() });
        }
        if config.temporal_compression_ratio != 4 || config.block_out_channels.len() != 4 {
            let reason = "only a compression of 4 frames and 8×8 pixels is known";
            return Err(Error::BadFile { path: path.to_owned(), reason: reason.to_owned() });
        }
        Ok(config)
    }

    /// The published one: CogVideoX-Fun-V1.5-5b-InP.
    pub fn void() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 16,
            block_out_channels: vec![128, 256, 256, 512],
            layers_per_block: 3,
            norm_num_groups: 32,
            norm_eps: 1e-6,
            temporal_compression_ratio: 4,
            scaling_factor: 0.7,
            sample_height: 480,
            sample_width: 720,
            use_quant_conv: false,
            use_post_quant_conv: false,
            invert_scale_latents: false,
            shift_factor: None,
        }
    }

    /// Small enough for a test.
    pub fn tiny() -> Self {
        Self {
            block_out_channels: vec![8, 8, 8, 16],
            layers_per_block: 1,
            norm_num_groups: 4,
            ..Self::void()
        }
    }

    /// Whether the block with this index halves or doubles time.
    fn changes_time(&self, block: usize) -> bool {
        block < 2 // log2 of temporal_compression_ratio
    }
}

pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    config: Config,
}

impl Vae {
    /// `w` is the root of the checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(w: &Weights, config: Config) -> Result<Self, Error> {
        Ok(Self {
            encoder: Encoder::new(w / "encoder", &config)?,
            decoder: Decoder::new(w / "decoder", &config)?,
            config,
        })
    }

    /// Frames → the latents that the transformer works on: the mean, scaled.
    ///
    /// `video`: [b, 3, f, h, w], h and w multiples of 8 → [b, 16, (f−1)/4+1, h/8, w/8].
    pub fn encode(&self, video: &Tensor) -> Tensor {
        self.mean(&self.moments(video))
    }

    /// As [`Self::encode`], in overlapping tiles that fit a small memory. Not the same numbers: norms see a tile only.
    pub fn encode_tiled(&self, video: &Tensor, tiling: &Tiling) -> Tensor {
        self.mean(&self.moments_tiled(video, tiling))
    }

    /// Mean and logarithm of the variance, 16 channels each, unscaled.
    pub fn moments(&self, video: &Tensor) -> Tensor {
        let mut pass = Pass::default();
        let chunks: Vec<_> =
            encode_chunks(frames(video)).map(|chunk| self.encode_chunk(video, chunk, &mut pass)).collect();
        Tensor::cat(&chunks, 2)
    }

    /// As [`Self::moments`] of `count` frames that are asked for as they are needed: `frames` gives those of a range,
    /// [b, 3, length, h, w]. Ends early with its error.
    pub fn moments_each<E>(
        &self,
        count: i64,
        mut frames: impl FnMut(Range<i64>) -> Result<Tensor, E>,
    ) -> Result<Tensor, E> {
        let (mut pass, mut chunks) = (Pass::default(), Vec::new());
        for chunk in encode_chunks(count) {
            chunks.push(self.encoder.forward(&frames(chunk)?, &mut pass));
        }
        Ok(Tensor::cat(&chunks, 2))
    }

    /// The latents that moments stand for: their mean, scaled.
    pub fn mean(&self, moments: &Tensor) -> Tensor {
        moments.narrow(1, 0, self.config.latent_channels) * self.config.scaling_factor
    }

    /// Latents drawn from moments, scaled; `noise`: standard normal, of the latents' shape.
    pub fn drawn(&self, moments: &Tensor, noise: &Tensor) -> Tensor {
        let parts = moments.chunk(2, 1);
        let deviation = (parts[1].clamp(-30.0, 20.0) * 0.5).exp();
        (&parts[0] + deviation * noise) * self.config.scaling_factor
    }

    /// As [`Self::moments`], in tiles.
    pub fn moments_tiled(&self, video: &Tensor, tiling: &Tiling) -> Tensor {
        tiling.encode(video, |tile| self.moments(tile))
    }

    /// Encodes some frames after those that the pass has seen.
    pub fn encode_chunk(&self, video: &Tensor, frames: Range<i64>, pass: &mut Pass) -> Tensor {
        self.encoder.forward(&video.slice(2, frames.start, frames.end, 1), pass)
    }

    /// Latents of the transformer → frames.
    ///
    /// `latents`: [b, 16, f, h, w] → [b, 3, 4f−3, 8h, 8w], about −1…1, not clamped.
    pub fn decode(&self, latents: &Tensor) -> Tensor {
        self.sample(&(latents / self.config.scaling_factor))
    }

    /// As [`Self::decode`], in overlapping tiles that fit a small memory. Not the same numbers: norms see a tile only.
    pub fn decode_tiled(&self, latents: &Tensor, tiling: &Tiling) -> Tensor {
        self.sample_tiled(&(latents / self.config.scaling_factor), tiling)
    }

    /// As [`Self::decode`], handing out frames as they come: 1, then 8 at a time, and 4 at the end of an even number of
    /// latents. Ends early with the error that `each` returns.
    pub fn decode_each<E>(
        &self,
        latents: &Tensor,
        mut each: impl FnMut(Tensor) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pass = Pass::default();
        for chunk in decode_chunks(frames(latents)) {
            let z = latents.slice(2, chunk.start, chunk.end, 1) / self.config.scaling_factor;
            each(self.decoder.forward(&z, chunk.start == 0, &mut pass))?;
        }
        Ok(())
    }

    /// Unscaled latents → frames.
    pub fn sample(&self, z: &Tensor) -> Tensor {
        let mut pass = Pass::default();
        let chunks: Vec<_> =
            decode_chunks(frames(z)).map(|chunk| self.decode_chunk(z, chunk, &mut pass)).collect();
        Tensor::cat(&chunks, 2)
    }

    /// As [`Self::sample`], in tiles.
    pub fn sample_tiled(&self, z: &Tensor, tiling: &Tiling) -> Tensor {
        tiling.decode(z, |tile| self.sample(tile))
    }

    /// Decodes some unscaled latents after those that the pass has seen.
    pub fn decode_chunk(&self, z: &Tensor, latents: Range<i64>, pass: &mut Pass) -> Tensor {
        self.decoder.forward(&z.slice(2, latents.start, latents.end, 1), latents.start == 0, pass)
    }

    pub fn config(&self) -> &Config {
        &self.config
    }
}

fn frames(x: &Tensor) -> i64 {
    x.size()[2]
}

/// The frames that are encoded together: 8, with the remainder in the first chunk.
pub fn encode_chunks(frames: i64) -> impl Iterator<Item = Range<i64>> {
    let rest = frames % CHUNK_FRAMES;
    (0..(frames / CHUNK_FRAMES).max(1)).map(move |chunk| {
        let start = if chunk == 0 { 0 } else { chunk * CHUNK_FRAMES + rest };
        start..((chunk + 1) * CHUNK_FRAMES + rest).min(frames)
    })
}

/// The latents that are decoded together: the first alone, then pairs, then what is left.
pub fn decode_chunks(latents: i64) -> impl Iterator<Item = Range<i64>> {
    let starts = [0].into_iter().chain((1..latents).step_by(CHUNK_LATENTS as usize));
    starts.map(move |start| start..if start == 0 { 1 } else { (start + CHUNK_LATENTS).min(latents) })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn lengths(chunks: impl Iterator<Item = Range<i64>>) -> Vec<i64> {
        chunks.map(|chunk| chunk.end - chunk.start).collect()
    }

    #[test]
    fn chunks_are_those_of_the_reference() {
        let with = |first: i64, then: i64, times: usize| {
            let mut all = vec![first];
            all.extend(std::iter::repeat_n(then, times));
            all
        };
        assert_eq!(lengths(encode_chunks(85)), with(13, 8, 9));
        assert_eq!(lengths(encode_chunks(197)), with(13, 8, 23));
        assert_eq!(lengths(encode_chunks(5)), [5]);
        let mut decode = with(1, 2, 10);
        decode.push(1);
        assert_eq!(lengths(decode_chunks(22)), decode);
        assert_eq!(lengths(decode_chunks(5)), [1, 2, 2]);
    }

    #[test]
    fn the_full_size_network_asks_for_the_published_parameters() {
        let w = Weights::outline();
        Vae::new(&w, Config::void()).unwrap();
        let taken = w.taken();
        assert_eq!(taken.len(), 436);
        assert_eq!(taken.values().map(|shape| shape.iter().product::<i64>()).sum::<i64>(), 215_583_907);
    }

    #[test]
    fn frames_asked_for_one_by_one_are_encoded_as_a_whole_clip() {
        let vae = Vae::new(&Weights::seeded(3), Config::tiny()).unwrap();
        let video = crate::random::Normal::new(5).tensor(&[1, 3, 21, 16, 24]);
        let each: Result<_, Infallible> =
            vae.moments_each(21, |range| Ok(video.slice(2, range.start, range.end, 1)));
        let moments = each.unwrap();
        assert_eq!(moments, vae.moments(&video));
        assert_eq!(vae.mean(&moments), vae.encode(&video));
        let still = vae.mean(&moments).zeros_like();
        assert_eq!(vae.drawn(&moments, &still), vae.encode(&video));
    }

    #[test]
    fn frames_handed_out_are_the_whole_decoded_clip() {
        let vae = Vae::new(&Weights::seeded(3), Config::tiny()).unwrap();
        let latents = crate::random::Normal::new(5).tensor(&[1, 16, 4, 2, 3]);
        let mut chunks = Vec::new();
        let all: Result<(), Infallible> = vae.decode_each(&latents, |frames| {
            chunks.push(frames);
            Ok(())
        });
        all.unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.size()[2]).collect::<Vec<_>>(), [1, 8, 4]);
        assert_eq!(Tensor::cat(&chunks, 2), vae.decode(&latents));
        assert!(vae.decode_each(&latents, |_| Err("stop")).is_err());
    }
}
