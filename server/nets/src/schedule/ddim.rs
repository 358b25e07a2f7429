//! DDIM without fresh noise, twice: as diffusers does it and as its CogVideoX variant does. Equal but for rounding.

use tch::Tensor;

use super::Schedule;

impl Schedule {
    /// → the next sample and the clean one.
    pub(super) fn ddim(&self, index: usize, output: &Tensor, sample: &Tensor) -> (Tensor, Option<Tensor>) {
        let (alpha, next) = self.around(index);
        let clean = sample * alpha.sqrt() - output * (1.0 - alpha).sqrt();
        let noise = output * alpha.sqrt() + sample * (1.0 - alpha).sqrt();
        (&clean * next.sqrt() + noise * (1.0 - next).sqrt(), Some(clean))
    }

    pub(super) fn ddim_cog(
        &self,
        index: usize,
        output: &Tensor,
        sample: &Tensor,
    ) -> (Tensor, Option<Tensor>) {
        let (alpha, next) = self.around(index);
        let clean = sample * alpha.sqrt() - output * (1.0 - alpha).sqrt();
        let kept = ((1.0 - next) / (1.0 - alpha)).sqrt();
        (sample * kept + &clean * (next.sqrt() - alpha.sqrt() * kept), Some(clean))
    }

    /// ᾱ at this step and where it leads.
    fn around(&self, index: usize) -> (f64, f64) {
        let timestep = self.timesteps[index] as i64;
        (self.alpha_at(timestep), self.alpha_at(timestep - self.stride()))
    }
}
