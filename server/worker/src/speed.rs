//! What this worker's device is, for predictions before anything was run on it: its speed and its memory. Both are looked at
//! once, before anything is loaded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use domain::predict::{self, Machine};
use engine::{Model, Shelf};
use nets::bare::timed;
use tch::{Device, Kind, Tensor};

/// What a model is computed with here.
///
/// # Errors
/// Where its configurations make no network.
pub fn machine(model: &Model, shelf: &Shelf, device: Device) -> engine::Result<Machine> {
    static ROOM: OnceLock<u64> = OnceLock::new();
    static OPERATIONS: OnceLock<u64> = OnceLock::new();
    let room = *ROOM.get_or_init(|| engine::room(device, shelf).unwrap_or(0));
    // A device that cannot even do this says so when a run begins.
    let operations =
        *OPERATIONS.get_or_init(|| catch_unwind(AssertUnwindSafe(|| operations(device))).unwrap_or(0));
    let kind = if device.is_cuda() { predict::Device::Cuda } else { predict::Device::Cpu };
    Ok(Machine { model: engine::sizes(model)?, device: kind, room, operations })
}

/// Floating-point operations in a second of matrix products as large as a network's, in the precision that runs compute in.
/// Takes about a tenth of a second.
fn operations(device: Device) -> u64 {
    let (side, times, kind) =
        if device.is_cuda() { (4096, 20, Kind::BFloat16) } else { (768, 4, Kind::Float) };
    let draw = || Tensor::randn([side, side], (Kind::Float, device)).to_kind(kind);
    let (one, other) = (draw(), draw());
    drop(one.matmul(&other)); // so that nothing is set up while it is timed
    let (_, seconds) = timed(device, || (0..times).for_each(|_| drop(one.matmul(&other))));
    let done = 2.0 * (side as f64).powi(3) * f64::from(times);
    (done / seconds.max(1e-9)) as u64
}

#[cfg(test)]
mod tests {
    use engine::Pass;

    use super::*;

    #[test]
    fn the_device_says_what_it_has_and_how_fast_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        engine::test_model::make(folder.path()).expect("a model");
        let model = Model::open(folder.path(), Pass::One).expect("opened");
        let shelf = Shelf::new(0);
        let told = machine(&model, &shelf, Device::Cpu).expect("told");
        assert!(told.room > 1 << 20 && told.operations > 10_000_000, "{told:?}");
        assert_eq!(machine(&model, &shelf, Device::Cpu).expect("told again"), told);
    }
}
