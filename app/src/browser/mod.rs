//! The edges to the browser: timers, storage, keys, uploads, events. Everything here does nothing on the server, so that
//! no view needs to ask where it runs.

pub mod clock;
pub mod keys;
pub mod store;

/// Whether there is a browser around this code.
pub const HERE: bool = cfg!(not(feature = "ssr"));
