//! What lives longer than one view: the live feed, uploads, the playhead.

pub mod asking;
pub mod comparing;
pub mod desk;
mod doubt;
pub mod edits;
pub mod live;
pub mod looking;
pub mod marking;
pub mod pen;
pub mod playhead;
mod reading;
pub mod road;
pub mod seeking;
pub mod session;
pub mod settled;
pub mod sound;
pub mod talk;
pub mod uploads;
pub mod viewport;
pub mod visit;
pub mod waiting;
