//! The networks of a run: taken from the shelf or opened when they are needed, and held as the plan of memory says. What they
//! compute is told in `latents` and `motion`.

use std::any::Any;

use domain::Hash;
use domain::predict;
use domain::recipe::Memory;
use nets::raft::Raft;
use nets::t5::{self, T5, Tokenizer};
use nets::transformer::{self, Transformer};
use nets::vae::{self, Vae};
use nets::{Holding, Weights};
use tch::{Device, Kind};

use crate::error::Result;
use crate::model::{Model, Opened};
use crate::shelf::{Lent, Shelf};

/// Where networks lie on the shelf; the transformers of both passes have one each, told by [`Model`].
const TEXT: &str = "text encoder";
const VAE: &str = "autoencoder";
const FLOW: &str = "optical flow";

/// What a run may take of a device.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Bytes that the device has, for this run and for what waits on the shelf; `None` where that is not known.
    pub room: Option<u64>,
    /// Bytes that the plan takes.
    pub needed: u64,
}

/// The networks of one run.
pub struct Networks<'a> {
    pub model: &'a Model,
    pub plan: Memory,
    shelf: &'a Shelf,
    device: Device,
    kind: Kind,
    share: Share,
    text: Option<Lent<(Tokenizer, T5)>>,
    vae: Option<Lent<Vae>>,
    transformer: Option<Lent<Transformer>>,
    flow: Option<Lent<Raft>>,
    loaded: Vec<&'static str>,
}

impl<'a> Networks<'a> {
    /// `plan` is one that can be run: not `Auto`.
    pub fn new(
        model: &'a Model,
        shelf: &'a Shelf,
        device: Device,
        kind: Kind,
        plan: Memory,
        share: Share,
    ) -> Self {
        if plan == Memory::Full {
            let own = [TEXT, VAE, FLOW, model.transformer_slot()];
            shelf.make_room(share.room.unwrap_or(share.needed), share.needed, &own);
        }
        let (text, vae, transformer, flow) = (None, None, None, None);
        let loaded = Vec::new();
        Self { model, plan, shelf, device, kind, share, text, vae, transformer, flow, loaded }
    }

    /// The networks that were not on the shelf, in the order in which they were needed.
    pub fn loaded(&self) -> &[&'static str] {
        &self.loaded
    }

    fn holding(&self) -> Holding {
        match self.plan {
            Memory::Auto | Memory::Full | Memory::Staged => Holding::Whole,
            Memory::Fp8 => Holding::Fp8,
            Memory::Streamed => Holding::Streamed,
        }
    }

    /// Puts the other networks back and makes room for one that is needed now, unless the plan has room for all.
    fn make_room(&mut self, slot: &'static str) {
        if self.plan != Memory::Full {
            (self.text, self.vae, self.transformer, self.flow) = (None, None, None, None);
            self.shelf.make_room(self.share.room.unwrap_or(0), self.share.needed, &[slot]);
        }
    }

    /// A network from the shelf, or opened. `print`: what its files are told by.
    fn lend<T: Any + Send>(
        &mut self,
        slot: &'static str,
        print: Hash,
        holding: Holding,
        open: impl FnOnce(&Model, Device, Kind) -> Result<Opened<T>>,
    ) -> Result<Lent<T>> {
        self.make_room(slot);
        let (model, device, kind) = (self.model, self.device, self.kind);
        let key = format!("{print} {device:?} {kind:?} {holding:?}");
        let lent = self.shelf.lend(slot, &key, || {
            open(model, device, kind).map(|Opened { network, bytes }| (network, bytes))
        })?;
        if lent.is_fresh() {
            self.loaded.push(slot);
        }
        Ok(lent)
    }

    pub fn text(&mut self) -> Result<&(Tokenizer, T5)> {
        if self.text.is_none() {
            let holding = if self.plan == Memory::Streamed { Holding::Streamed } else { Holding::Whole };
            let print = self.model.prints().text;
            let open = |model: &Model, device: Device, kind: Kind| model.open_text(device, kind, holding);
            self.text = Some(self.lend(TEXT, print, holding, open)?);
        }
        Ok(self.text.as_deref().expect("just lent"))
    }

    pub fn vae(&mut self) -> Result<&Vae> {
        if self.vae.is_none() {
            let print = self.model.prints().vae;
            self.vae = Some(self.lend(VAE, print, Holding::Whole, Model::open_vae)?);
        }
        Ok(self.vae.as_deref().expect("just lent"))
    }

    pub fn transformer(&mut self) -> Result<&Transformer> {
        if self.transformer.is_none() {
            let (slot, holding) = (self.model.transformer_slot(), self.holding());
            let print = self.model.prints().transformer;
            let open =
                |model: &Model, device: Device, kind: Kind| model.open_transformer(device, kind, holding);
            self.transformer = Some(self.lend(slot, print, holding, open)?);
        }
        Ok(self.transformer.as_deref().expect("just lent"))
    }

    pub fn flow(&mut self) -> Result<&Raft> {
        if self.flow.is_none() {
            // A model of pass 1 has none, and says so when it is opened.
            let print = self.model.prints().flow.unwrap_or_else(|| Hash::of(&[]));
            let open = |model: &Model, device: Device, _: Kind| model.open_flow(device);
            self.flow = Some(self.lend(FLOW, print, Holding::Whole, open)?);
        }
        Ok(self.flow.as_deref().expect("just lent"))
    }
}

/// A model by its sizes, from its configurations alone.
pub fn sizes(model: &Model) -> std::result::Result<predict::Model, nets::Error> {
    sizes_of(&model.transformer, &model.t5, &model.vae)
}

fn sizes_of(
    transformer: &transformer::Config,
    t5: &t5::Config,
    vae: &vae::Config,
) -> std::result::Result<predict::Model, nets::Error> {
    let mut counts = Vec::new();
    let mut count = |build: &dyn Fn(&Weights) -> std::result::Result<(), nets::Error>| {
        let outline = Weights::outline();
        build(&outline)?;
        counts.push(outline.taken());
        Ok::<_, nets::Error>(())
    };
    count(&|w| Transformer::new(w, transformer.clone()).map(|_| ()))?;
    count(&|w| T5::new(w, t5.clone()).map(|_| ()))?;
    count(&|w| Vae::new(w, vae.clone()).map(|_| ()))?;
    count(&|w| Raft::new(w).map(|_| ()))?;
    let numbers = |shape: &[i64]| shape.iter().product::<i64>() as u64;
    // Statistics of norms are no numbers that were learnt, and few.
    let learnt = |at: usize| counts[at].iter().filter(|(name, _)| !name.contains("running_"));
    let all = |at: usize| learnt(at).map(|(_, shape)| numbers(shape)).sum::<u64>();
    // Weights of linear layers whose sides are both at least the network's width.
    let network = |at: usize, prefix: &str, blocks: i64, width: i64| {
        let last = format!("{prefix}{}.", blocks - 1);
        let of_block =
            || counts[at].iter().filter(|(name, _)| name.starts_with(&last)).map(|(_, shape)| shape);
        let is_large = |shape: &&Vec<i64>| shape.len() == 2 && shape.iter().all(|side| *side >= width);
        let block = of_block().map(|shape| numbers(shape)).sum::<u64>();
        let linear = of_block().filter(is_large).map(|shape| numbers(shape)).sum::<u64>();
        let blocks = blocks as u64;
        predict::Network { fixed: all(at) - blocks * block, blocks, block, linear }
    };
    let width = transformer.num_attention_heads * transformer.attention_head_dim;
    let channels = &vae.block_out_channels;
    Ok(predict::Model {
        transformer: network(0, "transformer_blocks.", transformer.num_layers, width),
        text: network(1, "encoder.block.", t5.num_layers, t5.d_model.min(t5.num_heads * t5.d_kv)),
        vae: all(2),
        vae_channels: channels.get(1).copied().unwrap_or_default() as u64,
        flow: all(3),
        width: width as u64,
        text_width: t5.d_model as u64,
        text_hidden: t5.d_ff as u64,
        text_tokens: transformer.max_text_seq_length as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_configurations_make_the_published_model() {
        let configs = (transformer::Config::void(), t5::Config::xxl(), vae::Config::void());
        assert_eq!(sizes_of(&configs.0, &configs.1, &configs.2).unwrap(), predict::Model::void());
    }
}
