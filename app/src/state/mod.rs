//! What lives longer than one view: the live feed, uploads, the playhead.

pub mod live;
pub mod session;
pub mod uploads;
pub mod checks;
pub mod comparing;
pub mod desk;
pub mod marking;
pub mod playhead;
pub mod viewport;
pub mod edits;
pub mod asking;
