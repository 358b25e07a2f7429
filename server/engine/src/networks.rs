//! The networks of a run: opened when they are needed, and held as the plan of memory says. What they compute is told in
//! `latents` and `motion`.

use std::sync::PoisonError;

use domain::predict;
use domain::recipe::Memory;
use nets::raft::Raft;
use nets::t5::{self, T5, Tokenizer};
use nets::transformer::{self, Transformer};
use nets::vae::{self, Vae};
use nets::{Holding, Weights};
use tch::{Device, Kind};

use crate::error::Result;
use crate::model::Model;

/// Networks that are loaded, and for what.
pub struct Loaded {
    device: Device,
    kind: Kind,
    text: Option<(Tokenizer, T5)>,
    vae: Option<Vae>,
    transformer: Option<Transformer>,
    flow: Option<Raft>,
}

/// The networks of one run. Under `Full` those of the run before are still there, and stay for the next.
pub struct Networks<'a> {
    pub model: &'a Model,
    pub plan: Memory,
    loaded: Option<Loaded>,
}

impl<'a> Networks<'a> {
    /// `plan` is one that can be run: not `Auto`.
    pub fn new(model: &'a Model, device: Device, kind: Kind, plan: Memory) -> Self {
        let mut resident = model.resident.lock().unwrap_or_else(PoisonError::into_inner);
        let kept =
            resident.take().filter(|kept| plan == Memory::Full && (kept.device, kept.kind) == (device, kind));
        let empty = || Loaded { device, kind, text: None, vae: None, transformer: None, flow: None };
        Self { model, plan, loaded: Some(kept.unwrap_or_else(empty)) }
    }

    fn loaded(&mut self) -> &mut Loaded {
        self.loaded.as_mut().expect("it is there until the end")
    }

    fn holding(&self) -> Holding {
        match self.plan {
            Memory::Auto | Memory::Full | Memory::Staged => Holding::Whole,
            Memory::Fp8 => Holding::Fp8,
            Memory::Streamed => Holding::Streamed,
        }
    }

    /// Makes room for a network that is not loaded.
    fn make_room(&mut self) {
        if self.plan != Memory::Full {
            let Loaded { device: _, kind: _, text, vae, transformer, flow } = self.loaded();
            (*text, *vae, *transformer, *flow) = (None, None, None, None);
        }
    }

    pub fn text(&mut self) -> Result<&(Tokenizer, T5)> {
        if self.loaded().text.is_none() {
            self.make_room();
            let (device, kind) = (self.loaded().device, self.loaded().kind);
            let streamed = if self.plan == Memory::Streamed { Holding::Streamed } else { Holding::Whole };
            self.loaded().text = Some(self.model.open_text_held(device, kind, streamed)?);
        }
        Ok(self.loaded().text.as_ref().expect("just opened"))
    }

    pub fn vae(&mut self) -> Result<&Vae> {
        if self.loaded().vae.is_none() {
            self.make_room();
            let (device, kind) = (self.loaded().device, self.loaded().kind);
            self.loaded().vae = Some(self.model.open_vae(device, kind)?);
        }
        Ok(self.loaded().vae.as_ref().expect("just opened"))
    }

    pub fn transformer(&mut self) -> Result<&Transformer> {
        if self.loaded().transformer.is_none() {
            self.make_room();
            let (device, kind, holding) = (self.loaded().device, self.loaded().kind, self.holding());
            self.loaded().transformer = Some(self.model.open_transformer_held(device, kind, holding)?);
        }
        Ok(self.loaded().transformer.as_ref().expect("just opened"))
    }

    pub fn flow(&mut self) -> Result<&Raft> {
        if self.loaded().flow.is_none() {
            self.make_room();
            let device = self.loaded().device;
            self.loaded().flow = Some(self.model.open_flow(device)?);
        }
        Ok(self.loaded().flow.as_ref().expect("just opened"))
    }
}

impl Drop for Networks<'_> {
    fn drop(&mut self) {
        // What broke off in the middle of something is not kept.
        if self.plan == Memory::Full && !std::thread::panicking() {
            *self.model.resident.lock().unwrap_or_else(PoisonError::into_inner) = self.loaded.take();
        }
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

/// Bytes of memory that a device has to give; nothing where it does not say.
pub fn room(device: Device) -> Option<u64> {
    match device {
        Device::Cuda(number) => {
            let ask = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", &format!("--id={number}")];
            let told = std::process::Command::new("nvidia-smi").args(ask).output().ok()?;
            let megabytes = String::from_utf8(told.stdout).ok()?.trim().parse::<u64>().ok()?;
            Some(megabytes << 20)
        }
        _ => {
            let text = std::fs::read_to_string("/proc/meminfo").ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
            let kilobytes = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?;
            Some(kilobytes << 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_configurations_make_the_published_model() {
        let configs = (transformer::Config::void(), t5::Config::xxl(), vae::Config::void());
        assert_eq!(sizes_of(&configs.0, &configs.1, &configs.2).unwrap(), predict::Model::void());
    }

    #[test]
    fn this_machine_says_how_much_memory_it_has_to_give() {
        assert!(room(Device::Cpu).unwrap() > 1 << 20);
    }
}
