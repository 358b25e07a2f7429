//! The player: the stage with the picture, the transport under it, and the clock that moves the playhead.

mod clock;
mod legend;
mod probe;
mod sound;
mod stage;
mod transport;

pub use clock::run_clock;
pub use stage::Stage;
pub use transport::{Transport, jump};
