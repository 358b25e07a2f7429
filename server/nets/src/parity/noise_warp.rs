//! `noise_warp/`: noise moved by flow, its way from frames and to latents.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tch::{Kind, Tensor};

use super::{Case, Golden, Report};
use crate::Error;
use crate::noise_warp::{Fresh, Warper, first_latents, frames, latent_order};

const TOLERANCE: f64 = 1e-4; // fixtures/README.md
const F16_STEP: f64 = 4e-3; // one step of f16 between 2 and 4, and some

#[derive(Deserialize)]
struct Cases {
    cases: BTreeMap<String, Value>,
    #[serde(default)]
    real_size_std: BTreeMap<String, Value>,
    #[serde(default)]
    resize_list_indices_to_72: BTreeMap<String, Vec<i64>>,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("noise_warp");
    let Some(Cases { cases, real_size_std, resize_list_indices_to_72 }) =
        super::cases(&folder.join("cases.json"))?
    else {
        return Ok(());
    };
    for (name, told) in cases {
        report.case(&name, |case| {
            let file = told["file"].as_str().unwrap_or_default();
            let golden = Golden::open(&folder.join(file))?;
            if golden.has("init_noise") && golden.has("numpy_noises_f16") {
                from_video(&told, &golden, case)
            } else if golden.has("init_noise") {
                warped(&golden, case)
            } else if golden.has("noises") {
                resized(&told, &golden, case)
            } else {
                prepared(&told, &golden, case)
            }
        });
    }
    report.case("frames of noise and of flow", |case| {
        for (frames, order) in resize_list_indices_to_72 {
            let from = frames.parse().unwrap_or_default();
            case.same(
                &format!("{frames} to {}", order.len()),
                frames::spread(from, order.len() as i64) == order,
            );
        }
        if let Some(order) = real_size_std.get("temporal_indices_72_to_22") {
            let order: Vec<i64> = order.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
            case.same("72 to 22", latent_order(72, 22) == order);
        }
        Ok(())
    });
    Ok(())
}

fn warped(golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let flows = golden.tensor("flows_dxdy")?;
    let mut warper = Warper::new(&golden.tensor("init_noise")?);
    let mut compare = |warper: &Warper, step: i64| -> Result<(), Error> {
        for (name, got) in [("state", warper.state()), ("noise", warper.noise())] {
            let name = format!("{name}{step}");
            case.compare(&name, &got, &golden.tensor(&name)?, TOLERANCE);
        }
        Ok(())
    };
    compare(&warper, 0)?;
    for step in 0..flows.size()[0] {
        warper.step(&flows.get(step), &Fresh::Given(&golden.tensor(&format!("foreign_noise{step}"))?));
        compare(&warper, step + 1)?;
    }
    Ok(())
}

fn from_video(told: &Value, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let video = golden.tensor("video_u8")?;
    let (_, h, w, _) = video.size4()?;
    let shrink = told["resize_frames"].as_f64().unwrap_or(1.0);
    let size = [h, w].map(|side| (side as f64 * shrink) as i64);
    let small = frames::resized(&video, size).to_kind(Kind::Float) / 255.0;
    let small = small.to_kind(Kind::Half);
    let want = golden.tensor("resized_frames_float16_as_f32")?;
    case.compare("resized_frames", &small, &want, 0.0);
    let flows = golden.tensor("flows_dxdy")?;
    let want = golden.tensor("numpy_flows_f16")?;
    case.compare("flows", &flows.to_kind(Kind::Half), &want, 0.0);
    let pool = told["downscale_factor"].as_i64().unwrap_or(1);
    let mut warper = Warper::new(&golden.tensor("init_noise")?);
    let mut noises = vec![warper.pooled(pool)];
    for step in 0..flows.size()[0] {
        warper.step(&flows.get(step), &Fresh::Given(&golden.tensor(&format!("foreign_noise{step}"))?));
        noises.push(warper.pooled(pool));
    }
    case.compare("noises", &Tensor::stack(&noises, 0), &golden.tensor("numpy_noises_f16")?, F16_STEP);
    Ok(())
}

fn resized(told: &Value, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let target: Vec<i64> =
        told["target_THWC"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    let &[frames, height, width, _] = &target[..] else {
        return Err(Error::input("target_THWC has not four numbers", "Give four."));
    };
    let latents = first_latents(&golden.tensor("noises")?, frames, [height, width])?;
    case.compare("latents", &latents, &golden.tensor("latents")?, TOLERANCE);
    Ok(())
}

fn prepared(told: &Value, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    for (name, told) in told["cases"].as_object().into_iter().flatten() {
        let number = |key: &str| told[key].as_i64().unwrap_or_default();
        let size = [number("height"), number("width")];
        let video = golden.tensor(&format!("{name}.video_u8"))?;
        let held = frames::held(&video, number("length"), size);
        let stored = format!("{name}.held_u8");
        case.compare(&stored, &held, &golden.tensor(&stored)?, 1.0);
        let stored = format!("{name}.out_u8");
        case.compare(&stored, &frames::cropped(&held, size), &golden.tensor(&stored)?, 1.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn noise_moves_like_that_of_the_reference() {
        crate::parity::check("noise_warp");
    }
}
