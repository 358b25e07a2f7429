//! Where things are: the checkout, the target folder and what is built into it. Nothing here runs anything.

use std::path::{Path, PathBuf};

/// The checkout, absolute.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is one level under the root").to_owned()
}

/// Cargo's target folder, absolute; `CARGO_TARGET_DIR` is respected.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(given) if !given.is_empty() => root().join(given),
        _ => root().join("target"),
    }
}

/// What the server serves: `pkg/` and the files of `public/`.
pub fn site() -> PathBuf {
    target().join("site")
}

/// Where cargo puts a finished binary.
pub fn binary(name: &str, release: bool) -> PathBuf {
    target().join(if release { "release" } else { "debug" }).join(name)
}

/// The browser tests.
pub fn end2end() -> PathBuf {
    root().join("end2end")
}
