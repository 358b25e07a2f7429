//! The tables that all samplers share: shares of signal, spread of the steps, noise over signal.

use tch::{Device, Kind, Tensor};

use super::{Config, Sampler, Spacing};

const ALMOST_ZERO: f64 = 1.0 / 16_777_216.0; // 2⁻²⁴ in place of ᾱ = 0 where noise is divided by signal.

/// ᾱ at every step of the training.
pub fn alphas(config: &Config, sampler: Sampler) -> Vec<f64> {
    let kind = if sampler == Sampler::DdimCog { Kind::Double } else { Kind::Float };
    let (start, end) = (config.beta_start.sqrt(), config.beta_end.sqrt());
    let roots = Tensor::linspace(start, end, config.num_train_timesteps, (kind, Device::Cpu));
    let mut alphas = cumulated(&roots.square());
    if sampler == Sampler::DdimCog {
        let shift = config.snr_shift_scale;
        alphas = &alphas / (&alphas * (1.0 - shift) + shift);
    }
    if config.rescale_betas_zero_snr && sampler != Sampler::Pndm {
        let rescaled = without_signal_at_the_end(&alphas);
        alphas = match sampler {
            Sampler::DdimCog => rescaled,
            // The reference goes back to betas and cumulates again, in f32.
            _ => {
                let ratios = rescaled.slice(0, 1, None, 1) / rescaled.slice(0, None, -1, 1);
                cumulated(&(-Tensor::cat(&[rescaled.slice(0, None, 1, 1), ratios], 0) + 1.0))
            }
        };
        if matches!(sampler, Sampler::Dpmpp | Sampler::Euler | Sampler::EulerAncestral) {
            let _ = alphas.get(-1).fill_(ALMOST_ZERO);
        }
    }
    Vec::try_from(alphas.to_kind(Kind::Double)).expect("one axis")
}

fn cumulated(betas: &Tensor) -> Tensor {
    (-betas + 1.0).cumprod(0, betas.kind())
}

/// √ᾱ moved and stretched so that it ends at 0 and begins as before.
fn without_signal_at_the_end(alphas: &Tensor) -> Tensor {
    let roots = alphas.sqrt();
    let (first, last) = (roots.get(0), roots.get(-1));
    ((&roots - &last) * (&first / (&first - &last))).square()
}

/// In the order in which they are taken.
pub fn timesteps(config: &Config, sampler: Sampler, steps: i64) -> Vec<f64> {
    let train = config.num_train_timesteps;
    let count = 0..steps;
    match config.timestep_spacing {
        Spacing::Trailing => trailing(train, steps),
        Spacing::Leading => {
            // DPM++ leaves the step without noise out.
            let skipped = i64::from(sampler == Sampler::Dpmpp);
            let stride = train / (steps + skipped);
            count.rev().map(|step| ((step + skipped) * stride + config.steps_offset) as f64).collect()
        }
        Spacing::Linspace => {
            let intervals = if sampler == Sampler::Dpmpp { steps } else { steps - 1 };
            let at = |step: i64| match intervals {
                0 => 0.0,
                _ => (train - 1) as f64 * step as f64 / intervals as f64,
            };
            let exact = matches!(sampler, Sampler::Euler | Sampler::EulerAncestral);
            (intervals + 1 - steps..=intervals)
                .rev()
                .map(|step| if exact { f64::from(at(step) as f32) } else { at(step).round_ties_even() })
                .collect()
        }
    }
}

/// round(N − k·N/n) − 1, halves to even.
pub fn trailing(train: i64, steps: i64) -> Vec<f64> {
    let stride = train as f64 / steps as f64;
    (0..steps).map(|step| (train as f64 - step as f64 * stride).round_ties_even() - 1.0).collect()
}

/// √((1−ᾱ)/ᾱ) at each timestep, interpolated between those of the training, with 0 behind the last.
pub fn sigmas(alphas: &[f64], timesteps: &[f64]) -> Vec<f64> {
    let sigma = |index: usize| {
        let alpha = alphas[index] as f32;
        f64::from(((1.0 - alpha) / alpha).sqrt())
    };
    let at = |timestep: &f64| {
        let below = timestep.floor().clamp(0.0, (alphas.len() - 1) as f64);
        let (index, part) = (below as usize, timestep - below);
        let here = sigma(index);
        let exact = if part > 0.0 { here + (sigma(index + 1) - here) * part } else { here };
        f64::from(exact as f32)
    };
    timesteps.iter().map(at).chain([0.0]).collect()
}
