//! DPM-Solver++(2M), midpoint. Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
//! Models", algorithm 2; the first and the last step are of first order.

use tch::Tensor;

use super::{History, Schedule};

/// √ᾱ and √(1−ᾱ) of a sigma.
pub fn signal_and_noise(sigma: f64) -> (f64, f64) {
    let signal = 1.0 / (sigma * sigma + 1.0).sqrt();
    (signal, sigma * signal)
}

/// Half the logarithm of the signal-to-noise ratio.
fn lambda(sigma: f64) -> f64 {
    -sigma.ln()
}

impl Schedule {
    pub(super) fn dpmpp(
        &self,
        index: usize,
        output: &Tensor,
        sample: &Tensor,
        history: &mut History,
    ) -> Tensor {
        let (here, there) = (self.sigmas[index], self.sigmas[index + 1]);
        let (signal, noise) = signal_and_noise(here);
        let clean = sample * signal - output * noise;
        let (next_signal, next_noise) = signal_and_noise(there);
        let before = history.outputs.pop();
        history.outputs.push(clean.shallow_clone());
        let h = lambda(there) - lambda(here); // infinite at the last step
        let pull = next_signal * (1.0 - (-h).exp());
        let straight = sample * (next_noise / noise) + &clean * pull;
        match before {
            Some(before) if index + 1 < self.timesteps.len() => {
                let ratio = (lambda(here) - lambda(self.sigmas[index - 1])) / h;
                straight + (clean - before) * (0.5 * pull / ratio)
            }
            _ => straight,
        }
    }
}
