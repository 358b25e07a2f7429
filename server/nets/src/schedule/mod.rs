//! Noise schedules: which steps a sampler takes and how each turns noise and a prediction into a cleaner sample. Who
//! predicts, and in which windows, is told in [`crate::sample`].
//!
//! Reference: the schedulers of diffusers 0.33.1 that Netflix/void-model@66e9c0e selects by name. Tables are made in the
//! precision that the reference makes them in; steps compute in f64.

mod ddim;
mod dpmpp;
mod euler;
mod pndm;
mod tables;

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::Error;

/// The samplers of the reference, by its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// `DDIM_Origin`: pass 1.
    Ddim,
    /// `DDIM_Cog`: pass 2. The same steps from a table with the shift of the signal-to-noise ratio.
    DdimCog,
    /// `DPM++`: second order, multistep.
    Dpmpp,
    Euler,
    /// `Euler A`: draws fresh noise at every step.
    EulerAncestral,
    Pndm,
}

/// `scheduler/scheduler_config.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub num_train_timesteps: i64,
    pub beta_start: f64,
    pub beta_end: f64,
    pub beta_schedule: String,
    pub prediction_type: String,
    #[serde(default)]
    pub rescale_betas_zero_snr: bool,
    #[serde(default)]
    pub clip_sample: bool,
    #[serde(default = "yes")]
    pub set_alpha_to_one: bool,
    #[serde(default)]
    pub steps_offset: i64,
    pub timestep_spacing: Spacing,
    #[serde(default = "one")]
    pub snr_shift_scale: f64,
}

/// How the steps are spread over those of the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    Trailing,
    Leading,
    Linspace,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

impl Config {
    /// Reads `scheduler_config.json`.
    ///
    /// # Errors
    /// When it cannot be read or asks for what no checkpoint of this model uses.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config: Self = crate::read_json(path)?;
        let bad = |reason: String| Err(Error::BadFile { path: path.to_owned(), reason });
        if config.beta_schedule != "scaled_linear" {
            return bad(format!(
                "beta_schedule is “{}”, only “scaled_linear” is known",
                config.beta_schedule
            ));
        }
        if config.prediction_type != "v_prediction" {
            return bad(format!(
                "prediction_type is “{}”, only “v_prediction” is known",
                config.prediction_type
            ));
        }
        if config.clip_sample || !config.set_alpha_to_one {
            return bad("clip_sample must be false and set_alpha_to_one true".to_owned());
        }
        if config.num_train_timesteps < 1 {
            return bad("num_train_timesteps must be at least 1".to_owned());
        }
        Ok(config)
    }

    /// The published one: CogVideoX-Fun-V1.5-5b-InP.
    pub fn void() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.00085,
            beta_end: 0.012,
            beta_schedule: "scaled_linear".to_owned(),
            prediction_type: "v_prediction".to_owned(),
            rescale_betas_zero_snr: true,
            clip_sample: false,
            set_alpha_to_one: true,
            steps_offset: 0,
            timestep_spacing: Spacing::Trailing,
            snr_shift_scale: 1.0,
        }
    }
}

/// A sampler with its steps laid out.
pub struct Schedule {
    sampler: Sampler,
    train_steps: i64,
    steps: i64,
    timesteps: Vec<f64>,
    /// The share of signal, ᾱ, at every step of the training.
    alphas: Vec<f64>,
    /// Noise over signal at every step and 0 behind the last: DPM++ and Euler.
    sigmas: Vec<f64>,
    first_sigma: f64,
}

/// What a sampler remembers of the steps before; each window has its own.
#[derive(Default)]
pub struct History {
    outputs: Vec<Tensor>,
    sum: Option<Tensor>,
    origin: Option<Tensor>,
}

impl History {
    /// What it remembers, by name, to be kept in a file.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut all = Vec::new();
        for (at, output) in self.outputs.iter().enumerate() {
            all.push((format!("output{at}"), output.shallow_clone()));
        }
        for (name, tensor) in [("sum", &self.sum), ("origin", &self.origin)] {
            all.extend(tensor.as_ref().map(|tensor| (name.to_owned(), tensor.shallow_clone())));
        }
        all
    }

    /// From what [`Self::tensors`] gave.
    pub fn from_tensors(mut find: impl FnMut(&str) -> Option<Tensor>) -> Self {
        let outputs = (0..).map_while(|at| find(&format!("output{at}"))).collect();
        Self { outputs, sum: find("sum"), origin: find("origin") }
    }
}

pub struct Step {
    /// The sample at the next step, f32.
    pub sample: Tensor,
    /// The clean sample as predicted now, for the samplers that name one.
    pub clean: Option<Tensor>,
}

impl Schedule {
    /// # Errors
    /// When the number of steps is 0 or more than the model was trained with.
    pub fn new(config: &Config, sampler: Sampler, steps: i64) -> Result<Self, Error> {
        let train_steps = config.num_train_timesteps;
        let most = if sampler == Sampler::Dpmpp { train_steps - 1 } else { train_steps };
        let least = if sampler == Sampler::Pndm { 4 } else { 1 };
        if steps < least || steps > most {
            return Err(Error::input(
                format!("{steps} steps were asked for"),
                format!("This sampler can take {least} to {most}."),
            ));
        }
        let timesteps = match sampler {
            Sampler::Pndm => pndm::timesteps(config, steps),
            _ => tables::timesteps(config, sampler, steps),
        };
        let alphas = tables::alphas(config, sampler);
        let sigmas = tables::sigmas(&alphas, &timesteps);
        let largest = sigmas.iter().copied().fold(0.0, f64::max);
        let first_sigma = match (sampler, config.timestep_spacing) {
            (Sampler::Euler | Sampler::EulerAncestral, Spacing::Leading) => (largest * largest + 1.0).sqrt(),
            (Sampler::Euler | Sampler::EulerAncestral, _) => largest,
            _ => 1.0,
        };
        Ok(Self { sampler, train_steps, steps, timesteps, alphas, sigmas, first_sigma })
    }

    /// What the network is told at each step.
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// The first sample is standard normal noise times this.
    pub fn first_sigma(&self) -> f64 {
        self.first_sigma
    }

    /// ᾱ at every step of the training.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// Empty for the samplers that count in ᾱ.
    pub fn sigmas(&self) -> &[f64] {
        if self.counts_in_sigma() || self.sampler == Sampler::Dpmpp { &self.sigmas } else { &[] }
    }

    /// The sample as the network wants it at this step.
    pub fn scale_input(&self, index: usize, sample: &Tensor) -> Tensor {
        if self.counts_in_sigma() {
            let sigma = self.sigmas[index];
            return sample / (sigma * sigma + 1.0).sqrt();
        }
        sample.shallow_clone()
    }

    /// One step: `output` is what the network predicted for `sample` at `timesteps()[index]`, of the same shape.
    /// `noise` is called by Euler A alone, for standard normal numbers of that shape.
    pub fn step(
        &self,
        index: usize,
        output: &Tensor,
        sample: &Tensor,
        history: &mut History,
        noise: &mut dyn FnMut() -> Tensor,
    ) -> Step {
        let (output, sample) = (output.to_kind(Kind::Double), sample.to_kind(Kind::Double));
        let (next, clean) = match self.sampler {
            Sampler::Ddim => self.ddim(index, &output, &sample),
            Sampler::DdimCog => self.ddim_cog(index, &output, &sample),
            Sampler::Dpmpp => (self.dpmpp(index, &output, &sample, history), None),
            Sampler::Euler => self.euler(index, &output, &sample),
            Sampler::EulerAncestral => self.euler_ancestral(index, &output, &sample, &noise()),
            Sampler::Pndm => (self.pndm(index, output, sample, history), None),
        };
        Step { sample: next.to_kind(Kind::Float), clean: clean.map(|clean| clean.to_kind(Kind::Float)) }
    }

    /// A clean sample with as much noise as the one at `timesteps()[index]` has.
    pub fn add_noise(&self, index: usize, clean: &Tensor, noise: &Tensor) -> Tensor {
        if self.counts_in_sigma() {
            return clean + noise * self.sigmas[index];
        }
        let (signal, rest) = if self.sampler == Sampler::Dpmpp {
            dpmpp::signal_and_noise(self.sigmas[index])
        } else {
            let alpha = self.alpha_at(self.timesteps[index] as i64);
            (alpha.sqrt(), (1.0 - alpha).sqrt())
        };
        clean * signal + noise * rest
    }

    fn counts_in_sigma(&self) -> bool {
        matches!(self.sampler, Sampler::Euler | Sampler::EulerAncestral)
    }

    /// ᾱ at a step of the training; all is signal before the first.
    fn alpha_at(&self, timestep: i64) -> f64 {
        usize::try_from(timestep).map_or(1.0, |timestep| self.alphas[timestep])
    }

    /// How many steps of the training one step jumps: whole, so not always as far as the next timestep.
    fn stride(&self) -> i64 {
        self.train_steps / self.steps
    }
}
