//! `transformer/`: blocks and whole forwards, tables of positions, the 33 → 48 rule.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use super::{Case, Golden, Noise, Report};
use crate::transformer::{Conditions, Config, Rope, Transformer, overlay_33_on_48, widen_33_to_48};
use crate::{Error, Watch, Weights};

const TOLERANCE: f64 = 2e-5; // fixtures/README.md
const ROPE_TOLERANCE: f64 = 1e-6; // fixtures/README.md, real configs
const PIXELS: i64 = 8; // that one latent stands for

#[derive(Deserialize)]
struct Cases {
    #[serde(default)]
    cases: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Told {
    file: String,
    #[serde(default)]
    fp32_vs_fp64: BTreeMap<String, Noise>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("transformer");
    let Some(Cases { cases }) = super::cases(&folder.join("cases.json"))? else { return Ok(()) };
    if !cases.is_empty() {
        let transformer = open(&fixtures.join("pipeline/model/transformer"))?;
        for (name, told) in cases {
            report.case(&name, |case| {
                forward(&transformer, &Golden::open(&folder.join(&told.file))?, &told, case)
            });
        }
    }
    let tables = folder.join("rope_tables.safetensors");
    if tables.is_file() {
        let config = Config::read(&fixtures.join("pipeline/model/transformer/config.json"))?;
        report.case("rope_tables", |case| rope_tables(&config, &Golden::open(&tables)?, case));
    }
    let widened = folder.join("adapt_33_to_48");
    if widened.is_dir() {
        report.case("adapt_33_to_48", |case| widening(&widened, case));
    }
    Ok(())
}

pub fn run_real_configs(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("real_configs");
    let rows = folder.join("rope_384x672_f22_rows.safetensors");
    if !rows.is_file() {
        return Ok(());
    }
    report.case("rope of 384×672, 22 latents", |case| {
        let golden = Golden::open(&rows)?;
        let config = Config::read(&folder.join("transformer__config.json"))?;
        let rope = Rope::new(&config, 22, [384 / PIXELS, 672 / PIXELS], Device::Cpu)?;
        let wanted = golden.tensor("rows")?;
        case.same("shape", rope.cos().size() == Vec::<i64>::try_from(golden.tensor("shape")?)?);
        for (name, table) in [("cos", rope.cos()), ("sin", rope.sin())] {
            case.compare(name, &table.index_select(0, &wanted), &golden.tensor(name)?, ROPE_TOLERANCE);
        }
        Ok(())
    });
    report.case("configurations", |case| {
        let config = Config::read(&folder.join("transformer__config.json"))?;
        case.same("transformer", format!("{config:?}") == format!("{:?}", Config::void()));
        let config = crate::vae::Config::read(&folder.join("vae__config.json"))?;
        case.same("vae", format!("{config:?}") == format!("{:?}", crate::vae::Config::void()));
        let config = crate::t5::Config::read(&folder.join("text_encoder__config.json"))?;
        case.same("text encoder", format!("{config:?}") == format!("{:?}", crate::t5::Config::xxl()));
        let config = crate::schedule::Config::read(&folder.join("scheduler__scheduler_config.json"))?;
        case.same("scheduler", format!("{config:?}") == format!("{:?}", crate::schedule::Config::void()));
        Ok(())
    });
    Ok(())
}

/// A transformer of the fixtures.
pub fn open(folder: &Path) -> Result<Transformer, Error> {
    let w = Weights::open(folder, Device::Cpu, Kind::Float)?;
    let transformer = Transformer::new(&w, Config::read(&folder.join("config.json"))?)?;
    w.finish()?;
    Ok(transformer)
}

fn forward(transformer: &Transformer, golden: &Golden, told: &Told, case: &mut Case) -> Result<(), Error> {
    let tensor = |name: &str| golden.tensor(name);
    let (latents, inpaint, text) =
        (tensor("hidden_states")?, tensor("inpaint_latents")?, tensor("encoder_hidden_states")?);
    let (_, frames, _, height, width) = latents.size5()?;
    let rope = Rope::new(transformer.config(), frames, [height, width], Device::Cpu)?;
    case.compare("freqs_cos", rope.cos(), &tensor("freqs_cos")?, ROPE_TOLERANCE);
    case.compare("freqs_sin", rope.sin(), &tensor("freqs_sin")?, ROPE_TOLERANCE);
    let timesteps = Vec::<f64>::try_from(tensor("timestep")?.to_kind(Kind::Double))?;
    let mut watch = Watch::all();
    let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &rope, fused: false };
    let output = transformer.forward_watched(&latents, &timesteps, &conditions, &mut watch);
    let seen = watch.seen();
    let noise = told.fp32_vs_fp64.values().max_by(|a, b| a.max_abs.total_cmp(&b.max_abs));
    let tolerance = Noise::tolerance(noise, TOLERANCE);
    let inputs =
        ["hidden_states", "inpaint_latents", "encoder_hidden_states", "timestep", "freqs_cos", "freqs_sin"];
    for name in golden.names().filter(|name| !inputs.contains(name)) {
        let got = if name == "output" { Some(&output) } else { seen.get(name) };
        let got = got.ok_or_else(|| {
            Error::input(format!("nothing here is called “{name}”"), "Leave it out of the fixture.")
        })?;
        // Its angles reach 999, which f32 holds to 3e-5 only.
        let tolerance = if name == "time_proj" { tolerance + 1e-4 } else { tolerance };
        case.compare(name, got, &tensor(name)?, tolerance);
    }
    Ok(())
}

/// `cos_192x320_f4` and its like: height, width and latents.
fn rope_tables(config: &Config, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    for name in golden.names().filter(|name| name.starts_with("cos_")) {
        let numbers: Vec<i64> =
            name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
        let &[height, width, frames] = &numbers[..] else {
            return Err(Error::input(
                format!("“{name}” names no size"),
                "Call it cos_HEIGHTxWIDTH_fLATENTS.",
            ));
        };
        let rope = Rope::new(config, frames, [height / PIXELS, width / PIXELS], Device::Cpu)?;
        let sin = name.replacen("cos", "sin", 1);
        case.compare(name, rope.cos(), &golden.tensor(name)?, ROPE_TOLERANCE);
        case.compare(&sin, rope.sin(), &golden.tensor(&sin)?, ROPE_TOLERANCE);
    }
    Ok(())
}

fn widening(folder: &Path, case: &mut Case) -> Result<(), Error> {
    let golden = Golden::open(&folder.join("expected.safetensors"))?;
    let base = folder.join("base_transformer");
    let config = Config::read(&base.join("config.json"))?;
    let latents = config.out_channels * 8;
    let stored = Weights::open(&base, Device::Cpu, Kind::Float)?;
    let base_33 = golden.tensor("base_33")?;
    let weight = stored.tensor("patch_embed.proj.weight", &base_33.size())?;
    case.compare("base_33", &weight, &base_33, 0.0);
    let widened = widen_33_to_48(&base_33, latents);
    case.compare("adapted_48", &widened, &golden.tensor("adapted_48")?, 0.0);
    let over = overlay_33_on_48(&widened, &golden.tensor("checkpoint_33")?, latents);
    case.compare("after_checkpoint_48", &over, &golden.tensor("after_checkpoint_48")?, 0.0);
    // And through the loaders: the base alone, and itself on top of itself, are the same network.
    let alone = open(&base)?;
    let on_top = Transformer::over(&stored, &stored, config)?;
    stored.finish()?;
    let normal = |shape: &[i64]| crate::random::Normal::new(33).tensor(shape);
    let (noisy, inpaint) = (normal(&[1, 2, latents / 8, 4, 4]), normal(&[1, 2, latents / 4, 4, 4]));
    let text = normal(&[1, 3, alone.config().text_embed_dim]);
    let rope = Rope::new(alone.config(), 2, [4, 4], Device::Cpu)?;
    let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &rope, fused: false };
    let run = |transformer: &Transformer| -> Tensor { transformer.forward(&noisy, &[500.0], &conditions) };
    case.compare("base on top of itself", &run(&on_top), &run(&alone), 0.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn blocks_positions_and_wider_channels_are_those_of_the_reference() {
        crate::parity::check("transformer");
    }

    #[test]
    fn published_configurations_are_understood() {
        crate::parity::check("real_configs");
    }
}
