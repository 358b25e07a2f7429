//! How much memory of a device each plan takes at most: what is loaded at once, and what is computed meanwhile.

use serde::{Deserialize, Serialize};

use crate::recipe::Memory;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    Cpu,
    Cuda,
}

/// A network by how many numbers it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Outside of its blocks.
    pub fixed: u64,
    pub blocks: u64,
    /// In one block, and how many of these are the weights of large linear layers.
    pub block: u64,
    pub linear: u64,
}

impl Network {
    fn numbers(&self) -> u64 {
        self.fixed + self.blocks * self.block
    }
}

/// A model by its sizes: what its configurations say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub transformer: Network,
    pub text: Network,
    /// Numbers of the autoencoder, and channels of its largest layer at full size.
    pub vae: u64,
    pub vae_channels: u64,
    /// Of the network that motion is followed with.
    pub flow: u64,
    pub width: u64,
    pub text_width: u64,
    /// Of the text encoder's feed-forward.
    pub text_hidden: u64,
    pub text_tokens: u64,
}

impl Model {
    /// The published one.
    pub const fn void() -> Self {
        Self {
            transformer: Network { fixed: 19_162_240, blocks: 42, block: 132_197_632, linear: 113_246_208 },
            text: Network { fixed: 131_602_432, blocks: 24, block: 192_946_176, linear: 192_937_984 },
            vae: 215_583_907,
            vae_channels: 256,
            flow: 5_257_536,
            width: 3072,
            text_width: 4096,
            text_hidden: 10_240,
            text_tokens: 226,
        }
    }
}

/// The plan that is tried when memory runs out under another.
pub const NEXT_SMALLER: [(Memory, Memory); 4] = [
    (Memory::Auto, Memory::Staged),
    (Memory::Full, Memory::Staged),
    (Memory::Staged, Memory::Streamed),
    (Memory::Fp8, Memory::Streamed),
];

/// What a run holds and computes at once.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    pub model: &'a Model,
    pub device: Device,
    /// Prompts of one forward.
    pub batch: u64,
    /// Of the video, in the longest window.
    pub tokens: u64,
    /// Of the canvas.
    pub pixels: u64,
}

/// Copies of a layer's result that live at once where the autoencoder decodes: counted in its code, not measured.
const DECODE_COPIES: u64 = 6;
/// Frames that are decoded at once, and the ones before them that are kept.
const DECODE_FRAMES: u64 = 8 + 2;
/// Blocks that a plan that streams them holds: the one that computes; on a GPU also the next and the one on its way.
const STREAMED: [u64; 2] = [1, 3];
/// libtorch itself: its libraries' own memory and workspaces.
const BASE: [u64; 2] = [300 << 20, 900 << 20];

impl Held<'_> {
    /// The most memory that the networks and what they compute take under a plan, in bytes; on a CPU, pictures of a large
    /// plate come on top.
    pub fn bytes(&self, plan: Memory) -> u64 {
        let Self { model, device, .. } = *self;
        let of = |values: [u64; 2]| if device == Device::Cuda { values[1] } else { values[0] };
        let size = of([4, 2]);
        let loaded = |network: &Network| match plan {
            Memory::Streamed => size * (network.fixed + of(STREAMED).min(network.blocks) * network.block),
            _ => size * network.numbers(),
        };
        let transformer = match plan {
            // One byte a number, and the block that is being made from larger ones.
            Memory::Fp8 => {
                loaded(&model.transformer) - model.transformer.blocks * model.transformer.linear * (size - 1)
                    + model.transformer.block * size
            }
            _ => loaded(&model.transformer),
        };
        let text = loaded(&model.text);
        let (vae, flow) = (size * model.vae, 4 * model.flow);
        let computed = [self.text_computes(size), self.forward_computes(size), self.decode_computes(size)];
        let together = match plan {
            Memory::Full => text + transformer + vae + flow + computed.into_iter().max().expect("three"),
            _ => (text + computed[0]).max(transformer + computed[1]).max(vae + computed[2]),
        };
        of(BASE) + together
    }

    fn text_computes(&self, size: u64) -> u64 {
        let Model { text_width, text_hidden, text_tokens, .. } = *self.model;
        text_tokens * (6 * text_width + 3 * text_hidden) * size
    }

    fn forward_computes(&self, size: u64) -> u64 {
        let tokens = self.batch * (self.tokens + self.model.text_tokens);
        let width = self.model.width;
        // Either the feed-forward, before and behind its activation, beside what goes in; or queries being turned in f32.
        tokens * width * (11 * size).max(5 * size + 20)
    }

    fn decode_computes(&self, size: u64) -> u64 {
        DECODE_COPIES * DECODE_FRAMES * self.pixels * self.model.vae_channels * size
    }
}
