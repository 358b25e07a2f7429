//! Which plan of memory a run is begun with, and what happens when memory runs out.

use domain::predict::{self, Asked, NEXT_SMALLER, Pace, Prediction};
use domain::recipe::Memory;
use tch::Device;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::networks::sizes;

/// What a pass over `frames` frames will take. Reads nothing: the sizes come from the model's configurations. `cuts`: frames
/// that begin a new scene, as far as they are known; `pace`: how fast an earlier run was.
///
/// # Errors
/// When the configurations make no network.
pub fn predict(
    recipe: &domain::VoidRecipe,
    pass: u32,
    frames: u32,
    cuts: &[u32],
    model: &Model,
    device: Device,
    pace: Option<Pace>,
) -> Result<Prediction> {
    let sizes = sizes(model)?;
    let device = if device.is_cuda() { predict::Device::Cuda } else { predict::Device::Cpu };
    Ok(predict::predict(&Asked { recipe, pass, frames, cuts, model: &sizes, device, pace }))
}

/// The plan to begin with: the recipe's, or the largest that fits into `room` bytes.
pub fn first(wanted: Memory, prediction: &Prediction, room: Option<u64>) -> Memory {
    match (wanted, room) {
        (Memory::Auto, Some(room)) => prediction.plan_for(room),
        (Memory::Auto, None) => Memory::Staged,
        (wanted, _) => wanted,
    }
}

/// Runs under a plan, and under the next smaller one when memory runs out, once `give_up` has let go of what nobody needs; tells
/// which it was in the end.
///
/// # Errors
/// What `run` returns; `NoMemory` when the smallest plan is too large as well.
pub fn under<T>(
    first: Memory,
    give_up: impl Fn(),
    mut run: impl FnMut(Memory) -> Result<T>,
) -> Result<(T, Memory)> {
    let mut plan = first;
    loop {
        match run(plan) {
            Err(error) if is_out_of_memory(&error) => {
                let smaller = NEXT_SMALLER.iter().find(|(larger, _)| *larger == plan);
                let Some((_, smaller)) = smaller else { return Err(Error::NoMemory) };
                plan = *smaller;
                give_up();
            }
            done => return done.map(|done| (done, plan)),
        }
    }
}

/// Whether libtorch said that memory ran out, on whatever device.
fn is_out_of_memory(error: &Error) -> bool {
    let said = match error {
        Error::Torch { reason } => reason.clone(),
        Error::Nets(nets::Error::Torch(error)) => error.to_string(),
        _ => return false,
    };
    let said = said.to_lowercase();
    // The last is how the libraries of NVIDIA put it.
    ["out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "alloc_failed"]
        .iter()
        .any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(plans: &[Memory]) -> impl FnMut(Memory) -> Result<()> {
        move |plan| {
            if !plans.contains(&plan) {
                return Ok(());
            }
            let reason = "CUDA out of memory. Tried to allocate 2.00 GiB".to_owned();
            Err(Error::Torch { reason })
        }
    }

    #[test]
    fn out_of_memory_becomes_the_next_smaller_plan_and_then_an_error() {
        let given_up = std::cell::Cell::new(0);
        let give_up = || given_up.set(given_up.get() + 1);
        let ran = |first, failing: &[Memory]| under(first, give_up, fails(failing)).map(|((), plan)| plan);
        assert_eq!(ran(Memory::Full, &[]).unwrap(), Memory::Full);
        assert_eq!(ran(Memory::Full, &[Memory::Full]).unwrap(), Memory::Staged);
        assert_eq!(given_up.get(), 1);
        assert_eq!(ran(Memory::Full, &[Memory::Full, Memory::Staged]).unwrap(), Memory::Streamed);
        assert_eq!(given_up.get(), 3);
        assert_eq!(ran(Memory::Fp8, &[Memory::Fp8]).unwrap(), Memory::Streamed);
        let all = [Memory::Full, Memory::Staged, Memory::Streamed];
        let said = ran(Memory::Full, &all).unwrap_err().to_string();
        assert!(said.contains("ran out") && said.contains("smaller canvas"), "{said}");
        let other = under(Memory::Full, || (), |_| Err::<(), _>(Error::Torch { reason: "shapes".into() }));
        assert!(matches!(other, Err(Error::Torch { .. })));
    }

    #[test]
    fn libraries_say_in_their_own_words_that_memory_ran_out() {
        for said in [
            "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate",
            "[enforce fail] can't allocate memory: 5",
        ] {
            assert!(is_out_of_memory(&Error::Torch { reason: said.to_owned() }), "{said}");
        }
        assert!(!is_out_of_memory(&Error::Torch { reason: "shapes do not match".to_owned() }));
    }
}
