//! The bare operations that a network contains: matrix products, attention and convolutions, noted while it runs and timed by
//! themselves. What a network takes beyond them is what it can still be made faster by.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use tch::{Cuda, Device, Kind, Tensor};

/// One operation by its shapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// [.., inputs] and [outputs, inputs].
    Linear { x: Vec<i64>, weight: Vec<i64> },
    /// [b, heads, n, d/heads], three times.
    Attention { q: Vec<i64> },
    /// Over pictures or over frames, by how many sides the filter has.
    Conv { x: Vec<i64>, weight: Vec<i64>, stride: Vec<i64>, padding: Vec<i64> },
}

thread_local! {
    static NOTED: RefCell<Option<BTreeMap<Op, u64>>> = const { RefCell::new(None) };
}

/// Notes an operation of this thread, while that is wanted.
pub(crate) fn note(op: impl FnOnce() -> Op) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            *noted.entry(op()).or_default() += 1;
        }
    });
}

/// Runs `work` and gives the operations that it contained, with how often each was run.
pub fn noted<T>(work: impl FnOnce() -> T) -> (T, BTreeMap<Op, u64>) {
    NOTED.set(Some(BTreeMap::new()));
    let outcome = work();
    (outcome, NOTED.take().unwrap_or_default())
}

/// An operation with tensors to run it on.
struct Ready {
    op: Op,
    tensors: Vec<Tensor>,
}

impl Ready {
    fn new(op: &Op, device: Device, kind: Kind) -> Self {
        let draw = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, device)).to_kind(kind);
        let tensors = match op {
            Op::Linear { x, weight } => vec![draw(x), draw(weight), draw(&weight[..1])],
            Op::Attention { q } => vec![draw(q), draw(q), draw(q)],
            Op::Conv { x, weight, .. } => vec![draw(x), draw(weight), draw(&weight[..1])],
        };
        Self { op: op.clone(), tensors }
    }

    fn run(&self) -> Tensor {
        let [a, b, c] = &self.tensors[..] else { unreachable!("three tensors") };
        match &self.op {
            Op::Linear { .. } => a.linear(b, Some(c)),
            Op::Attention { .. } => {
                Tensor::scaled_dot_product_attention(a, b, c, None::<Tensor>, 0.0, false, None, false)
            }
            Op::Conv { stride, padding, weight, .. } if weight.len() == 5 => {
                a.conv3d(b, Some(c), stride, padding, [1, 1, 1], 1)
            }
            Op::Conv { stride, padding, .. } => a.conv2d(b, Some(c), stride, padding, [1, 1], 1),
        }
    }
}

/// Seconds that the operations take by themselves: each as often as it was noted, on tensors that lie ready.
pub fn seconds(ops: &BTreeMap<Op, u64>, device: Device, kind: Kind) -> f64 {
    let one = |(op, count): (&Op, &u64)| {
        let ready = Ready::new(op, device, kind);
        let _ = ready.run(); // so that nothing is set up while it is timed
        timed(device, || (0..*count).for_each(|_| drop(ready.run()))).1
    };
    ops.iter().map(one).sum()
}

/// Runs `work` and gives the seconds that it took the device.
pub fn timed<T>(device: Device, work: impl FnOnce() -> T) -> (T, f64) {
    let wait = || {
        if let Device::Cuda(number) = device {
            Cuda::synchronize(number as i64);
        }
    };
    wait();
    let started = Instant::now();
    let outcome = work();
    wait();
    (outcome, started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformer::{Conditions, Config, Rope, Transformer};
    use crate::vae::{self, Vae};
    use crate::{Weights, random::Normal};

    #[test]
    fn a_forward_contains_the_products_that_it_should() {
        crate::use_one_thread();
        let config = Config::tiny();
        let transformer = Transformer::new(&Weights::seeded(5), config.clone()).unwrap();
        let draw = |shape: &[i64]| Normal::new(3).tensor(shape);
        let rope = Rope::new(&config, 4, [8, 6], Device::Cpu).unwrap();
        let (inpaint, text) = (draw(&[1, 4, 32, 8, 6]), draw(&[1, 226, 24]));
        let conditions = Conditions { inpaint: &inpaint, text: &text, rope: &rope, fused: false };
        let forward = || transformer.forward(&draw(&[1, 4, 16, 8, 6]), &[500.0], &conditions);
        let (_, ops) = noted(forward);
        let tokens = 226 + 2 * 4 * 3;
        let attention = Op::Attention { q: vec![1, 2, tokens, 16] };
        assert_eq!(ops[&attention], 2);
        let square = Op::Linear { x: vec![1, tokens, 32], weight: vec![32, 32] };
        assert_eq!(ops[&square], 8);
        assert!(seconds(&ops, Device::Cpu, Kind::Float) > 0.0);
        // And nothing is noted behind it.
        let _ = forward();
        assert!(noted(|| ()).1.is_empty());
    }

    #[test]
    fn encoding_and_decoding_contain_convolutions() {
        let vae = Vae::new(&Weights::seeded(3), vae::Config::tiny()).unwrap();
        let video = Normal::new(5).tensor(&[1, 3, 13, 16, 24]);
        let (latents, ops) = noted(|| vae.encode(&video));
        let of = |sides: usize| {
            let is = move |op: &Op| matches!(op, Op::Conv { weight, .. } if weight.len() == sides);
            ops.iter().filter(move |(op, _)| is(op)).map(|(_, count)| count).sum::<u64>()
        };
        assert!(of(5) > 10 && of(4) >= 3, "{ops:?}");
        let (_, ops) = noted(|| vae.decode(&latents));
        assert!(seconds(&ops, Device::Cpu, Kind::Float) > 0.0);
    }
}
