//! The blocks of a network: all held at once, or each read out of its file when its turn comes and given up behind it. The
//! numbers are the same. What a block computes is the network's affair.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

use tch::Device;

use crate::{Error, Weights};

/// How a network's weights are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// All of them.
    Whole,
    /// All of them, the large ones in 8 bits with a scale for each row: other numbers, half the bytes of bfloat16.
    Fp8,
    /// One block after another.
    Streamed,
}

pub enum Blocks<B> {
    Held(Vec<B>),
    Streamed(Stream<B>),
}

/// Makes the block of an index from the root of a checkpoint.
type Build<B> = dyn Fn(&Weights, usize) -> Result<B, Error> + Send + Sync;

/// Blocks in a file.
pub struct Stream<B> {
    w: Weights,
    count: usize,
    build: Box<Build<B>>,
}

impl<B: Send> Blocks<B> {
    /// `build` makes the block of an index from the root of a checkpoint, which was checked before.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(
        w: &Weights,
        count: i64,
        holding: Holding,
        build: impl Fn(&Weights, usize) -> Result<B, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let count = count as usize;
        if holding == Holding::Streamed {
            return Ok(Self::Streamed(Stream { w: w.clone(), count, build: Box::new(build) }));
        }
        (0..count).map(|index| build(w, index)).collect::<Result<_, _>>().map(Self::Held)
    }

    pub fn count(&self) -> usize {
        match self {
            Self::Held(all) => all.len(),
            Self::Streamed(stream) => stream.count,
        }
    }

    /// Hands out the blocks in order until `each` has enough. On a GPU the next one is fetched through pinned memory
    /// meanwhile.
    pub fn each(&self, mut each: impl FnMut(usize, &B) -> ControlFlow<()>) {
        let stream = match self {
            Self::Held(all) => {
                for (index, block) in all.iter().enumerate() {
                    if each(index, block).is_break() {
                        return;
                    }
                }
                return;
            }
            Self::Streamed(stream) => stream,
        };
        // Names and shapes were checked when it was opened; what can still fail is memory.
        let built = |w: &Weights, index| (stream.build)(w, index).expect("a block could not be loaded again");
        if stream.w.device() == Device::Cpu {
            for index in 0..stream.count {
                if each(index, &built(&stream.w, index)).is_break() {
                    return;
                }
            }
            return;
        }
        let pinned = stream.w.pinned();
        std::thread::scope(|scope| {
            let (send, receive) = sync_channel(0);
            scope.spawn(move || {
                for index in 0..stream.count {
                    if send.send((stream.build)(&pinned, index)).is_err() {
                        return; // nobody wants more
                    }
                }
            });
            for (index, block) in receive.iter().enumerate() {
                if each(index, &block.expect("a block could not be loaded again")).is_break() {
                    break;
                }
            }
            drop(receive);
        });
    }
}
