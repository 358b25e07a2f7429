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
    /// The numbers of windows that are asked for in one go.
    groups: Vec<Range<usize>>,
    /// Of each group.
    histories: Vec<History>,
    ropes: BTreeMap<i64, Rope>,
    /// Of each group, and in it of each prompt that is asked for by itself.
    remembered: Vec<[Remembered; 2]>,
    /// How much the first block's work may change until all blocks are run again; 0 runs all of them in every step.
    pub reuse: f64,
    /// Whether both prompts are asked for in one go, where there are two.
    pub at_once: bool,
    /// Whether the transformer goes over its numbers in as few passes as can be.
    pub fused: bool,
    pub watch: Watch,
}

/// Windows that are denoised in one go: neighbours of the same length, at most `most` of them.
pub fn groups(windows: &[Range<i64>], most: usize) -> Vec<Range<usize>> {
    let length = |number: usize| windows[number].end - windows[number].start;
    let mut all: Vec<Range<usize>> = Vec::new();
    for number in 0..windows.len() {
        match all.last_mut() {
            Some(group) if group.len() < most && length(group.start) == length(number) => group.end += 1,
            _ => all.push(number..number + 1),
        }
    }
    all
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
            groups: Vec::new(),
            histories: Vec::new(),
            remembered: Vec::new(),
            windows,
            overlap,
            ropes,
            reuse: 0.0,
            at_once: true,
            fused: false,
            watch: Watch::none(),
        }
        .with_windows_at_once(1))
    }

    /// With so many windows in one go at most, where they are of the same length; nothing is remembered yet.
    pub fn with_windows_at_once(self, most: usize) -> Self {
        let groups = groups(&self.windows, most);
        let histories = groups.iter().map(|_| History::default()).collect();
        let remembered = groups.iter().map(|_| Default::default()).collect();
        Self { groups, histories, remembered, ..self }
    }

    /// The numbers of the windows that are asked for in one go, in order.
    pub fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    /// All that is remembered of a group of windows, by name, to be kept in a file.
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
        for number in 0..self.groups.len() {
            all.push(self.group(index, number, latents, &mut |_, shape| noise.tensor(shape)));
            tick()?;
        }
        Ok(self.blend(latents, &all))
    }

    /// One step of the group `number`: latents of the whole clip → those of its windows at the next step, [windows, length,
    /// 16, h, w]. `noise` gives standard normal numbers for a window and is asked at most once for each, in order.
    pub fn group(
        &mut self,
        index: usize,
        number: usize,
        latents: &Tensor,
        noise: &mut dyn FnMut(usize, &[i64]) -> Tensor,
    ) -> Tensor {
        let group = self.groups[number].clone();
        let here = self.cut(&group, latents); // windows length 16 h w
        let output = self.predict(index, &here, &group, number);
        let mut shape = here.size();
        shape[0] = 1;
        let mut draw = || {
            let all: Vec<_> = group.clone().map(|window| noise(window, &shape)).collect();
            Tensor::cat(&all, 0).to_device(here.device())
        };
        self.schedule.step(index, &output, &here, &mut self.histories[number], &mut draw).sample
    }

    /// The stretches of a group's windows, one above the other: [1, f, c, h, w] → [windows, length, c, h, w].
    fn cut(&self, group: &Range<usize>, clip: &Tensor) -> Tensor {
        let windows = self.windows[group.clone()].iter();
        let all: Vec<_> =
            windows.map(|window| clip.narrow(1, window.start, window.end - window.start)).collect();
        Tensor::cat(&all, 0)
    }

    /// What [`Self::group`] made of all groups in one step, in order, as one clip: where windows overlap each fades into the
    /// next. `like`: latents of the whole clip.
    pub fn blend(&self, like: &Tensor, groups: &[Tensor]) -> Tensor {
        let windows: Vec<Tensor> = groups.iter().flat_map(|group| group.split(1, 0)).collect();
        if let [whole] = &windows[..] {
            return whole.shallow_clone();
        }
        let frames = like.size()[1];
        let options = (Kind::Float, like.device());
        let sum = Tensor::zeros(like.size(), options);
        let total = Tensor::zeros([1, frames, 1, 1, 1], options);
        for (window, next) in self.windows.iter().zip(&windows) {
            let length = window.end - window.start;
            let weights = blend_weights(window, frames, self.overlap);
            let weights = Tensor::from_slice(&weights).to_kind(Kind::Float).to_device(like.device());
            let weights = weights.view([1, length, 1, 1, 1]);
            let _ = sum.narrow(1, window.start, length).g_add_(&(next * &weights));
            let _ = total.narrow(1, window.start, length).g_add_(&weights);
        }
        sum / total.clamp_min(f64::MIN_POSITIVE)
    }

    /// What the transformer says of the windows of a group, [windows, length, 16, h, w], guidance applied, in f32.
    fn predict(&mut self, index: usize, latents: &Tensor, group: &Range<usize>, number: usize) -> Tensor {
        let (count, length, ..) = latents.size5().expect("[windows, length, c, h, w]");
        // Prompt by prompt, and in each window by window.
        let prompts = self.text.embeddings().size()[0];
        let text = self.text.embeddings().repeat_interleave_self_int(count, 0, None);
        let repeated = |t: &Tensor| t.repeat([prompts, 1, 1, 1, 1]);
        let input = self.schedule.scale_input(index, latents).to_kind(self.inpaint.kind());
        let input = repeated(&input);
        let inpaint = repeated(&self.cut(group, &self.inpaint));
        let timestep = self.schedule.timesteps()[index];
        self.watch.see(format_args!("inpaint_latents_{index}_{number}"), &inpaint);
        self.watch.see(format_args!("transformer_in_{index}_{number}"), &input);
        // All at once, or prompt by prompt.
        let pieces = if self.at_once { 1 } else { prompts };
        let each = count * prompts / pieces;
        let mut outputs = Vec::new();
        for piece in 0..pieces {
            let part = |t: &Tensor| t.narrow(0, piece * each, each);
            let (input, inpaint, text) = (part(&input), part(&inpaint), part(&text));
            let (rope, fused) = (&self.ropes[&length], self.fused);
            let conditions = Conditions { inpaint: &inpaint, text: &text, rope, fused };
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

/// Latents of half the size, for a quick look: [b, 16, f, h, w] → [b, 16, f, h/2, w/2].
pub fn halved(latents: &Tensor) -> Tensor {
    latents.avg_pool3d([1, 2, 2], [1, 2, 2], [0, 0, 0], false, true, None)
}

/// What was decoded of [`halved`] latents, at the size of whole ones, in f32: [1, 3, f, h, w] → [1, 3, f, 2h, 2w].
pub fn doubled(frames: &Tensor) -> Tensor {
    let (_, _, _, h, w) = frames.size5().expect("[b, c, f, h, w]");
    let pictures = frames.to_kind(Kind::Float).squeeze_dim(0).transpose(0, 1); // f 3 h w
    pictures.upsample_bicubic2d([2 * h, 2 * w], false, None, None).transpose(0, 1).unsqueeze(0)
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

    /// Switches of a test's denoiser.
    #[derive(Clone, Copy)]
    struct Switches {
        frames: i64,
        reuse: f64,
        at_once: bool,
        fused: bool,
        windows_at_once: usize,
        sampler: crate::schedule::Sampler,
    }

    const OFF: Switches = Switches {
        frames: 8,
        reuse: 0.0,
        at_once: true,
        fused: false,
        windows_at_once: 1,
        sampler: crate::schedule::Sampler::Ddim,
    };

    fn denoised(reuse: f64, at_once: bool, steps: i64) -> (usize, Tensor) {
        denoised_with(Switches { reuse, at_once, ..OFF }, steps)
    }

    /// Denoises a clip in two windows, of 6 latents and of what is left; how often a forward was spared, and what came out.
    fn denoised_with(switches: Switches, steps: i64) -> (usize, Tensor) {
        let Switches { frames, reuse, at_once, fused, windows_at_once, sampler } = switches;
        use crate::transformer::Config;
        use crate::{Weights, schedule};
        crate::use_one_thread();
        let transformer = Transformer::new(&Weights::seeded(5), Config::tiny()).unwrap();
        let schedule = Schedule::new(&schedule::Config::void(), sampler, steps).unwrap();
        let draw = |name: &str, shape: &[i64]| Normal::named(3, name).tensor(shape);
        let text = Text::new(&draw("prompt", &[1, 226, 24]), || draw("negative", &[1, 226, 24]), 4.0);
        let (mask, video) = (draw("mask", &[1, 16, frames, 8, 6]), draw("video", &[1, 16, frames, 8, 6]));
        let denoiser = Denoiser::new(&transformer, &schedule, &text, [&mask, &video], 6, 2).unwrap();
        let mut denoiser = denoiser.with_windows_at_once(windows_at_once);
        (denoiser.reuse, denoiser.at_once, denoiser.fused) = (reuse, at_once, fused);
        let mut latents = first_noise(1, &[1, frames, 16, 8, 6]);
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

    #[test]
    fn windows_of_one_length_may_go_together() {
        let all = windows(50, 22, 4).unwrap(); // 22, 22 and 14 latents
        assert_eq!(groups(&all, 1), [0..1, 1..2, 2..3]);
        assert_eq!(groups(&all, 8), [0..2, 2..3]);
        use crate::schedule::Sampler::{Ddim, EulerAncestral};
        // One that draws noise gets the same for each window.
        for sampler in [Ddim, EulerAncestral] {
            for at_once in [true, false] {
                let [one, two] = [1, 2].map(|windows_at_once| {
                    denoised_with(Switches { frames: 10, at_once, windows_at_once, sampler, ..OFF }, 3).1
                });
                let error = apart(&two, &one);
                assert!(error < 1e-4, "{sampler:?}: {error}");
            }
        }
        // And what is reused is of all of them.
        let both = Switches { frames: 10, reuse: 0.9, windows_at_once: 2, ..OFF };
        assert!(denoised_with(both, STEPS).0 > 0);
    }

    #[test]
    fn fused_steps_say_the_same() {
        let error = apart(&denoised_with(Switches { fused: true, ..OFF }, 3).1, &denoised(0.0, true, 3).1);
        assert!(error < 1e-4, "{error}");
    }

    #[test]
    fn what_is_decoded_at_half_the_size_has_the_whole_size() {
        let even = Tensor::ones([1, 16, 2, 4, 6], (Kind::Float, Device::Cpu));
        assert_eq!(halved(&even), Tensor::ones([1, 16, 2, 2, 3], (Kind::Float, Device::Cpu)));
        let frames = Tensor::ones([1, 3, 5, 16, 24], (Kind::Float, Device::Cpu)) * 0.5;
        let whole = doubled(&frames);
        assert_eq!(whole.size(), [1, 3, 5, 32, 48]);
        assert!((whole - 0.5).abs().max().double_value(&[]) < 1e-6);
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
