//! Latents to tokens and back, and how the 33 channels of the base model become 48.

use tch::Tensor;

use super::Config;
use crate::layers::Linear;
use crate::{Error, Weights};

/// Channels of the base model's mask, which is no latent.
const BASE_MASK_CHANNELS: i64 = 1;

pub struct PatchEmbed {
    proj: Linear,
    text_proj: Linear,
    patch: [i64; 2],
}

impl PatchEmbed {
    pub fn new(w: Weights, config: &Config) -> Result<Self, Error> {
        let weight = weight_48(&w, config)?;
        Self::with(weight, w, config)
    }

    pub fn over(base: Weights, w: Weights, config: &Config) -> Result<Self, Error> {
        let weight = match stored_columns(&w) {
            Some(columns) if columns == columns_33(config) => {
                let latents = config.out_channels * config.patch_volume();
                let weight = w.tensor("proj.weight", &[config.width(), columns])?;
                overlay_33_on_48(&weight_48(&base, config)?, &weight, latents)
            }
            _ => weight_48(&w, config)?,
        };
        Self::with(weight, w, config)
    }

    fn with(weight: Tensor, w: Weights, config: &Config) -> Result<Self, Error> {
        let width = config.width();
        let bias = w.tensor("proj.bias", &[width])?;
        Ok(Self {
            proj: Linear::from_tensors(weight, Some(bias)),
            text_proj: Linear::new(&w / "text_proj", config.text_embed_dim, width)?,
            patch: [config.patch_size_t.unwrap_or(1), config.patch_size],
        })
    }

    /// `x`: [b, f, 48, h, w], `text`: [b, n, d'] → [b, n + f·h·w/8, d]. Numbers of a patch are ordered by channel, frame,
    /// row, column.
    pub fn forward(&self, x: &Tensor, text: &Tensor) -> Tensor {
        let (b, f, c, h, w) = x.size5().expect("[b, f, c, h, w]");
        let [t, p] = self.patch;
        let x = x.reshape([b, f / t, t, c, h / p, p, w / p, p]).permute([0, 1, 4, 6, 3, 2, 5, 7]); // b f h w c t p p
        let x = x.reshape([b, f * h * w / (t * p * p), c * t * p * p]); // b n c·t·p·p
        Tensor::cat(&[self.text_proj.forward(text), self.proj.forward(&x)], 1)
    }
}

/// Tokens to latents: [b, n, c·t·p·p] → [b, f, c, h, w], `size` being [f, h, w].
pub fn unfold(x: &Tensor, [f, h, w]: [i64; 3], config: &Config) -> Tensor {
    let (t, p, c) = (config.patch_size_t.unwrap_or(1), config.patch_size, config.out_channels);
    let b = x.size()[0];
    let frames = (f + t - 1) / t; // a single frame was given a second one
    x.reshape([b, frames, h / p, w / p, c, t, p, p])
        .permute([0, 1, 5, 4, 2, 6, 3, 7]) // b f t c h p w p
        .reshape([b, frames * t, c, h, w])
        .narrow(1, 0, f)
}

/// The weight of the projection for 48 channels, from a checkpoint that has 48 or 33.
fn weight_48(w: &Weights, config: &Config) -> Result<Tensor, Error> {
    let latents = config.out_channels * config.patch_volume();
    let columns = columns_33(config);
    if stored_columns(w) == Some(columns) {
        return Ok(widen_33_to_48(&w.tensor("proj.weight", &[config.width(), columns])?, latents));
    }
    w.tensor("proj.weight", &[config.width(), 3 * latents])
}

fn columns_33(config: &Config) -> i64 {
    (2 * config.out_channels + BASE_MASK_CHANNELS) * config.patch_volume()
}

fn stored_columns(w: &Weights) -> Option<i64> {
    w.shape("proj.weight").and_then(|shape| shape.get(1).copied())
}

/// The 33 → 48 rule: columns of the noise and of the masked video stay, those of the base model's one mask channel stand
/// for each channel of the mask's latents. `latents` is the number of columns for 16 channels, 128.
pub fn widen_33_to_48(base: &Tensor, latents: i64) -> Tensor {
    let columns = base.size()[1];
    let mask = columns - 2 * latents;
    Tensor::cat(
        &[
            base.narrow(1, 0, latents),
            base.narrow(1, latents, mask).repeat([1, latents / mask]),
            base.narrow(1, columns - latents, latents),
        ],
        1,
    )
}

/// A checkpoint of another width on top: its columns of the noise and of the masked video; those of the mask stay.
pub fn overlay_33_on_48(widened: &Tensor, checkpoint: &Tensor, latents: i64) -> Tensor {
    let columns = checkpoint.size()[1];
    Tensor::cat(
        &[
            checkpoint.narrow(1, 0, latents),
            widened.narrow(1, latents, latents),
            checkpoint.narrow(1, columns - latents, latents),
        ],
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_patch_are_ordered_by_channel_frame_row_column() {
        // c·1000 + t·100 + y·10 + x, in two channels
        let at = |c: i64, t: i64, y: i64, x: i64| (c * 1000 + t * 100 + y * 10 + x) as f32;
        let mut values = Vec::new();
        for t in 0..2 {
            for c in 0..2 {
                for y in 0..2 {
                    values.extend((0..2).map(|x| at(c, t, y, x)));
                }
            }
        }
        let x = Tensor::from_slice(&values).view([1, 2, 2, 2, 2]);
        let identity = Linear::from_tensors(Tensor::eye(16, (tch::Kind::Float, tch::Device::Cpu)), None);
        let text = Linear::from_tensors(Tensor::zeros([16, 1], (tch::Kind::Float, tch::Device::Cpu)), None);
        let embed = PatchEmbed { proj: identity, text_proj: text, patch: [2, 2] };
        let tokens = embed.forward(&x, &Tensor::zeros([1, 0, 1], (tch::Kind::Float, tch::Device::Cpu)));
        let seen: Vec<f32> = Vec::try_from(tokens.view(-1)).unwrap();
        assert_eq!(seen[..9], [0., 1., 10., 11., 100., 101., 110., 111., 1000.]);
        let config = Config { out_channels: 2, ..Config::void() };
        assert_eq!(unfold(&tokens, [2, 2, 2], &config), x);
    }
}
