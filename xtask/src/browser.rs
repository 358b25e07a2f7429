//! Playwright on Debian's Chromium: the browser tests, with a private PostgreSQL beside them, and those proofs that need a
//! browser or a whole server.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tally::Tally;
use crate::{place, postgres, sh};

/// Playwright in `end2end/`, told where the built product is and where its output goes.
pub fn playwright(release: bool, output: PathBuf) -> Command {
    let mut node = sh::program("node", &["node_modules/@playwright/test/cli.js", "test"]);
    node.current_dir(place::end2end())
        .env("MINUS_ONE_BIN", place::binary("minus-one", release))
        .env("MINUS_ONE_WORKER_BIN", place::binary("minus-one-worker", release))
        .env("MINUS_ONE_SITE", place::site())
        .env("MINUS_ONE_E2E_OUTPUT", output);
    node
}

/// Runs the specs (or those named by `words`) on the development build.
pub fn test(words: &[&str]) -> Result<Tally> {
    let report = output().join("report.json");
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    let database = sh::timed("PostgreSQL", postgres::start)?;
    let mut node = playwright(false, output());
    let finished = sh::run(node.args(words).env("TEST_DATABASE_URL", database.url()));
    drop(database);
    let Ok(text) = std::fs::read_to_string(&report) else {
        finished?;
        bail!("Playwright left no report");
    };
    let report: Value = serde_json::from_str(&text).context("reading Playwright's report")?;
    let count = |name: &str| report["stats"][name].as_u64().unwrap_or_default();
    let mut tally =
        Tally { passed: count("expected"), failed: count("unexpected"), skipped: count("skipped") };
    tally.failed += count("flaky");
    if finished.is_err() {
        tally.failed = tally.failed.max(1);
    }
    Ok(tally)
}

/// Traces, screenshots and the report of the last run.
pub fn output() -> PathBuf {
    place::target().join("end2end")
}
