//! The edges to the browser: timers, storage, keys, uploads, events. Everything here does nothing on the server, so that
//! no view needs to ask where it runs.

pub mod clipboard;
pub mod clock;
pub mod exact;
pub mod feed;
pub mod fetch;
pub mod keys;
pub mod masks;
pub mod measure;
pub mod overlay;
pub mod pictures;
pub mod sound;
pub mod stage;
pub mod store;
pub mod theme;
pub mod tus;

use leptos_router::location::{BrowserUrl, LocationProvider, Url};

/// The address of the page; `None` on the server.
pub fn address() -> Option<Url> {
    if HERE { BrowserUrl::current().ok() } else { None }
}

/// Whether there is a browser around this code.
pub const HERE: bool = cfg!(not(feature = "ssr"));
