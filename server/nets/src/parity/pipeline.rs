//! `pipeline/`: the whole of pass 1, from pixels and mask to frames, in one and in several windows.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tch::{Kind, Tensor};

use super::{Case, Golden, Noise, Report, schedule, t5, transformer, vae};
use crate::prepare::{self, Levels};
use crate::random::Normal;
use crate::sample::{Denoiser, Text, finished};
use crate::schedule::{Config, Schedule};
use crate::t5::{T5, Tokenizer};
use crate::transformer::Transformer;
use crate::vae::Vae;
use crate::{Error, Watch};

const LATENT_TOLERANCE: f64 = 1e-4; // fixtures/README.md
const FRAME_TOLERANCE: f64 = 5e-5; // fixtures/README.md
const STRIDE: i64 = 16; // temporal_multidiffusion_stride, in frames
const FRAMES_PER_LATENT: i64 = 4;

#[derive(Deserialize)]
struct Cases {
    prompt: String,
    #[serde(default, rename = "negative_prompt (used when gs>1)")]
    negative_prompt: String,
    cases: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
pub struct Told {
    pub file: String,
    window: i64,
    gs: f64,
    steps: i64,
    use_trimask: bool,
    scheduler_class: Option<String>,
    sched: Option<String>,
    stride: Option<i64>,
    #[serde(default)]
    add_noise: bool,
    #[serde(default)]
    zero_out: bool,
    #[serde(default)]
    fp32_vs_fp64: BTreeMap<String, Noise>,
}

/// The tiny model of the fixtures with a prompt.
pub struct Model {
    transformer: Transformer,
    vae: Vae,
    t5: T5,
    tokenizer: Tokenizer,
    scheduler: Config,
    prompt: String,
    negative: String,
}

impl Model {
    pub fn open(fixtures: &Path, prompt: String, negative: String) -> Result<Self, Error> {
        let folder = fixtures.join("pipeline/model");
        Ok(Self {
            transformer: transformer::open(&folder.join("transformer"))?,
            vae: vae::open(fixtures)?,
            t5: t5::open(fixtures)?,
            tokenizer: Tokenizer::open(&folder.join("tokenizer/spiece.model"))?,
            scheduler: Config::read(&folder.join("scheduler/scheduler_config.json"))?,
            prompt,
            negative,
        })
    }

    fn embed(&self, text: &str) -> Tensor {
        self.t5.forward(&self.tokenizer.prompt(text).tensor())
    }
}

pub fn run(fixtures: &Path, report: &mut Report) -> Result<(), Error> {
    let folder = fixtures.join("pipeline");
    let Some(Cases { prompt, negative_prompt, cases }) = super::cases(&folder.join("cases.json"))? else {
        return Ok(());
    };
    let model = Model::open(fixtures, prompt, negative_prompt)?;
    for (name, told) in cases {
        report.case(&name, |case| {
            let golden = Golden::open(&folder.join(&told.file))?;
            let noise = golden.tensor("noise")?;
            whole(&model, &told, &golden, &noise, case)
        });
    }
    Ok(())
}

/// One pass from its first latents to frames.
pub fn whole(
    model: &Model,
    told: &Told,
    golden: &Golden,
    noise: &Tensor,
    case: &mut Case,
) -> Result<(), Error> {
    let mut compare = |name: &str, got: &Tensor, suggested: f64, noise: &str| -> Result<(), Error> {
        if golden.has(name) {
            let tolerance = Noise::tolerance(told.fp32_vs_fp64.get(noise), suggested);
            case.compare(name, got, &golden.tensor(name)?, tolerance);
        }
        Ok(())
    };
    let video =
        golden.tensor("video_u8_thwc")?.to_kind(Kind::Float).permute([3, 0, 1, 2]).unsqueeze(0) / 255.0;
    let quadmask = golden.tensor("quadmask_u8_thw")?.to_kind(Kind::Float);
    let mask = ((-quadmask + 255.0) / 255.0).unsqueeze(0).unsqueeze(0);
    let mask = prepare::quantise(&mask, if told.use_trimask { Levels::Three } else { Levels::Two });
    let mask_picture = prepare::mask_picture(&mask);
    compare("mask_to_vae", &mask_picture.narrow(1, 0, 1), 1e-6, "")?;
    let mut picture = prepare::video_picture(&video);
    if told.zero_out {
        picture = prepare::without_removed(&picture, &mask);
        compare("masked_video_pixels", &picture, 1e-6, "")?;
    }
    if told.add_noise {
        picture = prepare::with_noise(&picture, &golden.tensor("noise_aug_randn")?);
    }
    let mask_latents = model.vae.encode(&mask_picture);
    let video_latents = model.vae.encode(&picture);
    compare("mask_latents", &mask_latents, FRAME_TOLERANCE, "mask_latents")?;
    compare("masked_video_latents", &video_latents, FRAME_TOLERANCE, "masked_video_latents")?;

    let prompt = model.embed(&model.prompt);
    let text = Text::new(&prompt, || model.embed(&model.negative), told.gs);
    compare("prompt_embeds_model_input", text.embeddings(), LATENT_TOLERANCE, "")?;
    let class = match (&told.scheduler_class, told.sched.as_deref()) {
        (Some(class), _) => class.as_str(),
        (None, Some("DDIM_Cog")) => "CogVideoXDDIMScheduler",
        (None, _) => "DDIMScheduler",
    };
    let schedule = Schedule::new(&model.scheduler, schedule::sampler(class)?, told.steps)?;
    compare("timesteps", &Tensor::from_slice(schedule.timesteps()), 0.0, "")?;
    // An odd window is shortened by one.
    let window = ((told.window - 1) / FRAMES_PER_LATENT + 1) / 2 * 2;
    let overlap = told.stride.unwrap_or(STRIDE) / FRAMES_PER_LATENT;
    let latents = [&mask_latents, &video_latents];
    let mut denoiser = Denoiser::new(&model.transformer, &schedule, &text, latents, window, overlap)?;
    denoiser.watch = Watch::all();
    let mut x = noise * schedule.first_sigma();
    let mut after = Vec::new();
    for index in 0..schedule.timesteps().len() {
        x = denoiser.step(index, &x, &mut Normal::new(0), || Ok::<_, Error>(()))?;
        after.push(x.shallow_clone());
    }
    let seen = std::mem::take(&mut denoiser.watch).seen();
    compare(
        "inpaint_latents_first_call",
        &seen["inpaint_latents_0_0"],
        FRAME_TOLERANCE,
        "masked_video_latents",
    )?;
    compare("transformer_in_call0", &seen["transformer_in_0_0"], LATENT_TOLERANCE, "")?;
    compare("transformer_out_call0", &seen["transformer_out_0_0"], LATENT_TOLERANCE, "final_latents")?;
    if let Some(second) = seen.get("transformer_out_0_1") {
        compare("transformer_out_call1", second, LATENT_TOLERANCE, "final_latents")?;
    }
    compare("latents_after_step", &Tensor::stack(&after, 0), LATENT_TOLERANCE, "final_latents")?;
    compare("final_latents", &x, LATENT_TOLERANCE, "final_latents")?;
    let frames = finished(&model.vae.decode(&x.permute([0, 2, 1, 3, 4])));
    compare("decoded_frames", &frames, FRAME_TOLERANCE, "video")
}

#[cfg(test)]
mod tests {
    #[test]
    fn pass_1_gives_the_frames_of_the_reference() {
        crate::parity::check("pipeline");
    }
}
