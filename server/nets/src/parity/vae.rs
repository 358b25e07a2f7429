//! `vae/`: encoding and decoding chunk by chunk, with every block and what the convolutions remember; tiles.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Device, Kind};

use super::{Case, Golden, Noise, Report};
use crate::vae::{Config, Pass, Tiling, Vae, decode_chunks, encode_chunks};
use crate::{Error, Watch, Weights};

const TOLERANCE: f64 = 3e-5; // fixtures/README.md

#[derive(Deserialize)]
struct Cases {
    #[serde(default)]
    encode: BTreeMap<String, Told>,
    #[serde(default)]
    decode: BTreeMap<String, Told>,
    tiled: Option<Tiled>,
}

#[derive(Deserialize)]
struct Told {
    fp32_vs_fp64: Option<Noise>,
}

#[derive(Deserialize)]
struct Tiled {
    tile_sample_min_height: i64,
    tile_sample_min_width: i64,
    tile_overlap_factor_height: f64,
    tile_overlap_factor_width: f64,
    fp32_vs_fp64_encode: Option<Noise>,
    fp32_vs_fp64_decode: Option<Noise>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("vae");
    let Some(Cases { encode, decode, tiled }) = super::cases(&folder.join("cases.json"))? else {
        return Ok(());
    };
    let vae = open(fixtures)?;
    let golden = |name: &str| Golden::open(&folder.join(format!("{name}.safetensors")));
    for (name, told) in encode {
        let tolerance = Noise::tolerance(told.fp32_vs_fp64.as_ref(), TOLERANCE);
        report.case(&name, |case| encoded(&vae, &golden(&name)?, tolerance, case));
    }
    for (name, told) in decode {
        let tolerance = Noise::tolerance(told.fp32_vs_fp64.as_ref(), TOLERANCE);
        report.case(&name, |case| decoded(&vae, &golden(&name)?, tolerance, case));
    }
    if let Some(told) = tiled {
        report.case("tiled", |case| {
            let tiling = Tiling {
                tile: [told.tile_sample_min_height, told.tile_sample_min_width],
                overlap: [told.tile_overlap_factor_height, told.tile_overlap_factor_width],
            };
            let golden = golden("tiled")?;
            let moments = vae.moments_tiled(&golden.tensor("video")?, &tiling);
            let tolerance = Noise::tolerance(told.fp32_vs_fp64_encode.as_ref(), TOLERANCE);
            case.compare("moments_tiled", &moments, &golden.tensor("moments_tiled")?, tolerance);
            let sample = vae.sample_tiled(&golden.tensor("z")?, &tiling);
            let tolerance = Noise::tolerance(told.fp32_vs_fp64_decode.as_ref(), TOLERANCE);
            case.compare("sample_tiled", &sample, &golden.tensor("sample_tiled")?, tolerance);
            Ok(())
        });
    }
    Ok(())
}

/// The autoencoder of the fixtures' tiny model.
pub fn open(fixtures: &Path) -> Result<Vae, Error> {
    let folder = fixtures.join("pipeline/model/vae");
    let w = Weights::open(&folder, Device::Cpu, Kind::Float)?;
    let vae = Vae::new(&w, Config::read(&folder.join("config.json"))?)?;
    w.finish()?;
    Ok(vae)
}

fn encoded(vae: &Vae, golden: &Golden, tolerance: f64, case: &mut Case) -> Result<(), Error> {
    let video = golden.tensor("video")?;
    let moments = vae.moments(&video);
    let halves = moments.chunk(2, 1);
    let log_variance = halves[1].clamp(-30.0, 20.0);
    case.compare("moments", &moments, &golden.tensor("moments")?, tolerance);
    case.compare("mean", &halves[0], &golden.tensor("mean")?, tolerance);
    case.compare("logvar", &log_variance, &golden.tensor("logvar")?, tolerance);
    case.compare("std", &(log_variance * 0.5).exp(), &golden.tensor("std")?, tolerance);
    let mode = vae.encode(&video) / vae.config().scaling_factor;
    case.compare("mode", &mode, &golden.tensor("mode")?, tolerance);
    let mut pass = Pass::default();
    for (index, frames) in encode_chunks(video.size()[2]).enumerate() {
        pass.watch = Watch::all();
        let moments = vae.encode_chunk(&video, frames, &mut pass);
        chunk(golden, index, "enc", [("moments", moments)], &mut pass, tolerance, case)?;
    }
    Ok(())
}

fn decoded(vae: &Vae, golden: &Golden, tolerance: f64, case: &mut Case) -> Result<(), Error> {
    let z = golden.tensor("z")?;
    case.compare("sample", &vae.sample(&z), &golden.tensor("sample")?, tolerance);
    let scaled = vae.decode(&(&z * vae.config().scaling_factor));
    case.compare("sample of scaled latents", &scaled, &golden.tensor("sample")?, tolerance);
    let mut pass = Pass::default();
    for (index, latents) in decode_chunks(z.size()[2]).enumerate() {
        pass.watch = Watch::all();
        let sample = vae.decode_chunk(&z, latents, &mut pass);
        chunk(golden, index, "dec", [("sample", sample)], &mut pass, tolerance, case)?;
    }
    Ok(())
}

/// Compares whatever the fixture holds of one chunk.
fn chunk(
    golden: &Golden,
    index: usize,
    side: &str,
    [(name, result)]: [(&str, tch::Tensor); 1],
    pass: &mut Pass,
    tolerance: f64,
    case: &mut Case,
) -> Result<(), Error> {
    let start = format!("chunk{index}.");
    let seen = std::mem::take(&mut pass.watch).seen();
    for full in golden.names().filter(|full| full.starts_with(&start)) {
        let part = &full[start.len()..];
        let cached = part.strip_prefix("conv_cache.").map(|conv| {
            format!("{side}oder.{conv}").replace("_block_", "_blocks.").replace("resnet_", "resnets.")
        });
        let layer = part.strip_prefix(side).and_then(|part| part.strip_prefix('.'));
        let got = match (&cached, layer) {
            _ if part == name => Some(&result),
            (Some(conv), _) => pass.cache.get(conv),
            (_, Some(layer)) => seen.get(layer),
            _ => None,
        };
        let Some(got) = got else {
            return Err(Error::input(
                format!("nothing here is called “{full}”"),
                "Leave it out of the fixture.",
            ));
        };
        let want = golden.tensor(full)?;
        // Inside, values are larger than what the noise was recorded on.
        let size = want.abs().max().double_value(&[]).max(1.0);
        case.compare(full, got, &want, if part == name { tolerance } else { tolerance * size });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn chunks_blocks_and_tiles_are_those_of_the_reference() {
        crate::parity::check("vae");
    }
}
