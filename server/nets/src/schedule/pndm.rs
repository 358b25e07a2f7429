//! Pseudo linear multistep with Runge-Kutta warm-up. Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on
//! Manifolds", section 3: the first three steps ask the network four times each.

use tch::Tensor;

use super::{Config, History, Schedule, Spacing, tables};

const ORDER: usize = 4;
const WARM_UP: usize = 4 * (ORDER - 1);

pub fn timesteps(config: &Config, steps: i64) -> Vec<f64> {
    let train = config.num_train_timesteps;
    let mut plain = match config.timestep_spacing {
        Spacing::Trailing => tables::trailing(train, steps),
        Spacing::Leading => {
            (0..steps).rev().map(|step| (step * (train / steps) + config.steps_offset) as f64).collect()
        }
        Spacing::Linspace => {
            let apart = (train - 1) as f64 / (steps - 1) as f64;
            (0..steps).rev().map(|step| (step as f64 * apart).round_ties_even()).collect()
        }
    };
    let half = (train / steps / 2) as f64;
    let mut all = Vec::new();
    for pair in plain[..ORDER].windows(2) {
        let middle = pair[1] + half;
        all.extend([pair[0], middle, middle, pair[1]]);
    }
    all.extend(plain.drain(ORDER - 1..));
    all
}

impl Schedule {
    pub(super) fn pndm(&self, index: usize, output: Tensor, sample: Tensor, history: &mut History) -> Tensor {
        let timestep = self.timesteps[index] as i64;
        if index < WARM_UP {
            return self.runge_kutta(index, output, sample, history);
        }
        let kept = history.outputs.len().saturating_sub(ORDER - 1);
        history.outputs.drain(..kept);
        history.outputs.push(output);
        let e = |back: usize| &history.outputs[history.outputs.len() - back];
        let mixed = match history.outputs.len() {
            1 => e(1).shallow_clone(),
            2 => (e(1) * 3.0 - e(2)) / 2.0,
            3 => (e(1) * 23.0 - e(2) * 16.0 + e(3) * 5.0) / 12.0,
            _ => (e(1) * 55.0 - e(2) * 59.0 + e(3) * 37.0 - e(4) * 9.0) / 24.0,
        };
        self.transfer(&sample, timestep, timestep - self.stride(), &mixed)
    }

    fn runge_kutta(&self, index: usize, output: Tensor, sample: Tensor, history: &mut History) -> Tensor {
        let half = if index.is_multiple_of(2) { self.stride() / 2 } else { 0 };
        let to = self.timesteps[index] as i64 - half;
        let from = self.timesteps[index / 4 * 4] as i64;
        let sum = |history: &mut History, part: Tensor| match history.sum.take() {
            Some(sum) => sum + part,
            None => part,
        };
        let mixed = match index % 4 {
            0 => {
                history.sum = Some(sum(history, &output / 6.0));
                history.origin = Some(sample.shallow_clone());
                history.outputs.push(output.shallow_clone());
                output
            }
            1 | 2 => {
                history.sum = Some(sum(history, &output / 3.0));
                output
            }
            _ => sum(history, output / 6.0),
        };
        let origin = history.origin.as_ref().unwrap_or(&sample);
        self.transfer(origin, from, to, &mixed)
    }

    /// Formula 9 of the paper for a network that predicts v.
    fn transfer(&self, sample: &Tensor, from: i64, to: i64, output: &Tensor) -> Tensor {
        let (alpha, next) = (self.alpha_at(from), self.alpha_at(to));
        let noise = output * alpha.sqrt() + sample * (1.0 - alpha).sqrt();
        let divisor = alpha * (1.0 - next).sqrt() + (alpha * (1.0 - alpha) * next).sqrt();
        sample * (next / alpha).sqrt() - noise * ((next - alpha) / divisor)
    }
}
