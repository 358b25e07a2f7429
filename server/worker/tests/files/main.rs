//! The stages on plain files, as a batch user runs them.

use std::path::Path;
use std::process::{Command, Output};

mod combine;
mod part;
mod plates;

/// Runs the `ffmpeg` command line in `folder`.
fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let mut ffmpeg = Command::new("ffmpeg");
    let output =
        ffmpeg.current_dir(folder).args(["-nostdin", "-v", "error"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How it ended and what it said; `arguments` are split at spaces.
fn worker(folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_minus-one-worker"));
    let Output { status, stderr, .. } =
        worker.current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}
