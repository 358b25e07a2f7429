//! `scheduler/`: every sampler over its whole schedule.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Kind, Tensor};

use super::{Case, Golden, Report};
use crate::Error;
use crate::schedule::{Config, History, Sampler, Schedule};

const TOLERANCE: f64 = 1e-5; // fixtures/README.md, relative to samples larger than 1

#[derive(Deserialize)]
struct Cases {
    cases: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Told {
    class: String,
    num_inference_steps: i64,
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("scheduler");
    let Some(Cases { cases }) = super::cases(&folder.join("cases.json"))? else { return Ok(()) };
    for (file, Told { class, num_inference_steps }) in cases {
        report.case(&file, |case| {
            let path = folder.join(&file);
            let config = path.with_file_name("scheduler").join("scheduler_config.json");
            let schedule = Schedule::new(&Config::read(&config)?, sampler(&class)?, num_inference_steps)?;
            one(&schedule, &Golden::open(&path)?, case)
        });
    }
    Ok(())
}

/// The class of diffusers for each.
pub fn sampler(class: &str) -> Result<Sampler, Error> {
    Ok(match class {
        "DDIMScheduler" => Sampler::Ddim,
        "CogVideoXDDIMScheduler" => Sampler::DdimCog,
        "DPMSolverMultistepScheduler" => Sampler::Dpmpp,
        "EulerDiscreteScheduler" => Sampler::Euler,
        "EulerAncestralDiscreteScheduler" => Sampler::EulerAncestral,
        "PNDMScheduler" => Sampler::Pndm,
        _ => return Err(Error::input(format!("“{class}” is no known scheduler"), "Leave this case out.")),
    })
}

fn one(schedule: &Schedule, golden: &Golden, case: &mut Case) -> Result<(), Error> {
    let tensor = |name: &str| golden.tensor(name);
    case.compare("timesteps", &Tensor::from_slice(schedule.timesteps()), &tensor("timesteps")?, 0.0);
    if golden.has("alphas_cumprod") {
        let alphas = Tensor::from_slice(schedule.alphas());
        case.compare("alphas_cumprod", &alphas, &tensor("alphas_cumprod")?, TOLERANCE);
    }
    if golden.has("sigmas") {
        let want = tensor("sigmas")?;
        let tolerance = TOLERANCE * want.max().double_value(&[]);
        case.compare("sigmas", &Tensor::from_slice(schedule.sigmas()), &want, tolerance);
    }
    let sigma = tensor("init_noise_sigma")?;
    let sigma_tolerance = TOLERANCE * sigma.double_value(&[]);
    let first_sigma = Tensor::from(schedule.first_sigma());
    case.compare("init_noise_sigma", &first_sigma, &sigma, sigma_tolerance);

    let outputs = tensor("model_outputs")?;
    let (scaled, wanted) = (tensor("scaled_model_input")?, tensor("prev_sample")?);
    let (mut stepped, mut inputs, mut clean, mut limits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut sample = tensor("init_sample")?;
    let mut history = History::default();
    let fresh = golden.has("variance_noise").then(|| tensor("variance_noise")).transpose()?;
    for index in 0..schedule.timesteps().len() {
        inputs.push(schedule.scale_input(index, &sample));
        let at = index as i64;
        let mut noise = || fresh.as_ref().expect("fixtures of Euler A hold their noise").get(at);
        let step = schedule.step(index, &outputs.get(at), &sample, &mut history, &mut noise);
        limits.push(TOLERANCE * sample.abs().max().double_value(&[]).max(1.0));
        stepped.push(step.sample);
        clean.extend(step.clean);
        // From the reference's own sample, so that what one step rounds is not charged to the next.
        sample = wanted.get(at);
    }
    case.compare("scaled_model_input", &Tensor::stack(&inputs, 0), &scaled, TOLERANCE);
    for (index, step) in stepped.iter().enumerate() {
        let name = format!("prev_sample[{index}]");
        case.compare(&name, step, &wanted.get(index as i64), limits[index]);
    }
    if golden.has("pred_original_sample") {
        let want = tensor("pred_original_sample")?;
        for (index, clean) in clean.iter().enumerate() {
            let name = format!("pred_original_sample[{index}]");
            case.compare(&name, clean, &want.get(index as i64), limits[index]);
        }
    }
    let timestep = tensor("add_noise.timestep")?.to_kind(Kind::Double).double_value(&[0]);
    let index = schedule.timesteps().iter().position(|other| *other == timestep);
    let index = index.ok_or_else(|| Error::input("add_noise.timestep is no step", "Leave this case out."))?;
    let noisy = schedule.add_noise(index, &tensor("add_noise.sample")?, &tensor("add_noise.noise")?);
    let want = tensor("add_noise.out")?;
    let tolerance = TOLERANCE * want.abs().max().double_value(&[]).max(1.0);
    case.compare("add_noise", &noisy, &want, tolerance);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_sampler_steps_like_its_reference() {
        crate::parity::check("scheduler");
    }
}
