//! Denoising: the transformer over windows of a clip, step by step. Which steps there are is told in
//! [`crate::schedule`], what stands in the conditions in [`crate::prepare`]. void-spec §5.5, §5.8, §6.1.
//!
//! Latents are b f c h w and stay f32 between steps; the transformer gets them in its own kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::random::Normal;
use crate::schedule::{History, Schedule};
use crate::transformer::{Conditions, Remembered, Reuse, Rope, Transformer};
use crate::{Error, Watch};

/// Noise to begin with, the same on every device: [1, f, 16, h, w] in f32 on the CPU.
pub fn first_noise(seed: u64, shape: &[i64]) -> Tensor {
    Normal::named(seed, "latents").tensor(shape)
}

/// The stretches of latents that are denoised together: each begins `overlap` before the end of the one before.
///
/// # Errors
/// When a number cannot be worked with.
pub fn windows(frames: i64, window: i64, overlap: i64) -> Result<Vec<Range<i64>>, Error> {
    if frames < 1 || (frames > 1 && frames % 2 != 0) {
        return Err(Error::input(
            format!("a clip of {frames} latents cannot be cut into pairs"),
            "Give a number of frames that is 1 or 5 more than a multiple of 8.",
        ));
    }
    if frames <= window {
        return Ok(std::iter::once(0..frames).collect());
    }
    if window < 2 || window % 2 != 0 || overlap < 0 || overlap >= window || overlap % 2 != 0 {
        return Err(Error::input(
            format!("a window of {window} latents with an overlap of {overlap} does not work"),
            "Both must be even, and the overlap shorter than the window.",
        ));
    }
    let mut all = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + window).min(frames);
        all.push(start..end);
        if end == frames {
            return Ok(all);
        }
        start = end - overlap;
    }
}

/// How much each latent of a window counts where windows overlap.
pub fn blend_weights(window: &Range<i64>, frames: i64, overlap: i64) -> Vec<f64> {
    let length = (window.end - window.start) as usize;
    let mut weights = vec![1.0; length];
    let ramp = (overlap as usize).min(length);
    let rise = |step: usize| (step + 1) as f64 / (overlap + 1) as f64;
    if window.start > 0 {
        weights.iter_mut().take(ramp).enumerate().for_each(|(step, weight)| *weight = rise(step));
    }
    if window.end < frames {
        weights.iter_mut().rev().take(ramp).enumerate().for_each(|(step, weight)| *weight = rise(step));
    }
    weights
}

/// How strongly the prompt is followed, and what that takes.
pub enum Text {
    /// The prompt alone: [1, n, d].
    Plain(Tensor),
    /// Away from the negative prompt, towards the prompt: [2, n, d] in this order.
    Guided { both: Tensor, guidance: f64 },
}

impl Text {
    /// Guidance of 1 or less does without the negative prompt.
    pub fn new(prompt: &Tensor, negative: impl FnOnce() -> Tensor, guidance: f64) -> Self {
        if guidance > 1.0 {
            return Self::Guided { both: Tensor::cat(&[&negative(), prompt], 0), guidance };
        }
        Self::Plain(prompt.shallow_clone())
    }

    /// What the transformer gets.
    pub fn embeddings(&self) -> &Tensor {
        match self {
            Self::Plain(text) | Self::Guided { both: text, .. } => text,
        }
    }
}

/// A clip being denoised.
pub struct Denoiser<'a> {
    transformer: &'a Transformer,
    schedule: &'a Schedule,
    text: &'a Text,
    /// Mask and video latents [1, f, 32, h, w].
    inpaint: Tensor,
    windows: Vec<Range<i64>>,
    overlap: i64,
    histories: Vec<History>,
    ropes: BTreeMap<i64, Rope>,
    /// Of each window, and in it of each prompt that is asked for by itself.
    remembered: Vec<[Remembered; 2]>,
    /// How much the first block's work may change until all blocks are run again; 0 runs all of them in every step.
    pub reuse: f64,
    /// Whether both prompts are asked for in one go, where there are two.
    pub at_once: bool,
    pub watch: Watch,
}

impl<'a> Denoiser<'a> {
    /// `mask` and `video`: latents [1, 16, f, h, w]; `window` and `overlap` count latents.
    ///
    /// # Errors
    /// When the sizes do not fit each other or the model.
    pub fn new(
        transformer: &'a Transformer,
        schedule: &'a Schedule,
        text: &'a Text,
        [mask, video]: [&Tensor; 2],
        window: i64,
        overlap: i64,
    ) -> Result<Self, Error> {
        if mask.size() != video.size() {
            return Err(Error::input(
                format!("the mask's latents are {:?}, the video's {:?}", mask.size(), video.size()),
                "Give a mask of the video's size and length.",
            ));
        }
        let (_, _, frames, height, width) = video.size5()?;
        let windows = windows(frames, window, overlap)?;
        let device = video.device();
        let lengths: BTreeSet<_> = windows.iter().map(|window| window.end - window.start).collect();
        let mut ropes = BTreeMap::new();
        for length in lengths {
            ropes.insert(length, Rope::new(transformer.config(), length, [height, width], device)?);
        }
        Ok(Self {
            transformer,
            schedule,
            text,
            inpaint: Tensor::cat(&[mask, video], 1).permute([0, 2, 1, 3, 4]), // b f 32 h w
            histories: windows.iter().map(|_| History::default()).collect(),
            remembered: windows.iter().map(|_| Default::default()).collect(),
            windows,
            overlap,
            ropes,
            reuse: 0.0,
            at_once: true,
            watch: Watch::none(),
        })
    }

    /// How often the transformer will be asked in all.
    pub fn forwards(&self) -> usize {
        self.schedule.timesteps().len() * self.windows.len()
    }

    /// The stretches that are denoised together, in order.
    pub fn windows(&self) -> &[Range<i64>] {
        &self.windows
    }

    /// What the sampler remembers of a window.
    pub fn history(&self, number: usize) -> &History {
        &self.histories[number]
    }

    /// All that is remembered of a window, by name, to be kept in a file.
    pub fn memory(&self, number: usize) -> Vec<(String, Tensor)> {
        let mut all = self.histories[number].tensors();
        for (prompt, remembered) in self.remembered[number].iter().enumerate() {
            all.extend(remembered.tensors().into_iter().map(|(name, t)| (format!("{name}{prompt}"), t)));
        }
        all
    }

    /// Goes on with what [`Self::memory`] gave.
    pub fn recall(&mut self, number: usize, mut find: impl FnMut(&str) -> Option<Tensor>) {
        self.histories[number] = History::from_tensors(&mut find);
        for (prompt, remembered) in self.remembered[number].iter_mut().enumerate() {
            *remembered = Remembered::from_tensors(|name| find(&format!("{name}{prompt}")));
        }
    }

    /// How often a forward did without all but the first block.
    pub fn spared(&self) -> usize {
        self.remembered.iter().flatten().map(|remembered| remembered.spared).sum()
    }

    /// Goes on with what the sampler remembered of a window.
    pub fn remember(&mut self, number: usize, history: History) {
        self.histories[number] = history;
    }

    /// One step of every window: latents [1, f, 16, h, w] at `timesteps()[index]` → at the next. `noise` is drawn from by
    /// samplers that need some. `tick` is called behind every forward and ends the step with its error.
    pub fn step<E>(
        &mut self,
        index: usize,
        latents: &Tensor,
        noise: &mut Normal,
        mut tick: impl FnMut() -> Result<(), E>,
    ) -> Result<Tensor, E> {
        let mut all = Vec::new();
        for number in 0..self.windows.len() {
            all.push(self.window(index, number, latents, noise));
            tick()?;
        }
        Ok(self.blend(latents, &all))
    }

    /// One step of the window `number`: latents of the whole clip → the window's at the next step, [1, length, 16, h, w].
    pub fn window(&mut self, index: usize, number: usize, latents: &Tensor, noise: &mut Normal) -> Tensor {
        let window = self.windows[number].clone();
        let here = latents.narrow(1, window.start, window.end - window.start);
        let output = self.predict(index, &here, &window, number);
        let mut draw = || noise.tensor(&here.size()).to_device(here.device());
        self.schedule.step(index, &output, &here, &mut self.histories[number], &mut draw).sample
    }

    /// The windows of one step, in order, as one clip: where they overlap each fades into the next. `like`: latents of
    /// the whole clip.
    pub fn blend(&self, like: &Tensor, windows: &[Tensor]) -> Tensor {
        if let [whole] = windows {
            return whole.shallow_clone();
        }
        let frames = like.size()[1];
        let options = (Kind::Float, like.device());
        let sum = Tensor::zeros(like.size(), options);
        let total = Tensor::zeros([1, frames, 1, 1, 1], options);
        for (window, next) in self.windows.iter().zip(windows) {
            let length = window.end - window.start;
            let weights = blend_weights(window, frames, self.overlap);
            let weights = Tensor::from_slice(&weights).to_kind(Kind::Float).to_device(like.device());
            let weights = weights.view([1, length, 1, 1, 1]);
            let _ = sum.narrow(1, window.start, length).g_add_(&(next * &weights));
            let _ = total.narrow(1, window.start, length).g_add_(&weights);
        }
        sum / total.clamp_min(f64::MIN_POSITIVE)
    }

    /// What the transformer says of one window, guidance applied, in f32.
    fn predict(&mut self, index: usize, latents: &Tensor, window: &Range<i64>, number: usize) -> Tensor {
        let (b, _, c, h, w) = latents.size5().expect("[b, f, c, h, w]");
        let length = window.end - window.start;
        let text = self.text.embeddings();
        let batch = text.size()[0];
        let repeated = |t: &Tensor, channels: i64| t.expand([b * batch, length, channels, h, w], false);
        let kind = self.inpaint.kind();
        let input = self.schedule.scale_input(index, latents).to_kind(kind);
        let input = repeated(&input, c);
        let inpaint = self.inpaint.narrow(1, window.start, length);
        let inpaint = repeated(&inpaint, inpaint.size()[2]);
        let timestep = self.schedule.timesteps()[index];
        self.watch.see(format_args!("inpaint_latents_{index}_{number}"), &inpaint);
        self.watch.see(format_args!("transformer_in_{index}_{number}"), &input);
        // All at once, or prompt by prompt.
        let pieces = if self.at_once { 1 } else { batch };
        let each = b * batch / pieces;
        let mut outputs = Vec::new();
        for piece in 0..pieces {
            let part = |t: &Tensor| t.narrow(0, piece * each, each);
            let (input, inpaint, text) = (part(&input), part(&inpaint), part(text));
            let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &self.ropes[&length] };
            let timesteps = vec![timestep; each as usize];
            let remembered = &mut self.remembered[number][piece as usize];
            outputs.push(if self.reuse > 0.0 {
                let reuse = Reuse { remembered, most: self.reuse };
                self.transformer.forward_reusing(&input, &timesteps, &conditions, reuse)
            } else {
                self.transformer.forward(&input, &timesteps, &conditions)
            });
        }
        let output = match &outputs[..] {
            [output] => output.shallow_clone(),
            parts => Tensor::cat(parts, 0),
        };
        self.watch.see(format_args!("transformer_out_{index}_{number}"), &output);
        let output = output.to_kind(Kind::Float);
        match self.text {
            Text::Plain(_) => output,
            Text::Guided { guidance, .. } => {
                let halves = output.chunk(2, 0);
                &halves[0] + (&halves[1] - &halves[0]) * *guidance
            }
        }
    }
}

/// Frames of the autoencoder, −1…1 → 0…1, in f32.
pub fn finished(frames: &Tensor) -> Tensor {
    (frames.to_kind(Kind::Float) / 2.0 + 0.5).clamp(0.0, 1.0)
}

/// Frames 0…1 [1, 3, f, h, w] → u8 [f, h, w, 3] on the CPU, cut off and not rounded, as the reference writes them.
pub fn pixels(frames: &Tensor) -> Tensor {
    (frames.squeeze_dim(0).permute([1, 2, 3, 0]) * 255.0)
        .to_kind(Kind::Uint8)
        .to_device(Device::Cpu)
        .contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_the_reference() {
        let ends = |frames| -> Vec<_> {
            windows(frames, 22, 4).unwrap().into_iter().map(|window| (window.start, window.end)).collect()
        };
        assert_eq!(ends(22), [(0, 22)]);
        assert_eq!(ends(24), [(0, 22), (18, 24)]);
        assert_eq!(ends(40), [(0, 22), (18, 40)]);
        assert_eq!(ends(50), [(0, 22), (18, 40), (36, 50)]);
        assert_eq!(ends(1), [(0, 1)]);
        for (frames, window, overlap) in [(23, 22, 4), (24, 21, 4), (24, 22, 22), (0, 22, 4)] {
            assert!(windows(frames, window, overlap).is_err(), "{frames} {window} {overlap}");
        }
    }

    #[test]
    fn overlapping_windows_count_as_one() {
        let all = windows(50, 22, 4).unwrap();
        let mut sums = vec![0.0; 50];
        for window in &all {
            for (at, weight) in window.clone().zip(blend_weights(window, 50, 4)) {
                sums[at as usize] += weight;
            }
        }
        assert!(sums.iter().all(|sum: &f64| (sum - 1.0).abs() < 1e-12), "{sums:?}");
        assert_eq!(blend_weights(&(18..24), 24, 4)[..4], [0.2, 0.4, 0.6, 0.8]);
    }

    /// Denoises 8 latents in two windows; how often a forward was spared, and what came out.
    fn denoised(reuse: f64, at_once: bool, steps: i64) -> (usize, Tensor) {
        use crate::transformer::Config;
        use crate::{Weights, schedule};
        crate::use_one_thread();
        let transformer = Transformer::new(&Weights::seeded(5), Config::tiny()).unwrap();
        let schedule = Schedule::new(&schedule::Config::void(), schedule::Sampler::Ddim, steps).unwrap();
        let draw = |name: &str, shape: &[i64]| Normal::named(3, name).tensor(shape);
        let text = Text::new(&draw("prompt", &[1, 226, 24]), || draw("negative", &[1, 226, 24]), 4.0);
        let (mask, video) = (draw("mask", &[1, 16, 8, 8, 6]), draw("video", &[1, 16, 8, 8, 6]));
        let mut denoiser = Denoiser::new(&transformer, &schedule, &text, [&mask, &video], 6, 2).unwrap();
        (denoiser.reuse, denoiser.at_once) = (reuse, at_once);
        let mut latents = first_noise(1, &[1, 8, 16, 8, 6]);
        for index in 0..schedule.timesteps().len() {
            let tick = || Ok::<_, std::convert::Infallible>(());
            latents = denoiser.step(index, &latents, &mut Normal::new(1), tick).unwrap();
        }
        (denoiser.spared(), latents)
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let power = |t: &Tensor| t.square().mean(Kind::Float).double_value(&[]).sqrt();
        power(&(a - b)) / power(b)
    }

    #[test]
    fn prompts_asked_for_one_by_one_say_the_same() {
        let (_, together) = denoised(0.0, true, 3);
        let (_, apart_) = denoised(0.0, false, 3);
        let error = apart(&apart_, &together);
        assert!(error < 1e-5, "{error}");
    }

    /// Random blocks change more from step to step than those that learnt: short steps, and large thresholds.
    const STEPS: i64 = 40;

    #[test]
    fn what_is_reused_spares_blocks_at_a_small_error() {
        let (none, whole) = denoised(0.0, true, STEPS);
        assert_eq!(none, 0);
        // A threshold that nothing meets changes no bit.
        let (none, same) = denoised(1e-9, true, STEPS);
        assert_eq!((none, same), (0, whole.shallow_clone()));
        let mut last = 0;
        for threshold in [0.3, 0.6, 0.9] {
            let (spared, rough) = denoised(threshold, true, STEPS);
            let error = apart(&rough, &whole);
            println!("reuse {threshold}: {spared} of 80 forwards spared, latents {:.2} % off", 100.0 * error);
            assert!(
                spared >= last && spared < 2 * STEPS as usize && error < 1.0,
                "{threshold}: {spared}, {error}"
            );
            last = spared;
        }
        assert!(last > 0);
        assert!(denoised(0.9, false, STEPS).0 > 0);
    }
}
