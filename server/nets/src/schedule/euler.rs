//! Euler's method over sigma, with and without fresh noise. Karras et al. 2022, "Elucidating the Design Space of
//! Diffusion-Based Generative Models", algorithm 2 without churn; the ancestral variant after k-diffusion.

use tch::{Kind, Tensor};

use super::Schedule;

impl Schedule {
    pub(super) fn euler(&self, index: usize, output: &Tensor, sample: &Tensor) -> (Tensor, Option<Tensor>) {
        let (here, there) = (self.sigmas[index], self.sigmas[index + 1]);
        let clean = clean(here, output, sample);
        (&clean + (sample - &clean) * (there / here), Some(clean))
    }

    pub(super) fn euler_ancestral(
        &self,
        index: usize,
        output: &Tensor,
        sample: &Tensor,
        noise: &Tensor,
    ) -> (Tensor, Option<Tensor>) {
        let (here, there) = (self.sigmas[index], self.sigmas[index + 1]);
        let fresh = there * ((here * here - there * there) / (here * here)).sqrt();
        let down = (there * there - fresh * fresh).max(0.0).sqrt();
        let clean = clean(here, output, sample);
        let next = &clean + (sample - &clean) * (down / here) + noise.to_kind(Kind::Double) * fresh;
        (next, Some(clean))
    }
}

fn clean(sigma: f64, output: &Tensor, sample: &Tensor) -> Tensor {
    let power = sigma * sigma + 1.0;
    sample / power - output * (sigma / power.sqrt())
}
