//! The denoising transformer: noisy latents, mask and video latents, text and time to a prediction of v.
//!
//! Reference: videox_fun/models/cogvideox_transformer3d.py of Netflix/void-model@66e9c0e (CogVideoXTransformer3DModel
//! with 48 channels). Axes are b f c h w outside, b n d inside; tokens are ordered by time, row, column, behind the text.

mod block;
mod patch;
mod rope;

use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;
use tch::{Kind, Tensor};

use block::Block;
use patch::PatchEmbed;
pub use patch::{overlay_33_on_48, widen_33_to_48};
pub use rope::Rope;

use crate::blocks::{Blocks, Holding};
use crate::layers::{LayerNorm, Linear};
use crate::{Error, Watch, Weights};

/// `transformer/config.json`. Its `in_channels` is that of the base model, 33, and is not what VOID runs with.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub num_attention_heads: i64,
    pub attention_head_dim: i64,
    pub num_layers: i64,
    pub out_channels: i64,
    pub patch_size: i64,
    pub patch_size_t: Option<i64>,
    pub text_embed_dim: i64,
    pub time_embed_dim: i64,
    pub max_text_seq_length: i64,
    pub norm_eps: f64,
    /// In latents; the tables of positions reach this far.
    pub sample_height: i64,
    pub sample_width: i64,
    #[serde(default)]
    pub add_noise_in_inpaint_model: bool,
    #[serde(default)]
    pub use_learned_positional_embeddings: bool,
    #[serde(default)]
    pub ofs_embed_dim: Option<i64>,
}

const FREQUENCY_BASE: f64 = 10_000.0;
const QK_NORM_EPS: f64 = 1e-6; // Attention(qk_norm="layer_norm", eps=1e-6)

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When it cannot be read or asks for what no checkpoint of this model uses.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config: Self = crate::read_json(path)?;
        let bad = |reason: &str| Err(Error::BadFile { path: path.to_owned(), reason: reason.to_owned() });
        if config.patch_size_t != Some(2) || config.patch_size != 2 {
            return bad("patch_size and patch_size_t must be 2: it is not a CogVideoX 1.5 model");
        }
        if config.use_learned_positional_embeddings || config.ofs_embed_dim.is_some() {
            return bad("it uses learned positions or an offset embedding: it is another CogVideoX model");
        }
        if config.attention_head_dim % 16 != 0 {
            return bad("attention_head_dim must be a multiple of 16");
        }
        Ok(config)
    }

    /// The published one: CogVideoX-Fun-V1.5-5b-InP under VOID's checkpoints.
    pub fn void() -> Self {
        Self {
            num_attention_heads: 48,
            attention_head_dim: 64,
            num_layers: 42,
            out_channels: 16,
            patch_size: 2,
            patch_size_t: Some(2),
            text_embed_dim: 4096,
            time_embed_dim: 512,
            max_text_seq_length: 226,
            norm_eps: 1e-5,
            sample_height: 384,
            sample_width: 680,
            add_noise_in_inpaint_model: true,
            use_learned_positional_embeddings: false,
            ofs_embed_dim: None,
        }
    }

    /// Small enough for a test.
    pub fn tiny() -> Self {
        Self {
            num_attention_heads: 2,
            attention_head_dim: 16,
            num_layers: 2,
            text_embed_dim: 24,
            time_embed_dim: 16,
            ..Self::void()
        }
    }

    fn width(&self) -> i64 {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Numbers in a patch of one channel.
    fn patch_volume(&self) -> i64 {
        self.patch_size * self.patch_size * self.patch_size_t.unwrap_or(1)
    }
}

pub struct Transformer {
    patch_embed: PatchEmbed,
    time_embedding: [Linear; 2],
    transformer_blocks: Blocks<Block>,
    norm_final: LayerNorm,
    norm_out: AdaLayerNorm,
    proj_out: Linear,
    config: Config,
}

struct AdaLayerNorm {
    linear: Linear,
    norm: LayerNorm,
}

/// What the network looks at beside the noisy latents.
pub struct Conditions<'a> {
    /// Mask and video latents, in this order: [b, f, 32, h, w].
    pub inpaint: &'a Tensor,
    /// The prompt: [b, n, text_embed_dim].
    pub text: &'a Tensor,
    pub rope: &'a Rope,
    /// Whether modulation and positions go over the numbers in as few passes as can be: faster, and other rounding.
    pub fused: bool,
}

/// What the blocks said when they last ran all: a step that begins nearly the same takes what all but the first added then.
///
/// The first-block rule of ParaAttention and the threshold on a relative change of TeaCache (Liu et al. 2024); other
/// numbers than without it.
#[derive(Default)]
pub struct Remembered {
    first: Option<Tensor>,
    rest: Option<Tensor>,
    /// How often a step did without the other blocks.
    pub spared: usize,
}

impl Remembered {
    /// What it remembers, by name, to be kept in a file.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let named = [("first", &self.first), ("rest", &self.rest)];
        let known = named.into_iter().filter_map(|(name, tensor)| Some((name, tensor.as_ref()?)));
        known.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect()
    }

    /// From what [`Self::tensors`] gave.
    pub fn from_tensors(mut find: impl FnMut(&str) -> Option<Tensor>) -> Self {
        Self { first: find("first"), rest: find("rest"), spared: 0 }
    }
}

/// What may be reused of an earlier step, and up to which change of the first block's work.
pub struct Reuse<'a> {
    pub remembered: &'a mut Remembered,
    pub most: f64,
}

impl Reuse<'_> {
    /// What the blocks behind the first add, if that is to be taken from an earlier step. `first`: what the first adds.
    fn rest(&mut self, first: &Tensor) -> Option<Tensor> {
        let Remembered { first: last, rest, spared } = &mut *self.remembered;
        let mean = |t: &Tensor| t.abs().mean(Kind::Float).double_value(&[]);
        let alike = last.as_ref().is_some_and(|last| {
            last.size() == first.size() && mean(&(first - last)) < self.most * mean(last)
        });
        let rest = rest.as_ref().filter(|_| alike)?.shallow_clone();
        *spared += 1;
        Some(rest)
    }
}

impl Transformer {
    /// `w` is the root of a checkpoint with 48 channels, or with the base model's 33, which are widened.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(w: &Weights, config: Config) -> Result<Self, Error> {
        Self::holding(w, config, Holding::Whole)
    }

    /// As [`Self::new`], its blocks held in another way.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn holding(w: &Weights, config: Config, holding: Holding) -> Result<Self, Error> {
        if holding == Holding::Streamed {
            let outline = Weights::outline();
            Self::new(&outline, config.clone())?;
            w.check(&outline)?;
            w.pass_over("transformer_blocks.");
        }
        let patch_embed = PatchEmbed::new(w / "patch_embed", &config)?;
        Self::with(patch_embed, w, config, holding)
    }

    /// A checkpoint with 33 channels on top of a base model: its own weights, but for the columns of the mask, which stay
    /// the base's.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn over(base: &Weights, w: &Weights, config: Config) -> Result<Self, Error> {
        let patch_embed = PatchEmbed::over(base / "patch_embed", w / "patch_embed", &config)?;
        Self::with(patch_embed, w, config, Holding::Whole)
    }

    fn with(patch_embed: PatchEmbed, w: &Weights, config: Config, holding: Holding) -> Result<Self, Error> {
        let (width, time) = (config.width(), config.time_embed_dim);
        let of_block = config.clone();
        let transformer_blocks = Blocks::new(w, config.num_layers, holding, move |w, index| {
            let block = Block::new(w / "transformer_blocks" / index, &of_block)?;
            Ok(if holding == Holding::Fp8 { block.in_fp8() } else { block })
        })?;
        let norm_out = w / "norm_out";
        let outputs = config.out_channels * config.patch_volume();
        Ok(Self {
            patch_embed,
            time_embedding: [
                Linear::new(w / "time_embedding" / "linear_1", width, time)?,
                Linear::new(w / "time_embedding" / "linear_2", time, time)?,
            ],
            transformer_blocks,
            norm_final: LayerNorm::new(w / "norm_final", width, config.norm_eps)?,
            norm_out: AdaLayerNorm {
                linear: Linear::new(&norm_out / "linear", time, 2 * width)?,
                norm: LayerNorm::new(&norm_out / "norm", width, config.norm_eps)?,
            },
            proj_out: Linear::new(w / "proj_out", width, outputs)?,
            config,
        })
    }

    /// `latents`: [b, f, 16, h, w], f even or 1, h and w even; `timesteps`: 0 to 999, one for each
    /// of the batch → v, of the same shape.
    pub fn forward(&self, latents: &Tensor, timesteps: &[f64], conditions: &Conditions) -> Tensor {
        self.forward_watched(latents, timesteps, conditions, &mut Watch::none())
    }

    /// As [`Self::forward`], with what it computes on the way.
    pub fn forward_watched(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditions: &Conditions,
        watch: &mut Watch,
    ) -> Tensor {
        self.run(latents, timesteps, conditions, watch, None)
    }

    /// As [`Self::forward`], with what may be reused of an earlier step: other numbers where it is.
    pub fn forward_reusing(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditions: &Conditions,
        reuse: Reuse,
    ) -> Tensor {
        self.run(latents, timesteps, conditions, &mut Watch::none(), Some(reuse))
    }

    fn run(
        &self,
        latents: &Tensor,
        timesteps: &[f64],
        conditions: &Conditions,
        watch: &mut Watch,
        mut reuse: Option<Reuse>,
    ) -> Tensor {
        let Conditions { inpaint, text, rope, fused } = *conditions;
        let (_, f, _, h, w) = latents.size5().expect("[b, f, c, h, w]");
        let text_tokens = text.size()[1];
        let time = self.time(timesteps, latents, watch);
        let mut x = Tensor::cat(&[latents, inpaint], 2); // b f 48 h w
        if f == 1 {
            x = Tensor::cat(&[&x, &x.zeros_like()], 1);
        }
        let mut x = self.patch_embed.forward(&x, text); // b n d
        watch.see(format_args!("patch_embed_out"), &x);
        let last = self.transformer_blocks.count() - 1;
        let mut behind_first = None;
        self.transformer_blocks.each(|index, block| {
            let before = x.shallow_clone();
            // Only the first block is of interest inside.
            let inside = if index == 0 { &mut *watch } else { &mut Watch::none() };
            x = block.forward(&x, text_tokens, &time, rope, fused, inside);
            for name in [(index == 0).then_some("block0"), (index == last).then_some("block_last")] {
                let Some(name) = name else { continue };
                watch.see(format_args!("{name}_encoder"), &x.narrow(1, 0, text_tokens));
                watch.see(format_args!("{name}_hidden"), &x.slice(1, text_tokens, None, 1));
            }
            if let (0, Some(reuse)) = (index, &mut reuse) {
                let first = &x - &before;
                if let Some(rest) = reuse.rest(&first) {
                    x = &x + rest;
                    return ControlFlow::Break(());
                }
                reuse.remembered.first = Some(first);
                behind_first = Some(x.shallow_clone());
            }
            ControlFlow::Continue(())
        });
        if let (Some(reuse), Some(behind_first)) = (reuse, behind_first) {
            reuse.remembered.rest = Some(&x - behind_first);
        }
        let x = self.norm_final.forward(&x);
        watch.see(format_args!("norm_final_out"), &x);
        let x = self.norm_out.forward(&x.slice(1, text_tokens, None, 1), &time);
        watch.see(format_args!("norm_out_out"), &x);
        let x = self.proj_out.forward(&x); // b n c·t·p·p
        watch.see(format_args!("proj_out_out"), &x);
        patch::unfold(&x, [f, h, w], &self.config)
    }

    /// [b, time_embed_dim]
    fn time(&self, timesteps: &[f64], like: &Tensor, watch: &mut Watch) -> Tensor {
        let half = self.config.width() / 2;
        let options = (Kind::Float, like.device());
        let exponent = Tensor::arange(half, options) * -FREQUENCY_BASE.ln() / half as f64;
        // In f32, as the reference.
        let timesteps = Tensor::from_slice(timesteps).to_kind(Kind::Float).to_device(like.device());
        let angles = timesteps.outer(&exponent.exp());
        let waves = Tensor::cat(&[angles.cos(), angles.sin()], 1).to_kind(like.kind());
        watch.see(format_args!("time_proj"), &waves);
        let [first, second] = &self.time_embedding;
        let time = second.forward(&first.forward(&waves).silu());
        watch.see(format_args!("temb"), &time);
        time
    }

    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl AdaLayerNorm {
    /// `x`: [b, n, d], `time`: [b, t] → [b, n, d]
    fn forward(&self, x: &Tensor, time: &Tensor) -> Tensor {
        let parts = self.linear.forward(&time.silu()).unsqueeze(1).chunk(2, 2);
        let [shift, scale] = &parts[..] else { unreachable!("two chunks") };
        self.norm.forward(x) * (scale + 1.0) + shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_size_network_asks_for_the_published_parameters() {
        let w = Weights::outline();
        Transformer::new(&w, Config::void()).unwrap();
        let taken = w.taken();
        assert_eq!(taken.len(), 1024);
        assert_eq!(taken["patch_embed.proj.weight"], [3072, 384]);
        assert_eq!(taken.values().map(|shape| shape.iter().product::<i64>()).sum::<i64>(), 5_571_462_784);
    }

    /// A model in a file, a clip of 4×8×6 latents, and what `holding` makes of it.
    fn predicted(folder: &Path, holding: Holding, fused: bool) -> Tensor {
        let path = folder.join("model.safetensors");
        if !path.is_file() {
            let outline = Weights::outline();
            Transformer::new(&outline, Config::tiny()).unwrap();
            crate::blank::write_seeded(&path, 5, &outline.taken(), &[]).unwrap();
        }
        let w = Weights::open(&path, tch::Device::Cpu, Kind::Float).unwrap();
        let transformer = Transformer::holding(&w, Config::tiny(), holding).unwrap();
        w.finish().unwrap();
        let draw = |name: &str, shape: &[i64]| crate::random::Normal::named(3, name).tensor(shape);
        let rope = Rope::new(transformer.config(), 4, [8, 6], tch::Device::Cpu).unwrap();
        let (inpaint, text) = (draw("inpaint", &[2, 4, 32, 8, 6]), draw("text", &[2, 226, 24]));
        let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &rope, fused };
        transformer.forward(&draw("latents", &[2, 4, 16, 8, 6]), &[500.0, 500.0], &conditions)
    }

    #[test]
    fn streamed_blocks_give_the_same_bits_and_eight_bits_give_nearly_the_same() {
        crate::use_one_thread();
        let folder = tempfile::tempdir().unwrap();
        let whole = predicted(folder.path(), Holding::Whole, false);
        assert_eq!(predicted(folder.path(), Holding::Streamed, false), whole);
        let error = apart(&predicted(folder.path(), Holding::Fp8, false), &whole);
        println!(
            "8-bit weights change the prediction of a tiny model by {:.2} % (root mean square)",
            100.0 * error
        );
        assert!(error > 0.0 && error < 0.05, "{error}");
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let power = |t: &Tensor| t.square().mean(Kind::Float).double_value(&[]).sqrt();
        power(&(a - b)) / power(b)
    }

    #[test]
    fn fused_blocks_say_the_same_but_for_rounding() {
        crate::use_one_thread();
        let folder = tempfile::tempdir().unwrap();
        let [plain, fused] = [false, true].map(|fused| predicted(folder.path(), Holding::Whole, fused));
        let error = apart(&fused, &plain);
        assert!(error < 1e-5, "{error}");
    }
}
